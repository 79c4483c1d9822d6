"""What a task writes to disk: syncs and bytes of the journals, at its home and at its contractor.

Real `forgebus run` processes on a private broker, no-op tasks of 200 bytes. First one node that is home and
contractor, then a home whose tasks another node runs; one task after the other, then 16 at a time, which share
their syncs. Counted by a library that is loaded before libc, so a C compiler is needed.
"""

import asyncio
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from bench.arguments import Arguments, seconds
from bench.fleet import ECHO, Member, fleet
from bench.load import WARM_UP, drive
from daemon import logs
from daemon.mesh import Mesh

SOURCE = Path(__file__).with_name("count_writes.c")
CONTENT = "x" * 198
WINDOWS = (1, 16)


@dataclass(frozen=True, slots=True)
class Wear:
    """Of one node, for each task; `window` tasks were outstanding."""

    node: str
    window: int
    tasks: int
    syncs_per_task: float
    kib_per_task: float


async def measure(members: Sequence[Member], seconds: float, counts: Path) -> list[Wear]:
    """What the first member, the home, and the others write while it is given tasks."""
    found = []
    async with (
        fleet(members) as bus,
        Mesh(port=bus.port, login="bench", home=members[0].id) as mesh,
    ):
        pids = {node: process.pid for node, process in bus.processes.items()}
        for window in WINDOWS:
            before = {node: _read(counts / str(pid)) for node, pid in pids.items()}
            figures = await drive(partial(_task, mesh), window, seconds)
            await asyncio.sleep(1.0)  # what follows the last answers: verdicts, acknowledgements
            tasks = figures.tasks + WARM_UP
            for node, pid in pids.items():
                syncs, size = (
                    now - then
                    for now, then in zip(_read(counts / str(pid)), before[node], strict=True)
                )
                each = round(syncs / tasks, 2), round(size / 1024 / tasks, 1)
                found.append(Wear(node, window, tasks, *each))
    return found


def main(argv: Sequence[str]) -> int:
    """`forgebus bench wear`."""
    parser = Arguments(prog="forgebus bench wear", description=__doc__)
    parser.add_argument("--seconds", type=seconds, default=5.0, help="of each load")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    logs.set_up("warning", "console")
    compiler = shutil.which("cc")
    if compiler is None:
        parser.exit(1, "no C compiler to count writes with: apt-get install gcc libc6-dev\n")
    found = _counted(compiler, given.seconds)
    if given.json:
        print(orjson.dumps({"wear": [asdict(each) for each in found]}).decode())
    else:
        _print(found)
    return 0


def _counted(compiler: str, seconds: float) -> list[Wear]:
    with tempfile.TemporaryDirectory(prefix="forgebus-bench-") as folder:
        library = Path(folder) / "count_writes.so"
        words = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(words, check=True)
        counting = {"LD_PRELOAD": str(library), "COUNT_WRITES": folder}
        os.environ.update(counting)  # the nodes of a fleet inherit it
        try:
            alone = measure([Member("alone", (ECHO,))], seconds, Path(folder))
            apart = measure([Member("home"), Member("contractor", (ECHO,))], seconds, Path(folder))
            return [*asyncio.run(alone), *asyncio.run(apart)]
        finally:
            for name in counting:
                del os.environ[name]


async def _task(mesh: Mesh) -> None:
    final = await (await mesh.submit(ECHO, CONTENT)).final()
    assert final.outcome == "done", final


def _read(path: Path) -> tuple[int, int]:
    syncs, size = struct.unpack("=QQ", path.read_bytes())
    return syncs, size


def _print(found: Sequence[Wear]) -> None:
    table = Table("node", "at a time", "tasks", "syncs a task", "KiB a task")
    for each in found:
        numbers = each.window, each.tasks, each.syncs_per_task, each.kib_per_task
        table.add_row(each.node, *map(str, numbers))
    Console().print(table)
