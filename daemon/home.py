"""The desk of one home: all its tasks, their order and their timers.

Each task's own course is decided in `daemon.auction`; here is what concerns several tasks: admission and
`busy`, which task is auctioned next, verdicts sent together. Pure: time, nonces and the
look-up of old tasks come in from outside.

Queue order is (level, deadline): level = floor(since / ageing_s) - priority, since its arrival or its last
rounds in vain. It never changes while a task waits, yet a task gains one level on every later one per
`ageing_s`, so nothing starves; and a round in which all have declined takes no place from others.
"""

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

import msgspec

from bus_topics import messages as m
from bus_topics.messages import RejectCode
from daemon import auction
from daemon.actions import Action, Send
from daemon.allow import submit_refusal
from daemon.budgets import Budgets
from daemon.config import AuctionConfig
from daemon.ending import tell
from daemon.holdings import Holdings
from daemon.rejection import rejection
from daemon.reputation import Reputation
from daemon.roster import Roster
from daemon.task import ENDED, Order, Phase, ReplyTo, Task, ends_by, fitted, record_of
from daemon.timers import Timers
from daemon.turn import (
    Acked,
    BidIn,
    CancelIn,
    ClaimIn,
    Event,
    Gone,
    Market,
    Open,
    Outbid,
    Rate,
    RefusedIn,
    ResultIn,
    Settle,
    StartedIn,
    Tick,
)
from daemon.verdicts import Verdicts

ACCEPTED_AFTER_S = 0.1
"""A task that ends sooner is told its final; one message says both."""
RETRY_AFTER_MS = 1000

Known = tuple[Order, Task]


class Archive(Protocol):
    """How the desk looks up tasks that it no longer holds in memory; `daemon.archive` has the real one."""

    def recall(self, key: str) -> Known | None:
        """One task, however old."""
        ...

    def recent(self, limit: int, sender: str = "") -> list[Known]:
        """The tasks that changed last; of one sender (`<sender>/`) or of all."""
        ...


