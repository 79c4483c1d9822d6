"""`forgebus journal`: check, backup and prune, on real files, also while a node writes."""

from __future__ import annotations

import asyncio
import stat
import threading
import time
from pathlib import Path

import pytest
from cli_call import Call, caller
from journals import changed, names, task, told, write

from daemon.actions import TASK
from daemon.journal import FILE, Journal, JournalReader
from daemon.journal_check import examine
from daemon.task import Phase

BIG = "y" * 5_000


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(capfd)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def fill(state: Path, count: int = 20, content: str = "x") -> None:
    """Every second one is finished, oldest first."""
    rows = [task(n, Phase.CLOSED if n % 2 else Phase.QUEUED, content) for n in range(count)]
    await write(state, rows)
    changed(state, "UPDATE task SET updated = updated - 1000 + rowid")


async def test_a_sound_one_is_told_so(call: Call, state: Path) -> None:
    await fill(state)
    told_ = call("journal", "check", "--state-dir", state)
    assert (told_.code, told_.err) == (0, "")
    assert "20 task" in told_.out
    assert "nothing is wrong" in told_.out
    found = call("journal", "check", "--state-dir", state, "--json").json
    assert (found["ok"], found["rows"]["task"], found["faults"]) == (True, 20, [])


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE task SET state = x'7b7d00' WHERE key = 'app/t3'", "app/t3: cannot be read"),
        ("UPDATE task SET phase = 'queued' WHERE key = 'app/t3'", "stands in phase queued"),
        ("UPDATE task SET rev = 9 WHERE key = 'app/t3'", "has revision 9"),
        ("UPDATE task SET key = 'eve/t3' WHERE key = 'app/t3'", "is of another task"),
        ("INSERT INTO contract SELECT * FROM task WHERE key = 'app/t3'", "contract app/t3"),
        ("UPDATE task SET body = NULL WHERE key = 'app/t3'", "cannot be read"),
        (
            """UPDATE task SET state = CAST(replace(CAST(state AS TEXT), 'closed', 'queued') AS BLOB),
            phase = 'queued' WHERE key = 'app/t3'""",
            "has an outcome and goes on",
        ),
    ],
)
async def test_a_row_that_no_node_writes_is_named(
    sql: str, words: str, call: Call, state: Path
) -> None:
    await fill(state)
    changed(state, sql)
    told_ = call("journal", "check", "--state-dir", state)
    told_.fails(1, "1 faults")
    assert words in told_.out


async def test_damage_is_told_with_what_to_do(call: Call, state: Path) -> None:
    await fill(state, 200, "secret" * 20)
    content = bytearray((state / FILE).read_bytes())
    content[-8192:-4096] = b"\xa5" * 4096
    (state / FILE).write_bytes(content)
    told_ = call("journal", "check", "--state-dir", state)
    told_.fails(1, "restore a backup")
    assert "secret" not in told_.out
    assert call("journal", "check", "--state-dir", state, "--json").json["ok"] is False


async def test_names_of_others_do_not_command_the_terminal(call: Call, state: Path) -> None:
    await fill(state)
    changed(state, "UPDATE task SET key = ? WHERE key = 'app/t3'", "app/\x1b[2J\x9b31m\u202e")
    told_ = call("journal", "check", "--state-dir", state)
    assert told_.code == 1
    assert not set("\x1b\x9b\u202e") & set(told_.out + told_.err)


async def test_a_backup_of_a_running_one_is_whole(call: Call, state: Path, tmp_path: Path) -> None:
    """Tasks and their twins are committed together: a copy has both or neither, at any moment."""
    await fill(state, 200, BIG)
    journal = Journal.open(state)
    journal.start(asyncio.get_running_loop())
    stop, number = threading.Event(), 1000

    def backups() -> list[int]:
        try:
            return [
                call("journal", "backup", tmp_path / f"copy-{n}", "--state-dir", state).code
                for n in range(3)
            ]
        finally:
            stop.set()

    copying = asyncio.get_running_loop().run_in_executor(None, backups)
    while not stop.is_set():
        number += 1
        journal.commit(
            [task(number, Phase.QUEUED), task(number, Phase.QUEUED, sender="twin")], None
        )
        await asyncio.sleep(0.001)
    assert await copying == [0, 0, 0]
    journal.close()
    for n in range(3):
        with JournalReader.at(tmp_path / f"copy-{n}") as copy:
            keys = {row.key for row in copy.load(TASK)}
            assert examine(copy).faults == ()
        ours = {key.partition("/")[2] for key in keys if key.startswith("app/t1") and len(key) > 8}
        assert ours == {key.partition("/")[2] for key in keys if key.startswith("twin/")}
        assert len([key for key in keys if key.startswith("app/")]) >= 200
    assert mode(tmp_path / "copy-0") == 0o600
    assert names(tmp_path) == ["copy-0", "copy-1", "copy-2", "state"]


