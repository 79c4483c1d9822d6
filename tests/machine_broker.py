"""The broker of the small world: one line that every message waits in, sessions, and what is retained.

It passes on so many messages a second, in order, and loses, doubles and delays single ones as the script
says. A node's QoS 1 messages wait for it while it is away, until they expire; an app has no session. What a
node had not acknowledged when it died comes again. A wipe forgets all of it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from bus_topics import messages as m
from bus_topics import topics
from bus_topics.messages import Status

RETAINED_S = 60.0
KEEPALIVE_S = 45.0
"""One and a half of the default: when the broker counts a silent connection as lost."""
WILL_S = 5.0


@dataclass(frozen=True)
class Sighting:
    """A status, and the card that came with it."""

    node: str
    status: Status
    card: m.Card | None = None


@dataclass(eq=False)
class Parcel:
    """One message on its way to one reader."""

    sender: str
    to: str
    message: m.Message | Sighting
    sent: float
    kept: bool
    """Whether it waits at the broker for a reader that is away (QoS 1)."""
    lasts: float


class Reader(Protocol):
    """Whoever has an inbox."""

    name: str
    durable: bool
    linked: bool
    """Connected, as the broker sees it."""

    @property
    def awake(self) -> bool:
        """Whether it lives and runs, so that it can connect."""
        ...

    def take(self, parcel: Parcel) -> None:
        """One message has arrived."""
        ...

    def connected(self) -> None:
        """The link is up; subscriptions stand."""
        ...


class Clock(Protocol):
    """What the broker needs of the world."""

    now: float

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Do it then."""
        ...

    def copies(self, key: str) -> tuple[float, ...]:
        """How late each copy of this message is that arrives."""
        ...


class Broker:
    """All links, sessions and queues."""

    def __init__(self, world: Clock, hop_s: float, capacity: float) -> None:
        self._world = world
        self._hop_s = hop_s
        self._each_s = 1.0 / capacity
        self._free_at = 0.0
        self._epoch = 0
        self._up = True
        self._readers: dict[str, Reader] = {}
        self._cut: dict[str, float] = {}
        self._held: dict[str, list[Parcel]] = defaultdict(list)
        self._retained: dict[str, tuple[float, Sighting]] = {}
        self._numbers: Counter[str] = Counter()
        self._links: Counter[str] = Counter()

    def enrol(self, reader: Reader) -> None:
        """An inbox for this name."""
        self._readers[reader.name] = reader

    def reach(self, name: str) -> bool:
        """Whether its messages come through now."""
        return self._up and self._readers[name].linked and name not in self._cut

    def send(self, sender: str, to: str, message: m.Message) -> None:
        """Into one inbox. Without a link it is lost: repeats belong to the machines."""
        if to in self._readers and self.reach(sender):
            topic = topics.BY_MESSAGE[type(message)]
            lasts = float(topic.expiry_s or 1e9)
            parcel = Parcel(sender, to, message, self._world.now, topic.qos > 0, lasts)
            self._pass_on(parcel, f"{topic.name} {_subject(message)}")

    def announce(self, seen: Sighting) -> None:
        """A node's status and card, retained, to every other node."""
        if self.reach(seen.node):
            self._tell_all(seen)

    def link(self, name: str) -> None:
        """A reader connects: what is retained comes first, then what waited for it."""
        reader = self._readers[name]
        if not self._up or name in self._cut or not reader.awake:
            return
        reader.linked = True
        self._links[name] += 1
        held, self._held[name] = self._held[name], []
        now = self._world.now
        if reader.durable:
            for until, seen in tuple(self._retained.values()):
                if until > now and seen.node != name:
                    kept = Parcel(seen.node, name, seen, now, kept=True, lasts=RETAINED_S)
                    self._soon(partial(self._arrive, self._epoch, kept))
        reader.connected()
        for parcel in held:
            self._soon(partial(self._arrive, self._epoch, parcel))

    def unlink(self, name: str, after_s: float = 0.0, unacked: tuple[Parcel, ...] = ()) -> None:
        """A reader is gone; its will is told unless it is back in time. `unacked` comes again."""
        reader = self._readers[name]
        if not after_s:
            reader.linked = False
        if reader.durable:
            self._held[name] = [parcel for parcel in unacked if parcel.kept] + self._held[name]
            will = partial(self._will, name, self._links[name], self._epoch)
            self._world.at(self._world.now + after_s + WILL_S, will)

    def cut(self, name: str, s: float) -> None:
        """Nothing from it or to it comes through for so long."""
        until = self._world.now + s
        self._cut[name] = max(until, self._cut.get(name, 0.0))
        if s > KEEPALIVE_S:
            self.unlink(name, KEEPALIVE_S)
        self._world.at(until, partial(self._heal, name))

    def wipe(self, s: float) -> None:
        """Killed, with all that it held; back after `s`."""
        self._epoch += 1
        self._up = False
        self._held.clear()
        self._retained.clear()
        for reader in self._readers.values():
            reader.linked = False
        self._free_at = self._world.now + s
        self._world.at(self._free_at, partial(self._back, self._epoch))

    # --- private ---------------------------------------------------------------------------------

    def _back(self, epoch: int) -> None:
        if epoch == self._epoch:
            self._up = True
            for name in self._readers:
                self.link(name)

    def _heal(self, name: str) -> None:
        if self._cut.get(name, float("inf")) <= self._world.now:
            del self._cut[name]
            self.link(name)

    def _will(self, name: str, links: int, epoch: int) -> None:
        if links == self._links[name] and epoch == self._epoch and not self.reach(name):
            self._tell_all(Sighting(name, Status.OFFLINE))

    def _tell_all(self, seen: Sighting) -> None:
        now = self._world.now
        self._retained[seen.node] = (now + RETAINED_S, seen)
        for name, reader in self._readers.items():
            if name != seen.node and reader.durable:
                # Offline readers find it retained.
                parcel = Parcel(seen.node, name, seen, now, kept=False, lasts=RETAINED_S)
                self._pass_on(parcel, f"status {seen.status}")

    def _pass_on(self, parcel: Parcel, what: str) -> None:
        name = f"{parcel.sender}>{parcel.to} {what}"
        self._numbers[name] += 1
        for late in self._world.copies(f"{name} #{self._numbers[name]}"):
            self._soon(partial(self._arrive, self._epoch, parcel), late)

    def _soon(self, act: Callable[[], None], late: float = 0.0) -> None:
        self._free_at = max(self._world.now, self._free_at) + self._each_s
        self._world.at(self._free_at + self._hop_s + late, act)

    def _arrive(self, epoch: int, parcel: Parcel) -> None:
        if epoch != self._epoch or self._world.now - parcel.sent > parcel.lasts:
            return
        reader = self._readers[parcel.to]
        if self.reach(parcel.to):
            reader.take(parcel)
        elif parcel.kept and reader.durable:
            self._held[parcel.to].append(parcel)


def _subject(message: m.Message) -> str:
    match message:
        case m.Award() | m.Go() | m.Stop() | m.Started() | m.Refuse() | m.Claim() | m.Result():
            return f"{message.task}/{message.attempt}"
        case m.Offer(task=task) | m.Bid(task=task) | m.Progress(task=task):
            return task
        case m.Submit(id=id_) | m.Cancel(id=id_) | m.Accepted(id=id_) | m.Final(id=id_):
            return id_
        case m.Rejected(id=id_):
            return str(id_)
        case m.FinalAck(ids=ids):
            return "+".join(ids)
        case m.Verdict(settled=settled):
            return "+".join(f"{each.task}/{each.attempt}" for each in settled)
        case _:
            return ""
