"""Group commit: one thread writes all that has gathered since it last wrote, and the loop is told.

Entries go through in the order they were put, and their callbacks run in the loop in that order. If
the disk fails, those that may be refused are, at once; all others are tried again, with a back-off and
fewer at a time, until they are written, and what comes later waits behind them. Only quarantined
messages, which anybody can cause, are then dropped when too many wait already.

D. DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984.
"""

import threading
import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple

import structlog

from daemon.actions import Row

GIVE_UP_S = 2.0
"""How long `close` goes on trying to write to a disk that fails."""

REFUSED_WAITING = 1000
"""Quarantined messages that may wait for a disk that fails, of at most 4 KB of payload each."""


class WriteError(Exception):
    """Nothing of a group reached the disk; the message says why."""


class Entry(NamedTuple):
    """One commit. With `failed` it may be refused; `refused` are the values of a quarantined message."""

    rows: tuple[Row, ...]
    refused: tuple[object, ...] | None
    then: Callable[[], None] | None
    failed: Callable[[Exception], None] | None
    error: Exception | None = None

    @property
    def is_barrier(self) -> bool:
        """Whether it only waits for those before it."""
        return not self.rows and self.refused is None


class GroupCommit:
    """The queue, the thread that empties it, and the way back into the loop.

    `write(entries, probe)` writes a group as one transaction or raises WriteError. It is called in
    the thread; as a probe, when the disk has failed and nothing may be left to write, it must find
    out whether the disk has healed. All methods are for the loop's thread.
    """

    def __init__(self, write: Callable[[Sequence[Entry], bool], None]) -> None:
        self.healthy = True
        self.ended = False
        self.fault = ""
        self._write = write
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._settled: deque[Entry] = deque()
        self._pending = 0
        self._refused = 0
        self._dropped = 0
        self._closing = threading.Event()
        self._give_up_at = 0.0
        self._lost = 0
        self._loop: AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self, loop: AbstractEventLoop) -> None:
        """Start the thread; callbacks run in `loop`."""
        self._loop = loop
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Queue it. Ignored once closed.

        Settled here and now is a barrier with nothing before it, and a quarantined message that is
        one too many for a disk that fails.
        """
        if self._closing.is_set():
            return
        if (entry.is_barrier and not self._pending) or self._drop(entry):
            if entry.then is not None:
                entry.then()
            return
        self._pending += 1
        self._refused += entry.refused is not None
        self._queue.put(entry)

    def close(self) -> int:
        """Write what is queued, run what waited for it, end the thread; how many were not written."""
        self._give_up_at = time.monotonic() + GIVE_UP_S
        self._closing.set()
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._settle()
        return self._lost

    def _drop(self, entry: Entry) -> bool:
        """Whether it is a quarantined message beyond what may wait; counted, and said once."""
        if entry.refused is None or self.healthy or self._refused < REFUSED_WAITING:
            return False
        if not self._dropped:
            _log.warning("quarantine-full", waiting=self._refused, fault=self.fault)
        self._dropped += 1
        return True

    def _run(self) -> None:
        """Should the thread end of a defect, the owner sees a journal that is not healthy."""
        try:
            self._write_all()
        finally:
            if not self._closing.is_set():
                self.fault, self.healthy = "its writer has ended: restart the node", False
                self.ended = True

    def _write_all(self) -> None:
        """Gather, write, hand back; after a failure keep what must be kept, and try less at once."""
        waiting: list[Entry] = []
        delay, most = 0.0, _GROUP
        while waiting or not (self._closing.is_set() and self._queue.empty()):
            self._gather(waiting, delay)
            group = waiting[:most]
            try:
                self._write(group, not self.healthy)
            except WriteError as error:
                self.fault, self.healthy = str(error), False
                dropped = [entry for entry in waiting if entry.failed is not None]
                waiting = [entry for entry in waiting if entry.failed is None]
                self._hand_back([entry._replace(error=error) for entry in dropped])
                delay = min(max(0.05, delay * 2), 1.0)
                most = max(1, len(group) // 2)
                if self._closing.is_set() and time.monotonic() > self._give_up_at:
                    self._lost = len(waiting)
                    return
            else:
                self.fault, self.healthy = "", True
                waiting = waiting[most:]
                delay, most = 0.0, min(_GROUP, most * 2)
                self._hand_back(group)

    def _gather(self, waiting: list[Entry], delay: float) -> None:
        """Add what has been queued to what is still to be written; waits for something to do."""
        if delay:
            if self._closing.wait(delay):
                time.sleep(0.05)
        elif not waiting and (first := self._queue.get()) is not None:
            waiting.append(first)
        while len(waiting) < _GROUP:
            try:
                entry = self._queue.get_nowait()
            except Empty:
                break
            if entry is not None:
                waiting.append(entry)

    def _hand_back(self, entries: Sequence[Entry]) -> None:
        self._settled.extend(entries)
        if self._loop is not None and entries:
            try:
                self._loop.call_soon_threadsafe(self._settle)
            except RuntimeError:  # the loop is closed: `close` settles
                return

    def _settle(self) -> None:
        try:
            while self._settled:
                entry = self._settled.popleft()
                self._pending -= 1
                self._refused -= entry.refused is not None
                if entry.error is not None and entry.failed is not None:
                    entry.failed(entry.error)
                elif entry.then is not None:
                    entry.then()
        finally:
            if self._settled and self._loop is not None:  # a callback raised: the rest still runs
                self._loop.call_soon(self._settle)
        if self._dropped and self.healthy:
            _log.warning("quarantine-dropped", messages=self._dropped)
            self._dropped = 0


_log = structlog.get_logger()
_GROUP = 1000
