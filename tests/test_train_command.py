"""`forgebus train`: what it warns of, what it leaves behind, what it serves, and how it fails."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_call import Call, caller
from PIL import Image
from safetensors.numpy import load_file, save_file

from engine.admission import Room
from engine.checkpoint import SUMS, WEIGHTS, load_checkpoint, write_sums
from engine.config import PRESETS
from engine.decoding import classify
from engine.model_use import ModelUse, read_use
from engine.runtime import Forge
from engine.tokenizer import ASSISTANT, USER, Tokenizer, label_token
from engine.training.data import Corpus, Example
from engine.training.examine import classes, warnings_about
from engine.training.precision import faster_precision
from engine.training.progress import Progress
from engine.training.view import view

pytest_plugins = ["engine_fixtures"]

PHRASES = {"lights": "turn {} the lamp", "music": "play {} songs", "sums": "what is {} and two"}
WORDS = "on off up down one three four loud soft red blue green old new".split()


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], tmp_path: Path, tokenizer: Tokenizer) -> Call:
    tokenizer.save(tmp_path / "tokenizer.json")
    tiny = ["--model-size", "pi_zero", "--threads", "1", "--device", "cpu", "--context", "64"]
    return caller(capfd, *tiny, "--tokenizer", tmp_path / "tokenizer.json")


@pytest.fixture
def bare(capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(capfd)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    lines = [f"{text.format(word)},{label}" for label, text in PHRASES.items() for word in WORDS]
    file.write_text("text,label\n" + "\n".join(lines) + "\n")
    (tmp_path / "LICENSE").write_text("MIT License")
    return file


def test_a_router_from_csv_to_answers(call: Call, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "router"
    told = call(
        *("train", "--type", "router", "--data", rows, "--out", out, "--epochs", 30),
        *("--rows", 2, "--rate", "1e-2", "--patience", 0, "--export", "int8", "--json"),
    )
    assert told.code == 0, told
    events = [json.loads(line) for line in told.out.splitlines()]
    assert {event["event"] for event in events} == {"warning", "progress", "end"}
    assert events[-1] == events[-1] | {"finished": True, "served": str(out / "served")}
    facts = dict(load_checkpoint(out).training)
    assert facts["labels"] == sorted(PHRASES)
    assert facts["licences"] == {"rows.csv": "MIT"}
    assert facts["plan"]["steps"] == facts["steps_done"] == events[-1]["step"]
    assert facts["plan"]["steps"] % 30 == 0
    assert facts["command"].startswith("forgebus train --type router --data rows.csv --out router")
    with Image.open(out / "loss.png") as curve:
        assert curve.size == (960, 540)
    for folder in (out, out / "served"):
        assert read_use(folder) == ModelUse("chat", "route", tuple(sorted(PHRASES)))
        assert "  use.json\n" in (folder / SUMS).read_text()
    forge = Forge.load(out / "served")  # verifies the checksums
    for number, label in enumerate(sorted(PHRASES)):
        ids = forge.tokenizer.chat(PHRASES[label].format("up"), task="route")
        assert int(classify(forge, ids, [0, 1, 2]).argmax()) == number


def test_an_interrupted_command_goes_on_with_resume(call: Call, rows: Path, tmp_path: Path) -> None:
    words = ["train", "--type", "router", "--data", rows, "--out", tmp_path / "o", "--steps", 3]
    assert call(*words, "--rows", 2).code == 0
    call(*words, "--rows", 2).fails(2, "holds a run already", "--resume")
    assert call(*words, "--rows", 2, "--resume").code == 0
    other = call(*words, "--rows", 3, "--resume")
    assert (other.code, "rows 2 then, 3 now" in other.err) == (1, True), other


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--type", "poetry"], 2, "invalid choice: 'poetry'"),
        (["--model-size", "huge"], 2, "invalid choice: 'huge'"),
        (["--type", "text"], 2, "--data"),
        (["--type", "text", "--data", "nowhere"], 1, "nowhere does not exist"),
        (["--data", "rows.csv", "--context", "5000"], 2, "context 5000 is above"),
        (["--data", "rows.csv", "--epochs", "0"], 2, "must be positive"),
        (["--data", "rows.csv", "--threads", "-1"], 2, "threads -1"),
        (["--data", "rows.csv", "--patience", "-1"], 2, "patience -1"),
        (["--data", "rows.csv", "--weight-decay", "nan"], 2, "weight decay is nan"),
        (["--data", "rows.csv", "--device", "cuda"], 2, "no CUDA device is here"),
        (["--data", "rows.csv", "--tokenizer", "none.json"], 1, "none.json"),
        (["--type", "home", "--data", "rows.csv"], 1, "rows.csv:2 holds a row of text, label"),
        (["--type", "router", "--data", "rows.csv", "--initial", "nan"], 1, "NaN or infinity"),
        (["--type", "router", "--data", "rows.csv", "--initial", "no"], 1, "no"),
        (["--type", "router", "--data", "rows.csv", "--rate", "1e30"], 2, "lower --rate"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    call: Call,
    bare: Call,
    rows: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    told: str,
) -> None:
    monkeypatch.chdir(rows.parent)
    if "nan" in words:
        _checkpoint_with_nan(call, rows)
    parts = ["--model-size", "pi_zero", "--tokenizer", "tokenizer.json", "--threads", "1"]
    ended = bare("train", *parts, "--steps", "40", "--out", "o", *words)
    last = ended.err.splitlines()[-1]
    assert (ended.code, last.startswith("forgebus: ")) == (code, True), ended
    assert told in last
    assert not (rows.parent / "o" / "config.json").exists()


def test_a_model_that_has_no_room_is_refused(
    bare: Call, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(1 << 30, "this machine", None)
    monkeypatch.setattr("engine.admission.room", lambda _: room)
    words = ["--type", "router", "--data", rows, "--out", rows.parent / "o", "--model-size", "xl"]
    words += ["--tokenizer", rows.parent / "tokenizer.json"]
    bare("train", *words).fails(1, "training a model of this size needs", "1024 MiB are free")


def _checkpoint_with_nan(call: Call, rows: Path) -> None:
    folder = rows.parent / "nan"
    call("train", "--type", "router", "--data", rows, "--out", folder, "--steps", 1, "--rows", 2)
    weights = load_file(folder / WEIGHTS)
    weights["model.norm.weight"][3] = np.nan
    save_file(weights, folder / WEIGHTS)
    names = [line.split("  ")[1] for line in (folder / SUMS).read_text().splitlines()]
    write_sums(folder, names)


def test_help_says_what_rows_each_type_takes(call: Call) -> None:
    told = call("train", "--help")
    assert told.code == 0
    for word in ("GSM8K", "MBPP", "CLINC150", "caption", "--resume", "--epochs"):
        assert word in told.out


def corpus(*parts: tuple[int, int], labels: tuple[str, ...] = ()) -> Corpus:
    """`count` distinct examples of each class."""
    ids = (
        [USER, 300 + n % 200, 300 + n // 200, 500 + label, ASSISTANT, label_token(label)]
        for label, count in parts
        for n in range(count)
    )
    return Corpus(tuple(Example(np.array(one, np.uint16), 5) for one in ids), {}, 0, labels)


def told_of(whole: Corpus, training: Corpus | None = None, checked: Corpus | None = None) -> str:
    held = corpus((9, 60)) if checked is None else checked
    return "\n".join(warnings_about(whole, training or whole, held, PRESETS["pi_zero"]))


def test_good_data_is_not_warned_of() -> None:
    big = corpus((0, 20_000), (1, 20_000))
    assert told_of(big) == ""


def test_each_want_is_named_with_what_is_missing() -> None:
    lame = corpus((0, 480), (1, 12), (2, 130), labels=("chat", "file", "web"))
    told = told_of(lame)
    assert "class 'file' has 12 examples, the largest has 480: give at least 120" in told
    assert "'web'" not in told
    assert classes(lame) == {"chat": 480, "file": 12, "web": 130}
    assert "class 'none' has 0 examples" in told_of(corpus((0, 90), labels=("some", "none")))
    assert "all examples are of one class, 'chat'" in told_of(corpus((0, 90), labels=("chat",)))
    assert "90 rows to train on: give at least 200" in told_of(
        corpus((0, 90), (1, 90)), corpus((0, 90))
    )
    assert "3,110 positions for 631,104 weights" in told
    assert "give at least 157,776" in told
    assert "left out: raise --context" in told_of(Corpus(lame.examples, {}, 3))
    doubled = Corpus(lame.examples + lame.examples[:7], {}, 0)
    assert "7 rows of 629 repeated word for word" in told_of(doubled)
    leaking = Corpus(lame.examples[:9], {}, 0)
    assert "9 of 9 validation rows stand in the training part" in told_of(lame, lame, leaking)
    assert "9 rows held out for validation: its loss is uncertain" in told_of(lame, lame, leaking)
    assert "nothing is held out" in told_of(lame, lame, Corpus((), {}, 0))


def test_a_smaller_model_is_named_where_one_would_do() -> None:
    data = corpus((0, 20_000), (1, 20_000))
    told = "\n".join(warnings_about(data, data, corpus((9, 60)), PRESETS["pi_5"]))
    assert "or take --model-size pi_zero" in told


def test_precision_follows_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, Any] = {"_is_avx512_bf16_supported": True, "_is_amx_tile_supported": False}
    for name, value in known.items():
        monkeypatch.setattr(f"torch.cpu.{name}", lambda value=value: value)
    assert faster_precision("cpu", 64) == "bf16"
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: False)
    for seconds, expected in ((0.5, "bf16"), (0.9, "fp32"), (2.0, "fp32")):
        took = {"torch.float32": 1.0, "torch.bfloat16": seconds}
        monkeypatch.setattr(
            "engine.training.precision._seconds", lambda kind, _, took=took: took[str(kind)]
        )
        assert faster_precision("cpu", 64) == expected


def test_a_terminal_shows_a_bar(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    with view(as_json=False) as shown:
        shown.warn("12 rows [bold] to train on")
        shown.show(Progress(3, 8, 1.25, 1e-3, 2000.0, 60.0, (1.5, 0.75)))
        shown.end("done at step 8")
    told = capfd.readouterr()
    assert told.out == ""
    for words in ("warning: 12 rows [bold]", "3/8", "loss 1.250", "validation 1.500 (75% right)"):
        assert words in told.err
    assert "2,000 tokens/s" in told.err
    assert "done at step 8" in told.err
