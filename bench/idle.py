"""What a node costs while nobody asks it for anything: with no model, then with each model loaded.

Real `forgebus run` processes on a private broker, with their default settings. First one node alone
that has loaded nothing; then, side by side, one node for each model that is here, asked once for whatever it
does, and one node that was asked for all. CPU is user plus system time over the window, of the node and of
its workers apart, in percent of one core; the kernel counts it in steps of 10 ms. RSS counts pages that
processes share in each of them; PSS, beside it, deals them out.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil
from rich.console import Console
from rich.table import Table

from bench.arguments import Arguments, seconds
from bench.fleet import Fleet, Member, fleet
from bench.model_side import typical_requests
from daemon import logs
from daemon.config import shipped
from daemon.mesh import Mesh
from handlers.catalog import CATALOG

SETTLE_S = 2.0
"""Between the last thing that a node had to do and the window."""
ASK_MS = 60_000

Offers = dict[str, tuple[str, ...]]
"""By node: its capabilities."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One node over one window; `worker_*` are the sums over its worker processes."""

    cpu_percent: float
    rss_mb: float
    pss_mb: float
    worker_cpu_percent: float = 0.0
    worker_rss_mb: float = 0.0
    worker_pss_mb: float = 0.0
    torch: bool = False


async def alone(seconds: float) -> Cost:
    """A node that offers everything it can and has loaded nothing."""
    offers = tuple(_content())
    async with fleet([Member("idle", offers)]) as bus:
        return (await _watch({"idle": bus.processes["idle"].pid}, seconds))["idle"]


async def loaded(seconds: float) -> dict[str, Cost]:
    """By model that is here: a node with it alone; "all" is a node with every model."""
    offers: Offers = {}
    for name in _content():
        entry = CATALOG[name]
        if entry.missing(shipped("models")) is None:
            offers[entry.model] = (*offers.get(entry.model, ()), name)
    if not offers:
        return {}
    offers["all"] = tuple(name for names in offers.values() for name in names)
    async with fleet([Member(node, names) for node, names in offers.items()]) as bus:
        await _ask(bus, offers)
        return await _watch({node: bus.processes[node].pid for node in offers}, seconds)


def main(argv: Sequence[str]) -> int:
    """`forgebus bench idle`."""
    parser = Arguments(prog="forgebus bench idle", description=__doc__)
    parser.add_argument("--seconds", type=seconds, default=20.0, help="of each window")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    logs.set_up("warning", "console")
    bare = asyncio.run(alone(given.seconds))
    models = asyncio.run(loaded(given.seconds))
    if given.json:
        told = asdict(bare) | {
            "seconds": given.seconds,
            "models": {name: asdict(cost) for name, cost in models.items()},
        }
        print(orjson.dumps(told).decode())
        return 0
    table = Table(title=f"a node that nobody asks, over {given.seconds:g} s (MB = 2^20 bytes)")
    table.add_column("loaded", no_wrap=True)
    for column in ("CPU %", "RSS MB", "PSS MB", "worker CPU %", "RSS MB", "PSS MB", "torch"):
        table.add_column(column, justify="right")
    for name, cost in {"nothing": bare, **models}.items():
        _row(table, name, cost)
    Console().print(table)
    return 0


def _content() -> dict[str, Any]:
    """What each capability with a model is asked once, so that it is loaded and has run."""
    return {name: asked[0] for name, asked in typical_requests().items() if name in CATALOG}


async def _ask(bus: Fleet, offers: Offers) -> None:
    """Have every node load what it offers."""
    content = _content()
    async with Mesh(port=bus.port, login="bench") as mesh:
        for node, names in offers.items():
            for name in names:
                final = await mesh.delegate(node, name, content[name], deadline_ms=ASK_MS)
                assert final.outcome == "done", f"{name} on {node}: {final.outcome}: {final.error}"


async def _watch(pids: dict[str, int], seconds: float) -> dict[str, Cost]:
    """What each of these nodes takes over one window, all of them at once."""
    await asyncio.sleep(SETTLE_S)
    nodes = {name: psutil.Process(pid) for name, pid in pids.items()}
    workers = {name: node.children(recursive=True) for name, node in nodes.items()}
    before = {name: (_spent(node), _all_spent(workers[name])) for name, node in nodes.items()}
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    wall = time.perf_counter() - began
    costs: dict[str, Cost] = {}
    for name, node in nodes.items():
        own, others = before[name]
        sizes = [_size_mb(worker) for worker in workers[name]]
        rss, pss = _size_mb(node)
        costs[name] = Cost(
            cpu_percent=_percent(_spent(node) - own, wall),
            rss_mb=rss,
            pss_mb=pss,
            worker_cpu_percent=_percent(_all_spent(workers[name]) - others, wall),
            worker_rss_mb=round(sum((size[0] for size in sizes), 0.0), 1),
            worker_pss_mb=round(sum((size[1] for size in sizes), 0.0), 1),
            torch=any(_has_torch(one) for one in (node, *workers[name])),
        )
    return costs


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _all_spent(processes: Sequence[psutil.Process]) -> float:
    return sum(_spent(process) for process in processes)


def _percent(spent_s: float, wall_s: float) -> float:
    return round(100.0 * spent_s / wall_s, 3)


def _size_mb(process: psutil.Process) -> tuple[float, float]:
    """RSS and PSS."""
    size = process.memory_full_info()
    return round(size.rss / 2**20, 1), round(size.pss / 2**20, 1)


def _has_torch(process: psutil.Process) -> bool:
    """Whether a library of torch is mapped into it."""
    return "libtorch" in Path(f"/proc/{process.pid}/maps").read_text(errors="replace")


def _row(table: Table, name: str, cost: Cost) -> None:
    own = (f"{cost.cpu_percent:.2f}", f"{cost.rss_mb:.1f}", f"{cost.pss_mb:.1f}")
    sizes = (f"{cost.worker_rss_mb:.1f}", f"{cost.worker_pss_mb:.1f}")
    workers = (f"{cost.worker_cpu_percent:.2f}", *sizes) if cost.worker_rss_mb else ("", "", "")
    table.add_row(name, *own, *workers, "imported" if cost.torch else "no")
