"""The contractor's side of one attempt.

                    a slot is free                      worker ends            verdict
    award ─▶ WAITING ───── pure ──────────────▶ RUNNING ───────────▶ DONE ───────────▶ gone
               │                                  ▲   (result on disk, sent again until judged)
               │ once                             │
               └──────▶ PREPARED ── go ───────────┘ "begun" is on disk before the effect
                        (on disk; claim sent again)

    WAITING, PREPARED ── stop, deadline, 80 % of a lease unheard ──▶ gone, with a refusal
    RUNNING           ── stop ──▶ halted (a `once` effect that has begun is never halted)

After a restart: PREPARED is refused (it has not begun), RUNNING of a `once` task is reported as unknown
(nobody can know), DONE is sent again; a WAITING or running pure attempt left no trace and the home's
lease runs out. `step` is pure; see `daemon.contractor` for all contracts of a node.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import CONTRACT, Action, Forget, Halt, Run, Save, Send

LEASE_SHARE = 0.8
"""A contractor treats a lease as over this early, because the two clocks differ."""
CLAIM_REPEAT_S = 1.0
RESTARTED = "restarted before it began"
RESULT_REPEAT_MAX_S = 30.0
OUTBOX_S = 7 * 86_400.0


class Phase(StrEnum):
    """Where an attempt stands with its contractor."""

    WAITING = "waiting"
    PREPARED = "prepared"
    RUNNING = "running"
    DONE = "done"


BUSY = (Phase.PREPARED, Phase.RUNNING)
"""Phases that hold a slot."""


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, with what is needed to run it and to tell of it. Instants are monotonic seconds."""

    home: str
    award: m.Award
    work_ms: float
    """What it was expected to take, without the wait."""
    received: float
    phase: Phase = Phase.WAITING
    rev: int = 0
    begun: float = 0.0
    claimant: str = ""
    """The boot that asked for the claim of a `once` attempt: a grant is for it alone."""
    due: float | None = None
    tells: int = 0
    unwanted: bool = False
    """Stopped while it ran; its result goes nowhere."""
    fraction: float = 0.0
    result: m.Result | None = None

    @property
    def key(self) -> str:
        """Unique per home, task and attempt."""
        return contract_key(self.home, self.award.task, self.award.attempt)

    @property
    def deadline(self) -> float:
        """When nobody wants the result any more."""
        return self.received + self.award.deadline_ms / 1000

    def left_ms(self, now: float, pace: float) -> float:
        """What a running attempt would still take alone, where it takes `pace` times as long now.

        By its own progress when it tells, else by its promise.
        """
        elapsed = max(0.0, now - self.begun) * 1000 / pace
        if self.fraction > 0.05:
            return elapsed / self.fraction - elapsed
        return max(self.work_ms - elapsed, 0.0)


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the journal holds of a contract: enough to report it, never its content."""

    home: str
    task: str
    attempt: int
    once: bool = False
    claimant: str = ""
    finished: float = 0.0
    result: m.Result | None = None

    @staticmethod
    def from_state(state: bytes, shift_s: float) -> "Kept":
        """A row of the journal, its instant moved into this life of the machine's clock."""
        kept = msgspec.json.decode(state, type=Kept)
        return replace(kept, finished=kept.finished + shift_s) if kept.finished else kept


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot is free for it."""


@dataclass(frozen=True, slots=True)
class Again:
    """The home repeats the award: tell it where we stand. So does a grant of what has begun."""

    boot: str


@dataclass(frozen=True, slots=True)
class Going:
    """The claim of one process life is granted."""

    boot: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The home no longer wants it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The worker ended."""

    result: m.Result


@dataclass(frozen=True, slots=True)
class Judged:
    """The home has the result."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """We give it back: draining, or frozen for longer than a lease."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


Event = Slot | Again | Going | Stopped | Finished | Judged | Dropped | Tick
Turn = tuple[Contract | None, list[Action]]


def contract_key(home: str, task: str, attempt: int) -> str:
    """The key of an attempt: `<home>/<sender>/<id>/<attempt>`."""
    return f"{home}/{task}/{attempt}"


def step(contract: Contract, event: Event, boot: str, now: float) -> Turn:
    """One event on one contract; None instead of a contract when it is gone."""
    match event:
        case Slot() if contract.phase is Phase.WAITING:
            return _begin(contract, boot, now)
        case Again(life):
            return _again(contract, life, now)
        case Going(life) if contract.phase is Phase.PREPARED and life == contract.claimant:
            return _go(contract, now)
        case Going() if contract.phase in (Phase.RUNNING, Phase.DONE):
            return _again(contract, boot, now)
        case Stopped():
            return _stop(contract)
        case Finished(result) if contract.phase is Phase.RUNNING:
            return _finished(contract, result, now)
        case Judged() if contract.phase is Phase.DONE:
            return None, [Forget(CONTRACT, contract.key)]
        case Dropped(reason) if contract.phase in (Phase.WAITING, Phase.PREPARED):
            return _refuse(contract, reason)
        case Tick():
            return _tick(contract, boot, now)
        case _:
            return contract, []


