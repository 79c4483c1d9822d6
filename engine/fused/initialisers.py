"""The constants of an ONNX graph, read without the onnx package.

An ONNX file is a protobuf message; of its fields only those on the way to the raw bytes of the
initialisers are looked at (onnx.proto3: ModelProto.graph, GraphProto.initializer, TensorProto).
"""

import math
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import BadModel
from engine.protobuf import fields, message, number, numbers, open_message, text

Array = npt.NDArray[Any]

_GRAPH, _INITIALISER = 7, 5


class _Field(IntEnum):
    """Of a TensorProto."""

    DIMS = 1
    TYPE = 2
    NAME = 8
    RAW = 9
    ELSEWHERE = 13


_TYPES: dict[int, "np.dtype[Any]"] = {
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    3: np.dtype("i1"),
    7: np.dtype("<i8"),
}


def read_initialisers(graph: Path) -> dict[str, Array]:
    """Every initialiser of `graph` by name, as read-only views of the mapped file.

    Raises:
        BadModel: the file cannot be read, is cut, or keeps a constant in a form we never write.
    """
    try:
        return dict(
            _tensor(message(tensor), graph.parent)
            for place, part in fields(open_message(graph))
            if place == _GRAPH
            for kind, tensor in fields(message(part))
            if kind == _INITIALISER
        )
    except (OSError, ValueError, IndexError, KeyError) as fault:
        raise BadModel(
            f"{graph} is no ONNX file of ours ({fault!r})", "export the checkpoint again"
        ) from fault


def _tensor(part: memoryview, folder: Path) -> tuple[str, Array]:
    dims: list[int] = []
    name, kind, raw = "", 0, memoryview(b"")
    elsewhere: dict[str, str] = {}
    for place, value in fields(part):
        match place:
            case _Field.DIMS:
                dims += numbers(value)
            case _Field.TYPE:
                kind = number(value)
            case _Field.NAME:
                name = text(value)
            case _Field.RAW:
                raw = message(value)
            case _Field.ELSEWHERE:
                key, said = (text(each) for _, each in fields(message(value)))
                elsewhere[key] = said
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
    return open_message(folder / place["location"])[start : start + size]
