"""Files that nobody else may read: keys, passwords, the register of logins.

They are written whole or not at all, and are refused when the rights on them let others in. A group may
read one (Debian gives services their keys so); nobody but its owner may write one.
"""

import os
import stat
from pathlib import Path


class PrivateFileError(Exception):
    """A secret cannot be used or written; the message says which file, why, and what to do."""


def write_private(
    path: Path, data: bytes, mode: int = 0o600, owner: tuple[int, int] | None = None
) -> None:
    """Replace the file in one step; it never exists with wider rights than `mode`.

    `owner` is the user and the group that it is to have, by number. Raises PrivateFileError.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(number, "wb") as file:
            if owner is not None:
                os.fchown(number, *owner)
            os.fchmod(number, mode)
            file.write(data)
            file.flush()
            os.fsync(number)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise PrivateFileError(
            f"{path} cannot be written: {error.strerror}; give this user the right, or choose"
            " another folder"
        ) from error


def make_private_folder(path: Path) -> None:
    """A folder of our own, 0700. One that is there keeps its rights. Raises PrivateFileError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PrivateFileError(
            f"the folder {path} cannot be made: {error.strerror}; choose another, or run as a user"
            " that may"
        ) from error


def check_secret(path: Path) -> None:
    """Raises PrivateFileError when the file is not there, or others could read or change it."""
    if fault := weakness(path):
        raise PrivateFileError(fault)


def read_secret(path: Path) -> str:
    """The text of a checked file, without the end of its line. Raises PrivateFileError."""
    check_secret(path)
    try:
        return path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PrivateFileError(f"{path} cannot be read: {error}; is it the right file?") from error


def weakness(path: Path) -> str:
    """Why this file is no secret, with the remedy; "" when it is one. Raises nothing for a missing file."""
    try:
        found = path.stat()
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}; give this user the right to read it"
    if found.st_uid not in {0, os.geteuid()} and os.geteuid() != 0:
        return f"{path} belongs to user {found.st_uid}: chown it to the user that runs this"
    if found.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        mode = stat.S_IMODE(found.st_mode)
        return f"{path} is open to others (mode {mode:04o}): chmod 600 {path}"
    return ""
