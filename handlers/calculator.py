"""Arithmetic of an expression, exactly: what a math model leaves to be computed.

Numbers, + - * / // % **, parentheses, and % behind a number for hundredths. Nothing else is
evaluated: the text is parsed, never run.
"""

import ast
import re
from collections.abc import Callable
from fractions import Fraction

MOST_CHARACTERS = 500
_MOST_POWER = 64
MOST_BITS = 4096
_DEPTH = 60


class NoNumber(ValueError):
    """There is no number, or no expression that comes to one."""


def evaluate(expression: str) -> Fraction:
    """What an expression comes to.

    Raises:
        NoNumber: it is none, divides by zero, or is larger than any problem's answer.
    """
    text = expression.strip()
    if not text or len(text) > MOST_CHARACTERS:
        raise NoNumber("an expression has 1 to 500 characters")
    text = (
        text.replace("\u00d7", "*").replace("\u00f7", "/").replace("\u2212", "-").replace("^", "**")
    )
    text = re.sub(r"[$\u20ac\u00a3]", "", text)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"(\d+(?:\.\d+)?)\s*%(?!\s*[\d.(])", r"(\1/100)", text)
    try:
        return _value(ast.parse(text, mode="eval").body, 0)
    except (SyntaxError, RecursionError, MemoryError, OverflowError, ZeroDivisionError) as fault:
        raise NoNumber(f"{text[:60]!r} cannot be computed") from fault
    except ValueError as fault:
        raise NoNumber(str(fault)) from fault


def answer_value(text: str) -> Fraction:
    """The number that an answer ends in.

    That behind `####` (GSM8K's form) where there is one; else the answer as an expression, its part
    before a last `=` where it has one; else what its last line has behind the last `=`; else the
    last number in it.

    Raises:
        NoNumber: it has none.
    """
    _, marked, behind = text.rpartition("####")
    if marked:
        return evaluate(behind.strip().splitlines()[0] if behind.strip() else "")
    stripped = text.strip()
    for candidate in (stripped, stripped.partition("=")[0]):
        try:
            return evaluate(candidate)
        except NoNumber:
            continue
    last = stripped.splitlines()[-1] if stripped else ""
    if "=" in last:
        try:
            return evaluate(last.rpartition("=")[2].strip(" .!"))
        except NoNumber:
            pass
    numbers = re.findall(r"-?\d[\d,]*(?:\.\d+)?", text)
    if not numbers:
        raise NoNumber("the answer has no number")
    return evaluate(numbers[-1].replace(",", ""))


def equal(one: Fraction, other: Fraction) -> bool:
    """Whether two numbers are the same answer: to a hundred-thousandth of the larger."""
    return abs(one - other) <= Fraction(1, 100_000) * max(abs(one), abs(other), Fraction(1))


_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: lambda a, b: a % b,
}


def _value(node: ast.expr, depth: int) -> Fraction:
    if depth > _DEPTH:
        raise NoNumber("the expression is nested too deeply")
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            found = Fraction(str(number))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            found = _value(operand, depth + 1)
            found = -found if isinstance(sign, ast.USub) else found
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            found = _power(_value(left, depth + 1), _value(right, depth + 1))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
            found = _BINARY[type(operator)](_value(left, depth + 1), _value(right, depth + 1))
        case _:
            raise NoNumber("only numbers, + - * / // % ** and parentheses are computed")
    if max(found.numerator.bit_length(), found.denominator.bit_length()) > MOST_BITS:
        raise NoNumber("the number is too large")
    return found


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > _MOST_POWER:
        raise NoNumber(f"only whole powers up to {_MOST_POWER} are computed")
    result: Fraction = base ** int(exponent)
    return result
