"""onnxruntime over a cache of its own: buffers are made once and bound once.

A decoding step writes three numbers and runs the graph; keys and values are written in place.
Shapes: S new positions, R wanted rows, V vocab, K key-value heads, C context, E head dim.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from engine.config import ForgeConfig
from engine.errors import BadModel, OutOfMemory

Floats = npt.NDArray[np.float32]

_FATAL_ONLY = 4


class OnnxBackend:
    """An `engine.runtime.Backend` for every mode that `engine.graph` writes."""

    name = "onnxruntime"

    def __init__(self, graph: Path, config: ForgeConfig, threads: int) -> None:
        """Load `graph`.

        Raises:
            BadModel: damaged, or not of the shape `config`.
            MemoryError: no room for it.
        """
        self.config = config
        self._session = _session(graph, threads)
        _check_inputs(self._session, graph, config)
        shape = (1, config.n_kv_heads, config.context, config.head_dim)
        names = [f"{kind}_{n}" for n in range(config.n_layers) for kind in ("key", "value")]
        self._cache = [np.zeros(shape, np.float32) for _ in names]
        self._last, self._total = np.zeros(1, np.int32), np.zeros(1, np.int32)
        self._token = np.zeros((1, 1), np.int64)
        self._logits = np.zeros((1, config.vocab_size), np.float32)
        # An OrtValue made from a numpy array is that array's memory, not a copy.
        fixed = dict(zip(names, self._cache, strict=True))
        self._state = {name: _value(array) for name, array in fixed.items()}
        self._place = {"last": _value(self._last), "total": _value(self._total)}
        self._step = self._bind(self._token, np.zeros(1, np.int64), self._logits)

    def run(self, ids: Sequence[int], start: int, *, every: bool) -> Floats:
        """Put `ids` at `start`; logits (1, V) after the last, or (len(ids), V) after each.

        Raises:
            BadModel: the graph fails.
            OutOfMemory: no room for this many at once.
        """
        count = len(ids)
        rows = np.arange(count) if every else np.array([count - 1])
        logits = np.empty((len(rows), self.config.vocab_size), np.float32)
        self._last[0], self._total[0] = start + count - 1, start + count
        self._run(self._bind(np.array([ids], np.int64), rows.astype(np.int64), logits))
        return logits

    def step(self, token: int, position: int) -> Floats:
        """Put one token; the logits (V,) after it, in memory that the next step overwrites.

        Raises:
            BadModel: the graph fails.
        """
        self._token[0, 0] = token
        self._last[0], self._total[0] = position, position + 1
        self._run(self._step)
        row: Floats = self._logits[0]
        return row

    def save(self, length: int) -> list[npt.NDArray[Any]]:
        """Keys and values of each layer, (1, K, length, E)."""
        return [np.ascontiguousarray(buffer[:, :, :length]) for buffer in self._cache]

    def restore(self, rows: list[npt.NDArray[Any]], length: int) -> None:
        """Write back what `save(length)` gave."""
        for buffer, kept in zip(self._cache, rows, strict=True):
            buffer[:, :, :length] = kept

    def _bind(
        self, tokens: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], logits: Floats
    ) -> "_Bound":
        # The values own the arrays' memory for Python; the binding alone would let it go.
        values = {"tokens": _value(tokens), "rows": _value(rows), "logits": _value(logits)}
        binding = self._session.io_binding()
        for name, value in self._state.items():
            binding.bind_ortvalue_input(name, value)
            binding.bind_ortvalue_output(f"new_{name}", value)
        for name, value in self._place.items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_ortvalue_input("tokens", values["tokens"])
        binding.bind_ortvalue_input("rows", values["rows"])
        binding.bind_ortvalue_output("logits", values["logits"])
        return _Bound(binding, values)

    def _run(self, bound: "_Bound") -> None:
        try:
            self._session.run_with_iobinding(bound.binding)
        except Exception as fault:  # onnxruntime's errors share no root but Exception
            if _is_out_of_memory(fault):
                raise OutOfMemory("no memory for this request", "send a shorter prompt") from fault
            raise BadModel(f"the graph failed ({fault})", "export the checkpoint again") from fault


@dataclass(frozen=True, slots=True)
class _Bound:
    binding: Any
    values: dict[str, Any]


def _value(array: npt.NDArray[Any]) -> Any:
    return ort.OrtValue.ortvalue_from_numpy(array)


def _check_inputs(session: ort.InferenceSession, graph: Path, config: ForgeConfig) -> None:
    """Raise `BadModel` where the graph's cache or vocabulary is not the config's."""
    cache = ["B", config.n_kv_heads, config.context, config.head_dim]
    expected = {f"{kind}_{n}": cache for n in range(config.n_layers) for kind in ("key", "value")}
    names = ("tokens", "rows", "last", "total")
    found = {each.name: each.shape for each in session.get_inputs() if each.name not in names}
    width = session.get_outputs()[0].shape[-1]
    if found != expected or width != config.vocab_size:
        raise BadModel(
            f"{graph} is not of the shape in its config.json", "export the checkpoint again"
        )


def _session(graph: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY
    # Threads that spin between runs would cost an idle node a whole core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as fault:  # onnxruntime's errors share no root but Exception
        if _is_out_of_memory(fault):
            raise MemoryError from fault
        raise BadModel(
            f"{graph} cannot be loaded ({fault})", "export the checkpoint again"
        ) from fault


def _is_out_of_memory(fault: Exception) -> bool:
    """Whether onnxruntime, which has no type for it, speaks of a failed allocation."""
    return isinstance(fault, MemoryError) or "alloc" in str(fault).lower()
