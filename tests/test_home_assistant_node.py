"""A real node on a real broker, as Home Assistant sees it: found, changing, commanded, born again, removed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from broker_fixture import BrokerProcess, Peer, eventually
from node_process import NodeProcess, on_the_bus, quarantined

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.messages import Condition, Outcome, Preference
from daemon.home_assistant import config_topic
from daemon.mesh import Mesh

BASE = "forgebus/v1"
CONFIG = config_topic("homeassistant", "pi-5")
STATE, STATUS, CARD = (f"{BASE}/node/pi-5/{name}" for name in ("state", "status", "card"))
SHOWN = {"home_assistant__discovery": "true"}
WORK = "selftest_work"
Make = Callable[..., NodeProcess]


@pytest.fixture
def make_node(tmp_path: Path, broker: BrokerProcess) -> Iterator[Make]:
    made: list[NodeProcess] = []

    def make(**settings: str) -> NodeProcess:
        node = NodeProcess(tmp_path, broker.port, "pi-5", (WORK,), **settings)
        made.append(node)
        node.start()
        return node

    yield make
    for node in made:
        node.kill()


class HomeAssistant(Peer):
    """What its MQTT integration does: it subscribes to discovery and state, and publishes commands."""

    def __init__(self, port: int, login: str = "homeassistant") -> None:
        super().__init__(port, login, "homeassistant/#", "other/#", f"{BASE}/node/+/+")

    def latest(self, topic: str) -> bytes | None:
        """The last payload that came on a topic."""
        found = [message.payload for message in self.came if message.topic == topic]
        return found[-1] if found else None

    @property
    def device(self) -> Any:
        """What discovery says."""
        payload = self.latest(CONFIG)
        return json.loads(payload) if payload else None

    @property
    def state(self) -> m.State | None:
        """How the node stands."""
        payload = self.latest(STATE)
        return codec.decode(payload, m.State) if payload else None

    async def shows(self, holds: Callable[[m.State], bool]) -> m.State:
        """Until the state is so."""
        await eventually(lambda: self.state is not None and holds(self.state), f"{self.state}")
        assert self.state is not None
        return self.state

    def do(self, key: str, option: str) -> None:
        """What a click sends, by the entity's own words."""
        entity = self.device["components"][key]
        self.command(entity["command_topic"], entity[option].encode())

    def command(self, topic: str, payload: bytes) -> None:
        """At QoS 1, as the entities say."""
        assert self.bus.publish(topic, payload, qos=1)

    def count(self, topic: str) -> int:
        """How often something came there."""
        return sum(message.topic == topic for message in self.came)


@asynccontextmanager
async def at_home(
    broker: BrokerProcess, login: str = "homeassistant"
) -> AsyncIterator[HomeAssistant]:
    async with HomeAssistant(broker.port, login) as home_assistant:
        yield home_assistant


async def test_it_is_found_and_its_figures_follow_a_task(
    broker: BrokerProcess, make_node: Make
) -> None:
    make_node(**SHOWN)
    async with at_home(broker) as seen, asyncio.timeout(60):
        state = await seen.shows(lambda state: state.condition is Condition.IDLE)
        assert (state.done, state.winner, state.problems, state.nodes_live) == (0, None, (), 1)
        await eventually(lambda: seen.device is not None, "no discovery")
        assert seen.device["device"]["name"] == "Forgebus pi-5"
        assert seen.device["availability"][0]["topic"] == STATUS
        assert seen.latest(STATUS) == b"online"
        async with Mesh(port=broker.port, home="pi-5") as mesh:
            await on_the_bus(mesh, "pi-5")
            async for _ in mesh.ask(WORK, {"note": "the cellar key is under the mat"}):
                pass
        state = await seen.shows(lambda state: state.done == 1)
        assert (state.home_done, state.failed, state.winner) == (1, 0, "pi-5")
        assert "pi-5 wins" in state.reason
        assert seen.count(STATE) > seen.count(CARD)  # by itself, not with the next card
        assert not any(b"cellar" in message.payload for message in seen.came)


async def test_a_node_that_is_told_nothing_writes_nothing_outside_its_base(
    broker: BrokerProcess, make_node: Make
) -> None:
    make_node()
    async with at_home(broker) as seen, asyncio.timeout(60):
        await seen.shows(lambda state: state.condition is Condition.IDLE)
        assert all(message.topic.startswith(BASE) for message in seen.came)
        seen.command(f"{BASE}/in/pi-5/homeassistant/set", b'{"accept_work": false}')
        seen.command(f"{BASE}/in/pi-5/cli/set", b'{"preference": "fastest"}')
        state = await seen.shows(lambda state: state.preference is Preference.FASTEST)
        assert state.accept_work


