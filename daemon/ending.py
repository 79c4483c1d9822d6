"""How a task ends: once, on disk, then told until it is acknowledged. See the drawing in `daemon.auction`."""

from msgspec import Raw
from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import TASK, Action, Reply, Save, Send, Tell
from daemon.task import (
    HELD,
    MAX_DECISIONS,
    Order,
    Phase,
    Task,
    answer_of,
    final_of,
    given,
    noted,
    to_state,
    told,
)
from daemon.turn import (
    Acked,
    CancelIn,
    ClaimIn,
    Event,
    Market,
    Outcomes,
    ResultIn,
    Settle,
    StartedIn,
    Tick,
    Turn,
)


def finish(
    order: Order,
    task: Task,
    outcome: Outcome,
    now: float,
    *,
    result: Raw | None = None,
    error: str = "",
) -> tuple[Task, Outcomes]:
    """The end, once: on disk, then told and told again until it is acknowledged.

    What fails for want of a better answer ends with the abstention in hand. Not so an effect that may
    have begun: of that nobody may say that nothing was done.
    """
    kept = task.abstention
    lost = outcome not in (Outcome.DONE, Outcome.CANCELLED) and not task.claimed
    if kept is not None and lost:
        task = noted(order, task, now, "abstention kept", kept.node, error)
        outcome, result, error = Outcome.DONE, kept.result, ""
        task = replace(
            task,
            kept=kept.attempts[0],
            node=kept.node,
            model=kept.model,
            version=kept.version,
            timing=kept.timing,
            dead=False,
        )
    task = replace(
        task,
        phase=Phase.FINAL,
        rev=task.rev + 1,
        outcome=outcome,
        result=result,
        error=error[:500],
        finished=now,
        abstention=None,
        bids={},
        ranking=(),
        tells=1,
        due=now + 1.0,
    )
    task = noted(order, task, now, outcome.value, task.node, error)
    event = m.Event(
        task=order.key,
        kind=outcome.value,
        at_ms=task.steps[-1].at_ms,
        node=task.node or None,
        attempt=task.attempt,
    )
    return task, [saved(order, task), tell(order, task), Tell(event)]


def tell(order: Order, task: Task) -> Send | Reply:
    """The final, to wherever the requester wants it."""
    if order.reply is None:
        return Send(order.sender, final_of(order, task))
    reply = order.reply
    return Reply(reply.topic, reply.correlation_data(), answer_of(order, task), order.key)


def after_the_end(order: Order, task: Task, event: Event, market: Market, now: float) -> Turn:
    """Nothing changes an end; whoever still asks is told it. After days unheard nobody is told unasked."""
    match event:
        case ResultIn(sender, result) if given(task, result.attempt, sender):
            return task, [Settle(sender, result.attempt, result.attempt == task.kept)]
        case StartedIn(sender, attempt, _) | ClaimIn(sender, attempt, _):
            return task, [Send(sender, m.Stop(task=order.key, attempt=attempt))]
        case CancelIn():
            return task, [tell(order, task)]
        case Acked() if task.phase is Phase.FINAL:
            task = replace(task, phase=Phase.CLOSED, rev=task.rev + 1, due=None)
            return task, [saved(order, task)]
        case Tick() if task.phase is Phase.FINAL and now - task.finished > _kept_s(market):
            return after_the_end(order, task, Acked(), market, now)
        case Tick() if task.phase is Phase.FINAL and task.due is not None and now >= task.due:
            pause = min(2.0**task.tells, 60.0) if task.tells < 60 else 600.0
            task = replace(task, tells=task.tells + 1, due=now + pause)
            return task, [tell(order, task)]
        case _:
            return task, []


def _kept_s(market: Market) -> float:
    return market.settings.keep_days * 86_400.0


def stop_running(order: Order, task: Task) -> list[Action]:
    """The contractor of a task that has ended need not go on."""
    if task.phase not in HELD:
        return []
    return [Send(task.contractor, m.Stop(task=order.key, attempt=task.attempt))]


def in_hand(task: Task, sender: str, attempt: int) -> bool:
    """Whether this attempt is the one that runs, with this contractor."""
    return task.phase in HELD and task.contractor == sender and task.attempt == attempt


def with_decision(task: Task, decision: m.Decision) -> Task:
    """The task with one more decision in its story."""
    return replace(task, decisions=told(task.decisions, decision, MAX_DECISIONS))


def saved(order: Order, task: Task) -> Save:
    """The row that makes the task as it is now survive us."""
    return Save(TASK, order.key, task.rev, task.phase, to_state(task))
