"""The home's side of one task: a Contract Net manager with leases, fencing and an at-most-once claim.

    RECEIVED ── on disk ──▶ QUEUED ── the desk opens it ──▶ OFFERED ── round closes ──▶ AWARDED
                              ▲                              │   ▲                        │
                              │                              └───┘ nobody bid:            │ started,
                              │                                    same nonce, window x 2 │ beat
                              │  no runner-up left                                        ▼
                              └─────────── refused, lost, failed, abstained ◀────────  RUNNING
                                                  │ runner-up in hand: AWARDED again      │
       cancel, deadline, max attempts             ▼                                       │ result
    ───────────────────────────────────────▶   FINAL   ◀──────────────────────────────────┘
                                                  │ final_ack
                                                  ▼
                                               CLOSED

`step` is a function of (order, task, event, market, now): no clock, no randomness, no I/O. A row among the
actions is on disk before anything after it is sent. The fence: a result counts if that attempt was given to
that sender and the task has not ended; of a `once` task only the claimed attempt counts, ever. An attempt
that abstained did nothing; to whom the task may go then, `daemon.eligible` says.

R. G. Smith, "The Contract Net Protocol", IEEE Transactions on Computers C-29 (1980).
"""

from collections.abc import Collection

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import TASK, Distrust, Publish, Save, Send
from daemon.attempt import (
    AWARD_REPEAT_S,
    asked,
    award,
    award_message,
    claim,
    gone,
    lease_over,
    refused,
    silent,
    started,
    unheard,
)
from daemon.config import AuctionConfig
from daemon.eligible import allowed_nodes, is_better, nobody_better, not_allowed
from daemon.ending import after_the_end, finish, in_hand, saved, stop_running, with_decision
from daemon.holdings import delayed
from daemon.judging import result_in
from daemon.policy import MAX_REASON, Choice, Terms, decide
from daemon.silence import another_can, patience_ends
from daemon.task import (
    ENDED,
    HELD,
    Order,
    Phase,
    ReplyTo,
    Task,
    ends_by,
    features_of,
    noted,
    to_body,
    to_state,
)
from daemon.turn import (
    BidIn,
    CancelIn,
    ClaimIn,
    Event,
    Gone,
    Market,
    Open,
    Outbid,
    Outcomes,
    Rate,
    RefusedIn,
    ResultIn,
    StartedIn,
    Tick,
    Turn,
)

MAX_BIDS = 64
EMPTY_ROUNDS = 5
"""Rounds without a bid before the task gives its place among the open auctions to another."""
LOOK_ROUND_S = 1.0
"""After a restart, how long an abstention waits for the nodes to be seen again."""


def ordered(
    sender: str, submit: m.Submit, now: float, settings: AuctionConfig, reply: ReplyTo | None
) -> Order:
    """A submit as its home takes it: what it leaves open, the home's settings decide."""
    return Order(
        sender=sender,
        submit=submit,
        received=now,
        preference=submit.preference or settings.preference,
        max_attempts=submit.max_attempts or settings.max_attempts,
        reply=reply,
        handoff=settings.handoff if submit.handoff is None else submit.handoff,
    )


def admit(order: Order, now: float) -> tuple[Task, Save]:
    """A new task and the row that must be on disk before anyone hears that it was accepted."""
    task = noted(order, Task(), now, "received")
    return task, Save(
        TASK, order.key, task.rev, task.phase, to_state(task), to_body(order), admit=True
    )


def queued(order: Order, task: Task, now: float) -> Task:
    """The task once its row is on disk."""
    return noted(order, replace(task, phase=Phase.QUEUED), now, "accepted")


def revived(order: Order, task: Task, market: Market, now: float) -> Task:
    """The task as a restarted home takes it up.

    An interrupted round begins anew, a running attempt has one lease to be heard of. A runner-up that our
    lists do not allow any more is none.
    """
    if task.phase in ENDED:
        return replace(task, due=now if task.phase is Phase.FINAL else None)
    task = noted(order, task, now, "home restarted")
    if task.phase in HELD:
        lease, allowed = now + market.settings.lease_s, allowed_nodes(order, market)
        hands = tuple(node for node in task.ranking if allowed is None or node in allowed)
        return replace(task, lease_end=lease, due=now, ranking=hands, promised_ms=None)
    due = None if task.abstention is None else now + LOOK_ROUND_S
    return replace(task, phase=Phase.QUEUED, auction="", rounds=0, due=due)


def step(order: Order, task: Task, event: Event, market: Market, now: float) -> Turn:
    """One event on one task."""
    if task.phase in ENDED:
        return after_the_end(order, task, event, market, now)
    match event:
        case Open(nonce):
            return _open(order, task, nonce, market, now)
        case BidIn(sender, bid):
            return _bid(order, task, sender, bid, market, now)
        case StartedIn(sender, attempt, boot):
            return started(order, task, sender, attempt, boot, market, now)
        case RefusedIn(sender, attempt, reason, boot) if in_hand(task, sender, attempt):
            return refused(order, task, reason, boot, market, now)
        case ClaimIn(sender, attempt, boot):
            return claim(order, task, sender, attempt, boot, market, now)
        case ResultIn(sender, result):
            return result_in(order, task, sender, result, market, now)
        case Gone(node, boot) if task.phase in HELD and node == task.contractor:
            return gone(order, task, boot, market, now)
        case CancelIn():
            return _cancel(order, task, now)
        case Tick():
            return _tick(order, task, market, now)
        case _:
            return task, []


