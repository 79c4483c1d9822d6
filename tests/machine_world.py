"""A small world of nodes and one requester, in memory, in one thread, the same for the same seed.

Every node has the machines that a real one has, a disk that keeps what was committed, workers that take
time and fail, and a clock of its own. Messages between nodes are lost, doubled, delayed and overtake
each other; nodes crash before, during and after a commit, and freeze; until `STORM_S` is over. Then the
weather is fair, and what was promised must hold: `World.run` raises `Broken` when it does not.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from msgspec import Raw

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.messages import Outcome, Privacy, Status
from daemon.actions import (
    CONTRACT,
    FACT,
    TASK,
    Action,
    Deliver,
    Forget,
    Halt,
    Publish,
    Row,
    Run,
    Save,
    Send,
)
from daemon.config import AuctionConfig, WorkConfig
from daemon.contract import Kept, contract_key
from daemon.contractor import Contractor
from daemon.home import Home, Known
from daemon.reputation import PREFIX
from daemon.requester import Requester
from daemon.roster import Roster
from daemon.task import ENDED, Phase, from_body, from_state
from handlers.catalog import Entry, Speeds, Work

STORM_S = 60.0
CALM_S = 260.0
"""Long enough for the longest deadline, the longest pause of any repeat, and a lease or two."""
RUN_MS = (1.0, 30.0, 1_500.0, 9_000.0, 25_000.0)
NODES = ("desk", "pi4", "pi5")
TRUSTED = "pi5"
APP = "app"
DEADLINES_MS = (3_000, 20_000, 60_000, 90_000)

Key = tuple[str, str]


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


def entry(name: str, quality: float = 0.5) -> Entry:
    """A capability without a model."""
    return Entry(
        capability=name,
        factory="nowhere:Nothing",
        model="",
        quality=quality,
        estimate=lambda _tokens, _max: Work(0, 0),
        speeds=Speeds(0.0, 0.0),
        memory_mb=1,
    )


@dataclass
class Disk:
    """What survives: the newest revision of every row."""

    rows: dict[Key, Save] = field(default_factory=dict)

    def write(self, rows: Sequence[Row]) -> None:
        """One transaction, by the journal's rule: an older revision never undoes a newer one."""
        for row in rows:
            key = (row.table, row.key)
            old = self.rows.get(key)
            match row:
                case Forget():
                    self.rows.pop(key, None)
                case Save(rev=rev) if old is None or rev > old.rev:
                    body = row.body if row.body is not None or old is None else old.body
                    self.rows[key] = Save(*key, rev, row.phase, row.state, body)

    def table(self, name: str) -> Iterator[Save]:
        """The rows of one table."""
        return (row for (table, _), row in self.rows.items() if table == name)

    def recall(self, key: str) -> Known | None:
        """`daemon.home.Archive`, on a disk that is never slow."""
        row = self.rows.get((TASK, key))
        return None if row is None else (from_body(row.body or b""), from_state(row.state))

    def recent(self, limit: int, sender: str = "") -> list[Known]:
        """The tasks of one sender, or of all."""
        keys = [row.key for row in self.table(TASK) if row.key.startswith(sender)]
        return [known for key in keys[:limit] if (known := self.recall(key)) is not None]


