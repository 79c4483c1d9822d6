"""A secured bus for tests: its folder, a real mosquitto on what was generated, and logins."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broker_fixture import Peer, free_port, until

from daemon.bus_folder import BusFolder, now
from daemon.cli_identity import write_with_key
from daemon.config import BrokerConfig, load
from daemon.logins import ADMIN, Role, Settings

BASE = "forgebus/v1"
USER = "root" if os.geteuid() == 0 else ""


class SecuredBus:
    """One that `forgebus broker init` would have set up; `start` runs mosquitto on it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.at = BusFolder(folder / "bus")
        self._logins = folder / "logins"
        self._process: subprocess.Popen[bytes] | None = None
        hosts = ("127.0.0.1", "localhost")
        settings = Settings(hosts=hosts, port=self.port, bind="127.0.0.1", user=USER)
        self.at.set_up(settings, now())
        write_with_key(self.at, ADMIN, Role.ADMIN, (), self.at.admin)

    def admit(self, login: str, role: Role = Role.NODE, *may: str, replace: bool = False) -> Path:
        """Its folder; a second one of the same login stands beside the first."""
        out = self._logins / f"{login}-{len(list(self._logins.glob('*')))}"
        write_with_key(self.at, login, role, may, out, replace=replace)
        self.at.reload_broker()
        return out

    def config(self, folder: Path) -> BrokerConfig:
        """What the login's own forgebus.toml says."""
        return load(folder / "forgebus.toml").broker

    def peer(self, folder: Path, *subscriptions: str, **more: Any) -> Peer:
        """A connection as this login."""
        config = self.config(folder)
        peer = Peer(self.port, config.username, *subscriptions, **more)
        peer.bus._config = config
        return peer

    def start(self) -> None:
        """Start mosquitto; returns once it listens."""
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        assert program is not None, "apt-get install mosquitto"
        with (self.at.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", self.at.broker / "mosquitto.conf"], stderr=log
            )
        until(self._listens, "mosquitto did not listen")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def log(self) -> str:
        """What mosquitto has said."""
        return (self.at.folder / "log").read_text()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


@contextmanager
def secured(folder: Path) -> Iterator[SecuredBus]:
    """A bus that runs."""
    bus = SecuredBus(folder)
    bus.start()
    try:
        yield bus
    finally:
        bus.stop()
