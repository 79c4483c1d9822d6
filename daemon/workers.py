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

A process keeps what it has loaded until it is idle for long, or `evict` is asked for, or room is
needed for another model: then those used longest ago go first. Models whose folder is replaced are
renewed: a fresh process loads what one of the old ones has, and takes its place if it can; the old one ends what
it runs. If it cannot, the old one stays, and jobs go to it until the folder is mended.

`daemon.worker_process` is one process as the parent has it, `daemon.worker_main` what runs inside.
"""

import asyncio
import time
from asyncio import AbstractEventLoop, TaskGroup
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

import structlog

from daemon.config import WorkConfig
from daemon.model_files import ModelFiles
from daemon.worker_frames import Cancel, Chunk, Ended, FromWorker, Load, Ready, Run, Unload
from daemon.worker_jobs import (
    CANCELLED,
    Attempt,
    Done,
    Job,
    Resident,
    Usage,
    Worker,
    ended,
    stopped,
)
from daemon.worker_process import WorkerProcess
from daemon.worker_room import least_used, together
from handlers.protocol import Unavailable

GRACE_S = 1.0
"""Between asking a handler to stop and killing its process."""
WATCH_EVERY_S = 0.5
RENEW_EVERY_S = 2.0
"""Between two looks at the folders of the models that are loaded."""
TRIES, AGAIN_S = 3, 0.2
"""How often, and how soon, a job is handed on whose model was being replaced when it should be loaded."""


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
        self._files = ModelFiles(config.models_dir)
        self._on_chunk = on_chunk
        self._on_done = on_done
        self._on_warm = on_warm
        self._attempts: dict[str, Attempt] = {}
        self._queue: deque[Attempt] = deque()
        self._workers: list[Worker] = []
        self._kept: frozenset[str] = frozenset()
        self._faults: dict[str, str] = {}
        self._renewed_at = 0.0
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
            self._enqueue(Attempt(job))

    def cancel(self, key: str) -> None:
        """Nobody wants this attempt any more; an unknown key is no matter."""
        attempt = self._attempts.get(key)
        if attempt is not None and not attempt.stopping:
            self._stop(attempt, CANCELLED)

    def preload(self, capabilities: Iterable[str]) -> None:
        """Load these before a job needs them, and keep one process each that has them loaded."""
        wanted = frozenset(capabilities)
        self._kept |= wanted
        for capability in sorted(wanted):
            if not self._having(capability):
                self._load(capability)

    def evict(self, capabilities: Iterable[str]) -> None:
        """Give back what these have loaded, once the jobs that use it are done; keep them no longer."""
        unwanted = frozenset(capabilities)
        self._kept -= unwanted
        for worker in tuple(self._workers):
            self._unload(worker, unwanted & worker.holds())

    def warm(self) -> frozenset[str]:
        """The capabilities that some living process has loaded."""
        return frozenset(name for worker in self._workers for name in worker.process.loaded)

    def loading(self) -> frozenset[str]:
        """The capabilities that are being loaded without a job that needs them."""
        return frozenset(each.job.capability for each in self._attempts.values() if each.load_only)

    def faults(self) -> dict[str, str]:
        """Why each capability could not be loaded, of those that were to be, the last time."""
        return dict(self._faults)

    def resident(self) -> list[Resident]:
        """The processes as they are now."""
        there = (worker for worker in self._workers if worker.process.pid)
        return [worker.resident() for worker in there if worker.attempts or not worker.retired]

    def _load(self, capability: str) -> None:
        job = Job(f"preload {capability}", capability, b"", 0, _PRELOAD_LIMIT_S)
        if job.key not in self._attempts:
            self._enqueue(Attempt(job, load_only=True))

    def _enqueue(self, attempt: Attempt) -> None:
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

    def _pick(self, capability: str) -> Worker | None:
        idle = [worker for worker in self._workers if worker.is_free()]
        for worker in idle:
            if capability in worker.process.loaded:
                return worker
        if self._may_load(capability):
            if idle:
                return idle[0]
            if sum(worker.counts() for worker in self._workers) < self._slots:
                return self._start()
        most = together(capability, self._batch)
        joinable = [worker for worker in self._workers if worker.may_join(capability, most)]
        return min(joinable, key=lambda worker: len(worker.attempts), default=None)

    def _may_load(self, capability: str) -> bool:
        """Not while what is on the disk is another version than what is loaded: it may be damaged."""
        having = [worker.versions.get(capability) for worker in self._having(capability)]
        if not having:
            return True
        there = self._files.version(capability)
        return there in having and not self._files.is_refused(capability)

    def _having(self, capability: str) -> list[Worker]:
        """The processes that have it loaded and go on."""
        return [worker for worker in self._workers if worker.has(capability)]

    def _start(self) -> Worker:
        worker = Worker()
        worker.process = WorkerProcess(
            self._models_dir, self._memory_limit_mb, self._threads, partial(self._hear, worker)
        )
        self._workers.append(worker)
        if self._group is not None:
            self._group.create_task(self._live(worker))
        self._started.set()
        return worker

    async def _live(self, worker: Worker) -> None:
        how = await worker.process.live()
        self._workers.remove(worker)
        self._on_warm(self.warm())
        if not worker.attempts and not worker.retired:
            _log.warning("an idle worker is gone", pid=worker.process.pid, how=how)  # not its words
        if worker.instead_of is not None and worker.attempts:
            self._not_renewed(next(iter(worker.attempts.values())).job.capability)
        error = worker.killed_for or f"its worker {how}{worker.process.last_words()}"
        for attempt in worker.attempts.values():
            spent = Usage(attempt.queue_ms, 0.0, (time.perf_counter() - attempt.handed) * 1000)
            self._settle(attempt, stopped(attempt, error, "", spent))
        worker.attempts.clear()
        self._dispatch_soon()

    def _hand(self, attempt: Attempt, worker: Worker) -> None:
        job = attempt.job
        attempt.worker = worker
        worker.attempts[job.key] = attempt
        attempt.handed = worker.used[job.capability] = time.perf_counter()
        if job.capability not in worker.process.loaded:
            attempt.looked = self._files.look(job.capability)
            worker.versions[job.capability] = self._files.version(job.capability)
            self._unload(
                worker, least_used(worker, job.capability, self._memory_limit_mb, self._kept)
            )
        if self._loop is not None:
            late = f"exceeded its limit of {job.limit_s:g} s"
            attempt.timer = self._loop.call_later(job.limit_s, self._stop, attempt, late)
        if attempt.load_only:
            worker.process.send(Load(job.key, job.capability))
        else:
            worker.process.send(Run(job.key, job.capability, job.content, job.max_tokens))

    def _unload(self, worker: Worker, capabilities: frozenset[str]) -> None:
        if not capabilities:
            return
        worker.process.loaded -= capabilities
        for attempt in worker.attempts.values():
            attempt.evicted = attempt.evicted or attempt.job.capability in capabilities
        if not worker.process.loaded and not worker.attempts:
            worker.retire()
        else:
            for capability in sorted(capabilities):
                worker.process.send(Unload(capability))
        _log.info("evicted", capabilities=sorted(capabilities), pid=worker.process.pid)
        self._on_warm(self.warm())

    def _stop(self, attempt: Attempt, why: str) -> None:
        """Ask a running attempt to stop, and kill its process if it does not; take off a queued one."""
        attempt.stopping = attempt.stopping or why
        if self._loop is None:
            return
        if attempt.worker is None:
            if attempt in self._queue:
                self._queue.remove(attempt)
            self._loop.call_soon(self._settle, attempt, stopped(attempt, why, "", Usage()))
            return
        if attempt.timer is not None:
            attempt.timer.cancel()
        attempt.worker.process.send(Cancel(attempt.job.key))
        attempt.timer = self._loop.call_later(GRACE_S, attempt.worker.kill_for, attempt)

    def _hear(self, worker: Worker, frame: FromWorker) -> None:
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

    def _end(self, worker: Worker, attempt: Attempt, frame: Ended) -> None:
        worker.idle_since = time.monotonic()
        worker.retired = worker.retired or frame.last
        if not frame.loaded and frame.code == Unavailable.code and self._hand_on(attempt):
            return
        if frame.loaded and not attempt.evicted:
            self._loaded(worker, attempt.job.capability)
        done = ended(attempt, worker.ready, frame)
        self._settle(attempt, done)
        if worker.instead_of is not None:
            self._renewing(worker, attempt.job.capability, done)
        elif worker.retired or (attempt.evicted and not worker.process.loaded):
            worker.retire()
        self._dispatch_soon()

    def _loaded(self, worker: Worker, capability: str) -> None:
        if capability not in worker.process.loaded:
            worker.process.loaded.add(capability)
            self._faults.pop(capability, None)
            self._on_warm(self.warm())

    def _hand_on(self, attempt: Attempt) -> bool:
        """Whether a job whose model could not be loaded is for another process, or another try."""
        capability = attempt.job.capability
        if attempt.load_only or attempt.stopping or attempt.again >= TRIES:
            return False
        if self._having(capability):
            self._files.refuse(capability)
        elif not self._files.is_changing(capability, attempt.looked):
            return False
        if attempt.timer is not None:
            attempt.timer.cancel()
        attempt.worker, attempt.again = None, attempt.again + 1
        if self._loop is not None:
            self._loop.call_later(AGAIN_S, self._requeue, attempt)
        self._dispatch_soon()
        return True

    def _requeue(self, attempt: Attempt) -> None:
        if not attempt.stopping:
            self._queue.appendleft(attempt)
            self._dispatch_soon()

    def _settle(self, attempt: Attempt, done: Done) -> None:
        if attempt.timer is not None:
            attempt.timer.cancel()
        del self._attempts[attempt.job.key]
        if not attempt.load_only:
            self._on_done(attempt.job.key, done)
        elif done.outcome == "failed":
            self._faults[attempt.job.capability] = done.error
            _log.warning("not loaded", capability=attempt.job.capability, error=done.error)

    def _watch(self) -> None:
        """Kill what grew too large; end what has been idle for long enough; renew what is outdated."""
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
                worker.retire()
        if now - self._renewed_at >= RENEW_EVERY_S:
            self._renewed_at = now
            self._renew()
        if not self._workers:
            self._started.clear()

    def _is_kept(self, worker: Worker) -> bool:
        """Whether this process alone has something loaded that is to be kept, or cannot be had again."""
        others = (w.process.loaded for w in self._workers if w is not worker and not w.retired)
        alone = worker.process.loaded.difference(*others)
        return bool(self._kept & alone) or not all(map(self._files.can_be_had, alone))

    def _renew(self) -> None:
        """Start a process in the place of one that has a model loaded which was replaced, one at a time."""
        resting = set(filter(self._files.at_rest, self.warm()))
        replaced = {
            worker: [
                capability
                for capability in sorted(worker.process.loaded & resting)
                if self._files.replaced(capability, worker.versions.get(capability, ""))
            ]
            for worker in self._workers
            if worker.counts()
        }
        if any(worker.instead_of is not None for worker in self._workers):
            return
        outdated = next((worker for worker, names in replaced.items() if names), None)
        if outdated is None:
            return
        fresh = self._start()
        fresh.instead_of = outdated
        # What was replaced goes first: if it cannot be loaded, nothing else need be.
        others = sorted(outdated.process.loaded - set(replaced[outdated]))
        for capability in replaced[outdated] + list(filter(self._files.can_be_had, others)):
            job = Job(f"renew {id(fresh)} {capability}", capability, b"", 0, _PRELOAD_LIMIT_S)
            attempt = self._attempts[job.key] = Attempt(job, load_only=True)
            self._hand(attempt, fresh)

    def _renewing(self, fresh: Worker, capability: str, done: Done) -> None:
        """One of the models is loaded, or cannot be."""
        outdated = fresh.instead_of
        if done.outcome != "done":
            self._not_renewed(capability)
            for other in fresh.attempts.values():
                other.stopping = CANCELLED
            fresh.instead_of, fresh.retired = None, True
            fresh.process.kill()
        elif not fresh.attempts and outdated is not None:
            fresh.instead_of = None
            taken = frozenset(fresh.process.loaded)
            if outdated.process.loaded <= taken:
                outdated.retire()
            else:  # it keeps what cannot be had again
                self._unload(outdated, taken & outdated.process.loaded)
            _log.info("renewed", capabilities=sorted(taken), pid=fresh.process.pid)

    def _not_renewed(self, capability: str) -> None:
        """What is on the disk is not tried again until it is something else."""
        self._files.refuse(capability)
        _log.warning("not renewed; what was loaded before stays", capability=capability)


_PRELOAD_LIMIT_S = 120.0
_log = structlog.get_logger()
