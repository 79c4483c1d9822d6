"""All attempts of one node: slots and their order, beats, freezes, draining, what is learned."""

from typing import Any

import msgspec
import pytest
from machine_desk import sent
from machine_shop import HOME, Shop, halts, refusals, runs

from bus_topics import messages as m
from bus_topics.codec import encode
from bus_topics.messages import Outcome
from daemon.actions import Save
from daemon.contract import Phase
from handlers.protocol import Usage

# --- slots ---------------------------------------------------------------------------------------


def test_as_many_run_as_there_are_slots() -> None:
    shop = Shop(slots=2)
    assert [runs(shop.award(f"app/{n}")) for n in "abc"] == [["app/a"], ["app/b"], []]
    assert shop.pi.holding(Phase.RUNNING) == 2
    assert runs(shop.end("app/a")) == ["app/c"]


def test_the_most_urgent_goes_first_then_the_one_that_came_first() -> None:
    shop = Shop()
    shop.award("app/first")
    for name, priority in (("low", 1), ("old", 5), ("new", 5), ("high", 9)):
        shop.now += 0.01
        shop.award(f"app/{name}", priority=priority)
    order = []
    task = "app/first"
    for _ in range(4):
        (task,) = runs(shop.end(task))
        order.append(task.removeprefix("app/"))
    assert order == ["high", "old", "new", "low"]


def test_the_earliest_deadline_goes_first_among_equals_and_waiting_counts() -> None:
    shop = Shop()
    shop.award("app/first")
    shop.award("app/late", deadline_ms=50_000)
    shop.award("app/soon", deadline_ms=40_000)
    shop.award("app/meek", priority=4)
    shop.now += 10.0
    shop.award("app/young", priority=5)
    order, task = [], "app/first"
    for _ in range(4):
        (task,) = runs(shop.end(task))
        order.append(task.removeprefix("app/"))
    assert order == ["soon", "late", "meek", "young"]


def test_a_claim_holds_its_slot() -> None:
    shop = Shop()
    shop.award(once=True)
    assert runs(shop.award("app/next")) == []
    assert runs(shop.stop()) == ["app/next"]


def test_a_halted_attempt_holds_its_slot_until_its_worker_is_free() -> None:
    shop = Shop()
    shop.award()
    shop.award("app/next")
    assert runs(shop.stop()) == []
    assert runs(shop.end(outcome=Outcome.CANCELLED)) == ["app/next"]


def test_short_pure_work_is_handed_over_ahead() -> None:
    shop = Shop()
    timing = m.Timing(run_ms=1.0)
    for n in range(30):  # learn that it is short
        shop.award(f"app/{n}")
        shop.end(f"app/{n}", timing=timing)
    shop.pi.warmed(frozenset({"echo"}))
    started = [runs(shop.award(f"app/x{n}")) for n in range(12)]
    assert sum(map(len, started)) == 8
    shop = Shop()
    assert [len(runs(shop.award(f"app/{n}"))) for n in range(3)] == [1, 0, 0]


def test_what_waits_is_bounded() -> None:
    shop = Shop(max_queue=2)
    for name in "abc":
        shop.award(f"app/{name}")
    full = [("app/d", 1, "pi has 2 attempts waiting, as many as it may")]
    assert refusals(shop.award("app/d")) == full
    assert shop.pi.holding(Phase.WAITING) == 2


def test_without_places_to_wait_it_takes_what_begins_at_once() -> None:
    """As it bids: a slot is free, so nothing waits."""
    shop = Shop(max_queue=0)
    assert not shop.pi.quote(offer(), "desk", shop.now).declined
    assert runs(shop.award("app/a"))
    assert shop.pi.quote(offer(), "desk", shop.now).declined
    full = [("app/b", 1, "pi has 0 attempts waiting, as many as it may")]
    assert refusals(shop.award("app/b")) == full


