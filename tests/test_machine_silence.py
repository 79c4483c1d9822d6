"""A contractor that is past its promise and silent is given up before its lease, where that harms nobody."""

from __future__ import annotations

import pytest
from machine_desk import Desk, awards, beat, bid, claim, result, sent, started

from bus_topics import messages as m
from bus_topics.messages import Outcome

BEAT_S = 5.0
PATIENCE_S = 1.5 * BEAT_S


def running(eta_ms: float = 100.0, **changes: object) -> Desk:
    """`pi4` has it and has begun; `pi5` was the next best."""
    desk = Desk("pi4", "pi5", beat_s=BEAT_S, lease_s=15.0)
    desk.submit(**changes)  # type: ignore[arg-type]
    desk.hear("pi4", bid(eta_ms=eta_ms))
    desk.hear("pi5", bid(eta_ms=eta_ms + 100.0, hold_ms=60_000))
    desk.hear("pi4", started())
    return desk


def test_past_its_promise_and_its_beat_another_gets_it() -> None:
    desk = running()
    assert awards(desk.until(PATIENCE_S - 0.1)) == []
    assert awards(desk.until(0.2)) == [("pi5", 2)]
    reason = "pi5 was next in hand: pi4 is past its promise and was not heard of for 7.5 s"
    assert desk.task().decisions[-1].reason == reason


@pytest.mark.parametrize("promised_s", [9.0, 14.0])
def test_within_its_promise_it_is_waited_for(promised_s: float) -> None:
    desk = running(eta_ms=promised_s * 1000)
    assert awards(desk.until(promised_s - 0.1)) == []
    assert awards(desk.until(0.2)) == [("pi5", 2)]


def test_a_beat_is_a_sign_of_life_however_late_the_answer() -> None:
    desk = running()
    for _ in range(6):
        assert awards(desk.until(BEAT_S)) == []
        desk.hear("pi4", beat(1))
    assert awards(desk.until(PATIENCE_S + 0.1)) == [("pi5", 2)]


def test_a_claim_is_never_given_up_early() -> None:
    desk = running(once=True)
    desk.hear("pi4", claim())
    desk.hear("pi4", beat(1))
    assert awards(desk.until(14.9)) == []
    assert (desk.task().contractor, desk.task().claimed) == ("pi4", 1)
    unclaimed = running(once=True)
    assert awards(unclaimed.until(PATIENCE_S + 0.1)) == [("pi5", 2)]
    stopped = unclaimed.hear("pi4", claim())
    assert sent(stopped, m.Go) == []
    assert len(sent(stopped, m.Stop)) == 1, "its effect must not begin"


def test_with_nobody_else_it_keeps_its_lease() -> None:
    desk = running()
    desk.gone("pi5")
    desk.until(14.9)
    assert (desk.task().contractor, desk.task().attempt) == ("pi4", 1)


def test_an_answer_that_comes_after_all_counts() -> None:
    desk = running()
    desk.until(PATIENCE_S + 0.1)
    actions = desk.hear("pi4", result(1))
    assert desk.task().outcome is Outcome.DONE
    assert [to for to, _ in sent(actions, m.Stop)] == ["pi5"]


def test_twice_at_most_and_not_among_the_attempts() -> None:
    desk = running(max_attempts=1)
    given = awards(desk.until(PATIENCE_S + 0.1))
    desk.hear("pi5", started(2))
    desk.until(9.0)
    offered = desk.task().auction
    desk.hear("pi4", bid(auction=offered))
    given += awards(desk.hear("pi5", bid(auction=offered, eta_ms=300.0)))
    assert given == [("pi5", 2), ("pi4", 3)]
    desk.hear("pi4", started(3))
    assert awards(desk.until(14.9)) == []
    desk.until(0.2)
    assert desk.task().outcome is Outcome.FAILED
    assert "gave up after 3 attempts" in desk.task().error
