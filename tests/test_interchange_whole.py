"""What is written appears whole or not at all, and nobody's files go for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import NotWritten
from engine.whole import whole_file, whole_folder


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.gguf"
    with whole_file(target) as made:
        made.write_text("half")
        assert not target.exists()
    assert target.read_text() == "half"
    assert list(tmp_path.iterdir()) == [target]


class Fault(BaseException):
    """Such as the interrupt of a person who waits no longer."""


def fail(made: Path) -> None:
    (made / "x" if made.is_dir() else made).write_text("half")
    raise Fault


def test_a_fault_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Fault), whole_file(tmp_path / "a") as made:
        fail(made)
    with pytest.raises(Fault), whole_folder(tmp_path / "b") as made:
        fail(made)
    assert list(tmp_path.iterdir()) == []


def test_a_fault_in_the_middle_leaves_what_was_there(tmp_path: Path) -> None:
    folder, file = tmp_path / "b", tmp_path / "a"
    folder.mkdir()
    (folder / "x").write_text("old")
    file.write_text("old")
    with pytest.raises(Fault), whole_file(file, force=True) as made:
        fail(made)
    with pytest.raises(Fault), whole_folder(folder, force=True, ours=lambda _: True) as made:
        fail(made)
    assert (folder / "x").read_text() == file.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [file, folder]


def test_a_folder_takes_the_place_of_one_of_ours_alone(tmp_path: Path) -> None:
    target = tmp_path / "b"
    target.mkdir()
    with whole_folder(target) as made:  # an empty one may be there
        (made / "x").write_text("1")
    with pytest.raises(NotWritten, match=r"there already.*--force"), whole_folder(target):
        pass
    with whole_folder(target, force=True, ours=lambda path: path.name == "x") as made:
        (made / "y").write_text("2")
    assert [path.name for path in target.iterdir()] == ["y"]
    with (
        pytest.raises(NotWritten, match="holds y, which no export wrote"),
        whole_folder(target, force=True, ours=lambda path: path.name == "x"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_what_stands_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    cases = [
        (whole_file, "file", False, "a file; .*--force"),
        (whole_file, "folder", True, "no file"),
        (whole_folder, "file", True, "no folder"),
        (whole_file, "nowhere/a", False, "nowhere is no folder"),
        (whole_folder, "nowhere/a", False, "nowhere is no folder"),
    ]
    for whole, name, force, message in cases:
        with pytest.raises(NotWritten, match=message), whole(tmp_path / name, force=force):
            pass
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("what", ["whole_file", "whole_folder"])
def test_a_full_disk_leaves_nothing_half(tmp_path: Path, what: str) -> None:
    """A limit on the size of files stands for the disk: the write fails in the middle, as there."""
    program = f"""
import resource
from pathlib import Path
from engine.errors import NotWritten
from engine.whole import {what} as whole
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with whole(Path({str(tmp_path)!r}) / "target") as made:
        (made / "x" if {what!r} == "whole_folder" else made).write_bytes(bytes(200_000))
except NotWritten as fault:
    print(fault)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "target cannot be written" in ran.stdout
    assert "make room" in ran.stdout
    assert list(tmp_path.iterdir()) == []
