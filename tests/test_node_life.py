"""What a node lives through: a stop in order, too much work, dead workers, a full disk, a double, a restart."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from broker_fixture import BrokerProcess, Peer, eventually
from node_process import NodeProcess, on_the_bus
from small_disk import fill

from bus_topics import messages as m
from bus_topics.messages import Outcome, RejectCode
from daemon.actions import FACT
from daemon.asking import Rejected
from daemon.journal import Journal
from daemon.mesh import Mesh

ECHO, WORK = "selftest_echo", "selftest_work"
Make = Callable[..., NodeProcess]


@pytest.fixture
def make_node(tmp_path: Path, broker: BrokerProcess) -> Iterator[Make]:
    made: list[NodeProcess] = []

    def make(
        id_: str, *capabilities: str, directory: Path | None = None, **settings: str
    ) -> NodeProcess:
        place = directory or tmp_path
        node = NodeProcess(place, broker.port, id_, capabilities, **settings)
        made.append(node)
        node.start()
        return node

    yield make
    for node in made:
        node.kill()


# --- stopping ------------------------------------------------------------------------------------


@contextmanager
def stopped_workers(node: NodeProcess) -> Iterator[None]:
    """What runs there goes on only afterwards, however long that takes."""
    workers = psutil.Process(node.pid).children(recursive=True)
    assert workers
    for worker in workers:
        worker.suspend()
    try:
        yield
    finally:
        for worker in workers:
            worker.resume()


async def test_a_stopping_node_ends_what_runs_and_gives_back_what_waits(
    broker: BrokerProcess, make_node: Make, tmp_path: Path
) -> None:
    """Nothing is lost, nothing is run twice, and the status says that it is gone."""
    mark = tmp_path / "mark"
    make_node("home")
    leaving = make_node("leaving", WORK)
    async with Mesh(port=broker.port, home="home") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "home", "leaving")
        running = await mesh.submit(WORK, {"ms": 4000, "mark": str(mark)}, once=True)
        await eventually(mark.exists, "it did not begin")
        with stopped_workers(leaving):
            waiting = [await mesh.submit(WORK, {"ms": 10}, once=True) for _ in range(3)]
            for asking in waiting:
                while (await mesh.report(asking.task))[0].node != "leaving":  # noqa: ASYNC110 - asked
                    await asyncio.sleep(0.05)
            make_node("staying", WORK)
            await on_the_bus(mesh, "staying")
            leaves = asyncio.create_task(asyncio.to_thread(leaving.stop))
            for asking in waiting:
                await asking.final()
        assert await leaves == 0
        finals = [await asking.final() for asking in (running, *waiting)]
        assert {final.outcome for final in finals} == {Outcome.DONE}
        assert [final.node for final in finals] == ["leaving"] + ["staying"] * 3
        assert [final.attempts for final in finals] == [1, 2, 2, 2]
        steps = (await mesh.report(waiting[0].task))[0].steps
        assert "leaving is stopping" in " ".join(step.detail for step in steps)
        views = {view.id: view.online for view in await mesh.nodes()}
        assert views == {"home": True, "leaving": False, "staying": True}
    async with Peer(broker.port, "later", "forgebus/v1/node/leaving/status") as later:
        await later.has(1)
        assert later.payloads == [b"offline"]


async def test_a_stopping_home_takes_nothing_and_keeps_what_it_took(
    broker: BrokerProcess, make_node: Make
) -> None:
    home = make_node("home")
    make_node("worker", WORK)
    async with Mesh(port=broker.port, home="home") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "home", "worker")
        asking = await mesh.submit(WORK, {"ms": 1000, "steps": 10}, stream=True)
        async for _ in asking:
            break
        assert await asyncio.to_thread(home.stop) == 0
        home.start()
        final = await asking.final()
        assert (final.outcome, final.attempts) == (Outcome.DONE, 1), "the award outlives its home"


@pytest.fixture
def slow_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write of a node that is made now takes a tenth of a second more."""
    if not shutil.which("gcc"):
        pytest.skip("no compiler to make a disk slow with")
    library = tmp_path / "slow.so"
    source = Path(__file__).with_name("faults_slow_sync.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))


async def test_who_asked_a_node_that_does_it_itself_is_told_before_the_node_is_gone(
    broker: BrokerProcess, slow_disk: None, make_node: Make, tmp_path: Path
) -> None:
    """Its result and its end are two writes, one after the other: both are awaited."""
    mark = tmp_path / "mark"
    alone = make_node("alone", WORK)
    async with Mesh(port=broker.port, home="alone") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "alone")
        asking = await mesh.submit(WORK, {"ms": 1000, "mark": str(mark)})
        await eventually(mark.exists, "it did not begin")
        assert await asyncio.to_thread(alone.stop) == 0
        async with asyncio.timeout(5):
            assert (await asking.final()).outcome is Outcome.DONE


