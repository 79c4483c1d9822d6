"""How a task ends, and what is answered afterwards: nothing changes an end, everyone is told it."""

from typing import Any

import pytest
from machine_desk import (
    KEY,
    Desk,
    awards,
    beat,
    bid,
    claim,
    refuse,
    replies,
    result,
    sent,
    started,
    submit,
)

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import Reply, Save
from daemon.task import Phase, ReplyTo

STOP = m.Stop(task=KEY, attempt=1)
ASKED = ReplyTo("forgebus/v1/answer/app/echo", "c0ffee")
BASE: dict[str, Any] = {"window_ms": 10, "max_window_ms": 10}


def ended(**changes: Any) -> Desk:
    """A task that was done and told once."""
    desk = Desk("pi4")
    desk.running(**changes)
    desk.hear("pi4", result())
    desk.until(0.02)
    return desk


def in_phase(phase: Phase, **changes: Any) -> Desk:
    """A task that stands there."""
    desk = Desk("pi4", **BASE)
    match phase:
        case Phase.QUEUED:
            desk.submit(**changes)
            desk.until(0.061)
        case Phase.OFFERED:
            desk.submit(**changes)
        case Phase.AWARDED:
            desk.awarded(**changes)
        case _:
            desk.running(**changes)
    assert desk.task().phase is phase
    return desk


OPEN = [Phase.QUEUED, Phase.OFFERED, Phase.AWARDED, Phase.RUNNING]


# --- told until it is acknowledged ---------------------------------------------------------------


def test_the_end_is_on_disk_before_it_is_told() -> None:
    desk = Desk("pi4")
    desk.running()
    actions = desk.hear("pi4", result())
    assert isinstance(actions[0], Save)
    assert actions[0].phase == "final"


def test_a_final_repeats_with_growing_pauses() -> None:
    desk = ended()
    at = desk.now
    times: list[float] = []
    while len(times) < 9 and desk.now < at + 1000.0:
        desk.now = desk.home.wake()
        told = sent(desk.do(desk.home.tick(desk.now)), m.Final)
        times += [desk.now - at] * len(told)
    pauses = [later - sooner for sooner, later in zip([0.0, *times], times, strict=False)]
    assert [round(pause) for pause in pauses] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_acknowledged_it_is_closed_and_out_of_memory() -> None:
    desk = ended()
    (save,) = desk.hear("app", m.FinalAck(ids=("t",)))
    assert isinstance(save, Save)
    assert save.phase == "closed"
    desk.until(0.1)
    assert desk.home._tasks == {}
    assert sent(desk.until(1e6), m.Final) == []


def test_only_the_requester_acknowledges() -> None:
    desk = ended()
    assert desk.hear("pi4", m.FinalAck(ids=("t",))) == []
    assert desk.task().phase is Phase.FINAL


def test_an_acknowledgement_before_the_end_acknowledges_nothing() -> None:
    desk = Desk("pi4")
    desk.running()
    assert desk.hear("app", m.FinalAck(ids=("t",))) == []
    assert sent(desk.hear("pi4", result()), m.Final)


def test_an_end_that_nobody_acknowledges_is_closed_after_days() -> None:
    desk = Desk("pi4", keep_days=2)
    desk.running()
    desk.hear("pi4", result())
    desk.until(2 * 86_400 - 60)
    assert desk.task().phase is Phase.FINAL
    desk.until(700)
    assert desk.home._tasks == {}
    assert desk.task().phase is Phase.CLOSED


def test_of_ends_that_nobody_acknowledges_memory_holds_so_many() -> None:
    desk = Desk("pi4", max_tasks=3)
    for number in range(10):
        desk.submit(f"n{number}")
        desk.hear("app", m.Cancel(id=f"n{number}"))
    assert list(desk.home._tasks) == ["app/n7", "app/n8", "app/n9"]
    # Those let go are still answered, from the disk.
    ((_, final),) = sent(desk.submit("n0"), m.Final)
    assert (final.id, final.outcome) == ("n0", Outcome.CANCELLED)
    desk.restart()
    assert desk.home.unfinished() == 0
    assert len(desk.home._tasks) == 3


def test_who_acknowledges_nothing_does_not_end_the_telling_of_others() -> None:
    desk = Desk("pi4", max_tasks=3)
    for sender, id_ in [("app", "a"), *(("flood", f"n{number}") for number in range(9))]:
        desk.hear(sender, submit(id=id_))
        desk.hear(sender, m.Cancel(id=id_))
    assert list(desk.home._tasks) == ["app/a", "flood/n7", "flood/n8"]


# --- an answer to an app -------------------------------------------------------------------------


def test_an_app_gets_an_answer_instead_and_no_word_before() -> None:
    desk = Desk("pi4")
    actions = desk.submit(reply=ASKED) + desk.hear("pi4", bid()) + desk.hear("pi4", started())
    actions += desk.until(5.0)
    assert sent(actions, m.Accepted) == []
    assert replies(actions) == []
    (reply,) = replies(desk.hear("pi4", result()))
    assert reply == Reply(
        ASKED.topic,
        b"\xc0\xff\xee",
        m.Answer(
            id="t",
            outcome=Outcome.DONE,
            result=result().result,
            node="pi4",
            elapsed_ms=5000.0,
            provenance=m.Provenance(node="pi4", handler="echo", attempt=1, version="1"),
        ),
        KEY,
    )


