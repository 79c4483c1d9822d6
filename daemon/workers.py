"""Processes that run handlers, kept warm; what goes wrong in one is one attempt's failure, no more.

A job waits in the queue until a process is free: one that has its capability loaded, else any, else
a new one while there are fewer than `slots`. If there is none, it joins a process that runs its
capability, as long as that is computed together there (`handlers.catalog.Entry.together`) and fewer are in
it than `batch`. Nothing overtakes the head of the queue, so what can join no one is not kept waiting
by those that can. Without jobs there are no processes. From then on

    queued ──handed to a process──> running ──Ended──────────────────> done | failed | cancelled
      │                                │ cancel() or limit_s: Cancel, a second of grace, SIGKILL
      └──cancel()──> cancelled         └──the process ends, whatever the reason──> failed

Of jobs that run together each streams, ends and is cancelled by itself. A process that ends takes all of
them along, and each of them fails: also where it had to be killed for what one of them did. They are
not run again here, since their requesters may have had part of an answer; another attempt is the
home's to give.

`daemon.worker_process` is one process as the parent has it, `daemon.worker_main` what runs inside.
"""

import asyncio
import time
from asyncio import AbstractEventLoop, TaskGroup, TimerHandle
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import structlog

from daemon.config import WorkConfig
from daemon.worker_frames import Cancel, Chunk, Ended, FromWorker, Load, Ready, Run
from daemon.worker_process import WorkerProcess
from handlers.catalog import CATALOG

GRACE_S = 1.0
"""Between asking a handler to stop and killing its process."""
WATCH_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt to be run. `key` is unique per attempt; `limit_s` covers loading and running."""

    key: str
    capability: str
    content: bytes
    max_tokens: int
    limit_s: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What an attempt cost, measured: milliseconds of each step, tokens and seconds in the model.

    Its seconds are a fair share of what was computed together; `others_s` went to the others.
    """

    queue_ms: float = 0.0
    load_ms: float = 0.0
    run_ms: float = 0.0
    prefill_tokens: int = 0
    prefill_s: float = 0.0
    decode_tokens: int = 0
    decode_s: float = 0.0
    others_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """How an attempt ended. `code` is "" or the handler's: "bad_input" will fail anywhere.

    `abstained` says that the result is no answer, in the words of `bus_topics.abstention`.
    """

    outcome: Literal["done", "failed", "cancelled"]
    result: bytes | None = None
    error: str = ""
    code: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    abstained: str = ""


def together(capability: str, batch: int) -> int:
    """How many such jobs one process takes at once, where the node's configuration says `batch`."""
    entry = CATALOG.get(capability)
    return 1 if entry is None else min(entry.together, batch)