def _open(order: Order, task: Task, nonce: str, market: Market, now: float) -> Turn:
    """Ask everyone, unless the answer is plain: we are the only one, or are preferred and free."""
    nonce = task.auction or nonce
    window = task.window_ms or market.settings.window_ms
    task = replace(
        task, phase=Phase.OFFERED, auction=nonce, window_ms=window, rounds=0, offered=now
    )
    allowed = allowed_nodes(order, market)
    if allowed is not None and not allowed:
        return finish(order, task, Outcome.FAILED, now, error=not_allowed(order, market))
    why_not = nobody_better(order, task, market, now)
    if why_not:
        return finish(order, task, Outcome.FAILED, now, error=why_not)
    offer = _offer(order, task, allowed, now)
    if allowed is None or market.own in allowed:
        own = market.quote(offer, market.own, now)
        task = replace(task, bids={**task.bids, market.own: own})
        if (
            not own.declined
            and not order.submit.negotiate
            and _plain(order, task, own, allowed, market, now)
        ):
            return _close(order, task, market, now)
    task = noted(order, task, now, "offered", detail=f"window {window} ms")
    task = replace(task, due=now + window / 1000)
    return _with_idleness(order, task, market, now), [Publish(offer)]


def _plain(
    order: Order,
    task: Task,
    own: m.Bid,
    allowed: Collection[str] | None,
    market: Market,
    now: float,
) -> bool:
    capable = market.roster.capable(order.submit.capability, now, allowed or ())
    if set(capable) <= {market.own}:
        return True
    in_time = own.eta_ms <= (ends_by(order, task) - now) * 1000
    good_enough = own.quality >= order.submit.min_quality and is_better(task, own.quality)
    local = order.preference is m.Preference.LOCAL_FIRST
    return local and own.free_slots > 0 and in_time and good_enough


def _bid(order: Order, task: Task, sender: str, bid: m.Bid, market: Market, now: float) -> Turn:
    """Keep the bid; close the round once every live capable node has answered and one can do it.

    A round that has heard `MAX_BIDS` hears no more, so it waits for nobody else either.
    """
    full = len(task.bids) >= MAX_BIDS
    if task.phase is not Phase.OFFERED or bid.auction != task.auction or full:
        return task, []
    allowed = allowed_nodes(order, market)
    if allowed is not None and sender not in allowed:
        return task, [Distrust(sender, "not-allowed", f"bid for {order.key}, offered to others")]
    task = replace(task, bids={**task.bids, sender: bid})
    if _awaited(order, task, market, now):
        return task, []
    if _can(task) or task.abstention is not None:
        return _close(order, task, market, now)
    return replace(task, idle=True), []


def _awaited(order: Order, task: Task, market: Market, now: float) -> bool:
    """Whether a live capable node has not answered, and would still be heard."""
    allowed = allowed_nodes(order, market)
    full = len(task.bids) >= MAX_BIDS
    capability = order.submit.capability
    return not full and market.roster.awaited(capability, now, task.bids, allowed or ())


def _with_idleness(order: Order, task: Task, market: Market, now: float) -> Task:
    """The task, marked as one whose round takes no place from others when all have declined."""
    return replace(task, idle=not _can(task) and not _awaited(order, task, market, now))


def _can(task: Task) -> bool:
    """Whether one of those who answered did not decline."""
    return any(not bid.declined for bid in task.bids.values())


def _close(order: Order, task: Task, market: Market, now: float) -> Turn:
    """Decide. With nobody to award, ask again, longer: a late bid still counts.

    With an abstention in hand ask again once, and only while somebody has not answered.
    """
    bids = {
        node: delayed(bid, market.given_since(node, task.offered))
        for node, bid in task.bids.items()
    }
    task = replace(task, bids=bids)
    choice = _choice(order, task, market, now)
    if order.submit.negotiate:
        task = with_decision(task, choice.decision)
        result = Raw(_json.encode(choice.decision))
        return finish(order, task, Outcome.DONE, now, result=result)
    if choice.ranking:
        task = with_decision(replace(task, ranking=choice.ranking, decided=now), choice.decision)
        task, awarded = award(order, task, market, now)
        return task, [*awarded, Outbid(choice.ranking[1:])]
    if task.rounds == 0:
        task = with_decision(task, choice.decision)
    asked_all = task.rounds > 0 or not _awaited(order, task, market, now)
    if task.abstention is not None and asked_all:
        return finish(order, task, Outcome.FAILED, now, error=choice.decision.reason)
    window = min(task.window_ms * 2, market.settings.max_window_ms)
    if task.rounds >= EMPTY_ROUNDS:
        task = noted(order, task, now, "requeued", detail=choice.decision.reason)
        return replace(
            task, phase=Phase.QUEUED, window_ms=window, bids={}, due=now + window / 1000
        ), []
    task = replace(task, rounds=task.rounds + 1, bids={}, offered=now)
    task = replace(task, window_ms=window, due=now + window / 1000)
    task = noted(order, task, now, "offered again", detail=f"no bid; window {window} ms")
    allowed = allowed_nodes(order, market)
    offer = _offer(order, task, allowed, now)
    actions: Outcomes = [Publish(offer)]
    if allowed is None or market.own in allowed:
        task = replace(task, bids={market.own: market.quote(offer, market.own, now)})
    return _with_idleness(order, task, market, now), actions


