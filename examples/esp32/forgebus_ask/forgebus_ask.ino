// Ask the bus from an ESP32: MQTT 3.1.1, a clean session, plain text, QoS 0 out and QoS 1 in.
//
// Libraries, from the Arduino library manager: PubSubClient 2.8 or later.
// A push on the button asks a question; the answer goes to the serial port, and the LED shows that it was "done".
//
// MQTT 3.1.1 has no response topic: the answer comes to forgebus/v1/answer/<login>/<capability>. It is subscribed
// once at every connection, before anything is asked. QoS 0 may lose an ask where the Wi-Fi is lost; what was not
// answered in time is asked again under the same id, and stays one task.

#include <PubSubClient.h>
#include <WiFi.h>

const char WIFI_NAME[] = "home";
const char WIFI_PASSWORD[] = "change me";
const char BROKER[] = "192.168.1.5";
const uint16_t BROKER_PORT = 1883;

const char LOGIN[] = "button";
const char PASSWORD[] = "";
const char ASK_TOPIC[] = "forgebus/v1/ask/button/math";
const char ANSWER_TOPIC[] = "forgebus/v1/answer/button/math";
// %lu is the number of the question: the same one again is the same task.
const char ASK_PAYLOAD[] = "{\"id\":\"button-%lu\",\"content\":\"what is 15%% of 80\",\"deadline_ms\":20000}";
const char DONE[] = "\"outcome\":\"done\"";

const uint16_t KEEPALIVE_S = 15;
const uint16_t LARGEST_ANSWER = 2048;
const unsigned long ASK_AGAIN_MS = 25000;

const int BUTTON = 0;
const int LED = 2;

WiFiClient wifi;
PubSubClient mqtt(wifi);
unsigned long question = 0;
unsigned long asked_at = 0;
bool waiting = false;

void answered(char *topic, byte *payload, unsigned int length) {
  String answer;
  for (unsigned int at = 0; at < length; at++) answer += (char)payload[at];
  String mine = String("\"id\":\"button-") + question + "\"";
  if (answer.indexOf(mine) < 0) return;  // an answer to an older question
  waiting = false;
  digitalWrite(LED, answer.indexOf(DONE) >= 0 ? HIGH : LOW);
  Serial.println(answer);
}

void ask() {
  char payload[160];
  snprintf(payload, sizeof payload, ASK_PAYLOAD, question);
  mqtt.publish(ASK_TOPIC, payload);
  asked_at = millis();
  waiting = true;
}

bool connected() {
  if (mqtt.connected()) return true;
  const bool named = PASSWORD[0] != '\0';
  // Client id, user, password, no will, a clean session.
  if (!mqtt.connect(LOGIN, named ? LOGIN : nullptr, named ? PASSWORD : nullptr, nullptr, 0, false, nullptr, true)) {
    delay(2000);
    return false;
  }
  return mqtt.subscribe(ANSWER_TOPIC, 1);
}

void setup() {
  Serial.begin(115200);
  pinMode(BUTTON, INPUT_PULLUP);
  pinMode(LED, OUTPUT);
  // Ids must not begin anew with every start, or an old answer would be given again.
  question = esp_random();
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  while (WiFi.status() != WL_CONNECTED) delay(200);
  mqtt.setServer(BROKER, BROKER_PORT);
  mqtt.setKeepAlive(KEEPALIVE_S);
  mqtt.setBufferSize(LARGEST_ANSWER);  // what is longer is dropped by the library
  mqtt.setCallback(answered);
}

void loop() {
  if (!connected()) return;
  mqtt.loop();
  if (digitalRead(BUTTON) == LOW && !waiting) {
    question++;
    ask();
  }
  if (waiting && millis() - asked_at > ASK_AGAIN_MS) ask();
}
