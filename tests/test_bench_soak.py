"""The soak: its line is the right one, and a short run watches every process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_bench_figures import bench

from bench.soak import trend

ROOT = Path(__file__).resolve().parent.parent


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


def test_it_says_how_far_it_is_and_what_was_seen_until_it_is_ended() -> None:
    """Ctrl-C of a terminal, which all processes of it are told."""
    script = "import sys, bench.soak as it; it.TOLD_EVERY_S = 1.0; sys.exit(it.main(sys.argv[1:]))"
    running = subprocess.Popen(
        [
            sys.executable,
            "-c",
            script,
            "--minutes",
            "0.5",
            "--rate",
            "20",
            "--every",
            "0.2",
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=ROOT,
    )
    with running:
        assert running.stderr is not None
        lines = [running.stderr.readline() for _ in range(2)]
        os.killpg(running.pid, signal.SIGINT)
        out, more = running.communicate(timeout=60)
    assert (running.returncode, more) == (0, "")
    for line in lines:
        assert re.fullmatch(
            r"0 min: \d+ done, 0 not, 0 late; RSS in MB: broker [\d.]+, home .*worker/1 [\d.]+\n",
            line,
        )
    told = json.loads(out)
    assert told["done"] >= 20
    assert set(told["processes"]) == {"broker", "home", "worker", "worker/1"}