async def test_commands_steer_it_and_outlive_a_restart(
    broker: BrokerProcess, make_node: Make
) -> None:
    node = make_node(**SHOWN, auction__max_window_ms="200")
    async with at_home(broker) as seen, asyncio.timeout(90):
        await seen.shows(lambda state: state.condition is Condition.IDLE)
        await eventually(lambda: seen.device is not None, "no discovery")
        select = seen.device["components"]["preference"]
        assert select["command_template"] == "{{ {'preference': value} | tojson }}"
        seen.command(select["command_topic"], b'{"preference": "distributed"}')
        await seen.shows(lambda state: state.preference is Preference.DISTRIBUTED)
        seen.do("accept_work", "payload_off")
        await seen.shows(lambda state: state.condition is Condition.PAUSED)
        await eventually(lambda: skills(seen) == (), "the card still offers something")
        node.restart()
        boot = seen.state.boot if seen.state else ""
        state = await seen.shows(lambda state: state.boot != boot)
        assert (state.condition, state.accept_work) == (Condition.PAUSED, False)
        assert state.preference is Preference.DISTRIBUTED
        async with Mesh(port=broker.port, home="pi-5") as mesh:
            await on_the_bus(mesh, "pi-5")
            asking = await mesh.submit(WORK, {"ms": 1})
            await asyncio.sleep(0.5)
            assert (await mesh.report(asking.task))[0].state != "closed"  # its home, and no more
            seen.do("accept_work", "payload_on")
            final = await asking.final()
            assert (final.outcome, final.node) == (Outcome.DONE, "pi-5")
        await seen.shows(lambda state: state.condition is Condition.IDLE and state.done == 1)
        assert skills(seen) == (WORK,)


async def test_drained_it_ends_what_runs_and_gives_back_what_waits(
    broker: BrokerProcess, make_node: Make, tmp_path: Path
) -> None:
    make_node(**SHOWN)
    home = NodeProcess(tmp_path, broker.port, "home")
    home.start()
    try:
        async with at_home(broker) as seen, Mesh(port=broker.port, home="home") as mesh:
            await on_the_bus(mesh, "home", "pi-5")
            running = await mesh.submit(WORK, {"ms": 3000})
            waiting = await mesh.submit(WORK, {"ms": 3000})
            await seen.shows(lambda state: (state.running, state.queue) == (1, 1))
            seen.do("drain", "payload_press")
            await seen.shows(lambda state: state.condition is Condition.DRAINING)
            assert (await running.final()).outcome is Outcome.DONE
            state = await seen.shows(lambda state: state.condition is Condition.PAUSED)
            assert (state.done, state.queue) == (1, 0)
            assert (await mesh.report(waiting.task))[0].outcome is None
    finally:
        home.kill()


async def test_others_may_not_command_it(broker: BrokerProcess, make_node: Make) -> None:
    node = make_node(**SHOWN)
    async with at_home(broker, "mallory") as seen, asyncio.timeout(60):
        await seen.shows(lambda state: state.condition is Condition.IDLE)
        seen.command(f"{BASE}/in/pi-5/mallory/set", b'{"accept_work": false}')
        seen.command(f"{BASE}/in/pi-5/homeassistant/set", b'{"accept_work": "no"}')
        expected = {("mallory", "not-operator"), ("homeassistant", "wrong-shape")}
        await eventually(lambda: quarantined(node) == expected, f"{quarantined(node)}")
        state = await seen.shows(lambda state: state.quarantined == 2)
        assert state.accept_work


async def test_it_answers_the_birth_of_home_assistant(
    broker: BrokerProcess, make_node: Make
) -> None:
    make_node(**SHOWN)
    async with at_home(broker) as seen, asyncio.timeout(60):
        await eventually(lambda: seen.device is not None, "no discovery")
        before = seen.count(CONFIG)
        seen.command("homeassistant/status", b"offline")
        seen.command("homeassistant/status", b"online")
        await eventually(lambda: seen.count(CONFIG) > before, "not told again")


async def test_switched_off_it_goes_and_leaves_nothing(
    broker: BrokerProcess, make_node: Make
) -> None:
    node = make_node(**SHOWN)
    async with at_home(broker) as seen, asyncio.timeout(60):
        await eventually(lambda: seen.device is not None, "no discovery")
        moved = config_topic("other", "pi-5")
        assert node.stop() == 0
        assert seen.device is not None  # a node that is off is unavailable, not gone
        node = make_node(**SHOWN, home_assistant__prefix="other")
        await eventually(lambda: seen.latest(CONFIG) == b"", "the device stays")
        await eventually(lambda: bool(seen.latest(moved)), "it is not where it moved to")
        assert node.stop() == 0
        make_node()
        await eventually(lambda: seen.latest(moved) == b"", "the device stays")
        assert seen.latest(CONFIG) == b""
    async with Peer(broker.port, "late", CONFIG, moved, STATE) as late:
        await late.has(1)
        await asyncio.sleep(0.2)
        assert {message.topic for message in late.came} == {STATE}


def skills(seen: HomeAssistant) -> tuple[str, ...]:
    """What its card offers."""
    payload = seen.latest(CARD)
    if payload is None:
        return ("unknown",)
    return tuple(skill.capability for skill in codec.decode(payload, m.Card).skills)
