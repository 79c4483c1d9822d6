"""Whether memory and file handles stay flat while a bus works: tasks at a steady rate, and the processes watched.

A private broker and two real nodes, a home and a worker, that have no-op tasks at `--rate` a second, on the bus
(`fastest`) and to disk. The rate is kept from outside: a task is submitted when its time has come, whether
or not the ones before are done. Every `--every` seconds RSS and open file handles are read of the broker, of
both nodes, and of the processes of theirs (`worker/1`). Through what comes after the warm-up a line is fitted
by least squares: its slope in an hour, and the standard error of that.

The warm-up is the first fifth, at least a minute where there is one: pools, caches and the tables of what was
seen last fill in it.

Each minute a line on stderr says how far it is; Ctrl-C ends it with the figures so far.
"""

import asyncio
import math
import signal
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import orjson
import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from bench.arguments import Arguments, seconds
from bench.fleet import ECHO, Fleet, Member, fleet
from daemon import logs
from daemon.asking import MeshError
from daemon.mesh import Mesh

MOST_OUTSTANDING = 1000
"""Beyond it a task that is due is not submitted: the bus does not keep up, and the figures say so."""
HOUR_S = 3600.0
TOLD_EVERY_S = 60.0
FEWEST = 3
"""Points of a line with an error."""


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure of one process: where it began and ended, and the fitted slope in an hour with its error."""

    first: float
    last: float
    most: float
    slope_per_h: float
    error_per_h: float


@dataclass(frozen=True, slots=True)
class Watched:
    """One process over the window after the warm-up; `rss_mb` in 2^20 bytes."""

    rss_mb: Trend
    handles: Trend


@dataclass(frozen=True, slots=True)
class Soak:
    """What was done, and what became of the processes. `late` were due and could not be submitted."""

    minutes: float
    rate: float
    tasks_per_s: float
    done: int
    not_done: int
    late: int
    samples: int
    processes: dict[str, Watched]


Sample = dict[str, tuple[float, float, float]]
"""By process: seconds since the beginning, MB, file handles."""


async def soak(minutes: float, rate: float, every_s: float) -> Soak:
    """Run it. The worker keeps one process of its own, which is watched too."""
    settings = {"auction.preference": "fastest", "work.worker_idle_s": "86400"}
    members = [Member("home", (), settings), Member("worker", (ECHO,), settings)]
    async with fleet(members) as bus, Mesh(port=bus.port, login="bench", home="home") as mesh:
        await (await mesh.submit(ECHO, "first")).final()
        watched = _processes(bus)
        load = _Load(mesh, rate)
        samples: list[Sample] = []
        began, loop = time.monotonic(), asyncio.get_running_loop()
        tell_at = TOLD_EVERY_S
        async with asyncio.TaskGroup() as tasks:
            driving = tasks.create_task(load.drive(began, minutes * 60))
            loop.add_signal_handler(signal.SIGINT, driving.cancel)
            while not driving.done():
                at = time.monotonic() - began
                samples.append(_sample(watched, at))
                if at >= tell_at:
                    tell_at += TOLD_EVERY_S
                    _tell(at, load, samples[-1])
                await asyncio.wait((driving,), timeout=every_s)
        loop.remove_signal_handler(signal.SIGINT)
        wall = time.monotonic() - began
    return Soak(
        minutes=round(wall / 60, 2),
        rate=rate,
        tasks_per_s=round(load.done / wall, 1),
        done=load.done,
        not_done=load.failed,
        late=load.late,
        samples=len(samples),
        processes=_trends(samples, warm_s=max(wall / 5, min(60.0, wall / 2))),
    )


def trend(times: Sequence[float], values: Sequence[float]) -> Trend:
    """The line through these points, by ordinary least squares; three points or more."""
    fitted = statistics.linear_regression(times, values)
    off = [v - fitted.intercept - fitted.slope * t for t, v in zip(times, values, strict=True)]
    spread = statistics.pvariance(times) * len(times)
    error = math.sqrt(math.fsum(one * one for one in off) / (len(times) - 2) / spread)
    return Trend(
        first=round(values[0], 2),
        last=round(values[-1], 2),
        most=round(max(values), 2),
        slope_per_h=round(fitted.slope * HOUR_S, 3),
        error_per_h=round(error * HOUR_S, 3),
    )


def main(argv: Sequence[str]) -> int:
    """`forgebus bench soak`; 1 when a task was not done."""
    parser = Arguments(prog="forgebus bench soak", description=__doc__)
    parser.add_argument("--minutes", type=seconds, default=1.0, help="how long")
    parser.add_argument("--rate", type=seconds, default=50.0, help="tasks a second")
    parser.add_argument("--every", type=seconds, default=2.0, help="seconds between two samples")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    if given.minutes * 60 < 6 * given.every:
        parser.error("too short for a line through the samples; take more --minutes")
    logs.set_up("warning", "console")
    told = asyncio.run(soak(given.minutes, given.rate, given.every))
    if given.json:
        print(orjson.dumps(asdict(told)).decode())
    else:
        _print(told)
    return 1 if told.not_done else 0


class _Load:
    """Tasks at a rate, each waited for by itself."""

    def __init__(self, mesh: Mesh, rate: float) -> None:
        self.done = self.failed = self.late = 0
        self._mesh = mesh
        self._rate = rate
        self._open = 0

    async def drive(self, began: float, length_s: float) -> None:
        """Until the time is over and everything submitted has ended."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(length_s * self._rate)):
                await asyncio.sleep(began + number / self._rate - time.monotonic())
                if self._open >= MOST_OUTSTANDING:
                    self.late += 1
                else:
                    self._open += 1
                    tasks.create_task(self._one())

    async def _one(self) -> None:
        try:
            final = await (await self._mesh.submit(ECHO, "x")).final()
        except MeshError:
            self.failed += 1
        else:
            self.done += final.outcome == "done"
            self.failed += final.outcome != "done"
        finally:
            self._open -= 1


