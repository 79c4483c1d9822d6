"""A home at its desk, in memory: say what comes in, see what goes out, move the clock by hand."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, TypeVar

import msgspec
from machine_disk import Disk
from msgspec import Raw

from bus_topics import messages as m
from bus_topics.abstention import abstaining
from bus_topics.messages import Outcome, Status
from daemon.actions import TASK, Action, Forget, Publish, Reply, Save, Send
from daemon.config import AuctionConfig
from daemon.home import Home, Known
from daemon.roster import Roster
from daemon.task import ReplyTo, Task

M = TypeVar("M", bound=m.Message)

APP = "app"
BOOT, LATER_BOOT = "aaaaaaaa", "bbbbbbbb"
KEY = f"{APP}/t"
UNSURE = Raw(b'{"abstained":true}')


class Desk:
    """The home `desk` and its disk. Its own node declines unless `own` is another bid."""

    def __init__(
        self,
        *nodes: str,
        own: m.Bid | None = None,
        qualities: Mapping[str, float] | None = None,
        **settings: Any,
    ) -> None:
        self.now = 1000.0
        self.qualities = dict(qualities or {})
        self.disk = Disk()
        self.own = own or bid(declined="not asked to")
        self.offers: list[m.Offer] = []
        self.settings = AuctionConfig(**settings)
        self.operators: tuple[str, ...] = ()
        self._nonces = count(1)
        self._live = nodes
        self.restart()

    def restart(self) -> list[Action]:
        """A new life, from the disk; the nodes are seen again."""
        self.roster = Roster()
        for node in self._live:
            self.online(node)
        self.home = Home(
            "desk",
            self.settings,
            self.roster,
            self._quote,
            self.disk,
            lambda: f"{next(self._nonces):08x}",
            self.operators,
        )
        known = [self.disk.recall(row.key) for row in self.disk.table(TASK)]
        return self.do(self.home.restore([one for one in known if one], self.now))

    def online(self, node: str, boot: str = BOOT) -> None:
        """A node is there and can do `echo`."""
        skill = m.Skill(capability="echo", quality=self.qualities.get(node, 0.5))
        card = m.Card(node=node, boot=boot, version="1", skills=(skill,))
        self.roster.on_status(node, Status.ONLINE, self.now)
        self.roster.on_card(node, card, self.now)

    def gone(self, node: str) -> list[Action]:
        """A node went offline."""
        self.roster.on_status(node, Status.OFFLINE, self.now)
        return self.do(self.home.node_changed(node, "", self.now))

    def reborn(self, node: str) -> list[Action]:
        """A node lives as another process."""
        self.online(node, LATER_BOOT)
        return self.do(self.home.node_changed(node, LATER_BOOT, self.now))

    def submit(self, id_: str = "t", reply: ReplyTo | None = None, **changes: Any) -> list[Action]:
        """A task comes in; the disk takes it."""
        return self.do(self.home.submit(APP, submit(id=id_, **changes), self.now, reply))

    def hear(self, sender: str, message: m.Message) -> list[Action]:
        """A message comes in."""
        return self.do(self.home.receive(sender, message, self.now))

    def until(self, seconds: float) -> list[Action]:
        """Time passes, and every timer has its turn."""
        end, actions = self.now + seconds, []
        while (due := self.home.wake()) <= end:
            self.now = max(self.now, due)
            actions += self.do(self.home.tick(self.now))
        self.now = end
        return actions

    def do(self, actions: Sequence[Action]) -> list[Action]:
        """To disk what belongs there; what was admitted goes on at once."""
        rows = [action for action in actions if isinstance(action, Save | Forget)]
        self.disk.write(rows)
        done = list(actions)
        for row in rows:
            if isinstance(row, Save) and row.admit:
                done += self.do(self.home.admitted(row.key, self.now))
        return done

    def task(self, key: str = KEY) -> Task:
        """How a task stands: in memory, or on disk once it is closed."""
        return self.known(key)[1]

    def known(self, key: str = KEY) -> Known:
        """A task with its order."""
        known = self.home._known(key)
        assert known is not None
        return known

    # --- shortcuts -------------------------------------------------------------------------------

    def awarded(self, node: str = "pi4", **changes: Any) -> list[Action]:
        """A task comes in and goes to `node`, which alone bids."""
        actions = self.submit(**changes)
        offer = offers(actions)[-1]
        return self.hear(node, bid(auction=offer.auction)) + self.until(
            self.settings.window_ms / 1e3
        )

    def running(self, node: str = "pi4", **changes: Any) -> list[Action]:
        """And it starts."""
        return self.awarded(node, **changes) + self.hear(node, started())

    def claimed(self, node: str = "pi4", **changes: Any) -> list[Action]:
        """A `once` task whose effect may begin."""
        return self.awarded(node, once=True, **changes) + self.hear(node, claim())

    def _quote(self, offer: m.Offer, sender: str, now: float) -> m.Bid:
        assert (sender, now) == ("desk", self.now)
        self.offers.append(offer)
        return msgspec.structs.replace(self.own, task=offer.task, auction=offer.auction)


def submit(**changes: Any) -> m.Submit:
    """A task of one word."""
    values: dict[str, Any] = {"id": "t", "capability": "echo", "content": Raw(b'"hello"')}
    return m.Submit(**(values | {"preference": m.Preference.FASTEST} | changes))


def bid(**changes: Any) -> m.Bid:
    """A good price."""
    values: dict[str, Any] = {"task": KEY, "auction": "00000001", "eta_ms": 100.0}
    return m.Bid(**(values | {"quality": 0.5, "free_slots": 1} | changes))


def started(attempt: int = 1, boot: str = BOOT) -> m.Started:
    """The contractor has it."""
    return m.Started(task=KEY, attempt=attempt, boot=boot)


def claim(attempt: int = 1, boot: str = BOOT) -> m.Claim:
    """May its effect begin?"""
    return m.Claim(task=KEY, attempt=attempt, boot=boot)


def beat(*attempts: int, boot: str = BOOT, key: str = KEY) -> m.Beat:
    """A sign of life that lists these attempts."""
    return m.Beat(boot=boot, held=tuple(m.Held(task=key, attempt=one) for one in attempts))


def refuse(attempt: int = 1, reason: str = "no room", boot: str | None = None) -> m.Refuse:
    """Not after all; `boot` is whose claim it takes back."""
    return m.Refuse(task=KEY, attempt=attempt, reason=reason, boot=boot)


def result(attempt: int = 1, outcome: Outcome = Outcome.DONE, **changes: Any) -> m.Result:
    """What became of it."""
    answer = Raw(b'"hello"') if outcome is Outcome.DONE else None
    values: dict[str, Any] = {"task": KEY, "attempt": attempt, "outcome": outcome}
    return m.Result(**(values | {"result": answer} | changes))


def abstained(attempt: int = 1, reason: str = "unclear", probability: float = 0.41) -> m.Result:
    """Not sure enough, and nothing done."""
    return result(attempt, result=UNSURE, error=abstaining(reason, probability))


def sent(actions: Sequence[Action], kind: type[M]) -> list[tuple[str, M]]:
    """The messages of one kind among the actions, each with its reader."""
    return [
        (action.to, action.message)
        for action in actions
        if isinstance(action, Send) and isinstance(action.message, kind)
    ]


def offers(actions: Sequence[Action]) -> list[m.Offer]:
    """The offers among the actions."""
    return [action.offer for action in actions if isinstance(action, Publish)]


def awards(actions: Sequence[Action]) -> list[tuple[str, int]]:
    """Who was given which attempt."""
    return [(to, award.attempt) for to, award in sent(actions, m.Award)]


def replies(actions: Sequence[Action]) -> list[Reply]:
    """Answers to apps."""
    return [action for action in actions if isinstance(action, Reply)]
