"""A task whose effect must begin at most once, as its home sees it: one claim, one attempt, one life."""

import pytest
from machine_desk import (
    BOOT,
    KEY,
    LATER_BOOT,
    Desk,
    awards,
    beat,
    bid,
    claim,
    refuse,
    result,
    sent,
    started,
)

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import Action, Distrust, Save
from daemon.task import Phase

GO, STOP = m.Go(task=KEY, attempt=1, boot=BOOT), m.Stop(task=KEY, attempt=1)


def final(actions: list[Action]) -> m.Final:
    """The end among the actions."""
    ((_, message),) = sent(actions, m.Final)
    return message


def test_a_claim_is_on_disk_before_it_is_granted() -> None:
    desk = Desk("pi4")
    desk.awarded(once=True)
    save, go = desk.hear("pi4", claim())
    assert isinstance(save, Save)
    assert sent([go], m.Go) == [("pi4", GO)]
    known = desk.disk.recall(KEY)
    assert known is not None
    assert (known[1].claimed, known[1].claimed_boot) == (1, "aaaaaaaa")


def test_a_claim_that_is_repeated_is_granted_again_and_written_once() -> None:
    desk = Desk("pi4")
    desk.claimed()
    assert desk.hear("pi4", claim()) == desk.hear("pi4", claim())
    assert sent(desk.hear("pi4", claim()), m.Go) == [("pi4", GO)]


@pytest.mark.parametrize(("sender", "attempt"), [("pi5", 1), ("pi4", 2), ("pi5", 2)])
def test_nobody_else_may_claim(sender: str, attempt: int) -> None:
    desk = Desk("pi4", "pi5")
    desk.awarded(once=True)
    actions = desk.hear(sender, claim(attempt))
    assert sent(actions, m.Go) == []
    assert sent(actions, m.Stop) == [(sender, m.Stop(task=KEY, attempt=attempt))]
    assert desk.task().claimed == 0


def test_an_attempt_that_was_passed_over_may_not_claim() -> None:
    desk = Desk("pi4", "pi5")
    desk.submit(once=True)
    desk.hear("pi4", bid(eta_ms=1.0))
    desk.hear("pi5", bid())
    desk.until(15.1)
    assert desk.task().contractor == "pi5"
    assert sent(desk.hear("pi4", claim(1)), m.Stop) == [("pi4", STOP)]
    assert sent(desk.hear("pi5", claim(2)), m.Go) == [("pi5", m.Go(task=KEY, attempt=2, boot=BOOT))]


def test_a_pure_task_has_no_claim() -> None:
    desk = Desk("pi4")
    desk.running()
    assert sent(desk.hear("pi4", claim()), m.Stop) == [("pi4", STOP)]
    assert desk.task().claimed == 0


def test_a_claim_of_another_life_of_the_same_node_makes_it_unknown() -> None:
    desk = Desk("pi4")
    desk.claimed()
    actions = desk.hear("pi4", claim(boot=LATER_BOOT))
    assert (final(actions).outcome, sent(actions, m.Go)) == (Outcome.UNKNOWN, [])
    assert sent(actions, m.Stop) == [("pi4", STOP)]
    assert final(actions).error == (
        "pi4 restarted between its claim and its result; the effect may have begun"
    )


def test_its_result_ends_it() -> None:
    desk = Desk("pi4")
    desk.claimed()
    assert final(desk.hear("pi4", result())).outcome is Outcome.DONE


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNKNOWN])
def test_what_went_wrong_after_the_claim_is_told_and_not_tried_again(outcome: Outcome) -> None:
    desk = Desk("pi4", "pi5")
    desk.submit(once=True)
    desk.hear("pi4", bid(eta_ms=1.0))
    desk.hear("pi5", bid())
    desk.hear("pi4", claim())
    actions = desk.hear("pi4", result(1, outcome, error="no wire"))
    assert (final(actions).outcome, final(actions).error) == (outcome, "no wire")
    assert awards(actions) == []


def test_before_the_claim_the_next_may_try() -> None:
    desk = Desk("pi4", "pi5")
    desk.submit(once=True)
    desk.hear("pi4", bid(eta_ms=1.0))
    desk.hear("pi5", bid())
    assert awards(desk.hear("pi4", refuse())) == [("pi5", 2)]


@pytest.mark.parametrize("boot", [None, LATER_BOOT])
def test_what_another_life_gives_back_may_have_begun_in_the_one_that_claimed(
    boot: str | None,
) -> None:
    desk = Desk("pi4", "pi5")
    desk.claimed()
    assert desk.hear("pi4", refuse(boot=boot)) == []
    assert final(desk.until(30.1)).outcome is Outcome.UNKNOWN


def test_a_refusal_after_the_claim_ends_it_as_failed() -> None:
    desk = Desk("pi4", "pi5")
    desk.claimed()
    actions = desk.hear("pi4", refuse(reason="too late", boot=BOOT))
    assert final(actions).outcome is Outcome.FAILED
    assert final(actions).error == "pi4 gave it back before it began: too late"
    assert awards(actions) == []


def test_silent_for_one_lease_is_waited_for() -> None:
    desk = Desk("pi4")
    desk.claimed()
    assert sent(desk.until(29.9), m.Final) == []
    assert desk.task().silent
    desk.hear("pi4", beat(1))
    assert not desk.task().silent
    assert sent(desk.until(14.9), m.Final) == []
    assert final(desk.hear("pi4", result())).outcome is Outcome.DONE


def test_silent_for_two_leases_is_unknown() -> None:
    desk = Desk("pi4", "pi5")
    desk.claimed()
    actions = desk.until(30.1)
    assert final(actions).outcome is Outcome.UNKNOWN
    assert "fell silent after it was allowed to begin" in final(actions).error
    assert awards(actions) == []


