"""From what the code model wrote to a Python function, and what is not given out.

The model writes the names of the arguments, then the lines of the function, with letters for what the
request named (:mod:`handlers.code_view`):

    numbers
    return [v for v in A if v > N]

Letters become names and values, modules that are used are imported, and the whole is written out by
Python's own printer: whatever leaves here parses.
"""

import ast
import keyword
import typing
from dataclasses import dataclass

from handlers.code_safety import IMPORTS, refusal, unknown_names
from handlers.code_view import ARGUMENTS, NUMBERS, STRINGS, View

_MOST_LINES = 60


class NotTaken(Exception):
    """What was written is no such function; says why."""


@dataclass(frozen=True, slots=True)
class Program:
    """A function that parses and holds nothing that is refused.

    Attributes:
        unused: values of the request that do not occur in it.
    """

    name: str
    code: str
    unused: tuple[str, ...]


def program(written: str, shown: View, name: str = "") -> Program:
    """The function that was written in answer to a view.

    Args:
        written: by the model.
        shown: what it read.
        name: of the function; default: as asked for, else made of the request's words.

    Raises:
        NotTaken: it does not parse, takes other arguments than asked for, uses what it was not given,
            or what a short function has no need of.
    """
    first, _, body = written.partition("\n")
    names = () if first.strip() == "-" else tuple(first.split())
    if not all(map(str.isidentifier, names)) or len(set(names)) < len(names):
        raise NotTaken("it does not begin with the names of arguments")
    if shown.arity is not None and len(names) != shown.arity:
        raise NotTaken(f"it takes {len(names)} arguments, {shown.arity} were asked for")
    tree = _parsed(body)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    given = shown.head.arguments if shown.head else names
    own = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.arg)
        and not isinstance(node, ast.arg)
        and isinstance(node.ctx, ast.Store)
    } | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    letters = dict(zip(ARGUMENTS, given, strict=False))
    called = name or shown.name or spoken_name(shown.words)
    if called in used - own - set(letters):
        raise NotTaken(f"it calls {called}, which is its own name")
    renamed = _beside(letters, used, own, called)
    tree = ast.fix_missing_locations(_Placed(renamed, shown.literals).visit(tree))
    head = _head(shown, called, tuple(renamed[letter] for letter in letters))
    head.body[0].body = tree.body  # type: ignore[attr-defined]
    wanted = sorted(used & IMPORTS - set(letters.values()) - own)
    imports = "".join(f"import {module}\n" for module in wanted)
    lead = f"{_above(shown)}{imports}"
    code = _printed(lead, head)
    missing = unknown_names(ast.parse(code))
    if annotations := sorted(missing & _ANNOTATIONS):
        code = _printed(f"from typing import {', '.join(annotations)}\n{lead}", head)
    if missing := missing - _ANNOTATIONS:
        raise NotTaken(f"it uses {min(missing)}, which nothing defines")
    if why := refusal(ast.parse(code), called):
        raise NotTaken(why)
    unused = tuple(source for letter, source in shown.literals.items() if letter not in used)
    return Program(called, code, unused)


def _printed(lead: str, function: ast.Module) -> str:
    """The source, which parses.

    Raises:
        NotTaken: it does not.
    """
    try:
        code = ast.unparse(ast.fix_missing_locations(function)) + "\n"
        if lead:
            code = f"{lead.strip()}\n\n\n{code}"
        compile(code, "answer.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
        raise NotTaken(f"it does not parse: {fault}") from fault
    return code


_ANNOTATIONS = frozenset(typing.__all__)


def spoken_name(words: str) -> str:
    """A name for a function that the request gives none."""
    chosen = [word for word in words.replace("'", "").replace("-", " ").split() if word.isalpha()]
    told = [word for word in chosen if word not in SMALL_WORDS][:4]
    name = "_".join(told)
    return (
        name if name.isidentifier() and name.isascii() and not keyword.iskeyword(name) else "answer"
    )


SMALL_WORDS = frozenset(
    "a an the of in on at to for from by with and or is are be it its that this which whose whether if as "
    "given find finds return returns get gets give gives compute computes calculate calculates determine "
    "determines check checks tell tells all each every into than them their".split()
)
"""Words that say nothing of what a function does."""


def _parsed(body: str) -> ast.Module:
    lines = body.splitlines()
    if not body.strip() or len(lines) > _MOST_LINES:
        raise NotTaken("it has no body" if not body.strip() else "it is too long")
    source = "def f():\n" + "\n".join(f"    {line}" for line in lines)
    try:
        tree = ast.parse(source)
        compile(source, "answer.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
        raise NotTaken(f"it does not parse: {fault}") from fault
    function = tree.body[0]
    if len(tree.body) != 1 or not isinstance(function, ast.FunctionDef):
        raise NotTaken("it leaves the function")
    if not any(isinstance(node, ast.Return | ast.Yield) for node in ast.walk(function)):
        raise NotTaken("it returns nothing")
    return ast.Module(function.body, [])


def _beside(letters: dict[str, str], used: set[str], own: set[str], called: str) -> dict[str, str]:
    """Letter -> name of the argument, out of the way of what the body calls by that name."""
    taken = (used | own | {called}) - set(letters)
    found: dict[str, str] = {}
    for letter, name in letters.items():
        while name in taken or name in found.values() or keyword.iskeyword(name):
            name += "_"  # noqa: PLW2901 - until it is free
        found[letter] = name
    return found


def _head(shown: View, called: str, names: tuple[str, ...]) -> ast.Module:
    """The head as it was given, or a plain one."""
    if shown.head is None:
        return ast.parse(f"def {called}({', '.join(names)}):\n    pass")
    tree = ast.parse(f"{shown.head.source}\n    pass")
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)  # noqa: S101 - it was unparsed from one
    function.name = called
    every = (*function.args.posonlyargs, *function.args.args)
    for argument, name in zip(every, names, strict=False):
        argument.arg = name
    return tree


def _above(shown: View) -> str:
    """The request's own imports, of modules that a function may use."""
    if shown.head is None:
        return ""
    kept = []
    for node in ast.parse(shown.head.above).body:
        modules = (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in getattr(node, "names", [])]
        )
        if all(module in IMPORTS or module == "typing" for module in modules):
            kept.append(ast.unparse(node))
    return "".join(f"{line}\n" for line in kept)


class _Placed(ast.NodeTransformer):
    """Letters replaced by what they stand for."""

    def __init__(self, names: dict[str, str], literals: dict[str, str]) -> None:
        self._names = names
        self._literals = literals

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """An argument, a value, or a name of the body's own."""
        if node.id in self._names:
            return ast.Name(self._names[node.id], node.ctx)
        if node.id in self._literals:
            if not isinstance(node.ctx, ast.Load):
                raise NotTaken("it assigns to a value")
            return ast.parse(self._literals[node.id], mode="eval").body
        if node.id in _LETTERS:
            raise NotTaken(f"it uses {node.id}, which stands for nothing")
        return node


_LETTERS = frozenset(ARGUMENTS + NUMBERS + STRINGS)
