"""The contractor's side: a shop and an offer in, a bid out."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bus_topics.codec import decode, encode
from bus_topics.messages import Bid, Features, Offer, Price
from daemon.lanes import Left
from daemon.pricing import Shop, Speed, busy_ms, known, parts, price, quiet_now
from handlers.catalog import Entry, Speeds, Work

MEASURED = Speed(
    prefill_tok_s=1000.0, decode_tok_s=100.0, load_ms=400.0, overhead_ms=5.0, samples=9
)


def entry(**changes: Any) -> Entry:
    values: dict[str, Any] = {
        "capability": "chat",
        "factory": "nowhere:Nothing",
        "model": "text",
        "quality": 0.6,
        "estimate": Work,
        "speeds": Speeds(prefill=500.0, decode=50.0),
        "memory_mb": 100,
    }
    return Entry(**(values | changes))


def shop(**changes: Any) -> Shop:
    values: dict[str, Any] = {
        "node": "pi",
        "entries": {"chat": entry()},
        "speeds": {"chat": MEASURED},
        "warm": {"chat"},
    }
    return Shop(**(values | changes))


def offer(**changes: Any) -> Offer:
    values: dict[str, Any] = {
        "task": "desk/1",
        "auction": "0123abcd",
        "capability": "chat",
        "features": Features(bytes=400, tokens=100, max_tokens=20),
        "deadline_ms": 60_000,
        "window_ms": 150,
    }
    return Offer(**(values | changes))


def chats(*ms: float) -> tuple[Left, ...]:
    return tuple(Left("chat", each) for each in ms)


def total(price_of: Price) -> float:
    return math.fsum(msgspec.structs.astuple(price_of))


def test_a_warm_idle_node_prices_its_measured_speed() -> None:
    bid = price(offer(), "desk", shop(cost_per_s=2.0))
    assert bid == Bid(
        task="desk/1",
        auction="0123abcd",
        eta_ms=305.0,
        quality=0.6,
        cost=0.61,
        hold_ms=30_000,
        model="text",
        warm=True,
        free_slots=1,
        price=Price(prefill_ms=100.0, decode_ms=200.0, overhead_ms=5.0),
    )


def test_a_cold_model_costs_its_load() -> None:
    bid = price(offer(), "desk", shop(warm=()))
    assert (bid.price.load_ms, bid.eta_ms, bid.warm) == (400.0, 705.0, False)


def test_what_is_not_measured_is_assumed_from_the_catalog() -> None:
    bid = price(offer(), "desk", shop(speeds={}, warm=()))
    assert bid.price == Price(load_ms=1200.0, prefill_ms=200.0, decode_ms=400.0, overhead_ms=5.0)
    partly = known(Speed(decode_tok_s=10.0, samples=1), entry())
    assert (partly.prefill_tok_s, partly.decode_tok_s) == (500.0, 10.0)


def test_no_model_no_time_in_it() -> None:
    plain = entry(model="", speeds=Speeds(0.0, 0.0))
    bid = price(offer(), "desk", shop(entries={"chat": plain}, speeds={}))
    assert bid.eta_ms == bid.price.overhead_ms == 5.0


@pytest.mark.parametrize(
    ("slots", "left", "wait"),
    [
        (1, (), 0.0),
        (2, (500.0,), 0.0),
        (1, (500.0,), 500.0),
        (1, (500.0, 100.0), 600.0),
        (2, (500.0, 100.0), 100.0),
        (2, (500.0, 100.0, 50.0), 150.0),
        (2, (500.0, 100.0, 700.0), 500.0),
        (3, (10.0, 20.0, 30.0, 40.0), 20.0),
        (1, (-5.0, 10.0), 10.0),
    ],
)
def test_the_wait_is_when_the_first_slot_is_free(
    slots: int, left: tuple[float, ...], wait: float
) -> None:
    bid = price(offer(), "desk", shop(slots=slots, work_left=chats(*left)))
    assert bid.price.wait_ms == wait
    assert bid.free_slots == max(0, slots - len(left))


def test_a_busy_machine_stretches_the_model_alone() -> None:
    calm = price(offer(), "desk", shop(load=0.9)).price
    busy = price(offer(), "desk", shop(load=2.5)).price
    assert calm == Price(prefill_ms=100.0, decode_ms=200.0, overhead_ms=5.0)
    assert busy == Price(prefill_ms=250.0, decode_ms=500.0, overhead_ms=5.0)


def test_the_wait_costs_nothing() -> None:
    idle = price(offer(), "desk", shop(cost_per_s=1.0))
    queued = price(offer(), "desk", shop(cost_per_s=1.0, work_left=chats(9000.0)))
    assert queued.eta_ms == idle.eta_ms + 9000.0
    assert queued.cost == idle.cost


@pytest.mark.parametrize(
    ("changed_offer", "changed_shop", "reason"),
    [
        ({"capability": "draw"}, {}, "no capability draw"),
        ({"only": ("desk",)}, {}, "not among the nodes asked"),
        ({}, {"closed": "draining"}, "draining"),
        ({}, {"accept_from": {"hall"}}, "takes no work from desk"),
        ({}, {"quiet": True}, "quiet hours"),
        ({"min_quality": 0.61}, {}, "quality 0.60 is below 0.61"),
        ({}, {"max_queue": 2, "work_left": chats(1.0, 1.0, 1.0)}, "queue full: 3 attempts in hand"),
        ({}, {"max_queue": 0, "work_left": chats(1.0)}, "queue full: 1 attempts in hand"),
        ({}, {"slots": 0}, "queue full: 0 attempts in hand"),
        ({}, {"warm": (), "memory_free_mb": 99.5}, "needs 100 MB, 100 MB are free"),
        ({"deadline_ms": 304}, {}, "needs 305 ms, 304 ms are left"),
    ],
)
def test_declined_with_its_reason(
    changed_offer: dict[str, Any], changed_shop: dict[str, Any], reason: str
) -> None:
    bid = price(offer(**changed_offer), "desk", shop(**changed_shop))
    assert bid == Bid(task="desk/1", auction="0123abcd", declined=reason)


@pytest.mark.parametrize(
    ("changed_offer", "changed_shop"),
    [
        ({"only": ("pi", "desk")}, {}),
        ({}, {"accept_from": {"desk"}}),
        ({"min_quality": 0.6}, {}),
        ({}, {"max_queue": 2, "work_left": chats(1.0, 1.0)}),
        ({}, {"max_queue": 0}),
        ({}, {"memory_free_mb": 1.0}),
        ({}, {"warm": (), "memory_free_mb": 100.0}),
        ({"deadline_ms": 305}, {}),
    ],
)
def test_taken_at_the_very_edge(
    changed_offer: dict[str, Any], changed_shop: dict[str, Any]
) -> None:
    assert price(offer(**changed_offer), "desk", shop(**changed_shop)).declined == ""


def test_a_nodes_own_work_passes_what_limits_that_of_others() -> None:
    own = shop(quiet=True, accept_from={"hall"})
    assert price(offer(), "pi", own).declined == ""
    assert price(offer(), "pi", shop(closed="draining")).declined == "draining"


def test_a_long_reason_is_cut_to_fit_the_wire() -> None:
    bid = price(offer(), "desk", shop(closed="x" * 900))
    assert decode(encode(bid), Bid).declined == "x" * 500


def test_hold_never_outlives_the_deadline() -> None:
    assert price(offer(deadline_ms=9000), "desk", shop()).hold_ms == 9000


FLOATS = st.floats(min_value=0.0, max_value=1e6)
RATES = st.floats(min_value=0.01, max_value=1e6)
SPEEDS = st.builds(
    Speed,
    prefill_tok_s=RATES,
    decode_tok_s=RATES,
    load_ms=FLOATS,
    overhead_ms=FLOATS,
    samples=st.just(5),
)
QUEUES = st.lists(FLOATS, max_size=12).map(lambda left: chats(*left))
FEATURES = st.builds(
    Features,
    bytes=st.just(0),
    tokens=st.integers(0, 100_000),
    max_tokens=st.integers(0, 32_768),
)
SHOPS = st.builds(
    shop,
    speeds=SPEEDS.map(lambda speed: {"chat": speed}),
    warm=st.sampled_from([(), ("chat",)]),
    slots=st.integers(1, 4),
    work_left=QUEUES,
    load=st.floats(0.0, 100.0),
    cost_per_s=FLOATS,
)


@given(SHOPS, FEATURES)
def test_the_parts_sum_exactly_to_the_eta_and_the_bid_fits_the_wire(
    given_shop: Shop, features: Features
) -> None:
    bid = price(offer(features=features, deadline_ms=30 * 86_400_000), "desk", given_shop)
    assert bid.eta_ms == total(bid.price)
    assert decode(encode(bid), Bid) == bid


@given(SHOPS, FEATURES, st.data())
def test_more_queue_never_lowers_the_eta(
    given_shop: Shop, features: Features, data: st.DataObject
) -> None:
    queue = list(given_shop.work_left)
    at = data.draw(st.integers(0, len(queue)))
    longer = (*queue[:at], *chats(data.draw(FLOATS)), *queue[at:])
    before = parts("chat", features, given_shop)
    after = parts("chat", features, _with(given_shop, work_left=longer))
    assert after.wait_ms >= before.wait_ms
    assert busy_ms(after) == busy_ms(before)


@given(SHOPS, FEATURES, SPEEDS)
def test_a_faster_speed_never_raises_the_eta(
    given_shop: Shop, features: Features, other: Speed
) -> None:
    speed = given_shop.speeds["chat"]
    faster = Speed(
        prefill_tok_s=max(speed.prefill_tok_s, other.prefill_tok_s),
        decode_tok_s=max(speed.decode_tok_s, other.decode_tok_s),
        load_ms=speed.load_ms,
        overhead_ms=speed.overhead_ms,
        samples=5,
    )
    before = total(parts("chat", features, given_shop))
    assert total(parts("chat", features, _with(given_shop, speeds={"chat": faster}))) <= before


@given(SHOPS, FEATURES, st.integers(1, 1000))
def test_more_tokens_never_lower_the_eta(given_shop: Shop, features: Features, extra: int) -> None:
    more = msgspec.structs.replace(features, tokens=features.tokens + extra)
    assert total(parts("chat", more, given_shop)) >= total(parts("chat", features, given_shop))


def _with(given_shop: Shop, **changes: Any) -> Shop:
    names = ("node", "entries", "speeds", "warm", "slots", "work_left", "load", "cost_per_s")
    return Shop(**({name: getattr(given_shop, name) for name in names} | changes))


@pytest.mark.parametrize(
    ("span", "clock", "quiet"),
    [
        ("22:00-07:00", "21:59", False),
        ("22:00-07:00", "22:00", True),
        ("22:00-07:00", "00:00", True),
        ("22:00-07:00", "06:59", True),
        ("22:00-07:00", "07:00", False),
        ("09:30-17:00", "09:29", False),
        ("09:30-17:00", "09:30", True),
        ("09:30-17:00", "17:00", False),
        ("00:00-00:00", "12:00", True),
        ("", "03:00", False),
    ],
)
def test_quiet_hours(span: str, clock: str, quiet: bool) -> None:  # noqa: FBT001
    hours, minutes = clock.split(":")
    assert quiet_now(span, int(hours) * 60 + int(minutes)) is quiet


@pytest.mark.parametrize(
    "span", ["22:00", "22-07", "24:00-07:00", "22:60-07:00", "22:00-07:00\n", "2:00-7:00", "-"]
)
def test_malformed_quiet_hours_say_what_is_expected(span: str) -> None:
    with pytest.raises(ValueError, match=r"22:00-07:00"):
        quiet_now(span, 0)


@pytest.mark.parametrize("minutes", [-1, 1440])
def test_minutes_outside_the_day_are_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match="0 to 1439"):
        quiet_now("22:00-07:00", minutes)


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_a_span_and_its_complement_share_the_day(begin: int, until: int, now: int) -> None:
    assume(begin != until)
    one, two = (f"{m // 60:02}:{m % 60:02}" for m in (begin, until))
    assert quiet_now(f"{one}-{two}", now) is not quiet_now(f"{two}-{one}", now)
