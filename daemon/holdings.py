"""Which attempts each contractor holds of one home's tasks, the one awarded last at the end.

A bid is a price for the moment at which it was made. Several auctions are open at a time, so by the time
that one closes its bidder may have won others; `delayed` adds that work to the bid's wait. Without it all
open auctions go to the one node that was best for each of them alone.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from bus_topics.messages import Bid
from daemon.lanes import Left, wait_ms
from daemon.pricing import busy_ms
from daemon.task import HELD, Task


class Holdings:
    """By contractor and task: when it was awarded, and how long it holds a slot by its bid."""

    def __init__(self) -> None:
        self._by_node: dict[str, dict[str, tuple[float, float]]] = {}

    def moved(self, key: str, old: Task, task: Task) -> None:
        """The task `key` is now `task`."""
        same = task.phase in HELD and task.attempt == old.attempt
        if old.phase in HELD and not same:
            self._by_node.get(old.contractor, {}).pop(key, None)
        if task.phase in HELD:
            held = self._by_node.setdefault(task.contractor, {})
            held.setdefault(key, (task.awarded, _busy_ms(task.bids.get(task.contractor))))

    def of(self, node: str) -> tuple[str, ...]:
        """The tasks that it holds."""
        return tuple(self._by_node.get(node, ()))

    def since(self, node: str, when: float) -> list[float]:
        """Milliseconds of work of each attempt that was awarded to it after `when`, the last first."""
        found = []
        for awarded, work_ms in reversed(self._by_node.get(node, {}).values()):
            if awarded <= when:
                break
            found.append(work_ms)
        return found


def delayed(bid: Bid, ahead: Sequence[float]) -> Bid:
    """The bid, with what was awarded to its bidder since it was made (ms each) before it.

    Of its slots only the free ones are known; with none, the work ahead is taken to be done one after another.
    """
    if bid.declined or not ahead:
        return bid
    work = [Left("", each) for each in reversed(ahead)]
    more = wait_ms(work, max(1, bid.free_slots), Left("", 0.0), {})
    free = max(0, bid.free_slots - len(ahead))
    price = replace(bid.price, wait_ms=bid.price.wait_ms + more)
    return replace(bid, eta_ms=bid.eta_ms + more, free_slots=free, price=price)


def _busy_ms(bid: Bid | None) -> float:
    """How long it holds a slot; the whole eta where the bid does not tell its parts."""
    return 0.0 if bid is None else busy_ms(bid.price) or bid.eta_ms
