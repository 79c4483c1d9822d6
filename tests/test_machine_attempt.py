"""One attempt as its home sees it: fenced, leased, repeated, lost, given to the next."""

from typing import Any

import pytest
from machine_desk import (
    KEY,
    LATER_BOOT,
    Desk,
    awards,
    beat,
    bid,
    offers,
    refuse,
    result,
    sent,
    started,
)

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import Action, Distrust, Save, Tell
from daemon.task import Given, Phase

STOP = m.Stop(task=KEY, attempt=1)


def raced(*, beat_s: float = 5.0, **changes: Any) -> Desk:
    """A task awarded to pi4, with pi5 in hand and pi6 after it."""
    desk = Desk("pi4", "pi5", "pi6", beat_s=beat_s)
    desk.submit(**changes)
    for node, eta in (("pi4", 100.0), ("pi5", 200.0), ("pi6", 300.0)):
        desk.hear(node, bid(eta_ms=eta))
    assert desk.task().ranking == ("pi5", "pi6")
    return desk


def verdicts(desk: Desk) -> list[tuple[str, int, bool]]:
    """What becomes of results within the next moment."""
    told = sent(desk.until(0.02), m.Verdict)
    return [(to, one.attempt, one.kept) for to, verdict in told for one in verdict.settled]


# --- repeated until it is heard ------------------------------------------------------------------


def test_an_award_repeats_each_second_until_it_is_started() -> None:
    desk = Desk("pi4")
    desk.awarded()
    assert awards(desk.until(3.5)) == [("pi4", 1)] * 3
    desk.hear("pi4", started())
    assert awards(desk.until(10.0)) == []


def test_a_repeated_award_writes_nothing_and_tells_the_time_left() -> None:
    desk = Desk("pi4")
    desk.awarded()
    actions = desk.until(1.0)
    assert not [action for action in actions if isinstance(action, Save)]
    ((_, award),) = sent(actions, m.Award)
    assert 58_800 <= award.deadline_ms <= 59_000


def test_an_award_that_nobody_hears_of_is_lost_after_a_lease() -> None:
    desk = raced(beat_s=10.0)
    assert awards(desk.until(14.9)) == [("pi4", 1)] * 14
    assert awards(desk.until(0.2)) == [("pi5", 2)]


# --- what everyone may see -----------------------------------------------------------------------


def test_what_a_handler_said_is_told_to_the_requester_alone() -> None:
    """An error may quote the content; decisions go to whoever watches."""
    secret = "ValueError: my diary says"
    desk = raced(max_attempts=2)
    actions = desk.hear("pi4", result(1, outcome=Outcome.FAILED, error=secret))
    actions += desk.hear("pi5", result(2, outcome=Outcome.FAILED, error=secret))
    told = [action.event for action in actions if isinstance(action, Tell)]
    assert [event.kind for event in told] == ["awarded", "failed"]
    assert secret not in repr(told)
    ((_, final),) = sent(actions, m.Final)
    assert secret in final.error
    assert secret in repr(desk.task().steps)


# --- beats and leases ----------------------------------------------------------------------------


def test_beats_renew_the_lease() -> None:
    desk = raced()
    desk.hear("pi4", started())
    for _ in range(8):
        assert awards(desk.until(5.0)) == []
        desk.hear("pi4", beat(1))
    assert desk.task().phase is Phase.RUNNING


def test_a_beat_says_as_much_as_started() -> None:
    desk = Desk("pi4")
    desk.awarded()
    desk.hear("pi4", beat(1))
    assert (desk.task().phase, desk.task().boot) == (Phase.RUNNING, "aaaaaaaa")


def test_without_beats_the_next_in_hand_gets_it() -> None:
    desk = raced(beat_s=10.0)
    desk.hear("pi4", started())
    assert awards(desk.until(14.9)) == []
    assert awards(desk.until(0.2)) == [("pi5", 2)]
    decision = desk.task().decisions[-1]
    assert (decision.winner, decision.attempt) == ("pi5", 2)
    assert decision.reason == "pi5 was next in hand: pi4 was not heard of for 15 s"


def test_a_beat_of_another_node_renews_nothing() -> None:
    desk = raced(beat_s=10.0)
    desk.hear("pi4", started())
    desk.until(10.0)
    assert sent(desk.hear("pi5", beat(1)), m.Stop) == []
    assert awards(desk.until(5.1)) == [("pi5", 2)]


def test_a_contractor_that_comes_back_too_late_is_stopped() -> None:
    desk = raced()
    desk.hear("pi4", started())
    desk.until(15.1)
    assert sent(desk.hear("pi4", beat(1)), m.Stop) == [("pi4", STOP)]
    assert sent(desk.hear("pi4", started()), m.Stop) == [("pi4", STOP)]
    assert desk.task().contractor == "pi5"


