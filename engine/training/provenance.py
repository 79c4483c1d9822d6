"""Where a model came from: the files it was fed, their licences, and the versions that made it."""

import platform
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.checkpoint import sha256_of

_NAMED = re.compile(r"(licen[cs]es?|copying|notice)(\.\w+)?$", re.IGNORECASE)
_README = re.compile(r"readme(\.\w+)?$", re.IGNORECASE)
_STATED = re.compile(r"^\W*licen[cs]e\W*[:|]\W*(\S[^\n|]{1,60})", re.IGNORECASE | re.MULTILINE)

# What a licence's own text says -> its SPDX name; the first that is found.
_TEXTS = (
    (r"Attribution-NonCommercial|CC BY-NC", "CC-BY-NC"),
    (r"Attribution-ShareAlike|CC BY-SA", "CC-BY-SA"),
    (r"Attribution 4\.0|CC BY 4\.0", "CC-BY-4.0"),
    (r"Attribution 3\.0|CC BY 3\.0", "CC-BY-3.0"),
    (r"CC0", "CC0-1.0"),  # other licences of Creative Commons mention it at their end
    (r"Apache License|Apache-2\.0", "Apache-2.0"),
    (r"MIT License|Permission is hereby granted, free of charge", "MIT"),
    (r"Redistribution and use in source and binary forms", "BSD"),
)


def licences(paths: Sequence[Path], given: str = "") -> dict[str, str]:
    """Name of each given path -> its licence, "" where none is known.

    Looked for are LICENSE, COPYING and NOTICE files, then a line `License: ...` in a README: beside
    a file, in a folder, or beside that folder's parts.

    Args:
        paths: what was given as training data.
        given: the licence as told by whoever trains; it holds for all of them.
    """
    return {path.name: given or _licence_of(path) for path in paths}


def versions() -> dict[str, str]:
    """What the outcome of a run may depend on besides its plan."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def without_paths(arguments: Iterable[str]) -> str:
    """A command as it was given, with the last part of each path: no folder of this machine."""
    return " ".join(Path(word).name if "/" in word else word for word in arguments)


def initial_of(folder: Path | None) -> dict[str, Any] | None:
    """Which weights a run began from."""
    if folder is None:
        return None
    return {"name": folder.name, "sha256": sha256_of(folder / "model.safetensors")}


def _licence_of(path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    files = sorted(file for file in folder.iterdir() if file.is_file())
    for file in files:
        if _NAMED.match(file.name):
            text = file.read_text("utf-8", errors="replace")
            return next((n for found, n in _TEXTS if re.search(found, text)), f"see {file.name}")
    for file in files:
        if _README.match(file.name):
            stated = _STATED.search(file.read_text("utf-8", errors="replace"))
            if stated:
                return stated.group(1).strip()
    return ""
