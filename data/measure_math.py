r"""Measure a math model on files of problems, and choose temperature and threshold.

    python -m data.measure_math models/math --data run/math/mawps.jsonl run/math/validation.jsonl \
        [--calibration run/math/calibration.jsonl --write]

Rows are problems with their numbers, in any form of `forgebus eval math`. An answer is right if it is
the number. ``--calibration`` is another set, which alone chooses the temperature, at which the
probabilities tell best what is right, and the threshold, below which an answer would be more than
nine times as likely wrong as right. ``--write`` leaves both in the model's ``calibration.json``.
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

from data.measure_code import keep
from engine.model_use import CALIBRATION, Calibration, read_calibration
from evaluation.arithmetic import solved
from evaluation.cases import Outcome
from evaluation.problems import read_problems

LEAST_SHARE = 1 / 10


def temperature(found: Sequence[Outcome]) -> float:
    """The temperature at which the probabilities tell best which answers are right."""
    given = [one for one in found if one.acts and one.probability > 0]

    def loss(at: float) -> float:
        total = 0.0
        for one in given:
            p = min(max(one.probability ** (1 / at), 1e-6), 1 - 1e-6)
            total -= math.log(p if one.right else 1 - p)
        return total

    return min((step / 20 for step in range(8, 161)), key=loss) if given else 1.0


def threshold(found: Sequence[Outcome], at: float) -> float:
    """The probability, in hundredths, from which on answering is worth most.

    A wrong answer costs as much as makes one with ``LEAST_SHARE`` to be right worth nothing.
    """
    given = sorted((one for one in found if one.acts), key=lambda one: -one.probability)
    cost = LEAST_SHARE / (1 - LEAST_SHARE)
    best, most, worth = 1.0, 0.0, 0.0
    for one in given:
        worth += 1 if one.right else -cost
        if worth > most:
            best, most = one.probability ** (1 / at), worth
    return math.floor(best * 100) / 100


def report(found: Sequence[Outcome], calibration: Calibration) -> dict[str, object]:
    """Figures when answers below the threshold are held back."""
    least, at = calibration.threshold, calibration.temperature
    given = [one for one in found if one.acts and one.probability ** (1 / at) >= least]
    times = sorted(one.seconds for one in found)
    surest = sorted((one for one in found if one.acts), key=lambda one: -one.probability)
    return {
        "n": len(found),
        "accuracy_without_threshold": _share(found),
        "accuracy": round(sum(one.right for one in given) / max(1, len(found)), 4),
        "answered": round(len(given) / max(1, len(found)), 4),
        "precision": _share(given),
        "precision_at_coverage": {
            f"{tenth}0 %": _share(surest[: len(found) * tenth // 10]) for tenth in (3, 5, 7, 9)
        },
        "temperature": at,
        "threshold": least,
        "latency_p50_ms": round(1000 * times[len(times) // 2], 2),
        "latency_p99_ms": round(1000 * times[len(times) * 99 // 100], 2),
    }


def main() -> None:
    """Print the figures of each file as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--calibration", type=Path, nargs="*", default=[])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--wrong", type=int, default=0, help="show this many wrong answers")
    arguments = parser.parse_args()
    if not (arguments.model / CALIBRATION).exists():
        keep(arguments.model, Calibration())
    calibration = read_calibration(arguments.model)
    if arguments.calibration:
        chosen = [one for file in arguments.calibration for one in _asked(arguments.model, file, 0)]
        at = temperature(chosen)
        calibration = Calibration(at, threshold(chosen, at))
    for file in arguments.data:
        found = _asked(arguments.model, file, arguments.limit)
        print(file.name, json.dumps(report(found, calibration)))
        for one in [one for one in found if not one.right][: arguments.wrong]:
            print(
                f"  {one.probability:.2f} {one.question}\n       {one.given}; wanted {one.wanted}"
            )
    if arguments.write:
        keep(arguments.model, calibration)


def _asked(folder: Path, file: Path, limit: int) -> list[Outcome]:
    return list(solved(folder, read_problems(file, limit), temperature=1.0))


def _share(found: Sequence[Outcome]) -> float:
    return round(sum(one.right for one in found) / max(1, len(found)), 4)


if __name__ == "__main__":
    main()
