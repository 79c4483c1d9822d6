"""The floor under any auction over MQTT: five QoS 1 hops, journalled, and nothing else.

    requester ─ submit ─▶ auctioneer ─ offer ─▶ worker ─ bid ─▶ auctioneer ─ award ─▶ worker ─ result ─▶ requester

Plain aiomqtt with TCP_NODELAY and acknowledgement after the commit; the auctioneer commits at submit and
award, the worker before its result, through the journal that a node uses. No JSON, no checks, no leases,
no repeats, no decision: what a node adds is what these leave out.
"""

import argparse
import asyncio
import contextlib
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import aiomqtt

from bench.load import Figures, drive
from daemon.actions import TASK, Save
from daemon.journal import Journal

BASE = "floor"
KEY_BYTES = 16
BODY = b"x" * 184
START_S = 20.0


class Peer:
    """One client of the floor: publish and forget, acknowledge after the commit."""

    def __init__(self, port: int, name: str) -> None:
        self._client = aiomqtt.Client(
            "127.0.0.1",
            port,
            identifier=f"{BASE}-{name}",
            protocol=aiomqtt.ProtocolVersion.V5,
            max_inflight_messages=1000,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        self._client.pending_calls_threshold = 10**9
        self._paho = self._client._client  # noqa: SLF001 - aiomqtt has no manual acknowledgement
        self._paho.manual_ack_set(on=True)
        self._sending: set[asyncio.Task[None]] = set()

    def publish(self, topic: str, payload: bytes) -> None:
        """At QoS 1, without waiting for the acknowledgement."""
        task = asyncio.get_running_loop().create_task(
            self._client.publish(f"{BASE}/{topic}", payload, qos=1)
        )
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def serve(
        self,
        topics: list[str],
        handle: Callable[[str, bytes, Callable[[], None]], None],
        ready: Callable[[], None],
    ) -> None:
        """Hand every message to `handle` with its acknowledgement; `ready` once subscribed."""
        async with self._client:
            for topic in topics:
                await self._client.subscribe(f"{BASE}/{topic}", qos=1)
            ready()
            async for message in self._client.messages:
                assert isinstance(message.payload, bytes)
                name = str(message.topic).removeprefix(f"{BASE}/")
                handle(name, message.payload, partial(self._acknowledge, message.mid))

    def _acknowledge(self, mid: int) -> None:
        self._paho.ack(mid, 1)


async def auctioneer(port: int, directory: Path) -> None:
    """Commit, offer; on the first bid commit, award."""
    journal = _journal(directory)
    peer = Peer(port, "auctioneer")
    open_: set[bytes] = set()

    def handle(topic: str, payload: bytes, ack: Callable[[], None]) -> None:
        key = payload[:KEY_BYTES]
        if topic == "submit":
            open_.add(key)
            _commit(journal, key, payload, ack, lambda: peer.publish("offer", payload))
        elif key in open_:
            open_.remove(key)
            award = topic.replace("bid/", "award/")
            _commit(journal, key, payload, ack, lambda: peer.publish(award, payload))
        else:
            ack()

    await peer.serve(["submit", "bid/+"], handle, _say_ready)


async def worker(port: int, directory: Path, number: int) -> None:
    """Bid for every offer; commit every award and send it back as the result."""
    journal = _journal(directory)
    peer = Peer(port, f"worker-{number}")

    def handle(topic: str, payload: bytes, ack: Callable[[], None]) -> None:
        if topic == "offer":
            ack()
            peer.publish(f"bid/{number}", payload)
        else:
            key = payload[:KEY_BYTES]
            _commit(journal, key, payload, ack, lambda: peer.publish("result", payload))

    await peer.serve(["offer", f"award/{number}"], handle, _say_ready)


class Floor:
    """The requester's end of a running floor."""

    def __init__(self, port: int) -> None:
        self._peer = Peer(port, "requester")
        self._waiting: dict[bytes, asyncio.Future[None]] = {}
        self._number = 0

    async def task(self) -> None:
        """One no-op task, from submit to result."""
        self._number += 1
        key = self._number.to_bytes(KEY_BYTES, "big")
        waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        self._peer.publish("submit", key + BODY)
        await asyncio.wait_for(waiting, 30)

    async def measure(self, window: int, seconds: float) -> Figures:
        """Latency and rate with `window` tasks outstanding."""
        return await drive(self.task, window, seconds)

    async def serve(self, ready: Callable[[], None]) -> None:
        """Take the results in, until cancelled."""

        def handle(_topic: str, payload: bytes, ack: Callable[[], None]) -> None:
            ack()
            waiting = self._waiting.pop(payload[:KEY_BYTES], None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

        await self._peer.serve(["result"], handle, ready)


@contextlib.asynccontextmanager
async def running(port: int, workers: int) -> AsyncIterator[Floor]:
    """A floor of its own processes on the broker at `port`."""
    with tempfile.TemporaryDirectory() as directory:
        roles = [["auctioneer"], *(["worker", "--number", str(n)] for n in range(workers))]
        processes = [await _start(port, Path(directory), role) for role in roles]
        floor = Floor(port)
        subscribed = asyncio.Event()
        serving = asyncio.create_task(floor.serve(subscribed.set))
        try:
            await asyncio.wait_for(subscribed.wait(), START_S)
            yield floor
        finally:
            serving.cancel()
            for process in processes:
                process.terminate()
                await process.wait()


async def _start(port: int, directory: Path, role: list[str]) -> asyncio.subprocess.Process:
    own = directory / "-".join(role)
    arguments = [sys.executable, "-m", "bench.floor", *role, "--port", str(port), "--dir", str(own)]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), START_S)
    return process


def _say_ready() -> None:
    print("ready", flush=True)


def _journal(directory: Path) -> Journal:
    directory.mkdir(parents=True, exist_ok=True)
    journal = Journal.open(directory)
    journal.start(asyncio.get_running_loop())
    return journal


def _commit(
    journal: Journal,
    key: bytes,
    payload: bytes,
    ack: Callable[[], None],
    publish: Callable[[], None],
) -> None:
    def then() -> None:
        ack()
        publish()

    journal.commit([Save(TASK, key.hex(), 1, "", b"", payload)], then)


def main() -> None:
    """Run one of the floor's processes."""
    parser = argparse.ArgumentParser(description="one process of the floor")
    parser.add_argument("role", choices=["auctioneer", "worker"])
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    given = parser.parse_args()
    if given.role == "auctioneer":
        asyncio.run(auctioneer(given.port, given.dir))
    else:
        asyncio.run(worker(given.port, given.dir, given.number))


if __name__ == "__main__":
    main()