class Node:
    """One node across its lives: the disk stays, everything else is made anew by `start`."""

    def __init__(self, world: "World", name: str, slots: int, clock: float) -> None:
        self.name = name
        self.disk = Disk()
        self.life = 0
        self.up = False
        self.frozen_until = 0.0
        self._world = world
        self._slots = slots
        self._clock = clock
        self._running: dict[str, m.Award] = {}

    def now(self) -> float:
        """This node's own clock: no two agree."""
        return self._world.now + self._clock

    def start(self) -> None:
        """A new life: from disk, and nothing else."""
        self.life += 1
        self.up = True
        self.boot = f"{self._world.random.getrandbits(64):016x}"
        self.roster = Roster()
        self._running = {}
        self._pending = 0
        self._tick_at = float("inf")
        settings = AuctionConfig(private_nodes=(TRUSTED,), max_tasks=50)
        self.contractor = Contractor(
            self.name,
            self.boot,
            WorkConfig(slots=self._slots, max_queue=4),
            {"echo": entry("echo")},
            settings.beat_s,
            settings.lease_s,
        )
        self.home = Home(
            self.name,
            settings,
            self.roster,
            self.contractor.quote,
            self.disk,
            lambda: f"{self._world.random.getrandbits(64):016x}",
        )
        now = self.now()
        for row in list(self.disk.table(FACT)):
            if row.key.startswith(PREFIX):
                self.home.reputation.restore(row.key, row.rev, row.state)
        for row in list(self.disk.table(CONTRACT)):
            kept = Kept.from_state(row.state, 0.0)
            self.carry_out(self.contractor.restore(kept, row.phase, now))
        open_ = (known for row in self.disk.table(TASK) if (known := self.disk.recall(row.key)))
        self.carry_out(self.home.restore(list(open_), now))
        self.announce(self.life)

    def crash(self) -> None:
        """Gone without a word; back after a while."""
        self.up = False
        self.life += 1
        world = self._world
        world.later(5.0, lambda: self._will(self.life))
        back = 0.0 if world.calm else world.random.choice([0.5, 3.0, 20.0])
        world.later(back, self.start)

    def announce(self, life: int) -> None:
        """Birth, and every 20 s again."""
        if life != self.life or not self.up:
            return
        skill = m.Skill(capability="echo")
        card = m.Card(node=self.name, boot=self.boot, version="1", skills=(skill,))
        for node in self._world.nodes.values():
            hear = partial(node.meet, self.name, Status.ONLINE, card)
            if node is self:
                hear()
            else:
                self._world.carry(node, hear)
        self._world.later(20.0, lambda: self.announce(life))

    def meet(self, sender: str, status: Status, card: m.Card | None) -> None:
        """What `daemon.presence` does about a status and a card."""
        now = self.now()
        gone = self.roster.on_status(sender, status, now) and status is not Status.ONLINE
        if gone:
            self.carry_out(self.home.node_changed(sender, "", now))
        if card is not None:
            before = self.roster.boot(sender)
            if self.roster.on_card(sender, card, now) and before is not None:
                self.carry_out(self.home.node_changed(sender, card.boot, now))

    def hear(self, sender: str, message: m.Message) -> None:
        """What `daemon.service` does about a message."""
        if isinstance(message, m.Offer | m.Award | m.Go | m.Stop | m.Verdict):
            self.carry_out(self.contractor.receive(sender, message, self.now()))
        else:
            self.carry_out(self.home.receive(sender, message, self.now()))

    def carry_out(self, actions: Sequence[Action]) -> None:
        """Commit, then send; a crash may come before, between and amid."""
        world, life = self._world, self.life
        rows: list[Row] = [action for action in actions if isinstance(action, Save | Forget)]
        rest: list[Action] = [action for action in actions if not isinstance(action, Save | Forget)]
        admitted = next((r.key for r in rows if isinstance(r, Save) and r.admit), "")
        if admitted and world.chance("full_disk"):
            self.carry_out(self.home.not_admitted(admitted))
            return
        if not rows and not self._pending:
            self._perform(rest, "")
        else:
            self._pending += 1
            world.later(0.002, lambda: self._commit(life, rows, rest, admitted))
        self._arm()

    def _commit(self, life: int, rows: list[Row], rest: list[Action], admitted: str) -> None:
        if life != self.life:
            return
        self._pending -= 1
        cut = len(rest)
        if rows and self._world.chance("crash"):
            cut = self._world.random.randint(-1, len(rest))
        if cut >= 0:
            self.disk.write(rows)
            self._perform(rest[:cut], admitted if cut == len(rest) else "")
        if cut < len(rest):
            self.crash()

    def _perform(self, actions: list[Action], admitted: str) -> None:
        world, life = self._world, self.life
        for action in actions:
            match action:
                case Send(to, message) if to == self.name:
                    world.later(0.0, partial(self._told_by_us, life, message))
                case Send(to, message):
                    world.send(self.name, to, message)
                case Publish(offer):
                    for other in world.nodes.values():
                        if other is not self:
                            world.send(self.name, other.name, offer)
                case Run(home, award):
                    self._run(home, award)
                case Halt(home, task, attempt):
                    self._halt(contract_key(home, task, attempt))
                case _:
                    pass
        if admitted:
            self.carry_out(self.home.admitted(admitted, self.now()))

    def _told_by_us(self, life: int, message: m.Message) -> None:
        if life == self.life:
            self._world.watch(self.name, self.name, message)
            self.hear(self.name, message)

    def _run(self, home: str, award: m.Award) -> None:
        key = contract_key(home, award.task, award.attempt)
        world, life = self._world, self.life
        world.begun(award)
        self._running[key] = award
        fault = world.random.random() < 0.1
        outcome = Outcome.FAILED if fault else Outcome.DONE
        world.later(
            world.random.choice(RUN_MS) / 1000, lambda: self._end(life, key, award, outcome)
        )

    def _halt(self, key: str) -> None:
        life, award = self.life, self._running.get(key)
        if award is not None:
            self._world.later(0.01, lambda: self._end(life, key, award, Outcome.CANCELLED))

    def _end(self, life: int, key: str, award: m.Award, outcome: Outcome) -> None:
        if life != self.life or self._running.pop(key, None) is None:
            return
        result = m.Result(
            task=award.task,
            attempt=award.attempt,
            outcome=outcome,
            result=award.content if outcome is Outcome.DONE else None,
            timing=m.Timing(run_ms=1.0),
        )
        self.carry_out(self.contractor.finished(key, result, None, self.now()))

    def _will(self, life: int) -> None:
        """The broker tells the others, five seconds late, unless the node is back."""
        if self.up or life != self.life:
            return
        for node in self._world.nodes.values():
            if node.up:
                self._world.carry(node, partial(node.meet, self.name, Status.OFFLINE, None))

    def _arm(self) -> None:
        due = min(self.home.wake(), self.contractor.wake()) - self._clock
        if due < self._tick_at:
            life, self._tick_at = self.life, due
            self._world.at(due, lambda: self._tick(life, due))

    def _tick(self, life: int, due: float) -> None:
        if life != self.life or due != self._tick_at:
            return
        if self.frozen_until > self._world.now:
            thaw = self._tick_at = self.frozen_until
            self._world.at(thaw, lambda: self._tick(life, thaw))
            return
        self._tick_at = float("inf")
        now = self.now()
        self.carry_out(self.home.tick(now) + self.contractor.tick(now))


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
        self.given: dict[tuple[str, str, int], str] = {}
        self._finals: dict[tuple[str, str], m.Final] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._wire = seed % 16 == 0
        self._tick_at = float("inf")
        self.nodes = {
            name: Node(self, name, self.random.choice([1, 2]), self.random.uniform(0, 1e5))
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
            case m.Final(id=id_):
                if self._finals.setdefault((sender, id_), message) != message:
                    raise Broken(f"{id_} ended twice: {self._finals[sender, id_]} and {message}")

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
        if task.phase not in ENDED:
            raise Broken(f"{key} is still {task.phase}")
        if isinstance(end, m.Final) and end.outcome is not task.outcome:
            raise Broken(f"{key} was told as {end.outcome} and is {task.outcome}")
        if task.outcome is Outcome.DONE and task.result != submit.content:
            raise Broken(f"{key} is done with another result")
        if submit.once and task.outcome is Outcome.DONE and effects != 1:
            raise Broken(f"{key} is done and its effect never began")
        unbegun = task.outcome in (Outcome.CANCELLED, Outcome.EXPIRED) or "gave it" in task.error
        if submit.once and unbegun and effects:
            raise Broken(f"{key} is {task.outcome} ({task.error}) and its effect began")

    def _check_rest(self, node: Node) -> None:
        if node.home.unfinished() != 0:
            raise Broken(f"{node.name} counts {node.home.unfinished()} unfinished tasks")
        kept = [row.key for row in node.disk.table(CONTRACT)]
        if kept:
            raise Broken(f"{node.name} still keeps contracts {kept}")
        unclosed = [row.key for row in node.disk.table(TASK) if row.phase != Phase.CLOSED]
        if unclosed:
            raise Broken(f"{node.name} still tells of {unclosed}")
