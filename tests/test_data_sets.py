"""The public sets' list: complete, told on its page, and red for each way in which a copy can differ."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from data import check_sets
from data.check_sets import SETS, PublicSet, check, lines_of, read_list

ROOT = Path(__file__).resolve().parent.parent
FILES = PublicSet("files", "https://example.org", "MIT", "all of it")
FOLDERS = PublicSet("folders", "https://example.org", "MIT", "all of it", by_folder=True)


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    for name in ("files", "folders"):
        for number in (1, 2):
            file = tmp_path / name / f"part {number}" / "rows.txt"
            file.parent.mkdir(parents=True)
            file.write_text(f"row {number}\n")
    return tmp_path


def test_the_list_has_every_set_and_nothing_else() -> None:
    lines = read_list()
    assert {line.path.partition("/")[0] for line in lines} == {each.name for each in SETS}
    assert len({line.path for line in lines}) == len(lines)
    assert all(len(line.sha256) == 64 and line.size > 0 for line in lines)


def test_no_test_part_is_listed() -> None:
    names = [line.path.rstrip("/").rpartition("/")[2] for line in read_list()]
    assert not [name for name in names if name.split(".")[0] in ("test", "data_full")]


def test_the_page_tells_every_set() -> None:
    page = (ROOT / "docs/data.md").read_text("utf-8")
    for each in SETS:
        assert f"| `{each.name}` | {each.source} | {each.licence} | {each.taken} |" in page


@pytest.mark.parametrize("public", [FILES, FOLDERS], ids=lambda public: public.name)
def test_a_copy_is_as_listed_or_its_faults_are_told(sets: Path, public: PublicSet) -> None:
    listed = list(lines_of(sets, public))
    assert len(listed) == 2
    assert check(sets, public, listed) == []
    changed = sets / public.name / "part 1/rows.txt"
    changed.write_text("row X\n")
    (fault,) = check(sets, public, listed) or []
    assert fault.startswith(listed[0].path)
    assert fault.endswith("of the same size")
    changed.write_text("longer than it was\n")
    assert "19 bytes instead of 6" in (check(sets, public, listed) or [""])[0]
    changed.rename(sets / public.name / "part 2/other.txt")
    missing, second = (check(sets, public, listed) or [])[:2]
    assert missing == f"{listed[0].path} is missing"
    assert "is not known" in second or "25 bytes instead of 6" in second


def test_a_set_that_is_not_there_is_a_fault_only_when_asked_for(tmp_path: Path) -> None:
    assert check(tmp_path, FILES, []) is None
    command = [sys.executable, "-m", "data.check_sets", str(tmp_path)]
    (tmp_path / "snip").mkdir()
    every = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert every.returncode == 0
    assert "snips: not there; https://github.com/MiuLab/SlotGated-SLU (CC0 1.0)" in every.stdout
    assert "snip: no set that a model here was made from" in every.stdout
    one = subprocess.run([*command, "snips"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert one.returncode == 1
    assert f"{tmp_path / 'snips'} is not there" in one.stdout


def test_a_list_is_written_from_all_sets_or_not_at_all(
    sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_sets, "SUMS", sets / "list")
    with pytest.raises(SystemExit, match="snips"):
        check_sets.write_list(sets)
    assert not (sets / "list").exists()
    monkeypatch.setattr(check_sets, "SETS", (FILES, FOLDERS))
    check_sets.write_list(sets)
    assert read_list() == [*lines_of(sets, FILES), *lines_of(sets, FOLDERS)]
