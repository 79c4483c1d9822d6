"""The home's side of a round: who is asked, when it closes, who wins. One call, one assert."""

import msgspec
import pytest
from machine_desk import (
    KEY,
    Desk,
    awards,
    bid,
    claim,
    offers,
    refuse,
    result,
    sent,
    submit,
)

from bus_topics import messages as m
from bus_topics.messages import Outcome, Preference, Privacy
from daemon.actions import Distrust, Save
from daemon.task import Phase

GOOD = bid()


# --- who is asked --------------------------------------------------------------------------------


def test_an_offer_tells_the_size_and_never_the_content() -> None:
    (offer,) = offers(Desk("pi4").submit())
    assert offer.features == m.Features(bytes=7, tokens=1, max_tokens=128)
    assert b"hello" not in msgspec.json.encode(offer)
    assert (offer.window_ms, offer.deadline_ms, offer.only) == (150, 60_000, ())


def test_the_only_capable_node_is_ourselves_and_nobody_is_asked() -> None:
    actions = Desk("desk", own=GOOD).submit()
    assert awards(actions) == [("desk", 1)]
    assert offers(actions) == []


def test_nobody_known_to_be_there_is_the_same() -> None:
    assert awards(Desk(own=GOOD).submit()) == [("desk", 1)]


def test_local_first_with_a_free_slot_asks_nobody() -> None:
    desk = Desk("desk", "pi4", own=GOOD)
    actions = desk.submit(preference=Preference.LOCAL_FIRST)
    assert (awards(actions), offers(actions)) == ([("desk", 1)], [])
    assert desk.task().decisions[0].winner == "desk"


@pytest.mark.parametrize(
    "own",
    [
        bid(free_slots=0),
        bid(declined="quiet hours"),
        bid(eta_ms=61_000.0),
        bid(quality=0.4),
    ],
    ids=["no free slot", "declined", "too late", "too bad"],
)
def test_local_first_asks_when_we_are_not_fit(own: m.Bid) -> None:
    desk = Desk("desk", "pi4", own=own)
    actions = desk.submit(preference=Preference.LOCAL_FIRST, min_quality=0.5)
    assert (awards(actions), len(offers(actions))) == ([], 1)


@pytest.mark.parametrize(
    "preference", [Preference.FASTEST, Preference.QUALITY_FIRST, Preference.DISTRIBUTED]
)
def test_other_preferences_ask_although_we_are_free(preference: Preference) -> None:
    assert len(offers(Desk("desk", "pi4", own=GOOD).submit(preference=preference))) == 1


def test_the_homes_preference_holds_unless_the_task_names_one() -> None:
    desk = Desk("desk", "pi4", own=GOOD)
    assert awards(desk.submit(preference=None)) == [("desk", 1)]
    desk = Desk("desk", "pi4", own=GOOD, preference=Preference.FASTEST)
    assert awards(desk.submit(preference=None)) == []


# --- when it closes ------------------------------------------------------------------------------


def test_a_round_closes_early_once_all_have_answered_and_one_can() -> None:
    desk = Desk("pi4", "pi5")
    desk.submit()
    assert awards(desk.hear("pi4", bid())) == []
    assert awards(desk.hear("pi5", bid(eta_ms=50.0))) == [("pi5", 1)]


def test_a_refusal_to_bid_counts_as_an_answer() -> None:
    desk = Desk("pi4", "pi5")
    desk.submit()
    desk.hear("pi5", bid(declined="quiet hours"))
    assert awards(desk.hear("pi4", bid())) == [("pi4", 1)]


def test_a_round_in_which_all_declined_waits_for_its_window() -> None:
    desk = Desk("pi4")
    desk.submit()
    assert awards(desk.hear("pi4", bid(declined="quiet hours"))) == []
    assert desk.task().phase is Phase.OFFERED
    assert desk.task().due == desk.now + 0.15


def test_the_window_closes_a_round_that_not_all_answered() -> None:
    desk = Desk("pi4", "pi5")
    desk.submit()
    desk.hear("pi4", bid())
    assert awards(desk.until(0.149)) == []
    assert awards(desk.until(0.002)) == [("pi4", 1)]


