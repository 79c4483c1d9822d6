"""`forgebus eval` from its options to its figures, its files and its exit codes."""

import json
import math
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_call import Call, caller, started
from PIL import Image

from engine.errors import BadModel
from engine.quantisation import Mode
from engine.runtime import Forge
from engine.tokenizer import Tokenizer
from evaluation.command import PICTURE, RESULT, Order, evaluate
from evaluation.models import model_folder

pytest_plugins = ["engine_fixtures"]

ROOT = Path(__file__).resolve().parent.parent
PHRASES = {"lights": "turn {} the lamp", "music": "play {} songs", "sums": "what is {} and two"}
WORDS = "on off up down one three four loud soft red blue green old new".split()


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(capfd)


def rows(folder: Path, name: str, *found: object) -> Path:
    file = folder / name
    file.write_text("".join(json.dumps(row) + "\n" for row in found), "utf-8")
    return file


def test_the_shipped_router_on_our_own_rows(call: Call, tmp_path: Path) -> None:
    data = rows(
        tmp_path,
        "rows.jsonl",
        {"text": "what is seven times eight", "label": "math"},
        {"text": "draw me a red fox", "label": "image"},
        {"text": "turn off the kitchen lights", "label": "home_control"},
    )
    told = call("eval", "router", "--data", data, "--json", "--out", tmp_path / "out")
    assert told.code == 0, told
    figures = told.json
    assert (figures["n"], figures["kind"], figures["complete"]) == (3, "router", True)
    assert figures["correct"] >= 2
    assert figures["accuracy"] == pytest.approx(figures["correct"] / 3, abs=1e-4)
    assert {"answered", "precision", "latency_p50_ms"} <= figures.keys()
    assert figures["threshold"] > 0  # the model's own
    assert json.loads((tmp_path / "out" / RESULT).read_text()) == figures
    with Image.open(tmp_path / "out" / PICTURE) as picture:
        assert picture.size == (1120, 560)
    shown = call("eval", "router", "--data", data, "--limit", 1, "--threshold", 0)
    assert "of 1 cases right" in shown.out
    assert "threshold 0.000" in shown.out


