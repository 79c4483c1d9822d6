"""Workers with real processes: what a handler does right, and each way in which it can go wrong."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from workers_bench import Bench, children, pid_of

from daemon.worker_jobs import Job, Usage

ROOT = Path(__file__).resolve().parent.parent


async def test_there_is_no_process_before_the_first_job(bench: Bench) -> None:
    await asyncio.sleep(0.1)
    assert children() == []
    done = await bench.run("a", "selftest_echo", text="hello")
    assert done.result == b'{"text": "hello"}'
    assert (done.outcome, done.error) == ("done", "")
    assert len(children()) == 1


async def test_a_process_is_used_again_and_holds_several_capabilities(bench: Bench) -> None:
    first = await bench.run("a")
    await bench.run("b", "selftest_echo")
    second = await bench.run("c")
    assert pid_of(first) == pid_of(second) == children()[0]
    assert bench.workers.warm() == {"selftest_work", "selftest_echo"}
    assert first.usage.load_ms > 0
    assert second.usage.load_ms == 0, "a warm run teaches nothing of loading"


async def test_chunks_are_streamed_together_and_in_order(bench: Bench) -> None:
    done = await bench.run("a", ms=400, steps=40)
    assert done.outcome == "done"
    assert "".join(text for _, _, text, _ in bench.chunks) == "".join(
        f"{step} " for step in range(1, 41)
    )
    assert [seq for _, seq, _, _ in bench.chunks] == list(range(len(bench.chunks)))
    assert len(bench.chunks) < 40
    fractions = [fraction for *_, fraction in bench.chunks if fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert done.usage.run_ms >= 400


async def test_the_first_chunk_does_not_wait_for_the_end(bench: Bench) -> None:
    bench.submit("a", ms=60_000, steps=1000)
    await bench.until(lambda: bool(bench.chunks))
    assert bench.done == {}


async def test_a_running_job_is_cancelled_and_its_process_stays(bench: Bench) -> None:
    bench.submit("a", ms=60_000, steps=1000)
    await bench.until(lambda: bool(bench.chunks))
    pid = children()
    bench.workers.cancel("a")
    assert (await bench.ended("a")).outcome == "cancelled"
    bench.workers.cancel("a")
    bench.workers.cancel("never heard of")
    assert (await bench.run("b")).outcome == "done"
    assert children() == pid


async def test_what_is_warm_is_told_when_it_changes(bench: Bench) -> None:
    bench.workers.preload(["selftest_echo"])
    await bench.settled(lambda: bool(bench.warmed))
    assert bench.warmed == [frozenset({"selftest_echo"})]
    await bench.run("a", "selftest_echo")
    assert len(bench.warmed) == 1
    await bench.run("b", "selftest_work", crash="exit")
    await bench.settled(lambda: bench.workers.warm() == frozenset())
    assert bench.warmed[-1] == frozenset()


async def test_a_queued_job_is_cancelled_without_having_begun(bench: Bench) -> None:
    bench.submit("a", ms=60_000, steps=1000)
    bench.submit("b", ms=10, steps=1)
    bench.submit("c", ms=10, steps=1)
    await bench.until(lambda: bench.heard() == {"a"})
    bench.workers.cancel("b")
    assert bench.done == {}, "no callback from inside cancel"
    done = await bench.ended("b")
    assert (done.outcome, done.usage) == ("cancelled", Usage())
    assert set(bench.done) == {"b"}
    bench.workers.cancel("a")
    assert (await bench.ended("c")).outcome == "done"
    assert bench.heard() == {"a", "c"}


async def test_the_same_key_is_taken_once(bench: Bench) -> None:
    bench.submit("a", ms=100)
    bench.submit("a", ms=100)
    await bench.ended("a")
    await bench.run("b")  # the one process would have had `a` again before this
    assert list(bench.done) == ["a", "b"]


async def test_a_handler_that_ignores_cancellation_is_killed(bench: Bench) -> None:
    bench.submit("a", crash="hang")
    await bench.until(lambda: bool(bench.chunks))
    bench.workers.cancel("a")
    assert (await bench.ended("a")).outcome == "cancelled"
    assert (await bench.run("b")).outcome == "done"


async def test_an_exit_is_one_failure(bench: Bench) -> None:
    done = await bench.run("a", crash="exit")
    assert (done.outcome, done.error) == ("failed", "its worker ended with status 3")
    assert bench.workers.warm() == frozenset()
    assert (await bench.run("b")).outcome == "done"


async def test_a_kill_from_outside_is_one_failure(bench: Bench) -> None:
    bench.submit("a", ms=60_000, steps=1000)
    bench.submit("b")
    await bench.until(lambda: bool(bench.chunks))
    os.kill(children()[0], signal.SIGKILL)
    assert (await bench.ended("a")).error == "its worker was killed by SIGKILL"
    assert (await bench.ended("b")).outcome == "done"


async def test_a_segmentation_fault_leaves_its_last_words(bench: Bench) -> None:
    bench.submit("a", ms=60_000, steps=1000)
    await bench.until(lambda: bool(bench.chunks))
    os.kill(children()[0], signal.SIGSEGV)
    done = await bench.ended("a")
    assert "was killed by SIGSEGV" in done.error
    assert "Fatal Python error: Segmentation fault" in done.error
    assert len(done.error) <= 500


async def test_terminating_signals_are_for_the_node(bench: Bench) -> None:
    bench.submit("a", ms=300, steps=30)
    await bench.until(lambda: bool(bench.chunks))
    os.kill(children()[0], signal.SIGTERM)
    os.kill(children()[0], signal.SIGINT)
    assert (await bench.ended("a")).outcome == "done"


async def test_a_hang_ends_at_its_limit(bench: Bench) -> None:
    done = await bench.run("a", limit_s=1.0, crash="hang")
    assert (done.outcome, done.error) == ("failed", "exceeded its limit of 1 s")
    assert (await bench.run("b")).outcome == "done"


async def test_a_slow_handler_that_listens_keeps_its_process(bench: Bench) -> None:
    first = await bench.run("a")
    done = await bench.run("b", limit_s=0.2, ms=60_000, steps=1000)
    assert (done.outcome, done.error) == ("failed", "exceeded its limit of 0.2 s")
    assert pid_of(await bench.run("c")) == pid_of(first)


async def test_an_exception_is_a_failure_with_its_message(bench: Bench) -> None:
    first = await bench.run("a")
    done = await bench.run("b", crash="error")
    assert (done.outcome, done.code) == ("failed", "failed")
    assert done.error == "RuntimeError: the self-test was asked to raise"
    assert pid_of(await bench.run("c")) == pid_of(first)


async def test_bad_input_says_that_no_other_attempt_will_help(bench: Bench) -> None:
    done = await bench.run("a", colour="red")
    assert (done.outcome, done.code) == ("failed", "bad_input")
    assert "colour" in done.error


async def test_an_unknown_capability_fails_and_is_not_warm(bench: Bench) -> None:
    done = await bench.run("a", "juggling")
    assert (done.outcome, done.code) == ("failed", "unavailable")
    assert "no capability 'juggling'" in done.error
    assert bench.workers.warm() == frozenset()


async def test_a_result_that_is_no_json_does_not_reach_the_bus(bench: Bench) -> None:
    bench.workers.submit(Job("a", "selftest_echo", b"{not json", 1, 30.0))
    done = await bench.ended("a")
    assert done.outcome == "failed"
    assert "not-json" in done.error


async def test_a_result_too_large_for_the_bus_is_a_failure(bench: Bench) -> None:
    bench.workers.submit(Job("a", "selftest_echo", b'"' + b"x" * 260_000 + b'"', 1, 30.0))
    assert "too-large" in (await bench.ended("a")).error


async def test_a_burst_of_memory_is_one_failure_and_its_process_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daemon.workers.WATCH_EVERY_S", 3600.0)
    bench = Bench(memory_mb=100)
    first = await bench.run("a")
    done = await bench.run("b", crash="memory")
    assert (done.outcome, done.error) == ("failed", "ran out of the memory that a worker may have")
    assert pid_of(await bench.run("c")) != pid_of(first)
    await bench.stop()


async def test_a_process_that_has_grown_too_large_is_killed() -> None:
    bench = Bench(memory_mb=4)  # less than Python itself
    done = await bench.run("a", ms=60_000, steps=1000)
    assert done.outcome == "failed"
    assert done.error == "needed more than the 4 MB of memory it may have"
    await bench.stop()


async def test_a_worker_goes_first_when_the_machine_runs_out_of_memory(bench: Bench) -> None:
    own = Path(f"/proc/{pid_of(await bench.run('a'))}/oom_score_adj")
    assert await asyncio.to_thread(own.read_text) == "1000\n"


async def test_stopping_at_any_moment_leaves_nothing() -> None:
    for number in range(12):
        bench = Bench(slots=2)
        bench.submit("a", ms=60_000, steps=1000)
        bench.submit("b", crash="hang")
        await asyncio.sleep(number * 0.015)
        await bench.stop()
        assert children() == []


async def test_slots_run_side_by_side_and_the_rest_waits() -> None:
    bench = Bench(slots=2)
    for key in "abc":
        bench.submit(key, ms=60_000, steps=1000)
    await bench.until(lambda: bench.heard() == {"a", "b"})
    assert len(children()) == 2
    bench.workers.cancel("b")
    await bench.until(lambda: "c" in bench.heard())
    await bench.stop()
    assert children() == []
    assert set(bench.done) == {"b"}


async def test_a_job_goes_where_its_capability_is_loaded() -> None:
    bench = Bench(slots=2)
    bench.submit("echo", "selftest_echo")  # has the first process, which any job would take
    bench.submit("work", ms=300)
    await bench.ended("work")
    await bench.ended("echo")
    pids = {pid_of(await bench.run(f"again {number}")) for number in range(4)}
    assert pids == {pid_of(bench.done["work"])}
    await bench.stop()


async def test_an_idle_process_is_ended_and_a_kept_one_is_not() -> None:
    bench = Bench(slots=2, idle_s=0.0)
    await bench.run("a")
    await bench.settled(lambda: children() == [] and not bench.workers.warm())
    bench.workers.preload(["selftest_echo"])
    await bench.settled(lambda: bench.workers.warm() == {"selftest_echo"})
    await asyncio.sleep(1.2)
    assert len(children()) == 1
    assert set(bench.done) == {"a"}, "a preload is no job of anybody's"
    await bench.stop()


async def test_many_small_jobs_all_end(bench: Bench) -> None:
    for number in range(500):
        bench.submit(str(number), "selftest_echo", number=number)
    await bench.until(lambda: len(bench.done) == 500)
    assert all(
        bench.done[str(number)].result == f'{{"number": {number}}}'.encode()
        for number in range(500)
    )


async def test_what_handlers_print_does_not_disturb_the_protocol(tmp_path: Path) -> None:
    noisy = tmp_path / "sitecustomize.py"
    noisy.write_text("print('x' * 100_000)\n")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(tmp_path)
    try:
        bench = Bench()
        assert (await bench.run("a")).outcome == "done"
        assert (await bench.run("b", crash="exit")).outcome == "failed"
        await bench.stop()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


NODE = """
    import asyncio
    from daemon.config import WorkConfig
    from daemon.worker_jobs import Job
    from daemon.workers import Workers

    async def main():
        workers = Workers(
            WorkConfig(slots=2, memory_limit_mb=300),
            on_chunk=lambda *_: print("chunk", flush=True),
            on_done=lambda *_: None, on_warm=lambda _: None,
        )
        running = asyncio.create_task(workers.run())
        workers.submit(Job("a", "selftest_work", b'{"ms": 60000, "steps": 1000}', 1, 60.0))
        workers.submit(Job("b", "selftest_work", b'{"crash": "hang"}', 1, 60.0))
        await running

    asyncio.run(main())
"""


def test_kill_9_of_the_node_leaves_no_process(tmp_path: Path) -> None:
    script = tmp_path / "node.py"
    script.write_text(textwrap.dedent(NODE))
    node = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    with node:
        assert node.stdout is not None
        for _ in range(5):
            assert node.stdout.readline() == "chunk\n"
        left = psutil.Process(node.pid).children(recursive=True)
        assert len(left) == 2
        node.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(left, timeout=20)
    assert alive == []
