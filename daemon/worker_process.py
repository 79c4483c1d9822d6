"""The parent's side of one worker: start it, talk to it, learn how it ended."""

import asyncio
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

import daemon
from daemon.worker_frames import BEGINS, FrameError, FromWorker, ToWorker, Unpacker, pack

LAST_LINES = 40
LINE_CHARACTERS = 200


class WorkerProcess(asyncio.Protocol):
    """One child process. `on_frame` gets what it says; `live` returns when it is gone."""

    def __init__(
        self,
        models_dir: Path,
        memory_limit_mb: int,
        threads: int,
        on_frame: Callable[[FromWorker], None],
    ) -> None:
        self.loaded: set[str] = set()
        self.pid = 0
        self._arguments = (str(models_dir), str(memory_limit_mb))
        self._threads = threads
        self._on_frame = on_frame
        self._unpacker: Unpacker[FromWorker] = Unpacker(FromWorker)
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._output: deque[bytes] = deque(maxlen=LAST_LINES)
        self._disconnected = asyncio.Event()
        self._doomed = False
        self._ended = False

    async def live(self) -> str:
        """Start the process and wait for its end; how it ended, in words. Kills it when cancelled.

        What it printed may be about a task, and is for that task alone: see `last_words`.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-X", "faulthandler", "-m", "daemon.worker_main"),
                    *(str(theirs.fileno()), str(os.getpid()), *self._arguments),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    env=_environment(self._threads),
                    start_new_session=True,
                )
            except OSError as error:
                return f"could not be started: {error.strerror}"
            theirs.close()
            self.pid = process.pid
            if self._doomed:
                self.kill()
            try:
                await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
                if process.stdout is not None:
                    await self._keep_last_lines(process.stdout)
                status = await process.wait()
                await self._disconnected.wait()  # what it said last is read by now
            finally:
                if process.returncode is None:
                    self.kill()
                    await process.wait()
                self._ended = True
                if self._transport is not None:
                    self._transport.abort()
        return _ending(status)

    def last_words(self) -> str:
        """What it printed since the job in hand began, if anything; never for a log."""
        lines = [line[-LINE_CHARACTERS:].decode(errors="replace").strip() for line in self._output]
        words = " | ".join(lines)
        if len(words) > 360:  # a fault handler says the cause first, a traceback says it last
            words = f"{words[:200]} ... {words[-150:]}"
        return f"; its last words: {words}" if words else ""

    def send(self, frame: ToWorker) -> None:
        """Send, or keep until the process is connected."""
        if self._transport is None:
            self._unsent.append(pack(frame))
        else:
            self._transport.write(pack(frame))

    def kill(self) -> None:
        """End the process, and whatever it started, at once."""
        self._doomed = True
        if self.pid and not self._ended:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def is_usable(self) -> bool:
        """Whether a job may be sent: False once it has been killed or has hung up."""
        return not self._doomed and not self._disconnected.is_set()

    def memory_mb(self) -> float:
        """Resident size; 0.0 when it has no process."""
        try:
            return psutil.Process(self.pid).memory_info().rss / 2**20 if self.pid else 0.0
        except psutil.Error:
            return 0.0

    def sizes_mb(self) -> tuple[float, float]:
        """Resident size, and what of it is its own or its share of what others have too (PSS)."""
        try:
            sizes = psutil.Process(self.pid).memory_full_info()
        except psutil.Error:
            return 0.0, 0.0
        return sizes.rss / 2**20, sizes.pss / 2**20

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what has waited; called by the loop."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            transport.write(b"".join(self._unsent))
            self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        """Hand on every whole frame; called by the loop."""
        try:
            frames = self._unpacker.feed(data)
        except FrameError as error:
            self._output.append(str(error).encode())
            self.kill()
            return
        for frame in frames:
            self._on_frame(frame)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        """Note that nothing more will come; called by the loop."""
        self._disconnected.set()

    async def _keep_last_lines(self, stream: asyncio.StreamReader) -> None:
        """Read until the process has closed its output, which it does by ending."""
        tail = b""
        while data := await stream.read(65_536):
            *lines, tail = (tail + data).split(b"\n")
            tail = tail[-LINE_CHARACTERS:]
            for line in lines:
                if line == BEGINS:
                    self._output.clear()
                elif line.strip():
                    self._output.append(line)
        if tail.strip():
            self._output.append(tail)


def _ending(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _environment(threads: int) -> dict[str, str]:
    """What a handler needs of ours: our packages on the path, the node's threads, and no secrets."""
    count = str(threads)
    ours = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_FAMILIES)
    }
    path = [str(Path(daemon.__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    return ours | {
        "PYTHONPATH": os.pathsep.join(part for part in path if part),
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "RAYON_NUM_THREADS": count,
        "TOKENIZERS_PARALLELISM": "false",
        "MALLOC_ARENA_MAX": "2",
    }


_PASSED_ON = {"CACHE_DIRECTORY", "HOME", "LANG", "LANGUAGE", "PATH", "TMPDIR", "TZ", "USER"}
_PASSED_ON_FAMILIES = ("CUDA_", "FAKETIME", "LC_", "LD_", "NVIDIA_", "ORT_", "PYTHON", "XDG_")
