"""Every capability this release knows: what runs it, what it needs, what it costs.

The daemon reads this list to say what a node can do and to price a bid, so importing it loads
neither the engine nor numpy nor onnxruntime. Only :func:`build`, called in a worker process,
imports the handler's own module.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from handlers.protocol import Handler, Unavailable


@dataclass(frozen=True, slots=True)
class Work:
    """How much a task asks of its model, in tokens."""

    prefill_tokens: int
    decode_tokens: int


@dataclass(frozen=True, slots=True)
class Speeds:
    """Tokens per second, assumed until this node has measured its own. 0 where no model runs."""

    prefill: float
    decode: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One capability.

    ``factory`` is "module:Class"; ``quality`` (0 to 1) is how good the answers are, for bids;
    ``estimate(tokens_in, max_tokens)`` is a pure guess before the content is seen;
    ``memory_mb`` is the worker's resident size with the model loaded; ``together`` is how many tasks
    one worker computes at once at most, above 1 only where the handler is a
    :class:`handlers.protocol.BatchHandler`; ``selftest`` entries are offered only where the node's
    configuration enables them.
    """

    capability: str
    factory: str
    model: str
    quality: float
    estimate: Callable[[int, int], Work]
    speeds: Speeds
    memory_mb: int
    together: int = 1
    selftest: bool = False

    def missing(self, models: Path) -> str | None:
        """What this entry lacks below ``models``, in words, or None if it can run.

        Looks only whether the files are there; damage is found when the weights are loaded.
        """
        if not self.model:
            return None
        needed = [models / "tokenizer.json"]
        needed += [models / self.model / name for name in _MODEL_FILES]
        absent = [str(path) for path in needed if not path.is_file()]
        return f"no {', '.join(absent)}" if absent else None


def build(capability: str, models: Path) -> Handler:
    """Build the handler of ``capability``; ``load`` is left to the caller.

    Raises :class:`Unavailable` if there is no such capability or its files are missing.
    """
    entry = CATALOG.get(capability)
    if entry is None:
        raise Unavailable(f"no capability {capability!r} here; known: {', '.join(CATALOG)}")
    absent = entry.missing(models)
    if absent is not None:
        raise Unavailable(f"{capability} cannot run: {absent}; reinstall the models folder")
    module, name = entry.factory.split(":")
    factory = cast("Callable[[Path], Handler]", getattr(importlib.import_module(module), name))
    return factory(models)


_MODEL_FILES = ("config.json", "SHA256SUMS")


def _classification_work(tokens_in: int, max_tokens: int) -> Work:
    return Work(min(tokens_in + 4, 256), 1)


def _home_work(tokens_in: int, max_tokens: int) -> Work:
    # Candidates are picked before the model sees anything, so a large home costs no more tokens.
    return Work(min(tokens_in + 16, 448), min(max_tokens, 24))


def _vision_work(tokens_in: int, max_tokens: int) -> Work:
    # The model reads letters, about six tokens a thing, and writes a line of them.
    return Work(min(tokens_in * 4 + 8, 128), min(max_tokens, 24))


def _text_work(tokens_in: int, max_tokens: int) -> Work:
    return Work(min(tokens_in, 512), max_tokens)


def _code_work(tokens_in: int, max_tokens: int) -> Work:
    # A request is cut to a line or two; without tests one answer is written.
    return Work(min(tokens_in, 128), min(max_tokens, 64))


def _math_work(tokens_in: int, max_tokens: int) -> Work:
    # A story and its question; some twenty places of the tree of expressions are looked at.
    return Work(min(tokens_in + 16, 448), min(max_tokens, 24))


def _no_work(tokens_in: int, max_tokens: int) -> Work:
    return Work(0, 0)


def _paced_work(tokens_in: int, max_tokens: int) -> Work:
    return Work(0, max_tokens)


_ENTRIES = (
    Entry(
        capability="intent_classification",
        factory="handlers.intent_classification:IntentClassification",
        model="router",
        quality=0.8,
        estimate=_classification_work,
        speeds=Speeds(prefill=8000.0, decode=1000.0),
        memory_mb=90,
    ),
    Entry(
        capability="home_control",
        factory="handlers.home_control:HomeControl",
        model="home",
        quality=0.8,
        estimate=_home_work,
        speeds=Speeds(prefill=4000.0, decode=500.0),
        memory_mb=110,
    ),
    Entry(
        capability="text_generation",
        factory="handlers.text_generation:TextGeneration",
        model="text",
        quality=0.4,
        estimate=_text_work,
        speeds=Speeds(prefill=4000.0, decode=500.0),
        memory_mb=100,
        together=8,
    ),
    Entry(
        capability="vision",
        factory="handlers.vision:Vision",
        model="vision",
        quality=0.8,
        estimate=_vision_work,
        speeds=Speeds(prefill=8000.0, decode=1000.0),
        memory_mb=90,
    ),
    Entry(
        capability="correction",
        factory="handlers.corrections:Corrections",
        model="",
        quality=1.0,
        estimate=_no_work,
        speeds=Speeds(prefill=0.0, decode=0.0),
        memory_mb=60,
    ),
    Entry(
        capability="code",
        factory="handlers.code:Code",
        model="code",
        quality=0.6,
        estimate=_code_work,
        speeds=Speeds(prefill=4000.0, decode=500.0),
        memory_mb=110,
    ),
    Entry(
        capability="math",
        factory="handlers.math_word_problems:WordProblems",
        model="math",
        quality=0.6,
        estimate=_math_work,
        speeds=Speeds(prefill=4000.0, decode=500.0),
        memory_mb=90,
    ),
    Entry(
        capability="selftest_echo",
        factory="handlers.selftest:Echo",
        model="",
        quality=1.0,
        estimate=_no_work,
        speeds=Speeds(prefill=0.0, decode=0.0),
        memory_mb=20,
        selftest=True,
    ),
    Entry(
        capability="selftest_work",
        factory="handlers.selftest:Workload",
        model="",
        quality=1.0,
        estimate=_no_work,
        speeds=Speeds(prefill=0.0, decode=0.0),
        memory_mb=20,
        selftest=True,
    ),
    Entry(
        capability="selftest_tandem",
        factory="handlers.selftest:Tandem",
        model="",
        quality=1.0,
        estimate=_no_work,
        speeds=Speeds(prefill=0.0, decode=0.0),
        memory_mb=20,
        together=4,
        selftest=True,
    ),
    Entry(
        capability="selftest_paced",
        factory="handlers.selftest:Paced",
        model="",
        quality=1.0,
        estimate=_paced_work,
        speeds=Speeds(prefill=0.0, decode=100.0),
        memory_mb=20,
        selftest=True,
    ),
)

CATALOG: dict[str, Entry] = {entry.capability: entry for entry in _ENTRIES}
"""Capability -> :class:`Entry`, in the order they are shown."""
