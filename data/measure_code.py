"""Measure a code model on held-out requests; fit its temperature and its threshold.

    python -m data.measure_code models/code --fit run/code/phrasings_fit.jsonl ... \
        --report run/code/phrasings.jsonl run/code/compositions.jsonl ... [--write] [--tests]

A request is right if its function passes its tests, which the model is not given. The sets of `--fit` set
the temperature (least negative log-likelihood of being right) and the threshold (least at which 95 of 100
answers are right); those of `--report` are reported. ``--write`` leaves both in ``calibration.json``.
``--tests`` asks again with the tests given, so that a candidate that passes is sought.
"""

import argparse
import json
import time
from collections import Counter
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

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--fit", type=Path, nargs="*", default=[])
    parser.add_argument("--report", type=Path, nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=0, help="rows of each set")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--tests", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.model / CALIBRATION).exists():
        keep(arguments.model, Calibration())
    if arguments.fit:
        found = [
            _asked(arguments.model, read_tasks(file, arguments.limit), 1.0)
            for file in arguments.fit
        ]
        logprobs = np.log(np.maximum(np.concatenate([one.sure for one in found]), 1e-300))
        right = np.concatenate([one.right for one in found])
        acts = np.concatenate([one.acts for one in found])
        tested = np.concatenate([one.sure for one in found]) == 1.0
        usable = acts & ~tested
        temperature = _temperature(logprobs[usable], right[usable])
        threshold = _threshold(np.exp(logprobs[usable] / temperature), right[usable])
        print(
            json.dumps(
                {"fitted on": int(usable.sum()), "temperature": temperature, "threshold": threshold}
            )
        )
        if arguments.write:
            keep(arguments.model, Calibration(temperature, threshold))
    _, calibration = load_forge(arguments.model.parent, arguments.model.name)
    for file in arguments.report:
        tasks = read_tasks(file, arguments.limit)
        one = _asked(arguments.model, tasks, calibration.temperature)
        print(json.dumps({"set": file.stem, **one.figures(calibration.threshold)}))
        if arguments.tests:
            print(
                json.dumps({"set": file.stem, **_with_tests(arguments.model, tasks, calibration)})
            )


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
    forge, _ = load_forge(folder.parent, folder.name)
    figures: dict[str, Any] = {}
    usual = code.ROUNDS_TESTED
    for rounds in (1, 2, usual):
        code.ROUNDS_TESTED = rounds
        started = time.perf_counter()
        passed = sum(
            code.answer(forge, calibration, one.prompt, (one.tests,), Asking()).passed
            for one in tasks
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


def _threshold(sure: Floats, right: Flags) -> float:
    order = sure.argsort()[::-1]
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(precision >= PRECISION)
    return float(np.floor(sure[order][enough[-1]] * 1000) / 1000) if len(enough) else 1.0


if __name__ == "__main__":
    main()
