"""A run that is killed, stopped or out of disk loses nothing: real processes, real signals."""

import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from engine_models import SENTENCES, SHAPE

from engine.checkpoint import load_checkpoint
from engine.errors import BadConfig, NotWritten
from engine.tokenizer import Tokenizer
from engine.train import main
from engine.training.loop import train
from engine.training.plan import TrainPlan
from engine.training.resume import has_state, refuse_other_run

pytest_plugins = ["engine_fixtures"]

ROOT = Path(__file__).resolve().parent.parent
STEPS = 60


@pytest.fixture
def plan(tokenizer: Tokenizer, tmp_path: Path) -> TrainPlan:
    tokenizer.save(tmp_path / "tokenizer.json")
    (tmp_path / "text.txt").write_text("".join(SENTENCES) * 40, "utf-8")
    return TrainPlan(
        config=SHAPE,
        data=(tmp_path / "text.txt",),
        tokenizer=tmp_path / "tokenizer.json",
        out=tmp_path / "out",
        steps=8,
        rows=2,
        context=32,
        every=4,
        validation=0.1,
        threads=1,
        precision="fp32",
    )


def command(plan: TrainPlan, out: Path, *more: str) -> list[str]:
    words = [sys.executable, "-m", "engine.train", "--model-size", "pi_zero", "--out", str(out)]
    words += ["--tokenizer", str(plan.tokenizer), "--data", str(plan.data[0]), "--threads", "1"]
    words += ["--rows", "2", "--context", "32", "--steps", str(STEPS), "--every", "2"]
    return [*words, "--device", "cpu", *more]


def files(folder: Path) -> dict[str, bytes]:
    found = {f.relative_to(folder): f for f in sorted(folder.rglob("*")) if f.is_file()}
    # training.json remembers the command, and that names the folder.
    called = f"--out {folder.name} ".encode()
    return {
        str(name): file.read_bytes().replace(called, b"--out OUT ")
        for name, file in found.items()
        if file.name != "SHA256SUMS"
    }


