"""Ways to word a command, read from ``data/seeds/home`` for training and ``home_unseen.txt`` for validation.

A file is one theme. ``[topic]`` or ``[topic kind]`` begins the templates of a topic, one a line, in the
form of :mod:`data.phrasing`; the second form holds where the thing spoken of is of that kind alone
("unroll {x}" may be said of a cover). ``#`` begins a comment.

    python -m data.check_home_wordings        # how many there are, and what is wrong with any
"""

import random
import re
from functools import lru_cache
from pathlib import Path

from data.phrasing import expand

FOLDER = Path(__file__).parent / "seeds" / "home"
UNSEEN = "../home_unseen"
"""The file of what validation alone has: no template for training can write one of its sentences."""

WIDEST = 0.65
"""How often a sentence beside a command is one of these, where its topic has any."""

_PUBLIC: dict[str, list[str]] = {}


def say(topic: str, part: str, rng: random.Random, kind: str = "", **slots: str) -> str:
    """A sentence of a part ("train" or "validation") on a topic, said of a thing of some kind."""
    found = english(topic, kind) if part == "train" else wordings(UNSEEN)[topic]
    return expand(rng.choice(found), rng, **slots)


def worded(topic: str, rng: random.Random, kind: str = "") -> str:
    """A template of a topic, or "" as often as another table should be asked, or has none."""
    found = english(topic, kind)
    return rng.choice(found) if found and rng.random() < WIDEST else ""


def add(topic: str, template: str) -> None:
    """Take a template of a public set into training, unless it is there or kept for validation."""
    if template not in (*english(topic), *wordings(UNSEEN)[topic]):
        _PUBLIC.setdefault(topic, []).append(template)
        english.cache_clear()


@lru_cache
def wordings(file: str) -> dict[str, tuple[str, ...]]:
    """The templates of a file below :data:`FOLDER` by their heading, a topic alone or with a kind.

    Raises :class:`ValueError` for a template before the first heading.
    """
    found: dict[str, list[str]] = {}
    heading = ""
    lines = (FOLDER / f"{file}.txt").read_text("utf-8").splitlines()
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        if match := re.fullmatch(r"\[([a-z_]+(?: [a-z_]+)?)\]", line):
            heading = match.group(1)
        elif not heading:
            raise ValueError(f"{file}.txt:{number}: a template before any [topic]: {line!r}")
        else:
            found.setdefault(heading, []).append(line)
    return {heading: tuple(templates) for heading, templates in found.items()}


@lru_cache
def english(topic: str, kind: str = "") -> tuple[str, ...]:
    """All templates of a topic that may be said of a thing of this kind, of any file but German."""
    headings = (topic, f"{topic} {kind}") if kind else (topic,)
    files = sorted(file.stem for file in FOLDER.glob("*.txt") if file.stem != "german")
    own = [t for file in files for h in headings for t in wordings(file).get(h, ())]
    return (*own, *_PUBLIC.get(topic, ()))
