"""Measure a router model on a validation set; fit its temperature and its threshold.

    python -m data.measure_router models/router --validation /tmp/router/validation.jsonl [--write]

The first half of the set fits the temperature (least mean negative log-likelihood, Guo et al. 2017)
and the threshold (least at which 98 of 100 answers are right); the second half is reported. What
asks for nothing (label `oos`) counts for precision alone: every answer to it is wrong.
``--write`` leaves both in the model's ``calibration.json``.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from data.router_sentences import LABELS, OUTSIDE
from engine.decoding import classify
from engine.model_use import Calibration
from engine.routing import prompt_of
from engine.runtime import Forge

PRECISION = 0.98
_NOTHING = -1

Floats = npt.NDArray[np.float64]


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--validation", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in arguments.validation.read_text("utf-8").splitlines()]
    truth = np.array(
        [_NOTHING if r["label"] == OUTSIDE else LABELS.index(r["label"]) for r in rows]
    )
    shares, seconds = _shares(arguments.model, [row["text"] for row in rows])
    half = len(rows) // 2
    known = truth[:half] != _NOTHING
    temperature = best_temperature(shares[:half][known], truth[:half][known])
    least = _threshold(softened(shares[:half], temperature), truth[:half])
    tempered, wanted = softened(shares[half:], temperature), truth[half:]
    best, top = tempered.argmax(1), tempered.max(1)
    given, asked = top >= least, wanted != _NOTHING
    times = sorted(seconds)
    figures = {
        "n": len(wanted),
        "accuracy": round(float((best == wanted)[asked].mean()), 4),
        "temperature": temperature,
        "threshold": least,
        "answered": round(float(given[asked].mean()), 4),
        "precision": round(float((best == wanted)[given].mean()), 4),
        "nonsense": int((~asked).sum()),
        "nonsense_turned_away": round(float((~given)[~asked].mean()), 4),
        "calibration_error": round(_calibration_error(top[asked], (best == wanted)[asked]), 4),
        "latency_p50_ms": round(1000 * times[len(times) // 2], 3),
    }
    print(json.dumps(figures, indent=1))
    print({LABELS[n]: round(float((best == n)[wanted == n].mean()), 3) for n in set(wanted[asked])})
    pairs = zip(wanted[asked], best[asked], strict=True)
    confused = Counter((LABELS[a], LABELS[b]) for a, b in pairs if a != b)
    print("most confused (asked, answered):", confused.most_common(8))
    if arguments.write:
        calibration = Calibration(temperature=temperature, threshold=least)
        (arguments.model / "calibration.json").write_bytes(msgspec.json.encode(calibration) + b"\n")


def _shares(folder: Path, texts: list[str]) -> tuple[Floats, list[float]]:
    forge = Forge.load(folder, threads=1)
    shares, seconds = [], []
    for text in texts:
        started = time.perf_counter()
        ids = forge.tokenizer.chat(prompt_of(text), task="route")
        shares.append(classify(forge, ids, range(len(LABELS))))
        seconds.append(time.perf_counter() - started)
    return np.stack(shares), seconds


def softened(shares: Floats, temperature: float) -> Floats:
    """Probabilities (N, labels) with their logarithms divided by `temperature`."""
    powered = shares ** (1 / temperature)
    result: Floats = powered / powered.sum(1, keepdims=True)
    return result


def best_temperature(shares: Floats, truth: npt.NDArray[np.int64]) -> float:
    """The temperature under which `truth` (N,) is likeliest."""
    grid = [round(0.5 + 0.05 * step, 2) for step in range(71)]
    rows = np.arange(len(truth))
    loss = [-np.log(softened(shares, t)[rows, truth] + 1e-12).mean() for t in grid]
    return grid[int(np.argmin(loss))]


def _threshold(tempered: Floats, truth: npt.NDArray[np.int64]) -> float:
    top, right = tempered.max(1), tempered.argmax(1) == truth
    order = top.argsort()[::-1]
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(precision >= PRECISION)
    return float(np.floor(top[order][enough[-1]] * 1000) / 1000) if len(enough) else 1.0


def _calibration_error(top: Floats, right: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins of equal width."""
    bins = np.minimum((top * 10).astype(int), 9)
    gaps = [
        (bins == n).mean() * abs(top[bins == n].mean() - right[bins == n].mean())
        for n in range(10)
        if (bins == n).any()
    ]
    return float(sum(gaps))


if __name__ == "__main__":
    main()