def test_a_node_that_is_not_live_is_not_waited_for() -> None:
    desk = Desk("pi4", "pi5")
    desk.gone("pi5")
    desk.submit()
    assert awards(desk.hear("pi4", bid())) == [("pi4", 1)]


def test_the_second_bid_of_a_node_replaces_its_first() -> None:
    desk = Desk("pi4", "pi5")
    desk.submit()
    desk.hear("pi4", bid(eta_ms=10.0))
    desk.hear("pi4", bid(eta_ms=900.0))
    assert awards(desk.hear("pi5", bid())) == [("pi5", 1)]


def test_a_bid_for_another_round_counts_for_nothing() -> None:
    desk = Desk("pi4")
    desk.submit()
    assert desk.hear("pi4", bid(auction="ffffffff")) == []
    assert desk.task().bids.keys() == {"desk"}


def test_an_empty_round_repeats_with_the_same_nonce_and_twice_the_window() -> None:
    desk = Desk("pi4")
    rounds = offers(desk.submit() + desk.until(0.15 + 0.3 + 0.6))
    assert [offer.window_ms for offer in rounds] == [150, 300, 600, 1200]
    assert {offer.auction for offer in rounds} == {"00000001"}


def test_the_window_grows_to_its_limit_only() -> None:
    desk = Desk("pi4", max_window_ms=500)
    rounds = offers(desk.submit() + desk.until(3.0))
    assert max(offer.window_ms for offer in rounds) == 500


def test_a_bid_that_answers_an_earlier_round_still_counts() -> None:
    desk = Desk("pi4")
    (first,) = offers(desk.submit())
    desk.until(0.4)
    assert awards(desk.hear("pi4", bid(auction=first.auction))) == [("pi4", 1)]


def test_our_own_node_is_asked_again_in_every_round() -> None:
    desk = Desk("desk", "pi4")
    desk.submit()
    desk.own = GOOD
    assert awards(desk.until(0.15 + 0.3)) == [("desk", 1)]


def test_after_its_empty_rounds_a_task_makes_room_for_another() -> None:
    desk = Desk("pi4", max_open=1, window_ms=10, max_window_ms=20)
    desk.submit("stuck")
    assert offers(desk.submit("next")) == []
    until_requeued = desk.until(0.010 + 5 * 0.020)
    assert [offer.task for offer in offers(until_requeued)] == ["app/stuck"] * 5 + ["app/next"]
    assert desk.task("app/stuck").phase is Phase.QUEUED
    assert "requeued" in [step.kind for step in desk.task("app/stuck").steps]


def test_a_requeued_task_is_offered_again_under_its_nonce() -> None:
    desk = Desk("pi4", window_ms=10, max_window_ms=20)
    rounds = offers(desk.submit() + desk.until(5.0))
    assert len(rounds) > 100
    assert {offer.auction for offer in rounds} == {"00000001"}


def test_at_most_so_many_auctions_are_open() -> None:
    desk = Desk("pi4")
    actions = [action for n in "abcdefghijkl" for action in desk.submit(n)]
    assert len(offers(actions)) == 8
    more = desk.hear("pi4", bid(task="app/a"))
    assert [offer.task for offer in offers(more)] == ["app/i"]


# --- who wins ------------------------------------------------------------------------------------


def test_the_award_carries_the_content_and_what_bounds_it() -> None:
    desk = Desk("pi4")
    actions = desk.awarded(deadline_ms=9000, priority=7, max_tokens=5, stream=True, once=True)
    ((to, award),) = sent(actions, m.Award)
    assert to == "pi4"
    assert award == m.Award(
        task=KEY,
        attempt=1,
        capability="echo",
        content=submit().content,
        lease_ms=15_000,
        deadline_ms=9000,
        max_tokens=5,
        priority=7,
        once=True,
        stream=True,
    )


