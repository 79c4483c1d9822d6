"""Logins that are let in and mean harm, on a secured bus with real nodes: what each gets is nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from broker_fixture import eventually
from bus_fixture import SecuredBus, secured
from hostile_login import BASE, BOOT, DENIED, HostileLogin, answer_at
from node_process import NodeProcess, on_the_bus, quarantined

from daemon.journal import JournalReader
from daemon.logins import Role
from daemon.mesh import Mesh

ECHO, WORK = "selftest_echo", "selftest_work"
SETTINGS = {
    "node__inbox_per_s": "100",
    "auction__sender_tasks": "4",
    "auction__preference": "fastest",
    "auction__lease_s": "1.0",
    "auction__beat_s": "0.3",
}


@dataclass
class Scene:
    """A bus, the node `kitchen` on it, an honest app, and the folders of all logins."""

    bus: SecuredBus
    kitchen: NodeProcess
    folders: dict[str, Path]

    def hostile(self, name: str) -> HostileLogin:
        return HostileLogin(name, self.bus.port, self.folders[name])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("hostile")
    with secured(folder) as bus:
        roles = dict.fromkeys(("kitchen", "mallory", "eve", "liar"), Role.NODE)
        roles |= dict.fromkeys(("app", "crook"), Role.APP)
        folders = {name: bus.admit(name, role) for name, role in roles.items()}
        config = str(folders["kitchen"] / "forgebus.toml")
        kitchen = NodeProcess(folder, bus.port, "kitchen", (ECHO, WORK), config=config, **SETTINGS)
        kitchen.start()
        yield Scene(bus, kitchen, folders)
        kitchen.kill()


@pytest.fixture
async def app(scene: Scene) -> AsyncIterator[Mesh]:
    """The honest one; whatever was done to the node, it is served at the end."""
    config = scene.bus.config(scene.folders["app"])
    async with Mesh(login="app", home="kitchen", broker=config) as mesh:
        await on_the_bus(mesh, "kitchen")
        yield mesh
        await _served(mesh)


async def _served(mesh: Mesh) -> None:
    final = await asyncio.wait_for((await mesh.submit(ECHO, "still here")).final(), 15)
    assert final.result is not None
    assert orjson.loads(bytes(final.result)) == "still here"


async def _asked(mesh: Mesh, **options: Any) -> Any:
    return await mesh.submit(WORK, {"ms": 10, "note": "honest"}, **options)


def _note(final: Any) -> str:
    return str(orjson.loads(bytes(final.result))["note"])


FORGED = {
    "status": ("node/kitchen/status", b"offline"),
    "card": ("node/kitchen/card", {"node": "kitchen", "boot": BOOT, "version": "1"}),
    "offer": (f"offer/{ECHO}/kitchen", {"task": "app/a", "auction": BOOT, "capability": ECHO}),
    "submit": ("in/kitchen/app/submit", {"id": "a", "capability": ECHO, "content": 1}),
    "cancel": ("in/kitchen/app/cancel", {"id": "a"}),
    "bid": ("in/kitchen/attic/bid", {"task": "app/a", "auction": BOOT, "eta_ms": 1}),
    "award": ("in/attic/kitchen/award", {"task": "app/a", "attempt": 1}),
    "stop": ("in/attic/kitchen/stop", {"task": "app/a", "attempt": 1}),
    "go": ("in/attic/kitchen/go", {"task": "app/a", "attempt": 1}),
    "result": ("in/kitchen/attic/result", {"task": "app/a", "attempt": 1, "outcome": "done"}),
    "verdict": ("in/attic/kitchen/verdict", {"settled": []}),
    "final": ("in/app/kitchen/final", {"id": "a", "outcome": "done"}),
    "taken": ("taken/kitchen", {"task": "app/a", "digest": "0" * 24}),
    "event": ("event/kitchen", {"events": []}),
}


async def test_nothing_can_be_said_in_the_name_of_another(scene: Scene, app: Mesh) -> None:
    for name in ("mallory", "crook"):
        with scene.hostile(name) as hostile:
            codes = {kind: hostile.say(*forged) for kind, forged in FORGED.items()}
            assert set(codes.values()) == {DENIED}, codes
    assert {view.id for view in await app.nodes() if view.online} == {"kitchen"}


async def test_a_result_of_somebody_elses_attempt_is_put_aside(scene: Scene, app: Mesh) -> None:
    with scene.hostile("mallory") as mallory:
        asking = await app.submit(WORK, {"ms": 600, "steps": 3, "note": "honest"}, stream=True)
        async for _ in asking:
            forged = {"task": asking.task, "attempt": 1, "outcome": "done", "result": "forged"}
            mallory.tell("kitchen", "result", **forged)
            break
        assert _note(await asyncio.wait_for(asking.final(), 15)) == "honest"
    await eventually(
        lambda: ("mallory", "forged-result") in quarantined(scene.kitchen), "not kept aside"
    )


async def test_an_old_attempt_replayed_changes_nothing(scene: Scene, app: Mesh) -> None:
    """Given to mallory, given back, done by another: its late word is judged and not kept."""
    with scene.hostile("mallory") as mallory:
        mallory.appear(WORK)
        await on_the_bus(app, "mallory")
        asking = await _asked(app)
        await asyncio.to_thread(mallory.bids, "kitchen")
        award = await asyncio.to_thread(mallory.hears, "award")
        attempt = {"task": award["task"], "attempt": award["attempt"]}
        mallory.tell("kitchen", "refuse", **attempt, reason="not now")
        final = await asyncio.wait_for(asking.final(), 15)
        assert (_note(final), final.node) == ("honest", "kitchen")
        for _ in range(3):
            replayed = {"outcome": "done", "result": {"note": "forged"}}
            mallory.tell("kitchen", "result", **attempt, **replayed)
            verdict = await asyncio.to_thread(mallory.hears, "verdict")
            assert verdict["settled"] == [attempt] or not verdict["settled"][0].get("kept")
        mallory.say("node/mallory/status", b"offline")


async def test_an_id_taken_by_another_is_free_for_its_owner(scene: Scene, app: Mesh) -> None:
    with scene.hostile("crook") as crook:
        crook.tell("kitchen", "submit", id="squatted", capability=ECHO, content="crook's")
        crook.hears("final")
        final = await asyncio.wait_for((await app.submit(ECHO, "app's", id="squatted")).final(), 15)
        assert orjson.loads(bytes(final.result or b"null")) == "app's"


async def test_an_answer_can_be_sent_nowhere_else(scene: Scene, app: Mesh) -> None:
    elsewhere = (f"{BASE}/in/app/kitchen/final", f"{BASE}/answer/app/x", "lights/off", f"{BASE}/#")
    with scene.hostile("crook") as crook:
        for topic in elsewhere[:3]:
            crook.say(f"ask/crook/{ECHO}", b"x", answer_at(topic))
            told = await asyncio.to_thread(crook.hears, ECHO)
            assert told["rejected"] == "denied", topic
        for topic in elsewhere:
            crook.say(f"ask/crook/{ECHO}", {"content": 1, "reply_to": topic})
            told = await asyncio.to_thread(crook.hears, ECHO)
            assert told["rejected"] in {"denied", "invalid"}, topic
    assert ("crook", "reply-topic") in quarantined(scene.kitchen)


async def test_what_is_too_large_is_put_aside_or_cut_off_by_the_broker(
    scene: Scene, app: Mesh
) -> None:
    with scene.hostile("crook") as crook:
        large = {"id": "x", "capability": ECHO, "content": "x" * 280_000}
        assert crook.tell("kitchen", "submit", **large) != DENIED
        await eventually(
            lambda: ("crook", "too-large") in quarantined(scene.kitchen), "not kept aside"
        )
        crook.client.publish(f"{BASE}/in/kitchen/crook/submit", b"x" * 400_000, 1)
        await eventually(lambda: not crook.client.is_connected(), "the broker let it through")


async def test_one_login_cannot_fill_the_home(scene: Scene, app: Mesh) -> None:
    with scene.hostile("eve") as eve:
        for number in range(20):
            nobody_can = {"capability": ECHO, "content": 1, "node": "attic"}
            eve.tell("kitchen", "submit", id=f"t{number}", **nobody_can)
        said = [await asyncio.to_thread(eve.hears, "rejected") for _ in range(16)]
        assert {one["code"] for one in said} == {"busy"}
        assert said[0]["reason"] == "eve has 4 unfinished tasks, as many as it may"
        final = await asyncio.wait_for((await _asked(app)).final(), 15)
        assert _note(final) == "honest"
        for number in range(4):
            eve.tell("kitchen", "cancel", id=f"t{number}")


async def test_a_flood_is_dropped_and_drives_nothing_out(scene: Scene, app: Mesh) -> None:
    """1500 messages where 100 a second may come: a part is kept, and everybody else is heard."""
    before = _kept(scene.kitchen)
    with scene.hostile("eve") as eve:
        flood = asyncio.to_thread(eve.hurl, "in/kitchen/eve/submit", b"{" + b" " * 99, 1500)
        during = asyncio.create_task(flood)
        await _served(app)
        await during
    await eventually(lambda: ("eve", "flood") in quarantined(scene.kitchen), "no word of it")
    after = _kept(scene.kitchen)
    assert 100 <= after["eve"] <= 400
    assert all(after[sender] >= kept for sender, kept in before.items())


def _kept(node: NodeProcess) -> Counter[str]:
    with JournalReader.peek(node.state) as reader:
        return Counter(row.sender for row in reader.quarantined(10_000))


async def test_a_liar_that_never_delivers_loses_the_next_auctions_and_it_is_told_why(
    scene: Scene, app: Mesh
) -> None:
    """It promises 0 ms, and says for ever that it works."""
    with scene.hostile("liar") as liar:
        liar.appear(WORK)
        await on_the_bus(app, "liar")
        asking = await _asked(app)
        await asyncio.to_thread(liar.bids, "kitchen")
        award = await asyncio.to_thread(liar.hears, "award")
        attempt = {"task": award["task"], "attempt": award["attempt"]}

        async def beat() -> None:
            while True:
                liar.tell("kitchen", "beat", boot=BOOT, held=[attempt])
                await asyncio.sleep(0.3)

        beating = asyncio.create_task(beat())
        final = await asyncio.wait_for(asking.final(), 15)
        beating.cancel()
        assert (_note(final), final.node, final.attempts) == ("honest", "kitchen", 2)
        again = await _asked(app)
        await asyncio.to_thread(liar.bids, "kitchen")
        final = await asyncio.wait_for(again.final(), 15)
        assert (final.node, final.attempts) == ("kitchen", 1)
        (record,) = await app.report(again.task)
        told = record.decisions[-1].reason
        assert told.startswith("kitchen wins"), told
        assert "beats liar's" in told, told
        assert "reliable" in told.partition("liar's")[2], told
        liar.say("node/liar/status", b"offline")


async def test_a_wrong_result_has_its_name_on_it_and_one_that_is_none_is_put_aside(
    scene: Scene, app: Mesh
) -> None:
    """That a lying node's result is right, nobody promises; whose it is, the home says itself."""
    with scene.hostile("mallory") as mallory:
        mallory.appear("riddle")
        await on_the_bus(app, "mallory")
        asking = await app.submit("riddle", 1)
        await asyncio.to_thread(mallory.bids, "kitchen")
        award = await asyncio.to_thread(mallory.hears, "award")
        attempt = {"task": award["task"], "attempt": award["attempt"]}
        mallory.tell("kitchen", "result", **attempt, outcome="done", result=2, node="kitchen")
        await eventually(
            lambda: ("mallory", "wrong-shape") in quarantined(scene.kitchen), "not kept aside"
        )
        mallory.tell("kitchen", "result", **attempt, outcome="done", result=2, model="the best")
        final = await asyncio.wait_for(asking.final(), 15)
        assert (final.outcome, final.node) == ("done", "mallory")
        mallory.say("node/mallory/status", b"offline")
