"""What `forgebus install` and `forgebus uninstall` do, as a list of steps: from what is there to what is wanted.

    facts, wish ──▶ plan_install ──▶ [Packages, Release, File, Link, Command, Remove ...] ──▶ daemon.install_machine

A plan has no step for what is as it should be, so that one made twice is empty the second time. Nothing
is read or done here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemon.install_units import (
    ANNOUNCE,
    BROKER,
    CACHE,
    DOORS,
    MOSQUITTO_SETTINGS,
    NODE,
    SETTINGS,
    STATE,
    UNITS,
)

PREFIX = Path("/opt/forgebus")
CURRENT, RELEASES = PREFIX / ".venv", PREFIX / "releases"
PROGRAM = Path("/usr/local/bin/forgebus")
PROGRAM_TARGET = CURRENT / "bin" / "forgebus"
UNIT_FOLDER = Path("/etc/systemd/system")
WANTED_FOLDER = UNIT_FOLDER / "multi-user.target.wants"
SYSUSERS = Path("/etc/sysusers.d/forgebus.conf")
MOSQUITTO = Path("/etc/mosquitto/conf.d/forgebus.conf")
BUS = Path("/etc/forgebus/bus")
DROP_INS = tuple(
    UNIT_FOLDER / f"{unit}.d" / name
    for unit in UNITS
    for name in ("10-profile.conf", "20-secrets.conf")
)


class InstallError(Exception):
    """It cannot be installed; the message says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Packages:
    """Debian's packages that are missing."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"install from Debian: {', '.join(self.names)}"


@dataclass(frozen=True, slots=True)
class Release:
    """A virtual environment with forgebus from `source`, a wheel or a checkout, in `folder`."""

    folder: Path
    source: Path
    wheels: Path | None

    def __str__(self) -> str:
        offline = f", all wheels from {self.wheels}" if self.wheels else ""
        return f"install {self.source} into {self.folder}{offline}"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of root's that everybody may enter."""

    path: Path

    def __str__(self) -> str:
        return f"make {self.path} (0755)"


@dataclass(frozen=True, slots=True)
class File:
    """A file of root's that everybody may read."""

    path: Path
    text: str

    def __str__(self) -> str:
        return f"write {self.path}"


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link, replaced in one step."""

    path: Path
    target: Path

    def __str__(self) -> str:
        return f"link {self.path} to {self.target}"


@dataclass(frozen=True, slots=True)
class Remove:
    """A file, or a folder with all in it; a folder that `empty` says must be empty to go."""

    path: Path
    empty: bool = False

    def __str__(self) -> str:
        return f"remove {self.path}{' where it is empty' if self.empty else ''}"


@dataclass(frozen=True, slots=True)
class Command:
    """A program of the system."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"run {' '.join(self.words)}"


Step = Packages | Release | Folder | File | Link | Remove | Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is there.

    Attributes:
        others: whether somebody else has configured Debian's mosquitto.
        release: the name of the one in use; "" for none.
        files: the text of each file that a plan could write, as far as it is there.
        program: whether the command is there and is ours.
        folders: those of a plan's folders that are there.
        stale: active units that run another release or another unit than are on the disk: an
            installation was cut off before it started them anew.
    """

    root: bool = True
    systemd: bool = True
    apt: bool = True
    ensurepip: bool = True
    mosquitto: bool = True
    others: bool = False
    user: bool = False
    release: str = ""
    releases: tuple[str, ...] = ()
    program: bool = False
    files: Mapping[Path, str] = field(default_factory=dict)
    folders: frozenset[Path] = frozenset()
    enabled: frozenset[str] = frozenset()
    active: frozenset[str] = frozenset()
    stale: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted.

    Attributes:
        release: name of the release; it is there already when `source` is None.
        units: text by name.
        drop_ins: text by path below the folder of the units; "" for a file that is not to be.
        settings: of a forgebus.toml for a machine without one.
        broker: whether this machine has the broker of a secured bus.
        loopback: whether the node looks for its broker on this machine, at mosquitto's usual port.
        doors: whether the configuration opens any.
    """

    release: str
    source: Path | None
    wheels: Path | None
    units: Mapping[str, str]
    sysusers: str
    drop_ins: Mapping[str, str]
    settings: str
    broker: bool
    loopback: bool
    doors: bool


def plan_install(facts: Facts, wish: Wish) -> list[Step]:
    """The steps. Raises InstallError when they could not be done here."""
    missing = _missing(facts, wish)
    steps: list[Step] = [Packages(missing)] if missing else []
    folder = RELEASES / wish.release
    if wish.source is not None and wish.release not in facts.releases:
        steps.append(Release(folder, wish.source, wish.wheels))
    if SETTINGS.parent not in facts.folders:
        steps.append(Folder(SETTINGS.parent))
    if SETTINGS not in facts.files:
        steps.append(File(SETTINGS, wish.settings))
    steps += _written({SYSUSERS: wish.sysusers}, facts)
    if not facts.user:
        steps.append(Command(("systemd-sysusers", str(SYSUSERS))))
    units = {UNIT_FOLDER / name: text for name, text in wish.units.items()}
    changed = _written(units, facts)
    changed += _written({UNIT_FOLDER / name: text for name, text in wish.drop_ins.items()}, facts)
    if facts.release != wish.release:
        changed.append(Link(CURRENT, folder))
    steps += changed
    if not facts.program:
        steps.append(Link(PROGRAM, PROGRAM_TARGET))
    steps += _mosquitto(facts, wish)
    if facts.stale or any(isinstance(step, File | Remove) for step in changed):
        steps.append(Command(("systemctl", "daemon-reload")))
    steps += _services(facts, wish, {_unit_of(step) for step in changed} | facts.stale)
    old = [name for name in facts.releases if name != wish.release]
    return steps + [Remove(RELEASES / name) for name in old]


