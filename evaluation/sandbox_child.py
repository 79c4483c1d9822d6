"""What runs inside the sandbox, as a program: limits first, then the file, then the word.

    python -I -S sandbox_child.py FILE SECONDS MEGABYTES   (the word on stdin)

It imports nothing of ours: the interpreter is isolated.
"""

import ctypes
import os
import resource
import sys
from importlib import import_module
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES = 38
_NOBODY = 65534
_LIBRARY = (
    *("abc", "array", "base64", "bisect", "calendar", "cmath", "collections", "collections.abc"),
    *("contextlib", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions"),
    *("functools", "hashlib", "heapq", "inspect", "io", "itertools", "json", "math", "numbers"),
    *("operator", "os", "queue", "random", "re", "socket", "statistics", "string", "struct"),
    *("textwrap", "threading", "time", "types", "typing", "unicodedata", "uuid", "warnings"),
)


def main() -> None:
    """Run the file under its limits; say the word at its end."""
    source, seconds, megabytes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    word = sys.stdin.read()
    program = compile(source.read_text("utf-8"), "answer.py", "exec", dont_inherit=True)
    said = os.dup(1)
    _apart()
    for limit, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, megabytes << 20),
        (resource.RLIMIT_FSIZE, 1 << 20),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        # SIGXCPU ends it at the soft limit; the hard one is a second later.
        _, had = resource.getrlimit(limit)
        least = min(most, had) if had != resource.RLIM_INFINITY else most
        resource.setrlimit(limit, (least, least + (limit == resource.RLIMIT_CPU and least != had)))
    sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - for as long as it runs
    sys.setrecursionlimit(5_000)
    exec(program, {"__name__": "answer", "__builtins__": __builtins__})  # noqa: S102 - the purpose
    sys.stdout.flush()
    os.write(said, b"\n" + word.encode() + b"\n")


def _apart() -> None:
    """No network and no new rights; without namespaces, no sockets of Python's."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    root = os.geteuid() == 0
    if libc.unshare(_CLONE_NEWNET if root else _CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        sys.addaudithook(_no_sockets)
    if root:
        # Root is held by no limit of processes, and could read everything. Where Python lies in
        # root's own folder, nobody can import; so what short programs use comes first.
        for name in _LIBRARY:
            import_module(name)
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    sys.addaudithook(_no_processes)


def _no_sockets(event: str, _: object) -> None:
    if event.startswith("socket."):
        raise PermissionError("no network here")


def _no_processes(event: str, _: object) -> None:
    # The limit holds them back as well; this says so in words.
    if event in (
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "pty.spawn",
    ):
        raise PermissionError("no processes here")


if __name__ == "__main__":
    main()