def test_the_award_is_on_disk_before_it_is_sent() -> None:
    actions = Desk("pi4").awarded()
    kinds = [type(action) for action in actions]
    (award,) = [at for at, action in enumerate(actions) if sent([action], m.Award)]
    assert kinds.index(Save) < award


def test_the_decision_explains_itself() -> None:
    desk = Desk("pi4", "pi5")
    desk.submit()
    desk.hear("pi4", bid(eta_ms=300.0))
    desk.hear("pi5", bid(eta_ms=100.0))
    (decision,) = desk.task().decisions
    assert (decision.winner, decision.attempt) == ("pi5", 1)
    assert [view.node for view in decision.bids] == ["pi5", "pi4", "desk"]
    assert decision.bids[2].excluded == "declined: not asked to"


def test_negotiate_awards_nobody_and_answers_with_the_decision() -> None:
    desk = Desk("desk", "pi4", own=GOOD)
    actions = desk.submit(negotiate=True, preference=Preference.LOCAL_FIRST)
    assert len(offers(actions)) == 1  # although we could do it ourselves
    actions = desk.hear("pi4", bid(eta_ms=1.0))
    assert awards(actions) == []
    ((to, final),) = sent(actions, m.Final)
    assert (to, final.outcome, final.attempts) == ("app", Outcome.DONE, 0)
    decision = msgspec.json.decode(bytes(final.result or b""), type=m.Decision)
    assert decision == desk.task().decisions[0]
    assert {view.node for view in decision.bids} == {"desk", "pi4"}


def test_negotiate_with_nobody_there_says_so() -> None:
    desk = Desk("pi4")
    ((_, final),) = sent(desk.submit(negotiate=True) + desk.until(0.15), m.Final)
    assert msgspec.json.decode(bytes(final.result or b""), type=m.Decision).winner is None


# --- private, and delegated ----------------------------------------------------------------------


def test_private_content_is_offered_to_the_home_and_the_allow_list_alone() -> None:
    desk = Desk("desk", "pi4", "pi5", private_nodes=("pi5",))
    (offer,) = offers(desk.submit(privacy=Privacy.PRIVATE))
    assert offer.only == ("desk", "pi5")


def test_a_bid_for_private_content_from_elsewhere_is_distrusted() -> None:
    desk = Desk("desk", "pi4", "pi5", private_nodes=("pi5",))
    desk.submit(privacy=Privacy.PRIVATE)
    (distrust,) = desk.hear("pi4", bid(eta_ms=1.0))
    assert isinstance(distrust, Distrust)
    assert (distrust.sender, distrust.code) == ("pi4", "not-allowed")
    assert awards(desk.hear("pi5", bid(eta_ms=900.0))) == [("pi5", 1)]


def test_private_content_waits_rather_than_leave() -> None:
    desk = Desk("pi4", own=bid(declined="busy"))
    actions = desk.submit(privacy=Privacy.PRIVATE) + desk.until(59.0)
    assert awards(actions) == []
    assert sent(desk.until(2.0), m.Final)[0][1].outcome is Outcome.EXPIRED


def test_private_content_for_a_node_off_the_list_fails_at_once() -> None:
    desk = Desk("pi4")
    ((_, final),) = sent(desk.submit(privacy=Privacy.PRIVATE, node="pi4"), m.Final)
    assert final.outcome is Outcome.FAILED
    assert final.error == "private content may not go to pi4: add it to auction.private_nodes"


def test_private_content_may_be_delegated_to_a_listed_node() -> None:
    desk = Desk("desk", "pi5", own=GOOD, private_nodes=("pi5",))
    (offer,) = offers(desk.submit(privacy=Privacy.PRIVATE, node="pi5"))
    assert offer.only == ("pi5",)
    assert desk.offers == []  # we are not asked either


def test_a_delegated_task_goes_to_that_node_and_no_other() -> None:
    desk = Desk("desk", "pi4", "pi5", own=GOOD)
    (offer,) = offers(desk.submit(node="pi4"))
    assert offer.only == ("pi4",)
    assert isinstance(desk.hear("pi5", bid())[0], Distrust)
    assert awards(desk.hear("pi4", bid(eta_ms=5000.0))) == [("pi4", 1)]


