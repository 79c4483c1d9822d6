"""The journal as a file: held by one process, checked before it is changed, taken forward to our schema.

What SQLite finds damaged leaves a mark beside the file, so that whoever opens it next looks at every
page, however large it is; `daemon.journal_rescue` then sets it aside.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from daemon import journal_schema as schema
from daemon.clocks import Clocks, same_life, shift_between

FILE = "journal.db"
LOCK = "journal.lock"
SUSPECT = "journal.suspect"
"""Lies beside a file in which SQLite has found damage."""
CHECKED_BYTES = 64 * 1024 * 1024
"""Files up to this size are checked whenever they are opened; larger ones as they are read."""
LOG_BYTES = 16 * 1024 * 1024


class JournalError(Exception):
    """The journal cannot be used; the message says which file, why, and what to do."""


class JournalDamagedError(JournalError):
    """The file is no sound database any more."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Whatever the disk or SQLite says, said as a JournalError that names the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise JournalError(
            f"{path}: {error}; see to its permissions, disk and free space"
        ) from error
    except sqlite3.DatabaseError as error:
        suspect(path)
        raise JournalDamagedError(
            f"{path}: damaged ({error}); a node that starts sets it aside and keeps what can be read;"
            " or restore a copy"
        ) from error
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}; see to its permissions and disk") from error


def suspect(path: Path) -> None:
    """Mark the file for a whole check when a node opens it next; a backup is opened by none."""
    if path.name != FILE:
        return
    with suppress(OSError):  # a reader that may not write there, a full disk
        os.close(os.open(path.with_name(SUSPECT), os.O_CREAT | os.O_WRONLY, 0o600))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def lock(directory: Path) -> int:
    """A lock on the journal there, which the kernel lets go of however the process ends."""
    path = directory / LOCK
    held = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise JournalError(
            f"{path}: another process holds this journal; stop that node or give this one its own "
            "state_dir"
        ) from None
    return held


def connect(path: Path) -> sqlite3.Connection:
    """For reading and writing; created where there is none, for its owner alone."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # -wal and -shm take its mode
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """For reading beside whoever writes. The file must be there."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10.0
    )


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def prepare(writer: sqlite3.Connection, path: Path) -> None:
    """Check the file before anything in it is changed, then bring it to our schema and mode."""
    version = check_schema(writer, path)
    mark = path.with_name(SUSPECT)
    if mark.exists() or path.stat().st_size <= CHECKED_BYTES:
        check_pages(writer)
    if not version:
        writer.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded before the first table alone
    (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalError(f"{path}: no write-ahead log here ({mode}); use a disk of this machine")
    writer.execute("PRAGMA synchronous = FULL")
    writer.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
    migrate(writer, version)
    mark.unlink(missing_ok=True)


def migrate(writer: sqlite3.Connection, version: int) -> None:
    """Take the schema forward from `version`, one whole step at a time."""
    for number, statements in enumerate(schema.MIGRATIONS[version:], version + 1):
        with transaction(writer):
            for statement in (*statements, f"PRAGMA user_version = {number}"):
                writer.execute(statement)
    (shrinks,) = writer.execute("PRAGMA auto_vacuum").fetchone()
    if version < len(schema.MIGRATIONS) and not shrinks:
        writer.execute("PRAGMA auto_vacuum = INCREMENTAL")
        with suppress(sqlite3.OperationalError):  # no room for a second copy: it works as it is
            writer.execute("VACUUM")


def check_schema(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version, 0 for a new file. Refuses what is newer than this release, or foreign."""
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
    return int(version)


def check_pages(connection: sqlite3.Connection) -> None:
    """Look at every page. Raises sqlite3.DatabaseError with the first fault."""
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise sqlite3.DatabaseError(finding)


def begin_life(connection: sqlite3.Connection, now: Clocks) -> int:
    """The number of this kernel life in the journal, which knows its shift to the one before."""
    row = connection.execute(
        "SELECT id, boot, mono, wall FROM life ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if row is not None and same_life(Clocks(*row[1:]), now):
        number: int = row[0]
        return number
    shift = shift_between(Clocks(*row[1:]), now) if row is not None else 0.0
    with transaction(connection):
        sql = "INSERT INTO life (boot, mono, wall, shift) VALUES (?, ?, ?, ?) RETURNING id"
        (number,) = connection.execute(sql, (*now, shift)).fetchone()
    return number
