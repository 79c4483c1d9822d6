"""When two functions are the same by their form: one spelling for what Python computes alike.

A function's canonical form has its arguments and locals numbered as they come, and one way of
writing what has several. Each step keeps the value that is returned, for every argument of Python's
own types that this kind of code is about (numbers, texts, lists, dictionaries, ...): where functions
of one form return, they return the same. One may raise where the other does not: `any` over a list
computes all of it first. Functions of two forms may be the same too: :mod:`handlers.code_agreement` runs those.
"""

import ast


def canonical(code: str) -> str:
    r"""The canonical form of a program's last function; imports and the function's name are left out.

    >>> canonical("def f(n):\n    return n % 2 == 0") == canonical("def g(x):\n    return not x % 2")
    True
    """
    function = ast.parse(code).body[-1]
    if not isinstance(function, ast.FunctionDef):
        return code
    body = _flat(_Plain().visit(_without_names(function)).body)
    form = _renamed(ast.Module(body, []), [one.arg for one in function.args.args])
    return f"{len(function.args.args)}: {ast.unparse(ast.fix_missing_locations(form))}"


def _without_names(function: ast.FunctionDef) -> ast.FunctionDef:
    """A copy whose docstring, annotations and type of result are gone."""
    again = ast.parse(ast.unparse(function)).body[0]
    assert isinstance(again, ast.FunctionDef)  # noqa: S101 - it was unparsed from one
    if ast.get_docstring(again) is not None and len(again.body) > 1:
        again.body = again.body[1:]
    return again


_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Gt: ast.Lt, ast.GtE: ast.LtE}
_CONSUMERS = frozenset("sum any all min max set frozenset sorted list tuple dict".split())


class _Plain(ast.NodeTransformer):
    """One way of writing, from the leaves up."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """`b > a` is `a < b`; the two sides of `==` and `!=` are in one order."""
        self.generic_visit(node)
        if len(node.ops) > 1:
            return node
        left, (right,), operator = node.left, node.comparators, node.ops[0]
        turned = type(operator) in _MIRRORED
        if isinstance(operator, ast.Eq | ast.NotEq):
            turned = ast.dump(left) > ast.dump(right)
        if _has_effects(node):
            return node
        operator = _MIRRORED.get(type(operator), type(operator))()
        return ast.Compare(right, [operator], [left]) if turned else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """`not x % n` is `x % n == 0`; `not a == b` is `a != b`, and so on."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.Not):
            return node
        inner = node.operand
        if _is_remainder(inner):
            return self.visit_Compare(ast.Compare(inner, [ast.Eq()], [ast.Constant(0)]))
        if isinstance(inner, ast.Compare) and len(inner.ops) == 1:
            opposite = _OPPOSITE.get(type(inner.ops[0]))
            return ast.Compare(inner.left, [opposite()], inner.comparators) if opposite else node
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """`a * b` in one order; `a + b` too where one is a number, so that nothing is joined."""
        self.generic_visit(node)
        number = any(isinstance(one, ast.Constant) for one in (node.left, node.right))
        text = any(
            isinstance(one, ast.Constant) and not isinstance(one.value, int | float)
            for one in (node.left, node.right)
        )
        plus = isinstance(node.op, ast.Add) and number and not text
        turns = (plus or isinstance(node.op, ast.Mult)) and not _has_effects(node)
        if turns and ast.dump(node.left) > ast.dump(node.right):
            return ast.BinOp(node.right, node.op, node.left)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """`True if c else False` is `c`, where `c` is a truth value."""
        self.generic_visit(node)
        return _truth(node.test, node.body, node.orelse) or node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """`sum([x for x in y])` is `sum(x for x in y)`; `list(x for x in y)` is `[x for x in y]`."""
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name("list"), args=[ast.GeneratorExp() as made], keywords=[]):
                return ast.ListComp(made.elt, made.generators)
            case ast.Call(func=ast.Name("set"), args=[ast.GeneratorExp() as made], keywords=[]):
                return ast.SetComp(made.elt, made.generators)
            case ast.Call(func=ast.Name(name), args=[ast.ListComp() as made]) if (
                name in _CONSUMERS and name not in ("list", "set")
            ) or (name == "set"):
                return self._consumed(node, made)
            case ast.Call(
                func=ast.Attribute(ast.Constant(), "join"), args=[ast.ListComp() as made]
            ):
                return self._consumed(node, made)
        return node

    def _consumed(self, node: ast.Call, made: ast.ListComp) -> ast.expr:
        call = ast.Call(node.func, [ast.GeneratorExp(made.elt, made.generators)], node.keywords)
        return self.visit_Call(call)

    def visit_If(self, node: ast.If) -> ast.stmt:
        """`if c: return True` and else `return False` is `return c`, where `c` is a truth value."""
        self.generic_visit(node)
        node.body, node.orelse = _flat(node.body), _flat(node.orelse)
        match node:
            case ast.If(
                body=[ast.Return(ast.expr() as yes)], orelse=[ast.Return(ast.expr() as no)]
            ):
                if value := _truth(node.test, yes, no):
                    return ast.Return(value)
        return node


