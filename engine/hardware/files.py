"""Reading the kernel's small files below a root, without ever raising or waiting.

A recorded tree is read exactly as `/` is: every path goes through `Files`, nothing else is asked.
"""

import contextlib
import os
import re
import signal
import stat
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

Ask = Callable[[Sequence[str]], str | None]
"""Runs a program and gives its standard output; None where it failed or took too long."""

# /proc/cpuinfo of 512 threads is 0.8 MB; everything else here is far smaller.
_MOST = 4 << 20
_ASK_S = 2.0
_PLACES = ("usr/bin", "usr/local/bin", "bin", "opt/vc/bin", "usr/lib/wsl/lib")
_DECIMAL = re.compile(r"\d{1,20}", re.ASCII)
_HEXADECIMAL = re.compile(r"(?:0x)?[0-9a-f]{1,16}", re.ASCII | re.IGNORECASE)
_SIGNED = re.compile(r"-?\d{1,9}", re.ASCII)


class Files:
    """The files below `root`.

    What is not there is no news; what is there and cannot be read goes into `notes`.
    """

    def __init__(self, root: Path) -> None:
        self.notes: list[str] = []
        self._root = os.path.realpath(root)

    def text(self, path: str) -> str | None:
        """The file's text, at most 4 MiB of it; None where there is none to be had."""
        try:
            return self._read(self._real(path)).decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as fault:
            self.note(f"{path} cannot be read: {getattr(fault, 'strerror', None) or fault}")
            return None

    def line(self, path: str) -> str | None:
        """The file's text without white space and NUL around it; None where that is nothing."""
        text = self.text(path)
        return (text.strip("\0 \t\r\n") or None) if text is not None else None

    def number(self, path: str) -> int | None:
        """The file's one number from 0; None where there is no file or no such number in it."""
        return self._parse(path, _DECIMAL, 10)

    def signed(self, path: str) -> int | None:
        """The file's one number of up to nine digits, which may be below 0."""
        return self._parse(path, _SIGNED, 10)

    def hexadecimal(self, path: str) -> int | None:
        """The file's one hexadecimal number, with or without 0x."""
        return self._parse(path, _HEXADECIMAL, 16)

    def names(self, path: str) -> list[str]:
        """What lies in a folder, sorted; nothing where there is no such folder."""
        try:
            return sorted(found.name for found in Path(self._real(path)).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError) as fault:
            self.note(f"{path} cannot be listed: {getattr(fault, 'strerror', None) or fault}")
            return []

    def program(self, name: str) -> str | None:
        """Where a program lies below the root, of the places where distributions put it."""
        for place in _PLACES:
            try:
                found = self._real(f"{place}/{name}")
            except (OSError, ValueError):
                continue
            if Path(found).is_file():
                return found
        return None

    def resolve(self, path: Path) -> str:
        """`path`, seen from the root, without symbolic links."""
        try:
            below = Path(self._real(str(path.absolute()))).relative_to(self._root)
            return str("/" / below)
        except (OSError, ValueError) as fault:
            self.note(f"{path} cannot be followed: {fault}")
            return "/"

    def note(self, text: str) -> None:
        """Keep a remark for the reader of the profile, once."""
        if text not in self.notes:
            self.notes.append(text)

    def _real(self, path: str) -> str:
        real = os.path.realpath(f"{self._root}/{path}")
        if real != self._root and not real.startswith(self._root.rstrip("/") + "/"):
            raise OSError(f"it leads out of {self._root}")
        return real

    @staticmethod
    def _read(real: str) -> bytes:
        # A FIFO in the place of a file would wait for a writer for ever.
        handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError("it is no file")
            parts = []
            left = _MOST
            while left and (part := os.read(handle, min(left, 1 << 16))):
                parts.append(part)
                left -= len(part)
            return b"".join(parts)
        finally:
            os.close(handle)

    def _parse(self, path: str, form: re.Pattern[str], base: int) -> int | None:
        line = self.line(path)
        if line is None:
            return None
        if not form.fullmatch(line):
            self.note(f"{path} holds {line[:40]!r}, not a number")
            return None
        return int(line, base)


def ask_program(command: Sequence[str]) -> str | None:
    """Run a program for at most two seconds. Its whole process group is killed when they are over.

    It is not waited for after that: a tool that hangs in a broken driver cannot be killed, and
    waiting for it would hang the caller too.
    """
    try:
        running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            start_new_session=True,
        )
    except (OSError, ValueError):
        return None
    try:
        told, _ = running.communicate(timeout=_ASK_S)
    except subprocess.TimeoutExpired:
        _abandon(running)
        return None
    return told.decode("utf-8", "replace") if running.returncode == 0 else None


def _abandon(running: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(OSError):
        os.killpg(running.pid, signal.SIGKILL)
    if running.stdout is not None:
        running.stdout.close()
    threading.Thread(target=running.wait, name="reap", daemon=True).start()