# --- too much ------------------------------------------------------------------------------------


async def test_overload_is_refused_and_nothing_accepted_is_dropped(
    broker: BrokerProcess, make_node: Make
) -> None:
    make_node("home", WORK, auction__max_tasks="5")
    async with Mesh(port=broker.port, home="home") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "home")
        asked = [await mesh.submit(WORK, {"ms": 100}) for _ in range(25)]
        ends = await asyncio.gather(*(a.final() for a in asked), return_exceptions=True)
        done = [end for end in ends if isinstance(end, m.Final)]
        refused = [end.rejection for end in ends if isinstance(end, Rejected)]
        assert len(done) + len(refused) == 25
        assert len(done) >= 5
        assert refused
        assert {final.outcome for final in done} == {Outcome.DONE}
        assert {rejection.code for rejection in refused} == {RejectCode.BUSY}
        assert all(rejection.retry_after_ms > 0 for rejection in refused)
        again = next(a for a, end in zip(asked, ends, strict=True) if isinstance(end, Rejected))
        later = await mesh.submit(WORK, {"ms": 100}, id=again.id)
        assert (await later.final()).outcome is Outcome.DONE, "a refused id may be sent again"


# --- workers that die ----------------------------------------------------------------------------


async def test_a_worker_killed_in_the_middle_costs_one_attempt(
    broker: BrokerProcess, make_node: Make
) -> None:
    node = make_node("home", WORK)
    async with Mesh(port=broker.port, home="home") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "home")
        asking = await mesh.submit(WORK, {"ms": 1000, "steps": 10}, stream=True)
        texts: dict[int, str] = {}
        async for chunk in asking:
            if not texts:
                (worker,) = psutil.Process(node.pid).children()
                worker.kill()
            texts[chunk.attempt] = texts.get(chunk.attempt, "") + chunk.text
        final = await asking.final()
        assert (final.outcome, final.attempts) == (Outcome.DONE, 2)
        assert texts[2] == "".join(f"{step} " for step in range(1, 11)), "the text begins anew"
        assert texts[1] != texts[2]
        record = (await mesh.report(asking.task))[0]
        assert "SIGKILL" in " ".join(step.detail for step in record.steps)


@pytest.mark.parametrize(
    ("crash", "words"), [("exit", "status 3"), ("hang", "limit of 3 s"), ("memory", "memory")]
)
async def test_a_task_that_kills_its_workers_fails_and_the_nodes_go_on(
    broker: BrokerProcess, make_node: Make, crash: str, words: str
) -> None:
    limits = {"work__task_limit_s": "3", "work__memory_limit_mb": "300"}
    make_node("home", WORK, **limits)
    make_node("other", WORK, **limits)
    async with Mesh(port=broker.port, home="home") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "home", "other")
        attempts = 1 if crash == "hang" else 2
        asking = await mesh.submit(WORK, {"crash": crash}, max_attempts=attempts)
        final = await asking.final()
        assert (final.outcome, final.attempts) == (Outcome.FAILED, attempts)
        assert words in final.error
        for node in ("home", "other"):
            after = await mesh.delegate(node, WORK, {"note": "still here"})
            assert (after.outcome, after.node) == (Outcome.DONE, node)


# --- a disk that is full -------------------------------------------------------------------------