class Workers:
    """The worker processes of one node. Methods and callbacks are for the loop's thread.

    For every job: `on_chunk(key, seq, text, fraction)` for what it streams, `on_done` exactly once at
    the end, unless `run` is cancelled before. `on_warm` gets the loaded capabilities whenever they
    change. No callback is made from inside `submit` or `cancel`.
    """

    def __init__(
        self,
        config: WorkConfig,
        *,
        on_chunk: Callable[[str, int, str, float | None], None],
        on_done: Callable[[str, Done], None],
        on_warm: Callable[[frozenset[str]], None],
    ) -> None:
        self._slots = config.slots
        self._batch = config.batch
        self._idle_s = config.worker_idle_s
        self._memory_limit_mb = config.memory_limit_mb
        self._threads = config.threads
        self._models_dir = config.models_dir
        self._on_chunk = on_chunk
        self._on_done = on_done
        self._on_warm = on_warm
        self._attempts: dict[str, _Attempt] = {}
        self._queue: deque[_Attempt] = deque()
        self._workers: list[_Worker] = []
        self._kept: frozenset[str] = frozenset()
        self._loop: AbstractEventLoop | None = None
        self._group: TaskGroup | None = None
        self._dispatching = False
        self._started = asyncio.Event()

    async def run(self) -> None:
        """Own the processes until cancelled; none is left behind. What is queued already begins."""
        self._loop = asyncio.get_running_loop()
        try:
            async with TaskGroup() as self._group:
                self._dispatch()
                while True:
                    await self._started.wait()
                    await asyncio.sleep(WATCH_EVERY_S)
                    self._watch()
        finally:
            self._group = None

    def submit(self, job: Job) -> None:
        """Queue the job. A key that is here already is not taken a second time."""
        if job.key not in self._attempts:
            self._enqueue(_Attempt(job))

    def cancel(self, key: str) -> None:
        """Nobody wants this attempt any more; an unknown key is no matter."""
        attempt = self._attempts.get(key)
        if attempt is not None and not attempt.stopping:
            self._stop(attempt, _CANCELLED)

    def preload(self, capabilities: Iterable[str]) -> None:
        """Load these before a job needs them, and keep one process each that has them loaded."""
        self._kept = frozenset(capabilities)
        for capability in sorted(self._kept):
            job = Job(f"preload {capability}", capability, b"", 0, _PRELOAD_LIMIT_S)
            if job.key not in self._attempts:
                self._enqueue(_Attempt(job, load_only=True))

    def warm(self) -> frozenset[str]:
        """The capabilities that some living process has loaded."""
        return frozenset(name for worker in self._workers for name in worker.process.loaded)

    def _enqueue(self, attempt: "_Attempt") -> None:
        self._attempts[attempt.job.key] = attempt
        self._queue.append(attempt)
        self._dispatch_soon()

    def _dispatch_soon(self) -> None:
        """Hand jobs out in the loop's next turn: never from inside a caller's own call."""
        if self._loop is not None and not self._dispatching:
            self._dispatching = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatching = False
        while self._queue and self._group is not None:
            worker = self._pick(self._queue[0].job.capability)
            if worker is None:
                return
            self._hand(self._queue.popleft(), worker)

    def _pick(self, capability: str) -> "_Worker | None":
        idle = [worker for worker in self._workers if worker.is_free()]
        for worker in idle:
            if capability in worker.process.loaded:
                return worker
        if idle:
            return idle[0]
        if len(self._workers) < self._slots:
            return self._start()
        most = together(capability, self._batch)
        joinable = [worker for worker in self._workers if worker.may_join(capability, most)]
        return min(joinable, key=lambda worker: len(worker.attempts), default=None)

    def _start(self) -> "_Worker":
        worker = _Worker()
        worker.process = WorkerProcess(
            self._models_dir, self._memory_limit_mb, self._threads, partial(self._hear, worker)
        )
        self._workers.append(worker)
        if self._group is not None:
            self._group.create_task(self._live(worker))
        self._started.set()
        return worker

    async def _live(self, worker: "_Worker") -> None:
        how = await worker.process.live()
        self._workers.remove(worker)
        self._on_warm(self.warm())
        if not worker.attempts and not worker.retired:
            _log.warning("an idle worker is gone", pid=worker.process.pid, how=how)
        error = worker.killed_for or f"its worker {how}"
        for attempt in worker.attempts.values():
            spent = Usage(attempt.queue_ms, 0.0, (time.perf_counter() - attempt.handed) * 1000)
            self._settle(attempt, _stopped(attempt, error, "", spent))
        worker.attempts.clear()
        self._dispatch_soon()

    def _hand(self, attempt: "_Attempt", worker: "_Worker") -> None:
        job = attempt.job
        attempt.worker = worker
        worker.attempts[job.key] = attempt
        attempt.handed = time.perf_counter()
        if self._loop is not None:
            late = f"exceeded its limit of {job.limit_s:g} s"
            attempt.timer = self._loop.call_later(job.limit_s, self._stop, attempt, late)
        if attempt.load_only:
            worker.process.send(Load(job.key, job.capability))
        else:
            worker.process.send(Run(job.key, job.capability, job.content, job.max_tokens))

    def _stop(self, attempt: "_Attempt", why: str) -> None:
        """Ask a running attempt to stop, and kill its process if it does not; take off a queued one."""
        attempt.stopping = attempt.stopping or why
        if self._loop is None:
            return
        if attempt.worker is None:
            self._queue.remove(attempt)
            self._loop.call_soon(self._settle, attempt, _stopped(attempt, why, "", Usage()))
            return
        if attempt.timer is not None:
            attempt.timer.cancel()
        attempt.worker.process.send(Cancel(attempt.job.key))
        attempt.timer = self._loop.call_later(GRACE_S, attempt.worker.kill_for, attempt)

    def _hear(self, worker: "_Worker", frame: FromWorker) -> None:
        match frame:
            case Ready():
                worker.ready = time.perf_counter()
            case Chunk(key, seq, text, fraction):
                if key in worker.attempts:
                    self._on_chunk(key, seq, text, fraction)
            case Ended():
                attempt = worker.attempts.pop(frame.key, None)
                if attempt is not None:
                    self._end(worker, attempt, frame)

    def _end(self, worker: "_Worker", attempt: "_Attempt", frame: Ended) -> None:
        worker.idle_since = time.monotonic()
        worker.retired = worker.retired or frame.last
        if frame.loaded and attempt.job.capability not in worker.process.loaded:
            worker.process.loaded.add(attempt.job.capability)
            self._on_warm(self.warm())
        spent = Usage(
            queue_ms=attempt.queue_ms,
            load_ms=frame.load_ms + max(0.0, worker.ready - attempt.handed) * 1000,
            run_ms=frame.run_ms,
            prefill_tokens=frame.prefill_tokens,
            prefill_s=frame.prefill_s,
            decode_tokens=frame.decode_tokens,
            decode_s=frame.decode_s,
            others_s=frame.others_s,
        )
        if frame.outcome == "done":
            done = Done(
                "done",
                frame.result,
                model=frame.model,
                usage=spent,
                abstained=frame.abstained,
            )
        else:
            done = _stopped(attempt, frame.error, frame.code, spent, frame.model)
        self._settle(attempt, done)
        self._dispatch_soon()

    def _settle(self, attempt: "_Attempt", done: Done) -> None:
        if attempt.timer is not None:
            attempt.timer.cancel()
        del self._attempts[attempt.job.key]
        if not attempt.load_only:
            self._on_done(attempt.job.key, done)
        elif done.outcome != "done":
            _log.warning("not preloaded", capability=attempt.job.capability, error=done.error)

    def _watch(self) -> None:
        """Kill what grew too large; end what has been idle for long enough."""
        now = time.monotonic()
        for worker in self._workers:
            large = worker.process.memory_mb() > self._memory_limit_mb
            if worker.attempts:
                if large:
                    why = f"needed more than the {self._memory_limit_mb} MB of memory it may have"
                    for attempt in worker.attempts.values():
                        attempt.stopping = attempt.stopping or why
                    worker.process.kill()
            elif large or (now - worker.idle_since >= self._idle_s and not self._is_kept(worker)):
                worker.retired = True
                worker.process.kill()
        if not self._workers:
            self._started.clear()

    def _is_kept(self, worker: "_Worker") -> bool:
        """Whether this process alone has something loaded that was to be kept."""
        others = (w.process.loaded for w in self._workers if w is not worker and not w.retired)
        return bool(self._kept & worker.process.loaded.difference(*others))


