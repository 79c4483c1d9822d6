"""Measure a home model on a validation set, and choose the threshold below which it abstains.

    python -m data.measure_home models/home --validation /tmp/home/validation.jsonl [--write]

An answer is right if it gives exactly the expected intents, on exactly the expected entities, with
exactly the expected values; or, where nothing should be done, if it abstains. The first half of the
set chooses the threshold (least at which 95 of 100 commands given out are right), the second half is
reported. ``--write`` leaves the threshold in the model's ``calibration.json``.
"""

import argparse
import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.grammar import Vocabulary
from engine.model_use import Calibration
from engine.runtime import Forge
from handlers.home_actions import Intent, parse, resolve
from handlers.home_control import write_line
from handlers.home_scene import Scene, View, located, view
from handlers.protocol import Usage

PRECISION = 0.95


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model wrote about one scene."""

    topic: str
    wanted: bool
    line: str
    probability: float
    right: bool
    seconds: float


class Silent:
    """A call that nobody listens to."""

    def __init__(self) -> None:
        self.max_tokens = 128
        self.usage = Usage()

    def emit(self, text: str) -> None:
        """Nobody listens."""

    def cancelled(self) -> bool:
        """Never."""
        return False

    def progress(self, fraction: float) -> None:
        """Nobody listens."""


def answers(folder: Path, validation: Path) -> list[Answer]:
    """Run the model over the whole set."""
    forge = Forge.load(folder, threads=1)
    vocabulary = Vocabulary(forge.tokenizer)
    found = []
    for row in map(json.loads, validation.read_text("utf-8").splitlines()):
        started = time.perf_counter()
        scene = located(msgspec.convert(row["scene"], Scene))
        shown = view(scene)
        written = write_line(forge, vocabulary, shown, Silent())
        seconds = time.perf_counter() - started
        expected = row["line"]
        right = expected is not None and _meaning(written.text, scene, shown) == _meaning(
            expected, scene, shown
        )
        wanted = not row["reason"]
        probability = math.exp(written.logprob)
        found.append(Answer(row["topic"], wanted, written.text, probability, right, seconds))
    return found


def threshold(found: Sequence[Answer]) -> float:
    """The least probability at and above which ``PRECISION`` of the commands are right."""
    given = sorted((a for a in found if parse(a.line)), key=lambda a: -a.probability)
    best, right = 1.0, 0
    for number, answer in enumerate(given, start=1):
        right += answer.right
        if right / number >= PRECISION:
            best = answer.probability
    return math.floor(best * 1000) / 1000


def report(found: Sequence[Answer], least: float) -> dict[str, object]:
    """Figures over ``found`` when answers below ``least`` are held back."""
    commands = [a for a in found if a.wanted]
    given = [a for a in found if parse(a.line) and a.probability >= least]
    times = sorted(a.seconds for a in found)
    return {
        "n": len(found),
        "accuracy_without_threshold": _share(a.right for a in found),
        "accuracy_on_commands_without_threshold": _share(a.right for a in commands),
        "threshold": least,
        "answered_of_commands": _share(parse(a.line) and a.probability >= least for a in commands),
        "right_of_commands": _share(a.right and a.probability >= least for a in commands),
        "precision_of_answers": _share(a.right for a in given),
        "wrongly_answered_of_no_commands": _share(
            bool(parse(a.line)) and a.probability >= least for a in found if not a.wanted
        ),
        "latency_p50_ms": round(1000 * times[len(times) // 2], 2),
        "latency_p99_ms": round(1000 * times[len(times) * 99 // 100], 2),
    }


def main() -> None:
    """Print the figures as JSON, by topic at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--validation", type=Path, required=True)
    parser.add_argument("--threshold", type=float, help="report at this one; choose none")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--wrong", type=int, default=0, help="show this many wrong answers")
    arguments = parser.parse_args()
    found = answers(arguments.model, arguments.validation)
    half = len(found) // 2
    least = threshold(found[:half]) if arguments.threshold is None else arguments.threshold
    print(json.dumps(report(found[half:], least), indent=1))
    seen = Counter(a.topic for a in found)
    right = Counter(a.topic for a in found if a.right)
    print({topic: f"{right[topic]}/{seen[topic]}" for topic in sorted(seen)})
    rows = map(json.loads, arguments.validation.read_text("utf-8").splitlines())
    wrong = [(r, a) for r, a in zip(rows, found, strict=True) if not a.right]
    for row, answer in wrong[: arguments.wrong]:
        text = row["scene"]["text"]
        print(f"{answer.probability:.3f} {text!r}: {answer.line}; expected {row['line']}")
    if arguments.write:
        calibration = msgspec.json.encode(Calibration(threshold=least))
        (arguments.model / "calibration.json").write_bytes(calibration + b"\n")


def _meaning(line: str, scene: Scene, shown: View) -> list[tuple[object, ...]]:
    """What a line does, whatever way it is put; an abstention does nothing."""
    return sorted(_effect(resolve(action, scene, shown, 1.0)) for action in parse(line))


def _effect(intent: Intent) -> tuple[object, ...]:
    values = {k: v for k, v in intent.slots.items() if k not in ("name", "area", "domain")}
    return intent.name, tuple(sorted(intent.entities)), str(sorted(values.items()))


def _share(of: object) -> float:
    values = [bool(value) for value in of]  # type: ignore[attr-defined]
    return round(sum(values) / max(1, len(values)), 4)


if __name__ == "__main__":
    main()
