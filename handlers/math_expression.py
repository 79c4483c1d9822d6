"""The expression that the math model writes: its grammar, its value, and how it is shown.

Letters are numbers of the text, digits are constants that the text allows
(:class:`handlers.math_view.View`); every token begins with a space, so that a letter is the same
token wherever it stands::

     A - B
     ( A + B) * C
     A * B / 100
"""

import re
from collections.abc import Iterable
from fractions import Fraction

from engine.grammar import Grammar, choice, literal, repeat, sequence, shared
from engine.grammar import either as one_of
from handlers.calculator import evaluate
from handlers.math_numbers import number_text

_DEPTH = 2
_MOST_TERMS, _MOST_FACTORS = 6, 4
_NAME = re.compile(r"[A-Z]")


def grammar(letters: Iterable[str], constants: Iterable[int]) -> Grammar:
    """Every expression over these letters and constants, brackets two deep."""
    inner = choice([f" {one}" for one in (*letters, *constants)])
    for depth in range(_DEPTH + 1):
        factor = (
            shared(one_of(inner, sequence(literal(" ("), inner, literal(")")))) if depth else inner
        )
        product = _chain(factor, (" *", " /", " //", " %"), _MOST_FACTORS)
        inner = shared(_chain(product, (" +", " -"), _MOST_TERMS))
    return inner


def value(expression: str, numbers: dict[str, Fraction]) -> Fraction:
    """What an expression comes to.

    Raises:
        NoNumber: it divides by zero, or is larger than any problem's answer.
    """
    return evaluate(_NAME.sub(lambda match: _digits(numbers[match[0]]), expression))


def shown(expression: str, numbers: dict[str, Fraction]) -> str:
    """An expression with its numbers in the places of the letters."""
    filled = _NAME.sub(lambda match: _digits(numbers[match[0]]), expression)
    return filled.strip().replace("( ", "(")


def _chain(part: Grammar, operators: tuple[str, ...], most: int) -> Grammar:
    return sequence(part, repeat(sequence(choice(operators), part), 0, most - 1))


def _digits(number: Fraction) -> str:
    text = number_text(number)
    return text if Fraction(text) == number else f"({number.numerator}/{number.denominator})"