def test_an_answer_repeats_until_the_broker_has_it() -> None:
    desk = Desk("pi4")
    desk.submit(reply=ASKED)
    desk.hear("pi4", bid())
    desk.hear("pi4", result())
    assert len(replies(desk.until(3.5))) == 2
    desk.do(desk.home.answered(KEY, desk.now))
    assert replies(desk.until(1e4)) == []


def test_a_stream_is_not_for_an_app() -> None:
    desk = Desk("pi4")
    desk.submit(reply=ASKED, stream=True)
    desk.hear("pi4", bid())
    chunk = m.Progress(task=KEY, attempt=1, seq=0, text="he")
    assert desk.hear("pi4", chunk) == []


# --- cancelled -----------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", OPEN)
def test_cancelled_in_each_phase(phase: Phase) -> None:
    desk = in_phase(phase)
    actions = desk.hear("app", m.Cancel(id="t"))
    ((to, final),) = sent(actions, m.Final)
    assert (to, final.outcome, final.error) == (
        "app",
        Outcome.CANCELLED,
        "cancelled by the requester",
    )
    held = phase in (Phase.AWARDED, Phase.RUNNING)
    assert sent(actions, m.Stop) == ([("pi4", STOP)] if held else [])
    assert desk.home.unfinished() == 0


def test_cancelled_twice_is_told_twice() -> None:
    desk = in_phase(Phase.OFFERED)
    first = sent(desk.hear("app", m.Cancel(id="t")), m.Final)
    assert sent(desk.hear("app", m.Cancel(id="t")), m.Final) == first


def test_a_cancel_after_the_end_is_answered_with_the_end() -> None:
    desk = ended()
    assert sent(desk.hear("app", m.Cancel(id="t")), m.Final)[0][1].outcome is Outcome.DONE
    desk.hear("app", m.FinalAck(ids=("t",)))
    assert sent(desk.hear("app", m.Cancel(id="t")), m.Final)[0][1].outcome is Outcome.DONE


def test_while_the_end_is_on_its_way_to_disk_no_other_end_is_told() -> None:
    desk = in_phase(Phase.RUNNING)
    on_disk = dict(desk.disk.rows)
    desk.hear("app", m.Cancel(id="t"))
    desk.hear("app", m.FinalAck(ids=("t",)))
    desk.disk.rows = on_disk  # neither has been written yet
    assert desk.hear("app", m.Cancel(id="t")) == []


def test_only_its_requester_cancels_a_task() -> None:
    desk = in_phase(Phase.RUNNING)
    ((to, rejected),) = sent(desk.hear("pi4", m.Cancel(id="t")), m.Rejected)
    assert (to, rejected.code) == ("pi4", m.RejectCode.UNKNOWN_TASK)
    assert desk.task().phase is Phase.RUNNING


# --- the deadline --------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", OPEN)
def test_expired_in_each_phase(phase: Phase) -> None:
    desk = in_phase(phase, deadline_ms=5000)
    left = 5.0 - (desk.now - 1000.0)
    assert sent(desk.until(left - 0.01), m.Final) == []
    ((_, final),) = sent(desk.until(0.02), m.Final)
    assert (final.outcome, final.error) == (Outcome.EXPIRED, "not done within 5000 ms")
    assert desk.home.unfinished() == 0


def test_expired_says_when_no_live_node_offers_it() -> None:
    desk = Desk("pi4", **BASE)
    desk.gone("pi4")
    ((_, final),) = sent(desk.submit(deadline_ms=500) + desk.until(0.5), m.Final)
    assert final.error == "not done within 500 ms: no live node offers echo"


def test_an_expired_attempt_is_stopped() -> None:
    desk = Desk("pi4")
    desk.running(deadline_ms=4000)
    assert sent(desk.until(4.0), m.Stop) == [("pi4", STOP)]


# --- after the end -------------------------------------------------------------------------------


@pytest.mark.parametrize("acknowledged", [False, True])
def test_after_the_end_everything_is_answered(acknowledged: bool) -> None:  # noqa: FBT001
    desk = ended()
    if acknowledged:
        desk.hear("app", m.FinalAck(ids=("t",)))
    before = desk.task()
    for asked in (started(), claim(), beat(1)):
        assert sent(desk.hear("pi4", asked), m.Stop) == [("pi4", STOP)]
    assert desk.hear("pi4", refuse()) == []
    assert desk.hear("pi4", bid()) == []
    desk.hear("pi4", result(1, Outcome.FAILED))
    ((_, verdict),) = sent(desk.until(0.02), m.Verdict)
    assert verdict.settled == (m.Settled(task=KEY, attempt=1, kept=True),)
    assert awards(desk.gone("pi4") + desk.reborn("pi4")) == []
    assert desk.task() == before


def test_the_same_submit_after_the_end_is_answered_with_the_end() -> None:
    desk = ended()
    ((_, final),) = sent(desk.submit(), m.Final)
    desk.hear("app", m.FinalAck(ids=("t",)))
    assert sent(desk.submit(), m.Final) == [("app", final)]


def test_a_verdict_repeats_as_often_as_the_result() -> None:
    desk = ended()
    desk.until(0.02)
    for _ in range(3):
        desk.hear("pi4", result())
        ((_, verdict),) = sent(desk.until(0.02), m.Verdict)
        assert verdict.settled == (m.Settled(task=KEY, attempt=1, kept=True),)


def test_verdicts_travel_together_at_most_64() -> None:
    desk = Desk()
    for number in range(100):
        desk.hear("pi4", result(task=f"app/n{number}"))
    told = [len(verdict.settled) for _, verdict in sent(desk.until(0.02), m.Verdict)]
    assert told == [36]
