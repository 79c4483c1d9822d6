"""What must survive a power cut: one SQLite file, written by one thread, several commits a sync.

`Journal.commit` hands rows to the writer thread, which takes all that has gathered since its last
transaction, writes it in one, and has the loop run every `then` in the order of the commits. WAL with
synchronous=FULL: when `then` runs, an fsync that covers the rows has returned.

The rows are those of `daemon.actions`. Their states hold `time.monotonic()` values, which outlive a
process but not a kernel: each row therefore knows the kernel life it was written in, and comes back
with the seconds (`Stored.shift_s`) to add to its instants.
"""

import os
import sqlite3
import threading
import time
from asyncio import AbstractEventLoop
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Self

from daemon import journal_file as file
from daemon import journal_schema as schema
from daemon.actions import Row, Save
from daemon.clocks import BOOT_ID, read_clocks
from daemon.group_commit import Entry, GroupCommit, WriteError
from daemon.journal_file import FILE, LOCK, JournalDamagedError, JournalError, told, transaction
from daemon.journal_prune import ROWS, Limits, Pruned, pruning
from daemon.journal_room import make_room

__all__ = [
    "FILE",
    "LOCK",
    "Journal",
    "JournalDamagedError",
    "JournalError",
    "JournalReader",
    "Loss",
    "Quarantined",
    "Stored",
]

PAYLOAD_KEPT = 4096
"""Bytes of a quarantined payload that are kept."""
WORD_KEPT = 500
"""Characters of its topic and of each word said about it."""
QUARANTINE_ROWS = 10_000
REFUSED_BYTES = PAYLOAD_KEPT + 4 * WORD_KEPT
"""Of a quarantined message, at most."""


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
    """A message that was refused; `payload` is its first `PAYLOAD_KEPT` bytes, `at` wall seconds.

    `number` grows with each and names it for whoever looks.
    """

    at: float
    sender: str
    topic: str
    code: str
    reason: str
    payload: bytes
    number: int = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """A damaged journal that was set aside: when (wall seconds), as which file, what is gone, in words."""

    at: float
    file: str
    words: str


