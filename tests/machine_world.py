"""A small world of nodes and one requester, in memory, in one thread, the same for the same seed.

Every node has the machines that a real one has, a disk that keeps what was committed, workers that take
time and fail, and a clock of its own. Messages between nodes are lost, doubled, delayed and overtake
each other; nodes crash before, during and after a commit, and freeze; until `STORM_S` is over. Then the
weather is fair, and what was promised must hold: `World.run` raises `Broken` when it does not.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from machine_node import ABSTAINED, TRUSTED, Disk, Node
from msgspec import Raw

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.messages import Outcome, Privacy
from daemon.actions import (
    CONTRACT,
    TASK,
    Action,
    Deliver,
    Send,
)
from daemon.eligible import MAX_HANDOFFS
from daemon.requester import Requester
from daemon.task import ENDED, Phase, Task

STORM_S = 60.0
CALM_S = 260.0
"""Long enough for the longest deadline, the longest pause of any repeat, and a lease or two."""
MOST_EVENTS = 300_000
NODES = ("desk", "pi4", "pi5")
APP = "app"
QUALITIES = (0.3, 0.4, 0.6, 0.9)
DEADLINES_MS = (3_000, 20_000, 60_000, 90_000)


class Broken(AssertionError):  # noqa: N818 - a promise, not a program
    """A promise was not kept."""


@dataclass(frozen=True)
class Weather:
    """How bad the storm is; each a probability per message, commit or second."""

    loss: float = 0.0
    double: float = 0.0
    late: float = 0.0
    crash: float = 0.0
    freeze: float = 0.0
    full_disk: float = 0.0

    @classmethod
    def drawn(cls, random: Random) -> "Weather":
        """Any weather, from none of it to all of it."""
        return cls(
            loss=random.choice([0.0, 0.05, 0.3]),
            double=random.choice([0.0, 0.1, 0.3]),
            late=random.choice([0.0, 0.1, 0.3]),
            crash=random.choice([0.0, 0.03, 0.1]),
            freeze=random.choice([0.0, 0.02]),
            full_disk=random.choice([0.0, 0.1]),
        )


CALM = Weather()


class World:
    """All of it. `check` says what must hold when the weather has been fair for long enough."""

    def __init__(self, seed: int, weather: Weather | None = None, tasks: int = 6) -> None:
        self.random = Random(seed)
        self.now = 0.0
        self.calm = False
        self.weather = Weather.drawn(self.random) if weather is None else weather
        self.requester = Requester(APP)
        self.submits: dict[str, tuple[str, m.Submit]] = {}
        self.ends: dict[str, list[m.Final | m.Rejected]] = defaultdict(list)
        self.accepted: set[str] = set()
        self.effects: Counter[str] = Counter()
        self.unsure: set[tuple[str, int]] = set()
        self.given: dict[tuple[str, str, int], str] = {}
        self._finals: dict[tuple[str, str], m.Final] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._wire = seed % 16 == 0
        self._tick_at = float("inf")
        self.nodes = {
            name: Node(
                self,
                name,
                self.random.choice([1, 2]),
                self.random.uniform(0, 1e5),
                self.random.choice(QUALITIES),
            )
            for name in NODES
        }
        for node in self.nodes.values():
            node.start()
        for number in range(tasks):
            self.later(self.random.uniform(0.0, STORM_S * 0.8), partial(self._ask, number))
        if self.weather.freeze:
            self.later(1.0, self._freeze)
        self.at(STORM_S, self._clear_up)

    def run(self) -> "World":
        """Until long after the storm; raises Broken."""
        while self._events and self._events[0][0] <= STORM_S + CALM_S:
            self.now, _, act = heapq.heappop(self._events)
            act()
            if self._count > MOST_EVENTS:
                raise Broken(f"it does not come to rest at {self.now}")
        self.check()
        return self

    # --- time and chance -------------------------------------------------------------------------

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Do it then."""
        self._count += 1
        heapq.heappush(self._events, (max(when, self.now), self._count, act))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do it in so many seconds."""
        self.at(self.now + seconds, act)

    def chance(self, what: str) -> bool:
        """Whether a misfortune of the storm happens."""
        return not self.calm and self.random.random() < float(getattr(self.weather, what))

    # --- the network -----------------------------------------------------------------------------

    def send(self, sender: str, to: str, message: m.Message) -> None:
        """A message on its way."""
        self.watch(sender, to, message)
        if self._wire:
            message = codec.decode(codec.encode(message), type(message))
        if to == APP:
            self._fly(lambda: self._hear(sender, message))
        else:
            node = self.nodes[to]
            self.carry(node, lambda: node.hear(sender, message))

    def carry(self, node: Node, act: Callable[[], None]) -> None:
        """To a node: what comes while it is down is lost, what comes while it is frozen waits."""

        def arrive() -> None:
            if node.frozen_until > self.now and node.up:
                self.at(node.frozen_until, arrive)
            elif node.up:
                act()

        self._fly(arrive)

    def _fly(self, act: Callable[[], None]) -> None:
        for _ in range(2 if self.chance("double") else 1):
            if not self.chance("loss"):
                late = self.random.uniform(0.0, 3.0) if self.chance("late") else 0.0
                self.later(0.003 + late, act)

    # --- what happens ----------------------------------------------------------------------------

    def _ask(self, number: int) -> None:
        random = self.random
        submit = m.Submit(
            id=f"t{number}",
            capability="echo",
            content=Raw(str(number).encode()),
            once=random.random() < 0.5,
            privacy=random.choice([Privacy.OPEN, Privacy.OPEN, Privacy.PRIVATE]),
            preference=random.choice(list(m.Preference)),
            deadline_ms=random.choice(DEADLINES_MS),
            priority=random.randint(0, 9),
            stream=random.random() < 0.2,
            handoff=random.choice([None, None, True, False]),
        )
        home = random.choice(NODES)
        self.submits[submit.id] = (home, submit)
        self._act(self.requester.submit(home, submit, self.now))
        if random.random() < 0.2:
            cancel = random.choice([0.02, 1.0, 8.0])
            self.later(cancel, lambda: self._act(self.requester.cancel(submit.id, self.now)))

    def _hear(self, sender: str, message: m.Message) -> None:
        self._act(self.requester.receive(sender, message, self.now))

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(to, message):
                    self.send(APP, to, message)
                case Deliver(id_, m.Accepted()):
                    self.accepted.add(id_)
                case Deliver(id_, (m.Final() | m.Rejected()) as end):
                    self.ends[id_].append(end)
                case _:
                    pass
        due = self.requester.wake()
        if due < self._tick_at:
            self._tick_at = due
            self.at(due, lambda: self._tick(due))

    def _tick(self, due: float) -> None:
        if due == self._tick_at:
            self._tick_at = float("inf")
            self._act(self.requester.tick(self.now))

    def _freeze(self) -> None:
        if not self.calm:
            node = self.random.choice(list(self.nodes.values()))
            if self.random.random() < 20 * self.weather.freeze:
                node.frozen_until = self.now + self.random.choice([3.0, 14.0, 40.0])
            self.later(10.0, self._freeze)

    def _clear_up(self) -> None:
        self.calm = True

    # --- what must never happen ------------------------------------------------------------------

    def begun(self, award: m.Award) -> None:
        """An attempt begins; of a `once` task that is its effect."""
        self.effects[award.task] += award.once
        if self.effects[award.task] > 1:
            raise Broken(f"the effect of {award.task} began twice")

    def watch(self, sender: str, to: str, message: m.Message) -> None:
        """Every message as it leaves, whether or not it arrives."""
        match message:
            case m.Award(task=task, attempt=attempt):
                if self.given.setdefault((sender, task, attempt), to) != to:
                    raise Broken(f"attempt {attempt} of {task} was given to two nodes")
                submit = self.submits[task.partition("/")[2]][1]
                if submit.privacy is Privacy.PRIVATE and to not in (sender, TRUSTED):
                    raise Broken(f"private {task} went from {sender} to {to}")
            case m.Result(task=task, attempt=attempt, result=answer):
                told = self.unsure.add if answer == ABSTAINED else self.unsure.discard
                told((task, attempt))
            case m.Verdict(settled=settled):
                for one in settled:
                    self._check_judged(sender, one)
            case m.Final(id=id_):
                if self._finals.setdefault((sender, id_), message) != message:
                    raise Broken(f"{id_} ended twice: {self._finals[sender, id_]} and {message}")

    def _check_judged(self, home: str, judged: m.Settled) -> None:
        """The contractor forgets what is judged; so an abstention is on its home's disk before."""
        known = self.nodes[home].disk.recall(judged.task)
        if (judged.task, judged.attempt) not in self.unsure or known is None:
            return
        task = known[1]
        held = () if task.abstention is None else task.abstention.attempts
        if task.phase not in ENDED and judged.attempt not in held:
            raise Broken(f"{home} judged an abstention that is not on its disk: {task}")

    def check(self) -> None:
        """After the storm: every promise kept, nothing left over."""
        for id_, (home, submit) in self.submits.items():
            if len(self.ends[id_]) != 1:
                raise Broken(f"{id_} ended {len(self.ends[id_])} times at its requester")
            self._check_end(f"{APP}/{id_}", self.nodes[home].disk, submit, self.ends[id_][0])
        if self.requester.waiting():
            raise Broken(f"the requester still waits for {self.requester.waiting()}")
        for node in self.nodes.values():
            self._check_rest(node)

    def _check_end(self, key: str, disk: Disk, submit: m.Submit, end: m.Final | m.Rejected) -> None:
        known = disk.recall(key)
        if isinstance(end, m.Rejected) and submit.id in self.accepted:
            raise Broken(f"{key} was accepted, and then told as {end.code}: {end.reason}")
        if known is None:
            if isinstance(end, m.Final):
                raise Broken(f"{key} has ended and is on no disk")
            return
        task, effects = known[1], self.effects[key]
        self._check_turns(key, known[0].handoff, task)
        if task.phase not in ENDED:
            raise Broken(f"{key} is still {task.phase}")
        if isinstance(end, m.Final) and end.outcome is not task.outcome:
            raise Broken(f"{key} was told as {end.outcome} and is {task.outcome}")
        if task.outcome is Outcome.DONE and task.result not in (submit.content, ABSTAINED):
            raise Broken(f"{key} is done with another result")
        if submit.once and task.result == submit.content and effects != 1:
            raise Broken(f"{key} is done and its effect never began")
        unbegun = task.outcome in (Outcome.CANCELLED, Outcome.EXPIRED) or "gave it" in task.error
        unbegun = unbegun or task.result == ABSTAINED
        if submit.once and unbegun and effects:
            raise Broken(f"{key} is {task.outcome} ({task.error}) and its effect began")

    def _check_turns(self, key: str, handoff: bool, task: Task) -> None:  # noqa: FBT001
        """An abstention goes on to a better node alone, not for ever, and is not forgotten."""
        turns, above = 0, 0.0
        for step in task.steps:
            quality = self.nodes[step.node].quality if step.node else 0.0
            if step.kind == "abstained":
                turns, above = turns + 1, max(above, quality)
            elif step.kind == "awarded" and turns and quality <= above:
                raise Broken(f"{key} went on to {step.node}, which is no better")
        if turns > MAX_HANDOFFS + 1 or (turns and not handoff):
            raise Broken(f"{key} went on {turns} times")
        if turns and task.outcome in (Outcome.FAILED, Outcome.EXPIRED) and not task.claimed:
            raise Broken(f"{key} is {task.outcome} ({task.error}), and somebody had abstained")

    def _check_rest(self, node: Node) -> None:
        if node.home.unfinished() != 0:
            raise Broken(f"{node.name} counts {node.home.unfinished()} unfinished tasks")
        kept = [row.key for row in node.disk.table(CONTRACT)]
        if kept:
            raise Broken(f"{node.name} still keeps contracts {kept}")
        unclosed = [row.key for row in node.disk.table(TASK) if row.phase != Phase.CLOSED]
        if unclosed:
            raise Broken(f"{node.name} still tells of {unclosed}")
