"""What an auction costs: a no-op task from submit to final, beside the floor on the same broker.

Home and contractors are real nodes with journals, the task runs in a real worker process. Floor and
auction are measured in turns, and the figures printed are medians over the rounds, so that a machine
that grows slower meets both alike.
"""

import asyncio
import statistics
from collections.abc import Sequence

import orjson
from rich.console import Console
from rich.table import Table

from bench import floor
from bench.arguments import Arguments, count, seconds
from bench.fleet import ECHO, Member, fleet
from bench.load import Figures, drive
from daemon import logs
from daemon.mesh import Mesh

CONTENT = {"text": "x" * 150}

COLUMNS = ("p50_ms", "p95_ms", "p99_ms", "tasks_per_s")

Measured = dict[int, tuple[list[Figures], list[Figures]]]
"""By window: every round of the floor, every round of the auction."""


async def measure(
    contractors: int, windows: Sequence[int], seconds: float, rounds: int
) -> Measured:
    """Figures of floor and auction for each window, over `rounds` alternating rounds."""
    members = [
        Member("home"),
        *(Member(f"contractor-{n}", (ECHO,)) for n in range(contractors)),
    ]
    found: Measured = {window: ([], []) for window in windows}
    async with (
        fleet(members) as bus,
        floor.running(bus.port, contractors) as below,
        Mesh(port=bus.port, login="bench", home="home") as mesh,
    ):

        async def task() -> None:
            asking = await mesh.submit(ECHO, CONTENT)
            final = await asking.final()
            assert final.outcome == "done", final

        for _ in range(rounds):
            for window in windows:
                found[window][0].append(await below.measure(window, seconds))
                found[window][1].append(await drive(task, window, seconds))
    return found


def compared(found: Measured) -> dict[int, dict[str, float]]:
    """Medians of both sides and their ratios, by window."""
    return {
        window: _side("floor_", floors) | _side("", auctions) | _ratios(floors, auctions)
        for window, (floors, auctions) in found.items()
    }


def main(argv: Sequence[str]) -> int:
    """`forgebus bench auction`."""
    parser = Arguments(prog="forgebus bench auction", description=__doc__)
    parser.add_argument("--contractors", type=count, nargs="+", default=[1, 4])
    parser.add_argument("--seconds", type=seconds, default=3.0, help="of each measurement")
    parser.add_argument("--rounds", type=count, default=3)
    parser.add_argument(
        "--json", action="store_true", help="one object: 1 contractor, windows 1 and 32"
    )
    given = parser.parse_args(argv)
    logs.set_up("warning", "console")
    if given.json:
        found = compared(asyncio.run(measure(1, (1, 32), given.seconds, given.rounds)))
        latency, rate = found[1], found[32]
        print(
            orjson.dumps(
                {name: latency[name] for name in ("floor_p50_ms", "p50_ms", "p50_ratio")}
                | {
                    name: rate[name]
                    for name in ("floor_tasks_per_s", "tasks_per_s", "throughput_ratio")
                }
            ).decode()
        )
        return 0
    table = Table(title="a no-op task from submit to final, journals on (medians of the rounds)")
    for column in ("contractors", "window", "", "p50 ms", "p95 ms", "p99 ms", "tasks/s"):
        table.add_column(column, justify="right")
    for contractors in given.contractors:
        found = compared(asyncio.run(measure(contractors, (1, 32), given.seconds, given.rounds)))
        for window, row in found.items():
            _rows(table, contractors, window, row)
    Console().print(table)
    return 0


def _side(prefix: str, figures: list[Figures]) -> dict[str, float]:
    return {prefix + name: _median(figures, name) for name in COLUMNS}


def _ratios(floors: list[Figures], auctions: list[Figures]) -> dict[str, float]:
    """Medians of the ratios of neighbouring measurements, not ratios of medians."""
    pairs = list(zip(floors, auctions, strict=True))
    return {
        "p50_ratio": round(statistics.median(b.p50_ms / a.p50_ms for a, b in pairs), 3),
        "throughput_ratio": round(
            statistics.median(b.tasks_per_s / a.tasks_per_s for a, b in pairs), 3
        ),
    }


def _median(figures: list[Figures], name: str) -> float:
    values: list[float] = [getattr(figure, name) for figure in figures]
    return round(statistics.median(values), 3)


def _rows(table: Table, contractors: int, window: int, row: dict[str, float]) -> None:
    ratios = (f"{row['p50_ratio']:.2f} x", "", "", f"{row['throughput_ratio']:.2f} x")
    start = (str(contractors), str(window))
    table.add_row(*start, "floor", *(f"{row['floor_' + name]:.2f}" for name in COLUMNS))
    table.add_row(*start, "auction", *(f"{row[name]:.2f}" for name in COLUMNS))
    table.add_row(*start, "ratio", *ratios, end_section=True)
