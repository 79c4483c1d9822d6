"""The choice among bids: who wins, who is out, and what is said about it."""

from typing import Any

import pytest

from bus_topics.codec import decode, encode
from bus_topics.messages import Bid, Considered, Event, Events, Preference
from daemon.policy import MAX_CONSIDERED, Choice, Terms, decide, shares_after
from daemon.pricing import Calibration, failed, learn

TIE = "0123abcd"


def bid(eta_ms: float = 100.0, **changes: Any) -> Bid:
    return Bid(task="desk/1", auction=TIE, eta_ms=eta_ms, **({"quality": 0.5} | changes))


def terms(preference: Preference = Preference.FASTEST, **changes: Any) -> Terms:
    values: dict[str, Any] = {"own": "desk", "deadline_left_ms": 60_000.0, "lease_ms": 15_000.0}
    return Terms(preference=preference, **(values | changes))


def choose(
    bids: dict[str, Bid], wanted: Terms, calibrations: dict[str, Calibration] | None = None
) -> Choice:
    return decide(bids, calibrations or {}, wanted, 1, TIE)


def seen(choice: Choice, node: str) -> Considered:
    return next(view for view in choice.decision.bids if view.node == node)


def learned(promised: float, actual: float, times: int = 40) -> Calibration:
    calibration = Calibration()
    for _ in range(times):
        calibration = learn(calibration, promised, actual)
    return calibration


def test_the_corrected_eta_decides_not_the_promised() -> None:
    choice = choose({"desk": bid(84.0), "pi5": bid(60.0)}, terms(), {"pi5": learned(60.0, 420.0)})
    assert choice.ranking == ("desk", "pi5")
    assert choice.decision.winner == "desk"
    assert choice.decision.reason == (
        "desk wins: 84 ms corrected (bid 84 ms x 1.00) beats pi5's 420 ms (bid 60 ms x 7.00)"
    )
    assert seen(choice, "pi5").correction == pytest.approx(7.0, rel=0.01)
    assert seen(choice, "pi5").corrected_ms == pytest.approx(420.0, rel=0.01)


def test_a_failing_node_pays_its_expected_leases() -> None:
    choice = choose({"desk": bid(900.0), "pi5": bid(10.0)}, terms(), {"pi5": failed(Calibration())})
    assert choice.decision.winner == "desk"
    assert seen(choice, "pi5").reliability == pytest.approx(0.8)
    assert seen(choice, "pi5").corrected_ms == pytest.approx(3010.0)
    alone = choose({"pi5": bid(10.0)}, terms(), {"pi5": failed(Calibration())})
    assert "80% reliable" in alone.decision.reason


def test_nobody_bid() -> None:
    choice = choose({}, terms())
    assert (choice.decision.winner, choice.ranking) == (None, ())
    assert choice.decision.reason == "nobody bid"


def test_after_an_abstention_only_a_better_bid_counts() -> None:
    bids = {"small": bid(1.0), "equal": bid(2.0), "large": bid(900.0, quality=0.51)}
    choice = choose(bids, terms(above=0.5))
    assert choice.ranking == ("large",)
    assert seen(choice, "equal").excluded == "quality 0.50 is not above 0.50, which abstained"


def test_after_an_abstention_a_late_bid_is_worth_nothing() -> None:
    bids = {"large": bid(900.0, quality=0.9)}
    assert choose(bids, terms(deadline_left_ms=800.0)).ranking == ("large",)
    choice = choose(bids, terms(deadline_left_ms=800.0, above=0.5))
    assert choice.ranking == ()
    assert seen(choice, "large").excluded == "late: 900 ms expected, 800 left"


def test_no_valid_bid_says_each_reason() -> None:
    bids = {"a": bid(declined="quiet hours"), "b": bid(quality=0.2), "c": bid()}
    choice = choose(bids, terms(min_quality=0.3, allowed={"a", "b"}))
    assert choice.decision.winner is None
    assert choice.decision.reason == (
        "no bid can be taken: a declined: quiet hours; b quality 0.20 is below 0.30;"
        " c not allowed: the task may go to chosen nodes alone"
    )


def test_only_allowed_nodes_win_and_an_empty_set_is_nobody() -> None:
    bids = {"desk": bid(900.0), "pi5": bid(1.0)}
    assert choose(bids, terms(allowed={"desk"})).ranking == ("desk",)
    assert choose(bids, terms(allowed=())).ranking == ()
    assert choose(bids, terms(allowed=None)).ranking == ("pi5", "desk")


def test_late_bids_are_out_when_somebody_is_in_time() -> None:
    bids = {"slow": bid(5.0, quality=1.0), "fast": bid(400.0, quality=0.1)}
    late = {"slow": learned(5.0, 5000.0)}
    choice = choose(bids, terms(Preference.QUALITY_FIRST, deadline_left_ms=500.0), late)
    assert choice.ranking == ("fast",)
    assert seen(choice, "slow").excluded.startswith("late: ")
    assert choice.decision.reason.endswith("1 excluded")


def test_when_all_would_be_late_the_best_is_taken() -> None:
    choice = choose({"a": bid(900.0), "b": bid(800.0)}, terms(deadline_left_ms=500.0))
    assert choice.ranking == ("b", "a")
    assert choice.decision.reason == (
        "b wins, though late: 800 ms corrected (bid 800 ms x 1.00) beats a's 900 ms"
    )


