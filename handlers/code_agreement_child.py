"""What runs inside the sandbox to compare functions: each on the same inputs, who does the same.

It imports nothing of ours: :mod:`handlers.code_agreement` puts its text before the functions.
"""

import copy
import re
from collections.abc import Callable
from typing import Any

_Outcome = tuple[str, str]
_RAISED = ("raised", "")
_NOTHING = ("", "")
_FAULTS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, NameError),
    *(RuntimeError, StopIteration, TypeError, ValueError, re.error),
)
"""What a wrong argument comes to; with anything else, nothing is said of any program."""


def classes(programs: list[tuple[str, str]], trials: list[list[tuple[Any, ...]]]) -> list[int]:
    """For each program, the place of the first one that does the same.

    Args:
        programs: name of the function, and the source that defines it.
        trials: inputs, those of the same kinds together. Kinds on more than half of whose inputs the first
            program fails are not what it is for, and are passed over.

    What is compared: the value returned, whether anything is raised, and what became of the arguments.
    A program is like another only if there were some inputs, and these told programs apart: the first
    one does not do the same with all.
    """
    functions = [_defined(*program) for program in programs]
    signatures: list[list[_Outcome]] = [[] for _ in programs]
    for given in trials:
        first = [_outcome(functions[0], values) for values in given]
        if 2 * first.count(_RAISED) > len(first):
            continue
        signatures[0] += first
        for function, signature in zip(functions[1:], signatures[1:], strict=True):
            signature += [_outcome(function, values) for values in given]
    if len({returned for returned, _ in signatures[0]}) < 2:
        return list(range(len(programs)))
    return [
        number if _NOTHING in signature else signatures.index(signature)
        for number, signature in enumerate(signatures)
    ]


def _defined(name: str, source: str) -> Callable[..., Any]:
    scope: dict[str, Any] = {}
    exec(source, scope)  # noqa: S102 - this is the sandbox
    return scope[name]  # type: ignore[no-any-return]


def _outcome(function: Callable[..., Any], values: tuple[Any, ...]) -> _Outcome:
    """What a call returns, and what became of its arguments; nothing where values cannot be compared."""
    given = copy.deepcopy(values)
    try:
        returned, left = _told(function(*given)), _told(given)
    except _FAULTS:
        return _RAISED
    return (returned, left) if returned and left else _NOTHING


def _told(value: Any) -> str:
    """The same text for values that a test holds to be equal; floats to ten digits."""
    if value is None or isinstance(value, bool | str | bytes):
        return repr(value)
    if isinstance(value, int):
        return repr(value)
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() else f"{value:.10g}"
    if isinstance(value, dict):
        parts = sorted(f"{_told(key)}: {_told(one)}" for key, one in value.items())
        return f"{{{', '.join(parts)}}}"
    if isinstance(value, list | tuple | set | frozenset):
        inside = [_told(one) for one in value]
        if isinstance(value, set | frozenset):
            return f"set({', '.join(sorted(inside))})"
        kind = "list" if isinstance(value, list) else "tuple"
        return f"{kind}({', '.join(inside)})" if "" not in inside else ""
    shown = repr(value)
    return "" if " at 0x" in shown else shown
