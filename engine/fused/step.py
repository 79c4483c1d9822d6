"""The fused step over the weights of a served int8 graph.

Shapes: S new positions, V vocab, L layers, K key-value heads, T tiles of 16 positions, E head dim.
"""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.config import ForgeConfig
from engine.errors import BadModel, BadPrompt, MissingDependency, OutOfMemory
from engine.fused.weights import Matrix, Vector, read_weights

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]
Tokens = npt.NDArray[np.int64]

TILE = 16
"""Heads must be of a multiple of this width."""


class FusedStep:
    """An `engine.runtime.Backend`: one model's weights and cache inside the library.

    One caller at a time.
    """

    name = "fused"

    def __init__(self, library: Path, graph: Path, config: ForgeConfig, threads: int) -> None:
        """Read the int8 weights of `graph`.

        Raises:
            BadModel: `graph` is damaged, of another mode or of another shape than `config`.
            MissingDependency: the library cannot be loaded.
            OutOfMemory: no room for the weights.
        """
        self.config = config
        self._library = _open(library)
        self._handle = self._library.forge_new(ctypes.byref(shape_of(config)), threads)
        if not self._handle:
            raise OutOfMemory(f"no memory for {graph}", "choose a smaller model")
        try:
            for part in read_weights(graph, config):
                self._put(part)
        except BaseException:
            self.close()
            raise
        tiles = -(-config.context // TILE)
        cache = (config.n_layers, config.n_kv_heads, tiles)
        keys = self._library.forge_keys(self._handle)
        values = self._library.forge_values(self._handle)
        self._cache = (
            _halves(keys, (*cache, config.head_dim, TILE)),
            _halves(values, (*cache, TILE, config.head_dim)),
        )
        self._token = np.zeros(1, np.int64)
        self._logits = np.zeros((1, config.vocab_size), np.float32)

    def run(self, ids: Sequence[int], start: int, *, every: bool) -> Floats:
        """Put `ids` at `start`; logits (1, V) after the last, or (S, V) after each.

        Positions before `start` must have been written.

        Raises:
            BadPrompt: no tokens, one outside the vocabulary, or more than the context holds.
        """
        rows = len(ids) if every else 1
        logits = np.empty((rows, self.config.vocab_size), np.float32)
        self._call(np.array(ids, np.int64), start, logits, every=every)
        return logits

    def step(self, token: int, position: int) -> Floats:
        """Put one token; the logits (V,) after it, in memory that the next step overwrites.

        Raises:
            BadPrompt: as for `run`.
        """
        self._token[0] = token
        self._call(self._token, position, self._logits, every=False)
        row: Floats = self._logits[0]
        return row

    def save(self, length: int) -> list[npt.NDArray[Any]]:
        """Whole tiles of keys (L, K, T, E, 16) and values (L, K, T, 16, E), fp16."""
        tiles = -(-length // TILE)
        return [np.ascontiguousarray(part[:, :, :tiles]) for part in self._cache]

    def restore(self, rows: list[npt.NDArray[Any]], length: int) -> None:
        """Write back what `save(length)` gave."""
        tiles = -(-length // TILE)
        for part, kept in zip(self._cache, rows, strict=True):
            part[:, :, :tiles] = kept

    def close(self) -> None:
        """Give memory and threads back; nothing else may be called after."""
        if self._handle:
            self._library.forge_free(self._handle)
            self._handle = None

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def _call(self, tokens: Tokens, start: int, logits: Floats, *, every: bool) -> None:
        done = self._library.forge_run(
            self._handle, tokens.ctypes.data, len(tokens), start, every, logits.ctypes.data
        )
        if not done:
            raise BadPrompt(
                "no tokens, one outside the vocabulary, or more than the context holds",
                "shorten the prompt",
            )

    def _put(self, part: Matrix | Vector) -> None:
        library, handle = self._library, self._handle
        match part:
            case Matrix(kind, layer, codes, scales):
                library.forge_matrix(handle, kind, layer, codes.ctypes.data, scales.ctypes.data)
            case Vector(kind, layer, values):
                library.forge_vector(handle, kind, layer, values.ctypes.data)


class Shape(ctypes.Structure):
    """`ForgeShape` of fused.cpp."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("dim", "layers", "heads", "kv_heads", "head_dim")),
        *((name, ctypes.c_int32) for name in ("ffn", "vocab", "context", "tied")),
        ("eps", ctypes.c_float),
    ]


def shape_of(config: ForgeConfig) -> Shape:
    """`config` as the library takes it.

    Raises:
        BadModel: heads that are no multiple of `TILE`.
    """
    if config.head_dim % TILE:
        raise BadModel(
            f"heads of {config.head_dim} are no multiple of {TILE}", "serve with onnxruntime"
        )
    return Shape(
        config.dim,
        config.n_layers,
        config.n_heads,
        config.n_kv_heads,
        config.head_dim,
        config.ffn_dim,
        config.vocab_size,
        config.context,
        config.tied,
        config.norm_eps,
    )


def _halves(pointer: Any, shape: tuple[int, ...]) -> Halves:
    return np.ctypeslib.as_array(pointer, shape).view(np.float16)


def _open(file: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(file))
    except OSError as fault:
        raise MissingDependency(
            f"{file} cannot be loaded ({fault})", "build it again, or serve without"
        ) from fault
    pointer, number = ctypes.c_void_p, ctypes.c_int
    halves = ctypes.POINTER(ctypes.c_uint16)
    library.forge_new.restype = pointer
    library.forge_new.argtypes = [ctypes.POINTER(Shape), number]
    library.forge_free.restype = None
    library.forge_free.argtypes = [pointer]
    library.forge_matrix.argtypes = [pointer, number, number, pointer, pointer]
    library.forge_vector.argtypes = [pointer, number, number, pointer]
    library.forge_run.argtypes = [pointer, pointer, number, number, number, pointer]
    library.forge_keys.restype = library.forge_values.restype = halves
    library.forge_keys.argtypes = library.forge_values.argtypes = [pointer]
    library.forge_block_sums.restype = None
    library.forge_block_sums.argtypes = [pointer, pointer, number, pointer]
    return library
