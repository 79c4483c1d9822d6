"""An abstention goes on to somebody better, or is the end: as its home decides it."""

import pytest
from machine_desk import (
    KEY,
    UNSURE,
    Desk,
    abstained,
    awards,
    bid,
    offers,
    refuse,
    result,
    sent,
    started,
)
from machine_unsure import BETTER, details, final, handed_on, kept, raced, unsure, verdicts

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import Tell
from daemon.eligible import MAX_HANDOFFS
from daemon.task import HANDOFF_RESERVE_S

# --- nobody better -------------------------------------------------------------------------------


def test_with_nobody_better_it_is_the_end_at_once() -> None:
    desk, actions = unsure(better=False)
    assert kept(actions)
    assert offers(actions) == []
    assert (verdicts(desk), desk.task().outcome) == ([("pi4", 1, True)], Outcome.DONE)
    assert details(desk, "abstained") == ["unclear, 0.41"]
    assert details(desk, "abstention kept") == ["no live node offers echo above quality 0.50"]


def test_a_better_one_that_is_offline_is_nobody() -> None:
    desk = Desk("pi4", "gpu", qualities=BETTER)
    desk.awarded()
    desk.gone("gpu")
    assert kept(desk.hear("pi4", abstained()))


def test_a_result_that_only_mentions_an_abstention_is_an_answer() -> None:
    desk = raced()
    actions = desk.hear("pi4", result(1, error="the sentence said: abstained: unclear, 0.41"))
    assert final(actions).node == "pi4"
    assert details(desk, "abstained") == []


# --- in hand -------------------------------------------------------------------------------------


def test_the_better_one_in_hand_gets_it_at_once_and_an_equal_one_does_not() -> None:
    desk = raced()
    actions = desk.hear("pi4", abstained())
    assert (awards(actions), sent(actions, m.Final)) == ([("gpu", 2)], [])
    assert verdicts(desk) == [("pi4", 1, False)]
    assert final(desk.hear("gpu", result(2))).node == "gpu"
    assert verdicts(desk) == [("gpu", 2, True)]


def test_whoever_watches_sees_who_abstained_and_who_has_it_now() -> None:
    desk = raced()
    actions = desk.hear("pi4", abstained())
    told = [action.event for action in actions if isinstance(action, Tell)]
    assert [(event.kind, event.node, event.attempt) for event in told] == [
        ("abstained", "pi4", 1),
        ("awarded", "gpu", 2),
    ]
    assert told[1].decision is not None
    words = "pi4 abstained: unclear, 0.41; handed on to gpu, next in hand"
    assert told[1].decision.reason == words
    assert desk.task().decisions[-1].reason == words
    assert "abstained" not in repr(told).replace("abstained: unclear", "").replace(
        "'abstained'", ""
    )


def test_abstaining_is_no_broken_promise() -> None:
    desk = handed_on()
    learned = desk.home.reputation.of("pi4", "echo")
    assert (learned.samples, learned.failures) == (1, 0)


def test_a_price_in_hand_that_would_come_too_late_is_not_taken() -> None:
    desk = raced(deadline_ms=2000)
    desk.until(1.75)
    assert awards(desk.hear("pi4", abstained())) == []


def test_after_a_restart_the_cards_say_who_is_better() -> None:
    desk = raced()
    desk.restart()
    assert desk.task().bids == {}
    assert awards(desk.hear("pi4", abstained())) == [("gpu", 2)]


# --- a round of its own --------------------------------------------------------------------------


def test_nobody_in_hand_opens_a_round_for_better_ones() -> None:
    desk, actions = unsure()
    (offer,) = offers(actions)
    assert (offer.min_quality, sent(actions, m.Final)) == (0.5, [])
    assert offer.auction != "00000001"
    assert awards(desk.hear("pi4", bid(auction=offer.auction, eta_ms=1.0))) == []
    better = bid(auction=offer.auction, eta_ms=900.0, quality=0.9)
    assert awards(desk.hear("gpu", better)) == [("gpu", 2)]
    decision = desk.task().decisions[-1]
    assert decision.reason.startswith("pi4 abstained: unclear, 0.41; handed on to gpu: gpu wins: ")
    assert {view.node: view.excluded for view in decision.bids} == {
        "gpu": "",
        "desk": "declined: not asked to",
        "pi4": "quality 0.50 is not above 0.50, which abstained",
    }


def test_a_round_in_which_all_have_answered_and_nobody_is_better_is_the_last() -> None:
    desk, actions = unsure()
    (offer,) = offers(actions)
    assert desk.hear("pi4", bid(auction=offer.auction)) == []
    assert kept(desk.hear("gpu", bid(auction=offer.auction, quality=0.5)))
    assert "nobody" not in details(desk, "abstention kept")[0]
    assert "gpu quality 0.50 is not above 0.50" in details(desk, "abstention kept")[0]


def test_a_better_one_that_declines_or_would_be_late_is_nobody() -> None:
    for answer in ({"declined": "quiet hours"}, {"quality": 0.9, "eta_ms": 70_000.0}):
        desk, actions = unsure()
        (offer,) = offers(actions)
        desk.hear("pi4", bid(auction=offer.auction, declined="quality"))
        assert kept(desk.hear("gpu", bid(auction=offer.auction, **answer)))


