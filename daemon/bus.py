"""The link to the MQTT broker; no other file imports the MQTT client.

aiomqtt connects, waits for CONNACK, SUBACK and UNSUBACK. Messages do not pass through it: its queue
acknowledges before anybody has seen a message, and its `publish` hides what the broker answered. They
go straight between the owner and the paho client that it wraps, in the loop's thread:

    socket -> paho -> on_message(Incoming)      the owner commits, then calls ack() -> PUBACK
    publish() -> paho -> socket                 PUBACK -> receipt(reason code)

Every connection is a `Link` with a client object of its own, so nothing old can reach a newer one.
Sending again is the machines' own affair, never this layer's.
"""

import asyncio
import contextlib
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from daemon.config import BrokerConfig
from daemon.link import (
    ANSWER_S,
    PACKET_MAXIMUM,
    PACKET_TOO_LARGE,
    RECEIVE_MAXIMUM,
    TOPIC_INVALID,
    Ack,
    Link,
    LinkLost,
    Receipt,
)
from daemon.packet import Publish, encode_properties, publishable
from daemon.private_files import PrivateFileError, check_secret, read_secret
from daemon.reach import refusal

SUCCESS, NO_SUBSCRIBERS, NOT_AUTHORISED = 0x00, 0x10, 0x87
NOBODY_THERE = "check [broker] host, port"
"""How `Bus.trouble` begins when no broker could be spoken to at all."""


