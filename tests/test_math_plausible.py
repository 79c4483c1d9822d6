"""What the numbers say about an expression, and the training rows that teach to do without a word."""

import random
from fractions import Fraction

import pytest

from data.math_frames import frame
from data.math_problems import estranged, generated
from data.math_trees import value_of
from data.math_world import World
from handlers.math_lexicon import KEPT, TOLD
from handlers.math_plausible import plausibility
from handlers.math_search import Found, _ranked
from handlers.math_view import view


def numbers(*values: int | str) -> dict[str, Fraction]:
    return {letter: Fraction(value) for letter, value in zip("ABCD", values, strict=False)}


def test_a_division_without_rest_is_likelier_than_one_with() -> None:
    assert plausibility(" A / B", numbers(42, 6)) > 1
    assert plausibility(" A / B", numbers(42, 5)) == 1


def test_a_product_of_two_large_numbers_is_hardly_meant() -> None:
    small, middle, large = (plausibility(" A * B", numbers(90, n)) for n in (5, 18, 88))
    assert small > 1 > middle > large > 0


@pytest.mark.parametrize(
    "expression", [" A + B", " A - B", " A - B + C", " A + A", " A * 60", " A / 100"]
)
def test_sums_and_constants_are_neither_likelier_nor_less_likely(expression: str) -> None:
    assert plausibility(expression, numbers(600, 77, 3)) == 1


def test_a_number_of_the_text_is_hardly_its_answer() -> None:
    assert plausibility(" A", numbers(5)) < 1


def test_parts_of_an_expression_are_weighed_too() -> None:
    assert plausibility(" ( A + B) / C", numbers(20, 16, 9)) > 1
    assert plausibility(" ( A - B) * C", numbers(95, 4, 80)) < 1
    assert plausibility(" A // B + A % B", numbers(20, 16)) == 1


def test_what_the_numbers_say_decides_between_expressions_that_the_model_likes_alike() -> None:
    told = [(" A - B", -0.7), (" A / B", -0.7)]
    assert _best(told, "90 pens are here. 9 pens go. How many pens?") == Fraction(10)
    assert _best(told, "90 pens are here. 7 pens go. How many pens?") == Fraction(83)


def test_probabilities_stay_below_one_and_leave_room_for_what_was_not_looked_at() -> None:
    seen = view("90 pens are here. 9 pens go. How many pens?")
    found = _ranked([(" A / B", -1.0), (" A - B", -2.0)], seen)
    assert 0 < sum(one.probability for one in found) < 1


def _best(told: list[tuple[str, float]], text: str) -> Fraction:
    found: list[Found] = _ranked(told, view(text))
    return found[0].value


def test_unknown_words_take_the_place_of_telling_ones_and_of_no_others() -> None:
    rng = random.Random(3)
    rows = [row for _ in range(60) for row in generated(rng)]
    changed = 0
    for row in rows:
        before, after = row["prompt"].split(), estranged(row, rng)["prompt"].split()
        assert len(before) == len(after)
        for old, new in zip(before, after, strict=True):
            if old != new:
                changed += 1
                assert old.strip(".,?|:;)") in TOLD
                assert new.strip(".,?|:;)") not in KEPT
    assert changed > 10
    assert TOLD < KEPT


def test_a_frame_asks_for_what_its_own_sentences_tell() -> None:
    for seed in range(60):
        tale = frame(World(random.Random(seed)))
        assert tale.asks
        for _, tree in tale.asks:
            values = {name: Fraction(number) for name, number in tale.values.items()}
            assert value_of(tree, values) is not None
