"""What the math model is shown of a problem, and the expressions that it may write."""

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.math_problems import TELLERS, generated, validation
from data.math_public import held_out
from data.math_trees import Tree, from_prefix, value_of, written
from data.math_unseen import unseen
from data.math_world import World
from engine.grammar import Grammar
from handlers.calculator import NoNumber
from handlers.math_expression import grammar, shown, value
from handlers.math_lexicon import CONSTANTS, KEPT
from handlers.math_view import Unreadable, view


def test_numbers_names_and_things_become_letters_and_the_question_comes_first() -> None:
    seen = view("Lena had 26 ripe plums and gave away 9. How many plums did Lena have left?")
    assert seen.prompt == "how many c did P have left?| P had A b c and gave away B.| B < A"
    assert seen.numbers == {"A": Fraction(26), "B": Fraction(9)}
    assert seen.shown == {"A": "26", "B": "9"}


def test_a_thing_that_nobody_heard_of_is_shown_like_any_other() -> None:
    story = "{0} has 3 {1} and 4 {2}. How many {1} does {0} have?"
    known = view(story.format("Mary", "apples", "pears"))
    assert view(story.format("Xulgra", "zorbikons", "quivvles")).prompt == known.prompt


def test_other_digits_give_the_same_prompt_as_long_as_their_order_stays() -> None:
    story = "Tom has {} pens and {} cups. How many things is that?"
    assert view(story.format(2, 30)).prompt == view(story.format("1,417", "9999.5")).prompt
    assert view(story.format(2, 30)).prompt != view(story.format(30, 2)).prompt


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("He ate 2 1/2 pies and 3/4 of a cake", ["5/2", "3/4"]),
        ("She paid $1,200.50 or 20%", ["2401/2", "20"]),
        ("twenty-five cows, one hundred and two hens, two thousand ants", ["25", "102", "2000"]),
        ("two and a half hours for three quarters of it", ["5/2", "3/4"]),
        ("one of the 3rd graders has 12kg", ["12"]),
        ("\u0663 cats, \uff15 dogs and 1\u00bd fish", ["3", "5", "3/2"]),
        ("a 5-foot rope and .5 m", ["5", "1/2"]),
    ],
)
def test_numbers_are_read_in_all_their_forms(text: str, values: list[str]) -> None:
    assert list(view(text).numbers.values()) == [Fraction(one) for one in values]


def test_constants_come_from_the_words_of_the_text_alone() -> None:
    assert view("He has 3 pens.").constants == (1, 2)
    assert 7 in view("He has 3 pens for 2 weeks.").constants
    assert 12 in view("He has 3 dozen pens.").constants


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("How many apples does Tom have?", "no number"),
        ("2 + 2 = 4", "too few words"),
        ("and 5 " * 13, "more than 12 numbers"),
        ("He has " + "7" * 41 + " pens.", "more than 40 digits"),
        ("\U0001f600 !!! ???", "no number"),
    ],
)
def test_what_cannot_be_shown_says_why(text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        view(text)


@given(st.text(max_size=120))
@settings(max_examples=60)
def test_any_text_is_shown_or_refused(text: str) -> None:
    try:
        seen = view(text)
    except Unreadable:
        return
    assert 1 <= len(seen.numbers) <= 12


LETTERS = st.sampled_from("ABC")
TREES = st.recursive(
    LETTERS | st.sampled_from((2, 12, 100)),
    lambda part: st.tuples(st.sampled_from("+-*/"), part, part),
    max_leaves=5,
)
NUMBERS = {"A": Fraction(7), "B": Fraction(5, 2), "C": Fraction(30)}


@given(TREES)
@settings(max_examples=60)
def test_a_tree_is_written_as_an_expression_of_its_value(tree: Tree) -> None:
    text = written(tree)
    try:
        wanted = value_of(tree, NUMBERS)
    except ZeroDivisionError:
        with pytest.raises(NoNumber):
            value(text, NUMBERS)
        return
    assert value(text, NUMBERS) == wanted


@pytest.mark.parametrize(
    ("one", "other"),
    [("A + B", "B + A"), ("( A + B) * C", "C * ( B + A)"), ("A - B + C", "C + A - B")],
)
def test_equal_trees_are_written_in_one_way(one: str, other: str) -> None:
    assert written(_tree(one)) == written(_tree(other)) == f" {one}"


def _tree(text: str) -> Tree:
    import ast

    def walk(node: ast.expr) -> Tree:
        if isinstance(node, ast.Name):
            return node.id
        assert isinstance(node, ast.BinOp)
        sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}[type(node.op)]
        return sign, walk(node.left), walk(node.right)

    return walk(ast.parse(text.replace("( ", "("), mode="eval").body)


