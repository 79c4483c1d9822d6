"""One task as its home knows it: the order (what was asked, never changes) and the task (how it stands).

Both are values. The order is written to the journal once, at acceptance; the task is small and written
again at every change that a promise hangs on. Instants are seconds of the monotonic clock.
"""

from enum import StrEnum
from typing import TypeVar

import msgspec
from msgspec import Raw

from bus_topics.codec import MAX_BYTES
from bus_topics.messages import (
    DAY_MS,
    Answer,
    Bid,
    Decision,
    Features,
    Final,
    OptionalRaw,
    Outcome,
    Preference,
    Provenance,
    Report,
    Step,
    Submit,
    TaskRecord,
    Timing,
)

MAX_STEPS = 200
MAX_DECISIONS = 60
T = TypeVar("T")

HANDOFF_RESERVE_S = 0.1
"""An abstention that is kept while others try is told so long before the deadline, to be there in time."""

BYTES_PER_TOKEN = 4
"""English text in a byte-pair vocabulary of 8,192; only a size for pricing."""


class Phase(StrEnum):
    """Where a task stands; the drawing is in `daemon.auction`."""

    RECEIVED = "received"
    QUEUED = "queued"
    OFFERED = "offered"
    AWARDED = "awarded"
    RUNNING = "running"
    FINAL = "final"
    CLOSED = "closed"


ENDED = (Phase.FINAL, Phase.CLOSED)
HELD = (Phase.AWARDED, Phase.RUNNING)


