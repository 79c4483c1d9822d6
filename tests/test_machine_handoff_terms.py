"""Handing on under terms: switched off, private, `once`, cancelled, late, over a restart."""

from collections.abc import Callable

import msgspec
import pytest
from machine_desk import (
    BOOT,
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
from machine_unsure import BETTER, details, final, handed_on, kept, raced, unsure, verdicts

from bus_topics import messages as m
from bus_topics.messages import Outcome, Privacy
from daemon.actions import Action, Distrust, Save
from daemon.task import from_body

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
    assert sent(desk.hear("gpu", claim(2)), m.Go) == [("gpu", m.Go(task=KEY, attempt=2, boot=BOOT))]
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
    assert kept(desk.hear("gpu", refuse(2, boot=BOOT)))


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
