"""Allocation: the bound and the rules by hand, the ratios of given seconds, and a small run on real nodes."""

from __future__ import annotations

import itertools
import random

import pytest
from test_bench_figures import bench

from bench import schedules
from bench.allocation import SPEEDS, compared


def best_s(sizes: list[int], speeds: tuple[float, ...]) -> float:
    """The optimum, by trying every schedule."""

    def end_s(places: tuple[int, ...]) -> float:
        loads = [0.0] * len(speeds)
        for size, at in zip(sizes, places, strict=True):
            loads[at] += size / speeds[at]
        return max(loads)

    return min(map(end_s, itertools.product(range(len(speeds)), repeat=len(sizes))))


def test_the_bound_by_hand() -> None:
    # All machines together: 30 tokens at 3 tokens a second.
    assert schedules.lower_bound_s([10, 10, 10], (1.0, 2.0)) == pytest.approx(10.0)
    # One task cannot be in two places: 12 tokens on the fastest, although 15 / 6 would be less.
    assert schedules.lower_bound_s([12, 2, 1], (4.0, 2.0)) == pytest.approx(3.0)
    # Two cannot be on more than two: 20 tokens at 10 + 1, where all three would do 21 at 12.
    assert schedules.lower_bound_s([10, 10, 1], (10.0, 1.0, 1.0)) == pytest.approx(20 / 11)


def test_no_schedule_is_below_the_bound() -> None:
    rng = random.Random(1)
    for _ in range(30):
        sizes = [rng.randint(1, 40) for _ in range(5)]
        speeds = tuple(rng.choice((1.0, 4.0, 10.0)) for _ in range(3))
        bound, best = schedules.lower_bound_s(sizes, speeds), best_s(sizes, speeds)
        assert bound <= best + 1e-9
        for rule in (
            *(schedules.offline_s, schedules.earliest_end_s, schedules.pulled_s),
            *(schedules.least_pending_s, schedules.round_robin_s),
        ):
            assert rule(sizes, speeds) >= best - 1e-9


def test_the_rules_by_hand() -> None:
    sizes, speeds = [4, 4, 4, 4], (1.0, 4.0)
    # In turn: two on each, eight seconds on the slow one.
    assert schedules.round_robin_s(sizes, speeds) == pytest.approx(8.0)
    assert schedules.least_pending_s(sizes, speeds) == pytest.approx(8.0)
    # The fast one takes the first, the slow one the second, the fast one the others meanwhile.
    assert schedules.pulled_s(sizes, speeds) == pytest.approx(4.0)
    # Three on the fast one end at 3; the fourth ends at 4 on either.
    assert schedules.earliest_end_s(sizes, speeds) == pytest.approx(4.0)
    # The largest last is the worse order.
    assert schedules.earliest_end_s([1, 1, 10], (1.0, 1.0)) == pytest.approx(11.0)
    assert schedules.offline_s([1, 1, 10], (1.0, 1.0)) == pytest.approx(10.0)


def test_sizes_are_mixed_and_the_same_each_time() -> None:
    sizes = schedules.mixed_sizes(200, 5)
    assert sizes == schedules.mixed_sizes(200, 5)
    assert 16 <= min(sizes) < 20
    assert 480 < max(sizes) <= 512
    assert 60 <= sum(size > 128 for size in sizes) <= 100  # 2 of 5 by the logarithm


def test_ratios_are_of_the_seconds_measured() -> None:
    walls = {"alone": 20.0, "frozen": 22.0, "killed": 21.0, "fleet": 3.0}
    told = compared(walls, [750, 750], rounds=1)
    assert tuple(SPEEDS.values()) == (20.0, 80.0, 200.0, 1200.0)
    assert (told.frozen_ratio, told.killed_ratio) == (1.1, 1.05)
    # 1500 tokens at most on the two fastest: 1500 / 1400.
    assert told.lower_bound_s == pytest.approx(1500 / 1400, abs=0.01)
    assert told.makespan_ratio == pytest.approx(3.0 * 1400 / 1500, abs=0.001)


def test_a_small_run_on_real_nodes() -> None:
    told = bench(
        "allocation", *("--rounds", "1", "--requests", "4", "--request", "0.1", "--tasks", "8")
    )
    for name in ("alone", "frozen", "killed"):
        assert told[f"{name}_s"] >= 0.2, "less than two requests after another can take"
    assert told["frozen_ratio"] == pytest.approx(told["frozen_s"] / told["alone_s"], rel=0.1)
    assert told["makespan_s"] >= told["lower_bound_s"]
    assert min(told[f"{rule}_ratio"] for rule in ("least_pending", "round_robin", "pulled")) >= 1