def _allows(found: Grammar, text: str) -> bool:
    return found.accepts(text)


def test_the_grammar_has_the_numbers_of_the_text_and_no_others() -> None:
    found = grammar("AB", (1, 2))
    assert _allows(found, " A - B")
    assert _allows(found, " ( A + B) * 2")
    assert not _allows(found, " A - C")
    assert not _allows(found, " A - 3")
    assert not _allows(found, " A -")
    assert not _allows(found, " ( A + B")


def test_an_expression_is_shown_with_its_numbers() -> None:
    assert shown(" ( A + B) * C", NUMBERS) == "(7 + 2.5) * 30"
    assert shown(" A / B", {"A": Fraction(2, 3), "B": Fraction(2)}) == "(2/3) / 2"


@pytest.mark.parametrize("teller", sorted({one for group in TELLERS for one in group}, key=str))
def test_every_story_fills_all_its_slots_and_its_answers_follow(teller: object) -> None:
    for seed in range(8):
        tale = teller(World(random.Random(seed)))  # type: ignore[operator]
        assert tale.asks
        assert not set("{}[]|") & set("".join([*tale.lines, *(q for q, _ in tale.asks)]))


def test_generated_rows_may_be_written_and_come_to_their_value() -> None:
    rng = random.Random(4)
    rows = [row for _ in range(60) for row in generated(rng)]
    assert len(rows) > 60
    for row in rows:
        seen = view(row["text"])
        assert row["prompt"] == f"{seen.prompt} ="
        assert grammar(seen.numbers, seen.constants).accepts(row["answer"])
        assert abs(value(row["answer"], seen.numbers) - Fraction(row["value"])) < Fraction(1, 1000)


def test_the_same_seed_gives_the_same_rows() -> None:
    assert list(generated(random.Random(9))) == list(generated(random.Random(9)))


def test_no_story_of_validation_is_told_in_words_of_training() -> None:
    rng = random.Random(1)
    trained = {_pattern(line) for _ in range(200) for row in generated(rng) for line in _lines(row)}
    rng = random.Random(2)
    stories = {_pattern(line) for _ in range(80) for line in unseen(rng).lines}
    assert stories
    assert not stories & trained


def _lines(row: dict[str, str]) -> list[str]:
    return row["text"].replace("?", ".").split(".")


def _pattern(line: str) -> str:
    """The kept words of a line: what is left when names, things and numbers go."""
    return " ".join(word for word in line.lower().split() if word.strip(".,") in KEPT)


def test_validation_asks_several_questions_of_one_story() -> None:
    rows = validation(60, seed=3)
    assert len(rows) == 60
    openings = [row["prompt"][:25] for row in rows]
    assert len(set(openings)) < len(openings)


def test_mawps_equations_are_read() -> None:
    assert from_prefix("/ - number0 number1 number2") == (
        "/",
        ("-", "number0", "number1"),
        "number2",
    )
    with pytest.raises(ValueError, match="no equation"):
        from_prefix("- number0")


def test_what_is_held_out_is_told_by_its_text_alone() -> None:
    assert not held_out("Tom has 3 apples.")


def test_words_that_allow_constants_are_lower_case() -> None:
    assert all(word == word.lower() and numbers for word, numbers in CONSTANTS.items())
