"""What workers have loaded: kept, given back when asked, and least used first where memory ends."""

from __future__ import annotations

import asyncio
from typing import Any

import psutil
import pytest
from workers_bench import Bench, children

from daemon.worker_jobs import Resident
from daemon.worker_room import BARE_MB
from handlers.catalog import CATALOG

ROUTER, TEXT = "intent_classification", "text_generation"
ASKED: dict[str, dict[str, Any]] = {
    ROUTER: {"text": "turn off the light"},
    TEXT: {"prompt": "Once", "max_tokens": 4},
}


async def used(bench: Bench, key: str, capability: str) -> None:
    done = await bench.run(key, capability, 30.0, **ASKED[capability])
    assert (done.outcome, done.error) == ("done", "")


async def test_what_is_resident_is_told(bench: Bench) -> None:
    assert bench.workers.resident() == []
    bench.workers.preload([ROUTER])
    assert bench.workers.loading() == {ROUTER}
    await bench.settled(lambda: bench.workers.warm() == {ROUTER})
    assert bench.workers.loading() == frozenset()
    (one,) = bench.workers.resident()
    assert one == Resident(children()[0], frozenset({ROUTER}), 0, one.rss_mb, one.pss_mb)
    assert 20 < one.pss_mb <= one.rss_mb < 200
    bench.submit("long", ms=60_000, steps=6000)
    await bench.until(lambda: bool(bench.chunks))
    assert [each.jobs for each in bench.workers.resident()] == [1]


async def test_a_model_that_is_evicted_goes_and_the_others_stay(bench: Bench) -> None:
    await used(bench, "a", ROUTER)
    await used(bench, "b", TEXT)
    process = psutil.Process(children()[0])
    both = process.memory_info().rss
    bench.workers.evict([TEXT])
    assert bench.workers.warm() == {ROUTER}
    assert bench.warmed[-1] == {ROUTER}
    await bench.settled(lambda: process.memory_info().rss < both - 2_000_000)
    await used(bench, "c", ROUTER)
    await used(bench, "d", TEXT)
    assert bench.done["c"].usage.load_ms == 0
    assert bench.done["d"].usage.load_ms > 0
    assert children() == [process.pid]


async def test_the_last_one_takes_its_process_along(bench: Bench) -> None:
    bench.workers.preload([ROUTER])
    await bench.settled(lambda: bench.workers.warm() == {ROUTER})
    bench.workers.evict([ROUTER, TEXT])
    await bench.settled(lambda: children() == [])
    assert bench.warmed[-1] == frozenset()


async def test_what_is_in_use_is_evicted_once_it_is_done(bench: Bench) -> None:
    bench.submit("long", ms=60_000, steps=6000)
    await bench.until(lambda: bool(bench.chunks))
    bench.workers.evict(["selftest_work"])
    bench.workers.evict(["selftest_work"])
    await asyncio.sleep(0.2)
    assert len(children()) == 1
    bench.workers.cancel("long")
    assert (await bench.ended("long")).outcome == "cancelled"
    await bench.settled(lambda: children() == [])
    assert bench.workers.warm() == frozenset()
    assert (await bench.run("b")).outcome == "done"


async def test_what_cannot_be_loaded_says_why(bench: Bench) -> None:
    bench.workers.preload(["juggling"])
    await bench.settled(lambda: not bench.workers.loading())
    assert "no capability 'juggling'" in bench.workers.faults()["juggling"]


async def test_what_was_kept_and_evicted_is_kept_no_longer() -> None:
    bench = Bench(idle_s=0.0)
    bench.workers.preload([ROUTER])
    await bench.settled(lambda: bench.workers.warm() == {ROUTER})
    await asyncio.sleep(1.2)
    assert bench.workers.warm() == {ROUTER}
    bench.workers.evict([ROUTER])
    await used(bench, "a", ROUTER)
    await bench.settled(lambda: children() == [])
    await bench.stop()


@pytest.mark.parametrize(
    ("over", "kept", "left"),
    [
        (-0.1, "selftest_echo", {ROUTER, "selftest_echo", TEXT}),
        (0.2, "selftest_echo", {"selftest_echo", TEXT}),
        (0.2, ROUTER, {ROUTER, TEXT}),
        (0.8, ROUTER, {TEXT}),
    ],
)
async def test_room_is_made_for_a_model(over: float, kept: str, left: set[str]) -> None:
    """`over`: by what part of what is loaded the limit would be exceeded."""
    bench = Bench()
    bench.workers.preload([kept])
    await used(bench, "a", ROUTER)
    await bench.run("b", "selftest_echo")
    (before,) = bench.workers.resident()
    needed = before.rss_mb + CATALOG[TEXT].memory_mb - BARE_MB
    bench.workers._memory_limit_mb = round(needed - over * (before.rss_mb - BARE_MB))
    await used(bench, "c", TEXT)
    assert bench.workers.warm() == left
    assert children() == [before.pid]
    await bench.stop()
