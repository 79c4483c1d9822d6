"""The bus that was trusted: what a found one is beside it, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from broker_fixture import free_port
from cli_call import caller
from structlog.testing import capture_logs

from daemon.bus_folder import now
from daemon.certificates import Authority
from daemon.config import Config, load
from daemon.known_bus import (
    FILE,
    KnownBusError,
    Standing,
    check_authority,
    forget,
    remember,
    remembered,
    standing,
    trusted,
    with_bus,
)
from daemon.txt_record import Announcement, Found, fingerprint

ONE, OTHER = "1a" * 32, "2b" * 32
BUS = Announcement(port=8883, tls=True, authority=ONE, host="broker.lan")
HEARD = Found("forgebus on kitchen", ("192.168.1.5",), BUS)
KNOWN = trusted(HEARD)


def another(name: str = HEARD.name, address: str = HEARD.address, **changes: object) -> Found:
    return Found(name, (address,), msgspec.structs.replace(BUS, **changes))


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (HEARD, Standing.REMEMBERED),
        (another(address="10.0.0.9"), Standing.REMEMBERED),
        (another(name="forgebus on attic"), Standing.REMEMBERED),
        (another(authority=OTHER), Standing.CHANGED),
        (another(authority="", tls=False), Standing.CHANGED),
        (another(name="x", authority=OTHER), Standing.CHANGED),
        (another(address="10.0.0.9", host="evil.lan", authority=OTHER), Standing.CHANGED),
        (another(name="x", address="10.0.0.9", host="x", authority=OTHER), Standing.NEW),
        (another(protocol=2), Standing.UNUSABLE),
        (Found("x", ("10.0.0.9",), None, "malformed"), Standing.UNUSABLE),
    ],
)
def test_what_a_found_bus_is(found: Found, what: Standing) -> None:
    assert standing(KNOWN, found) is what
    if what is not Standing.UNUSABLE:
        assert standing(None, found) is Standing.NEW


def test_without_a_fingerprint_the_place_alone_is_known() -> None:
    plain = Found("a", ("192.168.1.5",), Announcement(port=1883))
    known = trusted(plain)
    assert standing(known, plain) is Standing.REMEMBERED
    moved = Found("a", ("192.168.1.6",), Announcement(port=1883))
    assert standing(known, moved) is Standing.NEW


def test_it_is_kept_for_nobody_else_to_write(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert remembered(folder) is None
    remember(folder, KNOWN)
    assert remembered(folder) == KNOWN
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert forget(folder)
    assert not forget(folder)


def test_what_a_service_remembers_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain user's command beside an installed node, whose state directory is closed."""

    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    remember(tmp_path, KNOWN)
    monkeypatch.setattr(Path, "exists", closed)
    assert remembered(tmp_path) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_what_root_remembers_in_a_service_s_directory_the_service_may_read(tmp_path: Path) -> None:
    os.chown(tmp_path, 4242, 4343)
    remember(tmp_path, KNOWN)
    found = (tmp_path / FILE).stat()
    assert (found.st_uid, found.st_gid) == (4242, 4343)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_a_service_cannot_have_root_give_it_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It owns the folder, so it may put a link in the file's place before the file is handed over."""
    of_root, folder = tmp_path / "of-root", tmp_path / "state"
    of_root.write_text("")
    folder.mkdir()
    os.chown(folder, 4242, 4343)

    def swapped(path: Path, data: bytes) -> None:
        path.symlink_to(of_root)

    monkeypatch.setattr("daemon.known_bus.write_private", swapped)
    remember(folder, KNOWN)
    assert of_root.stat().st_uid == 0


@pytest.mark.parametrize(("what", "mode"), [(FILE, 0o666), (FILE, 0o620), ("", 0o777)])
def test_what_others_could_have_written_is_not_believed(
    tmp_path: Path, what: str, mode: int
) -> None:
    remember(tmp_path, KNOWN)
    (tmp_path / what).chmod(mode)
    with pytest.raises(KnownBusError, match="not believed"):
        remembered(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", '{"name": 1}', "[]"])
def test_a_damaged_file_says_what_to_do(tmp_path: Path, text: str) -> None:
    remember(tmp_path, KNOWN)
    (tmp_path / FILE).write_text(text)
    with pytest.raises(KnownBusError, match="--forget"):
        remembered(tmp_path)


def plain_config(tmp_path: Path) -> Config:
    return load(tmp_path / "own.toml", {})


def test_a_remembered_bus_without_tls_is_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("")
    known = trusted(Found("a", ("192.168.1.5",), Announcement(port=1884, base="home")))
    broker = with_bus(plain_config(tmp_path), known, None).broker
    assert (broker.host, broker.port, broker.base) == ("192.168.1.5", 1884, "home")


def test_a_bus_that_has_not_let_us_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("")
    with pytest.raises(KnownBusError, match="has not let this machine in"):
        with_bus(plain_config(tmp_path), KNOWN, None)


def joined(tmp_path: Path, certificate: bytes) -> Config:
    (tmp_path / "ca").write_bytes(certificate)
    (tmp_path / "joined.toml").write_text(
        f'[node]\nid = "attic"\n[broker]\nhost = "broker.lan"\nusername = "attic"\ntls_ca = "{tmp_path}/ca"\n'
    )
    return load(tmp_path / "joined.toml", {})


def test_the_login_of_the_remembered_bus_is_used_where_its_authority_is_the_pinned_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "own.toml").write_text("[work]\nslots = 3\n")
    certificate = Authority.new("a", now()).pair.certificate
    config, login = plain_config(tmp_path), joined(tmp_path, certificate)
    known = msgspec.structs.replace(KNOWN, authority=fingerprint(certificate))
    used = with_bus(config, known, login)
    assert (used.node.id, used.broker, used.work.slots) == ("attic", login.broker, 3)
    with pytest.raises(KnownBusError, match="of another authority"):
        with_bus(config, KNOWN, login)


