"""What the link does on the wire, before a scripted broker that says what a real one rarely would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from broker_fixture import Peer, eventually

from daemon.packet import encode_properties

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, DISCONNECT = 1, 2, 3, 4, 8, 9, 14
RECEIVE_MAXIMUM, MAXIMUM_PACKET_SIZE = b"\x21", b"\x27"


class Scripted:
    """One connection at a time: takes whatever comes, keeps it, and says what a test wants."""

    def __init__(self, connack: bytes | None = b"") -> None:
        self.port = 0
        self.packets: list[tuple[int, bytes]] = []
        self._connack = connack
        self._writer: asyncio.StreamWriter | None = None

    def of(self, kind: int) -> list[bytes]:
        return [body for which, body in self.packets if which == kind]

    def say(self, kind: int, body: bytes, flags: int = 0) -> None:
        assert self._writer is not None
        assert len(body) < 128
        self._writer.write(bytes([kind << 4 | flags, len(body)]) + body)

    def publish(self, mid: int, payload: bytes) -> None:
        properties = encode_properties(None, None, None)
        self.say(PUBLISH, b"\0\1t" + mid.to_bytes(2, "big") + properties + payload, flags=2)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            if self._writer is not None:
                self._writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        try:
            while True:
                kind = (await reader.readexactly(1))[0] >> 4
                length = shift = 0
                while (byte := (await reader.readexactly(1))[0]) > 127:
                    length |= (byte & 127) << shift
                    shift += 7
                body = await reader.readexactly(length | byte << shift)
                self.packets.append((kind, body))
                if kind == CONNECT and self._connack is not None:
                    self.say(CONNACK, b"\0\0" + bytes([len(self._connack)]) + self._connack)
                elif kind == SUBSCRIBE:
                    self.say(SUBACK, body[:2] + b"\0\1")
        except asyncio.IncompleteReadError:
            writer.close()


async def test_a_message_is_acknowledged_once_however_often_it_is_asked_for() -> None:
    """The broker may use the number again as soon as it has the answer."""
    broker = Scripted()
    async with broker.listening(), Peer(broker.port, "a", "t") as a:
        a.acknowledge = False
        broker.publish(7, b"one")
        await a.has(1)
        a.came[0].ack()
        a.came[0].ack()
        broker.publish(7, b"two")
        await a.has(2)
        a.came[0].ack()
        broker.publish(8, b"three")
        await a.has(3)
        a.came[2].ack()
        await eventually(lambda: b"\0\x08" in broker.of(PUBACK), "no acknowledgement")
        assert broker.of(PUBACK) == [b"\0\x07", b"\0\x08"]


async def test_nothing_is_acknowledged_before_it_is_asked_for() -> None:
    broker = Scripted()
    async with broker.listening(), Peer(broker.port, "a", "t") as a:
        a.acknowledge = False
        broker.publish(7, b"one")
        await a.has(1)
        a.bus.publish("after", b"", qos=0)
        await eventually(lambda: broker.of(PUBLISH) != [], "nothing was sent")
        assert broker.of(PUBACK) == []


async def test_the_session_is_asked_for_and_kept() -> None:
    broker = Scripted()
    async with broker.listening(), Peer(broker.port, "a", "t"):
        pass
    (connect,) = broker.of(CONNECT)
    assert connect[:7] == b"\0\4MQTT\5"
    assert connect[7] & 2 == 0  # clean start
    assert b"\x11" + (600).to_bytes(4, "big") in connect  # session expiry interval
    assert b"\x21" + (256).to_bytes(2, "big") in connect  # receive maximum
    assert broker.of(DISCONNECT) in ([b""], [b"\0"], [b"\0\0"])  # normal, session expiry unchanged


async def test_nothing_is_taken_before_the_broker_has_let_us_in() -> None:
    broker = Scripted(connack=None)
    async with broker.listening():
        a = Peer(broker.port, "a")
        a.task = asyncio.create_task(a.bus.run())
        await eventually(lambda: broker.of(CONNECT) != [], "no CONNECT")
        assert not a.bus.publish("t", b"", qos=1)
        assert not a.bus.publish("t", b"", qos=0)
        await a.leave()
    assert a.links == []


async def test_no_more_is_sent_at_once_than_the_broker_takes() -> None:
    broker = Scripted(RECEIVE_MAXIMUM + b"\0\3")
    async with broker.listening(), Peer(broker.port, "a") as a:
        for _ in range(10):
            assert a.bus.publish("t", b"", qos=1)
        a.bus.publish("last", b"", qos=0)
        await eventually(lambda: len(broker.of(PUBLISH)) == 4, "not the first three and the last")
        taken = next(body for body in broker.of(PUBLISH) if body.startswith(b"\0\1t"))
        broker.say(PUBACK, taken[3:5])
        await eventually(lambda: len(broker.of(PUBLISH)) == 5, "not one more for the one taken")


async def test_nothing_larger_is_sent_than_the_broker_takes() -> None:
    broker = Scripted(MAXIMUM_PACKET_SIZE + (100).to_bytes(4, "big"))
    async with broker.listening(), Peer(broker.port, "a") as a:
        receipts: list[int] = []
        a.bus.publish("t", b"x" * 100, qos=1, receipt=receipts.append)
        a.bus.publish("t", b"x" * 80, qos=1)
        await eventually(lambda: receipts == [0x95], "no receipt")
        await eventually(lambda: len(broker.of(PUBLISH)) == 1, "not the small one alone")


@pytest.mark.parametrize("body", [b"", b"\0\1t", b"\0\0\0\7\0x", b"\0\1t\0\7\x05\x26\0\1a\xff"])
async def test_a_broker_that_breaks_the_protocol_is_left(body: bytes) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    broker = Scripted()
    async with broker.listening(), Peer(broker.port, "a", "t") as a:
        broker.say(PUBLISH, body, flags=2)
        await eventually(lambda: a.links[:2] == [True, False], "the link stands")
        await a.linked()
        assert a.came == []
