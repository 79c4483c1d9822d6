"""Files and folders that appear whole or not at all, and take no other's place unasked.

What is written goes under a hidden name beside its place and is renamed once it is on the disk: a
full disk, a kill or a power cut leaves what was there before. (A folder cannot be renamed over
another: between two renames the former one has a hidden name.)
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import NotWritten


@contextmanager
def whole_file(target: Path, *, force: bool = False) -> Iterator[Path]:
    """A path to write a file to, which becomes `target` when the block ends, or is removed.

    Args:
        target: where the file belongs; the folder around it exists.
        force: replace a file that is there.

    Raises:
        NotWritten: `target` is there already or no file, there is no such folder, or the disk
            did not take it.
    """
    _check_place(target)
    if target.exists() and not (force and target.is_file()):
        raise _there(target, "a file" if target.is_file() else "no file", force=force)
    made = _hidden(target)
    with _told(target, made):
        try:
            yield made
            _sync(made)
            made.replace(target)
        finally:
            made.unlink(missing_ok=True)


@contextmanager
def whole_folder(
    target: Path, *, force: bool = False, ours: Callable[[Path], bool] = lambda _: False
) -> Iterator[Path]:
    """A new folder to fill, which becomes `target` when the block ends, or is removed.

    Args:
        target: where the folder belongs; the folder around it exists. An empty one may be there.
        force: replace a folder that is there, if all in it is ours.
        ours: whether something in that folder may be removed with it.

    Raises:
        NotWritten: `target` is there already or holds what is not ours, there is no folder around
            it, or the disk did not take it.
    """
    _check_place(target)
    _check_former(target, ours, force=force)
    made, former = _hidden(target), target.with_name(f".{target.name}.{os.getpid()}.former")
    with _told(target, made):
        made.mkdir()
        try:
            yield made
            for file in made.iterdir():
                _sync(file)
            if target.exists():
                target.rename(former)
            made.rename(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
            if former.exists():
                _put_back_or_remove(former, target)


def _check_former(target: Path, ours: Callable[[Path], bool], *, force: bool) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise _there(target, "no folder", force=force)
    held = sorted(target.iterdir())
    if held and not force:
        raise _there(target, "a folder with files in it", force=force)
    if foreign := [path for path in held if path.is_symlink() or not ours(path)]:
        raise NotWritten(
            f"{target} holds {foreign[0].name}, which no export wrote", "choose another place"
        )


def _put_back_or_remove(former: Path, target: Path) -> None:
    if target.exists():
        shutil.rmtree(former, ignore_errors=True)
    else:
        former.rename(target)


def _check_place(target: Path) -> None:
    if not target.parent.is_dir():
        raise NotWritten(f"{target.parent} is no folder", "make it, or choose another place")


def _there(target: Path, what: str, *, force: bool) -> NotWritten:
    remedy = "choose another place"
    if not force and what not in {"no file", "no folder"}:
        remedy += ", or say that it may be replaced (--force)"
    return NotWritten(f"{target} is there already, {what}", remedy)


def _hidden(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}")


@contextmanager
def _told(target: Path, made: Path) -> Iterator[None]:
    """Faults of the disk as ours, under the name that was asked for."""
    try:
        yield
    except NotWritten as fault:
        what = fault.what.replace(str(made), str(target))
        raise NotWritten(what, fault.remedy) from fault
    except OSError as fault:
        raise NotWritten(
            f"{target} cannot be written ({fault.strerror or fault})",
            "make room, or choose another place",
        ) from fault


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
