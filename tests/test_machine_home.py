"""What concerns several tasks of a home: admission, order, timers, restarts, reports, memory."""

from typing import Any

import pytest
from machine_desk import (
    APP,
    KEY,
    Desk,
    awards,
    beat,
    bid,
    offers,
    refuse,
    replies,
    result,
    sent,
    started,
    submit,
)
from msgspec import Raw
from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.messages import Outcome, RejectCode
from daemon.actions import Save, Send
from daemon.task import (
    MAX_DECISIONS,
    MAX_STEPS,
    Phase,
    ReplyTo,
    from_body,
    from_state,
    shifted,
    to_body,
    to_state,
)

ASKED = ReplyTo("forgebus/v1/answer/app/echo", "c0ffee")


# --- admission -----------------------------------------------------------------------------------


def test_a_task_is_on_disk_before_anyone_hears_of_it() -> None:
    desk = Desk("pi4")
    (save,) = desk.home.submit(APP, submit(), desk.now)
    assert isinstance(save, Save)
    assert (save.key, save.phase, save.rev, save.admit) == (KEY, "received", 1, True)
    assert desk.home.tick(desk.now + 1.0) == []


def test_accepted_is_told_a_moment_later() -> None:
    desk = Desk("pi4")
    assert sent(desk.submit(), m.Accepted) == []
    assert sent(desk.until(0.1), m.Accepted) == [("app", m.Accepted(id="t"))]
    assert sent(desk.until(1.0), m.Accepted) == []


def test_a_task_that_ends_sooner_is_told_its_end_alone() -> None:
    desk = Desk("pi4")
    desk.running()
    actions = desk.hear("pi4", result()) + desk.until(0.5)
    assert sent(actions, m.Accepted) == []


def test_the_same_again_is_accepted_again_and_runs_once() -> None:
    desk = Desk("pi4")
    desk.running()
    actions = desk.submit()
    assert actions == [Send("app", m.Accepted(id="t"))]
    assert desk.home.unfinished() == 1


def test_the_same_while_the_disk_works_is_left_to_the_first() -> None:
    desk = Desk("pi4")
    first = desk.home.submit(APP, submit(), desk.now)
    assert desk.home.submit(APP, submit(), desk.now) == []
    for word in (m.Cancel(id="t"), m.FinalAck(ids=("t",)), bid(), started(), result()):
        assert desk.home.receive(APP, word, desk.now) == []
    desk.do(first)
    assert desk.task().phase is Phase.OFFERED


@pytest.mark.parametrize(
    "changes",
    [{"content": Raw(b'"other"')}, {"priority": 6}, {"once": True}, {"deadline_ms": 59_999}],
    ids=["content", "priority", "once", "deadline"],
)
@pytest.mark.parametrize("closed", [False, True])
def test_another_task_under_the_same_id_is_a_conflict(
    changes: dict[str, Any],
    closed: bool,  # noqa: FBT001
) -> None:
    desk = Desk("pi4")
    desk.running()
    if closed:
        desk.hear("pi4", result())
        desk.hear("app", m.FinalAck(ids=("t",)))
        desk.restart()
    before = desk.task()
    ((to, rejected),) = sent(desk.submit(**changes), m.Rejected)
    assert (to, rejected.id, rejected.code) == ("app", "t", RejectCode.CONFLICT)
    assert rejected.reason == "app/t is another task already; choose a new id"
    assert desk.task() == before


def test_ids_live_in_their_senders_name_space() -> None:
    desk = Desk("pi4")
    desk.submit()
    actions = desk.do(desk.home.submit("other", submit(content=Raw(b"1")), desk.now))
    assert [offer.task for offer in offers(actions)] == ["other/t"]


def test_so_many_unfinished_tasks_and_the_next_is_busy() -> None:
    desk = Desk("pi4", max_tasks=2)
    desk.submit("a")
    desk.submit("b")
    ((_, rejected),) = sent(desk.submit("c"), m.Rejected)
    assert (rejected.code, rejected.retry_after_ms) == (RejectCode.BUSY, 1000)
    assert rejected.reason == "desk holds 2 unfinished tasks, as many as it may"
    desk.hear("app", m.Cancel(id="a"))
    assert offers(desk.submit("c"))


def test_a_disk_that_takes_nothing_makes_it_busy_and_forgotten() -> None:
    desk = Desk("pi4")
    desk.home.submit(APP, submit(), desk.now)
    ((_, rejected),) = sent(desk.home.not_admitted(KEY), m.Rejected)
    assert (rejected.code, rejected.id) == (RejectCode.BUSY, "t")
    assert desk.home.unfinished() == 0
    assert offers(desk.submit(content=Raw(b"1")))  # the id is free again