def revived(kept: Kept, phase: str, now: float) -> tuple[Contract | None, list[Action]]:
    """What a restarted contractor does about a row of the life before."""
    if phase == Phase.PREPARED:
        whose = kept.claimant or None
        refuse = m.Refuse(task=kept.task, attempt=kept.attempt, reason=RESTARTED, boot=whose)
        key = contract_key(kept.home, kept.task, kept.attempt)
        return None, [Forget(CONTRACT, key), Send(kept.home, refuse)]
    result = kept.result or m.Result(
        task=kept.task,
        attempt=kept.attempt,
        outcome=Outcome.UNKNOWN,
        error="the node stopped after the effect was allowed to begin",
    )
    award = m.Award(
        task=kept.task,
        attempt=kept.attempt,
        capability="gone",
        content=msgspec.Raw(b"null"),
        lease_ms=0,
        deadline_ms=0,
        once=kept.once or kept.result is None,
    )
    finished = kept.finished or now
    contract = Contract(
        home=kept.home,
        award=award,
        work_ms=0.0,
        received=finished,
        phase=Phase.DONE,
        rev=10,
        begun=finished,
        result=result,
    )
    if kept.result is None:
        return _send(contract, now, save=True)
    return _send(contract, now, save=False)


def _begin(contract: Contract, boot: str, now: float) -> Turn:
    if now >= contract.deadline:
        return _refuse(contract, "its deadline passed while it waited here")
    if not contract.award.once:
        return replace(contract, phase=Phase.RUNNING, begun=now, due=None), [
            Run(contract.home, contract.award)
        ]
    contract = replace(
        contract,
        phase=Phase.PREPARED,
        rev=contract.rev + 1,
        begun=now,
        claimant=boot,
        due=now + CLAIM_REPEAT_S,
    )
    return contract, [_saved(contract), _claim(contract, boot)]


def _go(contract: Contract, now: float) -> Turn:
    """Begin, unless so much time went by that the home may think us dead."""
    if _lease_over(contract, now):
        return _refuse(contract, "the claim was granted too late")
    contract = replace(contract, phase=Phase.RUNNING, rev=contract.rev + 1, begun=now, due=None)
    return contract, [_saved(contract), Run(contract.home, contract.award)]


def _again(contract: Contract, boot: str, now: float) -> Turn:
    match contract.phase:
        case Phase.DONE:
            return _send(contract, now, save=False)
        case Phase.PREPARED:
            return contract, [_claim(contract, boot)]
        case _:
            return contract, [started(contract, boot)]


def _stop(contract: Contract) -> Turn:
    match contract.phase:
        case Phase.RUNNING if not contract.award.once:
            halt = Halt(contract.home, contract.award.task, contract.award.attempt)
            return replace(contract, unwanted=True), [halt]
        case Phase.RUNNING:
            return contract, []
        case Phase.DONE if contract.award.once:
            return contract, []
        case Phase.WAITING | Phase.PREPARED:
            return _refuse(contract, "stopped before it began")
        case _:
            return None, [Forget(CONTRACT, contract.key)]


def _finished(contract: Contract, result: m.Result, now: float) -> Turn:
    if contract.unwanted:
        return None, []
    contract = replace(contract, phase=Phase.DONE, begun=now, fraction=1.0, result=result)
    return _send(contract, now, save=True)


def _send(contract: Contract, now: float, *, save: bool) -> Turn:
    """The result, from disk, and again with growing pauses until it is judged."""
    result = contract.result
    if result is None:
        return None, [Forget(CONTRACT, contract.key)]
    pause = min(2.0**contract.tells, RESULT_REPEAT_MAX_S)
    contract = replace(contract, tells=min(contract.tells + 1, 10), due=now + pause)
    actions: list[Action] = [Send(contract.home, result)]
    if save:
        contract = replace(contract, rev=contract.rev + 1)
        actions.insert(0, _saved(contract))
    return contract, actions


def _tick(contract: Contract, boot: str, now: float) -> Turn:
    if contract.due is None or now < contract.due:
        return contract, []
    match contract.phase:
        case Phase.PREPARED if _lease_over(contract, now):
            return _refuse(contract, "no answer to its claim")
        case Phase.PREPARED:
            return replace(contract, due=now + CLAIM_REPEAT_S), [_claim(contract, boot)]
        case Phase.DONE if now - contract.begun > OUTBOX_S:
            return None, [Forget(CONTRACT, contract.key)]
        case Phase.DONE:
            return _send(contract, now, save=False)
        case _:
            return replace(contract, due=None), []


def _lease_over(contract: Contract, now: float) -> bool:
    return now - contract.begun > LEASE_SHARE * contract.award.lease_ms / 1000


def _refuse(contract: Contract, reason: str) -> Turn:
    """Give it back. What was on disk goes first, so that it can never begin afterwards."""
    refuse = m.Refuse(
        task=contract.award.task,
        attempt=contract.award.attempt,
        reason=reason,
        boot=contract.claimant or None,
    )
    forget = [Forget(CONTRACT, contract.key)] if contract.phase is Phase.PREPARED else []
    return None, [*forget, Send(contract.home, refuse)]


def started(contract: Contract, boot: str) -> Send:
    """Tell the home that its award arrived."""
    award = contract.award
    return Send(contract.home, m.Started(task=award.task, attempt=award.attempt, boot=boot))


def _claim(contract: Contract, boot: str) -> Send:
    award = contract.award
    return Send(contract.home, m.Claim(task=award.task, attempt=award.attempt, boot=boot))


def _saved(contract: Contract) -> Save:
    kept = Kept(
        home=contract.home,
        task=contract.award.task,
        attempt=contract.award.attempt,
        once=contract.award.once,
        claimant=contract.claimant,
        finished=contract.begun,
        result=contract.result,
    )
    return Save(CONTRACT, contract.key, contract.rev, contract.phase, msgspec.json.encode(kept))