class Home:
    """Auctioneer and only writer of the state of its tasks."""

    def __init__(
        self,
        own: str,
        settings: AuctionConfig,
        roster: Roster,
        quote: Callable[[m.Offer, str, float], m.Bid],
        archive: Archive,
        new_nonce: Callable[[], str],
        operators: Collection[str] = (),
    ) -> None:
        self._own = own
        self._settings = settings
        self._roster = roster
        self._quote = quote
        self._archive = archive
        self._new_nonce = new_nonce
        self._operators = frozenset(operators)
        self._tasks: dict[str, Known] = {}
        self._unsettled = 0
        self._budgets = Budgets(settings)
        self._untold: dict[str, dict[str, None]] = {}
        self._ready: list[tuple[int, float, str]] = []
        self._rounds: set[str] = set()
        self._held = Holdings()
        self._timers = Timers()
        self._accepts: deque[tuple[float, str]] = deque()
        self._verdicts = Verdicts()
        self.reputation = Reputation()
        self.cut_off = False
        """Whether this node is off the bus; for its owner to say."""

    # --- what comes in ---------------------------------------------------------------------------

    def submit(
        self, sender: str, submit: m.Submit, now: float, reply: ReplyTo | None = None
    ) -> list[Action]:
        """Admit a task, or say what became of the one under this id, or why it is not taken."""
        key = f"{sender}/{submit.id}"
        known = self._known(key)
        if known is not None:
            return self._resubmitted(key, known, submit, reply)
        if sender == self._own and reply is None:
            reason = f"{sender} is this node; an app submits under a name of its own"
            return [rejection(sender, submit.id, RejectCode.DENIED, reason, reply)]
        rules = self._settings.may_submit
        if reason := submit_refusal(rules, self._own, sender, submit.capability):
            return [rejection(sender, submit.id, RejectCode.DENIED, reason, reply)]
        if self._unsettled >= self._settings.max_tasks:
            reason = f"{self._own} holds {self._unsettled} unfinished tasks, as many as it may"
            code = RejectCode.BUSY
            return [rejection(sender, submit.id, code, reason, reply, RETRY_AFTER_MS)]
        order = auction.ordered(sender, submit, now, self._settings, reply)
        reason, wait_ms = self._budgets.refusal(order, now)
        if reason:
            return [rejection(sender, submit.id, RejectCode.BUSY, reason, reply, wait_ms)]
        task, save = auction.admit(order, now)
        self._tasks[key] = (order, task)
        self._unsettled += 1
        self._budgets.opened(order)
        return [save]

    def admitted(self, key: str, now: float) -> list[Action]:
        """The task's row is on disk: it is accepted, and its auction may begin."""
        order, task = self._tasks[key]
        self._accepts.append((now + ACCEPTED_AFTER_S, key))
        self._put(key, order, task, auction.queued(order, task, now))
        return self._schedule(now)

    def not_admitted(self, key: str) -> list[Action]:
        """The disk did not take it: forget it and say so, so that it may be sent again."""
        order, _ = self._tasks.pop(key)
        self._unsettled -= 1
        self._budgets.closed(order)
        reason = f"the disk of {self._own} takes no more; send it again later"
        code = RejectCode.BUSY
        return [rejection(order.sender, order.submit.id, code, reason, order.reply, RETRY_AFTER_MS)]

    def receive(self, sender: str, message: m.Message, now: float) -> list[Action]:
        """One message from a requester or a contractor; what is not for a home is ignored."""
        match message:
            case m.Submit():
                return self.submit(sender, message, now)
            case m.Bid(task=key):
                return self._turn(key, BidIn(sender, message), now)
            case m.Started(task=key, attempt=attempt, boot=boot):
                return self._attempt(key, StartedIn(sender, attempt, boot), sender, attempt, now)
            case m.Claim(task=key, attempt=attempt, boot=boot):
                return self._attempt(key, ClaimIn(sender, attempt, boot), sender, attempt, now)
            case m.Refuse(task=key, attempt=attempt, reason=reason, boot=boot):
                return self._turn(key, RefusedIn(sender, attempt, reason, boot or ""), now)
            case m.Result(task=key):
                return self._result(key, sender, message, now)
            case m.Beat(boot=boot, held=held):
                return self._beat(sender, boot, held, now)
            case m.Progress(task=key, attempt=attempt):
                return self._progress(key, sender, attempt, message)
            case m.FinalAck(ids=ids):
                acked = (self._turn(f"{sender}/{id_}", Acked(), now) for id_ in ids)
                return [action for actions in acked for action in actions]
            case m.Cancel(id=id_):
                return self._cancel(sender, id_, now)
            case m.Get():
                return [Send(sender, self._report(sender, message, now))]
            case _:
                return []

    def answered(self, key: str, now: float) -> list[Action]:
        """The broker has the answer to an app's ask."""
        return self._turn(key, Acked(), now)

    def node_changed(self, node: str, boot: str, now: float) -> list[Action]:
        """A node went offline (`boot` empty) or lives as another process."""
        actions: list[Action] = []
        for key in self._held.of(node):
            actions += self._turn(key, Gone(node, boot), now)
        if boot:
            self.reputation.restarted(node, now)
        return actions

    def tick(self, now: float) -> list[Action]:
        """Everything whose time has come."""
        actions: list[Action] = []
        while self._accepts and self._accepts[0][0] <= now:
            key = self._accepts.popleft()[1]
            known = self._tasks.get(key)
            if known and known[1].phase not in ENDED and known[0].reply is None:
                actions.append(Send(known[0].sender, m.Accepted(id=known[0].submit.id)))
        for key in self._timers.over(now):
            actions += self._turn(key, Tick(), now)
        if self._verdicts.due <= now:
            actions += self._verdicts.send()
        if self.reputation.due <= now:
            actions += self.reputation.lessons()
        return actions

    def wake(self) -> float:
        """When `tick` is needed next; infinity when nothing waits for time."""
        accepts = self._accepts[0][0] if self._accepts else math.inf
        return min(accepts, self._timers.wake(), self._verdicts.due, self.reputation.due)

    def prefer(self, preference: m.Preference) -> None:
        """Weigh bids so from now on, where a task does not say; what was accepted keeps its own."""
        self._settings = msgspec.structs.replace(self._settings, preference=preference)

    # --- across restarts -------------------------------------------------------------------------

    def restore(self, known: Iterable[Known], now: float) -> list[Action]:
        """Take up the tasks of the life before."""
        actions: list[Action] = []
        for order, old in known:
            task = auction.revived(order, old, self._market(order.submit.capability), now)
            if task.phase is Phase.CLOSED:
                continue
            self._tasks[order.key] = (order, task)
            self._unsettled += 1  # until `_put` sees that it has ended
            self._budgets.opened(order)
            self._put(order.key, order, Task(), task)
            if order.reply is None and task.phase not in ENDED:
                actions.append(Send(order.sender, m.Accepted(id=order.submit.id)))
        return actions + self._schedule(now)

    def unfinished(self) -> int:
        """Tasks accepted and not ended."""
        return self._unsettled

    def phases(self) -> Counter[Phase]:
        """How many of the tasks in memory stand in each phase."""
        return Counter(task.phase for _, task in self._tasks.values())

    # --- private ---------------------------------------------------------------------------------

    def _known(self, key: str) -> Known | None:
        return self._tasks.get(key) or self._archive.recall(key)

    def _market(self, capability: str) -> Market:
        return Market(
            own=self._own,
            settings=self._settings,
            roster=self._roster,
            calibrations=self.reputation.of,
            given_since=self._held.since,
            quote=self._quote,
            wins=self.reputation.wins(capability),
            cut_off=self.cut_off,
        )

    def _turn(self, key: str, event: Event, now: float) -> list[Action]:
        """One event on one task in memory, and whatever it makes possible for others."""
        known = self._tasks.get(key)
        if known is None or known[1].phase is Phase.RECEIVED:
            return []
        return self._step(key, *known, event, now) + self._schedule(now)

    def _step(self, key: str, order: Order, old: Task, event: Event, now: float) -> list[Action]:
        task, outcomes = auction.step(order, old, event, self._market(order.submit.capability), now)
        self._put(key, order, old, task)
        actions: list[Action] = []
        for outcome in outcomes:
            match outcome:
                case Rate():
                    self.reputation.rate(order.submit.capability, outcome, now)
                case Outbid(nodes):
                    self.reputation.won(order.submit.capability, task.contractor)
                    self.reputation.outbid(order.submit.capability, nodes, now)
                case Settle(node, attempt, kept):
                    settled = m.Settled(task=key, attempt=attempt, kept=kept)
                    actions += self._verdicts.add(node, settled, now)
                case _:
                    actions.append(outcome)
        if sum(map(len, self._untold.values())) > self._settings.max_tasks:
            # Whoever acknowledges least is told no more. It may still ask; the archive answers it.
            own = order.sender
            least = max(self._untold, key=lambda sender: (len(self._untold[sender]), sender == own))
            oldest = next(iter(self._untold[least]))
            actions += self._step(oldest, *self._tasks[oldest], Acked(), now)
        return actions

    def _put(self, key: str, order: Order, old: Task, task: Task) -> None:
        """Keep the indexes in step with the task: rounds, contractors, ready queue, timers."""
        self._tasks[key] = (order, task)
        if task.phase is Phase.OFFERED and not task.idle:
            self._rounds.add(key)
        else:
            self._rounds.discard(key)
        self._held.moved(key, old, task)
        if task.phase in ENDED and old.phase not in ENDED:
            self._unsettled -= 1
            self._budgets.closed(order)
            self._untold.setdefault(order.sender, {})[key] = None
        if _ready(task) and not _ready(old):
            since = old.due if task.rounds and old.due is not None else order.received
            level = math.floor(since / self._settings.ageing_s) - order.submit.priority
            heapq.heappush(self._ready, (level, order.deadline, key))
        if task.phase is Phase.CLOSED:
            del self._tasks[key]
            self._untold.get(order.sender, {}).pop(key, None)
            if not self._untold.get(order.sender, True):
                del self._untold[order.sender]
            self._timers.arm(key, None)
        else:
            due = math.inf if task.due is None else task.due
            self._timers.arm(key, due if task.phase in ENDED else min(due, ends_by(order, task)))

    def _schedule(self, now: float) -> list[Action]:
        """Open auctions while there is room, most urgent first."""
        actions: list[Action] = []
        while self._ready and len(self._rounds) < self._settings.max_open:
            key = heapq.heappop(self._ready)[2]
            known = self._tasks.get(key)
            if known is not None and _ready(known[1]):
                actions += self._step(key, *known, Open(self._new_nonce()), now)
        return actions

    def _resubmitted(
        self, key: str, known: Known, submit: m.Submit, reply: ReplyTo | None
    ) -> list[Action]:
        order, task = known
        if submit != order.submit:
            reason = f"{key} is another task already; choose a new id"
            return [rejection(order.sender, submit.id, RejectCode.CONFLICT, reason, reply)]
        if task.phase is Phase.RECEIVED:
            return []
        if task.phase in ENDED:
            return [tell(order, task)]
        return [] if reply else [Send(order.sender, m.Accepted(id=submit.id))]

    def _attempt(
        self, key: str, event: Event, sender: str, attempt: int, now: float
    ) -> list[Action]:
        """Started or claim; a contractor that runs a task unknown here is stopped."""
        if key in self._tasks:
            return self._turn(key, event, now)
        return [Send(sender, m.Stop(task=key, attempt=attempt))]

    def _result(self, key: str, sender: str, result: m.Result, now: float) -> list[Action]:
        """A result of a task closed long ago is judged from the archive; of none, it is not kept."""
        if key in self._tasks:
            return self._turn(key, ResultIn(sender, result), now)
        known = self._archive.recall(key)
        kept = known is not None and known[1].kept == result.attempt
        settled = m.Settled(task=key, attempt=result.attempt, kept=kept)
        return self._verdicts.add(sender, settled, now)

    def _beat(self, sender: str, boot: str, held: tuple[m.Held, ...], now: float) -> list[Action]:
        self._roster.heard(sender, now)
        actions: list[Action] = []
        for one in held:
            event = StartedIn(sender, one.attempt, boot)
            actions += self._attempt(one.task, event, sender, one.attempt, now)
        listed = {one.task for one in held}
        for key in self._held.of(sender):
            if key not in listed:
                actions += self._turn(key, Gone(sender, boot), now)
        return actions

    def _progress(self, key: str, sender: str, attempt: int, message: m.Progress) -> list[Action]:
        known = self._tasks.get(key)
        if known is None:
            return []
        order, task = known
        wanted = order.submit.stream and order.reply is None
        if not wanted or task.contractor != sender or task.attempt != attempt:
            return []
        return [Send(order.sender, message)]

    def _cancel(self, sender: str, id_: str, now: float) -> list[Action]:
        key = f"{sender}/{id_}"
        if key in self._tasks:
            return self._turn(key, CancelIn(), now)
        known = self._archive.recall(key)
        if known is not None:
            # What has not ended on disk and is not here has ended: that is on its way to the disk.
            return [tell(*known)] if known[1].phase in ENDED else []
        reason = f"{self._own} has no task {key}"
        return [rejection(sender, id_, RejectCode.UNKNOWN_TASK, reason, None)]

    def _report(self, sender: str, get: m.Get, now: float) -> m.Report | m.Rejected:
        operator = sender in self._operators or sender == self._own
        if get.task is None:
            recent = self._archive.recent(get.limit, "" if operator else f"{sender}/")
            brief = tuple(record_of(*self._fresh(known), now, brief=True) for known in recent)
            return fitted(m.Report(home=self._own, tasks=brief))
        known = self._known(get.task)
        if not operator and not get.task.startswith(f"{sender}/"):
            reason = f"{sender} may see its own tasks only; operators are named in node.operators"
            return m.Rejected(code=RejectCode.DENIED, reason=reason)
        if known is None:
            reason = f"{self._own} has no task {get.task}"
            return m.Rejected(code=RejectCode.UNKNOWN_TASK, reason=reason)
        return fitted(m.Report(home=self._own, tasks=(record_of(*known, now),)))

    def _fresh(self, known: Known) -> Known:
        """The disk may lag behind memory, because not every step is worth a commit."""
        return self._tasks.get(known[0].key, known)


def _ready(task: Task) -> bool:
    """Whether it waits for an auction, and for nothing else."""
    return task.phase is Phase.QUEUED and task.due is None
