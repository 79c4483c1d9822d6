"""What one login may have of a home: beyond it is busy for this login, and for no other."""

from __future__ import annotations

import pytest
from machine_desk import Desk, offers, sent, submit
from msgspec import Raw

from bus_topics import messages as m
from bus_topics.messages import RejectCode
from daemon.actions import Action
from daemon.meter import MOST_NAMES, Meter


def asks(desk: Desk, sender: str, id_: str, content: bytes = b'"hello"') -> list[Action]:
    made = submit(id=id_, content=Raw(content))
    return desk.do(desk.home.submit(sender, made, desk.now))


def busy(actions: list[Action]) -> tuple[str, int]:
    """Why it was not taken, and for how long."""
    ((_, rejected),) = sent(actions, m.Rejected)
    assert rejected.code is RejectCode.BUSY
    return rejected.reason, rejected.retry_after_ms


def test_one_login_fills_its_quarter_and_others_are_taken() -> None:
    desk = Desk("pi4", max_tasks=40)
    for number in range(10):
        asks(desk, "mallory", f"t{number}")
    assert busy(asks(desk, "mallory", "more")) == (
        "mallory has 10 unfinished tasks, as many as it may",
        1000,
    )
    asks(desk, "app", "t")
    assert desk.home.unfinished() == 11


def test_what_has_ended_is_off_the_account() -> None:
    desk = Desk("pi4", sender_tasks=1)
    asks(desk, "app", "a")
    assert busy(asks(desk, "app", "b"))
    desk.hear("app", m.Cancel(id="a"))
    assert offers(asks(desk, "app", "b"))


def test_what_the_disk_did_not_take_is_off_the_account() -> None:
    desk = Desk("pi4", sender_tasks=1)
    desk.home.submit("app", submit(id="a"), desk.now)
    desk.home.not_admitted("app/a")
    assert offers(asks(desk, "app", "a"))


def test_a_restart_changes_no_account() -> None:
    desk = Desk("pi4", sender_tasks=1)
    asks(desk, "app", "a")
    desk.restart()
    assert busy(asks(desk, "app", "b"))
    desk.hear("app", m.Cancel(id="a"))
    assert offers(asks(desk, "app", "b"))


def test_the_same_task_again_is_no_other_one() -> None:
    desk = Desk("pi4", sender_tasks=1)
    asks(desk, "app", "a")
    ((to, accepted),) = sent(asks(desk, "app", "a"), m.Accepted)
    assert (to, accepted.id) == ("app", "a")


def test_megabytes_count_and_one_large_task_is_always_taken() -> None:
    desk = Desk("pi4", sender_mb=1)
    large = b'"' + b"x" * 400_000 + b'"'
    asks(desk, "mallory", "a", large)
    asks(desk, "mallory", "b", large)
    assert busy(asks(desk, "mallory", "c", large))[0].startswith("mallory has 800004 bytes")
    asks(desk, "app", "a", large)
    assert desk.home.unfinished() == 3


def test_who_sends_too_quickly_is_told_when_to_come_back() -> None:
    desk = Desk("pi4", sender_per_s=0.2)
    asks(desk, "mallory", "a")
    asks(desk, "mallory", "b")
    reason, wait_ms = busy(asks(desk, "mallory", "c"))
    assert reason == "mallory may send 0.2 tasks a second"
    asks(desk, "app", "a")
    desk.now += wait_ms / 1000
    assert offers(asks(desk, "mallory", "c"))
    assert busy(asks(desk, "mallory", "d"))


def test_a_meter_gives_what_has_gathered_and_says_when_there_is_more() -> None:
    meter = Meter(2.0, 10.0)
    assert meter.take("a", 10.0, 0.0) == 0.0
    assert meter.take("a", 3.0, 0.0) == 1.5
    assert meter.take("b", 3.0, 0.0) == 0.0
    assert meter.take("a", 3.0, 1.5) == 0.0
    assert meter.take("a", 99.0, 6.5) == 0.0  # for a full bucket


def test_names_without_number_share_one_bucket_and_honest_ones_keep_theirs() -> None:
    meter = Meter(1.0, 2.0)
    meter.take("honest", 1.0, 0.0)
    for number in range(MOST_NAMES - 1):
        meter.take(f"made-up-{number}", 2.0, 0.0)
    taken = [meter.take(f"another-{number}", 1.0, 0.0) for number in range(5)]
    assert taken == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert meter.take("honest", 1.0, 0.0) == 0.0
    assert len(meter._buckets) <= MOST_NAMES + 1
    assert meter.take("later", 2.0, 10.0) == 0.0  # those that have filled again are forgotten
    assert meter.take("later", 2.0, 10.0) == pytest.approx(2.0)
