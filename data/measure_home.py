r"""Measure a home model on a validation set, and choose the threshold below which it abstains.

    python -m data.measure_home models/home --validation /tmp/home/validation.jsonl \
        [--calibration /tmp/home/calibration.jsonl --write]

An answer is right if it gives exactly the expected intents, on exactly the expected entities, with
exactly the expected values; or, where nothing should be done, if it abstains. ``--calibration`` is
another set, which alone chooses how sure each kind of line is (several commands are misread more often
than a single one of the same probability) and the threshold: the least at and above which 9,925
of 10,000 commands given out are right. ``--write`` leaves them in
the model's ``calibration.json``; without ``--calibration`` those there are used.
"""

import argparse
import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from engine.model_use import Calibration, read_calibration
from engine.runtime import Forge
from handlers.home_actions import TEXTS, Intent, parse, resolve, values_of
from handlers.home_control import answer
from handlers.home_doubts import kind_of
from handlers.home_scene import Scene, located
from handlers.home_speech import normalise
from handlers.home_view import view
from handlers.protocol import Usage

PRECISION = 0.9925
"""Asked of the calibration set, so that 99 of 100 hold on scenes that it has not."""

_PLAIN = Calibration()
_LEAST_OF_A_KIND = 60
"""Commands of a kind below which it is not fitted by itself."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model wrote about one scene."""

    topic: str
    wanted: bool
    line: str
    logprob: float
    right: bool
    seconds: float
    prompt: str
    entities: int

    @property
    def given(self) -> bool:
        """Whether it is a command and no abstention."""
        return bool(parse(self.line))

    def probability(self, calibration: Calibration = _PLAIN) -> float:
        """How likely it is right."""
        return calibration.probability(self.logprob, kind_of(self.line))


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

    def abstain(self, reason: str, probability: float) -> None:
        """What is returned says it too."""


def answers(folder: Path, validation: Path) -> list[Answer]:
    """Run the model over the whole set."""
    forge = Forge.load(folder, threads=1)
    found = []
    for row in map(json.loads, validation.read_text("utf-8").splitlines()):
        started = time.perf_counter()
        scene = located(msgspec.convert(row, Scene))
        shown = view(scene)
        written = answer(forge, scene, shown, Silent())
        seconds = time.perf_counter() - started
        done = {effect(resolve(a, scene, shown, 1.0)) for a in parse(written.text)}
        right = done == {wanted(one) for one in row["intents"]}
        found.append(
            Answer(
                *(row["topic"], bool(row["intents"]), written.text, written.logprob, right),
                *(seconds, shown.prompt, len(scene.entities)),
            )
        )
    return found


def temperature(found: Sequence[Answer]) -> float:
    """The temperature at which the probabilities of commands tell best how many are right."""
    given = [a for a in found if a.given]

    def loss(at: float) -> float:
        total = 0.0
        for one in given:
            p = min(max(math.exp(one.logprob / at), 1e-6), 1 - 1e-6)
            total -= math.log(p if one.right else 1 - p)
        return total

    return min((step / 20 for step in range(8, 101)), key=loss) if given else 1.0


def kinds(found: Sequence[Answer]) -> dict[str, tuple[float, float]]:
    """For each kind of line slope and offset of a logistic regression (Newton, a weak prior)."""
    fitted = {}
    for kind in sorted({kind_of(a.line) for a in found if a.given}):
        given = [a for a in found if a.given and kind_of(a.line) == kind]
        if len(given) < _LEAST_OF_A_KIND:
            continue
        surprise = np.log([max(-a.logprob, 1e-6) for a in given])
        inputs = np.stack([surprise, np.ones(len(given))], axis=1)
        right = np.array([a.right for a in given], dtype=float)
        weights, prior = np.zeros(2), np.diag([0.5, 0.05])
        for _ in range(60):
            p = 1 / (1 + np.exp(-inputs @ weights))
            curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + prior
            weights += np.linalg.solve(curvature, inputs.T @ (right - p) - prior @ weights)
        fitted[kind] = (round(float(weights[0]), 4), round(float(weights[1]), 4))
    return fitted


def threshold(found: Sequence[Answer], at: Calibration) -> float:
    """The least probability above which ``PRECISION`` of the commands are right, in thousandths."""
    given = sorted((a for a in found if a.given), key=lambda a: -a.probability(at))
    best, wrong = 1.0, 0
    for number, one in enumerate(given, start=1):
        wrong += not one.right
        if wrong <= number * (1 - PRECISION):
            best = one.probability(at)
    return math.ceil(best * 1000 - 1e-9) / 1000