def test_what_no_longer_waits_makes_room() -> None:
    shop = Shop(max_queue=2)
    shop.award("app/first")
    for n in range(50):
        assert refusals(shop.award(f"app/{n}")) == []
        shop.stop(f"app/{n}")
    assert shop.pi._waiting.ordered() == []


def test_one_home_leaves_places_for_others() -> None:
    """Three quarters are its at most; it is told so by a bid, and where it awards all the same."""
    shop = Shop(max_queue=4)
    for name in ("first", "a", "b", "c"):
        shop.award(f"app/{name}", home="greedy")
    words = "pi has 3 attempts of greedy waiting, as many as of one home"
    assert refusals(shop.award("app/d", home="greedy")) == [("app/d", 1, words)]
    assert shop.pi.quote(offer(), "greedy", shop.now).declined == words
    assert not shop.pi.quote(offer(), "desk", shop.now).declined
    assert refusals(shop.award("app/t")) == []
    shop.hear(m.Stop(task="app/a", attempt=1), "greedy")
    assert refusals(shop.award("app/e", home="greedy")) == []


def test_all_places_are_for_work_of_ones_own() -> None:
    shop = Shop(max_queue=4)
    for name in ("first", *"abcd"):
        assert refusals(shop.award(f"app/{name}", home="pi")) == []


@pytest.mark.parametrize(
    ("home", "changes", "reason"),
    [
        ("desk", {"capability": "draw"}, "pi does not offer draw"),
        ("hall", {}, "pi takes no work from hall"),
    ],
)
def test_the_owners_word_counts_for_awards_too(
    home: str, changes: dict[str, Any], reason: str
) -> None:
    shop = Shop(accept_from=("desk",))
    assert refusals(shop.award(home=home, **changes)) == [("app/t", 1, reason)]
    assert runs(shop.award(home="pi")) == ["app/t"]  # its own work it always takes


# --- what it bids --------------------------------------------------------------------------------


def offer(**changes: object) -> m.Offer:
    """Somebody asks."""
    values: dict[str, object] = {"task": "app/t", "auction": "00000001", "capability": "echo"}
    values |= {"features": m.Features(bytes=7, tokens=1), "deadline_ms": 60_000, "window_ms": 150}
    return msgspec.convert(values | changes, m.Offer)


def test_an_offer_is_answered_to_its_home() -> None:
    ((to, bid),) = sent(Shop().hear(offer(), home="hall"), m.Bid)
    assert (to, bid.task, bid.auction, bid.declined, bid.free_slots) == (
        "hall",
        "app/t",
        "00000001",
        "",
        1,
    )


def test_an_offer_to_others_is_not_answered() -> None:
    assert Shop().hear(offer(only=("pi5",))) == []
    assert len(Shop().hear(offer(only=("pi5", "pi")))) == 1


def test_a_bid_counts_the_work_ahead_and_what_was_dropped_no_more() -> None:
    shop = Shop()
    shop.award("app/a")
    shop.award("app/b")
    one = shop.contract("app/b")
    assert one is not None
    busy = shop.pi.quote(offer(), HOME, shop.now)
    assert (busy.price.wait_ms, busy.free_slots) == (2 * one.work_ms, 0)
    shop.stop("app/b")
    assert shop.pi.quote(offer(), HOME, shop.now).price.wait_ms == one.work_ms


def test_what_runs_counts_by_its_progress() -> None:
    shop = Shop()
    shop.award()
    shop.now += 3.0
    assert shop.pi.quote(offer(), HOME, shop.now).price.wait_ms == 0.0  # overdue by its promise
    shop.pi.progressed("desk/app/t/1", 0, "", 0.75)
    assert shop.pi.quote(offer(), HOME, shop.now).price.wait_ms == 1000.0


# --- beats ---------------------------------------------------------------------------------------


