"""What one node counts of its own work, for whoever watches it; plain numbers, taken at the node's edges.

Nothing depends on them and none of them outlives the process: a rise is what they tell. Times are the
caller's. `daemon.metrics` gives them their names.
"""

from bisect import bisect_left
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Sequence
from copy import deepcopy
from typing import Self

from bus_topics import messages as m
from bus_topics import topics
from daemon.turn import Rate
from handlers.protocol import Usage

OPEN_ROUNDS = 1000
"""Offers whose bids are still timed; of more the oldest are let go."""
MOST_NODES = 200
"""Nodes that are counted apart; what more of them lose is counted under no name."""
BID_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
TASK_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
RATIOS = (0.1, 0.25, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0, 4.0, 10.0)

SYS_TOPICS = {
    "$SYS/broker/publish/messages/dropped": "dropped",
    "$SYS/broker/clients/connected": "clients",
    "$SYS/broker/store/messages/count": "stored",
    "$SYS/broker/heap/current": "heap",
}
"""What mosquitto tells of itself, where its access list lets us read it."""


class Buckets:
    """How often a value was at most each bound; the last count is of those above all of them."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Tally:
    """The counts of one process life."""

    def __init__(self) -> None:
        self.accepted = 0
        self.links = 0
        self.received: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.quarantined: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        """Awarded, abstained, and each way in which a task ends."""
        self.decided: m.Decision | None = None
        """Why the last attempt that was awarded went where it went."""
        self.bids: Counter[bool] = Counter()
        """By whether the node declined."""
        self.lost: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        """Attempts that were refused or failed, by which of the two."""
        self.attempts: Counter[tuple[str, str]] = Counter()
        """Attempts that our workers ended, by model and outcome."""
        self.tokens: Counter[tuple[str, str]] = Counter()
        self.model_s: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.bid_s = Buckets(BID_S)
        self.task_s = Buckets(TASK_S)
        self.promise_ratio = Buckets(RATIOS)
        self.broker: dict[str, int] = {}
        self._offered: OrderedDict[tuple[str, str], float] = OrderedDict()

    def copy(self) -> Self:
        """As it is now, for another thread."""
        return deepcopy(self)

    def told(self, event: m.Event) -> None:
        """A decision as it falls."""
        self.events[event.kind] += 1
        self.decided = event.decision or self.decided
        if event.kind == m.Outcome.DONE.value:
            self.task_s.add(event.at_ms / 1000)

    def offered(self, offer: m.Offer, now: float) -> None:
        """Bids for this round are timed from here; for a repeated round from its latest offer."""
        self._offered[offer.task, offer.auction] = now
        while len(self._offered) > OPEN_ROUNDS:
            self._offered.popitem(last=False)

    def bid(self, bid: m.Bid, now: float) -> None:
        """A node answered an offer."""
        self.bids[bool(bid.declined)] += 1
        at = self._offered.get((bid.task, bid.auction))
        if at is not None:
            self.bid_s.add(now - at)

    def rated(self, rate: Rate) -> None:
        """A contractor kept its promise, or did not: what pricing learns from."""
        if rate.actual_ms is not None:
            self.promise_ratio.add(max(rate.actual_ms, 1.0) / max(rate.promised_ms, 1.0))
        elif rate.lost:
            known = rate.node in self.lost or len(self.lost) < MOST_NODES
            self.lost[rate.node if known else ""] += 1
        else:
            self.broken["refused" if rate.refused else "failed"] += 1

    def sends(self, message: m.Message) -> None:
        """A message of ours into an inbox, or an answer to an app."""
        self.sent[topics.BY_MESSAGE[type(message)].name] += 1
        match message:
            case m.Rejected(code=code) | m.Answer(rejected=m.RejectCode() as code):
                self.rejected[code.value] += 1
            case _:
                pass

    def ran(self, result: m.Result, usage: Usage) -> None:
        """A worker of ours ended an attempt."""
        self.attempts[result.model, result.outcome.value] += 1
        self.tokens[result.model, "prefill"] += usage.prefill_tokens
        self.tokens[result.model, "decode"] += usage.decode_tokens
        self.model_s[result.model, "prefill"] += usage.prefill_s
        self.model_s[result.model, "decode"] += usage.decode_s

    def broker_said(self, topic: str, payload: bytes) -> None:
        """A number that the broker tells of itself; anything else is ignored."""
        name = SYS_TOPICS.get(topic)
        if name is not None and payload.isdigit() and len(payload) < 19:
            self.broker[name] = int(payload)
