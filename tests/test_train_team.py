"""Two processes under torchrun train the model that one trains, and only the first one writes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engine_models import SENTENCES

from engine.checkpoint import load_checkpoint
from engine.errors import BadConfig
from engine.tokenizer import DEFAULT_PATH, Tokenizer
from engine.train import _parser, _plan, main
from engine.training.loop import _Session, train
from engine.training.parallel import Team

pytest_plugins = ["engine_fixtures"]

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {"turn on the lamp": "on", "turn off the lamp": "off", "play music": "play"}


@pytest.fixture
def data(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    """Rows with answers of unlike lengths: the processes have unlike numbers of targets."""
    tokenizer.save(tmp_path / "tokenizer.json")
    rows: list[dict[str, object]] = []
    for n in range(15):
        rows += [{"prompt": p, "answer": a * (1 + n % 7)} for p, a in COMMANDS.items()]
    rows += [{"prompt": text, "label": n % 3} for n, text in enumerate(SENTENCES * 3)]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


def arguments(data: Path, out: Path, *more: str) -> list[str]:
    words = ["--type", "any", "--data", str(data), "--model-size", "pi_zero", "--out", str(out)]
    words += ["--tokenizer", str(data.parent / "tokenizer.json"), "--threads", "1", "--rows", "3"]
    words += ["--context", "32", "--steps", "8", "--every", "2", "--precision", "fp32"]
    return [*words, "--validation", "0.2", "--device", "cpu", *more]


def torchrun(*words: str) -> subprocess.CompletedProcess[str]:
    head = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "PYTHONWARNINGS": "error"}
    with subprocess.Popen(
        [*head, "-m", "engine.train", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        try:
            out, err = run.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(run.args, run.returncode, out, err)


def test_a_team_of_two_trains_what_one_process_does(data: Path, tmp_path: Path) -> None:
    """It goes on with what one process began, and ends where that one alone ends."""
    alone, team = tmp_path / "alone", tmp_path / "team"
    assert main(arguments(data, alone)) == 0
    asked = iter([False] * 3 + [True] * 9)
    plan = _plan(_parser("", DEFAULT_PATH).parse_args(arguments(data, team)))
    assert train(plan, stop=lambda: next(asked)).step == 3
    ran = torchrun(*arguments(data, team, "--resume", "--json"))
    assert ran.returncode == 0, ran.stderr
    events = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert sum(event["event"] == "end" for event in events) == 1, "one process tells"
    expected, got = load_checkpoint(alone), load_checkpoint(team)
    assert got.training["steps_done"] == 8
    for key in ("history", "validations"):
        one, two = expected.training[key], got.training[key]
        assert [point["step"] for point in one] == [point["step"] for point in two]
        for first, second in zip(one, two, strict=True):
            assert second["loss"] == pytest.approx(first["loss"], rel=1e-4)
    for name, weight in expected.weights.items():
        np.testing.assert_allclose(got.weights[name], weight, atol=2e-4, err_msg=name)


def test_more_processes_than_rows_are_refused(data: Path, tmp_path: Path) -> None:
    plan = _plan(_parser("", DEFAULT_PATH).parse_args(arguments(data, tmp_path / "out")))
    with pytest.raises(BadConfig, match="3 rows a step for 4 processes; give more --rows"):
        _Session.begin(plan, Team(0, 4), resume=False, warn=print, more={})
    assert not (tmp_path / "out").exists()
