"""What the numbers themselves say about an expression: the model sees letters, and their order of size alone.

In problems that people write a division comes out whole nine times in ten, two numbers picked at random hardly
ever do; what is multiplied has a small factor, what is added or subtracted need not. The shares are
those of the training part of MAWPS (``python -m data.math_sizes``), as likelihood ratios against sums and
differences.
"""

import ast
from fractions import Fraction

_TOLD = 0.1
"""For a number that the text itself tells: that is hardly ever asked."""

_WHOLE = ((2, 2.0), (20, 5.0))
"""Greatest divisor -> ratio of a division that comes out whole; above the last ``_LARGE_WHOLE``."""

_LARGE_WHOLE = 2.0
_FACTOR = ((12, 1.5), (20, 0.6), (40, 0.25))
"""Greatest smaller factor -> ratio of a product; above the last ``_LARGE_FACTOR``."""

_LARGE_FACTOR = 0.08


def plausibility(expression: str, numbers: dict[str, Fraction]) -> float:
    """How much likelier an expression is than its letters alone tell; its divisors are not nought."""
    tree = ast.parse(expression.strip(), mode="eval").body
    if isinstance(tree, ast.Name):
        return _TOLD
    return _weighed(tree, numbers)[1]


def _weighed(node: ast.expr, numbers: dict[str, Fraction]) -> tuple[Fraction, float]:
    """Value and ratio of a part."""
    match node:
        case ast.Name(id=letter):
            return numbers[letter], 1.0
        case ast.Constant(value=int(digits)):
            return Fraction(digits), 1.0
        case ast.BinOp(left=left, op=operator, right=right):
            (a, first), (b, second) = _weighed(left, numbers), _weighed(right, numbers)
            constant = isinstance(left, ast.Constant) or isinstance(right, ast.Constant)
            ratio = first * second
            match operator:
                case ast.Add():
                    return a + b, ratio
                case ast.Sub():
                    return a - b, ratio
                case ast.Mult():
                    return a * b, ratio * (1.0 if constant else _of_product(min(a, b)))
                case ast.Div():
                    return a / b, ratio * (1.0 if constant else _of_division(a / b, b))
                case ast.FloorDiv():
                    return Fraction(a // b), ratio
                case ast.Mod():
                    return a % b, ratio
    raise ValueError(f"{ast.dump(node)} is no part of an expression")


def _of_product(smaller: Fraction) -> float:
    return next((ratio for most, ratio in _FACTOR if smaller <= most), _LARGE_FACTOR)


def _of_division(result: Fraction, divisor: Fraction) -> float:
    if result.denominator != 1 or result == 1:
        return 1.0
    return next((ratio for most, ratio in _WHOLE if divisor <= most), _LARGE_WHOLE)
