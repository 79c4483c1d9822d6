"""A real node with the shipped home model abstains; a bigger bidder in plain MQTT answers, or does not."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from broker_fixture import BrokerProcess
from cli_call import caller
from node_process import NodeProcess, on_the_bus

from bus_topics import messages as m
from bus_topics.messages import Outcome, Privacy
from daemon.asking import MeshError
from daemon.mesh import Mesh
from handlers.catalog import CATALOG

HOME, BIG = "home_control", "desk-gpu"
NONSENSE = {
    "text": "colourless green ideas sleep furiously",
    "entities": [{"entity_id": "light.kitchen", "name": "Kitchen light", "area": "Kitchen"}],
}
Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, NodeProcess]]:
    """A broker's port, and a node with the home model loaded."""
    directory = tmp_path_factory.mktemp("handoff")
    broker = BrokerProcess(directory, "allow_anonymous true\nset_tcp_nodelay true\n")
    node = NodeProcess(directory, broker.port, "pi", (HOME,), work__preload=HOME)
    broker.start()
    try:
        node.start()
        yield broker.port, node
    finally:
        node.kill()
        broker.kill()


@pytest.fixture
def port(stage: tuple[int, NodeProcess]) -> int:
    return stage[0]


@pytest.fixture
async def mesh(port: int) -> Any:
    async with Mesh(port=port, login="app", home="pi") as made:
        await on_the_bus(made, "pi")
        yield made


@pytest.fixture
def bigger(port: int) -> Iterator[Start]:
    """Start the bigger bidder, which behaves as it is told."""
    with ExitStack() as running:

        def start(mode: str) -> subprocess.Popen[bytes]:
            program = Path(__file__).with_name("plain_bidder.py")
            command = [sys.executable, str(program), str(port), BIG, HOME, "0.95", mode]
            process = running.enter_context(subprocess.Popen(command))
            running.callback(process.kill)
            return process

        yield start


async def asked(mesh: Mesh, **options: Any) -> tuple[m.Final, m.TaskRecord]:
    """The end of a task that the home model has no answer to, and its story."""
    asking = await mesh.submit(HOME, NONSENSE, **options)
    final = await asyncio.wait_for(asking.final(), 30)
    (record,) = await mesh.report(asking.task)
    return final, record


def abstained(final: m.Final) -> bool:
    """Whether the end is the home model's abstention as it was."""
    assert (final.outcome, final.node, final.model) == (Outcome.DONE, "pi", "home")
    assert final.result is not None
    return bool(orjson.loads(bytes(final.result))["abstained"])


def steps(record: m.TaskRecord) -> list[tuple[str, str | None]]:
    """What happened, and where."""
    return [(step.kind, step.node) for step in record.steps]


async def story_has(mesh: Mesh, task: str, step: tuple[str, str | None]) -> None:
    """Until this has happened to the task, and its home tells it."""
    told: list[tuple[str, str | None]] = []
    async with asyncio.timeout(20):
        while step not in told:
            await asyncio.sleep(0.05)
            with suppress(MeshError):
                told = steps((await mesh.report(task))[0])


async def test_with_no_bigger_bidder_the_abstention_is_the_answer_at_once(mesh: Mesh) -> None:
    final, record = await asked(mesh)
    assert abstained(final)
    assert steps(record)[-3:] == [("abstained", "pi"), ("abstention kept", "pi"), ("done", "pi")]
    assert [kind for kind, _ in steps(record)].count("offered") == 0
    kept = record.steps[-2]
    quality = CATALOG[HOME].quality
    assert kept.detail == f"no live node offers {HOME} above quality {quality:.2f}"
    assert kept.at_ms == record.steps[-3].at_ms == record.steps[-1].at_ms