def _choice(order: Order, task: Task, market: Market, now: float) -> Choice:
    """Who of those who have bid gets it, and why; after an abstention also whose and why."""
    submit, abstention = order.submit, task.abstention
    terms = Terms(
        preference=order.preference,
        own=market.own,
        allowed=allowed_nodes(order, market),
        deadline_left_ms=max(0.0, (ends_by(order, task) - now) * 1000),
        min_quality=submit.min_quality,
        above=None if abstention is None else abstention.above,
        lease_ms=market.settings.lease_s * 1000,
        capability=submit.capability,
        recent=market.wins,
        own_free=market.own in task.bids and task.bids[market.own].free_slots > 0,
    )
    ratings = {node: market.calibrations(node, submit.capability) for node in task.bids}
    choice = decide(task.bids, ratings, terms, task.attempt + 1, task.auction)
    if abstention is None:
        return choice
    to = f"; handed on to {choice.decision.winner}" if choice.ranking else ""
    reason = f"{abstention.words}{to}: {choice.decision.reason}"[:MAX_REASON]
    return Choice(replace(choice.decision, reason=reason), choice.ranking)


def _offer(order: Order, task: Task, allowed: frozenset[str] | None, now: float) -> m.Offer:
    return m.Offer(
        task=order.key,
        auction=task.auction,
        capability=order.submit.capability,
        features=features_of(order.submit.content, order.submit.max_tokens),
        privacy=order.submit.privacy,
        deadline_ms=max(0, int((ends_by(order, task) - now) * 1000)),
        window_ms=task.window_ms,
        min_quality=max(
            order.submit.min_quality, 0.0 if task.abstention is None else task.abstention.above
        ),
        only=tuple(sorted(allowed))[:64] if allowed is not None else (),
    )


def _cancel(order: Order, task: Task, now: float) -> Turn:
    """At once, unless the effect may have begun: then the contractor's word is waited for."""
    if task.cancelled:
        return task, []
    task = noted(order, replace(task, cancelled=True), now, "cancel")
    if task.claimed:
        task = replace(task, rev=task.rev + 1)
        stop = Send(task.contractor, m.Stop(task=order.key, attempt=task.attempt))
        return task, [saved(order, task), stop]
    ended, actions = finish(order, task, Outcome.CANCELLED, now, error="cancelled by the requester")
    return ended, [*actions, *stop_running(order, task)]


def _tick(order: Order, task: Task, market: Market, now: float) -> Turn:
    if now >= ends_by(order, task):
        return _expire(order, task, market, now)
    if task.due is None or now < task.due:
        return task, []
    match task.phase:
        case Phase.OFFERED:
            return _close(order, task, market, now)
        case Phase.AWARDED | Phase.RUNNING if market.cut_off and task.contractor != market.own:
            return unheard(task, market, now)
        case Phase.AWARDED | Phase.RUNNING if now >= task.lease_end:
            return lease_over(order, task, market, now)
        case Phase.AWARDED | Phase.RUNNING if now >= patience_ends(task, market) and another_can(
            order, task, market, now
        ):
            return silent(order, task, market, now)
        case Phase.AWARDED:
            again = min(now + AWARD_REPEAT_S, task.lease_end)
            return replace(task, due=again), [award_message(order, task, market, now)]
        case Phase.RUNNING if task.silent:
            return asked(order, task, now)
        case Phase.RUNNING:
            return replace(task, due=task.lease_end), []
        case _:
            return replace(task, due=None), []


def _expire(order: Order, task: Task, market: Market, now: float) -> Turn:
    """The end; whoever holds the task, and has promised it for a time that is over, is blamed."""
    late = task.promised_ms is not None and (now - task.awarded) * 1000 > task.promised_ms
    blame: Outcomes = [Rate(task.contractor)] if task.phase in HELD and late else []
    if task.claimed:
        error = "the deadline passed while the effect was allowed to run"
        ended, actions = finish(order, task, Outcome.UNKNOWN, now, error=error)
        return ended, [*blame, *actions]
    error = f"not done within {order.submit.deadline_ms} ms"
    allowed = allowed_nodes(order, market)
    if task.attempt == 0 and not market.roster.capable(order.submit.capability, now, allowed or ()):
        may = "" if allowed is None else " that may have it"
        error += f": no live node{may} offers {order.submit.capability}"
    ended, actions = finish(order, task, Outcome.EXPIRED, now, error=error)
    return ended, [*blame, *actions, *stop_running(order, task)]


_json = msgspec.json.Encoder()
