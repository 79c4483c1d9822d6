"""Is the node well? Asked of its parts themselves, now: the broker by a message, the disk by a write.

What a part last said of itself is not taken for an answer: a frozen broker keeps its connection, and a full disk is
noticed by nobody who has nothing to write. A write is a row that the same transaction deletes; it is
on the disk all the same, so an answer of the last `FRESH_S` stands for whoever asks more often.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from daemon.actions import FACT, Forget, Save
from daemon.bus import Bus
from daemon.journal import Journal

FRESH_S, PATIENCE_S = 2.0, 2.0
_ROW = (Save(FACT, "checkup", 1, "", b""), Forget(FACT, "checkup"))


@dataclass(frozen=True, slots=True)
class Health:
    """How the node was at `at` (monotonic): seconds that each part took, None where none was heard.

    `faults` say by part (`node`, `broker`, `journal`) what is wrong; none is good.
    """

    at: float
    broker_s: float | None
    journal_s: float | None
    faults: dict[str, str]


class Checkup:
    """Examines one node. `fault` says what is wrong with the node itself, or "". For the loop's thread."""

    def __init__(self, bus: Bus, journal: Journal, fault: Callable[[], str]) -> None:
        self._bus = bus
        self._journal = journal
        self._fault = fault
        self._one = asyncio.Lock()
        self._writing: asyncio.Future[float | None] | None = None
        self._latest: Health | None = None

    async def look(self) -> Health:
        """At most `FRESH_S` old; takes at most `PATIENCE_S`."""
        async with self._one:
            if self._latest is None or time.monotonic() - self._latest.at > FRESH_S:
                self._latest = await self._look()
            return self._latest

    async def _look(self) -> Health:
        faults: dict[str, str] = {}
        broker_s, journal_s = await asyncio.gather(self._ask_broker(faults), self._write(faults))
        if own := self._fault():
            faults["node"] = own
        return Health(time.monotonic(), broker_s, journal_s, faults)

    async def _ask_broker(self, faults: dict[str, str]) -> float | None:
        answered: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        if not self._bus.linked or not self._bus.ping(_once(answered)):
            faults["broker"] = f"no link: {self._bus.trouble or 'not yet connected'}"
            return None
        taken = await _within(answered)
        if taken is None:
            faults["broker"] = f"no answer within {PATIENCE_S:g} s"
        return taken

    async def _write(self, faults: dict[str, str]) -> float | None:
        """Behind everything that waits to be written; a write that hangs is waited for, not repeated."""
        began = time.perf_counter()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_future()
            ended = _once(self._writing)
            self._journal.commit(
                _ROW, lambda: ended(time.perf_counter() - began), lambda _error: ended(None)
            )
        taken = await _within(self._writing)
        if taken is None:
            faults["journal"] = self._journal.fault or f"a write takes longer than {PATIENCE_S:g} s"
        return taken


def _once(future: asyncio.Future[float | None]) -> Callable[[float | None], None]:
    """Sets it, unless nobody waits any more; None is a failure."""

    def answer(value: float | None) -> None:
        if not future.done():
            future.set_result(value)

    return answer


async def _within(future: asyncio.Future[float | None]) -> float | None:
    await asyncio.wait((future,), timeout=PATIENCE_S)
    return future.result() if future.done() else None
