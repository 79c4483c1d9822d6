"""Values with the text of the expression that they come from, and what may be done with them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from handlers.calculator import MOST_BITS, NoNumber
from handlers.math_numbers import number_text
from handlers.math_units import Unit

_MOST_FACTORIAL = 300
_ROOT_DIGITS = 15


class NotUnderstood(Exception):
    """The text is no arithmetic."""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of the expression: its value, how it is written, how tightly it binds, its unit."""

    value: Fraction
    text: str
    tight: int
    unit: Unit | None = None
    percent: bool = False

    def within(self, least: int) -> str:
        """Its text as a part of something that binds this tightly."""
        return self.text if self.tight >= least else f"({self.text})"


SUM, PRODUCT, POWER, ATOM = 0, 1, 2, 3


def number(value: Fraction) -> Term:
    """A number alone."""
    text = number_text(value)
    if Fraction(text) != value:
        return Term(value, f"{value.numerator} / {value.denominator}", PRODUCT)
    return Term(value, text, ATOM)


def is_share(term: Term) -> bool:
    """Whether "of" behind it multiplies: 15 percent of, 3/4 of."""
    return term.percent or " / " in term.text or term.value.denominator != 1


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
        raise NoNumber("the number is too large")
    return value


def summed(left: Term, sign: str, right: Term) -> Term:
    """A sum or a difference. Raises NotUnderstood: of different units; NoNumber: too large."""
    if right.percent and not left.percent:
        # 80 plus 15 percent, as a till reckons.
        right = product(left, "*", right)
    if (left.unit is None) != (right.unit is None) or (
        left.unit and right.unit and left.unit.kind != right.unit.kind
    ):
        raise NotUnderstood
    value = left.value + right.value if sign == "+" else left.value - right.value
    text = f"{left.text} {sign} {right.within(PRODUCT if sign == '-' else SUM)}"
    unit = (
        min((left.unit, right.unit), key=lambda one: one.size) if left.unit and right.unit else None
    )
    return Term(_bounded(value), text, SUM, unit)


def product(left: Term, sign: str, right: Term) -> Term:
    """A product, quotient or remainder. Raises NotUnderstood; NoNumber: by zero, or too large."""
    if left.unit and right.unit and sign != "/":
        raise NotUnderstood
    if sign != "*" and not right.value:
        raise NoNumber("it divides by zero")
    match sign:
        case "*":
            value = left.value * right.value
        case "/":
            value = left.value / right.value
        case _:
            value = left.value % right.value
    text = f"{left.within(PRODUCT)} {sign} {right.within(POWER)}"
    unit = None if left.unit and right.unit else left.unit or right.unit
    return Term(_bounded(value), text, PRODUCT, unit)


def raised(base: Term, exponent: Term) -> Term:
    """A power. Raises NoNumber: no whole exponent, or too large."""
    size = max(base.value.numerator.bit_length(), base.value.denominator.bit_length())
    if exponent.value.denominator != 1:
        if exponent.value == Fraction(1, 2):
            return _root(base)
        raise NoNumber("only whole powers are computed")
    if base.value == 0 and exponent.value < 0:
        raise NoNumber("it divides by zero")
    if size > 1 and abs(exponent.value) * size > MOST_BITS + size:
        raise NoNumber("the number is too large")
    power = (
        int(exponent.value) if size > 1 else int(exponent.value) % 2 or (exponent.value != 0) * 2
    )
    value = _bounded(base.value**power)
    return Term(value, f"{base.within(ATOM)} ** {exponent.within(ATOM)}", POWER)


