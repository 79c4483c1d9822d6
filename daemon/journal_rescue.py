"""A damaged journal: set aside as it is, what can still be read of it kept, the rest named.

    journal.db damaged ─▶ linked as journal-damaged-<when>.db, with its log; the mark names it
                       ─▶ a new file from every row that can be read and makes sense
                       ─▶ the new file in the old one's place ─▶ the mark goes

A process that dies in between starts again from the file that the mark names: nothing is read from a file that
was rescued in half, and the damaged one is never written to.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import structlog

from daemon import journal_file as file
from daemon import journal_schema as schema
from daemon.actions import TABLES
from daemon.clocks import BOOT_ID
from daemon.journal import Journal, JournalReader, Stored
from daemon.journal_check import row_fault
from daemon.journal_file import FILE, SUSPECT, JournalDamagedError, told

LATELY_S = 7 * 86_400.0
"""How long a status goes on telling of it."""
NAMED = 20
"""Lost rows that are named."""


@dataclass(frozen=True, slots=True)
class Rescued:
    """What was read of one table, and the keys of rows that were there and could not be."""

    table: str
    kept: int
    lost: tuple[str, ...]
    unknown: bool
    """Whether there may have been more that nothing tells of."""


def open_or_rescue(directory: Path, boot_id: Path = BOOT_ID) -> Journal:
    """Hold the journal there; one that is damaged is set aside, and what can be read of it is kept.

    Raises JournalError for everything else that `Journal.open` raises it for.
    """
    _resume(directory)
    try:
        return Journal.open(directory, boot_id)
    except JournalDamagedError as error:
        fault = " ".join(str(error.__cause__).split())
    with told(directory / FILE):
        held = file.lock(directory)
        try:
            _rescue(directory, _set_aside(directory), fault)
        finally:
            os.close(held)
    return Journal.open(directory, boot_id)


def lately_lost(journal: JournalReader) -> str:
    """What a damaged file of the last days has cost, to go on a status with; "" for nothing."""
    lately = [loss for loss in journal.losses() if loss.at > time.time() - LATELY_S]
    return "".join(f"; {loss.file} was damaged and set aside: {loss.words}" for loss in lately[:1])


def _resume(directory: Path) -> None:
    """Go on with a rescue in whose middle a process died."""
    try:
        name = (directory / SUSPECT).read_text(encoding="utf-8")
    except OSError:
        return
    aside = directory / Path(name).name
    if not name or not aside.is_file():
        return
    with told(directory / FILE):
        held = file.lock(directory)
        try:
            _rescue(directory, aside, "damaged before")
        finally:
            os.close(held)


def _set_aside(directory: Path) -> Path:
    """The damaged file and its log under a name of their own, which the mark then names."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (f"journal-damaged-{stamp}{more}.db" for more in ("", *(f"-{n}" for n in range(1, 99))))
    aside = next(path for name in names if not (path := directory / name).exists())
    for end in ("-wal", ""):
        if (was := directory / f"{FILE}{end}").exists():
            _copied(was, aside.with_name(aside.name + end))
    mark = directory / SUSPECT
    mark.unlink(missing_ok=True)  # it may be of another user, who looked into the journal
    mark.write_text(aside.name, encoding="utf-8")
    file.sync(mark)
    file.sync(directory)
    return aside


def _copied(was: Path, to: Path) -> None:
    """Under another name too; as a copy where the file system knows one name a file."""
    try:
        to.hardlink_to(was)
    except OSError:
        shutil.copy2(was, to)


def _rescue(directory: Path, aside: Path, fault: str) -> None:
    """Make the new journal beside the old one, and put it in its place."""
    fresh = directory / f"{FILE}.rescued"
    fresh.unlink(missing_ok=True)
    with closing(file.connect(fresh)) as writer:
        writer.execute("PRAGMA auto_vacuum = INCREMENTAL")
        file.migrate(writer, 0)
        with file.transaction(writer):
            rescued = _read(aside, writer)
            words = _words(rescued, fault)
            writer.execute(schema.LOSE, (time.time(), aside.name, words))
    file.sync(fresh)
    for end in ("-wal", "-shm"):
        (directory / f"{FILE}{end}").unlink(missing_ok=True)
    fresh.replace(directory / FILE)
    file.sync(directory)
    aside.with_name(f"{aside.name}-shm").unlink(missing_ok=True)
    (directory / SUSPECT).unlink()
    lost = {one.table: one.lost[:NAMED] for one in rescued if one.lost}
    kept = {one.table: one.kept for one in rescued}
    _log.error("journal-set-aside", file=str(aside), fault=fault, kept=kept, lost=lost, words=words)


