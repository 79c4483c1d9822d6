"""Training rows for a public intent set: its own, changed ones, and what a linear teacher thinks of more.

    python -m data.intent_sets --set clinc150 --sets FOLDER --out run/clinc150 --seed 1

writes `train.jsonl` for `forgebus train --type router` and `valid.jsonl`: a part of the set's
TRAINING sentences that nothing learns from, the teacher neither, on which a run picks its weights
and `python -m data.measure_intents` the threshold. The set's own validation part is never read.
"""

import argparse
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from data.intent_changes import changed, crossed
from data.intent_phrases import outside, phrased
from data.intent_public import OUTSIDE, SETS, Row, foreign, training, unlabelled
from data.intent_teacher import Floats, Teacher
from engine.decoding import classify
from engine.model_use import read_use
from engine.routing import router_ids
from engine.runtime import Forge

VERSION = 1
"""Raised whenever the same seed gives other rows than before."""

_FOREIGN = 3000
_SHOWN = 6
_LEAST_SHARE = 0.02
# How much the teacher's opinion counts for a changed sentence; the rest is its former label.
_TRUST = 0.5


def held_out(rows: Sequence[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """(for learning, held out): a random share of the rows, no sentence of it among the others."""
    order = list(rows)
    random.Random(f"held out {VERSION} {seed}").shuffle(order)
    apart = order[: int(len(order) * share)]
    known = {text for text, _ in apart}
    return [row for row in order if row[0] not in known], apart


@dataclass(frozen=True, slots=True)
class Recipe:
    """How many rows of each kind are made.

    Attributes:
        seed: of everything.
        share: of the training sentences that is held out.
        changes: changed sentences for each of the set's own.
        others: sentences of other sets, at most, with the teacher's opinion.
        foreigners: sentences without an intent, at most, beside those of CLINC150 itself.
        crossings: sentences put together out of several, with the teacher's opinion.
        second: served folder of a model of the set, made on the same `share` and `seed`, whose
            opinion counts as much as the linear teacher's.
    """

    seed: int = 1
    share: float = 0.05
    changes: int = 2
    others: int = 8000
    foreigners: int = 10_000
    crossings: int = 0
    second: Path | None = None


def make(
    folder: Path, name: str, recipe: Recipe
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Rows to learn and rows held out, of the set `name` in the folder of public sets."""
    seed, share = recipe.seed, recipe.share
    rng = random.Random(f"intents {VERSION} {name} {seed}")
    learnt, apart = held_out(training(folder, name), share, seed)
    if name == "clinc150":
        found = foreign(folder)
        found = rng.sample(found, min(_FOREIGN, len(found)))
        strangers, strangers_apart = held_out([(text, OUTSIDE) for text in found], share, seed)
        strangers += [(text, OUTSIDE) for text in outside(rng)]
        most = min(recipe.foreigners, len(strangers))
        learnt += rng.sample(strangers, most) if most < len(strangers) else strangers
        apart += strangers_apart
    known = {text for text, _ in apart}
    learnt += [(text, label) for text, label in phrased(name, rng) if text not in known]
    rows: list[dict[str, object]] = [{"text": text, "label": label} for text, label in learnt]
    inside = [row for row in learnt if row[1] != OUTSIDE]
    twisted = [
        row for _ in range(recipe.changes) for row in changed(inside, rng) if row[0] not in known
    ]
    spare = [text for text in unlabelled(folder, name) if text not in known]
    spare = rng.sample(spare, min(recipe.others, len(spare)))
    if recipe.crossings:
        made = crossed(learnt, recipe.crossings, rng)
        spare += [text for text in made if text not in known]
    if twisted or spare:
        teacher = Teacher(learnt, seed=seed)
        for some, trust in ((twisted, _TRUST), ([(text, "") for text in spare], 1.0)):
            shares = teacher.shares([text for text, _ in some])
            if recipe.second and some:
                shares += _asked(recipe.second, teacher.labels, [text for text, _ in some])
                shares /= 2
            rows += _taught(some, teacher.labels, shares, trust)
    rng.shuffle(rows)
    return rows, [{"text": text, "label": label} for text, label in apart]


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--sets", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--out", type=Path, required=True)
    usual = Recipe()
    add = parser.add_argument
    add("--seed", type=int, default=usual.seed)
    add("--share", type=float, default=usual.share, help="of the sentences, held out")
    add("--changes", type=int, default=usual.changes, help="changed sentences for each")
    add("--others", type=int, default=usual.others, help="sentences of other sets")
    add("--foreigners", type=int, default=usual.foreigners, help="sentences without an intent")
    add("--crossings", type=int, default=usual.crossings, help="sentences out of several")
    add("--second", type=Path, help="served model as a second teacher")
    given = parser.parse_args()
    kinds = {field.name: getattr(given, field.name) for field in fields(Recipe)}
    rows, apart = make(given.sets, given.set, Recipe(**kinds))
    given.out.mkdir(parents=True, exist_ok=True)
    for file, some in (("train.jsonl", rows), ("valid.jsonl", apart)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in some)
        (given.out / file).write_text(lines, "utf-8")
    print(f"{len(rows)} rows, {len(apart)} held out")


def _asked(folder: Path, labels: Sequence[str], sentences: Sequence[str]) -> Floats:
    """What a served model thinks of `sentences`: (N, labels)."""
    forge, own = Forge.load(folder, threads=1), read_use(folder).labels
    order = [own.index(label) for label in labels]
    told = [
        classify(forge, router_ids(forge.tokenizer, text), range(len(own)))[order]
        for text in sentences
    ]
    return np.stack(told).astype(np.float32)


def _taught(
    rows: Sequence[Row], labels: Sequence[str], shares: Floats, trust: float
) -> Iterable[dict[str, object]]:
    """Rows with their likeliest labels by `shares`; the rest of 1 is for the label a row had."""
    for (text, label), row in zip(rows, shares, strict=True):
        weight = trust if label else 1.0
        best = [n for n in row.argsort()[::-1][:_SHOWN] if row[n] >= _LEAST_SHARE]
        told = {labels[n]: weight * float(row[n]) for n in best}
        if label:
            told[label] = told.get(label, 0.0) + 1 - weight
        yield {"text": text, "labels": {name: round(value, 3) for name, value in told.items()}}


if __name__ == "__main__":
    main()