def test_a_declined_bid_in_time_does_not_make_the_others_late() -> None:
    choice = choose({"a": bid(900.0), "b": bid(declined="full")}, terms(deadline_left_ms=500.0))
    assert choice.ranking == ("a",)


def test_the_risk_of_failing_is_no_lateness() -> None:
    choice = choose({"a": bid(100.0)}, terms(deadline_left_ms=500.0), {"a": failed(Calibration())})
    assert "late" not in choice.decision.reason


@pytest.mark.parametrize(
    ("own_ms", "free", "winner"),
    [
        (640.0, True, "desk"),  # within 4 x 100 + 250
        (660.0, True, "pi5"),
        (110.0, False, "pi5"),  # its slot is taken: it competes as anyone
        (90.0, False, "desk"),
    ],
)
def test_local_first_prefers_the_home_within_reason(
    own_ms: float,
    free: bool,  # noqa: FBT001
    winner: str,
) -> None:
    wanted = terms(Preference.LOCAL_FIRST, own_free=free)
    assert choose({"desk": bid(own_ms), "pi5": bid(100.0)}, wanted).decision.winner == winner


def test_local_first_says_that_it_is_the_home() -> None:
    choice = choose(
        {"desk": bid(300.0), "pi5": bid(100.0)}, terms(Preference.LOCAL_FIRST, own_free=True)
    )
    assert choice.decision.reason == (
        "desk wins as the home itself: 300 ms corrected (bid 300 ms x 1.00)"
        " is near enough to pi5's 100 ms"
    )


def test_quality_first_counts_bands_then_time() -> None:
    wanted = terms(Preference.QUALITY_FIRST)
    bids = {"good": bid(5000.0, quality=0.8), "quick": bid(5.0, quality=0.4)}
    choice = choose(bids, wanted)
    assert choice.decision.winner == "good"
    assert choice.decision.reason.startswith("good wins: quality 0.80 beats quick's 0.40")
    near = {"good": bid(5000.0, quality=0.81), "quick": bid(5.0, quality=0.79)}
    assert choose(near, wanted).decision.winner == "quick"


def test_fastest_is_blind_to_quality() -> None:
    bids = {"good": bid(101.0, quality=1.0), "quick": bid(100.0, quality=0.0)}
    assert choose(bids, terms()).decision.winner == "quick"


def test_cost_counts_a_second_a_unit() -> None:
    bids = {"dear": bid(100.0, cost=0.2), "cheap": bid(290.0)}
    choice = choose(bids, terms())
    assert choice.decision.winner == "cheap"
    assert "at cost 0 beats dear's 100 ms at cost 0.2" in choice.decision.reason
    assert seen(choice, "dear").score == pytest.approx(300.0)


def test_distributed_passes_over_who_won_lately() -> None:
    wanted = terms(Preference.DISTRIBUTED, recent={"pi5": 0.5})
    choice = choose({"desk": bid(250.0), "pi5": bid(100.0)}, wanted)
    assert choice.decision.winner == "desk"
    assert choice.decision.reason == (
        "desk wins: 250 ms corrected (bid 250 ms x 1.00) at 0% of recent wins"
        " beats pi5's 100 ms at 50%"
    )
    assert choose({"desk": bid(350.0), "pi5": bid(100.0)}, wanted).decision.winner == "pi5"


def test_shares_sum_to_one_at_most_and_fade_away() -> None:
    shares: dict[str, float] = {"old": 0.2}
    for _ in range(30):
        shares = shares_after(shares, "new")
    assert list(shares) == ["new"]
    assert 0.99 < shares["new"] <= 1.0


def test_a_tie_is_drawn_by_the_nonce() -> None:
    bids = {node: bid(100.0) for node in ("a", "b", "c", "d")}
    winners = {decide(bids, {}, terms(), 1, f"{i:08x}").decision.winner for i in range(64)}
    assert winners == set(bids)
    assert " wins by lot: " in choose(bids, terms()).decision.reason


def test_a_decision_of_many_wordy_bidders_fits_the_wire() -> None:
    bids = {f"n{i:03}": bid(declined="x" * 500) for i in range(200)} | {"pi5": bid(9.0)}
    choice = choose(bids, terms())
    assert choice.decision.bids[0].node == "pi5"
    assert len(choice.decision.bids) == MAX_CONSIDERED
    assert max(len(view.excluded) for view in choice.decision.bids) == 500
    del bids["pi5"]
    nobody = choose(bids, terms())
    assert len(nobody.decision.reason) == 500
    told = Event(task="desk/1", kind="decided", at_ms=1.0, decision=nobody.decision)
    encode(Events(events=(told,)))


def test_the_worst_that_bidders_can_say_still_fits_the_wire() -> None:
    longest = 30.0 * 86_400_000
    worst = failed(learned(1.0, longest))
    bids = {"a": bid(longest, cost=1e9), "b": bid(0.0)}
    decision = choose(bids, terms(), {"a": worst, "b": worst}).decision
    told = Event(task="desk/1", kind="decided", at_ms=1.0, decision=decision)
    events = Events(events=(told,))
    assert decode(encode(events), Events) == events


def test_being_late_does_not_hide_an_earlier_reason() -> None:
    bids = {"a": bid(900.0, declined="quiet hours"), "b": bid(10.0)}
    choice = choose(bids, terms(deadline_left_ms=500.0))
    assert seen(choice, "a").excluded == "declined: quiet hours"
