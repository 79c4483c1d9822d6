"""What a hostile or broken client sends is kept aside with its reason, and the node goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import paho.mqtt.client as paho
import pytest
from broker_fixture import BrokerProcess, eventually
from node_process import NodeProcess, on_the_bus, quarantined
from paho.mqtt.enums import CallbackAPIVersion

from daemon.journal import Journal
from daemon.mesh import Mesh

BASE = "forgebus/v1"
ECHO, WORK = "selftest_echo", "selftest_work"
INBOX = f"{BASE}/in/node/mallory"


def submit(**changes: object) -> bytes:
    return orjson.dumps({"id": "x", "capability": ECHO, "content": "c"} | changes)


def forged_result(task: str, attempt: int = 1) -> bytes:
    return orjson.dumps({"task": task, "attempt": attempt, "outcome": "done", "result": "forged"})


HOSTILE = {
    "text that is no JSON": (f"{INBOX}/submit", b"turn off the lights", "not-json"),
    "bytes that are no text": (f"{INBOX}/submit", b"\xff\xfe{}", "not-json"),
    "NaN": (
        f"{INBOX}/bid",
        b'{"task": "a/b", "auction": "0123456789abcdef", "eta_ms": NaN}',
        "not-json",
    ),
    "a lone surrogate": (f"{INBOX}/cancel", b'{"id": "\\ud800"}', "not-json"),
    "a key twice": (f"{INBOX}/cancel", b'{"id": "a", "id": "b"}', "duplicate-key"),
    "a nest of arrays": (f"{INBOX}/submit", b"[" * 900 + b"]" * 900, "too-deep"),
    "more than fits": (f"{INBOX}/submit", submit(content="x" * 270_000), "too-large"),
    "another version": (f"{INBOX}/submit", submit(v=2), "wrong-version"),
    "an id that climbs": (f"{INBOX}/submit", submit(id="../../etc"), "wrong-shape"),
    "a field that is none": (f"{INBOX}/submit", submit(sudo=True), "wrong-shape"),
    "a number out of range": (f"{INBOX}/submit", submit(priority=99), "wrong-shape"),
    "a kind that is none": (f"{INBOX}/shutdown", b"{}", "unknown-topic"),
    "a requester's kind": (f"{INBOX}/final", b'{"id": "a", "outcome": "done"}', "wrong-shape"),
    "a card of somebody else": (
        f"{BASE}/node/mallory/card",
        b'{"node": "node", "boot": "0123456789abcdef", "version": "1"}',
        "wrong-shape",
    ),
    "a status that is none": (f"{BASE}/node/mallory/status", b"on fire", "wrong-shape"),
    "an answer elsewhere": (
        f"{BASE}/ask/mallory/{ECHO}",
        b'{"content": 1, "reply_to": "forgebus/v1/in/victim/node/final"}',
        "reply-topic",
    ),
}


@pytest.fixture
async def node(broker: BrokerProcess, tmp_path: Path) -> AsyncIterator[NodeProcess]:
    made = NodeProcess(tmp_path, broker.port, "node", (ECHO, WORK))
    made.start()
    async with Mesh(port=broker.port, login="watch") as mesh:
        await on_the_bus(mesh, "node")
        yield made
    made.kill()


async def test_each_is_quarantined_with_its_reason_and_the_node_goes_on(
    broker: BrokerProcess, node: NodeProcess
) -> None:
    mallory = paho.Client(CallbackAPIVersion.VERSION2, "mallory")
    mallory.connect("127.0.0.1", broker.port)
    mallory.loop_start()
    try:
        for name, (topic, payload, code) in HOSTILE.items():
            before = count(node)
            mallory.publish(topic, payload, 1).wait_for_publish(5)
            await eventually(lambda before=before: count(node) > before, f"{name}: not kept aside")  # type: ignore[misc]
            assert ("mallory", code) in quarantined(node), name
    finally:
        mallory.disconnect()
        mallory.loop_stop()
    async with Mesh(port=broker.port, login="app", home="node") as mesh:
        final = await asyncio.wait_for((await mesh.submit(ECHO, "still here")).final(), 20)
        assert final.outcome == "done"


async def test_a_forged_result_is_not_believed(broker: BrokerProcess, node: NodeProcess) -> None:
    """Neither from a stranger, nor for an attempt that was never given."""
    mallory = paho.Client(CallbackAPIVersion.VERSION2, "mallory")
    mallory.connect("127.0.0.1", broker.port)
    mallory.loop_start()
    try:
        async with Mesh(port=broker.port, login="app", home="node") as mesh:
            asking = await mesh.submit(
                WORK, {"ms": 1500, "steps": 3, "note": "honest"}, stream=True
            )
            async for _ in asking:
                forged = forged_result(asking.task)
                mallory.publish(f"{INBOX}/result", forged, 1).wait_for_publish(5)
                break
            final = await asyncio.wait_for(asking.final(), 20)
            assert final.result is not None
            assert orjson.loads(bytes(final.result))["note"] == "honest"
            await eventually(
                lambda: ("mallory", "forged-result") in quarantined(node), "not kept aside"
            )
    finally:
        mallory.disconnect()
        mallory.loop_stop()


def count(node: NodeProcess) -> int:
    reader = Journal.peek(node.state)
    try:
        return len(reader.quarantined(1000))
    finally:
        reader.close()
