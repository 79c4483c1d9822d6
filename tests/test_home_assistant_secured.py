"""Home Assistant on a secured bus: what its login may do, what a node may tell it, and nothing beyond that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from broker_fixture import Peer, eventually
from bus_fixture import BASE, SecuredBus, secured
from cli_call import caller
from node_process import NodeProcess

from bus_topics import codec
from bus_topics import messages as m
from daemon.config import Config, NodeConfig
from daemon.doctor import Verdict
from daemon.doctor_security import examine_security
from daemon.home_assistant import config_topic
from daemon.known_bus import KnownBus, remember
from daemon.logins import Role

DENIED = 0x87
KITCHEN, ATTIC = (config_topic("homeassistant", node) for node in ("kitchen", "attic"))
BIRTH = "homeassistant/status"


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBus]:
    with secured(tmp_path_factory.mktemp("bus")) as running:
        yield running


@pytest.fixture(scope="module")
def logins(bus: SecuredBus) -> dict[str, Path]:
    return {
        "kitchen": bus.admit("kitchen"),
        "nodered": bus.admit("nodered", Role.APP),
        "homeassistant": bus.admit("homeassistant", Role.HOME_ASSISTANT),
        "admin": bus.at.admin,
    }


async def _code(peer: Peer, topic: str) -> int:
    """The broker's answer to one message."""
    codes: list[int] = []
    assert peer.bus.publish(topic, b"", qos=1, receipt=codes.append)
    await eventually(lambda: bool(codes), f"no PUBACK for {topic}")
    return codes[0]


@pytest.mark.parametrize(
    ("login", "may", "may_not"),
    [
        ("kitchen", (KITCHEN,), (ATTIC, BIRTH, "homeassistant/light/lamp/config")),
        ("nodered", (), (KITCHEN, BIRTH)),
        (
            "homeassistant",
            (BIRTH, KITCHEN, f"{BASE}/in/kitchen/homeassistant/set", f"{BASE}/ask/homeassistant/x"),
            (f"{BASE}/in/kitchen/cli/set", f"{BASE}/node/kitchen/state", f"{BASE}/event/kitchen"),
        ),
        ("admin", (KITCHEN, ATTIC), (BIRTH, "homeassistant/light/lamp/config")),
    ],
)
async def test_each_login_tells_home_assistant_what_is_its_own(
    bus: SecuredBus,
    logins: dict[str, Path],
    login: str,
    may: tuple[str, ...],
    may_not: tuple[str, ...],
) -> None:
    async with bus.peer(logins[login]) as peer:
        for topic in may:
            assert await _code(peer, topic) != DENIED, topic
        for topic in may_not:
            assert await _code(peer, topic) == DENIED, topic


async def test_home_assistant_finds_and_steers_a_node_there(
    bus: SecuredBus, logins: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """By the node's own certificate and Home Assistant's; and takes up what it left."""
    settings = {"config": str(logins["kitchen"] / "forgebus.toml")}
    node = NodeProcess(
        tmp_path, bus.port, "kitchen", ("selftest_echo",), home_assistant__discovery="true"
    )
    node._environment["FORGEBUS_CONFIG"] = settings["config"]
    state = f"{BASE}/node/kitchen/state"
    node.start()
    try:
        async with bus.peer(logins["homeassistant"], "homeassistant/#", state) as peer:

            def latest(topic: str) -> bytes:
                return next((one.payload for one in reversed(peer.came) if one.topic == topic), b"")

            await eventually(lambda: bool(latest(KITCHEN)), "no discovery")
            switch = json.loads(latest(KITCHEN))["components"]["accept_work"]
            assert switch["command_topic"] == f"{BASE}/in/kitchen/homeassistant/set"
            assert peer.bus.publish(switch["command_topic"], switch["payload_off"].encode(), qos=1)

            def paused() -> bool:
                told = latest(state)
                return bool(told) and not codec.decode(told, m.State).accept_work

            await eventually(paused, "it goes on")
            before = sum(one.topic == KITCHEN for one in peer.came)
            assert await _code(peer, BIRTH) != DENIED
            assert peer.bus.publish(BIRTH, b"online", qos=0)
            await eventually(
                lambda: sum(one.topic == KITCHEN for one in peer.came) > before, "not told again"
            )
    finally:
        node.kill()
    call = caller(capfd)
    nodered, admin = (logins[name] / "forgebus.toml" for name in ("nodered", "admin"))
    remove = partial(asyncio.to_thread, call, "homeassistant", "remove", "kitchen", "--config")
    (await remove(nodered)).fails(1, "nodered may not write", KITCHEN)
    assert (await remove(admin)).code == 0
    async with bus.peer(logins["homeassistant"], KITCHEN, state) as late:
        await late.has(1)
        assert not any(one.payload for one in late.came if one.topic == KITCHEN)


def test_it_is_taken_away_on_the_bus_that_is_remembered(
    bus: SecuredBus,
    logins: dict[str, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As every command finds the bus where none is configured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORGEBUS_NODE__STATE_DIR", str(tmp_path))
    known = KnownBus(
        name="forgebus on kitchen",
        address="127.0.0.1",
        host="127.0.0.1",
        port=bus.port,
        base=BASE,
        tls=True,
        settings=str(logins["admin"] / "forgebus.toml"),
    )
    remember(tmp_path, known)
    assert caller(capfd)("homeassistant", "remove", "attic", "--json").json["topic"] == ATTIC


async def test_the_doctor_finds_nothing_weak(
    bus: SecuredBus, logins: dict[str, Path], tmp_path: Path
) -> None:
    for login in ("kitchen", "homeassistant"):
        broker = bus.config(logins[login])
        config = Config(node=NodeConfig(id="here", state_dir=tmp_path), broker=broker)
        found = await examine_security(config, login)
        weak = {one.check for one in found if one.verdict is not Verdict.OK}
        assert weak <= {"old TLS"}, found


def test_remove_says_what_is_wrong(
    bus: SecuredBus,
    logins: dict[str, Path],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daemon.doctor_broker.LINK_S", 1.0)
    call = caller(capfd)
    config = logins["admin"] / "forgebus.toml"
    call("homeassistant", "remove", "Not A Node", "--config", config).fails(2, "no node's id")
    nobody = call("homeassistant", "remove", "kitchen", "--config", config, "--port", "1")
    nobody.fails(4, "a broker must listen")
    told = call("homeassistant", "remove", "attic", "--config", config, "--json").json
    assert told == {"node": "attic", "topic": ATTIC}
