r"""Commands for random homes, with the right answer: training rows and a validation set.

    python -m data.home_commands --out /tmp/home --rows 200000 --seed 1 \
        [--sets FOLDER] [--negatives FILE]

writes ``train.jsonl`` (rows of :mod:`engine.training.data`) and two sets of whole scenes with the expected
actions: ``validation.jsonl``, whose homes share neither names nor phrasings with training, and
``validation_names.jsonl``, whose homes share no names with it but are spoken to in its phrasings.
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from data.home_mentions import Goal
from data.home_refusals import REFUSALS
from data.home_wishes import WISHES
from data.homes import random_home
from data.phrasing import dressed, noisy
from data.public_homes import add_public
from handlers.home_actions import COLORS, Action
from handlers.home_scene import Entity, Scene, View, located, view
from handlers.home_speech import normalise, numbers

VERSION = 5
"""Raised whenever the same seed gives other rows than before."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A scene and what it asks for: goals, or the reason why there is none."""

    scene: Scene
    goals: tuple[Goal, ...]
    reason: str = ""
    topic: str = ""

    def line(self, shown: View) -> str | None:
        """The line the model should write, or None if the view does not show a target."""
        if self.reason:
            return f"none {self.reason}"
        actions = [_action(goal, shown) for goal in self.goals]
        known = [action for action in actions if action is not None]
        return "; ".join(a.line() for a in known) if len(known) == len(actions) else None


def sample(part: str, rng: random.Random, others: Sequence[str] = (), phrasing: str = "") -> Sample:
    """One random scene of a part ("train" or "validation") with its answer.

    ``others`` are further sentences that are no command for a home. ``phrasing`` is the part that
    the sentences come from, if not that of the home.
    """
    home = random_home(part, rng)
    while True:
        topic = rng.choices(tuple(_MAKERS), weights=[weight for _, weight in _MAKERS.values()])[0]
        made = _MAKERS[topic][0](home, phrasing or part, rng, others)
        if made is not None:
            text, goals, reason = made
            # A list item is copied letter by letter, so it must stand in the sentence as it is.
            slipped = noisy(text, rng, 0.12) if goals and topic != "list" else text
            text = slipped if _values(slipped) == _values(text) else text
            text = dressed(text, rng) if topic != "other" or rng.random() < 0.5 else text
            return Sample(home.scene(text), goals, reason, topic)


def main() -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--validation", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sets", type=Path, help="folder of the public sets; see docs/models.md")
    parser.add_argument(
        "--negatives", type=Path, nargs="*", default=[], help="files, one sentence a line"
    )
    arguments = parser.parse_args()
    if arguments.sets:
        add_public(arguments.sets)
    arguments.out.mkdir(parents=True, exist_ok=True)
    others = [s for f in arguments.negatives for s in f.read_text("utf-8").splitlines() if s]
    cut = len(others) * 9 // 10
    random.Random(0).shuffle(others)
    left_out = _write_rows(arguments.out, arguments.rows, arguments.seed, others[:cut])
    for name, phrasing in (("validation", "validation"), ("validation_names", "train")):
        rng = random.Random(f"home {VERSION} {name} {arguments.seed}")
        with (arguments.out / f"{name}.jsonl").open("wb") as file:
            for _ in range(arguments.validation):
                one = sample("validation", rng, others[cut:], phrasing)
                file.write(msgspec.json.encode(_expected(one)) + b"\n")
    print(f"{arguments.rows - left_out} rows; {left_out} left out whose target was not in view")


def _write_rows(folder: Path, count: int, seed: int, others: Sequence[str]) -> int:
    """Write ``train.jsonl``; how many samples were left out."""
    rng = random.Random(f"home {VERSION} train {seed}")
    left_out = 0
    with (folder / "train.jsonl").open("w", encoding="utf-8") as file:
        for _ in range(count):
            one = sample("train", rng, others)
            shown = view(located(one.scene))
            line = one.line(shown)
            if line is None:
                left_out += 1
                continue
            row = {"prompt": shown.prompt, "answer": line, "task": "home"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return left_out


def _expected(one: Sample) -> dict[str, object]:
    return {
        "scene": one.scene,
        "topic": one.topic,
        "reason": one.reason,
        "line": one.line(view(located(one.scene))),
    }


def _action(goal: Goal, shown: View) -> Action | None:
    if isinstance(goal.target, Entity):
        wanted = goal.target.entity_id
        letters = [x for x, e in shown.entities.items() if e.entity_id == wanted]
    elif goal.target in ("all", "-"):
        letters = [goal.target]
    else:
        letters = [x for x, name in shown.areas.items() if name == goal.target]
    return Action(goal.intent, letters[0], goal.domain, goal.slots) if letters else None


def _values(text: str) -> tuple[list[str], list[str]]:
    """What a slip must not touch: numbers and colours."""
    said = normalise(text)
    return numbers(said), [word for word in said.split() if word in COLORS]


_MAKERS = WISHES | REFUSALS


if __name__ == "__main__":
    main()
