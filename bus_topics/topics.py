"""One list binds every topic to its message, QoS, retain flag and expiry; `build` and `parse` read it.

Topics are plain `<base>/...` paths; the default base is `forgebus/v1`. In `in/<to>/<from>/<kind>` the
second segment is the authenticated sender: the broker's access list lets a login publish only under its
own name, so an identity is never read out of a payload.
"""

# ruff: noqa: FBT003 - one row a line reads as the table it is; `Topic` names the columns

import re
from enum import StrEnum
from typing import NamedTuple

from bus_topics import messages as m
from bus_topics.errors import UnknownTopic

DEFAULT_BASE = "forgebus/v1"


class Role(StrEnum):
    """Who writes a topic: the login in its `from`/`node` segment, in one of these roles."""

    NODE = "node"
    REQUESTER = "requester"
    HOME = "home"
    CONTRACTOR = "contractor"
    APP = "app"


class Topic(NamedTuple):
    """One row of the contract. `path` is below the base; `message` None is plain text."""

    name: str
    path: str
    message: type[m.Message] | None
    qos: int
    retain: bool
    expiry_s: int | None
    writer: Role
    reader: str


class Address(NamedTuple):
    """A parsed topic: its row, and the names in its path ("" where the path has none)."""

    topic: Topic
    sender: str
    to: str
    capability: str


def _inbox(
    kind: str, message: type[m.Message], qos: int, expiry_s: int, writer: Role, reader: str
) -> Topic:
    return Topic(kind, f"in/<to>/<from>/{kind}", message, qos, False, expiry_s, writer, reader)


TOPICS: tuple[Topic, ...] = (
    Topic("status", "node/<from>/status", None, 1, True, 60, Role.NODE, "everyone"),
    Topic("card", "node/<from>/card", m.Card, 1, True, 60, Role.NODE, "everyone"),
    Topic("state", "node/<from>/state", m.State, 0, True, 60, Role.NODE, "dashboards"),
    Topic("offer", "offer/<capability>/<from>", m.Offer, 0, False, 2, Role.HOME, "capable nodes"),
    _inbox("submit", m.Submit, 1, 60, Role.REQUESTER, "home"),
    _inbox("get", m.Get, 1, 60, Role.REQUESTER, "home"),
    _inbox("cancel", m.Cancel, 1, 60, Role.REQUESTER, "home"),
    _inbox("final_ack", m.FinalAck, 1, 3600, Role.REQUESTER, "home"),
    _inbox("accepted", m.Accepted, 1, 60, Role.HOME, "requester"),
    _inbox("rejected", m.Rejected, 1, 60, Role.HOME, "requester"),
    _inbox("progress", m.Progress, 0, 60, Role.CONTRACTOR, "home, requester"),
    _inbox("final", m.Final, 1, 3600, Role.HOME, "requester"),
    _inbox("report", m.Report, 1, 60, Role.HOME, "requester"),
    _inbox("bid", m.Bid, 0, 5, Role.CONTRACTOR, "home"),
    _inbox("award", m.Award, 1, 15, Role.HOME, "contractor"),
    _inbox("started", m.Started, 1, 60, Role.CONTRACTOR, "home"),
    _inbox("refuse", m.Refuse, 1, 60, Role.CONTRACTOR, "home"),
    _inbox("beat", m.Beat, 0, 15, Role.CONTRACTOR, "home"),
    _inbox("claim", m.Claim, 1, 60, Role.CONTRACTOR, "home"),
    _inbox("go", m.Go, 1, 15, Role.HOME, "contractor"),
    _inbox("stop", m.Stop, 1, 60, Role.HOME, "contractor"),
    _inbox("result", m.Result, 1, 3600, Role.CONTRACTOR, "home"),
    _inbox("verdict", m.Verdict, 1, 3600, Role.HOME, "contractor"),
    _inbox("models", m.Models, 1, 60, Role.REQUESTER, "node"),
    _inbox("loaded", m.Loaded, 1, 60, Role.NODE, "requester"),
    _inbox("set", m.Set, 1, 60, Role.REQUESTER, "node"),
    Topic("ask", "ask/<from>/<capability>", m.Ask, 1, False, 60, Role.APP, "the hub"),
    Topic("answer", "answer/<to>/<capability>", m.Answer, 1, False, 3600, Role.NODE, "the app"),
    Topic("taken", "taken/<from>", m.Taken, 1, False, 60, Role.NODE, "hubs"),
    Topic("event", "event/<from>", m.Events, 0, False, None, Role.NODE, "dashboards"),
)

BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}
BY_MESSAGE: dict[type[m.Message], Topic] = {
    topic.message: topic for topic in TOPICS if topic.message is not None
}


def build(base: str, name: str, *, sender: str = "", to: str = "", capability: str = "") -> str:
    """The topic string of row `name`; `+` may stand for any of the names in a subscription.

    Raises UnknownTopic when a needed name is missing or malformed: no caller can publish to a
    half-built topic.
    """
    row = BY_NAME.get(name)
    if row is None:
        raise UnknownTopic(f"no topic is called {name!r}; topics.TOPICS lists those that exist")
    given = {"<from>": sender, "<to>": to, "<capability>": capability}
    parts = []
    for segment in row.path.split("/"):
        part = given.get(segment, segment)
        if segment in given and part != "+" and not _SEGMENT[segment].match(part):
            raise UnknownTopic(f"{part[:80]!r} cannot stand for {segment} in {row.path}")
        parts.append(part)
    return f"{base}/" + "/".join(parts)


def parse(base: str, topic: str) -> Address:
    """The row and the names of a received topic.

    Raises UnknownTopic when it is not under `base`, not of the list, or carries a malformed name.
    """
    prefix = base + "/"
    if not topic.startswith(prefix):
        raise UnknownTopic(f"{topic[:200]!r} is not under {prefix}")
    parts = topic[len(prefix) :].split("/")
    row = _row_of(parts)
    if row is None:
        raise UnknownTopic(f"{topic[:200]!r} is no topic of this protocol")
    names = {"<from>": "", "<to>": "", "<capability>": ""}
    for segment, part in zip(row.path.split("/"), parts, strict=True):
        if segment in names:
            if not _SEGMENT[segment].match(part):
                raise UnknownTopic(f"{part[:80]!r} cannot stand for {segment} in {row.path}")
            names[segment] = part
    return Address(row, names["<from>"], names["<to>"], names["<capability>"])


_SEGMENT = {
    "<from>": re.compile(m.NODE_PATTERN),
    "<to>": re.compile(m.NODE_PATTERN),
    "<capability>": re.compile(m.CAPABILITY_PATTERN),
}
_FIXED_TAIL = {"node": 2, "in": 3}


def _row_of(parts: list[str]) -> Topic | None:
    """Rows are told apart by their first word and, in `node/` and `in/`, by their last."""
    tail = _FIXED_TAIL.get(parts[0])
    if tail is None:
        row = BY_NAME.get(parts[0])
    else:
        row = BY_NAME.get(parts[tail]) if len(parts) == tail + 1 else None
    if row is None:
        return None
    pattern = row.path.split("/")
    return row if len(pattern) == len(parts) and pattern[0] == parts[0] else None
