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
from engine.fused.packed import (
    Content,
    PackedFile,
    map_packed,
    packed_file,
    packing,
    write_packed,
)
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

    def __init__(
        self, library: Path, graph: Path, config: ForgeConfig, threads: int, *, shared: bool = False
    ) -> None:
        """Pack the int8 weights of `graph`.

        Args:
            library: what `engine.fused.build` built.
            graph: model.int8.onnx.
            config: its shape.
            threads: of one run.
            shared: map the packed weights from a file that other processes map too (`packed`);
                where none can be written they are packed into memory.

        Raises:
            BadModel: `graph` is damaged, of another mode or of another shape than `config`.
            MissingDependency: the library cannot be loaded.
            OutOfMemory: no room for the weights.
        """
        self.config = config
        self._library = _open(library)
        self._graph = graph
        self._shape = shape_of(config)
        self._handle: Any = None
        self._mapped: Content | None = None
        size = self._library.forge_packed_bytes(ctypes.byref(self._shape))
        file = None
        if shared:
            offset = self._library.forge_packed_offset()
            file = packed_file(graph, bytes(self._shape), offset)
        if file is None or not self._map(file, size, threads):
            with packing(file):
                if file is None or not self._map(file, size, threads):
                    self._pack(file, size, threads)
        self._caches: list[tuple[Halves, Halves]] = []
        self.reserve(1)

    def run(self, ids: Sequence[int], start: int, *, every: bool, slot: int = 0) -> Floats:
        """Put `ids` at `start` of a sequence; logits (1, V) after the last, or (S, V) after each.

        Positions before `start` must have been written.

        Raises:
            BadPrompt: no tokens, one outside the vocabulary, more than the context holds, or a
                sequence that there is no room for.
        """
        rows = len(ids) if every else 1
        logits = np.empty((rows, self.config.vocab_size), np.float32)
        self._hidden = np.empty((rows, self.config.dim), np.float32)
        tokens = np.array(ids, np.int64)
        self._check(
            self._library.forge_run(
                *(self._handle, tokens.ctypes.data, len(tokens), start, slot, every),
                *(logits.ctypes.data, self._hidden.ctypes.data),
            )
        )
        return logits

    def step(self, token: int, position: int) -> Floats:
        """Put one token of sequence 0; the logits (V,) after it, overwritten by the next step.

        Raises:
            BadPrompt: as for `run`.
        """
        self._tokens[0] = token
        self._check(self._forge_run(self._handle, *self._one, position, 0, 0, *self._made))
        self._hidden = self._one_hidden
        return self._one_logits

    def step_many(self, tokens: Sequence[int], positions: Sequence[int]) -> Floats:
        """Put `tokens[i]` at `positions[i]` of sequence i; logits (B, V), overwritten by the next.

        The weights are read once for all. A row has the bits that `step` would give it.

        Raises:
            BadPrompt: as for `run`.
        """
        count = len(tokens)
        if not 0 < count <= len(self._caches):
            raise BadPrompt(
                f"{count} sequences, and room for {len(self._caches)}", "reserve room first"
            )
        self._tokens[:count] = tokens
        self._positions[:count] = positions
        self._check(
            self._library.forge_step_many(
                *(self._handle, self._tokens.ctypes.data, self._positions.ctypes.data, count),
                *self._made,
            )
        )
        self._hidden = self._all_hidden[:count]
        return self._logits[:count]

    def hidden(self) -> Floats:
        """Final normed hidden states (R, D) of the last call's rows, overwritten by the next."""
        return self._hidden

    def reserve(self, slots: int) -> None:
        """Make room for `slots` sequences in all; what the cache holds stays.

        Raises:
            OutOfMemory: there is none.
        """
        if slots <= len(self._caches):
            return
        if not self._library.forge_reserve(self._handle, slots):
            raise OutOfMemory(f"no memory for {slots} sequences", "serve fewer at once")
        self._caches = [self._cache(slot) for slot in range(slots)]
        self._tokens, self._positions = np.zeros((2, slots), np.int64)
        self._logits = np.zeros((slots, self.config.vocab_size), np.float32)
        self._all_hidden = np.zeros((slots, self.config.dim), np.float32)
        # What `step` needs of them, looked up once: that alone takes microseconds.
        self._one = (self._tokens.ctypes.data, 1)
        self._made = (self._logits.ctypes.data, self._all_hidden.ctypes.data)
        self._one_logits: Floats = self._logits[0]
        self._hidden = self._one_hidden = self._all_hidden[:1]
        self._forge_run = self._library.forge_run

    def save(self, length: int, slot: int = 0) -> list[npt.NDArray[Any]]:
        """Whole tiles of a sequence's keys (L, K, T, E, 16) and values (L, K, T, 16, E), fp16."""
        tiles = -(-length // TILE)
        return [np.ascontiguousarray(part[:, :, :tiles]) for part in self._caches[slot]]

    def restore(self, rows: list[npt.NDArray[Any]], length: int, slot: int = 0) -> None:
        """Write into a sequence what `save(length)` gave of any."""
        tiles = -(-length // TILE)
        for part, kept in zip(self._caches[slot], rows, strict=True):
            part[:, :, :tiles] = kept

    def close(self) -> None:
        """Give memory and threads back; nothing else may be called after."""
        if getattr(self, "_handle", None):
            self._library.forge_free(self._handle)
            self._handle = self._mapped = None

    def __del__(self) -> None:
        self.close()

    def _check(self, done: int) -> None:
        if not done:
            raise BadPrompt(
                "no tokens, one outside the vocabulary, more than the context holds, or no room "
                "for the sequence",
                "shorten the prompt",
            )

    def _cache(self, slot: int) -> tuple[Halves, Halves]:
        config = self.config
        heads = (config.n_layers, config.n_kv_heads, -(-config.context // TILE))
        keys = self._library.forge_keys(self._handle, slot)
        values = self._library.forge_values(self._handle, slot)
        return (
            _halves(keys, (*heads, config.head_dim, TILE)),
            _halves(values, (*heads, TILE, config.head_dim)),
        )

    def _new(self, threads: int, packed: Content | None) -> Any:
        weights = None if packed is None else packed.ctypes.data
        handle = self._library.forge_new(ctypes.byref(self._shape), threads, weights)
        if not handle:
            raise OutOfMemory(f"no memory for {self._graph}", "choose a smaller model")
        return handle

    def _pack(self, file: PackedFile | None, size: int, threads: int) -> None:
        """Take the weights of the graph, and share them through `file` where that can be written."""
        self._handle = self._new(threads, None)
        try:
            for part in read_weights(self._graph, self.config):
                self._put(part)
        except BaseException:
            self.close()
            raise
        packed = np.ctypeslib.as_array(self._library.forge_packed(self._handle), (size,))
        if file is not None and write_packed(file, packed):
            self._map(file, size, threads)

    def _map(self, file: PackedFile, size: int, threads: int) -> bool:
        """Take the weights of `file` in place of those that there are, if it is sound."""
        content = map_packed(file, size)
        if content is None:
            return False
        handle = self._new(threads, content)
        self.close()
        self._handle, self._mapped = handle, content
        return True

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
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "new": (pointer, [ctypes.POINTER(Shape), number, pointer]),
        "free": (None, [pointer]),
        "packed": (ctypes.POINTER(ctypes.c_uint8), [pointer]),
        "packed_bytes": (ctypes.c_size_t, [ctypes.POINTER(Shape)]),
        "packed_offset": (number, []),
        "matrix": (number, [pointer, number, number, pointer, pointer]),
        "vector": (number, [pointer, number, number, pointer]),
        "reserve": (number, [pointer, number]),
        "run": (number, [pointer, pointer, *[number] * 4, pointer, pointer]),
        "step_many": (number, [*[pointer] * 3, number, pointer, pointer]),
        "keys": (halves, [pointer, number]),
        "values": (halves, [pointer, number]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, f"forge_{name}")
        function.restype, function.argtypes = result, arguments
    return library
