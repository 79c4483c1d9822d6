"""The soak: its line is the right one, and a short run watches every process."""

from __future__ import annotations

import pytest
from test_bench_figures import bench

from bench.soak import trend


def test_the_line_is_the_least_squares_line() -> None:
    straight = trend([0.0, 1800.0, 3600.0, 5400.0], [10.0, 11.0, 12.0, 13.0])
    assert (straight.first, straight.last, straight.most) == (10.0, 13.0, 13.0)
    assert straight.slope_per_h == pytest.approx(2.0)
    assert straight.error_per_h == pytest.approx(0.0)
    # By hand: slope 0.6 an hour, residuals 0.4, -0.2, -0.8, 0.6; sum of squares 1.2 over 2 over 5.
    uneven = trend([0.0, 3600.0, 7200.0, 10_800.0], [2.0, 2.0, 2.0, 4.0])
    assert uneven.slope_per_h == pytest.approx(0.6)
    assert uneven.error_per_h == pytest.approx((1.2 / 2 / 5) ** 0.5, abs=1e-3)


def test_a_short_soak_watches_every_process() -> None:
    told = bench("soak", "--minutes", "0.1", "--rate", "20", "--every", "0.5")
    assert (told["done"], told["not_done"], told["late"]) == (120, 0, 0)
    assert set(told["processes"]) == {"broker", "home", "worker", "worker/1"}
    for watched in told["processes"].values():
        assert watched["rss_mb"]["most"] > 1
        assert watched["handles"]["most"] >= 3
