"""Python that nobody has read, run with its tests: apart, briefly, with little, and offline.

A process of its own with a fresh interpreter in isolated mode (no site-packages, no environment), in
an empty folder that is deleted afterwards. It may use `SECONDS` of processor time and twice that in
all, `MEMORY_MB`, a few small files and no child processes; where the kernel allows namespaces it has
no network and sees no other process. Root becomes nobody first. Python's own ways to sockets, processes,
other people's files, signals and foreign functions are closed besides. It passes if it reaches its end
and says so with a word that it was given: leaving early does not pass.

This holds back mistakes and mischief of a generated function. It is no wall against code that was
written by somebody who knows it: docs/code_model.md says what it is and what it is not.
"""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SECONDS = 5
MEMORY_MB = 512
_OUTPUT = 64 * 1024

Verdict = Literal["passed", "failed", "no python", "time limit", "killed"]


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a program.

    Attributes:
        why: the last line of its error, if any.
        said: the last line that it printed, if it passed.
    """

    verdict: Verdict
    why: str = ""
    said: str = ""


def run_program(program: str, seconds: int = SECONDS) -> Ran:
    """Run a whole program, tests included.

    Args:
        program: Python; it passes if it gets to its end without an exception.
        seconds: processor time it may use, and half of the time it may take.
    """
    try:
        compile(program, "answer.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
        return Ran("no python", f"{type(fault).__name__}: {fault}"[:200])
    word = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="forgebus-code-") as folder:
        source = Path(folder) / "answer.py"
        source.write_text(program, "utf-8")
        place = Path(folder) / "here"
        place.mkdir()
        place.chmod(0o777)  # below a folder of ours alone; as root, nobody works in it
        launcher = Path(__file__).with_name("sandbox_child.py")
        with (Path(folder) / "out").open("w+b") as out:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    str(launcher),
                    str(source),
                    str(seconds),
                    str(MEMORY_MB),
                ],
                cwd=place,
                env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            late = _finish(process, word, 2 * seconds)
            out.seek(max(0, out.seek(0, os.SEEK_END) - _OUTPUT))
            told = out.read().decode("utf-8", "replace").strip()
    return _ran(process.returncode, word, told, late=late)


def _finish(process: subprocess.Popen[bytes], word: str, seconds: float) -> bool:
    """Wait for its end, or end it with all that it started; whether that was needed."""
    try:
        process.communicate(word.encode(), timeout=seconds)
        return False
    except subprocess.TimeoutExpired:
        return True
    finally:
        # Its whole session, on Ctrl-C too: nothing that it started outlives it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _ran(status: int, word: str, told: str, *, late: bool) -> Ran:
    lines = told.splitlines()
    last = lines[-1][:200] if lines else ""
    if late or status == -signal.SIGXCPU:
        return Ran("time limit")
    if status == 0 and last == word:
        printed = [line for line in lines[:-1] if line]
        return Ran("passed", said=printed[-1] if printed else "")
    if status < 0:
        return Ran("killed", signal.Signals(-status).name)
    return Ran("failed", last if status else "it left before its tests were done")
