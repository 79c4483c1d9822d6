"""Measure a code model on held-out requests; fit its temperature and its threshold.

    python -m data.measure_code models/code --fit run/code/phrasings_fit.jsonl ... --foreign run/code/mbpp_fit.jsonl \
        --report run/code/phrasings.jsonl run/code/compositions.jsonl ... [--write] [--tests]

A request is right if its function passes its tests, which the model is not given. The sets of `--fit` set
the temperature (least negative log-likelihood of being right) and the threshold: the least at which 95 of 100
answers are right, and at which at least half of those to requests in foreign words (`--foreign`) surely are;
then higher, as far as it costs little of the generated ones.
Those of `--report` are reported. ``--write`` leaves both in ``calibration.json``.
``--tests`` asks again with the tests given, so that a candidate that passes is sought.
"""

import argparse
import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from engine.checkpoint import SUMS, write_sums
from engine.model_use import CALIBRATION, Calibration
from evaluation.coding import written
from evaluation.home import Asking
from evaluation.programs import Task, read_tasks
from handlers import code
from handlers.forge_model import load_forge

PRECISION = 0.95
FOREIGN_PRECISION = 0.5
_DEVIATIONS = 1.64
"""Of what is answered to foreign requests, half shall be right. There are few to measure that on, so the lower
end of the interval is held against it that 95 of 100 such samples lie above (Wilson 1927)."""

