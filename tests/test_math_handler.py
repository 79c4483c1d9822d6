"""The shipped math model: answers, abstentions with their reasons, and what hostile texts come to."""

import json
import shutil
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import measure_math
from data.math_problems import validation
from engine.model_use import Calibration, read_calibration
from evaluation import command
from handlers.calculator import answer_value, equal, evaluate
from handlers.math_search import MOST_LOOKS, Search
from handlers.math_view import View, view
from handlers.math_word_problems import MOST_CHARACTERS, WordProblems, solve, solver
from handlers.protocol import BadInput, Cancelled, HandlerError, Usage

MODELS = Path(__file__).resolve().parent.parent / "models"


class Recorder:
    def __init__(self, stop_after: int = 10**9) -> None:
        self.max_tokens = 64
        self.usage = Usage()
        self.abstained: tuple[str, float] | None = None
        self.asked, self.stop_after = 0, stop_after

    def emit(self, text: str) -> None: ...

    def cancelled(self) -> bool:
        self.asked += 1
        return self.asked > self.stop_after

    def progress(self, fraction: float) -> None: ...

    def abstain(self, reason: str, probability: float) -> None:
        self.abstained = (reason, probability)


@cache
def handler() -> WordProblems:
    made = WordProblems(MODELS)
    made.load()
    return made


@cache
def search() -> Search:
    return solver(MODELS / "math")[0]


def ask(text: str, call: Recorder | None = None) -> Any:
    return json.loads(handler().run(json.dumps(text).encode(), call or Recorder()))


PROBLEMS = [
    ("Tom had 14 marbles. He lost 5 of them. How many marbles does Tom have left?", 9),
    ("Anna has 7 stickers and Ben has 12 stickers. How many stickers do they have in all?", 19),
    (
        "Anna has 7 stickers and Ben has 12 stickers. How many more stickers does Ben have than Anna?",
        5,
    ),
    ("There are 6 boxes. Each box has 8 pens. How many pens are there in all?", 48),
    ("Lena shared 24 plums equally among 4 friends. How many plums did each friend get?", 6),
    ("A pen costs $3. How much do 5 pens cost?", 15),
    ("Kim had 20 dollars. She bought 3 books for 4 dollars each. How much money is left?", 8),
]


@pytest.mark.parametrize(("text", "answer"), PROBLEMS)
def test_everyday_problems_are_answered(text: str, answer: int) -> None:
    found = solve(text, search(), Calibration(threshold=0.0), Recorder())
    assert found.answer == str(answer), found
    assert evaluate(found.expression) == answer
    assert 0 < found.probability <= 1


def test_other_numbers_and_other_things_give_the_same_expression() -> None:
    story = "{0} had {1} {2}. He sold {3} of them. How many {2} does he have left?"
    for name, many, thing, few in (("Tom", 90, "hens", 12), ("Zirkulon", 1234, "quivvles", 77)):
        found = solve(story.format(name, many, thing, few), search(), Calibration(), Recorder())
        assert found.expression == f"{many} - {few}"


def test_a_good_part_of_the_problems_told_in_unseen_words_is_right() -> None:
    rows = validation(60, seed=20)
    right = 0
    for row in rows:
        found = solve(row["prompt"], search(), Calibration(threshold=0.0), Recorder())
        right += not found.abstained and equal(answer_value(found.answer), Fraction(row["answer"]))
    assert right >= LEAST_RIGHT * len(rows)


LEAST_RIGHT = 0.2
"""Of words that training never used; a guess of two numbers and a sign is right in one of twenty."""


def test_a_sum_needs_no_model() -> None:
    call = Recorder()
    found = ask("what is 17 times 23", call)
    assert found == {
        "answer": "391", "expression": "17 * 23", "probability": 1.0, "abstained": False, "reason": "",
    }  # fmt: skip
    assert call.usage == Usage()
    assert call.abstained is None


def test_a_problem_is_charged_to_its_call() -> None:
    call = Recorder()
    ask(PROBLEMS[0][0], call)
    assert call.usage.prefill_tokens > 10
    assert call.usage.decode_tokens > 0
    assert min(call.usage.prefill_s, call.usage.decode_s) > 0


@pytest.mark.parametrize(
    ("text", "word", "why"),
    [
        ("How many apples does Tom have?", "unreadable", "no number"),
        ("turn on the lights", "unreadable", "no number"),
        ("1/0", "impossible", "divides by zero"),
        ("9^9^9", "impossible", "too large"),
        ("There are 5 " * 13, "unreadable", "more than 12 numbers"),
        ("9" * 4000, "impossible", "40 digits"),
        ("2+2=4", "unreadable", "too few words"),
    ],
)
def test_what_has_no_answer_abstains_with_a_reason(text: str, word: str, why: str) -> None:
    call = Recorder()
    found = ask(text, call)
    assert found["abstained"]
    assert not found["answer"]
    assert why in found["reason"]
    assert call.abstained == (word, 0.0)


