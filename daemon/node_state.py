"""How a node stands, read off its machines for `node/<n>/state`; what moves by itself is told from what happened."""

import math

from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.messages import Condition
from daemon.contract import Phase
from daemon.contractor import Contractor
from daemon.home import Home
from daemon.owner import Owner
from daemon.roster import Roster
from daemon.tally import Tally

MOST_MODELS = 64
_HERE = (Phase.WAITING, Phase.PREPARED, Phase.RUNNING)
_NOT_DONE = (m.Outcome.FAILED, m.Outcome.EXPIRED, m.Outcome.UNKNOWN)


class Reader:
    """Reads one node; nothing is measured for it. For the loop's thread."""

    def __init__(
        self,
        boot: str,
        home: Home,
        contractor: Contractor,
        roster: Roster,
        tally: Tally,
        owner: Owner,
    ) -> None:
        self._boot = boot
        self._home = home
        self._contractor = contractor
        self._roster = roster
        self._tally = tally
        self._owner = owner
        self._started = math.nan
        self._decoded = (0, 0.0)
        self._decode_tok_s: float | None = None

    def read(self, now: float, fault: str, disk: str, round_trip_s: float | None) -> m.State:
        """As it is at `now`, of the loop's clock.

        Args:
            now: the first reading is the start of the node's uptime.
            fault: what keeps the node from work, whatever its owner wants; or "".
            disk: what is wrong with the journal; or "".
            round_trip_s: of the latest message to the broker; None when none was answered.
        """
        if math.isnan(self._started):
            self._started = now
        contractor, tally, vitals = self._contractor, self._tally, self._contractor.vitals
        self._pace()
        decided, free = tally.decided, vitals.memory_free_mb
        return m.State(
            boot=self._boot,
            condition=condition(
                fault, accepts=self._owner.accepts, held=contractor.holding(*_HERE)
            ),
            accept_work=self._owner.accepts,
            preference=self._owner.preference,
            running=contractor.holding(Phase.RUNNING),
            queue=contractor.holding(Phase.WAITING, Phase.PREPARED),
            done=_ended(tally, m.Outcome.DONE),
            failed=_ended(tally, m.Outcome.FAILED),
            home_open=self._home.unfinished(),
            home_done=tally.events[m.Outcome.DONE.value],
            home_failed=sum(tally.events[outcome.value] for outcome in _NOT_DONE),
            decode_tok_s=self._decode_tok_s,
            models=self._models(),
            winner=None if decided is None else decided.winner,
            reason="" if decided is None else decided.reason,
            load=round(vitals.load, 2),
            memory_free_mb=round(free) if math.isfinite(free) else None,
            temperature=vitals.temperature,
            held=vitals.held,
            problems=tuple(told[:500] for told in (fault, disk) if told),
            nodes_live=sum(view.online for view in self._roster.nodes(now)),
            quarantined=tally.quarantined.total(),
            round_trip_ms=None if round_trip_s is None else round(round_trip_s * 1000, 1),
            uptime_s=int(now - self._started),
        )

    def _pace(self) -> None:
        """Speed of decoding since the last reading in which there was any."""
        decoded = (
            sum(count for (_, kind), count in self._tally.tokens.items() if kind == "decode"),
            sum(spent for (_, kind), spent in self._tally.model_s.items() if kind == "decode"),
        )
        tokens, seconds = decoded[0] - self._decoded[0], decoded[1] - self._decoded[1]
        if tokens > 0 and seconds > 0:
            self._decode_tok_s = round(min(tokens / seconds, 1e9), 1)
            self._decoded = decoded

    def _models(self) -> tuple[str, ...]:
        warm = {skill.model for skill in self._contractor.skills() if skill.warm and skill.model}
        return tuple(sorted(warm)[:MOST_MODELS])


def condition(fault: str, *, accepts: bool, held: int) -> Condition:
    """In one word; `held` is how many attempts the node has."""
    if fault:
        return Condition.STOPPING if fault == "stopping" else Condition.CONFLICT
    if not accepts:
        return Condition.DRAINING if held else Condition.PAUSED
    return Condition.BUSY if held else Condition.IDLE


def happened(state: m.State) -> m.State:
    """Without what moves by itself: two readings differ in this when something happened."""
    return replace(
        state,
        load=0.0,
        memory_free_mb=None,
        temperature=None,
        round_trip_ms=None,
        uptime_s=0,
    )


def _ended(tally: Tally, outcome: m.Outcome) -> int:
    return sum(count for (_, how), count in tally.attempts.items() if how == outcome.value)
