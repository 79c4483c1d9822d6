"""The child's side of a worker: one process, one thread, one job at a time.

`python -m daemon.worker_main <socket fd> <parent pid> <models folder> <memory limit in MB>`, started
by `daemon.worker_process`. The socket is read between jobs, and during a job whenever the handler
asks `cancelled()`, so a cancellation needs no second thread. What handlers print has no part in
this: the parent keeps the last lines of it.
"""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

from bus_topics import codec
from bus_topics.errors import WireError
from daemon.worker_frames import (
    Cancel,
    Chunk,
    Ended,
    FromWorker,
    Load,
    Ready,
    Run,
    ToWorker,
    Unpacker,
    pack,
)
from handlers import catalog
from handlers.protocol import Cancelled, Handler, HandlerError, Usage

CHUNK_EVERY_S = 0.03
CHUNK_CHARACTERS = 16_384
POLL_EVERY_S = 0.005


def main(arguments: list[str]) -> int:
    """Serve jobs until the parent closes the socket or a job leaves this process unfit."""
    descriptor, parent, models, memory_mb = arguments
    _shield(int(parent))
    _limit_memory(int(memory_mb))
    with socket.socket(fileno=int(descriptor)) as link:
        _Worker(link, Path(models)).serve()
    return 0


class _Worker:
    """The loaded handlers, and the way to the parent."""

    def __init__(self, link: socket.socket, models: Path) -> None:
        self._link = link
        self._models = models
        self._handlers: dict[str, Handler] = {}
        self._unpacker: Unpacker[ToWorker] = Unpacker(ToWorker)
        self._waiting: list[Run | Load] = []
        self._cancelled: set[str] = set()
        self._gone = False

    def serve(self) -> None:
        self.send(Ready())
        while True:
            while not self._waiting and not self._gone:
                self._receive(0)
            if self._gone:
                return
            ended = self._do(self._waiting.pop(0))
            self.send(ended)
            if ended.last:
                return

    def send(self, frame: FromWorker) -> None:
        try:
            self._link.sendall(pack(frame))
        except OSError:
            self._gone = True

    def stopped(self, key: str) -> bool:
        """Look for what the parent has sent meanwhile: is this job off, or the parent gone?"""
        self._receive(socket.MSG_DONTWAIT)
        return self._gone or key in self._cancelled

    def _receive(self, flags: int) -> None:
        try:
            data = self._link.recv(65_536, flags)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._gone = not data
        for frame in self._unpacker.feed(data):
            if isinstance(frame, Cancel):
                self._cancelled.add(frame.key)
            else:
                self._cancelled.clear()  # those that crossed the end of their job
                self._waiting.append(frame)

    def _do(self, job: Run | Load) -> Ended:
        """Run one job. Whatever its handler raises becomes the way it ended."""
        call = _Call(self, job.key, job.max_tokens if isinstance(job, Run) else 0)
        begun = time.perf_counter()
        running = begun
        result, error, code, last = None, "", "", False
        try:
            handler = self._handlers.get(job.capability) or self._load(job.capability)
            running = time.perf_counter()
            if isinstance(job, Run):
                result = _checked(handler.run(job.content, call), job.capability)
        except HandlerError as fault:
            error, code = str(fault), fault.code
        except MemoryError:
            error, code, last = "ran out of the memory that a worker may have", "failed", True
        except Exception as fault:  # noqa: BLE001 - the one place: a handler may raise anything
            error, code = f"{type(fault).__name__}: {fault}", "failed"
        finally:
            ended = time.perf_counter()
        call.flush()
        loaded = self._handlers.get(job.capability)
        return Ended(
            key=job.key,
            outcome="cancelled" if code == Cancelled.code else "failed" if code else "done",
            result=result,
            error=_sound(error[:500]),
            code=code,
            model="" if loaded is None else loaded.model,
            loaded=loaded is not None,
            load_ms=(running - begun) * 1000,
            run_ms=(ended - running) * 1000,
            prefill_tokens=call.usage.prefill_tokens,
            prefill_s=call.usage.prefill_s,
            decode_tokens=call.usage.decode_tokens,
            decode_s=call.usage.decode_s,
            last=last,
        )

    def _load(self, capability: str) -> Handler:
        handler = catalog.build(capability, self._models)
        handler.load()
        self._handlers[capability] = handler
        return handler


class _Call:
    """`handlers.protocol.Call`: gathers what is emitted and sends it some thirty times a second."""

    def __init__(self, worker: _Worker, key: str, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self.usage = Usage()
        self._worker = worker
        self._key = key
        self._text: list[str] = []
        self._fraction: float | None = None
        self._seq = 0
        self._sent_at = 0.0
        self._polled_at = 0.0
        self._stopped = False

    def emit(self, text: str) -> None:
        self._text.append(text)
        self._flush_when_due(time.monotonic())

    def progress(self, fraction: float) -> None:
        self._fraction = min(1.0, max(0.0, fraction))
        self._flush_when_due(time.monotonic())

    def cancelled(self) -> bool:
        now = time.monotonic()
        self._flush_when_due(now)
        if not self._stopped and now - self._polled_at >= POLL_EVERY_S:
            self._polled_at = now
            self._stopped = self._worker.stopped(self._key)
        return self._stopped

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


def _limit_memory(memory_mb: int) -> None:
    """A ceiling on private writable memory, for a burst that the parent's watch would see too late.

    Not RLIMIT_AS: models are mapped and thread stacks reserved, which costs address space and no
    memory. The slack is for what is reserved but never touched.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    ceiling = (memory_mb + MEMORY_SLACK_MB) * 1024 * 1024
    if hard == resource.RLIM_INFINITY or ceiling < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))


MEMORY_SLACK_MB = 128
_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