def test_a_silent_contractor_is_asked_for_what_it_may_have_said_in_vain() -> None:
    """Its refusal was lost with a broker; once it is said again, nobody has to call it unknown."""
    desk = Desk("pi4", "pi5")
    desk.claimed()
    asked = sent(desk.until(17.5), m.Go)
    assert asked == [("pi4", GO)] * 3
    told = final(desk.hear("pi4", refuse(reason="no answer to its claim", boot=BOOT)))
    assert told.outcome is Outcome.FAILED


@pytest.mark.parametrize("once", [True, False])
def test_nobody_is_silent_while_the_home_itself_is_off_the_bus(*, once: bool) -> None:
    desk = Desk("pi4", "pi5")
    desk.claimed() if once else desk.awarded()
    desk.home.cut_off = True
    assert desk.until(40.0) == []
    desk.home.cut_off = False
    assert sent(desk.until(14.0), m.Final) == []
    assert (desk.task().contractor, desk.task().attempt) == ("pi4", 1)
    assert final(desk.hear("pi4", result())).outcome is Outcome.DONE


def test_offline_and_restarted_leave_it_to_the_lease() -> None:
    desk = Desk("pi4", "pi5")
    desk.claimed()
    assert desk.gone("pi4") == []
    assert desk.reborn("pi4") == []
    assert desk.task().phase is Phase.RUNNING


def test_the_deadline_after_the_claim_makes_it_unknown() -> None:
    desk = Desk("pi4")
    desk.claimed(deadline_ms=10_000)
    end = final(desk.until(10.0))
    assert end.outcome is Outcome.UNKNOWN
    assert end.error == "the deadline passed while the effect was allowed to run"


def test_the_deadline_before_the_claim_is_expired_and_the_claim_refused() -> None:
    desk = Desk("pi4")
    desk.awarded(once=True, deadline_ms=10_000)
    desk.hear("pi4", started())
    actions = desk.until(10.0)
    assert final(actions).outcome is Outcome.EXPIRED
    assert sent(actions, m.Stop) == [("pi4", STOP)]
    assert sent(desk.hear("pi4", claim()), m.Stop) == [("pi4", STOP)]


def test_a_result_without_a_claim_is_distrusted() -> None:
    desk = Desk("pi4")
    desk.awarded(once=True)
    (distrust,) = desk.hear("pi4", result())
    assert isinstance(distrust, Distrust)
    assert distrust.code == "unclaimed-result"
    assert desk.task().phase is Phase.AWARDED


# --- cancelled -----------------------------------------------------------------------------------


def test_cancelled_before_the_claim_is_cancelled() -> None:
    desk = Desk("pi4")
    desk.awarded(once=True)
    actions = desk.hear("app", m.Cancel(id="t"))
    assert final(actions).outcome is Outcome.CANCELLED
    assert sent(actions, m.Stop) == [("pi4", STOP)]
    assert sent(desk.hear("pi4", claim()), m.Go) == []


def test_cancelled_after_the_claim_waits_for_the_contractors_word() -> None:
    desk = Desk("pi4")
    desk.claimed()
    actions = desk.hear("app", m.Cancel(id="t"))
    assert sent(actions, m.Final) == []
    assert sent(actions, m.Stop) == [("pi4", STOP)]
    assert final(desk.hear("pi4", result())).outcome is Outcome.DONE


def test_cancelled_after_the_claim_and_given_back_is_cancelled() -> None:
    desk = Desk("pi4")
    desk.claimed()
    desk.hear("app", m.Cancel(id="t"))
    assert final(desk.hear("pi4", refuse(boot=BOOT))).outcome is Outcome.CANCELLED


@pytest.mark.parametrize(
    ("wanted", "outcome"), [(False, Outcome.CANCELLED), (True, Outcome.FAILED)]
)
def test_stopped_by_its_worker(wanted: bool, outcome: Outcome) -> None:  # noqa: FBT001
    desk = Desk("pi4")
    desk.claimed()
    if not wanted:
        desk.hear("app", m.Cancel(id="t"))
    assert final(desk.hear("pi4", result(1, Outcome.CANCELLED))).outcome is outcome


def test_a_cancel_after_the_claim_survives_a_restart() -> None:
    desk = Desk("pi4")
    desk.claimed()
    desk.hear("app", m.Cancel(id="t"))
    desk.restart()
    assert desk.task().cancelled
    assert final(desk.hear("pi4", refuse(boot=BOOT))).outcome is Outcome.CANCELLED


# --- the home restarts ---------------------------------------------------------------------------


def test_a_claim_survives_a_restart_of_the_home() -> None:
    desk = Desk("pi4", "pi5")
    desk.claimed()
    actions = desk.restart()
    assert awards(actions + desk.until(14.0)) == []
    assert sent(desk.hear("pi4", claim()), m.Go) == [("pi4", GO)]
    assert sent(desk.hear("pi5", claim()), m.Stop) == [("pi5", STOP)]
    assert final(desk.hear("pi4", result())).outcome is Outcome.DONE


def test_a_claim_by_another_life_after_the_homes_restart_is_unknown() -> None:
    desk = Desk("pi4")
    desk.claimed()
    desk.restart()
    assert final(desk.hear("pi4", claim(boot=LATER_BOOT))).outcome is Outcome.UNKNOWN


def test_before_its_claim_a_restart_of_the_home_repeats_the_award() -> None:
    desk = Desk("pi4")
    desk.awarded(once=True)
    desk.restart()
    assert awards(desk.until(0.0)) == [("pi4", 1)]
    assert sent(desk.hear("pi4", claim()), m.Go) == [("pi4", GO)]
