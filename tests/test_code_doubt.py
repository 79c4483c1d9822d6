"""What the words of a request say against a program."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from data.code_public import tasks_of
from data.code_words import words_of
from data.measure_code import SPENT, _dearer, _threshold
from engine.errors import BadModel
from evaluation.home import Asking
from handlers.code import Code
from handlers.code_doubt import UNACCOUNTED, UNREAD, WORDS, parts, read_words
from handlers.protocol import Unavailable

MODELS = Path(__file__).parents[1] / "models"
ROWS = (
    ("whether number is even", "n\nreturn A % 2 == 0"),
    ("number of divisors of A\nA int", "n\nreturn sum(1 for v in range(1, A + 1) if A % v == 0)"),
    ("convert even numbers to text", "numbers\nreturn [str(v) for v in A if v % 2 == 0]"),
)


def test_the_parts_of_a_program_are_not_its_names() -> None:
    one = parts("total = 0\nfor x in A:\n    total += math.sqrt(x)\nreturn total")
    assert one == parts("s = 0\nfor w in B:\n    s += math.sqrt(w)\nreturn s")
    assert one == {"0", "For", "Add", "math", ".sqrt"}


def test_a_word_that_was_never_read_is_a_doubt() -> None:
    words = words_of(ROWS)
    assert words.unread("whether nonagonal number is even") == ["nonagonal"]
    assert words.doubt("whether nonagonal number is even", "return A % 2 == 0") == UNREAD
    assert words.doubt("whether the number is even\nA nonagonal", "return A % 2 == 0") == 0


def test_a_word_that_the_program_does_not_account_for_is_a_doubt() -> None:
    words = words_of(ROWS)
    asked, body = "whether number of divisors is even", "return len(A) == 2"
    # `len` came with no row at all; the parts of the right program came with each word.
    assert words.unaccounted(asked, body) == ["number", "divisors", "even"]
    assert words.doubt(asked, body) == pytest.approx(3 * UNACCOUNTED)
    assert words.unaccounted("number of divisors", "return sum(1 for v in A)") == []


def test_words_are_read_as_they_were_written(tmp_path: Path) -> None:
    words = words_of(ROWS)
    (tmp_path / WORDS).write_bytes(words.dumped())
    assert read_words(tmp_path) == words
    assert read_words(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("damaged", ["", "[]", '{"parts": [], "words": {"even": "xyz"}}'])
def test_damaged_words_are_told(tmp_path: Path, damaged: str) -> None:
    (tmp_path / WORDS).write_text(damaged)
    with pytest.raises(BadModel):
        read_words(tmp_path)


def ask(handler: Code, text: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(handler.run(json.dumps({"text": text}).encode(), Asking()))
    return told


def test_the_shipped_model_is_unsure_of_what_it_never_read(tmp_path: Path) -> None:
    asked = "Write a function to find the nth nonagonal number."
    handler = Code(MODELS)
    handler.load()
    told = ask(handler, asked)
    assert told["abstained"]
    assert "'nonagonal'" in str(told["reason"])
    # Without its words it is as sure of that as of what it knows.
    shutil.copy(MODELS / "tokenizer.json", tmp_path)
    shutil.copytree(MODELS / "code", tmp_path / "code")
    (tmp_path / "code" / WORDS).unlink()
    lines = (tmp_path / "code" / "SHA256SUMS").read_text().splitlines(keepends=True)
    (tmp_path / "code" / "SHA256SUMS").write_text("".join(x for x in lines if WORDS not in x))
    without = Code(tmp_path)
    without.load()
    assert float(str(ask(without, asked)["probability"])) > float(str(told["probability"])) + 0.2


def test_a_node_says_that_words_are_damaged(tmp_path: Path) -> None:
    shutil.copy(MODELS / "tokenizer.json", tmp_path)
    shutil.copytree(MODELS / "code", tmp_path / "code")
    (tmp_path / "code" / WORDS).write_text("{}")
    with pytest.raises(Unavailable):
        Code(tmp_path).load()


@pytest.mark.parametrize(
    "text",
    [
        "Write a function to check if a number is even",
        "is a number even",
        "Write a function that returns the largest element of a list.",
    ],
)
def test_what_everybody_asks_is_answered(text: str) -> None:
    handler = Code(MODELS)
    handler.load()
    told = ask(handler, text)
    assert not told["abstained"], told


def test_tasks_that_nothing_is_learnt_from_are_kept_for_the_threshold(tmp_path: Path) -> None:
    def task(text: str, code: str) -> str:
        return json.dumps({"text": text, "code": code, "test_list": ["assert f(2) == 2"]})

    rows = [
        task("Write a function to hold back.", "def f(n):\n    return n"),
        task("Write a function to double a number.", "def f(n):\n    return 2 * n"),
        task("Write a function to walk down.", "def f(n):\n    return n if n < 3 else f(n - 1)"),
        # Its words stand in a row that is taught.
        task("Write a function to double a number.", "def f(n):\n    return f(n)"),
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(rows))
    taught, kept, unfit = tasks_of(tmp_path / "train.jsonl", 0.2)
    assert {row["answer"] for row in taught} == {"n\nreturn 2 * A"}
    assert [one["text"] for one in kept] == ["Write a function to hold back."]
    assert [one["text"] for one in unfit] == ["Write a function to walk down."]


def test_the_threshold_is_the_least_with_enough_right_above_it() -> None:
    sure = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    right = np.array([True, True, False, True, False])
    assert _threshold(sure, right, 0.95, 0.0) == 0.8
    assert _threshold(sure, right, 0.75, 0.0) == 0.6
    assert _threshold(sure, ~right, 0.95, 0.0) == 1.0
    assert _threshold(sure[:0], right[:0], 0.95, 0.0) == 0.0
    # Two of two say less than eight of ten.
    assert _threshold(sure, right, 0.6, 1.64) == 1.0
    many = np.linspace(0.99, 0.5, 20)
    assert _threshold(many, np.arange(20) % 10 < 8, 0.5, 1.64) == 0.5


def test_a_little_more_is_held_back_of_what_is_known() -> None:
    sure = np.linspace(0.0, 1.0, 101)
    dearer = _dearer(sure, 0.5)
    assert (sure >= 0.5).sum() - (sure >= dearer).sum() == round(SPENT * 100)
    assert _dearer(sure[:0], 0.5) == 0.5