def test_no_round_hears_more_than_64_bids() -> None:
    desk = Desk("pi4")
    desk.submit()
    for number in range(70):
        desk.hear(f"n{number}", bid())
    assert len(desk.task().bids) == 64


def test_a_round_that_hears_no_more_bids_waits_for_none() -> None:
    names = [f"n{number}" for number in range(70)]
    desk = Desk(*names)
    desk.submit()
    heard = [action for name in names for action in desk.hear(name, bid())]
    assert len(awards(heard)) == 1


# --- what does not belong to the round -----------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.OFFERED, Phase.QUEUED, Phase.FINAL])
def test_a_word_about_an_attempt_that_nobody_has_changes_nothing(phase: Phase) -> None:
    desk = Desk("pi4", window_ms=10, max_window_ms=10)
    desk.submit()
    if phase is Phase.QUEUED:
        desk.until(0.061)
    if phase is Phase.FINAL:
        desk.hear("app", m.Cancel(id="t"))
    before = desk.task()
    assert before.phase is phase
    desk.hear("pi4", refuse())
    assert all(isinstance(action, Distrust) for action in desk.hear("pi4", result()))
    assert sent(desk.hear("pi4", claim()), m.Stop)
    assert desk.task() == before


def test_a_message_about_no_task_of_ours() -> None:
    desk = Desk("pi4")
    assert desk.hear("pi4", bid()) == []
    assert desk.hear("pi4", refuse()) == []
    assert sent(desk.hear("pi4", claim()), m.Stop) == [("pi4", m.Stop(task=KEY, attempt=1))]
    desk.hear("pi4", result())
    ((_, verdict),) = sent(desk.until(0.02), m.Verdict)
    assert verdict.settled == (m.Settled(task=KEY, attempt=1, kept=False),)


# --- what nobody can do stands in nobody's way ---------------------------------------------------


def test_a_round_that_all_declined_takes_no_place_from_others() -> None:
    desk = Desk("pi4", max_open=1)
    desk.submit("stuck")
    assert offers(desk.submit("next")) == []
    actions = desk.hear("pi4", bid(task="app/stuck", declined="quiet hours"))
    assert [offer.task for offer in offers(actions)] == ["app/next"]
    assert desk.task("app/stuck").phase is Phase.OFFERED


def test_a_round_for_which_there_is_nobody_takes_no_place_either() -> None:
    desk = Desk(max_open=1)
    assert all(offers(desk.submit(f"n{n}")) for n in range(20))


def test_it_goes_on_and_the_one_who_comes_late_gets_it() -> None:
    desk = Desk("pi4", max_open=1)
    desk.submit()
    desk.hear("pi4", bid(declined="quiet hours"))
    desk.online("pi5")
    assert [offer.window_ms for offer in offers(desk.until(0.15))] == [300]
    assert offers(desk.submit("next")) == []  # now there is somebody to wait for
    desk.hear("pi4", bid(declined="quiet hours"))
    assert awards(desk.hear("pi5", bid())) == [("pi5", 1)]


def test_a_silent_node_is_given_its_place() -> None:
    desk = Desk("pi4", "pi5", max_open=1)
    desk.submit("waits")
    desk.hear("pi4", bid(task="app/waits", declined="quiet hours"))
    assert offers(desk.submit("next")) == []


def test_after_rounds_in_vain_it_queues_behind_what_came_meanwhile() -> None:
    desk = Desk("pi4", window_ms=10, max_window_ms=20, max_open=1, ageing_s=0.015)
    desk.submit("vain")
    desk.until(0.1101)
    assert (desk.task("app/vain").phase, desk.task("app/vain").rounds) == (Phase.QUEUED, 5)
    assert offers(desk.submit("holds"))
    desk.submit("meanwhile")
    assert offers(desk.until(0.05))[-1].task == "app/holds"
    assert desk.task("app/vain").due is None  # its pause is over
    actions = desk.hear("app", m.Cancel(id="holds"))
    assert [offer.task for offer in offers(actions)] == ["app/meanwhile"]