def test_one_beat_a_home_lists_all_it_holds() -> None:
    shop = Shop()
    shop.award("app/a")
    shop.award("app/b", attempt=2)
    shop.award("app/c", home="hall")
    shop.pi.progressed("desk/app/a/1", 0, "", 0.5)
    beats = dict(sent(shop.until(5.0), m.Beat))
    assert beats["desk"] == m.Beat(
        boot="00000001",
        held=(m.Held(task="app/a", attempt=1, fraction=0.5), m.Held(task="app/b", attempt=2)),
    )
    assert beats["hall"].held == (m.Held(task="app/c", attempt=1),)


def test_beats_end_with_the_last_attempt() -> None:
    shop = Shop()
    shop.award()
    assert len(sent(shop.until(20.0), m.Beat)) == 4
    shop.end()
    shop.judge()
    shop.until(5.0)
    assert sent(shop.until(60.0), m.Beat) == []


def test_more_than_a_message_holds_go_in_several_beats() -> None:
    shop = Shop(max_queue=4000)
    for number in range(2500):
        shop.award(f"app/{number}")
    beats = [beat for _, beat in sent(shop.until(5.0), m.Beat)]
    assert [len(beat.held) for beat in beats] == [1000, 1000, 500]
    assert len({held.task for beat in beats for held in beat.held}) == 2500
    assert all(encode(beat) for beat in beats)


# --- a freeze ------------------------------------------------------------------------------------


def test_after_most_of_a_lease_asleep_what_has_not_begun_is_given_back() -> None:
    shop = Shop(slots=2)
    shop.award("app/pure")
    shop.award("app/once", once=True)
    shop.award("app/waits")
    actions = shop.frozen(12.1)
    reason = "pi was stopped for longer than its leases"
    assert refusals(actions) == [("app/once", 1, reason), ("app/waits", 1, reason)]
    assert runs(actions) == []
    assert shop.stored() == {}
    assert shop.contract("app/pure") is not None
    assert [held.task for held in sent(actions, m.Beat)[0][1].held] == ["app/pure"]


def test_a_go_that_waited_through_the_freeze_begins_nothing() -> None:
    shop = Shop()
    shop.award(once=True)
    shop.now += 12.1
    actions = shop.go()
    assert runs(actions) == []
    assert {reason for _, _, reason in refusals(actions)} == {
        "pi was stopped for longer than its leases"
    }


def test_a_shorter_sleep_costs_nothing() -> None:
    shop = Shop()
    shop.award(once=True)
    assert refusals(shop.frozen(11.9)) == []
    assert runs(shop.go()) == ["app/t"]


def test_a_new_award_after_the_freeze_is_taken() -> None:
    shop = Shop()
    shop.award(once=True)
    shop.now += 20.0
    assert sent(shop.award("app/new", once=True), m.Claim)


# --- draining ------------------------------------------------------------------------------------


def test_draining_gives_back_what_has_not_begun_and_starts_nothing() -> None:
    shop = Shop(slots=2)
    shop.award("app/pure")
    shop.award("app/once", once=True)
    shop.award("app/waits")
    shop.award("app/too")
    actions = shop.do(shop.pi.drain("pi is stopping", shop.now))
    assert [task for task, _, _ in refusals(actions)] == ["app/once", "app/waits", "app/too"]
    assert runs(actions) == []
    assert shop.pi.holding(Phase.RUNNING) == 1
    assert refusals(shop.award("app/new")) == [("app/new", 1, "pi is stopping")]
    assert shop.pi.quote(offer(), HOME, shop.now).declined == "pi is stopping"
    assert sent(shop.end("app/pure"), m.Result)


def test_open_again_it_takes_work_but_not_what_it_gave_back() -> None:
    shop = Shop()
    shop.do(shop.pi.drain("two nodes are called pi", shop.now))
    shop.award()
    shop.pi.close("")
    assert refusals(shop.award()) == [("app/t", 1, "two nodes are called pi")]
    assert runs(shop.award(attempt=2)) == ["app/t"]


# --- streaming -----------------------------------------------------------------------------------


