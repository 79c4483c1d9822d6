"""What the demo plays on: a private broker and nodes as processes of their own, all gone at the end."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import psutil

import daemon
from daemon.broker import Broker

STOP_S = 10.0


class DemoError(Exception):
    """The demo did not show what it says; the message tells which step, and what was seen instead."""


@dataclass(frozen=True, slots=True)
class Part:
    """One node of the demo: its id, its shipped profile, and what it sets besides."""

    id: str
    profile: str
    settings: Mapping[str, object]


class Stage:
    """The processes. On leaving, every one of them is stopped, and none is left."""

    def __init__(self) -> None:
        self._directory = TemporaryDirectory(prefix="forgebus-demo-")
        self._root = Path(self._directory.name)
        self._nodes: dict[str, asyncio.subprocess.Process] = {}
        self.broker = Broker(self._root / "broker")

    async def __aenter__(self) -> Self:
        """Start the broker. Raises BrokerError."""
        try:
            await self.broker.start()
        except BaseException:
            self._directory.cleanup()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything in order; kill what does not. Raises DemoError when a process is left."""
        started = _descendants()
        try:
            await asyncio.gather(*(self._stop(process) for process in self._nodes.values()))
            await self.broker.stop()
            left = psutil.wait_procs(started, timeout=STOP_S)[1]
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        finally:
            self._directory.cleanup()
        if left and kind is None:
            raise DemoError(f"processes were left: {', '.join(str(each.pid) for each in left)}")

    async def start(self, part: Part) -> None:
        """Start a node. It is on the bus when its card says so."""
        settings = {
            "node.id": part.id,
            "node.state_dir": str(self._root / part.id),
            "broker.host": "127.0.0.1",
            "broker.port": self.broker.port,
            "broker.start": "never",
            **part.settings,
        }
        pairs = [f"--set={key}={_toml(value)}" for key, value in settings.items()]
        with (self._root / f"{part.id}.log").open("ab") as log:
            self._nodes[part.id] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "daemon.cli", "run", "--profile", part.profile),
                *pairs,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the demo, which stops them in order
            )

    async def kill(self, node: str) -> None:
        """SIGKILL, without a word to anybody."""
        process = self._nodes.pop(node)
        process.kill()
        await process.wait()

    def check(self) -> None:
        """Raises DemoError when a node has ended by itself, with its last words."""
        for node, process in self._nodes.items():
            if process.returncode is not None:
                raise DemoError(
                    f"node {node} ended with status {process.returncode}: {self.last_words(node)}"
                )

    def last_words(self, node: str) -> str:
        """The end of a node's log."""
        with suppress(OSError):
            lines = (self._root / f"{node}.log").read_text(errors="replace").splitlines()
            return " | ".join(lines[-3:])[-600:]
        return "it left no log"

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def _descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _environment() -> dict[str, str]:
    """Ours without settings of a node, and with our packages on the path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FORGEBUS_")}
    path = [str(Path(daemon.__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    return clean | {"PYTHONPATH": os.pathsep.join(part for part in path if part)}


def _toml(value: object) -> str:
    """A setting as `--set` reads it."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case _:
            return f'"{value}"'
