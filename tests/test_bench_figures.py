"""Every benchmark runs, prints the promised keys, and its figures can be true. No word about speed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handlers.catalog import CATALOG

ROOT = Path(__file__).parent.parent


def bench(name: str, *arguments: str) -> Any:
    """The one object that `forgebus bench NAME --json` prints."""
    command = [sys.executable, "-m", "daemon.cli", "bench", name, "--json", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_auction_beside_its_floor() -> None:
    told = bench("auction", "--seconds", "0.3", "--rounds", "1")
    assert set(told) == {
        *("floor_p50_ms", "p50_ms", "p50_ratio"),
        *("floor_tasks_per_s", "tasks_per_s", "throughput_ratio"),
    }
    assert min(told.values()) > 0
    assert told["p50_ratio"] == pytest.approx(told["p50_ms"] / told["floor_p50_ms"], rel=0.01)
    ratio = told["tasks_per_s"] / told["floor_tasks_per_s"]
    assert told["throughput_ratio"] == pytest.approx(ratio, rel=0.01)


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler to count writes with")
def test_what_a_task_writes() -> None:
    told = {(row["node"], row["window"]): row for row in bench("wear", "--seconds", "0.3")["wear"]}
    assert set(told) == {
        (node, window) for node in ("alone", "home", "contractor") for window in (1, 16)
    }
    for row in told.values():
        assert row["tasks"] > 20
        assert row["kib_per_task"] > 4, "a row is a page of the log at least"
    # Nothing is acknowledged before it is on disk; a sync that many share is less than one for each.
    assert told["alone", 1]["syncs_per_task"] >= 2
    assert told["alone", 16]["syncs_per_task"] < told["alone", 1]["syncs_per_task"]


def test_an_idle_node_with_and_without_models() -> None:
    told = bench("idle", "--seconds", "1")
    assert 0 <= told["cpu_percent"] < 100
    assert 10 < told["pss_mb"] < told["rss_mb"] < 60, "more than an idle node may have"
    assert told["worker_rss_mb"] == 0, "without a task there is no worker"
    models = told["models"]
    assert set(models) == {"all", *(path.parent.name for path in shipped_models())} & SERVED
    for name, cost in {"": told, **models}.items():
        assert not cost["torch"], f"torch is loaded with {name or 'nothing'}"
    for name, cost in models.items():
        assert cost["worker_rss_mb"] > 20, name
        assert cost["worker_rss_mb"] <= models["all"]["worker_rss_mb"] + 5, name


SERVED = {"all", *(entry.model for entry in CATALOG.values() if entry.model)}


def shipped_models() -> list[Path]:
    return sorted((ROOT / "models").glob("*/SHA256SUMS"))


def test_more_nodes_are_more_bids_and_no_more_awards() -> None:
    told = bench("scale", "--seconds", "0.3", "--nodes", "1", "6")
    few, many = told["sizes"]
    assert (few["nodes"], many["nodes"]) == (1, 6)
    for row in told["sizes"]:
        assert 0 < row["p50_ms"] <= row["p95_ms"]
        assert row["tasks_per_s"] > 0
        assert row["home_cpu_ms_per_task"] > 0
        assert row["bids_per_task"] == pytest.approx(row["nodes"], rel=0.2)
    assert many["messages_per_task"] - few["messages_per_task"] == pytest.approx(5, abs=1.5)
    delivered = many["deliveries_per_task"] - few["deliveries_per_task"]
    assert delivered == pytest.approx(10, abs=2), "an offer to each, and a bid of each"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["idle", "--seconds", "long"],
        ["idle", "--seconds", "nan"],
        ["auction", "--rounds", "0"],
        ["engine", "--preset", "pi_9"],
        ["engine", "--mode", "int5"],
        ["engine", "--threads", "-1"],
    ],
)
def test_what_cannot_be_run_is_said(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "daemon.cli", "bench", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert arguments[-1] in done.stderr
    assert len(done.stderr.splitlines()) == 1
