"""What each model costs on one core: start, memory, and the time of a typical request.

Every model of the models folder, or those named, each in a fresh process on one core and one thread. A
model that a capability serves is asked through its handler, any other through the engine, with the
requests of bench/typical_requests.json. Start is from the process's start to its first answer, Python
and its libraries included and their files in the page cache. RSS is that of the process after it has
served. p50 and p95 are of single requests, in milliseconds. Prefill and decode are the engine's alone:
a prompt of 128 tokens, then 64 steps. Three processes are measured and the quietest counts, because a
machine that has other work too says how often it was interrupted. The sha256 is the graph's.

--write puts the figures into each model's CARD.md and seals the folder anew.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bench.arguments import Arguments, count
from bench.model_side import CLASSIFIER, OTHER, REQUESTS, typical_requests
from daemon import show
from daemon.config import shipped
from engine.checkpoint import seal, sha256_of
from engine.errors import BadModel, EngineError, NotWritten
from engine.fused.build import best, here
from engine.model_folder import ModelFolder, find_model, installed
from handlers.catalog import CATALOG

ROOT = Path(__file__).resolve().parent.parent
STARTS = 3
ROUNDS = 20
BEGIN, END = "<!-- printed by `forgebus bench models` -->", "<!-- until here -->"
BEFORE = "## Limits"


@dataclass(frozen=True, slots=True)
class Row:
    """One model, as one capability serves it.

    Attributes:
        capability: "" where none serves it; then the engine was asked.
        sha256: of the graph, its first 12 digits.
        disk_mb: all files of the folder (MB of 10**6 bytes).
        start_ms: process start to first answer.
        rss_mb: MiB.
        requests: how many were timed.
        where: what computed, and on which instruction set.
    """

    model: str
    capability: str
    sha256: str
    disk_mb: float
    start_ms: float
    rss_mb: float
    p50_ms: float
    p95_ms: float
    requests: int
    prefill_tok_s: int
    decode_tok_s: int
    where: str


def measure(folder: Path, capability: str, *, turns: int = ROUNDS, starts: int = STARTS) -> Row:
    """One model through one capability, or through the engine for "".

    Raises:
        EngineError: it cannot be used, or nothing typical is known to ask it.
    """
    opened = ModelFolder.open(folder)
    kind = capability or (CLASSIFIER if opened.use.labels else OTHER)
    if kind not in typical_requests():
        raise BadModel(f"{REQUESTS.name} has no request for {kind}", "add some that are typical")
    runs = [_run(folder, capability, turns) for _ in range(starts)]
    start_ms = min(run.start_ms for run in runs)
    quietest = min(runs, key=lambda run: statistics.median(run.ms))
    times = sorted(quietest.ms)
    fused = opened.mode == "int8" and best() is not None
    return Row(
        model=folder.name,
        capability=capability,
        sha256=sha256_of(opened.graph)[:12],
        disk_mb=round(sum(file.stat().st_size for file in folder.iterdir()) / 1e6, 1),
        start_ms=round(start_ms),
        rss_mb=round(quietest.rss_mb, 1),
        p50_ms=round(statistics.median(times), 2),
        p95_ms=round(times[int(0.95 * len(times))], 2),
        requests=len(times),
        prefill_tok_s=max(run.prefill_tok_s for run in runs),
        decode_tok_s=max(run.decode_tok_s for run in runs),
        where=f"fused step, {here()[0].name}" if fused else "onnxruntime",
    )


def write(row: Row, folder: Path) -> None:
    """Put the figures of `row` into the card of `folder` in place of those before, and seal it.

    Raises:
        NotWritten: there is no card, or none with a place for them.
    """
    card = folder / "CARD.md"
    text = card.read_text("utf-8") if card.is_file() else ""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if begin and end:
        card.write_text(head + _block(row) + tail, "utf-8")
    elif BEFORE in text and not begin:
        head, _, tail = text.partition(BEFORE)
        card.write_text(f"{head}## On one core\n\n{_block(row)}\n\n{BEFORE}{tail}", "utf-8")
    else:
        raise NotWritten(f"{card} has no place for figures", f"give it a section {BEFORE!r}")
    seal(folder)


def main(argv: Sequence[str]) -> int:
    """`forgebus bench models`."""
    parser = Arguments(prog="forgebus bench models", description=__doc__)
    parser.add_argument("names", nargs="*", help="of models here, or folders; without, all here")
    parser.add_argument("--rounds", type=count, default=ROUNDS, help="of the typical requests")
    parser.add_argument("--write", action="store_true", help="put the figures into the cards")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    models = shipped("models")
    rows, faults = [], []
    for name in given.names or installed(models):
        try:
            folder = find_model(name, models)
            served = [entry.capability for entry in CATALOG.values() if entry.model == folder.name]
            for capability in served or [""]:
                rows.append(measure(folder, capability, turns=given.rounds))
                if given.write and capability in (served or [""])[:1]:
                    write(rows[-1], folder)
        except EngineError as fault:
            faults.append(f"{name}: {fault}")
    if given.json:
        print(json.dumps({"cores": 1, "models": [asdict(row) for row in rows], "faults": faults}))
    else:
        _show(rows)
    for told in faults:
        print(f"forgebus bench models: {told}", file=sys.stderr)
    return 1 if faults else 0


@dataclass(frozen=True, slots=True)
class _Run:
    """What one process took: to its first answer, and for each request after that."""

    start_ms: float
    ms: list[float]
    rss_mb: float
    prefill_tok_s: int
    decode_tok_s: int


def _run(folder: Path, capability: str, turns: int) -> _Run:
    with _Side(folder, capability) as side:
        side.ask("rounds 1")
        told, speed = side.ask(f"rounds {turns}"), side.ask("speed")
        return _Run(side.start_ms, **told, **speed)


class _Side:
    """A process of `bench.model_side` on one core, from its first answer on."""

    def __init__(self, folder: Path, capability: str) -> None:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
        command = [sys.executable, "-m", "bench.model_side", str(folder.parent), folder.name]
        self._name = folder.name
        ours = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(ours)})  # a child has its parent's
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [*command, capability],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | threads,
        )
        os.sched_setaffinity(0, ours)
        self._line()
        self.start_ms = 1000 * (time.perf_counter() - started)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, what: str) -> Any:
        """Its answer to one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise BadModel(f"{self._name} serves nothing", "what its process said stands above")
        return json.loads(line)


