"""The door of a node: how much of one sender gets through, and how much of it is kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus_topics.topics import parse
from daemon.bus import Incoming
from daemon.gate import KEPT, Gate
from daemon.journal import Journal
from daemon.tally import Tally

BASE = "forgebus/v1"


class Door:
    """A gate with a real journal; what is done with is counted."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.tally = Tally()
        self.gate = Gate(4.0, journal, self.tally)
        self.acked = 0

    def comes(
        self, sender: str, kind: str = "beat", payload: bytes = b"", now: float = 0.0
    ) -> bool:
        """Whether it is let in."""
        incoming = self.incoming(sender, kind, payload)
        return self.gate.lets_in(parse(BASE, incoming.topic), incoming, now)

    def incoming(self, sender: str, kind: str = "beat", payload: bytes = b"") -> Incoming:
        topic = f"{BASE}/in/kitchen/{sender}/{kind}"
        return Incoming(topic, payload, 1, False, None, None, self._ack)  # noqa: FBT003

    def kept(self) -> Counter[tuple[str, str]]:
        return Counter((one.sender, one.code) for one in self.journal.quarantined(1000))

    def _ack(self) -> None:
        self.acked += 1


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    journal = Journal.open(tmp_path)
    journal.start(asyncio.get_running_loop())
    yield Door(journal)
    journal.close()


async def _written(door: Door) -> None:
    done = asyncio.Event()
    door.journal.commit((), done.set)
    await done.wait()


async def test_what_is_above_is_acknowledged_and_told_once(door: Door) -> None:
    assert [door.comes("mallory") for _ in range(30)] == [True] * 20 + [False] * 10
    assert door.comes("app")
    await _written(door)
    assert door.acked == 10
    assert door.kept() == {("mallory", "flood"): 1}
    assert door.tally.quarantined == {"flood": 10}
    assert [door.comes("mallory", now=1.0) for _ in range(5)] == [True] * 4 + [False]


async def test_bytes_and_reports_count_for_more(door: Door) -> None:
    assert [door.comes("a", payload=b"x" * 40_960) for _ in range(2)] == [True, False]
    assert [door.comes("b", "get") for _ in range(2)] == [True, False]
    assert door.comes("a")


async def test_of_one_sender_so_much_is_kept_and_no_more(door: Door) -> None:
    for sender in ("mallory", "app"):
        count = 300 if sender == "mallory" else 1
        for _ in range(count):
            door.gate.put_aside(door.incoming(sender), sender, "not-json", "no", 0.0)
    await _written(door)
    assert door.acked == 301
    assert door.kept() == {("mallory", "not-json"): KEPT, ("app", "not-json"): 1}
