"""Every message of the bus: frozen, strict, bounded.

A message is a value. Its class is chosen by the topic it came on (`topics.TOPICS`), never by a field
inside, so the payload of one kind cannot pass for another. Fields that do not exist here are refused.
Durations are milliseconds and relative; no message carries a clock instant, because two nodes share
no clock. Content and results are `msgspec.Raw`: the bus carries them and never looks in.

Naming follows the Contract Net protocol (R. G. Smith, 1980) in the words of docs/protocol.md.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Raw

VERSION = 1

NODE_PATTERN = r"^[a-z0-9][a-z0-9-]{0,30}$(?!\n)"
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$(?!\n)"
CAPABILITY_PATTERN = r"^[a-z][a-z0-9_]{0,30}$(?!\n)"
TASK_PATTERN = r"^[a-z0-9][a-z0-9-]{0,30}/[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$(?!\n)"

NodeId = Annotated[str, Meta(pattern=NODE_PATTERN, description="login and name of one node or app")]
TaskId = Annotated[str, Meta(pattern=ID_PATTERN, description="the requester's own name for a task")]
TaskKey = Annotated[str, Meta(pattern=TASK_PATTERN, description="<sender>/<id>, unique on a home")]
Capability = Annotated[str, Meta(pattern=CAPABILITY_PATTERN, description="what a node can do")]
Boot = Annotated[str, Meta(pattern=r"^[0-9a-f]{8,32}$(?!\n)", description="one process life")]
Nonce = Annotated[str, Meta(pattern=r"^[0-9a-f]{8,32}$(?!\n)", description="one auction")]
if TYPE_CHECKING:
    OptionalRaw = Raw | None
else:  # msgspec reads `Raw | None` as "null and nothing else"; as Raw, a missing field stays None
    OptionalRaw = Raw
Model = Annotated[str, Meta(max_length=80)]
Reason = Annotated[str, Meta(max_length=500)]
Unit = Annotated[float, Meta(ge=0.0, le=1.0)]
Cost = Annotated[float, Meta(ge=0.0, le=1e9, description="in the owner's own currency units")]
DAY_MS = 86_400_000
Millis = Annotated[int, Meta(ge=0, le=30 * DAY_MS)]
Elapsed = Annotated[float, Meta(ge=0.0, le=30.0 * DAY_MS, description="measured milliseconds")]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Megabytes = Annotated[float, Meta(ge=0.0, le=1e9, description="of 2^20 bytes")]
Attempt = Annotated[int, Meta(ge=1, le=1000, description="fencing token: number of this award")]


class Preference(StrEnum):
    """How a home weighs bids; see `daemon.policy`."""

    LOCAL_FIRST = "local_first"
    FASTEST = "fastest"
    QUALITY_FIRST = "quality_first"
    DISTRIBUTED = "distributed"


class Privacy(StrEnum):
    """`private` content goes to the home itself or to its allow-listed nodes, to no other."""

    OPEN = "open"
    PRIVATE = "private"


class Outcome(StrEnum):
    """How a task ends; there is no other way."""

    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class RejectCode(StrEnum):
    """Why a submit was not taken. Only `busy` is worth sending again."""

    BUSY = "busy"
    CONFLICT = "conflict"
    DENIED = "denied"
    INVALID = "invalid"
    UNKNOWN_TASK = "unknown-task"


class Message(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Base of every message: the protocol version, and strictness."""

    v: Annotated[int, Meta(ge=1, le=1_000_000)] = VERSION


