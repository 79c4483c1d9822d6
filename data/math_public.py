"""MAWPS and GSM8K as rows of the math model: their equations over the letters of the text.

A fifth of each is held out; ``held_out/math.txt`` has the CRC-32 of each of those texts. It was drawn by
how they read without names, things and numbers, so that problems that differ in these alone stay
together.
"""

import ast
import contextlib
import csv
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

from data.math_trees import (
    Tree,
    from_prefix,
    from_text,
    leaves,
    operator_of,
    renamed,
    value_of,
    written,
)
from handlers.calculator import NoNumber, answer_value, equal
from handlers.math_view import Unreadable, View, view

MOST_STEPS = 7
_FIRST = 9_100_001
_HELD_OUT = Path(__file__).parent / "held_out" / "math.txt"


@dataclass(frozen=True, slots=True)
class Public:
    """A problem of a public set; ``tree`` is None where its steps could not be followed."""

    text: str
    tree: Tree | None
    answer: Fraction
    held_out: bool


def read_mawps(file: Path) -> Iterator[Public]:
    """MAWPS's csv: every problem with its equation."""
    with file.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            numbers = row["Numbers"].split()
            text = _filled(row["Question"], [one.removesuffix(".0") for one in numbers])
            marks = [str(_FIRST + n) for n in range(len(numbers))]
            try:
                seen = view(_filled(row["Question"], marks))
                letters = {v: k for k, v in seen.shown.items()}
                names = {f"number{n}": letters[mark] for n, mark in enumerate(marks)}
                real = view(text)
                values = {n: real.numbers[names[n]] for n in names}
                tree: Tree | None = renamed(_each_once(from_prefix(row["Equation"]), values), names)
            except (Unreadable, ValueError, KeyError):
                tree = None
            answer = Fraction(row["Answer"]).limit_denominator(10**6)
            yield Public(text, _checked(tree, text, answer), answer, held_out(text))


def read_gsm8k(file: Path) -> Iterator[Public]:
    """GSM8K's lines: those whose notes chain from the numbers of the text to the answer have a tree."""
    for line in file.read_text("utf-8").splitlines():
        row = json.loads(line)
        text, answer = row["question"], answer_value(row["answer"])
        tree = None
        with contextlib.suppress(Unreadable, ValueError, ZeroDivisionError, NoNumber):
            tree = _chained(view(text), re.findall(r"<<(.*?)>>", row["answer"]), answer)
        yield Public(text, _checked(tree, text, answer), answer, held_out(text))


def held_out(text: str) -> bool:
    """Whether a problem belongs to the fifth that is never trained on."""
    return f"{zlib.crc32(text.encode()):08x}" in _held_out()


@cache
def _held_out() -> frozenset[str]:
    return frozenset(_HELD_OUT.read_text("ascii").split())


def _filled(text: str, numbers: list[str]) -> str:
    for place in reversed(range(len(numbers))):
        text = text.replace(f"number{place}", numbers[place])
    return text


def _each_once(tree: Tree, values: dict[str, Fraction]) -> Tree:
    """Of equal numbers MAWPS's equations name the first again; here each is named in its turn."""
    used: set[str] = set()

    def walk(one: Tree) -> Tree:
        match one:
            case str():
                same = [n for n in values if values[n] == values[one] and n not in used]
                chosen = one if one not in used or not same else same[0]
                used.add(chosen)
                return chosen
            case (operator, left, right):
                return operator, walk(left), walk(right)
        return one

    return walk(tree)


def _checked(tree: Tree | None, text: str, answer: Fraction) -> Tree | None:
    """The tree, where it gives the answer and may be written."""
    if tree is None:
        return None
    seen = view(text)
    found = list(leaves(tree))
    constants = [one for one in found if isinstance(one, int)]
    if len(found) > MOST_STEPS + 1 or not set(constants) <= set(seen.constants):
        return None
    try:
        # MAWPS rounds some of its numbers.
        close = abs(value_of(tree, seen.numbers) - answer) <= abs(answer) / 200
    except ZeroDivisionError:
        return None
    return tree if close and written(tree).count("(") <= 4 else None


def _chained(seen: View, notes: list[str], answer: Fraction) -> Tree | None:
    """The tree of GSM8K's notes; None if they do not end in the answer.

    Raises:
        ValueError: a number in them comes from nowhere.
    """
    chain = _Chain(seen)
    for note in notes:
        left, _, right = note.partition("=")
        left = re.sub(r"(\d+(?:\.\d+)?)%", r"(\1/100)", left)
        chain.results.append((answer_value(right), chain.tree(from_text(left))))
    last = chain.results[-1:]
    return last[0][1] if last and equal(last[0][0], answer) else None


class _Chain:
    """Steps of a solution: each number is an earlier result, one of the text, or a constant."""

    def __init__(self, seen: View) -> None:
        self.results: list[tuple[Fraction, Tree]] = []
        self._seen = seen
        self._used: set[str] = set()
        self._spent: set[int] = set()

    def tree(self, node: ast.expr) -> Tree:
        """A step. Raises ValueError."""
        match node:
            case ast.Constant(value=int() | float() as number):
                value = Fraction(str(number))
                found = self._result(value) or self._told(value) or self._constant(value)
                if found is None:
                    raise ValueError(f"where {value} comes from is not told")
                return found
            case ast.BinOp(left=left, right=right):
                return operator_of(node), self.tree(left), self.tree(right)
        raise ValueError("no expression")

    def _result(self, value: Fraction) -> Tree | None:
        """The last result of this value that was not taken up yet."""
        for at in reversed(range(len(self.results))):
            if at not in self._spent and equal(self.results[at][0], value):
                self._spent.add(at)
                return self.results[at][1]
        return None

    def _told(self, value: Fraction) -> Tree | None:
        """A number of the text, if it can be one that was not taken up yet; else a result again."""
        same = [name for name, number in self._seen.numbers.items() if number == value]
        if same:
            chosen = next((name for name in same if name not in self._used), same[0])
            self._used.add(chosen)
            return chosen
        return next((tree for one, tree in reversed(self.results) if equal(one, value)), None)

    def _constant(self, value: Fraction) -> Tree | None:
        hundredths = [name for name, n in self._seen.numbers.items() if n == value * 100]
        if hundredths and 100 in self._seen.constants:
            return "/", hundredths[0], 100
        if value.denominator == 1 and value.numerator in self._seen.constants:
            return int(value)
        if value.numerator == 1 and value.denominator in self._seen.constants:
            return "/", 1, value.denominator
        return None
