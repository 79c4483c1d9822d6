"""What can happen to a task on its home, and what comes of it: the vocabulary of the auction's machine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bus_topics import messages as m
from daemon.actions import Action
from daemon.config import AuctionConfig
from daemon.pricing import Calibration
from daemon.roster import Roster
from daemon.task import Task


@dataclass(frozen=True, slots=True)
class Market:
    """What an auction sees of the world: who is there, how they kept their promises, what we would bid."""

    own: str
    settings: AuctionConfig
    roster: Roster
    calibrations: Callable[[str, str], Calibration]
    given_since: Callable[[str, float], Sequence[float]]
    """Milliseconds of work of each attempt that we awarded to a node after an instant."""
    quote: Callable[[m.Offer, str, float], m.Bid]
    wins: Mapping[str, float]
    cut_off: bool = False
    """Whether we are off the bus ourselves: then nobody's silence says anything."""


@dataclass(frozen=True, slots=True)
class Open:
    """The desk gives the task one of its open auctions."""

    nonce: str


@dataclass(frozen=True, slots=True)
class BidIn:
    """A price for the open round."""

    sender: str
    bid: m.Bid


@dataclass(frozen=True, slots=True)
class StartedIn:
    """The contractor has it: by `started`, or because a beat lists it."""

    sender: str
    attempt: int
    boot: str


@dataclass(frozen=True, slots=True)
class RefusedIn:
    """The contractor will not run it. `boot`: whose claim it takes back, "" where none was made."""

    sender: str
    attempt: int
    reason: str
    boot: str = ""


@dataclass(frozen=True, slots=True)
class ClaimIn:
    """May the effect begin?"""

    sender: str
    attempt: int
    boot: str


@dataclass(frozen=True, slots=True)
class ResultIn:
    """What became of an attempt."""

    sender: str
    result: m.Result


@dataclass(frozen=True, slots=True)
class Gone:
    """A node went offline (`boot` empty) or lives again as another process."""

    node: str
    boot: str


@dataclass(frozen=True, slots=True)
class CancelIn:
    """The requester no longer wants it."""


@dataclass(frozen=True, slots=True)
class Acked:
    """The requester has the final."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


Event = Open | BidIn | StartedIn | RefusedIn | ClaimIn | ResultIn | Gone | CancelIn | Acked | Tick


@dataclass(frozen=True, slots=True)
class Rate:
    """For the desk: how a contractor kept its promise. `actual_ms` None is a failure.

    A failure is a refusal, an attempt that was lost with its lease or its node, or a result that says so.
    """

    node: str
    promised_ms: float = 0.0
    actual_ms: float | None = None
    refused: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Outbid:
    """For the desk: a round is won; these bid in vain, and what speaks against them fades a little."""

    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settle:
    """For the desk: the verdict on one result, to be sent with others."""

    node: str
    attempt: int
    kept: bool


Outcomes = list[Action | Rate | Outbid | Settle]
Turn = tuple[Task, Outcomes]
