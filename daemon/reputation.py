"""What a home learned of its contractors: how true their promises were, and who won of late.

Kept per (node, capability), in memory and, a few seconds later, in the journal: losing the last few
seconds of it costs nothing but a slightly older opinion.
"""

import math
from collections.abc import Callable, Mapping

from daemon import pricing
from daemon.actions import FACT, Action, Save
from daemon.policy import shares_after
from daemon.pricing import Calibration
from daemon.turn import Rate

LEARNED_AFTER_S = 5.0
PREFIX = "calibration/"
FORGIVEN_EVERY_S = 3600.0
"""A restart is forgiven so often: a node that starts anew all the time is no better for it."""

_NEUTRAL = Calibration()


class Reputation:
    """Calibrations and recent wins of one home."""

    def __init__(self) -> None:
        self.due = math.inf
        """When `lessons` wants to be called."""
        self.on_rate: Callable[[Rate], None] | None = None
        """Told of every promise kept or broken, for whoever counts them."""
        self._calibrations: dict[tuple[str, str], Calibration] = {}
        self._revisions: dict[tuple[str, str], int] = {}
        self._learned: set[tuple[str, str]] = set()
        self._wins: dict[str, dict[str, float]] = {}
        self._forgiven: dict[str, float] = {}

    def of(self, node: str, capability: str) -> Calibration:
        """What was learned of a node's promises; neutral for a stranger."""
        return self._calibrations.get((node, capability), _NEUTRAL)

    def known(self) -> Mapping[tuple[str, str], Calibration]:
        """Everything learned so far, by node and capability."""
        return self._calibrations

    def wins(self, capability: str) -> Mapping[str, float]:
        """Each node's share of the recent awards of a capability."""
        return self._wins.get(capability, {})

    def rate(self, capability: str, rate: Rate, now: float) -> None:
        """A contractor kept its promise, or did not."""
        if self.on_rate is not None:
            self.on_rate(rate)
        pair = (rate.node, capability)
        old = self.of(*pair)
        if rate.actual_ms is None:
            self._learn(pair, (pricing.refused if rate.refused else pricing.failed)(old), now)
        else:
            self._learn(pair, pricing.learn(old, rate.promised_ms, rate.actual_ms), now)

    def won(self, capability: str, node: str) -> None:
        """A round is decided.

        Counted now and not at the result, so that the rounds open beside it, with bids made before
        this award, know of it.
        """
        self._wins[capability] = shares_after(self.wins(capability), node)

    def outbid(self, capability: str, nodes: tuple[str, ...], now: float) -> None:
        """These bid in vain: only winners are learned from, so what speaks against them fades."""
        for pair in ((node, capability) for node in nodes):
            if pair in self._calibrations:
                self._learn(pair, pricing.outbid(self._calibrations[pair]), now)

    def restarted(self, node: str, now: float) -> None:
        """A node lives as another process: some of its failures are forgiven, now and then."""
        if now - self._forgiven.get(node, -math.inf) < FORGIVEN_EVERY_S:
            return
        for pair, calibration in list(self._calibrations.items()):
            if pair[0] == node:
                self._forgiven[node] = now
                self._learn(pair, pricing.restarted(calibration), now)

    def restore(self, key: str, rev: int, state: bytes) -> None:
        """Take up a row of the life before."""
        node, _, capability = key.removeprefix(PREFIX).partition("/")
        self._calibrations[node, capability] = Calibration.from_state(state)
        self._revisions[node, capability] = rev

    def lessons(self) -> list[Action]:
        """Rows of everything learned since the last time."""
        rows: list[Action] = []
        for pair in sorted(self._learned):
            rev = self._revisions[pair] = self._revisions.get(pair, 0) + 1
            state = self._calibrations[pair].to_state()
            rows.append(Save(FACT, f"{PREFIX}{pair[0]}/{pair[1]}", rev, "", state))
        self._learned.clear()
        self.due = math.inf
        return rows

    def _learn(self, pair: tuple[str, str], calibration: Calibration, now: float) -> None:
        self._calibrations[pair] = calibration
        self._learned.add(pair)
        self.due = min(self.due, now + LEARNED_AFTER_S)