async def test_a_bigger_bidder_answers_and_everyone_sees_why(
    mesh: Mesh, port: int, bigger: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    bigger("answers")
    await on_the_bus(mesh, BIG)
    async with Mesh(port=port, login="cli") as watch:
        seen: list[m.Event] = []

        async def look() -> None:
            async for event in watch.events():
                seen.append(event)
                if event.kind == "done":
                    return

        looking = asyncio.create_task(look())
        await asyncio.sleep(0.3)
        final, record = await asked(mesh)
        await asyncio.wait_for(looking, 10)
    assert (final.outcome, final.node, final.attempts) == (Outcome.DONE, BIG, 2)
    assert final.result is not None
    assert orjson.loads(bytes(final.result)) == {"heard": NONSENSE}
    told = [(event.kind, event.node, event.attempt) for event in seen]
    assert told == [
        ("awarded", "pi", 1),
        ("abstained", "pi", 1),
        ("awarded", BIG, 2),
        ("done", BIG, 2),
    ]
    assert seen[2].decision is not None
    words = seen[2].decision.reason
    begin = rf"pi abstained: [a-z]+, [01]\.\d\d; handed on to {BIG}: {BIG} wins: the only valid bid"
    assert re.match(begin, words), words
    assert b"green" not in msgspec.json.encode(seen)
    shown = await asyncio.to_thread(caller(capfd, "--port", port), "why", record.task)
    for said in ("pi abstained: ", f"handed on to {BIG}: ", "attempt 2"):
        assert said in " ".join(shown.out.split())


async def test_a_bigger_bidder_that_dies_midway_leaves_the_abstention(
    mesh: Mesh, bigger: Start
) -> None:
    process = bigger("hangs")
    await on_the_bus(mesh, BIG)
    asking = await mesh.submit(HOME, NONSENSE, deadline_ms=20_000)
    await story_has(mesh, asking.task, ("started", BIG))
    process.kill()
    final = await asyncio.wait_for(asking.final(), 30)
    assert abstained(final)
    assert (final.attempts, final.elapsed_ms < 20_000) == (2, True)
    (record,) = await mesh.report(asking.task)
    assert ("lost", BIG) in steps(record)


async def test_a_bigger_bidder_that_never_ends_leaves_it_in_time_for_the_deadline(
    mesh: Mesh, bigger: Start
) -> None:
    bigger("hangs")
    await on_the_bus(mesh, BIG)
    final, record = await asked(mesh, deadline_ms=1500)
    assert abstained(final)
    assert final.elapsed_ms < 1500
    assert record.steps[-2].detail == "not done within 1500 ms"


async def test_a_bigger_bidder_that_declines_leaves_it(mesh: Mesh, bigger: Start) -> None:
    bigger("declines")
    await on_the_bus(mesh, BIG)
    final, record = await asked(mesh)
    assert abstained(final)
    assert f"{BIG} declined: closed for today" in record.steps[-2].detail


async def test_an_abstention_outlives_a_home_that_is_killed(
    mesh: Mesh, stage: tuple[int, NodeProcess], bigger: Start
) -> None:
    """kill -9 of the home, which is the contractor that abstained too, while the bigger one has it."""
    process = bigger("hangs")
    await on_the_bus(mesh, BIG)
    asking = await mesh.submit(HOME, NONSENSE, deadline_ms=30_000)
    await story_has(mesh, asking.task, ("started", BIG))
    stage[1].restart()
    await story_has(mesh, asking.task, ("home restarted", None))
    process.kill()
    final = await asyncio.wait_for(asking.final(), 40)
    assert abstained(final)
    assert (final.attempts, final.elapsed_ms < 30_000) == (2, True)


@pytest.mark.parametrize(
    "options", [{"handoff": False}, {"privacy": Privacy.PRIVATE}, {"node": "pi"}]
)
async def test_who_does_not_want_it_or_may_not_gets_the_abstention(
    mesh: Mesh, bigger: Start, options: dict[str, Any]
) -> None:
    bigger("answers")
    await on_the_bus(mesh, BIG)
    final, record = await asked(mesh, **options)
    assert abstained(final)
    assert (final.attempts, record.node) == (1, "pi")


def test_the_command_line_switches_it_off(
    port: int, bigger: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    bigger("answers")

    async def there() -> None:
        async with Mesh(port=port, login="waiting") as mesh:
            await on_the_bus(mesh, "pi", BIG)

    asyncio.run(there())
    ask = caller(capfd, "--port", port)
    content = ("--content", orjson.dumps(NONSENSE).decode(), "--json")
    assert ask("ask", HOME, *content, "--no-handoff").json["node"] == "pi"
    assert ask("ask", HOME, *content, "--handoff").json["node"] == BIG
    assert ask("ask", HOME, *content).json["node"] == BIG
