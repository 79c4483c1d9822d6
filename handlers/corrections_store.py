"""The corrections of one node: a file of its own, readable by its owner alone, bounded in every way.

``corrections.jsonl`` in the learning folder holds one correction a line. It is written anew and
renamed into its place at every change, under a lock, so that a node, a command and a crash at any
moment leave it whole. What is older than the retention is dropped whenever the file is read or
written. Nothing here is logged or sent.
"""

import fcntl
import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from handlers.corrections_home import Wanted
from handlers.protocol import Unavailable

FILE = "corrections.jsonl"
LOCK = "corrections.lock"
MOST = 500
"""Corrections that are kept; of more, the oldest of whoever gave most is dropped."""
MOST_BYTES = 16 * 1024 * 1024
DAY_S = 86_400.0


class Right(msgspec.Struct, frozen=True, omit_defaults=True):
    """The right answer: the commands (none: nothing should have been done), or the label."""

    intents: tuple[Wanted, ...] = ()
    label: str = ""


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """One corrected answer.

    ``content`` is what had been asked, ``at`` seconds since the epoch, ``by`` the login that
    corrected, ``task`` the task that it corrected ("" where the content was given along).
    """

    id: str
    at: float
    capability: str
    by: str
    task: str
    content: msgspec.Raw
    right: Right


def identity(capability: str, content: bytes) -> str:
    """The id of a correction of this content: who corrects the same again, replaces it."""
    return hashlib.sha256(capability.encode() + b"\0" + content).hexdigest()[:12]


class Store:
    """The corrections in ``folder``, kept for ``keep_days``."""

    def __init__(self, folder: Path, keep_days: float) -> None:
        self._folder = folder
        self._keep_s = keep_days * DAY_S

    def read(self, capability: str = "") -> list[Correction]:
        """What is kept, oldest first; of one capability or of all.

        Raises:
            Unavailable: the file cannot be read, or is none of ours.
        """
        since = time.time() - self._keep_s
        kept = [one for one in self._lines() if one.at >= since]
        return [one for one in kept if capability in ("", one.capability)]

    def add(self, new: Correction) -> int:
        """Keep a correction, in the place of one of the same content; how many there are then.

        Raises:
            Unavailable: the disk does not take it.
        """
        with self._changing() as kept:
            kept[:] = [one for one in kept if one.id != new.id] + [new]
            while len(kept) > MOST or sum(len(bytes(one.content)) for one in kept) > MOST_BYTES:
                most = Counter(one.by for one in kept).most_common(1)[0][0]
                kept.remove(next(one for one in kept if one.by == most))
            return len(kept)

    def forget(self, ids: Sequence[str]) -> int:
        """Drop these, or all where none is named; how many there were of them.

        Raises:
            Unavailable: the disk does not take the change.
        """
        try:
            before = len(self.read())
        except Unavailable:
            if ids:
                raise
            before = 0  # nothing can be told from what lies there, and it goes
            (self._folder / FILE).unlink()
        with self._changing() as kept:
            kept[:] = [one for one in kept if ids and one.id not in ids]
            return before - len(kept)

    def _lines(self) -> list[Correction]:
        file = self._folder / FILE
        try:
            found = file.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as fault:
            raise Unavailable(f"{file} cannot be read: {fault.strerror}") from fault
        try:
            return [_decoder.decode(line) for line in found]
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise Unavailable(
                f"{file} is damaged; `forgebus correct --forget all` begins anew"
            ) from fault

    @contextmanager
    def _changing(self) -> Iterator[list[Correction]]:
        """What is kept, to be changed in place; written when the block ends."""
        file = self._folder / FILE
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _private(self._folder / LOCK).open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                kept = self.read()
                yield kept
                new = _private(file.with_suffix(".new"))
                with new.open("wb") as written:
                    written.writelines(msgspec.json.encode(one) + b"\n" for one in kept)
                    written.flush()
                    os.fsync(written.fileno())
                new.replace(file)
        except OSError as fault:
            raise Unavailable(f"{file} cannot be written: {fault.strerror}") from fault


_decoder = msgspec.json.Decoder(Correction)


def _private(file: Path) -> Path:
    """The file, there and for its owner alone."""
    os.close(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    file.chmod(0o600)
    return file
