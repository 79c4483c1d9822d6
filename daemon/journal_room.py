"""Room for the write-ahead log: it is written back while the disk can still take what it holds.

What stands in the log is no part of the file yet, and may need as much room again there. A log that has
taken the whole disk can therefore neither grow nor be written back. So nothing is begun that might leave
less free than the log is large: first the log is written back and cut off, and if that is not enough, the
disk is called full while there is room left to come back from it.
"""

import os
import sqlite3
from pathlib import Path

PAGE = 4096
PAGES_A_ROW = 8
"""At most: in its table, and where it stood and will stand in three indexes."""
LEAST_BYTES = 32 * PAGE
"""Of any transaction: pages that are split, the head of the file, lists of free pages."""
READERS_MS = 200
"""How long those who read the log are waited for before it is cut off."""


def make_room(writer: sqlite3.Connection, path: Path, rows: int, payload: int) -> None:
    """See that so many rows with so many bytes in them can be written, and written back afterwards.

    Raises sqlite3.OperationalError when the disk has no room for that. Two looks at files and one at the
    file system where there is plenty.
    """
    log = _size(path.with_name(f"{path.name}-wal"))
    pages = min(rows * PAGES_A_ROW * PAGE, _size(path) + log)
    needed = LEAST_BYTES + pages + payload * 5 // 4
    free = _free(path)
    if free is None or free >= log + 2 * needed:
        return
    left = _write_back(writer)
    free = _free(path)
    if free is not None and free < left + 2 * needed:
        raise sqlite3.OperationalError("the disk is full")


def _write_back(writer: sqlite3.Connection) -> int:
    """Bring the log into the file and cut it off; the bytes that somebody's reading kept in it."""
    (patience,) = writer.execute("PRAGMA busy_timeout").fetchone()
    writer.execute(f"PRAGMA busy_timeout = {READERS_MS}")
    try:
        _, frames, written = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        writer.execute(f"PRAGMA busy_timeout = {patience}")
    return (int(frames) - int(written)) * PAGE


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # there is none yet
        return 0


def _free(path: Path) -> int | None:
    """Bytes that we may still write there; None where the file system does not say."""
    try:
        system = os.statvfs(path)
    except OSError:  # SQLite will say so
        return None
    return system.f_bavail * system.f_frsize if system.f_blocks else None
