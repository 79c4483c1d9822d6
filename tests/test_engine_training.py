"""Training: it learns, it resumes to the same weights, it packs everything once, it names faults."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_models import SENTENCES, SHAPE
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checkpoint import load_checkpoint
from engine.decoding import classify, generate
from engine.errors import BadConfig, BadData, BadModel
from engine.graph import export
from engine.runtime import Forge
from engine.tokenizer import ASSISTANT, END, USER, Tokenizer, label_token
from engine.train import main as train_main
from engine.training.data import IGNORE, Corpus, Example, epoch_rows, load_corpus, make_batch
from engine.training.loop import _batches, train
from engine.training.plan import TrainPlan, learning_rate
from engine.training.progress import Progress
from engine.training.resume import has_state

pytest_plugins = ["engine_fixtures"]

COMMANDS = {"turn on the lamp": "on", "turn off the lamp": "off", "play music": "play"}


@pytest.fixture
def plan(tokenizer: Tokenizer, tmp_path: Path) -> TrainPlan:
    """A run of seconds on rows of all three kinds and a text."""
    tokenizer.save(tmp_path / "tokenizer.json")
    rows: list[dict[str, object]] = []
    for number, (prompt, answer) in enumerate(COMMANDS.items()):
        rows += [{"prompt": prompt, "answer": answer}] * 12
        rows += [{"prompt": prompt, "label": number, "task": "route"}] * 12
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "rows.jsonl").write_text(lines, "utf-8")
    (tmp_path / "text.txt").write_text("".join(SENTENCES), "utf-8")
    return TrainPlan(
        config=SHAPE,
        data=(tmp_path / "rows.jsonl", tmp_path / "text.txt"),
        tokenizer=tmp_path / "tokenizer.json",
        out=tmp_path / "out",
        steps=12,
        rows=4,
        context=64,
        rate=4e-3,
        warmup=4,
        every=6,
        validation=0.1,
        threads=1,
    )


def weights(folder: Path) -> dict[str, np.ndarray]:
    return dict(load_checkpoint(folder).weights)


def test_a_trained_model_answers_what_it_was_taught(plan: TrainPlan, tmp_path: Path) -> None:
    plan = replace(plan, data=plan.data[:1], rows=2)
    lines: list[Progress] = []
    result = train(replace(plan, steps=120, every=60), report=lines.append)
    assert result.finished
    assert lines[-1].loss < 0.3
    assert lines[0].loss > 1
    assert lines[-1].validation is not None
    assert lines[-1].validation[1] > 0.9
    assert "tokens/s" in str(lines[-1])
    export(load_checkpoint(plan.out), tmp_path / "served", "int8")
    forge = Forge.load(tmp_path / "served")
    for number, (prompt, answer) in enumerate(COMMANDS.items()):
        assert generate(forge, prompt, max_tokens=8).text == answer
        ids = forge.tokenizer.chat(prompt, task="route")
        assert int(classify(forge, ids, [0, 1, 2]).argmax()) == number


@pytest.mark.parametrize("stopped_at", [5, 6, 11])
def test_a_resumed_run_ends_where_the_unbroken_one_does(
    plan: TrainPlan, tmp_path: Path, stopped_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "engine.training.loop._HISTORY_POINTS", 3
    )  # a point is the mean of four steps
    train(plan)
    broken = replace(plan, out=tmp_path / "broken")
    asked = iter(range(100))
    first = train(broken, stop=lambda: next(asked) >= stopped_at)
    assert (first.step, first.finished) == (stopped_at, False)
    last = train(broken, resume=True)
    assert (last.step, last.finished) == (12, True)
    for part in (".", "state"):
        expected, got = weights(plan.out / part), weights(broken.out / part)
        for name, weight in expected.items():
            np.testing.assert_array_equal(got[name], weight, err_msg=name)
        told = [load_checkpoint(run.out / part).training for run in (plan, broken)]
        assert told[0].get("history") == told[1].get("history")
    places = [(run.out / "state" / "place.json").read_text() for run in (plan, broken)]
    assert places[0] == places[1]


def test_a_run_is_not_resumed_with_other_data_or_settings(plan: TrainPlan) -> None:
    train(replace(plan, steps=2))
    with pytest.raises(BadModel, match="other data or settings"):
        train(replace(plan, steps=3), resume=True)
    with plan.data[1].open("a") as text:
        text.write("one more line\n")
    with pytest.raises(BadModel, match="other data or settings"):
        train(replace(plan, steps=2), resume=True)


def test_the_run_is_described_beside_the_weights(plan: TrainPlan) -> None:
    train(replace(plan, steps=6))
    facts = load_checkpoint(plan.out).training
    assert facts["plan"]["seed"] == plan.seed
    assert set(facts["data"]) == {"rows.jsonl", "text.txt"}
    assert facts["parameters"] == SHAPE.parameters()
    assert facts["versions"]["torch"]
    assert str(plan.out.parent) not in json.dumps(dict(facts)), "no paths of this machine"


def test_a_run_starts_from_another_ones_weights(plan: TrainPlan, tmp_path: Path) -> None:
    train(plan)
    later = replace(plan, out=tmp_path / "later", initial=plan.out, steps=1, rate=1e-9, warmup=0)
    train(later)
    for name, weight in weights(plan.out).items():
        np.testing.assert_allclose(weights(later.out)[name], weight, atol=1e-6)
    wrong = replace(later, config=replace(SHAPE, n_layers=1), out=tmp_path / "wrong")
    with pytest.raises(BadModel, match="another shape"):
        train(wrong)


def test_the_rate_warms_up_and_falls_to_a_tenth(plan: TrainPlan) -> None:
    rates = [learning_rate(replace(plan, steps=100, warmup=10, rate=1.0), n) for n in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.1)
    assert all(one >= two for one, two in pairwise(rates[10:]))


widths = st.lists(st.integers(1, 32), min_size=1, max_size=300)


@settings(max_examples=60)
@given(widths=widths, seed=st.integers(0, 99), epoch=st.integers(0, 3))
def test_every_example_is_in_an_epoch_once(widths: list[int], seed: int, epoch: int) -> None:
    corpus = corpus_of(widths)
    rows = epoch_rows(corpus, 32, seed, epoch)
    assert sorted(n for row in rows for n in row) == list(range(len(widths)))
    assert all(sum(widths[n] for n in row) <= 32 for row in rows)
    assert rows == epoch_rows(corpus, 32, seed, epoch)


def test_packing_wastes_little() -> None:
    widths = np.random.default_rng(0).integers(5, 60, 4000).tolist()
    rows = epoch_rows(corpus_of(widths), 256, 1, 0)
    assert sum(widths) / (256 * len(rows)) > 0.98


@settings(max_examples=60)
@given(widths=widths, prompt=st.integers(0, 8))
def test_a_batch_learns_each_answer_and_nothing_else(widths: list[int], prompt: int) -> None:
    corpus = corpus_of(widths, prompt)
    rows = epoch_rows(corpus, 32, 1, 0)
    batch = make_batch(corpus, rows, 32)
    for line, row in enumerate(rows):
        for document, number in enumerate(row, start=1):
            example = corpus.examples[number]
            place = batch.documents[line] == document
            assert batch.tokens[line, place].tolist() == example.ids[:-1].tolist()
            learnt = batch.targets[line, place]
            assert (
                learnt[learnt != IGNORE].tolist() == example.ids[max(example.prompt, 1) :].tolist()
            )
    assert (batch.targets[batch.documents == 0] == IGNORE).all()


def test_batches_go_through_every_epoch_and_may_start_anywhere(plan: TrainPlan) -> None:
    examples = [Example(np.array([n, *range(31)], np.uint16), 0) for n in range(42)]
    corpus, small = Corpus(tuple(examples), {}, 0), replace(plan, context=32)
    batches = list(islice(_batches(corpus, small, 0), 25))
    for epoch in (batches[:10], batches[10:20]):  # ten whole batches of four, two rows left out
        assert len({int(n) for batch in epoch for n in batch.tokens[:, 0]}) == 40
    assert batches[0].tokens[:, 0].tolist() != batches[10].tokens[:, 0].tolist()
    for step in (3, 10, 24):
        again = next(_batches(corpus, small, step))
        np.testing.assert_array_equal(again.tokens, batches[step].tokens)
    few = Corpus(corpus.examples[:3], {}, 0)
    assert next(_batches(few, small, 0)).tokens.shape == (4, 32)


def corpus_of(widths: list[int], prompt: int = 0) -> Corpus:
    examples = [
        Example(np.arange(10, 11 + width, dtype=np.uint16), min(prompt, width)) for width in widths
    ]
    return Corpus(tuple(examples), {}, 0)


def test_rows_of_all_kinds_are_read(tokenizer: Tokenizer, tmp_path: Path) -> None:
    rows = [
        {"prompt": "hello", "answer": "you"},
        {"prompt": "hello", "label": 9},
        {"prompt_ids": [300, 301], "answer_ids": [302]},
        {"prompt": "word " * 100, "answer": "too long"},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", "utf-8")
    corpus = load_corpus([file], tokenizer, 64)
    hello, you = tokenizer.encode("hello"), tokenizer.encode("you")
    asked = [USER, *hello, ASSISTANT]
    assert [example.ids.tolist() for example in corpus.examples] == [
        [*asked, *you, END],
        [*asked, label_token(9)],
        [300, 301, 302],
    ]
    assert [example.prompt for example in corpus.examples] == [len(asked), len(asked), 2]
    assert corpus.left_out == 1


def test_a_text_is_cut_without_losing_a_token(tokenizer: Tokenizer, tmp_path: Path) -> None:
    text = "".join(SENTENCES)
    (tmp_path / "text.txt").write_text(text, "utf-8")
    pieces = load_corpus([tmp_path], tokenizer, 16).examples
    ids = [*pieces[0].ids[:1], *(n for piece in pieces for n in piece.ids[1:])]
    assert tokenizer.decode(int(n) for n in ids) == text
    assert ids[-1] == END


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        '{"prompt": "a"}',
        '{"prompt": 3, "answer": "b"}',
        '{"prompt": "a", "label": 256}',
        '{"prompt": "a", "answer": "b", "task": "cooking"}',
        '{"prompt": "a", "answer": "b", "system": 4}',
        '{"prompt_ids": [1], "answer_ids": []}',
        '{"prompt_ids": [-1], "answer_ids": [3]}',
        '{"prompt_ids": ["x"], "answer_ids": [3]}',
        '{"prompt_ids": [1], "answer_ids": [99999]}',
        '{"prompt": "\\ud800", "answer": "b"}',
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(
    tokenizer: Tokenizer, tmp_path: Path, line: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "a", "answer": "b"}\n' + line + "\n", "utf-8")
    with pytest.raises(BadData, match=r"rows\.jsonl:2"):
        load_corpus([file], tokenizer, 64)


def test_missing_or_empty_data_is_named(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="nowhere"):
        load_corpus([tmp_path / "nowhere"], tokenizer, 64)
    with pytest.raises(BadData, match="no training data"):
        load_corpus([tmp_path], tokenizer, 64)
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(BadData, match=r"a\.txt"):
        load_corpus([tmp_path], tokenizer, 64)


def test_the_command_line_trains_and_names_faults(
    plan: TrainPlan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--preset", "pi_zero", "--tokenizer", str(plan.tokenizer), "--steps", "2"]
    arguments += ["--rows", "2", "--context", "64", "--threads", "1"]
    first = ["--out", str(tmp_path / "cli"), "--data", str(plan.data[0])]
    assert train_main([*arguments, *first]) == 0
    assert "step 2/2" in capsys.readouterr().err
    assert load_checkpoint(tmp_path / "cli").config.dim == 64
    elsewhere = ["--out", str(tmp_path / "other"), "--data", str(tmp_path / "nowhere")]
    assert train_main([*arguments, *elsewhere]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_a_run_told_to_end_can_be_resumed(plan: TrainPlan, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine.train", "--preset", "pi_zero", "--steps", "100000"]
    command += ["--tokenizer", str(plan.tokenizer), "--data", str(plan.data[0]), "--rows", "2"]
    command += ["--context", "64", "--threads", "1", "--every", "3", "--out", str(tmp_path / "r")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr
        assert any("step 3/" in line for line in run.stderr)
        run.terminate()
        told = run.stderr.read().splitlines()[-1]
        assert run.wait(60) == 130
    assert has_state(tmp_path / "r")
    assert told.startswith("stopped after step")
    assert told.endswith("--resume")


def test_help_comes_without_torch() -> None:
    program = "import sys, engine.train as t\ntry: t.main(['--help'])\nexcept SystemExit: pass\n"
    program += "print('torch' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "--resume" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "False"


def test_plans_that_cannot_be_are_named(plan: TrainPlan) -> None:
    changes: list[dict[str, Any]] = [
        {"steps": -1},
        {"epochs": 0},
        {"rows": 0},
        {"context": SHAPE.context + 1},
        {"validation": 1.0},
        {"rate": float("nan")},
        {"kind": "poetry"},
        {"precision": "fp8"},
    ]
    for change in changes:
        with pytest.raises(BadConfig):
            replace(plan, **change)
