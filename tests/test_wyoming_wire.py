"""Whatever bytes come, reading an event ends in an event, in the end of the connection, or in one named fault."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wyoming.event import Event

from doors.wyoming_wire import LONGEST_LINE, MOST_DATA, WireFaultError, read_event

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(["type", "data", "data_length", "payload_length", "version", "x"])
HEADS = st.dictionaries(KEYS, VALUES, max_size=5).map(json.dumps).map(str.encode)


def read(sent: bytes) -> list[Event]:
    """Every event of a connection that sends this and ends."""

    async def all_of_it() -> list[Event]:
        reader = asyncio.StreamReader(limit=LONGEST_LINE)
        reader.feed_data(sent)
        reader.feed_eof()
        found = []
        while (event := await read_event(reader)) is not None:
            found.append(event)
        return found

    return asyncio.run(all_of_it())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.lists(HEADS | st.binary(max_size=40)).map(b"\n".join))
def test_any_bytes_are_events_or_one_fault(sent: bytes) -> None:
    try:
        events = read(sent)
    except WireFaultError:
        return
    assert all(isinstance(event.type, str) for event in events)
    assert all(isinstance(event.data, dict) for event in events)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.text(max_size=10), st.text(max_size=50), max_size=5), st.text(max_size=64)
)
def test_what_the_package_writes_is_read_as_it_was(data: dict[str, Any], kind: str) -> None:
    body = json.dumps(data).encode()
    head = json.dumps({"type": kind, "version": "1.7.2", "data_length": len(body)}).encode()
    (event,) = read(head + b"\n" + body)
    assert (event.type, event.data) == (kind, data)


def test_data_in_the_line_and_beside_it_are_joined() -> None:
    (event,) = read(b'{"type": "a", "data": {"x": 1, "y": 1}, "data_length": 8}\n{"y": 2}')
    assert event.data == {"x": 1, "y": 2}


@pytest.mark.parametrize("more", [0, 1])
def test_the_most_is_taken_and_no_byte_above_it(more: int) -> None:
    text = "x" * (MOST_DATA - len('{"text": ""}') + more)
    body = json.dumps({"text": text}).encode()
    sent = json.dumps({"type": "a", "data_length": len(body)}).encode() + b"\n" + body
    if more:
        with pytest.raises(WireFaultError):
            read(sent)
    else:
        assert read(sent)[0].data == {"text": text}
