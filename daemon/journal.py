"""What must survive a power cut: one SQLite file, written by one thread, several commits a sync.

`Journal.commit` hands rows to the writer thread, which takes all that has gathered since its last
transaction, writes it in one, and has the loop run every `then` in the order of the commits. WAL with
synchronous=FULL: when `then` runs, an fsync that covers the rows has returned.

The rows are those of `daemon.actions`. Their states hold `time.monotonic()` values, which outlive a
process but not a kernel: each row therefore knows the kernel life it was written in, and comes back
with the seconds (`Stored.shift_s`) to add to its instants.
"""

import fcntl
import os
import sqlite3
import threading
import time
from asyncio import AbstractEventLoop
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Self

from daemon import journal_schema as schema
from daemon.actions import Row, Save
from daemon.clocks import BOOT_ID, Clocks, read_clocks, same_life, shift_between
from daemon.group_commit import Entry, GroupCommit, WriteError

FILE = "journal.db"
LOCK = "journal.lock"
PAYLOAD_KEPT = 4096
"""Bytes of a quarantined payload that are kept."""
QUARANTINE_ROWS = 10_000


class JournalError(Exception):
    """The journal cannot be used; the message says which file, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A row as the disk has it. `updated` is wall seconds; add `shift_s` to its monotonic instants."""

    key: str
    rev: int
    phase: str
    state: bytes
    body: bytes | None
    updated: float
    shift_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that was refused; `payload` is its first `PAYLOAD_KEPT` bytes, `at` wall seconds."""

    at: float
    sender: str
    topic: str
    code: str
    reason: str
    payload: bytes


class JournalReader:
    """The reading half, on a connection of its own; sees what is on disk, not what is queued.

    Every method raises JournalError when the disk does not give the rows.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._reader = connection
        self._path = path
        with _told(path):
            lives = connection.execute("SELECT id, shift FROM life ORDER BY id").fetchall()
        self._shifts = {life: sum(s for later, s in lives if later > life) for life, _ in lives}

    @classmethod
    def peek(cls, directory: Path) -> "JournalReader":
        """Read the journal in `directory` beside the node that holds it, if one does."""
        path = directory / FILE
        if not path.is_file():
            raise JournalError(f"{path}: there is no journal; has a node run with this state_dir?")
        with _told(path), ExitStack() as undo:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            undo.callback(connection.close)
            _check_schema(connection, path)
            reader = JournalReader(connection, path)
            undo.pop_all()
        return reader

    def read(self, table: str, key: str) -> Stored | None:
        """The row of `key`, or None. An indexed read."""
        rows = self._rows(table, "WHERE key = ?", (key,))
        return rows[0] if rows else None

    def load(self, table: str, *, without: Collection[str] = ()) -> list[Stored]:
        """Every row but those in the phases `without`, least recently changed first."""
        where = f"WHERE phase NOT IN ({schema.marks(without)})"
        return self._rows(table, f"{where} ORDER BY updated, rowid", tuple(without))

    def recent(self, table: str, limit: int, prefix: str = "") -> list[Stored]:
        """The `limit` rows changed last, newest first; with `prefix` ("<sender>/") of that sender."""
        where, values = (f"WHERE {schema.OWNER} = ?", (prefix,)) if prefix else ("", ())
        return self._rows(table, f"{where} ORDER BY updated DESC LIMIT ?", (*values, limit))

    def quarantined(self, limit: int) -> list[Quarantined]:
        """The messages refused last, newest first."""
        sql = "SELECT at, sender, topic, code, reason, payload FROM quarantine"
        with _told(self._path):
            found = self._reader.execute(f"{sql} ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [Quarantined(*row) for row in found]

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def _rows(self, table: str, rest: str, values: tuple[object, ...]) -> list[Stored]:
        with _told(self._path):
            found: list[_Read] = self._reader.execute(
                f"{schema.STORED[table]} {rest}", values
            ).fetchall()
        return [Stored(*row[:6], self._shifts.get(row[6], 0.0)) for row in found]


class Journal(JournalReader):
    """The journal of the node that holds it. All methods but `prune` are for the loop's thread."""

    @classmethod
    def open(cls, directory: Path, boot_id: Path = BOOT_ID) -> Self:
        """Hold the journal in `directory`, created or migrated forward as needed.

        Raises JournalError when another process holds it, when its schema is newer than this release
        knows, when the file is damaged or no journal of ours, or when the disk does not let us.
        """
        path = directory / FILE
        with _told(path), ExitStack() as undo:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _lock(directory / LOCK)
            undo.callback(os.close, lock)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # -wal and -shm take its mode
            writer, reader = _connect(path), _connect(path)
            undo.callback(writer.close)
            undo.callback(reader.close)
            _prepare(writer, path)
            life = _begin_life(writer, read_clocks(boot_id))
            reader.execute("PRAGMA query_only = 1")
            journal = cls(path, lock, writer, reader, life)
            undo.pop_all()
        return journal

    def __init__(
        self,
        path: Path,
        lock: int,
        writer: sqlite3.Connection,
        reader: sqlite3.Connection,
        life: int,
    ) -> None:
        super().__init__(reader, path)
        self._lock = lock
        self._writer = writer
        self._life = life
        self._clocks_at = time.monotonic()
        self._closed = False
        self._writing = threading.Lock()
        self._commits = GroupCommit(lambda entries, probe: self._write(entries, probe=probe))

    @property
    def healthy(self) -> bool:
        """False from a failed commit until one succeeds again. The owner then takes no new work."""
        return self._commits.healthy

    @property
    def fault(self) -> str:
        """Why the journal is not healthy, in words; "" while it is."""
        return self._commits.fault

    def start(self, loop: AbstractEventLoop) -> None:
        """Start the writer; `then` and `failed` run in `loop` from now on."""
        self._commits.start(loop)

    def close(self) -> None:
        """Commit what is queued, run what waited for it, and let go of the file.

        What is committed later is dropped, as if the process had been killed before. Raises
        JournalError when the disk does not take what was queued within two seconds.
        """
        if self._closed:
            return
        self._closed = True
        try:
            lost = self._commits.close()
        finally:
            super().close()
            with self._writing:  # `prune` may be in the middle of a statement
                self._writer.close()
            os.close(self._lock)
        if lost:
            raise JournalError(
                f"{self._path}: {lost} commits were not written: {self.fault}; none of them was "
                "acknowledged to anyone"
            )

    def commit(
        self,
        rows: Sequence[Row],
        then: Callable[[], None] | None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Write `rows` in one transaction; run `then` once they and all before them are on disk.

        Without rows it is a barrier, which runs `then` at once when nothing is pending. If the disk
        fails, rows that came with `failed` are given up and `failed` is told; all others are tried
        again until they are written, and what comes later waits behind them.
        """
        for row in rows:
            schema.check_row(row)
        self._commits.put(Entry(tuple(rows), None, then, failed))

    def quarantine(
        self,
        *,
        sender: str,
        topic: str,
        code: str,
        reason: str,
        payload: bytes,
        then: Callable[[], None] | None,
    ) -> None:
        """Keep a refused message for whoever looks into it; `then` as in `commit`.

        While the disk fails and `REFUSED_WAITING` of them wait, it is not kept: `then` runs at once.
        """
        words = (sender, topic, code, reason)
        texts = [word[:500].encode(errors="replace").decode() for word in words]
        refused = (time.time(), *texts, payload[:PAYLOAD_KEPT])
        self._commits.put(Entry((), refused, then, None))

    def prune(self, keep_s: float, phases: Mapping[str, Collection[str]]) -> int:
        """Delete rows of these tables and phases that have not changed for `keep_s`; how many.

        Blocks for a sync per 500 rows: call it in a thread, or before the loop runs. It ends early
        when the journal is closed meanwhile.
        """
        before, count = time.time() - keep_s, 0
        for table, names in phases.items():
            while True:
                with _told(self._path), self._writing:
                    if self._closed:
                        return count
                    sql = schema.PRUNE[table].format(phases=schema.marks(names))
                    gone = self._writer.execute(sql, (before, *names, 500)).rowcount
                count += gone
                if gone < 500:
                    break
        return count

    def _write(self, batch: Sequence[Entry], *, probe: bool) -> None:
        """One transaction, in the writer's thread; a `probe` writes something even if nothing waits."""
        rows: defaultdict[str, list[Row]] = defaultdict(list)
        for entry in batch:
            for row in entry.rows:
                rows[row.table].append(row)
        refused = [entry.refused for entry in batch if entry.refused is not None]
        if not rows and not refused and not probe:
            return
        try:
            with self._writing, _transaction(self._writer):
                self._write_rows(rows, time.time())
                if refused:
                    self._writer.executemany(schema.REFUSE, refused)
                    self._writer.execute(schema.TRIM, (QUARANTINE_ROWS,))
                if probe or time.monotonic() - self._clocks_at >= _CLOCKS_EVERY_S:
                    self._clocks_at = time.monotonic()
                    self._writer.execute(schema.CLOCKS, (self._clocks_at, time.time(), self._life))
        except sqlite3.Error as error:
            raise WriteError(f"{error}: free space on the disk or replace it") from error

    def _write_rows(self, rows: Mapping[str, Sequence[Row]], wall: float) -> None:
        for table, changes in rows.items():
            for kind, run in groupby(changes, type):
                if kind is Save:
                    saves = [
                        schema.values(row, wall, self._life) for row in run if type(row) is Save
                    ]
                    self._writer.executemany(schema.SAVE[table], saves)
                else:
                    self._writer.executemany(schema.FORGET[table], [(row.key,) for row in run])


_Read = tuple[str, int, str, bytes, bytes | None, float, int]
_CLOCKS_EVERY_S = 10.0
_LOG_BYTES = 16 * 1024 * 1024
_CHECKED_BYTES = 64 * 1024 * 1024


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Whatever the disk or SQLite says, said as a JournalError that names the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise JournalError(
            f"{path}: {error}; see to its permissions, disk and free space"
        ) from error
    except sqlite3.DatabaseError as error:
        raise JournalError(
            f"{path}: damaged ({error}); move it away to start anew, or restore a copy"
        ) from error
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}; see to its permissions and disk") from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _lock(path: Path) -> int:
    """A lock that the kernel lets go of however the process ends."""
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise JournalError(
            f"{path}: another process holds this journal; stop that node or give this one its own "
            "state_dir"
        ) from None
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)


