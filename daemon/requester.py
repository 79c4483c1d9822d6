"""The requester's side: submit until it is taken, wait for the one final, acknowledge it.

    submit ─▶ SENT ── accepted, progress ──▶ ACCEPTED ── final ──▶ gone (acknowledged, delivered once)
               │ ▲ │                             ▲ │
               │ └─┘ again after 1, 2, 4 .. 30 s │ │ submitted again after 30 s: answered by accepted or final
               │                                 └─┘
               └── rejected, not reachable, no answer in time ──▶ gone

Sending again under the same id to the same home is always safe: the home takes an id once. Pure: time
comes in from outside; what the caller should know leaves as `Deliver`.
"""

import math
from collections import OrderedDict

import msgspec
from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.messages import RejectCode
from daemon.actions import Action, Deliver, Send
from daemon.timers import Timers

FIRST_PAUSE_S = 1.0
LAST_PAUSE_S = 30.0
ACK_AFTER_S = 0.02
ACKS_AT_ONCE = 64
FINISHED_KEPT = 4096
NOT_REACHABLE = 0x10
NOT_ALLOWED = 0x87


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One submitted task as its requester sees it. Instants are monotonic seconds."""

    home: str
    submit: m.Submit
    sent: float
    pause: float = FIRST_PAUSE_S
    due: float = 0.0
    accepted: bool = False
    cancelled: bool = False


class Requester:
    """All requests of one login."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._requests: dict[str, Request] = {}
        self._timers = Timers()
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._acks: dict[str, list[str]] = {}
        self._acks_due = math.inf

    def submit(self, home: str, submit: m.Submit, now: float) -> list[Action]:
        """Ask `home` for a task. The id must be new or free again."""
        self._finished.pop(submit.id, None)
        due = now + FIRST_PAUSE_S
        self._put(Request(home=home, submit=submit, sent=now, due=due))
        return [Send(home, submit)]

    def cancel(self, id_: str, now: float) -> list[Action]:
        """Ask its home to cancel; repeated until the final comes."""
        request = self._requests.get(id_)
        if request is None:
            return []
        due = now + FIRST_PAUSE_S
        self._put(replace(request, cancelled=True, pause=FIRST_PAUSE_S, due=due))
        return [Send(request.home, m.Cancel(id=id_))]

    def receive(self, sender: str, message: m.Message, now: float) -> list[Action]:
        """One message from a home. Only the home that was asked may answer."""
        match message:
            case m.Accepted(id=id_):
                return self._accepted(sender, id_, now)
            case m.Progress(task=key):
                id_ = key.partition("/")[2]
                accepted = self._accepted(sender, id_, now)
                return [*accepted, Deliver(id_, message)] if self._asked(sender, id_) else []
            case m.Rejected(id=str(id_)):
                return self._rejected(sender, id_, message)
            case m.Final(id=id_):
                return self._final(sender, id_, message, now)
            case _:
                return []

    def undelivered(self, id_: str, code: int) -> list[Action]:
        """The broker said of our submit that nobody reads there, or that we may not write there."""
        request = self._requests.get(id_)
        if request is None or request.accepted:
            return []
        if code == NOT_ALLOWED:
            reason = (
                f"{self._own} may not submit to {request.home}: the broker's access list says so"
            )
            return self._over(id_, m.Rejected(id=id_, code=RejectCode.DENIED, reason=reason))
        if code == NOT_REACHABLE:
            reason = f"{request.home} is not on the bus"
            return self._over(id_, m.Rejected(id=id_, code=RejectCode.BUSY, reason=reason))
        return []

    def leave(self) -> list[Action]:
        """What must still be said before we go."""
        return self._flush_acks()

    def tick(self, now: float) -> list[Action]:
        """Everything whose time has come."""
        actions = self._flush_acks() if self._acks_due <= now else []
        for id_ in self._timers.over(now):
            actions += self._again(id_, self._requests[id_], now)
        return actions

    def wake(self) -> float:
        """When `tick` is needed next; infinity when nothing waits for time."""
        return min(self._timers.wake(), self._acks_due)

    def waiting(self) -> tuple[str, ...]:
        """Ids whose final is still to come."""
        return tuple(self._requests)

    # --- private ---------------------------------------------------------------------------------

    def _put(self, request: Request) -> None:
        self._requests[request.submit.id] = request
        self._timers.arm(request.submit.id, request.due)

    def _asked(self, sender: str, id_: str) -> bool:
        request = self._requests.get(id_)
        return request is not None and request.home == sender

    def _accepted(self, sender: str, id_: str, now: float) -> list[Action]:
        request = self._requests.get(id_)
        if request is None or request.home != sender:
            return []
        if request.cancelled:  # its own repeats go on: nothing has answered them
            self._put(replace(request, accepted=True))
        else:
            due = now + LAST_PAUSE_S
            self._put(replace(request, accepted=True, pause=LAST_PAUSE_S, due=due))
        return [] if request.accepted else [Deliver(id_, m.Accepted(id=id_))]

    def _rejected(self, sender: str, id_: str, rejected: m.Rejected) -> list[Action]:
        """What was accepted ends with a final; a refusal that comes after was overtaken."""
        request = self._requests.get(id_)
        if request is None or request.home != sender or request.accepted:
            return []
        return self._over(id_, rejected)

    def _final(self, sender: str, id_: str, final: m.Final, now: float) -> list[Action]:
        """Deliver the first, acknowledge all."""
        if not self._asked(sender, id_) and id_ not in self._finished:
            return []
        self._acks.setdefault(sender, []).append(id_)
        self._acks_due = min(self._acks_due, now + ACK_AFTER_S)
        acks = self._flush_acks() if len(self._acks[sender]) >= ACKS_AT_ONCE else []
        if id_ in self._requests:
            return [*self._over(id_, final), *acks]
        return acks

    def _over(self, id_: str, message: m.Rejected | m.Final) -> list[Action]:
        del self._requests[id_]
        self._timers.arm(id_, None)
        self._finished[id_] = None
        while len(self._finished) > FINISHED_KEPT:
            self._finished.popitem(last=False)
        return [Deliver(id_, message)]

    def _again(self, id_: str, request: Request, now: float) -> list[Action]:
        silent = now - request.sent > request.submit.deadline_ms / 1000
        if silent and not request.accepted:
            reason = f"{request.home} gave no answer; sending it again under the id {id_} is safe"
            return self._over(id_, m.Rejected(id=id_, code=RejectCode.BUSY, reason=reason))
        pause = min(request.pause * 2, LAST_PAUSE_S)
        self._put(replace(request, pause=pause, due=now + pause))
        if request.cancelled:
            return [Send(request.home, m.Cancel(id=id_))]
        return [Send(request.home, request.submit)]

    def _flush_acks(self) -> list[Action]:
        acks: list[Action] = [
            Send(home, m.FinalAck(ids=tuple(ids[at : at + 256])))
            for home, ids in self._acks.items()
            for at in range(0, len(ids), 256)
        ]
        self._acks.clear()
        self._acks_due = math.inf
        return acks
