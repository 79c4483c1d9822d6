"""One node of the small world: the machines that a real one has, a disk, workers, a clock of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Raw

from bus_topics import messages as m
from bus_topics.abstention import abstaining
from bus_topics.messages import Outcome, Status
from daemon.actions import (
    CONTRACT,
    FACT,
    TASK,
    Action,
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
from daemon.roster import Roster
from daemon.task import from_body, from_state
from handlers.catalog import Entry, Speeds, Work

if TYPE_CHECKING:
    from machine_world import World

RUN_MS = (1.0, 30.0, 1_500.0, 9_000.0, 25_000.0)
ABSTAINED = Raw(b'"abstained"')
TRUSTED = "pi5"
"""The one other node that a home lets see private content."""

Key = tuple[str, str]


def entry(name: str, quality: float = 0.5, together: int = 1) -> Entry:
    """A capability without a model."""
    return Entry(
        capability=name,
        factory="nowhere:Nothing",
        model="",
        quality=quality,
        estimate=lambda _tokens, _max: Work(0, 0),
        speeds=Speeds(0.0, 0.0),
        memory_mb=1,
        together=together,
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

    def __init__(self, world: "World", name: str, slots: int, clock: float, quality: float) -> None:
        self.name = name
        self.quality = quality
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
            {"echo": entry("echo", self.quality)},
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
        skill = m.Skill(capability="echo", quality=self.quality)
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
        """An attempt fails, abstains or does what it has to; the better the node, the surer it is."""
        key = contract_key(home, award.task, award.attempt)
        world, life = self._world, self.life
        self._running[key] = award
        fault = world.random.random() < 0.1
        unsure = not fault and world.random.random() < 1.0 - self.quality
        if not unsure:
            world.begun(award)
        outcome = Outcome.FAILED if fault else Outcome.DONE
        world.later(
            world.random.choice(RUN_MS) / 1000,
            lambda: self._end(life, key, award, outcome, unsure=unsure),
        )

    def _halt(self, key: str) -> None:
        life, award = self.life, self._running.get(key)
        if award is not None:
            self._world.later(0.01, lambda: self._end(life, key, award, Outcome.CANCELLED))

    def _end(
        self, life: int, key: str, award: m.Award, outcome: Outcome, *, unsure: bool = False
    ) -> None:
        if life != self.life or self._running.pop(key, None) is None:
            return
        answer = ABSTAINED if unsure else award.content
        result = m.Result(
            task=award.task,
            attempt=award.attempt,
            outcome=outcome,
            result=answer if outcome is Outcome.DONE else None,
            error=abstaining("unclear", 0.41) if unsure else "",
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
        now = self.now() + 1e-6  # two clocks round differently, and a timer is never early
        self.carry_out(self.home.tick(now) + self.contractor.tick(now))
