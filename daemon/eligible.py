"""Who may be given a task: whom privacy and delegation allow and, after an abstention, a better one alone.

    small abstains ──▶ better in hand? ── yes ──▶ AWARDED ──▶ an answer: the end
                           │ no                      │ abstains: only one better still
                           ▼                         ▼
                    better on the bus? ── no, or no time, attempts or turns left ──▶ the first
                           │ yes                                                     abstention
                           ▼                                                         is the end
                    QUEUED: a round in which only a better bid counts

"Better" is a quality above that of everyone who has abstained, by the bid or, before there is one,
by the card. It grows with each turn and there are `MAX_HANDOFFS` turns at most, so the chain ends.
"""

from bus_topics.messages import Privacy
from daemon.allow import runners
from daemon.task import Order, Task, ends_by
from daemon.turn import Market

MAX_HANDOFFS = 3


def allowed_nodes(order: Order, market: Market) -> frozenset[str] | None:
    """Who may see the content; None is everyone. Delegation, privacy and our allow-list narrow it."""
    submit, settings = order.submit, market.settings
    limits = [runners(settings.may_run, market.own, submit.capability)]
    if submit.node is not None:
        limits.append(frozenset({submit.node}))
    if submit.privacy is Privacy.PRIVATE:
        limits.append(frozenset({market.own, *settings.private_nodes}))
    narrow = [limit for limit in limits if limit is not None]
    return frozenset.intersection(*narrow) if narrow else None


def not_allowed(order: Order, market: Market) -> str:
    """Why `allowed_nodes` leaves nobody, with what would change it."""
    submit = order.submit
    runs = runners(market.settings.may_run, market.own, submit.capability)
    if submit.node is not None and runs is not None and submit.node not in runs:
        rule = f"{submit.node}:{submit.capability}"
        return f"{submit.node} may not run {submit.capability}: add {rule!r} to auction.may_run"
    return f"private content may not go to {submit.node}: add it to auction.private_nodes"


def quality_of(order: Order, task: Task, node: str, market: Market) -> float:
    """How good an answer of this node would be: as it has bid, else as its card says."""
    bid = task.bids.get(node)
    if bid is not None:
        return bid.quality
    return market.roster.quality(node, order.submit.capability)


def is_better(task: Task, quality: float) -> bool:
    """Whether an answer of this quality is worth waiting for; without an abstention each one is."""
    return task.abstention is None or quality > task.abstention.above


def nobody_better(order: Order, task: Task, market: Market, now: float) -> str:
    """Why the task goes on to nobody after an abstention; "" when somebody may do it better in time."""
    if task.abstention is None:
        return ""
    turns, left_ms = len(task.abstention.attempts), (ends_by(order, task) - now) * 1000
    if turns > MAX_HANDOFFS:
        return f"{turns} nodes have abstained, as many as are asked"
    if task.attempt >= order.max_attempts:
        return f"all {task.attempt} attempts are used"
    if left_ms < market.settings.window_ms:
        return f"{max(0.0, left_ms):.0f} ms are left, too little for another round"
    capability, allowed = order.submit.capability, allowed_nodes(order, market)
    live = market.roster.capable(capability, now, allowed or ())
    if any(is_better(task, market.roster.quality(node, capability)) for node in live):
        return ""
    may = "" if allowed is None else " that may have it"
    return f"no live node{may} offers {capability} above quality {task.abstention.above:.2f}"