def test_a_router_trained_on_a_set_is_evaluated_on_it(
    call: Call, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    lines = [f"{text.format(word)},{label}" for label, text in PHRASES.items() for word in WORDS]
    (tmp_path / "rows.csv").write_text("text,category\n" + "\n".join(lines) + "\n")
    options = ("--model-size", "pi_zero", "--threads", 1, "--device", "cpu", "--context", 64)
    trained = call(
        *("train", "--type", "router", "--data", tmp_path / "rows.csv", "--out", tmp_path / "run"),
        *("--epochs", 14, "--rows", 2, "--rate", "1e-2", "--patience", 0, "--export", "int8"),
        *("--tokenizer", tmp_path / "tokenizer.json", *options),
    )
    assert trained.code == 0, trained
    told = call(
        "eval", "router", "--data", tmp_path / "rows.csv", "--model", tmp_path / "run", "--json"
    ).json
    assert told["subject"].startswith("run/served")
    assert told["n"] == told["answered"] == len(lines)
    assert told["accuracy"] == 1.0
    assert any("calibration" in note for note in told["notes"])
    # One label that it never learnt is told, and counted as wrong.
    more = tmp_path / "more.csv"
    more.write_text("text,category\nturn on the lamp,lights\nplay old songs,music\nhm,unheard\n")
    told = call("eval", "router", "--data", more, "--model", tmp_path / "run", "--json").json
    assert told["n"] - told["correct"] == 1
    assert any("unheard" in note for note in told["notes"])


def test_labels_of_another_set_are_refused(call: Call, tmp_path: Path) -> None:
    data = rows(tmp_path, "a.jsonl", *({"text": "a", "label": f"PlayMusic{n}"} for n in range(3)))
    call("eval", "router", "--data", data).fails(
        1, "3 of the set's 3 labels", "models/router", "forgebus train --type router"
    )


@pytest.mark.parametrize("kind", ["code", "math", "home"])
def test_a_model_that_is_missing_is_told_with_how_to_train_it(kind: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=f"no {kind} model is here") as told:
        model_folder(kind, None, tmp_path)
    assert f"forgebus train --type {kind}" in str(told.value)
    assert "--answers" in str(told.value)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["poetry", "--data", "."], 2, ["nothing to evaluate as 'poetry'", "home, router"]),
        (["router", "--data", "nowhere"], 1, ["nowhere does not exist"]),
        (["router"], 2, ["--data"]),
        (["text", "--data", ".", "--answers", "a"], 2, ["perplexity needs the model"]),
        (["home", "--data", ".", "--part", "test"], 2, ["--part is for router"]),
        (["math", "--data", ".", "--model", "m", "--answers", "a"], 2, ["--model or --answers"]),
        (["router", "--data", ".", "--model", "nope"], 1, ["no model 'nope'"]),
        (["router", "--data", ".", "--model", "text"], 1, ["no classifier"]),
    ],
)
def test_a_wrong_order_is_one_line(
    call: Call, arguments: list[str], code: int, words: list[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    rows(tmp_path, "a.jsonl", {"text": "x", "label": "chat"})
    monkeypatch.chdir(tmp_path)
    call("eval", *arguments).fails(code, *words)


def test_answers_of_others_are_scored_by_the_same_judges(call: Call, tmp_path: Path) -> None:
    problems = rows(
        tmp_path,
        "gsm.jsonl",
        {"question": "3 and 4?", "answer": "#### 7"},
        {"question": "2 by 3?", "answer": "#### 6"},
        {"question": "9 less 1?", "answer": "#### 8"},
    )
    asked = call("eval", "math", "--data", problems, "--questions").out.splitlines()
    assert json.loads(asked[1]) == {"id": "gsm.jsonl:2", "question": "2 by 3?"}
    answers = rows(
        tmp_path,
        "answers.jsonl",
        {"id": "gsm.jsonl:1", "answer": "3 + 4", "probability": 0.9, "latency_ms": 30},
        {"id": "gsm.jsonl:2", "answer": "so it is 5", "probability": 0.2},
    )
    told = call("eval", "math", "--data", problems, "--answers", answers, "--json").json
    assert (told["n"], told["correct"], told["answered"], told["precision"]) == (3, 1, 2, 0.5)
    assert told["subject"] == "answers of answers.jsonl"
    assert told["notes"] == ["1 cases have no answer and count as declined"]
    sure = call(
        "eval", "math", "--data", problems, "--answers", answers, "--threshold", 0.5, "--json"
    ).json
    assert (sure["answered"], sure["precision"]) == (1, 1.0)


def test_code_of_others_is_run(call: Call, tmp_path: Path) -> None:
    tasks = rows(
        tmp_path,
        "mbpp.jsonl",
        *(
            {"task_id": n, "text": "Add.", "test_list": ["assert add(1, 2) == 3"]}
            for n in range(1, 4)
        ),
    )
    answers = rows(
        tmp_path,
        "answers.jsonl",
        {"id": "1", "answer": "```python\ndef add(a, b):\n    return a + b\n```"},
        {"id": "2", "answer": "def add(a, b):\n    return a - b"},
        {"id": "3", "answer": "def add(a, b"},
    )
    told = call("eval", "code", "--data", tasks, "--answers", answers, "--json").json
    assert (told["n"], told["correct"], told["answered"]) == (3, 1, 2)
    assert {c["given"] for c in told["confusion"]} == {"failed", "(nothing)"}


@pytest.mark.parametrize("kind", ["math", "code"])
def test_a_model_writes_and_is_judged(
    kind: str, call: Call, tmp_path: Path, served: Callable[[Mode], Path]
) -> None:
    data = rows(
        tmp_path,
        "a.jsonl",
        {"question": "3 and 4?", "answer": "7"}
        if kind == "math"
        else {"task_id": 1, "text": "Add.", "test_list": ["assert add(1, 2) == 3"]},
    )
    told = call("eval", kind, "--data", data, "--model", served("none"), "--json").json
    assert (told["n"], told["correct"]) == (1, 0)  # its weights are random
    assert told["latency_p50_ms"] > 0
    assert any("trained for 'any text'" in note for note in told["notes"])


def test_perplexity_is_that_of_one_pass(
    call: Call, tmp_path: Path, served: Callable[[Mode], Path], forge: Forge
) -> None:
    text = "turn off the kitchen lights, and play some quiet music in the living room\n" * 3
    (tmp_path / "a.txt").write_text(text)
    told = call("eval", "text", "--data", tmp_path / "a.txt", "--model", served("none"), "--json")
    ids = [*forge.tokenizer.encode(text), 1]
    logits = forge.extend(ids[:-1], every=True).astype(np.float64)
    shares = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    loss = -shares[np.arange(len(ids) - 1), ids[1:]].mean()
    assert told.json["n"] == len(ids) - 1
    assert told.json["perplexity"] == pytest.approx(math.exp(loss), rel=1e-3)
    assert told.json["bits_per_byte"] > 0


def test_every_token_of_a_long_text_is_counted_once(
    call: Call, tmp_path: Path, served: Callable[[Mode], Path], tokenizer: Tokenizer
) -> None:
    text = "".join(f"line {n} of the song about the lamp\n" for n in range(60))
    (tmp_path / "a.txt").write_text(text)
    told = call(
        "eval", "text", "--data", tmp_path / "a.txt", "--model", served("none"), "--json"
    ).json
    assert told["cases"] > 2
    assert told["n"] == len(tokenizer.encode(text))


def test_ctrl_c_gives_what_there_is(tmp_path: Path) -> None:
    data = rows(tmp_path, "a.jsonl", *({"text": f"hi {n}", "label": "chat"} for n in range(50)))

    def third(done: int, _of: int, _right: int) -> None:
        if done == 3:
            os.kill(os.getpid(), signal.SIGINT)

    told = evaluate(Order("router", data, ROOT / "models"), third)
    assert (told["n"], told["complete"], told["cases_in_all"]) == (3, False, 50)


def test_a_signal_ends_the_command_with_a_partial_result(tmp_path: Path) -> None:
    many = ({"text": f"say hello {n}", "label": "chat"} for n in range(40_000))
    process = started("eval", "router", "--data", rows(tmp_path, "a.jsonl", *many))
    assert process.stderr is not None
    assert process.stderr.readline().startswith("1 of 40000")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.startswith("PARTIAL: stopped after ")


def test_without_pillow_the_figures_are_written_all_the_same(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    data = rows(tmp_path, "a.jsonl", {"text": "draw a fox", "label": "image"})
    told = call("eval", "router", "--data", data, "--out", tmp_path / "out")
    assert told.code == 1
    assert "needs Pillow; run `pip install forgebus[train]`" in told.err
    assert "1 cases" in told.out
    assert (tmp_path / "out" / RESULT).exists()
