"""Bytes to messages and back. Whatever the bytes are, `decode` gives a message or a WireError.

orjson judges the syntax (RFC 8259, UTF-8, no NaN, no infinities, no lone surrogates), one walk over the
parsed value judges its depth, one pass of the standard library's scanner finds duplicate keys, and
msgspec gives the typed, bounded, frozen message.
"""

import json
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
MAX_CONTENT = 240 * 1024
"""Bytes of a `content` or `result`. The rest of MAX_BYTES is for the fields around it, so that content
which fitted a submit fits the award too, and a result that fitted the home fits the final."""
MAX_DEPTH = 24
"""Arrays and objects inside one another, the message itself counted."""

M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """The message as JSON. Raises TooLarge when it would not fit the bus.

    Bounds other than size are checked by the reader alone: msgspec does not check what is constructed.
    """
    payload = _encoder.encode(message)
    if len(payload) > MAX_BYTES:
        raise TooLarge(
            f"a {type(message).__name__} of {len(payload)} bytes; at most {MAX_BYTES} fit the bus:"
            " send a reference instead of the content"
        )
    if len(payload) > MAX_CONTENT:
        _check_content(message)
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
    Raises WireError for anything else, as `decode` does: bytes that are not UTF-8, an empty payload,
    text with NUL, and what begins like an object or an array and is none.
    """
    try:
        value = check_json(payload)
    except NotJson as fault:
        text = _as_text(payload, fault)
        return _bare(orjson.dumps(text))
    if isinstance(value, dict) and "content" in value:
        return _typed(payload, value, Ask)
    _check_depth(value, MAX_DEPTH - 1)  # it will stand one level deeper, inside an award
    return _bare(payload.strip())


def check_content(content: bytes) -> None:
    """Raises WireError when `content` cannot travel as a content or a result: whoever makes one asks first.

    A reader refuses the whole message for what is in it: no JSON, a duplicate key, too deep, too large.
    """
    if len(content) > MAX_CONTENT:
        raise TooLarge(f"{len(content)} bytes; at most {MAX_CONTENT} are content")
    _check_depth(check_json(content), MAX_DEPTH - 1)


def check_json(payload: bytes) -> Any:
    """`payload` parsed, after every check that does not depend on the message's type."""
    if len(payload) > MAX_BYTES:
        raise TooLarge(f"{len(payload)} bytes; at most {MAX_BYTES} are read")
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        if "depth" in str(error):  # "depth limit" or "recursion depth", by orjson's version
            raise TooDeep(f"nested deeper than {MAX_DEPTH} levels") from None
        raise NotJson(str(error)[:300]) from None
    if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH:  # else it cannot be that deep
        _check_depth(value, MAX_DEPTH)
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
    if len(payload) > MAX_CONTENT:
        _check_content(message)
    return message


def _bare(content: bytes) -> Ask:
    ask = Ask(content=msgspec.Raw(content))
    _check_content(ask)
    return ask


_CONTENT_FIELDS = ("content", "result")


def _check_content(message: Message) -> None:
    for name in _CONTENT_FIELDS:
        content = getattr(message, name, None)
        if content is not None and len(bytes(content)) > MAX_CONTENT:
            raise TooLarge(
                f"{type(message).__name__}.{name} of {len(bytes(content))} bytes; at most"
                f" {MAX_CONTENT}: send a reference instead"
            )


def _check_depth(value: Any, limit: int) -> None:
    """Level by level, so a depth is a loop count and no input can exhaust the stack."""
    level = [value]
    for _ in range(limit):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
        if not deeper:
            return
        level = deeper
    if any(isinstance(item, dict | list) for item in level):
        raise TooDeep(f"nested deeper than {limit} levels")


def _check_duplicates(payload: bytes) -> None:
    _scanner.decode(payload.decode())


def _unique(pairs: list[tuple[str, Any]]) -> None:
    """The pairs of one object; the values are not kept, only their names are compared."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise DuplicateKey(f"the key {name[:80]!r} stands twice in one object")
        seen.add(name)


_scanner = json.JSONDecoder(object_pairs_hook=_unique, parse_int=len, parse_float=len)


def _as_text(payload: bytes, fault: NotJson) -> str:
    """Plain text is UTF-8 that does not set out to be a JSON object or array; a BOM is left out."""
    try:
        text = payload.decode("utf-8-sig")
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
