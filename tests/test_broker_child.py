"""The private mosquitto: it answers when `start` returns, dies with its parent, and says what is wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from broker_fixture import BrokerProcess, eventually, free_port, until

from daemon.broker import Broker, BrokerError, answers

ROOT = Path(__file__).resolve().parent.parent


async def test_it_answers_a_connect_and_ends_with_its_block(tmp_path: Path) -> None:
    async with Broker(tmp_path / "broker") as broker:
        assert broker.port != 0
        assert await answers("127.0.0.1", broker.port)
    assert broker.pid is None
    assert not await answers("127.0.0.1", broker.port)


async def test_the_settings_are_those_of_the_protocol(tmp_path: Path) -> None:
    async with Broker(tmp_path, free_port()) as broker:
        settings = (tmp_path / "mosquitto.conf").read_text().splitlines()
    assert {
        f"listener {broker.port} 127.0.0.1",
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {tmp_path}/",
        "autosave_interval 60",
        "max_queued_messages 10000",
        "max_inflight_messages 100",
        "max_packet_size 300000",
        "set_tcp_nodelay true",
    } <= set(settings)
    assert not [line for line in settings if line.startswith("use_username_as_clientid")]


async def test_nobody_outside_the_machine_reaches_it(tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker:
        sockets = [line.split() for line in _lines("/proc/net/tcp") + _lines("/proc/net/tcp6")]
    listening = [fields[1] for fields in sockets if fields[3] == "0A"]
    assert [place for place in listening if place.endswith(f":{broker.port:04X}")] == [
        f"0100007F:{broker.port:04X}"
    ]


async def test_the_service_manager_hears_the_node_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    async with Broker(tmp_path / "broker") as broker:
        environment = psutil.Process(broker.pid).environ()
    assert "NOTIFY_SOCKET" not in environment
    assert "PATH" in environment


async def test_a_directory_with_a_space_is_fine(tmp_path: Path) -> None:
    directory = tmp_path / "my own broker"
    async with Broker(directory):
        pass
    assert (directory / "mosquitto.db").exists()


async def test_a_taken_port_is_named_with_its_remedy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=rf"127\.0\.0\.1:{port} is taken.*another .* port"):
            await Broker(tmp_path, port).start()


async def test_a_missing_program_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.broker.shutil.which", lambda *_a, **_k: None)
    with pytest.raises(BrokerError, match="apt-get install mosquitto"):
        await Broker(tmp_path).start()


async def test_it_is_found_where_a_plain_user_has_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    async with Broker(tmp_path) as broker:
        assert broker.pid is not None


async def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BrokerError, match=r"file/broker: .*cannot be written"):
        await Broker(tmp_path / "file" / "broker").start()


async def test_what_mosquitto_says_when_it_will_not_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.broker._config", lambda *_: "no_such_setting 1\n")
    with pytest.raises(BrokerError, match=r"ended at once.*no_such_setting"):
        await Broker(tmp_path).start()


async def test_a_broker_that_dies_is_started_again_on_its_port(tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker:
        watch = asyncio.create_task(broker.supervise())
        first, port = broker.pid, broker.port
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: broker.pid not in {None, first}, "it was not started again")
        assert broker.port == port
        await eventually(lambda: _listens(port), "it does not listen again")
        await broker.stop()
        await asyncio.wait_for(watch, 5)
        assert not _listens(port)


async def test_a_stop_in_the_middle_of_a_new_start_leaves_nothing(tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker:
        watch = asyncio.create_task(broker.supervise())
        first = broker.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: broker.pid not in {None, first}, "it was not started again")
        await broker.stop()
        await asyncio.wait_for(watch, 5)
        assert not _listens(broker.port)


async def test_a_stop_before_a_new_start_prevents_it(tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker:
        watch = asyncio.create_task(broker.supervise())
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        await eventually(lambda: broker.pid is None, "it lives")
        await broker.stop()
        await asyncio.wait_for(watch, 5)
        assert broker.pid is None


async def test_supervision_ends_with_a_stop(tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker:
        watch = asyncio.create_task(broker.supervise())
        await asyncio.sleep(0)
        await broker.stop()
        await asyncio.wait_for(watch, 5)
        assert broker.pid is None


def test_a_killed_parent_leaves_no_orphan(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom daemon.broker import Broker\n"
        "async def main():\n"
        "    broker = Broker(Path(sys.argv[1]))\n    await broker.start()\n"
        "    print(broker.pid, broker.port, flush=True)\n    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        _, port = (int(word) for word in parent.stdout.readline().split())
        assert _listens(port)
        parent.kill()
    until(lambda: not _listens(port), "mosquitto outlived its parent", 10)


async def test_something_that_is_no_broker_does_not_answer() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        assert not await answers("127.0.0.1", server.sockets[0].getsockname()[1])


async def test_a_broker_that_wants_a_login_answers_all_the_same(
    secured_broker: BrokerProcess,
) -> None:
    assert await answers("127.0.0.1", secured_broker.port)


def _lines(path: str) -> list[str]:
    table = Path(path)  # without IPv6 there is no tcp6
    return table.read_text().splitlines()[1:] if table.exists() else []


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
