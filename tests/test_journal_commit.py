"""Commits on a real disk: order, barriers, revisions, a full disk, a process killed in the middle."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.actions import FACT, TASK, Forget, Row, Save
from daemon.journal import PAYLOAD_KEPT, Journal, JournalError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path)
    yield opened
    opened.close()


def start(journal: Journal) -> None:
    journal.start(asyncio.get_running_loop())


async def on_disk(journal: Journal, *rows: Row) -> None:
    done = asyncio.Event()
    journal.commit(rows, done.set)
    await asyncio.wait_for(done.wait(), 20)


def save(key: str, rev: int, phase: str = "queued", *, body: bytes | None = None) -> Save:
    return Save(TASK, key, rev, phase, f"{key} {rev}".encode(errors="replace"), body)


async def test_then_runs_after_the_rows_can_be_read_and_in_order(journal: Journal) -> None:
    start(journal)
    seen: list[tuple[int, bool]] = []

    def note(number: int) -> Callable[[], None]:
        return lambda: seen.append((number, journal.read(TASK, f"a/{number}") is not None))

    for number in range(200):
        journal.commit([save(f"a/{number}", 1)], note(number))
    await on_disk(journal)
    assert seen == [(number, True) for number in range(200)]


def test_every_commit_is_synced(journal: Journal) -> None:
    assert journal._writer.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_barrier_is_immediate_when_idle_and_waits_behind_what_is_pending(
    journal: Journal,
) -> None:
    start(journal)
    seen: list[str] = []
    journal.commit([], lambda: seen.append("idle"))
    assert seen == ["idle"]
    journal.commit([save("a/1", 1)], lambda: seen.append("row"))
    journal.commit([], lambda: seen.append("barrier"))
    assert seen == ["idle"]
    await on_disk(journal)
    assert seen == ["idle", "row", "barrier"]


async def test_a_barrier_from_inside_then_waits_for_the_rest_of_its_batch(
    journal: Journal,
) -> None:
    seen: list[str] = []
    journal.commit(
        [save("a/1", 1)], lambda: journal.commit([], lambda: seen.append("barrier of a"))
    )
    journal.commit([save("b/1", 1)], lambda: seen.append("b"))
    start(journal)
    await on_disk(journal)
    await on_disk(journal)
    assert seen == ["b", "barrier of a"]


async def test_a_callback_that_raises_does_not_swallow_the_others(journal: Journal) -> None:
    loop = asyncio.get_running_loop()
    told: list[object] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    fault = RuntimeError("a defect of the owner")

    def broken() -> None:
        raise fault

    seen: list[str] = []
    journal.commit([save("a/1", 1)], broken)
    journal.commit([save("a/2", 1)], lambda: seen.append("second"))
    start(journal)
    await until(lambda: seen == ["second"])
    assert told == [fault]


async def test_rows_are_saved_forgotten_and_saved_again_in_the_order_given(
    journal: Journal,
) -> None:
    start(journal)
    await on_disk(journal, save("a/1", 5), Forget(TASK, "a/1"), save("a/1", 1), Forget(FACT, "x"))
    stored = journal.read(TASK, "a/1")
    assert stored is not None
    assert (stored.rev, stored.state) == (1, b"a/1 1")
    await on_disk(journal, save("a/1", 2), Forget(TASK, "a/1"))
    assert journal.read(TASK, "a/1") is None


async def test_an_older_revision_changes_nothing(journal: Journal) -> None:
    start(journal)
    await on_disk(journal, save("a/1", 7, "done", body=b"new"))
    await on_disk(journal, save("a/1", 6, "queued", body=b"old"))
    stored = journal.read(TASK, "a/1")
    assert stored is not None
    assert (stored.rev, stored.phase, stored.body) == (7, "done", b"new")


async def test_a_body_stays_until_another_is_given(journal: Journal) -> None:
    start(journal)
    await on_disk(journal, save("a/1", 1, body=b"content"))
    await on_disk(journal, save("a/1", 2, "done"))
    stored = journal.read(TASK, "a/1")
    assert stored is not None
    assert (stored.phase, stored.body) == ("done", b"content")
    await on_disk(journal, save("a/1", 3, "settled", body=b"another"))
    stored = journal.read(TASK, "a/1")
    assert stored is not None
    assert (stored.phase, stored.body) == ("settled", b"another")


@pytest.mark.parametrize(
    "row",
    [Save("other", "a", 1, "p", b""), save("a/\ud800", 1), save("a/1", 1, "\ud800"), save("a", -1)],
)
def test_a_row_that_would_stop_the_writer_is_refused_to_its_face(
    journal: Journal, row: Save
) -> None:
    with pytest.raises(ValueError, match=r"table|surrogates|rev"):
        journal.commit([row], None)


async def test_the_quarantine_keeps_the_newest_and_cuts_what_is_long(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.journal.QUARANTINE_ROWS", 5)
    start(journal)
    for number in range(12):
        journal.quarantine(
            sender="eve",
            topic="t\ud800" * 1000,
            code="not-json",
            reason=str(number),
            payload=b"\xff" * 10_000,
            then=None,
        )
    await on_disk(journal)
    found = journal.quarantined(100)
    assert [row.reason for row in found] == ["11", "10", "9", "8", "7"]
    assert len(found[0].payload) == PAYLOAD_KEPT
    assert len(found[0].topic) == 500


@contextmanager
def full_disk(directory: Path) -> Iterator[None]:
    """No file of this process may grow beyond what the journal has: writes fail as on a full disk."""
    size = max(path.stat().st_size for path in directory.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - another thread makes it true
            await asyncio.sleep(0.01)


async def test_a_full_disk_refuses_new_work_and_keeps_the_rest_in_order(
    journal: Journal, tmp_path: Path
) -> None:
    start(journal)
    await on_disk(journal, save("a/0", 1))
    seen: list[str] = []
    refused: list[Exception] = []
    big = b"x" * 300_000
    with full_disk(tmp_path):
        journal.commit([save("a/1", 1, body=big)], lambda: seen.append("a/1"))
        journal.commit([save("new", 1, body=big)], lambda: seen.append("new"), refused.append)
        journal.commit([], lambda: seen.append("barrier"))
        await until(lambda: bool(refused))
        assert not journal.healthy
        assert "disk" in journal.fault
        journal.commit([save("a/2", 1)], lambda: seen.append("a/2"))
        await asyncio.sleep(0.3)
        assert seen == []
        assert journal.read(TASK, "a/0") is not None
    await until(lambda: len(seen) == 3)
    assert seen == ["a/1", "barrier", "a/2"]
    await until(lambda: journal.healthy)
    assert journal.read(TASK, "new") is None
    assert journal.read(TASK, "a/1") is not None


async def test_health_comes_back_with_the_disk_though_nothing_is_left_to_write(
    journal: Journal, tmp_path: Path
) -> None:
    start(journal)
    await on_disk(journal, save("a/0", 1))
    refused: list[Exception] = []
    with full_disk(tmp_path):
        journal.commit([save("new", 1, body=b"x" * 300_000)], None, refused.append)
        await until(lambda: bool(refused))
        await asyncio.sleep(0.5)
        assert not journal.healthy, "it is not enough that nothing is left to write"
    await until(lambda: journal.healthy)


async def test_a_disk_that_fails_lets_only_so_many_refused_messages_wait(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.group_commit.REFUSED_WAITING", 5)
    start(journal)
    acked: list[str] = []

    def refuse(word: str, many: int) -> list[str]:
        words = [f"{word} {number}" for number in range(many)]
        for reason in words:
            then = partial(acked.append, reason)
            journal.quarantine(
                sender="eve", topic="t", code="c", reason=reason, payload=b"", then=then
            )
        return words

    kept = refuse("healthy", 12)
    await until(lambda: acked == kept)
    for word in ("first", "second"):
        acked.clear()
        with capture_logs() as lines:
            with full_disk(tmp_path):
                journal.commit([save(word, 1, body=b"x" * 300_000)], None)
                await until(lambda: not journal.healthy)
                words = refuse(word, 12)
                assert acked == words[5:], "what is dropped is acknowledged at once"
            await until(lambda: len(acked) == 12)
        assert acked[7:] == words[:5]
        kept += words[:5]
        assert [row.reason for row in reversed(journal.quarantined(100))] == kept
        assert journal.read(TASK, word) is not None
        assert [(line["event"], line.get("messages")) for line in lines] == [
            ("quarantine-full", None),
            ("quarantine-dropped", 7),
        ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_writer_that_ends_of_a_defect_is_seen(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_write", lambda _: 1 // 0)
    start(journal)
    journal.commit([save("a/0", 1)], None)
    await until(lambda: not journal.healthy)
    assert "restart the node" in journal.fault


async def test_close_gives_up_on_a_disk_that_stays_full(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    start(journal)
    await on_disk(journal, save("a/0", 1))
    seen: list[str] = []
    with full_disk(tmp_path):
        journal.commit([save("a/1", 1, body=b"x" * 300_000)], lambda: seen.append("a/1"))
        with pytest.raises(JournalError, match="1 commits were not written"):
            journal.close()
    assert seen == []
    Journal.open(tmp_path).close()


async def test_close_commits_and_tells_what_was_queued(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    start(journal)
    seen: list[int] = []
    for number in range(50):
        journal.commit([save(f"a/{number}", 1)], lambda number=number: seen.append(number))  # type: ignore[misc]
    journal.close()
    assert seen == list(range(50))
    journal.commit([save("late", 1)], lambda: seen.append(-1))
    again = Journal.open(tmp_path)
    assert len(again.load(TASK)) == 50
    assert -1 not in seen
    again.close()


WRITER = """
    import asyncio, sys
    from pathlib import Path
    from daemon.actions import Save
    from daemon.journal import Journal

    async def main():
        journal = Journal.open(Path(sys.argv[1]))
        journal.start(asyncio.get_running_loop())
        number = 0
        def commit():
            nonlocal number
            number += 1
            mine = number
            def then():
                print(mine, flush=True)
                commit()
            journal.commit([Save("task", f"a/{mine}", 1, "queued", b"s" * 300, b"b" * mine)], then)
        for _ in range(8):
            commit()
        await asyncio.Event().wait()

    asyncio.run(main())
"""


def test_kill_9_loses_nothing_whose_then_ran(tmp_path: Path) -> None:
    script = tmp_path / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    told: set[int] = set()
    for least in (40, 200, 500):
        process = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / "state")],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            text=True,
        )
        with process:
            assert process.stdout is not None
            numbers = [int(process.stdout.readline()) for _ in range(least)]
            process.send_signal(signal.SIGKILL)
            rest, _ = process.communicate(timeout=20)
            numbers += [int(line) for line in rest.splitlines() if line]
        told.update(numbers)
        journal = Journal.open(tmp_path / "state")
        kept = {int(row.key.removeprefix("a/")): row for row in journal.load(TASK)}
        journal.close()
        assert told <= kept.keys()
        assert all(row.body == b"b" * number for number, row in kept.items())
