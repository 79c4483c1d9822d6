"""Who is on the bus and what was decided there, as its cards, statuses and events tell it.

Pure: time comes in from outside, as monotonic seconds. Nothing here knows Home Assistant.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from .contract import SILENCE_S, VERSION, Malformed, read_object

MOST_NODES = 200
"""Nodes that are remembered; a newcomer beyond that is not looked at."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node, as its last card and status have it. `speaks` is the version of its messages."""

    id: str
    online: bool = False
    seen: float = 0.0
    speaks: int | None = None
    release: str = ""
    board: str = ""
    hub: bool = False
    capabilities: tuple[str, ...] = ()
    card: dict[str, Any] = field(default_factory=dict)
    won: int = 0
    """Awards that we heard of; they are told at QoS 0."""

    def live(self, now: float) -> bool:
        """Whether it says that it is online, and was heard of lately."""
        return self.online and now - self.seen <= SILENCE_S

    @property
    def understood(self) -> bool:
        """Whether we speak its version; True until there is a card."""
        return self.speaks in (None, VERSION)


@dataclass(frozen=True, slots=True)
class Decision:
    """The last award that was told: what, to whom, why, and what each bidder had promised."""

    task: str
    winner: str
    reason: str
    bids: tuple[dict[str, Any], ...] = ()


class Roster:
    """All nodes of one bus, and what was told of tasks since we listen."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self.ended: dict[str, int] = {}
        """Outcome -> how many tasks ended so."""
        self.last: Decision | None = None

    def __iter__(self) -> Iterator[Node]:
        return iter([node for _, node in sorted(self._nodes.items())])

    def node(self, id_: str) -> Node | None:
        """What is known of a node."""
        return self._nodes.get(id_)

    def forget(self, id_: str) -> None:
        """Strike a node that is gone for good."""
        self._nodes.pop(id_, None)

    def on_status(self, id_: str, payload: str, now: float) -> bool:
        """Take a status; True when it changed whether the node is live."""
        node = self._row(id_)
        if node is None:
            return False
        before = node.live(now)
        node = replace(node, online=payload == "online", seen=now)
        self._nodes[id_] = node
        return node.live(now) != before

    def on_card(self, id_: str, payload: str, now: float) -> bool:
        """Take a card; True when it says something new. One that is none of ours is passed over."""
        node = self._row(id_)
        if node is None:
            return False
        try:
            card = read_object(payload)
        except Malformed:
            return False
        if card.get("node") != id_:
            return False
        new = card != node.card
        skills, hardware = card.get("skills"), card.get("hardware")
        speaks = card.get("v", VERSION)
        self._nodes[id_] = replace(
            node,
            seen=now,
            speaks=speaks if isinstance(speaks, int) else 0,
            release=str(card.get("version", "")),
            board=str(hardware.get("board", "")) if isinstance(hardware, dict) else "",
            hub=card.get("hub") is True,
            capabilities=tuple(
                skill["capability"]
                for skill in (skills if isinstance(skills, list) else ())
                if isinstance(skill, dict) and isinstance(skill.get("capability"), str)
            ),
            card=card,
        )
        return new

    def on_events(self, payload: str) -> bool:
        """Take some events; True when a task was awarded or has ended."""
        try:
            events = read_object(payload).get("events")
        except Malformed:
            return False
        if not isinstance(events, list):
            return False
        told = [self._on_event(event) for event in events if isinstance(event, dict)]
        return any(told)

    def live(self, now: float) -> tuple[str, ...]:
        """The nodes that are there."""
        return tuple(node.id for node in self if node.live(now))

    def capable(self, capability: str, now: float) -> tuple[str, ...]:
        """The nodes that are there, can do it, and speak as we do."""
        return tuple(
            node.id
            for node in self
            if node.live(now) and node.understood and capability in node.capabilities
        )

    def capabilities(self) -> tuple[str, ...]:
        """All that some node can do, there or not."""
        return tuple(sorted({name for node in self for name in node.capabilities}))

    def hubs(self, now: float) -> tuple[str, ...]:
        """The nodes that are there and take asks."""
        return tuple(node.id for node in self if node.live(now) and node.hub and node.understood)

    def foreign(self, now: float) -> tuple[Node, ...]:
        """The nodes that are there and speak another version than we do."""
        return tuple(node for node in self if node.live(now) and not node.understood)

    def _row(self, id_: str) -> Node | None:
        if id_ not in self._nodes and len(self._nodes) >= MOST_NODES:
            return None
        return self._nodes.get(id_, Node(id_))

    def _on_event(self, event: dict[str, Any]) -> bool:
        kind, winner = event.get("kind"), event.get("node")
        if kind in ("done", "failed", "expired", "cancelled", "unknown"):
            self.ended[kind] = self.ended.get(kind, 0) + 1
            return True
        if kind != "awarded" or not isinstance(winner, str):
            return False
        if winner in self._nodes:
            self._nodes[winner] = replace(self._nodes[winner], won=self._nodes[winner].won + 1)
        decision = event.get("decision")
        told: dict[str, Any] = decision if isinstance(decision, dict) else {}
        bids = told.get("bids")
        self.last = Decision(
            task=str(event.get("task", "")),
            winner=winner,
            reason=str(told.get("reason", "")),
            bids=tuple(
                bid for bid in (bids if isinstance(bids, list) else ()) if isinstance(bid, dict)
            ),
        )
        return True
