"""When a model is said to be worse than another, and when that may be chance."""

import pytest

from evaluation.cases import Outcome
from learning.judge import Mark, compared, fallen, marks, threshold_for


def outcome(
    *, right: bool, probability: float = 1.0, acts: bool = True, silent: bool = False
) -> Outcome:
    return Outcome("case", "all", "", "", right, acts, silent, probability)


def before_and_after(lost: int, gained: int, n: int) -> tuple[list[bool], list[bool]]:
    same = n - lost - gained
    return [True] * lost + [False] * gained + [True] * same, [False] * lost + [True] * gained + [
        True
    ] * same


@pytest.mark.parametrize(
    ("lost", "gained", "n", "fell"),
    [
        (0, 0, 1000, False),
        (5, 5, 1000, False),
        (4, 0, 1000, False),
        (5, 0, 1000, True),  # one in 32 by chance
        (15, 6, 1000, True),
        (12, 8, 1000, False),
        (30, 20, 1000, False),
        (61, 50, 1000, True),  # more than one in a hundred of all
        (60, 50, 1000, False),
        (0, 40, 1000, False),
        (3, 0, 20, False),
        (26, 20, 60, True),  # and more than five
    ],
)
def test_a_fall_is_more_than_chance_explains_or_one_in_a_hundred(
    lost: int, gained: int, n: int, *, fell: bool
) -> None:
    assert compared(*before_and_after(lost, gained, n)).fell is fell


def test_each_figure_is_looked_at() -> None:
    good = [Mark(right=True, helped=True, harmed=False, done=True)] * 100
    for bad, name in (
        (Mark(right=False, helped=True, harmed=False, done=True), "right"),
        (Mark(right=True, helped=False, harmed=False, done=True), "answered rightly"),
        (Mark(right=True, helped=True, harmed=True, done=True), "not answered wrongly"),
    ):
        _, why = fallen(good, [bad] * 10 + good[10:])
        assert why == [f"{name} fell from 100 to 90 of 100"]
        assert fallen(good, good)[1] == []


def test_a_mark_is_what_a_node_with_this_threshold_would_have_done() -> None:
    told = marks(
        [
            outcome(right=True, probability=0.9),
            outcome(right=True, probability=0.5),
            outcome(right=False, probability=0.9),
            outcome(right=False, probability=0.5, silent=True),
            outcome(right=True, acts=False, silent=True),
        ],
        0.8,
    )
    assert [(m.right, m.helped, m.harmed, m.done) for m in told] == [
        (True, True, False, True),
        (True, False, False, False),
        (False, False, True, False),
        (False, False, False, True),
        (True, False, False, True),
    ]


def test_the_threshold_lets_as_many_answers_through_as_before() -> None:
    found = [outcome(right=True, probability=p) for p in (0.99, 0.95, 0.9, 0.8)]
    silent = [outcome(right=True, probability=0.97, acts=False)]
    assert threshold_for(found + silent, 2, 0.5) == 0.925
    assert threshold_for(found, 0, 0.5) == 0.995
    assert threshold_for(found, 3, 0.87) == 0.87
    assert threshold_for(found, 4, 0.5) == 0.5
    assert threshold_for([], 1, 0.5) == 0.5
