"""Random JSON schemas of which some document exists, and a validator of its own for them."""

import math
import re
from typing import Any

from hypothesis import strategies as st

Json = Any
Schema = dict[str, Any]


def valid(value: Json, schema: Any, root: Schema) -> bool:
    """JSON schema, draft 2020-12, as far as the tests need it; written from the specification."""
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].split("/")[1:]:
            target = target[step.replace("~1", "/")]
        return valid(value, target, root)
    checks = [
        "type" not in schema or any(is_of(value, kind) for kind in as_list(schema["type"])),
        "const" not in schema or equal(value, schema["const"]),
        "enum" not in schema or any(equal(value, one) for one in schema["enum"]),
        "anyOf" not in schema or any(valid(value, one, root) for one in schema["anyOf"]),
        "oneOf" not in schema or sum(valid(value, one, root) for one in schema["oneOf"]) == 1,
    ]
    if isinstance(value, str):
        checks.append(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9))
        checks.append(re.search(schema.get("pattern", ""), value) is not None)
    if isinstance(value, int | float) and not isinstance(value, bool):
        checks.append(schema.get("minimum", value) <= value <= schema.get("maximum", value))
        checks.append(schema.get("exclusiveMinimum", -math.inf) < value)
        checks.append(value < schema.get("exclusiveMaximum", math.inf))
    if isinstance(value, list):
        checks.append(schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9))
        checks += [valid(item, schema.get("items", True), root) for item in value]
    if isinstance(value, dict):
        named = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        checks += [name in value for name in schema.get("required", [])]
        checks += [valid(each, named.get(name, others), root) for name, each in value.items()]
    return all(checks)


def is_of(value: Json, kind: str) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "string": isinstance(value, str),
        "number": number,
        "integer": number and float(value).is_integer(),
        "boolean": isinstance(value, bool),
        "null": value is None,
    }[kind]


def equal(one: Json, other: Json) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def as_list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


# Schemas of which some document exists.
texts = st.text(max_size=6)
plain = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), texts)
PATTERNS = [
    r"^[a-z]{2,4}$",
    r"\d{3}-\d{4}",
    r"^(?:red|green|blue)?$",
    r'^"[^"\\]*"$',
    r"^\w+@\w+\.(com|org)$",
    r"é|ü|\u20ac",
    r"^.{0,3}$",
    r"^[^0-9]{1,2}[\s\S]?$",
    r"^[A-F0-9]+?$|^$",
    "a\nb|\t",
]
strings = st.one_of(
    st.just({"type": "string"}),
    st.tuples(st.integers(0, 5), st.integers(0, 5)).map(
        lambda n: {"type": "string", "minLength": n[0], "maxLength": n[0] + n[1]}
    ),
    st.integers(1, 3).map(lambda n: {"type": "string", "minLength": n}),
    st.sampled_from(PATTERNS).map(lambda text: {"type": "string", "pattern": text}),
)
bounds = st.one_of(st.integers(-300, 300), st.floats(-50, 50), st.sampled_from([0.1, 1e12, -1e15]))


@st.composite
def numbers(draw: st.DrawFn) -> Schema:
    schema: Schema = {"type": draw(st.sampled_from(["integer", "number"]))}
    low = draw(st.none() | bounds)
    high = draw(st.none() | st.floats(2, 400))
    if low is not None:
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = low
        if high is not None and abs(low) < 1e9:
            schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = low + high
    return schema


@st.composite
def objects(draw: st.DrawFn, parts: st.SearchStrategy[Schema]) -> Schema:
    named = draw(st.dictionaries(texts, parts, max_size=4))
    needed = draw(st.lists(st.sampled_from(sorted(named)), unique=True)) if named else []
    schema: Schema = {"type": "object", "properties": named, "required": needed}
    if named or draw(st.sampled_from([True, False])):
        schema["additionalProperties"] = False
    return schema


def one_of(parts: list[Schema]) -> Schema:
    """Branches that are told apart by a property."""
    branches = [
        {
            "type": "object",
            "properties": {"kind": {"const": n}, "value": part},
            "required": ["kind", "value"],
        }
        for n, part in enumerate(parts)
    ]
    return {"oneOf": branches}


def nested(parts: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    counts = st.tuples(st.integers(0, 3), st.integers(0, 3))
    return st.one_of(
        objects(parts),
        st.tuples(parts, counts).map(
            lambda it: {
                "type": "array",
                "items": it[0],
                "minItems": it[1][0],
                "maxItems": it[1][0] + it[1][1],
            }
        ),
        parts.map(lambda part: {"type": "array", "items": part}),
        parts.map(lambda part: {"type": "object", "additionalProperties": part}),
        st.lists(parts, min_size=1, max_size=3).map(lambda some: {"anyOf": some}),
        st.lists(parts, min_size=1, max_size=3).map(one_of),
    )


leaves = st.one_of(
    strings,
    numbers(),
    st.sampled_from(["boolean", "null"]).map(lambda kind: {"type": kind}),
    st.lists(plain, min_size=1, max_size=4).map(lambda values: {"enum": values}),
    plain.map(lambda value: {"const": value, "title": "one", "description": "value"}),
    st.just({"type": ["string", "integer", "null"], "minimum": 3}),
    st.just({"$ref": "#/$defs/tree"}),
    st.just(Schema()),
)
TREE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 3},
        "left": {"$ref": "#/$defs/tree"},
        "right": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
    },
    "required": ["name", "right"],
    "additionalProperties": False,
}
schemas = st.recursive(leaves, nested, max_leaves=6).map(
    lambda schema: {**schema, "$defs": {"tree": TREE}}
)
