"""One node of the small world: the machines that a real one has, a disk, workers, a clock of its own.

It keeps the order of `daemon.service`: validate, change, commit, acknowledge, send. A crash may come before a
commit, or between it and any of the messages after it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from machine_broker import Parcel, Sighting
from machine_disk import Disk, entry
from machine_script import TRUSTED, Machine, Setting
from msgspec import Raw

from bus_topics import messages as m
from bus_topics.abstention import abstaining
from bus_topics.messages import Outcome, Status
from daemon.actions import CONTRACT, FACT, TASK, Action, Forget, Halt, Publish, Row, Run, Save, Send
from daemon.config import AuctionConfig, WorkConfig
from daemon.contract import Kept, contract_key
from daemon.contractor import Contractor
from daemon.home import Home
from daemon.reputation import PREFIX
from daemon.roster import Roster

if TYPE_CHECKING:
    from machine_world import World

RUN_MS = (1.0, 30.0, 1_500.0, 9_000.0, 25_000.0)
COMMIT_S = 0.002
REFRESH_S = 20.0
ABSTAINED = Raw(b'"abstained"')


def answer(content: Raw, node: str, attempt: int) -> Raw:
    """What an attempt answers: no two attempts the same."""
    return Raw(b'[%b,"%b",%d]' % (bytes(content), node.encode(), attempt))


class Node:
    """One node across its lives: the disk stays, everything else is made anew by `start`."""

    durable = True
    hasty = False
    """A mutant: acknowledges and sends before it commits."""

    def __init__(self, world: "World", machine: Machine, setting: Setting) -> None:
        self.name = machine.name
        self.quality = machine.quality if machine.able else 0.0
        self.disk = Disk()
        self.life = 0
        self.up = False
        self.linked = False
        self.frozen_until = 0.0
        self._world = world
        self._machine = machine
        self._settings = AuctionConfig(private_nodes=(TRUSTED,), max_tasks=setting.max_tasks)
        self._work = WorkConfig(slots=machine.slots, max_queue=setting.max_queue)

    @property
    def awake(self) -> bool:
        """Whether it lives and does not stand still."""
        return self.up and self.frozen_until <= self._world.now

    def now(self) -> float:
        """This node's own clock: no two agree, not even on how fast time passes."""
        return self._machine.offset + self._machine.rate * self._world.now

    def start(self) -> None:
        """A new life: from disk, and nothing else."""
        self.life += 1
        self.up = True
        self.boot = f"{self._world.number(f'{self.name} boot {self.life}'):016x}"
        self.roster = Roster()
        self._running: dict[str, m.Award] = {}
        self._unacked: dict[Parcel, None] = {}
        self._pending = 0
        self._nonces = 0
        self._tick_at = float("inf")
        able = {"echo": entry("echo", self.quality)} if self._machine.able else {}
        beat_s, lease_s = self._settings.beat_s, self._settings.lease_s
        self.contractor = Contractor(self.name, self.boot, self._work, able, beat_s, lease_s)
        self.home = Home(
            self.name,
            self._settings,
            self.roster,
            self.contractor.quote,
            self.disk,
            self._nonce,
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
        self._world.broker.link(self.name)
        self._after(REFRESH_S, self._refresh)

    def crash(self, back_s: float) -> None:
        """Gone without a word; back after a while."""
        if not self.up:
            return
        self.up = False
        self.life += 1
        self.frozen_until = 0.0
        self._world.broker.unlink(self.name, unacked=tuple(self._unacked))
        self._world.later(back_s, self.start)

    # --- what comes in ---------------------------------------------------------------------------

    def connected(self) -> None:
        """`daemon.service` announces itself on every link."""
        self._announce()

    def take(self, parcel: Parcel) -> None:
        """It stays unacknowledged until what it causes is on disk; while we stand still it waits."""
        if parcel.kept:
            self._unacked[parcel] = None
        self._unless_frozen(partial(self._hear, parcel))

    def carry_out(self, actions: Sequence[Action], parcel: Parcel | None = None) -> None:
        """Commit, then acknowledge, then send."""
        world = self._world
        rows: list[Row] = [action for action in actions if isinstance(action, Save | Forget)]
        rest: list[Action] = [action for action in actions if not isinstance(action, Save | Forget)]
        admitted = next((row.key for row in rows if isinstance(row, Save) and row.admit), "")
        if admitted and world.refuses(f"{self.name} admits {admitted}"):
            self._perform(self.home.not_admitted(admitted), parcel, "")
        elif not rows and not self._pending:
            self._perform(rest, parcel, "")
        else:
            if self.hasty:
                self._perform(rest, parcel, "")
                rest = []
            self._pending += 1
            self._after(COMMIT_S, partial(self._commit, rows, rest, parcel, admitted))
        self._arm()

    # --- private ---------------------------------------------------------------------------------

    def _nonce(self) -> str:
        self._nonces += 1
        return f"{self._world.number(f'{self.boot} {self._nonces}'):016x}"

    def _hear(self, parcel: Parcel) -> None:
        """What `daemon.service` and `daemon.presence` do about a message."""
        sender, now = parcel.sender, self.now()
        match parcel.message:
            case Sighting(status=status, card=card):
                self.carry_out(self._noticed(sender, status, card, now), parcel)
            case m.Offer() | m.Award() | m.Go() | m.Stop() | m.Verdict() as message:
                self.carry_out(self.contractor.receive(sender, message, now), parcel)
            case message:
                before = self._world.ledger.of_others(self, parcel)
                actions = self.home.receive(sender, message, now)
                self._world.ledger.unharmed(self, parcel, before)
                self.carry_out(actions, parcel)

    def _noticed(
        self, sender: str, status: Status, card: m.Card | None, now: float
    ) -> list[Action]:
        actions: list[Action] = []
        if self.roster.on_status(sender, status, now) and status is not Status.ONLINE:
            actions += self.home.node_changed(sender, "", now)
        if card is not None:
            before = self.roster.boot(sender)
            if self.roster.on_card(sender, card, now) and before is not None:
                actions += self.home.node_changed(sender, card.boot, now)
        return actions

    def _announce(self) -> None:
        skills = (m.Skill(capability="echo", quality=self.quality),) if self._machine.able else ()
        card = m.Card(node=self.name, boot=self.boot, version="1", skills=skills)
        self._noticed(self.name, Status.ONLINE, card, self.now())
        self._world.broker.announce(Sighting(self.name, Status.ONLINE, card))

    def _refresh(self) -> None:
        self._announce()
        self._after(REFRESH_S, self._refresh)

    def _commit(
        self, rows: list[Row], rest: list[Action], parcel: Parcel | None, admitted: str
    ) -> None:
        self._pending -= 1
        kept, back_s = len(rest), 0.0
        if rows:
            falls = self._world.falls(f"{self.name} writes {_subject(rows[0])}", len(rest))
            if falls is not None:
                kept, back_s = falls
        if kept >= 0:
            self.disk.write(rows)
            whole = back_s == 0.0
            self._perform(rest[:kept], parcel if whole else None, admitted if whole else "")
        if back_s:
            self.crash(back_s)

    def _perform(self, actions: list[Action], parcel: Parcel | None, admitted: str) -> None:
        world = self._world
        if parcel is not None:
            self._unacked.pop(parcel, None)
        for action in actions:
            match action:
                case Send(to, message):
                    world.ledger.sends(self.name, to, message)
                    if to == self.name:
                        ours = Parcel(to, to, message, world.now, kept=False, lasts=0.0)
                        self._after(0.0, partial(self._hear, ours))
                    else:
                        world.broker.send(self.name, to, message)
                case Publish(offer):
                    for other in world.nodes:
                        if other != self.name:
                            world.broker.send(self.name, other, offer)
                case Run(home, award):
                    self._run(home, award)
                case Halt(home, task, attempt):
                    key = contract_key(home, task, attempt)
                    self._after(0.01, partial(self._end, key, Outcome.CANCELLED))
                case _:
                    pass
        if admitted:
            self.carry_out(self.home.admitted(admitted, self.now()))

    def _run(self, home: str, award: m.Award) -> None:
        """An attempt fails, abstains or does what it has to; the better the node, the surer it is."""
        key = contract_key(home, award.task, award.attempt)
        luck, sure, takes, _ = self._world.chances(f"{self.name} runs {key}")
        self._running[key] = award
        fault = luck < 0.1
        unsure = not fault and sure < 1.0 - self.quality
        if not unsure:
            self._world.ledger.begins(self.name, home, award)
        outcome = Outcome.FAILED if fault else Outcome.DONE
        run_s = RUN_MS[int(takes * len(RUN_MS))] / 1000
        self._after(run_s, partial(self._end, key, outcome, unsure=unsure))

    def _end(self, key: str, outcome: Outcome, *, unsure: bool = False) -> None:
        award = self._running.pop(key, None)
        if award is None:
            return
        told = ABSTAINED if unsure else answer(award.content, self.name, award.attempt)
        result = m.Result(
            task=award.task,
            attempt=award.attempt,
            outcome=outcome,
            result=told if outcome is Outcome.DONE else None,
            error=abstaining("unclear", 0.41) if unsure else "",
            timing=m.Timing(run_ms=1.0),
        )
        self.carry_out(self.contractor.finished(key, result, None, self.now()))

    # --- time ------------------------------------------------------------------------------------

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        """Later in this life; not while we stand still."""
        self._world.later(seconds, partial(self._still_us, self.life, act))

    def _still_us(self, life: int, act: Callable[[], None]) -> None:
        if life == self.life:
            self._unless_frozen(act)

    def _unless_frozen(self, act: Callable[[], None]) -> None:
        if self.frozen_until > self._world.now:
            again = partial(self._still_us, self.life, act)
            self._world.at(self.frozen_until, again)
        else:
            act()

    def _arm(self) -> None:
        due = min(self.home.wake(), self.contractor.wake())
        if due < self._tick_at:
            self._tick_at = due
            when = (due - self._machine.offset) / self._machine.rate
            self._world.at(when, partial(self._still_us, self.life, partial(self._tick, due)))

    def _tick(self, due: float) -> None:
        if due != self._tick_at:
            return
        self._tick_at = float("inf")
        now = max(self.now(), due)  # two clocks round differently, and a timer is never early
        self.home.cut_off = not self.linked
        self.carry_out(self.home.tick(now) + self.contractor.tick(now))


def _subject(row: Row) -> str:
    return f"{row.table} {row.key} {row.phase if isinstance(row, Save) else 'away'}"
