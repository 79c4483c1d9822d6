"""The whole bus as one watcher sees it: nodes, queues, what runs, how fast, what fell last. Pure.

Three sources, each with its gap: cards and statuses say who is there; events say what is decided, but only
from now on and without a promise; reports of the homes say how their latest tasks stand, one home after another.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.roster import NodeView
from daemon.task import ENDED, HELD

WINDOW_S = 60.0
"""Rates are means over so long, or since the watching began."""
LAST = 50
MOST_RUNNING, MOST_RECENT = 2000, 100_000
UNCONFIRMED_S = 600.0
"""What no event and no report told of for so long is taken to have ended: an event can get lost."""

_ENDS = frozenset(outcome.value for outcome in Outcome)
_ENDED = frozenset(phase.value for phase in ENDED)
_HELD = frozenset(phase.value for phase in HELD)


@dataclass(frozen=True, slots=True)
class NodeLine:
    """One node. `queued` counts its tasks as home that wait, `done_per_s` the tasks that it did."""

    id: str
    online: bool
    age_s: float
    profile: str = ""
    hub: bool = False
    slots: int = 0
    running: int = 0
    queued: int = 0
    done_per_s: float = 0.0
    decode_tok_s: float = 0.0
    capabilities: tuple[str, ...] = ()
    warm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """One attempt that runs, as far as is known; `home` and `capability` once a report has told them."""

    task: str
    node: str
    attempt: int
    since: float
    confirmed: float
    home: str = ""
    capability: str = ""


@dataclass(frozen=True, slots=True)
class RunningLine:
    """The same, for people: `age_s` since the award was seen, or since the task came."""

    task: str
    node: str
    attempt: int
    age_s: float
    home: str
    capability: str


@dataclass(frozen=True, slots=True)
class EventLine:
    """A decision, `ago_s` before now; `at_ms` after its task came."""

    ago_s: float
    task: str
    kind: str
    node: str
    attempt: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything at one moment. Rates are by kind of event, a second."""

    linked: bool
    watched_s: float
    nodes: tuple[NodeLine, ...]
    queued: int
    running: tuple[RunningLine, ...]
    rates: dict[str, float]
    events: tuple[EventLine, ...]
    silent: tuple[str, ...] = field(default=())
    """Homes that were asked for their tasks and gave no answer."""


class Board:
    """Takes what is heard and gives a frame. Times are monotonic seconds, the caller's."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._nodes: Sequence[NodeView] = ()
        self._queued: dict[str, int] = {}
        self._silent: set[str] = set()
        self._running: dict[str, Running] = {}
        self._events: deque[tuple[float, m.Event]] = deque(maxlen=LAST)
        self._recent: deque[tuple[float, str, str]] = deque(maxlen=MOST_RECENT)

    def nodes(self, views: Sequence[NodeView]) -> None:
        """Who is there now."""
        self._nodes = views

    def event(self, event: m.Event, now: float) -> None:
        """A decision as it fell."""
        self._events.append((now, event))
        self._recent.append((now, event.kind, event.node or ""))
        old = self._running.pop(event.task, None)
        if event.kind == "awarded" and event.node is not None:
            home, capability = (old.home, old.capability) if old is not None else ("", "")
            told = (event.task, event.node, event.attempt, now, now)
            self._keep(Running(*told, home=home, capability=capability))

    def report(self, home: str, records: Iterable[m.TaskRecord], now: float) -> None:
        """How the latest tasks of a home stand."""
        self._silent.discard(home)
        waiting = 0
        for record in records:
            if record.state in _HELD and record.node is not None:
                old = self._running.get(record.task)
                same = old is not None and old.attempt == record.attempts
                since = old.since if old is not None and same else now - record.age_ms / 1000
                told = (record.task, record.node, record.attempts, since, now)
                self._keep(Running(*told, home=home, capability=record.capability))
            else:
                self._running.pop(record.task, None)
                waiting += record.state not in _ENDED
        self._queued[home] = waiting

    def silent(self, home: str) -> None:
        """A home gave no report."""
        self._silent.add(home)
        self._queued.pop(home, None)

    def frame(self, now: float, *, linked: bool) -> Frame:
        """What is seen now; `linked` says whether the broker is there to tell."""
        self._forget(now)
        watched = max(now - self._began, 1e-3)
        over = min(watched, WINDOW_S)
        kinds = Counter(kind for _, kind, _ in self._recent)
        did = Counter(node for _, kind, node in self._recent if kind == Outcome.DONE.value)
        busy = Counter(one.node for one in self._running.values())
        live = {view.id for view in self._nodes if view.online}
        return Frame(
            linked=linked,
            watched_s=round(watched, 1),
            nodes=tuple(
                self._line(view, busy[view.id], did[view.id] / over) for view in self._nodes
            ),
            queued=sum(count for home, count in self._queued.items() if home in live),
            running=tuple(
                RunningLine(
                    one.task, one.node, one.attempt, now - one.since, one.home, one.capability
                )
                for one in sorted(self._running.values(), key=lambda one: one.since)
            ),
            rates={kind: kinds[kind] / over for kind in ("awarded", "abstained", *sorted(_ENDS))},
            events=tuple(
                EventLine(now - at, each.task, each.kind, each.node or "", each.attempt, each.at_ms)
                for at, each in reversed(self._events)
            ),
            silent=tuple(sorted(self._silent & live)),
        )

    def _line(self, view: NodeView, running: int, done_per_s: float) -> NodeLine:
        card = view.card
        if card is None:
            return NodeLine(view.id, view.online, view.age, running=running)
        return NodeLine(
            id=view.id,
            online=view.online,
            age_s=view.age,
            profile=card.profile,
            hub=card.hub,
            slots=card.slots,
            running=running,
            queued=self._queued.get(view.id, 0),
            done_per_s=done_per_s,
            decode_tok_s=max((skill.decode_tok_s for skill in card.skills), default=0.0),
            capabilities=tuple(skill.capability for skill in card.skills),
            warm=tuple(skill.capability for skill in card.skills if skill.warm),
        )

    def _keep(self, one: Running) -> None:
        self._running[one.task] = one
        while len(self._running) > MOST_RUNNING:
            del self._running[next(iter(self._running))]

    def _forget(self, now: float) -> None:
        while self._recent and now - self._recent[0][0] > WINDOW_S:
            self._recent.popleft()
        gone = {view.id for view in self._nodes if not view.online}
        for key, one in tuple(self._running.items()):
            if one.node in gone or now - one.confirmed > UNCONFIRMED_S:
                del self._running[key]
