"""The Python client against three real nodes: what it lists, asks, spreads, cancels, and how it fails.

`hub` is the home; it echoes, and trusts `left` with what is private. `left` and `right` also work.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from broker_fixture import SETTINGS, BrokerProcess, Peer, eventually, free_port
from node_process import NodeProcess, on_the_bus

from bus_topics import messages as m
from bus_topics.messages import Outcome, Preference, RejectCode
from daemon import mesh as client
from daemon.asking import Chunk, MeshError, Rejected, Subtask, Unfinished
from daemon.mesh import Mesh

ECHO, WORK = "selftest_echo", "selftest_work"
NODES = ("hub", "left", "right")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A bus with the three nodes, for all tests here."""
    directory = tmp_path_factory.mktemp("mesh")
    broker = BrokerProcess(directory, SETTINGS + "allow_anonymous true\n")
    broker.start()
    trust = {"auction__private_nodes": "left"}
    nodes = [
        NodeProcess(directory, broker.port, "hub", (ECHO,), **trust),
        NodeProcess(directory, broker.port, "left", (ECHO, WORK), node__hub="false"),
        NodeProcess(directory, broker.port, "right", (ECHO, WORK), node__hub="false"),
    ]
    for node in nodes:
        node.start()
    try:
        asyncio.run(_all_there(broker.port))
        yield broker.port
    finally:
        for node in nodes:
            node.kill()
        broker.kill()


async def _all_there(port: int) -> None:
    async with Mesh(port=port, login="watch") as mesh:
        await on_the_bus(mesh, *NODES)


@pytest.fixture
async def mesh(port: int) -> AsyncIterator[Mesh]:
    """A client with a login of its own, so that nothing of another test reaches it."""
    async with Mesh(port=port, login=f"app-{secrets.token_hex(4)}") as one, asyncio.timeout(60):
        yield one


# --- looking -------------------------------------------------------------------------------------


async def test_every_node_is_listed_with_what_it_can_do(mesh: Mesh) -> None:
    views = {view.id: view for view in await mesh.nodes()}
    assert set(views) == set(NODES)
    assert all(view.online for view in views.values())
    offers = {
        id_: [skill.capability for skill in view.card.skills]
        for id_, view in views.items()
        if view.card
    }
    assert offers == {"hub": [ECHO], "left": [ECHO, WORK], "right": [ECHO, WORK]}


async def test_can_a_node_do_it(mesh: Mesh) -> None:
    assert await mesh.can("left", WORK)
    assert not await mesh.can("hub", WORK)
    assert not await mesh.can("nobody", ECHO)


async def test_decisions_are_seen_as_they_fall(mesh: Mesh) -> None:
    awarded = asyncio.create_task(_event(mesh, "awarded"))
    await asyncio.sleep(0.2)
    final = await mesh.delegate("left", ECHO, "x", id="seen")
    event = await asyncio.wait_for(awarded, 10)
    assert (event.task, event.node) == (f"{mesh.login}/seen", "left")
    assert event.decision is not None
    assert event.decision.winner == final.node


async def _event(mesh: Mesh, kind: str) -> m.Event:
    async for event in mesh.events():
        if event.kind == kind and event.task.startswith(f"{mesh.login}/"):
            return event
    raise AssertionError("the events ended")


# --- asking --------------------------------------------------------------------------------------


async def test_the_chunks_of_a_stream_come_while_it_runs(mesh: Mesh) -> None:
    chunks: list[Chunk] = []
    arrivals: list[float] = []
    async for chunk in mesh.ask(WORK, {"ms": 600, "steps": 6}):
        chunks.append(chunk)
        arrivals.append(asyncio.get_running_loop().time())
    assert "".join(chunk.text for chunk in chunks) == "1 2 3 4 5 6 "
    assert {chunk.attempt for chunk in chunks} == {1}
    assert len(chunks) > 2
    assert arrivals[-1] - arrivals[0] > 0.2, "they were held back until the end"


async def test_a_capability_that_does_not_stream_gives_one_chunk(mesh: Mesh) -> None:
    assert [chunk.text async for chunk in mesh.ask(ECHO, "good evening")] == ["good evening"]