async def test_a_backup_is_a_journal_again(call: Call, state: Path, tmp_path: Path) -> None:
    await fill(state)
    assert call("journal", "backup", tmp_path / "copy", "--state-dir", state).code == 0
    assert call("journal", "check", tmp_path / "copy").code == 0
    restored = tmp_path / "restored"
    restored.mkdir()
    (restored / FILE).write_bytes((tmp_path / "copy").read_bytes())
    journal = Journal.open(restored)
    assert len(journal.load(TASK)) == 20
    journal.close()


async def test_a_file_that_is_there_stays(call: Call, state: Path, tmp_path: Path) -> None:
    await fill(state)
    (tmp_path / "mine").write_text("precious")
    told_ = call("journal", "backup", tmp_path / "mine", "--state-dir", state)
    told_.fails(1, "is there already", "another file")
    assert (tmp_path / "mine").read_text() == "precious"
    assert names(tmp_path) == ["mine", "state"]
    call("journal", "backup", tmp_path / "no" / "x", "--state-dir", state).fails(1, "No such file")


def test_looking_at_a_damaged_backup_leaves_nothing_behind(call: Call, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"no database at all" * 500)
    call("journal", "check", tmp_path / "copy").fails(1, "damaged", "restore a copy")
    assert names(tmp_path) == ["copy"]


async def test_prune_by_age_frees_the_disk_and_spares_the_unfinished(
    call: Call, state: Path
) -> None:
    await fill(state, 400, BIG)
    before = (state / FILE).stat().st_size
    changed(state, "UPDATE task SET updated = updated - 86400 * 3 WHERE rowid <= 200")
    found = call("journal", "prune", "--state-dir", state, "--keep-days", "2", "--json").json
    assert found["rows"] == 100
    assert found["freed_bytes"] > 100 * len(BIG)
    assert before - (state / FILE).stat().st_size == found["freed_bytes"]
    left = {str(key) for (key,) in told(state, "SELECT key FROM task")}
    assert {f"app/t{n}" for n in range(0, 400, 2)} < left
    assert {f"app/t{n}" for n in range(201, 400, 2)} < left
    assert call("journal", "check", "--state-dir", state).code == 0


async def test_prune_by_size_takes_the_oldest_and_stops_there(call: Call, state: Path) -> None:
    await fill(state, 400, BIG)  # some 3 MB
    told_ = call("journal", "prune", "--state-dir", state, "--keep-mb", "2")
    assert told_.code == 0
    assert "bytes freed" in told_.out
    left = {str(key) for (key,) in told(state, "SELECT key FROM task")}
    assert "app/t1" not in left
    assert "app/t399" in left
    assert (state / FILE).stat().st_size <= 2_000_000
    assert {f"app/t{n}" for n in range(0, 400, 2)} < left
    call("journal", "prune", "--state-dir", state, "--keep-mb", "0")
    assert len(told(state, "SELECT key FROM task")) == 200, "what is unfinished stays at any size"


async def test_prune_beside_a_node_that_writes(call: Call, state: Path) -> None:
    await fill(state, 400, BIG)
    journal = Journal.open(state)
    journal.start(asyncio.get_running_loop())
    written = asyncio.Event()
    pruned = asyncio.get_running_loop().run_in_executor(
        None, call, "journal", "prune", "--state-dir", state, "--keep-days", "0"
    )
    for number in range(1000, 1100):
        journal.commit([task(number, Phase.QUEUED)], None)
        await asyncio.sleep(0.001)
    assert (await pruned).code == 0
    journal.commit([], written.set)
    await written.wait()
    assert journal.healthy
    assert len(journal.load(TASK)) == 300
    journal.close()


@pytest.mark.parametrize("command", ["check", "prune"])
def test_no_journal_is_one_line(command: str, call: Call, tmp_path: Path) -> None:
    call("journal", command, "--state-dir", tmp_path).fails(1, "there is no journal")
    assert list(tmp_path.iterdir()) == []


async def test_what_was_lost_before_is_told(call: Call, state: Path) -> None:
    await fill(state)
    changed(
        state,
        "INSERT INTO loss (at, file, words) VALUES (?, 'journal-damaged-x.db', '3 lost')",
        time.time(),
    )
    told_ = call("journal", "check", "--state-dir", state)
    assert told_.code == 0
    assert "journal-damaged-x.db was damaged and set aside: 3 lost" in told_.out


def test_a_journal_that_is_closed_to_this_user_is_one_line(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", closed)
    told = call("journal", "check", "--state-dir", str(tmp_path))
    told.fails(1, "closed to this user", "sudo")