SPENT = 0.03
"""Share of the generated requests that is held back besides, those first that are the least sure: it costs little
there, and what is foreign has few samples."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--fit", type=Path, nargs="*", default=[])
    parser.add_argument("--foreign", type=Path, nargs="*", default=[])
    parser.add_argument("--report", type=Path, nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=0, help="rows of each set")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--tests", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.model / CALIBRATION).exists():
        keep(arguments.model, Calibration())
    if arguments.fit:
        fitted = _fitted(arguments.model, arguments.fit, arguments.foreign, arguments.limit)
        print(json.dumps(fitted))
        if arguments.write:
            keep(arguments.model, Calibration(fitted["temperature"], fitted["threshold"]))
    _, calibration = load_forge(arguments.model.parent, arguments.model.name)
    for file in arguments.report:
        tasks = read_tasks(file, arguments.limit)
        one = _asked(arguments.model, tasks, calibration.temperature)
        print(json.dumps({"set": file.stem, **one.figures(calibration.threshold)}))
        if arguments.tests:
            print(
                json.dumps({"set": file.stem, **_with_tests(arguments.model, tasks, calibration)})
            )


def _fitted(folder: Path, own: list[Path], foreign: list[Path], limit: int) -> dict[str, Any]:
    """Temperature and threshold by the requests of two kinds of files, each of at most `limit`."""
    found = [_asked(folder, read_tasks(file, limit), 1.0) for file in (*own, *foreign)]
    strange = np.concatenate([np.full(len(one.sure), n >= len(own)) for n, one in enumerate(found)])
    sure, right, acts = (
        np.concatenate([getattr(one, name) for one in found]) for name in ("sure", "right", "acts")
    )
    usable = acts & (sure < 1.0)  # what passed the examples of its request is given out anyway
    temperature = _temperature(np.log(np.maximum(sure[usable], 1e-300)), right[usable])
    sure = sure ** (1 / temperature)
    threshold = max(
        _threshold(sure[usable], right[usable], PRECISION, 0.0),
        _threshold(sure[usable & strange], right[usable & strange], FOREIGN_PRECISION, _DEVIATIONS),
    )
    if foreign:
        threshold = _dearer(sure[usable & ~strange], threshold)
    return {"fitted on": int(usable.sum()), "temperature": temperature, "threshold": threshold}


def _dearer(sure: Floats, threshold: float) -> float:
    """The threshold at which `SPENT` of the requests less are answered."""
    answered = np.sort(sure[sure >= threshold])
    less = min(int(SPENT * len(sure)), len(answered) - 1)
    return max(threshold, float(np.floor(answered[less] * 1000) / 1000)) if less > 0 else threshold


def keep(folder: Path, calibration: Calibration) -> None:
    """Write the `calibration.json` of a model folder, and seal it anew."""
    (folder / CALIBRATION).write_bytes(msgspec.json.encode(calibration) + b"\n")
    write_sums(folder, sorted(file.name for file in folder.iterdir() if file.name != SUMS))


class _Asked:
    def __init__(
        self, sure: Floats, right: Flags, acts: Flags, seconds: Floats, kinds: list[str]
    ) -> None:
        self.sure, self.right, self.acts, self.seconds, self.kinds = (
            sure,
            right,
            acts,
            seconds,
            kinds,
        )

    def figures(self, threshold: float) -> dict[str, Any]:
        answered = self.acts & (self.sure >= threshold)
        n = len(self.right)
        by_kind = Counter(k for k, right in zip(self.kinds, self.right, strict=True) if right)
        return {
            "n": n,
            "parses": round(float(self.acts.mean()), 4),
            "right": round(float(self.right.mean()), 4),
            "answered": round(float(answered.mean()), 4),
            "precision": round(float(self.right[answered].mean()), 4) if answered.any() else None,
            "latency_p50_ms": round(float(np.median(self.seconds)) * 1000, 2),
            "latency_p95_ms": round(float(np.quantile(self.seconds, 0.95)) * 1000, 2),
            "kinds": {k: f"{by_kind[k]}/{m}" for k, m in sorted(Counter(self.kinds).items())},
        }


def _asked(folder: Path, tasks: list[Task], temperature: float) -> _Asked:
    outcomes = list(written(folder, tasks, temperature))
    return _Asked(
        np.array([one.probability for one in outcomes]),
        np.array([one.right for one in outcomes]),
        np.array([one.acts for one in outcomes]),
        np.array([one.seconds for one in outcomes]),
        [one.domain for one in outcomes],
    )


def _with_tests(folder: Path, tasks: list[Task], calibration: Calibration) -> dict[str, Any]:
    """How many pass with their tests given: the likeliest alone, and with more candidates."""
    loaded = replace(code.load_code(folder.parent, folder.name), calibration=calibration)
    figures: dict[str, Any] = {}
    usual = code.ROUNDS_TESTED
    for rounds in (1, 2, usual):
        code.ROUNDS_TESTED = rounds
        started = time.perf_counter()
        passed = sum(
            code.answer(loaded, one.prompt, (one.tests,), Asking()).passed for one in tasks
        )
        figures[f"passed with {1 + 8 * (rounds - 1)} candidates"] = round(passed / len(tasks), 4)
        figures[f"seconds each with {1 + 8 * (rounds - 1)}"] = round(
            (time.perf_counter() - started) / len(tasks), 2
        )
    code.ROUNDS_TESTED = usual
    return figures


def _temperature(logprobs: Floats, right: Flags) -> float:
    grid = [round(0.5 + 0.1 * step, 2) for step in range(76)]
    loss = []
    for t in grid:
        sure = np.clip(np.exp(logprobs / t), 1e-6, 1 - 1e-6)
        loss.append(float(-np.log(np.where(right, sure, 1 - sure)).mean()))
    return grid[int(np.argmin(loss))]


def _threshold(sure: Floats, right: Flags, least: float, deviations: float) -> float:
    """The smallest probability from which on this share is right; 0 where there is nothing to go by.

    Args:
        sure: probability of each answer.
        right: whether it was.
        least: the share wanted.
        deviations: how far below what was measured the share is taken to be, in standard deviations.
    """
    order = sure.argsort()[::-1]
    if not len(order):
        return 0.0
    n = np.arange(1, len(order) + 1)
    share, z = np.cumsum(right[order]) / n, deviations
    spread = z * np.sqrt(share * (1 - share) / n + (z / n) ** 2 / 4)
    enough = np.flatnonzero((share + z * z / (2 * n) - spread) / (1 + z * z / n) >= least)
    return float(np.floor(sure[order][enough[-1]] * 1000) / 1000) if len(enough) else 1.0


if __name__ == "__main__":
    main()
