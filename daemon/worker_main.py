"""The child's side of a worker: one process, one thread, one job at a time, or several together.

Where the handler can compute several runs together (`handlers.protocol.BatchHandler`), what waits for it
joins those that run, between two steps; every other job has the process to itself. A job that fails leaves
the others as they are, but for one that finds no memory: the others go on, and then the process ends.

`python -m daemon.worker_main <socket fd> <parent pid> <models folder> <memory limit in MB>`, started
by `daemon.worker_process`. The socket is read between jobs and steps, and during a job whenever the
handler asks `cancelled()`, so a cancellation needs no second thread. What handlers print has no part in
this: the parent keeps the last lines of it.
"""

import contextlib
import ctypes
import gc
import os
import resource
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from bus_topics import codec
from bus_topics.abstention import abstaining
from bus_topics.errors import WireError
from daemon.worker_frames import (
    BEGINS,
    Cancel,
    Chunk,
    Ended,
    FromWorker,
    Load,
    Ready,
    Run,
    ToWorker,
    Unload,
    Unpacker,
    pack,
)
from handlers import catalog
from handlers.protocol import BatchHandler, Call, Cancelled, Handler, HandlerError, Usage

Course = Generator[None, None, bytes]
T = TypeVar("T")

CHUNK_EVERY_S = 0.03
CHUNK_CHARACTERS = 16_384
POLL_EVERY_S = 0.005


def main(arguments: list[str]) -> int:
    """Serve jobs until the parent closes the socket or a job leaves this process unfit."""
    descriptor, parent, models, memory_mb = arguments
    _shield(int(parent))
    _limit(int(memory_mb))
    with socket.socket(fileno=int(descriptor)) as link:
        _Worker(link, Path(models)).serve()
    return 0


class _Worker:
    """The loaded handlers, the jobs in hand, and the way to the parent."""

    def __init__(self, link: socket.socket, models: Path) -> None:
        self._link = link
        self._models = models
        self._handlers: dict[str, Handler] = {}
        self._unpacker: Unpacker[ToWorker] = Unpacker(ToWorker)
        self._waiting: deque[Run | Load | Unload] = deque()
        self._running: list[_Run] = []
        self._known: set[str] = set()
        self._cancelled: set[str] = set()
        self._polled_at = 0.0
        self._gone = False
        self._unfit = False

    def serve(self) -> None:
        """Until the parent is gone or this process unfit."""
        self.send(Ready())
        while not self._gone and not self._unfit:
            if self._waiting:
                self._take(self._waiting.popleft())
            else:
                self._receive(0)
        for job in self._waiting:  # sent before the parent could know
            if not isinstance(job, Unload):
                self._end(_Run(self, job), _OUT_OF_MEMORY)

    def send(self, frame: FromWorker) -> None:
        try:
            self._link.sendall(pack(frame))
        except OSError:
            self._gone = True

    def stopped(self, key: str) -> bool:
        """Look for what the parent has sent meanwhile: is this job off, or the parent gone?"""
        now = time.monotonic()
        if now - self._polled_at >= POLL_EVERY_S:
            self._polled_at = now
            self._receive(socket.MSG_DONTWAIT)
        return self._gone or key in self._cancelled

    def _take(self, job: Run | Load | Unload) -> None:
        if isinstance(job, Unload):
            self._handlers.pop(job.capability, None)
            _give_back()
            return
        _begin_to_print()
        warm, begun = job.capability in self._handlers, time.perf_counter()
        handler = _guarded(partial(self._handler, job.capability))
        run = _Run(self, job, 0.0 if warm else (time.perf_counter() - begun) * 1000)
        if isinstance(handler, _Fault) or isinstance(job, Load):
            self._end(run, handler if isinstance(handler, _Fault) else None)
            return
        self._begin(run, job, handler)
        if isinstance(handler, BatchHandler):
            self._go_on(handler, job.capability)

    def _go_on(self, handler: BatchHandler, capability: str) -> None:
        """Step the running jobs, and those that join them meanwhile, until there are none."""
        while self._running and not self._gone:
            self.stopped("")
            while self._may_join(handler, capability):
                job = self._waiting.popleft()
                if isinstance(job, Run):
                    self._begin(_Run(self, job), job, handler)
            fault = _guarded(handler.step)
            for run in tuple(self._running):
                if isinstance(fault, _Fault):
                    _guarded(run.course.close)
                    self._end(run, fault)
                else:
                    self._resume(run)

    def _may_join(self, handler: BatchHandler, capability: str) -> bool:
        first = self._waiting[0] if self._waiting and not self._unfit else None
        fits = isinstance(first, Run) and first.capability == capability
        return fits and _guarded(handler.has_room) is True

    def _begin(self, run: "_Run", job: Run, handler: Handler) -> None:
        self._running.append(run)
        if isinstance(handler, BatchHandler):
            run.course = handler.start(job.content, run.call)
        else:
            run.course = _whole(handler, job.content, run.call)
        self._resume(run)

    def _resume(self, run: "_Run") -> None:
        """Let a job go on until its next step; a handler without steps, until its end."""
        ended = _guarded(partial(_advance, run))
        if ended is not None:
            self._end(run, ended)

    def _end(self, run: "_Run", how: "bytes | _Fault | None") -> None:
        """Tell the parent how a job ended."""
        run.call.flush()
        self.send(run.ended(how, self._handlers.get(run.job.capability)))
        self._known.discard(run.job.key)
        self._cancelled.discard(run.job.key)
        if run in self._running:
            self._running.remove(run)
        self._unfit = self._unfit or (isinstance(how, _Fault) and how.last)

    def _receive(self, flags: int) -> None:
        try:
            data = self._link.recv(65_536, flags)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._gone = not data
        for frame in self._unpacker.feed(data):
            match frame:
                case Unload():
                    self._waiting.append(frame)
                case Run() | Load():
                    self._known.add(frame.key)
                    self._waiting.append(frame)
                case Cancel(key) if key in self._known:  # else it crossed the end of its job
                    self._cancelled.add(key)

    def _handler(self, capability: str) -> Handler:
        """The one loaded, else a new one."""
        if capability not in self._handlers:
            handler = catalog.build(capability, self._models)
            handler.load()
            self._handlers[capability] = handler
        return self._handlers[capability]


