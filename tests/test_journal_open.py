"""Opening: what is refused, migrations, a second process, looking in from outside, reboots."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import journal_schema
from daemon.actions import CONTRACT, TASK, Save
from daemon.clocks import Clocks, read_clocks, shift_between
from daemon.journal import FILE, Journal, JournalError, JournalReader
from daemon.journal_prune import Limits, pruning

MUCH = 2**40
ROOT = Path(__file__).resolve().parent.parent


async def fill(directory: Path, *rows: Save, boot_id: Path | None = None) -> None:
    journal = Journal.open(directory) if boot_id is None else Journal.open(directory, boot_id)
    journal.start(asyncio.get_running_loop())
    journal.commit(rows, None)
    journal.close()


def saves(*keys: str) -> list[Save]:
    return [Save(TASK, key, 1, "queued", b"state", b"body") for key in keys]


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    first = Journal.open(tmp_path)
    code = f"from daemon.journal import *; import pathlib; Journal.open(pathlib.Path({str(tmp_path)!r}))"
    second = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert "another process holds this journal" in second.stderr
    with pytest.raises(JournalError, match="another process holds"):
        Journal.open(tmp_path)
    first.close()
    Journal.open(tmp_path).close()


def test_content_is_for_the_owner_only(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "state")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
    journal.close()
    assert set(modes) >= {FILE, f"{FILE}-wal", f"{FILE}-shm"}
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(JournalError, match=r"journal\.db: damaged .*sets it aside"):
        Journal.open(tmp_path)
    assert (tmp_path / FILE).read_bytes().startswith(b"not a database")


async def test_a_damaged_page_is_refused(tmp_path: Path) -> None:
    await fill(tmp_path, *saves(*(f"a/{number}" for number in range(500))))
    content = bytearray((tmp_path / FILE).read_bytes())
    for page in range(len(content) // 4096 - 4, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = b"\xa5" * 200
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(JournalError, match="damaged"):
        Journal.open(tmp_path)


def test_somebody_elses_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / FILE)
    other.execute("CREATE TABLE photos (id INTEGER)")
    other.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(JournalError, match="no journal of a node"):
        Journal.open(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    await fill(tmp_path, *saves("a/1"))
    newer = sqlite3.connect(tmp_path / FILE)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(JournalError, match=r"has schema 99.*newer release"):
        Journal.open(tmp_path)
    with pytest.raises(JournalError, match="has schema 99"):
        JournalReader.peek(tmp_path)


async def test_an_older_schema_is_taken_forward_with_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(tmp_path, *saves("a/1", "a/2"))
    step = ("ALTER TABLE task ADD COLUMN colour TEXT", "UPDATE task SET colour = 'red'")
    monkeypatch.setattr(journal_schema, "MIGRATIONS", (*journal_schema.MIGRATIONS, step))
    journal = Journal.open(tmp_path)
    assert [row.key for row in journal.load(TASK)] == ["a/1", "a/2"]
    journal.close()
    looked = sqlite3.connect(tmp_path / FILE)
    assert looked.execute("PRAGMA user_version").fetchone() == (3,)
    assert looked.execute("SELECT DISTINCT colour FROM task").fetchall() == [("red",)]
    looked.close()


async def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(tmp_path, *saves("a/1"))
    step = "ALTER TABLE task ADD COLUMN colour TEXT"
    released = journal_schema.MIGRATIONS
    broken = (*released, (step, "UPDATE nowhere SET colour = 1"))
    monkeypatch.setattr(journal_schema, "MIGRATIONS", broken)
    with pytest.raises(JournalError, match="nowhere"):
        Journal.open(tmp_path)
    monkeypatch.setattr(journal_schema, "MIGRATIONS", (*released, (step,)))
    journal = Journal.open(tmp_path)  # the column is not there twice
    assert len(journal.load(TASK)) == 1
    journal.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalError, match="see to its permissions"):
        Journal.open(tmp_path / "file" / "state")


async def test_peek_reads_beside_the_node_and_after_it(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        JournalReader.peek(tmp_path)
    journal = Journal.open(tmp_path)
    journal.start(asyncio.get_running_loop())
    done = asyncio.Event()
    journal.commit(saves("a/1"), done.set)
    await done.wait()
    peek = JournalReader.peek(tmp_path)
    assert peek.read(TASK, "a/1") is not None
    done.clear()
    journal.commit(saves("a/2"), done.set)
    await done.wait()
    assert [row.key for row in peek.recent(TASK, 1)] == ["a/2"]
    assert peek.quarantined(5) == []
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        peek._reader.execute("DELETE FROM task")
    peek.close()
    journal.close()
    after = JournalReader.peek(tmp_path)
    assert len(after.load(TASK)) == 2
    after.close()


async def test_load_and_recent_choose_rows(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.start(asyncio.get_running_loop())
    for number, phase in enumerate(["queued", "done", "running", "done"]):
        done = asyncio.Event()
        journal.commit([Save(TASK, f"a/{number}", 1, phase, b"")], done.set)
        await done.wait()
    journal.commit([Save(TASK, "ab/9", 1, "queued", b"")], done.set)
    await asyncio.sleep(0.05)
    assert [row.key for row in journal.load(TASK, without=["done"])] == ["a/0", "a/2", "ab/9"]
    assert len(journal.load(TASK)) == 5
    assert [row.key for row in journal.recent(TASK, 2)] == ["ab/9", "a/3"]
    assert [row.key for row in journal.recent(TASK, 3, "a/")] == ["a/3", "a/2", "a/1"]
    assert journal.load(CONTRACT) == []
    journal.close()


async def test_prune_takes_old_rows_of_the_named_phases_only(tmp_path: Path) -> None:
    rows = [Save(TASK, f"a/{number}", 1, "done", b"") for number in range(1200)]
    await fill(tmp_path, *rows, *saves("a/open"))
    journal = Journal.open(tmp_path)
    assert journal.prune(Limits(3600.0, MUCH), {TASK: ["done"]}).rows == 0
    journal._writer.execute("UPDATE task SET updated = updated - 7200")
    assert journal.prune(Limits(3600.0, MUCH), {TASK: ["done"], CONTRACT: ["settled"]}).rows == 1200
    assert [row.key for row in journal.load(TASK)] == ["a/open"]
    journal.close()
    assert journal.prune(Limits(0.0, MUCH), {TASK: ["done"]}).rows == 0, "closed meanwhile"


async def test_what_is_freed_leaves_the_file_many_pages_at_a_time(tmp_path: Path) -> None:
    """Each step is a transaction that waits for the disk: one for every page would wear it out."""
    body = b"x" * 8000
    await fill(tmp_path, *[Save(TASK, f"a/{n}", 1, "done", b"", body) for n in range(300)])
    journal = Journal.open(tmp_path)
    steps = list(pruning(journal._writer, Limits(0.0, MUCH), {TASK: ["done"]}, time.time() + 9.0))
    assert steps[-1].rows == 300
    assert steps[-1].bytes > 300 * len(body)
    assert len(steps) < 20
    journal.close()


finite = st.floats(min_value=0, max_value=1e9)


@given(finite, finite, finite, finite)
def test_within_one_kernel_life_nothing_shifts(
    mono: float, later: float, wall: float, other: float
) -> None:
    assert shift_between(Clocks("b", mono, wall), Clocks("b", mono + later, other)) == 0.0


@given(
    mono=finite,
    away=finite,
    fresh=finite,
    left=st.floats(min_value=-1e6, max_value=1e6),
    wall=finite,
)
def test_after_a_reboot_a_deadline_is_as_far_as_real_time_leaves_it(
    mono: float, away: float, fresh: float, left: float, wall: float
) -> None:
    shift = shift_between(Clocks("old", mono, wall), Clocks("new", fresh, wall + away))
    assert (mono + left + shift) - fresh == pytest.approx(left - away, abs=1e-3)


@given(mono=finite, fresh=finite, back=finite)
def test_a_wall_clock_set_back_counts_as_no_time(mono: float, fresh: float, back: float) -> None:
    shift = shift_between(Clocks("old", mono, 2e9), Clocks("new", fresh, 2e9 - back))
    assert shift == pytest.approx(fresh - mono)


def test_a_monotonic_clock_that_jumps_back_is_a_reboot_whatever_the_id_says() -> None:
    assert shift_between(Clocks("", 500.0, 1000.0), Clocks("", 3.0, 1100.0)) == -597.0


def test_clocks_are_read_without_a_boot_id(tmp_path: Path) -> None:
    assert read_clocks(tmp_path / "none").boot == ""
    assert read_clocks().boot


async def test_rows_carry_the_shift_of_the_kernel_life_they_were_written_in(tmp_path: Path) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("first\n")
    await fill(tmp_path, *saves("a/old"), boot_id=boot)
    boot.write_text("second\n")
    before = time.monotonic()
    journal = Journal.open(tmp_path, boot)
    stored = journal.read(TASK, "a/old")
    assert stored is not None
    # The same kernel really: its monotonic clock and its wall clock went on together.
    assert stored.shift_s == pytest.approx(0.0, abs=1.0)
    journal._writer.execute("UPDATE life SET shift = -100 WHERE boot = 'second'")
    journal.close()
    await fill(tmp_path, *saves("a/new"), boot_id=boot)
    again = Journal.open(tmp_path, boot)
    shifts = {row.key: row.shift_s for row in again.load(TASK)}
    assert shifts == {"a/old": -100.0, "a/new": 0.0}
    again.close()
    assert before < time.monotonic()


async def test_a_second_reboot_adds_to_the_shift_of_the_first(tmp_path: Path) -> None:
    boot = tmp_path / "boot_id"
    for life in ("one", "two", "three"):
        boot.write_text(life)
        await fill(tmp_path, *saves(f"a/{life}"), boot_id=boot)
        change = sqlite3.connect(tmp_path / FILE)
        change.execute("UPDATE life SET shift = ? WHERE boot = ?", (-len(life), life))
        change.commit()
        change.close()
    peek = JournalReader.peek(tmp_path)
    assert {row.key: row.shift_s for row in peek.load(TASK)} == {
        "a/one": -8.0,
        "a/two": -5.0,
        "a/three": 0.0,
    }
    peek.close()
