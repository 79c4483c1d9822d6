"""A model being served, over a key-value cache that stays where it is.

The cache is addressed by position, so going back is only a smaller length, and a prompt that
begins like the one before computes the difference alone. What computes is the fused step
where it was built and the model is int8 (`engine.fused`), else onnxruntime (`engine.onnx_backend`);
only the one that serves is imported, and neither torch nor onnx ever is.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.backends import ask_for_room, in_memory, in_memory_shared, memory_named, threads_for
from engine.errors import BadModel, BadPrompt, Busy
from engine.model_folder import ModelFolder, models_folder
from engine.prefixes import Prefix, Prefixes, common
from engine.tokenizer import Tokenizer

if TYPE_CHECKING:
    from engine.backends import Open
    from engine.quantisation import QuantizationConfig

Floats = npt.NDArray[np.float32]

# A prefix is a system prompt; a node has a few of them.
_PREFIX_BYTES = 32 << 20


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
    """One loaded model and its key-value caches: it serves one request at a time, or one batch.

    A cache holds one sequence. There is one, which `prefill`, `extend`, `step` and `rewind` are
    about, until `reserve` makes room for the others that `engine.batching` decodes with it.

    Attributes:
        config: its shape; `config.context` bounds prompt and answer together.
        tokenizer: the one it was trained with.
        mode: how its weights are kept.
        threads: of one run.
        backend: what computes: onnxruntime | fused.
        source: folder of the weights that it was made from.
        reasons: (setting, why) where `auto_configure` chose; else empty.
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
        self.source = folder.path
        self.reasons: tuple[tuple[str, str], ...] = ()
        self.reused = 0
        self._ids: list[int] = []  # what the first cache holds
        self._slots = [self._ids]  # and all of them
        self._backend = backend
        self._prefixes = Prefixes(_PREFIX_BYTES)
        self._in_use = threading.Lock()

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        tokenizer: Tokenizer | None = None,
        threads: int = 0,
        shared: bool = False,
    ) -> "Forge":
        """Verify and load `models/<name>/`.

        Args:
            path: the model's folder.
            tokenizer: default: `tokenizer.json` in the folder, else in the folder above.
            threads: 0 takes 1 up to dim 256; above, what OMP_NUM_THREADS allows, else all cores.
            shared: where the fused step serves, map the weights that it has packed before from a
                file in the cache folder, as other processes do; where none can be written, and
                with onnxruntime, as without.

        Raises:
            BadModel: missing, damaged, not ours, or its weights give no finite answer.
            BadTokenizer: not the tokenizer that the model was trained with, or a damaged one.
            BadConfig: config.json describes no model, or no such number of threads.
            OutOfMemory: no room for it.
        """
        make = in_memory_shared if shared else in_memory
        with memory_named(path):
            return cls._started(ModelFolder.open(path), tokenizer, threads, make)

    @classmethod
    def load_mmap(
        cls,
        path: str | Path,
        device: str = "cpu",
        *,
        tokenizer: Tokenizer | None = None,
        threads: int = 0,
    ) -> "Forge":
        """`load`, with the weights in a mapped file, so that processes share its pages.

        How much is shared depends on the mode; docs/api.md has the figures. A form of the model that
        can be mapped is kept in the cache folder (`engine.model_cache`).

        Args:
            path: a model's folder, or its name below the models folder.
            device: "cpu".
            tokenizer: as for `load`.
            threads: as for `load`.

        Raises:
            BadConfig: another device.
            As `load`, and NotWritten: the cache folder takes no file.
        """
        from engine.mapped import mapped, mapped_folder

        with memory_named(path):
            folder = mapped_folder(path, device)
            return cls._started(folder, tokenizer, threads, mapped, shared=True)

    @classmethod
    def from_pretrained_quantized(
        cls,
        path: str | Path,
        mode: str = "int8",
        *,
        tokenizer: Tokenizer | None = None,
        threads: int = 0,
    ) -> "Forge":
        """A checkpoint or a model folder, loaded in `mode`; what had to be quantised is kept.

        Args:
            path: folder of a checkpoint (safetensors) or of a served model, or the name of one
                below the models folder.
            mode: none | dynamic | int8 | int4.
            tokenizer: as for `load`.
            threads: as for `load`.

        Raises:
            BadConfig: there is no such mode.
            MissingDependency: it must be made, and the `train` extra is not installed.
            As `load`, and NotWritten: the cache folder takes no file.
        """
        from engine.pretrained import Plan, served_in

        plan = Plan.of(path, mode)
        with memory_named(path):
            forge = cls._started(served_in(plan), tokenizer, threads, in_memory)
        forge.source = plan.source
        return forge

    @classmethod
    def auto_configure(cls, models: Path | None = None) -> "Forge":
        """The installed model that suits this machine, loaded; `reasons` say why it is this one.

        Args:
            models: folder of models; default: those that came with the project.

        Raises:
            As `load`.
        """
        from engine.auto import choose
        from engine.hardware import detect_hardware

        profile = detect_hardware(path=(models or models_folder()).absolute())
        return choose(models, profile).load()

    def quantize(
        self, config: "QuantizationConfig", calibration: Sequence[str] | None = None
    ) -> "Forge":
        """The same weights in another mode, as a new `Forge`; this one stays as it is.

        They come from where this model's came from: the checkpoint, if it was given one.

        Args:
            config: the mode and how.
            calibration: texts to correct the rounding by, where `config` asks for batches of them.

        Raises:
            As `from_pretrained_quantized`.
        """
        from engine.pretrained import Plan, served_in

        plan = Plan(self.source, config, tuple(calibration or ()))
        with memory_named(self.source):
            folder = served_in(plan)
            forge = self._started(folder, self.tokenizer, self.threads, in_memory)
        forge.source = self.source
        return forge

    @classmethod
    def _started(
        cls,
        folder: ModelFolder,
        tokenizer: Tokenizer | None,
        threads: int,
        make: "Open",
        *,
        shared: bool = False,
    ) -> "Forge":
        """A verified model with its weights loaded by `make`, after one token has been through."""
        threads = threads_for(folder.config.dim, threads)
        parsed = tokenizer is not None or Tokenizer.is_held(folder.tokenizer)
        ask_for_room(folder, tokenizer=not parsed, shared=shared)
        if tokenizer is None:
            tokenizer = folder.load_tokenizer()
        folder.check_tokenizer(tokenizer)
        forge = cls(make(folder, threads), folder, tokenizer, threads)
        logits = forge.prefill([tokenizer.vocab_size - 1])
        forge.rewind(0)
        if not np.isfinite(logits).all():
            raise BadModel(f"{folder.path} gives NaN or infinity", "export a sound checkpoint")
        return forge

    @property
    def length(self) -> int:
        """Positions in the first cache now."""
        return len(self._ids)

    def prefill(self, ids: Sequence[int], *, keep: int = 0, slot: int = 0) -> Floats:
        """Start a request: put `ids` into a cache and give the logits (V,) after the last.

        What that cache or a kept prefix already holds of `ids` is not computed again.

        Args:
            ids: the prompt, 1 to context tokens.
            keep: the first `keep` tokens are a prefix (a system prompt) that will come again;
                its keys and values are kept, least recently used first out, within 32 MiB.
            slot: which cache, of those that there are.

        Raises:
            BadPrompt: empty, longer than the context, or an id outside the vocabulary.
        """
        self.check(ids, 0)
        ids, held = list(ids), self._slots[slot]
        shared = min(common(held, ids), len(ids) - 1)
        stored = self._prefixes.longest(ids[:-1])
        if stored is not None and len(stored.ids) > shared:
            self._backend.restore(stored.rows, len(stored.ids), slot)
            shared = len(stored.ids)
        self.reused = shared
        held[:] = ids[:shared]
        logits: Floats = self._extend(ids[shared:], slot, every=False)[-1]
        if keep and (stored is None or len(stored.ids) < keep):
            rows = self._backend.save(keep, slot)
            self._prefixes.put(Prefix(tuple(ids[:keep]), rows))
        return logits

    def extend(self, ids: Sequence[int], *, every: bool = False) -> Floats:
        """Append `ids` to the cache.

        Returns:
            Logits (1, V) after the last of them, or (len(ids), V) after `every` one.

        Raises:
            BadPrompt: none, more than the context has room for, or an id outside the vocabulary.
        """
        self.check(ids, self.length)
        return self._extend(ids, 0, every=every)

    def step(self, token: int) -> Floats:
        """Append one token; the logits (V,) after it, in memory that the next step overwrites.

        Raises:
            BadPrompt: the context is full, or the id is outside the vocabulary.
        """
        length = len(self._ids)
        self.check((token,), length)
        logits = self._backend.step(token, length)
        self._ids.append(token)
        return logits

    def step_many(self, tokens: Sequence[int]) -> Floats:
        """Append `tokens[i]` to cache i, reading the weights once for all of them.

        Returns:
            Logits (len(tokens), V), in memory that the next step overwrites.

        Raises:
            BadPrompt: none, more than there are caches, a full one, or an id outside the
                vocabulary; then nothing has been appended.
        """
        if len(tokens) > len(self._slots):
            raise BadPrompt(f"{len(tokens)} tokens for {len(self._slots)} caches", "reserve more")
        lengths = [len(held) for held in self._slots[: len(tokens)]]
        self.check(tokens, max(lengths, default=0), 1)
        logits = self._backend.step_many(tokens, lengths)
        for held, token in zip(self._slots, tokens, strict=False):
            held.append(token)
        return logits

    def states(self, ids: Sequence[int]) -> Floats:
        """The final normed states (len(ids), D) of a text, which the first cache holds then.

        Raises:
            BadPrompt: empty, longer than the context, or an id outside the vocabulary.
        """
        self.rewind(0)
        self.extend(ids, every=True)
        return self._backend.hidden()

    def rewind(self, length: int) -> None:
        """Forget all positions from `length` on.

        Raises:
            BadPrompt: the cache is shorter than that.
        """
        if not 0 <= length <= self.length:
            raise BadPrompt(f"cannot go back to {length} from {self.length}", "prefill instead")
        del self._ids[length:]

    def reserve(self, slots: int) -> None:
        """Have at least this many caches.

        Raises:
            OutOfMemory: no room for them; those that there were are as they were.
        """
        self._backend.reserve(slots)
        self._slots += [[] for _ in range(len(self._slots), slots)]

    def move(self, source: int, target: int) -> None:
        """What cache `source` holds is in cache `target` from now on."""
        held = self._slots[source]
        self._backend.restore(self._backend.save(len(held), source), len(held), target)
        self._slots[target][:] = held

    def check(self, ids: Sequence[int], length: int = 0, more: int = 0) -> None:
        """Whether `ids`, or `more` of them, may follow `length` positions in a cache.

        Raises:
            BadPrompt: none, more than the context has room for, or an id outside the vocabulary.
        """
        if not ids:
            raise BadPrompt("the prompt is empty", "give at least one token")
        end = length + (more or len(ids))
        if end > self.config.context:
            raise BadPrompt(
                f"{end} tokens exceed the context of {self.config.context}",
                "shorten the prompt or the answer",
            )
        if min(ids) < 0 or max(ids) >= self.config.vocab_size:
            raise BadPrompt(
                "a token id is outside the vocabulary", f"use 0 to {self.config.vocab_size - 1}"
            )

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

    def _extend(self, ids: Sequence[int], slot: int, *, every: bool) -> Floats:
        held = self._slots[slot]
        logits = self._backend.run(ids, len(held), every=every, slot=slot)
        held += ids
        return logits
