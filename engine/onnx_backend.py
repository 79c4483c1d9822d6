"""onnxruntime over a cache of its own: buffers are made once and bound once.

A decoding step writes three numbers a sequence and runs the graph; keys and values are written in
place. A slot is a view of the cache, so one sequence is run anywhere and neighbours run together.
Shapes: B sequences, S new positions, R wanted rows, V vocab, D dim, K key-value heads, C context,
E head dim.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# The one effect of an import here: from 1.29 on onnxruntime's wheels report the models that they
# load to their maker, and keep an id in ~/.cache, unless this is set before they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

from engine.config import ForgeConfig
from engine.errors import BadModel, OutOfMemory

Floats = npt.NDArray[np.float32]

_FATAL_ONLY = 4


class OnnxBackend:
    """An `engine.runtime.Backend` for every mode that `engine.graph` writes."""

    name = "onnxruntime"

    def __init__(
        self, graph: Path, config: ForgeConfig, threads: int, *, shared: bool = False
    ) -> None:
        """Load `graph`.

        Args:
            graph: the ONNX file.
            config: the shape that it must have.
            threads: of one run.
            shared: leave weights in the mapped file that they lie in.

        Raises:
            BadModel: damaged, or not of the shape `config`.
            MemoryError: no room for it.
        """
        self.config = config
        self._session = _session(graph, threads, shared=shared)
        _check_inputs(self._session, graph, config)
        self._slots = 1
        self._cache = self._buffers(1)
        self._bound()

    def run(self, ids: Sequence[int], start: int, *, every: bool, slot: int = 0) -> Floats:
        """Put `ids` at `start`; logits (1, V) after the last, or (len(ids), V) after each.

        Raises:
            BadModel: the graph fails.
            OutOfMemory: no room for this many at once.
        """
        count = len(ids)
        rows = np.arange(count) if every else np.array([count - 1])
        call = self._call(np.array([ids], np.int64), rows, slot)
        call.last[0], call.total[0] = start + count - 1, start + count
        return self._run(call)

    def step(self, token: int, position: int) -> Floats:
        """Put one token into slot 0; the logits (V,) after it, which the next step overwrites.

        Raises:
            BadModel: the graph fails.
        """
        call = self._step
        call.tokens[0, 0] = token
        call.last[0], call.total[0] = position, position + 1
        row: Floats = self._run(call)[0]
        return row

    def step_many(self, tokens: Sequence[int], positions: Sequence[int]) -> Floats:
        """Put `tokens[i]` at `positions[i]` of slot i; logits (B, V), overwritten by the next step.

        Raises:
            BadModel: the graph fails.
        """
        count = len(tokens)
        call = self._steps.get(count)
        if call is None:
            call = self._call(np.zeros((count, 1), np.int64), np.arange(count))
            self._steps[count] = call
        call.tokens[:, 0] = tokens
        call.last[:] = positions
        call.total[0] = max(positions) + 1
        return self._run(call)

    def hidden(self) -> Floats:
        """The normed states (R, D) of the last call's rows, overwritten by the next."""
        return self._newest.hidden

    def reserve(self, slots: int) -> None:
        """Have room for at least this many sequences; what the slots hold is kept.

        Raises:
            OutOfMemory: no room; what there was stays as it is.
        """
        if slots <= self._slots:
            return
        try:
            larger = self._buffers(slots)
        except MemoryError as fault:
            raise OutOfMemory(
                f"no memory for the caches of {slots} sequences", "decode fewer together"
            ) from fault
        for new, old in zip(larger, self._cache, strict=True):
            new[: self._slots] = old
        self._cache, self._slots = larger, slots
        self._bound()

    def save(self, length: int, slot: int = 0) -> list[npt.NDArray[Any]]:
        """Keys and values of each layer, (K, length, E)."""
        return [buffer[slot, :, :length].copy() for buffer in self._cache]

    def restore(self, rows: list[npt.NDArray[Any]], length: int, slot: int = 0) -> None:
        """Write what `save(length)` gave into a slot."""
        for buffer, kept in zip(self._cache, rows, strict=True):
            buffer[slot, :, :length] = kept[:, :length]

    def _buffers(self, slots: int) -> list[Floats]:
        """Keys and values of each layer, (slots, K, C, E); the system gives memory when written."""
        c = self.config
        shape = (slots, c.n_kv_heads, c.context, c.head_dim)
        return [np.zeros(shape, np.float32) for _ in range(2 * c.n_layers)]

    def _bound(self) -> None:
        """Bind the buffers that there are now, and forget what was bound to former ones."""
        self._views: dict[tuple[int, int], dict[str, Any]] = {}
        self._steps: dict[int, _Call] = {}
        self._step = self._newest = self._call(np.zeros((1, 1), np.int64), np.zeros(1))

    def _view(self, slot: int, count: int) -> dict[str, Any]:
        """The caches of `count` sequences from `slot` on, as the graph takes them."""
        if (slot, count) not in self._views:
            names = [f"{k}_{n}" for n in range(self.config.n_layers) for k in ("key", "value")]
            self._views[slot, count] = {
                name: _value(buffer[slot : slot + count])
                for name, buffer in zip(names, self._cache, strict=True)
            }
        return self._views[slot, count]

    def _call(
        self, tokens: npt.NDArray[np.int64], rows: npt.NDArray[Any], slot: int = 0
    ) -> "_Call":
        """`tokens` (B, S) of the B sequences from `slot` on; logits of `rows` (R,) of the B * S."""
        count, config = len(tokens), self.config
        logits = np.empty((len(rows), config.vocab_size), np.float32)
        hidden = np.empty((len(rows), config.dim), np.float32)
        last, total = np.zeros(count, np.int32), np.zeros(1, np.int32)
        # The values own the arrays' memory for Python; the binding alone would let it go.
        given: dict[str, npt.NDArray[Any]] = {"tokens": tokens, "rows": rows.astype(np.int64)}
        given |= {"last": last, "total": total}
        inputs = {name: _value(array) for name, array in given.items()}
        outputs = {"logits": _value(logits), "hidden": _value(hidden)}
        binding = self._session.io_binding()
        for name, value in self._view(slot, count).items():
            binding.bind_ortvalue_input(name, value)
            binding.bind_ortvalue_output(f"new_{name}", value)
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in outputs.items():
            binding.bind_ortvalue_output(name, value)
        return _Call(binding, tokens, last, total, logits, hidden, inputs | outputs)

    def _run(self, call: "_Call") -> Floats:
        self._newest = call
        try:
            self._session.run_with_iobinding(call.binding)
        except Exception as fault:  # onnxruntime's errors share no root but Exception
            if _is_out_of_memory(fault):
                raise OutOfMemory("no memory for this request", "send a shorter prompt") from fault
            raise BadModel(f"the graph failed ({fault})", "export the checkpoint again") from fault
        return call.logits


