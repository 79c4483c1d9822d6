"""A JSON schema, as Home Assistant makes it of an AI task's structure, in the words that nodes understand.

Nodes hold a text to a schema by a grammar and refuse what the grammar cannot hold (docs/engine.md of
the project lists the keywords). So what only describes is left out, `format` becomes a pattern where there is
one, and what is left is checked by the structure itself when the answer is there. Nothing here knows
Home Assistant.
"""

from collections.abc import Mapping
from typing import Any, Final

MOST_TEXT: Final = 200
"""Characters of a text that the structure does not bound: a small model may not find its end."""
MOST_ITEMS: Final = 8
"""Likewise of a list."""

_KEPT = {
    "object": ("additionalProperties",),
    "array": ("minItems", "maxItems"),
    "string": ("minLength", "maxLength", "pattern"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
_FORMATS = {
    "date": r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
    "time": r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]",
    "date-time": (
        r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8]) "
        r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    ),
    "entity_id": r"[a-z][a-z0-9_]{1,30}\.[a-z0-9_]{1,60}",
}


class Unsupported(ValueError):  # noqa: N818 - named for what happened
    """A structure that no grammar of ours can hold a text to."""


def understood(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in keywords that nodes understand. Raises Unsupported."""
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            branches = [understood(branch) for branch in schema[choice]]
            return _nullable({"anyOf": branches}, schema)
    if "allOf" in schema:
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            merged |= part
        return understood(merged)
    if "enum" in schema:
        return _nullable({"enum": list(schema["enum"])}, schema)
    if "const" in schema:
        return {"const": schema["const"]}
    kind = schema.get("type", "string")
    if kind not in ("object", "array", "string", "number", "integer", "boolean", "null"):
        raise Unsupported(f"no text can be held to the type {kind!r}")
    told: dict[str, Any] = {"type": kind}
    told |= {word: schema[word] for word in _KEPT.get(kind, ()) if word in schema}
    if kind == "object":
        told |= _object(schema)
    if kind == "array":
        told["items"] = understood(schema.get("items") or {"type": "string"})
        told.setdefault("maxItems", max(MOST_ITEMS, int(told.get("minItems", 0))))
    if kind == "string":
        told |= _string(schema, told)
    return _nullable(told, schema)


def _object(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    if not properties:
        others = schema.get("additionalProperties", True)
        inside = understood(others) if isinstance(others, Mapping) else others
        return {"additionalProperties": inside}
    return {
        "properties": {name: understood(one) for name, one in properties.items()},
        "required": [name for name in schema.get("required", ()) if name in properties],
        "additionalProperties": False,
    }


def _string(schema: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    if "pattern" in told:
        return {}
    if pattern := _FORMATS.get(str(schema.get("format"))):
        return {"pattern": pattern}
    return {} if "maxLength" in told else {"maxLength": MOST_TEXT}


def _nullable(told: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    if not schema.get("nullable"):
        return told
    branches = told["anyOf"] if set(told) == {"anyOf"} else [told]
    return {"anyOf": [*branches, {"type": "null"}]}
