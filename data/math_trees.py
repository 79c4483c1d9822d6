"""Expressions as trees, written in one way: equal ones come out as the same text.

A tree is a letter, a whole number, or ``(operator, left, right)``. A model that must learn one of
many ways to write the same sum learns it sooner.
"""

import ast
from collections.abc import Iterator
from fractions import Fraction

Tree = str | int | tuple[str, "Tree", "Tree"]

_PARTS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def written(tree: Tree) -> str:
    """A tree as the model writes it: letters in order, the fewest brackets, a space before each part."""
    text, _ = _written(tree)
    return text


def value_of(tree: Tree, values: dict[str, Fraction]) -> Fraction:
    """What a tree comes to. Raises ZeroDivisionError."""
    match tree:
        case str():
            return values[tree]
        case int():
            return Fraction(tree)
        case (operator, left, right):
            one, other = value_of(left, values), value_of(right, values)
            match operator:
                case "+":
                    return one + other
                case "-":
                    return one - other
                case "*":
                    return one * other
                case "/":
                    return one / other
                case "//":
                    return Fraction(one // other)
                case "%":
                    return one % other
    raise ValueError(f"no tree: {tree!r}")


def renamed(tree: Tree, names: dict[str, str]) -> Tree:
    """A tree with other letters."""
    match tree:
        case str():
            return names[tree]
        case (operator, left, right):
            return operator, renamed(left, names), renamed(right, names)
    return tree


def leaves(tree: Tree) -> Iterator[str | int]:
    """The letters and numbers of a tree."""
    if isinstance(tree, tuple):
        yield from leaves(tree[1])
        yield from leaves(tree[2])
    else:
        yield tree


def from_prefix(equation: str) -> Tree:
    """MAWPS's form: ``- number0 number1``. Raises ValueError."""
    parts = iter(equation.split())

    def read() -> Tree:
        part = next(parts, "")
        if part in ("+", "-", "*", "/"):
            return part, read(), read()
        if part.startswith("number"):
            return part
        if not part or float(part) % 1:
            raise ValueError(f"no equation: {equation!r}")
        return int(float(part))

    return read()


def from_text(text: str) -> ast.expr:
    """An expression of digits, as Python reads it. Raises ValueError."""
    try:
        return ast.parse(text.replace(",", "").replace("$", "").strip(), mode="eval").body
    except (SyntaxError, ValueError) as fault:
        raise ValueError(f"no expression: {text!r}") from fault


def operator_of(node: ast.BinOp) -> str:
    """Its sign. Raises ValueError where it is none of the four."""
    found = _PARTS.get(type(node.op))
    if found is None:
        raise ValueError("not one of + - * /")
    return found


_SUM, _PRODUCT, _ATOM = 0, 1, 2


def _written(tree: Tree) -> tuple[str, int]:
    """The text, and how tightly its outermost part binds."""
    match tree:
        case str() | int():
            return f" {tree}", _ATOM
        case ("+" | "-", _, _):
            terms = sorted(_terms(tree, 1), key=lambda term: _key(term[1]))
            first = next((at for at, term in enumerate(terms) if term[0] > 0), 0)
            terms.insert(0, terms.pop(first))
            parts = [_bracketed(term, _PRODUCT) for _, term in terms]
            signs = [" +" if sign > 0 else " -" for sign, _ in terms]
            return parts[0] + "".join(
                s + p for s, p in zip(signs[1:], parts[1:], strict=True)
            ), _SUM
        case ("*" | "/", _, _):
            factors = list(_factors(tree, 1))
            above = sorted((f for sign, f in factors if sign > 0), key=_key)
            below = sorted((f for sign, f in factors if sign < 0), key=_key)
            above = [f for f in above if f != 1] or [1]
            text = " *".join(_bracketed(f, _ATOM) for f in above)
            text += "".join(" /" + _bracketed(f, _ATOM) for f in below if f != 1)
            return text, _PRODUCT if len(above) + len(below) > 1 else _written(above[0])[1]
        case (operator, left, right):
            return f"{_bracketed(left, _ATOM)} {operator}{_bracketed(right, _ATOM)}", _PRODUCT
    raise ValueError(f"no tree: {tree!r}")


def _bracketed(tree: Tree, least: int) -> str:
    text, tight = _written(tree)
    return text if tight >= least else f" ({text})"


def _terms(tree: Tree, sign: int) -> Iterator[tuple[int, Tree]]:
    match tree:
        case ("+", left, right):
            yield from _terms(left, sign)
            yield from _terms(right, sign)
        case ("-", left, right):
            yield from _terms(left, sign)
            yield from _terms(right, -sign)
        case _:
            yield sign, tree


def _factors(tree: Tree, sign: int) -> Iterator[tuple[int, Tree]]:
    match tree:
        case ("*", left, right):
            yield from _factors(left, sign)
            yield from _factors(right, sign)
        case ("/", left, right):
            yield from _factors(left, sign)
            yield from _factors(right, -sign)
        case _:
            yield sign, tree


def _key(tree: Tree) -> tuple[int, str]:
    """Letters first in their order, what begins with a constant last."""
    names = [leaf for leaf in leaves(tree) if isinstance(leaf, str)]
    return (0, min(names)) if names else (1, written(tree))
