"""Memory of a node's workers: a model in each of two, all models in each, all in one, one in each.

Real worker processes that have served the typical requests of bench/typical_requests.json. "Alone" is
without a folder for the cache, so that each packs its weights for itself; "shared" is as a node serves:
where the fused step is built, packed weights are mapped from one file. RSS counts pages that processes
have together in each of them, PSS deals them out; both are sums over the workers.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from bench.arguments import Arguments
from bench.model_side import typical_requests
from daemon import logs, show
from daemon.config import WorkConfig, shipped
from daemon.worker_jobs import Done, Job
from daemon.workers import Workers
from handlers.catalog import CATALOG

NO_FOLDER = "/proc/self"
"""Where nobody can make a file."""
LIMIT_S = 60.0
MEMORY_MB = 2048


@dataclass(frozen=True, slots=True)
class Row:
    """One arrangement: sums over its workers, MiB."""

    workers: str
    alone_rss_mb: float
    alone_pss_mb: float
    shared_rss_mb: float
    shared_pss_mb: float


Arrangement = list[list[str]]
"""The capabilities of each worker."""


def arrangements() -> dict[str, Arrangement]:
    """What can be compared with the models that are here."""
    models = shipped("models")
    served = [
        name
        for name in typical_requests()
        if name in CATALOG and CATALOG[name].model and CATALOG[name].missing(models) is None
    ]
    two = {f"two, {CATALOG[name].model} in each": [[name]] * 2 for name in served}
    return two | {
        "two, all models in each": [served] * 2,
        "one, with all models": [served],
        "one for each model": [[name] for name in served],
    }


def measure(arranged: dict[str, Arrangement]) -> Iterator[Row]:
    """Each of these without and with sharing."""
    every = sorted({name for each in arranged.values() for names in each for name in names})
    with tempfile.TemporaryDirectory() as place:
        with _cache(place):
            asyncio.run(_sizes([every]))  # it writes the files, and its memory is not measured
        for told, wanted in arranged.items():
            with _cache(NO_FOLDER):
                alone = asyncio.run(_sizes(wanted))
            with _cache(place):
                shared = asyncio.run(_sizes(wanted))
            yield Row(told, *alone, *shared)


def main(argv: Sequence[str]) -> int:
    """`forgebus bench sharing`."""
    parser = Arguments(prog="forgebus bench sharing", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    logs.set_up("warning", "console")
    rows = list(measure(arrangements()))
    if given.json:
        print(json.dumps({"workers": [asdict(row) for row in rows]}))
        return 0
    names = ("RSS alone", "PSS alone", "RSS shared", "PSS shared")
    table = show.table("workers", *names, right=names)
    for row in rows:
        show.row(table, row.workers, *(f"{size:.1f}" for size in list(asdict(row).values())[1:]))
    show.console().print(table)
    return 0


async def _sizes(wanted: list[list[str]]) -> tuple[float, float]:
    """RSS and PSS of workers that have these capabilities loaded, a list for each, and have served."""
    config = WorkConfig(batch=1, memory_limit_mb=MEMORY_MB)
    each = [_Served(config) for _ in wanted]
    running = [asyncio.create_task(one.workers.run()) for one in each]
    try:
        for one, capabilities in zip(each, wanted, strict=True):
            for name in capabilities:
                for number, content in enumerate(typical_requests()[name]):
                    await one.ask(f"{name} {number}", name, json.dumps(content).encode())
        found = [resident for one in each for resident in one.workers.resident()]
        assert len(found) == len(wanted), "a worker was ended"
        rss, pss = (
            sum(sizes) for sizes in zip(*((at.rss_mb, at.pss_mb) for at in found), strict=True)
        )
        return round(rss, 1), round(pss, 1)
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


class _Served:
    """One worker, asked one thing after another."""

    def __init__(self, config: WorkConfig) -> None:
        self.workers = Workers(
            config, on_chunk=lambda *_: None, on_done=self._done, on_warm=lambda _: None
        )
        self._ended: asyncio.Queue[Done] = asyncio.Queue()

    async def ask(self, key: str, capability: str, content: bytes) -> None:
        self.workers.submit(Job(key, capability, content, 64, LIMIT_S))
        done = await self._ended.get()
        assert done.outcome == "done", f"{capability}: {done.error}"

    def _done(self, _key: str, done: Done) -> None:
        self._ended.put_nowait(done)


@contextmanager
def _cache(folder: str) -> Iterator[None]:
    """Let the workers keep their cache there."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = folder
    try:
        yield
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        if before is not None:
            os.environ["XDG_CACHE_HOME"] = before
