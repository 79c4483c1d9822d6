"""One attempt as its contractor sees it: started, claimed, begun, reported, stopped, restarted."""

import pytest
from machine_desk import sent
from machine_shop import HOME, Shop, award, halts, refusals, runs

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import Forget, Halt, Run, Save, Send
from daemon.contract import Kept, Phase

STARTED = m.Started(task="app/t", attempt=1, boot="00000001")
CLAIM = m.Claim(task="app/t", attempt=1, boot="00000001")
KEY = "desk/app/t/1"


def prepared() -> Shop:
    """A `once` attempt that has asked for its claim."""
    shop = Shop()
    shop.award(once=True)
    return shop


def begun() -> Shop:
    """A `once` attempt whose effect runs."""
    shop = prepared()
    shop.go()
    return shop


def finished(*, once: bool = False) -> Shop:
    """An attempt whose result was sent once."""
    shop = begun() if once else Shop()
    if not once:
        shop.award()
    shop.end()
    return shop


# --- a pure attempt ------------------------------------------------------------------------------


def test_a_free_slot_runs_it_at_once_and_writes_nothing() -> None:
    assert Shop().award() == [Run(HOME, award())]


def test_started_is_told_a_moment_later() -> None:
    shop = Shop()
    shop.award()
    assert sent(shop.until(0.1), m.Started) == [(HOME, STARTED)]
    assert sent(shop.until(100.0), m.Started) == []


def test_what_ends_sooner_sends_its_result_alone() -> None:
    shop = Shop()
    shop.award()
    shop.end()
    assert sent(shop.until(0.5), m.Started) == []


def test_the_result_is_on_disk_before_it_is_sent() -> None:
    shop = Shop()
    shop.award()
    save, send = shop.end()
    assert isinstance(save, Save)
    assert (save.key, save.phase) == (KEY, "done")
    assert isinstance(send, Send)
    assert (send.to, type(send.message)) == (HOME, m.Result)
    assert b"hello" in save.state


def test_the_disk_never_holds_the_content_that_was_asked() -> None:
    shop = Shop()
    shop.award(once=True)
    shop.go()
    assert all(b"hello" not in row.state for row in shop.disk.rows.values())


def test_the_result_repeats_with_growing_pauses_until_it_is_judged() -> None:
    shop = finished()
    at = shop.now
    times: list[float] = []
    while len(times) < 8 and shop.now < at + 1000.0:
        shop.now = shop.pi.wake()
        told = sent(shop.do(shop.pi.tick(shop.now)), m.Result)
        times += [shop.now - at] * len(told)
    pauses = [later - sooner for sooner, later in zip([0.0, *times], times, strict=False)]
    assert [round(pause) for pause in pauses] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert shop.judge() == [Forget("contract", KEY)]
    assert sent(shop.until(100.0), m.Result) == []


@pytest.mark.parametrize("kept", [True, False])
def test_either_verdict_empties_the_outbox(kept: bool) -> None:  # noqa: FBT001
    shop = finished()
    shop.judge(kept=kept)
    assert (shop.stored(), shop.contract()) == ({}, None)


def test_a_verdict_of_another_home_is_none() -> None:
    shop = finished()
    settled = m.Settled(task="app/t", attempt=1, kept=True)
    assert shop.hear(m.Verdict(settled=(settled,)), home="thief") == []
    assert shop.stored() == {KEY: "done"}


def test_a_verdict_before_the_end_is_none() -> None:
    shop = Shop()
    shop.award()
    assert shop.judge() == []
    assert sent(shop.end(), m.Result)


def test_a_result_that_nobody_judges_is_dropped_after_a_week() -> None:
    shop = finished()
    shop.until(7 * 86_400 - 60)
    assert shop.stored() == {KEY: "done"}
    shop.until(120)
    assert (shop.stored(), shop.contract()) == ({}, None)


# --- the award again -----------------------------------------------------------------------------


def test_the_same_award_again_tells_where_it_stands_and_runs_nothing() -> None:
    shop = Shop()
    shop.award()
    assert shop.award() == [Send(HOME, STARTED)]
    (_, result) = shop.end()
    assert shop.award() == [result]