def _prepare(writer: sqlite3.Connection, path: Path) -> None:
    """Check the file before anything in it is changed, then bring it to our schema and mode."""
    _check_schema(writer, path)
    _check_pages(writer, path)
    (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalError(f"{path}: no write-ahead log here ({mode}); use a disk of this machine")
    writer.execute("PRAGMA synchronous = FULL")
    writer.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    (version,) = writer.execute("PRAGMA user_version").fetchone()
    for number, statements in enumerate(schema.MIGRATIONS[version:], version + 1):
        with _transaction(writer):
            for statement in (*statements, f"PRAGMA user_version = {number}"):
                writer.execute(statement)


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is newer than this release, or somebody else's."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != schema.APPLICATION:
        raise JournalError(f"{path}: is a database, but no journal of a node; choose another place")
    if version > len(schema.MIGRATIONS):
        raise JournalError(
            f"{path}: has schema {version}, this release knows up to {len(schema.MIGRATIONS)}; "
            "install the newer release, or move the file away"
        )


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Look at every page while that is quick; a large file is checked as it is read."""
    if path.stat().st_size <= _CHECKED_BYTES:
        (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if finding != "ok":
            raise sqlite3.DatabaseError(finding)


def _begin_life(connection: sqlite3.Connection, now: Clocks) -> int:
    """The number of this kernel life in the journal, which knows its shift to the one before."""
    row = connection.execute(
        "SELECT id, boot, mono, wall FROM life ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if row is not None and same_life(Clocks(*row[1:]), now):
        number: int = row[0]
        return number
    shift = shift_between(Clocks(*row[1:]), now) if row is not None else 0.0
    with _transaction(connection):
        sql = "INSERT INTO life (boot, mono, wall, shift) VALUES (?, ?, ?, ?) RETURNING id"
        (number,) = connection.execute(sql, (*now, shift)).fetchone()
    return number
