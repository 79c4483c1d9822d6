"""What tests/fused_driver.cpp reads: a model, and what to run through it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fused_models import Floats

from engine.config import ForgeConfig
from engine.fused.step import FusedStep, shape_of
from engine.fused.weights import Matrix, Vector, read_weights

SEQUENCES = 3
"""That the driver makes room for."""
DRIVER = Path(__file__).with_name("fused_driver.cpp")

_MATRIX, _VECTOR, _RUN, _SEVERAL, _END = range(5)


@dataclass(frozen=True)
class Run:
    """Tokens of one sequence from `start` on, each with its logits, or the last alone."""

    tokens: list[int]
    start: int
    slot: int
    every: bool


@dataclass(frozen=True)
class Several:
    """A token of each of the first sequences, at its position."""

    tokens: list[int]
    positions: list[int]


def write_job(
    file: Path, graph: Path, config: ForgeConfig, threads: int, calls: list[Run | Several]
) -> None:
    """The model of `graph`, then `calls`."""
    with file.open("wb") as out:

        def put(*numbers: int) -> None:
            out.write(np.array([*numbers, 0, 0, 0, 0][:5], np.int32).tobytes())

        out.write(bytes(shape_of(config)))
        out.write(np.int32(threads).tobytes())
        for part in read_weights(graph, config):
            match part:
                case Matrix(kind, layer, codes, scales):
                    put(_MATRIX, kind, layer, codes.size, scales.size)
                    out.write(codes.tobytes() + scales.tobytes())
                case Vector(kind, layer, values):
                    put(_VECTOR, kind, layer, values.size)
                    out.write(values.tobytes())
        for call in calls:
            match call:
                case Run(tokens, start, slot, every):
                    put(_RUN, start, slot, len(tokens), every)
                    out.write(np.array(tokens, np.int64).tobytes())
                case Several(tokens, positions):
                    put(_SEVERAL, len(tokens))
                    out.write(np.array([tokens, positions], np.int64).tobytes())
        put(_END)


def answers(step: FusedStep, calls: list[Run | Several]) -> Floats:
    """What the driver must write of `calls`: logits and hidden states of each, one behind the other."""
    told: list[Floats] = []
    step.reserve(SEQUENCES)
    for call in calls:
        match call:
            case Run(tokens, start, slot, every):
                logits = step.run(tokens, start, every=every, slot=slot)
            case Several(tokens, positions):
                logits = step.step_many(tokens, positions)
        told += [logits.ravel().copy(), step.hidden().ravel().copy()]
    return np.concatenate(told)
