"""What one login may have of a home: unfinished tasks, megabytes of their content, new tasks a second.

So one login cannot fill a home for all others, whatever it does. Over budget is refused before acceptance
and never dropped after it. Pure: time is the caller's.
"""

from collections import Counter

from daemon.config import AuctionConfig
from daemon.meter import Meter
from daemon.task import Order

FEWEST = 8
"""A home that holds no more tasks than these may be filled by one login."""
BURST_S = 10.0
"""A login that was quiet may send so many seconds' worth at once."""
FULL_MS = 1000


class Budgets:
    """The open accounts of all senders of one home."""

    def __init__(self, settings: AuctionConfig) -> None:
        self._most_tasks = settings.sender_tasks or max(FEWEST, settings.max_tasks // 4)
        self._most_bytes = settings.sender_mb * 1_000_000
        self._per_s = settings.sender_per_s
        self._rate = Meter(self._per_s, self._per_s * BURST_S)
        self._tasks: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def refusal(self, order: Order, now: float) -> tuple[str, int]:
        """Why this task is too much, and after how many milliseconds it may not be; ("", 0) if it is not."""
        sender = order.sender
        if self._tasks[sender] >= self._most_tasks:
            return (
                f"{sender} has {self._tasks[sender]} unfinished tasks, as many as it may",
                FULL_MS,
            )
        if self._tasks[sender] and self._bytes[sender] + _size(order) > self._most_bytes:
            return (
                f"{sender} has {self._bytes[sender]} bytes unfinished, as many as it may",
                FULL_MS,
            )
        wait_s = self._rate.take(sender, 1.0, now)
        if wait_s:
            return f"{sender} may send {self._per_s:g} tasks a second", int(wait_s * 1000) + 1
        return "", 0

    def opened(self, order: Order) -> None:
        """The task is on the sender's account."""
        self._tasks[order.sender] += 1
        self._bytes[order.sender] += _size(order)

    def closed(self, order: Order) -> None:
        """And off it: it has ended, or was not taken after all."""
        self._tasks[order.sender] -= 1
        self._bytes[order.sender] -= _size(order)
        if not self._tasks[order.sender]:
            del self._tasks[order.sender], self._bytes[order.sender]


def _size(order: Order) -> int:
    return len(bytes(order.submit.content))
