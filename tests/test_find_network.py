"""Two machines on one network, as network namespaces of this one: announced, found, asked, joined, remembered.

Needs root and iproute2; nothing leaves the two namespaces.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_fixture import until
from cli_call import FORGEBUS, ROOT, Called, clean_environment

KITCHEN, ATTIC = "10.9.0.1", "10.9.0.2"


class Machine:
    """A network of its own with one address, and a state directory."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.address = address
        self._running: list[subprocess.Popen[str]] = []
        folder.mkdir()
        (folder / "empty.toml").write_text("")
        self._holder = subprocess.Popen(["unshare", "-n", "sleep", "600"], text=True)
        own, its = (Path(f"/proc/{whose}/ns/net") for whose in ("self", self.pid))
        until(lambda: its.readlink() != own.readlink(), "no network of its own")

    @property
    def pid(self) -> int:
        return self._holder.pid

    def ip(self, *arguments: str) -> None:
        subprocess.run(["nsenter", "-t", str(self.pid), "-n", "ip", *arguments], check=True)

    def start(self, *command: str | Path, terminal: int | None = None) -> subprocess.Popen[str]:
        """A program there; with a terminal, its stdin and stderr are that one."""
        environment = clean_environment() | {
            "XDG_STATE_HOME": str(self.folder / "state"),
            "FORGEBUS_CONFIG": str(self.folder / "empty.toml"),
            "FORGEBUS_NODE__ID": "attic",
        }
        process = subprocess.Popen(
            ["nsenter", "-t", str(self.pid), "-n", *map(str, command)],
            cwd=ROOT,
            env=environment,
            text=True,
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if terminal is None else terminal,
            start_new_session=True,
        )
        self._running.append(process)
        return process

    def call(self, *arguments: str | Path) -> Called:
        process = self.start(*FORGEBUS, *arguments)
        out, err = process.communicate(timeout=60)
        return Called(process.returncode, out, err)

    def typed(self, answers: dict[str, str], *arguments: str | Path) -> Called:
        """A command at a terminal, where each of these prompts is answered once, in their order."""
        ours, theirs = pty.openpty()
        process = self.start(*FORGEBUS, *arguments, terminal=theirs)
        os.close(theirs)
        said, left, deadline = "", dict(answers), time.monotonic() + 60
        while time.monotonic() < deadline:
            ready, _, _ = select.select([ours], [], [], 0.2)
            if ready:
                try:
                    said += os.read(ours, 4096).decode()
                except OSError:  # the other end is closed
                    break
            elif process.poll() is not None:
                break
            for prompt in list(left):
                if prompt in said:
                    os.write(ours, f"{left.pop(prompt)}\n".encode())
        os.close(ours)
        out = process.stdout.read() if process.stdout is not None else ""
        return Called(process.wait(30), out, said)

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()
        self._holder.kill()
        self._holder.wait()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    """The kitchen, with a broker and its announcer to be started, and the attic, which is new."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for program in ("ip", "unshare", "nsenter"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install iproute2 util-linux")
    probe = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no network namespace can be made here: {probe.stderr.decode().strip()}")
    kitchen, attic = Machine(tmp_path / "kitchen", KITCHEN), Machine(tmp_path / "attic", ATTIC)
    try:
        there = ("veth0", "netns", str(attic.pid))
        kitchen.ip("link", "add", "veth0", "type", "veth", "peer", "name", *there)
        for machine in (kitchen, attic):
            machine.ip("link", "set", "lo", "up")
            machine.ip("addr", "add", f"{machine.address}/24", "dev", "veth0")
            machine.ip("link", "set", "veth0", "up")
        yield kitchen, attic
    finally:
        kitchen.end()
        attic.end()


def announced(kitchen: Machine, bus: Path) -> subprocess.Popen[str]:
    """A secured broker that runs there, and is announced; its fingerprint stands in announced.json."""
    made = kitchen.call("broker", "init", "--dir", bus, "--host", KITCHEN, "--user", "root")
    assert made.code == 0, made
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program is not None
    kitchen.start(program, "-c", bus / "broker" / "mosquitto.conf")
    sockets = Path(f"/proc/{kitchen.pid}/net/tcp")
    until(lambda: f":{8883:04X} " in sockets.read_text(), "mosquitto did not listen")
    return announcer(kitchen, bus)


def announcer(kitchen: Machine, bus: Path) -> subprocess.Popen[str]:
    process = kitchen.start(*FORGEBUS, "broker", "announce", "--dir", bus)
    assert process.stdout is not None
    line = ""
    while KITCHEN not in line:
        line = process.stdout.readline()
        assert line, process.communicate()
    return process


@pytest.mark.slow
def test_a_new_machine_finds_the_bus_is_asked_joins_and_remembers(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    kitchen, attic = machines
    bus = tmp_path / "bus"
    announcing = announced(kitchen, bus)

    # A script and a daemon trust nobody.
    refused = attic.call("nodes")
    refused.fails(2, "forgebus on", f"{KITCHEN}:8883", "discover --trust", f"--host {KITCHEN}")

    # A person is asked, sees what to compare, and may say no.
    prompt = "Trust it, and remember it?"
    login = tmp_path / "login"
    no = attic.typed({prompt: "n"}, "join", "--out", login)
    assert no.code == 2
    assert "no bus was trusted" in no.err
    (fingerprint,) = attic.call("discover", "--seconds", "0.7", "--json").json["found"]
    shown = re.sub(r"\s", "", no.err)
    assert f"sha256{fingerprint['bus']['authority']}" in shown

    enrolling = kitchen.start(*FORGEBUS, "enroll", "attic", "--dir", bus)
    assert enrolling.stdout is not None
    code = enrolling.stdout.readline().split()[1]
    yes = attic.typed({prompt: "y", "code:": code}, "join", "--out", login)
    assert yes.code == 0, yes
    assert f"this machine is attic on the bus at {KITCHEN}:8883" in yes.out

    # From now on every command goes there by itself, also when nothing is announced any more.
    announcing.terminate()
    announcing.communicate()
    attic.call("nodes").fails(4, "no node is on the bus")
    (known,) = (tmp_path / "attic" / "state").glob("**/known_bus.json")
    assert known.stat().st_mode & 0o777 == 0o600

    # Somebody else in its place is seen, and neither used nor trusted.
    other = tmp_path / "other"
    kitchen.call("broker", "init", "--dir", other, "--host", KITCHEN, "--user", "root")
    announcer(kitchen, other)
    (impostor,) = attic.call("discover", "--seconds", "0.7", "--json").json["found"]
    assert impostor["standing"] == "changed"
    trusting = attic.call("discover", "--seconds", "0.7", "--trust", impostor["bus"]["authority"])
    trusting.fails(2, "remembers another bus")
    joining = kitchen.start(*FORGEBUS, "enroll", "attic", "--dir", other)
    assert joining.stdout is not None
    code = joining.stdout.readline().split()[1]
    again = attic.typed({"code:": code}, "join", "--out", tmp_path / "second")
    assert again.code == 2
    assert "somebody stands between" in again.err
    assert not (tmp_path / "second" / "login.key").exists()
