"""`forgebus serve` as a process: what it opens, what it waits for, how it stops, what it refuses."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import structlog
from broker_fixture import SETTINGS, BrokerProcess, eventually, free_port, until
from cli_call import Called, finished, started

from daemon import mesh
from daemon.config import load
from doors.serving import serve


@pytest.fixture
def later(tmp_path: Path) -> BrokerProcess:
    """A broker that is not started yet."""
    return BrokerProcess(tmp_path, SETTINGS + "allow_anonymous true\n")


def _serve(tmp_path: Path, broker: BrokerProcess, *lines: str) -> tuple[subprocess.Popen[str], str]:
    """The process, and the address of its door."""
    listen = f"127.0.0.1:{free_port()}"
    config = tmp_path / "forgebus.toml"
    config.write_text("\n".join(["[openai]", f'listen = "{listen}"', *lines]))
    return started("serve", "--config", config, "--port", broker.port), f"http://{listen}/healthz"


def _is_open(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def _stopped(process: subprocess.Popen[str]) -> Called:
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    return Called(process.returncode, out, err)


def test_no_door_is_an_error(tmp_path: Path) -> None:
    config = tmp_path / "forgebus.toml"
    config.write_text("")
    finished("serve", "--config", config).fails(2, "no door is open", "[openai]", "listen")


def test_the_certificate_of_the_node_is_not_used(tmp_path: Path) -> None:
    """A login has one connection: the doors and the node would throw each other off the bus."""
    config = tmp_path / "forgebus.toml"
    broker = '[broker]\nusername = "kitchen"\ntls_cert = "login.crt"\ntls_key = "login.key"\n'
    config.write_text(f'{broker}[openai]\nlisten = "127.0.0.1:8750"\n')
    words = ("this is kitchen", "forgebus enroll doors --app", "[doors] tls_cert")
    finished("serve", "--config", config).fails(2, *words)


def test_it_waits_for_a_broker_that_comes_later(tmp_path: Path, later: BrokerProcess) -> None:
    process, url = _serve(tmp_path, later)
    try:
        assert process.stderr is not None
        assert "bus-down" in process.stderr.readline()
        assert not _is_open(url)
        later.start()
        until(lambda: _is_open(url), "the door did not open")
        told = _stopped(process)
        assert told.code == 0
        assert "Traceback" not in told.err
        assert not _is_open(url)
    finally:
        process.kill()
        later.kill()


async def test_it_stops_at_once_while_no_broker_answers(
    later: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a broker is waited for, and with nothing left behind."""
    monkeypatch.setattr(mesh, "FIND_S", 3600.0)
    stopping = asyncio.Event()
    config = load(None, {}, {"openai.listen": "127.0.0.1:1", "broker.port": later.port})
    serving = asyncio.create_task(serve(config, stopping))
    with structlog.testing.capture_logs() as logs:
        await eventually(lambda: "bus-down" in str(logs), "no broker was looked for")
    stopping.set()
    await asyncio.wait_for(serving, 20)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_signal_stops_it_while_it_waits(tmp_path: Path, later: BrokerProcess) -> None:
    process, _ = _serve(tmp_path, later)
    try:
        assert process.stderr is not None
        assert "bus-down" in process.stderr.readline()
        told = _stopped(process)
    finally:
        process.kill()
    assert told.code == 0
    assert "Traceback" not in told.err


def test_keys_that_cannot_be_used_end_it_with_a_line(tmp_path: Path, later: BrokerProcess) -> None:
    """Before a broker comes: nobody would look again."""
    process, _ = _serve(tmp_path, later, f'api_key_file = "{tmp_path / "nothing"}"')
    try:
        out, err = process.communicate(timeout=30)
        last = err.splitlines()[-1]
        assert process.returncode == 2, err
        assert last.startswith("forgebus: [openai] api_key_file: ")
        assert "Traceback" not in err + out
    finally:
        process.kill()
