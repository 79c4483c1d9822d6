"""A function and a way to say it, made a row: request, prompt, answer, and tests that it has passed.

Every row's answer goes through the same code that a node's answer goes through
(`handlers.code_program`), and then through its tests.
"""

import ast
import builtins
import hashlib
import keyword
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.code_forms import Function
from data.code_phrasing import docstring_head, doing, expanded, named_request, request
from data.code_values import SORTS
from handlers.code_examples import value_kind
from handlers.code_program import NotTaken, program
from handlers.code_view import View, view

Rng = random.Random
TESTS = 3
_TRIES = 9
_OTHER_NAMES = ("x", "y", "lst", "arr", "nums", "s", "data", "xs", "values", "string", "l", "d", "input_list", "test_list", "items", "seq", "num", "number", "str1", "string1", "array", "p", "q", "z", "word", "text", "val", "limit", "m", "k", "t", "a", "b", "c", "words", "strings", "elements", "test_tup", "matrix")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `phrase` is what was chosen of the function's phrase, before nouns and values."""

    text: str
    prompt: str
    answer: str
    tests: tuple[str, ...]
    key: str
    phrase: str
    family: str

    def for_training(self) -> dict[str, Any]:
        """As `engine.training` reads it."""
        return {"prompt": self.prompt, "answer": self.answer}

    def for_validation(self) -> dict[str, Any]:
        """As `forgebus eval code` reads it, too."""
        return {
            "text": self.text,
            "test_list": list(self.tests),
            "prompt": self.prompt,
            "answer": self.answer,
            "family": self.family,
            "key": self.key,
        }