def test_a_node_that_is_gone_is_passed_over() -> None:
    desk = raced()
    desk.gone("pi5")
    assert awards(desk.hear("pi4", refuse())) == [("pi6", 2)]


# --- refused, offline, restarted -----------------------------------------------------------------


def test_refused_goes_to_the_next() -> None:
    desk = raced()
    assert awards(desk.hear("pi4", refuse(reason="full"))) == [("pi5", 2)]
    assert desk.task().decisions[-1].reason == "pi5 was next in hand: pi4 refused: full"


@pytest.mark.parametrize("wrong", [refuse(2), refuse(1)])
def test_a_refusal_of_what_one_does_not_have_changes_nothing(wrong: m.Refuse) -> None:
    desk = raced()
    before = desk.task()
    assert desk.hear("pi5" if wrong.attempt == 1 else "pi4", wrong) == []
    assert desk.task() == before


def test_offline_goes_to_the_next_at_once() -> None:
    desk = raced()
    desk.hear("pi4", started())
    assert awards(desk.gone("pi4")) == [("pi5", 2)]


def test_restarted_goes_to_the_next_at_once() -> None:
    desk = raced()
    desk.hear("pi4", started())
    assert awards(desk.reborn("pi4")) == [("pi5", 2)]


def test_a_new_life_that_was_never_heard_to_start_keeps_its_award() -> None:
    desk = raced()
    assert awards(desk.reborn("pi4")) == []
    desk.hear("pi4", started(boot=LATER_BOOT))
    assert awards(desk.reborn("pi4")) == []


def test_a_new_life_that_does_not_list_the_attempt_has_lost_it() -> None:
    desk = raced()
    desk.hear("pi4", started())
    assert awards(desk.hear("pi4", beat(7, boot=LATER_BOOT, key="app/other"))) == [("pi5", 2)]


def test_a_beat_that_crossed_the_award_loses_nothing() -> None:
    desk = raced()
    desk.hear("pi4", started())
    assert awards(desk.hear("pi4", beat())) == []


def test_with_nobody_in_hand_a_new_round_begins_after_a_pause() -> None:
    desk = Desk("pi4")
    desk.running()
    assert offers(desk.hear("pi4", refuse())) == []
    assert (desk.task().phase, desk.task().due) == (Phase.QUEUED, desk.now + 0.2)
    (offer,) = offers(desk.until(0.2))
    assert offer.auction == "00000002"  # bids of the old round are no bids of this one
    assert awards(desk.hear("pi4", bid(auction=offer.auction))) == [("pi4", 2)]


# --- the numbers ---------------------------------------------------------------------------------


def test_every_award_has_a_number_of_its_own() -> None:
    desk = raced()
    desk.hear("pi4", refuse())
    desk.hear("pi5", refuse(2))
    assert desk.task().given == (Given(1, "pi4", 0.5), Given(2, "pi5", 0.5), Given(3, "pi6", 0.5))


def test_at_the_last_attempt_it_is_given_up_and_told() -> None:
    desk = raced(max_attempts=2)
    desk.hear("pi4", refuse())
    actions = desk.hear("pi5", refuse(2, "full"))
    ((to, final),) = sent(actions, m.Final)
    assert (to, final.outcome, final.attempts) == ("app", Outcome.FAILED, 2)
    assert final.error == "gave up after 2 attempts; the last: pi5 refused: full"
    assert desk.task().dead
    assert awards(actions) == []


def test_the_homes_limit_of_attempts_holds_unless_the_task_names_one() -> None:
    desk = Desk("pi4", max_attempts=1)
    desk.running()
    assert sent(desk.hear("pi4", refuse()), m.Final)
    desk = Desk("pi4", max_attempts=1)
    desk.running(max_attempts=2)
    assert not sent(desk.hear("pi4", refuse()), m.Final)


# --- results -------------------------------------------------------------------------------------


def test_a_result_ends_it() -> None:
    desk = Desk("pi4")
    desk.running()
    actions = desk.hear("pi4", result(model="small", timing=m.Timing(run_ms=7.0)))
    ((to, final),) = sent(actions, m.Final)
    assert (to, final.outcome, final.node, final.model) == ("app", Outcome.DONE, "pi4", "small")
    assert bytes(final.result or b"") == b'"hello"'
    assert verdicts(desk) == [("pi4", 1, True)]


def test_a_result_may_come_before_started() -> None:
    desk = Desk("pi4")
    desk.awarded()
    assert sent(desk.hear("pi4", result()), m.Final)


def test_the_first_late_result_of_a_pure_task_is_taken_and_the_other_stopped() -> None:
    desk = raced()
    desk.hear("pi4", started())
    desk.until(15.1)
    desk.hear("pi5", started(2))
    actions = desk.hear("pi4", result(1))
    assert sent(actions, m.Final)[0][1].node == "pi4"
    assert sent(actions, m.Stop) == [("pi5", m.Stop(task=KEY, attempt=2))]
    assert verdicts(desk) == [("pi4", 1, True)]
    desk.hear("pi5", result(2))
    assert verdicts(desk) == [("pi5", 2, False)]


