"""Which part of a public set is evaluated: its test part where it has one, else validation.

Sets come as one file with several parts, as folders called train, valid and test, or as the part
alone. Training rows are never mixed into a figure unless there is nothing else.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.errors import BadData

_KINDS = {
    "test": re.compile(r"(oos_|ood_)?test(_\w+)?"),
    "validation": re.compile(r"(oos_|ood_)?(validation|valid|val|dev)(_\w+)?"),
    "training": re.compile(r"(oos_|ood_)?train(ing)?(_\w+)?"),
}
ALL = "all"
"""Part of what names no part."""


def part_of(names: Iterable[str]) -> str:
    """test, validation, training or `ALL`, from the names of a file and the folders above it."""
    for name in names:
        for kind, pattern in _KINDS.items():
            if pattern.fullmatch(name.lower()):
                return kind
    return ALL


def part_of_file(file: Path, root: Path) -> str:
    """The part that a file below `root` belongs to; `root` may be that file or its folder."""
    inside = file.relative_to(root.parent)
    return part_of((inside.stem, *reversed(inside.parts[:-1])))


def choose(found: Mapping[str, int], wanted: str, where: Path) -> str:
    """The part to evaluate, of those with rows.

    Args:
        found: part -> rows.
        wanted: as `--part` has it; "" for the usual one.
        where: the set, for error messages.

    Raises:
        BadData: there is no such part, or nothing at all.
    """
    here = [part for part in (*_KINDS, ALL) if found.get(part)]
    if not here:
        raise BadData(f"{where} holds no case", "give a file or folder with rows")
    if not wanted:
        # What names no part beside a test part is a README's example or the like.
        return here[0]
    if wanted not in here:
        raise BadData(f"{where} has no part {wanted!r}", f"it has {', '.join(here)}")
    return wanted
