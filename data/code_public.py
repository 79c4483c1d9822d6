"""Short functions of others in the form of the code model: MBPP's training tasks (CC BY 4.0)."""

import ast
import builtins
import json
import re
from pathlib import Path
from typing import Any

from handlers.code_program import NotTaken, program
from handlers.code_safety import IMPORTS
from handlers.code_view import ARGUMENTS, View, view

MBPP = Path("mbpp") / "train.jsonl"
_MOST_CHARACTERS = 420


Rows = list[dict[str, Any]]


def tasks_of(file: Path, held_out: float) -> tuple[Rows, Rows, Rows]:
    """Training rows, the tasks that are held out as they are (every n-th), and what fits no form.

    The last are tasks too, which nothing is learnt from: their texts are as foreign as those held out.
    """
    taught: Rows = []
    kept: Rows = []
    unfit: Rows = []
    every = round(1 / held_out)
    for number, line in enumerate(file.read_text("utf-8").splitlines()):
        task = json.loads(line)
        if number % every == 0:
            kept.append(task)
            continue
        code = task["code"].replace("\r\n", "\n").replace("\t", "    ")
        name = re.search(r"assert\s+\(*\s*(\w+)", task["test_list"][0])
        text = task["text"]
        fits = False
        for shown in (
            view(text),
            view(f"{text} Name it {name[1]}.") if name else view(text),
            view(text, task["test_list"]),
        ):
            written = in_form(code, shown)
            row = {"prompt": shown.prompt, "answer": written}
            fits |= bool(written)
            if written and row not in taught:
                taught.append(row)
        if not fits:
            unfit.append(task)
    read = {row["prompt"] for row in taught}
    return taught, kept, [task for task in unfit if view(task["text"]).prompt not in read]


def in_form(code: str, shown: View) -> str:
    """A program of one function as the model should write it; "" where it does not fit the form."""
    try:
        tree = ast.parse(code.strip())
    except (SyntaxError, ValueError):
        return ""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    others = [
        n for n in tree.body if not isinstance(n, ast.FunctionDef | ast.Import | ast.ImportFrom)
    ]
    if len(functions) != 1 or others:
        return ""
    function = functions[0]
    names = [one.arg for one in function.args.args]
    if (
        len(names) > len(ARGUMENTS)
        or function.args.vararg
        or any(isinstance(n, ast.ImportFrom | ast.Import) for n in ast.walk(function))
    ):
        return ""
    qualified: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            qualified |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            qualified |= {one.asname: one.name for one in node.names if one.asname}
    table = dict(zip(names, ARGUMENTS, strict=False))
    if any(isinstance(n, ast.Name) and n.id == function.name for n in ast.walk(function)):
        return ""  # the name of a recursive function is not the model's to know
    literals = {source: letter for letter, source in shown.literals.items()}
    changed = ast.fix_missing_locations(_Lettered(table, qualified, literals).visit(function))
    body = "\n".join(ast.unparse(node) for node in changed.body)
    usual = " ".join(_plain(name) for name in names) or "-"
    written = f"{usual}\n{body}"
    try:
        program(written, shown)
    except NotTaken:
        return ""
    return written if len(written) <= _MOST_CHARACTERS else ""


def _plain(name: str) -> str:
    return name if name not in dir(builtins) else f"{name}_"


class _Lettered(ast.NodeTransformer):
    def __init__(
        self, names: dict[str, str], modules: dict[str, str], literals: dict[str, str]
    ) -> None:
        self._names = names
        self._modules = modules
        self._literals = literals

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._names:
            return ast.Name(self._names[node.id], node.ctx)
        if node.id in self._modules and self._modules[node.id].partition(".")[0] in IMPORTS:
            return ast.parse(self._modules[node.id], mode="eval").body
        if len(node.id) == 1 and node.id.isupper():
            return ast.Name(node.id.lower() * 2, node.ctx)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        letter = self._literals.get(repr(node.value))
        plain = isinstance(node.value, bool) or node.value in (0, 1)
        return ast.Name(letter, ast.Load()) if letter and not plain else node