@dataclass(frozen=True, slots=True)
class _Call:
    """A bound run: what may be written before it, and what is read after."""

    binding: Any
    tokens: npt.NDArray[np.int64]
    last: npt.NDArray[np.int32]
    total: npt.NDArray[np.int32]
    logits: Floats
    hidden: Floats
    values: dict[str, Any]


def _value(array: npt.NDArray[Any]) -> Any:
    return ort.OrtValue.ortvalue_from_numpy(array)


def _check_inputs(session: ort.InferenceSession, graph: Path, config: ForgeConfig) -> None:
    """Raise `BadModel` where the graph's cache or vocabulary is not the config's."""
    cache = ["B", config.n_kv_heads, config.context, config.head_dim]
    expected = {f"{kind}_{n}": cache for n in range(config.n_layers) for kind in ("key", "value")}
    names = ("tokens", "rows", "last", "total")
    found = {each.name: each.shape for each in session.get_inputs() if each.name not in names}
    shapes = [each.shape for each in session.get_outputs()[:1]]
    if found != expected or shapes != [["R", config.vocab_size]]:
        raise BadModel(
            f"{graph} is not of the shape in its config.json", "export the checkpoint again"
        )


def _session(graph: Path, threads: int, *, shared: bool) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY
    # Waiting 20 us for the next node by spinning makes two threads nearly half as quick again. For
    # longer it takes cores from those who work, and after a run it would cost an idle node one.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "20")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if shared:
        # Packed anew, every matrix would be a copy in memory of this process.
        options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        # Its fallback would try the same once more, and print about it.
        return ort.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as fault:  # onnxruntime's errors share no root but Exception
        if _is_out_of_memory(fault):
            raise MemoryError from fault
        raise BadModel(
            f"{graph} cannot be loaded ({fault})", "export the checkpoint again"
        ) from fault


def _is_out_of_memory(fault: Exception) -> bool:
    """Whether onnxruntime, which has no type for it, speaks of a failed allocation."""
    return isinstance(fault, MemoryError) or "alloc" in str(fault).lower()
