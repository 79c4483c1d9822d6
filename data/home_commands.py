r"""Commands for random homes, with the right answer: training rows and a validation set.

    python -m data.home_commands --out /tmp/home --rows 200000 --seed 1 \
        [--sets FOLDER] [--negatives FILE]

writes ``train.jsonl`` (rows of :mod:`engine.training`) and two sets of whole scenes with the expected
actions: ``validation.jsonl``, whose homes share neither names nor phrasings with training, and
``validation_names.jsonl``, whose homes share no names with it but are spoken to in its phrasings.
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from data.home_abilities import ABLE
from data.home_german import GERMAN
from data.home_mentions import Goal
from data.home_refusals import REFUSALS
from data.home_several import SEVERAL
from data.home_talk import talked
from data.home_templates import template_makers
from data.home_wider import WIDER
from data.home_wishes import WISHES, Maker
from data.homes import random_home
from data.phrasing import dressed, noisy
from data.public_homes import add_public
from handlers.home_actions import COLORS, TEXTS, Action, Choices, choices, parse, resolve, values_of
from handlers.home_items import items
from handlers.home_scene import Entity, Place, Scene, located
from handlers.home_speech import COLOR_NAMES, normalise, numbers
from handlers.home_view import View, view

VERSION = 9
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
        unused = dict(shown.numbers)
        scene = located(self.scene)
        actions = [_action(_shown_as(goal, shown, scene), shown, unused) for goal in self.goals]
        known = [action for action in actions if action is not None]
        return "; ".join(a.line() for a in known) if len(known) == len(actions) else None


def sample(
    part: str,
    rng: random.Random,
    others: Sequence[str] = (),
    phrasing: str = "",
    makers: dict[str, tuple[Maker, float]] | None = None,
) -> Sample:
    """One random scene of a part ("train" or "validation") with its answer.

    ``others`` are further sentences that are no command for a home. ``phrasing`` is the part that
    the sentences come from, if not that of the home. ``makers`` are others than all of ours.
    """
    makers = makers or _MAKERS
    home = random_home(part, rng)
    while True:
        home.here = ""
        topic = rng.choices(tuple(makers), weights=[weight for _, weight in makers.values()])[0]
        made = makers[topic][0](home, phrasing or part, rng, others)
        if made is not None:
            text, goals, reason = made
            # A list item is copied letter by letter, so it must stand in the sentence as it is.
            slipped = noisy(text, rng, 0.12) if goals and topic not in _COPYING else text
            text = slipped if _values(slipped) == _values(text) else text
            if (phrasing or part) == "train" and not topic.endswith(("other", "_de")):
                text = talked(text, rng) if rng.random() < 0.3 else text
            language = "de" if topic.endswith("_de") else "en"
            text = dressed(text, rng, language) if topic != "other" or rng.random() < 0.5 else text
            return Sample(home.scene(text), goals, reason, topic)


def expected(one: Sample) -> dict[str, Any]:
    """A request and what should be done: intents without the names by which they were found."""
    scene = located(one.scene)
    intents = [_intent(goal, scene) for goal in one.goals]
    request = json.loads(msgspec.json.encode(one.scene))
    return {**request, "topic": one.topic, "intents": intents}


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
    parser.add_argument("--only", default="", help="validation topics that end so: _de is German")
    arguments = parser.parse_args()
    train = dict(_MAKERS)
    asked = {topic: made for topic, made in _MAKERS.items() if topic.endswith(arguments.only)}
    if arguments.sets:
        add_public(arguments.sets)
        train |= template_makers(arguments.sets, ("en",), 22.0)
        train |= template_makers(arguments.sets, ("de",), 16.0)
    train["other"] = (train["other"][0], 18.0)
    arguments.out.mkdir(parents=True, exist_ok=True)
    others = [s for f in arguments.negatives for s in f.read_text("utf-8").splitlines() if s]
    cut = len(others) * 9 // 10
    random.Random(0).shuffle(others)
    left_out = _write_rows(arguments.out, arguments.rows, arguments.seed, others[:cut], train)
    for name, phrasing in (("validation", "validation"), ("validation_names", "train")):
        rng = random.Random(f"home {VERSION} {name} {arguments.seed}")
        with (arguments.out / f"{name}.jsonl").open("wb") as file:
            for _ in range(arguments.validation):
                one = sample("validation", rng, others[cut:], phrasing, asked)
                file.write(msgspec.json.encode(expected(one)) + b"\n")
    print(f"{arguments.rows - left_out} rows; {left_out} left out whose target was not in view")


def _write_rows(
    folder: Path,
    count: int,
    seed: int,
    others: Sequence[str],
    makers: dict[str, tuple[Maker, float]],
) -> int:
    """Write ``train.jsonl``; how many samples were left out."""
    rng = random.Random(f"home {VERSION} train {seed}")
    left_out = 0
    with (folder / "train.jsonl").open("w", encoding="utf-8") as file:
        for _ in range(count):
            one = sample("train", rng, others, makers=makers)
            shown = view(located(one.scene))
            line = one.line(shown)
            if line is None or not _allowed(line, choices(shown)):
                left_out += 1
                continue
            row = {"prompt": shown.prompt, "answer": line, "task": "home"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return left_out


def _allowed(line: str, found: Choices) -> bool:
    """Whether the grammar has this line, for far less than building it."""
    for action in parse(line):
        target = f"{action.target} {action.domain}".rstrip()
        if target not in (*found.targets(action.intent), *found.together(action.intent)):
            return False
        if tuple(name for name, _ in action.slots) not in found.tails(action.intent):
            return False
        if any(value not in found.values(action.intent, name) for name, value in action.slots):
            return False
    return True


def _intent(goal: Goal, scene: Scene) -> dict[str, object]:
    """What a goal comes to, worked out from the whole home and not from what the model is shown."""
    entities, places, without = {}, {}, []
    target = goal.target
    if isinstance(target, Entity):
        entities["A"], target = target, "A"
    elif target not in ("all", "-"):
        places["R"], target = _place(target, scene), "R"
    for letter, one in zip("STU", goal.without, strict=False):
        without.append(letter)
        if isinstance(one, Entity):
            entities[letter] = one
        else:
            places[letter] = _place(one, scene)
    letters = {"KLMN"[at]: float(v) for at, (_, v) in enumerate(goal.slots) if _is_number(v)}
    slots = tuple((n, "KLMN"[at] if _is_number(v) else v) for at, (n, v) in enumerate(goal.slots))
    shown = View(normalise(scene.text), entities, places, letters)
    action = Action(goal.intent, target, goal.domain, slots, tuple(without))
    intent = resolve(action, scene, shown, 1.0)
    values = values_of(intent)
    values |= {n: normalise(str(values[n])) for n in TEXTS.values() if n in values}
    return {"name": intent.name, "entities": sorted(intent.entities), "slots": values}


def _place(name: str, scene: Scene) -> Place:
    return next(place for place in scene.places() if place.name == name)


def _shown_as(goal: Goal, shown: View, scene: Scene) -> Goal:
    """The same goal by what the view shows of it: the only light of a room is the room's lights."""
    if isinstance(goal.target, Entity):
        if _letter(goal.target, shown) is None:
            kind = goal.target.kind()
            for place in shown.places.values():
                inside = [e for e in scene.entities if e.kind() == kind and place.holds(e)]
                if [e.entity_id for e in inside] == [goal.target.entity_id]:
                    return replace(goal, target=place.name, domain=kind)
            alone = sum(e.kind() == kind for e in scene.entities) == 1
            if alone and kind in shown.domains.get("all", ()):
                return replace(goal, target="all", domain=kind)
    elif goal.target not in ("all", "-") and _letter(goal.target, shown) is None:
        place = _place(goal.target, scene)
        inside = [e for e in scene.entities if e.kind() == goal.domain and place.holds(e)]
        if len(inside) == 1 and _letter(inside[0], shown):
            return replace(goal, target=inside[0], domain="")
    return goal


