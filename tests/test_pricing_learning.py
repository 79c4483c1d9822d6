"""What a node learns of its own speed, and a home of the promises of others."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus_topics.messages import Timing
from daemon.pricing import (
    LONGEST_MS,
    MAX_RATIO,
    Calibration,
    Speed,
    believed_ms,
    corrected_ms,
    correction,
    failed,
    learn,
    observe,
    outbid,
    refused,
    restarted,
)
from handlers.protocol import Usage


def run(speed: Speed, *, prefill: float, decode: float, overhead_ms: float = 5.0) -> Speed:
    """One run of 100 and 50 tokens at these speeds."""
    usage = Usage(100, 100 / prefill, 50, 50 / decode)
    run_ms = 1000 * (usage.prefill_s + usage.decode_s) + overhead_ms
    return observe(speed, Timing(run_ms=run_ms, prefill_tokens=100, decode_tokens=50), usage)


def test_the_first_run_is_taken_as_it_is() -> None:
    speed = run(Speed(), prefill=1000.0, decode=100.0)
    assert speed.prefill_tok_s == pytest.approx(1000.0)
    assert speed.decode_tok_s == pytest.approx(100.0)
    assert speed.overhead_ms == pytest.approx(5.0)
    assert (speed.load_ms, speed.samples) == (0.0, 1)


def test_the_first_runs_are_averaged_plainly_then_the_newest_weighs_a_fifth() -> None:
    speed = Speed()
    for decode in (100.0, 50.0, 100.0):
        speed = run(speed, prefill=1000.0, decode=decode)
    assert 1 / speed.decode_tok_s == pytest.approx((1 / 100 + 1 / 50 + 1 / 100) / 3)
    for _ in range(7):
        speed = run(speed, prefill=1000.0, decode=speed.decode_tok_s)
    before = 1 / speed.decode_tok_s
    after = 1 / run(speed, prefill=1000.0, decode=100.0).decode_tok_s
    assert after == pytest.approx(0.8 * before + 0.2 / 100)


@given(st.floats(1.0, 1e5), st.floats(1.0, 1e5), st.floats(1.0, 1e5))
def test_speed_converges_whatever_it_started_from(
    start: float, prefill: float, decode: float
) -> None:
    speed = Speed(prefill_tok_s=start, decode_tok_s=start, overhead_ms=5.0, samples=10)
    for _ in range(120):
        speed = run(speed, prefill=prefill, decode=decode)
    assert speed.prefill_tok_s == pytest.approx(prefill, rel=0.01)
    assert speed.decode_tok_s == pytest.approx(decode, rel=0.01)


def test_one_freak_run_moves_a_known_speed_little() -> None:
    speed = Speed(prefill_tok_s=1000.0, decode_tok_s=100.0, overhead_ms=5.0, samples=10)
    frozen = run(speed, prefill=0.1, decode=0.01, overhead_ms=60_000.0)
    assert frozen.decode_tok_s == pytest.approx(100.0 / 1.6)
    assert frozen.overhead_ms == pytest.approx(5.0 * 1.6)
    assert run(speed, prefill=1e9, decode=1e9).decode_tok_s == pytest.approx(100.0 / 0.85)


def test_a_run_without_tokens_teaches_the_overhead_alone() -> None:
    speed = observe(Speed(decode_tok_s=100.0), Timing(run_ms=40.0), Usage())
    assert speed == Speed(decode_tok_s=100.0, overhead_ms=40.0, samples=1)


def test_load_is_learned_only_from_cold_starts() -> None:
    speed = observe(Speed(), Timing(run_ms=1.0, load_ms=800.0), Usage())
    assert speed.load_ms == 800.0
    assert observe(speed, Timing(run_ms=1.0), Usage()).load_ms == 800.0
    assert observe(speed, Timing(run_ms=1.0, load_ms=400.0), Usage()).load_ms == pytest.approx(720)


def test_the_load_of_the_machine_is_divided_out() -> None:
    usage = Usage(100, 0.2, 50, 1.0)
    timing = Timing(run_ms=1200.0, prefill_tokens=100, decode_tokens=50)
    speed = observe(Speed(), timing, usage, load=2.0)
    assert speed.prefill_tok_s == pytest.approx(1000.0)
    assert speed.decode_tok_s == pytest.approx(100.0)


def test_without_usage_both_speeds_move_by_what_the_run_missed() -> None:
    speed = Speed(prefill_tok_s=1000.0, decode_tok_s=100.0, overhead_ms=5.0, samples=1)
    timing = Timing(run_ms=1205.0, prefill_tokens=100, decode_tokens=50)  # twice the 600 foreseen
    after = observe(speed, timing)
    assert after.prefill_tok_s == pytest.approx(1000.0 / 1.5)
    assert after.decode_tok_s == pytest.approx(100.0 / 1.5)
    assert after.overhead_ms == pytest.approx(5.0)


def test_a_stranger_is_believed() -> None:
    assert correction(Calibration()) == (1.0, 1.0)
    assert corrected_ms(300.0, Calibration(), 15_000.0) == 300.0


@given(st.floats(1.0, 1e5), st.floats(1 / MAX_RATIO, MAX_RATIO))
def test_calibration_converges_to_the_true_ratio(promised: float, ratio: float) -> None:
    calibration = Calibration()
    for _ in range(40):
        calibration = learn(calibration, promised, max(promised * ratio, 1.0))
    true = max(promised * ratio, 1.0) / promised
    assert correction(calibration)[0] == pytest.approx(true, rel=0.01)
    assert believed_ms(promised, calibration) == pytest.approx(promised * true, rel=0.01, abs=0.1)


@given(st.floats(0.0, 1.0), st.floats(1.0, 1e6))
def test_a_promise_of_nothing_ends_at_what_it_really_takes(promised: float, actual: float) -> None:
    calibration = Calibration()
    for _ in range(40):
        calibration = learn(calibration, promised, actual)
    assert believed_ms(promised, calibration) == pytest.approx(actual, rel=0.01)


@given(st.lists(st.tuples(st.floats(0.0, 1e9), st.floats(0.0, 1e9)), max_size=30))
def test_ratio_and_reliability_stay_inside_their_bounds(results: list[tuple[float, float]]) -> None:
    calibration = Calibration()
    for promised, actual in results:
        calibration = failed(learn(calibration, promised, actual))
        ratio, reliability = correction(calibration)
        assert 1 / (MAX_RATIO + 1e-6) <= ratio <= MAX_RATIO + 1e-6
        assert 0.0 < reliability < 1.0
        assert Calibration.from_state(calibration.to_state()) == calibration


def test_no_time_is_believed_beyond_what_a_message_can_tell() -> None:
    calibration = failed(Calibration(log_ratio=math.log(20)))
    assert believed_ms(2e9, calibration) == corrected_ms(2e9, calibration, 1.0) == LONGEST_MS
    assert corrected_ms(0.0, calibration, 1e12) == LONGEST_MS


def test_one_freak_result_moves_a_stranger_half_way() -> None:
    assert correction(learn(Calibration(), 100.0, 400.0))[0] == pytest.approx(2.0)


def test_failures_cost_reliability_and_refusals_less() -> None:
    good = learn(learn(Calibration(), 10.0, 10.0), 10.0, 10.0)
    reliable = correction(good)[1]
    assert correction(failed(good))[1] < correction(refused(good))[1] < reliable == 1.0


def test_failing_is_priced_in_leases() -> None:
    once = failed(Calibration())
    assert correction(once)[1] == pytest.approx(0.8)
    assert corrected_ms(100.0, once, 15_000.0) == pytest.approx(3100.0)


def test_success_heals() -> None:
    calibration = failed(failed(Calibration()))
    worst = correction(calibration)[1]
    for _ in range(30):
        calibration = learn(calibration, 10.0, 10.0)
    assert worst < 0.7
    assert correction(calibration)[1] > 0.98


def test_a_restart_forgives_half_of_the_failures_but_no_slowness() -> None:
    calibration = failed(learn(Calibration(), 10.0, 100.0))
    after = restarted(calibration)
    assert after.failures == calibration.failures / 2
    assert after.log_ratio == calibration.log_ratio


def test_who_is_not_chosen_is_slowly_forgiven() -> None:
    calibration = Calibration()
    for _ in range(5):
        calibration = failed(learn(calibration, 0.0, 2000.0))
    start = corrected_ms(1.0, calibration, 15_000.0)
    for _ in range(500):
        calibration = outbid(calibration)
    assert start > 2000.0
    assert corrected_ms(1.0, calibration, 15_000.0) < 0.05 * start


def test_being_outbid_does_not_fade_praise() -> None:
    quick = learn(Calibration(), 100.0, 10.0)
    assert outbid(quick) == quick


@given(
    st.builds(
        Speed,
        prefill_tok_s=st.floats(0.0, 1e9),
        decode_tok_s=st.floats(0.0, 1e9),
        load_ms=st.floats(0.0, 1e9),
        overhead_ms=st.floats(0.0, 1e9),
        samples=st.integers(0, 10**9),
    )
)
def test_a_speed_survives_the_journal(speed: Speed) -> None:
    assert Speed.from_state(speed.to_state()) == speed


@given(st.binary(max_size=60))
def test_a_damaged_fact_is_as_if_nothing_were_known(state: bytes) -> None:
    assert isinstance(Speed.from_state(state), Speed)
    assert isinstance(Calibration.from_state(state), Calibration)


@pytest.mark.parametrize(
    "state", [b"", b"\xff", b"[]", b'{"samples":-1}', b'{"samples":"x"}', b'{"log_ratio":3.1}']
)
def test_damaged_and_impossible_facts_are_dropped(state: bytes) -> None:
    assert Calibration.from_state(state) == Calibration()
    assert math.isclose(correction(Calibration.from_state(state))[0], 1.0)


@pytest.mark.parametrize("state", [b"", b"\xff", b"[]", b'{"samples":-1}', b'{"load_ms":-0.5}'])
def test_damaged_and_impossible_speeds_are_dropped(state: bytes) -> None:
    assert Speed.from_state(state) == Speed()