def test_an_app_is_refused_where_it_would_have_been_answered() -> None:
    desk = Desk("pi4", max_tasks=1)
    desk.submit("a")
    (reply,) = replies(desk.submit("b", ASKED))
    assert (reply.topic, reply.correlation, reply.task) == (ASKED.topic, b"\xc0\xff\xee", "")
    assert (reply.message.id, reply.message.rejected) == ("b", RejectCode.BUSY)
    desk = Desk("pi4")
    desk.home.submit(APP, submit(), desk.now, ASKED)
    assert len(replies(desk.home.not_admitted(KEY))) == 1


# --- order ---------------------------------------------------------------------------------------


def order_of(*tasks: dict[str, Any]) -> list[str]:
    """The ids in the order in which their auctions open, one at a time."""
    desk = Desk("pi4", max_open=1)
    desk.submit("first")
    for changes in tasks:
        desk.now += changes.pop("after", 0.01)
        desk.submit(**changes)
    opened, task = [], "first"
    for _ in tasks:
        (offer,) = offers(desk.hear("app", m.Cancel(id=task)))
        task = offer.task.partition("/")[2]
        opened.append(task)
    return opened


def test_the_more_urgent_is_auctioned_first() -> None:
    assert order_of(
        {"id_": "low", "priority": 1}, {"id_": "high", "priority": 9}, {"id_": "mid"}
    ) == ["high", "mid", "low"]


def test_inside_a_level_the_earliest_deadline_is_first() -> None:
    assert order_of(
        {"id_": "late", "deadline_ms": 90_000},
        {"id_": "soon", "deadline_ms": 5000},
        {"id_": "mid", "deadline_ms": 30_000},
    ) == ["soon", "mid", "late"]


def test_what_waits_gains_a_level_every_ten_seconds() -> None:
    long = {"deadline_ms": 900_000}
    waiting = {"id_": "old", "priority": 5, **long}
    assert order_of({**waiting}, {"id_": "new", "priority": 7, "after": 15.0, **long}) == [
        "new",
        "old",
    ]
    assert order_of({**waiting}, {"id_": "new", "priority": 7, "after": 35.0, **long}) == [
        "old",
        "new",
    ]


# --- timers and memory ---------------------------------------------------------------------------


def test_a_waiting_task_stands_in_the_queue_once() -> None:
    desk = Desk("pi4", max_open=1)
    desk.submit("first")
    desk.submit()
    for _ in range(20):
        desk.hear("pi4", bid())
        desk.hear("pi4", refuse())
    assert len(desk.home._ready) == 1


def test_timers_of_what_has_ended_do_not_pile_up() -> None:
    desk = Desk("pi4")
    for number in range(500):
        desk.submit(f"n{number}", deadline_ms=7 * m.DAY_MS)
        desk.hear("app", m.Cancel(id=f"n{number}"))
        desk.hear("app", m.FinalAck(ids=(f"n{number}",)))
    assert len(desk.home._timers._heap) < 100
    assert len(desk.home._timers) == 0


def test_timers_that_are_put_off_do_not_pile_up() -> None:
    desk = Desk("pi4")
    desk.running(deadline_ms=m.DAY_MS)
    for _ in range(1000):
        desk.until(1.0)
        desk.hear("pi4", beat(1))
    assert len(desk.home._timers._heap) < 100


def test_a_story_that_grows_keeps_its_beginning_and_its_end() -> None:
    desk = Desk("pi4", window_ms=10, max_window_ms=10, max_attempts=100)
    desk.submit(deadline_ms=7 * m.DAY_MS)
    desk.until(60.0)
    task = desk.task()
    assert len(task.steps) == MAX_STEPS
    assert len(task.decisions) == MAX_DECISIONS
    desk.hear("pi4", bid())
    ended = desk.hear("pi4", result())
    steps, decisions = desk.task().steps, desk.task().decisions
    assert [step.kind for step in steps[:2]] == ["received", "accepted"]
    assert [step.kind for step in steps[-3:]] == ["awarded", "result done", "done"]
    assert (decisions[0].winner, decisions[-1].winner) == (None, "pi4")
    assert (len(steps), len(decisions)) == (MAX_STEPS, MAX_DECISIONS)
    assert sent(ended, m.Final)


# --- restarts ------------------------------------------------------------------------------------