def apart(text: str, share: float) -> bool:
    """Whether this text belongs to the share that validation alone has."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 16**8 < share


def row(function: Function, rng: Rng, phrase: str = "") -> Row | None:
    """A row for a function; None where no such values make sense for it."""
    phrase = phrase or expanded(function.phrase, rng)
    if any(f"[{n}]" not in phrase for n in range(len(function.values))):
        return None
    said = doing(phrase, rng)
    tries = [_arguments(function, rng) for _ in range(_TRIES)]
    written = _with_values(function)
    name = _name(phrase, rng)
    found = _run(written, function, tries)
    if found is None:
        return None
    text, called = _request(function, said, name, found, rng)
    tests = [_test(called, inputs, result) for inputs, result in found]
    shown = view(text, tests if rng.random() < 0.15 else ())
    answer = _answer(function, shown)
    if (answer, shown.arity) not in _CHECKED:
        if not _passes(answer, shown, called, tests):
            return None
        _CHECKED.add((answer, shown.arity))
    return Row(text, shown.prompt, answer, tuple(tests), function.key, phrase, function.family)


_CHECKED: set[tuple[str, int | None]] = set()


def _passes(answer: str, shown: View, called: str, tests: Sequence[str]) -> bool:
    """Whether the program that a node would make of the answer passes the tests."""
    try:
        scope: dict[str, Any] = {}
        exec(program(answer, shown, called).code, scope)  # noqa: S102 - ours
        for test in tests:
            exec(test, scope)  # noqa: S102 - ours
    except (NotTaken, AssertionError, NameError, TypeError, ValueError, LookupError, SyntaxError):
        return False
    return True


def _arguments(function: Function, rng: Rng) -> tuple[Any, ...]:
    made = [SORTS[sort].make(rng) for _, sort in function.arguments]
    strings = [value for value in function.values if isinstance(value, str) and value]
    numbers = [value for value in function.values if isinstance(value, int | float)]
    # Values that the request names should matter to what is tested.
    for place, value in enumerate(made):
        if isinstance(value, list) and value and all(type(v) is int for v in value) and numbers:
            value[rng.randrange(len(value))] = int(rng.choice(numbers)) * rng.choice((1, 1, 2, 3))
        if strings and rng.random() < 0.7:
            extra = rng.choice(strings)
            if isinstance(value, list) and value and isinstance(value[0], str):
                value[rng.randrange(len(value))] = rng.choice((extra, extra + "on", "me" + extra))
            elif isinstance(value, str) and function.arguments[place][1] in {"str", "text", "word"}:
                made[place] = f"{extra}{value}" if rng.random() < 0.5 else f"{value} {extra}"
    return tuple(made)


def _with_values(function: Function) -> str:
    body = function.body
    for number, value in enumerate(function.values):
        body = body.replace(f"L{number}", repr(value))
    return body


_TAKEN = frozenset(dir(builtins))
_MODULES = "bisect calendar collections datetime functools heapq itertools math operator random re statistics string textwrap".split()


def _run(
    body: str, function: Function, tries: Sequence[tuple[Any, ...]]
) -> list[tuple[tuple[Any, ...], Any]] | None:
    """Inputs with results, as different ones as there are; None where it fails too often."""
    letters = ", ".join("ABCDEF"[: len(function.arguments)])
    scope: dict[str, Any] = {name: __import__(name) for name in _MODULES}
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    exec(f"def made({letters}):\n{lines}", scope)  # noqa: S102 - ours
    found: list[tuple[tuple[Any, ...], Any]] = []
    failed = 0
    for inputs in tries:
        before = repr(inputs)
        try:
            result = scope["made"](*ast.literal_eval(before))
        except (ArithmeticError, LookupError, ValueError, TypeError, RecursionError):
            failed += 1
            continue
        shown = repr(result)
        if len(shown) > 400 or isinstance(result, complex):
            failed += 1
            continue
        try:
            if ast.literal_eval(shown) != result:
                return None
        except (ValueError, SyntaxError):
            if shown == "set()":
                continue
            return None
        if all(before != repr(other) for other, _ in found):
            found.append((inputs, result))
    if failed > _TRIES - 3 or not found:
        return None
    different: list[tuple[tuple[Any, ...], Any]] = []
    for one in found:
        if all(repr(one[1]) != repr(other[1]) for other in different):
            different.append(one)
    rest = [one for one in found if one not in different]
    return (different + rest)[:TESTS]


def _test(name: str, inputs: tuple[Any, ...], result: Any) -> str:
    call = f"{name}({', '.join(map(repr, inputs))})"
    if isinstance(result, float):
        return f"assert abs({call} - {result!r}) < 1e-6"
    return f"assert {call} == {result!r}"


def _name(phrase: str, rng: Rng) -> str:
    """A plausible name for a function."""
    words = [w for w in phrase.replace("{", " ").split() if w.isalpha() and w not in _SMALL]
    chosen = words[: rng.randint(1, 3)] or ["compute"]
    return (
        "_".join(chosen).lower()
        if rng.random() < 0.85
        else rng.choice(("f", "solve", "func", "task", "my_function", "solution", "check"))
    )


_SMALL = set("the of in a an A B C all every each that are is and to whether with from by which n it its or not if be".split())  # fmt: skip


def _request(
    function: Function, said: str, name: str, found: Sequence[tuple[tuple[Any, ...], Any]], rng: Rng
) -> tuple[str, str]:
    """The request in words, and the name that its tests call."""
    if name in _TAKEN or not name.isidentifier() or keyword.iskeyword(name):
        name += "_of"
    way = rng.random()
    count = len(function.arguments)
    if way < 0.45:
        return request(_worded(function, said, (), rng), rng), name if way < 0 else "made"
    names = [usual for usual, _ in function.arguments]
    if rng.random() < 0.5:
        names = rng.sample(_OTHER_NAMES, count)
    if way < 0.62:
        plain = _worded(function, said, (), rng)
        by_name = _worded(function, said, names, rng)
        state = rng.getstate()
        text, with_arguments = named_request(plain, name, names, rng)
        if with_arguments:
            rng.setstate(state)
            text, _ = named_request(by_name, name, names, rng)
        return text, name
    words = _worded(function, said, names if rng.random() < 0.65 else (), rng)
    kinds = [SORTS[sort].annotation for _, sort in function.arguments]
    if rng.random() < 0.5:
        kinds = [k.replace("list[", "List[").replace("dict[", "Dict[") for k in kinds]
    kinds.append(_result_kind([result for _, result in found]))
    examples = []
    for inputs, result in found[: rng.randint(1, 3)]:
        examples += [f">>> {name}({', '.join(map(repr, inputs))})", repr(result)]
    return docstring_head(words, name, names, kinds, examples, rng), name


def _result_kind(results: Sequence[Any]) -> str:
    kinds = {value_kind(result) for result in results}
    return kinds.pop() if len(kinds) == 1 else ""


def _worded(function: Function, said: str, names: Sequence[str], rng: Rng) -> str:
    """With nouns, or names, for the arguments, and the values of the request."""
    before: list[str] = []
    for letter, (number, (_, sort)) in zip("ABCDEF", enumerate(function.arguments), strict=False):
        nouns = SORTS[sort].nouns
        mark = f"{{{letter}}}"
        if names:
            kind = nouns[0].split(" ", 1)[-1]
            noun = rng.choice(
                (
                    names[number],
                    names[number],
                    f"the given {kind} {names[number]}",
                    f"{nouns[0]} {names[number]}",
                    f"`{names[number]}`",
                )
            )
            if len(nouns[0]) == 1:
                noun = names[number]
        else:
            noun = rng.choice([n for n in nouns if n not in before] or nouns)
        before.append(noun)
        said = said.replace(mark, noun, 1)
        said = said.replace(
            mark,
            names[number] if names else noun.replace("a ", "the ", 1).replace("an ", "the ", 1),
        )
    for number, value in enumerate(function.values):
        if isinstance(value, str):
            quote = rng.choice(("'", "'", '"'))
            shown = f"{quote}{value}{quote}"
        else:
            shown = str(value)
        said = said.replace(f"[{number}]", shown)
    return said


def _answer(function: Function, shown: View) -> str:
    """What the model should write: names of the arguments, then the body with letters for values."""
    names = " ".join(usual for usual, _ in function.arguments)
    body = function.body
    letters = {source: letter for letter, source in shown.literals.items()}
    for number, value in enumerate(function.values):
        body = body.replace(f"L{number}", letters.get(repr(value), repr(value)))
    return f"{names}\n{body}"
