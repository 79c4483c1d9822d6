"""Examples within a request, and what examples and tests tell of a function: name, arity, kinds."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MOST = 12
_DOCTEST = re.compile(r"^[ \t]*>>>[ \t]*(.+)\n((?:(?![ \t]*>>>)[ \t]*\S.*\n?)?)", re.MULTILINE)
_ARROW = re.compile(
    r"(\w+\(.*\))\s*(?:==>|=>|➞|==|=|->|→|should return|returns)\s*(.+?)\s*$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What calls of a function show; kinds are as in an annotation, "" where a value shows none."""

    name: str
    arguments: tuple[str, ...]
    result: str


def examples_in(text: str, name: str) -> Iterator[str]:
    """Assertions that a docstring's examples of `name` come to; what is no literal is passed over."""
    made = 0
    pairs = _DOCTEST.findall(text) or _ARROW.findall(text)
    for call, value in pairs:
        wanted = value.strip().rstrip(".,;")
        if made == _MOST or not call.strip().startswith(f"{name}("):
            continue
        try:
            ast.parse(call.strip(), mode="eval")
            expected = ast.literal_eval(wanted)
        except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError):
            continue
        made += 1
        if isinstance(expected, float):
            yield f"assert abs({call.strip()} - {expected!r}) < 1e-6"
        else:
            yield f"assert {call.strip()} == {expected!r}"


def shape_of(tests: Sequence[str], name: str) -> Shape | None:
    """The first call of `name`, or of any function where it is "", in the tests."""
    for test in tests:
        try:
            tree = ast.parse(test)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree):
            found = _compared(node, name)
            if found:
                return found
    return None


def _compared(node: ast.AST, name: str) -> Shape | None:
    if not isinstance(node, ast.Assert):
        return None
    result, left = "bool", node.test
    if isinstance(left, ast.Compare):
        result, left = _kind(left.comparators[0]), left.left
    elif isinstance(left, ast.UnaryOp):
        left = left.operand
    for inside in ast.walk(left):
        if not (isinstance(inside, ast.Call) and isinstance(inside.func, ast.Name)):
            continue
        called = inside.func.id
        if called == name or (not name and called not in _BUILTIN):
            if inside is not left:
                result = {"abs": "float", "round": "float"}.get(_outer(left), "")
            return Shape(called, tuple(_kind(one) for one in inside.args), result)
    return None


def _outer(node: ast.AST) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


_BUILTIN = frozenset(
    "abs all any bool dict float frozenset int isinstance len list max min round set sorted str sum tuple".split()
)


def _kind(node: ast.AST) -> str:
    """The kind of a literal."""
    try:
        return value_kind(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return ""


def value_kind(value: object) -> str:
    """`int`, `list[str]`, `dict`, ... of a value."""
    match value:
        case None:
            return ""
        case list() | tuple() | set():
            outer = type(value).__name__
            inner = {value_kind(one).partition("[")[0] for one in value}
            if inner == {"int", "float"}:
                inner = {"float"}
            return f"{outer}[{inner.pop()}]" if len(inner) == 1 and "" not in inner else outer
        case _:
            return type(value).__name__


def kind_of(annotation: ast.expr | None) -> str:
    """An annotation in the same words: `List[int]` is `list[int]`, nesting is left out."""
    if annotation is None:
        return ""
    said = ast.unparse(annotation).replace("typing.", "").strip("'\"")
    said = re.sub(r"\b(List|Dict|Tuple|Set|Sequence|Iterable)\b", lambda m: m[0].lower(), said)
    said = re.sub(r"\b(sequence|iterable)\b", "list", said)
    said = re.sub(r"Optional\[(.*)\]", r"\1", said).replace(" | None", "")
    found = re.match(r"(list|tuple|set)\[(\w+)", said)
    if found:
        return f"{found[1]}[{found[2]}]" if found[2] in _PLAIN else found[1]
    found = re.match(r"\w+", said)
    return found[0] if found and found[0] in _PLAIN else ""


_PLAIN = frozenset("int float str bool list dict tuple set".split())
