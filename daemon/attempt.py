"""One attempt: award, lease, claim, loss. See the drawing in `daemon.auction`."""

from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import Send, Tell
from daemon.eligible import allowed_nodes, is_better, nobody_better, quality_of
from daemon.ending import finish, in_hand, saved, with_decision
from daemon.pricing import MAX_RATIO
from daemon.silence import patience_ends
from daemon.task import Given, Order, Phase, Task, ends_by, given, noted
from daemon.turn import Market, Rate, Turn

AWARD_REPEAT_S = 1.0
PATIENCE_LEASES = 3
"""So many leases, and `MAX_RATIO` times its promise, a contractor that lives has for an attempt."""


def award(order: Order, task: Task, market: Market, now: float) -> Turn:
    """The next of the ranking gets the next attempt; on disk first, so that no number is given twice."""
    node, *rest = task.ranking
    attempt = task.attempt + 1
    bid = task.bids.get(node)
    task = replace(
        task,
        phase=Phase.AWARDED,
        rev=task.rev + 1,
        ranking=tuple(rest),
        attempt=attempt,
        contractor=node,
        boot="",
        promised_ms=bid.eta_ms if bid else None,
        awarded=now,
        lease_end=now + market.settings.lease_s,
        silent=False,
        given=(*task.given, Given(attempt, node, quality_of(order, task, node, market))),
        due=now + AWARD_REPEAT_S,
    )
    task = noted(order, task, now, "awarded", node)
    decision = task.decisions[-1] if task.decisions else None
    event = m.Event(
        task=order.key,
        kind="awarded",
        at_ms=task.steps[-1].at_ms,
        node=node,
        attempt=attempt,
        decision=decision,
    )
    return task, [saved(order, task), award_message(order, task, market, now), Tell(event)]


def award_message(order: Order, task: Task, market: Market, now: float) -> Send:
    """The attempt in hand as its contractor gets it, first and repeated."""
    submit = order.submit
    award = m.Award(
        task=order.key,
        attempt=task.attempt,
        capability=submit.capability,
        content=submit.content,
        lease_ms=int(market.settings.lease_s * 1000),
        deadline_ms=max(1, int((ends_by(order, task) - now) * 1000)),
        max_tokens=submit.max_tokens,
        priority=submit.priority,
        once=submit.once,
        stream=submit.stream,
    )
    return Send(task.contractor, award)


def started(
    order: Order, task: Task, sender: str, attempt: int, boot: str, market: Market, now: float
) -> Turn:
    """The contractor has it: its lease runs anew. A contractor with an older attempt is stopped."""
    if not in_hand(task, sender, attempt):
        stale = given(task, attempt, sender)
        return task, [Send(sender, m.Stop(task=order.key, attempt=attempt))] if stale else []
    if _overdue(order, task, market, now):
        detail = f"{sender} promised {task.promised_ms:.0f} ms; after {now - task.awarded:.0f} s others may"
        task, actions = lost(order, task, "lost", detail, market, now)
        return task, [*actions, Send(sender, m.Stop(task=order.key, attempt=attempt))]
    if task.phase is Phase.AWARDED:
        task = noted(order, task, now, "started", sender)
    lease_end = now + market.settings.lease_s
    task = replace(
        task, phase=Phase.RUNNING, boot=boot, lease_end=lease_end, silent=False, due=lease_end
    )
    return replace(task, due=patience_ends(task, market)), []


def claim(
    order: Order, task: Task, sender: str, attempt: int, boot: str, market: Market, now: float
) -> Turn:
    """Grant the one claim, to one attempt of one process life; repeat the grant; refuse all others.

    Another life of the same contractor may have begun the effect and forgotten it (a journal restored
    from a backup): then nobody can know.
    """
    if not order.submit.once or not in_hand(task, sender, attempt):
        return task, [Send(sender, m.Stop(task=order.key, attempt=attempt))]
    go = Send(sender, m.Go(task=order.key, attempt=attempt, boot=boot))
    if task.claimed == attempt and task.claimed_boot == boot:
        return task, [go]
    if task.claimed:
        stop = Send(sender, m.Stop(task=order.key, attempt=attempt))
        error = f"{sender} restarted between its claim and its result; the effect may have begun"
        ended, actions = finish(order, task, Outcome.UNKNOWN, now, error=error)
        return ended, [*actions, stop]
    lease_end = now + market.settings.lease_s
    task = replace(
        task,
        phase=Phase.RUNNING,
        rev=task.rev + 1,
        claimed=attempt,
        claimed_boot=boot,
        boot=boot,
        lease_end=lease_end,
        due=lease_end,
    )
    task = noted(order, task, now, "claimed", sender)
    return task, [saved(order, task), go]


def refused(order: Order, task: Task, reason: str, boot: str, market: Market, now: float) -> Turn:
    """The contractor gives the attempt in hand back: the next may try.

    After a claim it is the end, and only the life that claimed may say so: what an earlier one gave back
    may have begun in a later one.
    """
    if not task.claimed:
        detail = f"{task.contractor} refused: {reason}"
        return lost(order, task, "refused", detail, market, now, refused=True)
    if task.claimed_boot != boot:
        return task, []
    outcome = Outcome.CANCELLED if task.cancelled else Outcome.FAILED
    error = f"{task.contractor} gave it back before it began: {reason}"
    return finish(order, replace(task, claimed=0), outcome, now, error=error)


def gone(order: Order, task: Task, boot: str, market: Market, now: float) -> Turn:
    """The contractor is offline or lives anew: an attempt without a claim is over at once."""
    if task.claimed or (boot and task.boot in ("", boot)):
        return task, []
    why = "restarted" if boot else "went offline"
    return lost(order, task, "lost", f"{task.contractor} {why}", market, now)


