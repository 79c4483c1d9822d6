"""Packed weights in files that all processes of a user map, instead of each packing its own.

They lie in `$XDG_CACHE_HOME/forgebus/packed` (`~/.cache/...`; under systemd `$CACHE_DIRECTORY/packed`).
A file is for one graph, shape and layout: the sha256 of these is its name and stands in it too. It
appears whole or not at all and is never changed, so that a mapping of it stays good. One that others
may write to is not read, nor one whose content is not what was written (its CRC-32 is held against it).
Where no file can be written each process packs for itself; nothing here raises.
"""

import fcntl
import hashlib
import mmap
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.checkpoint import SUMS
from engine.errors import NotWritten
from engine.fused.build import trusted
from engine.whole import whole_file

Content = npt.NDArray[np.uint8]

LAYOUT = 1
"""Of `Weights::lay` in model.h and of a record in product.h."""
KEPT = 16
"""Files, those used last; a process that has another mapped keeps its memory."""

_MAGIC = b"forgebus packed\n"
_HEAD = struct.Struct("<16s32sQI")
_FIRST = 4096  # of the content: the head has a page of its own, so weights begin lines of the cache


@dataclass(frozen=True, slots=True)
class PackedFile:
    """Where the packed weights of one graph belong."""

    path: Path
    key: bytes


def packed_file(graph: Path, shape: bytes, offset: int) -> PackedFile | None:
    """The file for `graph`, found or to be written.

    Args:
        graph: its sha256 is taken from SHA256SUMS beside it, which the caller has verified.
        shape: `step.Shape`.
        offset: what stands above each code (`Dot::kOffset` in dot.h).

    Returns:
        None where SHA256SUMS does not list it, or there is no place for such files.
    """
    folder = _folder()
    try:
        lines = graph.with_name(SUMS).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    digest = next(
        (line.partition(" ")[0] for line in lines if line.endswith(f"  {graph.name}")), ""
    )
    if folder is None or not digest:
        return None
    key = hashlib.sha256(f"{digest} {LAYOUT} {offset} ".encode() + shape)
    return PackedFile(folder / f"{key.hexdigest()}.fused", key.digest())


@contextmanager
def packing(file: PackedFile | None) -> Iterator[None]:
    """One process at a time packs: the others then find what it wrote, and all map the same file.

    Where there is nothing to lock, each goes ahead.
    """
    lock = -1
    if file is not None:
        folder = file.path.parent
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if lock >= 0:
            os.close(lock)


def map_packed(file: PackedFile, size: int) -> Content | None:
    """The `size` bytes that were written to `file`, read-only and shared; None: it is not sound."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(file.path, flags)
    except OSError:
        return None
    try:
        kind = os.fstat(descriptor)
        if not stat.S_ISREG(kind.st_mode) or not trusted(kind) or kind.st_size != _FIRST + size:
            return None
        whole = mmap.mmap(descriptor, 0, mmap.MAP_SHARED, mmap.PROT_READ)
        with suppress(OSError):
            os.utime(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    content = np.frombuffer(whole, np.uint8, offset=_FIRST)
    sound = _HEAD.pack(_MAGIC, file.key, size, zlib.crc32(content.data))
    return content if whole[: _HEAD.size] == sound else None


def write_packed(file: PackedFile, content: Content) -> bool:
    """Write `content`, and remove the files beyond the last `KEPT`; whether it could be written."""
    folder = file.path.parent
    head = _HEAD.pack(_MAGIC, file.key, content.size, zlib.crc32(content.data))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with whole_file(file.path, force=True) as made:
            made.touch(mode=0o600)
            with made.open("wb") as out:
                out.write(head.ljust(_FIRST, b"\0"))
                out.write(content.data)
        used = sorted(folder.glob("*.fused"), key=lambda each: each.stat().st_mtime_ns)
        for old in used[:-KEPT]:
            old.unlink()
    except (OSError, NotWritten):
        return False
    return True


def _folder() -> Path | None:
    named = os.environ.get("XDG_CACHE_HOME", "")
    given = os.environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    home = os.environ.get("HOME", "")
    places = (named and f"{named}/forgebus", given, home and f"{home}/.cache/forgebus")
    chosen = next((path for place in places if (path := Path(place)).is_absolute()), None)
    return chosen / "packed" if chosen else None
