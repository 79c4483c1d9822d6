"""A contractor in plain MQTT, as an app in any language would be: a card, bids, answers.

`python plain_bidder.py PORT NAME CAPABILITY QUALITY MODE`, with MODE one of

    answers     every award is answered with its own content
    embeds      every text of an award is answered with a vector: its characters, its words
    hangs       every award is started, and never ended
    fails       every award fails here
    mutters     a word of an answer is streamed, and then there is none
    refuses     every award is refused: its content would fail anywhere
    declines    every offer is declined
"""

import sys
import threading
from typing import Any

import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

BASE = "forgebus/v1"
BOOT = "0123456789abcdef"


def main(port: int, name: str, capability: str, quality: float, mode: str) -> None:
    """Serve until killed; then the broker says that it is offline."""
    client = paho.Client(CallbackAPIVersion.VERSION2, name)
    status = f"{BASE}/node/{name}/status"
    client.will_set(status, "offline", 1, retain=True)

    def say(to: str, kind: str, qos: int, **fields: Any) -> None:
        client.publish(f"{BASE}/in/{to}/{name}/{kind}", orjson.dumps(fields), qos)

    def offered(home: str, offer: dict[str, Any]) -> None:
        if name not in offer.get("only", [name]):
            return
        round_ = {"task": offer["task"], "auction": offer["auction"]}
        if mode == "declines":
            say(home, "bid", 0, **round_, declined="closed for today")
        else:
            say(home, "bid", 0, **round_, eta_ms=50.0, quality=quality, free_slots=1)

    def awarded(home: str, award: dict[str, Any]) -> None:
        attempt = {"task": award["task"], "attempt": award["attempt"]}
        if mode == "hangs":
            say(home, "started", 1, **attempt, boot=BOOT)
        else:
            if mode == "mutters":
                say(home, "progress", 1, **attempt, seq=0, text="Well, ")
            say(home, "result", 1, **attempt, **ended(mode, award["content"]))

    def on_message(_client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        match message.topic.removeprefix(f"{BASE}/").split("/"):
            case ["offer", _, home]:
                offered(home, orjson.loads(message.payload))
            case ["in", _, home, "award"]:
                awarded(home, orjson.loads(message.payload))
            case _:
                pass

    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe([(f"{BASE}/in/{name}/#", 1), (f"{BASE}/offer/{capability}/+", 0)])
    skill = {"capability": capability, "model": "large", "quality": quality, "warm": True}
    card = {"node": name, "boot": BOOT, "version": "7", "skills": [skill]}
    client.publish(f"{BASE}/node/{name}/card", orjson.dumps(card), 1, retain=True)
    client.publish(status, "online", 1, retain=True)
    threading.Event().wait()


def ended(mode: str, content: Any) -> dict[str, Any]:
    """How an award ends in this mode."""
    match mode:
        case "fails" | "refuses":
            return {"outcome": "failed", "error": "it broke", "permanent": mode == "refuses"}
        case "mutters":
            return {"outcome": "done", "result": {"abstained": True, "reason": "unsure"}}
        case "embeds":
            vectors = [[len(text), len(text.split()) / 2] for text in content["input"]]
            return {"outcome": "done", "result": {"embeddings": vectors}}
        case _:
            return {"outcome": "done", "result": {"heard": content}}


if __name__ == "__main__":
    port_, name_, capability_, quality_, mode_ = sys.argv[1:]
    main(int(port_), name_, capability_, float(quality_), mode_)
