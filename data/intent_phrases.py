"""Phrasings of intents written by hand: for CLINC150's 150, and for what has none of them.

What a set of a hundred sentences an intent lacks is words; these bring the ones that anybody would
expect.
"""

import random

from data.phrasebook import SEEDS, Phrasebook, read_phrasebook
from engine.routing import prompt_of

Row = tuple[str, str]

_FEWEST, _MOST = 8, 40
_OUTSIDE = 24
_TRIES = 5


def phrased(name: str, rng: random.Random) -> list[Row]:
    """Rows of our own for a public set, each once; [] where there are no phrasings for it."""
    if not (SEEDS / f"{name}.txt").exists():
        return []
    book = read_phrasebook(name)
    rows: dict[str, str] = {}
    for label, templates in book.templates.items():
        for template in templates:
            wanted = min(_MOST, max(_FEWEST, template.count("|")))
            for text in _said(book, template, wanted, rng):
                rows.setdefault(text, label)
    return list(rows.items())


def outside(rng: random.Random) -> list[str]:
    """Sentences that have none of CLINC150's intents, each once."""
    book = read_phrasebook("outside")
    found = (text for one in book.templates[""] for text in _said(book, one, _OUTSIDE, rng))
    return list(dict.fromkeys(found))


def _said(book: Phrasebook, template: str, wanted: int, rng: random.Random) -> list[str]:
    """Up to `wanted` different sentences of a template."""
    found: dict[str, None] = {}
    for _ in range(_TRIES * wanted):
        found.setdefault(prompt_of(book.say(template, rng)))
        if len(found) == wanted:
            break
    return list(found)
