"""What tests/fused_driver.cpp reads: a model, and what to run through it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.config import ForgeConfig
from engine.fused.step import shape_of
from engine.fused.weights import Matrix, Vector, read_weights

DRIVER = Path(__file__).with_name("fused_driver.cpp")

_MATRIX, _VECTOR, _TOKENS, _END = range(4)


def write_job(
    file: Path, graph: Path, config: ForgeConfig, threads: int, pieces: list[npt.NDArray[np.int64]]
) -> None:
    """The model of `graph`, then `pieces`, one behind the other, with logits after every token."""
    with file.open("wb") as out:

        def put(*numbers: int) -> None:
            out.write(np.array(numbers, np.int32).tobytes())

        out.write(bytes(shape_of(config)))
        put(threads)
        for part in read_weights(graph, config):
            match part:
                case Matrix(kind, layer, codes, scales):
                    put(_MATRIX, kind, layer, codes.size, scales.size)
                    out.write(codes.tobytes() + scales.tobytes())
                case Vector(kind, layer, values):
                    put(_VECTOR, kind, layer, values.size, 0)
                    out.write(values.tobytes())
        start = 0
        for piece in pieces:
            put(_TOKENS, start, 1, len(piece), 0)
            out.write(piece.tobytes())
            start += len(piece)
        put(_END, 0, 0, 0, 0)
