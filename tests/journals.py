"""Journals for tests: filled by real nodes of earlier releases, or with as many real tasks as are wanted."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from msgspec import Raw

from bus_topics import messages as m
from daemon import ending
from daemon.actions import TASK, Row, Save
from daemon.journal import FILE, Journal
from daemon.task import Order, Phase, Task, to_body

FROZEN = Path(__file__).parent / "fixtures" / "journals"
"""The journals of killed nodes as SQL, one of each schema that there was."""


def thaw(name: str, directory: Path) -> None:
    """The frozen journal as the file of a node."""
    directory.mkdir(exist_ok=True)
    thawed = sqlite3.connect(directory / FILE)
    thawed.executescript((FROZEN / f"{name}.sql").read_text(encoding="utf-8"))
    thawed.close()


def task(number: int, phase: Phase, content: str = "x", sender: str = "app") -> Save:
    """A row as a home writes it: a task that waits, or one that is done and acknowledged."""
    submit = m.Submit(id=f"t{number}", capability="echo", content=Raw(f'"{content}"'.encode()))
    order = Order(
        sender=sender,
        submit=submit,
        received=1.0,
        preference=m.Preference.LOCAL_FIRST,
        max_attempts=3,
    )
    ended = m.Outcome.DONE if phase in (Phase.FINAL, Phase.CLOSED) else None
    saved = ending.saved(order, Task(phase=phase, outcome=ended))
    return Save(TASK, saved.key, saved.rev, saved.phase, saved.state, to_body(order))


async def write(directory: Path, rows: Iterable[Row]) -> None:
    """Into the journal of this folder, and that closed."""
    journal = Journal.open(directory)
    journal.start(asyncio.get_running_loop())
    written = asyncio.Event()
    journal.commit(list(rows), written.set)
    await written.wait()
    journal.close()


def changed(directory: Path, sql: str, *values: object) -> None:
    """Do something to the file behind everybody's back."""
    file = sqlite3.connect(directory / FILE)
    file.execute(sql, values)
    file.commit()
    file.close()


def names(directory: Path) -> list[str]:
    """Of the files there, in order."""
    return sorted(path.name for path in directory.iterdir())


def told(directory: Path, sql: str) -> list[tuple[object, ...]]:
    """What the file answers."""
    file = sqlite3.connect(directory / FILE)
    found: list[tuple[object, ...]] = file.execute(sql).fetchall()
    file.close()
    return found
