"""What the keywords of a JSON schema mean for one document, and which of them are understood."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from engine.errors import BadGrammar
from engine.grammar.automaton import Grammar
from engine.grammar.combinators import choice, decimal, integer, literal, repeat, sequence
from engine.grammar.json_pattern import pattern_grammar
from engine.grammar.json_text import CHARACTER, NUMBER, STRING, written

Schema = Mapping[str, Any]

KEYWORDS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"minLength", "maxLength", "pattern"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "boolean": set[str](),
    "null": set[str](),
}
DESCRIBE = {
    *("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"),
    *("$schema", "$id", "$comment", "$defs", "definitions"),
}
_INSTEAD = {
    "allOf": "write its parts as one schema",
    "not": "say what is wanted instead",
    "format": "use pattern",
    "multipleOf": "use enum",
    "uniqueItems": "check the answer",
    "patternProperties": "name the properties, or use additionalProperties",
    "minProperties": "use required",
}
# Every double holds these exactly (RFC 8259, section 6).
_MOST_INTEGER = 2**53 - 1
# And these with six digits behind the point, well enough to tell them from their neighbours.
_MOST_DECIMAL = 10**9
_PLACES = 6


def values(schema: Schema, kinds: list[str], path: str) -> Grammar | None:
    """One of `enum`, or `const`, as far as it is of these kinds."""
    values = schema.get("enum", [schema.get("const")])
    if not isinstance(values, list) or not values:
        raise wrong(path, "enum", "a list of values")
    if "const" in schema:
        values = [value for value in values if _same(value) == _same(schema["const"])]
    texts = [written(value) for value in values if _kind_of(value) & {*kinds}]
    return choice(texts) if texts else None


def string(schema: Schema, path: str) -> Grammar:
    """A string, of some length or of a pattern."""
    least, most = counts(schema, "minLength", "maxLength", path)
    if "pattern" not in schema:
        if (least, most) == (0, None):
            return STRING
        return sequence(literal('"'), repeat(CHARACTER, least, most), literal('"'))
    if not isinstance(schema["pattern"], str):
        raise wrong(path, "pattern", "a string")
    if (least, most) != (0, None):
        raise BadGrammar(
            f"minLength and maxLength at {path} beside pattern are not supported",
            "say the length in the pattern, as {1,8}",
        )
    return sequence(literal('"'), pattern_grammar(schema["pattern"], path), literal('"'))


def number(kind: str, schema: Schema, path: str) -> Grammar | None:
    """A number within `schema`'s bounds; `kind` is number or integer.

    Without bounds a number may have 15 digits before the point, 15 behind it and an exponent.
    With one beyond 10**9 it is whole, as doubles of that size have few digits left.
    """
    bounds = {keyword: schema[keyword] for keyword in KEYWORDS["number"] & schema.keys()}
    for keyword, bound in bounds.items():
        if isinstance(bound, bool) or not isinstance(bound, int | float) or math.isnan(bound):
            raise wrong(path, keyword, "a number")
    if kind == "number" and not bounds:
        return NUMBER
    whole = kind == "integer" or any(abs(bound) > _MOST_DECIMAL for bound in bounds.values())
    places, most = (0, _MOST_INTEGER) if whole else (_PLACES, _MOST_DECIMAL)
    first, last = -most * 10**places, most * 10**places
    for keyword, bound in bounds.items():
        # Decimal(str()) is what is written; Decimal(0.1) is what the double holds.
        at = Decimal(str(max(min(bound, 2 * most), -2 * most))).scaleb(places)
        match keyword:
            case "minimum":
                first = max(first, math.ceil(at))
            case "maximum":
                last = min(last, math.floor(at))
            case "exclusiveMinimum":
                first = max(first, math.floor(at) + 1)
            case _:
                last = min(last, math.ceil(at) - 1)
    if first > last:
        raise BadGrammar(f"the bounds at {path} leave no number", "give wider ones")
    if whole:
        return integer(first, last)
    return decimal(Decimal(first).scaleb(-places), Decimal(last).scaleb(-places), places)


def counts(schema: Schema, low: str, high: str, path: str) -> tuple[int, int | None]:
    """The values of the keywords `low` and `high`."""
    for keyword in (low, high):
        value = schema.get(keyword, 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise wrong(path, keyword, "a number from 0")
    least, most = schema.get(low, 0), schema.get(high)
    if most is not None and most < least:
        raise wrong(path, high, f"at least {low}")
    return least, most


def kinds_of(schema: Schema, path: str) -> list[str]:
    """The types that a document of `schema` may have."""
    if "type" in schema:
        told = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not told or any(not isinstance(kind, str) or kind not in KEYWORDS for kind in told):
            raise wrong(path, "type", f"one of {', '.join(KEYWORDS)}, or a list of them")
        return list(dict.fromkeys(told))
    if "enum" in schema or "const" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        held = set[str]().union(*map(_kind_of, values if isinstance(values, list) else []))
        return [kind for kind in KEYWORDS if kind in held]
    keywords = schema.keys() - DESCRIBE
    # Without a type a keyword binds the documents of its own type: those alone are written.
    for kind, own in KEYWORDS.items():
        if keywords & own:
            return [kind]
    unknown = min(keywords)
    raise _refused(unknown, path, "here")


def only(keywords: set[str], known: set[str], path: str, where: str) -> None:
    """Refuse what is not `known`."""
    for keyword in sorted(keywords - known):
        raise _refused(keyword, path, where)


def _refused(keyword: str, path: str, where: str) -> BadGrammar:
    remedy = _INSTEAD.get(keyword, "leave it out")
    return BadGrammar(f"keyword {keyword[:60]!a} at {path} is not supported {where}", remedy)


def wrong(path: str, keyword: str, wanted: str) -> BadGrammar:
    """A keyword whose value is not what it must be."""
    return BadGrammar(f"{keyword} at {path} is not right", f"give {wanted}")


def _kind_of(value: object) -> set[str]:
    match value:
        case None:
            return {"null"}
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"integer", "number"} if value.is_integer() else {"number"}
        case str():
            return {"string"}
        case list():
            return {"array"}
        case _:
            return {"object"}


def listed(schema: Schema) -> set[str] | None:
    """The values that a schema lists, equal ones the same; None where it lists none."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return {_same(value) for value in values} if isinstance(values, list) else None


def _same(value: object) -> str:
    """A text that is the same for values that JSON schema calls equal."""
    match value:
        case float() if value.is_integer():
            return str(int(value))
        case list():
            return f"[{','.join(map(_same, value))}]"
        case Mapping():
            return (
                "{" + ",".join(sorted(f"{written(k)}:{_same(v)}" for k, v in value.items())) + "}"
            )
        case _:
            return written(value)
