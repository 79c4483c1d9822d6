"""A whole node that decodes queued tasks together, from the submit to the final."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_fixture import BrokerProcess, eventually
from node_process import NodeProcess, on_the_bus

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.mesh import Mesh

TANDEM, TEXT = "selftest_tandem", "text_generation"


@pytest.fixture
def node(tmp_path: Path, broker: BrokerProcess) -> Iterator[NodeProcess]:
    made = NodeProcess(tmp_path, broker.port, "alpha", (TANDEM, TEXT, "selftest_work"))
    made.start()
    yield made
    made.kill()


async def finals(mesh: Mesh, capability: str, *contents: object) -> list[m.Final]:
    """The ends of tasks that were submitted all at once."""
    asked = [await mesh.submit(capability, content) for content in contents]
    return [await each.final() for each in asked]


async def test_queued_tasks_run_together_and_are_cancelled_apart(
    broker: BrokerProcess, node: NodeProcess, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    async with Mesh(port=broker.port, home="alpha") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, node.id)
        long = {"ms": 50_000, "steps": 5000, "mark": str(mark)}
        asked = [await mesh.submit(TANDEM, long | {"note": name}) for name in "abcd"]
        await eventually(
            lambda: mark.exists() and len(mark.read_text().split()) == 4, "they wait in turn"
        )
        await asked[1].cancel()
        assert (await asked[1].final()).outcome is Outcome.CANCELLED
        (crashed,) = await finals(mesh, TANDEM, {"crash": "error", "mark": str(mark), "note": "e"})
        assert crashed.outcome is Outcome.FAILED
        for name in (0, 2, 3):
            await asked[name].cancel()
            assert (await asked[name].final()).outcome is Outcome.CANCELLED
        assert sorted(set(mark.read_text().split())) == ["a", "b", "c", "d", "e"]


async def test_texts_written_together_are_those_of_one_at_a_time(
    broker: BrokerProcess, node: NodeProcess
) -> None:
    asks = [{"prompt": "Once upon a time", "seed": seed, "max_tokens": 60} for seed in range(6)]
    async with Mesh(port=broker.port, home="alpha") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, node.id)
        alone = [(await finals(mesh, TEXT, ask))[0] for ask in asks]
        together = await finals(mesh, TEXT, *asks)
    assert [final.result for final in together] == [final.result for final in alone]
    assert {final.outcome for final in together} == {Outcome.DONE}
