"""The fault matrix: each fault on a real broker, real processes and real disks, and what was promised held against it.

    PYTHONPATH=tests python -m faults_matrix [CELL ...] [--tasks N] [--seed N] [--times N] [--json]

Exit code 1 when a promise was broken or a fault never struck. A cell that cannot run here is skipped with its
reason. See docs/faults.md.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
from faults_cells import CELLS
from faults_ground import CELLS as GROUND
from faults_requester import HOME, read_book
from faults_scene import ROOT, Cell, Scene
from faults_verdict import judge

TASKS = 150
LIMIT_S = 150.0
ALL = {cell.name: cell for cell in (*CELLS, *GROUND)}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one cell."""

    cell: str
    seconds: float
    ends: dict[str, int] = {}
    saw: dict[str, int] = {}
    broken: list[str] = []
    skipped: str = ""
    logs: str = ""

    @property
    def passed(self) -> bool:
        """Nothing was broken; a skipped cell says nothing."""
        return not self.broken and not self.skipped


def run(name: str, tasks: int = TASKS, seed: int = 0, limit_s: float = LIMIT_S) -> Outcome:
    """One cell in a process and namespaces of its own."""
    cell = ALL[name]
    if reason := cell.lacks():
        return Outcome(cell=name, seconds=0.0, skipped=reason)
    command = [sys.executable, "-m", "faults_matrix", name, "--here", "--json"]
    command += ["--tasks", str(tasks), "--seed", str(seed), "--limit", str(limit_s)]
    if cell.namespaces:
        command = ["unshare", *cell.namespaces, *command]
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    try:
        out, faults = process.communicate()
    finally:
        process.terminate()  # and not killed: it has processes of its own to end
        process.wait()
    lines = out.splitlines()
    if process.returncode not in (0, 1) or not lines or not lines[-1].startswith("["):
        broken = [f"the cell itself fell: {faults[-3000:]}"]
        return Outcome(cell=name, seconds=time.monotonic() - began, broken=broken)
    return msgspec.json.decode(lines[-1], type=list[Outcome])[0]


def play(cell: Cell, tasks: int, seed: int, limit_s: float) -> Outcome:
    """One cell in this process."""
    began = time.monotonic()
    with ExitStack() as undo:
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="forgebus-faults-"))
        scene = Scene(Path(folder), cell.stage, tasks, seed, limit_s)
        undo.callback(scene.undo.close)
        if cell.prepare is not None:
            cell.prepare(scene)
        try:
            scene.start()
            cell.storm(scene)
            scene.finish()
        finally:
            scene.end()
        verdict = judge(scene.plan, scene.nodes[HOME].state, all_done=cell.all_done)
        book = read_book(Path(scene.plan.book))
        scene.saw["busy"] = sum(line.retry_after_ms > 0 for line in book)
        never = [f"never seen: {name}" for name in cell.seen if not scene.saw[name]]
        broken = [*verdict.broken, *never]
        return Outcome(
            cell=cell.name,
            seconds=round(time.monotonic() - began, 1),
            ends=verdict.ends,
            saw={name: count for name, count in scene.saw.items() if count},
            broken=broken,
            logs=scene.logs() if broken else "",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; 0 when every cell that could run has passed."""
    parser = argparse.ArgumentParser(prog="faults_matrix", description="faults on real processes")
    parser.add_argument("cells", nargs="*", help=f"of {', '.join(ALL)}; all when none is named")
    parser.add_argument("--tasks", type=int, default=TASKS, help="a cell (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument("--times", type=int, default=1, help="how often each cell is run")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds a cell may last")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.cells if name not in ALL]:
        parser.error(f"no cell {', '.join(unknown)}; there are {', '.join(ALL)}")
    # Ended in order, so that no process of a cell is left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    outcomes = []
    for seed in range(chosen.seed, chosen.seed + chosen.times):
        for name in chosen.cells or ALL:
            if chosen.here:
                outcome = play(ALL[name], chosen.tasks, seed, chosen.limit)
            else:
                outcome = run(name, chosen.tasks, seed, chosen.limit)
            outcomes.append(outcome)
            if not chosen.json:
                _say(_row(outcome))
    if chosen.json:
        _say(msgspec.json.encode(outcomes).decode())
    else:
        _say(_summary(outcomes))
    return 1 if any(outcome.broken for outcome in outcomes) else 0


def _row(outcome: Outcome) -> str:
    if outcome.skipped:
        return f"{outcome.cell:<20} skipped: {outcome.skipped}"
    word = "kept  " if outcome.passed else "BROKEN"
    ends, saw = (_counts(counts.items()) for counts in (outcome.ends, outcome.saw))
    row = f"{outcome.cell:<20} {word} {outcome.seconds:6.1f} s  {ends:<34} {saw}"
    return "\n".join([row, *(f"    {fault}" for fault in outcome.broken), outcome.logs]).rstrip()


def _counts(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts))


def _summary(outcomes: Sequence[Outcome]) -> str:
    kept = sum(outcome.passed for outcome in outcomes)
    broken = sum(bool(outcome.broken) for outcome in outcomes)
    skipped = sum(bool(outcome.skipped) for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    return f"{kept} kept, {broken} broken, {skipped} skipped in {seconds:.0f} s"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
