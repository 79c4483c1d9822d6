"""The sandbox: what passes, and what is held back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from handlers import sandbox
from handlers.sandbox import run_program


@pytest.mark.parametrize(
    "program",
    [
        "import math, collections\nP = collections.namedtuple('P', 'a')\nassert math.sqrt(4) == 2",
        "import os\nassert 'HOME' not in os.environ and not os.listdir('.')",
        "open('small', 'w').write('x')\nassert open('small').read() == 'x'",
        "import sys, os\nassert sys.stdin.read() == '' and os.read(0, 9) == b''",
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\nassert f(4000) == 4000",
    ],
)
def test_what_a_short_function_needs_is_there(program: str) -> None:
    assert run_program(program).verdict == "passed"


@pytest.mark.parametrize(
    ("program", "verdict", "why"),
    [
        ("assert 1 == 2", "failed", "AssertionError"),
        ("def broken(:\n    pass", "no python", "SyntaxError"),
        # Leaving early is not passing, in whichever way.
        ("import os\nos._exit(0)", "failed", "before its tests"),
        ("raise SystemExit(0)", "failed", ""),
        ("print('a' * 32)\nimport os\nos._exit(0)", "failed", "before its tests"),
        ("import sys\nsys.modules['__main__'].main()", "failed", "PermissionError"),
        ("import gc\ngc.get_objects()", "failed", "PermissionError"),
        ("import sys\nsys._current_frames()", "failed", "PermissionError"),
        # Memory, processes, threads, signals, foreign functions.
        ("bytearray(2 * 10**9)", "failed", "MemoryError"),
        ("import ctypes\nctypes.CDLL(None).fork()", "failed", "PermissionError"),
        ("import subprocess\nsubprocess.run(['true'])", "failed", ""),
        ("import os\nwhile True: os.fork()", "failed", "PermissionError"),
        ("import threading\nthreading.Thread(target=print).start()", "failed", "RuntimeError"),
        ("import os\nos.kill(os.getppid(), 9)", "failed", "PermissionError"),
        # Files: large, many, and other people's.
        ("open('big', 'w').write('x' * 5_000_000)", "failed", "File too large"),
        ("for n in range(99): open(f'f{n}', 'w').write('x')", "failed", "too many files"),
        ("while True: print('x' * 10**6)", "failed", ""),
        ("open('/etc/passwd').read()", "failed", "PermissionError"),
        ("import os\nos.open('/etc/passwd', 0)", "failed", "PermissionError"),
        ("import os\nos.listdir('/')", "failed", "PermissionError"),
        ("open('/proc/self/environ').read()", "failed", "PermissionError"),
    ],
)
def test_mischief_does_not_pass(program: str, verdict: str, why: str) -> None:
    ran = run_program(program)
    assert ran.verdict == verdict, ran
    assert why in ran.why


def test_no_frame_leads_to_the_word() -> None:
    program = (
        "import sys\n"
        "frame, found = sys._getframe(), []\n"
        "while frame:\n    found += frame.f_locals\n    frame = frame.f_back\n"
        "assert 'word' not in found"
    )
    assert run_program(program).verdict == "passed"


def test_it_reaches_no_network() -> None:
    ran = run_program(
        "import _socket\n"
        "s = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)\n"
        "s.connect(('127.0.0.1', 9))\n"
    )
    # Refused would mean that it came as far as the port.
    assert ran.verdict == "failed"
    assert "refused" not in ran.why.lower()


def test_it_sees_nothing_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORGEBUS_TEST_SECRET", "secret")
    program = "import os\nassert not [name for name in os.environ if 'SECRET' in name]"
    assert run_program(program).verdict == "passed"


@pytest.mark.parametrize("program", ["while True: pass", "import time\ntime.sleep(60)"])
def test_time_is_limited(program: str) -> None:
    assert run_program(program, seconds=1).verdict == "time limit"


def test_the_child_needs_nothing_of_ours() -> None:
    child = Path(sandbox.__file__).with_name("sandbox_child.py")
    code = f"import runpy, sys; runpy.run_path({str(child)!r}); print('handlers' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.defpath},
    )
    assert told.stdout.strip() == "False"
