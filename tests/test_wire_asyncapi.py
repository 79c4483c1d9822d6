"""docs/asyncapi.json says what the code says, and is a sound AsyncAPI 3.0 document.

The structure is checked here by hand, offline: references, parameters, bindings and the JSON Schemas against
messages that really go over the wire.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wire_values import KINDS, full

from bus_topics import asyncapi
from bus_topics import messages as m
from bus_topics.codec import encode
from bus_topics.topics import BY_NAME, DEFAULT_BASE, TOPICS, build

STORED = Path(__file__).parent.parent / "docs" / "asyncapi.json"
DOCUMENT = asyncapi.document()


def test_the_stored_document_is_the_generated_one() -> None:
    assert STORED.read_text() == asyncapi.text(), (
        "docs/asyncapi.json is stale; run: python -m bus_topics.asyncapi > docs/asyncapi.json"
    )


def resolved(reference: str) -> Any:
    assert reference.startswith("#/"), reference
    value: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        assert step in value, f"{reference} leads nowhere"
        value = value[step]
    return value


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document, outermost first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from nodes(item)


def test_every_reference_resolves_and_every_component_is_used() -> None:
    references = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]
    for reference in references:
        resolved(reference)
    for group, components in DOCUMENT["components"].items():
        for name in components:
            assert f"#/components/{group}/{name}" in references


def test_the_document_has_the_parts_that_asyncapi_3_asks_for() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= server.keys()
    for operation in DOCUMENT["operations"].values():
        assert operation.keys() <= {"action", "channel", "bindings", "reply"}
        assert operation["action"] in {"send", "receive"}
    for parameter in DOCUMENT["components"]["parameters"].values():
        assert parameter.keys() <= {"enum", "default", "description", "examples", "x-pattern"}


@pytest.mark.parametrize("row", TOPICS, ids=lambda row: row.name)
def test_a_channel_is_its_row(row: Any) -> None:
    channel = DOCUMENT["channels"][row.name]
    in_address = re.findall(r"\{(\w+)\}", channel["address"])
    assert sorted(in_address) == sorted(channel["parameters"])
    names = {"from": "one", "to": "two", "capability": "chat"}
    topic = build(DEFAULT_BASE, row.name, sender="one", to="two", capability="chat")
    assert channel["address"].format(**names) == topic
    for reference in channel["parameters"].values():
        pattern = resolved(reference["$ref"])["x-pattern"]
        assert pattern in {m.NODE_PATTERN, m.CAPABILITY_PATTERN}
    assert channel["messages"]


def test_every_channel_is_sent_or_received_by_a_node_as_its_row_says() -> None:
    seen = set()
    for operation in DOCUMENT["operations"].values():
        name = operation["channel"]["$ref"].removeprefix("#/channels/")
        row, mqtt = BY_NAME[name], operation["bindings"]["mqtt"]
        seen.add((name, operation["action"]))
        assert mqtt["qos"] == row.qos
        if operation["action"] == "send":
            assert mqtt["retain"] == row.retain
            assert mqtt.get("messageExpiryInterval") == row.expiry_s
    both = {(row.name, action) for row in TOPICS for action in ("send", "receive")}
    shown = {("event", "receive"), ("state", "receive")}
    assert both - seen == {("ask", "send"), ("answer", "receive")} | shown


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """The part of JSON Schema that our messages use; an unknown keyword fails the test."""
    if "$ref" in schema:
        return accepts(resolved(schema["$ref"]), value)
    known = {"title", "description", "default", "type", "properties", "required", "items", "anyOf"}
    known |= {"additionalProperties", "enum", "pattern", "maxLength", "minimum", "maximum"}
    known |= {"minItems", "maxItems"}
    assert schema.keys() <= known, schema.keys() - known
    if "anyOf" in schema:
        return any(accepts(choice, value) for choice in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    match schema.get("type"):
        case "object":
            properties = schema["properties"]
            return (
                isinstance(value, dict)
                and set(schema["required"]) <= value.keys() <= properties.keys()
                and all(accepts(properties[name], item) for name, item in value.items())
            )
        case "array":
            longest = schema.get("maxItems", len(value))
            return schema.get("minItems", 0) <= len(value) <= longest and all(
                accepts(schema["items"], item) for item in value
            )
        case "string":
            return (
                isinstance(value, str)
                and len(value) <= schema.get("maxLength", len(value))
                and re.search(schema.get("pattern", ""), value) is not None
            )
        case "integer" | "number" as kind:
            return type(value) in ((int,) if kind == "integer" else (int, float)) and schema.get(
                "minimum", value
            ) <= value <= schema.get("maximum", value)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case None:
            return True  # content and results: whatever JSON the capability agrees on
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_schema_of_a_kind_takes_its_messages_and_no_others(kind: type[m.Message]) -> None:
    schema = resolved(DOCUMENT["components"]["messages"][kind.__name__]["payload"]["$ref"])
    message = json.loads(encode(full(kind)))
    assert accepts(schema, message)
    assert not accepts(schema, {**message, "novel": 1})
    for name in schema["required"]:
        assert not accepts(schema, {key: message[key] for key in message if key != name})
