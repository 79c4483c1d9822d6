"""A login's settings in a forgebus.toml that is there: taken in, or left alone with the reason."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from bus_fixture import USER
from cli_call import Call, caller

from daemon import install_plan, install_units
from daemon.bus_folder import BusFolder, now
from daemon.certificates import Authority, new_request
from daemon.cli_install import taken_up_by
from daemon.config import load, shipped
from daemon.install_units import first_settings, secrets_drop_in
from daemon.login_files import Admission, Written, write_login
from daemon.login_settings import merge
from daemon.logins import Role, Settings

LOGIN = """\
[node]
id = "attic"
operators = ["admin", "attic-cli"]

# The login attic on the bus at broker.lan.
[broker]
host = "broker.lan"
port = 8883
username = "attic"
tls_key = "/etc/forgebus/login.key"
start = "never"
"""
KEYS = ["node.id", "node.operators"]
KEYS += [f"broker.{key}" for key in ("host", "port", "username", "tls_key")]
ALL = "node.id node.operators broker.host broker.port broker.username broker.tls_ca broker.tls_cert broker.tls_key broker.base"


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(capfd)


def _login(role: Role = Role.NODE) -> tuple[Admission, bytes]:
    authority, pair = Authority.new("a", now()), new_request("attic")
    return Admission(
        login="attic",
        role=role,
        host="broker.lan",
        port=8883,
        base="home/v1",
        certificate=authority.login(pair.certificate, "attic", now(), 1).decode(),
        authority=authority.pair.certificate.decode(),
    ), pair.key


def test_what_install_wrote_takes_a_login() -> None:
    old = first_settings("pi_5")
    made = merge(old, LOGIN)
    assert (list(made.changed), made.differs) == (KEYS, ())
    new = tomllib.loads(made.text)
    assert new["broker"] == tomllib.loads(LOGIN)["broker"]
    kept = {"profile": "pi_5", "state_dir": str(install_units.STATE)}
    assert new["node"] == tomllib.loads(LOGIN)["node"] | kept
    # All that was there is there, in its order.
    lines = iter(made.text.splitlines())
    assert all(line in lines for line in old.splitlines())


def test_every_key_with_its_default_takes_a_login_in_its_own_line() -> None:
    old = (shipped("configs") / "forgebus.toml").read_text()
    made = merge(old, LOGIN)
    assert [*KEYS, "broker.start"] == list(made.changed)
    pairs = list(zip(old.splitlines(), made.text.splitlines(), strict=True))
    assert [new for was, new in pairs if was != new] == [
        line for line in LOGIN.splitlines() if " = " in line
    ]


def test_comments_behind_a_value_and_line_ends_stay() -> None:
    old = "[broker] # mine\r\nport = 1883  # usual\r\n\r\n# more\r\n[work]\r\nslots = 2\r\n"
    made = merge(old, LOGIN)
    assert made.text.startswith("[broker] # mine\r\nport = 8883  # usual\r\nhost = ")
    assert made.text.endswith(
        '\r\n\r\n# more\r\n[work]\r\nslots = 2\r\n\r\n[node]\r\nid = "attic"\r\n'
        'operators = ["admin", "attic-cli"]\r\n'
    )
    assert made.text.count("\n") == made.text.count("\r\n")


def test_a_second_time_changes_nothing() -> None:
    first = merge("", LOGIN)
    assert tomllib.loads(first.text) == tomllib.loads(LOGIN)
    assert merge(first.text, LOGIN).changed == ()
    assert merge(first.text, LOGIN).text == first.text


def test_what_somebody_set_is_told_and_all_is_left() -> None:
    old = '[node]\nid = ""\n[broker]\nhost = "10.0.0.5"\nport = 1883\nusername = "me"\n'
    made = merge(old, LOGIN)
    assert (made.text, made.changed) == (old, ())
    assert made.differs == (
        "line 4: [broker] host is '10.0.0.5', the login has host = \"broker.lan\"",
        "line 6: [broker] username is 'me', the login has username = \"attic\"",
    )


@pytest.mark.parametrize(
    "old",
    [
        'node.operators = ["cli"]\n',
        '[node]\noperators = [\n  "cli",\n]\n',
        '[node]\n"id" = ""\n',
        'broker = { port = 1883 }\n[node]\nprofile = "pi_5"\n',
        "[node]\nid = ''''''\n",
        '[broker]\nhost = """127.0.0.1"""\n',
        '[node]\nstate_dir = """\n[broker]\nhost = "127.0.0.1"\n"""\n[broker]\nport = 1883\n',
    ],
)
def test_what_is_written_otherwise_is_right_or_left_alone(old: str) -> None:
    made = merge(old, LOGIN)
    assert (made.text, made.changed) == (old, ())
    assert "not one key each" in made.differs[0]


def test_a_file_that_is_there_keeps_rights_and_owner(tmp_path: Path) -> None:
    at = tmp_path / "forgebus.toml"
    at.write_text(first_settings("desktop"))
    at.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(at, 1234, 2345)
    before = at.stat()
    made = write_login(tmp_path, *_login(), b"")
    assert made == Written(at, changed=tuple(ALL.split()))
    after = at.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    config = load(at, {})
    assert (config.node.id, config.node.profile) == ("attic", "desktop")
    assert config.broker.tls_key == tmp_path / "login.key"
    assert not list(tmp_path.glob("forgebus.toml.*"))
    assert not list(tmp_path.glob(".forgebus*"))


def test_a_link_stays_one(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.toml"
    real.write_text("# mine\n")
    out = tmp_path / "out"
    out.mkdir()
    (out / "forgebus.toml").symlink_to(real)
    assert write_login(out, *_login(), b"").changed
    assert (out / "forgebus.toml").is_symlink()
    assert load(real, {}).node.id == "attic"


@pytest.mark.parametrize(
    ("text", "role", "why"),
    [
        ('[broker]\nhost = "10.0.0.5"\n', Role.NODE, "line 2: [broker] host"),
        ("[broker\n", Role.NODE, "is not TOML"),
        ("[broker]\nhots = 1\n", Role.NODE, "no key 'hots'"),
        (first_settings("pi_4"), Role.APP, "a program's"),
    ],
)
def test_where_it_cannot_be_taken_in_it_stands_beside(
    tmp_path: Path, text: str, role: Role, why: str
) -> None:
    at = tmp_path / "forgebus.toml"
    at.write_text(text)
    made = write_login(tmp_path, *_login(role), b"")
    assert made.settings == tmp_path / "forgebus.toml.attic"
    assert why in made.differs[0]
    assert at.read_text() == text
    assert load(made.settings, {}).broker.username == "attic"


def test_the_service_is_handed_a_new_key_or_only_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, units = tmp_path / "forgebus.toml", tmp_path / "units"
    at.write_text(first_settings("pi_5"))
    write_login(tmp_path, *_login(), b"")
    monkeypatch.setattr(install_units, "SETTINGS", at)
    monkeypatch.setattr(install_plan, "UNIT_FOLDER", units)
    assert not taken_up_by(at)
    handed = units / "forgebus.service.d" / "20-secrets.conf"
    handed.parent.mkdir(parents=True)
    (units / "forgebus.service").touch()
    assert taken_up_by(at) == "sudo forgebus install"
    handed.write_text(secrets_drop_in(install_units.NODE, load(at, {})))
    assert taken_up_by(at) == "sudo systemctl restart forgebus"
    assert not taken_up_by(tmp_path / "forgebus.toml.attic")


def test_enroll_says_what_became_of_the_file(tmp_path: Path, call: Call) -> None:
    bus = BusFolder(tmp_path / "bus")
    bus.set_up(Settings(hosts=("broker.lan",), port=8883, user=USER), now())
    given = ("enroll", "attic", "--dir", bus.folder, "--out")
    out = tmp_path / "out"
    out.mkdir()
    at = out / "forgebus.toml"
    at.write_text(first_settings("pi_5"))
    told = call(*given, out)
    assert f"written: {at}\n  changed there: node.id, node.operators, broker.host" in told.out
    at.write_text('[broker]\nhost = "10.0.0.5"\n')
    told = call(*given, out, "--replace")
    assert f"{at} is left alone:\n    line 2: [broker] host is '10.0.0.5'" in told.out
    assert "by hand what forgebus.toml.attic says" in told.out