def test_below_the_threshold_the_answer_is_held_back_and_the_guess_shown() -> None:
    call = Recorder()
    found = solve(PROBLEMS[0][0], search(), Calibration(threshold=1.0), call)
    assert found.abstained
    assert not found.answer
    assert found.expression == "14 - 5"
    assert "not sure enough" in found.reason
    assert call.abstained == ("unsure", found.probability)


def test_a_higher_temperature_makes_less_sure_answers_of_the_same_number() -> None:
    cold, warm = (
        solve(PROBLEMS[6][0], search(), Calibration(temperature=at), Recorder())
        for at in (1.0, 0.5)
    )
    assert (cold.answer, cold.expression) == (warm.answer, warm.expression)
    assert warm.probability == pytest.approx(cold.probability**2)


def test_what_is_no_sensible_answer_is_passed_over() -> None:
    seen = view(PROBLEMS[2][0])
    for one in search().answers(seen, Recorder()):
        assert one.value >= 0
    nothing = View(seen.prompt, {"A": Fraction(0)}, {"A": "0"}, (1,))
    assert all(one.expression.count("/ A") == 0 for one in search().answers(nothing, Recorder()))


def test_probabilities_of_different_numbers_add_up_to_no_more_than_one() -> None:
    found = search().answers(view(PROBLEMS[6][0]), Recorder())
    assert len({one.value for one in found}) == len(found)
    assert sum(one.probability for one in found) <= 1 + 1e-9
    assert [one.probability for one in found] == sorted(
        (one.probability for one in found), reverse=True
    )


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_no_expression_is_longer_than_the_call_allows(most: int) -> None:
    call = Recorder()
    call.max_tokens = most
    written = search().expressions(view(PROBLEMS[6][0]), call)
    ids = search()._forge.tokenizer.encode_many([text for text, _ in written])
    assert all(len(one) <= most for one in ids)
    assert bool(written) == (most > 0)


def test_a_call_is_left_within_one_look() -> None:
    call = Recorder(stop_after=2)
    with pytest.raises(Cancelled):
        ask(PROBLEMS[0][0], call)
    assert call.asked == 3


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3000,
        "5 " * 12,
        "one two three " * 200,
        "He has \u0667\u0668 cats and \U0001d7d8 dogs. How many?",
        "5 x 5 x",
        "\u200b\u202e5 apples \x00 7",
        "If " + "a b c d " * 30 + "5?",
    ],
)
def test_hostile_texts_are_answered_or_refused_within_bounds(text: str) -> None:
    call = Recorder()
    try:
        found = ask(text, call)
    except BadInput:
        return
    assert found["abstained"] or found["answer"]
    assert call.asked <= MOST_LOOKS * 30


@pytest.mark.parametrize(
    "content", [{"text": ""}, {"text": "x" * (MOST_CHARACTERS + 1)}, {"txt": "1"}]
)
def test_content_of_another_form_is_bad_input(content: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        handler().run(json.dumps(content).encode(), Recorder())


def test_a_text_longer_than_the_context_is_bad_input() -> None:
    with pytest.raises(BadInput, match="context"):
        ask("word " * 700 + "5")


@given(st.text(max_size=40))
@settings(max_examples=15, deadline=None)
def test_any_text_has_a_result(text: str) -> None:
    if not text:
        return
    try:
        found = ask(text)
    except HandlerError:
        return
    assert found["abstained"] == (not found["answer"])
    assert found["abstained"] == bool(found["reason"])


def test_the_evaluation_asks_the_handler_as_a_node_does(tmp_path: Path) -> None:
    data = tmp_path / "problems.json"
    rows = [
        {"ID": "own-1", "Type": "Subtraction", "Body": "Tom had 14 marbles and lost 5 of them",
         "Question": "How many marbles does Tom have left?", "Answer": 9.0},
        {"ID": "own-2", "Type": "Sum", "Body": "There are 6 boxes. Each box has 8 pens.",
         "Question": "How many pens are there in all?", "Answer": 48},
    ]  # fmt: skip
    data.write_text(json.dumps(rows), "utf-8")
    told = command.evaluate(command.Order("math", data, MODELS, threshold=0.0), lambda *_: None)
    assert (told["n"], told["correct"], told["subject"]) == (2, 2, "math")


def test_the_shipped_calibration_holds_something_back() -> None:
    assert read_calibration(MODELS / "math").threshold > 0


def test_a_model_fresh_from_export_can_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(MODELS / "tokenizer.json", tmp_path)
    shutil.copytree(MODELS / "math", tmp_path / "math")
    (tmp_path / "math" / "calibration.json").unlink()
    problems = tmp_path / "problems.jsonl"
    problems.write_text(json.dumps({"prompt": PROBLEMS[0][0], "answer": "9"}) + "\n", "utf-8")
    monkeypatch.setattr(
        "sys.argv", ["measure_math", str(tmp_path / "math"), "--data", str(problems)]
    )
    measure_math.main()
    assert json.loads(capsys.readouterr().out.partition(" ")[2])["accuracy"] == 1.0
    assert read_calibration(tmp_path / "math") == Calibration()
