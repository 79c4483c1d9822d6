"""Models made from other models, kept: `$XDG_CACHE_HOME/forgebus/models/<sha256 of what it is made of>`.

A folder appears there whole or not at all, is held against its SHA256SUMS whenever it is opened, and
is made again where it is damaged. All of it may be deleted at any time.
"""

import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.errors import BadConfig, BadModel, NotWritten
from engine.model_folder import ModelFolder
from engine.whole import whole_folder

_LOCK = ".lock"


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/forgebus/models`, `$CACHE_DIRECTORY/models` (systemd) or below `~/.cache`.

    Raises:
        NotWritten: the environment tells none of them.
    """
    named, home = os.environ.get("XDG_CACHE_HOME", ""), os.environ.get("HOME", "")
    given = os.environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    for place in (named and f"{named}/forgebus", given, home and f"{home}/.cache/forgebus"):
        if Path(place).is_absolute():  # a relative one counts for nothing, says the specification
            return Path(place) / "models"
    raise NotWritten("there is no folder for a cache", "set XDG_CACHE_HOME")


def kept(parts: Sequence[str], make: Callable[[Path], object]) -> ModelFolder:
    """The model folder made of `parts`, verified; `make` fills an empty folder where it is not there.

    Raises:
        NotWritten: the cache folder takes no file, or others may write to it.
        BadModel, BadConfig: what `make` made is no model.
        Whatever `make` raises; nothing is left behind then.
    """
    folder = cache_folder() / hashlib.sha256("\n".join(parts).encode()).hexdigest()
    if folder.is_dir():
        _check_owner(folder.parent)
        if opened := _sound(folder):
            return opened
    with _alone(folder.parent):
        opened = _sound(folder)  # another process may have made it meanwhile
        if opened is None:
            for left in folder.parent.glob(f".{folder.name}.*"):  # by one that was killed
                shutil.rmtree(left, ignore_errors=True)
            with whole_folder(folder, force=True, ours=lambda _: True) as made:
                make(made)
            opened = ModelFolder.open(folder)
    return opened


def source_of(*files: str) -> str:
    """sha256 over modules of this package: what other code made is made again."""
    digest = hashlib.sha256()
    for file in files:
        digest.update((Path(__file__).parent / file).read_bytes())
    return digest.hexdigest()


def _sound(folder: Path) -> ModelFolder | None:
    try:
        return ModelFolder.open(folder)
    except (BadModel, BadConfig):
        return None


def _check_owner(root: Path) -> None:
    """Raise `NotWritten` where others could put a model into our place."""
    kind = root.stat()
    if kind.st_uid not in (0, os.geteuid()) or kind.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotWritten(
            f"{root} belongs to another or may be written by others", f"run `chmod go-w {root}`"
        )


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """The cache folder, to this process and thread alone."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(root)
        lock = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as fault:
        raise NotWritten(
            f"{root} cannot be written ({fault.strerror})",
            "set XDG_CACHE_HOME to a folder of yours",
        ) from fault
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
