"""Write the tables of docs/apps.md from the contract: topics, fields of messages, content and result of capabilities.

python -m tools.contract_tables            write them anew, between `<!-- NAME -->` and `<!-- end -->`
python -m tools.contract_tables --check    1 if the page says something else
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bus_topics import messages as m
from bus_topics.topics import BY_NAME, DEFAULT_BASE, Role, Topic
from handlers import (
    code,
    home_control,
    home_scene,
    intent_classification,
    math_word_problems,
    text_generation,
    vision,
    vision_scene,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "apps.md"
# What an app of the simplest kind uses, and what a requester uses besides.
PUBLISHING = ("ask", "answer", "status", "card", "event")
REQUESTING = tuple("submit cancel get final_ack accepted rejected progress final report".split())
FROM_APPS = {Role.APP, Role.REQUESTER}
# Of each capability the type of its content and that of its result.
CAPABILITIES: dict[str, tuple[type, type]] = {
    "intent_classification": (intent_classification.Sentence, intent_classification.Routing),
    "home_control": (home_scene.Scene, home_control.Control),
    "text_generation": (text_generation.Request, text_generation.Continuation),
    "math": (math_word_problems.Request, math_word_problems.Solution),
    "vision": (vision_scene.Seen, vision.Caption),
    "code": (code.Request, code.Written),
}


def main(arguments: list[str]) -> int:
    """Write the page, or check it."""
    before = PAGE.read_text(encoding="utf-8")
    after = written(before)
    if arguments == ["--check"]:
        return int(before != after)
    PAGE.write_text(after, encoding="utf-8")
    return 0


def written(page: str) -> str:
    """The page with its tables as the contract has them. Raises KeyError for a table that nobody makes."""
    made = tables()
    return re.sub(
        r"^<!-- ([a-z_ ]+) -->\n.*?^<!-- end -->$",
        lambda found: f"<!-- {found[1]} -->\n{made[found[1]]}\n<!-- end -->",
        page,
        flags=re.MULTILINE | re.DOTALL,
    )


def tables() -> dict[str, str]:
    """Every table by its name."""
    made = {
        "topics of an app": _topics(PUBLISHING),
        "topics of a requester": _topics(REQUESTING),
    }
    for kind in (m.Ask, m.Answer):
        made[f"fields of {kind.__name__.lower()}"] = _fields(kind)
    for capability, (content, result) in CAPABILITIES.items():
        made[f"content of {capability}"] = _fields(content)
        made[f"result of {capability}"] = _fields(result, whole=True)
    return made


def _topics(names: tuple[str, ...]) -> str:
    return _table(
        ("topic", "message", "direction", "QoS", "retained", "kept at the broker"),
        map(_topic, names),
    )


def _topic(name: str) -> tuple[str, ...]:
    row: Topic = BY_NAME[name]
    message = row.message.__name__ if row.message else "plain text"
    direction = "the app publishes" if row.writer in FROM_APPS else "the app subscribes"
    expiry = f"{row.expiry_s} s" if row.expiry_s else "-"
    retained = "yes" if row.retain else "no"
    return (f"`{DEFAULT_BASE}/{row.path}`", message, direction, str(row.qos), retained, expiry)


def _fields(kind: type, *, whole: bool = False) -> str:
    """The fields of a struct, and below them those of the structs inside, each once.

    With `whole` no field is ever left out, so that there is nothing to say of that.
    """
    _, schemas = msgspec.json.schema_components([kind], ref_template="{name}")
    lines = [
        line
        for name, schema in _in_order(kind.__name__, schemas)
        for line in _rows(name, kind.__name__, schema, schemas)
    ]
    columns = 2 if whole else 3
    return _table(("field", "value", "when left out")[:columns], [line[:columns] for line in lines])


def _in_order(first: str, schemas: dict[str, Any]) -> list[tuple[str, Any]]:
    rest = sorted(name for name in schemas if name != first)
    return [(name, schemas[name]) for name in (first, *rest)]


def _rows(
    name: str, first: str, schema: dict[str, Any], schemas: dict[str, Any]
) -> Iterator[tuple[str, ...]]:
    required = schema.get("required", [])
    for field, value in schema.get("properties", {}).items():
        if field == "v":  # the version: 1, and nobody needs to send it
            continue
        shown = f"`{field}`" if name == first else f"`{field}` of {name}"
        default = "required" if field in required else _default(value)
        yield (shown, _value(value, schemas), default)


def _default(value: dict[str, Any]) -> str:
    match value.get("default"):
        case None:
            return "none"
        case "" | [] | {}:
            return "empty"
        case bool(default):
            return str(default).lower()
        case dict():
            return "its own defaults"
        case default:
            return f"`{default}`"


def _value(value: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A JSON schema in words."""
    match value:
        case {"$ref": str(name)}:
            kind = schemas[name]
            return _one_of(kind["enum"]) if "enum" in kind else name
        case {"anyOf": [*options]}:
            told = [_value(option, schemas) for option in options if option != {"type": "null"}]
            return " or ".join(told)
        case {"enum": [*options]}:
            return _one_of(options)
        case {"type": "array", "prefixItems": [*items]}:
            return f"list of {len(items)}: {_value(items[0], schemas)} each"
        case {"type": "array"}:
            most = f", at most {value['maxItems']}" if "maxItems" in value else ""
            return f"list of: {_value(value.get('items', {}), schemas)}{most}"
        case {"type": "object"}:
            return "object"
        case {"type": "string"}:
            return _with_description(_text(value), value)
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "integer" | "number" as kind}:
            return _with_description(_number(kind, value), value)
        case _:
            return "any JSON"


def _one_of(options: list[Any]) -> str:
    return " or ".join(f"`{option}`" for option in options)


_NO_LINE_END = r"(?!\n)"
"""Python's `$` would let a line end through; other languages need not be told."""


def _text(value: dict[str, Any]) -> str:
    if "pattern" in value:
        pattern = value["pattern"].removesuffix(_NO_LINE_END)
        return f"text like `{pattern}`"
    bounds = [value[key] for key in ("minLength", "maxLength") if key in value]
    match bounds:
        case [least, most]:
            return f"text of {least} to {most} characters"
        case [most] if "maxLength" in value:
            return f"text of at most {most} characters"
        case _:
            return "text"


def _number(kind: str, value: dict[str, Any]) -> str:
    least, most = value.get("minimum"), value.get("maximum")
    if least is None or most is None:
        return kind
    return f"{kind}, {least:g} to {most:.15g}"


def _with_description(told: str, value: dict[str, Any]) -> str:
    described = value.get("description")
    return f"{told}: {inspect.cleandoc(described)}" if described else told


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
