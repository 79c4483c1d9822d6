"""What is wrong with the bus for good, for Home Assistant's repairs. Pure; knows no Home Assistant.

A trouble that ends by itself is none: a broker that restarts, a node that is updated. So what is missing is
told only once it has been missing for a while.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .contract import VERSION, Topics
from .roster import Roster

GRACE_S = 30.0
AT_ONCE = frozenset({"node_too_old", "integration_too_old", "no_answer"})
"""Troubles that no waiting mends."""
KINDS = (
    "no_broker",
    "no_hub",
    "no_capable_node",
    "no_answer",
    "node_too_old",
    "integration_too_old",
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble: its kind, and what fills its words in."""

    kind: str
    told: dict[str, str] = field(default_factory=dict)


class Watch:
    """Troubles as they come and go. Times are monotonic seconds, the caller's."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def lasting(self, found: Iterable[Trouble], now: float) -> dict[str, Trouble]:
        """Those that have lasted long enough to be told, by kind."""
        by_kind = {trouble.kind: trouble for trouble in found}
        self._since = {kind: self._since.get(kind, now) for kind in by_kind}
        return {
            kind: trouble
            for kind, trouble in by_kind.items()
            if kind in AT_ONCE or now - self._since[kind] >= GRACE_S
        }


def troubles(
    roster: Roster,
    topics: Topics,
    now: float,
    *,
    connected: bool,
    unanswered: int,
    wanted: Iterable[str],
) -> list[Trouble]:
    """What is wrong now. `wanted` are the capabilities that this entry is set to use."""
    if not connected:
        # Who is there is not known without a broker.
        return [Trouble("no_broker")]
    found = []
    foreign = roster.foreign(now)
    older = [node for node in foreign if (node.speaks or 0) < VERSION]
    newer = [node for node in foreign if (node.speaks or 0) > VERSION]
    for kind, nodes in (("node_too_old", older), ("integration_too_old", newer)):
        if nodes:
            names = ", ".join(node.id for node in nodes)
            found.append(Trouble(kind, {"nodes": names, "version": str(VERSION)}))
    if not roster.hubs(now):
        found.append(Trouble("no_hub", {"base": topics.base}))
        return found
    missing = [name for name in dict.fromkeys(wanted) if not roster.capable(name, now)]
    if missing:
        found.append(Trouble("no_capable_node", {"capabilities": ", ".join(missing)}))
    if unanswered:
        found.append(Trouble("no_answer", {"login": topics.login, "base": topics.base}))
    return found
