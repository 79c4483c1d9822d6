"""The OpenAI-compatible endpoint on a real bus: a node with its models, and others that only pretend to bid."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from broker_fixture import SETTINGS, BrokerProcess, free_port
from node_process import NodeProcess, on_the_bus

from daemon.config import load
from daemon.mesh import Mesh

KEY = "a-key-that-nobody-guesses"
MODELS = ("home_control", "intent_classification", "math", "text_generation", "selftest_echo")
BIDDERS = {
    "poet": ("embeddings", "embeds"),
    "sleeper": ("dreams", "hangs"),
    "breaker": ("fragile", "fails"),
    "mumbler": ("code", "mutters"),
    "critic": ("taste", "refuses"),
}
MOST_TASKS = 3


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a broker with the node `hub`, and others that do only what `BIDDERS` says."""
    directory = tmp_path_factory.mktemp("openai")
    broker = BrokerProcess(directory, SETTINGS + "allow_anonymous true\n")
    broker.start()
    few = {"auction__sender_tasks": str(MOST_TASKS)}
    hub = NodeProcess(directory, broker.port, "hub", MODELS, **few)
    hub.start()
    try:
        with contextlib.ExitStack() as others:
            for name, (capability, mode) in BIDDERS.items():
                others.enter_context(bidder(broker.port, name, capability, mode))
            asyncio.run(_all_there(broker.port))
            yield broker.port
    finally:
        hub.kill()
        broker.kill()


@contextlib.contextmanager
def bidder(port: int, name: str, capability: str, mode: str) -> Iterator[None]:
    """A node that only bids: see `plain_bidder`."""
    script = Path(__file__).with_name("plain_bidder.py")
    command = [sys.executable, str(script), str(port), name, capability, "0.9", mode]
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.kill()
        process.wait(10)


async def _all_there(port: int) -> None:
    async with Mesh(port=port, login="watch") as mesh:
        await on_the_bus(mesh, "hub", *BIDDERS)


class Endpoint:
    """An open door: its address, its mesh, and a client of it."""

    def __init__(self, url: str, mesh: Mesh) -> None:
        from openai import AsyncOpenAI  # here: every test run imports this module

        self.url = url
        self.mesh = mesh
        self.client = AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0, timeout=60)

    async def chat(self, said: str, model: str = "auto", **more: Any) -> Any:
        """One answer, whole."""
        messages = [{"role": "user", "content": said}]
        return await self.client.chat.completions.create(
            **{"model": model, "messages": messages, **more}
        )


@contextlib.asynccontextmanager
async def opened(port: int, keys: Path | None, **settings: Any) -> AsyncIterator[Endpoint]:
    """A door on this bus, with a login of its own."""
    from doors.openai_door import open_door

    listen = f"127.0.0.1:{free_port()}"
    given: dict[str, Any] = {"openai.listen": listen, **settings}
    if keys is not None:
        given["openai.api_key_file"] = str(keys)
    config = load(None, {}, given)
    mesh = Mesh(port=port, login=f"door-{secrets.token_hex(4)}")
    async with mesh, open_door(config, mesh):
        endpoint = Endpoint(f"http://{listen}", mesh)
        async with endpoint.client:
            yield endpoint


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with two keys."""
    file = tmp_path / "keys"
    file.touch(mode=0o600)
    file.write_text(f"# kitchen tablet\nanother-key-of-enough-length\n\n{KEY}\n")
    return file


@pytest.fixture
async def door(bus: int, keys: Path) -> AsyncIterator[Endpoint]:
    """The door on the bus of this module."""
    async with opened(bus, keys) as endpoint, asyncio.timeout(60):
        yield endpoint
