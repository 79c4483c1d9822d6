"""A private mosquitto for this machine: loopback only, anonymous, with the settings that the bus needs.

Anonymous is safe because nobody outside the machine reaches 127.0.0.1; it is the only open door that
this project ever makes. A broker for several machines is set up by its owner.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

HOST = "127.0.0.1"


class BrokerError(Exception):
    """The private broker cannot run; the message says what, where, and what to do."""


class Broker:
    """One mosquitto child. `async with Broker(directory)` has it answering inside.

    It dies with the thread that started it, however that ends, so a killed parent leaves no orphan.

    Args:
        directory: its own: configuration, log and stored sessions; made when it is missing.
        port: on 127.0.0.1; 0 takes a free one, which `port` then tells and a restart keeps.
    """

    def __init__(self, directory: Path, port: int = 0) -> None:
        self.port = port
        self._directory = directory.resolve()
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        # A stop waits for a start that is under way, so that none outlives it.
        self._changing = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The child's process id; None when it does not run."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    async def start(self) -> None:
        """Start it; returns once it has answered a CONNECT.

        Raises BrokerError when mosquitto is missing, the port is taken, the directory cannot be
        written, or it does not come up.
        """
        async with self._changing:
            self._stopping = False
            await self._start()

    async def supervise(self) -> None:
        """Start it again, with its sessions, whenever it dies; returns after `stop`.

        Raises BrokerError when it cannot be started again.
        """
        while self._process is not None:
            code = await self._process.wait()
            if self._stopping:
                return
            _log.error("broker-died", code=code, port=self.port, log=self._last_words())
            await asyncio.sleep(_RESTART_S)
            async with self._changing:
                if not self._stopping:
                    await self._start()

    async def stop(self) -> None:
        """Let it store its sessions and end; kill it when it does not."""
        self._stopping = True
        async with self._changing:
            await self._end()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    async def _start(self) -> None:
        program = _find()
        if self.port == 0:
            self.port = _free_port()
        elif not _is_free(self.port):
            raise BrokerError(
                f"{HOST}:{self.port} is taken by another program; stop that program or set another"
                " [broker] port"
            )
        config = self._write_config()
        with (self._directory / "mosquitto.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _BOUND, str(os.getpid()), program),
                *("-c", str(config)),
                env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the node, which stops it in order
            )
        try:
            await self._wait_for_answer()
        except BaseException:
            await self._end()
            raise

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def _write_config(self) -> Path:
        path = self._directory / "mosquitto.conf"
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_text(_config(self._directory, self.port), encoding="utf-8")
        except OSError as error:
            raise BrokerError(
                f"{self._directory}: the broker's directory cannot be written: {error.strerror};"
                " give this user the right or set another [node] state_dir"
            ) from error
        return path

    async def _wait_for_answer(self) -> None:
        deadline = asyncio.get_running_loop().time() + _START_S
        while asyncio.get_running_loop().time() < deadline:
            if self.pid is None:
                raise BrokerError(
                    f"mosquitto ended at once on {HOST}:{self.port}: {self._last_words()}"
                    f" (see {self._directory / 'mosquitto.log'})"
                )
            if await answers(HOST, self.port):
                return
            await asyncio.sleep(0.02)
        raise BrokerError(
            f"mosquitto did not answer on {HOST}:{self.port} within {_START_S:.0f} s:"
            f" {self._last_words()}"
        )

    def _last_words(self) -> str:
        try:
            lines = (self._directory / "mosquitto.log").read_text(errors="replace").splitlines()
        except OSError:
            return "it left no log"
        return "; ".join(lines[-3:])[-500:] or "it said nothing"


async def answers(host: str, port: int) -> bool:
    """Whether an MQTT broker is there: it answers a CONNECT with a CONNACK, whatever that says."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_CONNECT)
                await writer.drain()
                answer = await reader.readexactly(1)
                writer.write(_DISCONNECT)
                await writer.drain()
                return answer == _CONNACK
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("broker")
_START_S, _STOP_S, _RESTART_S, _ANSWER_S = 10.0, 5.0, 0.2, 2.0

# MQTT 5, clean start, 10 s keep-alive, no properties, an empty client id (OASIS MQTT 5.0, 3.1).
_CONNECT = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00"
_CONNACK, _DISCONNECT = b"\x20", b"\xe0\x00"

# Asks the kernel to end this process with its parent, then becomes mosquitto. Done in the child by a
# program of its own, because code between fork and exec is not safe in a process with threads.
_BOUND = """\
import ctypes, os, sys
PR_SET_PDEATHSIG, SIGTERM = 1, 15
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


def _config(directory: Path, port: int) -> str:
    lines = [
        f"listener {port} {HOST}",
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {directory}/",
        "autosave_interval 60",
        # A node that was away finds what came meanwhile; overflow would be silent.
        "max_queued_messages 10000",
        "max_inflight_messages 100",
        "max_packet_size 300000",
        # Without it a request and its answer take 88 ms instead of 0.4 ms.
        "set_tcp_nodelay true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    ]
    if os.geteuid() == 0:
        # To change the user would also undo the bond to the parent's life (prctl(2)).
        lines.append("user root")
    return "\n".join(lines) + "\n"


def _find() -> str:
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    program = shutil.which("mosquitto", path=places)
    if program is None:
        raise BrokerError(
            "the program mosquitto is not installed: apt-get install mosquitto,"
            " or set [broker] host and port to a broker that runs elsewhere"
        )
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
