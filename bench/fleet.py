"""Real nodes for a benchmark: a private broker and `forgebus run` processes with journals of their own."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from daemon.broker import Broker, BrokerError
from daemon.mesh import Mesh

START_S = 30.0
ECHO = "selftest_echo"


@dataclass(frozen=True, slots=True)
class Member:
    """One node: its id, what it offers, and settings beyond the defaults."""

    id: str
    capabilities: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fleet:
    """A running bus: its broker's port and process id, and the process of every node."""

    port: int
    broker_pid: int
    processes: Mapping[str, asyncio.subprocess.Process]


@contextlib.asynccontextmanager
async def fleet(members: Sequence[Member]) -> AsyncIterator[Fleet]:
    """Start broker and nodes, wait until all are announced; leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="forgebus-bench-") as directory:
        async with Broker(Path(directory) / "broker") as broker:
            processes: dict[str, asyncio.subprocess.Process] = {}
            try:
                for member in members:
                    state = Path(directory) / member.id
                    processes[member.id] = await _start(member, state, broker.port)
                async with Mesh(port=broker.port, login="bench") as mesh:
                    await announced(mesh, {member.id for member in members})
                if broker.pid is None:
                    raise BrokerError("the private broker is gone")
                yield Fleet(broker.port, broker.pid, processes)
            finally:
                for process in processes.values():
                    with contextlib.suppress(ProcessLookupError):
                        process.terminate()
                for process in processes.values():
                    await process.wait()


async def announced(mesh: Mesh, wanted: AbstractSet[str]) -> None:
    """Wait until these nodes are live, with their cards."""
    async with asyncio.timeout(START_S):
        while not wanted <= {  # noqa: ASYNC110 - the roster has no event to wait for
            view.id for view in await mesh.nodes() if view.online and view.card
        }:
            await asyncio.sleep(0.1)


async def _start(member: Member, state: Path, port: int) -> asyncio.subprocess.Process:
    settings = {
        "node.id": member.id,
        "node.state_dir": str(state),
        "node.log_level": "error",
        "broker.port": str(port),
        "broker.start": "never",
        "work.capabilities": ",".join(member.capabilities),
        "work.max_queue": "1000",
        "auction.sender_per_s": "1000000",  # one login is the whole load
        "node.inbox_per_s": "1000000",
        **member.settings,
    }
    environment = {name: value for name, value in os.environ.items() if "FORGEBUS_" not in name}
    for name, value in settings.items():
        environment[f"FORGEBUS_{name.replace('.', '__').upper()}"] = value
    # What this machine's own node is configured to must not be measured.
    empty = state.with_suffix(".toml")
    empty.touch()
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "daemon.cli", "run", "--config", str(empty)), env=environment
    )
