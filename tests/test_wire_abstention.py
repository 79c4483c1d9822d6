"""How a result says that it is an abstention: one form, which no other text is taken for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.abstention import abstaining, why_abstained
from bus_topics.messages import Outcome


def result(error: str, outcome: Outcome = Outcome.DONE) -> m.Result:
    return m.Result(task="app/t", attempt=1, outcome=outcome, result=Raw(b"{}"), error=error)


def test_it_is_one_word_and_one_number() -> None:
    assert abstaining("unclear", 0.412) == "abstained: unclear, 0.41"
    assert why_abstained(result("abstained: unclear, 0.41")) == "unclear, 0.41"


@given(st.from_regex(r"[a-z][a-z_]{0,30}", fullmatch=True), st.floats())
def test_what_is_said_is_heard_after_the_wire(reason: str, probability: float) -> None:
    said = codec.decode(codec.encode(result(abstaining(reason, probability))), m.Result)
    assert why_abstained(said).startswith(f"{reason}, ")


@pytest.mark.parametrize(
    "reason", ["", "not sure", "Unclear", "my diary", "a" * 32, "ünklar", "a\n"]
)
def test_a_reason_that_could_quote_the_content_is_refused(reason: str) -> None:
    with pytest.raises(ValueError, match="one word of at most 31 lower-case letters"):
        abstaining(reason, 0.5)


@pytest.mark.parametrize(
    "error",
    [
        "",
        "abstained",
        "abstained: unclear",
        "abstained: not sure, 0.41",
        "abstained: unclear, 0.4",
        "abstained: unclear, 1.41",
        "abstained: unclear, 0.41; my diary",
        "Abstained: unclear, 0.41",
        "abstained: unclear, 0.41\n",
        "abstained: unclear, 0.४१",
        "it was told that it abstained: unclear, 0.41",
    ],
)
def test_any_other_text_is_none(error: str) -> None:
    assert why_abstained(result(error)) == ""


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.DONE])
def test_what_did_not_end_well_is_none(outcome: Outcome) -> None:
    assert why_abstained(result("abstained: unclear, 0.41", outcome)) == ""