def test_a_late_result_is_taken_while_nobody_has_it() -> None:
    desk = Desk("pi4")
    desk.running()
    desk.gone("pi4")
    assert desk.task().phase is Phase.QUEUED
    assert sent(desk.hear("pi4", result()), m.Final)[0][1].outcome is Outcome.DONE


def test_a_failure_goes_to_the_next() -> None:
    desk = raced()
    assert awards(desk.hear("pi4", result(1, Outcome.FAILED, error="crash"))) == [("pi5", 2)]
    assert verdicts(desk) == [("pi4", 1, False)]


def test_a_failure_of_an_older_attempt_disturbs_nobody() -> None:
    desk = raced()
    desk.hear("pi4", started())
    desk.until(15.1)
    assert awards(desk.hear("pi4", result(1, Outcome.FAILED))) == []
    assert (desk.task().contractor, desk.task().attempt) == ("pi5", 2)


def test_a_fault_of_the_content_ends_it_at_once() -> None:
    desk = raced()
    actions = desk.hear("pi4", result(1, Outcome.FAILED, error="not text", permanent=True))
    ((_, final),) = sent(actions, m.Final)
    assert (final.outcome, final.error, final.node) == (Outcome.FAILED, "not text", "pi4")
    assert not desk.task().dead
    assert verdicts(desk) == [("pi4", 1, True)]


@pytest.mark.parametrize(
    ("sender", "attempt"), [("pi5", 1), ("pi4", 2), ("pi6", 3)], ids=["thief", "future", "both"]
)
def test_a_result_that_was_never_given_is_distrusted(sender: str, attempt: int) -> None:
    desk = raced()
    (distrust,) = desk.hear(sender, result(attempt))
    assert isinstance(distrust, Distrust)
    assert (distrust.sender, distrust.code) == (sender, "forged-result")
    assert desk.task().phase is Phase.AWARDED
    assert verdicts(desk) == []


def test_a_result_from_the_right_node_is_judged_by_its_number() -> None:
    desk = raced()
    desk.hear("pi4", refuse())
    (distrust,) = desk.hear("pi5", result(1))
    assert isinstance(distrust, Distrust)


# --- what is learned -----------------------------------------------------------------------------


def test_a_kept_promise_and_a_broken_one_are_remembered() -> None:
    desk = raced()
    desk.hear("pi4", started())
    desk.until(15.1)
    desk.hear("pi5", started(2))
    desk.now += 0.4
    desk.hear("pi5", result(2))
    good, bad = (desk.home.reputation.of(node, "echo") for node in ("pi5", "pi4"))
    assert (good.successes, good.failures) == (1.0, 0.0)
    assert (bad.successes, bad.failures) == (0.0, 1.0)


def test_a_refusal_costs_less_than_a_failure() -> None:
    desk = raced()
    desk.hear("pi4", refuse())
    assert desk.home.reputation.of("pi4", "echo").failures == 0.25


def test_a_late_result_teaches_nothing_of_its_time() -> None:
    desk = raced()
    desk.hear("pi4", started())
    desk.until(15.1)
    desk.hear("pi4", result(1))
    assert desk.home.reputation.of("pi4", "echo").samples == 0


# --- streamed ------------------------------------------------------------------------------------


def progress(attempt: int = 1) -> m.Progress:
    return m.Progress(task=KEY, attempt=attempt, seq=0, text="he")


def test_chunks_are_passed_on_to_whoever_wants_them() -> None:
    desk = Desk("pi4")
    desk.running(stream=True)
    assert sent(desk.hear("pi4", progress()), m.Progress) == [("app", progress())]


@pytest.mark.parametrize("case", ["not wanted", "not his", "stale"])
def test_other_chunks_are_not(case: str) -> None:
    desk = Desk("pi4", "pi5")
    desk.running(stream=case != "not wanted")
    sender, attempt = ("pi5" if case == "not his" else "pi4"), 2 if case == "stale" else 1
    chunks: list[Action] = desk.hear(sender, progress(attempt))
    assert chunks == []


@pytest.mark.parametrize(("hold_ms", "held"), [(20_000, True), (10_000, False)])
def test_a_runner_up_is_held_for_as_long_as_its_price_stands(hold_ms: int, held: bool) -> None:  # noqa: FBT001
    desk = Desk("pi4", "pi5", beat_s=10.0)
    desk.submit()
    desk.hear("pi4", bid(eta_ms=100.0))
    desk.hear("pi5", bid(eta_ms=200.0, hold_ms=hold_ms))
    desk.hear("pi4", started())
    assert awards(desk.until(15.1)) == ([("pi5", 2)] if held else [])