def through_the_disk(desk: Desk) -> None:
    """What is written is what is read."""
    order, task = desk.known()
    assert from_body(to_body(order)) == order
    assert from_state(to_state(task)) == replace(task, bids={})


def test_received_and_not_yet_accepted_is_taken_up() -> None:
    desk = Desk("pi4")
    desk.disk.write([a for a in desk.home.submit(APP, submit(), desk.now) if isinstance(a, Save)])
    actions = desk.restart()
    assert sent(actions, m.Accepted) == [("app", m.Accepted(id="t"))]
    assert len(offers(actions)) == 1
    through_the_disk(desk)


def test_an_open_round_begins_anew() -> None:
    desk = Desk("pi4")
    (first,) = offers(desk.submit())
    desk.until(0.3)
    (second,) = offers(desk.restart())
    assert (second.auction, second.window_ms) == ("00000002", 150)
    assert first.auction == "00000001"
    assert desk.hear("pi4", bid(auction=first.auction)) == []
    assert awards(desk.hear("pi4", bid(auction=second.auction))) == [("pi4", 1)]
    through_the_disk(desk)


def test_an_award_is_repeated_under_its_number() -> None:
    desk = Desk("pi4")
    desk.awarded()
    desk.restart()
    assert awards(desk.until(1.0)) == [("pi4", 1)] * 2
    assert sent(desk.hear("pi4", result()), m.Final)
    through_the_disk(desk)


def test_a_running_attempt_has_one_lease_to_be_heard_of() -> None:
    desk = Desk("pi4", "pi5")
    desk.running()
    desk.until(14.0)
    desk.restart()
    desk.until(14.0)
    assert desk.task().phase is Phase.AWARDED
    desk.hear("pi4", beat(1))
    assert desk.task().phase is Phase.RUNNING
    desk.until(14.9)
    assert desk.task().phase is Phase.RUNNING
    desk.until(0.2)
    assert desk.task().phase is Phase.QUEUED
    through_the_disk(desk)


def test_a_lost_attempt_is_taken_up_as_if_it_were_not() -> None:
    desk = Desk("pi4")
    desk.running()
    desk.hear("pi4", refuse())
    desk.restart()
    assert awards(desk.until(0.0)) == [("pi4", 1)]
    desk.hear("pi4", refuse())
    (offer,) = offers(desk.until(0.2))
    assert awards(desk.hear("pi4", bid(auction=offer.auction))) == [("pi4", 2)]


def test_an_end_is_told_again_at_once() -> None:
    desk = Desk("pi4")
    desk.running()
    ((_, final),) = sent(desk.hear("pi4", result()), m.Final)
    assert offers(desk.restart()) == []
    assert sent(desk.until(0.0), m.Final) == [("app", final)]
    assert desk.home.unfinished() == 0
    through_the_disk(desk)


def test_a_closed_task_is_not_taken_up_and_still_known() -> None:
    desk = Desk("pi4")
    desk.running()
    desk.hear("pi4", result())
    desk.hear("app", m.FinalAck(ids=("t",)))
    assert desk.restart() == []
    assert desk.home._tasks == {}
    assert desk.home.wake() == float("inf")
    desk.hear("pi4", result())
    ((_, verdict),) = sent(desk.until(0.02), m.Verdict)
    assert verdict.settled == (m.Settled(task=KEY, attempt=1, kept=True),)


def test_what_expired_while_the_home_was_down_is_expired() -> None:
    desk = Desk("pi4")
    desk.running()
    desk.now += 100.0
    desk.restart()
    ((_, final),) = sent(desk.until(0.0), m.Final)
    assert final.outcome is Outcome.EXPIRED


def test_ends_and_open_tasks_are_counted_apart_after_a_restart() -> None:
    desk = Desk("pi4", max_tasks=2)
    for id_ in ("a", "b"):
        desk.submit(id_)
        desk.hear("app", m.Cancel(id=id_))
    desk.submit("c")
    desk.restart()
    assert desk.home.unfinished() == 1
    desk.submit("d")
    assert sent(desk.submit("e"), m.Rejected)[0][1].code is RejectCode.BUSY


def test_a_machine_that_began_its_clock_anew_moves_every_instant() -> None:
    desk = Desk("pi4")
    desk.claimed()
    desk.hear("pi4", beat(1))
    order, task = desk.known()
    moved, later = shifted(order, task, -900.0)
    assert moved.deadline == order.deadline - 900.0
    assert (later.awarded, later.lease_end) == (task.awarded - 900.0, task.lease_end - 900.0)
    assert shifted(order, task, 0.0) == (order, task)
