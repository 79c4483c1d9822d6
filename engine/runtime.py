"""A model being served: onnxruntime over a key-value cache that stays where it is.

All buffers are made once and bound once; a decoding step writes two numbers and runs the graph.
The cache is addressed by position, so going back is only a smaller length, and a prompt that
begins like the one before computes the difference alone. Neither torch nor onnx is imported.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from engine.checkpoint import CONFIG, refuse_pickles, verify_sums
from engine.config import ForgeConfig, read_config_json
from engine.errors import BadModel, BadPrompt, BadTokenizer, Busy, OutOfMemory
from engine.tokenizer import Tokenizer

Floats = npt.NDArray[np.float32]

# A prefix is a system prompt; a node has a few of them.
_PREFIX_BYTES = 32 << 20
# Below this a second thread gains a fifth and loses much more when a core is busy.
_DIM_ONE_THREAD = 256
_FATAL_ONLY = 4


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model folder whose files were found whole: `models/<name>/`.

    Attributes:
        mode: none | dynamic | int8 | int4.
        tokenizer: sha256 fingerprint of the tokenizer that the model was trained with.
    """

    path: Path
    config: ForgeConfig
    mode: str
    tokenizer: str

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.path / f"model.{self.mode}.onnx"

    @classmethod
    def open(cls, path: str | Path) -> "ModelFolder":
        """Read config.json and hold every file against SHA256SUMS; loads nothing.

        Raises:
            BadModel: no folder, no config, a file missing, empty or changed, or pickled weights.
            BadConfig: config.json describes no model.
        """
        folder = Path(path)
        refuse_pickles(folder)
        fields = read_config_json(folder / CONFIG)
        served = fields.get("forge")
        if not isinstance(served, dict) or not isinstance(served.get("mode"), str):
            raise BadModel(
                f"{folder / CONFIG} does not say how the model is served",
                "export the checkpoint with `python -m engine.export`",
            )
        verify_sums(folder, (f"model.{served['mode']}.onnx", CONFIG))
        config = ForgeConfig.from_json(fields)
        return cls(folder, config, served["mode"], str(served.get("tokenizer_sha256", "")))


