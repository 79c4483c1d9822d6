"""A model's folder is replaced under running workers: no job fails, and what is damaged is not taken."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from workers_bench import MODELS, Bench, children

from daemon.model_files import ModelFiles
from daemon.worker_jobs import Done, Worker
from engine.checkpoint import seal

ROUTER, TEXT = "intent_classification", "text_generation"
SENTENCE = "turn off the kitchen light"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a router of our own, which is never sure; looked at every tenth of a second."""
    monkeypatch.setattr("daemon.workers.WATCH_EVERY_S", 0.1)
    monkeypatch.setattr("daemon.workers.RENEW_EVERY_S", 0.1)
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(MODELS / "tokenizer.json", folder)
    version(folder / "router", threshold=1.0)
    return folder


def version(folder: Path, threshold: float) -> Path:
    """A router that abstains below this probability."""
    shutil.copytree(MODELS / "router", folder)
    told = {"temperature": 1.5, "threshold": threshold}
    (folder / "calibration.json").write_text(json.dumps(told))
    seal(folder)
    return folder


def install(made: Path, models: Path) -> None:
    """In the place of the router there: two renames, as `forgebus models install` does it."""
    (models / "router").rename(models / ".former")
    made.rename(models / "router")
    shutil.rmtree(models / ".former")


def is_new(done: Done) -> bool:
    """Which version answered: the one that is always sure is the new one."""
    assert done.result is not None, done.error
    return not json.loads(done.result)["abstained"]


async def answers(bench: Bench, *, new: bool) -> None:
    """Until that version answers."""
    async with asyncio.timeout(30):
        number = 0
        while is_new(await bench.run(f"until {new} {number}", ROUTER, text=SENTENCE)) is not new:
            number += 1


async def test_under_load_no_job_fails_and_the_new_one_answers(models: Path) -> None:
    bench = Bench(slots=2, models=models)
    count = 0
    bench.workers.preload([ROUTER])
    await bench.settled(lambda: bool(bench.workers.warm()))
    new = [version(models / f".new-{n}", threshold=n % 2) for n in (0, 1, 2)]
    for made in new:
        wanted = made.name != ".new-1"
        install(made, models)
        while not (bench.done and count and is_new(bench.done[f"{count - 1}"]) is wanted):
            bench.submit(f"{count}", ROUTER, text=SENTENCE)
            bench.submit(f"work {count}", ms=20, steps=2)
            await bench.ended(f"{count}")
            await bench.ended(f"work {count}")
            count += 1
            assert count < 3000, "the new version was never taken"
    assert {done.outcome for done in bench.done.values()} == {"done"}
    first = next(n for n, names in enumerate(bench.warmed) if ROUTER in names)
    assert all(ROUTER in names for names in bench.warmed[first:]), "it was cold for a moment"
    await bench.settled(lambda: len(children()) <= 2)
    await bench.stop()


async def test_what_runs_ends_on_the_old_one(models: Path) -> None:
    bench = Bench(models=models)
    await bench.run("a", ROUTER, text=SENTENCE)
    (old,) = children()
    bench.submit("long", ms=60_000, steps=6000)
    await bench.until(lambda: bool(bench.chunks))
    install(version(models / ".new", threshold=0.0), models)
    await answers(bench, new=True)
    assert len(children()) == 2
    assert old in children()
    assert "long" not in bench.done
    bench.workers.cancel("long")
    assert (await bench.ended("long")).outcome == "cancelled"
    await bench.settled(lambda: old not in children())
    assert len(children()) == 1
    await bench.stop()


