"""kill -9 in the middle of 50 tasks: contractor, home, broker. Real processes, real broker, real disk."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from broker_fixture import BrokerProcess
from node_process import NodeProcess, on_the_bus

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import Deliver
from daemon.mesh import Mesh

TASKS = 50
WORK = "selftest_work"
Make = Callable[..., NodeProcess]


@pytest.fixture
def make_node(tmp_path: Path, broker: BrokerProcess) -> Iterator[Make]:
    made: list[NodeProcess] = []

    def make(id_: str, *capabilities: str, **settings: str) -> NodeProcess:
        node = NodeProcess(tmp_path, broker.port, id_, capabilities, **settings)
        made.append(node)
        node.start()
        return node

    yield make
    for node in made:
        node.kill()


class Ends(Mesh):
    """A mesh that counts how often it was told an end."""

    def __init__(self, port: int) -> None:
        super().__init__(port=port, login="app", home="home")
        self.finals: Counter[str] = Counter()

    def _carry_out(self, actions: object) -> None:
        for action in actions:  # type: ignore[attr-defined]
            if isinstance(action, Deliver) and isinstance(action.message, m.Final):
                self.finals[action.id] += 1
        super()._carry_out(actions)  # type: ignore[arg-type]


async def fifty(mesh: Mesh, mark: Path, in_the_middle: Callable[[], None]) -> dict[str, m.Final]:
    """Submit 50 tasks, every other one `once`; hurt something when a fifth of them have ended."""
    finals: dict[str, m.Final] = {}
    enough = asyncio.Event()

    async def one(number: int) -> None:
        content = {"ms": 40, "steps": 2, "mark": str(mark), "note": f"t{number}"}
        options = {"id": f"t{number}", "once": number % 2 == 0, "max_attempts": 10}
        asking = await mesh.submit(WORK, content, deadline_ms=90_000, **options)
        finals[asking.id] = await asking.final()
        if len(finals) >= TASKS // 5:
            enough.set()

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for number in range(TASKS):
            group.create_task(one(number))
        await enough.wait()
        in_the_middle()
    return finals


def check(finals: dict[str, m.Final], told: Counter[str], mark: Path) -> None:
    """All final, none twice, no effect of a `once` task twice, every pure task done."""
    assert len(finals) == TASKS
    assert set(told.values()) == {1}
    effects = Counter(mark.read_text().split())
    for id_, final in finals.items():
        once = int(id_[1:]) % 2 == 0
        allowed = {Outcome.DONE, Outcome.UNKNOWN, Outcome.FAILED} if once else {Outcome.DONE}
        assert final.outcome in allowed, final
        assert effects[id_] <= 1 or not once
        if final.outcome is Outcome.DONE:
            assert effects[id_] >= 1
        if final.outcome is Outcome.FAILED:
            assert effects[id_] == 0, "failed says that the effect did not begin"
    assert sum(final.outcome is Outcome.DONE for final in finals.values()) >= TASKS - 4


async def test_a_killed_contractor_loses_nothing(
    broker: BrokerProcess, make_node: Make, tmp_path: Path
) -> None:
    make_node("home")
    contractor = make_node("worker-a", WORK)
    make_node("worker-b", WORK)
    async with Ends(broker.port) as mesh:
        await on_the_bus(mesh, "home", "worker-a", "worker-b")
        finals = await fifty(mesh, tmp_path / "mark", contractor.restart)
        check(finals, mesh.finals, tmp_path / "mark")


async def test_a_killed_home_loses_nothing(
    broker: BrokerProcess, make_node: Make, tmp_path: Path
) -> None:
    home = make_node("home")
    make_node("worker-a", WORK)
    make_node("worker-b", WORK)
    async with Ends(broker.port) as mesh:
        await on_the_bus(mesh, "home", "worker-a", "worker-b")
        finals = await fifty(mesh, tmp_path / "mark", home.restart)
        check(finals, mesh.finals, tmp_path / "mark")


@pytest.mark.parametrize("stored", [True, False], ids=["with its state", "with its state lost"])
async def test_a_killed_broker_loses_nothing(
    make_broker: Callable[..., BrokerProcess], tmp_path: Path, *, stored: bool
) -> None:
    broker = make_broker(stored=stored)
    nodes = [
        NodeProcess(tmp_path, broker.port, id_, capabilities)
        for id_, capabilities in (("home", ()), ("worker-a", (WORK,)), ("worker-b", (WORK,)))
    ]
    for node in nodes:
        node.start()
    try:
        async with Ends(broker.port) as mesh:
            await on_the_bus(mesh, "home", "worker-a", "worker-b")
            finals = await fifty(mesh, tmp_path / "mark", broker.restart)
            check(finals, mesh.finals, tmp_path / "mark")
    finally:
        for node in nodes:
            node.kill()


async def test_a_frozen_contractor_costs_one_lease(
    broker: BrokerProcess, make_node: Make, tmp_path: Path
) -> None:
    make_node("home")
    nodes = {id_: make_node(id_, WORK) for id_ in ("worker-a", "worker-b")}
    async with Ends(broker.port) as mesh:
        await on_the_bus(mesh, "home", *nodes)
        asking = await mesh.submit(WORK, {"ms": 1500, "steps": 10}, stream=True)
        async for chunk in asking:
            if chunk.attempt == 1:
                record = (await mesh.report(asking.task))[0]
                nodes[str(record.node)].freeze()
                break
        final = await asyncio.wait_for(asking.final(), 30)
        assert final.outcome is Outcome.DONE
        assert final.attempts == 2
        assert final.node != record.node
        story = [step.kind for step in (await mesh.report(asking.task))[0].steps]
        assert "lost" in story
