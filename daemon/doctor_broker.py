"""What `forgebus doctor` finds at the broker, by using it as a login of its own."""

import asyncio
import secrets
import socket
import time
from dataclasses import dataclass, field

from daemon import logs
from daemon.broker import answers
from daemon.bus import NOT_AUTHORISED, Bus, BusError, Incoming
from daemon.config import BrokerConfig
from daemon.doctor import Finding, Verdict
from daemon.link import PACKET_TOO_LARGE
from daemon.reach import refusal, speaks_tls

LINK_S = 5.0
ANSWER_S = 3.0
SLOW_MS = 20.0
"""A trip over loopback takes 1 ms; without TCP_NODELAY the delayed acknowledgement adds 40 ms."""
LARGEST = 262_144
"""The largest message of the protocol, bytes."""
VERSION_TOPIC = "$SYS/broker/version"
STRANGER = "forgebus-doctor"


async def examine_broker(config: BrokerConfig, login: str) -> list[Finding]:
    """Everything that a client can see. The first finding is whether the broker is reachable."""
    where = f"{config.host}:{config.port}"
    if fault := refusal(config):
        rest = [Finding(check, Verdict.NOT_CHECKED, "no credentials") for check in _ALL]
        return [Finding("broker", Verdict.WRONG, f"{where} is not spoken to", fault), *rest]
    if not speaks_tls(config) and not await answers(config.host, config.port):
        remedy = "start one with `forgebus run` or `forgebus broker`, or set [broker] host and port"
        found = f"nothing answers MQTT at {where}"
        rest = [
            Finding(check, Verdict.NOT_CHECKED, "the broker is not reachable") for check in _ALL
        ]
        return [Finding("broker", Verdict.WRONG, found, remedy), *rest]
    probe = Probe(config, login)
    logs.silence()
    running = asyncio.create_task(probe.bus.run())
    try:
        async with asyncio.timeout(LINK_S):
            await probe.up.wait()
        return [
            Finding("broker", Verdict.OK, f"{where} lets {login} in"),
            await _version(probe),
            await _nodelay(probe, config),
            await _expiry(probe, config.base, login),
            await _identity(probe, config, login),
            await _size(probe, config.base, login),
            Finding(
                "queue limits",
                Verdict.NOT_CHECKED,
                "a broker does not tell its queue limits",
                "max_queued_messages 10000 and max_inflight_messages 100 in mosquitto.conf",
            ),
        ]
    except TimeoutError:
        found = f"{where} does not let {login} in"
        remedy = probe.bus.trouble or "look into the broker's log"
        rest = [Finding(check, Verdict.NOT_CHECKED, "no login") for check in _ALL]
        return [Finding("broker", Verdict.WRONG, found, remedy), *rest]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


_ALL = (
    "broker version",
    "TCP_NODELAY",
    "message expiry",
    "access list",
    "message size",
    "queue limits",
)


@dataclass(slots=True)
class _Heard:
    """Messages of one topic."""

    topic: str
    first: asyncio.Event = field(default_factory=asyncio.Event)
    payloads: list[bytes] = field(default_factory=list)


class Probe:
    """A connection that listens to what it is told to."""

    def __init__(self, config: BrokerConfig, login: str, client_id: str = "") -> None:
        self.up, self.down = asyncio.Event(), asyncio.Event()
        self._heard: dict[str, _Heard] = {}
        self.bus = Bus(
            config,
            login=login,
            client_id=client_id or f"{login}-doctor-{secrets.token_hex(4)}",
            session_expiry_s=0,
            subscriptions=(),
            on_message=self._received,
            on_link=self._linked,
        )

    async def hear(self, topic: str, seconds: float) -> list[bytes]:
        """What comes on a topic within so many seconds; returns at the first message."""
        heard = self._heard[topic] = _Heard(topic)
        await self.bus.subscribe(topic, 1)
        try:
            await asyncio.wait_for(heard.first.wait(), seconds)
        except TimeoutError:
            pass
        finally:
            del self._heard[topic]
            await self.bus.unsubscribe(topic)
        return heard.payloads

    async def publish(
        self, topic: str, payload: bytes, *, expiry_s: int, retain: bool = False
    ) -> int:
        """The broker's reason code; -1 when it gave none."""
        code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def receipt(got: int) -> None:
            if not code.done():
                code.set_result(got)

        self.bus.publish(topic, payload, qos=1, retain=retain, expiry_s=expiry_s, receipt=receipt)
        try:
            return await asyncio.wait_for(code, ANSWER_S)
        except TimeoutError:
            return -1

    def _received(self, incoming: Incoming) -> None:
        heard = self._heard.get(incoming.topic)
        if heard is not None:
            heard.payloads.append(incoming.payload)
            heard.first.set()
        incoming.ack()

    def _linked(self, up: bool) -> None:  # noqa: FBT001 - the bus's own callback
        (self.up if up else self.down).set()


