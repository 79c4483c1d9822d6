"""Hypothesis strategies for everything that may stand on the bus, read off the message types."""

import json
import re
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from bus_topics.messages import Message
from bus_topics.topics import TOPICS

KINDS: tuple[type[Message], ...] = tuple(row.message for row in TOPICS if row.message is not None)
TEXT = st.text(max_size=40)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


def names(pattern: str) -> st.SearchStrategy[str]:
    """Strings of one of the `messages` patterns (whose tail hypothesis would only filter on)."""
    return st.from_regex(pattern.removeprefix("^").removesuffix(r"$(?!\n)"), fullmatch=True)


def messages(kind: type[Message]) -> st.SearchStrategy[Any]:
    """Every value of a kind that the wire allows, with short sequences and texts."""
    return _of(inspect.type_info(kind))


def any_message() -> st.SearchStrategy[Message]:
    """A message of any kind."""
    return st.sampled_from(KINDS).flatmap(messages)


def full(kind: type[Message]) -> Any:
    """One message of a kind in which no field has its default, so that each of them is written."""
    return _full(inspect.type_info(kind))


def raws() -> st.SearchStrategy[msgspec.Raw]:
    """JSON texts as another program might write them: spaced, escaped or neither."""
    writers = st.fixed_dictionaries(
        {"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 0, 3])}
    )
    return st.builds(
        lambda value, how: msgspec.Raw(json.dumps(value, **how).encode()), JSON, writers
    )


def _of(kind: inspect.Type) -> st.SearchStrategy[Any]:  # noqa: C901 - one case a type
    match kind:
        case inspect.Metadata(type=inner):
            return _of(inner)
        case inspect.StructType(cls=cls, fields=fields):
            own = [field for field in fields if field.name != "v"]
            return st.fixed_dictionaries(
                {field.name: _of(field.type) for field in own if field.required},
                optional={field.name: _of(field.type) for field in own if not field.required},
            ).map(lambda given: cls(**given))
        case inspect.StrType(pattern=str() as pattern):
            return names(pattern)
        case inspect.StrType(max_length=int() as longest):
            return st.text(max_size=min(longest, 40))
        case inspect.IntType(ge=int() as low, le=int() as high):
            return st.integers(low, high)
        case inspect.FloatType(ge=low, le=high):
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case inspect.BoolType():
            return st.booleans()
        case inspect.EnumType(cls=enum):
            return st.sampled_from(list(enum))
        case inspect.RawType():
            return raws()
        case inspect.NoneType():
            return st.none()
        case inspect.UnionType(types=types):
            return st.one_of([_of(part) for part in types])
        case inspect.VarTupleType(item_type=item, min_length=low, max_length=int() as high):
            return st.lists(_of(item), min_size=low or 0, max_size=min(high, 3)).map(tuple)
        case _:
            raise AssertionError(
                f"a field without bounds, or of a type that has no place here: {kind}"
            )


def _full(kind: inspect.Type) -> Any:
    match kind:
        case inspect.Metadata(type=inner):
            return _full(inner)
        case inspect.StructType(cls=cls, fields=fields):
            return cls(**{field.name: _full(field.type) for field in fields if field.name != "v"})
        case inspect.StrType(pattern=str() as pattern):
            return next(name for name in ("a", "a/b", "0" * 8) if re.search(pattern, name))
        case inspect.StrType():
            return "x"
        case inspect.IntType(le=int() as high):
            return high
        case inspect.FloatType(le=high):
            return 0.75 * (high or 1.0)
        case inspect.BoolType():
            return True
        case inspect.EnumType(cls=enum):
            return list(enum)[-1]
        case inspect.RawType():
            return msgspec.Raw(b"[0]")
        case inspect.UnionType(types=types):
            return _full(next(part for part in types if not isinstance(part, inspect.NoneType)))
        case inspect.VarTupleType(item_type=item):
            return (_full(item),)
    raise AssertionError(kind)