@pytest.mark.parametrize("how", ["damaged", "incomplete", "empty"])
async def test_a_replacement_that_cannot_be_used_is_not_taken(
    models: Path, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(slots=2, models=models)
    await bench.run("a", ROUTER, text=SENTENCE)
    (old,) = children()
    made = version(models / ".new", threshold=0.0)
    if how == "damaged":
        with (made / "model.int8.onnx").open("r+b") as graph:
            graph.seek(1000)
            graph.write(b"x" * 8)
    else:
        for file in list(made.iterdir()):
            if how == "empty" or file.suffix == ".onnx":
                file.unlink()
    install(made, models)
    if how != "empty":
        await bench.settled(lambda: ROUTER in bench.workers.faults())
        assert (
            "sha256" in bench.workers.faults()[ROUTER] or "onnx" in bench.workers.faults()[ROUTER]
        )
    bench.workers._idle_s = 0.0
    busy = [bench.run(f"busy {n}", ROUTER, text=SENTENCE) for n in range(4)]
    assert not any(is_new(done) for done in await asyncio.gather(*busy))
    await asyncio.sleep(0.5)
    assert children() == [old], "the old one is the only one, and idle for longer than it may be"
    install(version(models / ".again", threshold=0.0), models)
    await answers(bench, new=True)
    assert bench.workers.faults() == {}
    assert {done.outcome for done in bench.done.values()} == {"done"}
    await bench.stop()
    assert "not renewed" in capfd.readouterr().out or how == "empty"


async def test_a_second_process_does_not_load_what_may_be_damaged(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.workers.TRIES", 1)
    bench = Bench(slots=2, models=models)
    await bench.run("a", ROUTER, text=SENTENCE)
    (models / "router/calibration.json").write_text("{}")  # not sealed: nobody has been told
    bench.submit("long", ms=60_000, steps=6000)  # has the process that has the router
    await bench.until(lambda: bool(bench.chunks))
    bench.submit("b", ROUTER, text=SENTENCE)
    await bench.settled(lambda: bench.workers._files.is_refused(ROUTER))
    await asyncio.sleep(0.5)
    assert "b" not in bench.done, "it waits for the one that can"
    bench.workers.cancel("long")
    assert not is_new(await bench.ended("b"))
    await bench.stop()


async def test_a_folder_that_comes_back_at_once_is_loaded_then(models: Path) -> None:
    bench = Bench(models=models)
    await bench.run("warm up")
    (models / "router").rename(models / ".former")
    bench.submit("a", ROUTER, text=SENTENCE)
    await asyncio.sleep(0.1)
    assert "a" not in bench.done
    (models / ".former").rename(models / "router")
    assert (await bench.ended("a")).outcome == "done"
    (models / "router").rename(models / ".gone")
    bench.workers.evict([ROUTER])
    assert (await bench.run("b", ROUTER, text=SENTENCE)).code == "unavailable"
    await bench.stop()


def test_what_is_still_being_written_is_no_new_version(models: Path) -> None:
    files = ModelFiles(models)
    old = files.version(ROUTER)
    assert not files.replaced(ROUTER, old)
    assert not files.at_rest(ROUTER), "seen for the first time"
    assert files.at_rest(ROUTER)
    install(version(models / ".new", threshold=0.0), models)
    assert not files.at_rest(ROUTER)
    assert files.at_rest(ROUTER)
    assert files.replaced(ROUTER, old)
    assert not files.replaced(ROUTER, files.version(ROUTER))
    files.refuse(ROUTER)
    assert not files.replaced(ROUTER, old)
    assert not files.can_be_had(ROUTER)
    (models / "router/CARD.md").write_text("mended")
    assert files.replaced(ROUTER, old)
    assert files.can_be_had("selftest_echo")
    assert not files.is_changing("selftest_echo", ())


def test_what_gets_ready_for_anothers_place_is_no_slot_yet() -> None:
    old, fresh = Worker(), Worker()
    assert fresh.counts()
    fresh.instead_of = old
    assert not fresh.counts()
    old.retired = True
    assert not old.counts()


async def test_a_damaged_model_does_not_keep_another_from_being_renewed(models: Path) -> None:
    shutil.copytree(MODELS / "text", models / "text")
    bench = Bench(models=models)
    await bench.run("a", ROUTER, text=SENTENCE)
    await bench.run("b", TEXT, prompt="Once", max_tokens=4)
    (old,) = children()
    (models / "text/CARD.md").write_text("another")
    seal(models / "text")
    (models / "text/model.int8.onnx").write_bytes(b"x" * 1000)
    install(version(models / ".new", threshold=0.0), models)
    await answers(bench, new=True)
    assert bench.workers.warm() == {ROUTER, TEXT}
    assert (await bench.run("c", TEXT, prompt="Once", max_tokens=4)).outcome == "done"
    assert {each.pid: set(each.capabilities) for each in bench.workers.resident()}[old] == {TEXT}
    shutil.rmtree(models / "text")
    shutil.copytree(MODELS / "text", models / "text")
    (models / "text/CARD.md").write_text("mended")
    seal(models / "text")
    await bench.settled(lambda: old not in children())
    assert (await bench.run("d", TEXT, prompt="Once", max_tokens=4)).outcome == "done"
    await bench.stop()