def test_killed_at_random_and_resumed_is_the_unbroken_run(plan: TrainPlan, tmp_path: Path) -> None:
    unbroken, broken = tmp_path / "unbroken", tmp_path / "killed"
    assert main(command(plan, unbroken)[3:]) == 0
    with subprocess.Popen(
        command(plan, broken), cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr
        next(line for line in run.stderr if line.startswith("step "))
        # From before the first state is saved to well into the run.
        time.sleep(random.Random(os.urandom(8)).uniform(0, 0.4))
        run.kill()
        run.stderr.read()
        assert run.wait(30) == -signal.SIGKILL
    assert main(command(plan, broken, "--resume")[3:]) == 0
    expected, got = files(unbroken), files(broken)
    assert got.keys() == expected.keys()
    assert {name for name in expected if got[name] != expected[name]} == set()


@pytest.mark.parametrize("left", ["state", ".state-old"])
def test_a_kill_between_two_renames_is_survived(plan: TrainPlan, left: str) -> None:
    stopped = iter([False] * 4 + [True] * 9)
    train(plan, stop=lambda: next(stopped))
    (plan.out / "state").rename(plan.out / left)
    (plan.out / ".state-new").mkdir()
    (plan.out / ".state-new" / "config.json").write_text("{")
    last = train(plan, resume=True)
    assert (last.step, last.finished) == (8, True)
    assert (plan.out / "state").exists()
    assert not (plan.out / ".state-old").exists()


def test_a_kill_before_the_first_state_is_survived(plan: TrainPlan, tmp_path: Path) -> None:
    stopped = iter([False] * 4 + [True] * 9)
    train(plan, stop=lambda: next(stopped))
    shutil.rmtree(plan.out / "state")
    (plan.out / "SHA256SUMS").unlink()
    with pytest.raises(BadConfig, match="no run to go on with"):
        train(plan)
    assert train(plan, resume=True).finished
    whole = replace(plan, out=tmp_path / "whole")
    train(whole)
    assert files(plan.out) == files(whole.out)


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("fails", ["weights", "moments"])
def test_a_full_disk_damages_no_checkpoint(plan: TrainPlan, fails: str) -> None:
    stopped = iter([False] * 4 + [True] * 9)
    train(plan, stop=lambda: next(stopped))
    before = files(plan.out)
    weights = len(before["model.safetensors"])
    assert len(before["state/optimiser.safetensors"]) > weights + 50_000
    room = weights // 2 if fails == "weights" else weights + 50_000
    with disk_of(room), pytest.raises(NotWritten, match="make room there, then go on"):
        train(plan, resume=True)
    after = files(plan.out)
    assert after.keys() == before.keys(), "nothing half written is left over"
    changed = {name for name in after if after[name] != before[name]}
    best = {"model.safetensors", "training.json"} if fails == "moments" else set()
    assert changed == best, "the better weights were written whole before the disk was full"
    load_checkpoint(plan.out)
    load_checkpoint(plan.out / "state")
    assert train(plan, resume=True).finished


def test_a_disk_full_from_the_start_leaves_nothing(plan: TrainPlan) -> None:
    with disk_of(100_000), pytest.raises(NotWritten):
        train(plan)
    assert files(plan.out) == {}
    assert train(plan).finished


def test_the_folder_of_another_run_is_not_overwritten(plan: TrainPlan, tmp_path: Path) -> None:
    train(plan)
    before = files(plan.out)
    with pytest.raises(BadConfig, match="holds a run already; add --resume"):
        train(replace(plan, seed=2))
    assert files(plan.out) == before
    with pytest.raises(BadConfig, match="is a file"):
        refuse_other_run(plan.data[0], resume=False)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    with pytest.raises(BadConfig, match="no run to go on with"):
        refuse_other_run(model, resume=True)
    refuse_other_run(tmp_path, resume=False)


def test_ctrl_c_ends_with_the_way_to_go_on(plan: TrainPlan, tmp_path: Path) -> None:
    words = command(plan, tmp_path / "out", "--steps", "100000")
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr
        next(line for line in run.stderr if line.startswith("step "))
        run.send_signal(signal.SIGINT)
        told = run.stderr.read()
        assert run.wait(30) == 130
    assert "Traceback" not in told
    found = re.search(r"stopped after step (\d+); go on with: (.*) --resume\n$", told)
    assert found
    assert found.group(2).startswith("python -m engine.train --model-size pi_zero")
    assert has_state(tmp_path / "out")


def test_a_run_ends_when_it_gets_no_better_and_keeps_the_best(
    plan: TrainPlan, memorise: Callable[[TrainPlan], TrainPlan]
) -> None:
    doomed = memorise(plan)
    result = train(doomed)
    assert result.finished
    assert result.early
    facts = load_checkpoint(doomed.out).training
    losses = [point["loss"] for point in facts["validations"]]
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + doomed.patience
    assert result.validation is not None
    assert result.validation[0] == min(losses)
    assert facts["step"] == facts["validations"][best]["step"] < facts["steps_done"]
    again = train(doomed, resume=True)
    assert (again.step, again.early) == (result.step, True), "an ended run stays ended"


@pytest.fixture
def memorise(tmp_path: Path) -> Callable[[TrainPlan], TrainPlan]:
    """A plan that learns noise by heart: what is held out gets worse."""

    def made(plan: TrainPlan) -> TrainPlan:
        rng = random.Random(5)
        noise = ["".join(rng.choices("abcdefgh ", k=60)) for _ in range(24)]
        (tmp_path / "noise").mkdir()
        for number, text in enumerate(noise):
            (tmp_path / "noise" / f"{number}.txt").write_text(text, "utf-8")
        data, out = (tmp_path / "noise",), tmp_path / "noisy"
        longer = replace(plan, steps=400, every=5, patience=3, validation=0.3, rate=1e-2)
        return replace(longer, data=data, out=out)

    return made