class Forge:
    """One loaded model with one key-value cache: it serves one request at a time.

    Attributes:
        config: its shape; `config.context` bounds prompt and answer together.
        tokenizer: the one it was trained with.
        mode: how its weights are kept.
        threads: of one run.
        length: positions in the cache now.
        reused: positions of the last `prefill` that needed no computing.
    """

    def __init__(
        self, session: ort.InferenceSession, folder: ModelFolder, tokenizer: Tokenizer, threads: int
    ) -> None:
        self.config = folder.config
        self.tokenizer = tokenizer
        self.mode = folder.mode
        self.threads = threads
        self.length = 0
        self.reused = 0
        self._ids: list[int] = []
        self._session = session
        self._prefixes = _Prefixes(_PREFIX_BYTES)
        self._in_use = threading.Lock()
        self._allocate()

    @classmethod
    def load(
        cls, path: str | Path, *, tokenizer: Tokenizer | None = None, threads: int = 0
    ) -> "Forge":
        """Verify and load `models/<name>/`.

        Args:
            path: the model's folder.
            tokenizer: default: `tokenizer.json` in the folder, else in the folder above.
            threads: 0 takes 1 up to dim 256 and all cores above.

        Raises:
            BadModel: missing, damaged, not ours, or its weights give no finite answer.
            BadTokenizer: not the tokenizer that the model was trained with, or a damaged one.
            BadConfig: config.json describes no model.
            OutOfMemory: no room for it.
        """
        folder = ModelFolder.open(path)
        if tokenizer is None:
            beside = folder.path / "tokenizer.json"
            tokenizer = Tokenizer.load(
                beside if beside.exists() else folder.path.resolve().parent / "tokenizer.json"
            )
        if tokenizer.fingerprint != folder.tokenizer:
            raise BadTokenizer(
                f"{folder.path} was trained with tokenizer {folder.tokenizer[:12]}, "
                f"this one is {tokenizer.fingerprint[:12]}",
                "give the tokenizer.json that came with the model",
            )
        if not threads:
            threads = 1 if folder.config.dim <= _DIM_ONE_THREAD else len(os.sched_getaffinity(0))
        try:
            session = _session(folder.graph, threads)
            _check_inputs(session, folder)
            forge = cls(session, folder, tokenizer, threads)
            logits = forge.prefill([tokenizer.vocab_size - 1])
        except MemoryError as fault:
            raise OutOfMemory(f"no memory for {folder.path}", "choose a smaller model") from fault
        forge.rewind(0)
        if not np.isfinite(logits).all():
            raise BadModel(f"{folder.path} gives NaN or infinity", "export a sound checkpoint")
        return forge

    def prefill(self, ids: Sequence[int], *, keep: int = 0) -> Floats:
        """Start a request: put `ids` into the cache and give the logits (V,) after the last.

        What the cache or a kept prefix already holds of `ids` is not computed again.

        Args:
            ids: the prompt, 1 to context tokens.
            keep: the first `keep` tokens are a prefix (a system prompt) that will come again;
                its keys and values are kept, least recently used first out, within 32 MiB.

        Raises:
            BadPrompt: empty, longer than the context, or an id outside the vocabulary.
        """
        self._check(ids, 0)
        ids = list(ids)
        shared = min(_common(self._ids, ids), len(ids) - 1)
        stored = self._prefixes.longest(ids[:-1])
        if stored is not None and len(stored.ids) > shared:
            for buffer, rows in zip(self._cache, stored.rows, strict=True):
                buffer[:, :, : len(stored.ids)] = rows
            shared = len(stored.ids)
        self.reused = self.length = shared
        self._ids = ids[:shared]
        logits: Floats = self.extend(ids[shared:])[-1]
        if keep and (stored is None or len(stored.ids) < keep):
            self._keep(tuple(ids[:keep]))
        return logits

    def extend(self, ids: Sequence[int], *, every: bool = False) -> Floats:
        """Append `ids` to the cache.

        Returns:
            Logits (1, V) after the last of them, or (len(ids), V) after `every` one.

        Raises:
            BadPrompt: none, more than the context has room for, or an id outside the vocabulary.
        """
        self._check(ids, self.length)
        count = len(ids)
        rows = np.arange(count) if every else np.array([count - 1])
        logits = np.empty((len(rows), self.config.vocab_size), np.float32)
        total = self.length + count
        self._last[0], self._total[0] = total - 1, total
        self._run(self._bind(np.array([ids], np.int64), rows.astype(np.int64), logits))
        self._ids += ids
        self.length = total
        return logits

    def step(self, token: int) -> Floats:
        """Append one token; the logits (V,) after it, in memory that the next step overwrites.

        Raises:
            BadPrompt: the context is full, or the id is outside the vocabulary.
        """
        self._check((token,), self.length)
        self._token[0, 0] = token
        self._last[0], self._total[0] = self.length, self.length + 1
        self._run(self._step)
        self._ids.append(token)
        self.length += 1
        row: Floats = self._logits[0]
        return row

    def rewind(self, length: int) -> None:
        """Forget all positions from `length` on.

        Raises:
            BadPrompt: the cache is shorter than that.
        """
        if not 0 <= length <= self.length:
            raise BadPrompt(f"cannot go back to {length} from {self.length}", "prefill instead")
        del self._ids[length:]
        self.length = length

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold the model for one request.

        Raises:
            Busy: another request holds it.
        """
        if not self._in_use.acquire(blocking=False):
            raise Busy("the model is in the middle of another request", "finish or close that one")
        try:
            yield
        finally:
            self._in_use.release()

    def _allocate(self) -> None:
        config = self.config
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

    def _keep(self, ids: tuple[int, ...]) -> None:
        rows = [np.ascontiguousarray(buffer[:, :, : len(ids)]) for buffer in self._cache]
        self._prefixes.put(_Prefix(ids, rows))

    def _check(self, ids: Sequence[int], length: int) -> None:
        if not ids:
            raise BadPrompt("the prompt is empty", "give at least one token")
        if length + len(ids) > self.config.context:
            raise BadPrompt(
                f"{length + len(ids)} tokens exceed the context of {self.config.context}",
                "shorten the prompt or the answer",
            )
        if min(ids) < 0 or max(ids) >= self.config.vocab_size:
            raise BadPrompt(
                "a token id is outside the vocabulary", f"use 0 to {self.config.vocab_size - 1}"
            )


@dataclass(frozen=True, slots=True)
class _Bound:
    binding: Any
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Prefix:
    ids: tuple[int, ...]
    rows: list[Floats]  # keys and values of each layer, (1, K, len(ids), E)

    @property
    def size(self) -> int:
        return sum(array.nbytes for array in self.rows)


class _Prefixes:
    """Prefixes by their tokens, within a number of bytes; the least recently used goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[tuple[int, ...], _Prefix] = OrderedDict()

    def longest(self, ids: Sequence[int]) -> _Prefix | None:
        """The longest one that `ids` begins with."""
        found = [held for held in self._held if held == tuple(ids[: len(held)])]
        if not found:
            return None
        best = max(found, key=len)
        self._held.move_to_end(best)
        return self._held[best]

    def put(self, prefix: _Prefix) -> None:
        self._held[prefix.ids] = prefix
        self._held.move_to_end(prefix.ids)
        while sum(held.size for held in self._held.values()) > self._most:
            self._held.popitem(last=False)


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return number
    return min(len(first), len(second))


def _value(array: npt.NDArray[Any]) -> Any:
    return ort.OrtValue.ortvalue_from_numpy(array)


def _check_inputs(session: ort.InferenceSession, folder: ModelFolder) -> None:
    """Raise `BadModel` where the graph's cache or vocabulary is not the config's."""
    config = folder.config
    cache = [1, config.n_kv_heads, config.context, config.head_dim]
    expected = {f"{kind}_{n}": cache for n in range(config.n_layers) for kind in ("key", "value")}
    names = ("tokens", "rows", "last", "total")
    found = {each.name: each.shape for each in session.get_inputs() if each.name not in names}
    width = session.get_outputs()[0].shape[-1]
    if found != expected or width != config.vocab_size:
        raise BadModel(
            f"{folder.graph} is not of the shape in its config.json", "export the checkpoint again"
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
