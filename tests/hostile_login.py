"""A client in plain MQTT that keeps to nothing: it has a login, and says whatever it likes."""

from __future__ import annotations

import queue
import ssl
import threading
from pathlib import Path
from typing import Any, Self

import orjson
import paho.mqtt.client as paho
from broker_fixture import until
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

BASE = "forgebus/v1"
BOOT = "0123456789abcdef"
DENIED = 0x87


class HostileLogin:
    """`folder` has its certificate; without one it goes to a broker that asks for none."""

    def __init__(self, name: str, port: int, folder: Path | None = None) -> None:
        self.name = name
        self.heard: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self._port = port
        self._codes: dict[int, int] = {}
        self._up = threading.Event()
        version = MQTTProtocolVersion.MQTTv5
        self.client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=version)
        if folder is not None:
            context = ssl.create_default_context(cafile=str(folder / "authority.crt"))
            context.load_cert_chain(folder / "login.crt", folder / "login.key")
            self.client.tls_set_context(context)
        self.client.max_inflight_messages_set(100)
        self.client.on_connect = lambda *_: self._up.set()
        self.client.on_message = self._message
        self.client.on_publish = self._published

    def __enter__(self) -> Self:
        self.client.connect("localhost", self._port)
        self.client.loop_start()
        assert self._up.wait(10)
        self.client.subscribe([(f"{BASE}/in/{self.name}/#", 1), (f"{BASE}/answer/#", 1)])
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def say(self, topic: str, fields: object, properties: Properties | None = None) -> int:
        """Publish below the base; the broker's answer."""
        payload = fields if isinstance(fields, bytes) else orjson.dumps(fields)
        info = self.client.publish(f"{BASE}/{topic}", payload, 1, properties=properties)
        until(lambda: info.mid in self._codes, f"no answer for {topic}")
        return self._codes[info.mid]

    def tell(self, to: str, kind: str, **fields: Any) -> int:
        """Into somebody's inbox."""
        return self.say(f"in/{to}/{self.name}/{kind}", fields)

    def hurl(self, topic: str, payload: bytes, count: int) -> None:
        """As many as that, as fast as they go."""
        for _ in range(count):
            info = self.client.publish(f"{BASE}/{topic}", payload, 1)
        until(lambda: info.mid in self._codes, "the flood did not end")

    def appear(self, capability: str, boot: str = BOOT) -> None:
        """As a node that can do it better than anybody, and hears what is offered."""
        self.client.subscribe(f"{BASE}/offer/{capability}/+", 0)
        skill = {"capability": capability, "model": "large", "quality": 1.0, "warm": True}
        card = {"node": self.name, "boot": boot, "version": "7", "skills": [skill]}
        assert self.say(f"node/{self.name}/card", card) != DENIED
        assert self.say(f"node/{self.name}/status", b"online") != DENIED

    def hears(self, kind: str, within_s: float = 10.0) -> dict[str, Any]:
        """The next message of a kind; what comes before it is let go."""
        while True:
            heard, fields = self.heard.get(timeout=within_s)
            if heard == kind:
                return fields

    def bids(self, home: str, eta_ms: float = 0.0) -> None:
        """For the next offer, in vain or not."""
        offer = self.hears("offer")
        round_ = {"task": offer["task"], "auction": offer["auction"]}
        self.tell(home, "bid", **round_, eta_ms=eta_ms, quality=1.0, free_slots=1)

    def _message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        levels = message.topic.removeprefix(f"{BASE}/").split("/")
        kind = "offer" if levels[0] == "offer" else levels[-1]
        self.heard.put((kind, orjson.loads(message.payload)))

    def _published(
        self, _client: object, _data: object, mid: int, code: Any, _properties: object
    ) -> None:
        self._codes[mid] = code.value


def answer_at(topic: str) -> Properties:
    """An MQTT 5 response topic."""
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    made.ResponseTopic = topic
    return made
