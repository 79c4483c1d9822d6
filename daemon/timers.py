"""When which key wants to be woken: one instant a key, the earliest first."""

import heapq
import math
from collections.abc import Iterator

SLACK = 64


class Timers:
    """A heap of (instant, key) in which what was put off or called off is passed over.

    It never holds more than twice as many entries as keys, `SLACK` besides: a key that is put off a
    thousand times, or called off long before its time, leaves nothing behind.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._due)

    def arm(self, key: str, due: float | None) -> None:
        """Wake `key` at `due` and at no other time; None or infinity: not at all."""
        if due is None or due == math.inf:
            self._due.pop(key, None)
        elif self._due.get(key) != due:
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))
        if len(self._heap) > 2 * len(self._due) + SLACK:
            self._heap = [(instant, name) for name, instant in self._due.items()]
            heapq.heapify(self._heap)

    def over(self, now: float) -> Iterator[str]:
        """The keys whose time has come, earliest first; each is disarmed as it is given."""
        while self.wake() <= now:
            key = heapq.heappop(self._heap)[1]
            del self._due[key]
            yield key

    def wake(self) -> float:
        """The earliest instant; infinity when there is none."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf
