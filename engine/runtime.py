"""A model being served, over a key-value cache that stays where it is.

The cache is addressed by position, so going back is only a smaller length, and a prompt that
begins like the one before computes the difference alone. What computes is the fused step
where it was built and the model is int8 (`engine.fused`), else onnxruntime (`engine.onnx_backend`);
only the one that serves is imported, and neither torch nor onnx ever is.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.checkpoint import CONFIG, refuse_pickles, verify_sums
from engine.config import ForgeConfig, read_config_json
from engine.errors import (
    BadModel,
    BadPrompt,
    BadTokenizer,
    Busy,
    MissingDependency,
    OutOfMemory,
)
from engine.tokenizer import Tokenizer

Floats = npt.NDArray[np.float32]

# A prefix is a system prompt; a node has a few of them.
_PREFIX_BYTES = 32 << 20
# Below this a second thread gains a fifth and loses much more when a core is busy.
_DIM_ONE_THREAD = 256


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


class Backend(Protocol):
    """Weights of one model, the caches of its sequences, and what computes with them.

    A slot is the cache of one sequence. There is one until `reserve` makes room for more; the
    sequences that are decoded together lie in slots 0 to B-1. R: rows of logits given.

    Attributes:
        name: onnxruntime | fused.
    """

    name: str

    def run(self, ids: Sequence[int], start: int, *, every: bool, slot: int = 0) -> Floats:
        """Put `ids` at `start`; logits (1, V) after the last, or (len(ids), V) after each."""

    def step(self, token: int, position: int) -> Floats:
        """Put one token into slot 0; the logits (V,) after it, which the next step overwrites."""

    def step_many(self, tokens: Sequence[int], positions: Sequence[int]) -> Floats:
        """Put `tokens[i]` at `positions[i]` of slot i, reading the weights once.

        Returns:
            Logits (len(tokens), V), in memory that the next step overwrites.
        """

    def hidden(self) -> Floats:
        """What the head saw in the last call: the final normed states (R, D), overwritten by the next."""

    def reserve(self, slots: int) -> None:
        """Have room for at least this many sequences; what the slots hold is kept.

        Raises:
            OutOfMemory: no room; what there was stays as it is.
        """

    def save(self, length: int, slot: int = 0) -> list[npt.NDArray[Any]]:
        """A copy of the first `length` positions of a slot."""

    def restore(self, rows: list[npt.NDArray[Any]], length: int, slot: int = 0) -> None:
        """Write what `save(length)` gave into a slot."""


class Forge:
    """One loaded model with one key-value cache: it serves one request at a time.

    Attributes:
        config: its shape; `config.context` bounds prompt and answer together.
        tokenizer: the one it was trained with.
        mode: how its weights are kept.
        threads: of one run.
        backend: what computes: onnxruntime | fused.
        length: positions in the cache now.
        reused: positions of the last `prefill` that needed no computing.
    """

    def __init__(
        self, backend: Backend, folder: ModelFolder, tokenizer: Tokenizer, threads: int
    ) -> None:
        self.config = folder.config
        self.tokenizer = tokenizer
        self.mode = folder.mode
        self.threads = threads
        self.backend = backend.name
        self.length = 0
        self.reused = 0
        self._ids: list[int] = []
        self._backend = backend
        self._prefixes = _Prefixes(_PREFIX_BYTES)
        self._in_use = threading.Lock()

    @classmethod
    def load(
        cls, path: str | Path, *, tokenizer: Tokenizer | None = None, threads: int = 0
    ) -> "Forge":
        """Verify and load `models/<name>/`.

        Args:
            path: the model's folder.
            tokenizer: default: `tokenizer.json` in the folder, else in the folder above.
            threads: 0 takes 1 up to dim 256; above, what OMP_NUM_THREADS allows, else all cores.

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
            threads = _threads_for(folder.config.dim)
        try:
            forge = cls(_backend(folder, threads), folder, tokenizer, threads)
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
            self._backend.restore(stored.rows, len(stored.ids))
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
        logits = self._backend.run(ids, self.length, every=every)
        self._ids += ids
        self.length += len(ids)
        return logits

    def step(self, token: int) -> Floats:
        """Append one token; the logits (V,) after it, in memory that the next step overwrites.

        Raises:
            BadPrompt: the context is full, or the id is outside the vocabulary.
        """
        self._check((token,), self.length)
        logits = self._backend.step(token, self.length)
        self._ids.append(token)
        self.length += 1
        return logits

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

    def _keep(self, ids: tuple[int, ...]) -> None:
        self._prefixes.put(_Prefix(ids, self._backend.save(len(ids))))

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
class _Prefix:
    ids: tuple[int, ...]
    rows: list[npt.NDArray[Any]]  # what the backend saved of its cache

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


def _threads_for(dim: int) -> int:
    """What helps a model of this width, within what the process was given."""
    if dim <= _DIM_ONE_THREAD:
        return 1
    cores, given = len(os.sched_getaffinity(0)), os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(given)) if given.isdecimal() and int(given) else cores


def _backend(folder: ModelFolder, threads: int) -> Backend:
    """The quickest that can serve `folder` here.

    What the fused step cannot read is left to onnxruntime, which names the fault if there is one.
    """
    if folder.mode == "int8":
        from engine.fused.build import best
        from engine.fused.step import FusedStep

        library = best()
        if library is not None:
            try:
                return FusedStep(library, folder.graph, folder.config, threads)
            except (BadModel, MissingDependency):
                pass
    try:
        from engine.onnx_backend import OnnxBackend
    except ImportError as fault:
        if "failed to map segment" in str(fault):  # so the loader says that there is no memory
            raise MemoryError from fault
        raise
    return OnnxBackend(folder.graph, folder.config, threads)
