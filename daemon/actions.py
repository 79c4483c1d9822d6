"""What a machine wants done: values that `daemon.service` carries out, in order, after the commit.

A machine never does anything itself. It answers an event with actions; the service writes every row
among them to the journal, waits for the disk, acknowledges the message that caused them, and only
then sends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bus_topics.messages import (
    Accepted,
    Answer,
    Award,
    Event,
    Final,
    Message,
    Offer,
    Progress,
    Rejected,
    Report,
    Taken,
)

TASK = "task"
CONTRACT = "contract"
FACT = "fact"
TABLES = (TASK, CONTRACT, FACT)


@dataclass(frozen=True, slots=True)
class Save:
    """Write a row: insert it, or replace the state of an older revision of the same key.

    `rev` grows with every change of the key, so that a write that comes late never undoes a newer one.
    `body` (content) is written when given and left alone when None. With `admit` the row is new work
    that may still be refused when the disk does not take it; every other row must be written, however
    long that takes.
    """

    table: str
    key: str
    rev: int
    phase: str
    state: bytes
    body: bytes | None = None
    admit: bool = False


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete a row."""

    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Send:
    """A message into `to`'s inbox; its kind follows from its class."""

    to: str
    message: Message


@dataclass(frozen=True, slots=True)
class Publish:
    """An offer to every node that has the capability."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to an app, on the topic it asked for."""

    topic: str
    correlation: bytes
    message: Answer
    task: str = ""
    """The task whose final this is: the broker's acknowledgement settles it. Empty for a refusal."""


@dataclass(frozen=True, slots=True)
class Word:
    """A hub's word to the other hubs."""

    taken: Taken


@dataclass(frozen=True, slots=True)
class Tell:
    """A decision for whoever watches `event/<n>` and for the log."""

    event: Event


@dataclass(frozen=True, slots=True)
class Announce:
    """Say anew who we are and how we stand: something about that has changed."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """News of a submitted task for the caller that waits for it (requester's side)."""

    id: str
    message: Accepted | Rejected | Progress | Final | Report


@dataclass(frozen=True, slots=True)
class Run:
    """Hand an attempt to a worker."""

    home: str
    award: Award


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop an attempt that a worker has."""

    home: str
    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Distrust:
    """The message at hand is well-formed and false: put it into quarantine with this reason."""

    sender: str
    code: str
    reason: str


Row = Save | Forget
Action = (
    Save
    | Forget
    | Send
    | Publish
    | Reply
    | Tell
    | Word
    | Announce
    | Deliver
    | Run
    | Halt
    | Distrust
)


class Parted(NamedTuple):
    """Actions by when they happen: `rows` first, the rest once those are on disk.

    `admitted` is the key of the new task among the rows, or "".
    """

    rows: list[Row]
    rest: list[Action]
    admitted: str


def parted(actions: Sequence[Action]) -> Parted:
    """What goes to disk, and what waits for it; both in their order."""
    rows: list[Row] = []
    rest: list[Action] = []
    admitted = ""
    for action in actions:
        match action:
            case Save(key=key, admit=admit):
                rows.append(action)
                admitted = key if admit else admitted
            case Forget():
                rows.append(action)
            case _:
                rest.append(action)
    return Parted(rows, rest, admitted)
