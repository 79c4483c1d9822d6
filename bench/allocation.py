"""Who gets the work: two contractors of which one fails, and a fleet of which some are 60 times as fast.

Real nodes with journals on a private broker. What they do is to sleep at a speed of their own (`selftest_paced`), so
that neither cores nor other programs matter. Each node has done four tasks for itself before, so it knows its speed; the home has not met it. All tasks are submitted at once; what counts is the time until the last final.

`frozen_ratio` and `killed_ratio`: equal requests over two equal contractors, of which one with its worker gets
SIGSTOP or SIGKILL after the second answer, over the time of one healthy contractor that does all of them.
`makespan_ratio`: tasks of mixed sizes on speeds 1:4:10:60, over a lower bound of the optimum; for the same tasks and
speeds by other rules, computed: `least_pending_ratio`, `round_robin_ratio`, `pulled_ratio` (whoever is idle takes the
next) and `offline_ratio` (the largest first, each where it ends first). Medians over the rounds.
"""

import asyncio
import contextlib
import os
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import orjson
import psutil
from rich.console import Console
from rich.table import Table

from bench import schedules
from bench.arguments import Arguments, count, seconds
from bench.fleet import Fleet, Member, fleet
from daemon import logs
from daemon.asking import Asking
from daemon.mesh import Mesh
from handlers.selftest import Pace

PACED = "selftest_paced"
REQUEST_TOKENS = 64
FAILS_AFTER = 2
"""Answers, before the one contractor fails."""
SPEEDS = {"slow": 20.0, "fair": 80.0, "good": 200.0, "fast": 1200.0}
"""Tokens a second, 1:4:10:60."""
PRACTICE, PRACTICE_S = 4, 0.4
DEADLINE_MS = 3_600_000
SEED = 5


@dataclass(frozen=True, slots=True)
class Allocation:
    """The object of `--json`: ratios, and the seconds that they are of."""

    frozen_ratio: float
    killed_ratio: float
    makespan_ratio: float
    least_pending_ratio: float
    round_robin_ratio: float
    pulled_ratio: float
    offline_ratio: float
    alone_s: float
    frozen_s: float
    killed_s: float
    makespan_s: float
    lower_bound_s: float
    rounds: int


def measure(requests: int, request_s: float, tasks: int, rounds: int) -> Allocation:
    """Everything, `rounds` times in turn."""
    sizes = schedules.mixed_sizes(tasks, SEED)
    walls: dict[str, list[float]] = {name: [] for name in ("alone", "frozen", "killed", "fleet")}
    for _ in range(rounds):
        walls["alone"].append(asyncio.run(failing(requests, request_s, None)))
        walls["frozen"].append(asyncio.run(failing(requests, request_s, signal.SIGSTOP)))
        walls["killed"].append(asyncio.run(failing(requests, request_s, signal.SIGKILL)))
        walls["fleet"].append(asyncio.run(makespan(sizes)))
    return compared(
        {name: statistics.median(found) for name, found in walls.items()}, sizes, rounds
    )


def compared(walls: Mapping[str, float], sizes: Sequence[int], rounds: int) -> Allocation:
    """The ratios of these seconds: of `alone`, `frozen`, `killed`, and of the `fleet` with tasks of `sizes`."""
    speeds = tuple(SPEEDS.values())
    bound = schedules.lower_bound_s(sizes, speeds)
    return Allocation(
        frozen_ratio=round(walls["frozen"] / walls["alone"], 3),
        killed_ratio=round(walls["killed"] / walls["alone"], 3),
        makespan_ratio=round(walls["fleet"] / bound, 3),
        least_pending_ratio=round(schedules.least_pending_s(sizes, speeds) / bound, 3),
        round_robin_ratio=round(schedules.round_robin_s(sizes, speeds) / bound, 3),
        pulled_ratio=round(schedules.pulled_s(sizes, speeds) / bound, 3),
        offline_ratio=round(schedules.offline_s(sizes, speeds) / bound, 3),
        alone_s=round(walls["alone"], 2),
        frozen_s=round(walls["frozen"], 2),
        killed_s=round(walls["killed"], 2),
        makespan_s=round(walls["fleet"], 2),
        lower_bound_s=round(bound, 2),
        rounds=rounds,
    )