async def test_a_negotiation_has_bids_and_awards_nobody(mesh: Mesh, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    decision = await mesh.negotiate(WORK, {"mark": str(mark)}, id="price")
    bids = {bid.node: bid for bid in decision.bids}
    assert {"left", "right"} <= set(bids)
    assert decision.winner in {"left", "right"}
    assert decision.reason
    assert bids[decision.winner].eta_ms > 0
    assert "hub" not in bids or bids["hub"].excluded
    record = (await mesh.report(f"{mesh.login}/price"))[0]
    assert record.attempts == 0
    assert "awarded" not in {step.kind for step in record.steps}
    assert not mark.exists()


@pytest.mark.parametrize("node", ["left", "right"])
async def test_a_delegated_task_goes_to_the_named_node(mesh: Mesh, node: str) -> None:
    for _ in range(3):
        final = await mesh.delegate(node, WORK, {"note": "x"})
        assert (final.outcome, final.node) == (Outcome.DONE, node)


async def test_the_preference_of_the_client_is_what_the_home_decides_by(mesh: Mesh) -> None:
    mesh.prefer("distributed")
    spread = {(await (await mesh.submit(ECHO, "x")).final()).node for _ in range(8)}
    assert len(spread) > 1, "distributed means that no node has it all"
    asking = await mesh.submit(ECHO, "x")
    await asking.final()
    assert (await mesh.report(asking.task))[0].preference is Preference.DISTRIBUTED
    mesh.prefer(None)
    asking = await mesh.submit(ECHO, "x")
    assert (await asking.final()).node == "hub", "the home's own preference is local first"
    with pytest.raises(ValueError, match="cheapest"):
        mesh.prefer("cheapest")


async def test_a_cancelled_task_ends_as_cancelled_and_stops(mesh: Mesh) -> None:
    asking = await mesh.submit(WORK, {"ms": 30_000, "steps": 300}, stream=True)
    async for _ in asking:
        break
    await asking.cancel()
    final = await asyncio.wait_for(asking.final(), 10)
    assert final.outcome is Outcome.CANCELLED
    node = (await mesh.report(asking.task))[0].node
    after = await asyncio.wait_for(mesh.delegate(str(node), WORK, {}), 10)
    assert after.outcome is Outcome.DONE, "its slot is free again"


async def test_a_task_past_its_deadline_expires(mesh: Mesh) -> None:
    asking = await mesh.submit(WORK, {"ms": 30_000, "steps": 300}, deadline_ms=700)
    with pytest.raises(Unfinished, match="expired") as caught:
        await asking.result()
    assert caught.value.final.outcome is Outcome.EXPIRED


async def test_a_failure_is_raised_with_what_the_handler_said(mesh: Mesh) -> None:
    asking = await mesh.submit(WORK, {"crash": "error"}, max_attempts=2)
    with pytest.raises(Unfinished, match="asked to raise") as caught:
        await asking.result()
    final = caught.value.final
    assert (final.outcome, final.attempts) == (Outcome.FAILED, 2)
    with pytest.raises(Unfinished, match="asked to raise"):
        [chunk async for chunk in mesh.ask(WORK, {"crash": "error"}, max_attempts=1)]


async def test_bad_content_is_not_tried_a_second_time(mesh: Mesh) -> None:
    final = await (await mesh.submit(WORK, {"ms": "soon"}, max_attempts=5)).final()
    assert (final.outcome, final.attempts) == (Outcome.FAILED, 1)
    assert "ms" in final.error


async def test_collaboration_counts_orders_and_tells_of_its_progress(mesh: Mesh) -> None:
    subtasks = [Subtask(ECHO, f"n{number}") for number in range(5)]
    subtasks[2] = Subtask(WORK, {"crash": "error"}, {"max_attempts": 1})
    subtasks.append(Subtask(ECHO, "last", {"id": "same"}))
    told: list[tuple[int, int]] = []
    done = await mesh.collaborate(subtasks, lambda ended, total: told.append((ended, total)))
    assert (done.total_subtasks, done.successful_subtasks) == (6, 5)
    assert told == [(ended, 6) for ended in range(1, 7)]
    finals = [end for end in done.results if isinstance(end, m.Final)]
    outcomes = ["done", "done", "failed", "done", "done", "done"]
    assert [final.outcome.value for final in finals] == outcomes
    for number in (0, 1, 3, 4):
        assert bytes(finals[number].result or b"") == f'"n{number}"'.encode()
    assert len({final.node for final in finals if final.node}) > 1, "it was not spread"
    refused = await mesh.collaborate([Subtask(ECHO, "another body", {"id": "same"})])
    assert refused.successful_subtasks == 0
    assert isinstance(refused.results[0], m.Rejected)


# --- what is refused -----------------------------------------------------------------------------


async def test_the_same_id_with_another_body_is_a_conflict(mesh: Mesh) -> None:
    assert (await (await mesh.submit(ECHO, 1, id="one")).final()).outcome is Outcome.DONE
    assert (await (await mesh.submit(ECHO, 1, id="one")).final()).attempts == 1
    with pytest.raises(Rejected, match="another task") as caught:
        await (await mesh.submit(ECHO, 2, id="one")).final()
    assert caught.value.rejection.code is RejectCode.CONFLICT


async def test_nobody_sees_the_tasks_of_somebody_else(port: int, mesh: Mesh) -> None:
    asking = await mesh.submit(ECHO, 1)
    await asking.final()
    async with Mesh(port=port, login="stranger") as other:
        with pytest.raises(Rejected) as caught:
            await other.report(asking.task)
        assert caught.value.rejection.code is RejectCode.DENIED
        listed = [record.task for record in await other.report()]
        assert not [task for task in listed if not task.startswith("stranger/")]
    async with Mesh(port=port, login="cli") as operator:
        assert (await operator.report(asking.task))[0].outcome is Outcome.DONE


async def test_reports_asked_for_at_once_are_not_mixed_up(mesh: Mesh) -> None:
    askings = [await mesh.submit(ECHO, number) for number in range(4)]
    for asking in askings:
        await asking.final()
    got = await asyncio.gather(*(mesh.report(asking.task) for asking in askings), mesh.report())
    assert [records[0].task for records in got[:-1]] == [asking.task for asking in askings]
    assert {record.task for record in got[-1]} == {asking.task for asking in askings}


async def test_the_late_answer_to_a_question_asked_twice_answers_no_other(mesh: Mesh) -> None:
    first, second = [await mesh.submit(ECHO, number) for number in range(2)]
    await first.final(), await second.final()
    mesh._post.send(first.home, m.Get(task=first.task))  # as a repeat that overtook its answer
    mesh._post.send(first.home, m.Get(limit=1))
    assert [record.task for record in await mesh.report(second.task)] == [second.task]
    mesh._post.send(first.home, m.Get(task=first.task))
    assert len(await mesh.report()) == 2


async def test_a_login_that_is_the_homes_own_is_denied(port: int) -> None:
    async with Mesh(port=port, login="hub", home="hub") as mesh:
        with pytest.raises(Rejected, match="name of its own") as caught:
            await (await mesh.submit(ECHO, 1)).final()
        assert caught.value.rejection.code is RejectCode.DENIED


@pytest.mark.parametrize(
    ("capability", "options"),
    [
        ("Not A Capability", {}),
        (ECHO, {"priority": 10}),
        (ECHO, {"deadline_ms": 0}),
        (ECHO, {"id": "no/slash"}),
        (ECHO, {"prioritee": 3}),
        (ECHO, {"content": object()}),
    ],
)
async def test_a_malformed_task_is_refused_before_it_leaves(
    mesh: Mesh, capability: str, options: dict[str, object]
) -> None:
    content = options.pop("content", "x")
    with pytest.raises(MeshError, match="cannot be submitted"):
        await mesh.submit(capability, content, **options)


# --- promises ------------------------------------------------------------------------------------


async def test_private_content_reaches_the_trusted_nodes_alone(port: int, mesh: Mesh) -> None:
    secret = f"secret-{secrets.token_hex(8)}"
    async with Peer(port, "eavesdropper", "forgebus/v1/#") as ear:
        mesh.prefer("distributed")
        for number in range(6):
            asking = await mesh.submit(
                WORK, {"note": secret}, privacy="private", id=f"private-{number}"
            )
            assert (await asking.final()).node == "left"
        off_the_list = await (
            await mesh.submit(WORK, {"note": secret}, privacy="private", node="right")
        ).final()
        assert off_the_list.outcome is Outcome.FAILED
        assert "private_nodes" in off_the_list.error
        await ear.has(1)
        await asyncio.sleep(0.3)
    carried = {message.topic for message in ear.came if secret.encode() in message.payload}
    me = mesh.login
    allowed = {
        f"forgebus/v1/in/hub/{me}/submit",
        "forgebus/v1/in/left/hub/award",
        "forgebus/v1/in/hub/left/result",
        f"forgebus/v1/in/{me}/hub/final",
    }
    assert carried == allowed
    topics = {message.topic for message in ear.came}
    assert f"forgebus/v1/offer/{WORK}/hub" in topics
    assert not {topic for topic in topics if topic.startswith("forgebus/v1/in/right/")}
    offers = b"".join(message.payload for message in ear.came if "/offer/" in message.topic)
    assert b'"only":["hub","left"]' in offers


async def test_a_once_task_has_its_effect_exactly_once(mesh: Mesh, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    asked = [
        await mesh.submit(WORK, {"mark": str(mark), "note": f"t{n}"}, id=f"t{n}", once=True)
        for n in range(6)
    ]
    finals = [await asking.final() for asking in asked]
    again = await mesh.submit(WORK, {"mark": str(mark), "note": "t0"}, id="t0", once=True)
    assert (await again.final()).outcome is Outcome.DONE
    assert {final.outcome for final in finals} == {Outcome.DONE}
    assert Counter(mark.read_text().split()) == {f"t{n}": 1 for n in range(6)}


async def test_the_urgent_goes_first_among_those_that_wait(mesh: Mesh, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    async def submit(note: str, priority: int, ms: int) -> None:
        content = {"mark": str(mark), "note": note, "ms": ms, "steps": 10}
        asking = await mesh.submit(WORK, content, node="right", once=True, priority=priority)
        assert (await asking.final()).outcome is Outcome.DONE

    async with asyncio.TaskGroup() as group:
        group.create_task(submit("running", 5, 1500))
        await eventually(mark.exists, "it did not begin")
        for note, priority in (("whenever", 0), ("normal", 5), ("urgent", 9)):
            group.create_task(submit(note, priority, 10))
    assert mark.read_text().split() == ["running", "urgent", "normal", "whenever"]


async def test_every_finished_task_tells_who_bid_who_won_and_when(mesh: Mesh) -> None:
    asked = {
        "alone": await mesh.submit(ECHO, "x"),
        "chosen": await mesh.submit(WORK, {"ms": 20}, preference="fastest"),
        "named": await mesh.submit(WORK, {"ms": 20}, node="right"),
        "failed": await mesh.submit(WORK, {"crash": "error"}, max_attempts=2),
        "nobody": await mesh.submit("text_generation", "x", deadline_ms=400),
        "price": await mesh.submit(WORK, {}, negotiate=True),
        "cancelled": await mesh.submit(WORK, {"ms": 30_000, "steps": 300}),
    }
    await asyncio.sleep(0.5)
    await asked["cancelled"].cancel()
    finals = {name: await asking.final() for name, asking in asked.items()}
    for name, asking in asked.items():
        explains((await mesh.report(asking.task))[0], finals[name])
    outcomes = [finals[name].outcome.value for name in asked]
    assert outcomes == ["done", "done", "done", "failed", "expired", "done", "cancelled"]


def explains(record: m.TaskRecord, final: m.Final) -> None:
    """Every step with its time, and every award with the bids and scores that led to it."""
    kinds = [step.kind for step in record.steps]
    assert (kinds[0], kinds[-1]) == ("received", final.outcome.value)
    times = [step.at_ms for step in record.steps]
    assert times == sorted(times)
    assert 0 < times[-1] <= record.elapsed_ms
    assert kinds.count("awarded") == final.attempts
    assert record.decisions
    for decision in record.decisions:
        assert decision.reason
        if decision.winner is None:
            assert final.outcome is Outcome.EXPIRED
            continue
        if "next in hand" in decision.reason:  # of the round before, whose bids stand there
            assert decision.attempt > 1
            continue
        (won,) = [bid for bid in decision.bids if bid.node == decision.winner]
        assert won.score == min(bid.score for bid in decision.bids if not bid.excluded)
        assert min(won.correction, won.corrected_ms, won.eta_ms) > 0
    if final.node is not None and final.outcome is Outcome.DONE:
        assert record.timing is not None
        assert record.timing.run_ms > 0


# --- nobody there --------------------------------------------------------------------------------


async def test_a_bus_without_nodes_says_so(
    broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIND_S", 1.0)
    async with Mesh(port=broker.port) as mesh:
        assert await mesh.nodes() == []
        with pytest.raises(MeshError, match=r"no node is on the bus.*forgebus run"):
            await mesh.submit(ECHO, 1)


async def test_a_home_that_is_not_there_is_busy(broker: BrokerProcess) -> None:
    async with Mesh(port=broker.port, home="nowhere") as mesh:
        with pytest.raises(Rejected, match="nowhere is not on the bus") as caught:
            await asyncio.wait_for((await mesh.submit(ECHO, 1)).final(), 10)
        assert caught.value.rejection.code is RejectCode.BUSY
        with pytest.raises(MeshError, match="gave no report"):
            await mesh.report("app/x")


async def test_no_broker_is_said_within_seconds() -> None:
    async with asyncio.timeout(client.FIND_S + 5):
        with pytest.raises(MeshError, match=r"no MQTT broker answers.*forgebus run"):
            async with Mesh(port=free_port()):
                pytest.fail("connected to nothing")