def test_a_login_of_another_authority_is_refused() -> None:
    certificate = Authority.new("a", now()).pair.certificate
    for wrong in (certificate, b"", b"nothing"):
        with pytest.raises(KnownBusError, match="somebody stands between"):
            check_authority(KNOWN, wrong, "the login")
    right = msgspec.structs.replace(KNOWN, authority=fingerprint(certificate))
    check_authority(right, certificate, "the login")


async def test_a_daemon_without_a_terminal_looks_for_nothing_and_goes_on_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daemon import cli_find

    async def looked(*_: object) -> list[Found]:
        raise AssertionError("it looked")

    monkeypatch.setattr("daemon.discovery.look", looked)
    monkeypatch.setenv("FORGEBUS_NODE__STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "own.toml").write_text("")
    config = plain_config(tmp_path)
    assert await cli_find.with_bus(tmp_path / "own.toml", config, daemon=True) == config


async def test_what_is_configured_wins_over_what_is_remembered(tmp_path: Path) -> None:
    from daemon import cli_find

    state = tmp_path / "state"
    remember(state, trusted(Found("a", ("192.168.1.5",), Announcement(port=1884))))
    for said, host in (("", "192.168.1.5"), ('[broker]\nhost = "10.0.0.1"\n', "10.0.0.1")):
        file = tmp_path / "own.toml"
        file.write_text(f'[node]\nstate_dir = "{state}"\n{said}')
        used = await cli_find.with_bus(file, load(file, {}), daemon=True)
        assert used.broker.host == host


@pytest.mark.parametrize(
    ("found", "verdict"),
    [(HEARD, "ok"), (another(authority=OTHER), "wrong"), (another(protocol=2), "warning")],
)
async def test_the_doctor_tells_of_what_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Found, verdict: str
) -> None:
    from daemon.doctor_network import examine_network

    async def looked(*_: object) -> list[Found]:
        return [found]

    monkeypatch.setattr("daemon.doctor_network.look", looked)
    remember(tmp_path / "state", KNOWN)
    first, second = await examine_network(tmp_path / "state", configured=False)
    assert (first.verdict.value, second.verdict.value) == ("ok", verdict)
    assert "192.168.1.5:8883" in first.found
    (only,) = await examine_network(tmp_path / "state", configured=True)
    assert "a broker is configured" in only.found
    (tmp_path / "state" / FILE).chmod(0o666)
    (damaged,) = await examine_network(tmp_path / "state", configured=True)
    assert damaged.verdict.value == "wrong"


def test_the_doctor_looks_at_the_remembered_bus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def looked(*_: object) -> list[Found]:
        return []

    monkeypatch.setattr("daemon.doctor_network.look", looked)
    monkeypatch.setenv("FORGEBUS_NODE__STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("FORGEBUS_CONFIG", str(tmp_path / "own.toml"))
    (tmp_path / "own.toml").write_text("")
    port = free_port()
    remember(tmp_path / "state", trusted(Found("a", ("127.0.0.1",), Announcement(port=port))))
    findings = caller(capfd)("doctor", "--json").json["findings"]
    found = {one["check"]: one["found"] for one in findings}
    assert found["broker"].endswith(f"127.0.0.1:{port}")


async def test_a_daemon_that_waits_in_vain_tells_of_others_and_trusts_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daemon import cli_find

    async def looked(*_: object) -> list[Found]:
        return [HEARD, Found("x", ("10.0.0.9",), None, "malformed")]

    monkeypatch.setattr(cli_find, "PATIENCE_S", 0.0)
    monkeypatch.setattr("daemon.discovery.look", looked)
    file = tmp_path / "own.toml"
    file.write_text(f'[node]\nstate_dir = "{tmp_path}"\n[broker]\nport = {free_port()}\n')
    with capture_logs() as lines:
        await cli_find.tell_of_others(load(file, {}))
    assert [(line["event"], line["at"]) for line in lines] == [("bus-announced", HEARD.where)]
    assert lines[0]["fingerprint"] == ONE
    assert remembered(tmp_path) is None