def test_the_same_award_again_repeats_the_claim() -> None:
    assert prepared().award(once=True) == [Send(HOME, CLAIM)]


def test_after_the_verdict_it_is_neither_run_nor_answered() -> None:
    shop = finished()
    shop.judge()
    assert shop.award() == []


def test_a_newer_attempt_stops_the_older() -> None:
    shop = Shop(slots=2)
    shop.award()
    actions = shop.award(attempt=2)
    assert halts(actions) == [Halt(HOME, "app/t", 1)]
    assert runs(actions) == ["app/t"]
    assert sent(shop.end(attempt=1), m.Result) == []
    assert sent(shop.end(attempt=2), m.Result)


def test_an_older_award_that_comes_late_is_nothing() -> None:
    shop = Shop(slots=2)
    shop.award(attempt=2)
    assert shop.award(attempt=1) == []


def test_another_homes_task_of_the_same_name_is_another_task() -> None:
    shop = Shop(slots=2)
    shop.award(attempt=2)
    assert runs(shop.award(attempt=1, home="hall")) == ["app/t"]


# --- stopped -------------------------------------------------------------------------------------


def test_stopped_while_it_runs_is_halted_and_its_result_unwanted() -> None:
    shop = Shop()
    shop.award()
    assert shop.stop() == [Halt(HOME, "app/t", 1)]
    assert shop.end() == []
    assert (shop.stored(), shop.contract()) == ({}, None)


def test_stopped_after_its_end_is_forgotten() -> None:
    shop = finished()
    assert shop.stop() == [Forget("contract", KEY)]


def test_stopped_while_it_waits_is_given_back() -> None:
    shop = Shop()
    shop.award("app/first")
    shop.award()
    assert refusals(shop.stop()) == [("app/t", 1, "stopped before it began")]
    assert runs(shop.end("app/first")) == []


def test_stopped_without_there_being_one_is_nothing() -> None:
    assert Shop().stop() == []


def test_past_its_deadline_it_does_not_begin() -> None:
    shop = Shop()
    shop.award("app/first")
    shop.award(deadline_ms=2000)
    shop.until(2.0)
    actions = shop.end("app/first")
    assert runs(actions) == []
    assert refusals(actions) == [("app/t", 1, "its deadline passed while it waited here")]


# --- once ----------------------------------------------------------------------------------------


def test_prepared_is_on_disk_and_the_claim_is_asked_for() -> None:
    save, send = Shop().award(once=True)
    assert isinstance(save, Save)
    assert (save.key, save.phase) == (KEY, "prepared")
    assert send == Send(HOME, CLAIM)


def test_the_claim_repeats_each_second() -> None:
    assert sent(prepared().until(3.5), m.Claim) == [(HOME, CLAIM)] * 3


def test_begun_is_on_disk_before_the_effect() -> None:
    save, run = prepared().go()
    assert isinstance(save, Save)
    assert (save.key, save.phase, save.rev) == (KEY, "running", 2)
    assert isinstance(run, Run)


def test_go_twice_begins_once() -> None:
    """A home that repeats the grant asks how it stands."""
    shop = begun()
    assert shop.go() == [Send(HOME, STARTED)]
    shop.end()
    assert [type(message) for _, message in sent(shop.go(), m.Result)] == [m.Result]


def test_go_without_a_claim_begins_nothing() -> None:
    shop = Shop()
    assert shop.go() == []
    shop.award("app/first", once=True)
    shop.award(once=True)  # waits: the slot is taken
    assert shop.go() == []


def test_go_of_another_home_begins_nothing() -> None:
    assert prepared().hear(m.Go(task="app/t", attempt=1, boot="00000001"), home="thief") == []


def test_go_for_the_claim_of_an_earlier_life_begins_nothing() -> None:
    shop = prepared()
    shop.disk.rows.clear()  # the journal was restored from a backup
    shop.restart()
    shop.award(once=True)
    assert shop.go(boot="00000001") == []
    assert runs(shop.go()) == ["app/t"]


def test_what_is_given_back_names_the_life_that_had_claimed_it() -> None:
    shop = prepared()
    ((_, refuse),) = sent(shop.restart(), m.Refuse)
    assert (refuse.boot, shop.boot) == ("00000001", "00000002")


