"""Which functions do the same on some inputs: evidence, where their form proves nothing.

Candidates for one request run side by side in the sandbox, on inputs of the kinds that the request
tells, or that the usual names of their arguments suggest; where neither says anything, on those kinds that
the likeliest candidate can take. Among them are the numbers and texts that stand in the candidates, and what
lies next to those, for there they differ. Doing the same on all of them is no proof: two functions can
differ on an input that is not among them. To be told apart is one: there is an input.
"""

import ast
import json
import re
from collections.abc import Sequence
from itertools import islice, product
from pathlib import Path
from typing import Any

from handlers.sandbox import run_program

SECONDS = 2
_TRIALS = 40
_EACH = 12
_MOST_INPUTS = 100
_MOST_CONSTANTS = 4

_KINDS: dict[str, tuple[Any, ...]] = {
    "int": (4, 7, 0, 1, -3, 2, 12, 15, 9, 3, 10, 28, 153, 64, 5, -1, 97, 1000, 2024, -8, 6),
    "float": (2.5, 4.0, 0.5, 10.0, 3.75, 1.0, 0.0, 7.2, 100.0, -1.5, 36.6, 9.0),
    "str": ("hello world", "abc", "", "Level", "a1b2 c3", "The quick brown fox", "xyz", "AAbb", "racecar", "42", "e", "it's 3, no?", "level", "tab\tand\nline  two ", "AB CD 12 ef GH"),
    "bool": (True, False),
    "list[int]": ([3, 1, 2], [4, 4, 6, 1], [5], [], [-2, 7, 0, 7], [1, 2, 3, 4, 5, 6], [9, 8, 8, 3], [2, -4, 6], [10, 15, 20], [0, 0, 1], [12, 5, 7, 30]),
    "list[float]": ([1.5, 2.0, 3.25], [0.5], [], [4.0, -1.5, 2.5, 2.5], [10.0, 7.25], [2.0, 4.0, 6.0]),
    "list[str]": (["apple", "kiwi", "fig"], ["a", "Bc", "a", "dd"], ["level"], [], ["one", "two", "three", "four"], ["x", ""], ["Sun", "sun", "moon", "eye"], ["abc", "ab", "abcd"], ["AB", "CD", "ef", "GH"], ["a1", "b2", "c", "d4", "a1"]),
    "list[list]": ([[1, 2], [3, 4]], [[5, 0, 1], [2, 2, 9]], [[7]], [[3, 1], [2, 8], [6, 6]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[-1, 4], [0, 0]]),
    "list[tuple]": ([("b", 2), ("a", 5)], [("x", 1)], [("k", 3), ("k", 4), ("c", 3)], [("z", 9), ("y", 0), ("x", 7)]),
    "list[dict]": ([{"name": "ann", "age": 30, "price": 5}, {"name": "bo", "age": 4, "price": 9}], [{"name": "cy", "age": 11, "price": 2}], [{"name": "b", "age": 7, "price": 1}, {"name": "a", "age": 7, "price": 8}, {"name": "c", "age": 2, "price": 3}]),
    "tuple": ((3, 1, 2), (5,), (4, 4, 7, 0), (10, -2), (1, 2, 3, 4)),
    "dict": ({"a": 3, "b": 1}, {}, {"x": 2, "y": 2, "z": 9}, {"k": 5}, {"one": 1, "two": -2, "three": 7}),
}  # fmt: skip
"""Values of each kind; small, so that nothing takes long."""

_KNOWN = {
    "list": ("list[int]", "list[str]"),
    "list[tuple]": ("list[tuple]",),
    "set": ("list[int]",),
    "dict": ("dict",),
}
_NAMES = {
    "int": "n k m num number limit count year years start stop step target low high digit digits",
    "str": "text word char part string s str1 str2 text1 text2 sentence date name separator",
    "list[int]": "numbers nums nums1 nums2 arr",
    "list[str]": "words keys",
    "list[list]": "rows square matrix",
    "list[tuple]": "pairs",
    "list[dict]": "records",
    "dict": "table",
    "float": (
        "x height width radius side rate percent principal celsius fahrenheit kelvin km hours price "
        "minutes seconds time speed x1 y1 x2 y2"
    ),
}
_KIND_OF = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_CHILD = Path(__file__).with_name("code_agreement_child.py")


