"""The contract as an AsyncAPI 3.0 document, for tools and for authors of other clients.

`python -m bus_topics.asyncapi > docs/asyncapi.json` writes it. All of it is read off `topics.TOPICS` and the
message types, so it cannot say anything else than the code. It is JSON and not YAML: every AsyncAPI tool
reads both, and the standard library writes this one.

Two things that AsyncAPI 3.0 has no word for stand in extensions: the pattern of a name in a topic
(`x-pattern`), and the broker-enforced writer and the readers of a channel (`x-writer`, `x-readers`).
"""

import inspect
import json
import sys
from typing import Any

import msgspec

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.topics import BY_NAME, DEFAULT_BASE, TOPICS, Role, Topic

Json = dict[str, Any]


def document() -> Json:
    """The whole document, ready for `json.dumps`."""
    return {
        "asyncapi": "3.0.0",
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": {"broker": _server()},
        "channels": {row.name: _channel(row) for row in TOPICS},
        "operations": dict(_operations()),
        "components": {
            "messages": {name: _message(name) for row in TOPICS for name in _message_names(row)},
            "schemas": _schemas(),
            "parameters": _parameters(),
        },
    }


def text() -> str:
    """What stands in docs/asyncapi.json."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


_NAMES = {
    "from": (m.NODE_PATTERN, "login of the sender; the broker's access list enforces it"),
    "to": (m.NODE_PATTERN, "login of the receiver"),
    "capability": (m.CAPABILITY_PATTERN, "what is asked for, such as home_control"),
}
_TEXT_MESSAGES = {
    "Status": "Whether the node is there. Also its will, which the broker sends for it.",
    "AskText": "A request in plain text: UTF-8, no NUL, not starting with { or [.",
}
_SENT_BY_APPS = frozenset({Role.APP})
_SENT_TO_APPS = frozenset({"the app", "dashboards"})


def _info() -> Json:
    return {
        "title": "Forgebus",
        "version": f"{m.VERSION}.0.0",
        "description": (
            "Nodes on an MQTT 5 bus auction small AI tasks among themselves. Operations are those of a"
            " node, which may be requester, home and contractor at once. A payload is at most"
            f" {codec.MAX_BYTES} bytes, content or a result in it at most {codec.MAX_CONTENT}, nested at"
            f" most {codec.MAX_DEPTH} levels; unknown fields and duplicate keys are refused."
            " docs/protocol.md says what the messages mean."
        ),
    }


def _server() -> Json:
    return {
        "host": "127.0.0.1:1883",
        "protocol": "mqtt",
        "protocolVersion": "5.0",
        "description": "The home's broker, or the private one that a node starts on loopback.",
    }


def _channel(row: Topic) -> Json:
    channel: Json = {
        "address": f"{DEFAULT_BASE}/{row.path}".replace("<", "{").replace(">", "}"),
        "description": f"Written by: {row.writer}. Read by: {row.reader}.",
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in _message_names(row)
        },
        "parameters": {
            name: {"$ref": f"#/components/parameters/{name}"}
            for name in _NAMES
            if f"<{name}>" in row.path
        },
        "x-writer": str(row.writer),
        "x-readers": row.reader,
    }
    return channel


def _operations() -> list[tuple[str, Json]]:
    """What a node sends and receives, each with how: QoS, retained, expiry."""
    operations: list[tuple[str, Json]] = []
    for row in TOPICS:
        name = "".join(word.title() for word in row.name.split("_"))
        channel = {"$ref": f"#/channels/{row.name}"}
        if row.writer not in _SENT_BY_APPS:
            sending: Json = {"qos": row.qos, "retain": row.retain}
            if row.expiry_s is not None:
                sending["messageExpiryInterval"] = row.expiry_s
            operations.append((f"send{name}", _operation("send", channel, sending)))
        if row.reader not in _SENT_TO_APPS:
            received = _operation("receive", channel, {"qos": row.qos})
            if row is BY_NAME["ask"]:
                received["reply"] = {"channel": {"$ref": "#/channels/answer"}}
            operations.append((f"receive{name}", received))
    return operations


def _operation(action: str, channel: Json, mqtt: Json) -> Json:
    bindings = {"mqtt": {**mqtt, "bindingVersion": "0.2.0"}}
    return {"action": action, "channel": channel, "bindings": bindings}


def _message_names(row: Topic) -> tuple[str, ...]:
    if row.message is None:
        return ("Status",)
    if row.message is m.Ask:
        return ("Ask", "AskText")
    return (row.message.__name__,)


def _message(name: str) -> Json:
    summary = _TEXT_MESSAGES.get(name)
    if summary is not None:
        schema: Json = (
            {"$ref": "#/components/schemas/Status"} if name == "Status" else {"type": "string"}
        )
        return {"name": name, "summary": summary, "contentType": "text/plain", "payload": schema}
    described = inspect.getdoc(getattr(m, name)) or ""
    return {
        "name": name,
        "summary": described.partition("\n\n")[0].replace("\n", " "),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }


def _schemas() -> Json:
    """JSON Schemas of all messages and of the values inside them, and of the one plain-text payload."""
    kinds = [row.message for row in TOPICS if row.message is not None]
    _, components = msgspec.json.schema_components(
        [*kinds, m.Status], ref_template="#/components/schemas/{name}"
    )
    for schema in components.values():
        if "description" in schema:  # a docstring, which Python 3.13 stores without its indentation
            schema["description"] = inspect.cleandoc(schema["description"])
    return dict(sorted(components.items()))


def _parameters() -> Json:
    return {
        name: {"description": f"{described}; matches {pattern}", "x-pattern": pattern}
        for name, (pattern, described) in _NAMES.items()
    }


if __name__ == "__main__":
    sys.stdout.write(text())