def test_a_claim_without_an_answer_is_given_back() -> None:
    shop = prepared()
    assert refusals(shop.until(11.9)) == []
    assert refusals(shop.until(1.2)) == [("app/t", 1, "no answer to its claim")]
    assert shop.stored() == {}


def test_what_was_given_back_never_begins_and_is_given_back_again() -> None:
    shop = prepared()
    shop.until(13.1)
    again = [("app/t", 1, "no answer to its claim")]
    assert refusals(shop.award(once=True)) == again
    for actions in (shop.go(), shop.stop()):
        assert (runs(actions), refusals(actions)) == ([], again)


def test_a_go_that_comes_after_most_of_a_lease_begins_nothing() -> None:
    shop = prepared()
    shop.award("app/other")  # has beats sent, so that nothing thaws
    while shop.now < 1011.0:
        shop.until(1.0)
    shop.now += 1.9
    shop.pi._beat_at = shop.now
    assert refusals(shop.go()) == [("app/t", 1, "the claim was granted too late")]
    assert shop.stored() == {}


def test_stopped_before_it_began_is_given_back() -> None:
    shop = prepared()
    forget, send = shop.stop()
    assert forget == Forget("contract", KEY)
    assert refusals([send]) == [("app/t", 1, "stopped before it began")]


def test_once_begun_it_is_never_halted() -> None:
    shop = begun()
    assert shop.stop() == []
    assert sent(shop.end(), m.Result)[0][1].outcome is Outcome.DONE


def test_once_done_its_result_stays_until_it_is_judged() -> None:
    shop = finished(once=True)
    assert shop.stop() == []
    assert sent(shop.until(1.0), m.Result)
    assert shop.judge() == [Forget("contract", KEY)]


# --- restarted -----------------------------------------------------------------------------------


def test_a_running_pure_attempt_left_no_trace() -> None:
    shop = Shop()
    shop.award()
    assert shop.restart() == []
    assert shop.pi.wake() == float("inf")
    assert runs(shop.award()) == ["app/t"]  # its home asks again: that is its choice


def test_restarted_after_prepared_is_given_back_and_stays_so() -> None:
    shop = prepared()
    forget, send = shop.restart()
    assert forget == Forget("contract", KEY)
    back = [("app/t", 1, "restarted before it began")]
    assert refusals([send]) == back
    assert refusals(shop.award(once=True)) == back
    assert refusals(shop.go()) == back


def test_restarted_after_begun_is_unknown_and_on_disk() -> None:
    shop = begun()
    save, send = shop.restart()
    assert isinstance(save, Save)
    assert save.phase == "done"
    ((_, result),) = sent([send], m.Result)
    assert (result.outcome, result.result) == (Outcome.UNKNOWN, None)
    assert result.error == "the node stopped after the effect was allowed to begin"
    assert runs(shop.award(once=True) + shop.go()) == []
    # ... in every later life too
    ((_, again),) = sent(shop.restart(), m.Result)
    assert again == result


@pytest.mark.parametrize("once", [False, True])
def test_restarted_after_its_end_the_result_is_sent_again(once: bool) -> None:  # noqa: FBT001
    shop = finished(once=once)
    ((to, result),) = sent(shop.restart(), m.Result)
    assert (to, result.outcome, bytes(result.result or b"")) == (HOME, Outcome.DONE, b'"hello"')
    assert sent(shop.until(1.0), m.Result)
    assert shop.judge() == [Forget("contract", KEY)]


def test_a_result_of_once_survives_restart_and_stop() -> None:
    shop = finished(once=True)
    shop.restart()
    assert shop.stop() == []
    assert shop.contract() is not None


def test_the_week_of_an_outbox_counts_through_restarts() -> None:
    shop = finished()
    shop.now += 6 * 86_400
    shop.restart()
    shop.until(86_400 + 60)
    assert shop.stored() == {}


def test_a_row_of_the_disk_moves_with_the_clock() -> None:
    shop = finished()
    contract = shop.contract()
    assert contract is not None
    assert contract.phase is Phase.DONE
    (row,) = shop.disk.table("contract")
    assert Kept.from_state(row.state, -900.0).finished == contract.begun - 900.0
