"""The steps of an installation done on files, and the command as far as it may go on any machine."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_call import ROOT, Call, caller

from daemon import install_machine
from daemon.install_machine import carry_out, look, release_name
from daemon.install_plan import (
    PROGRAM_TARGET,
    Command,
    File,
    Folder,
    InstallError,
    Link,
    Release,
    Remove,
)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """A root that hides its files, and what a step makes of it, stay here."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(capfd)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as says what it ships."""
    folder = tmp_path / "checkout"
    for name in ("daemon", "models"):
        (folder / name).mkdir(parents=True)
    (folder / "daemon/a.py").write_text("a = 1\n")
    (folder / "pyproject.toml").write_text(
        '[tool.hatch.build.targets.wheel]\npackages = ["daemon"]\nshared-data = { models = "m" }\n'
    )
    return folder


def test_a_file_is_whole_and_for_everybody_to_read(tmp_path: Path) -> None:
    path = tmp_path / "etc/units/a.service"
    for text in ("first\n", "second\n"):
        carry_out(File(path, text))
        assert path.read_text() == text
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in path.parent.iterdir()] == ["a.service"]


def test_a_folder_that_was_closed_is_opened(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir(mode=0o700)
    carry_out(Folder(tmp_path / "etc"))
    assert (tmp_path / "etc").stat().st_mode & 0o777 == 0o755


def test_a_link_moves_in_one_step_and_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    link = tmp_path / "venv"
    (link / "bin").mkdir(parents=True)
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        carry_out(Link(link, tmp_path / name))
        assert link.readlink() == tmp_path / name
    assert sorted(each.name for each in tmp_path.iterdir()) == ["1", "2", "venv"]


def test_what_goes_is_gone_and_what_must_be_empty_stays(tmp_path: Path) -> None:
    kept, gone, link = tmp_path / "kept", tmp_path / "gone", tmp_path / "link"
    for folder in (kept, gone):
        folder.mkdir()
        (folder / "override.conf").touch()
    link.symlink_to(kept)
    for step in (Remove(kept, empty=True), Remove(gone), Remove(link), Remove(tmp_path / "never")):
        carry_out(step)
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]
    (kept / "override.conf").unlink()
    carry_out(Remove(kept, empty=True))
    assert not kept.exists()


def test_only_our_own_link_is_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "forgebus"
    monkeypatch.setattr(install_machine, "PROGRAM", program)
    program.symlink_to("/home/me/forgebus")
    assert not look().program
    program.unlink()
    program.symlink_to(PROGRAM_TARGET)
    assert look().program


def test_a_file_that_is_no_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "forgebus.toml"
    path.write_bytes(b"# K\xfcche\n")
    monkeypatch.setattr(install_machine, "SETTINGS", path)
    with pytest.raises(InstallError, match=f"{path} is no UTF-8"):
        look()


def test_a_program_that_fails_is_told_with_what_it_said() -> None:
    with pytest.raises(InstallError, match=r"ls /nowhere/at/all failed: .*No such file"):
        carry_out(Command(("ls", "/nowhere/at/all")))


def test_what_cannot_be_written_is_told_with_the_step(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "below"
    with pytest.raises(InstallError, match=f"could not write {path}: "):
        carry_out(File(path, ""))


def test_a_release_has_the_same_name_for_the_same_content(checkout: Path) -> None:
    name = release_name(checkout, "1.0")
    assert name.startswith("1.0-")
    (checkout / "daemon/__pycache__").mkdir()
    (checkout / "daemon/__pycache__/a.pyc").touch()
    (checkout / "notes.txt").touch()
    assert release_name(checkout, "1.0") == name
    (checkout / "models/weights").write_text("2")
    assert release_name(checkout, "1.0") != name


def test_what_is_neither_wheel_nor_checkout_is_refused(tmp_path: Path, checkout: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for path in (tmp_path, tmp_path / "notes.txt", tmp_path / "gone.whl"):
        with pytest.raises(InstallError, match="neither a wheel of forgebus nor a checkout"):
            release_name(path, "1.0")
    (checkout / "pyproject.toml").write_text("[project]\n")
    with pytest.raises(InstallError, match="no checkout of forgebus"):
        release_name(checkout, "1.0")


def test_the_exact_versions_come_with_either(tmp_path: Path, checkout: Path) -> None:
    wheel = tmp_path / "forgebus-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("forgebus-1.0.data/data/share/forgebus/constraints.txt", "a==1\n")
    with install_machine._constraints(wheel) as path:
        assert Path(path).read_text() == "a==1\n"
    with install_machine._constraints(checkout) as path:
        assert path == ""
    (checkout / "constraints.txt").write_text("b==2\n")
    with install_machine._constraints(checkout) as path:
        assert path == str(checkout / "constraints.txt")


def test_a_python_below_a_home_folder_is_refused(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The units see no home folder, so a node from there would never start."""
    monkeypatch.setattr(sys, "executable", "/home/ada/.pyenv/bin/python3")
    with pytest.raises(InstallError, match="/usr/bin/python3"):
        carry_out(Release(tmp_path / "release", checkout, None))
    assert not (tmp_path / "release").exists()


def test_this_machine_can_be_looked_at() -> None:
    facts = look()
    assert facts.root == (os.geteuid() == 0)
    assert facts.mosquitto == bool(shutil.which("mosquitto", path=install_machine.PLACES))


def test_who_may_not_look_is_told_so(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    def closed(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied", "/etc/forgebus/forgebus.toml")

    monkeypatch.setattr(Path, "is_file", closed)
    call("uninstall", "--dry-run").fails(1, "/etc/forgebus/forgebus.toml", "sudo")


def test_the_steps_are_shown_and_none_is_done(call: Call) -> None:
    before = look()
    told = call("install", "--dry-run", "--from", str(ROOT))
    assert told.code == 0
    assert "systemd" in told.out or told.out.startswith("nothing to do")
    assert {line.split()[0] for line in told.out.splitlines()} <= {"profile", "would", "nothing"}
    assert call("uninstall", "--purge", "--dry-run").code == 0
    assert look() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--profile", "pi_9"), ("no profile 'pi_9'", "pi_zero")),
        (("--wheels", "/nowhere"), ("--wheels /nowhere", "no such folder")),
        (("--from", "/nowhere.whl"), ("neither a wheel",)),
    ],
)
def test_what_cannot_be_installed_is_one_line(
    call: Call, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    told = call("install", "--dry-run", *arguments)
    told.fails(told.code, *words)
    assert told.code in {1, 2}
