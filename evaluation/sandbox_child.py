"""What runs inside the sandbox, as a program: limits first, then the file, then the word.

    python -I -S sandbox_child.py FILE SECONDS MEGABYTES   (the word on stdin)

It imports nothing of ours: the interpreter is isolated.
"""

import ctypes
import os
import resource
import sys
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES = 38


def main() -> None:
    """Run the file under its limits; say the word at its end."""
    source, seconds, megabytes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    word = sys.stdin.read()
    program = compile(source.read_text("utf-8"), "answer.py", "exec", dont_inherit=True)
    said = os.dup(1)
    _offline()
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


def _offline() -> None:
    """No network and no new rights; without user namespaces, no sockets of Python's."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        sys.addaudithook(_no_sockets)
    sys.addaudithook(_no_processes)


def _no_sockets(event: str, _: object) -> None:
    if event.startswith("socket."):
        raise PermissionError("no network here")


def _no_processes(event: str, _: object) -> None:
    # Root is not held by RLIMIT_NPROC.
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
