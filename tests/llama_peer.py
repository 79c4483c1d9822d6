"""Where llama-cpp-python is installed: in this interpreter, or in the virtual environment of the benchmark."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

VENV = Path.home() / ".cache" / "forgebus" / "llama.cpp"
REASON = "llama-cpp-python is not installed: `forgebus bench engine --vs llama.cpp --install`"


@cache
def found() -> Path | None:
    """The interpreter that has it."""
    if importlib.util.find_spec("llama_cpp"):
        return Path(sys.executable)
    python = VENV / "bin" / "python"
    return python if python.exists() else None


def python() -> Path:
    """The interpreter that has it; the test that asks is skipped where there is none."""
    interpreter = found()
    if interpreter is None:
        pytest.skip(REASON)
    return interpreter


@cache
def folder(interpreter: Path) -> Path:
    """The package's folder."""
    program = (
        "import importlib.util as u; print(u.find_spec('llama_cpp').submodule_search_locations[0])"
    )
    asked = [str(interpreter), "-c", program]
    ran = subprocess.run(asked, capture_output=True, text=True, check=True)
    return Path(ran.stdout.strip())