@dataclass(frozen=True, slots=True)
class _Fault:
    """How a job failed. With `last` the process is not fit for another."""

    error: str
    code: str = HandlerError.code
    last: bool = False


_OUT_OF_MEMORY = _Fault("ran out of the memory that a worker may have", last=True)


def _guarded(act: Callable[[], T]) -> "T | _Fault":
    """What `act` gives; whatever a handler raises becomes the way its job ended."""
    try:
        return act()
    except HandlerError as fault:
        return _Fault(str(fault), fault.code)
    except MemoryError:
        return _OUT_OF_MEMORY
    except Exception as fault:  # noqa: BLE001 - the one place: a handler may raise anything
        return _Fault(f"{type(fault).__name__}: {fault}")


class _Run:
    """One job in hand. `load_ms` is what loading its handler took; 0 where it was loaded before."""

    course: Course

    def __init__(self, worker: _Worker, job: Run | Load, load_ms: float = 0.0) -> None:
        self.job = job
        self.call = _Call(worker, job.key, job.max_tokens if isinstance(job, Run) else 0)
        self._load_ms = load_ms
        self._running = time.perf_counter()

    def ended(self, how: bytes | _Fault | None, handler: Handler | None) -> Ended:
        """What the parent is told: the result, how it failed, or None for what was only loaded."""
        fault = how if isinstance(how, _Fault) else _Fault("", "")
        usage = self.call.usage
        return Ended(
            key=self.job.key,
            outcome=_outcome(fault.code),
            result=how if isinstance(how, bytes) else None,
            abstained=self.call.abstained if isinstance(how, bytes) else "",
            error=_sound(fault.error[:500]),
            code=fault.code,
            model="" if handler is None else handler.model,
            loaded=handler is not None,
            load_ms=self._load_ms,
            run_ms=(time.perf_counter() - self._running) * 1000,
            prefill_tokens=usage.prefill_tokens,
            prefill_s=usage.prefill_s,
            decode_tokens=usage.decode_tokens,
            decode_s=usage.decode_s,
            others_s=usage.others_s,
            last=fault.last,
        )