def _block(row: Row) -> str:
    served = f"`{row.capability}`" if row.capability else "the engine"
    figures = {
        "graph, sha256": f"`{row.sha256}`",
        "files": f"{row.disk_mb} MB",
        "start to first answer": f"{row.start_ms:.0f} ms",
        "RSS after serving": f"{row.rss_mb:.0f} MB",
        f"a request to {served}, p50": f"{row.p50_ms:.2f} ms",
        "p95": f"{row.p95_ms:.2f} ms",
        "prefill": f"{row.prefill_tok_s:,} tokens/s",
        "decode": f"{row.decode_tok_s:,} tokens/s",
        "computed by": row.where,
    }
    lines = [f"| {name} | {value} |" for name, value in figures.items()]
    return "\n".join([BEGIN, "| one core, one thread | |", "|---|---|", *lines, END])


def _show(rows: Sequence[Row]) -> None:
    names = ("disk MB", "start ms", "RSS MB", "p50 ms", "p95 ms", "prefill/s", "decode/s")
    table = show.table("model", "asked through", *names, "sha256", right=names)
    for row in rows:
        sizes = (f"{row.disk_mb:.1f}", f"{row.start_ms:.0f}", f"{row.rss_mb:.1f}")
        times = (f"{row.p50_ms:.2f}", f"{row.p95_ms:.2f}")
        speeds = (f"{row.prefill_tok_s:,}", f"{row.decode_tok_s:,}")
        asked = row.capability or "the engine"
        show.row(table, row.model, asked, *sizes, *times, *speeds, row.sha256)
    show.console().print(table)
