"""A job, what it cost, how it ended; and what `daemon.workers` remembers of each job and each process."""

import time
from asyncio import TimerHandle
from dataclasses import dataclass, field
from typing import Literal

from daemon.model_files import Look
from daemon.worker_frames import Ended
from daemon.worker_process import WorkerProcess

CANCELLED = "cancelled"


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


@dataclass(frozen=True, slots=True)
class Resident:
    """One process as it is now: what it has loaded, how many jobs it runs, its size in MiB."""

    pid: int
    capabilities: frozenset[str]
    jobs: int
    rss_mb: float
    pss_mb: float


@dataclass(eq=False, slots=True)
class Attempt:
    """A job on its way. `stopping` says why it is being stopped, once it is.

    `looked` is what the model's files looked like when it was handed to a process that had to load them,
    and `again` how often it was handed on because that could not. `evicted`: what it runs on is given back
    once it has ended.
    """

    job: Job
    load_only: bool = False
    submitted: float = field(default_factory=time.perf_counter)
    handed: float = 0.0
    worker: "Worker | None" = None
    timer: TimerHandle | None = None
    stopping: str = ""
    looked: Look = ()
    again: int = 0
    evicted: bool = False

    @property
    def queue_ms(self) -> float:
        """How long it has waited."""
        return (self.handed - self.submitted) * 1000


@dataclass(eq=False, slots=True)
class Worker:
    """One process and what it is doing.

    `retired` gets no more jobs and goes when those that it has are done. With `instead_of` it is being
    made ready to take that one's place, and gets none yet. `versions` are those of the models that
    it was told to load, `used` when each of its capabilities was last asked for.
    """

    process: WorkerProcess = field(init=False)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    ready: float = 0.0
    idle_since: float = field(default_factory=time.monotonic)
    retired: bool = False
    killed_for: str = ""
    instead_of: "Worker | None" = None
    versions: dict[str, str] = field(default_factory=dict)
    used: dict[str, float] = field(default_factory=dict)

    def is_free(self) -> bool:
        """Whether it may be given any job."""
        return self.counts() and not self.attempts and self.process.is_usable()

    def counts(self) -> bool:
        """Whether it is one of the node's slots: not on its way in or out."""
        return not self.retired and self.instead_of is None

    def has(self, capability: str) -> bool:
        """Whether it has it loaded, and goes on."""
        return self.counts() and self.process.is_usable() and capability in self.process.loaded

    def holds(self) -> frozenset[str]:
        """What it has loaded, and what it was told to."""
        asked = (attempt.job.capability for attempt in self.attempts.values())
        return frozenset((*self.process.loaded, *asked))

    def resident(self) -> Resident:
        """What there is of it now."""
        process, jobs = self.process, len(self.attempts)
        return Resident(process.pid, frozenset(process.loaded), jobs, *process.sizes_mb())

    def may_join(self, capability: str, most: int) -> bool:
        """Whether it runs such jobs, fewer than `most`, and will go on to do so."""
        running = self.attempts.values()
        alike = all(each.job.capability == capability and not each.load_only for each in running)
        fits = 0 < len(running) < most
        return fits and alike and self.counts() and self.process.is_usable()

    def retire(self) -> None:
        """Give it no more jobs; when it has none it goes."""
        self.retired = True
        if not self.attempts:
            self.process.kill()

    def kill_for(self, attempt: Attempt) -> None:
        """End the process because one of its jobs does not stop."""
        how = attempt.stopping
        why = "was cancelled and went on" if how == CANCELLED else how
        self.killed_for = f"its worker was ended for another task, which {why}"
        self.process.kill()


def ended(attempt: Attempt, ready: float, frame: Ended) -> Done:
    """How an attempt ended, as its process says; `ready` is when that was up."""
    spent = Usage(
        queue_ms=attempt.queue_ms,
        load_ms=frame.load_ms + max(0.0, ready - attempt.handed) * 1000,
        run_ms=frame.run_ms,
        prefill_tokens=frame.prefill_tokens,
        prefill_s=frame.prefill_s,
        decode_tokens=frame.decode_tokens,
        decode_s=frame.decode_s,
        others_s=frame.others_s,
    )
    if frame.outcome != "done":
        return stopped(attempt, frame.error, frame.code, spent, frame.model)
    return Done("done", frame.result, model=frame.model, usage=spent, abstained=frame.abstained)


def stopped(attempt: Attempt, error: str, code: str, spent: Usage, model: str = "") -> Done:
    """The end of an attempt without a result; the reason it was stopped for goes first."""
    if attempt.stopping == CANCELLED:
        return Done("cancelled", error=CANCELLED, model=model, usage=spent)
    return Done("failed", None, (attempt.stopping or error)[:500], code or "failed", model, spent)