def plan_uninstall(facts: Facts, *, purge: bool) -> list[Step]:
    """Everything that `plan_install` made; with `purge` what it kept, too, but for a bus's authority."""
    _check_may(facts)
    steps: list[Step] = []
    running = tuple(sorted((facts.enabled | facts.active) & set(UNITS), reverse=True))
    if running:
        steps.append(Command(("systemctl", "disable", "--now", *running)))
    files = [*(UNIT_FOLDER / unit for unit in UNITS), *DROP_INS, SYSUSERS]
    # A file of this name may be the administrator's own; an older release's had other lines.
    tuned = facts.files.get(MOSQUITTO, "").startswith(MOSQUITTO_SETTINGS.partition(" for ")[0])
    files += [MOSQUITTO] if tuned else []
    steps += [Remove(path) for path in files if path in facts.files]
    drop_in_folders = [UNIT_FOLDER / f"{unit}.d" for unit in UNITS]
    steps += [Remove(path, empty=not purge) for path in drop_in_folders if path in facts.folders]
    if any(isinstance(step, Remove) and UNIT_FOLDER in step.path.parents for step in steps):
        steps.append(Command(("systemctl", "daemon-reload")))
    if tuned:
        steps.append(Command(("systemctl", "try-restart", "mosquitto.service")))
    if purge and BUS in facts.folders:
        # Whoever has the authority can let machines in, and without it nobody can: that one is the
        # administrator's to move or to delete.
        steps += [Remove(path) for path in (SETTINGS,) if path in facts.files]
    elif purge and SETTINGS.parent in facts.folders:
        steps.append(Remove(SETTINGS.parent))
    gone = (STATE, CACHE) if purge else (CACHE,)
    steps += [Remove(path) for path in gone if path in facts.folders]
    if purge and facts.user:
        steps.append(Command(("userdel", "forgebus")))
    if facts.program:
        steps.append(Remove(PROGRAM))
    steps += [Remove(path) for path in (CURRENT, RELEASES) if path in facts.folders]
    if PREFIX in facts.folders:
        steps.append(Remove(PREFIX, empty=True))
    return steps


def _missing(facts: Facts, wish: Wish) -> tuple[str, ...]:
    """Debian's packages that have to come first."""
    _check_may(facts)
    wanted = {
        "python3-venv": wish.source is not None and not facts.ensurepip,
        "mosquitto": (wish.broker or wish.loopback) and not facts.mosquitto,
    }
    missing = tuple(name for name, holds in wanted.items() if holds)
    if missing and not facts.apt:
        raise InstallError(
            f"{' and '.join(missing)} of Debian: not installed here, and there is no apt-get to install"
            " with; get them by this system's own means, then run this again"
        )
    return missing


def _check_may(facts: Facts) -> None:
    if not facts.systemd:
        raise InstallError(
            "systemd does not run this machine, and forgebus is installed as its service; run a node by"
            " `forgebus run` under what starts services here"
        )
    if not facts.root:
        raise InstallError(
            "this takes root: sudo forgebus ...; --dry-run shows the steps to anybody"
        )


def _written(files: Mapping[Path, str], facts: Facts) -> list[Step]:
    """Files with another text than there is; an empty one goes."""
    steps: list[Step] = []
    for path, text in files.items():
        if text and facts.files.get(path) != text:
            steps.append(File(path, text))
        elif not text and path in facts.files:
            steps.append(Remove(path))
    return steps


def _unit_of(step: Step) -> str:
    """The unit that a changed file is of; "" when it concerns all, as a new release does."""
    path = step.path if isinstance(step, File | Remove) else UNIT_FOLDER
    names = (path.name, path.parent.name.removesuffix(".d"))
    return next((name for name in names if name in UNITS), "")


def _mosquitto(facts: Facts, wish: Wish) -> list[Step]:
    """Debian's mosquitto, where the node uses it and nobody else has told it anything."""
    if wish.broker or not wish.loopback or facts.others or MOSQUITTO in facts.files:
        return []
    restart = Command(("systemctl", "restart", "mosquitto.service"))
    return [File(MOSQUITTO, MOSQUITTO_SETTINGS), restart]


def _services(facts: Facts, wish: Wish, changed: set[str]) -> list[Step]:
    """Enabled and running with what is on the disk now; the broker first."""
    wanted = {BROKER: wish.broker, NODE: True, DOORS: wish.doors, ANNOUNCE: wish.broker}
    steps: list[Step] = []
    for unit, holds in wanted.items():
        if not holds:
            if unit in facts.enabled | facts.active:
                steps.append(Command(("systemctl", "disable", "--now", unit)))
            continue
        if unit not in facts.enabled:
            steps.append(Command(("systemctl", "enable", "--quiet", unit)))
        if unit not in facts.active or unit in changed or ("" in changed and unit != BROKER):
            steps.append(Command(("systemctl", "restart", unit)))
    return steps
