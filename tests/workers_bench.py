"""Workers of a node for tests, and everything they have said."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from daemon.config import WorkConfig
from daemon.worker_jobs import Done, Job
from daemon.workers import Workers

MODELS = Path(__file__).resolve().parent.parent / "models"


class Bench:
    """Workers, and everything they have said."""

    def __init__(
        self,
        *,
        slots: int = 1,
        batch: int = 4,
        idle_s: float = 300.0,
        memory_mb: int = 300,
        models: Path = MODELS,
    ) -> None:
        self.warmed: list[frozenset[str]] = []
        self.chunks: list[tuple[str, int, str, float | None]] = []
        self.done: dict[str, Done] = {}
        self._changed = asyncio.Event()
        self.workers = Workers(
            WorkConfig(
                slots=slots,
                batch=batch,
                worker_idle_s=idle_s,
                memory_limit_mb=memory_mb,
                models_dir=models,
            ),
            on_chunk=self._chunk,
            on_done=self._end,
            on_warm=self.warmed.append,
        )
        self._running = asyncio.create_task(self.workers.run())

    def submit(
        self, key: str, capability: str = "selftest_work", limit_s: float = 30.0, **content: object
    ) -> None:
        payload = json.dumps(content).encode()
        self.workers.submit(Job(key, capability, payload, 16, limit_s))

    async def run(
        self, key: str, capability: str = "selftest_work", limit_s: float = 30.0, **content: object
    ) -> Done:
        self.submit(key, capability, limit_s, **content)
        return await self.ended(key)

    def heard(self) -> set[str]:
        """The jobs that have streamed something."""
        return {key for key, *_ in self.chunks}

    async def ended(self, key: str) -> Done:
        await self.until(lambda: key in self.done)
        return self.done[key]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def settled(self, condition: Callable[[], bool]) -> None:
        """For what no callback tells."""
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - other processes make it true
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])
        assert self._running.cancelled()

    def _chunk(self, key: str, seq: int, text: str, fraction: float | None) -> None:
        assert key not in self.done
        self.chunks.append((key, seq, text, fraction))
        self._changed.set()

    def _end(self, key: str, done: Done) -> None:
        assert key not in self.done
        self.done[key] = done
        self._changed.set()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.stop()
    assert children() == []


def children() -> list[int]:
    return [child.pid for child in psutil.Process().children() if is_worker(child)]


def is_worker(process: psutil.Process) -> bool:
    try:
        return "daemon.worker_main" in process.cmdline()
    except psutil.Error:  # gone, or a zombie, between the two looks
        return False


def pid_of(done: Done) -> int:
    assert done.result is not None
    pid = json.loads(done.result)["pid"]
    assert isinstance(pid, int)
    return pid
