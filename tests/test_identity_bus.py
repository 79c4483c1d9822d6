"""A secured bus on a real mosquitto: who gets in, what each may say, and who is taken back."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from broker_fixture import Peer, eventually
from bus_fixture import BASE, SecuredBus, secured

from bus_topics.topics import TOPICS, build
from bus_topics.topics import Role as Writer
from daemon.broker import answers
from daemon.bus_folder import BusFolder, BusFolderError, now
from daemon.certificates import Authority, new_request
from daemon.cli_identity import _end_session
from daemon.config import load
from daemon.login_files import for_commands
from daemon.logins import Role, Settings
from daemon.private_files import PrivateFileError, write_private

DENIED = 0x87


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBus]:
    """Two nodes, an app, a camera that may ask for vision, and a node that may run math."""
    with secured(tmp_path_factory.mktemp("bus")) as running:
        yield running


@pytest.fixture(scope="module")
def logins(bus: SecuredBus) -> dict[str, Path]:
    return {
        "kitchen": bus.admit("kitchen"),
        "attic": bus.admit("attic"),
        "nodered": bus.admit("nodered", Role.APP),
        "camera": bus.admit("camera", Role.APP, "vision"),
        "cellar": bus.admit("cellar", Role.NODE, "math"),
        "admin": bus.at.admin,
    }


async def _code(peer: Peer, topic: str) -> int:
    """The broker's answer to one message."""
    codes: list[int] = []
    assert peer.bus.publish(topic, b"x", qos=1, receipt=codes.append)
    await eventually(lambda: bool(codes), f"no PUBACK for {topic}")
    return codes[0]


async def test_each_login_writes_what_is_its_own_and_nothing_else(
    bus: SecuredBus, logins: dict[str, Path]
) -> None:
    for name, folder in logins.items():
        async with bus.peer(folder) as peer:
            for row in TOPICS:
                own = build(BASE, row.name, sender=name, to="attic", capability="vision")
                asks = row.writer in {Writer.REQUESTER, Writer.APP}
                may = name in {"kitchen", "attic", "cellar"} or asks
                if (name, row.name) == ("camera", "submit"):
                    may = False
                assert (await _code(peer, own) != DENIED) == may, (name, own)
                other = build(BASE, row.name, sender="hall", to="attic", capability="vision")
                if "hall" in other:
                    assert await _code(peer, other) == DENIED, (name, other)
            asked = await _code(peer, f"{BASE}/ask/{name}/file")
            assert (asked == DENIED) == (name == "camera")


async def test_each_login_reads_what_is_meant_for_it(
    bus: SecuredBus, logins: dict[str, Path]
) -> None:
    async with bus.peer(logins["kitchen"]) as kitchen:
        heard: dict[str, Peer] = {}
        for name in ("attic", "camera", "cellar", "admin"):
            heard[name] = bus.peer(logins[name], f"{BASE}/#", "$SYS/broker/version")
            heard[name].task = asyncio.create_task(heard[name].bus.run())
            await heard[name].linked()
        for topic in (
            "in/camera/kitchen/final",
            "in/attic/kitchen/submit",
            "offer/math/kitchen",
            "offer/vision/kitchen",
            "answer/camera/vision",
            "ask/kitchen/math",
            "event/kitchen",
        ):
            assert await _code(kitchen, f"{BASE}/{topic}") != DENIED
        for name, peer in heard.items():
            await eventually(partial(_heard, peer, f"{BASE}/event/kitchen"), f"{name} is deaf")
        seen = {
            name: {one.topic.removeprefix(f"{BASE}/") for one in peer.came}
            for name, peer in heard.items()
        }
        offers = {"offer/math/kitchen", "offer/vision/kitchen"}
        ask = {"ask/kitchen/math"}
        assert seen["attic"] == {"in/attic/kitchen/submit", "event/kitchen"} | offers | ask
        assert seen["cellar"] == {"offer/math/kitchen", "event/kitchen"} | ask
        assert seen["camera"] == {
            "in/camera/kitchen/final",
            "answer/camera/vision",
            "event/kitchen",
        }
        assert seen["admin"] == {"event/kitchen", "$SYS/broker/version"}
        for peer in heard.values():
            await peer.leave()


