"""Real nodes for tests: `forgebus run` processes on a real broker, made to be killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from daemon.journal import Journal
from daemon.mesh import Mesh

IMPATIENT = {
    "auction.lease_s": "3.0",
    "auction.beat_s": "1.0",
    "broker.will_delay_s": "1",
}
"""Settings under which a lost node is noticed within seconds."""


class NodeProcess:
    """One node: a process, its configuration in the environment, its journal in a directory."""

    def __init__(
        self,
        directory: Path,
        port: int,
        id_: str,
        capabilities: Sequence[str] = (),
        **settings: str,
    ) -> None:
        self.id = id_
        self.state = directory / id_
        self._log = directory / f"{id_}.log"
        chosen: Mapping[str, str] = {
            "node.id": id_,
            "node.state_dir": str(self.state),
            "broker.port": str(port),
            "broker.start": "never",
            "work.capabilities": ",".join(capabilities),
            **IMPATIENT,
            **{name.replace("__", "."): value for name, value in settings.items()},
        }
        self._environment = os.environ | {
            f"FORGEBUS_{name.replace('.', '__').upper()}": value for name, value in chosen.items()
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "daemon.cli", "run"],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9; whatever it was doing stays as it was."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        return self._end(signal.SIGTERM)

    def wait(self) -> int:
        """Until it ends by itself; the exit status."""
        assert self._process is not None
        return self._process.wait(30)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        self.kill()
        self.start()

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def _end(self, how: signal.Signals) -> int:
        if self._process is None or self._process.poll() is not None:
            return 0 if self._process is None else self._process.returncode
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(how)
        return self._process.wait(30)


async def on_the_bus(mesh: Mesh, *ids: str, within_s: float = 30.0) -> None:
    """Until these nodes are live, with their cards."""
    async with asyncio.timeout(within_s):
        live: set[str] = set()
        while not live >= set(ids):
            live = {view.id for view in await mesh.nodes() if view.online and view.card}
            await asyncio.sleep(0.05)


def quarantined(node: NodeProcess) -> set[tuple[str, str]]:
    """Sender and fault of every message that the node refused."""
    reader = Journal.peek(node.state)
    try:
        return {(row.sender, row.code) for row in reader.quarantined(1000)}
    finally:
        reader.close()
