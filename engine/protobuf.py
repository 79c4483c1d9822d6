"""The wire form of a protobuf message: fields as numbers and views of bytes, nothing copied.

https://protobuf.dev/programming-guides/encoding. Enough of it to look into an ONNX file without
the onnx package; what a number means is the reader's affair.
"""

import errno
import mmap
from collections.abc import Iterator
from pathlib import Path

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Value = int | memoryview


def open_message(file: Path) -> memoryview:
    """The content of `file`, mapped.

    Raises:
        OSError: it cannot be read.
        ValueError: it is empty.
        MemoryError: no address space for it.
    """
    with file.open("rb") as stream:
        try:
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as fault:
            if fault.errno == errno.ENOMEM:
                raise MemoryError(f"no room to map {file}") from fault
            raise


def fields(content: memoryview) -> Iterator[tuple[int, Value]]:
    """(field number, number or bytes) of a message, in its order.

    Raises:
        ValueError, IndexError: it ends too early, or is none.
    """
    for number, value, _ in parts(content):
        yield number, value


def parts(content: memoryview) -> Iterator[tuple[int, Value, memoryview]]:
    """`fields`, and each field as it is written."""
    place = 0
    while place < len(content):
        start = place
        key, place = varint(content, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = varint(content, place)
            yield number, value, content[start:place]
            continue
        if wire == BYTES:
            size, place = varint(content, place)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire} at byte {place}")
        if place + size > len(content):
            raise ValueError(f"a field of {size} bytes ends behind its message")
        yield number, content[place : place + size], content[start : place + size]
        place += size


def varint(content: memoryview, place: int) -> tuple[int, int]:
    """The number at `place`, and the place after it."""
    value = 0
    for shift in range(0, 64, 7):
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError(f"a number of more than 64 bits at byte {place}")


def message(value: Value) -> memoryview:
    """`value` as bytes.

    Raises:
        ValueError: it is a number.
    """
    if isinstance(value, int):
        raise ValueError("a number stands where bytes belong")  # noqa: TRY004 - the file's fault
    return value


def number(value: Value) -> int:
    """`value` as a number.

    Raises:
        ValueError: it is bytes.
    """
    if not isinstance(value, int):
        raise ValueError("bytes stand where a number belongs")  # noqa: TRY004 - the file's fault
    return value


def text(value: Value) -> str:
    """`value` as text.

    Raises:
        ValueError: it is a number, or not UTF-8.
    """
    return str(message(value), "utf-8")


def numbers(value: Value) -> list[int]:
    """A repeated number: one by itself, or several packed."""
    if isinstance(value, int):
        return [value]
    found, place = [], 0
    while place < len(value):
        one, place = varint(value, place)
        found.append(one)
    return found


def field(number: int, value: int | bytes | str) -> bytes:
    """A field as it is written."""
    if isinstance(value, int):
        return _varint_of(number << 3 | VARINT) + _varint_of(value)
    content = value.encode("utf-8") if isinstance(value, str) else value
    return _varint_of(number << 3 | BYTES) + _varint_of(len(content)) + content


def _varint_of(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
