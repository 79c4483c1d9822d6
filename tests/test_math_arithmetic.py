"""Plain arithmetic: what is read, what it comes to, and what is left to others."""

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.calculator import NoNumber, evaluate
from handlers.math_arithmetic import arithmetic
from handlers.math_numbers import number_text, tokens


def result(text: str) -> str:
    found = arithmetic(text)
    assert found is not None, f"not understood: {text}"
    return found.answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("what is 17 times 23", "391"),
        ("What's 12 divided by 5?", "2.4"),
        ("15% of 80", "12"),
        ("how much is 20% of $50?", "10 dollars"),
        ("20 percent off 50", "40"),
        ("80 plus 15 percent", "92"),
        ("what percent of 80 is 12", "15"),
        ("12 is what percent of 80?", "15"),
        ("3/4 of 200", "150"),
        ("three quarters of 200", "150"),
        ("half of 90 plus 7", "52"),
        ("a third of 90", "30"),
        ("twice 15", "30"),
        ("(2+3)*4", "20"),
        ("3(4+5)", "27"),
        ("3 + 4 * 2 =", "11"),
        ("10 / 4 / 2", "1.25"),
        ("2 1/2 + 1/4", "2.75"),
        ("-3 - -4", "1"),
        ("-2^2", "-4"),
        ("2**3**2", "512"),
        ("two to the power of ten", "1024"),
        ("10 to the 3rd power", "1000"),
        ("square root of 144", "12"),
        ("sqrt(2)", "1.414214"),
        ("cube root of 27", "3"),
        ("7 squared plus one", "50"),
        ("5 factorial", "120"),
        ("4!", "24"),
        ("what is 5 times 5 please!", "25"),
        ("5 apples plus 3 apples", "8"),
        ("two dozen plus three", "27"),
        ("Hey Forgebus, what is 6 times 7?", "42"),
        ("3 to the fourth power", "81"),
        ("17 mod 5", "2"),
        ("what is the remainder when 17 is divided by 5?", "2"),
        ("add 5 and 7", "12"),
        ("subtract 5 from 12", "7"),
        ("multiply 6 by 7", "42"),
        ("divide 20 by 4 please", "5"),
        ("the sum of 3, 4 and 5", "12"),
        ("the average of 10, 20 and 30", "20"),
        ("the difference between 5 and 12", "7"),
        ("what is 3 more than 5", "8"),
        ("what is 5 less than 12", "7"),
        ("how many times does 4 go into 20", "5"),
        ("twenty-five times four", "100"),
        ("one hundred and twenty plus five", "125"),
        ("what is 1,200 minus 350?", "850"),
        ("0.1 + 0.2", "0.3"),
        ("how many minutes are in 3 hours", "180"),
        ("how many seconds in an hour?", "3600"),
        ("convert 5 km to meters", "5000"),
        ("2 hours 30 minutes plus 45 minutes", "3 hours 15 minutes"),
        ("3 dollars and 25 cents plus 80 cents", "4.05 dollars"),
        ("$5 plus $3.50", "8.50 dollars"),
        ("how much is 3 dozen", "36"),
        ("\u0663 + \u0664", "7"),
        ("\uff15\u00d7\uff16", "30"),
        ("\u00bd of 10", "5"),
    ],
)
def test_arithmetic_is_read_and_computed(text: str, answer: str) -> None:
    assert result(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "turn on the lights in 5 minutes",
        "Tom has 3 apples and eats 1. How many are left?",
        "is 5 bigger than 3",
        "2 plus",
        "3 and 4",
        "set the lamp to 50 percent",
        "2 hours plus 3 dollars",
        "play 99 red balloons",
        "(2 + 3",
        "",
        "?",
    ],
)
def test_what_is_no_arithmetic_is_left_to_others(text: str) -> None:
    assert arithmetic(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1/0", "divides by zero"),
        ("5 mod 0", "divides by zero"),
        ("0 ** -1", "divides by zero"),
        ("9^9^9", "too large"),
        ("10 ^ 999999999999", "too large"),
        ("2 ^ 0.3", "whole powers"),
        ("square root of -4", "negative"),
        ("99999 factorial", "factorials"),
        ("9" * 3000, "more than 40 digits"),
        ("3 hours in meters", "cannot be told"),
        ("(" * 60 + "1" + ")" * 60, "nested"),
        ("-" * 300 + "1", "nested"),
    ],
)
def test_what_has_no_result_says_why(text: str, why: str) -> None:
    with pytest.raises(NoNumber, match=why):
        arithmetic(text)


@pytest.mark.parametrize(
    "text",
    [
        "1 + " * 3000,
        "(" * 4000,
        "1" * 4000,
        "\u0663" * 4000,
        "half of " * 500,
        "2 ^ " * 900,
        "and " * 1000,
    ],
)
def test_hostile_texts_end_in_bounded_time_and_without_a_crash(text: str) -> None:
    with suppress(NoNumber):
        assert arithmetic(text) is None


EXPRESSIONS = st.recursive(
    st.integers(0, 10**6).map(str) | st.decimals(0, 1000, places=2).map(str),
    lambda part: st.builds(
        lambda a, sign, b, brackets: f"({a} {sign} {b})" if brackets else f"{a} {sign} {b}",
        part,
        st.sampled_from("+-*/"),
        part,
        st.booleans(),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_signs_mean_what_they_mean_to_the_calculator(expression: str) -> None:
    try:
        wanted = evaluate(expression)
    except NoNumber:
        with pytest.raises(NoNumber):
            arithmetic(expression)
        return
    found = arithmetic(expression)
    assert found is not None
    assert found.answer == number_text(wanted)
    # What is shown comes to the same number.
    assert evaluate(found.expression) == wanted


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = arithmetic(text)
    except NoNumber:
        return
    assert found is None or found.answer


@given(st.integers(0, 999_999))
def test_numbers_in_words_are_the_same_numbers(value: int) -> None:
    (one,) = (
        (t for t in tokens(f"{in_words(value)} or") if t.value is not None)
        if value != 1
        else (tokens("1")[0],)
    )
    assert one.value == value


def in_words(value: int) -> str:
    ones = (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen"
    ).split()
    tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()
    if value < 20:
        return ones[value]
    if value < 100:
        return tens[value // 10 - 2] + (f"-{ones[value % 10]}" if value % 10 else "")
    if value < 1000:
        rest = f" and {in_words(value % 100)}" if value % 100 else ""
        return f"{ones[value // 100]} hundred{rest}"
    rest = f" {in_words(value % 1000)}" if value % 1000 else ""
    return f"{in_words(value // 1000)} thousand{rest}"


@given(st.fractions(min_value=-(10**6), max_value=10**6))
def test_a_number_is_shown_as_near_as_six_places_come(value: Fraction) -> None:
    assert abs(Fraction(number_text(value)) - value) <= Fraction(1, 10**6)
