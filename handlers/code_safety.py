"""What a short function has no need of, and is therefore not given out: found in its syntax tree.

Files, processes, the network, other modules, and the ways around such a list: attributes that begin
with an underscore, frames, modules that hang on modules, names looked up by strings. This is about what
a node gives away under its name. Whoever runs code that a model wrote still runs foreign code: tests
run in :mod:`handlers.sandbox`.
"""

import ast
import builtins
from importlib import import_module
from types import ModuleType

IMPORTS = frozenset(
    "bisect calendar collections datetime functools heapq itertools math operator random re statistics "
    "string textwrap".split()
)
"""Modules that a function may use; all of them compute, and touch nothing outside."""

_TYPING = frozenset({"typing", *IMPORTS})
_REFUSED_NAMES = frozenset(
    "__import__ breakpoint compile copyright credits delattr dir eval exec exit getattr globals help "
    "input license locals memoryview open quit setattr vars".split()
)
_REFUSED_ATTRIBUTES = frozenset(
    "ag_await ag_code ag_frame cr_await cr_code cr_frame f_back f_builtins f_code f_globals f_locals "
    "format_map gi_code gi_frame gi_yieldfrom mro tb_frame tb_next attrgetter methodcaller "
    "Formatter Template".split()
)


def refusal(tree: ast.Module, name: str) -> str:
    """Why a program is not given out; "" where nothing speaks against it.

    Args:
        tree: a program that compiles.
        name: the function that it must define.
    """
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if not any(function.name == name for function in functions):
        return f"it does not define {name}"
    return _refused_anywhere(tree)


def refused_in_test(test: str | ast.Module) -> str:
    """Why a test is not run; "" where nothing speaks against it.

    Raises:
        SyntaxError: it is no Python.
    """
    return _refused_anywhere(ast.parse(test) if isinstance(test, str) else test)


def _refused_anywhere(tree: ast.Module) -> str:
    bound = _bound(tree)
    for node in ast.walk(tree):
        if why := _refused(node, bound):
            return why
    imported = {
        (one.asname or one.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for one in node.names
    }
    if twice := imported & bound:
        return f"it gives {min(twice)} another value"
    modules = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & IMPORTS - bound
    inside = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in modules and id(node) not in inside:
            return f"it hands the module {node.id} around"
    return ""


def _bound(tree: ast.Module) -> set[str]:
    """Names that the program itself gives a value."""
    found = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return found | {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }


def _refused(node: ast.AST, bound: set[str]) -> str:
    match node:
        case ast.Import() | ast.ImportFrom():
            return "" if _importable(node) else "it imports what it has no need of"
        case ast.Attribute(value=ast.Name(id=module), attr=attribute) if (
            module in IMPORTS and module not in bound
        ):
            return f"it uses {module}.{attribute}" if _hidden(module, attribute) else ""
        case ast.Attribute(attr=attribute):
            hidden = attribute.startswith("_") or attribute in _REFUSED_ATTRIBUTES
            return f"it uses .{attribute}" if hidden else ""
        case ast.Constant(value=str(text)):
            hidden = "__" in text and ("{" in text or text.startswith("__"))
            return "it names what is hidden in a string" if hidden else ""
        case ast.Global() | ast.Nonlocal() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Await():
            return f"it holds {type(node).__name__}"
        case ast.FunctionDef(decorator_list=[_, *_]):
            return "it holds decorators"
    name = _name(node)
    return f"it uses {name}" if name in _REFUSED_NAMES or name.startswith("__") else ""


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=str(name)) | ast.FunctionDef(name=str(name)):
            return name
        case ast.arg(arg=str(name)) | ast.keyword(arg=str(name)):
            return name
    return ""


def _importable(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.Import):
        return all(one.name in _TYPING and not one.asname for one in node.names)
    module = node.module or ""
    if node.level or module not in _TYPING:
        return False
    return not any(_hidden(module, one.name) for one in node.names)


def _hidden(module: str, attribute: str) -> bool:
    """Whether a module's attribute is none of its public functions, types and numbers."""
    if attribute.startswith("_") or attribute in _REFUSED_ATTRIBUTES or module == "typing":
        return module != "typing" or not attribute[:1].isupper()
    found = getattr(import_module(module), attribute, None)
    public = getattr(import_module(module), "__all__", None)
    if found is None or isinstance(found, ModuleType):
        return True
    return public is not None and attribute not in public


_KNOWN = frozenset(dir(builtins))


def unknown_names(tree: ast.Module) -> set[str]:
    """Names that are read and that nothing defines."""
    defined = _bound(tree) | _KNOWN
    defined |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    defined |= {n.name for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler) and n.name}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {one.asname or one.name for one in node.names}
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return read - defined
