"""Journals of earlier releases: taken forward with all that was in them; newer ones refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_fixture import BrokerProcess
from journals import FROZEN, changed, thaw, told
from node_process import NodeProcess, on_the_bus

from bus_topics.messages import Outcome
from daemon import journal_schema
from daemon.actions import CONTRACT, FACT, TASK
from daemon.archive import Archive
from daemon.journal import FILE, Journal, JournalError, JournalReader
from daemon.journal_check import examine
from daemon.mesh import Mesh

NOW = len(journal_schema.MIGRATIONS)
NAMES = sorted(path.stem for path in FROZEN.glob("*.sql"))


def test_there_is_a_frozen_one_of_every_schema() -> None:
    numbers = {int(name.partition("_")[0]) for name in NAMES}
    assert numbers >= set(range(1, NOW))


@pytest.mark.parametrize("name", NAMES)
def test_every_row_comes_along_and_can_be_read(name: str, tmp_path: Path) -> None:
    thaw(name, tmp_path)
    rows = "SELECT key, rev, phase, updated, life, state, body FROM {} ORDER BY key"
    others = ("quarantine", "life")
    before = {table: told(tmp_path, rows.format(table)) for table in (TASK, CONTRACT, FACT)}
    before |= {table: told(tmp_path, f"SELECT * FROM {table}") for table in others}
    journal = Journal.open(tmp_path)
    archive = Archive(journal)
    known = {key: archive.recall(key) for key in ("app/done", "app/failed", "app2/untold")}
    assert all(known.values())
    assert [kept.once for kept, _ in archive.contracts()] == [True]
    assert {order.key for order, _ in archive.unfinished()} == {
        *("app/begun", "app/running", "app/waiting", "app2/untold")
    }
    assert examine(journal).faults == ()
    journal.close()
    after = {table: told(tmp_path, rows.format(table)) for table in (TASK, CONTRACT, FACT)}
    assert {table: after[table] for table in after} == {table: before[table] for table in after}
    assert told(tmp_path, "SELECT * FROM quarantine") == before["quarantine"]
    assert set(before["life"]) <= set(told(tmp_path, "SELECT * FROM life"))


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_then_what_a_new_one_is(name: str, tmp_path: Path) -> None:
    thaw(name, tmp_path / "old")
    Journal.open(tmp_path / "old").close()
    Journal.open(tmp_path / "new").close()
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    made = [
        (kind, of, " ".join(str(sql).split())) for kind, of, sql in told(tmp_path / "new", schema)
    ]
    assert made == [
        (kind, of, " ".join(str(sql).split())) for kind, of, sql in told(tmp_path / "old", schema)
    ]
    for pragma in ("user_version", "application_id", "auto_vacuum", "journal_mode"):
        sql = f"PRAGMA {pragma}"
        assert told(tmp_path / "old", sql) == told(tmp_path / "new", sql)


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_does_without_the_newer_parts(name: str, tmp_path: Path) -> None:
    thaw(name, tmp_path)
    reader = JournalReader.peek(tmp_path)
    assert (reader.version, reader.losses()) == (1, [])
    assert examine(reader).faults == ()
    reader.close()
    assert told(tmp_path, "PRAGMA user_version") == [(1,)]


def test_a_newer_one_is_refused_and_left_alone(tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    changed(tmp_path, f"PRAGMA user_version = {NOW + 1}")
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(JournalError, match=rf"has schema {NOW + 1}.*knows up to {NOW}.*install"):
        Journal.open(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


@pytest.fixture
def node(tmp_path: Path, broker: BrokerProcess) -> Iterator[NodeProcess]:
    thaw(NAMES[0], tmp_path / "home")
    changed(tmp_path / "home", "UPDATE task SET updated = ?", time.time())  # else it is pruned
    node = NodeProcess(tmp_path, broker.port, "home", ["selftest_work", "selftest_echo"])
    node.start()
    yield node
    node.kill()


async def test_a_node_goes_on_with_what_an_earlier_release_left(
    node: NodeProcess, broker: BrokerProcess
) -> None:
    """It was away for years, which is longer than a message can tell: each task has its end."""
    async with asyncio.timeout(60), Mesh(port=broker.port, login="app", home="home") as mesh:
        await on_the_bus(mesh, "home")
        ended: dict[str, Outcome | None] = {}
        while len(ended) < 6 or None in ended.values():
            records = await mesh.report(home="home", limit=20)
            ended = {record.task: record.outcome for record in records}
            await asyncio.sleep(0.05)
    assert ended["app/done"] is Outcome.DONE
    assert ended["app/begun"] is Outcome.UNKNOWN, (
        "a once effect that had begun, and nobody can know"
    )
    assert ended["app/running"] is ended["app/waiting"] is Outcome.EXPIRED