async def failing(requests: int, request_s: float, failure: signal.Signals | None) -> float:
    """Seconds for equal requests: one contractor, or two of which one gets `failure`."""
    names = ("steady",) if failure is None else ("steady", "failing")
    async with _running(dict.fromkeys(names, REQUEST_TOKENS / request_s)) as (bus, mesh):
        began = time.monotonic()
        asked = [await _submit(mesh, REQUEST_TOKENS) for _ in range(requests)]
        waiting = [asyncio.ensure_future(_done(one)) for one in asked]
        if failure is not None:
            while sum(one.done() for one in waiting) < FAILS_AFTER:
                left = [one for one in waiting if not one.done()]
                await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            _strike(bus, "failing", failure)
        try:
            await asyncio.gather(*waiting)
            return time.monotonic() - began
        finally:
            # A stopped process would wait for ever with the request to end.
            if failure is not None:
                _strike(bus, "failing", signal.SIGKILL)


async def makespan(sizes: Sequence[int]) -> float:
    """Seconds for tasks of these sizes on the nodes of `SPEEDS`."""
    async with _running(SPEEDS) as (_, mesh):
        began = time.monotonic()
        asked = [await _submit(mesh, size) for size in sizes]
        await asyncio.gather(*(_done(one) for one in asked))
        return time.monotonic() - began


def main(argv: Sequence[str]) -> int:
    """`forgebus bench allocation`."""
    parser = Arguments(prog="forgebus bench allocation", description=__doc__)
    parser.add_argument("--rounds", type=count, default=3)
    parser.add_argument("--requests", type=count, default=24, help="where a contractor fails")
    parser.add_argument("--request", type=seconds, default=1.0, help="seconds that each takes")
    parser.add_argument("--tasks", type=count, default=200, help="on the fleet")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    if given.requests <= FAILS_AFTER:
        parser.error(f"--requests must be more than {FAILS_AFTER}: one fails after that many")
    logs.set_up("warning", "console")
    told = measure(given.requests, given.request, given.tasks, given.rounds)
    if given.json:
        print(orjson.dumps(asdict(told)).decode())
    else:
        _print(told)
    return 0


@contextlib.asynccontextmanager
async def _running(speeds: Mapping[str, float]) -> AsyncIterator[tuple[Fleet, Mesh]]:
    """A home, and a contractor of each speed that has practised."""
    with tempfile.TemporaryDirectory(prefix="forgebus-bench-") as directory:
        members = [Member("home", (), {"auction.preference": "fastest"})]
        for name, tok_s in speeds.items():
            folder = Path(directory) / name
            folder.mkdir()
            (folder / f"{PACED}.json").write_bytes(msgspec.json.encode(Pace(tok_s)))
            members.append(Member(name, (PACED,), {"work.models_dir": str(folder)}))
        async with (
            fleet(members) as bus,
            Mesh(port=bus.port, login="bench", home="home") as mesh,
        ):
            await asyncio.gather(*(_practise(bus.port, *node) for node in speeds.items()))
            yield bus, mesh


async def _practise(port: int, name: str, tok_s: float) -> None:
    """The node measures its own speed as its own home: the home of what counts has not met it yet."""
    async with Mesh(port=port, login=f"practice-{name}", home=name) as mesh:
        for _ in range(PRACTICE):
            await _done(await _submit(mesh, round(PRACTICE_S * tok_s), name))


async def _submit(mesh: Mesh, tokens: int, node: str | None = None) -> Asking:
    options = {"max_tokens": tokens, "deadline_ms": DEADLINE_MS, "node": node}
    return await mesh.submit(PACED, "x", **options)


async def _done(asking: Asking) -> None:
    final = await asking.final()
    assert final.outcome == "done", final


def _strike(bus: Fleet, node: str, failure: signal.Signals) -> None:
    """The node and its workers, as when its machine fails."""
    if bus.processes[node].returncode is not None:
        return  # its process id may be another's by now
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(bus.processes[node].pid)
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each.pid, failure)


def _print(told: Allocation) -> None:
    table = Table(title=f"who gets the work (medians of {told.rounds})")
    for column in ("", "s", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("one healthy contractor alone", f"{told.alone_s:.2f}", "1")
    table.add_row("two, one frozen", f"{told.frozen_s:.2f}", f"{told.frozen_ratio:.3f}")
    table.add_row(
        "two, one killed", f"{told.killed_s:.2f}", f"{told.killed_ratio:.3f}", end_section=True
    )
    table.add_row("four speeds: no schedule is shorter", f"{told.lower_bound_s:.2f}", "1")
    table.add_row("the auction", f"{told.makespan_s:.2f}", f"{told.makespan_ratio:.3f}")
    for rule, ratio in (
        ("offline, the largest first", told.offline_ratio),
        ("whoever is idle takes the next", told.pulled_ratio),
        ("least pending", told.least_pending_ratio),
        ("round robin", told.round_robin_ratio),
    ):
        table.add_row(rule, f"{ratio * told.lower_bound_s:.2f}", f"{ratio:.3f}")
    Console().print(table)
