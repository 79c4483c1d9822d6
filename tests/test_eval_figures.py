"""Outcomes to figures: every share by hand, and what holds for any outcomes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import figures
from evaluation.cases import NOTHING, Outcome
from evaluation.figures import OTHERS, Tally
from evaluation.picture import draw
from evaluation.report import lines


def outcome(
    answer: str, sure: float, *, acts: bool = True, silent: bool = False, scope: bool = True
) -> Outcome:
    return Outcome("case", "domain", "a", answer, answer == "a", acts, silent, sure, 0.01, scope)


FIVE = [
    outcome("a", 0.9),
    outcome("b", 0.8),
    outcome("a", 0.4),
    outcome("b", 0.2, silent=True),
    outcome("a", 0.7, acts=False, silent=True),
]


def counted(outcomes: list[Outcome], threshold: float, *, as_given: bool = False) -> Tally:
    tally = Tally(threshold, as_given)
    for one in outcomes:
        tally.add(one)
    return tally


def test_what_a_node_would_have_given_out_is_counted() -> None:
    told = counted(FIVE, 0.5).figures()
    # Given out: the first two. Held back: the third wrongly, the fourth rightly; the fifth declined.
    assert (told["n"], told["correct"], told["answered"]) == (5, 3, 2)
    assert (told["accuracy"], told["precision"], told["coverage"]) == (0.6, 0.5, 0.4)
    assert told["accuracy_without_threshold"] == 0.6
    assert told["latency_p50_ms"] == 10.0
    assert told["domains"] == {
        "domain": {"n": 5, "correct": 3, "accuracy": 0.6, "answered": 2, "precision": 0.5}
    }
    assert told["confusion"] == [
        {"wanted": "a", "given": "b", "n": 1},
        {"wanted": "a", "given": NOTHING, "n": 1},
    ]


def test_the_curve_tells_what_other_thresholds_come_to() -> None:
    curve = {p["threshold"]: p for p in counted(FIVE, 0.5).figures()["abstention_curve"]}
    assert curve[0.0] == {"threshold": 0.0, "coverage": 0.8, "precision": 0.5, "accuracy": 0.6}
    assert curve[0.85] == {"threshold": 0.85, "coverage": 0.2, "precision": 1.0, "accuracy": 0.6}
    assert curve[1.0]["precision"] is None
    at = {p["coverage"]: p for p in counted(FIVE, 0.5).figures()["precision_at_coverage"]}
    assert at[0.8] == {"coverage": 0.8, "precision": 0.5, "threshold": 0.2}
    assert 1.0 not in at  # the model itself declined once


def test_an_intent_set_counts_labels_as_they_are_and_turns_away_what_is_out_of_scope() -> None:
    outcomes = [
        outcome("a", 0.9),
        outcome("a", 0.3),
        outcome("b", 0.9, silent=True, scope=False),
        outcome("b", 0.3, silent=True, scope=False),
    ]
    told = counted(outcomes, 0.5, as_given=True).figures()
    assert told["in_scope"] == {"n": 2, "accuracy": 1.0, "accuracy_at_threshold": 0.5}
    assert told["out_of_scope"] == {"n": 2, "recall": 0.5}
    assert (told["n"], told["correct"], told["answered"], told["precision"]) == (4, 3, 2, 0.5)
    assert told["abstention_curve"][-1]["out_of_scope_recall"] == 1.0


def test_nothing_counted_is_no_division_by_zero() -> None:
    told = Tally().figures()
    assert (told["n"], told["accuracy"], told["latency_p50_ms"]) == (0, None, None)


def test_names_are_bounded_and_counts_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "KEPT", 3)
    tally = Tally()
    for number in range(10):
        tally.add(Outcome(str(number), f"d{number}", f"w{number}", "x", right=False))
    assert set(tally.domains) == {"d0", "d1", "d2", OTHERS}
    assert tally.domains[OTHERS].n == 7
    assert sum(tally.confused.values()) == 10
    assert len(tally.confused) == 4


@given(
    st.lists(
        st.builds(
            outcome,
            st.sampled_from("ab"),
            st.floats(0, 1),
            acts=st.booleans(),
            silent=st.booleans(),
            scope=st.booleans(),
        ),
        max_size=40,
    ),
    st.floats(0, 1),
)
def test_shares_are_shares_and_coverage_falls(outcomes: list[Outcome], threshold: float) -> None:
    told = counted(outcomes, threshold).figures()
    assert told["correct"] <= told["n"] == len(outcomes)
    assert told["answered"] <= told["n"]
    coverages = [p["coverage"] for p in told["abstention_curve"] if p["coverage"] is not None]
    assert coverages == sorted(coverages, reverse=True)
    assert sum(d["n"] for d in told["domains"].values()) == len(outcomes)
    for point in told["abstention_curve"]:
        assert all(v is None or (0 <= v <= 1 and math.isfinite(v)) for v in point.values())


def test_a_partial_result_says_so_first_and_is_drawn() -> None:
    told = counted(FIVE, 0.5).figures() | {
        "kind": "home", "subject": "home", "data": "x", "notes": ["n1"], "complete": False,
        "cases": 5, "cases_in_all": 9,
    }  # fmt: skip
    shown = list(lines(told))
    assert shown[0] == "PARTIAL: stopped after 5 of 9 cases"
    assert "note: n1" in shown
    assert any("60.0 %" in line and "3 of 5 cases right" in line for line in shown)
    assert draw(told, "title").startswith(b"\x89PNG")