class ReplyTo(msgspec.Struct, frozen=True):
    """Where an app that is no requester wants its answer."""

    topic: str
    correlation: str = ""
    """Hexadecimal, because a correlation is any bytes and this is stored as JSON."""

    @staticmethod
    def to(topic: str, correlation: bytes | None) -> "ReplyTo":
        """With the correlation as it came over the bus."""
        return ReplyTo(topic, (correlation or b"").hex())

    def correlation_data(self) -> bytes:
        """The correlation as it goes over the bus."""
        return bytes.fromhex(self.correlation)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, by whom, and where the answer goes (None: the sender's inbox)."""

    sender: str
    submit: Submit
    received: float
    preference: Preference
    max_attempts: int
    reply: ReplyTo | None = None
    handoff: bool = False
    """Whether an abstention goes on to a better node; a task of a release without it stays as it was."""

    @property
    def key(self) -> str:
        """`<sender>/<id>`: ids live in the sender's name space."""
        return f"{self.sender}/{self.submit.id}"

    @property
    def deadline(self) -> float:
        """Monotonic instant at which the task expires."""
        return self.received + self.submit.deadline_ms / 1000


def features_of(content: Raw, max_tokens: int) -> Features:
    """What an offer may tell of the content, and what a contractor plans with: its size."""
    size = len(bytes(content))
    return Features(bytes=size, tokens=max(1, size // BYTES_PER_TOKEN), max_tokens=max_tokens)


class Given(msgspec.Struct, frozen=True):
    """One award that was made: which attempt, to whom, for an answer of what quality."""

    attempt: int
    node: str
    quality: float = 0.0


class Abstention(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first abstention, which is the end if nobody better answers; and what to know of all so far."""

    node: str
    result: OptionalRaw = None
    model: str = ""
    version: str = ""
    timing: Timing | None = None
    attempts: tuple[int, ...]
    """Those that abstained, the first one first."""
    above: float
    """The best quality among them; the task goes on only to a better one."""
    words: str
    """Who abstained last and why, in words that everyone may see."""


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a task stands. Changed only by `daemon.auction`, by making a new one."""

    phase: Phase = Phase.RECEIVED
    rev: int = 1
    due: float | None = None
    """When the task wants its next `Tick`; None while it only waits for messages."""
    # the round
    auction: str = ""
    window_ms: int = 0
    rounds: int = 0
    offered: float = 0.0
    """When the round was called for: no bid in it knows of what was awarded later."""
    bids: dict[str, Bid] = {}
    idle: bool = False
    """Everyone known to be capable has declined: the round goes on and takes no place from others."""
    ranking: tuple[str, ...] = ()
    decided: float = 0.0
    """When the ranking was made; a runner-up's price holds for its `hold_ms` from then on."""
    # the attempt in hand
    attempt: int = 0
    contractor: str = ""
    boot: str = ""
    promised_ms: float | None = None
    """The eta that its bid promised; None when it was awarded without one."""
    awarded: float = 0.0
    lease_end: float = 0.0
    given: tuple[Given, ...] = ()
    early: int = 0
    """How many attempts were given up before their lease was over; they do not count as attempts."""
    claimed: int = 0
    """The one attempt that may begin the effect of a `once` task; 0 while none."""
    claimed_boot: str = ""
    silent: bool = False
    """A claimed attempt has outlived one lease unheard; after a second one nobody can know."""
    cancelled: bool = False
    abstention: Abstention | None = None
    """What is told if nobody better answers; None while nobody has abstained."""
    # the end
    outcome: Outcome | None = None
    result: OptionalRaw = None
    error: str = ""
    dead: bool = False
    kept: int = 0
    """The attempt whose result was kept."""
    node: str = ""
    model: str = ""
    version: str = ""
    """The release of that node, as its card told it then."""
    timing: Timing | None = None
    finished: float = 0.0
    tells: int = 0
    """How often the final was sent."""
    # the story
    decisions: tuple[Decision, ...] = ()
    steps: tuple[Step, ...] = ()


def given(task: Task, attempt: int, node: str) -> Given | None:
    """The award of this attempt to this node; None when it was never made."""
    return next((one for one in task.given if (one.attempt, one.node) == (attempt, node)), None)


def ends_by(order: Order, task: Task) -> float:
    """The instant at which the task is ended, whatever it has come to."""
    return order.deadline - (0.0 if task.abstention is None else HANDOFF_RESERVE_S)


def to_state(task: Task) -> bytes:
    """A task as the journal's bytes; what a restart forgets anyway is left out."""
    return _encoder.encode(msgspec.structs.replace(task, bids={}) if task.bids else task)


def from_state(state: bytes) -> Task:
    """The inverse of `to_state`."""
    return _task_decoder.decode(state)


def to_body(order: Order) -> bytes:
    """An order as the journal's bytes."""
    return _encoder.encode(order)


def from_body(body: bytes) -> Order:
    """The inverse of `to_body`."""
    return _order_decoder.decode(body)


def shifted(order: Order, task: Task, by: float) -> tuple[Order, Task]:
    """Both with every instant moved by `by` seconds, after the machine's clock began anew."""
    if by == 0.0:
        return order, task
    replace = msgspec.structs.replace
    return replace(order, received=order.received + by), replace(
        task,
        offered=task.offered + by,
        decided=task.decided + by,
        awarded=task.awarded + by,
        lease_end=task.lease_end + by,
        finished=task.finished + by,
        due=None,
    )


def final_of(order: Order, task: Task) -> Final:
    """The message that tells the requester how it ended."""
    return Final(
        id=order.submit.id,
        outcome=task.outcome or Outcome.UNKNOWN,
        result=task.result,
        error=task.error,
        node=task.node or None,
        model=task.model,
        attempts=task.attempt,
        elapsed_ms=since_ms(order, task.finished),
        provenance=provenance_of(order, task) if order.submit.provenance else None,
    )


def provenance_of(order: Order, task: Task) -> Provenance | None:
    """What the end of a task comes from; None where no attempt of a node's was kept."""
    if not task.kept or not task.node:
        return None
    return Provenance(
        node=task.node,
        handler=order.submit.capability,
        attempt=task.kept,
        model=task.model,
        version=task.version,
    )


def answer_of(order: Order, task: Task) -> Answer:
    """The same for an app that is no requester."""
    final = final_of(order, task)
    return Answer(
        id=final.id,
        outcome=final.outcome,
        result=final.result,
        error=final.error,
        node=final.node,
        model=final.model,
        elapsed_ms=final.elapsed_ms,
        provenance=provenance_of(order, task),
    )


def record_of(order: Order, task: Task, now: float, *, brief: bool = False) -> TaskRecord:
    """The whole story without the content; `brief` leaves out decisions and steps."""
    return TaskRecord(
        task=order.key,
        capability=order.submit.capability,
        state=task.phase.value,
        outcome=task.outcome,
        error=task.error,
        preference=order.preference,
        privacy=order.submit.privacy,
        once=order.submit.once,
        priority=order.submit.priority,
        node=(task.node or task.contractor) or None,
        model=task.model,
        attempts=task.attempt,
        age_ms=since_ms(order, now),
        elapsed_ms=since_ms(order, task.finished) if task.outcome else 0.0,
        timing=task.timing,
        decisions=() if brief else task.decisions,
        steps=() if brief else task.steps,
    )


def since_ms(order: Order, now: float) -> float:
    """How long ago the task was received, within what a message can tell: a home may be away for months."""
    return min(max(0.0, round((now - order.received) * 1000, 3)), 30.0 * DAY_MS)


def noted(
    order: Order, task: Task, now: float, kind: str, node: str = "", detail: str = ""
) -> Task:
    """The task with one more step in its story."""
    step = Step(
        at_ms=since_ms(order, now),
        kind=kind,
        node=node or None,
        attempt=task.attempt,
        detail=detail[:500],
    )
    return msgspec.structs.replace(task, steps=told(task.steps, step, MAX_STEPS))


def told(story: tuple[T, ...], latest: T, limit: int) -> tuple[T, ...]:
    """A story with its latest part; one that grows too long loses its middle."""
    if len(story) < limit:
        return (*story, latest)
    half = limit // 2
    return (*story[:half], *story[half - limit + 1 :], latest)


def fitted(report: Report) -> Report:
    """The report, cut down until it fits a message.

    Of many tasks the oldest go; of one task first the bids of the decisions made longest ago, then the
    middle of its steps and decisions.
    """
    while report.tasks and len(_encoder.encode(report)) > MAX_BYTES:
        fewer = report.tasks[: len(report.tasks) * 3 // 4] or (_shorter(report.tasks[0]),)
        report = msgspec.structs.replace(report, tasks=fewer)
    return report


def _shorter(record: TaskRecord) -> TaskRecord:
    """Without the bids of the earlier half of the decisions that show any; else of half the length."""
    replace = msgspec.structs.replace
    shown = [at for at, decision in enumerate(record.decisions) if decision.bids]
    if len(shown) > 1:
        bare = shown[: len(shown) // 2]
        return replace(
            record,
            decisions=tuple(
                replace(decision, bids=()) if at in bare else decision
                for at, decision in enumerate(record.decisions)
            ),
        )
    return replace(record, decisions=_ends(record.decisions), steps=_ends(record.steps))


def _ends(story: tuple[T, ...]) -> tuple[T, ...]:
    """The first and the last quarter."""
    quarter = (len(story) + 3) // 4
    return (*story[:quarter], *story[max(quarter, len(story) - quarter) :])


_encoder = msgspec.json.Encoder()
_task_decoder = msgspec.json.Decoder(Task)
_order_decoder = msgspec.json.Decoder(Order)
