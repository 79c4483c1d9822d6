"""The models of a node that learns: those that were shipped, and its own in the place of some.

``models/`` in the learning folder holds a link for each model: to the shipped folder, or to one of
``versions/``, which this node has learnt. The shipped folders are never written. A link is replaced
in one step, so that whoever loads a model finds the old one or the new one, whole. A learnt model
stands in only as long as the shipped one is that which it was learnt from, and its files are as they
were sealed.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

FOLDER = "learning"
"""Below a node's state directory: corrections, learnt models, unfinished training."""

COURSE = "course-"
"""What the folder of an unfinished learning is called, before the model's name."""

PROVENANCE = "learned.json"
_MODELS, _VERSIONS, _SUMS, _TOKENIZER = "models", "versions", "SHA256SUMS", "tokenizer.json"
_KEPT = 2


def overlay(learning: Path, shipped: Path) -> Path:
    """The folder of models for this node, made or brought up to date.

    Raises:
        OSError: it cannot be written.
    """
    models = learning / _MODELS
    models.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = {_TOKENIZER} | {file.parent.name for file in shipped.glob("*/config.json")}
    for link in models.iterdir():
        if link.name not in names:
            link.unlink()
    for name in names:
        if learned(learning, shipped, name) is None:
            _point(models / name, (shipped / name).resolve())
    return models


def learned(learning: Path, shipped: Path, name: str) -> Mapping[str, Any] | None:
    """What its provenance says of the learnt model that stands for ``name``; None for the shipped."""
    folder = learning / _MODELS / name
    if not folder.is_symlink() or folder.resolve().parent != (learning / _VERSIONS).resolve():
        return None
    try:
        told = msgspec.json.decode((folder / PROVENANCE).read_bytes(), type=dict[str, Any])
        whole = _is_whole(folder) and told.get("parent") == digest(shipped / name)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return told if whole else None


def digest(folder: Path) -> str:
    """What tells one version of a model from another: the sha256 of its list of checksums."""
    return hashlib.sha256((folder / _SUMS).read_bytes()).hexdigest()


def install(learning: Path, shipped: Path, name: str, made: Path) -> Path:
    """Let the sealed model in ``made`` stand for ``name``; where it lies then.

    The version before it is kept, older ones are dropped.

    Raises:
        OSError: the disk does not take it; what stood there stands there still.
    """
    versions = learning / _VERSIONS
    versions.mkdir(mode=0o700, exist_ok=True)
    target = versions / f"{name}-{digest(made)[:12]}"
    link = overlay(learning, shipped) / name
    before = link.resolve()
    if target.exists():
        shutil.rmtree(target)
    for file in made.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())
    made.replace(target)
    _point(link, Path("..") / _VERSIONS / target.name)
    others = [
        f for f in versions.glob(f"{name}-*") if f.resolve() not in (before, target.resolve())
    ]
    for old in sorted(others, key=lambda f: f.stat().st_mtime)[: max(0, len(others) + 2 - _KEPT)]:
        shutil.rmtree(old)
    return target


def revert(learning: Path, shipped: Path, name: str) -> bool:
    """Let the shipped model stand for ``name`` again; whether a learnt one did.

    Raises:
        OSError: the link cannot be replaced.
    """
    if learned(learning, shipped, name) is None:
        return False
    _point(learning / _MODELS / name, (shipped / name).resolve())
    return True


def _point(link: Path, target: Path) -> None:
    """Make ``link`` lead to ``target``, in one step."""
    if link.is_symlink() and link.readlink() == target:
        return
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def _is_whole(folder: Path) -> bool:
    """Whether each file is as its folder's list of checksums says."""
    lines = (folder / _SUMS).read_text("utf-8").splitlines()
    listed = {name: sha for sha, _, name in (line.partition("  ") for line in lines)}
    return bool(listed) and all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha
        for name, sha in listed.items()
    )