async def test_a_full_disk_refuses_and_space_heals(
    broker: BrokerProcess, make_node: Make, small_disk: Path
) -> None:
    make_node("home", ECHO, directory=small_disk)
    filler = small_disk / "filler"
    async with Mesh(port=broker.port, home="home") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "home")
        assert (await (await mesh.submit(ECHO, "before")).final()).outcome is Outcome.DONE
        fill(filler)
        with pytest.raises(Rejected, match="disk") as caught:
            await many_echoes(mesh)
        assert caught.value.rejection.code is RejectCode.BUSY
        assert caught.value.rejection.retry_after_ms > 0
        refused = str(caught.value.rejection.id)
        assert [view.online for view in await mesh.nodes()] == [True], "it lives on"
        filler.unlink()
        while True:
            try:
                final = await (await mesh.submit(ECHO, "x" * 10_000, id=refused)).final()
                break
            except Rejected:
                await asyncio.sleep(0.1)
        assert final.outcome is Outcome.DONE


async def many_echoes(mesh: Mesh) -> None:
    """More than fits into what the journal has in hand."""
    for number in range(200):
        await (await mesh.submit(ECHO, "x" * 10_000, id=f"full-{number}")).final()


# --- a name that is taken ------------------------------------------------------------------------


async def test_two_nodes_of_one_name_both_say_conflict_and_take_no_work(
    broker: BrokerProcess, make_node: Make, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    make_node("home")
    async with (
        Peer(broker.port, "watch", "forgebus/v1/node/twin/status") as watch,
        Mesh(port=broker.port, home="home") as mesh,
        asyncio.timeout(60),
    ):
        first = make_node("twin", ECHO, directory=tmp_path / "a")
        await on_the_bus(mesh, "home", "twin")
        second = make_node("twin", ECHO, directory=tmp_path / "b")
        await eventually(lambda: b"conflict" in watch.payloads, "no conflict was told")
        await eventually(lambda: all("conflict" in node.log() for node in (first, second)), "one")
        await asyncio.sleep(0.5)
        assert watch.payloads[-1] == b"conflict"
        final = await mesh.delegate("twin", ECHO, "x", deadline_ms=800)
        assert final.outcome is Outcome.EXPIRED
        second.kill()
        first.restart()
        await eventually(lambda: watch.payloads[-1] == b"online", "the one that is left is stuck")
        final = await mesh.delegate("twin", ECHO, "x")
        assert final.outcome is Outcome.DONE


# --- another life --------------------------------------------------------------------------------


async def test_what_was_learned_outlives_a_restart(broker: BrokerProcess, make_node: Make) -> None:
    nodes = [make_node("home"), make_node("worker", WORK)]
    async with Mesh(port=broker.port, home="home") as mesh, asyncio.timeout(60):
        await on_the_bus(mesh, "home", "worker")
        for _ in range(4):
            await (await mesh.submit(WORK, {"ms": 120})).final()
        before = (await mesh.negotiate(WORK, {})).bids[0]
        boots = await lives(mesh)
        for node in nodes:
            assert await asyncio.to_thread(node.stop) == 0
        revisions = facts(nodes)
        assert set(revisions) == {"calibration/worker/selftest_work", "speed/selftest_work/"}
        for node in nodes:
            node.start()
        await on_the_bus(mesh, "home", "worker")
        while boots.items() & (await lives(mesh)).items():  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.05)
        after = (await mesh.negotiate(WORK, {})).bids[0]
        assert before.node == after.node == "worker"
        assert before.correction != 1.0
        assert after.correction == pytest.approx(before.correction, rel=0.01)
        assert before.price.overhead_ms > 50
        assert after.price.overhead_ms == pytest.approx(before.price.overhead_ms, rel=0.01)
        await (await mesh.submit(WORK, {"ms": 120})).final()
        for node in nodes:
            assert await asyncio.to_thread(node.stop) == 0
        assert all(rev > revisions[key] for key, rev in facts(nodes).items())


async def lives(mesh: Mesh) -> dict[str, str]:
    """The boot id of every node."""
    return {view.id: view.card.boot for view in await mesh.nodes() if view.card}


def facts(nodes: list[NodeProcess]) -> dict[str, int]:
    """Key and revision of all that these nodes have written down of what they learned."""
    found: dict[str, int] = {}
    for node in nodes:
        reader = Journal.peek(node.state)
        found |= {row.key: row.rev for row in reader.load(FACT)}
        reader.close()
    return found
