"""An abstention goes on to somebody better, or is the end: as its home decides it."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from machine_desk import (
    KEY,
    UNSURE,
    Desk,
    abstained,
    awards,
    beat,
    bid,
    claim,
    offers,
    refuse,
    result,
    sent,
    started,
)

from bus_topics import messages as m
from bus_topics.messages import Outcome, Privacy
from daemon.actions import Action, Distrust, Save, Tell
from daemon.eligible import MAX_HANDOFFS
from daemon.task import HANDOFF_RESERVE_S, from_body

BETTER = {"gpu": 0.9}


def unsure(better: bool = True, **changes: Any) -> tuple[Desk, list[Action]]:  # noqa: FBT001, FBT002
    """pi4 alone has bid for a task and abstains; gpu, where it is there, is better."""
    desk = Desk("pi4", *BETTER if better else (), qualities=BETTER)
    desk.awarded(**changes)
    return desk, desk.hear("pi4", abstained())


def raced(**changes: Any) -> Desk:
    """A task awarded to pi4, with the equal pi5 and the better gpu in hand."""
    desk = Desk("pi4", "pi5", "gpu", qualities=BETTER)
    desk.submit(**changes)
    for node, quality, eta in (("pi4", 0.5, 100.0), ("pi5", 0.5, 200.0), ("gpu", 0.9, 300.0)):
        desk.hear(node, bid(eta_ms=eta, quality=quality))
    assert desk.task().contractor == "pi4"
    return desk


def handed_on(**changes: Any) -> Desk:
    """pi4 has abstained, and gpu has the task."""
    desk = raced(**changes)
    if changes.get("once"):
        desk.hear("pi4", claim())
    assert awards(desk.hear("pi4", abstained())) == [("gpu", 2)]
    return desk


def final(actions: list[Action]) -> m.Final:
    """The one end among the actions."""
    ((_, message),) = sent(actions, m.Final)
    return message


def kept(actions: list[Action]) -> bool:
    """Whether the task has ended with pi4's abstention as it was."""
    end = final(actions)
    assert (end.outcome, end.error) == (Outcome.DONE, "")
    return (end.node, end.result) == ("pi4", UNSURE)


def verdicts(desk: Desk) -> list[tuple[str, int, bool]]:
    """What becomes of results within the next moment."""
    told = sent(desk.until(0.02), m.Verdict)
    return [(to, one.attempt, one.kept) for to, verdict in told for one in verdict.settled]


def details(desk: Desk, kind: str) -> list[str]:
    """What the story says of each step of a kind."""
    return [step.detail for step in desk.task().steps if step.kind == kind]


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


# --- who wants it, and who may have it -----------------------------------------------------------


@pytest.mark.parametrize(
    ("home", "asked", "goes_on"),
    [(True, None, True), (True, False, False), (False, None, False), (False, True, True)],
)
def test_the_requester_decides_else_the_home(
    home: bool,  # noqa: FBT001
    asked: bool | None,  # noqa: FBT001
    goes_on: bool,  # noqa: FBT001
) -> None:
    desk = Desk("pi4", "gpu", qualities=BETTER, handoff=home)
    desk.submit(handoff=asked)
    desk.hear("pi4", bid(eta_ms=10.0))
    desk.hear("gpu", bid(quality=0.9))
    actions = desk.hear("pi4", abstained())
    assert (awards(actions) == [("gpu", 2)]) is goes_on
    if not goes_on:
        assert kept(actions)


def test_private_content_goes_to_nobody_new() -> None:
    desk = Desk("pi4", "gpu", qualities=BETTER, private_nodes=("pi4",))
    desk.awarded(privacy=Privacy.PRIVATE)
    actions = desk.hear("pi4", abstained())
    assert kept(actions)
    assert offers(actions) == []
    expected = "no live node that may have it offers echo above quality 0.50"
    assert details(desk, "abstention kept") == [expected]


def test_private_content_goes_on_to_a_trusted_node() -> None:
    trusted = ("pi4", "gpu")
    desk = Desk("pi4", "gpu", "cloud", qualities=BETTER | {"cloud": 1.0}, private_nodes=trusted)
    desk.awarded(privacy=Privacy.PRIVATE)
    (offer,) = offers(desk.hear("pi4", abstained()))
    assert offer.only == ("desk", "gpu", "pi4")
    distrust = desk.hear("cloud", bid(auction=offer.auction, quality=1.0))
    assert [type(action) for action in distrust] == [Distrust]
    desk.hear("pi4", bid(auction=offer.auction, declined="quality"))
    assert awards(desk.hear("gpu", bid(auction=offer.auction, quality=0.9))) == [("gpu", 2)]


def test_a_task_for_one_node_stays_with_it() -> None:
    desk = Desk("pi4", "gpu", qualities=BETTER)
    desk.submit(node="pi4")
    desk.hear("pi4", bid())
    actions = desk.hear("pi4", abstained())
    assert kept(actions)
    assert offers(actions) == []


# --- once ----------------------------------------------------------------------------------------


def test_an_abstention_gives_the_claim_back_and_the_next_may_claim() -> None:
    desk = handed_on(once=True)
    known = desk.disk.recall(KEY)
    assert known is not None
    assert (known[1].claimed, known[1].claimed_boot) == (0, "")
    assert sent(desk.hear("pi4", claim(1)), m.Go) == []
    assert sent(desk.hear("gpu", claim(2)), m.Go) == [("gpu", m.Go(task=KEY, attempt=2))]
    assert final(desk.hear("gpu", result(2))).node == "gpu"


