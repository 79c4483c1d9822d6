"""Who asks a node badly: refused by the right status, in bounded time, and the node does not feel it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from broker_fixture import BrokerProcess, eventually, free_port
from cli_call import ROOT
from node_process import NodeProcess, on_the_bus

from bus_topics.messages import Outcome
from daemon import config, exposition
from daemon.config import ConfigError, ObservabilityConfig
from daemon.exposition import CONNECTIONS, LINGER_S, PATIENCE_S, Exposition, ExpositionError, parsed
from daemon.listening import address_of
from daemon.mesh import Mesh
from daemon.service import Node

ECHO = "selftest_echo"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def said(port: int, request: bytes) -> bytes:
    """All that is answered, until the other side hangs up; whom it has no room for it may cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 3 * PATIENCE_S)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.fixture
def unheard(tmp_path: Path) -> Iterator[Node]:
    """A node that does not run: enough to be asked about."""
    settings = {"node.state_dir": str(tmp_path), "node.id": "home", "work.capabilities": ""}
    env = {f"FORGEBUS_{key.replace('.', '__').upper()}": text for key, text in settings.items()}
    node = Node(config.load(None, env))
    yield node
    node._journal.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n\r\n", 200),
        (b"HEAD /metrics HTTP/1.1\r\nHost: [::1]:9464\r\n\r\n", 200),
        (b"GET /metrics?x=/../ HTTP/1.0\r\n\r\n", 200),
        (b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 405),
        (b"GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.evil.example:9464\r\n\r\n", 421),
        (b"hello\r\n\r\n", 400),
        (b"GET /metrics HTTP/2\r\nHost: localhost\r\n\r\n", 400),
        (b"GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\xff\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nnonsense\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"x" * 100_000, 431),
    ],
)
async def test_each_request_has_its_status(unheard: Node, request_: bytes, status: int) -> None:
    listen = free_port()
    with Exposition(ObservabilityConfig(listen=f"127.0.0.1:{listen}"), unheard.observer):
        answer = await said(listen, request_)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert b"\r\nConnection: close" in head
    assert bool(body) == (not request_.startswith(b"HEAD"))
    assert (b"\r\nAllow: GET, HEAD" in head) == (status == 405)


async def test_a_loop_that_stands_still_is_told(
    unheard: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposition, "ANSWER_S", 0.3)
    listen = free_port()
    with Exposition(ObservabilityConfig(listen=f"127.0.0.1:{listen}"), unheard.observer):
        asked = asyncio.create_task(asyncio.to_thread(blocking, listen))
        await asyncio.sleep(0.1)
        time.sleep(2.0)  # noqa: ASYNC251 - the fault that is looked for
        answer = await asked
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'"loop":"has not turned for 0.3 s"' in answer


def blocking(port: int) -> bytes:
    """Asked in another thread, a little later than its caller begins to block."""
    time.sleep(0.3)
    return asyncio.run(said(port, HEALTH))


async def test_slow_and_many_clients_cost_the_node_nothing(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    """Sixty connections that say little or nothing: a task is done beside them, and they are hung up on."""
    listen = free_port()
    settings = {"observability__listen": f"127.0.0.1:{listen}"}
    node = NodeProcess(tmp_path, broker.port, "home", (ECHO,), **settings)
    node.start()
    writers: list[asyncio.StreamWriter] = []
    try:
        async with Mesh(port=broker.port, home="home") as mesh, asyncio.timeout(60):
            await on_the_bus(mesh, "home")
            await eventually(lambda: "observable" in node.log(), "nothing is served")
            before = psutil.Process(node.pid).num_fds()
            began = time.monotonic()
            readers = []
            for _ in range(60):
                reader, writer = await asyncio.open_connection("127.0.0.1", listen)
                writer.write(b"GET /metrics HTTP/1.1\r\n")
                readers.append(reader)
                writers.append(writer)
            answers = asyncio.gather(*(r.read() for r in readers), return_exceptions=True)
            refused = await said(listen, HEALTH)
            assert refused[:13] in {b"", b"HTTP/1.1 503 "}, "there is no room"
            assert (await (await mesh.submit(ECHO, "x")).final()).outcome is Outcome.DONE
            for _ in range(3):
                for writer in writers[:CONNECTIONS]:
                    writer.write(b"X: y\r\n")  # a line now and then buys no more time
                await asyncio.sleep(1.0)
            told = await answers
            assert time.monotonic() - began < 4 * PATIENCE_S
            late = [answer for answer in told if isinstance(answer, bytes) and b" 408 " in answer]
            assert len(late) == CONNECTIONS
            await asyncio.sleep(LINGER_S)
            assert (await said(listen, HEALTH)).startswith(b"HTTP/1.1 200 ")
            worker = 3  # pipes and the like of the one worker that the task has started
            await eventually(
                lambda: psutil.Process(node.pid).num_fds() <= before + worker, "handles are left"
            )
    finally:
        for writer in writers:
            writer.close()
        node.kill()


def test_a_node_that_nobody_watches_loads_nothing_for_it() -> None:
    program = (
        "import sys, daemon.service, daemon.cli_node\n"
        "print({'prometheus_client', 'daemon.exposition', 'daemon.metrics'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_a_request_is_read_as_it_is() -> None:
    request = parsed(b"GET /metrics?a=1 HTTP/1.1\r\nHOST: LocalHost:80\r\nAccept: x\r\n\r\n")
    assert request == ("GET", "/metrics", "LocalHost:80", "x")


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:9464", "192.168.1.5:9464", "[::]:9464", "[fe80::1]:9464"]
)
def test_beyond_this_machine_must_be_meant(listen: str) -> None:
    overrides: dict[str, object] = {"observability.listen": listen}
    with pytest.raises(ConfigError, match="allow_remote"):
        config.load(None, {}, overrides)
    loaded = config.load(None, {}, overrides | {"observability.allow_remote": True})
    assert loaded.observability.listen == listen


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        ("9464", "an IP address and a port"),
        ("attic:9464", "an IP address and a port"),
        ("127.0.0.1", "an IP address and a port"),
        ("127.0.0.1:99999", "a port is 1 to 65535"),
        ("127.0.0.1:0", "a port is 1 to 65535"),
        ("127.0.0.900:9464", "127.0.0.900"),
    ],
)
def test_an_address_that_is_none_is_refused(listen: str, words: str) -> None:
    with pytest.raises(ConfigError, match="listen") as caught:
        config.load(None, {}, {"observability.listen": listen})
    assert words in str(caught.value)


@pytest.mark.parametrize("listen", ["localhost:9464", "127.0.0.1:9464", "[::1]:9464", ""])
def test_loopback_and_nothing_need_no_word(listen: str) -> None:
    loaded = config.load(None, {}, {"observability.listen": listen}).observability
    assert loaded.listen == listen
    if listen:
        assert address_of(loaded.listen) in {("127.0.0.1", 9464), ("::1", 9464)}


async def test_an_address_that_cannot_be_had_is_said(unheard: Node) -> None:
    there = ObservabilityConfig(listen="192.0.2.1:9464", allow_remote=True)
    with (
        pytest.raises(ExpositionError, match=r"192\.0\.2\.1:9464.*listen"),
        Exposition(there, unheard.observer),
    ):
        pass
