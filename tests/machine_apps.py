"""Who else is on the bus of the small world: apps that submit, and a hostile login that is also a node."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from machine_broker import Parcel, Sighting
from machine_script import HOSTILE
from msgspec import Raw

from bus_topics import messages as m
from bus_topics.messages import Outcome, Status
from daemon.actions import Action, Deliver, Send
from daemon.requester import Requester

if TYPE_CHECKING:
    from machine_world import World

RETRY_S, RETRIES = 3.0, 2
HOSTILE_QUALITY = 0.95


class App:
    """An app across its lives: it remembers what it wanted and what it heard, its requester does not."""

    durable = False
    awake = True

    def __init__(self, world: "World", name: str) -> None:
        self.name = name
        self.linked = True
        self.submits: dict[str, tuple[str, m.Submit]] = {}
        self.ends: dict[str, list[m.Final | m.Rejected]] = defaultdict(list)
        self.accepted: set[str] = set()
        """Ids that this life has heard to be accepted; `known` are those of all lives."""
        self.known: set[str] = set()
        self.orphans: set[str] = set()
        """Ids of an earlier life: nobody may be left to acknowledge their ends."""
        self._world = world
        self._requester = Requester(name)
        self._tick_at = float("inf")

    def waiting(self) -> tuple[str, ...]:
        """Ids whose end is still to come."""
        return self._requester.waiting()

    def ask(self, home: str, submit: m.Submit) -> None:
        """Want something."""
        if submit.id not in self.submits:
            self.submits[submit.id] = (home, submit)
            self._act(self._requester.submit(home, submit, self._world.now))

    def cancel(self, id_: str) -> None:
        """Want it no longer."""
        self._act(self._requester.cancel(id_, self._world.now))

    def quit(self) -> None:
        """Killed, and started again: what had no end is submitted again, under the same ids."""
        self.orphans |= set(self.submits)
        self.accepted.clear()
        self._requester = Requester(self.name)
        self._tick_at = float("inf")
        for id_, (home, submit) in self.submits.items():
            if not self._ended(id_):
                self._act(self._requester.submit(home, submit, self._world.now))

    def connected(self) -> None:
        """Nothing: its repeats go on."""

    def take(self, parcel: Parcel) -> None:
        """A message for the requester."""
        if not isinstance(parcel.message, Sighting):
            now = self._world.now
            self._act(self._requester.receive(parcel.sender, parcel.message, now))

    def _ended(self, id_: str) -> bool:
        return any(isinstance(end, m.Final) for end in self.ends[id_])

    def _act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Send(to, message):
                    self._world.broker.send(self.name, to, message)
                case Deliver(id_, message):
                    self._world.ledger.hears(self.name, action)
                    if isinstance(message, m.Final | m.Rejected):
                        self.ends[id_].append(message)
                    if isinstance(message, m.Accepted):
                        self.accepted.add(id_)
                        self.known.add(id_)
                    if isinstance(message, m.Rejected):
                        self._again(id_, message)
                case _:
                    pass
        due = self._requester.wake()
        if due < self._tick_at:
            self._tick_at = due
            self._world.at(due, partial(self._tick, due))

    def _again(self, id_: str, rejected: m.Rejected) -> None:
        """What was refused for want of room is tried again; what was once accepted, until it ends."""
        hopeful = len(self.ends[id_]) <= RETRIES and rejected.code is m.RejectCode.BUSY
        if hopeful or id_ in self.known:
            self._world.later(RETRY_S, partial(self._resubmit, id_))

    def _resubmit(self, id_: str) -> None:
        if id_ not in self._requester.waiting() and not self._ended(id_):
            home, submit = self.submits[id_]
            self._act(self._requester.submit(home, submit, self._world.now))

    def _tick(self, due: float) -> None:
        if due == self._tick_at:
            self._tick_at = float("inf")
            self._act(self._requester.tick(self._world.now))


class Mallory:
    """A login that may do what every node may, and does what none should.

    It bids for everything at no time, and then is silent, gives back, begins and never ends, or answers
    wrongly and more than once. What it says about the tasks of others is in the script.
    """

    name = HOSTILE
    durable = True
    linked = True
    awake = True

    def __init__(self, world: "World") -> None:
        self._world = world

    def announce(self) -> None:
        """Pretend to be the best of nodes, for as long as there is a storm."""
        skill = m.Skill(capability="echo", quality=HOSTILE_QUALITY)
        card = m.Card(node=self.name, boot="0" * 16, version="1", skills=(skill,))
        if not self._world.calm:
            self._world.broker.announce(Sighting(self.name, Status.ONLINE, card))
            self._world.later(20.0, self.announce)

    def connected(self) -> None:
        """It has no session to speak of."""

    def take(self, parcel: Parcel) -> None:
        """Answer, or not."""
        home, message = parcel.sender, parcel.message
        match message:
            case m.Offer(task=task, auction=nonce):
                bid = m.Bid(task=task, auction=nonce, eta_ms=0.0, quality=HOSTILE_QUALITY)
                self._say(home, bid)
            case m.Award(task=task, attempt=attempt, once=once):
                mood = self._world.chances(f"{self.name} {home} {task} {attempt}")[0]
                result = m.Result(
                    task=task, attempt=attempt, outcome=Outcome.DONE, result=Raw(b'"wrong"')
                )
                if mood < 0.25:
                    self._say(home, m.Refuse(task=task, attempt=attempt, reason="no"))
                elif mood < 0.5:
                    self._say(home, m.Started(task=task, attempt=attempt, boot="0" * 16))
                elif mood < 0.75:
                    if once:
                        self._say(home, m.Claim(task=task, attempt=attempt, boot="0" * 16))
                    self._say(home, result)
                    self._say(home, m.Result(task=task, attempt=attempt, outcome=Outcome.FAILED))
            case _:
                pass

    def _say(self, home: str, message: m.Message) -> None:
        self._world.broker.send(self.name, home, message)
