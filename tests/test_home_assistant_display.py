"""What a node's display tells a real broker when the link, Home Assistant or its settings are difficult."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from broker_fixture import BrokerProcess, Peer, eventually
from machine_desk import Desk
from machine_shop import Shop

from bus_topics import messages as m
from daemon import display
from daemon.archive import Archive
from daemon.bus import Bus
from daemon.config import BrokerConfig, Config, NodeConfig
from daemon.config_home_assistant import HomeAssistantConfig
from daemon.display import DISCOVERED, Display
from daemon.home_assistant import birth_topic, config_topic
from daemon.journal import Journal
from daemon.node_state import Reader
from daemon.owner import Owner
from daemon.post import Post
from daemon.tally import Tally

BASE = "forgebus/v1"
CONFIG, OLD = (config_topic(prefix, "pi") for prefix in ("homeassistant", "old"))
BIRTH = birth_topic("homeassistant")
CARD = m.Card(node="pi", boot="0badcafe", version="0.1.0")


@dataclass
class Shown:
    """A display with its link and its journal; `others` are the topics of what it left to other readers."""

    display: Display
    bus: Bus
    journal: Journal
    others: list[str]

    @contextlib.asynccontextmanager
    async def linked(self) -> AsyncIterator[None]:
        """While the node is on the bus."""
        running = asyncio.create_task(self.bus.run())
        try:
            await eventually(lambda: self.bus.linked, "no link")
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def told_at(self) -> str:
        """Where the journal says that Home Assistant was told."""
        rows = Archive(self.journal).facts()
        return next((row.state.decode() for row in rows if row.key == DISCOVERED), "")


@contextlib.asynccontextmanager
async def shown(
    folder: Path, broker: BrokerProcess, *, discovery: bool = True
) -> AsyncIterator[Shown]:
    config = Config(
        node=NodeConfig(id="pi", state_dir=folder / "state"),
        broker=BrokerConfig(port=broker.port),
        home_assistant=HomeAssistantConfig(discovery=discovery),
    )
    shop, desk, others = Shop(), Desk(), list[str]()
    journal = Journal.open(config.node.state_dir)
    journal.start(asyncio.get_running_loop())

    def linked(up: bool) -> None:  # noqa: FBT001 - the callback of the bus
        if up:
            made.linked()
            made.show(CARD)

    bus = Bus(
        config.broker,
        login="pi",
        client_id="pi",
        session_expiry_s=0,
        subscriptions=[(BIRTH, 0)],
        on_message=lambda one: None if made.hears(one) else others.append(one.topic),
        on_link=linked,
    )
    owner = Owner(config, shop.pi, desk.home, lambda: "")
    reader = Reader("0badcafe", desk.home, shop.pi, desk.roster, Tally(), owner)
    made = Display(config, bus, Post("pi", BASE, bus), journal, reader, lambda: "")
    try:
        yield Shown(made, bus, journal, others)
    finally:
        journal.close()


async def test_it_is_taken_back_where_it_was_although_the_link_comes_late(
    tmp_path: Path, broker: BrokerProcess
) -> None:
    """The prefix was changed while the broker was away: the node's first words reach nobody."""
    async with Peer(broker.port, "homeassistant", OLD, CONFIG) as seen, asyncio.timeout(30):
        assert seen.bus.publish(OLD, b"{}", qos=1, retain=True)
        await seen.has(1)
        async with shown(tmp_path, broker) as node:
            node.display.restore(1, OLD.encode())
            node.display.show(CARD)
            async with node.linked():
                await eventually(
                    lambda: (OLD, b"") in [(one.topic, one.payload) for one in seen.came],
                    "the device stays where it was",
                )
                await eventually(lambda: CONFIG in [one.topic for one in seen.came], "not told")
                await eventually(lambda: node.told_at() == CONFIG, node.told_at())


async def test_a_crowd_of_births_is_answered_once(
    tmp_path: Path, broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "BIRTH_WITHIN_S", 0.2)
    async with (
        asyncio.timeout(30),
        Peer(broker.port, "homeassistant", CONFIG) as seen,
        shown(tmp_path, broker) as node,
        node.linked(),
    ):
        await seen.has(1)
        for _ in range(50):
            assert seen.bus.publish(BIRTH, b"online", qos=1)
        await seen.bus.flush(5.0)
        await seen.has(2)
        await asyncio.sleep(0.4)
        assert len(seen.came) <= 3  # what came while the one was on its way is a second


async def test_births_after_discovery_was_switched_off_are_no_news(
    tmp_path: Path, broker: BrokerProcess
) -> None:
    """A kept session has the subscription of the life before."""
    async with (
        asyncio.timeout(30),
        Peer(broker.port, "homeassistant", CONFIG) as seen,
        shown(tmp_path, broker, discovery=False) as node,
        node.linked(),
    ):
        assert seen.bus.publish(BIRTH, b"online", qos=1)
        assert seen.bus.publish("homeassistant/status", b"offline", qos=1)
        await seen.bus.flush(5.0)
        await node.bus.round_trip()
        assert node.others == []
        assert seen.came == []


async def test_what_the_link_did_not_take_is_told_with_the_next_card(
    tmp_path: Path, broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        asyncio.timeout(30),
        Peer(broker.port, "homeassistant", CONFIG) as seen,
        shown(tmp_path, broker) as node,
    ):
        with monkeypatch.context() as full:
            full.setattr("daemon.link.PENDING", 0)  # as when the broker is far behind
            async with node.linked():
                await eventually(lambda: node.told_at() == CONFIG, node.told_at())
                full.undo()
                node.display.show(CARD)
                await seen.has(1)
