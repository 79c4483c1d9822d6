"""Six faults of the matrix on real processes, and a verdict that sees each broken promise."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from faults_matrix import ALL, run
from faults_requester import Line, Plan
from faults_verdict import judge

from daemon.journal import Journal

QUICK = (
    "requester-killed",
    "broker-killed-tls",
    "packet-loss",
    "disk-full",
    "clock-jump",
    "hostile-login",
)
TASKS = 30


@pytest.mark.parametrize("name", QUICK)
def test_a_cell_keeps_what_was_promised(name: str) -> None:
    outcome = run(name, TASKS)
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert not outcome.broken, "\n".join((*outcome.broken, outcome.logs))
    assert sum(outcome.ends.values()) == TASKS


# --- the verdict ---------------------------------------------------------------------------------

DONE = tuple(Line(1, "final", id_, "done", node="worker-a") for id_ in ("t0", "t1"))


@pytest.mark.parametrize(
    ("book", "effects", "fault"),
    [
        (DONE[:1], "t0", "P1: 1 tasks have no end at the app: t1"),
        ((*DONE, DONE[0]), "t0 t1", "P2: t0 was told"),
        ((*DONE, Line(2, "final", "t0", "failed")), "t0 t1", "P2: t0 was told"),
        (DONE, "t0 t0 t1", "P3: the effect of t0 began 2 times"),
        ((Line(1, "final", "t0", "failed"), DONE[1]), "t0 t1", "P3: t0 failed"),
        (DONE, "t1", "P1: t0 is told as done by worker-a and took no effect"),
        ((DONE[0], Line(1, "final", "t1", "failed")), "t0", "P1: t1 may be repeated and ended"),
        ((*DONE, Line(1, "rejected", "t1", "denied")), "t0 t1", "P7: t1 was rejected denied"),
        (DONE, "t0 t1", "P1: t0 was accepted and is not on the home's disk"),
    ],
)
def test_a_broken_promise_is_seen(
    book: tuple[Line, ...], effects: str, fault: str, tmp_path: Path
) -> None:
    """On a home's disk that has no task."""
    Journal.open(tmp_path).close()
    (tmp_path / "book").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in book))
    (tmp_path / "mark").write_text("\n".join(effects.split()) + "\n")
    broken = judge(_plan(tmp_path), tmp_path, all_done=False).broken
    assert any(words.startswith(fault) for words in broken), broken


def test_a_once_task_may_end_unknown_but_where_nothing_excuses_it(tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    line = msgspec.json.encode(Line(1, "final", "t0", "unknown")) + b"\n"
    (tmp_path / "book").write_bytes(line)
    (tmp_path / "mark").write_text("t0\n")
    fault = "t0 ended unknown"
    assert fault not in judge(_plan(tmp_path), tmp_path, all_done=False).broken
    assert fault in judge(_plan(tmp_path), tmp_path, all_done=True).broken


def test_every_cell_but_the_calm_one_says_what_must_strike() -> None:
    assert [name for name, cell in ALL.items() if not cell.seen] == ["none"]


def _plan(folder: Path) -> Plan:
    book, mark = str(folder / "book"), str(folder / "mark")
    return Plan(port=1, config="", book=book, mark=mark, tasks=2, ms=1, window=1)
