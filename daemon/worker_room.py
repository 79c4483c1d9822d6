"""What has room in one process: models beside one another, and jobs computed together."""

from collections.abc import Collection

from daemon.worker_jobs import Worker
from handlers.catalog import CATALOG

BARE_MB = 20.0
"""A worker that has loaded nothing, as the catalog counts (`Entry.memory_mb`)."""


def least_used(
    worker: Worker, capability: str, limit_mb: float, kept: Collection[str]
) -> frozenset[str]:
    """What of `worker` has to go before it loads `capability` within `limit_mb`.

    Those that are not to be kept go first, and among them those used longest ago. What each takes is
    taken to be the same part of the process's size; what the new one takes, the catalog says.
    """
    entry = CATALOG.get(capability)
    loaded = worker.process.loaded
    if entry is None or not loaded:
        return frozenset()
    size = worker.process.memory_mb()
    each = max(0.0, size - BARE_MB) / len(loaded)
    over = size + entry.memory_mb - BARE_MB - limit_mb
    order = sorted(loaded, key=lambda name: (name in kept, worker.used.get(name, 0.0)))
    count = sum(over > each * number for number in range(len(order)))
    return frozenset(order[:count])


def together(capability: str, batch: int) -> int:
    """How many such jobs one process takes at once, where the node's configuration says `batch`."""
    entry = CATALOG.get(capability)
    return 1 if entry is None else min(entry.together, batch)
