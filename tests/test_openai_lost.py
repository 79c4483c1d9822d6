"""A node that is killed in the middle of a streamed answer: its reader gets the whole text, and each word once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from broker_fixture import BrokerProcess
from node_process import NodeProcess, on_the_bus
from openai_fixture import opened

STORY = "tell me a long story about a dog, a cat and a boat"
LONG = {"type": "object", "properties": {"s": {"type": "string", "minLength": 450}}}
AS_BEFORE: dict[str, Any] = {
    "model": "text_generation",
    "max_tokens": 512,
    "seed": 5,
    # Long enough for the node to be killed before it has written it.
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "story", "schema": LONG | {"required": ["s"]}},
    },
}


async def test_another_node_goes_on_where_the_lost_one_was(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    hub = NodeProcess(tmp_path, broker.port, "hub", ("selftest_echo",))
    writers = {
        name: NodeProcess(tmp_path, broker.port, name, ("text_generation",), node__hub="false")
        for name in ("left", "right")
    }
    nodes = (hub, *writers.values())
    for node in nodes:
        node.start()
    try:
        async with opened(broker.port, None) as door, asyncio.timeout(60):
            await on_the_bus(door.mesh, "hub", *writers)
            whole = await door.chat(STORY, **AS_BEFORE)
            stream = await door.chat(STORY, stream=True, **AS_BEFORE)
            said, lost, last = "", "", None
            async for chunk in stream:
                said += chunk.choices[0].delta.content or ""
                last = chunk
                if said and not lost:
                    assert len(said) < len(whole.choices[0].message.content)
                    task = stream.response.headers["x-forgebus-task"]
                    lost = (await door.mesh.report(task))[0].decisions[-1].winner or ""
                    writers[lost].kill()
    finally:
        for node in nodes:
            node.kill()
    assert said == whole.choices[0].message.content
    assert last is not None
    assert last.forgebus["node"] == ({"left", "right"} - {lost}).pop()
    assert last.choices[0].finish_reason == whole.choices[0].finish_reason
