"""A real mosquitto for tests: one to a test, on a free port of the loopback, made to be hurt.

    broker           anonymous
    secured_broker   logins with passwords, and the access list of the protocol

Both can be stopped, killed, frozen and started again on the same port.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from daemon.bus import Bus, Incoming
from daemon.config import BrokerConfig

NODES = ("alpha", "beta", "gamma")
LOGINS = (*NODES, "app")
PASSWORD = "secret-of-{}"  # what `secured_broker` expects of each login
BASE = "forgebus/v1"
ACL = f"""\
pattern readwrite {BASE}/node/%u/#
pattern read {BASE}/node/#
pattern write {BASE}/offer/+/%u
pattern read {BASE}/offer/#
pattern write {BASE}/in/+/%u/#
pattern read {BASE}/in/%u/#
pattern write {BASE}/ask/%u/#
pattern read {BASE}/answer/%u/#
pattern write {BASE}/event/%u
pattern read {BASE}/event/#
""" + "".join(
    f"user {node}\ntopic read {BASE}/ask/#\ntopic write {BASE}/answer/#\n" for node in NODES
)
SETTINGS = """\
max_queued_messages 10000
max_inflight_messages 100
max_packet_size 300000
set_tcp_nodelay true
"""


class BrokerProcess:
    """A mosquitto that a test starts, stops and kills. `stored` keeps its sessions over a stop."""

    def __init__(self, directory: Path, settings: str, *, stored: bool = True) -> None:
        self.port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        keep = f"persistence true\npersistence_location {directory}/\n" if stored else ""
        self._config = directory / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nuser root\nlog_dest stderr\n{settings}{keep}"
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        assert program is not None, "apt-get install mosquitto"
        with (self._directory / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([program, "-c", self._config], stderr=log)
        until(self._listens, "mosquitto did not listen")

    def stop(self) -> None:
        """In order: sessions are stored, connections are closed."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
        self._process.wait(10)
        self._process = None

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "mosquitto.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


@pytest.fixture
def broker(make_broker: Callable[..., BrokerProcess]) -> BrokerProcess:
    """Anonymous, with the settings of the protocol."""
    return make_broker()


@pytest.fixture
def secured_broker(make_broker: Callable[..., BrokerProcess], tmp_path: Path) -> BrokerProcess:
    """Logins `LOGINS`, each with the password `PASSWORD`, held to the access list `ACL`."""
    passwords, acl = tmp_path / "passwords", tmp_path / "acl"
    passwords.touch()
    for login in LOGINS:
        command = ["mosquitto_passwd", "-b", str(passwords), login, PASSWORD.format(login)]
        subprocess.run(command, check=True, capture_output=True)
    acl.write_text(ACL)
    return make_broker(f"allow_anonymous false\npassword_file {passwords}\nacl_file {acl}\n")


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., BrokerProcess]]:
    """Brokers with settings of one's own: `make_broker(settings, stored=True)`."""
    made: list[BrokerProcess] = []

    def make(access: str = "allow_anonymous true\n", *, stored: bool = True) -> BrokerProcess:
        directory = tmp_path / f"mosquitto-{len(made)}"
        directory.mkdir()
        one = BrokerProcess(directory, SETTINGS + access, stored=stored)
        made.append(one)
        one.start()
        return one

    yield make
    for one in made:
        one.kill()


class Peer:
    """A `Bus` with its callbacks kept: what came, what the link did, and its fault."""

    def __init__(self, port: int, name: str, *subscriptions: str, **changes: Any) -> None:
        config: dict[str, Any] = {"port": port} | changes.pop("config", {})
        self.came: list[Incoming] = []
        self.links: list[bool] = []
        self.acknowledge = True
        settings: dict[str, Any] = {
            "login": name,
            "client_id": name,
            "session_expiry_s": 600,
            "subscriptions": [(topic, 1) for topic in subscriptions],
            "on_message": self.received,
            "on_link": self.links.append,
        }
        self.bus = Bus(BrokerConfig(**config), **settings | changes)
        self.task: asyncio.Task[None] | None = None

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.came]

    def received(self, message: Incoming) -> None:
        self.came.append(message)
        if self.acknowledge:
            message.ack()

    async def linked(self) -> None:
        await eventually(lambda: self.bus.linked, "no link")

    async def has(self, count: int) -> None:
        await eventually(lambda: len(self.came) >= count, f"{len(self.came)} of {count} came")

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.bus.run())
        await self.linked()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def leave(self) -> None:
        """End `run` in order; a fault that it ended with is raised."""
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
            self.task = None


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(holds: Callable[[], bool], otherwise: str, within_s: float = 20.0) -> None:
    """Wait for a condition of another process."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)


async def eventually(holds: Callable[[], bool], otherwise: str, within_s: float = 20.0) -> None:
    """Wait for a condition while the loop runs."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, otherwise
        await asyncio.sleep(0.005)
