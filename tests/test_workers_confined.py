"""What a handler may not have, and what it may not tell: ceilings, secrets, other people's words."""

from __future__ import annotations

import os
import select
import signal
import socket
from pathlib import Path

import pytest
from broker_fixture import eventually
from structlog.testing import capture_logs
from workers_bench import MODELS, Bench

from bus_topics import codec
from daemon.worker_main import MEMORY_SLACK_MB, MOST_FILES, _Call, _Worker
from handlers.protocol import HandlerError

LOUD = """
import sys
if any("worker_main" in word for word in sys.orig_argv):
    from handlers import selftest
    quiet = selftest.Workload.run
    def loud(self, content, call):
        print("it said", selftest.read_content(content, selftest.Work, "note").note, flush=True)
        return quiet(self, content, call)
    selftest.Workload.run = loud
"""


def proc(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


async def test_what_was_printed_for_one_task_is_told_to_no_other_and_not_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(LOUD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    bench = Bench()
    with capture_logs() as logs:
        assert (await bench.run("a", note="my diary")).outcome == "done"
        done = await bench.run("b", note="aloud", crash="exit")
        assert (await bench.run("c", note="my diary")).outcome == "done"
        (one,) = (each for each in bench.workers.resident() if not each.jobs)
        os.kill(one.pid, signal.SIGSEGV)
        await eventually(lambda: "an idle worker is gone" in str(logs), "it was not told")
    await bench.stop()
    assert done.error.endswith("its last words: it said aloud")
    assert "diary" not in str(logs)


async def test_a_worker_is_given_no_secret_of_the_nodes_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLOUD_TOKEN", "hunter2")
    monkeypatch.setenv("FORGEBUS_BROKER__PASSWORD_FILE", "/somewhere")
    bench = Bench()
    await bench.run("a")
    (one,) = bench.workers.resident()
    given = proc(one.pid, "environ")
    await bench.stop()
    assert b"OMP_NUM_THREADS" in given
    assert [
        word for word in (b"CLOUD", b"hunter2", b"FORGEBUS", b"/somewhere") if word in given
    ] == []


async def test_every_handler_runs_under_ceilings_that_it_cannot_raise() -> None:
    """They are set before any handler is known, and a child of its own has them too."""
    bench = Bench(memory_mb=300)
    await bench.run("a")
    (one,) = bench.workers.resident()
    lines = proc(one.pid, "limits").decode().splitlines()[1:]
    await bench.stop()
    limits = {line[4:25].strip(): line[26:].split()[:2] for line in lines}
    ceiling = str((300 + MEMORY_SLACK_MB) * 2**20)
    assert limits["data size"] == limits["file size"] == [ceiling, ceiling]
    assert limits["open files"] == [str(MOST_FILES)] * 2
    assert limits["core file size"] == ["0", "0"]


def test_a_handler_cannot_stream_without_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        call = _Call(_Worker(theirs, MODELS), "a", 16)
        for _ in range(codec.MAX_CONTENT // 1000):
            call.emit("x" * 1000)
            while select.select([ours], [], [], 0)[0]:
                ours.recv(65_536)
        with pytest.raises(HandlerError, match="streamed more than"):
            call.emit("x" * 1000)
