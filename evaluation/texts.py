"""Perplexity of a text model on plain texts, `.jsonl` rows and `Q:`/`A:` files.

A text is gone through in windows of the model's context, each half covered by the one before, so
that every token but the first half window's has at least half a context in front of it. Of a row
with an answer, the answer alone counts, with its end.
"""

import math
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.runtime import Forge
from engine.tokenizer import END
from engine.training.datasets import Record, records, sources
from engine.training.kinds import Pair, Text, contents
from evaluation.figures import COVERAGES, share
from evaluation.models import Model

_BINS = 100


@dataclass(frozen=True, slots=True)
class Window:
    """Token ids of which those from `first` on are predicted; `text_bytes` long as text."""

    source: str
    ids: list[int]
    first: int
    text_bytes: int


@dataclass(slots=True)
class TextTally:
    """Counts over predicted tokens."""

    tokens: int = 0
    right: int = 0
    loss: float = 0.0
    text_bytes: int = 0
    sources: dict[str, list[float]] = field(default_factory=dict)
    _seconds: "array[float]" = field(default_factory=lambda: array("d"))
    _seen: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS, np.int64))
    _hit: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS, np.int64))

    def add(self, window: Window, logits: npt.NDArray[np.float32], seconds: float) -> None:
        """Count a window: logits (T, V), row i of the token `window.first + i`."""
        wanted = np.array(window.ids[window.first :])
        wide = logits.astype(np.float64)
        wide -= wide.max(1, keepdims=True)
        log_shares = wide - np.log(np.exp(wide).sum(1, keepdims=True))
        place = np.arange(len(wanted))
        loss = -float(log_shares[place, wanted].sum())
        best = log_shares.argmax(1)
        hits = best == wanted
        bins = np.minimum((np.exp(log_shares[place, best]) * _BINS).astype(int), _BINS - 1)
        self._seen += np.bincount(bins, minlength=_BINS)
        self._hit += np.bincount(bins[hits], minlength=_BINS)
        self.tokens += len(wanted)
        self.right += int(hits.sum())
        self.loss += loss
        self.text_bytes += window.text_bytes
        self._seconds.append(seconds)
        counts = self.sources.setdefault(window.source, [0.0, 0.0, 0.0])
        counts[:] = [counts[0] + len(wanted), counts[1] + int(hits.sum()), counts[2] + loss]

    def __len__(self) -> int:
        return self.tokens

    @property
    def correct(self) -> int:
        """Tokens that were the likeliest."""
        return self.right

    def figures(self) -> dict[str, Any]:
        """As `evaluation.figures.Tally.figures`, of tokens; and perplexity, bits a byte."""
        seen, hit = self._seen[::-1].cumsum(), self._hit[::-1].cumsum()
        curve = [
            {
                "threshold": round((_BINS - number - 1) / _BINS, 2),
                "coverage": share(int(seen[number]), self.tokens),
                "precision": share(int(hit[number]), int(seen[number])),
                "accuracy": share(int(hit[number]), self.tokens),
            }
            for number in range(_BINS - 1, -1, -5)
        ]
        times = np.frombuffer(self._seconds, np.float64) * 1000 if self._seconds else np.zeros(1)
        return {
            "n": self.tokens,
            "correct": self.right,
            "accuracy": share(self.right, self.tokens),
            "answered": self.tokens,
            "precision": share(self.right, self.tokens),
            "latency_p50_ms": round(float(np.percentile(times, 50)), 3),
            "latency_p95_ms": round(float(np.percentile(times, 95)), 3),
            "latency_max_ms": round(float(times.max()), 3),
            "perplexity": round(math.exp(self.loss / self.tokens), 4) if self.tokens else None,
            "bits_per_byte": (
                round(self.loss / math.log(2) / self.text_bytes, 4) if self.text_bytes else None
            ),
            "threshold": 0.0,
            "coverage": 1.0 if self.tokens else None,
            "precision_at_coverage": [
                _at(coverage, seen, hit) for coverage in COVERAGES if self.tokens
            ],
            "abstention_curve": curve,
            "domains": {
                name: {
                    "n": int(n),
                    "correct": int(right),
                    "accuracy": share(int(right), int(n)),
                    "answered": int(n),
                    "precision": share(int(right), int(n)),
                    "perplexity": round(math.exp(loss / n), 4),
                }
                for name, (n, right, loss) in sorted(self.sources.items())
            },
            "confusion": [],
            "wrong": [],
        }


def read_windows(data: Path, model: Model, limit: int = 0) -> Iterator[Window]:
    """The windows of all texts of a path; the first `limit` of them, if not 0.

    Raises:
        BadData: no such path, or a row that is no text; names file and line.
    """
    found = (
        window
        for source in sources((data,))
        for record in records(source)
        for window in _of(record, source.name, model)
    )
    return islice(found, limit or None)


def predicted(forge: Forge, window: Window) -> tuple[npt.NDArray[np.float32], float]:
    """Logits before each predicted token of a window, and how long they took."""
    started = time.perf_counter()
    with forge.request():
        forge.rewind(0)
        logits = forge.extend(window.ids[:-1], every=True)[window.first - 1 :].copy()
    return logits, time.perf_counter() - started


def _of(record: Record, name: str, model: Model) -> Iterator[Window]:
    tokenizer, context = model.forge.tokenizer, model.forge.config.context
    for content in contents("text", record):
        match content:
            case Text(text):
                ids = [*tokenizer.encode(text), END]
                half = context // 2
                for start in range(0, max(1, len(ids) - 1), half):
                    # The first window is predicted whole, of each other the half that is new.
                    piece = ids[start : start + context + 1]
                    first = context - half + 1 if start else 1
                    if len(piece) > first:
                        new = len(tokenizer.decode_bytes(piece[first:]))
                        yield Window(name, piece, first, new)
            case Pair(prompt, answer, system, task):
                head = tokenizer.chat(prompt, system=system, task=task or model.use.task)
                whole = [*head, *tokenizer.encode(answer), END]
                if len(whole) <= context + 1:
                    yield Window(name, whole, len(head), len(answer.encode()))


def _at(coverage: float, seen: npt.NDArray[np.int64], hit: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Precision of the surest tokens, to the hundredth of a probability that the bins have."""
    number = int(np.searchsorted(seen, coverage * seen[-1]))
    number = min(number, _BINS - 1)
    return {
        "coverage": round(float(seen[number] / seen[-1]), 4),
        "precision": share(int(hit[number]), int(seen[number])),
        "threshold": round((_BINS - number - 1) / _BINS, 2),
    }
