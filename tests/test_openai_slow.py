"""Clients of the OpenAI-compatible endpoint that take their time: none keeps anything for long."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest
from openai_fixture import KEY, Endpoint, opened

from doors import openai_chat, openai_door


def connected(door: Endpoint) -> socket.socket:
    """A connection that takes little at once."""
    host, port = door.url.removeprefix("http://").split(":")
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    made.connect((host, int(port)))
    made.settimeout(0)
    return made


def asking(body: str) -> bytes:
    """A request for a chat."""
    head = f"Host: localhost\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
    sent = f"POST /v1/chat/completions HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}"
    return sent.encode()


async def closed(client: socket.socket) -> bytes:
    """What came before the connection ended, read only then."""
    loop = asyncio.get_running_loop()
    came = b""
    try:
        while data := await loop.sock_recv(client, 65536):
            came += data
    except ConnectionResetError:
        pass
    finally:
        client.close()
    return came


async def keep_asking(client: socket.socket, request: bytes) -> None:
    """Ask again and again, and never read."""
    while True:
        await asyncio.get_running_loop().sock_sendall(client, request)


@pytest.mark.parametrize("stream", [False, True])
async def test_who_does_not_read_is_hung_up_on(
    bus: int, keys: Path, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    """More answers than the kernel holds for who does not read them."""
    monkeypatch.setattr(openai_chat, "WRITE_S", 0.3)
    said = [{"role": "user", "content": "x" * 200_000}]
    body = json.dumps({"model": "selftest_echo", "stream": stream, "messages": said})
    async with opened(bus, keys) as door, asyncio.timeout(30):
        client = connected(door)
        with pytest.raises(ConnectionError):
            await keep_asking(client, asking(body))
        client.close()


@pytest.mark.parametrize(
    ("limit", "sent", "answer"),
    [("IDLE_S", asking("{}")[:40], b""), ("BODY_S", asking('{"model": "x"}')[:-5], b"408")],
)
async def test_a_request_that_does_not_come_is_not_waited_for(
    bus: int, keys: Path, monkeypatch: pytest.MonkeyPatch, limit: str, sent: bytes, answer: bytes
) -> None:
    monkeypatch.setattr(openai_door, limit, 0.1)
    monkeypatch.setattr(openai_door, "LINGER_S", 0.1)
    async with opened(bus, keys) as door, asyncio.timeout(20):
        client = connected(door)
        await asyncio.get_running_loop().sock_sendall(client, sent)
        came = await closed(client)
        assert came.split(b" ", 2)[1:2] == ([answer] if answer else [])


async def test_connections_beyond_the_most_are_hung_up_on(
    bus: int, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_door, "MOST_CONNECTIONS", 2)
    async with opened(bus, keys) as door, asyncio.timeout(20):
        kept = [connected(door) for _ in range(2)]
        await asyncio.sleep(0.1)
        assert await closed(connected(door)) == b""
        for one in kept:
            one.close()
