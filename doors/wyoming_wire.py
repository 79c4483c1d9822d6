"""Reading events of the Wyoming protocol from whoever connects, within bounds.

The `wyoming` package reads as much as a peer announces, and takes any JSON for an event. Here a peer is
believed in nothing: the line, the data and the payload have a most, and the line has a form.
"""

import asyncio
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from wyoming.event import Event

LONGEST_LINE = 16 * 1024
"""Also the limit of the stream's buffer; `asyncio.start_server` gets it."""
MOST_DATA = 16 * 1024


class WireFaultError(Exception):
    """What came is no event of this protocol, or too large."""


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """The next event; None at the end of the connection.

    A payload is refused: no event that this server understands has one.

    Raises WireFaultError, or OSError when the connection breaks.
    """
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise WireFaultError("the connection ended inside a line") from None
        return None
    except asyncio.LimitOverrunError:
        raise WireFaultError(f"a line is longer than {LONGEST_LINE} bytes") from None
    try:
        head = msgspec.json.decode(line, type=_Head)
        data = head.data or {}
        if head.data_length:
            data |= msgspec.json.decode(await reader.readexactly(head.data_length), type=_Data)
    except asyncio.IncompleteReadError:
        raise WireFaultError("the connection ended inside an event") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise WireFaultError("no event") from None
    return Event(head.type, data)


_Data = dict[str, Any]


class _Head(msgspec.Struct, frozen=True):
    type: Annotated[str, Meta(max_length=64)]
    data: _Data | None = None
    data_length: Annotated[int, Meta(ge=0, le=MOST_DATA)] | None = None
    payload_length: Annotated[int, Meta(ge=0, le=0)] | None = None
