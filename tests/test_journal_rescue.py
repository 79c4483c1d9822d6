"""Damaged journals: what can be read is kept, what cannot is named, and the old file stays as it was."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from pathlib import Path

import pytest
from broker_fixture import BrokerProcess
from journals import changed, names, task, thaw, told, write
from node_process import NodeProcess, on_the_bus
from structlog.testing import capture_logs

from bus_topics.messages import Outcome
from daemon import journal_rescue
from daemon.actions import TASK
from daemon.journal import FILE, Journal, JournalError, JournalReader
from daemon.journal_check import examine
from daemon.journal_file import LOCK, SUSPECT
from daemon.journal_rescue import lately_lost, open_or_rescue
from daemon.mesh import Mesh
from daemon.task import Phase

PAGE = 4096
TASKS = 300


async def filled(directory: Path) -> set[str]:
    rows = [task(n, Phase.QUEUED if n % 3 else Phase.CLOSED, "x" * 700) for n in range(TASKS)]
    await write(directory, rows)
    return {row.key for row in rows}


def damage(directory: Path, pages: list[int]) -> bytes:
    content = bytearray((directory / FILE).read_bytes())
    for page in pages:
        content[page * PAGE : (page + 1) * PAGE] = b"\xa5" * PAGE
    (directory / FILE).write_bytes(content)
    return bytes(content)


def leaf(directory: Path) -> int:
    """A page in which rows of tasks stand, counted from 0."""
    content = (directory / FILE).read_bytes()
    pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
    return next(n for n, page in enumerate(pages) if n and page[0] == 0x0D and b"app/t9" in page)


async def test_all_but_the_damaged_page_is_kept_and_the_rest_is_named(tmp_path: Path) -> None:
    keys = await filled(tmp_path)
    bytes_before = damage(tmp_path, [leaf(tmp_path)])
    with pytest.raises(JournalError, match="damaged"):
        Journal.open(tmp_path)
    with capture_logs() as logs:
        journal = open_or_rescue(tmp_path)
    kept = {row.key for row in journal.load(TASK)}
    (loss,) = journal.losses()
    assert examine(journal).faults == ()
    journal.close()
    lost = keys - kept
    assert 0 < len(lost) < 20
    assert all(key in loss.words for key in lost)
    assert "may be more" not in loss.words
    assert (tmp_path / loss.file).read_bytes() == bytes_before
    (line,) = [line for line in logs if line["event"] == "journal-set-aside"]
    assert set(line["lost"][TASK]) == lost
    assert "xxx" not in str(line)
    with JournalReader.peek(tmp_path) as reader:
        assert loss.words in lately_lost(reader)
    changed(tmp_path, "UPDATE loss SET at = at - 8 * 86400")
    with JournalReader.peek(tmp_path) as reader:
        assert lately_lost(reader) == ""
    assert not (tmp_path / SUSPECT).exists()


async def test_the_second_start_finds_nothing_wrong(tmp_path: Path) -> None:
    await filled(tmp_path)
    damage(tmp_path, [leaf(tmp_path)])
    open_or_rescue(tmp_path).close()
    before = names(tmp_path)
    journal = open_or_rescue(tmp_path)
    assert len(journal.losses()) == 1
    journal.close()
    assert names(tmp_path) == before


@pytest.mark.parametrize("seed", range(8))
async def test_however_it_is_damaged_a_node_can_start(seed: int, tmp_path: Path) -> None:
    keys = await filled(tmp_path)
    chance = random.Random(seed)
    content = bytearray((tmp_path / FILE).read_bytes())
    for _ in range(2 ** chance.randrange(8)):
        at = chance.randrange(len(content))
        content[at : at + 64] = chance.randbytes(min(64, len(content) - at))
    (tmp_path / FILE).write_bytes(content[: chance.choice([len(content), len(content) * 2 // 3])])
    journal = open_or_rescue(tmp_path)
    assert {row.key for row in journal.load(TASK)} <= keys
    if journal.losses():
        assert examine(journal).faults == ()
    journal.close()


@pytest.mark.parametrize(
    "content", [b"no database at all" * 500, b"SQLite format 3\0" + b"\0" * 90]
)
def test_what_is_no_database_is_set_aside_whole(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    journal = open_or_rescue(tmp_path)
    (loss,) = journal.losses()
    assert journal.load(TASK) == []
    assert "more that nothing tells of" in loss.words
    assert (tmp_path / loss.file).read_bytes() == content
    journal.close()


async def test_a_row_that_makes_no_sense_is_not_kept(tmp_path: Path) -> None:
    await filled(tmp_path)
    changed(tmp_path, "UPDATE task SET state = ? WHERE key = 'app/t250'", b"{}garbage")
    damage(tmp_path, [leaf(tmp_path)])
    journal = open_or_rescue(tmp_path)
    assert journal.read(TASK, "app/t250") is None
    assert "app/t250" in journal.losses()[0].words
    journal.close()


async def test_what_was_committed_last_is_read_from_the_log(tmp_path: Path) -> None:
    await filled(tmp_path / "whole")
    journal = Journal.open(tmp_path / "whole")
    journal.start(asyncio.get_running_loop())
    written = asyncio.Event()
    journal.commit([task(999, Phase.QUEUED)], written.set)
    await written.wait()
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in (FILE, f"{FILE}-wal"):
        (killed / name).write_bytes((tmp_path / "whole" / name).read_bytes())
    journal.close()
    damage(killed, [leaf(killed)])
    rescued = open_or_rescue(killed)
    assert rescued.read(TASK, "app/t999") is not None
    rescued.close()


@pytest.mark.parametrize("step", ["_set_aside", "_read", "_words"])
async def test_a_rescue_that_is_killed_is_done_again(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = await filled(tmp_path)
    damage(tmp_path, [leaf(tmp_path)])
    real = getattr(journal_rescue, step)

    def killed(*arguments: object) -> object:
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(journal_rescue, step, killed)
    with pytest.raises(KeyboardInterrupt):
        open_or_rescue(tmp_path)
    monkeypatch.undo()
    for end in ("-wal", "-shm"):  # the worst moment: its log is gone, the new file not yet there
        (tmp_path / f"{FILE}{end}").unlink(missing_ok=True)
    journal = open_or_rescue(tmp_path)
    assert len(keys) - 20 < len(journal.load(TASK)) < len(keys)
    assert len(journal.losses()) == 1
    assert (
        sum(name.startswith("journal-damaged") and name.endswith(".db") for name in names(tmp_path))
        == 1
    )
    journal.close()


async def test_damage_in_a_large_file_is_marked_when_it_is_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(tmp_path)
    damage(tmp_path, [leaf(tmp_path)])
    monkeypatch.setattr("daemon.journal_file.CHECKED_BYTES", 0)
    journal = open_or_rescue(tmp_path)
    assert journal.losses() == [], "not looked at whole"
    with pytest.raises(JournalError, match="damaged"):
        journal.load(TASK)
    journal.close()
    assert (tmp_path / SUSPECT).exists()
    journal = open_or_rescue(tmp_path)
    assert len(journal.losses()) == 1
    journal.load(TASK)
    journal.close()


async def test_a_sound_file_that_was_marked_is_only_looked_at(tmp_path: Path) -> None:
    keys = await filled(tmp_path)
    (tmp_path / SUSPECT).touch()
    journal = open_or_rescue(tmp_path)
    assert len(journal.load(TASK)) == len(keys)
    assert journal.losses() == []
    journal.close()
    assert not (tmp_path / SUSPECT).exists()


def test_what_another_holds_or_is_newer_is_not_touched(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    with pytest.raises(JournalError, match="another process holds"):
        open_or_rescue(tmp_path)
    journal.close()
    changed(tmp_path, "PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="has schema 99"):
        open_or_rescue(tmp_path)
    assert names(tmp_path) == [FILE, LOCK]
    assert told(tmp_path, "PRAGMA user_version") == [(99,)]


async def test_a_node_starts_tells_what_is_lost_and_keeps_the_rest(
    tmp_path: Path, broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    systemd.bind(f"\0forgebus-test-{tmp_path.name}-{broker.port}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@forgebus-test-{tmp_path.name}-{broker.port}")
    thaw("1", tmp_path / "home")
    changed(tmp_path / "home", "UPDATE task SET updated = ?", time.time())  # else it is pruned
    rows = [task(n, Phase.CLOSED, "secret " * 100) for n in range(TASKS)]
    await write(tmp_path / "home", rows)
    damage(tmp_path / "home", [leaf(tmp_path / "home")])
    node = NodeProcess(tmp_path, broker.port, "home", ["selftest_echo"])
    node.start()
    try:
        async with asyncio.timeout(60), Mesh(port=broker.port, login="app", home="home") as mesh:
            await on_the_bus(mesh, "home")
            (record,) = await mesh.report("app/done", home="home")
            assert record.outcome is Outcome.DONE
        with JournalReader.peek(tmp_path / "home") as reader:
            (loss,) = reader.losses()
        assert "journal-set-aside" in node.log()
        assert loss.file in node.log()
        assert "secret" not in node.log()
        heard = b""
        while b"STATUS=on the bus" not in heard:
            heard = systemd.recv(65_536)
        assert f"{loss.file} was damaged and set aside: {loss.words}".encode() in heard
    finally:
        node.kill()
        systemd.close()
