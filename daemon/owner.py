"""What the owner wants of a node, said over the bus: whether it takes work, and how its home weighs bids.

It is kept in the journal: a machine that was told to take no work does not take it up by a restart. A
preference gives way to the configuration once that says something else than it did.
"""

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.messages import Preference
from daemon.actions import FACT, Action, Announce, Distrust, Save
from daemon.config import Config
from daemon.contractor import Contractor
from daemon.home import Home

OWNER = "owner"
"""Key of its row in the journal."""
REFUSED = "not-operator"


class Wish(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the owner wants; `preference` None is the configured one, `instead_of` what that was then."""

    accept_work: bool = True
    preference: Preference | None = None
    instead_of: Preference | None = None


class Owner:
    """The owner of one node. `fault` says what keeps the node from work whatever its owner wants, or ""."""

    def __init__(
        self, config: Config, contractor: Contractor, home: Home, fault: Callable[[], str]
    ) -> None:
        self._own = config.node.id
        self._configured = config.auction.preference
        told = config.home_assistant
        logins = (told.login,) if told.discovery and told.login else ()
        self._may = frozenset((self._own, *config.node.operators, *logins))
        self._contractor = contractor
        self._home = home
        self._fault = fault
        self._wish = Wish()
        self._rev = 0

    @property
    def accepts(self) -> bool:
        """Whether the node may work."""
        return self._wish.accept_work

    @property
    def preference(self) -> Preference:
        """How its home weighs bids where a task does not say."""
        return self._wish.preference or self._configured

    def receive(self, sender: str, wanted: m.Set, now: float) -> list[Action]:
        """Do it, and keep it; from anybody but an operator or Home Assistant it is refused."""
        if sender not in self._may:
            who = "they are named in node.operators and home_assistant.login"
            return [Distrust(sender, REFUSED, f"{sender} is no operator of {self._own}; {who}")]
        if wanted.preference is not None:
            self._prefer(wanted.preference)
        if wanted.drain:
            self._wish = replace(self._wish, accept_work=False)
        elif wanted.accept_work is not None:
            self._wish = replace(self._wish, accept_work=wanted.accept_work)
        self._rev += 1
        row = Save(FACT, OWNER, self._rev, "", msgspec.json.encode(self._wish))
        return [row, *self._apply(now, drain=wanted.drain), Announce()]

    def restore(self, rev: int, state: bytes, now: float) -> None:
        """Take up what was wanted in the life before; what cannot be read is nothing."""
        try:
            wish = msgspec.json.decode(state, type=Wish)
        except (msgspec.DecodeError, UnicodeDecodeError):
            wish = Wish()
        if wish.instead_of is not self._configured:
            wish = replace(wish, preference=None, instead_of=None)
        self._wish, self._rev = wish, rev
        self._apply(now)

    def _prefer(self, preference: Preference) -> None:
        """The configured one is no wish: it follows the configuration."""
        chosen = None if preference is self._configured else preference
        instead_of = None if chosen is None else self._configured
        self._wish = replace(self._wish, preference=chosen, instead_of=instead_of)

    def _apply(self, now: float, *, drain: bool = False) -> list[Action]:
        self._home.prefer(self.preference)
        if self._fault():
            return []
        reason = "" if self.accepts else f"the owner of {self._own} lets it take no work"
        if drain:
            return self._contractor.drain(reason, now)
        self._contractor.close(reason)
        return []
