"""A node's worker processes as lanes: what runs beside what, and when one more task would begin.

`daemon.workers` hands tasks out by these rules: a task takes an empty lane; if there is none, it joins a
lane of its own capability, as long as that is computed together and has room; nothing overtakes
the first that finds neither. Pure: no process is asked.

While n tasks run together each takes 1 + DRAG * (n - 1) times as long as alone. So one that would
take x alone, beside others with a_i of work left, ends after x + DRAG * sum(min(a_i, x)), and all of
them after (1 - DRAG) * max(a_i) + DRAG * sum(a_i).
"""

import heapq
from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

DRAG = 0.3
"""By how much each further sequence of a batch lengthens a step, as a part of the step of one alone.

`forgebus bench batch` prints it for a machine; what a home learns of a node corrects the rest.
"""


@dataclass(frozen=True, slots=True)
class Left:
    """An attempt in hand and the milliseconds it would still take if it ran alone."""

    capability: str
    ms: float


class Lanes:
    """Which attempt is in which lane, by key."""

    def __init__(self, slots: int, together: Mapping[str, int]) -> None:
        self._lanes: list[dict[str, str]] = [{} for _ in range(slots)]  # key -> capability
        self._together = together
        self._places: dict[str, dict[str, str]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        """Every key, the one placed first ahead."""
        return iter(self._places)

    def fits(self, capability: str) -> bool:
        """Whether one more would begin at once."""
        return any(not lane or self._takes(lane, capability) for lane in self._lanes)

    def free(self, capability: str) -> int:
        """How many empty lanes there are, and one more where a lane can be joined."""
        empty = sum(not lane for lane in self._lanes)
        return empty + any(self._takes(lane, capability) for lane in self._lanes)

    def place(self, key: str, capability: str) -> None:
        """Put it where it would run; where it does not fit, behind the fewest."""

        def rank(lane: dict[str, str]) -> tuple[int, int]:
            ready = 0 if not lane else 1 if self._takes(lane, capability) else 2
            return ready, len(lane)

        if key not in self._places:
            self._places[key] = min(self._lanes, key=rank)
            self._places[key][key] = capability

    def drop(self, key: str) -> None:
        """It is over; an unknown key is no matter."""
        if key in self._places:
            del self._places.pop(key)[key]

    def pace(self, key: str) -> float:
        """How many times as long as alone it takes beside those in its lane."""
        lane = self._places[key]
        shared = self._together.get(lane[key], 1) > 1 and len({*lane.values()}) == 1
        return 1.0 + DRAG * (len(lane) - 1) if shared else 1.0

    def _takes(self, lane: dict[str, str], capability: str) -> bool:
        alike = all(each == capability for each in lane.values())
        return alike and 0 < len(lane) < self._together.get(capability, 1)


def seated(work: Sequence[Left], slots: int, together: Mapping[str, int]) -> tuple[Lanes, int]:
    """The lanes with those of `work` that run at once, in order; and how many queue behind them."""
    lanes = Lanes(slots, together)
    for number, left in enumerate(work):
        if not lanes.fits(left.capability):
            return lanes, len(work) - number
        lanes.place(str(number), left.capability)
    return lanes, 0


def wait_ms(work: Sequence[Left], slots: int, mine: Left, together: Mapping[str, int]) -> float:
    """How long `mine` has to do without a lane of its own: before it begins, and shared after that.

    `work` is what runs and then what queues, in the order it will run.
    """
    if all(together.get(left.capability, 1) == 1 for left in (*work, mine)):
        return _first_free(work, slots)
    lines = [_Line() for _ in range(slots)]
    for left in work:
        _enter(lines, left, together)
    return _enter(lines, mine, together)


@dataclass(slots=True)
class _Line:
    """A lane foreseen: at `clock`, these (shortest first) are left of the ones that run together."""

    clock: float = 0.0
    capability: str = ""
    left: list[float] = field(default_factory=list)

    def opens(self, capability: str, most: int) -> float:
        """When one more could begin."""
        if not self.left or (capability == self.capability and len(self.left) < most):
            return self.clock
        if capability == self.capability:
            return self.clock + self.left[0] * (1.0 + DRAG * (len(self.left) - 1))
        return self.clock + (1.0 - DRAG) * self.left[-1] + DRAG * sum(self.left)

    def take(self, mine: Left, most: int) -> float:
        """Let it in; until when it waits, counting what the others take from it."""
        self.clock = self.opens(mine.capability, most)
        if mine.capability != self.capability:
            self.capability, self.left = mine.capability, []
        elif len(self.left) >= most:
            self.left = [each - self.left[0] for each in self.left[1:]]
        shared = sum(min(each, mine.ms) for each in self.left)
        insort(self.left, max(0.0, mine.ms))
        return self.clock + DRAG * shared


def _enter(lines: list[_Line], mine: Left, together: Mapping[str, int]) -> float:
    most = together.get(mine.capability, 1)
    first = min(lines, key=lambda line: (line.opens(mine.capability, most), len(line.left)))
    return first.take(mine, most)


def _first_free(work: Sequence[Left], slots: int) -> float:
    """When the first of `slots` lanes is free, the work dealt in order (list scheduling)."""
    free_at = [0.0] * slots
    for left in work:
        heapq.heapreplace(free_at, free_at[0] + max(0.0, left.ms))
    return free_at[0]
