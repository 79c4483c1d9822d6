"""The PUBLISH reader and writer, beside paho's as the reference, and against broken bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet as reference
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from daemon.packet import MalformedPublishError, Publish, decode_publish, encode_properties

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
NAME = TEXT.filter(lambda text: text != "" and "\ufeff" not in text)
U32 = st.integers(0, 2**32 - 1)


@given(expiry_s=st.none() | U32, topic=st.none() | NAME, data=st.none() | st.binary(max_size=300))
def test_properties_read_back_as_written(
    expiry_s: int | None, topic: str | None, data: bytes | None
) -> None:
    read = _unpacked(encode_properties(expiry_s, topic, data))
    assert getattr(read, "MessageExpiryInterval", None) == expiry_s
    assert getattr(read, "ResponseTopic", None) == topic
    assert getattr(read, "CorrelationData", None) == data


@pytest.mark.parametrize(
    "given_",
    [(-1, None, None), (2**32, None, None), (None, "a" * 65_536, None), (1, None, b"a" * 65_536)],
)
def test_a_property_that_does_not_fit_is_refused(
    given_: tuple[int | None, str | None, bytes | None],
) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode_properties(*given_)


@given(
    topic=NAME,
    payload=st.binary(max_size=300),
    qos=st.integers(0, 1),
    retain=st.booleans(),
    response=st.none() | NAME,
    correlation=st.none() | st.binary(max_size=200),
    extra=st.fixed_dictionaries(
        {},
        optional={
            "PayloadFormatIndicator": st.integers(0, 1),
            "ContentType": NAME,
            "TopicAlias": st.integers(1, 65_535),
            "SubscriptionIdentifier": st.integers(1, 268_435_455),
            "UserProperty": st.tuples(NAME, NAME),
        },
    ),
)
def test_a_publish_is_read_as_the_reference_reads_it(
    *,
    topic: str,
    payload: bytes,
    qos: int,
    retain: bool,
    response: str | None,
    correlation: bytes | None,
    extra: dict[str, Any],
) -> None:
    properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for name, value in extra.items():
        setattr(properties, name, value)
    if response is not None:
        properties.ResponseTopic = response
    if correlation is not None:
        properties.CorrelationData = correlation
    header, body = _publish(topic, payload, qos, properties.pack(), retain=retain)
    expected = reference.decode_publish(header, body, MQTTProtocolVersion.MQTTv5)
    mid = 7 if qos else 0
    assert expected.mid == mid
    assert expected.payload == payload
    assert decode_publish(header, bytearray(body)) == Publish(
        topic, payload, qos, retain, mid, response, correlation
    )


def test_a_byte_order_mark_in_a_user_property_is_no_reason_to_hang_up() -> None:
    """Paho's own reader refuses it, and the broker would deliver it again for ever."""
    mark = "\ufeff".encode()
    user = b"\x26" + len(mark).to_bytes(2, "big") + mark + b"\x00\x01b"
    header, body = _publish("a", b"text", 1, bytes([len(user)]) + user)
    assert decode_publish(header, body).payload == b"text"
    with pytest.raises(Exception, match="FEFF"):
        reference.decode_publish(header, body, MQTTProtocolVersion.MQTTv5)


@given(header=st.integers(0x30, 0x3F), body=st.binary(max_size=60))
def test_any_bytes_are_a_publish_or_malformed(header: int, body: bytes) -> None:
    try:
        decode_publish(header, body)
    except MalformedPublishError:
        return


@given(st.data())
def test_a_publish_cut_short_is_malformed(data: st.DataObject) -> None:
    properties = encode_properties(60, "answer/a/b", b"12345678")
    header, body = _publish("in/a/b/submit", b"", 1, properties)
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(MalformedPublishError):
        decode_publish(header, body[:cut])


def _publish(
    topic: str, payload: bytes, qos: int, properties: bytes, *, retain: bool = False
) -> tuple[int, bytes]:
    name = topic.encode()
    mid = b"\0\x07" if qos else b""
    body = len(name).to_bytes(2, "big") + name + mid + properties + payload
    return 0x30 | qos << 1 | retain, body


def _unpacked(packed: bytes) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.unpack(packed)  # type: ignore[no-untyped-call]
    return properties