def test_silence_is_asked_twice_and_no_more() -> None:
    desk, actions = unsure()
    (first,) = offers(actions)
    (again,) = offers(desk.until(0.16))
    assert (again.auction, again.window_ms) == (first.auction, 2 * first.window_ms)
    assert sent(desk.until(0.28), m.Final) == []
    assert kept(desk.until(0.03))


def test_the_round_waits_no_longer_because_earlier_ones_were_in_vain() -> None:
    desk = Desk("pi4", "gpu", qualities=BETTER)
    desk.submit()
    windows = [offer.window_ms for offer in offers(desk.until(1.0))]
    assert windows == [300, 600]
    desk.hear("pi4", bid())
    desk.until(1.0)
    (offer,) = offers(desk.hear("pi4", abstained()))
    assert offer.window_ms == 150


def test_the_home_that_abstained_itself_asks_the_others() -> None:
    desk = Desk("desk", "gpu", own=bid(), qualities=BETTER)
    actions = desk.submit(preference=m.Preference.LOCAL_FIRST)
    assert awards(actions) == [("desk", 1)]
    actions = desk.hear("desk", abstained())
    (offer,) = offers(actions)
    assert awards(actions) == []
    better = bid(auction=offer.auction, quality=0.9)
    assert awards(desk.hear("gpu", better)) == [("gpu", 2)]


# --- the better one does not deliver -------------------------------------------------------------


def test_a_better_one_that_goes_offline_leaves_the_abstention() -> None:
    desk = handed_on()
    desk.hear("gpu", started(2))
    assert kept(desk.gone("gpu"))
    expected = "gpu went offline; no live node offers echo above quality 0.50"
    assert details(desk, "abstention kept") == [expected]
    assert not desk.task().dead


def test_a_better_one_that_refuses_is_asked_again_until_the_attempts_are_used() -> None:
    desk = handed_on(max_attempts=3)
    assert sent(desk.hear("gpu", refuse(2)), m.Final) == []
    (offer,) = offers(desk.until(0.5))
    for node in ("pi4", "pi5"):
        desk.hear(node, bid(auction=offer.auction))
    assert awards(desk.hear("gpu", bid(auction=offer.auction, quality=0.9))) == [("gpu", 3)]
    assert kept(desk.hear("gpu", refuse(3)))


def test_a_better_one_that_does_not_take_the_content_leaves_the_abstention() -> None:
    desk = handed_on()
    failed = result(2, Outcome.FAILED, error="no such field", permanent=True)
    assert kept(desk.hear("gpu", failed))
    assert verdicts(desk) == [("pi4", 1, False), ("gpu", 2, False)]


def test_at_the_deadline_the_abstention_is_there_in_time() -> None:
    desk = handed_on(deadline_ms=5000)
    desk.hear("gpu", started(2))
    assert sent(desk.until(5.0 - HANDOFF_RESERVE_S - 0.01), m.Final) == []
    actions = desk.until(0.02)
    assert kept(actions)
    assert sent(actions, m.Stop) == [("gpu", m.Stop(task=KEY, attempt=2))]
    assert details(desk, "abstention kept") == ["not done within 5000 ms"]


def test_the_award_tells_the_time_until_the_abstention_is_told() -> None:
    desk = raced(deadline_ms=5000)
    ((_, award),) = sent(desk.hear("pi4", abstained()), m.Award)
    assert award.deadline_ms == pytest.approx(5000 - HANDOFF_RESERVE_S * 1000, abs=1.0)


@pytest.mark.parametrize("deadline_ms", [400, 300, 100])
def test_with_too_little_time_left_there_is_no_round(deadline_ms: int) -> None:
    desk = Desk("pi4", "gpu", qualities=BETTER)
    desk.submit(deadline_ms=deadline_ms)
    desk.hear("gpu", bid(declined="busy"))
    desk.hear("pi4", bid(eta_ms=10.0))
    desk.until(deadline_ms / 1000 - 0.2 if deadline_ms > 250 else 0.0)
    actions = desk.hear("pi4", abstained())
    assert kept(actions)
    assert offers(actions) == []
    assert "too little for another round" in details(desk, "abstention kept")[0]


# --- the chain ends ------------------------------------------------------------------------------


def test_each_turn_is_for_a_better_one_and_the_first_abstention_is_told() -> None:
    steps = {f"n{number}": number / 10 for number in range(1, 9)}
    desk = Desk(*steps, qualities=steps)
    desk.submit(max_attempts=20)
    for node, quality in steps.items():
        desk.hear(node, bid(eta_ms=1000 * quality, quality=quality))
    for attempt in range(1, MAX_HANDOFFS + 1):
        actions = desk.hear(f"n{attempt}", abstained(attempt))
        assert awards(actions) == [(f"n{attempt + 1}", attempt + 1)]
    last = desk.hear(f"n{attempt + 1}", abstained(attempt + 1))
    assert (final(last).node, final(last).result) == ("n1", UNSURE)
    assert details(desk, "abstention kept") == ["4 nodes have abstained, as many as are asked"]


def test_the_attempts_of_the_task_are_not_exceeded() -> None:
    desk = raced(max_attempts=1)
    assert kept(desk.hear("pi4", abstained()))
    assert details(desk, "abstention kept") == ["all 1 attempts are used"]


def test_the_same_abstention_twice_is_one() -> None:
    desk = handed_on()
    assert desk.hear("pi4", abstained()) == []
    assert verdicts(desk) == [("pi4", 1, False)] * 2
    assert len(details(desk, "abstained")) == 1
    assert final(desk.hear("gpu", result(2))).node == "gpu"
