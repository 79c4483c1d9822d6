"""What runs beside what in a node's processes, what that makes of a price, and what is learned of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_shop import HOME, Shop, runs
from test_machine_contractor import offer

from bus_topics.messages import Timing
from daemon.config import WorkConfig
from daemon.lanes import DRAG, Lanes, Left, _enter, _first_free, _Line, seated, wait_ms
from daemon.pricing import Speed, busy_ms, observe
from handlers.protocol import Usage

MS = st.floats(0.0, 1e4)
TOGETHER = {"text": 4}


def work(*left: tuple[str, float]) -> list[Left]:
    return [Left(*each) for each in left]


def texts(*ms: float) -> list[Left]:
    return [Left("text", each) for each in ms]


def shared(lefts: list[float]) -> dict[int, float]:
    """When each ends, by moving a clock: processor sharing, told step by step."""
    left, clock, ends = dict(enumerate(lefts)), 0.0, {}
    while left:
        pace = 1 + DRAG * (len(left) - 1)
        first = min(left, key=left.__getitem__)
        passed = left.pop(first)
        clock += passed * pace
        ends[first] = clock
        left = {number: each - passed for number, each in left.items()}
    return ends


@given(st.lists(MS, max_size=3), MS)
def test_beside_others_it_ends_when_the_clock_says_so(others: list[float], mine: float) -> None:
    wait = wait_ms(texts(*others), 1, Left("text", mine), TOGETHER)
    assert wait + mine == pytest.approx(shared([*others, mine])[len(others)], abs=1e-6)


@given(st.lists(MS, min_size=1, max_size=4), MS)
def test_what_cannot_join_begins_when_all_are_through(others: list[float], mine: float) -> None:
    wait = wait_ms(texts(*others), 1, Left("chat", mine), TOGETHER)
    assert wait == pytest.approx(max(shared(others).values()), abs=1e-6)


@given(st.lists(MS, min_size=4, max_size=4), MS)
def test_a_full_process_is_joined_when_the_shortest_ends(others: list[float], mine: float) -> None:
    ends = shared(others)
    first = min(ends, key=ends.__getitem__)
    rest = [left - others[first] for number, left in enumerate(others) if number != first]
    wait = wait_ms(texts(*others), 1, Left("text", mine), TOGETHER)
    assert wait + mine == pytest.approx(ends[first] + shared([*rest, mine])[3], abs=1e-6)


@given(
    st.lists(st.tuples(st.sampled_from(["chat", "route"]), MS), max_size=12),
    st.integers(1, 4),
    MS,
)
def test_one_at_a_time_is_dealt_to_the_slot_free_earliest(
    left: list[tuple[str, float]], slots: int, mine: float
) -> None:
    lines = [_Line() for _ in range(slots)]
    for each in work(*left):
        _enter(lines, each, {})
    expected = _first_free(work(*left), slots)
    assert _enter(lines, Left("chat", mine), {}) == pytest.approx(expected)
    assert wait_ms(work(*left), slots, Left("chat", mine), {}) == expected


def test_free_slots_come_before_company() -> None:
    lanes = Lanes(2, TOGETHER)
    for number in range(6):
        assert lanes.fits("text")
        lanes.place(str(number), "text")
    assert [lanes.pace(str(number)) for number in range(6)] == [1 + 2 * DRAG] * 6
    assert not lanes.fits("chat")
    for number in (6, 7):
        lanes.place(str(number), "text")
    assert (lanes.fits("text"), lanes.free("text")) == (False, 0)
    lanes.drop("1")
    assert (lanes.free("text"), lanes.free("chat"), len(lanes)) == (1, 0, 7)
    for number in (3, 5, 7, 6):
        lanes.drop(str(number))
    assert (lanes.free("text"), lanes.free("chat")) == (2, 1)
    lanes.drop("unknown")
    assert list(lanes) == ["0", "2", "4"]


def test_what_is_handed_over_ahead_shares_nothing() -> None:
    lanes = Lanes(1, TOGETHER)
    lanes.place("a", "chat")
    lanes.place("b", "text")
    lanes.place("c", "text")
    assert [lanes.pace(key) for key in "abc"] == [1.0, 1.0, 1.0]
    assert not lanes.fits("text")


def test_what_queues_is_what_comes_after_the_first_that_fits_nowhere() -> None:
    lanes, queued = seated(work(("text", 1), ("text", 1), ("chat", 1), ("text", 1)), 1, TOGETHER)
    assert (len(lanes), queued) == (2, 2)
    lanes, queued = seated(texts(1, 1, 1, 1, 1), 1, TOGETHER)
    assert (len(lanes), queued) == (4, 1)


@given(st.integers(1, 8), st.floats(1.0, 1e4), st.integers(1, 500))
def test_the_speed_learned_is_that_of_one_alone(members: int, tok_s: float, tokens: int) -> None:
    wall = tokens / tok_s * (1 + DRAG * (members - 1))
    usage = Usage(0, 0.0, tokens, wall / members, wall - wall / members)
    timing = Timing(run_ms=1000 * wall + 4.0, decode_tokens=tokens)
    speed = observe(Speed(), timing, usage)
    assert speed.decode_tok_s == pytest.approx(tok_s)
    assert speed.overhead_ms == pytest.approx(4.0, rel=1e-3), "the others are no overhead"


# --- in a node -----------------------------------------------------------------------------------


def test_a_slot_takes_several_of_a_capability_that_can() -> None:
    shop = Shop()
    taken = [runs(shop.award(f"app/{n}", capability="many")) for n in range(5)]
    assert taken == [["app/0"], ["app/1"], ["app/2"], [], []]
    assert runs(shop.end("app/1")) == ["app/3"]
    assert runs(shop.end("app/0")) == ["app/4"]


def test_as_many_as_the_node_is_told_to() -> None:
    shop = Shop(batch=1)
    assert runs(shop.award("app/a", capability="many"))
    assert not runs(shop.award("app/b", capability="many"))
    assert WorkConfig().batch == 4


def test_what_cannot_join_waits_its_turn_and_is_not_overtaken() -> None:
    shop = Shop()
    shop.award("app/a", capability="many")
    assert not runs(shop.award("app/other", capability="slow"))
    assert not runs(shop.award("app/b", capability="many"))
    assert runs(shop.end("app/a")) == ["app/other"]
    assert runs(shop.end("app/other")) == ["app/b"]


def test_a_bid_beside_others_waits_for_its_share_alone() -> None:
    shop = Shop()
    shop.award("app/a", capability="many")
    one = shop.contract("app/a")
    assert one is not None
    beside = shop.pi.quote(offer(capability="many"), HOME, shop.now)
    assert beside.price.wait_ms == pytest.approx(DRAG * one.work_ms, abs=0.125)
    assert (beside.free_slots, busy_ms(beside.price)) == (1, one.work_ms)
    behind = shop.pi.quote(offer(), HOME, shop.now)
    assert (behind.price.wait_ms, behind.free_slots) == (one.work_ms, 0)


def test_a_queue_is_full_by_those_that_wait() -> None:
    shop = Shop(max_queue=1)
    for number in range(3):
        shop.award(f"app/{number}", capability="many")
        assert not shop.pi.quote(offer(capability="many"), HOME, shop.now).declined
    shop.award("app/waits", capability="many")
    told = shop.pi.quote(offer(capability="many"), HOME, shop.now)
    assert told.declined == "queue full: 4 attempts in hand"


def test_progress_beside_others_counts_at_their_pace() -> None:
    shop = Shop()
    for task in "ab":
        shop.award(f"app/{task}", capability="many")
        shop.pi.progressed(f"desk/app/{task}/1", 0, "", 0.5)
    shop.now += 2.8
    alone = 2800 / (1 + DRAG)  # half of each is done; the other half takes as long
    wait = shop.pi.quote(offer(), HOME, shop.now).price.wait_ms
    assert wait == pytest.approx((1 + DRAG) * alone, abs=0.2)
    assert math.isclose(wait, 2800, abs_tol=0.2)
