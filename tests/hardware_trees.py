"""The recorded trees of machines, and small ones planted for one test."""

from collections.abc import Mapping
from pathlib import Path

TREES = Path(__file__).parent / "fixtures" / "hardware"
MACHINES = sorted(tree.name for tree in TREES.iterdir())


def plant(root: Path, files: Mapping[str, str]) -> Path:
    """Write `files` (text by path) below `root`; returns `root`."""
    for path, text in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return root


def program(root: Path, name: str, script: str) -> Path:
    """An executable shell script in `root`'s usr/bin; returns `root`."""
    plant(root, {f"usr/bin/{name}": f"#!/bin/sh\n{script}\n"})
    (root / "usr/bin" / name).chmod(0o755)
    return root
