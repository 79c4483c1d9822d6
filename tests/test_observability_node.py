"""What a real node tells of itself over HTTP: its metrics, and honestly whether it is well."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from broker_fixture import BrokerProcess, Peer, eventually, free_port
from node_process import NodeProcess, on_the_bus
from prometheus_client.parser import text_string_to_metric_families
from small_disk import fill

from bus_topics.messages import Outcome
from daemon.mesh import Mesh

WORK = "selftest_work"
TALKATIVE = "allow_anonymous true\nsys_interval 1\n"
ROOT = Path(__file__).resolve().parent.parent


class Watched:
    """A node with a port to watch it at."""

    def __init__(self, node: NodeProcess, port: int) -> None:
        self.node = node
        self.port = port

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Status, content type and body."""
        return await asyncio.to_thread(self._get, path, headers)

    def _get(self, path: str, headers: dict[str, str]) -> tuple[int, str, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read().decode()

    async def metrics(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Every sample by its name, and by the values of its labels."""
        status, _, text = await self.get("/metrics")
        assert status == 200, text
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
        return found

    async def health(self) -> tuple[int, Any]:
        """Status and what is wrong."""
        status, _, text = await self.get("/healthz")
        return status, json.loads(text)["faults"]

    async def until(self, status: int, *parts: str) -> dict[str, str]:
        """Until health has this status and these faulty parts."""
        faults: Any = None
        async with asyncio.timeout(30):
            while True:
                try:
                    got, faults = await self.health()
                except OSError:
                    got, faults = 0, {}
                if got == status and set(faults) == set(parts):
                    return dict(faults)
                await asyncio.sleep(0.1)


Make = Callable[..., Watched]


@pytest.fixture
def make_watched(tmp_path: Path) -> Iterator[Make]:
    made: list[NodeProcess] = []

    def make(port: int, id_: str, *capabilities: str, **settings: str) -> Watched:
        listen = free_port()
        chosen = {"observability__listen": f"127.0.0.1:{listen}"} | settings
        node = NodeProcess(tmp_path, port, id_, capabilities, **chosen)
        made.append(node)
        node.start()
        return Watched(node, listen)

    yield make
    for node in made:
        node.kill()


async def test_a_node_at_work_tells_all_of_it(
    make_broker: Callable[..., BrokerProcess], make_watched: Make
) -> None:
    """Two nodes, tasks that are done, one that fails, a message that is refused, a broker that drops."""
    broker = make_broker(f"{TALKATIVE}max_queued_messages 5\n")
    home, worker = make_watched(broker.port, "home"), make_watched(broker.port, "worker", WORK)
    async with Mesh(port=broker.port, home="home") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "home", "worker")
        crash = await mesh.submit(WORK, {"crash": "exit"}, max_attempts=1)
        assert (await crash.final()).outcome is Outcome.FAILED
        for _ in range(3):
            final = await (await mesh.submit(WORK, {"ms": 20})).final()
            assert final.outcome is Outcome.DONE
        async with Peer(broker.port, "stranger") as stranger:
            stranger.bus.publish("forgebus/v1/in/home/stranger/submit", b"{", qos=1)
            await stranger.bus.flush(5)
            await overflow(broker.port, stranger)
        await eventually(lambda: "quarantined" in home.node.log(), "it was not refused")
        seen = await home.metrics()
        while not seen.get("forgebus_broker_dropped_messages_total", {}).get((), 0) > 0:
            await asyncio.sleep(0.3)
            seen = await home.metrics()
        there = await worker.metrics()
    assert seen["forgebus_tasks_accepted_total"] == {(): 4}
    assert seen["forgebus_decisions_total"] == {("awarded",): 4, ("done",): 3, ("failed",): 1}
    assert seen["forgebus_task_seconds_count"] == {(): 3}
    assert 0.06 <= seen["forgebus_task_seconds_sum"][()] < 60
    assert seen["forgebus_bids_total"][("no",)] >= 4
    assert seen["forgebus_bid_seconds_count"][()] >= 4
    assert seen["forgebus_promise_ratio_count"] == {(): 3}
    assert seen["forgebus_promises_broken_total"] == {("failed",): 1}
    assert seen["forgebus_calibration_ratio"][(WORK, "worker")] != 1.0
    assert 0 < seen["forgebus_reliability_ratio"][(WORK, "worker")] < 1.0
    assert seen["forgebus_quarantined_total"] == {("not-json",): 1}
    assert seen["forgebus_messages_received_total"][("submit",)] == 5, "the malformed one too"
    assert seen["forgebus_healthy"] == {("node",): 1, ("broker",): 1, ("journal",): 1}
    assert 0 < seen["forgebus_broker_round_trip_seconds"][()] < 2
    assert 0 < seen["forgebus_journal_write_seconds"][()] < 2
    assert seen["forgebus_nodes"] == {("live",): 2, ("absent",): 0}
    assert set(seen["forgebus_tasks"]) >= {("queued",), ("running",), ("final",)}
    assert seen["process_open_fds"][()] > 5
    assert seen["forgebus_broker_clients"][()] >= 3
    ended = there["forgebus_attempts_ended_total"]
    assert {outcome: count for (_, outcome), count in ended.items()} == {"done": 3, "failed": 1}
    assert there["forgebus_worker_memory_bytes"][("rss", "0")] > 10 * 2**20
    assert there["forgebus_slots"] == {(): 1}


async def overflow(port: int, sender: Peer) -> None:
    """More for somebody who is away than the broker keeps."""
    async with Peer(port, "away", "forgebus/v1/answer/away/#"):
        pass
    for _ in range(50):
        sender.bus.publish("forgebus/v1/answer/away/x", b"{}", qos=1)
    await sender.bus.flush(5)


async def test_what_the_broker_keeps_to_itself_is_not_told(
    make_broker: Callable[..., BrokerProcess], make_watched: Make, tmp_path: Path
) -> None:
    """Under an access list without $SYS a node is as well as under any other."""
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite forgebus/#\n")
    node = make_watched(make_broker(f"{TALKATIVE}acl_file {acl}\n").port, "home")
    await node.until(200)
    await asyncio.sleep(2.5)  # the broker tells of itself every second
    seen = await node.metrics()
    assert not {name for name in seen if name.startswith("forgebus_broker_dropped")}
    assert seen["forgebus_healthy"][("broker",)] == 1


async def test_lost_leases_are_counted_by_node(broker: BrokerProcess, make_watched: Make) -> None:
    home, worker = make_watched(broker.port, "home"), make_watched(broker.port, "worker", WORK)
    async with Mesh(port=broker.port, home="home") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "home", "worker")
        asking = await mesh.submit(WORK, {"ms": 30_000, "steps": 300}, stream=True, max_attempts=1)
        async for _ in asking:
            break
        running = await home.metrics()
        assert running["forgebus_tasks"][("running",)] == 1
        assert (await worker.metrics())["forgebus_attempts"][("running",)] == 1
        worker.node.freeze()
        assert (await asking.final()).outcome is Outcome.FAILED
        worker.node.thaw()
    assert (await home.metrics())["forgebus_leases_lost_total"] == {("worker",): 1}


async def test_health_follows_the_broker_and_the_stop(
    broker: BrokerProcess, make_watched: Make
) -> None:
    broker.kill()
    node = make_watched(broker.port, "home", WORK)
    assert "no link" in (await node.until(503, "broker"))["broker"]
    broker.start()
    await node.until(200)
    broker.freeze()
    faults = await node.until(503, "broker")
    assert "no answer" in faults["broker"], "the link still stands, and that is not enough"
    assert (await node.metrics())["forgebus_healthy"][("broker",)] == 0
    assert "forgebus_broker_round_trip_seconds" not in await node.metrics()
    broker.thaw()
    await node.until(200)
    async with Mesh(port=broker.port, home="home") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "home")
        asking = await mesh.submit(WORK, {"ms": 2000, "steps": 20}, stream=True)
        async for _ in asking:
            break
        stopping = asyncio.create_task(asyncio.to_thread(node.node.stop))
        assert (await node.until(503, "node"))["node"] == "stopping"
        assert await stopping == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", node.port), 1)


async def test_health_sees_a_full_disk_that_nobody_writes_to(
    broker: BrokerProcess, make_watched: Make, small_disk: Path
) -> None:
    node = make_watched(broker.port, "home", node__state_dir=str(small_disk / "home"))
    await node.until(200)
    filler = small_disk / "filler"
    fill(filler)
    assert "disk" in (await node.until(503, "journal"))["journal"]
    filler.unlink()
    await node.until(200)


async def test_a_taken_port_is_one_line(broker: BrokerProcess, make_watched: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        node = make_watched(broker.port, "home", observability__listen=listen).node
        assert await asyncio.to_thread(node.wait) == 1
    last = node.log().splitlines()[-1]
    assert re.fullmatch(rf"forgebus: nothing can be served at {listen}: .*listen.*", last), last


async def test_the_page_explains_every_metric(broker: BrokerProcess, make_watched: Make) -> None:
    node = make_watched(broker.port, "home")
    await node.until(200)
    status, kind, text = await node.get("/metrics", Accept="application/openmetrics-text")
    assert (status, kind.partition(";")[0]) == (200, "application/openmetrics-text")
    assert text.endswith("# EOF\n")
    _, kind, text = await node.get("/metrics")
    assert kind.startswith("text/plain; version=0.0.4")
    told = set(re.findall(r"^# HELP (\w+)", text, re.MULTILINE))
    page = (ROOT / "docs/observability.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `((?:forgebus|process)_\w+)", page, re.MULTILINE))
    assert told == explained