class Part(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Base of every value inside a message."""


# --- requester -> home ---------------------------------------------------------------------------


class Submit(Message, frozen=True):
    """Do this, please. Sent again under the same id until `Accepted`, `Rejected` or `Final`."""

    id: TaskId
    capability: Capability
    content: Raw
    preference: Preference | None = None
    privacy: Privacy = Privacy.OPEN
    once: bool = False
    """The task has an effect that must start at most once."""
    node: NodeId | None = None
    """Delegate to this node and no other."""
    deadline_ms: Annotated[int, Meta(ge=1, le=7 * DAY_MS)] = 60_000
    priority: Annotated[int, Meta(ge=0, le=9, description="9 is most urgent")] = 5
    max_attempts: Annotated[int, Meta(ge=1, le=20)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=32_768)] = 128
    min_quality: Unit = 0.0
    stream: bool = False
    handoff: bool | None = None
    """Whether an abstention goes on to a node with a better model; None leaves it to the home."""
    provenance: bool = False
    """Say with the final what it comes from. Asked for, because older requesters do not know the field."""
    negotiate: bool = False
    """Hold the auction, award nobody; the result is the decision that would have been made."""


class Get(Message, frozen=True):
    """Tell me of my task, or of my latest tasks; an operator may name any `task`."""

    task: TaskKey | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class Cancel(Message, frozen=True):
    """I no longer want it."""

    id: TaskId


class FinalAck(Message, frozen=True):
    """I have these finals; do not repeat them."""

    ids: Annotated[tuple[TaskId, ...], Meta(min_length=1, max_length=256)]


# --- home -> requester ---------------------------------------------------------------------------


class Accepted(Message, frozen=True):
    """It is on my disk and will end."""

    id: TaskId


class Rejected(Message, frozen=True):
    """I did not take it, or do not know it."""

    code: RejectCode
    id: TaskId | None = None
    reason: Reason = ""
    retry_after_ms: Millis = 0


class Progress(Message, frozen=True):
    """A streamed piece of the answer, or how far the work is. Contractor -> home -> requester.

    `seq` counts from 0 inside one attempt; a piece of a newer attempt starts the text anew.
    """

    task: TaskKey
    attempt: Attempt
    seq: Count
    text: Annotated[str, Meta(max_length=32_768)] = ""
    fraction: Unit | None = None


class Provenance(Part, frozen=True):
    """What a result comes from, as its home knows it.

    `node` is the login that the broker authenticated, `attempt` the award that it answers; `model` and
    `version` are what that node says of itself.
    """

    node: NodeId
    handler: Capability
    attempt: Attempt
    model: Model = ""
    version: Annotated[str, Meta(max_length=40, description="release of the node")] = ""


class Final(Message, frozen=True):
    """How the task ended; repeated until `FinalAck`."""

    id: TaskId
    outcome: Outcome
    result: OptionalRaw = None
    error: Reason = ""
    node: NodeId | None = None
    model: Model = ""
    attempts: Annotated[int, Meta(ge=0, le=1000)] = 0
    elapsed_ms: Elapsed = 0.0
    provenance: Provenance | None = None


# --- auction -------------------------------------------------------------------------------------


class Features(Part, frozen=True):
    """All that an offer tells of the content: its size."""

    bytes: Count
    tokens: Count
    max_tokens: Count = 0


class Offer(Message, frozen=True):
    """Who can do this, when and at what price? Carries no content."""

    task: TaskKey
    auction: Nonce
    capability: Capability
    features: Features
    deadline_ms: Millis
    window_ms: Millis
    privacy: Privacy = Privacy.OPEN
    min_quality: Unit = 0.0
    only: Annotated[tuple[NodeId, ...], Meta(max_length=64)] = ()
    """When not empty, only these nodes may bid."""


class Price(Part, frozen=True):
    """Where a bid's eta comes from, in milliseconds; their sum is `Bid.eta_ms`."""

    wait_ms: Elapsed = 0.0
    load_ms: Elapsed = 0.0
    prefill_ms: Elapsed = 0.0
    decode_ms: Elapsed = 0.0
    overhead_ms: Elapsed = 0.0


class Bid(Message, frozen=True):
    """My price; it binds nobody. With `declined` it says why there is none, so the round can close."""

    task: TaskKey
    auction: Nonce
    eta_ms: Elapsed = 0.0
    quality: Unit = 0.0
    cost: Cost = 0.0
    hold_ms: Millis = 0
    model: Model = ""
    warm: bool = False
    free_slots: Annotated[int, Meta(ge=0, le=10_000)] = 0
    price: Price = Price()
    declined: Reason = ""


# --- home -> contractor --------------------------------------------------------------------------


class Award(Message, frozen=True):
    """Attempt `attempt` is yours, with the content. Repeated until started, refused or resulted."""

    task: TaskKey
    attempt: Attempt
    capability: Capability
    content: Raw
    lease_ms: Millis
    deadline_ms: Millis
    max_tokens: Count = 0
    priority: Annotated[int, Meta(ge=0, le=9)] = 5
    once: bool = False
    stream: bool = False


class Go(Message, frozen=True):
    """The claim of this boot is on my disk; begin the effect. No other life of yours may."""

    task: TaskKey
    attempt: Attempt
    boot: Boot


class Stop(Message, frozen=True):
    """Give this attempt up; its result is no longer wanted."""

    task: TaskKey
    attempt: Attempt


class Settled(Part, frozen=True):
    """One attempt's result, judged."""

    task: TaskKey
    attempt: Attempt
    kept: bool


class Verdict(Message, frozen=True):
    """I have judged these results; empty your outbox of them."""

    settled: Annotated[tuple[Settled, ...], Meta(min_length=1, max_length=256)]


# --- contractor -> home --------------------------------------------------------------------------


class Started(Message, frozen=True):
    """I hold this attempt (queued or running) and list it in my beats from now on."""

    task: TaskKey
    attempt: Attempt
    boot: Boot


class Refuse(Message, frozen=True):
    """I will not run this attempt after all. `boot`: whose claim it takes back, where one was made."""

    task: TaskKey
    attempt: Attempt
    reason: Reason
    boot: Boot | None = None


class Claim(Message, frozen=True):
    """May I begin the effect of this `once` attempt?"""

    task: TaskKey
    attempt: Attempt
    boot: Boot


class Held(Part, frozen=True):
    """One attempt that a contractor still holds."""

    task: TaskKey
    attempt: Attempt
    fraction: Unit = 0.0


class Beat(Message, frozen=True):
    """I live, and hold these attempts of yours."""

    boot: Boot
    held: Annotated[tuple[Held, ...], Meta(max_length=1000)] = ()


class Timing(Part, frozen=True):
    """Where the contractor's time went, in milliseconds and tokens."""

    queue_ms: Elapsed = 0.0
    load_ms: Elapsed = 0.0
    run_ms: Elapsed = 0.0
    prefill_tokens: Count = 0
    decode_tokens: Count = 0


class Result(Message, frozen=True):
    """What became of an attempt; stays in the outbox and repeats until `Verdict`."""

    task: TaskKey
    attempt: Attempt
    outcome: Outcome
    result: OptionalRaw = None
    error: Reason = ""
    """With `done`: that the result is an abstention, in the form of `abstention.abstaining`."""
    permanent: bool = False
    """With `failed`: the content is at fault, so another attempt would fail as well."""
    model: Model = ""
    timing: Timing = Timing()


# --- what a home tells of a task -----------------------------------------------------------------


class Considered(Part, frozen=True):
    """One bid of one round as the home saw it, corrected and scored; lower score is better."""

    node: NodeId
    eta_ms: Elapsed = 0.0
    quality: Unit = 0.0
    cost: Cost = 0.0
    warm: bool = False
    price: Price = Price()
    correction: Annotated[float, Meta(ge=0.0, le=1e6)] = 1.0
    reliability: Unit = 1.0
    corrected_ms: Elapsed = 0.0
    score: float = 0.0
    excluded: Reason = ""


class Decision(Part, frozen=True):
    """Why a node got an attempt: every bid, its correction, its score, and the reason in a sentence."""

    attempt: Annotated[int, Meta(ge=0, le=1000)]
    winner: NodeId | None
    preference: Preference
    reason: Reason
    bids: Annotated[tuple[Considered, ...], Meta(max_length=64)] = ()


class Step(Part, frozen=True):
    """One thing that happened to a task, `at_ms` after the home received it."""

    at_ms: Elapsed
    kind: Annotated[str, Meta(max_length=40)]
    node: NodeId | None = None
    attempt: Annotated[int, Meta(ge=0, le=1000)] = 0
    detail: Reason = ""


class TaskRecord(Part, frozen=True):
    """The whole story of one task without its content: what `forgebus why` shows."""

    task: TaskKey
    capability: Capability
    state: Annotated[str, Meta(max_length=20)]
    outcome: Outcome | None = None
    error: Reason = ""
    preference: Preference = Preference.LOCAL_FIRST
    privacy: Privacy = Privacy.OPEN
    once: bool = False
    priority: Annotated[int, Meta(ge=0, le=9)] = 5
    node: NodeId | None = None
    model: Model = ""
    attempts: Annotated[int, Meta(ge=0, le=1000)] = 0
    age_ms: Elapsed = 0.0
    elapsed_ms: Elapsed = 0.0
    timing: Timing | None = None
    decisions: Annotated[tuple[Decision, ...], Meta(max_length=64)] = ()
    steps: Annotated[tuple[Step, ...], Meta(max_length=256)] = ()


class Report(Message, frozen=True):
    """Answer to `Get`; for a list, records come without decisions and steps."""

    home: NodeId
    tasks: Annotated[tuple[TaskRecord, ...], Meta(max_length=100)] = ()


# --- what an operator asks of a node --------------------------------------------------------------


class Models(Message, frozen=True):
    """What have you loaded? Load and keep these first, give those back; for operators."""

    id: TaskId
    load: Annotated[tuple[Capability, ...], Meta(max_length=64)] = ()
    evict: Annotated[tuple[Capability, ...], Meta(max_length=64)] = ()


class Worker(Part, frozen=True):
    """One process of a node: what it has loaded, how many attempts it runs, its size in MiB.

    `pss_mb` counts of what processes share each one's part.
    """

    capabilities: Annotated[tuple[Capability, ...], Meta(max_length=32)] = ()
    attempts: Count = 0
    rss_mb: Megabytes = 0.0
    pss_mb: Megabytes = 0.0


class NotLoaded(Part, frozen=True):
    """Why a capability that was to be loaded is not."""

    capability: Capability
    reason: Annotated[str, Meta(max_length=200)]


class Loaded(Message, frozen=True):
    """Answer to `Models`: what is loaded now, what is being loaded, and what could not be."""

    id: TaskId
    node: NodeId
    workers: Annotated[tuple[Worker, ...], Meta(max_length=66)] = ()
    loading: Annotated[tuple[Capability, ...], Meta(max_length=64)] = ()
    failed: Annotated[tuple[NotLoaded, ...], Meta(max_length=16)] = ()


class Set(Message, frozen=True):
    """What the owner wants of a node, kept over its restarts; for operators and Home Assistant.

    What is None stays as it is. Without `accept_work` a node bids for nothing, not even as the home itself;
    what it holds it ends. `drain` also gives back what has not begun. `preference` is for tasks that say
    none, with this node as their home.
    """

    accept_work: bool | None = None
    preference: Preference | None = None
    drain: bool = False


# --- what a node tells of itself -----------------------------------------------------------------


class Skill(Part, frozen=True):
    """One capability of a node, with the model behind it and its measured speed (0 = not measured)."""

    capability: Capability
    model: Model = ""
    quality: Unit = 0.5
    prefill_tok_s: Annotated[float, Meta(ge=0.0, le=1e9)] = 0.0
    decode_tok_s: Annotated[float, Meta(ge=0.0, le=1e9)] = 0.0
    warm: bool = False


class Hardware(Part, frozen=True):
    """What the node runs on."""

    arch: Annotated[str, Meta(max_length=40)] = ""
    board: Annotated[str, Meta(max_length=120)] = ""
    cores: Annotated[int, Meta(ge=0, le=4096)] = 0
    memory_mb: Count = 0


class Card(Message, frozen=True):
    """What a node can do; retained, refreshed with its status."""

    node: NodeId
    boot: Boot
    version: Annotated[str, Meta(max_length=40)]
    profile: Annotated[str, Meta(max_length=40)] = "custom"
    hub: bool = False
    slots: Annotated[int, Meta(ge=0, le=1024)] = 1
    skills: Annotated[tuple[Skill, ...], Meta(max_length=64)] = ()
    hardware: Hardware = Hardware()


class Condition(StrEnum):
    """What a node is doing, in one word."""

    IDLE = "idle"
    BUSY = "busy"
    DRAINING = "draining"
    PAUSED = "paused"
    STOPPING = "stopping"
    CONFLICT = "conflict"


class State(Message, frozen=True):
    """How a node stands, for dashboards: every field is written always. Counts are since its start.

    `done` and `failed` are attempts that ran here; `home_...` are tasks with this node as their home.
    None is not known.
    """

    boot: Boot
    condition: Condition
    accept_work: bool
    preference: Preference
    running: Count
    queue: Annotated[int, Meta(ge=0, le=1_000_000_000, description="attempts that wait here")]
    done: Count
    failed: Count
    home_open: Count
    home_done: Count
    home_failed: Count
    decode_tok_s: Annotated[float, Meta(ge=0.0, le=1e9, description="when last measured")] | None
    models: Annotated[tuple[Model, ...], Meta(max_length=64, description="loaded now")]
    winner: NodeId | None
    """Who got the last attempt that this node awarded as a home, and why."""
    reason: Reason
    load: Annotated[float, Meta(ge=0.0, le=1e6, description="as bids count it; 1 is all cores")]
    memory_free_mb: Megabytes | None
    temperature: Annotated[float, Meta(ge=-273.2, le=1e4, description="degrees Celsius")] | None
    held: Annotated[tuple[Annotated[str, Meta(max_length=40)], ...], Meta(max_length=16)]
    """What slows the processor: hot, under_voltage, frequency_capped, throttled, temperature_limited."""
    problems: Annotated[tuple[Reason, ...], Meta(max_length=16)]
    nodes_live: Count
    quarantined: Count
    round_trip_ms: Elapsed | None
    uptime_s: Count


class Event(Part, frozen=True):
    """One decision, for whoever watches; no content, and no error, which may quote it."""

    task: TaskKey
    kind: Annotated[str, Meta(max_length=40)]
    at_ms: Elapsed
    node: NodeId | None = None
    attempt: Annotated[int, Meta(ge=0, le=1000)] = 0
    decision: Decision | None = None


class Events(Message, frozen=True):
    """Decisions as they fall, a few together."""

    events: Annotated[tuple[Event, ...], Meta(min_length=1, max_length=64)]


class Taken(Message, frozen=True):
    """Hub to hubs: I took this ask; you need not."""

    task: TaskKey
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{8,64}$(?!\n)")]


# --- apps that only publish ----------------------------------------------------------------------


class Ask(Message, frozen=True):
    """A request in JSON from an app that is no node; plain text is `Ask(content=<the text>)`.

    Any JSON without a `content` field is itself the content.
    """

    content: Raw
    id: TaskId | None = None
    reply_to: Annotated[str, Meta(max_length=200)] | None = None
    preference: Preference | None = None
    privacy: Privacy = Privacy.OPEN
    once: bool = False
    node: NodeId | None = None
    deadline_ms: Annotated[int, Meta(ge=1, le=7 * DAY_MS)] = 60_000
    priority: Annotated[int, Meta(ge=0, le=9)] = 5
    max_tokens: Annotated[int, Meta(ge=1, le=32_768)] = 128
    handoff: bool | None = None


class Answer(Message, frozen=True):
    """What an app gets back: a final, or the reason why its ask was not taken."""

    id: TaskId
    outcome: Outcome | None = None
    result: OptionalRaw = None
    error: Reason = ""
    rejected: RejectCode | None = None
    retry_after_ms: Millis = 0
    node: NodeId | None = None
    model: Model = ""
    elapsed_ms: Elapsed = 0.0
    provenance: Provenance | None = None


class Status(StrEnum):
    """Plain-text payload of `node/<n>/status`."""

    ONLINE = "online"
    OFFLINE = "offline"
    CONFLICT = "conflict"