def report(found: Sequence[Answer], calibration: Calibration) -> dict[str, object]:
    """Figures over ``found`` when answers below the threshold are held back."""
    least, at = calibration.threshold, calibration
    commands = [a for a in found if a.wanted]
    given = [a for a in found if a.given and a.probability(at) >= least]
    times = sorted(a.seconds for a in found)
    return {
        "n": len(found),
        "accuracy": _share(a.right for a in found),
        "accuracy_on_commands": _share(a.right for a in commands),
        "temperature": at.temperature,
        "kinds": dict(at.kinds),
        "threshold": least,
        "answered": len(given),
        "answered_of_commands": _share(a.given and a.probability(at) >= least for a in commands),
        "precision": _share(a.right for a in given),
        "right_of_commands": _share(a.right and a.probability(at) >= least for a in commands),
        "wrongly_answered_of_no_commands": _share(
            a.given and a.probability(at) >= least for a in found if not a.wanted
        ),
        "latency_p50_ms": round(1000 * times[len(times) // 2], 2),
        "latency_p99_ms": round(1000 * times[len(times) * 99 // 100], 2),
    }


def curve(found: Sequence[Answer], at: Calibration) -> list[tuple[float, float]]:
    """(share of all commands that are answered, precision) from the surest answer on, in tenths."""
    given = sorted((a for a in found if a.given), key=lambda a: -a.probability(at))
    wanted = max(1, sum(a.wanted for a in found))
    ends = [len(given) * tenth // 10 for tenth in range(1, 11)]
    return [(round(end / wanted, 3), _share(a.right for a in given[:end])) for end in ends if end]


def latencies(found: Sequence[Answer]) -> dict[str, float]:
    """Median milliseconds by the size of the home."""
    sizes: dict[str, list[float]] = defaultdict(list)
    for a in found:
        most = next((size for size in (10, 25, 50, 100) if a.entities <= size), 150)
        sizes[f"to {most}"].append(a.seconds)
    return {
        name: round(1000 * sorted(times)[len(times) // 2], 2)
        for name, times in sorted(sizes.items())
    }


def wanted(intent: dict[str, object]) -> tuple[object, ...]:
    """An intent of a validation row in a form that compares with :func:`effect`."""
    return _comparable(str(intent["name"]), intent["entities"], intent["slots"])


def effect(intent: Intent) -> tuple[object, ...]:
    """What an intent does, whatever way its entities were named."""
    return _comparable(intent.name, intent.entities, values_of(intent))


def main() -> None:
    """Print the figures as JSON, by topic at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--validation", type=Path, required=True)
    parser.add_argument("--calibration", type=Path, help="another set, which chooses the threshold")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--wrong", type=int, default=0, help="show this many wrong answers")
    arguments = parser.parse_args()
    calibration = read_calibration(arguments.model)
    if arguments.calibration:
        chosen = answers(arguments.model, arguments.calibration)
        fitted = Calibration(temperature(chosen), kinds=kinds(chosen))
        calibration = replace(fitted, threshold=threshold(chosen, fitted))
    found = answers(arguments.model, arguments.validation)
    print(json.dumps(report(found, calibration), indent=1))
    print("coverage, precision:", curve(found, calibration))
    print("milliseconds by entities:", latencies(found))
    seen = Counter(a.topic for a in found)
    right = Counter(a.topic for a in found if a.right)
    print({topic: f"{right[topic]}/{seen[topic]}" for topic in sorted(seen)})
    rows = map(json.loads, arguments.validation.read_text("utf-8").splitlines())
    wrong = [(r, a) for r, a in zip(rows, found, strict=True) if not a.right]
    for row, one in wrong[: arguments.wrong]:
        text, prompt = row["text"], one.prompt.replace("\n", " / ")
        wanted = "; ".join(f"{i['name']} {i['slots']} {i['entities']}" for i in row["intents"])
        print(f"{one.probability():.3f} [{row['topic']}] {text!r}: {prompt} {one.line}")
        print(f"      expected {wanted or 'nothing'}")
    if arguments.write:
        (arguments.model / "calibration.json").write_bytes(msgspec.json.encode(calibration) + b"\n")


def _comparable(name: str, entities: object, slots: object) -> tuple[object, ...]:
    values = dict(slots)  # type: ignore[call-overload]
    values |= {name: normalise(str(values[name])) for name in TEXTS.values() if name in values}
    return name, tuple(sorted(entities)), str(sorted(values.items()))  # type: ignore[call-overload]


def _share(of: object) -> float:
    values = [bool(value) for value in of]  # type: ignore[attr-defined]
    return round(sum(values) / max(1, len(values)), 4)


if __name__ == "__main__":
    main()
