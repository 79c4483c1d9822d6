"""Books for children as plain text: one stretch of each is held out for validation.

The books lie in a folder of `.txt` files, which is no part of the project; docs/models.md names their
source and licence.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STRETCHES = 30
"""Into so many stretches of equal length a book is cut; one of them is held out."""


@dataclass(frozen=True, slots=True)
class Book:
    """A book's paragraphs, those of training apart from those of validation."""

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]


def read_books(folder: Path) -> Iterator[Book]:
    """Every book of a folder, in the order of their names; which stretch is held out hangs on the name."""
    for file in sorted(folder.glob("*.txt")):
        paragraphs = tuple(_paragraphs(file.read_text("utf-8")))
        size = max(1, len(paragraphs) // STRETCHES)
        at = random.Random(file.stem).randrange(1, STRETCHES - 1) * size
        held = paragraphs[at : at + size]
        yield Book(file.stem, paragraphs[:at] + paragraphs[at + size :], held)


def _paragraphs(text: str) -> Iterator[str]:
    """Sentences in plain quotes; headings, which have no full stop, are left out."""
    for mark, plain in _PLAIN.items():
        text = text.replace(mark, plain)
    for block in re.split(r"\n\s*\n", text):
        paragraph = " ".join(block.split())
        if re.search(r"[.!?:;,\-]['\")]*$", paragraph):
            yield paragraph


_PLAIN = {
    **dict.fromkeys("\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}", '"'),
    **dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}", "'"),
    "\N{EM DASH}": " - ",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{WORD JOINER}": "",
    "\N{NO-BREAK SPACE}": " ",
    "\N{HAIR SPACE}": "",
}
