"""What gets past a node's door, and what is put aside there.

A sender over its messages a second is not listened to: what is above is acknowledged, counted and dropped,
before it costs a decoding, a decision or a write. Nothing is lost by that which matters, because every
message that matters is repeated by its sender until it is answered. Of what one sender has put into the
quarantine only so much is kept, so that it cannot drive out what others did, nor wear the disk.
"""

import structlog

from bus_topics.topics import Address
from daemon.bus import Incoming
from daemon.journal import Journal
from daemon.meter import Meter
from daemon.tally import Tally

UNIT = 4096
"""A message counts as one, and as one more for each so many bytes."""
REPORT = 20.0
"""A `get` counts as so many: it is short, and its answer is read from the disk."""
BURST_S = 5.0
KEPT, KEPT_PER_S = 200.0, 1.0
"""Refused messages of one sender that are kept in a row, and a second."""
TOLD_EVERY_S = 60.0
FLOOD = "flood"

_log = structlog.get_logger("node")


class Gate:
    """The door of one node. `per_s`: messages that one sender may send it."""

    def __init__(self, per_s: float, journal: Journal, tally: Tally) -> None:
        self._per_s = per_s
        self._journal = journal
        self._tally = tally
        self._traffic = Meter(per_s, per_s * BURST_S)
        self._kept = Meter(KEPT_PER_S, KEPT)
        self._told = Meter(1.0 / TOLD_EVERY_S, 1.0)

    def lets_in(self, address: Address, incoming: Incoming, now: float) -> bool:
        """Whether the message is to be looked at; if not, it is done with. A flood is told once a minute."""
        sender = address.sender
        units = REPORT if address.topic.name == "get" else 1.0 + len(incoming.payload) / UNIT
        if not self._traffic.take(sender, units, now):
            return True
        self._tally.quarantined[FLOOD] += 1
        if self._told.take(sender, 1.0, now):
            incoming.ack()
        else:
            reason = f"{sender} sends more than {self._per_s:g} messages a second; some are dropped"
            self._keep(incoming, sender, FLOOD, reason)
        return False

    def put_aside(
        self, incoming: Incoming, sender: str, code: str, reason: str, now: float
    ) -> None:
        """Into the quarantine, if this sender has not filled its part of it, and acknowledged."""
        self._tally.quarantined[code] += 1
        if self._kept.take(sender, 1.0, now):
            incoming.ack()
        else:
            self._keep(incoming, sender, code, reason)

    def _keep(self, incoming: Incoming, sender: str, code: str, reason: str) -> None:
        _log.warning("quarantined", sender=sender, topic=incoming.topic[:200], code=code)
        self._journal.quarantine(
            sender=sender,
            topic=incoming.topic[:300],
            code=code,
            reason=reason,
            payload=incoming.payload,
            then=incoming.ack,
        )
