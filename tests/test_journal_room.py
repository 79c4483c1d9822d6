"""A journal on a disk that is as small as the log of one elsewhere: it never fills it so that nothing goes on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from small_disk import fill

from daemon.actions import TASK, Row, Save
from daemon.journal import FILE, Journal
from daemon.journal_prune import Limits
from daemon.pruning import FINISHED
from daemon.task import Phase


@pytest.fixture
async def journal(small_disk: Path) -> AsyncIterator[Journal]:
    opened = Journal.open(small_disk)
    opened.start(asyncio.get_running_loop())
    yield opened
    opened.close()


def save(number: int, rev: int = 1, size: int = 300, phase: str = "queued") -> Save:
    return Save(TASK, f"a/{number}", rev, phase, os.urandom(size))


async def on_disk(journal: Journal, row: Row) -> None:
    """Or a failed test, with what the disk says."""
    done, refused = asyncio.Event(), list[Exception]()

    def failed(error: Exception) -> None:
        refused.append(error)
        done.set()

    journal.commit([row], done.set, failed)
    async with asyncio.timeout(20):
        await done.wait()
    assert not refused


async def until_healthy(journal: Journal) -> None:
    async with asyncio.timeout(20):
        while not journal.healthy:  # noqa: ASYNC110 - the writer's thread makes it true
            await asyncio.sleep(0.01)


async def test_the_log_leaves_room_to_write_it_back(journal: Journal) -> None:
    """What changes often makes a log of many times the rows."""
    for rev in range(1, 800):
        await on_disk(journal, save(rev % 40, rev))
    assert journal.count(TASK) == 40


async def test_what_waited_while_others_filled_the_disk_is_written_when_they_leave(
    journal: Journal, small_disk: Path
) -> None:
    for rev in range(1, 200):
        await on_disk(journal, save(rev % 40, rev))
    written: list[int] = []
    fill(small_disk / "filler")
    put: list[int] = []
    async with asyncio.timeout(20):
        while journal.healthy:  # until what the log gave back to the disk is used up, too
            for number in range(1000 + len(put), 1100 + len(put)):
                put.append(number)
                journal.commit([save(number)], partial(written.append, number))
            await asyncio.sleep(0.01)
    assert "disk" in journal.fault
    before = written.copy()
    assert before == put[: len(before)]
    (small_disk / "filler").unlink()
    await until_healthy(journal)
    await on_disk(journal, save(0, 10_000))
    assert written == put


async def test_more_than_fits_at_once_is_written_in_parts(journal: Journal) -> None:
    for number in range(60):
        journal.commit([save(number, size=30_000)], None)
    async with asyncio.timeout(20):
        while journal.count(TASK) < 60:  # noqa: ASYNC110 - the writer's thread makes it so
            await asyncio.sleep(0.01)
    await until_healthy(journal)


async def test_a_full_journal_takes_nothing_new_and_prunes_itself_free(
    journal: Journal, small_disk: Path
) -> None:
    """Nobody else makes room: what may go must be able to go on the disk that it fills."""
    refused: list[Exception] = []
    number = 0
    while not refused:
        journal.commit([save(number, size=30_000, phase=Phase.CLOSED)], None, refused.append)
        number += 1
        await asyncio.sleep(0.001)
    full = (small_disk / FILE).stat().st_size
    pruned = await asyncio.to_thread(journal.prune, Limits(1e9, 500_000), FINISHED)
    assert pruned.left <= 500_000 < full
    await until_healthy(journal)
    await on_disk(journal, save(number))