def test_chunks_go_to_the_home_of_a_task_that_wants_them() -> None:
    shop = Shop(slots=3)
    shop.award("app/a", stream=True)
    shop.award("app/b")
    ((to, chunk),) = sent(shop.pi.progressed("desk/app/a/1", 3, "he", 0.5), m.Progress)
    assert (to, chunk.seq, chunk.text, chunk.fraction) == (HOME, 3, "he", 0.5)
    assert shop.pi.progressed("desk/app/b/1", 0, "he", None) == []
    assert shop.pi.progressed("desk/app/none/1", 0, "he", None) == []


# --- what it learns of itself --------------------------------------------------------------------

USAGE = Usage(prefill_tokens=100, prefill_s=0.1, decode_tokens=50, decode_s=0.5)
TIMING = m.Timing(run_ms=610.0, load_ms=400.0, prefill_tokens=100, decode_tokens=50)


def test_a_run_teaches_its_speed_and_the_card_tells() -> None:
    shop = Shop()
    shop.award()
    shop.end(usage=USAGE, timing=TIMING)
    (echo, _many, slow) = shop.pi.skills()
    assert (echo.capability, echo.prefill_tok_s, echo.decode_tok_s) == ("echo", 1000.0, 100.0)
    assert (slow.capability, slow.prefill_tok_s) == ("slow", 0.0)


def test_a_failure_teaches_nothing() -> None:
    shop = Shop()
    shop.award()
    shop.end(outcome=Outcome.FAILED, usage=USAGE, timing=TIMING)
    assert shop.pi.skills()[0].decode_tok_s == 0.0


def test_what_was_learned_is_written_a_little_later_and_survives() -> None:
    shop = Shop()
    for n in range(3):
        shop.award(f"app/{n}")
        shop.end(f"app/{n}", usage=USAGE, timing=TIMING)
        shop.judge(f"app/{n}")
    (row,) = [row for row in shop.until(5.0) if isinstance(row, Save)]
    assert (row.table, row.key, row.rev) == ("fact", "speed/echo/", 1)
    skills = shop.pi.skills()
    shop.restart()
    assert shop.pi.skills() == skills
    shop.award()
    shop.end(usage=USAGE, timing=TIMING)
    assert [row.rev for row in shop.pi.lessons() if isinstance(row, Save)] == [2]
    assert shop.pi.lessons() == []


def test_the_speed_of_another_model_is_not_taken_up() -> None:
    shop = Shop()
    state = b'{"prefill_tok_s":7.0,"decode_tok_s":7.0,"load_ms":7.0,"overhead_ms":7.0,"samples":7}'
    shop.pi.restore_speed("speed/echo/other", 3, state)
    shop.pi.restore_speed("speed/gone/", 3, state)
    assert all(skill.decode_tok_s == 0.0 for skill in shop.pi.skills())


# --- memory --------------------------------------------------------------------------------------


def test_nothing_piles_up() -> None:
    shop = Shop()
    for n in range(3000):
        shop.award(f"app/{n}", once=n % 2 == 0)
        for _ in range(3):
            shop.award(f"app/{n}", once=n % 2 == 0)
            shop.go(f"app/{n}")
        shop.end(f"app/{n}")
        shop.judge(f"app/{n}")
    shop.until(20.0)
    pi = shop.pi
    assert (pi._contracts, pi._attempts, {*pi._busy}, pi._waiting.ordered(), shop.stored()) == (
        {},
        {},
        set(),
        [],
        {},
    )
    assert len(pi._timers._heap) < 100
    assert len(pi._over) == 2000
    assert not pi._starts
    assert halts(shop.stop("app/1")) == []


def test_a_word_too_many_adds_no_timer() -> None:
    shop = Shop()
    shop.award(once=True)
    for _ in range(100):
        shop.award(once=True)
    claims = sent(shop.until(3.5), m.Claim)
    assert len(claims) == 3
