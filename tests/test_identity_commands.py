"""The commands about identity, and what is refused without one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from broker_fixture import eventually, free_port, until
from bus_fixture import USER, SecuredBus
from cli_call import FORGEBUS, ROOT, Call, caller, clean_environment, started

from daemon.asking import MeshError
from daemon.bus import Bus, BusError
from daemon.bus_folder import BusFolder
from daemon.config import BrokerConfig, load
from daemon.mesh import Mesh
from daemon.private_files import PrivateFileError, read_secret, weakness, write_private
from daemon.reach import refusal

FAR = "192.0.2.1"
"""An address for documentation (RFC 5737): nobody is there, and nobody is asked."""


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(capfd)


@pytest.fixture
def bus(tmp_path: Path, call: Call) -> Iterator[SecuredBus]:
    """What `forgebus broker init` wrote, with a mosquitto that runs on it."""
    one = SecuredBus.__new__(SecuredBus)
    one.port, one.at, one._process = free_port(), BusFolder(tmp_path / "bus"), None
    made = call("broker", "init", "--dir", one.at.folder, "--port", one.port, "--json",
                "--host", "127.0.0.1", "--bind", "127.0.0.1", "--user", USER)  # fmt: skip
    assert made.code == 0, made
    assert made.json["configuration"] == str(one.at.broker / "mosquitto.conf")
    one.start()
    yield one
    one.stop()


def _joined(code: str, port: int, out: Path) -> subprocess.CompletedProcess[str]:
    """`forgebus join` as on another machine: a process that reads the code."""
    command = [*FORGEBUS, "join", f"127.0.0.1:{port}", "--out", str(out), "--json"]
    return subprocess.run(
        command,
        input=f"{code}\n",
        text=True,
        capture_output=True,
        cwd=ROOT,
        env=clean_environment(),
        timeout=60,
        check=False,
    )


def _online(call: Call, config: Path) -> bool:
    """Whether the node is there, as a command with this configuration sees it."""
    return '"online":true' in call("nodes", "--config", config, "--json").out


def test_a_machine_joins_works_and_is_revoked(bus: SecuredBus, call: Call, tmp_path: Path) -> None:
    folder = bus.at.folder
    opening = started("enroll", "attic", "--dir", folder, "--listen", "127.0.0.1:0", "--json")
    assert opening.stdout is not None
    shown = json.loads(opening.stdout.readline())
    wrong = _joined("AAAA-AAAA", shown["port"], tmp_path / "attic")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "the code is wrong; 4 tries are left" in wrong.stderr
    config = tmp_path / "attic" / "forgebus.toml"
    config.write_text('# mine\n[broker]\nstart = "never"\n')
    right = _joined(shown["code"].lower(), shown["port"], tmp_path / "attic")
    assert right.returncode == 0, right.stderr
    assert opening.wait(60) == 0
    opening.communicate()
    files = json.loads(right.stdout)
    assert (files["login"], files["config"], files["differs"]) == ("attic", str(config), [])
    assert {"node.id", "broker.port", "broker.tls_key"} <= set(files["changed"])
    assert config.read_text().startswith('# mine\n[broker]\nstart = "never"\n')

    node = started(
        *("run", "--config", config, "--set", f"node.state_dir={tmp_path / 'state'}"),
        *("--set", "work.capabilities=[]", "--set", 'auction.may_submit=["camera:vision"]'),
    )
    try:
        until(partial(_online, call, config), "it is not there", 60)
        asked = call("ask", "math", "1+1", "--config", config)
        asked.fails(3, "attic-cli may not have math done by attic", "[auction] may_submit")
        seen = call("tasks", "--config", config, "--home", "attic", "--json")
        assert (seen.code, seen.json) == (0, {"tasks": []})  # kitchen-cli is an operator there
        call("nodes", "--config", config, "--login", "x").fails(2, "this is attic-cli", "--config")
        logins = call("broker", "logins", "--dir", folder, "--json").json["logins"]
        assert [one["login"] for one in logins] == ["admin", "attic", "attic-cli"]
        call("enroll", "attic", "--dir", folder).fails(1, "attic is a login already", "--replace")
        gone = call("revoke", "attic", "--dir", folder, "--json")
        assert (gone.code, gone.json["session_ended"], gone.json["trouble"]) == (0, True, "")
        call("nodes", "--config", config).fails(4, "refuses our certificate", "enroll")
        admin = bus.at.admin / "forgebus.toml"
        until(lambda: not _online(call, admin), "the broker still calls it online", 60)
    finally:
        node.send_signal(signal.SIGTERM)
        told = node.communicate(timeout=60)
    assert "our certificate" in told[1]


def test_five_wrong_codes_end_the_command(bus: SecuredBus) -> None:
    from daemon.certificates import new_request
    from daemon.enrolment import EnrolmentError, enrol

    opening = started(
        "enroll", "attic", "--dir", bus.at.folder, "--listen", "127.0.0.1:0", "--json"
    )
    assert opening.stdout is not None
    port = json.loads(opening.stdout.readline())["port"]
    request = new_request("attic").certificate
    for _ in range(5):
        with pytest.raises(EnrolmentError, match="wrong"):
            asyncio.run(enrol("127.0.0.1", port, "AAAA-AAAA", request))
    out, err = opening.communicate(timeout=60)
    assert (opening.returncode, out) == (1, "")
    assert "5 wrong codes; this one is void" in err
    assert "attic" not in bus.at.register().logins


@pytest.mark.parametrize(("option", "value"), [("--base", "b" * 121), ("--host", "h" * 251)])
def test_what_cannot_be_announced_is_not_set_up(
    call: Call, tmp_path: Path, option: str, value: str
) -> None:
    given = call("broker", "init", "--dir", tmp_path / "bus", "--user", "", option, value)
    assert given.code == 2
    assert not (tmp_path / "bus").exists()


def test_the_code_is_in_no_argument() -> None:
    """Those can be seen by everybody on a machine."""
    from daemon.cli import app

    for command in app.registered_commands:
        if command.callback is not None and command.callback.__name__ == "join":
            assert not {"code", "password"} & set(command.callback.__annotations__)
            return
    pytest.fail("there is no join")


def test_an_app_gets_its_files_without_a_code(bus: SecuredBus, call: Call, tmp_path: Path) -> None:
    out = tmp_path / "camera"
    command = ("enroll", "camera", "--app", "--may", "vision", "--dir", bus.at.folder, "--out", out)
    assert call(*command).code == 0
    assert {path.name for path in out.iterdir()} == {
        "forgebus.toml",
        "login.crt",
        "login.key",
        "authority.crt",
    }
    assert bus.at.register().logins["camera"].may == ("vision",)
    assert load(out / "forgebus.toml", {}).broker.username == "camera"
    call(*command).fails(1, "camera is a login already")
    call("enroll", "Camera", "--dir", bus.at.folder).fails(2, "cannot be a login")
    call("enroll", "x" * 28, "--dir", bus.at.folder).fails(2, "up to 27")
    call("enroll", "x", "--may", "Vision", "--dir", bus.at.folder).fails(2, "no capability")


def test_a_second_bus_is_not_made_over_the_first(bus: SecuredBus, call: Call) -> None:
    again = ("broker", "init", "--dir", bus.at.folder)
    call(*again).fails(1, "holds a bus already; --renew")
    assert call(*again, "--renew").code == 0
    call("broker", "init", "--dir", bus.at.folder, "--host", "a b").fails(2, "no host name")
    call("broker", "logins", "--dir", bus.at.folder / "none").fails(1, "holds no bus")
    call("revoke", "nobody", "--dir", bus.at.folder).fails(1, "nobody is no login here")


# --- without credentials ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--host", FAR),
        ("nodes", "--host", FAR),
        ("ask", "math", "1+1", "--host", FAR),
        ("run", "--set", f"broker.host={FAR}", "--set", "broker.username=attic"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_bus_elsewhere_is_refused_without_credentials(
    command: tuple[str, ...], call: Call
) -> None:
    call(*command).fails(2, "without credentials", "forgebus enroll", "forgebus join")


def test_a_broker_without_credentials_listens_on_loopback_alone(call: Call) -> None:
    call("broker", "--bind", "0.0.0.0").fails(2, "not on 0.0.0.0", "forgebus broker init")


async def test_programs_are_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.mesh.FIND_S", 0.1)
    with pytest.raises(MeshError, match="without credentials"):
        async with Mesh(FAR):
            pass
    bus = Bus(
        BrokerConfig(host=FAR),
        login="a",
        client_id="a",
        session_expiry_s=0,
        subscriptions=(),
        on_message=lambda _: None,
        on_link=lambda _: None,
    )
    with pytest.raises(BusError, match="without credentials"):
        await bus.run()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_loopback_is_open(host: str) -> None:
    assert refusal(BrokerConfig(host=host)) == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "broker.lan", "::", "localhost.evil"])
def test_elsewhere_a_password_or_a_certificate_is_needed(host: str, tmp_path: Path) -> None:
    assert host in refusal(BrokerConfig(host=host, username="attic"))
    assert refusal(BrokerConfig(host=host, username="attic", password_file=tmp_path)) == ""
    assert refusal(BrokerConfig(host=host, tls_cert=tmp_path, tls_key=tmp_path)) == ""
    assert host in refusal(BrokerConfig(host=host, tls_ca=tmp_path))


# --- secrets in files ---------------------------------------------------------------------------


def test_a_secret_is_never_wider_than_asked(tmp_path: Path) -> None:
    path = tmp_path / "key"
    old = os.umask(0)
    try:
        write_private(path, b"one")
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o666)
        write_private(path, b"two")
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(old)
    assert path.read_bytes() == b"two"
    assert [one.name for one in tmp_path.iterdir()] == ["key"]
    with pytest.raises(PrivateFileError, match="cannot be written"):
        write_private(tmp_path / "absent" / "key", b"")


@pytest.mark.parametrize(("mode", "open_"), [(0o600, False), (0o640, False), (0o400, False),
                                             (0o644, True), (0o660, True), (0o602, True)])  # fmt: skip
def test_a_secret_that_others_can_touch_is_none(mode: int, tmp_path: Path, *, open_: bool) -> None:
    path = tmp_path / "key"
    path.write_text("secret\n")
    path.chmod(mode)
    assert bool(weakness(path)) is open_
    if open_:
        with pytest.raises(PrivateFileError, match=f"chmod 600 {path}"):
            read_secret(path)
    else:
        assert read_secret(path) == "secret"


async def test_the_link_refuses_a_key_that_others_can_read(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("x")
    key.chmod(0o644)
    bus = Bus(
        BrokerConfig(port=free_port(), tls_cert=key, tls_key=key),
        login="a",
        client_id="a",
        session_expiry_s=0,
        subscriptions=(),
        on_message=lambda _: None,
        on_link=lambda _: None,
    )
    running = asyncio.create_task(bus.run())
    await eventually(lambda: bool(bus.trouble), "nothing is wrong")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "is open to others (mode 0644): chmod 600" in bus.trouble


def test_nothing_of_identity_is_loaded_by_a_node_on_loopback() -> None:
    program = (
        "import sys, daemon.service, daemon.cli, daemon.mesh\n"
        "print({'cryptography', 'spake2'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
