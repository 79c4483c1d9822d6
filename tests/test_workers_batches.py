"""Jobs that one process computes together: each has its own stream, limit and end."""

import json
import os
import signal
from typing import Any

import pytest
from workers_bench import Bench, children, pid_of

from daemon.worker_jobs import Done

TANDEM = "selftest_tandem"
LONG: dict[str, Any] = {"ms": 60_000, "steps": 6000}


def text_of(bench: Bench, key: str) -> str:
    return "".join(text for name, _, text, _ in bench.chunks if name == key)


async def running(bench: Bench, *keys: str, capability: str = TANDEM) -> None:
    """Each of these is on its way."""
    for key in keys:
        bench.submit(key, capability, **LONG)
    await bench.until(lambda: bench.heard() >= set(keys))


async def test_what_queues_runs_together_in_one_process(bench: Bench) -> None:
    for key in "abc":
        bench.submit(key, TANDEM, ms=400, steps=40, note=key)
    dones = [await bench.ended(key) for key in "abc"]
    assert {pid_of(done) for done in dones} == {*children()}
    begun = {key: [name for name, *_ in bench.chunks].index(key) for key in "abc"}
    first_end = max(begun.values())
    ended = [number for number, (*_, fraction) in enumerate(bench.chunks) if fraction == 1.0]
    assert first_end < ended[0], "all had begun before the first was over"
    for key, done in zip("abc", dones, strict=True):
        assert text_of(bench, key) == "".join(f"{step} " for step in range(1, 41))
        sequence = [seq for name, seq, *_ in bench.chunks if name == key]
        assert sequence == list(range(len(sequence)))
        assert done.result is not None
        assert json.loads(done.result)["note"] == key


async def test_one_joins_those_that_run_and_leaves_before_them(bench: Bench) -> None:
    await running(bench, "a")
    done = await bench.run("b", TANDEM, ms=50, steps=5)
    assert done.outcome == "done"
    assert set(bench.done) == {"b"}
    assert children() == [pid_of(done)]


async def test_no_more_than_the_capability_takes(bench: Bench) -> None:
    await running(bench, "a", "b", "c", "d")
    bench.submit("e", TANDEM, ms=10)
    await bench.settled(lambda: len([key for key, *_ in bench.chunks if key == "a"]) > 10)
    assert bench.heard() == set("abcd")
    bench.workers.cancel("b")
    assert (await bench.ended("e")).outcome == "done"
    assert set(bench.done) == {"b", "e"}


async def test_no_more_than_the_node_allows() -> None:
    bench = Bench(batch=1)
    bench.submit("a", TANDEM, ms=200, steps=20)
    bench.submit("b", TANDEM, ms=200, steps=20)
    await bench.ended("b")
    names = [name for name, *_ in bench.chunks]
    assert names == sorted(names)
    await bench.stop()


async def test_free_slots_are_taken_before_anyone_is_joined() -> None:
    bench = Bench(slots=2)
    await running(bench, "a", "b")
    assert len(children()) == 2
    await running(bench, "c", "d")
    assert len(children()) == 2
    pids = {pid_of(await bench.run(key, TANDEM)) for key in ("e", "f")}
    assert pids <= {*children()}
    await bench.stop()


async def test_what_cannot_join_is_not_overtaken(bench: Bench) -> None:
    bench.submit("a", TANDEM, ms=300, steps=30)
    await bench.until(lambda: "a" in bench.heard())
    bench.submit("alone", "selftest_work", ms=10)
    bench.submit("b", TANDEM, ms=10)
    await bench.ended("b")
    assert list(bench.done) == ["a", "alone", "b"]


async def test_a_cancelled_one_leaves_and_the_others_go_on(bench: Bench) -> None:
    await running(bench, "a", "b")
    pids = children()
    bench.workers.cancel("a")
    assert (await bench.ended("a")).outcome == "cancelled"
    assert (await bench.run("a again", TANDEM, ms=10)).outcome == "done"
    assert children() == pids
    assert set(bench.done) == {"a", "a again"}


async def test_a_limit_ends_its_own_job(bench: Bench) -> None:
    await running(bench, "a")
    done = await bench.run("b", TANDEM, limit_s=0.2, **LONG)
    assert (done.outcome, done.error) == ("failed", "exceeded its limit of 0.2 s")
    assert (await bench.run("c", TANDEM)).outcome == "done"
    assert set(bench.done) == {"b", "c"}


