"""All contracts of one node: bids, slots, beats, results; and what it learns of its own speed.

Each attempt's own course is decided in `daemon.contract`. Pure: time and the machine's vital signs come
in from outside, workers are asked for by actions.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bus_topics import messages as m
from daemon import contract as one
from daemon import pricing
from daemon.actions import FACT, Action, Save, Send
from daemon.config import WorkConfig
from daemon.contract import BUSY, LEASE_SHARE, Contract, Phase, contract_key
from daemon.lanes import Lanes, Left
from daemon.pricing import Shop, Speed
from daemon.task import features_of
from daemon.timers import Timers
from daemon.waiting import Waiting
from handlers.catalog import Entry
from handlers.protocol import Usage

STARTED_AFTER_S = 0.1
"""A task that ends sooner sends its result; one message says both."""
LEARNED_AFTER_S = 5.0
SPEED = "speed/"
AHEAD, AHEAD_MS = 8, 20.0
"""A slot is handed at most this many attempts, as long as they are expected to take this long."""
OVER_KEPT = 2000
"""Attempts that are over are remembered: an award delivered twice is not run twice, and what was given
back stays given back, however late the refusal arrives."""
HELD_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Vitals:
    """The machine as it is now; `load` counts what holds the processor back (`held`) too."""

    load: float = 0.0
    memory_free_mb: float = math.inf
    quiet: bool = False
    temperature: float | None = None
    held: tuple[str, ...] = ()


class Contractor:
    """What this node does for others, and for itself."""

    def __init__(
        self,
        own: str,
        boot: str,
        work: WorkConfig,
        entries: Mapping[str, Entry],
        beat_s: float,
        lease_s: float,
    ) -> None:
        self._own = own
        self._boot = boot
        self._work = work
        self._entries = entries
        self._beat_s = beat_s
        self._lease_s = lease_s
        self.vitals = Vitals()
        self._warm: frozenset[str] = frozenset()
        self._closed = ""
        self._contracts: dict[str, Contract] = {}
        self._attempts: dict[tuple[str, str], int] = {}
        self._over: dict[str, m.Refuse | None] = {}
        self._waiting = Waiting(own, work.max_queue)
        self._together = {name: min(each.together, work.batch) for name, each in entries.items()}
        self._busy = Lanes(work.slots, self._together)
        self._timers = Timers()
        self._starts: deque[tuple[float, str]] = deque()
        self._beat_due = math.inf
        self._beat_at = 0.0
        self._speeds: dict[str, Speed] = {}
        self._speed_revisions: dict[str, int] = {}
        self._learned: set[str] = set()
        self._learned_due = math.inf

    # --- what comes in ---------------------------------------------------------------------------

    def quote(self, offer: m.Offer, home: str, now: float) -> m.Bid:
        """Our price for a home's offer, or why there is none."""
        if reason := self._waiting.too_many(home):
            return m.Bid(task=offer.task, auction=offer.auction, declined=reason)
        return pricing.price(offer, home, self.shop(now))

    def receive(self, sender: str, message: m.Message, now: float) -> list[Action]:
        """One message from a home; what is not for a contractor is ignored."""
        thawed = self._thaw(now)
        match message:
            case m.Offer(only=only) if only and self._own not in only:
                return thawed
            case m.Offer():
                return [*thawed, Send(sender, self.quote(message, sender, now))]
            case m.Award():
                return thawed + self._award(sender, message, now)
            case m.Go():
                return thawed + self._told(sender, message, one.Going(message.boot), now)
            case m.Stop():
                return thawed + self._told(sender, message, one.Stopped(), now)
            case m.Verdict(settled=settled):
                keys = [contract_key(sender, each.task, each.attempt) for each in settled]
                judged = [self._turn(key, one.Judged(), now) for key in keys]
                return thawed + [action for actions in judged for action in actions]
            case _:
                return thawed

    def progressed(self, key: str, seq: int, text: str, fraction: float | None) -> list[Action]:
        """The worker streams; whether that is passed on is the requester's choice."""
        contract = self._contracts.get(key)
        if contract is None or contract.phase is not Phase.RUNNING:
            return []
        if fraction is not None:
            self._contracts[key] = msgspec.structs.replace(contract, fraction=fraction)
        award = contract.award
        if not award.stream:
            return []
        progress = m.Progress(
            task=award.task, attempt=award.attempt, seq=seq, text=text, fraction=fraction
        )
        return [Send(contract.home, progress)]

    def finished(self, key: str, result: m.Result, usage: Usage | None, now: float) -> list[Action]:
        """A worker ended an attempt; a successful run teaches us our speed."""
        contract = self._contracts.get(key)
        if contract is None:
            return []
        if result.outcome is m.Outcome.DONE:
            self._learn(contract.award.capability, result.timing, usage, now)
        return self._turn(key, one.Finished(result), now)

    def tick(self, now: float) -> list[Action]:
        """Everything whose time has come."""
        actions = self._thaw(now)
        while self._starts and self._starts[0][0] <= now:
            contract = self._contracts.get(self._starts.popleft()[1])
            if contract is not None and contract.phase is not Phase.DONE:
                actions.append(one.started(contract, self._boot))
        for key in self._timers.over(now):
            actions += self._turn(key, one.Tick(), now)
        if self._beat_due <= now:
            actions += self._beat(now)
        if self._learned_due <= now:
            actions += self.lessons()
        return actions

    def wake(self) -> float:
        """When `tick` is needed next; infinity when nothing waits for time."""
        starts = self._starts[0][0] if self._starts else math.inf
        return min(starts, self._timers.wake(), self._beat_due, self._learned_due)

    def feel(self, vitals: Vitals) -> None:
        """The machine's vital signs, read anew."""
        self.vitals = vitals

    def warmed(self, capabilities: frozenset[str]) -> None:
        """What the workers have loaded now."""
        self._warm = capabilities

    def close(self, reason: str) -> None:
        """Take no more work, and end what is held; `reason` empty: open again."""
        self._closed = reason

    def drain(self, reason: str, now: float) -> list[Action]:
        """Take no more work, and give back what has not begun."""
        self._closed = reason
        return self._give_back(reason, now)

    # --- across restarts -------------------------------------------------------------------------

    def restore(self, kept: one.Kept, phase: str, now: float) -> list[Action]:
        """Take up a row of the life before."""
        contract, actions = one.revived(kept, phase, now)
        if contract is None:
            self._remember(contract_key(kept.home, kept.task, kept.attempt), _refusal(actions))
        else:
            self._keep(contract, now)
        return actions

    def restore_speed(self, key: str, rev: int, state: bytes) -> None:
        """Take up a measured speed; one of another model than today's is not used."""
        capability, _, model = key.removeprefix(SPEED).partition("/")
        entry = self._entries.get(capability)
        if entry is not None and entry.model == model:
            self._speeds[capability] = Speed.from_state(state)
            self._speed_revisions[capability] = rev

    def lessons(self) -> list[Action]:
        """Rows of every speed measured since the last time."""
        rows: list[Action] = []
        for capability in sorted(self._learned):
            rev = self._speed_revisions.get(capability, 0) + 1
            self._speed_revisions[capability] = rev
            key = f"{SPEED}{capability}/{self._entries[capability].model}"
            rows.append(Save(FACT, key, rev, "", self._speeds[capability].to_state()))
        self._learned.clear()
        self._learned_due = math.inf
        return rows

    # --- what it shows ---------------------------------------------------------------------------

    def shop(self, now: float) -> Shop:
        """What a price is made of, as it is now."""
        work = self._work
        return Shop(
            node=self._own,
            entries=self._entries,
            speeds=self._speeds,
            warm=self._warm,
            slots=work.slots,
            work_left=self._work_left(now),
            together=self._together,
            load=self.vitals.load,
            memory_free_mb=self.vitals.memory_free_mb,
            cost_per_s=work.cost_per_s,
            quiet=self.vitals.quiet,
            max_queue=work.max_queue,
            closed=self._closed,
            accept_from=work.accept_from,
        )

    def skills(self) -> tuple[m.Skill, ...]:
        """What the node's card says of it."""
        return tuple(
            m.Skill(
                capability=capability,
                model=entry.model,
                quality=entry.quality,
                prefill_tok_s=self._speeds.get(capability, _UNMEASURED).prefill_tok_s,
                decode_tok_s=self._speeds.get(capability, _UNMEASURED).decode_tok_s,
                warm=capability in self._warm,
            )
            for capability, entry in sorted(self._entries.items())
        )

    def holding(self, *phases: Phase) -> int:
        """How many contracts stand in one of `phases`."""
        return sum(contract.phase in phases for contract in self._contracts.values())

    # --- private ---------------------------------------------------------------------------------

    def _award(self, home: str, award: m.Award, now: float) -> list[Action]:
        key = contract_key(home, award.task, award.attempt)
        if key in self._contracts:
            return self._turn(key, one.Again(self._boot), now)
        newest = self._attempts.get((home, award.task), 0)
        if award.attempt < newest:
            return []
        if key not in self._over and (reason := self._unfit(home, award)):
            unfit = m.Refuse(task=award.task, attempt=award.attempt, reason=reason)
            self._remember(key, unfit)
        if key in self._over:
            return self._refused(home, award)
        older: list[Action] = []
        if newest:
            older = self._turn(contract_key(home, award.task, newest), one.Stopped(), now)
        features = features_of(award.content, award.max_tokens)
        work_ms = pricing.busy_ms(pricing.parts(award.capability, features, self.shop(now)))
        contract = Contract(home=home, award=award, work_ms=work_ms, received=now)
        self._keep(contract, now)
        self._starts.append((now + STARTED_AFTER_S, key))
        if self._beat_due == math.inf:
            self._beat_due, self._beat_at = now + self._beat_s, now
        return older + self._fill(now)

    def _unfit(self, home: str, award: m.Award) -> str:
        """Why an award is refused although we may have bid: the owner's word counts here too."""
        if award.capability not in self._entries:
            return f"{self._own} does not offer {award.capability}"
        accept = self._work.accept_from
        if accept and home != self._own and home not in accept:
            return f"{self._own} takes no work from {home}"
        if self._closed:
            return self._closed
        begins = not self._waiting and self._busy.fits(award.capability)
        return "" if begins else self._waiting.refusal(home)

    def _fill(self, now: float) -> list[Action]:
        """Free slots take the most urgent of those that wait."""
        actions: list[Action] = []
        while self._waiting:
            key = self._waiting.first()
            first = self._contracts[key]
            fits = self._busy.fits(first.award.capability)
            if not fits and not self._may_run_ahead(first):
                break
            actions += self._step(key, first, one.Slot(), now)
        return actions

    def _may_run_ahead(self, first: Contract) -> bool:
        """Work so short that a worker would wait for us longer than it runs is handed over ahead."""
        busy = [self._contracts[key] for key in self._busy]
        short = sum(contract.work_ms for contract in busy) < AHEAD_MS * self._work.slots
        return short and not first.award.once and len(busy) < AHEAD * self._work.slots

    def _told(
        self, home: str, message: m.Go | m.Stop, event: one.Event, now: float
    ) -> list[Action]:
        """News of an attempt; of one that we gave back, the home has not heard yet."""
        key = contract_key(home, message.task, message.attempt)
        return (
            self._turn(key, event, now) if key in self._contracts else self._refused(home, message)
        )

    def _refused(self, home: str, message: m.Award | m.Go | m.Stop) -> list[Action]:
        """The refusal again, if it was one; silence about an attempt that ended otherwise."""
        refuse = self._over.get(contract_key(home, message.task, message.attempt))
        return [] if refuse is None else [Send(home, refuse)]

    def _turn(self, key: str, event: one.Event, now: float) -> list[Action]:
        contract = self._contracts.get(key)
        if contract is None:
            return []
        return self._step(key, contract, event, now) + self._fill(now)

    def _step(self, key: str, contract: Contract, event: one.Event, now: float) -> list[Action]:
        after, actions = one.step(contract, event, self._boot, now)
        if after is None:
            self._drop(key, contract)
            self._remember(key, _refusal(actions))
        else:
            self._keep(after, now)
        return actions

    def _remember(self, key: str, refusal: m.Refuse | None) -> None:
        """An attempt is over; `refusal` is what gave it back, if it was."""
        self._over[key] = refusal
        while len(self._over) > OVER_KEPT:
            del self._over[next(iter(self._over))]

    def _keep(self, contract: Contract, now: float) -> None:
        key = contract.key
        self._contracts[key] = contract
        self._attempts[contract.home, contract.award.task] = contract.award.attempt
        if contract.phase in BUSY:
            self._busy.place(key, contract.award.capability)
        else:
            self._busy.drop(key)
        if contract.phase is Phase.WAITING:
            self._waiting.add(contract)
        else:
            self._waiting.drop(key)
        self._timers.arm(key, None if contract.due is None else max(contract.due, now))

    def _drop(self, key: str, contract: Contract) -> None:
        del self._contracts[key]
        self._busy.drop(key)
        self._waiting.drop(key)
        self._timers.arm(key, None)
        name = (contract.home, contract.award.task)
        if self._attempts.get(name) == contract.award.attempt:
            del self._attempts[name]

    def _work_left(self, now: float) -> list[Left]:
        running = [(self._contracts[key], self._busy.pace(key)) for key in self._busy]
        ahead = [self._contracts[key] for key in self._waiting.ordered()]
        return [
            *(Left(each.award.capability, each.left_ms(now, pace)) for each, pace in running),
            *(Left(each.award.capability, each.work_ms) for each in ahead),
        ]

    def _beat(self, now: float) -> list[Action]:
        """One sign of life to every home whose attempts we hold."""
        held: dict[str, list[m.Held]] = {}
        for contract in self._contracts.values():
            award = contract.award
            one_held = m.Held(task=award.task, attempt=award.attempt, fraction=contract.fraction)
            held.setdefault(contract.home, []).append(one_held)
        self._beat_at = now
        self._beat_due = now + self._beat_s if held else math.inf
        return [
            Send(home, m.Beat(boot=self._boot, held=tuple(list_[at : at + HELD_AT_ONCE])))
            for home, list_ in held.items()
            for at in range(0, len(list_), HELD_AT_ONCE)
        ]

    def _thaw(self, now: float) -> list[Action]:
        """We did not run for most of a lease: what has not begun belongs to others by now."""
        if self._beat_due == math.inf or now - self._beat_at <= LEASE_SHARE * self._lease_s:
            return []
        self._beat_at = now
        self._beat_due = now
        return self._give_back(f"{self._own} was stopped for longer than its leases", now)

    def _give_back(self, reason: str, now: float) -> list[Action]:
        """What has not begun goes back; the slots that this frees stay free until all is given back."""
        drops = [
            self._step(key, contract, one.Dropped(reason), now)
            for key, contract in tuple(self._contracts.items())
        ]
        return [action for actions in drops for action in actions]

    def _learn(self, capability: str, timing: m.Timing, usage: Usage | None, now: float) -> None:
        old = self._speeds.get(capability, _UNMEASURED)
        if capability in self._entries:
            load = self.vitals.load
            self._speeds[capability] = pricing.observe(old, timing, usage, load=load)
            self._learned.add(capability)
            self._learned_due = min(self._learned_due, now + LEARNED_AFTER_S)


def _refusal(actions: Sequence[Action]) -> m.Refuse | None:
    """The refusal among what is sent."""
    told = (action.message for action in actions if isinstance(action, Send))
    return next((message for message in told if isinstance(message, m.Refuse)), None)


_UNMEASURED = Speed()