_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


def _is_remainder(node: ast.expr) -> bool:
    """`x % n`: of numbers, since nothing here formats by `%` (a text on its left is left alone)."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod)):
        return False
    return not isinstance(node.left, ast.Constant | ast.JoinedStr)


_CHANGE = frozenset(
    "append add appendleft clear discard extend heapify heappop heappush insert next pop popitem popleft "
    "remove reverse setdefault sort update".split()
)


def _has_effects(node: ast.expr) -> bool:
    """Whether the order in which its parts are computed may matter."""
    for one in ast.walk(node):
        match one:
            case ast.NamedExpr() | ast.Yield() | ast.YieldFrom() | ast.Await():
                return True
            case ast.Call(func=ast.Name(name) | ast.Attribute(attr=name)) if name in _CHANGE:
                return True
    return False


def _truth(test: ast.expr, yes: ast.expr, no: ast.expr) -> ast.expr | None:
    """`test` itself, or its opposite, where `yes` and `no` are True and False."""
    match yes, no:
        case ast.Constant(True), ast.Constant(False):
            return test if _is_truth_value(test) else None
        case ast.Constant(False), ast.Constant(True):
            return _Plain().visit_UnaryOp(ast.UnaryOp(ast.Not(), test))
    return None


_QUESTIONS = frozenset(
    "endswith isalnum isalpha isascii isclose isdecimal isdigit isdisjoint isfinite isidentifier isinf isleap "
    "islower isnan isnumeric isprintable isspace issubset issuperset istitle isupper is_integer startswith".split()
)


def _is_truth_value(node: ast.expr) -> bool:
    match node:
        case ast.Compare() | ast.UnaryOp(op=ast.Not()) | ast.Constant(True | False):
            return True
        case ast.BoolOp():
            return all(map(_is_truth_value, node.values))
        case ast.Call(func=ast.Name("any" | "all" | "bool" | "isinstance" | "callable")):
            return True
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in _QUESTIONS
    return False


def _flat(body: list[ast.stmt]) -> list[ast.stmt]:
    """No `else` behind what returns; `if c: return True` before `return False` is `return c`."""
    found: list[ast.stmt] = []
    for one in body:
        if isinstance(one, ast.If) and one.orelse and isinstance(one.body[-1], ast.Return):
            found += [ast.If(one.test, one.body, []), *one.orelse]
        else:
            found.append(one)
    match found:
        case [*before, ast.If(body=[ast.Return(ast.expr() as yes)], orelse=[]) as asked, ast.Return(ast.expr() as no)]:  # fmt: skip
            if value := _truth(asked.test, yes, no):
                return [*before, ast.Return(value)]
        case [*before, ast.Assign(targets=[ast.Name(name)], value=value), ast.Return(ast.Name(told))]:  # fmt: skip
            if name == told:
                return [*before, ast.Return(value)]
    return found


def _renamed(body: ast.Module, arguments: list[str]) -> ast.Module:
    """Arguments and locals by number, in the order in which the code names them."""
    bound = {
        node.id
        for node in ast.walk(body)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    bound |= {node.arg for node in ast.walk(body) if isinstance(node, ast.arg)}
    bound |= {n.name for n in ast.walk(body) if isinstance(n, ast.FunctionDef)}
    table = {name: f"a{n}" for n, name in enumerate(arguments)}
    for node in ast.walk(body):
        name = getattr(node, "id", None) or getattr(node, "arg", None) or getattr(node, "name", "")
        if name in bound and name not in table:
            table[name] = f"v{len(table)}"
    return _Renamed(table).visit(body)  # type: ignore[no-any-return]


class _Renamed(ast.NodeTransformer):
    def __init__(self, table: dict[str, str]) -> None:
        self._table = table

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """A variable."""
        return ast.Name(self._table.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """An argument of a function inside."""
        return ast.arg(self._table.get(node.arg, node.arg))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """A function inside."""
        self.generic_visit(node)
        node.name = self._table.get(node.name, node.name)
        return node
