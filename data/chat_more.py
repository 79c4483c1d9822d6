"""More ways of saying what :mod:`data.chat_talk` has, for training alone: `data/seeds/talk`."""

from collections.abc import Mapping
from functools import cache

from data.phrasebook import SEEDS, read_phrasebook


@cache
def more_phrasings() -> Mapping[str, tuple[str, ...]]:
    """Kind of turn, or part of a talk that is remembered -> templates of :mod:`data.phrasing`."""
    found: dict[str, tuple[str, ...]] = {}
    for file in sorted((SEEDS / "talk").glob("*.txt")):
        book = read_phrasebook(f"talk/{file.stem}")
        found |= {kind: tuple(templates) for kind, templates in book.templates.items()}
    return found