def alike(codes: Sequence[str], names: Sequence[str], known: str) -> list[int]:
    """For each function, the place of the first that did the same; its own place where none did.

    Args:
        codes: programs, the likeliest first, each with one function of as many arguments as the first.
        names: of each program's function.
        known: the second line of a view: `A list[int], B int: bool`; "" where nothing is known.
    """
    arguments = _arguments(codes[0])
    trials = _inputs(arguments, known, _pools(codes))
    program = (
        f"{_CHILD.read_text('utf-8')}\n\n"
        f"print(classes({list(zip(names, codes, strict=True))!r}, {trials!r}))\n"
    )
    ran = run_program(program, SECONDS)
    alone = list(range(len(codes)))
    if ran.verdict != "passed" or not re.fullmatch(r"\[\d+(, \d+)*\]", ran.said):
        return alone
    told: list[int] = json.loads(ran.said)
    return told if len(told) == len(codes) else alone


def _arguments(code: str) -> list[str]:
    function = ast.parse(code).body[-1]
    return [one.arg for one in function.args.args] if isinstance(function, ast.FunctionDef) else []


def _pools(codes: Sequence[str]) -> dict[str, list[Any]]:
    """Values of each kind, those first that the programs' own constants make."""
    numbers, texts = list[int](), list[str]()
    for node in (node for code in codes for node in ast.walk(ast.parse(code))):
        match node:
            case ast.Constant(bool() | None):
                continue
            case ast.Constant(int(number)) if abs(number) < _LARGE and number not in numbers:
                numbers.append(number)
            case ast.Constant(str(text)) if len(text) < _LONG and text not in texts:
                texts.append(text)
    numbers, texts = numbers[:_MOST_CONSTANTS], texts[:_MOST_CONSTANTS]
    pools = {kind: list(values) for kind, values in _KINDS.items()}
    for number in numbers:
        near = [number, number + 1, number - 1, 2 * number]
        pools["int"] = [*near, *pools["int"]]
        pools["float"] = [number + 0.5, float(number), *pools["float"]]
        pools["list[int]"] = [near, [*near, 3 * number, number, -number], *pools["list[int]"]]
    for text in texts:
        near_text = [text, f"{text}s", f"a {text}b", text.upper(), text.lower()]
        pools["str"] = [*near_text, f"{text} c {text}", *pools["str"]]
        pools["list[str]"] = [
            near_text,
            [text, text],
            [f"x{text}", f"{text}y"],
            *pools["list[str]"],
        ]
        pools["dict"] = [{text: 1, "b": 2}, *pools["dict"]]
    return pools


_LARGE = 10_000
_LONG = 12


def _inputs(
    arguments: Sequence[str], known: str, pools: dict[str, list[Any]]
) -> list[list[tuple[Any, ...]]]:
    """Inputs for a function, those of the same kinds together."""
    told = [one.partition(" ")[2] for one in known.partition(":")[0].split(", ")] if known else []
    possible = [_kinds(told[n] if n < len(told) else "", name) for n, name in enumerate(arguments)]
    trials = list(islice(product(*possible), _TRIALS))
    each = max(_EACH, _MOST_INPUTS // max(1, len(trials)))
    return [_rows([pools[kind] for kind in kinds], each) for kinds in trials]


def _kinds(told: str, name: str) -> tuple[str, ...]:
    if told in _KNOWN:
        return _KNOWN[told]
    if told in _KINDS:
        return (told,)
    if name.rstrip("_") in _KIND_OF:
        return (_KIND_OF[name.rstrip("_")],)
    return tuple(_KINDS)


def _rows(pools: Sequence[Sequence[Any]], count: int) -> list[tuple[Any, ...]]:
    """Inputs: each argument goes through its values at a pace of its own; one alone, once."""
    if len(pools) == 1:
        count = len(pools[0])
    return [
        tuple(pool[(n * (2 * place + 1) + place) % len(pool)] for place, pool in enumerate(pools))
        for n in range(count)
    ]
