"""`forgebus top` on a real bus: one frame, one object, and a terminal that is left as it was."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from broker_fixture import BrokerProcess, eventually, free_port
from cli_call import FORGEBUS, ROOT, Called, clean_environment, finished
from node_process import NodeProcess, on_the_bus

from daemon.mesh import Mesh

WORK = "selftest_work"


@pytest.fixture
def nodes(tmp_path: Path, broker: BrokerProcess) -> Iterator[list[NodeProcess]]:
    made = [
        NodeProcess(tmp_path, broker.port, "attic", (WORK,)),
        NodeProcess(tmp_path, broker.port, "desk"),
    ]
    for node in made:
        node.start()
    yield made
    for node in made:
        node.kill()


async def test_frames_show_nodes_queue_and_what_runs(
    broker: BrokerProcess, nodes: list[NodeProcess]
) -> None:
    async with Mesh(port=broker.port, home="desk") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "attic", "desk")
        running = await mesh.submit(WORK, {"ms": 60_000, "steps": 600}, stream=True, id="long")
        async for _ in running:
            break
        told: list[Called] = await asyncio.gather(
            *(asyncio.to_thread(finished, "top", how, "--port", broker.port) for how in HOWS)
        )
        await running.cancel()
    as_object, as_text = told
    assert (as_object.code, as_text.code) == (0, 0), told
    frame = as_object.json
    assert frame["linked"] is True
    assert [(node["id"], node["online"], node["running"]) for node in frame["nodes"]] == [
        ("attic", True, 1),
        ("desk", True, 0),
    ]
    (one,) = frame["running"]
    named = (one["task"], one["node"], one["home"], one["capability"], one["attempt"])
    assert named == ("app/long", "attic", "desk", WORK, 1)
    assert "app/long" in as_text.out
    assert "1/1" in as_text.out
    assert "\x1b" not in as_text.out


HOWS = ("--json", "--once")


def test_without_a_bus_it_is_one_line() -> None:
    finished("top", "--port", free_port()).fails(4, "no MQTT broker")


async def test_it_lives_in_a_terminal_and_leaves_it_as_it_was(
    broker: BrokerProcess, nodes: list[NodeProcess]
) -> None:
    """80 columns by 24 lines, as over ssh; left by q, by Ctrl-C and by a signal."""
    async with Mesh(port=broker.port, home="desk") as mesh, asyncio.timeout(120):
        await on_the_bus(mesh, "attic", "desk")
        leaves: tuple[bytes | signal.Signals, ...] = (b"q", b"\x03", signal.SIGTERM)
        for number, leave in enumerate(leaves):
            await looked_at(mesh, broker.port, f"seen-{number}", leave)


async def looked_at(mesh: Mesh, port: int, task: str, leave: bytes | signal.Signals) -> None:
    """One look, in which a task comes and goes."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    process = in_terminal(theirs, port)
    os.set_blocking(ours, False)
    shown = Shown(ours)
    try:
        await eventually(lambda: b"attic" in shown(), "nothing is drawn", 30)
        assert b"\x1b[?1049h" in shown(), "the screen of before is kept aside"
        await (await mesh.submit(WORK, {"ms": 1}, id=task)).final()
        await eventually(lambda: f"app/{task}".encode() in shown(), "it does not go on", 30)
        if isinstance(leave, bytes):
            os.write(ours, leave)
        else:
            process.send_signal(leave)
        await eventually(lambda: ended(process, shown), "it did not leave", 30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert b"\x1b[?1049l" in shown()
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    os.close(ours)


class Shown:
    """All that came to the terminal so far."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._text = b""

    def __call__(self) -> bytes:
        try:
            while more := os.read(self._terminal, 65_536):
                self._text += more
        except BlockingIOError:
            pass
        return self._text


def ended(process: subprocess.Popen[bytes], shown: Callable[[], bytes]) -> bool:
    """Read on, or it could not write its last words."""
    shown()
    time.sleep(0.01)
    return process.poll() is not None


def in_terminal(terminal: int, port: int) -> subprocess.Popen[bytes]:
    """The command in a session that this terminal controls, so that Ctrl-C reaches it."""
    return subprocess.Popen(
        ["setsid", "--ctty", *FORGEBUS, "top", "--port", str(port)],
        cwd=ROOT,
        env=clean_environment() | {"TERM": "xterm"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
