"""A linear classifier of sentences by their n-grams: what a small Forge model learns intents from.

Words, pairs of words and pieces of words, weighted by how rare they are, and multinomial logistic
regression on them by AdaGrad (Duchi et al. 2011): minutes of numpy, no weights from elsewhere. On
sets of this size it is as good as larger networks that start from nothing, and errs elsewhere than
they do; its opinion of a sentence that nobody labelled is worth learning (Hinton et al. 2015).

    python -m data.intent_teacher --rows run/clinc150/train.jsonl --data clinc150.json

prints what it gets right alone, of the validation part of a set, after the rows that have one label.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluation.intents import OUT_OF_SCOPE, read_intents

Floats = npt.NDArray[np.float32]

_PIECES = (2, 3, 4, 5)
_BATCH = 32
_FIRST_SQUARE = 1e-3


class Teacher:
    """Learns from (sentence, label) rows; sentences are lower case, words apart by spaces."""

    def __init__(
        self,
        rows: Sequence[tuple[str, str]],
        *,
        seed: int = 0,
        passes: int = 5,
        rate: float = 0.3,
        left_out: float = 0.1,
    ) -> None:
        """`left_out` is the share of n-grams that each look at a sentence leaves out."""
        found = [_grams(text) for text, _ in rows]
        counts = Counter(gram for grams in found for gram in grams)
        self.labels = tuple(sorted({label for _, label in rows}))
        self._numbers = {gram: number for number, gram in enumerate(sorted(counts))}
        rarity = [np.log((1 + len(rows)) / (1 + counts[gram])) + 1 for gram in self._numbers]
        self._rarity = np.array(rarity, np.float32)
        self._weights = np.zeros((len(counts), len(self.labels)), np.float32)
        numbers = {label: number for number, label in enumerate(self.labels)}
        truth = np.array([numbers[label] for _, label in rows])
        self._learn([self._encoded(grams) for grams in found], truth, seed, passes, rate, left_out)

    def shares(self, sentences: Sequence[str]) -> Floats:
        """(N, labels): the probability of each of `labels`, a row for each sentence."""
        told = np.empty((len(sentences), len(self.labels)), np.float32)
        for row, sentence in enumerate(sentences):
            places, values = self._encoded(_grams(sentence))
            told[row] = values @ self._weights[places]
        return _softmax(told)

    def _encoded(self, grams: set[str]) -> tuple[npt.NDArray[np.int64], Floats]:
        known = sorted(self._numbers[gram] for gram in grams if gram in self._numbers)
        places = np.array(known or [0], np.int64)
        values = self._rarity[places] if known else np.zeros(1, np.float32)
        return places, values / max(float(np.linalg.norm(values)), 1e-6)

    def _learn(
        self,
        rows: list[tuple[npt.NDArray[np.int64], Floats]],
        truth: npt.NDArray[np.int64],
        seed: int,
        passes: int,
        rate: float,
        left_out: float,
    ) -> None:
        rng = np.random.default_rng(seed)
        squares = np.full_like(self._weights, _FIRST_SQUARE)
        for turn in range(passes):
            order = rng.permutation(len(rows))
            for start in range(0, len(rows), _BATCH):
                batch = order[start : start + _BATCH]
                widths = [len(rows[n][0]) for n in batch]
                places = np.concatenate([rows[n][0] for n in batch])
                values = np.concatenate([rows[n][1] for n in batch])
                values = values * (rng.random(len(values)) > left_out).astype(np.float32)
                starts = np.cumsum([0, *widths[:-1]])
                told = np.add.reduceat(self._weights[places] * values[:, None], starts, axis=0)
                slope = _softmax(told)  # (batch, labels)
                slope[np.arange(len(batch)), truth[batch]] -= 1
                each = slope[np.repeat(np.arange(len(batch)), widths)] * values[:, None]
                # The same n-gram in several sentences: its gradients are added up first.
                sort = np.argsort(places, kind="stable")
                touched, firsts = np.unique(places[sort], return_index=True)
                gradient = np.add.reduceat(each[sort], firsts, axis=0)
                squares[touched] += gradient**2
                step = rate * (1 - turn / passes)
                self._weights[touched] -= step * gradient / np.sqrt(squares[touched])


def main() -> None:
    """Print the accuracy within scope and the recall out of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.rows.read_text("utf-8").splitlines()]
    teacher = Teacher([(row["text"], row["label"]) for row in rows if "label" in row])
    part, asked = read_intents(given.data)
    found = teacher.shares([one.text for one in asked]).argmax(1)
    told = [teacher.labels[number] for number in found]
    pairs = list(zip(asked, told, strict=True))
    within = [one.label == label for one, label in pairs if one.in_scope]
    outside = [label in OUT_OF_SCOPE for one, label in pairs if not one.in_scope]
    print(f"{part}: {sum(within) / len(within):.4f} of {len(within)} within scope right")
    if outside:
        print(f"{sum(outside) / len(outside):.4f} of {len(outside)} out of scope turned away")


def _grams(sentence: str) -> set[str]:
    words = sentence.split()
    found = {f"w{word}" for word in words}
    found |= {f"p{a} {b}" for a, b in zip(["^", *words], [*words, "$"], strict=True)}
    for word in words:
        whole = f"<{word}>"
        for size in _PIECES:
            found |= {f"c{whole[n : n + size]}" for n in range(len(whole) - size + 1)}
    return found


def _softmax(logits: Floats) -> Floats:
    weights = np.exp(logits - logits.max(1, keepdims=True))
    shares: Floats = weights / weights.sum(1, keepdims=True)
    return shares


if __name__ == "__main__":
    main()
