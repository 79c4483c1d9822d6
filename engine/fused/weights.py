"""What the fused step takes from a served int8 graph, each part held against the config.

The kinds are the numbers by which `fused.cpp` knows them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.config import BLOCK, ForgeConfig
from engine.errors import BadModel
from engine.fused.initialisers import read_initialisers

Floats = npt.NDArray[np.float32]

MOST_SCALE = 15.9
"""Of a block; a larger one (a weight beyond 2,000) is not kept in fp16 (`kLift` in product.h)."""


class MatrixKind(IntEnum):
    """The matrices of a model."""

    EMBEDDING = 0
    HEAD = 1
    QKV = 2
    OUT = 3
    GATE_UP = 4
    DOWN = 5


class VectorKind(IntEnum):
    """What stays fp32."""

    NORM_FINAL = 0
    COS = 1
    SIN = 2
    NORM_ATTENTION = 3
    NORM_FFN = 4


@dataclass(frozen=True, slots=True)
class Matrix:
    """Codes uint8 (N, K / 64, 64) about the zero point 128, scales (N, K / 64)."""

    kind: MatrixKind
    layer: int
    codes: npt.NDArray[np.uint8]
    scales: Floats


@dataclass(frozen=True, slots=True)
class Vector:
    """fp32 values."""

    kind: VectorKind
    layer: int
    values: Floats


def read_weights(graph: Path, config: ForgeConfig) -> list[Matrix | Vector]:
    """Every part of the model, as views of the mapped file.

    Raises:
        BadModel: the graph is damaged, of another mode or shape, or holds NaN or infinity.
    """
    return list(_parts(_Constants(graph, read_initialisers(graph)), config))


def _parts(c: "_Constants", config: ForgeConfig) -> Iterator[Matrix | Vector]:
    dim, ffn, vocab = config.dim, config.ffn_dim, config.vocab_size
    rotary = (config.context, config.head_dim // 2)
    yield c.matrix(MatrixKind.EMBEDDING, 0, ("embedding", "embedding_scale"), (vocab, dim))
    if not config.tied:
        yield c.matrix(MatrixKind.HEAD, 0, ("w_head", "s_head"), (vocab, dim))
    yield c.vector(VectorKind.NORM_FINAL, 0, "gamma_f", (dim,))
    yield c.vector(VectorKind.COS, 0, "cos", rotary)
    yield c.vector(VectorKind.SIN, 0, "sin", rotary)
    products = (
        (MatrixKind.QKV, "qkv", (dim + 2 * config.kv_dim, dim)),
        (MatrixKind.OUT, "o", (dim, dim)),
        (MatrixKind.GATE_UP, "gate_up", (2 * ffn, dim)),
        (MatrixKind.DOWN, "down", (dim, ffn)),
    )
    for n in range(config.n_layers):
        yield c.vector(VectorKind.NORM_ATTENTION, n, f"gamma_a{n}", (dim,))
        yield c.vector(VectorKind.NORM_FFN, n, f"gamma_m{n}", (dim,))
        for kind, name, shape in products:
            yield c.matrix(kind, n, (f"w_{name}_{n}", f"s_{name}_{n}"), shape)


@dataclass(frozen=True, slots=True)
class _Constants:
    """The graph's constants by name."""

    graph: Path
    arrays: Mapping[str, npt.NDArray[Any]]

    def matrix(
        self, kind: MatrixKind, layer: int, names: tuple[str, str], shape: tuple[int, int]
    ) -> Matrix:
        rows, blocks = shape[0], shape[1] // BLOCK
        codes = self._get(names[0], np.uint8, (rows, blocks, BLOCK))
        scales = self._get(names[1], np.float32, (rows, blocks))
        if np.abs(scales).max() > MOST_SCALE:
            raise BadModel(
                f"{names[1]} in {self.graph} is beyond {MOST_SCALE}", "serve with onnxruntime"
            )
        return Matrix(kind, layer, codes, scales)

    def vector(self, kind: VectorKind, layer: int, name: str, shape: tuple[int, ...]) -> Vector:
        return Vector(kind, layer, self._get(name, np.float32, shape))

    def _get(self, name: str, kind: type[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
        found = self.arrays.get(name)
        if found is None or found.dtype != kind or found.size != np.prod(shape):
            raise BadModel(
                f"{self.graph} has no {name} of {list(shape)}", "export the checkpoint at int8"
            )
        if kind is np.float32 and not np.isfinite(found).all():
            raise BadModel(f"{name} in {self.graph} holds NaN or infinity", "train it again")
        return np.ascontiguousarray(found.reshape(shape))
