"""PUBLISH and PUBACK of MQTT 5 as bytes: written where they leave no state behind, read always.

The MQTT client's own reader builds two tables of every known property for each packet, and refuses
text that the specification allows (U+FEFF in a user property). A message that the broker may store
and the reader refuses ends the connection, is delivered again on the next one, and so cuts a node off
for as long as it lives; hence this reader, which skips what it does not need by its length.
(OASIS MQTT 5.0, 2.2.2 and 3.3.)
"""

import functools
import struct
from typing import NamedTuple


class MalformedPublishError(Exception):
    """The broker sent a PUBLISH that breaks the protocol; the connection cannot be trusted further."""


class Publish(NamedTuple):
    """A received PUBLISH. `mid` is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    mid: int
    response_topic: str | None
    correlation: bytes | None


@functools.lru_cache(maxsize=4096)
def publishable(topic: str) -> bool:
    """Whether a broker takes it: text without wildcards, control characters or absurd depth."""
    return (
        0 < len(topic) <= 16_000
        and topic.isprintable()
        and "+" not in topic
        and "#" not in topic
        and not topic.startswith("$")
        and topic.count("/") < 100
    )


def encode_properties(
    expiry_s: int | None, response_topic: str | None, correlation: bytes | None
) -> bytes:
    """The properties of a PUBLISH with their length in front.

    Raises ValueError when a topic or correlation is longer than 65,535 bytes or an expiry is outside
    32 bits.
    """
    body = b""
    try:
        if expiry_s is not None:
            body = struct.pack("!BI", _EXPIRY, expiry_s)
        if response_topic is not None:
            name = response_topic.encode()
            body += struct.pack("!BH", _RESPONSE_TOPIC, len(name)) + name
        if correlation is not None:
            body += struct.pack("!BH", _CORRELATION, len(correlation)) + correlation
    except struct.error as error:
        raise ValueError(f"a property of a PUBLISH does not fit its field: {error}") from None
    return _encode_length(len(body)) + body


def publish_packet(topic: str, payload: bytes, retain: bool, properties: bytes) -> bytes:  # noqa: FBT001
    """A PUBLISH at QoS 0, whole; `properties` as `encode_properties` gives them (3.3)."""
    name = topic.encode()
    length = _encode_length(2 + len(name) + len(properties) + len(payload))
    header = bytes((_PUBLISH | retain,))
    return b"".join((header, length, _U16.pack(len(name)), name, properties, payload))


def puback_packet(mid: int) -> bytes:
    """A PUBACK that says success: with that reason the code is left out (3.4.2.1)."""
    return _PUBACK + _U16.pack(mid)


def decode_publish(header: int, body: bytes | bytearray) -> Publish:
    """Read `body`, what follows the fixed header whose first byte is `header`.

    Raises MalformedPublishError for anything that is not a PUBLISH of MQTT 5.
    """
    try:
        qos = (header >> 1) & 3
        at = 2 + _U16.unpack_from(body)[0]
        topic = body[2:at].decode()
        mid = 0
        if qos:
            mid = _U16.unpack_from(body, at)[0]
            at += 2
        end, at = _decode_length(body, at)
        end += at
        if not topic or end > len(body):
            raise MalformedPublishError("a PUBLISH without a topic, or cut short")
        response_topic, correlation = _read_properties(body, at, end)
    except (struct.error, IndexError, UnicodeDecodeError, KeyError) as error:
        raise MalformedPublishError(f"a PUBLISH that cannot be read: {error!r}") from error
    payload = bytes(body[end:])
    return Publish(topic, payload, qos, bool(header & 1), mid, response_topic, correlation)


_U16 = struct.Struct("!H")
_PUBLISH, _PUBACK = 0x30, b"\x40\x02"
_EXPIRY, _RESPONSE_TOPIC, _CORRELATION, _SUBSCRIPTION, _USER = 0x02, 0x08, 0x09, 0x0B, 0x26
# Bytes of the properties with a fixed size, and of the length field of the others.
_FIXED = {0x01: 1, _EXPIRY: 4, 0x23: 2}
_TEXTS = {0x03: 1, _RESPONSE_TOPIC: 1, _CORRELATION: 1, _USER: 2}


def _read_properties(body: bytes | bytearray, at: int, end: int) -> tuple[str | None, bytes | None]:
    """Response topic and correlation data between `at` and `end`; the rest is stepped over."""
    response_topic: str | None = None
    correlation: bytes | None = None
    while at < end:
        kind = body[at]
        at += 1
        if kind in _FIXED:
            at += _FIXED[kind]
        elif kind == _SUBSCRIPTION:
            _, at = _decode_length(body, at)
        else:
            for _ in range(_TEXTS[kind]):
                start = at + 2
                at = start + _U16.unpack_from(body, at)[0]
            if kind == _RESPONSE_TOPIC:
                response_topic = bytes(body[start:at]).decode()
            elif kind == _CORRELATION:
                correlation = bytes(body[start:at])
    if at != end:
        raise MalformedPublishError("a property runs past the end of its field")
    return response_topic, correlation


def _encode_length(value: int) -> bytes:
    """A variable byte integer (1.5.5)."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _decode_length(body: bytes | bytearray, at: int) -> tuple[int, int]:
    """A variable byte integer at `at`, and the index behind it."""
    value = shift = 0
    while shift < 28:
        byte = body[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise MalformedPublishError("a length of more than four bytes")