def lost(
    order: Order,
    task: Task,
    kind: str,
    detail: str,
    market: Market,
    now: float,
    *,
    refused: bool = False,
) -> Turn:
    """The attempt in hand is over without a result: the runner-up, a new round, or the end."""
    rate = Rate(task.contractor, refused=refused, lost=kind == "lost")
    task = noted(order, task, now, kind, task.contractor, detail)
    if task.attempt - task.early >= order.max_attempts:
        error = f"gave up after {task.attempt} attempts; the last: {detail}"
        ended, actions = finish(order, replace(task, dead=True), Outcome.FAILED, now, error=error)
        return ended, [rate, *actions]
    hands = runners_up(order, task, market, now)
    if hands:
        # Everyone may see a decision; what a handler said may quote the content: the steps have it.
        seen = f"{task.contractor} failed" if kind == "failed" else detail
        reason = f"{hands[0]} was next in hand: {seen}"
        task, actions = next_in_hand(order, task, hands, reason, market, now)
        return task, [rate, *actions]
    why_not = nobody_better(order, task, market, now)
    if why_not:
        error = f"{detail}; {why_not}"
        ended, actions = finish(order, task, Outcome.FAILED, now, error=error)
        return ended, [rate, *actions]
    return offered_anew(task, now + min(0.1 * 2**task.attempt, 5.0)), [rate]


def runners_up(order: Order, task: Task, market: Market, now: float) -> tuple[str, ...]:
    """Who of those in hand may still have it, best first."""
    return tuple(
        node
        for node in task.ranking
        if market.roster.is_live(node, now)
        and _holds(order, task, node, now)
        and is_better(task, quality_of(order, task, node, market))
    )


def next_in_hand(
    order: Order, task: Task, hands: tuple[str, ...], reason: str, market: Market, now: float
) -> Turn:
    """The first of the runners-up gets the next attempt; `reason` is for everyone to see."""
    decision = m.Decision(
        attempt=task.attempt + 1, winner=hands[0], preference=order.preference, reason=reason
    )
    return award(order, with_decision(replace(task, ranking=hands), decision), market, now)


def offered_anew(task: Task, due: float | None) -> Task:
    """Back in the queue, for a new round once `due` has come; at once where that is None."""
    return replace(task, phase=Phase.QUEUED, auction="", ranking=(), bids={}, rounds=0, due=due)


def _overdue(order: Order, task: Task, market: Market, now: float) -> bool:
    """Whether a contractor that lives keeps a task so long past its promise that another should have it.

    Never after a claim, never the last attempt, and only while somebody is there who has not had it: a
    slow answer is better than none.
    """
    if task.claimed or task.promised_ms is None or task.attempt - task.early >= order.max_attempts:
        return False
    patience_s = max(PATIENCE_LEASES * market.settings.lease_s, MAX_RATIO * task.promised_ms / 1000)
    if now - task.awarded <= patience_s:
        return False
    had = {one.node for one in task.given}
    allowed = allowed_nodes(order, market)
    live = market.roster.capable(order.submit.capability, now, allowed or ())
    return any(
        node not in had and is_better(task, quality_of(order, task, node, market)) for node in live
    )


def _holds(order: Order, task: Task, node: str, now: float) -> bool:
    """Whether a runner-up's price still stands: for `hold_ms`, or without end where that is 0.

    Nobody who would be late is worth waiting for with an abstention in hand.
    """
    bid = task.bids.get(node)
    if bid is None:
        return True
    late = task.abstention is not None and now + bid.eta_ms / 1000 > ends_by(order, task)
    return not late and (not bid.hold_ms or now - task.decided <= bid.hold_ms / 1000)


def silent(order: Order, task: Task, market: Market, now: float) -> Turn:
    """Past its promise and its beat: another gets it, although the lease is not over."""
    heard = task.lease_end - market.settings.lease_s
    detail = f"{task.contractor} is past its promise and was not heard of for {now - heard:.1f} s"
    return lost(order, replace(task, early=task.early + 1), "lost", detail, market, now)


def lease_over(order: Order, task: Task, market: Market, now: float) -> Turn:
    """Unheard for a lease. A claimed effect gets one more, because only its contractor can know."""
    if not task.claimed:
        detail = f"{task.contractor} was not heard of for {market.settings.lease_s:g} s"
        return lost(order, task, "lost", detail, market, now)
    if not task.silent:
        task = noted(order, task, now, "silent", task.contractor)
        task = replace(task, silent=True, lease_end=now + market.settings.lease_s)
        return asked(order, task, now)
    error = (
        f"{task.contractor} fell silent after it was allowed to begin; the effect may have begun"
    )
    ended, actions = finish(order, task, Outcome.UNKNOWN, now, error=error)
    return ended, [Rate(task.contractor, lost=True), *actions]


def asked(order: Order, task: Task, now: float) -> Turn:
    """The grant again, to a contractor that is silent: it then says again how it stands, or that it gave up."""
    go = m.Go(task=order.key, attempt=task.attempt, boot=task.claimed_boot)
    again = min(now + AWARD_REPEAT_S, task.lease_end)
    return replace(task, due=again), [Send(task.contractor, go)]


def unheard(task: Task, market: Market, now: float) -> Turn:
    """We hear nobody: the lease begins when we do again, and what was awarded is then told again."""
    lease_end = now + market.settings.lease_s
    return replace(task, silent=False, lease_end=lease_end, due=now + AWARD_REPEAT_S), []
