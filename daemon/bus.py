"""The link to the MQTT broker; no other file imports the MQTT client.

aiomqtt connects, waits for CONNACK, SUBACK and UNSUBACK. Messages do not pass through it: its queue
acknowledges before anybody has seen a message, and its `publish` hides what the broker answered. They
go straight between the owner and the paho client that it wraps, in the loop's thread:

    socket -> paho -> on_message(Incoming)      the owner commits, then calls ack() -> PUBACK
    publish() -> paho -> socket                 PUBACK -> receipt(reason code)

A connection is one `_Link` with a client object of its own. Whatever belongs to it (acknowledgements,
receipts, what waits to be sent) ends with it, so nothing old can reach a newer connection. Sending
again is the machines' own affair, never this layer's.
"""

import asyncio
import functools
import random
import socket
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import aiomqtt
import structlog
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from daemon.config import BrokerConfig
from daemon.packet import MalformedPublishError, decode_publish, encode_properties

SUCCESS, NO_SUBSCRIBERS, NOT_AUTHORISED = 0x00, 0x10, 0x87
TOPIC_INVALID, PACKET_TOO_LARGE = 0x90, 0x95

Receipt = Callable[[int], None]
T = TypeVar("T")


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
        self._config = config
        self._client_id = client_id
        self._session_expiry_s = session_expiry_s
        self._subscriptions = dict(subscriptions)
        self._dropped: set[str] = set()
        self._owner_message = on_message
        self._on_link = on_link
        self._will = will
        self._link: _Link | None = None
        self._linked = False
        self._ping_topic = f"{config.base}/in/{login}/{login}/ping"
        self._quiet_topic = f"{config.base}/node/{login}/ping"
        self._ping: asyncio.Future[None] | None = None

    @property
    def linked(self) -> bool:
        """Connected and subscribed."""
        return self._linked and self._link is not None and self._link.alive

    async def run(self) -> None:
        """Connect, serve, and connect again, until cancelled; then say goodbye, so no will is sent.

        What the broker or the network refuse is logged with its remedy and tried again for ever, with
        full jitter (Brooker, "Exponential Backoff And Jitter", 2015).
        """
        failures = 0
        while True:
            began = time.monotonic()
            longest_s = min(_WAIT_MAX_S, _WAIT_S * 2**failures)
            wait_s = random.uniform(0.0, longest_s)  # noqa: S311 - jitter, not a secret
            try:
                await self._serve()
            except (aiomqtt.MqttError, OSError, BusError) as error:
                _log.warning("bus-down", **self._explain(error), retry_in_s=round(wait_s, 2))
            # Two daemons under one client id throw each other out within moments of connecting: only
            # a connection that held starts the count again.
            failures = 0 if time.monotonic() - began > _STABLE_S else min(failures + 1, 16)
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
            if not _publishable(topic) or not (
                response_topic is None or _publishable(response_topic)
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
            await self._link.subscribe({topic: qos})

    async def unsubscribe(self, topic: str) -> None:
        """Undo `subscribe`; without a connection it is made up for on the next, for the session's sake."""
        self._subscriptions.pop(topic, None)
        self._dropped.add(topic)
        if self._link is not None and self._link.alive:
            await self._link.unsubscribe([topic])
            self._dropped.discard(topic)

    async def flush(self, timeout_s: float) -> bool:
        """Wait until the broker has acknowledged all that was published; False when it has not."""
        deadline = time.monotonic() + timeout_s
        while self._link is not None and self._link.alive and self._link.pending:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            await self._link.settled(left)
        return self._link is not None and self._link.alive

    def reconnect(self, reason: str) -> None:
        """Drop the connection; the broker then delivers again whatever was not acknowledged."""
        if self._link is not None:
            self._link.end(aiomqtt.MqttError(reason))

    async def round_trip(self) -> float:
        """Seconds from publishing to ourselves to receiving it, the median of several trips.

        Each trip sends two messages, so that the broker has two small writes to make for us one after
        the other. Where either side's socket delays small writes (no TCP_NODELAY), the second waits
        for the delayed acknowledgement of the first, and a trip takes some 40 ms.

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
        self._ping = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self.publish(self._quiet_topic, b"", qos=1, expiry_s=1)
        sent = self.publish(self._ping_topic, b"", qos=0, expiry_s=1)
        try:
            if not sent:
                raise BusError("the link to the broker went down during the measurement")
            await asyncio.wait_for(self._ping, _ANSWER_S)
        except TimeoutError:
            raise BusError(
                f"no answer on {self._ping_topic} within {_ANSWER_S:.0f} s: the broker must let this"
                " login publish to and read its own inbox"
            ) from None
        finally:
            self._ping = None
        return time.perf_counter() - began

    async def _serve(self) -> None:
        """One connection, from start to end. Raises what ended it."""
        link = self._link = _Link(self._new_client(), self._received)
        try:
            await link.open()
            if self._dropped and link.session_present:
                await link.unsubscribe(sorted(self._dropped))
            self._dropped.clear()
            # Again on a kept session too: it costs one packet and brings the retained messages.
            await link.subscribe(self._subscriptions)
            self._linked = True
            _log.info("bus-up", broker=self._broker, session=link.session_present)
            self._on_link(True)  # noqa: FBT003 - the callback's only argument
            await link.serve()
        except asyncio.CancelledError:
            await link.close()
            raise
        finally:
            link.end(None)
            self._link = None
            if self._linked:
                self._linked = False
                self._on_link(False)  # noqa: FBT003

    def _received(self, message: Incoming) -> None:
        if message.topic != self._ping_topic:
            self._owner_message(message)
            return
        message.ack()
        if self._ping is not None and not self._ping.done():
            self._ping.set_result(None)

    def _new_client(self) -> aiomqtt.Client:
        config, will = self._config, self._will
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        connect.SessionExpiryInterval = self._session_expiry_s
        connect.ReceiveMaximum = _RECEIVE_MAXIMUM
        connect.MaximumPacketSize = _PACKET_MAXIMUM
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
            timeout=_ANSWER_S,
            will=None if will is None else _paho_will(will),
            tls_params=tls,
        )

    @property
    def _broker(self) -> str:
        return f"{self._config.host}:{self._config.port}"

    def _explain(self, error: Exception) -> dict[str, str]:
        reason = str(error) or type(error).__name__
        code = (
            error.rc.value
            if isinstance(error, aiomqtt.MqttCodeError) and isinstance(error.rc, ReasonCode)
            else None
        )
        match code:
            case 0x86 | 0x87:
                hint = (
                    f"the broker refuses the login {self._config.username or '(none)'!r}:"
                    " check [broker] username, password_file and the broker's own list"
                )
            case 0x8E:
                hint = (
                    f"another client uses the id {self._client_id!r}: every node needs its own id"
                )
            case _ if not isinstance(error, aiomqtt.MqttCodeError):
                hint = f"check [broker] host, port and TLS, and that a broker listens at {self._broker}"
            case _:
                hint = ""
        return {"broker": self._broker, "reason": reason} | ({"hint": hint} if hint else {})


class _Link:
    """One connection. `alive` from CONNACK until it is lost; afterwards it only says no."""

    def __init__(self, client: aiomqtt.Client, on_message: Callable[[Incoming], None]) -> None:
        self.alive = False
        self.session_present = False
        self.pending: dict[int, tuple[int, Receipt | None]] = {}
        self._pending_bytes = 0
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._settled: asyncio.Future[None] | None = None
        self._reason: Exception | None = None
        self._fault: BaseException | None = None
        self._packet_maximum = _PACKET_MAXIMUM
        self._writing = False
        self._client = client
        # aiomqtt has no public way to the client it wraps; the hooks below are paho's public ones,
        # but for the reader of PUBLISH (see daemon.packet).
        self._paho: Any = cast("Any", client)._client  # noqa: SLF001
        paho = self._paho
        paho.disable_logger()
        paho.manual_ack_set(on=True)
        paho.on_connect = self._connected
        paho.on_disconnect = self._disconnected
        paho.on_publish = self._published
        paho.on_socket_open = self._opened
        paho.on_socket_close = self._closed
        paho.on_socket_register_write = self._want_write
        paho.on_socket_unregister_write = self._wrote
        paho._handle_publish = self._handle_publish  # noqa: SLF001

    async def open(self) -> None:
        """Connect. Raises MqttError with the broker's reason, or OSError."""
        await self._client.__aenter__()
        self._check()

    async def serve(self) -> None:
        """Keep the connection alive until it ends; raises what ended it."""
        while not self._over.done():
            self._paho.loop_misc()  # sends PINGREQ when quiet, ends the link when nothing comes back
            await asyncio.wait((self._over,), timeout=_MISC_S)
        self._check()

    async def subscribe(self, topics: dict[str, int]) -> None:
        if not topics:
            return
        # Retain handling 0: retained messages come with every subscription, also to a kept session.
        filters = [(topic, SubscribeOptions(qos=qos)) for topic, qos in topics.items()]
        codes = await self._answer(self._client.subscribe(filters))
        for topic, code in zip(topics, cast("list[ReasonCode]", codes), strict=True):
            if code.is_failure:
                _log.error("bus-subscription-refused", topic=topic, reason=str(code))

    async def unsubscribe(self, topics: list[str]) -> None:
        await self._answer(self._client.unsubscribe(topics))

    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        retain: bool,  # noqa: FBT001 - hot path, positional on purpose
        properties: bytes,
        receipt: Receipt | None,
    ) -> bool:
        size = len(topic) + len(payload) + len(properties) + _HEADER
        if size > self._packet_maximum:
            return self.refuse(topic, PACKET_TOO_LARGE, receipt)
        if len(self.pending) >= _PENDING or self._pending_bytes + size > _PENDING_BYTES:
            return False
        info = self._paho.publish(topic, payload, qos, retain, _Packed(properties))
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self.pending[info.mid] = (size, receipt if qos else None)
        self._pending_bytes += size
        return True

    def refuse(self, topic: str, code: int, receipt: Receipt | None) -> bool:
        """Answer for a broker that would hang up on this message."""
        _log.error("bus-publish-refused", topic=topic[:200], code=code)
        if receipt is not None:
            self._loop.call_soon(receipt, code)
        return True

    async def settled(self, timeout_s: float) -> None:
        """Until nothing is pending, the link ends or the time is up."""
        if self._settled is None or self._settled.done():
            self._settled = self._loop.create_future()
        await asyncio.wait((self._settled, self._over), timeout=timeout_s, return_when=_FIRST)

    async def close(self) -> None:
        """DISCONNECT, behind everything that waits to be sent; the broker then sends no will."""
        if self.alive:
            self._paho.disconnect()
            await asyncio.wait((self._over,), timeout=_CLOSE_S)
        self.end(None)

    def end(self, reason: Exception | None) -> None:
        """Close the socket, now. The first reason is the one that counts."""
        self.alive = False
        if self._over.done():
            return
        self._reason = reason
        self._over.set_result(None)
        self._paho._sock_close()  # noqa: SLF001 - `disconnect` would first wait for the socket

    def _check(self) -> None:
        if self._fault is not None:
            raise self._fault
        if self._over.done():
            raise self._reason or aiomqtt.MqttError("the connection was closed")

    async def _answer(self, request: Awaitable[T]) -> T:
        """What the broker answers, or the end of the link, whichever comes first."""
        asked = asyncio.ensure_future(request)
        try:
            await asyncio.wait((asked, self._over), return_when=_FIRST)
            self._check()
            return await asked
        except aiomqtt.MqttError as error:
            self.end(error)  # an answer that does not come leaves the session in doubt
            raise
        finally:
            asked.cancel()

    def _hand(self, callback: Callable[[Any], None], argument: object) -> None:
        """Call the owner; its fault ends the link, and `run` raises it."""
        try:
            callback(argument)
        except BaseException as fault:
            self._fault = fault
            raise

    # --- what paho calls, in the loop's thread but where said otherwise

    def _connected(
        self, client: Any, userdata: Any, flags: Any, code: Any, properties: Any
    ) -> None:
        if code == 0:
            self.session_present = flags.session_present
            # A broker says how much it takes at once; paho does not look.
            client.max_inflight_messages_set(getattr(properties, "ReceiveMaximum", 65_535))
            said = getattr(properties, "MaximumPacketSize", self._packet_maximum)
            self._packet_maximum = min(said, self._packet_maximum)
            self.alive = not self._over.done()
        self._client._on_connect(client, userdata, flags, code, properties)  # noqa: SLF001

    def _disconnected(self, _c: Any, _u: Any, _flags: Any, code: ReasonCode, _p: Any) -> None:
        self.end(aiomqtt.MqttCodeError(code))

    def _handle_publish(self) -> MQTTErrorCode:
        """Paho's place for reading a PUBLISH."""
        packet = self._paho._in_packet  # noqa: SLF001
        message = decode_publish(packet["command"], packet["packet"])
        if message.qos > 1:
            raise MalformedPublishError("a message at QoS 2, which was never subscribed to")
        ack = self._ack(message.mid) if message.qos else _nothing
        self._hand(
            self._on_message,
            Incoming(
                message.topic,
                message.payload,
                message.qos,
                message.retain,
                message.response_topic,
                message.correlation,
                ack,
            ),
        )
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _ack(self, mid: int) -> Callable[[], None]:
        waiting = True

        def ack() -> None:
            # Once: the broker may use the number again as soon as it has the answer.
            nonlocal waiting
            if waiting and self.alive:
                self._paho.ack(mid, 1)
            waiting = False

        return ack

    def _published(self, _c: Any, _u: Any, mid: int, code: ReasonCode, _p: Any) -> None:
        """A PUBACK at QoS 1; at QoS 0 the message is in the socket."""
        size, receipt = self.pending.pop(mid, (0, None))
        self._pending_bytes -= size
        if receipt is not None:
            self._hand(receipt, code.value)
        if not self.pending and self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    def _opened(self, _c: Any, _u: Any, sock: socket.socket) -> None:
        """In the thread that connects."""
        if self._over.done():
            raise ConnectionAbortedError("stopped while connecting")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.call_soon_threadsafe(self._watch, sock)

    def _watch(self, sock: socket.socket) -> None:
        if not self._over.done() and sock.fileno() >= 0:
            self._loop.add_reader(sock, self._readable, sock)

    def _closed(self, _c: Any, _u: Any, sock: socket.socket) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _readable(self, sock: socket.socket) -> None:
        try:
            self._paho.loop_read()
            # TLS may hold whole packets that select() no longer sees.
            while sock.fileno() >= 0 and getattr(sock, "pending", _none_pending)() > 0:
                self._paho.loop_read()
        except Exception as error:  # noqa: BLE001 - not handled here: `run` raises or logs it
            self.end(aiomqtt.MqttError(f"{type(error).__name__}: {error}"))

    def _want_write(self, _c: Any, _u: Any, _sock: Any) -> None:
        """In either thread. Everything that one turn of the loop publishes is written together."""
        if threading.get_ident() == self._thread:
            self._loop.call_soon(self._write)
        else:
            self._loop.call_soon_threadsafe(self._write)

    def _write(self) -> None:
        if self._over.done():
            return
        try:
            self._paho.loop_write()
        except Exception as error:  # noqa: BLE001 - see `_readable`
            self.end(aiomqtt.MqttError(f"{type(error).__name__}: {error}"))
            return
        sock = self._paho.socket()
        if sock is not None and self._paho.want_write() and not self._writing:
            self._writing = True
            self._loop.add_writer(sock, self._write)

    def _wrote(self, _c: Any, _u: Any, sock: socket.socket) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(sock)


