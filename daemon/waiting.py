"""What waits at a node for a slot: in which order, and how much of it one home may have there.

Order is (level, deadline, arrival), as on a home's desk: what waits gains one priority on later work per
`AGEING_S`. A part of the places is kept for homes that have little there, so that no home can shut the
others out by its awards; a node's own work may have them all. Pure.
"""

import math
from collections import Counter

from daemon.contract import Contract

AGEING_S = 10.0
KEPT_FOR_OTHERS = 4
"""One of so many places is not for a home that has taken all the others."""


class Waiting:
    """The attempts that wait at the node `own`, at most `most`."""

    def __init__(self, own: str, most: int) -> None:
        self._own = own
        self._most = most
        self._places: dict[str, tuple[int, float, float]] = {}
        self._homes: dict[str, str] = {}
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, contract: Contract) -> None:
        """It waits from now on; once it does, its place in the order is its own."""
        key = contract.key
        if key in self._places:
            return
        level = math.floor(contract.received / AGEING_S) - contract.award.priority
        self._places[key] = (level, contract.deadline, contract.received)
        self._homes[key] = contract.home
        self._held[contract.home] += 1

    def drop(self, key: str) -> None:
        """It does not wait any more, if it did."""
        if self._places.pop(key, None) is None:
            return
        home = self._homes.pop(key)
        self._held[home] -= 1
        if not self._held[home]:
            del self._held[home]

    def first(self) -> str:
        """The most urgent; there must be one."""
        return min(self._places, key=self._places.__getitem__)

    def ordered(self) -> list[str]:
        """All, the most urgent first."""
        return sorted(self._places, key=self._places.__getitem__)

    def refusal(self, home: str) -> str:
        """Why another attempt of this home has no place here; "" while it has."""
        if len(self) >= self._most:
            return f"{self._own} has {len(self)} attempts waiting, as many as it may"
        return self.too_many(home)

    def too_many(self, home: str) -> str:
        """Why the places that are left are not for this home; "" if they are, or if none is left."""
        share = self._most - self._most // KEPT_FOR_OTHERS
        if home == self._own or self._held[home] < share or len(self) >= self._most:
            return ""
        return (
            f"{self._own} has {self._held[home]} attempts of {home} waiting, as many as of one home"
        )