@pytest.mark.parametrize(
    ("content", "error"),
    [({"crash": "error"}, "RuntimeError: the self-test was asked"), ({"colour": "red"}, "colour")],
)
async def test_one_that_fails_leaves_the_others(
    bench: Bench, content: dict[str, Any], error: str
) -> None:
    await running(bench, "a", "b")
    done = await bench.run("c", TANDEM, **content)
    assert done.outcome == "failed"
    assert error in done.error
    assert pid_of(await bench.run("d", TANDEM)) == children()[0]
    assert set(bench.done) == {"c", "d"}


async def test_a_process_that_ends_fails_each_of_them_once(bench: Bench) -> None:
    await running(bench, "a", "b")
    bench.submit("c", TANDEM, crash="exit")
    for key in "abc":
        done = await bench.ended(key)
        assert (done.outcome, done.error) == ("failed", "its worker ended with status 3")
    assert (await bench.run("d", TANDEM)).outcome == "done"
    assert sorted(bench.done) == ["a", "b", "c", "d"]


async def test_a_kill_from_outside_fails_each_of_them(bench: Bench) -> None:
    await running(bench, "a", "b")
    os.kill(children()[0], signal.SIGKILL)
    for key in "ab":
        assert (await bench.ended(key)).error == "its worker was killed by SIGKILL"


@pytest.mark.parametrize("limit_s", [0.3, 30.0])
async def test_a_hang_ends_the_process_and_says_to_the_others_why(
    bench: Bench, limit_s: float
) -> None:
    await running(bench, "a")
    bench.submit("b", TANDEM, limit_s=limit_s, crash="hang")
    await bench.until(lambda: "b" in bench.heard())
    if limit_s > 1:
        bench.workers.cancel("b")
        own, why = "cancelled", "was cancelled and went on"
    else:
        own = why = f"exceeded its limit of {limit_s:g} s"
    assert (await bench.ended("b")).error == own
    other = await bench.ended("a")
    assert other.error == f"its worker was ended for another task, which {why}"
    assert other.outcome == "failed"
    assert (await bench.run("c", TANDEM)).outcome == "done"


async def test_one_without_memory_fails_and_the_others_finish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daemon.workers.WATCH_EVERY_S", 3600.0)
    bench = Bench(memory_mb=100)
    bench.submit("a", TANDEM, ms=600, steps=60)
    await bench.until(lambda: "a" in bench.heard())
    done = await bench.run("b", TANDEM, crash="memory")
    assert (done.outcome, done.error) == ("failed", "ran out of the memory that a worker may have")
    bench.submit("c", TANDEM)
    first = await bench.ended("a")
    assert first.outcome == "done"
    assert pid_of(await bench.ended("c")) != pid_of(first), "nothing joins what is to end"
    await bench.stop()


async def test_a_process_grown_too_large_fails_all_of_it() -> None:
    bench = Bench(memory_mb=4)  # less than Python itself
    for key in "ab":
        bench.submit(key, TANDEM, **LONG)
    for key in "ab":
        assert (await bench.ended(key)).error == "needed more than the 4 MB of memory it may have"
    await bench.stop()


async def test_texts_are_those_of_one_at_a_time_and_their_costs_are_shared(bench: Bench) -> None:
    def ask(key: str, seed: int) -> None:
        content: dict[str, Any] = {
            "prompt": "Once upon a time",
            "seed": seed,
            "max_tokens": 40 + 5 * seed,
        }
        bench.submit(key, "text_generation", **content)

    alone: list[Done] = []
    for seed in range(3):
        ask(f"alone {seed}", seed)
        alone.append(await bench.ended(f"alone {seed}"))
    for seed in range(3):
        ask(f"together {seed}", seed)
    together = [await bench.ended(f"together {seed}") for seed in range(3)]
    assert [done.result for done in together] == [done.result for done in alone]
    for seed, done in enumerate(together):
        assert done.result is not None
        assert text_of(bench, f"together {seed}") == json.loads(done.result)["text"]
        assert done.usage.decode_tokens == alone[seed].usage.decode_tokens
        assert done.usage.others_s > 0
        model_s = done.usage.prefill_s + done.usage.decode_s + done.usage.others_s
        assert model_s * 1000 <= done.usage.run_ms
    assert all(done.usage.others_s == pytest.approx(0, abs=1e-9) for done in alone)
    assert len(children()) == 1