class _Packed:
    """Properties that are bytes already; paho asks them for nothing else."""

    __slots__ = ("_packed",)

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def pack(self) -> bytes:
        return self._packed


_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("bus")
_FIRST = asyncio.FIRST_COMPLETED
_WAIT_S, _WAIT_MAX_S, _STABLE_S = 0.25, 15.0, 10.0
_ANSWER_S, _CLOSE_S, _MISC_S = 10.0, 2.0, 1.0
_TRIPS = 20
# Bounds of memory: at most this many messages wait for our acknowledgement, of at most this size ...
_RECEIVE_MAXIMUM, _PACKET_MAXIMUM = 256, 300_000
# ... and at most these wait to be taken by the broker; `publish` says False beyond.
_PENDING, _PENDING_BYTES = 10_000, 64 * 1024 * 1024
_HEADER = 9  # fixed header, topic length, packet identifier


def _nothing() -> None:
    """What there is to acknowledge at QoS 0."""


def _none_pending() -> int:
    return 0


@functools.lru_cache(maxsize=4096)
def _publishable(topic: str) -> bool:
    """Whether a broker takes it: text without wildcards, control characters or absurd depth."""
    return (
        0 < len(topic) <= 16_000
        and topic.isprintable()
        and "+" not in topic
        and "#" not in topic
        and not topic.startswith("$")
        and topic.count("/") < 100
    )


def _paho_will(will: Will) -> aiomqtt.Will:
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
    properties.WillDelayInterval = will.delay_s
    if will.expiry_s is not None:
        properties.MessageExpiryInterval = will.expiry_s
    return aiomqtt.Will(will.topic, will.payload, will.qos, will.retain, properties)


def _password(config: BrokerConfig) -> str | None:
    """Read anew for every connection, so that a changed password needs no restart."""
    if config.password_file is None:
        return None
    try:
        return config.password_file.read_text(encoding="utf-8").strip("\r\n")
    except OSError as error:
        raise BusError(
            f"the password file {config.password_file} cannot be read: {error.strerror};"
            " give this user the right to read it"
        ) from error


def _text(path: object) -> str | None:
    return None if path is None else str(path)
