"""A JSON schema as a grammar: what is generated under it parses and validates.

What is accepted is a part of what the schema allows, the part that can be said byte by byte: members
stand in the order of `properties`, no others are added to those named, numbers have at most 15 digits
(6 of them behind the point where they have bounds). A keyword that would be broken by leaving it out
is refused by its name; those that describe (`title`, `description`, `default`, ...) are passed over.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from engine.errors import BadGrammar
from engine.grammar.automaton import Grammar
from engine.grammar.combinators import either, literal, optional, sequence, shared
from engine.grammar.json_keywords import (
    DESCRIBE,
    KEYWORDS,
    Schema,
    counts,
    kinds_of,
    listed,
    number,
    only,
    string,
    values,
    wrong,
)
from engine.grammar.json_text import BOOLEAN, NULL, array, json_value, mapping, written

__all__ = ["json_schema", "json_value"]

_MOST_PROPERTIES = 100
_MOST_BRANCHES = 100
_DEEPEST_SCHEMA = 40


def json_schema(schema: Schema, *, depth: int = 5) -> Grammar:
    """The documents of `schema` (draft 2020-12, the keywords of docs/engine.md).

    Args:
        schema: as `json.loads` gives it.
        depth: how often a definition may stand within itself, and how deep what the schema leaves
            open nests; 0 to 32.

    Raises:
        BadGrammar: a keyword that is not supported or has a wrong value, with its place as a JSON
            pointer; or no document of the schema nests within `depth`.
    """
    try:
        found = _Compiler(schema, depth).grammar(schema, "#", depth)
    except RecursionError as fault:
        raise BadGrammar("the schema nests too deep", "nest less") from fault
    if found is None:
        raise BadGrammar(
            f"no document of the schema nests within {depth}",
            "let the recursion end somewhere, or raise the depth",
        )
    return found


class _Compiler:
    """One schema on its way to a grammar; None is a schema that no document fits in the depth."""

    def __init__(self, root: Schema, depth: int) -> None:
        self._root = root
        self._any = json_value(depth)
        self._inside: dict[str, bool] = {}
        self._made: dict[tuple[str, int], Grammar | None] = {}

    def grammar(self, schema: object, path: str, left: int) -> Grammar | None:
        """`schema`, which stands at `path`, with `left` more levels of recursion."""
        if isinstance(schema, bool):
            return self._any if schema else None
        if not isinstance(schema, Mapping):
            raise BadGrammar(f"{path} is no schema", "give an object, true or false")
        if path.count("/") > 2 * _DEEPEST_SCHEMA:
            raise BadGrammar(f"{path[:60]}... nests too deep", "nest less, or use $ref")
        keywords = schema.keys() - DESCRIBE
        for keyword in ("$ref", "anyOf", "oneOf"):
            if keyword in keywords:
                only(keywords, {keyword}, path, f"beside {keyword}")
                if keyword == "$ref":
                    return self._reference(schema, path, left)
                return self._any_of(schema, keyword, path, left)
        if not keywords:
            return self._any
        kinds = kinds_of(schema, path)
        if "enum" in keywords or "const" in keywords:
            only(keywords, {"type", "enum", "const"}, path, "beside enum and const")
            return values(schema, kinds, path)
        only(keywords, {"type"}.union(*(KEYWORDS[kind] for kind in kinds)), path, "with this type")
        options = [self._kind(kind, schema, path, left) for kind in kinds]
        return _either([option for option in options if option is not None])

    def _kind(self, kind: str, schema: Schema, path: str, left: int) -> Grammar | None:
        match kind:
            case "object":
                return self._object(schema, path, left)
            case "array":
                return self._array(schema, path, left)
            case "string":
                return string(schema, path)
            case "number" | "integer":
                return number(kind, schema, path)
            case "boolean":
                return BOOLEAN
            case _:
                return NULL

    def _object(self, schema: Schema, path: str, left: int) -> Grammar | None:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, Mapping) or len(properties) > _MOST_PROPERTIES:
            raise wrong(path, "properties", f"an object with at most {_MOST_PROPERTIES} members")
        if not isinstance(required, list) or any(
            not isinstance(name, str) or name not in properties for name in required
        ):
            raise wrong(path, "required", "a list of names that stand in properties")
        others = schema.get("additionalProperties", True)
        if not properties and others is not False:
            value = self.grammar(others, f"{path}/additionalProperties", left)
            return literal("{}") if value is None else mapping(shared(value))
        if not isinstance(others, bool):
            raise BadGrammar(
                f"additionalProperties at {path} is a schema beside properties, which is not supported",
                "name every property, or none",
            )
        members = []
        for name, each in properties.items():
            value = self.grammar(each, f"{path}/properties/{_step(name)}", left)
            if value is not None:
                text = sequence(literal(written(name) + ":"), value)
                members.append((shared(text), name in required))
            elif name in required:
                return None
        return _members(members)

    def _array(self, schema: Schema, path: str, left: int) -> Grammar | None:
        least, most = counts(schema, "minItems", "maxItems", path)
        item = self.grammar(schema.get("items", True), f"{path}/items", left)
        if item is None:
            return literal("[]") if least == 0 else None
        return array(shared(item), least, most)

    def _any_of(self, schema: Schema, keyword: str, path: str, left: int) -> Grammar | None:
        branches = schema[keyword]
        if not isinstance(branches, list) or not 1 <= len(branches) <= _MOST_BRANCHES:
            raise wrong(path, keyword, f"a list of 1 to {_MOST_BRANCHES} schemas")
        if keyword == "oneOf":
            self._check_apart(branches, path)
        options = [
            self.grammar(each, f"{path}/{keyword}/{n}", left) for n, each in enumerate(branches)
        ]
        return _either([option for option in options if option is not None])

    def _reference(self, schema: Schema, path: str, left: int) -> Grammar | None:
        pointer = schema["$ref"]
        target = self._target(pointer, path)
        if self._is_recursive(pointer, path):
            left -= 1
            if left < 0:
                return None
        key = (pointer, left)
        if key not in self._made:
            found = self.grammar(target, pointer, left)
            self._made[key] = None if found is None else shared(found)
        return self._made[key]

    def _target(self, pointer: object, path: str) -> object:
        if not isinstance(pointer, str) or not re.fullmatch(r"#(/.*)?", pointer, re.DOTALL):
            raise BadGrammar(
                f"$ref at {path} leads to {str(pointer)[:60]!a}, which is not supported",
                "refer to a place in this schema, as #/$defs/name",
            )
        target: Any = self._root
        for part in pointer.split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(target, Mapping) and name in target:
                target = target[name]
            elif isinstance(target, list) and name.isdecimal() and int(name[:9]) < len(target):
                target = target[int(name[:9])]
            else:
                raise BadGrammar(
                    f"$ref at {path} leads to {pointer!a}, which is not there", "define it"
                )
        return target

    def _is_recursive(self, pointer: str, path: str) -> bool:
        """Whether the definition leads to itself."""
        if pointer not in self._inside:
            seen: set[str] = set()
            open_ = [*_references(self._target(pointer, path))]
            while open_:
                other = open_.pop()
                if other not in seen:
                    seen.add(other)
                    open_ += _references(self._target(other, path))
            self._inside[pointer] = pointer in seen
        return self._inside[pointer]

    def _check_apart(self, branches: list[object], path: str) -> None:
        """Refuse a oneOf of which two branches may hold at once."""
        for n, one in enumerate(branches):
            for m, other in enumerate(branches[:n]):
                if not self._apart(one, other, path):
                    raise BadGrammar(
                        f"oneOf at {path}: branches {m} and {n} may both hold, which is not supported",
                        "use anyOf, or give each a required property with a const of its own",
                    )

    def _apart(self, one: object, other: object, path: str) -> bool:
        one, other = self._followed(one, path), self._followed(other, path)
        if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
            return False
        values = [listed(schema) for schema in (one, other)]
        if values[0] is not None and values[1] is not None:
            return values[0].isdisjoint(values[1])
        kinds = [
            {"number" if kind == "integer" else kind for kind in kinds_of(schema, path)}
            if schema.keys() & {"type", "enum", "const"}
            else set(KEYWORDS)
            for schema in (one, other)
        ]
        if kinds[0].isdisjoint(kinds[1]):
            return True
        if kinds != [{"object"}, {"object"}]:
            return False
        both = {*one.get("required", [])} & {*other.get("required", [])}
        return any(
            self._apart(one["properties"][name], other["properties"][name], path)
            for name in both
            if name in one.get("properties", {}) and name in other.get("properties", {})
        )

    def _followed(self, schema: object, path: str) -> object:
        for _ in range(_DEEPEST_SCHEMA):
            if not isinstance(schema, Mapping) or "$ref" not in schema:
                break
            schema = self._target(schema["$ref"], path)
        return schema


def _members(members: list[tuple[Grammar, bool]]) -> Grammar:
    """An object of these members in this order; those that need not come may be left out."""
    after = [sequence(literal(","), member) for member, _ in members]
    tail = [
        part if needed else optional(part) for part, (_, needed) in zip(after, members, strict=True)
    ]
    options = []
    for n, (member, needed) in enumerate(members):
        options.append(sequence(member, *tail[n + 1 :]))
        if needed:
            break
    else:
        options.append(sequence())
    return sequence(literal("{"), either(*options), literal("}"))


def _either(options: list[Grammar]) -> Grammar | None:
    return either(*options) if options else None


def _references(schema: object) -> Iterator[str]:
    """Pointers of every $ref in `schema`."""
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        properties = schema.get("properties")
        below = [*properties.values()] if isinstance(properties, Mapping) else []
        below += [schema.get("items"), schema.get("additionalProperties")]
        for keyword in ("anyOf", "oneOf"):
            branches = schema.get(keyword)
            below += branches if isinstance(branches, list) else []
        for each in below:
            yield from _references(each)


def _step(name: str) -> str:
    """`name` as a step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
