"""When a contractor that says nothing is given up before its lease is over.

    awarded ─────────── promised ──────────────────────────────▶
       heard ── 1.5 beats of silence ──▶ both over: another may have it ── lease over: lost

A frozen contractor would cost a lease each time. Whoever is past its promise and has let a beat pass is probably
gone; if it is not, the work is done twice and its result still counts, as the fence has it. So this is for attempts
without a claim, while another node can take the task, `MOST_EARLY` times for a task; and an attempt
given up in this way is not one of `max_attempts`, or a broker that is away for a while would use them up.
"""

from daemon.eligible import allowed_nodes, is_better, quality_of
from daemon.task import Order, Task
from daemon.turn import Market

BEATS = 1.5
"""Of silence: one beat was due, and half of another for the way."""
MOST_EARLY = 2


def patience_ends(task: Task, market: Market) -> float:
    """The instant from which the attempt in hand may be given up; the end of its lease where not before."""
    if task.claimed or task.promised_ms is None or task.early >= MOST_EARLY:
        return task.lease_end
    heard = task.lease_end - market.settings.lease_s
    overdue = task.awarded + task.promised_ms / 1000
    return min(task.lease_end, max(heard + BEATS * market.settings.beat_s, overdue))


def another_can(order: Order, task: Task, market: Market, now: float) -> bool:
    """Whether a live node but the contractor may have the task and can do it."""
    allowed = allowed_nodes(order, market)
    return any(
        node != task.contractor and is_better(task, quality_of(order, task, node, market))
        for node in market.roster.capable(order.submit.capability, now, allowed or ())
    )