@dataclass(eq=False, slots=True)
class _Attempt:
    """A job on its way. `stopping` says why it is being stopped, once it is."""

    job: Job
    load_only: bool = False
    submitted: float = field(default_factory=time.perf_counter)
    handed: float = 0.0
    worker: "_Worker | None" = None
    timer: TimerHandle | None = None
    stopping: str = ""

    @property
    def queue_ms(self) -> float:
        return (self.handed - self.submitted) * 1000


@dataclass(eq=False, slots=True)
class _Worker:
    """One process and what it is doing. `retired` gets no more jobs and is about to be gone."""

    process: WorkerProcess = field(init=False)
    attempts: dict[str, _Attempt] = field(default_factory=dict)
    ready: float = 0.0
    idle_since: float = field(default_factory=time.monotonic)
    retired: bool = False
    killed_for: str = ""

    def is_free(self) -> bool:
        return not self.attempts and not self.retired and self.process.is_usable()

    def may_join(self, capability: str, most: int) -> bool:
        """Whether it runs such jobs, fewer than `most`, and will go on to do so."""
        running = self.attempts.values()
        alike = all(each.job.capability == capability and not each.load_only for each in running)
        fits = 0 < len(running) < most
        return fits and alike and not self.retired and self.process.is_usable()

    def kill_for(self, attempt: _Attempt) -> None:
        """End the process because one of its jobs does not stop."""
        how = attempt.stopping
        why = "was cancelled and went on" if how == _CANCELLED else how
        self.killed_for = f"its worker was ended for another task, which {why}"
        self.process.kill()


_CANCELLED = "cancelled"
_PRELOAD_LIMIT_S = 120.0
_log = structlog.get_logger()


def _stopped(attempt: _Attempt, error: str, code: str, spent: Usage, model: str = "") -> Done:
    """The end of an attempt without a result; the reason it was stopped for goes first."""
    if attempt.stopping == _CANCELLED:
        return Done("cancelled", error=_CANCELLED, model=model, usage=spent)
    return Done("failed", None, (attempt.stopping or error)[:500], code or "failed", model, spent)
