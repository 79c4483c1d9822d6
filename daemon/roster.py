"""Who is there: cards and statuses of all nodes, as one home has seen them.

    a node's row, as seen from here

              card or status                    status online
    unknown ------------------> known, absent ----------------> live
                                  ^   |  ^                       |
              forgotten after     |   |  | status offline or     |
              a day of silence <--+---+  | conflict, or 65 s     |
                                         +------ of silence -----+

Liveness is derived, never stored: live = the last status is `online` and the last sign of life is at
most `SILENCE_S` old. Signs are a card, a status and a beat (`heard`), no other message. A killed
broker sends no wills, so silence must suffice; and a card alone makes nobody live, because a
retained card may be older than its node's death.

Hubs stand in rendezvous order (Thaler and Ravishankar, 1998): each node computes the same list
from the same cards, and a node that goes moves only its own keys.
"""

import hashlib
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass

from bus_topics.messages import Card, Status

SILENCE_S = 65.0
"""60 s expiry of the retained status, and 5 s for a slow broker."""

FORGET_S = 86_400.0
MAX_NODES = 1000


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node for a list: `card` is None until seen, `age` is seconds since its last sign."""

    id: str
    card: Card | None
    online: bool
    age: float


class Roster:
    """All nodes that sent a card or a status. Times are monotonic seconds, the caller's.

    Holds at most `MAX_NODES`. Room for a new node is made by forgetting those silent for a day,
    then the longest silent of those that are not live; when all are live the newcomer is ignored.
    """

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._by_capability: dict[str, list[str]] | None = None
        self._latest = 0.0

    def on_card(self, sender: str, card: Card, now: float) -> bool:
        """Take a card; True when the node is new or has a new boot.

        A card that names another node than its authenticated `sender` is ignored (False).
        """
        if card.node != sender:
            return False
        row = self._row(sender, now)
        if row is None:
            return False
        changed = row.card is None or row.card.boot != card.boot
        row.card = card
        self._by_capability = None
        row.sign(now)
        return changed

    def on_status(self, sender: str, status: Status, now: float) -> bool:
        """Take a status; True when it changed whether the node is live."""
        row = self._row(sender, now)
        if row is None:
            return False
        before = row.live(now)
        row.status = status
        row.sign(now)
        return row.live(now) != before

    def heard(self, node: str, now: float) -> None:
        """Note a beat, the one sign of life besides card and status. It enrols no stranger."""
        self._latest = max(self._latest, now)
        row = self._rows.get(node)
        if row is not None:
            row.sign(now)

    def is_live(self, node: str, now: float) -> bool:
        """Whether the node says it is online and was heard of within `SILENCE_S`."""
        row = self._rows.get(node)
        return row is not None and row.live(now)

    def boot(self, node: str) -> str | None:
        """The boot id on the node's last card."""
        card = self.card(node)
        return None if card is None else card.boot

    def card(self, node: str) -> Card | None:
        """The node's last card, live or not."""
        row = self._rows.get(node)
        return None if row is None else row.card

    def nodes(self, now: float | None = None) -> list[NodeView]:
        """Every known node, by id; without `now`, as of the latest time this roster was told."""
        at = self._latest if now is None else now
        return [
            NodeView(id=node, card=row.card, online=row.live(at), age=max(0.0, at - row.seen))
            for node, row in sorted(self._rows.items())
        ]

    def capable(self, capability: str, now: float, only: Collection[str] = ()) -> tuple[str, ...]:
        """The live nodes whose card offers `capability`, sorted.

        `only` narrows the list when it is not empty, as `Offer.only` does on the wire.
        """
        return tuple(
            node
            for node in self._offering(capability)
            if (not only or node in only) and self._rows[node].live(now)
        )

    def awaited(
        self, capability: str, now: float, answered: Container[str], only: Collection[str] = ()
    ) -> bool:
        """Whether one of the `capable` has not answered; asked for each bid, so it stops at the first."""
        return any(
            node not in answered and (not only or node in only) and self._rows[node].live(now)
            for node in self._offering(capability)
        )

    def quality(self, node: str, capability: str) -> float:
        """How good the node's answers are by its card, live or not; 0 where it does not offer it."""
        card = self.card(node)
        skills = () if card is None else card.skills
        return max((one.quality for one in skills if one.capability == capability), default=0.0)

    def hubs(self, key: str, now: float) -> list[str]:
        """The live hub nodes, highest random weight for `key` first."""
        live = [
            node
            for node, row in self._rows.items()
            if row.card is not None and row.card.hub and row.live(now)
        ]
        return sorted(live, key=lambda node: (_weight(key, node), node), reverse=True)

    def _offering(self, capability: str) -> Sequence[str]:
        """The nodes whose card offers it, live or not, sorted; made anew only after a card came."""
        if self._by_capability is None:
            self._by_capability = {}
            for node, row in sorted(self._rows.items()):
                for name in row.capabilities():
                    self._by_capability.setdefault(name, []).append(node)
        return self._by_capability.get(capability, ())

    def _row(self, node: str, now: float) -> "_Row | None":
        """The node's row, made when there is room for it."""
        self._latest = max(self._latest, now)
        row = self._rows.get(node)
        if row is not None:
            return row
        self._forget(now)
        if len(self._rows) >= MAX_NODES:
            return None
        row = self._rows[node] = _Row(seen=now)
        return row

    def _forget(self, now: float) -> None:
        """Make room: drop what was silent for a day, then one absent node if it is still full."""
        self._by_capability = None
        for node in [n for n, row in self._rows.items() if now - row.seen > FORGET_S]:
            del self._rows[node]
        if len(self._rows) < MAX_NODES:
            return
        absent = [(row.seen, node) for node, row in self._rows.items() if not row.live(now)]
        if absent:
            del self._rows[min(absent)[1]]


@dataclass(slots=True)
class _Row:
    seen: float
    card: Card | None = None
    status: Status | None = None

    def sign(self, now: float) -> None:
        self.seen = max(self.seen, now)

    def live(self, now: float) -> bool:
        return self.status is Status.ONLINE and now - self.seen <= SILENCE_S

    def capabilities(self) -> frozenset[str]:
        return frozenset(() if self.card is None else (one.capability for one in self.card.skills))


def _weight(key: str, node: str) -> bytes:
    # The separator cannot stand in a node id, so no two pairs make the same text.
    return hashlib.blake2b(f"{key}\0{node}".encode(), digest_size=8).digest()