def _read(aside: Path, writer: sqlite3.Connection) -> list[Rescued]:
    """Every row that can be read and makes sense into the new file; what became of each table."""
    try:
        with closing(file.connect_to_read(aside)) as damaged:
            damaged.text_factory = _decoded
            for columns, table in _OTHERS:
                marks = schema.marks(columns.split(","))
                sql = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608
                for values in _rows(damaged, table, columns):
                    with suppress(sqlite3.IntegrityError):
                        writer.execute(sql, values)
            return [_table(damaged, writer, table) for table in TABLES]
    except sqlite3.Error:
        return [Rescued(table, 0, (), unknown=True) for table in TABLES]


def _table(damaged: sqlite3.Connection, writer: sqlite3.Connection, table: str) -> Rescued:
    kept: set[str] = set()
    lost: set[str] = set()
    for values in _rows(damaged, table, _COLUMNS):
        key, rev, phase, updated, _, state, body = values
        if not isinstance(key, str) or _is_torn(values):
            continue
        if row_fault(table, Stored(key, rev, phase, state, body, updated)):
            lost.add(key)
            continue
        writer.execute(schema.SAVE[table], values)
        kept.add(key)
    known, whole = _keys(damaged, table)
    return Rescued(table, len(kept), tuple(sorted((lost | known) - kept)), unknown=not whole)


def _is_torn(values: tuple[Any, ...]) -> bool:
    """Whether a column holds what none of ours ever wrote there."""
    _, rev, phase, updated, life, state, body = values
    numbers = type(rev) is int and type(updated) is float and type(life) is int
    return not (numbers and isinstance(phase, str) and isinstance(state, bytes)) or not (
        body is None or isinstance(body, bytes)
    )


def _decoded(text: bytes) -> str:
    """Text that is none must not end the reading."""
    return text.decode(errors="replace")


def _rows(damaged: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows that can be read: after one that cannot, on from the next that can."""
    sql = f"SELECT rowid, {columns} FROM {table} WHERE rowid > ? ORDER BY rowid"  # noqa: S608
    at: int | None = -1
    while at is not None:
        try:
            for row in damaged.execute(sql, (at,)):
                at = int(row[0])
                yield row[1:]
        except sqlite3.Error:
            at = _beyond(damaged, f"{sql} LIMIT 1", at)
        else:
            return


def _beyond(damaged: sqlite3.Connection, sql: str, at: int) -> int | None:
    """The row number after which something can be read again, past what cannot be read after `at`.

    One by one first, for a damaged leaf holds few rows; then in steps that double, for a branch.
    """
    fails = 0
    for step in chain(range(1, _CLOSE), (_CLOSE << doubled for doubled in range(_DOUBLINGS))):
        if not _reads(damaged, sql, at + step):
            fails = step
            continue
        reads = step
        while reads - fails > 1:
            middle = (reads + fails) // 2
            if _reads(damaged, sql, at + middle):
                reads = middle
            else:
                fails = middle
        return at + reads
    return None


def _reads(damaged: sqlite3.Connection, sql: str, at: int) -> bool:
    try:
        damaged.execute(sql, (at,)).fetchone()
    except sqlite3.Error:
        return False
    return True


def _keys(damaged: sqlite3.Connection, table: str) -> tuple[set[str], bool]:
    """The keys that the index of the keys still tells, and whether that could be read to its end."""
    found: set[str] = set()
    try:
        for (key,) in damaged.execute(f"SELECT key FROM {table} ORDER BY key"):  # noqa: S608
            found.add(str(key))
    except sqlite3.Error:
        return found, False
    return found, True


def _words(rescued: list[Rescued], fault: str) -> str:
    """One sentence for people: what was kept, what is lost by name, and whether more may be."""
    parts = []
    for one in rescued:
        lost = ", ".join(one.lost[:NAMED]) + (" and more" if len(one.lost) > NAMED else "")
        more = "; there may be more that nothing tells of" if one.unknown else ""
        gone = f"{len(one.lost)} lost ({lost})" if one.lost else "none known to be lost"
        parts.append(f"{one.table}: {one.kept} kept, {gone}{more}")
    return f"{fault[:200]}. {'. '.join(parts)}"


_COLUMNS = "key, rev, phase, updated, life, state, body"
_OTHERS = (
    ("id, boot, mono, wall, shift", "life"),
    ("id, at, sender, topic, code, reason, payload", "quarantine"),
    ("id, at, file, words", "loss"),
)
_CLOSE, _DOUBLINGS = 256, 32
_log = structlog.get_logger("node")
