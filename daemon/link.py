"""One connection to the broker, from CONNECT to its end: the hooks between the MQTT client and the bus.

Whatever belongs to a connection (acknowledgements, receipts, what waits to be sent) ends with it. The
client objects are given by `daemon.bus`, which alone imports their library; `paho` here is the client
that aiomqtt wraps.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import structlog

from daemon.packet import (
    MalformedPublishError,
    Publish,
    decode_publish,
    encode_properties,
    puback_packet,
    publish_packet,
)

TOPIC_INVALID, PACKET_TOO_LARGE = 0x90, 0x95
# Bounds of memory: at most this many messages wait for our acknowledgement, of at most this size ...
RECEIVE_MAXIMUM, PACKET_MAXIMUM = 256, 300_000
# ... and at most these wait to be taken by the broker; `publish` says False beyond.
PENDING, PENDING_BYTES = 10_000, 64 * 1024 * 1024
ANSWER_S = 10.0

Receipt = Callable[[int], None]
Ack = Callable[[], None]
T = TypeVar("T")


class LinkLost(Exception):  # noqa: N818 - named for what happened
    """The connection is over; `code` is the broker's reason code where it gave one."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.code = code


class Link:
    """One connection. `alive` from CONNACK until it is lost; afterwards it only says no.

    Args:
        client: an `aiomqtt.Client` that has not been used.
        on_message: gets every PUBLISH with what acknowledges it.
    """

    def __init__(self, client: Any, on_message: Callable[[Publish, Ack], None]) -> None:
        self.alive = False
        self.session_present = False
        self._pending: dict[int, tuple[int, Receipt | None]] = {}
        self._pending_bytes = 0
        self._packet_maximum = PACKET_MAXIMUM
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._settled: asyncio.Future[None] | None = None
        self._reason: Exception | None = None
        self._fault: BaseException | None = None
        self._writing = False
        self._may_read = False
        self._incoming = memoryview(b"")
        self._outgoing = bytearray()
        self._client = client
        # aiomqtt has no public way to the client it wraps. The hooks are paho's public ones, but for
        # the reader of PUBLISH (why, says daemon.packet).
        self._paho = paho = client._client  # noqa: SLF001
        paho.disable_logger()
        paho.manual_ack_set(on=True)
        paho.on_connect = self._connected
        paho.on_disconnect = self._disconnected
        paho.on_publish = self._published
        paho.on_socket_open = self._opened
        paho.on_socket_close = self._closed
        paho.on_socket_register_write = self._want_write
        paho.on_socket_unregister_write = None
        paho._handle_publish = self._handle_publish  # noqa: SLF001
        # paho reads a packet in four calls of the system and writes each in one of its own.
        self._read_socket, self._write_socket = paho._sock_recv, paho._sock_send  # noqa: SLF001
        paho._sock_recv, paho._sock_send = self._recv, self._send  # noqa: SLF001

    @property
    def busy(self) -> bool:
        """Something waits for the socket, or for the broker's acknowledgement."""
        return bool(self._pending or self._outgoing)

    async def open(self) -> None:
        """Connect. Raises LinkLost with the broker's reason, or the network's error."""
        await self._answer(self._client.__aenter__())

    async def serve(self) -> None:
        """Keep the connection alive until it ends; raises what ended it."""
        while not self._over.done():
            self._paho.loop_misc()  # sends PINGREQ when quiet, ends the link when nothing comes back
            await asyncio.wait((self._over,), timeout=_MISC_S)
        self._check()

    async def subscribe(self, options: Mapping[str, object]) -> None:
        """Subscribe to these filters; what the broker refuses is logged, the rest stands."""
        if not options:
            return
        codes = await self._answer(self._client.subscribe(list(options.items())))
        for topic, code in zip(options, codes, strict=True):
            if code.is_failure:
                _log.error("bus-subscription-refused", topic=topic, reason=str(code))

    async def unsubscribe(self, topics: list[str]) -> None:
        """Unsubscribe from these filters."""
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
        """See `Bus.publish`."""
        size = len(topic) + len(payload) + len(properties) + _HEADER
        if size > self._packet_maximum:
            return self.refuse(topic, PACKET_TOO_LARGE, receipt)
        waiting = self._pending_bytes + len(self._outgoing)
        if len(self._pending) >= PENDING or waiting + size > PENDING_BYTES:
            return False
        if not qos and self.alive:
            self._append(publish_packet(topic, payload, retain, properties))
            return True
        info = self._paho.publish(topic, payload, qos, retain, _Packed(properties))
        if info.rc != 0:
            return False
        self._pending[info.mid] = (size, receipt if qos else None)
        self._pending_bytes += size
        return True

    def refuse(self, topic: str, code: int, receipt: Receipt | None) -> bool:
        """Answer for a broker that would hang up on this message."""
        _log.error("bus-publish-refused", topic=topic[:200], code=code)
        if receipt is not None:
            self._loop.call_soon(receipt, code)
        return True

    def ping(self, topic: str, taken: "asyncio.Future[int]") -> bool:
        """A message to ourselves, over a socket that delays its TCP acknowledgements."""
        self._paho.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)

        def receipt(code: int) -> None:
            if not taken.done():
                taken.set_result(code)

        expiry = encode_properties(1, None, None)
        return self.publish(topic, b"", 1, False, expiry, receipt)  # noqa: FBT003

    async def settled(self, timeout_s: float) -> None:
        """Until nothing waits any more, the link ends or the time is up."""
        if self._settled is None or self._settled.done():
            self._settled = self._loop.create_future()
        await asyncio.wait((self._settled, self._over), timeout=timeout_s, return_when=_FIRST)

    async def close(self) -> None:
        """DISCONNECT, behind everything that waits to be sent; the broker then sends no will."""
        if self.alive:
            self._paho.disconnect()
            await asyncio.wait((self._over,), timeout=_CLOSE_S)

    def end(self, reason: Exception | None) -> None:
        """Nothing more goes in or out. The first reason counts; `shut` closes the socket."""
        self.alive = False
        if not self._over.done():
            self._reason = reason
            self._over.set_result(None)

    def shut(self) -> None:
        """Close the socket. Not to be called by a callback of paho's, which holds its lock."""
        self.end(None)
        self._paho._sock_close()  # noqa: SLF001 - the public `disconnect` waits for the peer

    def _check(self) -> None:
        if self._fault is not None:
            raise self._fault
        if self._over.done():
            raise self._reason or LinkLost("the connection was closed")

    async def _answer(self, request: Awaitable[T]) -> T:
        """What the broker answers, or the end of the link, whichever comes first."""
        asked = asyncio.ensure_future(request)
        try:
            await asyncio.wait((asked, self._over), return_when=_FIRST)
            self._check()
            return await asked
        finally:
            if not asked.cancel() and not asked.cancelled():
                asked.exception()  # seen, also when the link's end says more

    def _hand(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call the owner; its fault ends the link, and `run` raises it."""
        try:
            callback(*arguments)
        except BaseException as fault:
            self._fault = fault
            self.end(None)
            raise

    # --- what paho calls, in the loop's thread but where said otherwise --------------------------

    def _connected(
        self, client: Any, userdata: Any, flags: Any, code: Any, properties: Any
    ) -> None:
        if code.is_failure:
            self.end(LinkLost(str(code), code.value))
            return
        self.session_present = flags.session_present
        # A broker says how much it takes, at once and in one piece; paho does not look.
        client._max_inflight_messages = getattr(properties, "ReceiveMaximum", 65_535)  # noqa: SLF001
        self._packet_maximum = min(
            getattr(properties, "MaximumPacketSize", PACKET_MAXIMUM), PACKET_MAXIMUM
        )
        self.alive = not self._over.done()
        self._client._on_connect(client, userdata, flags, code, properties)  # noqa: SLF001

    def _disconnected(self, _c: Any, _u: Any, _flags: Any, code: Any, _p: Any) -> None:
        self.end(LinkLost(str(code), code.value))

    def _handle_publish(self) -> int:
        """Paho's place for reading a PUBLISH; 0 is success, 7 a lost connection."""
        if self._over.done():
            return 7
        packet = self._paho._in_packet  # noqa: SLF001
        message = decode_publish(packet["command"], packet["packet"])
        if message.qos > 1:
            raise MalformedPublishError("a message at QoS 2, which was never subscribed to")
        self._hand(self._on_message, message, self._ack(message.mid) if message.qos else _nothing)
        return 0

    def _ack(self, mid: int) -> Ack:
        waiting = True

        def ack() -> None:
            # Once: the broker may use the number again as soon as it has the answer.
            nonlocal waiting
            if waiting and self.alive:
                self._append(puback_packet(mid))
            waiting = False

        return ack

    def _published(self, _c: Any, _u: Any, mid: int, code: Any, _p: Any) -> None:
        """A PUBACK."""
        size, receipt = self._pending.pop(mid, (0, None))
        self._pending_bytes -= size
        if receipt is not None:
            self._hand(receipt, code.value)
        self._settle()

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
        self._may_read = True
        try:
            self._paho.loop_read()
            while self._incoming and not self._over.done():
                self._paho.loop_read()
        except BaseException as error:
            self._stop_reading(sock, error)
            raise
        # TLS may hold whole packets that the selector no longer sees.
        if not self._over.done() and getattr(sock, "pending", _no_bytes)() > 0:
            self._loop.call_soon(self._readable, sock)

    def _want_write(self, _c: Any, _u: Any, _sock: Any) -> None:
        """In either thread. Everything that one turn of the loop publishes is written together."""
        if threading.get_ident() == self._thread:
            self._loop.call_soon(self._write)
        else:
            self._loop.call_soon_threadsafe(self._write)

    def _write(self) -> None:
        sock = self._paho.socket()
        if sock is None or self._over.done():
            return
        try:
            self._paho.loop_write()
            self._flush()
        except BaseException as error:
            self._stop_reading(sock, error)
            raise
        if self._paho.socket() is None or bool(self._outgoing) == self._writing:
            return
        self._writing = not self._writing
        if self._writing:
            self._loop.add_writer(sock, self._write)
        else:
            self._loop.remove_writer(sock)

    def _recv(self, size: int) -> bytes:
        """What the socket has in one call, once a turn; paho gets the pieces that it asks for.

        Once a turn, so that a flood of messages leaves the loop time for everything else.
        """
        if not self._incoming:
            if self.alive and not self._may_read:
                raise BlockingIOError
            self._may_read = False
            self._incoming = memoryview(self._read_socket(_CHUNK))
        piece, self._incoming = self._incoming[:size], self._incoming[size:]
        return bytes(piece)

    def _send(self, packet: bytes) -> int:
        """Packets gather until the turn of the loop ends; CONNECT and DISCONNECT go at once."""
        if not self.alive or packet[0] & 0xF0 == _DISCONNECT:
            self._flush()
            if self._outgoing:
                raise BlockingIOError
            sent: int = self._write_socket(packet)
            return sent
        self._outgoing += packet
        return len(packet)

    def _append(self, packet: bytes) -> None:
        """A packet that leaves no state behind needs nothing of the client but its place in the queue."""
        if not self._outgoing:
            self._loop.call_soon(self._write)
        self._outgoing += packet

    def _flush(self) -> None:
        sock = self._paho.socket()
        if not self._outgoing or sock is None:
            return
        try:
            sent = sock.send(self._outgoing)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return
        except OSError as error:
            self.end(LinkLost(str(error)))
            return
        del self._outgoing[:sent]
        self._settle()

    def _settle(self) -> None:
        if not self.busy and self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    def _stop_reading(self, sock: socket.socket, error: BaseException) -> None:
        """After a fault the reader stands in the middle of a packet; nothing after it makes sense."""
        self.end(LinkLost(f"{type(error).__name__}: {error}"))
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock)


class _Packed:
    """Properties that are bytes already; paho asks them for nothing else."""

    __slots__ = ("_packed",)

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def pack(self) -> bytes:
        """The bytes."""
        return self._packed


_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("bus")
_FIRST = asyncio.FIRST_COMPLETED
_CLOSE_S, _MISC_S = 2.0, 1.0
_CHUNK = 65_536
_DISCONNECT = 0xE0
_HEADER = 9  # fixed header, topic length, packet identifier


def _nothing() -> None:
    """What there is to acknowledge at QoS 0."""


def _no_bytes() -> int:
    return 0