def _outcome(code: str) -> Literal["done", "failed", "cancelled"]:
    if code == Cancelled.code:
        return "cancelled"
    return "failed" if code else "done"


def _whole(handler: Handler, content: bytes, call: Call) -> Course:
    """A run of a handler without steps, as a course that has none."""
    yield from ()
    return handler.run(content, call)


def _advance(run: _Run) -> bytes | None:
    """The result if the job is over now."""
    try:
        next(run.course)
    except StopIteration as end:
        return _checked(end.value, run.job.capability)
    return None


class _Call:
    """`handlers.protocol.Call`: gathers what is emitted and sends it some thirty times a second."""

    def __init__(self, worker: _Worker, key: str, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self.usage = Usage()
        self.abstained = ""
        self._worker = worker
        self._key = key
        self._text: list[str] = []
        self._characters = 0
        self._fraction: float | None = None
        self._seq = 0
        self._sent_at = 0.0

    def emit(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > codec.MAX_CONTENT:
            raise HandlerError(
                f"streamed more than {codec.MAX_CONTENT} characters, which no result may have"
            )
        self._text.append(text)
        self._flush_when_due(time.monotonic())

    def progress(self, fraction: float) -> None:
        self._fraction = min(1.0, max(0.0, fraction))
        self._flush_when_due(time.monotonic())

    def cancelled(self) -> bool:
        self._flush_when_due(time.monotonic())
        return self._worker.stopped(self._key)

    def abstain(self, reason: str, probability: float) -> None:
        self.abstained = abstaining(reason, probability)

    def flush(self) -> None:
        """Send what has gathered."""
        text = _sound("".join(self._text))
        pieces = [text[at : at + CHUNK_CHARACTERS] for at in range(0, len(text), CHUNK_CHARACTERS)]
        if not pieces and self._fraction is not None:
            pieces = [""]
        for piece in pieces:
            self._worker.send(Chunk(self._key, self._seq, piece, self._fraction))
            self._seq += 1
        self._text, self._fraction = [], None

    def _flush_when_due(self, now: float) -> None:
        if now - self._sent_at >= CHUNK_EVERY_S and (self._text or self._fraction is not None):
            self._sent_at = now
            self.flush()


def _checked(result: bytes, capability: str) -> bytes:
    """A result that the bus can carry; anything else is the handler's defect."""
    try:
        codec.check_content(result)
    except WireError as error:
        raise HandlerError(
            f"{capability} gave a result that cannot travel ({error.code}): {error}"
        ) from None
    return result


def _sound(text: str) -> str:
    """`text` without lone surrogates, which no encoding carries."""
    return text.encode(errors="replace").decode()


def _give_back() -> None:
    """Return freed memory to the system; only glibc keeps it otherwise."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _shield(parent: int) -> None:
    """End with the parent and only with it; be the first to go when memory runs out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    if os.getppid() != parent:
        raise SystemExit("the node that started this worker is gone")


def _limit(memory_mb: int) -> None:
    """Ceilings that every handler runs under, and cannot raise; time is the parent's to keep.

    Private writable memory, for a burst that the parent's watch would see too late. Not RLIMIT_AS:
    models are mapped and thread stacks reserved, which costs address space and no memory. The slack is
    for what is reserved but never touched. A file can be no larger than that, because the packed weights
    that it writes are mapped again. No core is left behind: it would hold prompts and answers.
    """
    ceiling = (memory_mb + MEMORY_SLACK_MB) * 1024 * 1024
    for limit, most in (
        (resource.RLIMIT_DATA, ceiling),
        (resource.RLIMIT_FSIZE, ceiling),
        (resource.RLIMIT_NOFILE, MOST_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (least, least))


def _begin_to_print() -> None:
    """What was printed before was about another task, and is not for this one's requester."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        os.write(1, b"\n" + BEGINS + b"\n")


MEMORY_SLACK_MB = 128
MOST_FILES = 256
_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
