"""What a home makes of a result: fence, judge, and hand an abstention on to somebody better.

See the drawings in `daemon.auction` and, of the handing on, in `daemon.eligible`.
"""

from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.abstention import why_abstained
from bus_topics.messages import Outcome
from daemon.actions import Distrust, Send, Tell
from daemon.attempt import lost, next_in_hand, offered_anew, runners_up
from daemon.eligible import nobody_better
from daemon.ending import finish, in_hand, saved
from daemon.task import HELD, Abstention, Order, Task, given, noted
from daemon.turn import Market, Outcomes, Rate, Settle, Turn


def result_in(
    order: Order, task: Task, sender: str, result: m.Result, market: Market, now: float
) -> Turn:
    """Fence, then judge: the first result of a given attempt ends the task, unless it abstains."""
    attempt, once = result.attempt, order.submit.once
    if given(task, attempt, sender) is None:
        reason = f"a result of {order.key} attempt {attempt}, which {sender} was never given"
        return task, [Distrust(sender, "forged-result", reason)]
    if task.abstention is not None and attempt in task.abstention.attempts:
        return task, [Settle(sender, attempt, kept=False)]
    if once and task.claimed != attempt:
        reason = f"a result of {order.key} attempt {attempt}, which has no claim"
        return task, [Distrust(sender, "unclaimed-result", reason)]
    if order.handoff and not task.cancelled and why_abstained(result):
        return _abstained(order, task, sender, result, market, now)
    task = noted(order, task, now, f"result {result.outcome}", sender, result.error)
    current = in_hand(task, sender, attempt)
    promised = task.promised_ms if current else None
    actual = (now - task.awarded) * 1000
    match result.outcome:
        case Outcome.DONE:
            task = _answered(task, sender, result, market)
            ended, actions = finish(order, task, Outcome.DONE, now, result=result.result)
            if not current and task.phase in HELD:
                stop = m.Stop(task=order.key, attempt=task.attempt)
                actions.append(Send(task.contractor, stop))
            if promised is not None:
                actions.append(Rate(sender, promised, actual))
            return ended, [*actions, Settle(sender, attempt, kept=True)]
        case Outcome.FAILED | Outcome.UNKNOWN if once or result.permanent:
            task = _answered(task, sender, result, market)
            ended, actions = finish(order, task, result.outcome, now, error=result.error)
            return ended, [*actions, Settle(sender, attempt, kept=ended.kept == attempt)]
        case Outcome.CANCELLED if once:
            outcome = Outcome.CANCELLED if task.cancelled else Outcome.FAILED
            ended, actions = finish(order, task, outcome, now, error=result.error)
            return ended, [*actions, Settle(sender, attempt, kept=True)]
        case _ if current:
            detail = f"{sender}: {result.error or result.outcome.value}"
            task, actions = lost(order, task, "failed", detail, market, now)
            return task, [*actions, Settle(sender, attempt, kept=False)]
        case _:
            return task, [Settle(sender, attempt, kept=False)]


def _answered(task: Task, sender: str, result: m.Result, market: Market) -> Task:
    """The task with what is kept of this attempt besides its result."""
    return replace(
        task,
        kept=result.attempt,
        node=sender,
        model=result.model,
        version=_release(market, sender),
        timing=result.timing,
    )


def _release(market: Market, node: str) -> str:
    """Which release a node is of, as its card says; "" where there is none."""
    card = market.roster.card(node)
    return "" if card is None else card.version


def _abstained(
    order: Order, task: Task, sender: str, result: m.Result, market: Market, now: float
) -> Turn:
    """Keep it, and let somebody better try: the next in hand, or the winner of a new round.

    Nothing was done, so a claim is free for the next. With nobody better the abstention is the end,
    at once; while another attempt runs, its answer is waited for.
    """
    current = in_hand(task, sender, result.attempt)
    why = why_abstained(result)
    seen = f"{sender} abstained: {why}"
    actions: Outcomes = []
    if current and task.promised_ms is not None:
        actions.append(Rate(sender, task.promised_ms, (now - task.awarded) * 1000))
    task = noted(order, task, now, "abstained", sender, why)
    kept = _kept(task, sender, result, seen, _release(market, sender))
    task = replace(task, rev=task.rev + 1, claimed=0, claimed_boot="", abstention=kept)
    event = m.Event(
        task=order.key,
        kind="abstained",
        at_ms=task.steps[-1].at_ms,
        node=sender,
        attempt=result.attempt,
    )
    actions.append(Tell(event))
    if task.phase in HELD and not current:
        return task, [saved(order, task), *actions, Settle(sender, result.attempt, kept=False)]
    hands = runners_up(order, task, market, now)
    why_not = nobody_better(order, task, market, now)
    if why_not:
        task, more = finish(order, task, Outcome.FAILED, now, error=why_not)
    elif hands:
        reason = f"{seen}; handed on to {hands[0]}, next in hand"
        task, more = next_in_hand(order, task, hands, reason, market, now)
    else:
        task = replace(offered_anew(task, None), window_ms=0)
        more = [saved(order, task)]
    settle = Settle(sender, result.attempt, kept=task.kept == result.attempt)
    return task, [*actions, *more, settle]


def _kept(task: Task, sender: str, result: m.Result, seen: str, version: str) -> Abstention:
    """What is known of all abstentions, with this one; the first is the one that would be told."""
    award = given(task, result.attempt, sender)
    quality = 0.0 if award is None else award.quality
    if task.abstention is None:
        return Abstention(
            node=sender,
            result=result.result,
            model=result.model,
            version=version,
            timing=result.timing,
            attempts=(result.attempt,),
            above=quality,
            words=seen,
        )
    return replace(
        task.abstention,
        attempts=(*task.abstention.attempts, result.attempt),
        above=max(task.abstention.above, quality),
        words=seen,
    )