async def _version(probe: Probe) -> Finding:
    told = await probe.hear(VERSION_TOPIC, 1.0)
    if not told:
        found = f"it does not tell ({VERSION_TOPIC})"
        return Finding("broker version", Verdict.NOT_CHECKED, found)
    version = told[0].decode(errors="replace")
    number = version.removeprefix("mosquitto version ").split(".")[0]
    if version.startswith("mosquitto") and number in {"0", "1"}:
        return Finding("broker version", Verdict.WRONG, version, "install mosquitto 2.0 or later")
    return Finding("broker version", Verdict.OK, version)


async def _nodelay(probe: Probe, config: BrokerConfig) -> Finding:
    """Our side always sets it, so a slow trip is the broker's side, or a long way."""
    try:
        trip = await probe.bus.round_trip() * 1000
    except BusError as error:
        return Finding("TCP_NODELAY", Verdict.NOT_CHECKED, str(error))
    way = await _connect_ms(config)
    found = f"two small messages come back in {trip:.1f} ms, the way takes {way:.1f} ms"
    if trip > SLOW_MS + 4 * way:
        remedy = "set_tcp_nodelay true in mosquitto.conf: without it each task waits 40 ms per hop"
        return Finding("TCP_NODELAY", Verdict.WRONG, found, remedy)
    return Finding("TCP_NODELAY", Verdict.OK, f"{found}; both sides send at once")


async def _expiry(probe: Probe, base: str, login: str) -> Finding:
    """A retained message that should be gone after a second must be."""
    topic = f"{base}/in/{login}/{login}/doctor"
    code = await probe.publish(topic, b"x", expiry_s=1, retain=True)
    if code == NOT_AUTHORISED:
        return Finding(
            "message expiry",
            Verdict.WRONG,
            f"{login} may not write into its own inbox {topic}",
            f"pattern write {base}/in/+/%u/# in the access list",
        )
    await asyncio.sleep(2.1)
    left = await probe.hear(topic, 0.5)
    await probe.publish(topic, b"", expiry_s=1, retain=True)
    if left and left[0]:
        remedy = "use a broker that speaks MQTT 5 and honours message expiry, such as mosquitto 2"
        found = "a message of 1 s was still there after 2 s"
        return Finding("message expiry", Verdict.WRONG, found, remedy)
    return Finding("message expiry", Verdict.OK, "a message of 1 s is gone after 2 s")


async def _identity(probe: Probe, config: BrokerConfig, login: str) -> Finding:
    """Whether the broker lets us speak under a name that is not ours."""
    code = await probe.publish(f"{config.base}/in/{login}/{STRANGER}/doctor", b"", expiry_s=1)
    if code == NOT_AUTHORISED:
        return Finding("access list", Verdict.OK, "nobody can speak under another's name")
    if code < 0:
        return Finding("access list", Verdict.NOT_CHECKED, "the broker gave no answer")
    found = "any login may speak under any name"
    remedy = "give every node a login and an access list (pattern write .../in/+/%u/#)"
    if _private(config.host):
        return Finding("access list", Verdict.OK, f"{found}, on loopback: only this machine", "")
    return Finding("access list", Verdict.WRONG, found, remedy)


async def _size(probe: Probe, base: str, login: str) -> Finding:
    code = await probe.publish(f"{base}/in/{login}/{login}/doctor", bytes(LARGEST), expiry_s=1)
    if code == PACKET_TOO_LARGE:
        found = f"it takes no message of {LARGEST} bytes"
        return Finding("message size", Verdict.WRONG, found, "max_packet_size 300000 or more")
    if code < 0 or code >= 0x80:
        return Finding("message size", Verdict.NOT_CHECKED, f"the broker answered {code}")
    return Finding("message size", Verdict.OK, f"it takes {LARGEST} bytes")


async def _connect_ms(config: BrokerConfig) -> float:
    """The time of a TCP handshake: one way there and one back."""
    began = time.perf_counter()
    try:
        _, writer = await asyncio.open_connection(config.host, config.port)
    except OSError:
        return 0.0
    took = (time.perf_counter() - began) * 1000
    writer.close()
    return took


def _private(host: str) -> bool:
    try:
        return socket.gethostbyname(host).startswith("127.")
    except OSError:
        return False
