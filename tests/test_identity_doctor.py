"""`forgebus doctor --security`: nothing on what was generated, and each thing that is left open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from broker_fixture import PASSWORD, BrokerProcess, free_port
from bus_fixture import SecuredBus, secured
from cli_call import caller
from hypothesis import given
from hypothesis import strategies as st

from daemon import broker_files, broker_lint
from daemon.broker_lint import weaknesses
from daemon.config import BrokerConfig, Config, NodeConfig
from daemon.doctor import Finding, Verdict
from daemon.doctor_security import examine_security
from daemon.logins import Settings

GENERATED = broker_files.configuration(Path("/x"), Settings(hosts=("h",), port=8883))


async def _examined(folder: Path, broker: BrokerConfig, login: str) -> dict[str, Finding]:
    node = NodeConfig(id="here", state_dir=folder / "state")
    found = await examine_security(Config(node=node, broker=broker), login)
    return {finding.check: finding for finding in found}


def _weak(found: dict[str, Finding]) -> set[str]:
    return {name for name, one in found.items() if one.verdict is not Verdict.OK}


async def test_nothing_is_weak_on_what_was_generated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with secured(tmp_path) as bus:
        found = await _examined(tmp_path, bus.config(bus.at.admin), "admin")
        assert _weak(found) <= {"old TLS"}, found
        assert "not checked" in found["old TLS"].verdict or not _weak(found)
        assert {"strangers", "foreign certificate", "sessions", "mosquitto.conf"} <= set(found)
        monkeypatch.setattr("daemon.doctor_security.SOON", timedelta(days=731))
        kitchen = bus.admit("kitchen")
        again = await _examined(tmp_path, bus.config(kitchen), "kitchen")
        ends = {"end of the broker's certificate", "end of our certificate"}
        assert ends <= _weak(again) <= {"old TLS"} | ends, again
        assert "broker init --renew" in again["end of the broker's certificate"].remedy


WEAKENED = {
    "require_certificate true": "require_certificate false",
    "use_identity_as_username true": "",
    "use_username_as_clientid true": "",
    "allow_anonymous false": "allow_anonymous true",
    "tls_version tlsv1.2": "tls_version tlsv1.1\nciphers DEFAULT:@SECLEVEL=0",
    "max_packet_size 300000": "",
}


async def test_everything_is_weak_where_everything_is_open(tmp_path: Path) -> None:
    bus = SecuredBus(tmp_path)
    path = bus.at.broker / "mosquitto.conf"
    lines = [WEAKENED.get(line, line) for line in path.read_text().splitlines()]
    path.write_text("\n".join(line for line in lines if not line.startswith("acl_file")) + "\n")
    bus.start()
    try:
        found = await _examined(tmp_path, bus.config(bus.at.admin), "admin")
    finally:
        bus.stop()
    wrong = {name for name, one in found.items() if one.verdict is Verdict.WRONG}
    assert wrong >= {
        "strangers",
        "foreign certificate",
        "limits",
        "speaking for others",
        "reading of others",
        "sessions",
    }
    assert found["old TLS"].verdict in {Verdict.WRONG, Verdict.NOT_CHECKED}
    assert all(found[name].remedy for name in wrong)
    assert "node/forgebus-doctor/status" in found["speaking for others"].found


async def test_a_private_broker_is_open_to_this_machine_and_that_is_said(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    found = await _examined(tmp_path, BrokerConfig(port=broker.port), "cli")
    assert found["strangers"].verdict is Verdict.WARNING
    assert "every program of this machine" in found["strangers"].found
    assert found["credentials"].verdict is Verdict.OK
    assert not any(one.verdict is Verdict.WRONG for one in found.values())


async def test_logins_with_passwords_are_looked_at_too(
    secured_broker: BrokerProcess, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD.format("alpha"))
    secret.chmod(0o640)
    config = BrokerConfig(port=secured_broker.port, username="alpha", password_file=secret)
    found = await _examined(tmp_path, config, "alpha")
    assert found["strangers"].verdict is Verdict.OK
    assert found["speaking for others"].verdict is Verdict.OK
    assert found["sessions"].verdict is Verdict.WRONG
    assert found["file of the password"].verdict is Verdict.OK


async def test_where_no_broker_is_nothing_is_called_right(tmp_path: Path) -> None:
    found = await _examined(tmp_path, BrokerConfig(port=free_port()), "cli")
    assert found["broker"].verdict is Verdict.WRONG
    for check in ("strangers", "sessions", "limits", "mosquitto.conf"):
        assert found[check].verdict is Verdict.NOT_CHECKED


async def test_files_that_others_may_read_are_told(tmp_path: Path) -> None:
    key, state = tmp_path / "key", tmp_path / "state"
    key.write_text("x")
    key.chmod(0o644)
    state.mkdir(mode=0o755)
    broker = BrokerConfig(port=free_port(), tls_key=key, tls_cert=key)
    found = await _examined(tmp_path, broker, "cli")
    assert found["file of the key"].verdict is Verdict.WRONG
    assert f"chmod 600 {key}" in found["file of the key"].remedy
    assert found["journal"].verdict is Verdict.WARNING
    assert found["end of our certificate"].verdict is Verdict.WRONG


def test_the_command_exits_with_one_when_something_is_wrong(
    broker: BrokerProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    call = caller(capfd)
    good = call("doctor", "--security", "--port", broker.port, "--json")
    assert (good.code, good.json["ok"]) == (0, True)
    call("doctor", "--security", "--port", free_port()).fails(1, "1 wrong: broker")
    far = call("doctor", "--security", "--host", "192.0.2.1", "--port", free_port())
    far.fails(1, "wrong: credentials, encryption, broker")


# --- the file ------------------------------------------------------------------------------------


def test_the_generated_file_has_no_weakness() -> None:
    assert list(weaknesses(GENERATED)) == []


@pytest.mark.parametrize(
    "setting",
    [
        "certfile",
        "require_certificate",
        "use_identity_as_username",
        "use_username_as_clientid",
        "acl_file",
        "crlfile",
        "max_packet_size",
        "max_queued_messages",
        "max_inflight_messages",
        "max_connections",
        "persistence",
    ],
)
def test_each_line_that_is_missing_is_told(setting: str) -> None:
    lines = [line for line in GENERATED.splitlines() if not line.startswith(f"{setting} ")]
    assert len(lines) < len(GENERATED.splitlines())
    (one,) = weaknesses("\n".join(lines))
    assert one.setting == setting
    assert one.found
    assert one.remedy


@pytest.mark.parametrize(
    ("instead", "setting"),
    [
        ("allow_anonymous true", "allow_anonymous"),
        ("tls_version tlsv1.1", "tls_version"),
        ("max_packet_size 0", "max_packet_size"),
    ],
)
def test_a_line_that_says_the_wrong_thing_is_told(instead: str, setting: str) -> None:
    name = instead.split(maxsplit=1)[0]
    lines = [instead if line.startswith(f"{name} ") else line for line in GENERATED.splitlines()]
    assert [one.setting for one in weaknesses("\n".join(lines))] == [setting]


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("listener 1883 127.0.0.1\nallow_anonymous true\n", {"allow_anonymous"}),
        ("listener 1883\nallow_anonymous true\n", {"allow_anonymous", "certfile", "acl_file"}),
        ("port 1883\npassword_file p\nacl_file a\n", {"certfile"}),
    ],
)
def test_what_matters_depends_on_who_can_reach_it(text: str, settings: set[str]) -> None:
    found = {one.setting for one in weaknesses(text)}
    assert settings <= found
    assert ("certfile" in found) == ("127." not in text)


def test_the_file_of_a_running_broker_is_found(
    make_broker: Callable[..., BrokerProcess],
) -> None:
    broker = make_broker()
    assert broker_lint.of_running(broker.port) == broker._config
    assert broker_lint.of_running(free_port()) is None


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    for one in weaknesses(text):
        assert one.remedy
