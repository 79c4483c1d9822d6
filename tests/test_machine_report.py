"""What a home tells of its tasks: to whom, how much, and never more than a message holds."""

import pytest
from machine_desk import (
    KEY,
    Desk,
    beat,
    claim,
    sent,
    started,
    submit,
)
from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.codec import encode
from bus_topics.messages import RejectCode
from daemon.actions import Send
from daemon.task import (
    MAX_DECISIONS,
    MAX_STEPS,
    noted,
)


def reported(desk: Desk, sender: str, get: m.Get) -> m.Report | m.Rejected:
    """The one answer."""
    (send,) = desk.hear(sender, get)
    assert isinstance(send, Send)
    assert send.to == sender
    assert isinstance(send.message, m.Report | m.Rejected)
    return send.message


def watched() -> Desk:
    desk = Desk("pi4")
    desk.operators = ("root",)
    desk.restart()
    desk.running()
    desk.do(desk.home.submit("other", submit(id="x"), desk.now))
    return desk


@pytest.mark.parametrize("sender", ["app", "root", "desk"])
def test_the_requester_the_operator_and_the_node_may_see_the_whole_story(sender: str) -> None:
    report = reported(watched(), sender, m.Get(task=KEY))
    assert isinstance(report, m.Report)
    (record,) = report.tasks
    assert (report.home, record.task, record.state, record.node) == (
        "desk",
        KEY,
        "running",
        "pi4",
    )
    assert [step.kind for step in record.steps] == [
        "received",
        "accepted",
        "offered",
        "awarded",
        "started",
    ]
    assert record.decisions[0].winner == "pi4"
    assert b"hello" not in encode(report)


def test_others_may_not() -> None:
    rejected = reported(watched(), "pi4", m.Get(task=KEY))
    assert isinstance(rejected, m.Rejected)
    assert rejected.code is RejectCode.DENIED
    # nor learn which tasks there are
    assert reported(watched(), "pi4", m.Get(task="app/none")) == rejected


def test_a_task_that_nobody_knows() -> None:
    rejected = reported(watched(), "app", m.Get(task="app/none"))
    assert isinstance(rejected, m.Rejected)
    assert (rejected.code, rejected.reason) == (
        RejectCode.UNKNOWN_TASK,
        "desk has no task app/none",
    )


@pytest.mark.parametrize(
    ("sender", "seen"),
    [("app", {KEY}), ("other", {"other/x"}), ("root", {KEY, "other/x"}), ("pi4", set())],
)
def test_a_list_shows_what_one_may_see_and_is_brief(sender: str, seen: set[str]) -> None:
    report = reported(watched(), sender, m.Get())
    assert isinstance(report, m.Report)
    assert {record.task for record in report.tasks} == seen
    assert all(record.decisions == () == record.steps for record in report.tasks)


def test_a_list_is_as_fresh_as_memory() -> None:
    report = reported(watched(), "app", m.Get())  # started is not worth a commit
    assert isinstance(report, m.Report)
    assert report.tasks[0].state == "running"


def test_a_story_too_long_for_a_message_is_cut_and_sent() -> None:
    desk = Desk("pi4")
    desk.running()
    order, task = desk.known()
    word = "\x01" * 500
    views = tuple(m.Considered(node=f"n{n}", excluded=word) for n in range(64))
    decisions = tuple(
        m.Decision(attempt=n, winner=None, preference=order.preference, reason=word, bids=views)
        for n in range(MAX_DECISIONS)
    )
    task = replace(task, decisions=decisions)
    while len(task.steps) < MAX_STEPS:
        task = noted(order, task, desk.now, "lost", "pi4", word)
    desk.home._tasks[KEY] = (order, task)
    report = reported(desk, "app", m.Get(task=KEY))
    assert isinstance(report, m.Report)
    assert len(encode(report)) > 100_000  # it fits, and not because nothing is left
    (record,) = report.tasks
    assert record.decisions[-1].bids == views
    assert record.decisions[0].attempt == 0
    assert record.steps[0].kind == "received"


def test_a_list_too_long_for_a_message_leaves_out_the_oldest() -> None:
    desk = Desk("pi4")
    for number in range(100):
        desk.submit(f"n{number:02}")
        order, task = desk.known(f"app/n{number:02}")
        desk.home._tasks[order.key] = (order, replace(task, error="\x01" * 500))
    report = reported(desk, "app", m.Get(limit=100))
    assert isinstance(report, m.Report)
    assert [record.task for record in report.tasks] == [f"app/n{n:02}" for n in range(75)]
    assert encode(report)


def test_claims_and_beats_of_what_it_does_not_know_are_stopped() -> None:
    desk = Desk("pi4")
    stop = [("pi4", m.Stop(task=KEY, attempt=3))]
    for word in (claim(3), started(3), beat(3)):
        assert sent(desk.hear("pi4", word), m.Stop) == stop