def test_the_abstention_that_comes_again_is_not_distrusted() -> None:
    desk = handed_on(once=True)
    assert desk.hear("pi4", abstained()) == []
    assert verdicts(desk) == [("pi4", 1, False)] * 2


def test_without_a_claim_there_is_nothing_to_abstain_from() -> None:
    desk = raced(once=True)
    (distrust,) = desk.hear("pi4", abstained())
    assert isinstance(distrust, Distrust)
    assert distrust.code == "unclaimed-result"


def test_an_effect_that_may_have_begun_is_never_told_as_an_abstention() -> None:
    ends: list[tuple[Callable[[Desk], list[Action]], str]] = [
        (lambda desk: desk.hear("gpu", result(2, Outcome.FAILED, error="no wire")), "failed"),
        (lambda desk: desk.hear("gpu", result(2, Outcome.UNKNOWN)), "unknown"),
        (lambda desk: desk.until(30.1), "unknown"),
        (lambda desk: desk.hear("gpu", claim(2, "bbbbbbbb")), "unknown"),
    ]
    for end, outcome in ends:
        desk = handed_on(once=True)
        desk.hear("gpu", claim(2))
        assert final(end(desk)).outcome.value == outcome
    desk = handed_on(once=True, deadline_ms=5000)
    desk.hear("gpu", claim(2))
    assert final(desk.until(5.0)).outcome is Outcome.UNKNOWN


def test_given_back_before_it_began_leaves_the_abstention() -> None:
    desk = handed_on(once=True)
    desk.hear("gpu", claim(2))
    assert kept(desk.hear("gpu", refuse(2)))


# --- cancelled -----------------------------------------------------------------------------------


def test_cancelled_while_the_better_one_runs_is_cancelled() -> None:
    desk = handed_on()
    actions = desk.hear("app", m.Cancel(id="t"))
    assert final(actions).outcome is Outcome.CANCELLED
    assert sent(actions, m.Stop) == [("gpu", m.Stop(task=KEY, attempt=2))]


def test_cancelled_between_abstention_and_award_is_cancelled() -> None:
    desk, _ = unsure()
    assert final(desk.hear("app", m.Cancel(id="t"))).outcome is Outcome.CANCELLED


def test_what_is_not_wanted_any_more_does_not_go_on() -> None:
    desk = raced(once=True)
    desk.hear("pi4", claim())
    desk.hear("app", m.Cancel(id="t"))
    actions = desk.hear("pi4", abstained())
    assert kept(actions)
    assert awards(actions) == []


# --- late ----------------------------------------------------------------------------------------


def test_a_late_abstention_does_not_end_what_another_does() -> None:
    desk = raced()
    assert awards(desk.until(15.1))[-1] == ("pi5", 2)
    desk.hear("pi5", started(2))
    actions = desk.hear("pi4", abstained())
    assert (sent(actions, m.Final), sent(actions, m.Stop), awards(actions)) == ([], [], [])
    assert verdicts(desk) == [("pi4", 1, False)]
    assert final(desk.hear("pi5", result(2))).node == "pi5"


def test_a_late_abstention_is_told_when_the_other_fails_too() -> None:
    desk = Desk("pi4", "pi5")
    desk.submit(max_attempts=2)
    desk.hear("pi4", bid(eta_ms=1.0))
    desk.hear("pi5", bid())
    desk.until(15.1)
    desk.hear("pi4", abstained())
    assert kept(desk.hear("pi5", result(2, Outcome.FAILED)))


def test_a_late_abstention_between_two_rounds_goes_on_to_a_better_one() -> None:
    desk = Desk("pi4", "gpu", qualities=BETTER)
    desk.awarded()
    desk.until(15.1)  # its lease is over, and it is offered again
    actions = desk.hear("pi4", abstained())
    assert [offer.min_quality for offer in offers(actions)] == [0.5]


# --- the home restarts ---------------------------------------------------------------------------


def test_an_abstention_is_on_disk_before_its_contractor_may_forget_it() -> None:
    desk, actions = unsure()
    assert any(isinstance(action, Save) for action in actions)
    assert sent(actions, m.Verdict) == []
    known = desk.disk.recall(KEY)
    assert known is not None
    assert known[1].abstention is not None
    assert known[1].abstention.result == UNSURE


def test_between_abstention_and_round_a_restart_waits_for_the_nodes_and_goes_on() -> None:
    desk, _ = unsure()
    assert offers(desk.restart()) == []
    actions = desk.until(1.1)
    (offer,) = offers(actions)
    desk.hear("pi4", bid(auction=offer.auction))
    assert awards(desk.hear("gpu", bid(auction=offer.auction, quality=0.9))) == [("gpu", 2)]


def test_after_a_restart_with_nobody_left_the_abstention_is_told() -> None:
    desk, _ = unsure()
    desk._live = ("pi4",)
    assert sent(desk.restart(), m.Final) == []
    assert kept(desk.until(1.1))


def test_a_restart_while_the_better_one_runs_takes_its_answer() -> None:
    desk = handed_on()
    desk.hear("gpu", started(2))
    desk.restart()
    desk.hear("gpu", beat(2))
    assert desk.hear("pi4", abstained()) == []
    assert final(desk.hear("gpu", result(2))).node == "gpu"


def test_an_order_of_a_release_without_it_stays_as_it_was() -> None:
    desk = Desk("pi4", "gpu", qualities=BETTER)
    desk.submit()
    body = next(iter(desk.disk.rows.values())).body
    assert body is not None
    fields = msgspec.json.decode(body)
    del fields["handoff"]
    assert from_body(msgspec.json.encode(fields)).handoff is False