class BusError(Exception):
    """The bus cannot do what was asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came.

    `ack` sends the PUBACK at QoS 1. It may be called any number of times and at any later time; when
    the connection is gone it does nothing, and the broker delivers the message again.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool
    response_topic: str | None
    correlation: bytes | None
    ack: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes for us, `delay_s` after we are gone without a goodbye."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    expiry_s: int | None
    delay_s: int


class Bus:
    """One node's link. `run` keeps it up; everything else is called from the loop's thread.

    Args:
        config: where the broker is and how to log in.
        login: the name that the broker knows us by; `round_trip` uses that inbox.
        client_id: names the session; stable over restarts, or what waits in it is lost.
        session_expiry_s: how long the broker keeps the session while we are away.
        subscriptions: topic filters with their QoS, made anew on every connection.
        on_message: gets each message at once, before it is acknowledged. It may come before
            `on_link(True)`: a kept session delivers as soon as the connection stands. It must not
            block. The same message may come again after a reconnect.
        on_link: True once the subscriptions stand (the moment for the birth message), False after.
        will: see `Will`.

    An exception out of a callback ends `run` with that exception: a fault of the owner is not repaired
    by connecting again.
    """

    def __init__(
        self,
        config: BrokerConfig,
        *,
        login: str,
        client_id: str,
        session_expiry_s: int,
        subscriptions: Sequence[tuple[str, int]],
        on_message: Callable[[Incoming], None],
        on_link: Callable[[bool], None],
        will: Will | None = None,
    ) -> None:
        self.trouble = ""
        """Why the last connection ended or was not made, with what to do about it; for people."""
        self._config = config
        self._client_id = client_id
        self._session_expiry_s = session_expiry_s
        self._subscriptions = dict(subscriptions)
        self._dropped: set[str] = set()
        self._on_message = on_message
        self._on_link = on_link
        self._will = will
        self._link: Link | None = None
        self._linked, self._linked_at = False, float("inf")
        self._tried_at = -float("inf")
        self._ping_topic = f"{config.base}/in/{login}/{login}/ping"
        self._ping: asyncio.Future[Incoming] | None = None

    @property
    def linked(self) -> bool:
        """Connected and subscribed."""
        return self._linked and self._link is not None and self._link.alive

    @property
    def at_work(self) -> bool:
        """Linked, or still trying to be: a broker that is away is none of our faults."""
        return self.linked or time.monotonic() - self._tried_at < _STUCK_S

    async def run(self) -> None:
        """Connect, serve, and connect again, until cancelled; then say goodbye, so no will is sent.

        What the broker or the network refuse is logged with its remedy and tried again for ever, with
        full jitter (Brooker, "Exponential Backoff And Jitter", 2015). Raises BusError at once for a broker
        beyond this machine without credentials.
        """
        self.trouble = refusal(self._config)
        if self.trouble:
            raise BusError(self.trouble)
        failures = 0
        while True:
            self._linked_at, self._tried_at = float("inf"), time.monotonic()
            longest_s = min(_WAIT_MAX_S, _WAIT_S * 2**failures)
            wait_s = random.uniform(0.0, longest_s)  # noqa: S311 - jitter, not a secret
            try:
                await self._serve()
            except (LinkLost, aiomqtt.MqttError, OSError, PrivateFileError) as error:
                why = self._explain(error)
                self.trouble = why.get("hint", why["reason"])
                _log.warning("bus-down", **why, retry_in_s=round(wait_s, 2))
            # Two daemons under one client id throw each other out within moments of linking: only a
            # link that held starts the count again.
            held = time.monotonic() - self._linked_at > _STABLE_S
            failures = 0 if held else min(failures + 1, 16)
            await asyncio.sleep(wait_s)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        retain: bool = False,
        expiry_s: int | None = None,
        response_topic: str | None = None,
        correlation: bytes | None = None,
        receipt: Receipt | None = None,
    ) -> bool:
        """Hand a message to the connection; False when there is none or it is too far behind.

        Nothing is kept for a later connection. `receipt` gets the reason code of the PUBACK at QoS 1:
        0x00 taken, 0x10 taken but nobody subscribes, 0x80 and above refused (0x87 not authorised).
        It is never called when the connection ends first. A topic that cannot exist (0x90) and a
        message larger than the broker takes (0x95) are refused here in the broker's stead, because a
        broker answers them by hanging up.
        """
        link = self._link
        if link is None or not link.alive:
            return False
        try:
            if not publishable(topic) or not (
                response_topic is None or publishable(response_topic)
            ):
                return link.refuse(topic, TOPIC_INVALID, receipt)
            properties = encode_properties(expiry_s, response_topic, correlation)
        except ValueError:
            return link.refuse(topic, PACKET_TOO_LARGE, receipt)
        return link.publish(topic, payload, qos, retain, properties, receipt)

    async def subscribe(self, topic: str, qos: int) -> None:
        """Subscribe now if there is a connection, and on every later one."""
        self._subscriptions[topic] = qos
        self._dropped.discard(topic)
        if self._link is not None and self._link.alive:
            with self._redone_on_the_next(self._link):
                await self._link.subscribe(_options({topic: qos}))

    async def unsubscribe(self, topic: str) -> None:
        """Undo `subscribe`, now or, for the kept session's sake, on the next connection."""
        self._subscriptions.pop(topic, None)
        self._dropped.add(topic)
        if self._link is not None and self._link.alive:
            with self._redone_on_the_next(self._link):
                await self._link.unsubscribe([topic])
                self._dropped.discard(topic)

    async def flush(self, timeout_s: float) -> bool:
        """Wait until the broker has acknowledged all that was published; False when it has not."""
        deadline = time.monotonic() + timeout_s
        while self._link is not None and self._link.alive and self._link.busy:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            await self._link.settled(left)
        return self._link is not None and self._link.alive

    def reconnect(self, reason: str) -> None:
        """Drop the connection; the broker then delivers again whatever was not acknowledged."""
        if self._link is not None:
            self._link.end(LinkLost(reason))

    def ping(self, answered: Callable[[float], None]) -> bool:
        """One message to ourselves; `answered` gets the seconds until the broker acknowledged it.

        False when there is no link; never called when the link ends first.
        """
        began = time.perf_counter()

        def receipt(_code: int) -> None:
            answered(time.perf_counter() - began)

        return self.publish(self._ping_topic, b"", qos=1, expiry_s=1, receipt=receipt)

    async def round_trip(self) -> float:
        """Seconds until a message to ourselves has come back and is acknowledged: a median.

        The broker answers each with two small writes, the message and the PUBACK. We acknowledge
        neither before both are here, so a broker without TCP_NODELAY holds the second one back for
        the 40 ms of a delayed TCP acknowledgement.

        Raises BusError when there is no link, or it goes or stays silent meanwhile.
        """
        if not self.linked:
            raise BusError("there is no link to the broker to measure")
        await self.subscribe(self._ping_topic, 0)
        try:
            return statistics.median([await self._trip() for _ in range(_TRIPS)])
        finally:
            await self.unsubscribe(self._ping_topic)

    async def _trip(self) -> float:
        loop = asyncio.get_running_loop()
        back: asyncio.Future[Incoming] = loop.create_future()
        taken: asyncio.Future[int] = loop.create_future()
        self._ping = back
        began = time.perf_counter()
        if self._link is None or not self._link.ping(self._ping_topic, taken):
            raise BusError("the link to the broker went down during the measurement")
        try:
            async with asyncio.timeout(ANSWER_S):
                await taken
                message = await back
        except TimeoutError:
            raise BusError(
                f"no answer on {self._ping_topic} within {ANSWER_S:.0f} s: the broker must let this"
                " login publish to and read its own inbox"
            ) from None
        finally:
            self._ping = None
        message.ack()
        return time.perf_counter() - began

    async def _serve(self) -> None:
        """One connection, from start to end. Raises what ended it."""
        link = self._link = Link(self._new_client(), self._received)
        try:
            await link.open()
            if self._dropped and link.session_present:
                await link.unsubscribe(sorted(self._dropped))
            self._dropped.clear()
            # Again on a kept session too: it costs one packet and brings the retained messages.
            await link.subscribe(_options(self._subscriptions))
            self._linked, self._linked_at = True, time.monotonic()
            _log.info("bus-up", broker=self._broker, session=link.session_present)
            self._on_link(True)  # noqa: FBT003 - the callback's only argument
            await link.serve()
        except asyncio.CancelledError:
            await link.close()
            raise
        finally:
            link.shut()
            self._link = None
            if self._linked:
                self._linked = False
                self._on_link(False)  # noqa: FBT003

    def _received(self, message: Publish, ack: Ack) -> None:
        incoming = Incoming(
            message.topic,
            message.payload,
            message.qos,
            message.retain,
            message.response_topic,
            message.correlation,
            ack,
        )
        if message.topic != self._ping_topic:
            self._on_message(incoming)
        elif self._ping is not None and not self._ping.done():
            self._ping.set_result(incoming)
        else:
            ack()

    @contextlib.contextmanager
    def _redone_on_the_next(self, link: Link) -> Iterator[None]:
        """An answer that does not come leaves the session in doubt: begin a connection anew."""
        try:
            yield
        except (LinkLost, aiomqtt.MqttError) as error:
            link.end(error)

    def _new_client(self) -> aiomqtt.Client:
        config, will = self._config, self._will
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        connect.SessionExpiryInterval = self._session_expiry_s
        connect.ReceiveMaximum = RECEIVE_MAXIMUM
        connect.MaximumPacketSize = PACKET_MAXIMUM
        tls = None
        if config.tls_ca or config.tls_cert:
            tls = aiomqtt.TLSParameters(
                ca_certs=_text(config.tls_ca),
                certfile=_text(config.tls_cert),
                keyfile=_text(config.tls_key),
            )
        return aiomqtt.Client(
            config.host,
            config.port,
            username=config.username or None,
            password=_password(config),
            identifier=self._client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            properties=connect,
            keepalive=config.keepalive_s,
            timeout=ANSWER_S,
            will=None if will is None else _paho_will(will),
            tls_params=tls,
        )

    @property
    def _broker(self) -> str:
        return f"{self._config.host}:{self._config.port}"

    def _explain(self, error: Exception) -> dict[str, str]:
        said = {"broker": self._broker, "reason": str(error) or type(error).__name__}
        match error:
            case LinkLost(code=0x86 | 0x87):
                hint = (
                    f"the broker refuses the login {self._config.username or '(none)'!r}:"
                    " check [broker] username, password_file and the broker's own list"
                )
            case LinkLost(code=0x8E):
                hint = f"another client uses the id {self._client_id!r}; every node needs its own"
            case LinkLost(code=0x80) if self._config.tls_cert and self._linked_at == float("inf"):
                hint = (
                    "the broker refuses our certificate: revoked, or over; `forgebus enroll` again"
                )
            case LinkLost(code=0x80) if not self._config.tls_ca and self._linked_at == float("inf"):
                hint = "the broker hangs up at once: it may want TLS; `forgebus join` or set tls_ca"
            case aiomqtt.MqttError() | OSError():
                hint = f"{NOBODY_THERE} and TLS; a broker must listen at {self._broker}"
            case _:
                return said
        return said | {"hint": hint}


_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("bus")
_WAIT_S, _WAIT_MAX_S, _STABLE_S = 0.25, 15.0, 10.0
_STUCK_S = 60.0
"""An attempt to connect takes less, with the wait after it."""
_TRIPS = 12


def _options(topics: Mapping[str, int]) -> dict[str, SubscribeOptions]:
    """Retain handling 0: retained messages come with every subscription, also to a kept session."""
    return {topic: SubscribeOptions(qos=qos) for topic, qos in topics.items()}


def _paho_will(will: Will) -> aiomqtt.Will:
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
    properties.WillDelayInterval = will.delay_s
    if will.expiry_s is not None:
        properties.MessageExpiryInterval = will.expiry_s
    return aiomqtt.Will(will.topic, will.payload, will.qos, will.retain, properties)


def _password(config: BrokerConfig) -> str | None:
    """Read anew for every connection, so that a changed password needs no restart."""
    if config.tls_key is not None:
        check_secret(config.tls_key)
    return None if config.password_file is None else read_secret(config.password_file)


def _text(path: object) -> str | None:
    return None if path is None else str(path)