def _root(of: Term) -> Term:
    if of.value < 0:
        raise NoNumber("a negative number has no square root")
    top, bottom = math.isqrt(of.value.numerator), math.isqrt(of.value.denominator)
    value = Fraction(top, bottom)
    if value * value != of.value:
        scale = 10 ** (2 * _ROOT_DIGITS)
        value = Fraction(
            math.isqrt(of.value.numerator * scale // of.value.denominator), 10**_ROOT_DIGITS
        )
    return Term(value, f"sqrt({of.text})", ATOM)


def _cube_root(of: Term) -> Term:
    magnitude = abs(of.value)
    if magnitude.denominator != 1 or magnitude > 10**30:
        raise NoNumber("only cube roots of whole numbers are computed")
    near = round(float(magnitude) ** (1 / 3))
    exact = next((n for n in range(max(0, near - 2), near + 3) if n**3 == magnitude), None)
    value = (
        Fraction(exact)
        if exact is not None
        else Fraction(float(magnitude) ** (1 / 3)).limit_denominator(10**9)
    )
    return Term(value if of.value >= 0 else -value, f"cbrt({of.text})", ATOM)


def factorial(of: Term) -> Term:
    """Its factorial. Raises NoNumber: of no whole number, or too large."""
    if of.value.denominator != 1 or not 0 <= of.value <= _MOST_FACTORIAL:
        raise NoNumber(f"only factorials of whole numbers up to {_MOST_FACTORIAL} are computed")
    return Term(Fraction(math.factorial(int(of.value))), f"{of.within(ATOM)}!", ATOM)


def hundredfold(of: Term) -> Term:
    """A share as a percentage."""
    return product(of, "*", number(Fraction(100)))


def _total(items: list[Term]) -> Term:
    made = items[0]
    for item in items[1:]:
        made = summed(made, "+", item)
    return made


def _of_two(sign: str) -> Callable[[list[Term]], Term]:
    def fold(items: list[Term]) -> Term:
        if len(items) < 2:
            raise NotUnderstood
        made = items[0]
        for item in items[1:]:
            made = summed(made, sign, item) if sign == "-" else product(made, sign, item)
        return made

    return fold


def _difference(items: list[Term]) -> Term:
    if len(items) != 2:
        raise NotUnderstood
    large, small = sorted(items, key=lambda one: -one.value)
    return summed(large, "-", small)


FUNCTIONS: dict[str, Callable[[Term], Term]] = {
    **dict.fromkeys(("square root of", "sqrt", "√", "root of", "square root"), _root),
    "cube root of": _cube_root,
    "cube root": _cube_root,
    "square of": lambda of: raised(of, number(Fraction(2))),
    "cube of": lambda of: raised(of, number(Fraction(3))),
    "factorial of": factorial,
    "absolute value of": lambda of: Term(abs(of.value), f"abs({of.text})", ATOM, of.unit),
}
LISTS: dict[str, Callable[[list[Term]], Term]] = {
    **dict.fromkeys(("sum of", "total of", "sum"), _total),
    **dict.fromkeys(("difference between", "difference of"), _difference),
    "product of": _of_two("*"),
    "product": _of_two("*"),
    "quotient of": _of_two("/"),
    **dict.fromkeys(
        ("average of", "mean of", "average between"),
        lambda items: product(_total(items), "/", number(Fraction(len(items)))),
    ),
}
COMMANDS: tuple[tuple[str, tuple[str, ...], Callable[[Term, Term], Term]], ...] = (
    ("add", ("to", "and", "plus", "with"), lambda a, b: summed(a, "+", b)),
    ("subtract", ("from",), lambda a, b: summed(b, "-", a)),
    ("take", ("from", "away from"), lambda a, b: summed(b, "-", a)),
    ("multiply", ("by", "with", "and", "times"), lambda a, b: product(a, "*", b)),
    ("divide", ("by",), lambda a, b: product(a, "/", b)),
    ("remainder of", ("divided by", "by", "and"), lambda a, b: product(a, "%", b)),
    ("remainder when", ("is divided by",), lambda a, b: product(a, "%", b)),
    ("increase", ("by",), lambda a, b: summed(a, "+", b)),
    ("decrease", ("by",), lambda a, b: summed(a, "-", b)),
)
