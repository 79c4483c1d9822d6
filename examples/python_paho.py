"""Ask the bus from Python with paho-mqtt alone: MQTT 5, a response topic, correlation data.

    python examples/python_paho.py math "what is 15% of 80"
    python examples/python_paho.py --host broker.lan --port 8883 --login desk --tls FOLDER math "…"

FOLDER is what `forgebus enroll desk --app --out FOLDER` wrote. Needs paho-mqtt 2.1 or later, nothing of ours.
"""

import argparse
import json
import queue
import sys
import uuid
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

BASE = "forgebus/v1"


def ask(
    client: mqtt.Client, login: str, capability: str, content: object, wait_s: float
) -> dict[str, object]:
    """One answer. Raises queue.Empty when none comes in time."""
    reply, correlation = f"{BASE}/answer/{login}/{uuid.uuid4().hex[:8]}", uuid.uuid4().bytes
    answers: queue.Queue[bytes] = queue.Queue()

    def answered(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if getattr(message.properties, "CorrelationData", None) == correlation:
            answers.put(bytes(message.payload))

    subscribed = queue.Queue[int]()
    client.message_callback_add(reply, answered)
    client.on_subscribe = lambda *_: subscribed.put(1)
    client.subscribe(reply, qos=1)
    subscribed.get(timeout=wait_s)  # first listen, then ask

    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ResponseTopic = reply
    properties.CorrelationData = correlation
    properties.MessageExpiryInterval = max(1, round(wait_s))
    # With an id the same ask may be sent again: it stays one task.
    payload = {"id": uuid.uuid4().hex, "content": content, "deadline_ms": round(wait_s * 1000)}
    client.publish(
        f"{BASE}/ask/{login}/{capability}", json.dumps(payload), qos=1, properties=properties
    )
    answer: dict[str, object] = json.loads(answers.get(timeout=wait_s + 5))
    return answer


def main() -> int:
    """0: done; 1: it ended otherwise; 4: no answer."""
    parser = argparse.ArgumentParser(description="Ask the bus one thing.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--login", default="script", help="our name on the bus")
    parser.add_argument("--tls", type=Path, help="the folder of a login, for a secured bus")
    parser.add_argument("--wait", type=float, default=60.0, help="seconds")
    parser.add_argument("capability")
    parser.add_argument("text")
    given = parser.parse_args()

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    if given.tls is not None:
        client.tls_set(
            ca_certs=str(given.tls / "authority.crt"),
            certfile=str(given.tls / "login.crt"),
            keyfile=str(given.tls / "login.key"),
        )
    try:
        client.connect(given.host, given.port)
        client.loop_start()
        answer = ask(client, given.login, given.capability, given.text, given.wait)
    except (OSError, queue.Empty) as error:
        print(f"no answer from {given.host}:{given.port}: {error!r}", file=sys.stderr)
        return 4
    finally:
        client.disconnect()
        client.loop_stop()
    print(json.dumps(answer, ensure_ascii=False))
    return 0 if answer.get("outcome") == "done" else 1


if __name__ == "__main__":
    sys.exit(main())