def _processes(bus: Fleet) -> dict[str, psutil.Process]:
    found = {"broker": psutil.Process(bus.broker_pid)}
    for node, process in bus.processes.items():
        found[node] = psutil.Process(process.pid)
        for number, child in enumerate(found[node].children(recursive=True)):
            found[f"{node}/{number + 1}"] = child
    return found


def _sample(watched: Mapping[str, psutil.Process], at: float) -> Sample:
    return {
        name: (at, process.memory_info().rss / 2**20, process.num_fds())
        for name, process in watched.items()
    }


def _tell(at: float, load: _Load, sample: Sample) -> None:
    """How far it is, in one line."""
    sizes = ", ".join(f"{name} {size:.1f}" for name, (_, size, _) in sample.items())
    counts = f"{load.done} done, {load.failed} not, {load.late} late"
    print(f"{at / 60:.0f} min: {counts}; RSS in MB: {sizes}", file=sys.stderr, flush=True)


def _trends(samples: Sequence[Sample], warm_s: float) -> dict[str, Watched]:
    """None where it was ended before there was enough for a line."""
    found = {}
    for name in samples[0]:
        points = [sample[name] for sample in samples if sample[name][0] >= warm_s]
        if len(points) < FEWEST:
            return {}
        times, sizes, handles = zip(*points, strict=True)
        found[name] = Watched(trend(times, sizes), trend(times, handles))
    return found


def _print(told: Soak) -> None:
    title = (
        f"{told.tasks_per_s:g} tasks/s over {told.minutes:g} min: {told.done} done,"
        f" {told.not_done} not, {told.late} late (MB = 2^20 bytes)"
    )
    table = Table(title=title, box=box.SIMPLE)
    table.add_column("process", no_wrap=True)
    for column in ("RSS MB", "last", "most", "MB/h", "handles", "most", "per h"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, watched in told.processes.items():
        size, handles = watched.rss_mb, watched.handles
        table.add_row(
            *(name, f"{size.first:.1f}", f"{size.last:.1f}", f"{size.most:.1f}", _slope(size)),
            *(f"{handles.first:.0f}", f"{handles.most:.0f}", _slope(handles)),
        )
    Console().print(table)


def _slope(told: Trend) -> str:
    return f"{told.slope_per_h:+.1f}±{told.error_per_h:.1f}"
