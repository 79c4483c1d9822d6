"""The machine that forgebus is installed on: what is there, and the steps of a plan done."""

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from daemon.install_plan import (
    BUS,
    CURRENT,
    DROP_INS,
    MOSQUITTO,
    PREFIX,
    PROGRAM,
    PROGRAM_TARGET,
    RELEASES,
    SYSUSERS,
    UNIT_FOLDER,
    WANTED_FOLDER,
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
)
from daemon.install_units import BROKER, CACHE, SETTINGS, STATE, UNITS

COMPLETE = "complete"
"""The file in a release that says that nothing of it is missing; written last."""

PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def look() -> Facts:
    """What is there now. Raises InstallError when this user may not look."""
    try:
        return _look()
    except PermissionError as error:
        raise InstallError(
            f"{error.filename} cannot be looked at by this user: use sudo, also for --dry-run"
        ) from error


def release_name(source: Path, version: str) -> str:
    """The same for the same content and Python. Raises InstallError when it is neither wheel nor checkout."""
    digest = hashlib.sha256(sys.version.encode())
    if source.is_file() and source.suffix == ".whl":
        digest.update(source.read_bytes())
    elif (source / "pyproject.toml").is_file():
        for path in _shipped(source):
            digest.update(f"{path.relative_to(source)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    else:
        raise InstallError(
            f"{source} is neither a wheel of forgebus nor a checkout of it: name one with --from"
        )
    return f"{version}-{digest.hexdigest()[:12]}"


def own_release() -> str:
    """The release that this program is of; "" when it is of none."""
    prefix = Path(sys.prefix).resolve()
    return prefix.name if prefix.parent == RELEASES else ""


def carry_out(step: Step) -> None:
    """Do one step. Raises InstallError with what failed and where to look."""
    os.umask(0o022)
    try:
        match step:
            case Packages(names):
                _packages(names)
            case Release():
                _release(step)
            case Folder(path):
                path.mkdir(parents=True, exist_ok=True)
                path.chmod(0o755)
            case File(path, text):
                _write(path, text)
            case Link(path, target):
                _link(path, target)
            case Remove(path, empty):
                _remove(path, empty=empty)
            case Command(words):
                _run(words)
    except OSError as error:
        raise InstallError(f"could not {step}: {error}") from error


def _look() -> Facts:
    files = (SETTINGS, SYSUSERS, MOSQUITTO, *DROP_INS, *(UNIT_FOLDER / unit for unit in UNITS))
    drop_ins = (UNIT_FOLDER / f"{unit}.d" for unit in UNITS)
    folders = (SETTINGS.parent, BUS, STATE, CACHE, PREFIX, RELEASES, CURRENT, *drop_ins)
    current = CURRENT.resolve()
    active, stale = _running(current)
    return Facts(
        root=os.geteuid() == 0,
        systemd=Path("/run/systemd/system").is_dir(),
        apt=_program("apt-get") is not None,
        ensurepip=find_spec("ensurepip") is not None,
        mosquitto=_program("mosquitto") is not None,
        others=any(path != MOSQUITTO for path in MOSQUITTO.parent.glob("*.conf")),
        user=_user_exists("forgebus"),
        release=current.name if current.parent == RELEASES else "",
        releases=tuple(sorted(path.parent.name for path in RELEASES.glob(f"*/{COMPLETE}"))),
        program=PROGRAM.is_symlink() and PROGRAM.readlink() == PROGRAM_TARGET,
        files={path: _text(path) for path in files if path.is_file()},
        folders=frozenset(path for path in folders if _is_open_folder(path)),
        enabled=frozenset(unit for unit in UNITS if (WANTED_FOLDER / unit).is_symlink()),
        active=active,
        stale=stale,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InstallError(f"{path} is no UTF-8 ({error}): save it as that") from error


def _program(name: str) -> str | None:
    return shutil.which(name, path=PLACES)


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _is_open_folder(path: Path) -> bool:
    """There, and what is ours below /etc can be entered by the service's user."""
    if not path.is_dir():
        return False
    return path != SETTINGS.parent or path.stat().st_mode & 0o055 == 0o055


def _running(release: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The units that are active, and those of them that are not what is on the disk."""
    systemctl = _program("systemctl")
    if systemctl is None:
        return frozenset(), frozenset()
    asked = [f"--property={name}" for name in ("Id", "ActiveState", "MainPID", "NeedDaemonReload")]
    done = subprocess.run(
        [systemctl, "show", *asked, *UNITS], capture_output=True, text=True, check=False
    )
    active, stale = set(), set()
    for block in done.stdout.split("\n\n"):
        told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if told.get("ActiveState") == "active":
            active.add(told["Id"])
            ours = told["Id"] == BROKER or _is_of(release, told["MainPID"])
            if told["NeedDaemonReload"] == "yes" or not ours:
                stale.add(told["Id"])
    return frozenset(active), frozenset(stale)


def _is_of(release: Path, process: str) -> bool:
    """Whether the process is of that release's Python."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[0].startswith(f"{release}/".encode())


def _shipped(checkout: Path) -> Iterable[Path]:
    """The files that pip would install from it, and those that say how."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    try:
        wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
        folders = [*wheel["packages"], *wheel["shared-data"]]
    except KeyError:
        raise InstallError(f"{checkout} is no checkout of forgebus") from None
    for name in sorted({"pyproject.toml", *folders}):
        place = checkout / name
        found = [place] if place.is_file() else sorted(place.rglob("*"))
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _packages(names: Sequence[str]) -> None:
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        _run(("apt-get", "update"), environment)
        _run(("apt-get", "install", "-y", "--no-install-recommends", *names), environment)
    except InstallError as error:
        raise InstallError(
            f"{error}; to do it by hand: apt-get install {' '.join(names)}"
        ) from None


def _release(step: Release) -> None:
    """Beside the one that is used; what an earlier try left is thrown away."""
    python, folder = Path(sys.executable), step.folder
    if any(part in {"home", "root"} for part in python.resolve().parts[1:2]):
        raise InstallError(
            f"the service cannot reach {python.resolve()}, below a home folder; run this with the"
            " system's Python: /usr/bin/python3"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run((str(python), "-m", "venv", str(folder)))
    # A wheel that is missing shall be told, not compiled for an hour.
    words = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--no-input"]
    words += ["--disable-pip-version-check", "--only-binary=:all:"]
    if step.wheels:
        words += ["--no-index", "--find-links", str(step.wheels)]
    with _constraints(step.source) as constraints:
        # Both names: the first for pip before 25.3, the second for what pip builds a checkout with after.
        held = dict.fromkeys(("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"), constraints)
        _run((*words, str(step.source)), held if constraints else {})
    if shutil.which("g++"):
        # Without it onnxruntime serves: no reason to fail.
        with contextlib.suppress(InstallError):
            _run((str(folder / "bin/python"), "-m", "engine.fused.build"))
    _run((str(folder / "bin/forgebus"), "--help"))
    (folder / COMPLETE).touch()
    os.sync()


@contextlib.contextmanager
def _constraints(source: Path) -> Iterator[str]:
    """The file of exact versions that came with the source; "" when none did."""
    if source.is_dir():
        beside = source / "constraints.txt"
        yield str(beside) if beside.is_file() else ""
        return
    with zipfile.ZipFile(source) as wheel, tempfile.TemporaryDirectory() as folder:
        inside = [name for name in wheel.namelist() if name.endswith("/forgebus/constraints.txt")]
        yield wheel.extract(inside[0], folder) if inside else ""


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)  # a virtual environment that somebody made by hand
    beside.replace(path)


def _remove(path: Path, *, empty: bool) -> None:
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
    elif not empty:
        shutil.rmtree(path)
    else:
        with contextlib.suppress(OSError):
            path.rmdir()


def _run(words: Sequence[str], more: dict[str, str] | None = None) -> None:
    """A program, with what it said where it failed."""
    environment = {**os.environ, "PATH": PLACES, **(more or {})}
    done = subprocess.run(
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    hint = f"; journalctl -u {words[-1]} tells more" if words[0] == "systemctl" else ""
    raise InstallError(f"{' '.join(words)} failed: {' '.join(said[-4:])[-600:]}{hint}")
