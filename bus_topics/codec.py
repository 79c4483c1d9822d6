"""Bytes to messages and back. Whatever the bytes are, `decode` gives a message or a WireError.

orjson judges the syntax (RFC 8259, UTF-8, no NaN, no lone surrogates), one walk over the parsed value
judges what orjson lets pass (depth, infinities), one pass of the standard library's scanner finds
duplicate keys, and msgspec gives the typed, bounded, frozen message.
"""

import json
import math
from typing import Any, TypeVar

import msgspec
import orjson

from bus_topics.errors import (
    DuplicateKey,
    NotJson,
    TooDeep,
    TooLarge,
    WrongShape,
    WrongVersion,
)
from bus_topics.messages import VERSION, Ask, Message

MAX_BYTES = 256 * 1024
MAX_DEPTH = 24

M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """The message as JSON. Raises TooLarge when it would not fit the bus."""
    payload = _encoder.encode(message)
    if len(payload) > MAX_BYTES:
        raise TooLarge(
            f"a {type(message).__name__} of {len(payload)} bytes; at most {MAX_BYTES} fit the bus:"
            " send a reference instead of the content"
        )
    return payload


def decode(payload: bytes, kind: type[M]) -> M:
    """`payload` as a `kind`. Raises a WireError that says what is wrong and where; nothing else."""
    value = check_json(payload)
    if not isinstance(value, dict):
        raise WrongShape(f"a {kind.__name__} is a JSON object, not {_json_name(value)}")
    return _typed(payload, value, kind)


def decode_ask(payload: bytes) -> Ask:
    """What an app sent to `ask/...`: plain text, bare JSON content, or an `Ask` object.

    Text that is no JSON is the content as it stands; JSON without a `content` field is the content.
    Raises WireError for anything else, as `decode` does.
    """
    try:
        value = check_json(payload)
    except NotJson as fault:
        text = _as_text(payload, fault)
        return Ask(content=msgspec.Raw(orjson.dumps(text)))
    if isinstance(value, dict) and "content" in value:
        return _typed(payload, value, Ask)
    return Ask(content=msgspec.Raw(payload))


def check_json(payload: bytes) -> Any:
    """`payload` parsed, after every check that does not depend on the message's type."""
    if len(payload) > MAX_BYTES:
        raise TooLarge(f"{len(payload)} bytes; at most {MAX_BYTES} are read")
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error):
            raise TooDeep(f"nested deeper than {MAX_DEPTH} levels") from None
        raise NotJson(str(error)[:300]) from None
    _check_values(value)
    _check_duplicates(payload)
    return value


_encoder = msgspec.json.Encoder()
_decoders: dict[type[Message], msgspec.json.Decoder[Any]] = {}


def _typed(payload: bytes, value: dict[str, Any], kind: type[M]) -> M:
    version = value.get("v", VERSION)
    if version != VERSION:
        raise WrongVersion(f"version {str(version)[:40]}; this node speaks version {VERSION}")
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind, strict=True)
    try:
        message: M = decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise WrongShape(f"{kind.__name__}: {str(error)[:300]}") from None
    return message


def _check_values(value: Any) -> None:
    """Breadth-first, so a depth is a loop count and no input can exhaust the stack."""
    level, depth = [value], 0
    while level:
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
            elif isinstance(item, float) and not math.isfinite(item):
                raise NotJson("a number is too large for a double")
        level = deeper
        depth += 1
        if depth > MAX_DEPTH and level:
            raise TooDeep(f"nested deeper than {MAX_DEPTH} levels")


def _check_duplicates(payload: bytes) -> None:
    _scanner.decode(payload.decode())


def _unique(pairs: list[tuple[str, Any]]) -> None:
    """The pairs of one object; the values are not kept, only their names are compared."""
    if len({name for name, _ in pairs}) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DuplicateKey(f"the key {twice[:80]!r} stands twice in one object")


_scanner = json.JSONDecoder(object_pairs_hook=_unique, parse_int=len, parse_float=len)


def _as_text(payload: bytes, fault: NotJson) -> str:
    """Plain text is UTF-8 that does not set out to be a JSON object or array."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise fault from None
    if not text.strip() or text.lstrip()[0] in "{[" or "\x00" in text:
        raise fault
    return text


def _json_name(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "a number"