class JournalReader:
    """The reading half, on a connection of its own; sees what is on disk, not what is queued.

    Every method raises JournalError when the disk does not give the rows.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._reader = connection
        self._path = path
        with told(path):
            lives = connection.execute("SELECT id, shift FROM life ORDER BY id").fetchall()
            (self.version,) = connection.execute("PRAGMA user_version").fetchone()
        self._shifts = {life: sum(s for later, s in lives if later > life) for life, _ in lives}

    @classmethod
    def peek(cls, directory: Path) -> "JournalReader":
        """Read the journal in `directory` beside the node that holds it, if one does."""
        path = directory / FILE
        try:
            there = path.is_file()
        except PermissionError as error:
            raise JournalError(f"{path} is closed to this user; use sudo") from error
        if not there:
            raise JournalError(f"{path}: there is no journal; has a node run with this state_dir?")
        return cls.at(path)

    @classmethod
    def at(cls, path: Path) -> "JournalReader":
        """Read this file, a journal or a backup of one."""
        with told(path), ExitStack() as undo:
            connection = file.connect_to_read(path)
            undo.callback(connection.close)
            file.check_schema(connection, path)
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

    def scan(self, table: str) -> Iterator[Stored]:
        """Every row, one at a time, in the order of the file."""
        with told(self._path):
            rows: Iterator[_Read] = self._reader.execute(schema.STORED[table])
            for row in rows:
                yield Stored(*row[:6], self._shifts.get(row[6], 0.0))

    def recent(self, table: str, limit: int, prefix: str = "") -> list[Stored]:
        """The `limit` rows changed last, newest first; with `prefix` ("<sender>/") of that sender."""
        where, values = (f"WHERE {schema.OWNER} = ?", (prefix,)) if prefix else ("", ())
        return self._rows(table, f"{where} ORDER BY updated DESC LIMIT ?", (*values, limit))

    def quarantined(self, limit: int, number: int | None = None) -> list[Quarantined]:
        """The messages refused last, newest first; or the one of that number."""
        with told(self._path):
            found = self._reader.execute(schema.REFUSED, (number, number, limit)).fetchall()
        return [Quarantined(*row) for row in found]

    def losses(self) -> list[Loss]:
        """What was lost with damaged journals that were set aside, newest first."""
        if self.version < schema.KNOWS_LOSSES:
            return []
        with told(self._path):
            found = self._reader.execute(schema.LOSSES).fetchall()
        return [Loss(*row) for row in found]

    def count(self, table: str) -> int:
        """How many rows a table has, the quarantine too."""
        with told(self._path):
            (rows,) = self._reader.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        return int(rows)

    def faults(self) -> list[str]:
        """What SQLite itself finds wrong with the file, page by page and index by index."""
        try:
            found = self._reader.execute("PRAGMA integrity_check").fetchall()
        except sqlite3.DatabaseError as error:
            return [str(error)]
        return [line for (line,) in found if line != "ok"]

    def lives(self) -> frozenset[int]:
        """The kernel lives that the file knows."""
        return frozenset(self._shifts)

    def backup(self, target: Path) -> int:
        """Copy all as it is on disk now into a new file, whoever writes meanwhile; its bytes.

        The copy is whole and synced before it gets its name, which must be free.
        """
        part = target.with_name(f".{target.name}.{os.getpid()}")
        with told(target), ExitStack() as undo:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            undo.callback(part.unlink)
            copy = sqlite3.connect(part, isolation_level=None)
            undo.callback(copy.close)
            with told(self._path):
                self._reader.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            copy.close()
            file.sync(part)
            try:
                target.hardlink_to(part)
            except FileExistsError:
                raise JournalError(f"{target}: is there already; name another file") from None
            file.sync(target.parent)
            return target.stat().st_size

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, table: str, rest: str, values: tuple[object, ...]) -> list[Stored]:
        with told(self._path):
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
        with told(path), ExitStack() as undo:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = file.lock(directory)
            undo.callback(os.close, lock)
            writer, reader = file.connect(path), file.connect(path)
            undo.callback(writer.close)
            undo.callback(reader.close)
            file.prepare(writer, path)
            life = file.begin_life(writer, read_clocks(boot_id))
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

    @property
    def ended(self) -> bool:
        """Whether its writer has ended of a defect: only another process can write again."""
        return self._commits.ended

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
        texts = [word[:WORD_KEPT].encode(errors="replace").decode() for word in words]
        refused = (time.time(), *texts, payload[:PAYLOAD_KEPT])
        self._commits.put(Entry((), refused, then, None))

    def prune(self, limits: Limits, phases: Mapping[str, Collection[str]]) -> Pruned:
        """Delete what is over the limits, of these tables in these phases alone, the oldest first.

        Blocks for many syncs, each short: call it in a thread, or before the loop runs. It ends early
        when the journal is closed meanwhile.
        """
        work, so_far = pruning(self._writer, limits, phases, time.time()), Pruned()
        while True:
            with told(self._path), self._writing:
                if not self._closed:
                    with suppress(sqlite3.OperationalError):  # it may free what it needs
                        make_room(self._writer, self._path, ROWS, 0)
                step = None if self._closed else next(work, None)
            if step is None:
                return so_far
            so_far = step

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
            with self._writing:
                make_room(self._writer, self._path, *_measure(rows, refused))
                with transaction(self._writer):
                    self._write_rows(rows, time.time())
                    if refused:
                        self._writer.executemany(schema.REFUSE, refused)
                        self._writer.execute(schema.TRIM, (QUARANTINE_ROWS,))
                    if probe or time.monotonic() - self._clocks_at >= _CLOCKS_EVERY_S:
                        self._clocks_at = time.monotonic()
                        clocks = (self._clocks_at, time.time(), self._life)
                        self._writer.execute(schema.CLOCKS, clocks)
        except sqlite3.Error as error:
            if not isinstance(error, sqlite3.OperationalError):
                file.suspect(self._path)
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


def _measure(
    rows: Mapping[str, Sequence[Row]], refused: Sequence[tuple[object, ...]]
) -> tuple[int, int]:
    """How many rows, and the bytes of what is in them."""
    saves = [row for changes in rows.values() for row in changes if isinstance(row, Save)]
    payload = sum(len(row.state) + len(row.body or b"") for row in saves)
    count = sum(map(len, rows.values())) + len(refused)
    return count, payload + len(refused) * REFUSED_BYTES


_Read = tuple[str, int, str, bytes, bytes | None, float, int]
_CLOCKS_EVERY_S = 10.0
