"""How the price of an auction grows with the nodes that hear of it: 1 to 64 on one broker.

One real home with its journal, and simulated nodes (`bench.crowd`) that each bid for every task. All
simulated nodes share one process and so one processor: with 64 of them, most of the latency is that
process making 64 bids one after the other, which 64 machines would make at once.

Of `ROUNDS` measurements the least disturbed counts: other work on the machine can only make them slower.

A message is counted when it is published: offer, bids, award and the rest of the task's way, and the
events for whoever watches. An offer is delivered to every node; every other message to one.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

import orjson
import psutil
from rich.console import Console
from rich.table import Table

from bench.arguments import Arguments, count, seconds
from bench.crowd import crowd
from bench.fleet import ECHO, Member, announced, fleet
from bench.load import WARM_UP, drive
from bus_topics import topics
from daemon import logs
from daemon.bus import Bus, Incoming
from daemon.config import BrokerConfig
from daemon.mesh import Mesh

SIZES = (1, 4, 16, 64)
WINDOW = 32
COUNTED = 50
"""Tasks, one after another, of which every message is counted."""
ROUNDS = 3
SETTLE_S = 0.3
"""Verdicts, acknowledgements and events follow a task's end in groups."""
LINK_S = 10.0
CONTENT = {"text": "x" * 150}


@dataclass(frozen=True, slots=True)
class Row:
    """One number of nodes. Latencies with one task outstanding, the rate with `WINDOW`."""

    nodes: int
    p50_ms: float
    p95_ms: float
    tasks_per_s: float
    messages_per_task: float
    deliveries_per_task: float
    bids_per_task: float
    home_cpu_ms_per_task: float


async def measure(nodes: int, seconds: float) -> Row:
    """One home, so many simulated nodes, a broker of their own."""
    async with (
        fleet([Member("home")]) as bus,
        crowd(bus.port, nodes),
        Mesh(port=bus.port, login="bench", home="home") as mesh,
    ):
        await announced(mesh, {f"simulated-{number}" for number in range(nodes)})

        async def task() -> None:
            asking = await mesh.submit(ECHO, CONTENT)
            final = await asking.final()
            assert final.outcome == "done", final

        home = psutil.Process(bus.processes["home"].pid)
        singles = [await drive(task, 1, seconds / ROUNDS) for _ in range(ROUNDS)]
        before = home.cpu_times()
        many = [await drive(task, WINDOW, seconds / ROUNDS) for _ in range(ROUNDS)]
        after = home.cpu_times()
        spent_s = after.user + after.system - before.user - before.system
        async with Ear(bus.port) as ear:
            for _ in range(COUNTED):
                await task()
            await asyncio.sleep(SETTLE_S)
        offers = ear.heard["offer"]
        messages = ear.heard.total()
        single = min(singles, key=lambda figures: figures.p50_ms)
        tasks = sum(figures.tasks + WARM_UP for figures in many)
        return Row(
            nodes=nodes,
            p50_ms=single.p50_ms,
            p95_ms=single.p95_ms,
            tasks_per_s=max(figures.tasks_per_s for figures in many),
            messages_per_task=round(messages / COUNTED, 2),
            deliveries_per_task=round(
                (messages - ear.heard["event"] + offers * (nodes - 1)) / COUNTED, 2
            ),
            bids_per_task=round(ear.heard["bid"] / COUNTED, 2),
            home_cpu_ms_per_task=round(1000 * spent_s / tasks, 2),
        )


class Ear:
    """A client that hears every message of a task and counts them by kind."""

    def __init__(self, port: int) -> None:
        broker = BrokerConfig(port=port)
        self.heard: Counter[str] = Counter()
        self._base = broker.base
        self._up = asyncio.Event()
        self._bus = Bus(
            broker,
            login="ear",
            client_id="ear",
            session_expiry_s=0,
            subscriptions=[(f"{self._base}/{part}/#", 0) for part in ("offer", "in", "event")],
            on_message=self._received,
            on_link=lambda up: self._up.set() if up else None,
        )

    async def __aenter__(self) -> Self:
        """Connect."""
        self._task = asyncio.create_task(self._bus.run())
        await asyncio.wait_for(self._up.wait(), LINK_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _received(self, incoming: Incoming) -> None:
        self.heard[topics.parse(self._base, incoming.topic).topic.name] += 1


def main(argv: Sequence[str]) -> int:
    """`forgebus bench scale`."""
    parser = Arguments(prog="forgebus bench scale", description=__doc__)
    parser.add_argument("--nodes", type=count, nargs="+", default=list(SIZES))
    parser.add_argument("--seconds", type=seconds, default=3.0, help="of each measurement")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    logs.set_up("warning", "console")
    rows = [asyncio.run(measure(nodes, given.seconds)) for nodes in given.nodes]
    if given.json:
        print(orjson.dumps({"window": WINDOW, "sizes": [asdict(row) for row in rows]}).decode())
        return 0
    table = Table(
        title="one home, simulated nodes that all bid; x is against the first row",
        caption=f"latency with 1 task outstanding, tasks/s and home's CPU with {WINDOW};"
        " messages and CPU are per task",
    )
    for column in (
        *("nodes", "p50 ms", "x", "p95 ms", "tasks/s", "x"),
        *("msgs sent", "msgs read", "home CPU ms"),
    ):
        table.add_column(column, justify="right")
    for row in rows:
        _show(table, row, rows[0])
    Console().print(table)
    return 0


def _show(table: Table, row: Row, first: Row) -> None:
    table.add_row(
        str(row.nodes),
        f"{row.p50_ms:.2f}",
        f"{row.p50_ms / first.p50_ms:.2f}",
        f"{row.p95_ms:.2f}",
        f"{row.tasks_per_s:.0f}",
        f"{row.tasks_per_s / first.tasks_per_s:.2f}",
        f"{row.messages_per_task:.1f}",
        f"{row.deliveries_per_task:.1f}",
        f"{row.home_cpu_ms_per_task:.1f}",
    )
