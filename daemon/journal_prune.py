"""What a journal keeps no longer: by age, then by size, the oldest first, in steps that hold nobody up.

Which rows may go at all, the caller says (`phases`): what is not finished is never among them. The
pages that become free are given back to the disk.
"""

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from daemon import journal_file as file
from daemon import journal_schema as schema

ROWS, LARGE_ROWS, PAGES = 500, 50, 256
"""Of one step: rows that are too old, rows that are too much, pages that are given back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long finished rows are kept, and how large the journal may be with them."""

    keep_s: float
    most_bytes: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went: rows, and the bytes that they and what was free before took; and the bytes in use now."""

    rows: int = 0
    bytes: int = 0
    left: int = 0


def pruning(
    connection: sqlite3.Connection,
    limits: Limits,
    phases: Mapping[str, Collection[str]],
    now: float,
) -> Iterator[Pruned]:
    """Each step is a short transaction of its own, and tells what has gone so far; `now` is wall seconds."""
    before, rows = _size(connection), 0
    for gone in _too_old(connection, now - limits.keep_s, phases):
        rows += gone
        yield _so_far(connection, before, rows)
    for gone in _too_much(connection, limits.most_bytes, phases):
        rows += gone
        yield _so_far(connection, before, rows)
    (shrinks,) = connection.execute("PRAGMA auto_vacuum").fetchone()
    while shrinks and _pragma(connection, "freelist_count"):
        for _ in _fitting(PAGES, lambda most: _given_back(connection, most)):
            yield _so_far(connection, before, rows)
    yield _so_far(connection, before, rows)


def prune_file(path: Path, limits: Limits, phases: Mapping[str, Collection[str]]) -> Pruned:
    """Prune the journal at `path`, beside the node that holds it, if one does. Raises JournalError."""
    with file.told(path), ExitStack() as undo:
        if not path.is_file():
            raise file.JournalError(f"{path}: there is no journal; has a node run here?")
        connection = file.connect(path)
        undo.callback(connection.close)
        file.check_schema(connection, path)
        *_, last = pruning(connection, limits, phases, time.time())
        connection.execute(
            "PRAGMA wal_checkpoint(PASSIVE)"
        ).fetchall()  # what is freed leaves the file
    return last


def clear_quarantine(path: Path, keep_s: float = 0.0, sender: str = "") -> int:
    """Delete the refused messages that are older, of this sender or of all; how many there were.

    Beside the node that holds the journal, if one does. Raises JournalError.
    """
    with file.told(path), ExitStack() as undo:
        if not path.is_file():
            raise file.JournalError(f"{path}: there is no journal; has a node run here?")
        connection = file.connect(path)
        undo.callback(connection.close)
        file.check_schema(connection, path)
        values = (time.time() - keep_s, sender)
        return sum(_emptied(connection, schema.CLEAR_REFUSED, values, ROWS))


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the pages in use, those in the write-ahead log counted once."""
    pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    return pages * _pragma(connection, "page_size")


def _too_old(
    connection: sqlite3.Connection, before: float, phases: Mapping[str, Collection[str]]
) -> Iterator[int]:
    for table, names in phases.items():
        sql = schema.PRUNE[table].format(phases=schema.marks(names))
        yield from _emptied(connection, sql, (before, *names), ROWS)
    yield from _emptied(connection, schema.PRUNE_REFUSED, (before,), ROWS)


def _too_much(
    connection: sqlite3.Connection, most_bytes: int, phases: Mapping[str, Collection[str]]
) -> Iterator[int]:
    def large(sql: str, names: Collection[str], most: int) -> int:
        if used_bytes(connection) <= most_bytes:
            return 0
        return connection.execute(sql, (float("inf"), *names, most)).rowcount

    for table, names in phases.items():
        sql = schema.PRUNE[table].format(phases=schema.marks(names))
        yield from _fitting(LARGE_ROWS, partial(large, sql, names))


def _emptied(
    connection: sqlite3.Connection, sql: str, values: tuple[object, ...], most: int
) -> Iterator[int]:
    return _fitting(most, lambda rows: connection.execute(sql, (*values, rows)).rowcount)


def _given_back(connection: sqlite3.Connection, pages: int) -> int:
    before = _pragma(connection, "freelist_count")
    # By `execute`, Python 3.11 takes but the first step of it, which is one page.
    connection.executescript(f"PRAGMA incremental_vacuum({pages})")
    return before - _pragma(connection, "freelist_count")


def _fitting(most: int, step: Callable[[int], int]) -> Iterator[int]:
    """Let `step` do up to `most` at a time until it does less, and tell how much each time.

    What is deleted is overwritten, in the log first: on a disk that has no room for that, less at a time.
    """
    done = most
    while done == most:
        try:
            done = step(most)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL or most == 1:
                raise
            done = most = most // 2
            yield 0
        else:
            yield done


def _so_far(connection: sqlite3.Connection, before: int, rows: int) -> Pruned:
    left = used_bytes(connection)
    return Pruned(rows, max(0, before - _size(connection)), left)


def _size(connection: sqlite3.Connection) -> int:
    """Bytes of the file once its log is in it; where the file cannot shrink, of the pages in use."""
    if not _pragma(connection, "auto_vacuum"):
        return used_bytes(connection)
    return _pragma(connection, "page_count") * _pragma(connection, "page_size")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
