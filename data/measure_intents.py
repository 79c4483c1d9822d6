"""Fit temperature and threshold of a model of a public intent set, on sentences kept from its training.

    python -m data.measure_intents models/clinc150 --held run/clinc150/valid.jsonl [--write]

`valid.jsonl` is of `python -m data.intent_sets`: training sentences that nothing learnt from. The
temperature is the likeliest (Guo et al. 2017); the threshold the highest that turns away no more
than `--lose` of the right answers within scope. `--write` leaves both in `calibration.json`. What
the model is worth is for `forgebus eval router` to say, on the set's own validation part.
"""

import argparse
import json
from pathlib import Path

import msgspec
import numpy as np

from data.intent_public import OUTSIDE
from data.measure_router import best_temperature, softened
from engine.decoding import classify
from engine.model_use import Calibration, read_use
from engine.routing import router_ids
from engine.runtime import Forge


def main() -> None:
    """Print what was fitted as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--held", type=Path, required=True)
    parser.add_argument("--lose", type=float, default=0.002, help="share of right answers")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    labels = read_use(given.model).labels
    rows = [json.loads(line) for line in given.held.read_text("utf-8").splitlines()]
    truth = np.array([labels.index(row["label"]) for row in rows])
    forge = Forge.load(given.model, threads=1)
    shares = np.stack(
        [classify(forge, router_ids(forge.tokenizer, r["text"]), range(len(labels))) for r in rows]
    )
    temperature = best_temperature(shares, truth)
    told = softened(shares, temperature)
    best, top = told.argmax(1), told.max(1)
    within = np.array([row["label"] != OUTSIDE for row in rows])
    right = np.sort(top[within & (best == truth)])
    threshold = float(np.floor(right[int(len(right) * given.lose)] * 1000) / 1000)
    outside = OUTSIDE in labels and ~within
    figures: dict[str, float | int] = {
        "n": len(rows),
        "accuracy": round(float((best == truth)[within].mean()), 4),
        "temperature": temperature,
        "threshold": threshold,
        "accuracy_with_threshold": round(
            float(((best == truth) & (top >= threshold))[within].mean()), 4
        ),
    }
    if np.any(outside):
        away = (best == labels.index(OUTSIDE)) | (top < threshold)
        figures["out_of_scope"] = int(np.sum(outside))
        figures["out_of_scope_turned_away"] = round(float(away[outside].mean()), 4)
    print(json.dumps(figures, indent=1))
    if given.write:
        calibration = Calibration(temperature=temperature, threshold=threshold)
        (given.model / "calibration.json").write_bytes(msgspec.json.encode(calibration) + b"\n")


if __name__ == "__main__":
    main()
