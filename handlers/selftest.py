"""Capabilities without a model, for measuring and for breaking things on purpose.

``selftest_echo`` gives its content back: the cheapest task there is. ``selftest_work`` takes time
in steps, can leave one line in a file as its visible effect (so that a test can count how often it
really ran), and can die in each way a worker must survive. ``selftest_tandem`` takes the same, and
several of it at once. ``selftest_paced`` takes as long as so many tokens take at a speed that the
models folder tells. They are offered only where a node's configuration enables the self-test,
because ``mark`` writes to a path that the sender names.
"""

import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from handlers.protocol import Call, Cancelled, HandlerError, Unavailable, read_content, run_alone

_POLL_S = 0.01
_ALLOCATION = 64 * 1024 * 1024


class Work(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Input of ``selftest_work`` and ``selftest_tandem``; a bare string is its ``note``.

    The whole run lasts ``ms`` milliseconds in ``steps`` equal steps, each of which reports progress
    and streams its number. ``mark`` names a file that gets one line (the note) at the start.
    ``crash`` happens after half of the steps.
    """

    ms: Annotated[float, msgspec.Meta(ge=0, le=600_000)] = 0.0
    steps: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    mark: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    crash: Literal["exit", "hang", "memory", "error"] | None = None
    note: Annotated[str, msgspec.Meta(max_length=4096)] = ""


class WorkDone(msgspec.Struct, frozen=True):
    """Result: what was done, and by which process."""

    steps: int
    note: str
    pid: int


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file ``selftest_paced.json`` in the models folder: how fast ``selftest_paced`` is there."""

    decode_tok_s: Annotated[float, msgspec.Meta(gt=0)]


class Echo:
    """Capability ``selftest_echo``: any JSON comes back byte for byte."""

    capability = "selftest_echo"
    model = ""

    def __init__(self, models: Path) -> None:
        """Take the models folder like every handler; it is not used."""

    def load(self) -> None:
        """Nothing to load."""

    def run(self, content: bytes, call: Call) -> bytes:
        """Return ``content``."""
        return content


class Workload:
    """Capability ``selftest_work``: :class:`Work` in, :class:`WorkDone` out."""

    capability = "selftest_work"
    model = ""

    def __init__(self, models: Path) -> None:
        """Take the models folder like every handler; it is not used."""

    def load(self) -> None:
        """Nothing to load."""

    def run(self, content: bytes, call: Call) -> bytes:
        """Work, tell about it, and end as asked. Raises :class:`Cancelled` within 10 ms of it."""
        work = read_content(content, Work, "note")
        if work.mark is not None:
            _append_line(Path(work.mark), work.note)
        for step in range(1, work.steps + 1):
            _wait(work.ms / 1000 / work.steps, call)
            call.progress(step / work.steps)
            call.emit(f"{step} ")
            if work.crash is not None and step >= (work.steps + 1) // 2:
                _crash(work.crash)
        return msgspec.json.encode(WorkDone(work.steps, work.note, os.getpid()))


class Tandem:
    """Capability ``selftest_tandem``: :class:`Work` in, :class:`WorkDone` out, a step of each at a time.

    A step takes as long as the longest of those in hand.
    """

    capability = "selftest_tandem"
    model = ""

    def __init__(self, models: Path) -> None:
        """Take the models folder like every handler; it is not used."""
        self._steps_s: list[float] = []

    def load(self) -> None:
        """Nothing to load."""

    def run(self, content: bytes, call: Call) -> bytes:
        """Work alone."""
        return run_alone(self, content, call)

    def has_room(self) -> bool:
        """As many as are given."""
        return True

    def step(self) -> None:
        """One step of all in hand."""
        time.sleep(max(self._steps_s, default=0.0))

    def start(self, content: bytes, call: Call) -> Generator[None, None, bytes]:
        """Work beside others, tell about it, and end as asked. Raises :class:`Cancelled`."""
        work = read_content(content, Work, "note")
        if work.mark is not None:
            _append_line(Path(work.mark), work.note)
        step_s = work.ms / 1000 / work.steps
        self._steps_s.append(step_s)
        try:
            for step in range(1, work.steps + 1):
                yield
                _wait(0.0, call)
                call.progress(step / work.steps)
                call.emit(f"{step} ")
                if work.crash is not None and step >= (work.steps + 1) // 2:
                    _crash(work.crash)
        finally:
            self._steps_s.remove(step_s)
        return msgspec.json.encode(WorkDone(work.steps, work.note, os.getpid()))


class Paced:
    """Capability ``selftest_paced``: as many tokens as the call allows, at the speed of :class:`Pace`.

    It sleeps, so that several nodes of one machine are as fast as they say, whatever cores there are.
    The content is given back.
    """

    capability = "selftest_paced"
    model = ""

    def __init__(self, models: Path) -> None:
        """Take the models folder, where the pace is told."""
        self._file = models / "selftest_paced.json"
        self._tok_s = 0.0

    def load(self) -> None:
        """Read the pace. Raises :class:`Unavailable` when it is not told."""
        try:
            self._tok_s = msgspec.json.decode(self._file.read_bytes(), type=Pace).decode_tok_s
        except (OSError, msgspec.DecodeError) as error:
            raise Unavailable(f"{self._file} tells no pace: {error}") from error

    def run(self, content: bytes, call: Call) -> bytes:
        """Take the time. Raises :class:`Cancelled` within 10 ms of it."""
        began = time.monotonic()
        _wait(call.max_tokens / self._tok_s, call)
        call.usage.decode_tokens += call.max_tokens
        call.usage.decode_s += time.monotonic() - began
        return content


def _append_line(path: Path, line: str) -> None:
    """Append in one write, so that lines of several processes never mix."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, f"{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise HandlerError(f"cannot append to {path}: {error}") from error


def _wait(seconds: float, call: Call) -> None:
    until = time.monotonic() + seconds
    while True:
        if call.cancelled():
            raise Cancelled("the self-test was cancelled")
        left = until - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, _POLL_S))


def _crash(kind: Literal["exit", "hang", "memory", "error"]) -> None:
    match kind:
        case "exit":
            os._exit(3)
        case "hang":
            while True:
                time.sleep(3600)
        case "memory":
            hoard = []
            while True:
                hoard.append(b"\x01" * _ALLOCATION)
        case "error":
            raise RuntimeError("the self-test was asked to raise")