def _action(goal: Goal, shown: View, unused: dict[str, float]) -> Action | None:
    """A goal in letters, or None if the view has none for a part of it; takes its numbers."""
    target = goal.target if goal.target in ("all", "-") else _letter(goal.target, shown)
    without = [_letter(one, shown) for one in goal.without]
    said = {said: read for read, said in items(shown).items()}
    slots = []
    for name, value in goal.slots:
        if name in TEXTS:
            slots.append((name, said.get(normalise(value))))
        elif not _is_number(value):
            slots.append((name, value))
        else:
            letters = [
                x for pool in (unused, shown.numbers) for x in pool if pool[x] == float(value)
            ]
            slots.append((name, letters[0] if letters else None))
            unused.pop(letters[0] if letters else "", None)
    if target is None or None in without or any(value is None for _, value in slots):
        return None
    return Action(goal.intent, str(target), goal.domain, tuple(slots), tuple(map(str, without)))  # type: ignore[arg-type]


def _letter(thing: Entity | str, shown: View) -> str | None:
    if isinstance(thing, Entity):
        held = shown.entities.items()
        return next((x for x, e in held if e.entity_id == thing.entity_id), None)
    return next((x for x, place in shown.places.items() if place.name == thing), None)


def _is_number(value: str) -> bool:
    return value.removeprefix("-").replace(".", "", 1).isdigit()


def _values(text: str) -> tuple[list[str], list[str]]:
    """What a slip must not touch: numbers and colours."""
    said = normalise(text)
    return numbers(said), [word for word in said.split() if word in COLORS or word in COLOR_NAMES]


_COPYING = ("list", "list_done", "search", "timers", "list_de")
"""Topics with words that are copied letter by letter."""

_MAKERS = WISHES | WIDER | ABLE | GERMAN | SEVERAL | REFUSALS


if __name__ == "__main__":
    main()
