"""The constants of an ONNX graph, read without the onnx package.

An ONNX file is a protobuf message; of its fields only those on the way to the raw bytes of the
initialisers are looked at (onnx.proto3: ModelProto.graph, GraphProto.initializer, TensorProto).
"""

import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import BadModel

Array = npt.NDArray[Any]

_GRAPH, _INITIALISER = 7, 5
_DIMS, _TYPE, _NAME, _RAW, _ELSEWHERE = 1, 2, 8, 9, 13
_TYPES: dict[int, "np.dtype[Any]"] = {
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    3: np.dtype("i1"),
    7: np.dtype("<i8"),
}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read_initialisers(graph: Path) -> dict[str, Array]:
    """Every initialiser of `graph` by name, as read-only views of the mapped file.

    Raises:
        BadModel: the file cannot be read, is cut, or keeps a constant in a form we never write.
    """
    try:
        with graph.open("rb") as stream:
            content = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        return dict(
            _tensor(tensor, graph.parent)
            for number, part in _fields(content)
            if number == _GRAPH
            for kind, tensor in _fields(_message(part))
            if kind == _INITIALISER
        )
    except (OSError, ValueError, IndexError, KeyError) as fault:
        raise BadModel(
            f"{graph} is no ONNX file of ours ({fault!r})", "export the checkpoint again"
        ) from fault


def _tensor(part: "int | memoryview", folder: Path) -> tuple[str, Array]:
    dims: list[int] = []
    name, kind, raw = "", 0, memoryview(b"")
    elsewhere: dict[str, str] = {}
    for number, value in _fields(_message(part)):
        if number == _DIMS:
            dims += [value] if isinstance(value, int) else _packed(value)
        elif number == _TYPE:
            kind = _number(value)
        elif number == _NAME:
            name = str(_message(value), "utf-8")
        elif number == _RAW:
            raw = _message(value)
        elif number == _ELSEWHERE:
            pair = [str(_message(text), "utf-8") for _, text in _fields(_message(value))]
            elsewhere[pair[0]] = pair[1]
    if elsewhere:
        raw = _outside(folder, elsewhere)
    array = np.frombuffer(raw, _TYPES[kind])
    if array.size != math.prod(dims):
        raise ValueError(f"{name} has {array.size} values, not {dims}")
    return name, array.reshape(dims)


def _outside(folder: Path, place: dict[str, str]) -> memoryview:
    """Bytes of a file beside the graph (ONNX external data)."""
    if Path(place["location"]).name != place["location"]:
        raise ValueError(f"a constant lies in another folder: {place['location']}")
    start, size = int(place["offset"]), int(place["length"])
    with (folder / place["location"]).open("rb") as stream:
        content = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    return content[start : start + size]


def _message(value: "int | memoryview") -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number stands where bytes belong")  # noqa: TRY004 - the file's fault
    return value


def _number(value: "int | memoryview") -> int:
    if not isinstance(value, int):
        raise ValueError("bytes stand where a number belongs")  # noqa: TRY004 - the file's fault
    return value


def _packed(content: memoryview) -> list[int]:
    values, place = [], 0
    while place < len(content):
        value, place = _varint(content, place)
        values.append(value)
    return values


def _fields(content: memoryview) -> "Iterator[tuple[int, int | memoryview]]":
    """(field number, number or bytes) of a message, in its order."""
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, place = _varint(content, place)
            yield number, value
            continue
        if wire == _BYTES:
            size, place = _varint(content, place)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire} at byte {place}")
        if place + size > len(content):
            raise ValueError(f"a field of {size} bytes ends behind its message")
        yield number, content[place : place + size]
        place += size


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError(f"a number of more than 64 bits at byte {place}")
