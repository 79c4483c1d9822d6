"""Messages as plain values for `--json`, and foreign text as something that a terminal can be given."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import orjson

_COMMANDS = re.compile("[^\\x00-\\x7e]")


def plain(value: Any) -> Any:
    """The value as dicts, lists, strings, numbers and None: every field, defaults too.

    Content and results are decoded; the protocol version is left out.
    """
    match value:
        case msgspec.Struct():
            names = [name for name in value.__struct_fields__ if name != "v"]
            return {name: plain(getattr(value, name)) for name in names}
        case msgspec.Raw():
            return orjson.loads(bytes(value)) if bytes(value) else None
        case Enum():
            return value.value
        case Path():
            return str(value)
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value


def as_json(value: Any) -> str:
    """One JSON object on one line; nothing in it commands the terminal that it is printed on."""
    return escaped(orjson.dumps(plain(value)).decode())


def escaped(json: str) -> str:
    """JSON with all its control characters as escapes: JSON itself asks only for those below 0x20."""
    return json if json.isascii() and "\x7f" not in json else _COMMANDS.sub(_escape, json)


def _escape(found: re.Match[str]) -> str:
    sign = found[0]
    if sign.isprintable():
        return sign
    units = sign.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def printable(text: str) -> str:
    """The text without what would command a terminal: escapes and other control characters."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)
