"""Calling the command line in tests: in this process where that shows the same, else as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import main

ROOT = Path(__file__).resolve().parent.parent
FORGEBUS = (sys.executable, "-m", "daemon.cli")


@dataclass(frozen=True)
class Called:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)

    def fails(self, code: int, *words: str) -> None:
        """It ended with this code and one line on stderr, which has these words."""
        assert self.code == code, self
        assert self.err.startswith("forgebus: "), self
        assert self.err.count("\n") == 1, self
        for word in words:
            assert word in self.err, self


Call = Callable[..., Called]


def caller(capfd: pytest.CaptureFixture[str], *common: object) -> Call:
    """`call("nodes", "--json")` runs a command here, with these options behind."""

    def call(*arguments: object) -> Called:
        capfd.readouterr()
        code = main([str(argument) for argument in (*arguments, *common)])
        out, err = capfd.readouterr()
        return Called(code, out, err)

    return call


def started(*arguments: object, **more: Any) -> subprocess.Popen[str]:
    """A command as a process of its own."""
    return subprocess.Popen(
        [*FORGEBUS, *(str(argument) for argument in arguments)],
        cwd=ROOT,
        env=clean_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **more,
    )


def finished(*arguments: object, within_s: float = 60.0) -> Called:
    """A command as a process of its own, to its end."""
    process = started(*arguments)
    out, err = process.communicate(timeout=within_s)
    return Called(process.returncode, out, err)


def clean_environment() -> dict[str, str]:
    """Ours without settings of a node."""
    return {name: text for name, text in os.environ.items() if not name.startswith("FORGEBUS_")}
