"""When a node gives the service manager its sign: not for a broker that is away, only for faults of its own."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_fixture import BrokerProcess
from node_process import NodeProcess

from daemon import bus, config, notify, service
from daemon.group_commit import GroupCommit

SIGN = b"WATCHDOG=1"


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Systemd's end of the socket, which wants a sign every second."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield end


def _until(manager: socket.socket, wanted: bytes) -> None:
    while manager.recv(200) != wanted:
        pass


def _drained(manager: socket.socket) -> None:
    manager.settimeout(0)
    try:
        while True:
            manager.recv(200)
    except BlockingIOError:
        manager.settimeout(20)


def test_signs_go_on_while_the_broker_is_dead_and_end_while_the_node_hangs(
    manager: socket.socket, broker: BrokerProcess, tmp_path: Path
) -> None:
    node = NodeProcess(tmp_path, broker.port, "alpha")
    node.start()
    try:
        _until(manager, b"READY=1")
        broker.kill()
        deadline = time.monotonic() + 10
        while "bus-down" not in node.log():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        _drained(manager)
        for _ in range(3):
            _until(manager, SIGN)
        node.freeze()
        _drained(manager)
        manager.settimeout(1.5)
        with pytest.raises(TimeoutError):
            _until(manager, SIGN)
    finally:
        node.kill()


async def test_no_sign_of_a_link_that_tries_nothing_or_a_journal_without_its_writer(
    manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = service.Node(
        config.load(None, {}, {"node.id": "alpha", "node.state_dir": tmp_path / "a"})
    )
    given: list[str] = []
    monkeypatch.setattr(notify, "watchdog", lambda: given.append("sign"))

    node._watchdog()
    assert not given, "it has never tried to connect"

    node._bus._tried_at = time.monotonic()
    node._watchdog()
    assert given == ["sign"]

    node._bus._tried_at -= bus._STUCK_S
    node._watchdog()
    assert given == ["sign"]

    node._bus._tried_at = time.monotonic()
    node._journal._commits.healthy = False
    node._watchdog()
    assert given == ["sign", "sign"], "a full disk heals by itself"

    node._journal._commits.ended = True
    node._watchdog()
    assert given == ["sign", "sign"]
    node._journal.close()


def test_a_writer_that_ends_of_a_defect_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def defect() -> None:
        raise ZeroDivisionError

    commits = GroupCommit(print)
    monkeypatch.setattr(commits, "_write_all", defect)
    with pytest.raises(ZeroDivisionError):
        commits._run()
    assert commits.ended
