"""What runs inside the sandbox, as a program: apart, limited, then the file, then the word.

    python -I -S sandbox_child.py FILE SECONDS MEGABYTES   (the word on stdin)

It imports nothing of ours: the interpreter is isolated. The program runs in a thread of its own, whose
frames do not lead to that which holds the word.
"""

import ctypes
import os
import resource
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from types import CodeType

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_CLONE_NEWPID, _CLONE_NEWIPC = 0x20000000, 0x08000000
_NO_NEW_PRIVILEGES = 38
_DIE_WITH_PARENT = 1
_NOBODY = 65534
_MOST_WRITTEN = 32
_STACK = 64 << 20
# What short programs use. Nobody could not import it where Python lies in root's own folder.
_LIBRARY = (
    *("abc", "array", "base64", "bisect", "calendar", "cmath", "collections", "collections.abc"),
    *("contextlib", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions"),
    *("functools", "hashlib", "heapq", "inspect", "io", "itertools", "json", "math", "numbers"),
    *("operator", "os", "queue", "random", "re", "socket", "statistics", "string", "struct"),
    *("textwrap", "threading", "time", "types", "typing", "unicodedata", "uuid", "warnings"),
)
_REFUSED = (
    *("ctypes.", "sqlite3.", "subprocess.", "pty.", "signal.", "socket.", "syslog.", "webbrowser."),
    *("gc.", "sys._current_", "sys.addaudithook", "sys.settrace", "sys.setprofile", "mmap."),
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.kill", "os.chmod", "os.chown"),
    *("os.symlink", "os.link", "os.putenv", "os.setxattr", "fcntl.", "resource.", "code.__new__"),
)
_WRITES = ("os.mkdir", "os.rename", "os.truncate", "shutil.", "tempfile.")
_LISTS = ("os.listdir", "os.scandir", "os.chdir", "glob.glob", "os.walk")


def main() -> None:
    """Run the file under its limits; say the word at its end."""
    source, seconds, megabytes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    word = sys.stdin.read()
    program = compile(source.read_text("utf-8"), "answer.py", "exec", dont_inherit=True)
    said = os.dup(1)
    for name in _LIBRARY:
        import_module(name)
    _apart()
    sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - for as long as it runs
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.setrecursionlimit(5_000)
    threading.stack_size(_STACK)
    ready, done = threading.Lock(), list[bool]()
    ready.acquire()
    runner = threading.Thread(target=_run, args=(program, ready, done), daemon=True)
    runner.start()
    _limit(seconds, megabytes)
    sys.addaudithook(_hook())
    ready.release()
    runner.join()
    if not done:
        os._exit(1)
    sys.stdout.flush()
    os.write(said, b"\n" + word.encode() + b"\n")
    os._exit(0)


def _run(program: CodeType, ready: threading.Lock, done: list[bool]) -> None:
    """The program, in a thread; `done` has something in it when it came to its end."""
    ready.acquire()
    scope = {"__name__": "answer", "__builtins__": __builtins__}
    # What it raises, the thread's own hook prints.
    exec(program, scope)  # noqa: S102 - the purpose
    done.append(True)


def _limit(seconds: int, megabytes: int) -> None:
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


def _apart() -> None:
    """No network, no sight of other processes, no rights; as far as the kernel has namespaces for it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    root = os.geteuid() == 0
    own = 0 if root else _CLONE_NEWUSER
    if libc.unshare(own | _CLONE_NEWNET | _CLONE_NEWPID | _CLONE_NEWIPC) == 0:
        _first_of_its_own(libc)
    if root:
        # Root is held by no limit of processes, and could read everything.
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)


def _first_of_its_own(libc: ctypes.CDLL) -> None:
    """Go on as the first process of the new namespace; this one waits, and ends as that one does."""
    child = os.fork()
    if child == 0:
        libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        return
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


def _hook() -> "_Hook":
    here = os.path.realpath(".")
    return _Hook(here, (here, *(os.path.realpath(place) for place in sys.path if place)))


class _Hook:
    """Python's own way out, closed; it cannot be taken out of the interpreter again."""

    def __init__(self, here: str, readable: tuple[str, ...]) -> None:
        self._here = here
        self._readable = readable
        self._written = 0

    def __call__(self, event: str, given: tuple[object, ...]) -> None:
        if event == "open":
            self._opened(given)
        elif event.startswith(_REFUSED):
            raise PermissionError(f"not in here: {event}")
        elif event.startswith(_WRITES):
            self._count()
        elif event.startswith(_LISTS) and given and not self._below(given[0], self._readable):
            raise PermissionError("no other folders here")

    def _opened(self, given: tuple[object, ...]) -> None:
        path, mode, flags = given
        asked = flags if isinstance(flags, int) else 0
        writes = bool(asked & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or (
            isinstance(mode, str) and any(letter in mode for letter in "wax+")
        )
        if isinstance(path, int) or path in ("/dev/null", "/dev/urandom"):
            return
        if not self._below(path, (self._here,) if writes else self._readable):
            raise PermissionError("no other files here")
        if writes:
            self._count()

    def _count(self) -> None:
        self._written += 1
        if self._written > _MOST_WRITTEN:
            raise PermissionError("too many files")

    @staticmethod
    def _below(path: object, places: tuple[str, ...]) -> bool:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str):
            return path is None or isinstance(path, int)
        real = os.path.realpath(path)
        return any(real == place or real.startswith(f"{place}{os.sep}") for place in places)


if __name__ == "__main__":
    main()