def _heard(peer: Peer, topic: str) -> bool:
    return any(one.topic == topic for one in peer.came)


def _context(ca: Path, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def _lets_in(port: int, context: ssl.SSLContext | None) -> bool:
    """Whether a CONNECT is answered by a CONNACK that says welcome."""
    hello = b"\x10\x12\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x05probe"
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            plain.settimeout(5)
            if context is None:
                plain.sendall(hello)
                return plain.recv(4)[:1] == b"\x20"
            with context.wrap_socket(plain, server_hostname="localhost") as over:
                over.sendall(hello)
                return over.recv(4)[3:4] == b"\x00"
    except (OSError, ssl.SSLError):
        return False


def test_only_a_certificate_of_this_authority_opens_the_door(
    bus: SecuredBus, logins: dict[str, Path], tmp_path: Path
) -> None:
    folder = logins["kitchen"]
    ca = folder / "authority.crt"
    assert _lets_in(bus.port, _context(ca, folder / "login.crt", folder / "login.key"))
    assert not _lets_in(bus.port, None)
    assert not _lets_in(bus.port, _context(ca, None, None))
    pair = new_request("kitchen")
    stranger = Authority.new("forgebus authority", now())
    write_private(tmp_path / "crt", stranger.login(pair.certificate, "kitchen", now(), 1))
    write_private(tmp_path / "key", pair.key)
    assert not _lets_in(bus.port, _context(ca, tmp_path / "crt", tmp_path / "key"))


async def test_nobody_takes_over_a_session_by_its_client_id(
    bus: SecuredBus, logins: dict[str, Path]
) -> None:
    async with bus.peer(logins["kitchen"]) as kitchen:
        async with bus.peer(logins["nodered"], client_id="kitchen") as thief:
            assert thief.bus.linked
            assert await _code(kitchen, f"{BASE}/event/kitchen") != DENIED
        assert kitchen.links == [True]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_who_is_revoked_is_out_at_once_and_stays_out(
    bus: SecuredBus, logins: dict[str, Path]
) -> None:
    folder = bus.admit("guest")
    topic = f"{BASE}/in/guest/kitchen/final"
    async with bus.peer(logins["kitchen"]) as kitchen:
        guest = bus.peer(folder, topic)
        guest.task = asyncio.create_task(guest.bus.run())
        await guest.linked()
        entry = bus.at.revoke("guest", now())
        assert bus.at.reload_broker() == ""
        assert await _end_session(bus.at, entry)
        bus.at.forget("guest", now())
        bus.at.reload_broker()
        await eventually(lambda: guest.links[:2] == [True, False], "it was not thrown out")
        await eventually(lambda: "refuses our certificate" in guest.bus.trouble, "not told")
        assert guest.links == [True, False]
        await _code(kitchen, topic)
        assert guest.came == []
        assert kitchen.links == [True]
        await guest.leave()
    again = bus.admit("guest")  # the name is free again, for another certificate
    async with bus.peer(again) as guest:
        assert guest.links == [True]
    old = _context(folder / "authority.crt", folder / "login.crt", folder / "login.key")
    assert not _lets_in(bus.port, old)


async def test_a_login_loses_its_rights_with_the_reload_even_while_connected(
    bus: SecuredBus,
) -> None:
    folder = bus.admit("lodger")
    async with bus.peer(folder) as lodger:
        assert await _code(lodger, f"{BASE}/event/lodger") != DENIED
        bus.at.forget("lodger", now())
        bus.at.reload_broker()
        codes: list[int] = []

        def denied() -> bool:
            lodger.bus.publish(f"{BASE}/event/lodger", b"x", qos=1, receipt=codes.append)
            return DENIED in codes

        await eventually(denied, "it still may")


async def test_a_replaced_login_leaves_the_old_certificate_void(bus: SecuredBus) -> None:
    old = bus.admit("porch")
    new = bus.admit("porch", replace=True)
    contexts = [
        _context(folder / "authority.crt", folder / "login.crt", folder / "login.key")
        for folder in (old, new)
    ]
    await eventually(lambda: not _lets_in(bus.port, contexts[0]), "the old one still opens")
    assert _lets_in(bus.port, contexts[1])


async def test_a_node_and_the_commands_on_its_machine_have_a_login_each(
    bus: SecuredBus, logins: dict[str, Path]
) -> None:
    folder = logins["kitchen"]
    ours = for_commands(bus.config(folder), "kitchen")
    assert ours.username == "kitchen-cli"
    assert for_commands(bus.config(logins["nodered"]), "kitchen").username == "nodered"
    async with bus.peer(folder) as kitchen:
        commands = Peer(bus.port, "kitchen-cli")
        commands.bus._config = ours
        async with commands:
            assert await _code(commands, f"{BASE}/in/kitchen/kitchen-cli/get") != DENIED
            assert await _code(commands, f"{BASE}/in/attic/kitchen-cli/bid") == DENIED
        assert kitchen.links == [True]
    operators = load(folder / "forgebus.toml").node.operators
    assert operators == ("admin", "kitchen-cli")
    (tmp := folder / "cli").rename(folder / "away")
    with pytest.raises(PrivateFileError, match="forgebus enroll kitchen-cli --app"):
        for_commands(bus.config(folder), "kitchen")
    (folder / "away").rename(tmp)


def test_secrets_are_their_owners(bus: SecuredBus, logins: dict[str, Path]) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    for folder in (bus.at.folder / "authority", bus.at.broker, bus.at.admin, logins["kitchen"]):
        assert mode(folder) == 0o700, folder
    keys = [*bus.at.folder.rglob("*.key"), *logins["kitchen"].rglob("*.key")]
    assert len(keys) == 5  # authority, broker, admin; the node's own and that of its commands
    assert {mode(key) for key in keys} == {0o600}
    assert mode(bus.at.folder / "authority" / "logins.json") == 0o600


async def test_renewing_keeps_authority_and_logins(tmp_path: Path) -> None:
    with secured(tmp_path) as bus:
        folder = bus.admit("kitchen")
        before = (bus.at.broker / "broker.crt").read_bytes()
        bus.at.renew(bus.at.register().settings, now())
        assert bus.at.reload_broker() == ""
        assert (bus.at.broker / "broker.crt").read_bytes() != before
        assert await answers("127.0.0.1", bus.port) is False
        async with bus.peer(folder) as peer:
            assert peer.bus.linked


def test_a_folder_holds_one_bus(bus: SecuredBus, tmp_path: Path) -> None:
    with pytest.raises(BusFolderError, match="holds a bus already; --renew"):
        bus.at.set_up(bus.at.register().settings, now())
    with pytest.raises(BusFolderError, match="holds no bus; set one up"):
        BusFolder(tmp_path).register()
    with pytest.raises(BusFolderError, match="nobody is no login here; there are "):
        bus.at.revoke("nobody", now())
    with pytest.raises(BusFolderError, match="admin is a login already; --replace"):
        bus.at.check_free("admin")


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_the_user_of_the_broker_cannot_have_root_give_it_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It owns the folder, so it may put a link in a file's place before that is handed over."""
    of_root, at = tmp_path / "of-root", BusFolder(tmp_path / "bus")
    of_root.write_text("")

    def swapped(path: Path, data: bytes, mode: int = 0o600) -> None:
        if path == at.broker / "acl":
            path.symlink_to(of_root)
        else:
            write_private(path, data, mode)

    monkeypatch.setattr("daemon.bus_folder.write_private", swapped)
    at.set_up(Settings(hosts=("127.0.0.1",), port=8883, user="nobody"), now())
    assert (at.broker / "mosquitto.conf").stat().st_uid != 0
    assert of_root.stat().st_uid == 0
