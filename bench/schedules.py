"""How long a list of tasks takes on machines of different speed, by the rules that give them out.

Sizes in tokens, speeds in tokens a second, makespans in seconds. All tasks are there at the beginning, in
the order of the list; a machine does one after another and is as fast with each.
"""

import random
from collections.abc import Callable, Sequence

SMALLEST, LARGEST = 16, 512


def mixed_sizes(count: int, seed: int) -> list[int]:
    """Sizes from 16 to 512 tokens, as many between 16 and 32 as between 256 and 512."""
    rng = random.Random(seed)
    return [round(SMALLEST * (LARGEST / SMALLEST) ** rng.random()) for _ in range(count)]


def lower_bound_s(sizes: Sequence[float], speeds: Sequence[float]) -> float:
    """The optimum if a task could be interrupted and go on elsewhere: no schedule is shorter.

    The k largest tasks are never on more than the k fastest machines. E. C. Horvath, S. Lam and R. Sethi,
    "A Level Algorithm for Preemptive Scheduling", Journal of the ACM 24 (1977).
    """
    largest, fastest = sorted(sizes, reverse=True), sorted(speeds, reverse=True)
    few = [sum(largest[:k]) / sum(fastest[:k]) for k in range(1, len(fastest))]
    return max(sum(sizes) / sum(speeds), *few)


def offline_s(sizes: Sequence[float], speeds: Sequence[float]) -> float:
    """A schedule made with all sizes known: the largest first, each where it ends first."""
    return earliest_end_s(sorted(sizes, reverse=True), speeds)


def earliest_end_s(sizes: Sequence[float], speeds: Sequence[float]) -> float:
    """Each, as it comes, to the machine where it ends first."""
    return _given(sizes, speeds, lambda size, _, ends: _first_end(size, speeds, ends))


def least_pending_s(sizes: Sequence[float], speeds: Sequence[float]) -> float:
    """Each, as it comes, to the machine with the fewest unfinished; of several to the fastest.

    All come at once, so nothing is finished while they are given out.
    """

    def fewest(_: float, counts: Sequence[int], __: Sequence[float]) -> int:
        return min(range(len(speeds)), key=lambda at: (counts[at], -speeds[at]))

    return _given(sizes, speeds, fewest)


def round_robin_s(sizes: Sequence[float], speeds: Sequence[float]) -> float:
    """One after another in turn, the order of the machines as given."""
    return _given(sizes, speeds, lambda _, counts, __: sum(counts) % len(speeds))


def pulled_s(sizes: Sequence[float], speeds: Sequence[float]) -> float:
    """Whoever is idle takes the next; of several the fastest."""

    def idle_first(_: float, __: Sequence[int], ends: Sequence[float]) -> int:
        return min(range(len(speeds)), key=lambda at: (ends[at], -speeds[at]))

    return _given(sizes, speeds, idle_first)


def _given(
    sizes: Sequence[float],
    speeds: Sequence[float],
    rule: Callable[[float, Sequence[int], Sequence[float]], int],
) -> float:
    """When the last ends, if `rule` chooses by the size, how many each has had, and when each is free."""
    counts, ends = [0] * len(speeds), [0.0] * len(speeds)
    for size in sizes:
        at = rule(size, counts, ends)
        counts[at] += 1
        ends[at] += size / speeds[at]
    return max(ends)


def _first_end(size: float, speeds: Sequence[float], ends: Sequence[float]) -> int:
    return min(range(len(speeds)), key=lambda at: ends[at] + size / speeds[at])
