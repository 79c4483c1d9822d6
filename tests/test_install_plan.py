"""What `forgebus install` would do on a machine that is described, as steps; nothing is done here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from daemon import config
from daemon.config import shipped
from daemon.install_plan import (
    BUS,
    CURRENT,
    MOSQUITTO,
    PREFIX,
    PROGRAM,
    RELEASES,
    SYSUSERS,
    UNIT_FOLDER,
    Command,
    Facts,
    File,
    Folder,
    InstallError,
    Link,
    Packages,
    Release,
    Remove,
    Step,
    Wish,
    plan_install,
    plan_uninstall,
)
from daemon.install_units import (
    ANNOUNCE,
    BROKER,
    CACHE,
    DOORS,
    NODE,
    SETTINGS,
    STATE,
    UNITS,
    drop_ins,
    first_settings,
    memory_max_mb,
    secrets_drop_in,
)

CHECKOUT = Path("/home/ada/forgebus")
LOOPBACK = config.load(None, {"HOME": "/h"}, {"node.profile": "pi_5"})
WISH = Wish(
    release="1-a",
    source=CHECKOUT,
    wheels=None,
    units={unit: (shipped("systemd") / unit).read_text(encoding="utf-8") for unit in UNITS},
    sysusers="u forgebus -\n",
    drop_ins=drop_ins(LOOPBACK, named=True),
    settings=first_settings("pi_5"),
    broker=False,
    loopback=True,
    doors=False,
)
BARE = Facts()


def after(facts: Facts, steps: list[Step]) -> Facts:
    """The machine once the steps are done; every step is of a kind that is known here."""
    for step in steps:
        facts = _after(facts, step)
    return facts


def _after(facts: Facts, step: Step) -> Facts:
    match step:
        case Packages(names):
            return replace(
                facts,
                mosquitto=facts.mosquitto or "mosquitto" in names,
                ensurepip=facts.ensurepip or "python3-venv" in names,
            )
        case Release(folder):
            return replace(
                facts,
                releases=(*facts.releases, folder.name),
                folders=facts.folders | {PREFIX},
            )
        case Folder(path):
            return replace(facts, folders=facts.folders | {path})
        case File(path, text):
            return replace(
                facts,
                files={**facts.files, path: text},
                folders=facts.folders | {path.parent},
            )
        case Link(path, target) if path == CURRENT:
            return replace(facts, release=target.name)
        case Link(path):
            assert path == PROGRAM
            return replace(facts, program=True)
        case Remove(path):
            kept = {
                each: text
                for each, text in facts.files.items()
                if path not in (each, *each.parents)
            }
            return replace(
                facts,
                files=kept,
                folders=frozenset(
                    each for each in facts.folders if path not in (each, *each.parents)
                ),
                releases=tuple(name for name in facts.releases if RELEASES / name != path),
                program=facts.program and path != PROGRAM,
            )
        case Command(words):
            return _ran(facts, words)


def _ran(facts: Facts, words: tuple[str, ...]) -> Facts:
    match words:
        case ("systemd-sysusers", _):
            return replace(facts, user=True)
        case ("userdel", _):
            return replace(facts, user=False)
        case ("systemctl", "enable", "--quiet", unit):
            return replace(facts, enabled=facts.enabled | {unit})
        case ("systemctl", "disable", "--now", *units):
            enabled, active = facts.enabled - set(units), facts.active - set(units)
            return replace(facts, enabled=enabled, active=active)
        case ("systemctl", "restart", unit) if unit in UNITS:
            folders = facts.folders | {STATE, CACHE}
            return replace(facts, active=facts.active | {unit}, folders=folders)
        case ("systemctl", "daemon-reload" | "try-restart" | "restart", *_):
            return facts
    raise AssertionError(words)


INSTALLED = after(BARE, plan_install(BARE, WISH))


def restarted(steps: list[Step]) -> list[str]:
    return [
        step.words[-1] for step in steps if isinstance(step, Command) and "restart" in step.words
    ]


def test_a_bare_machine_gets_everything_in_order() -> None:
    steps = plan_install(replace(BARE, mosquitto=False, ensurepip=False), WISH)
    assert steps[:2] == [
        Packages(("python3-venv", "mosquitto")),
        Release(RELEASES / "1-a", CHECKOUT, None),
    ]
    assert steps[-1] == Command(("systemctl", "restart", NODE))
    assert steps.index(Command(("systemctl", "daemon-reload"))) > steps.index(
        File(UNIT_FOLDER / NODE, WISH.units[NODE])
    )
    assert INSTALLED.enabled == INSTALLED.active == {NODE}
    assert set(INSTALLED.files) >= {SETTINGS, SYSUSERS, MOSQUITTO, UNIT_FOLDER / DOORS}


def test_a_second_time_there_is_nothing_to_do() -> None:
    assert plan_install(INSTALLED, WISH) == []
    assert plan_install(INSTALLED, replace(WISH, source=None)) == []


def test_a_configuration_is_never_written_again() -> None:
    mine = replace(INSTALLED, files={**INSTALLED.files, SETTINGS: "# mine\n"})
    for wish in (WISH, replace(WISH, release="2-b", settings=first_settings("pi_4"))):
        assert not [
            step for step in plan_install(mine, wish) if getattr(step, "path", 0) == SETTINGS
        ]


def test_an_upgrade_is_beside_the_old_release_until_the_node_runs_anew() -> None:
    steps = plan_install(INSTALLED, replace(WISH, release="2-b"))
    assert steps == [
        Release(RELEASES / "2-b", CHECKOUT, None),
        Link(CURRENT, RELEASES / "2-b"),
        Command(("systemctl", "restart", NODE)),
        Remove(RELEASES / "1-a"),
    ]
    assert plan_install(after(INSTALLED, steps), replace(WISH, release="2-b")) == []


def test_a_changed_unit_restarts_that_unit_alone() -> None:
    both = after(INSTALLED, plan_install(INSTALLED, replace(WISH, doors=True)))
    assert both.active == {NODE, DOORS}
    changed = replace(WISH, doors=True, units={**WISH.units, DOORS: "[Unit]\n"})
    steps = plan_install(both, changed)
    assert steps[0] == File(UNIT_FOLDER / DOORS, "[Unit]\n")
    assert restarted(steps) == [DOORS]


def test_an_installation_that_was_cut_off_is_completed() -> None:
    """The files were in their places, and the node was not started anew."""
    steps = plan_install(replace(INSTALLED, stale=frozenset({NODE})), WISH)
    assert steps == [
        Command(("systemctl", "daemon-reload")),
        Command(("systemctl", "restart", NODE)),
    ]


def test_doors_that_are_closed_again_are_stopped() -> None:
    both = after(INSTALLED, plan_install(INSTALLED, replace(WISH, doors=True)))
    assert plan_install(both, WISH) == [Command(("systemctl", "disable", "--now", DOORS))]


def test_the_broker_of_a_secured_bus_comes_first_and_debians_is_left_alone() -> None:
    steps = plan_install(BARE, replace(WISH, broker=True, doors=True))
    assert restarted(steps) == [BROKER, NODE, DOORS, ANNOUNCE]
    assert MOSQUITTO not in after(BARE, steps).files


def test_a_mosquitto_that_others_configured_is_left_alone() -> None:
    steps = plan_install(replace(BARE, others=True), WISH)
    assert MOSQUITTO not in after(BARE, steps).files
    assert "mosquitto.service" not in restarted(steps)


def test_a_node_of_a_bus_elsewhere_needs_no_mosquitto() -> None:
    steps = plan_install(replace(BARE, mosquitto=False), replace(WISH, loopback=False))
    assert not any(isinstance(step, Packages) for step in steps)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (Facts(root=False), "sudo"),
        (Facts(systemd=False), "forgebus run"),
        (Facts(apt=False, mosquitto=False), "mosquitto of Debian"),
        (Facts(apt=False, ensurepip=False), "python3-venv of Debian"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is(facts: Facts, words: str) -> None:
    with pytest.raises(InstallError, match=words):
        plan_install(facts, WISH)


def test_uninstall_leaves_the_data_and_nothing_else() -> None:
    left = after(INSTALLED, plan_uninstall(INSTALLED, purge=False))
    assert (left.enabled, left.active, left.program) == (frozenset(), frozenset(), False)
    assert set(left.files) == {SETTINGS}
    assert {STATE, SETTINGS.parent} <= left.folders
    assert not left.folders & {PREFIX, CACHE}
    assert plan_uninstall(left, purge=False) == []
    assert set(after(left, plan_install(left, WISH)).files) == set(INSTALLED.files)


def test_purge_leaves_nothing() -> None:
    gone = after(INSTALLED, plan_uninstall(INSTALLED, purge=True))
    assert (dict(gone.files), gone.user) == ({}, False)
    assert not gone.folders & {STATE, CACHE, PREFIX, SETTINGS.parent}
    assert plan_uninstall(gone, purge=True) == []


def test_purge_leaves_the_authority_of_a_bus() -> None:
    facts = replace(INSTALLED, folders=INSTALLED.folders | {BUS})
    gone = after(facts, plan_uninstall(facts, purge=True))
    assert gone.folders >= {BUS, SETTINGS.parent}
    assert SETTINGS not in gone.files


def test_uninstall_keeps_what_install_did_not_write() -> None:
    own = {**INSTALLED.files, MOSQUITTO: "# Ours.\nlistener 1883\n"}
    facts = replace(INSTALLED, files=own, folders=INSTALLED.folders | {RELEASES, CURRENT})
    for purge in (False, True):
        steps = plan_uninstall(facts, purge=purge)
        assert after(facts, steps).files[MOSQUITTO] == own[MOSQUITTO]
        assert Command(("systemctl", "try-restart", "mosquitto.service")) not in steps
        # What somebody put beside the releases stays, and the folder with it.
        assert Remove(PREFIX, empty=True) in steps
        assert {Remove(RELEASES), Remove(CURRENT)} <= set(steps)


def test_uninstall_keeps_what_the_administrator_wrote_beside_the_units() -> None:
    folder = UNIT_FOLDER / f"{NODE}.d"
    assert Remove(folder, empty=True) in plan_uninstall(INSTALLED, purge=False)
    assert Remove(folder) in plan_uninstall(INSTALLED, purge=True)


@pytest.mark.parametrize("name", ["pi_zero", "pi_4", "pi_5", "desktop", "gpu_server"])
def test_the_first_configuration_loads_and_its_memory_follows(name: str, tmp_path: Path) -> None:
    path = tmp_path / "forgebus.toml"
    path.write_text(first_settings(name), encoding="utf-8")
    got = config.load(path, {})
    assert (got.node.profile, got.node.state_dir, got.broker.start) == (name, STATE, "never")
    text = drop_ins(got, named=True)[f"{NODE}.d/10-profile.conf"]
    assert f"\nMemoryMax={memory_max_mb(got.work)}M\n" in text
    assert "PROFILE" not in text
    assert memory_max_mb(got.work) == got.work.slots * got.work.memory_limit_mb + 128


def test_a_configuration_without_a_profile_is_given_one_by_the_unit() -> None:
    text = drop_ins(LOOPBACK, named=False)[f"{NODE}.d/10-profile.conf"]
    assert "Environment=FORGEBUS_NODE__PROFILE=pi_5\n" in text


def test_secrets_are_handed_over_under_the_names_that_the_node_reads() -> None:
    overrides: dict[str, object] = {
        "broker.tls_key": "/etc/forgebus/login.key",
        "broker.tls_cert": "/etc/forgebus/login.crt",
        "openai.api_key_file": "/etc/forgebus/api_key",
    }
    got = config.load(None, {"HOME": "/h"}, overrides)
    node = secrets_drop_in(NODE, got)
    assert "LoadCredential=broker.tls_key:/etc/forgebus/login.key\n" in node
    assert "Environment=FORGEBUS_BROKER__TLS_KEY=%d/broker.tls_key\n" in node
    assert "api_key" not in node
    doors = secrets_drop_in(DOORS, got)
    assert "LoadCredential=openai.api_key_file:/etc/forgebus/api_key\n" in doors
    variables = {
        line.split("=")[1]: line.split("=")[2].replace("%d", "/run/credentials/it")
        for line in (node + doors).splitlines()
        if line.startswith("Environment=")
    }
    assert config.load(None, {"HOME": "/h", **variables}).broker.tls_key == Path(
        "/run/credentials/it/broker.tls_key"
    )
    assert "broker.tls_key" not in doors, "whoever gets in by a door does not get the node's key"
    assert secrets_drop_in(NODE, LOOPBACK) == secrets_drop_in(DOORS, LOOPBACK) == ""


@pytest.mark.parametrize(("own", "handed"), [("", True), ("/etc/forgebus/doors", False)])
def test_the_doors_are_given_the_password_that_they_use(own: str, *, handed: bool) -> None:
    overrides: dict[str, object] = {
        "broker.username": "box",
        "broker.password_file": "/etc/forgebus/password",
        "doors.password_file": own,
    }
    text = secrets_drop_in(DOORS, config.load(None, {"HOME": "/h"}, overrides))
    assert ("/etc/forgebus/password" in text) == handed


def test_a_path_is_taken_as_the_service_takes_it() -> None:
    overrides: dict[str, object] = {"openai.api_key_file": "keys/100%"}
    got = config.load(None, {"HOME": "/h"}, overrides)
    assert "LoadCredential=openai.api_key_file:/keys/100%%\n" in secrets_drop_in(DOORS, got)


def test_the_page_tells_each_profile_with_its_memory() -> None:
    page = (Path(__file__).parent.parent / "docs" / "install.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `") and " MB |" in line]
    told = {row.split("`")[1]: row.rsplit("|", 2)[1].strip() for row in rows}
    profiles = {path.stem: config.load(path, {}) for path in shipped("configs").glob("*.toml")}
    del profiles["forgebus"]
    assert told == {name: f"{memory_max_mb(profile.work)} MB" for name, profile in profiles.items()}
