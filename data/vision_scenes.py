"""Random pictures as a detector tells them, with the captions that they should get.

    python -m data.vision_scenes --out /tmp/vision --rows 20000 --seed 1

writes ``train.jsonl`` (prompt and answer, for ``forgebus train --type vision``), ``calibration.jsonl``
and ``validation.jsonl``: requests with what a caption of them must name and how. The things, scenes,
times and states of validation stand in no training row, and the model is asked there for kinds and
numbers of things in arrangements that training leaves out (:func:`is_held_out`).
"""

import argparse
import json
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from data.vision_words import SCENES, STATES, TIMES, TRAIN, VALIDATION, WEATHER
from handlers.vision_captions import right_line, sentence, view
from handlers.vision_scene import Seen, picture
from handlers.vision_words import NUMBERS, is_mass, is_plural_only, plural, with_article

VERSION = 1
"""Raised whenever the same seed gives other rows than before."""

_STYLES = ("plain", "camera", "brief")
_HELD_OUT_IN = 8


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun's forms: article and singular ("" for none), and plural ("" for none)."""

    name: str
    one: str
    many: str
    plural_only: bool = False


def nouns(part: str) -> list[Noun]:
    """The nouns of a part; those of validation have the forms that were written by hand."""
    if part == "train":
        return [_by_rule(word.replace("_", " ")) for word in TRAIN]
    found = []
    for entry in filter(None, (text.strip() for text in VALIDATION.split(";"))):
        mark, _, rest = entry.partition(" ")
        if mark in "-+":
            found.append(Noun(" ".join(rest.split()), "", "", mark == "+"))
            continue
        one, _, many = " ".join(rest.split()).partition("/")
        found.append(Noun(one, f"{mark} {one}", many))
    return found


def is_held_out(prompt: str) -> bool:
    """Whether the arrangement that a prompt shows is kept for validation: one of eight is."""
    _, _, arrangement = prompt.partition("\n")
    return zlib.crc32(arrangement.encode()) % _HELD_OUT_IN == 0


def scene(part: str, rng: random.Random) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A request, and for each thing that its caption must name the phrases that are right."""
    chosen = rng.sample(nouns(part), rng.choices(range(1, 7), (5, 8, 7, 4, 2, 1))[0])
    tags: list[Any] = []
    expected: list[dict[str, Any]] = []
    boxed = rng.random() < 0.5
    for noun in chosen:
        count = rng.choices((1, 2, 3, 4, 7, 0), (10, 4, 2, 1, 1, 1))[0] if noun.many else 1
        state = rng.choice(STATES[part]) if rng.random() < 0.15 else ""
        tags += _tags(noun, count, rng, boxed=boxed)
        tags += [state] if state else []
        expected.append(
            {"phrases": _phrases(noun, count), "count": count, "plural_only": noun.plural_only}
        )
    if boxed:
        tags += [{"name": rng.choice(chosen).name, "score": round(rng.uniform(0, 0.45), 2)}]
    request: dict[str, Any] = {"tags": tags, "style": rng.choice(_STYLES)}
    for key, words in (("scene", SCENES), ("time", TIMES)):
        if rng.random() < 0.5:
            word = rng.choice(words[part]).replace("_", " ")
            if rng.random() < 0.5:
                request[key] = word
            else:
                tags.insert(rng.randrange(len(tags) + 1) if key == "time" else 0, word)
    if rng.random() < 0.15:
        tags.append(rng.choice(WEATHER[part]))
    return request, expected


def rows(part: str, count: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Rows of a part: what the model reads and writes, or requests and what they must come to."""
    made = 0
    while made < count:
        request, expected = scene(part, rng)
        seen = msgspec.convert(request, Seen)
        shown = view(picture(seen), seen.style)
        if is_held_out(shown.prompt) != (part != "train"):
            continue
        made += 1
        if part == "train":
            yield {"prompt": shown.prompt, "answer": right_line(shown)}
        else:
            caption = sentence(right_line(shown), shown)
            yield {"request": request, "expected": expected, "caption": caption}


def main() -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--validation", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    files = {"train": arguments.rows, "calibration": 500, "validation": arguments.validation}
    for name, count in files.items():
        rng = random.Random(f"vision {VERSION} {name} {arguments.seed}")
        part = "train" if name == "train" else "validation"
        with (arguments.out / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for row in rows(part, count, rng):
                file.write(json.dumps(row) + "\n")


def _by_rule(name: str) -> Noun:
    if is_mass(name) or is_plural_only(name):
        return Noun(name, "", "", is_plural_only(name))
    return Noun(name, with_article(name), plural(name))


def _tags(noun: Noun, count: int, rng: random.Random, *, boxed: bool) -> list[Any]:
    """What a detector or a person would write for so many of them."""
    if count == 0:
        return [noun.many]
    if boxed:
        return [
            {"name": noun.name, "score": round(rng.uniform(0.55, 1), 2), "box": _box(rng)}
            for _ in range(count)
        ]
    if count == 1:
        return [noun.name]
    number = NUMBERS[count] if rng.random() < 0.5 else str(count)
    return [
        lambda: [f"{number} {noun.many}"],
        lambda: [noun.name] * count,
        lambda: [noun.name, number],
    ][rng.choices(range(3), (4, 3, 1))[0]]()


def _box(rng: random.Random) -> list[float]:
    width, height = rng.uniform(0.05, 0.4), rng.uniform(0.05, 0.5)
    box = (rng.uniform(0, 1 - width), rng.uniform(0, 1 - height), width, height)
    return [round(value, 2) for value in box]


def _phrases(noun: Noun, count: int) -> list[str]:
    """Number and noun; between them there may be a state."""
    if not noun.one:
        return [noun.name]
    if count == 1:
        return [noun.one.partition(" ")[0], noun.name]
    return [noun.many] if count == 0 else [NUMBERS[count], noun.many]


if __name__ == "__main__":
    main()
