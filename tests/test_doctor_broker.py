"""The doctor at real brokers, each with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from broker_fixture import PASSWORD, BrokerProcess, free_port
from cli_call import caller

from daemon.config import BrokerConfig
from daemon.doctor import Finding, Verdict
from daemon.doctor_broker import examine_broker


async def _examined(config: BrokerConfig, login: str = "alpha") -> dict[str, Finding]:
    return {finding.check: finding for finding in await examine_broker(config, login)}


async def test_a_broker_as_it_should_be(broker: BrokerProcess) -> None:
    told = await _examined(BrokerConfig(port=broker.port))
    assert {finding.verdict for finding in told.values()} == {Verdict.OK, Verdict.NOT_CHECKED}
    assert told["queue limits"].verdict is Verdict.NOT_CHECKED
    assert "mosquitto version 2" in told["broker version"].found
    assert "only this machine" in told["access list"].found


async def test_no_broker_is_wrong_and_nothing_behind_it_is_called_right() -> None:
    told = await _examined(BrokerConfig(port=free_port()))
    assert told["broker"].verdict is Verdict.WRONG
    assert "forgebus run" in told["broker"].remedy
    rest = [finding.verdict for check, finding in told.items() if check != "broker"]
    assert set(rest) == {Verdict.NOT_CHECKED}


async def test_a_broker_without_nodelay_is_found_out(
    make_broker: Callable[..., BrokerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    from broker_fixture import SETTINGS

    slow = SETTINGS.replace("set_tcp_nodelay true\n", "")
    monkeypatch.setattr("broker_fixture.SETTINGS", slow)
    told = (await _examined(BrokerConfig(port=make_broker().port)))["TCP_NODELAY"]
    assert told.verdict is Verdict.WRONG
    assert "set_tcp_nodelay true" in told.remedy


async def test_a_broker_that_takes_small_messages_only_is_found_out(
    make_broker: Callable[..., BrokerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    from broker_fixture import SETTINGS

    small = SETTINGS.replace("max_packet_size 300000", "max_packet_size 20000")
    monkeypatch.setattr("broker_fixture.SETTINGS", small)
    told = (await _examined(BrokerConfig(port=make_broker().port)))["message size"]
    assert told.verdict is Verdict.WRONG
    assert "max_packet_size" in told.remedy


async def test_an_access_list_is_seen_at_work(
    secured_broker: BrokerProcess, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD.format("alpha"))
    secret.chmod(0o600)
    config = BrokerConfig(port=secured_broker.port, username="alpha", password_file=secret)
    told = await _examined(config)
    assert told["access list"] == Finding(
        "access list", Verdict.OK, "nobody can speak under another's name"
    )
    assert told["message expiry"].verdict is Verdict.OK
    assert told["broker version"].verdict is Verdict.NOT_CHECKED


async def test_a_wrong_password_is_told_with_what_to_check(
    secured_broker: BrokerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.doctor_broker.LINK_S", 1.0)
    secret = tmp_path / "secret"
    secret.write_text("wrong")
    secret.chmod(0o600)
    config = BrokerConfig(port=secured_broker.port, username="alpha", password_file=secret)
    told = (await _examined(config))["broker"]
    assert told.verdict is Verdict.WRONG
    assert "password_file" in told.remedy


async def test_an_open_broker_beyond_loopback_is_wrong(
    broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.doctor_broker._private", lambda _: False)
    told = (await _examined(BrokerConfig(port=broker.port)))["access list"]
    assert told.verdict is Verdict.WRONG
    assert "access list" in told.remedy


def test_the_command_shows_all_and_fails_when_something_is_wrong(
    broker: BrokerProcess,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORGEBUS_NODE__STATE_DIR", str(tmp_path))
    call = caller(capfd)
    good = call("doctor", "--port", broker.port, "--json")
    assert (good.code, good.json["ok"]) == (0, True)
    verdicts = {finding["verdict"] for finding in good.json["findings"]}
    assert "not checked" in verdicts
    bad = call("doctor", "--port", free_port())
    bad.fails(1, "1 wrong: broker")
    assert "set [broker] host and" in " ".join(bad.out.split())
