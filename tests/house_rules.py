"""What the source tree promises about itself, read from its syntax: who imports whom, and where.

Each rule takes the root of a tree and returns the breaches it found, one line each; none is good.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ARROWS: dict[str, set[str]] = {
    "bus_topics": set(),
    "engine": set(),
    "handlers": {"bus_topics", "engine"},
    "daemon": {"bus_topics", "handlers"},
    "evaluation": {"bus_topics", "engine", "handlers"},
    "learning": {"bus_topics", "engine", "handlers", "evaluation"},
    "doors": {"bus_topics", "daemon"},
    "bench": {"bus_topics", "engine", "handlers", "daemon"},
}
# The command line puts the parts together: its functions may import these besides.
CLI_ARROWS = {"bench", "doors", "engine", "evaluation", "learning"}
# Who alone may import what; bench/ and tests/ may talk to a broker and read a journal themselves.
OWNERS: dict[str, str] = {
    "torch": "engine/",
    "onnx": "engine/",
    "aiomqtt": "daemon/bus.py",
    "paho": "daemon/bus.py",
    "sqlite3": "daemon/journal",
}
MEASURED_BY_BENCH = {"aiomqtt", "paho", "sqlite3", "onnx"}
TRAINING_ONLY = {"torch", "onnx", "safetensors"}
# The one place where any fault of a handler becomes a failure that the requester sees.
CATCHES_ALL = {"daemon/worker_main.py"}
# The sandbox, whose purpose it is; nothing else runs text.
RUNS_TEXT = {"handlers/sandbox_child.py", "handlers/code_agreement_child.py"}
RUNNERS = {"eval", "exec", "system", "popen", "getoutput", "getstatusoutput", "execl", "execlp"}
MAX_LINES = 420
# One list of declarations; a reader looks up one message, never reads the file.
LISTS = {"bus_topics/messages.py"}


@dataclass(frozen=True)
class Import:
    """One import: `lazy` when it stands in a function."""

    file: str
    line: int
    module: str
    lazy: bool

    @property
    def top(self) -> str:
        """The package that it comes from."""
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def broken_arrows(root: Path) -> list[str]:
    """Imports of ours that go against the arrows."""
    breaches = []
    for found in _imports(root):
        package = found.file.partition("/")[0]
        allowed = ARROWS[package] | {package}
        if _is_cli(found.file) and found.lazy:
            allowed |= CLI_ARROWS
        if found.top in ARROWS and found.top not in allowed:
            breaches.append(str(found))
    return breaches


def misplaced_libraries(root: Path) -> list[str]:
    """Imports of a library outside the file or folder that owns it."""
    return [
        f"{found}, which belongs to {owner}"
        for found in _imports(root)
        if (owner := OWNERS.get(found.top)) and not found.file.startswith(owner)
        if not (found.file.startswith("bench/") and found.top in MEASURED_BY_BENCH)
    ]


def training_on_the_serving_path(root: Path) -> list[str]:
    """Training libraries that are loaded when a node serves.

    From every module of daemon/ and handlers/ whatever they import counts, at once or later; within
    engine/ only what a module imports at its head, because training is imported in functions there.
    """
    imports: dict[str, list[Import]] = {}
    for found in _imports(root):
        imports.setdefault(_module(found.file), []).append(found)
    todo = [name for name in _modules(root) if name.startswith(("daemon", "handlers"))]
    seen, breaches = set(todo), []
    while todo:
        name = todo.pop()
        for found in imports.get(name, []):
            later = name.startswith(("engine", "daemon.cli"))
            if found.lazy and later:
                continue
            if found.top in TRAINING_ONLY:
                breaches.append(str(found))
            for target in _targets(found.module) - seen:
                seen.add(target)
                todo.append(target)
    return sorted(set(breaches))


def catches_everything(root: Path) -> list[str]:
    """`except`, `except Exception` and `except BaseException` that do not raise again."""
    breaches = []
    for file, tree in _trees(root):
        for node in ast.walk(tree):
            if not isinstance(node, ast.ExceptHandler) or file in CATCHES_ALL:
                continue
            names = {part.id for part in ast.walk(node.type or node) if isinstance(part, ast.Name)}
            broad = node.type is None or names & {
                "Exception",
                "BaseException",
                "BaseExceptionGroup",
            }
            if broad and not _raises_again(node):
                breaches.append(f"{file}:{node.lineno} catches everything")
    return breaches


def runs_text(root: Path) -> list[str]:
    """Calls that would run text, by Python or by a shell, outside the sandbox."""
    breaches = []
    for file, tree in _trees(root):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or file in RUNS_TEXT:
                continue
            match node.func:
                case ast.Name(id=name) if name in RUNNERS:
                    breaches.append(f"{file}:{node.lineno} calls {name}")
                case ast.Attribute(value=ast.Name(id="os" | "subprocess"), attr=name) if (
                    name in RUNNERS
                ):
                    breaches.append(f"{file}:{node.lineno} calls {name}")
            shells = (word for word in node.keywords if word.arg == "shell")
            if any(not _is_false(word.value) for word in shells):
                breaches.append(f"{file}:{node.lineno} asks for a shell")
    return breaches


def long_files(root: Path) -> list[str]:
    """Python files of more lines than one sitting takes."""
    files = [*root.glob("tests/*.py"), *root.glob("tools/*.py")]
    files += [path for package in ARROWS for path in root.glob(f"{package}/**/*.py")]
    counts = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    return [
        f"{path.relative_to(root)} has {count} lines, more than {MAX_LINES}"
        for path, count in sorted(counts.items())
        if count > MAX_LINES and path.relative_to(root).as_posix() not in LISTS
    ]


def shadowing_tests(root: Path) -> list[str]:
    """Folders and modules below tests/ that would hide one of our packages."""
    found = [*root.glob("tests/**/*.py"), *root.glob("tests/*/")]
    return [str(path.relative_to(root)) for path in found if path.stem in ARROWS]


def _trees(root: Path) -> Iterator[tuple[str, ast.Module]]:
    for package in ARROWS:
        for path in sorted(root.glob(f"{package}/**/*.py")):
            yield path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _imports(root: Path) -> Iterator[Import]:
    for file, tree in _trees(root):
        yield from _within(file, tree, lazy=False)


def _within(file: str, node: ast.AST, *, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                yield from (Import(file, child.lineno, name.name, lazy) for name in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                # `from a import b` may name the module a.b; _targets takes either.
                yield from (Import(file, child.lineno, f"{module}.{n.name}", lazy) for n in names)
            case ast.ImportFrom():
                raise AssertionError(f"{file}:{child.lineno} is a relative import")
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield Import(file, child.lineno, module, lazy)
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _within(file, child, lazy=lazy or function)


def _targets(module: str) -> set[str]:
    """The modules of ours that importing `module` runs: itself and the packages above it."""
    parts = module.split(".")
    if parts[0] not in ARROWS:
        return set()
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)}


def _modules(root: Path) -> list[str]:
    return [_module(file) for file, _ in _trees(root)]


def _module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _is_cli(file: str) -> bool:
    return file.startswith("daemon/cli")


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def _raises_again(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))
