"""What holds for every auction: order, privacy, fairness, and the worth of a lie."""

import math
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bus_topics.codec import decode, encode
from bus_topics.messages import Bid, Event, Events, Preference
from daemon.policy import Terms, decide, shares_after
from daemon.pricing import Calibration, believed_ms, corrected_ms, failed, learn, outbid

NODES = ("desk", "pi4", "pi5", "pi-zero", "nas")
ETAS = st.one_of(st.just(100.0), st.floats(0.0, 1e9))
BIDS = st.dictionaries(
    st.sampled_from(NODES),
    st.builds(
        Bid,
        task=st.just("desk/1"),
        auction=st.just("0123abcd"),
        eta_ms=ETAS,
        quality=st.floats(0.0, 1.0),
        cost=st.one_of(st.just(0.0), st.floats(0.0, 1e9)),
        declined=st.sampled_from(["", "", "", "quiet hours"]),
    ),
)
CALIBRATIONS = st.dictionaries(
    st.sampled_from(NODES),
    st.builds(
        Calibration,
        log_ratio=st.floats(-math.log(20), math.log(20)),
        excess_ms=st.floats(0.0, 1e6),
        successes=st.floats(0.0, 10.0),
        failures=st.floats(0.0, 10.0),
    ),
)
TERMS = st.builds(
    Terms,
    preference=st.sampled_from(Preference),
    own=st.sampled_from(NODES),
    deadline_left_ms=st.one_of(st.just(1e9), st.floats(-10.0, 1e6)),
    lease_ms=st.just(15_000.0),
    allowed=st.one_of(st.none(), st.frozensets(st.sampled_from(NODES))),
    min_quality=st.sampled_from([0.0, 0.0, 0.5]),
    above=st.sampled_from([None, None, 0.5]),
    recent=st.dictionaries(st.sampled_from(NODES), st.floats(0.0, 1.0)),
    own_free=st.booleans(),
)
NONCES = st.integers(0, 2**32 - 1).map("{:08x}".format)


@given(BIDS, CALIBRATIONS, TERMS, NONCES, st.randoms(use_true_random=False))
def test_the_order_in_which_bids_came_changes_nothing(
    bids: dict[str, Bid], known: dict[str, Calibration], terms: Terms, tie: str, random: Random
) -> None:
    shuffled = list(bids.items())
    random.shuffle(shuffled)
    assert decide(dict(shuffled), known, terms, 1, tie) == decide(bids, known, terms, 1, tie)


@given(BIDS, CALIBRATIONS, TERMS, NONCES)
def test_a_decision_is_whole_and_inside_its_limits(
    bids: dict[str, Bid], known: dict[str, Calibration], terms: Terms, tie: str
) -> None:
    choice = decide(bids, known, terms, 3, tie)
    views = {view.node: view for view in choice.decision.bids}
    assert set(views) == set(bids)
    assert set(choice.ranking) == {node for node, view in views.items() if not view.excluded}
    assert choice.decision.winner == (choice.ranking[0] if choice.ranking else None)
    assert choice.decision.attempt == 3
    assert choice.decision.reason
    scores = [views[node].score for node in choice.ranking]
    assert scores == sorted(scores)
    for node in choice.ranking:
        assert terms.allowed is None or node in terms.allowed
        assert bids[node].declined == ""
        assert bids[node].quality >= terms.min_quality
        assert terms.above is None or bids[node].quality > terms.above


@given(BIDS, CALIBRATIONS, TERMS, NONCES)
def test_every_number_of_a_decision_survives_the_wire(
    bids: dict[str, Bid], known: dict[str, Calibration], terms: Terms, tie: str
) -> None:
    decision = decide(bids, known, terms, 1, tie).decision
    told = Event(task="desk/1", kind="decided", at_ms=0.0, decision=decision)
    events = Events(events=(told,))
    assert decode(encode(events), Events) == events


@given(BIDS, CALIBRATIONS, TERMS, NONCES)
def test_somebody_is_taken_whenever_anybody_may_be(
    bids: dict[str, Bid], known: dict[str, Calibration], terms: Terms, tie: str
) -> None:
    eligible = [
        node
        for node, bid in bids.items()
        if not bid.declined
        and bid.quality >= terms.min_quality
        and (terms.above is None or bid.quality > terms.above)
        and (terms.allowed is None or node in terms.allowed)
    ]
    in_time = {
        node
        for node in eligible
        if believed_ms(bids[node].eta_ms, known.get(node, Calibration())) <= terms.deadline_left_ms
    }
    late_too = set(eligible) if terms.above is None else set()
    assert set(decide(bids, known, terms, 1, tie).ranking) == (in_time or late_too)


@given(BIDS, CALIBRATIONS, TERMS, NONCES)
def test_losing_the_winner_leaves_the_runners_up_in_order(
    bids: dict[str, Bid], known: dict[str, Calibration], terms: Terms, tie: str
) -> None:
    ranking = decide(bids, known, terms, 1, tie).ranking
    rest = {node: bid for node, bid in bids.items() if node in ranking[1:]}
    assert decide(rest, known, terms, 2, tie).ranking == ranking[1:]


@given(st.integers(2, 6), NONCES)
def test_equal_bidders_take_turns_under_distributed(count: int, tie: str) -> None:
    bids = {f"n{i}": Bid(task="desk/1", auction=tie, eta_ms=100.0) for i in range(count)}
    shares: dict[str, float] = {}
    winners: list[str] = []
    for turn in range(4 * count):
        terms = _plain(Preference.DISTRIBUTED, recent=shares)
        winner = decide(bids, {}, terms, 1, f"{tie}{turn:02x}").ranking[0]
        shares = shares_after(shares, winner)
        winners.append(winner)
    rounds = [winners[i : i + count] for i in range(0, len(winners), count)]
    assert all(len(set(turns)) == count for turns in rounds)


@given(st.floats(0.0, 50.0), st.floats(500.0, 1e6), st.floats(60.0, 250.0))
def test_a_liar_loses_its_advantage_within_five_results(
    promised: float, actual: float, honest_ms: float
) -> None:
    known: dict[str, Calibration] = {}
    bids = {
        "liar": Bid(task="desk/1", auction="00000000", eta_ms=promised),
        "honest": Bid(task="desk/1", auction="00000000", eta_ms=honest_ms),
    }
    took = {"liar": actual, "honest": honest_ms}
    wins = []
    for turn in range(30):
        winner = decide(bids, known, _plain(Preference.FASTEST), 1, f"{turn:08x}").ranking[0]
        loser = "honest" if winner == "liar" else "liar"
        known[winner] = learn(known.get(winner, Calibration()), bids[winner].eta_ms, took[winner])
        known[loser] = outbid(known.get(loser, Calibration()))
        wins.append(winner)
    assert wins[0] == "liar"
    assert wins.index("honest") <= 5


@given(st.integers(1, 20))
def test_who_only_fails_is_left_after_a_few_attempts(honest_ms: int) -> None:
    known = Calibration()
    attempts = 0
    while corrected_ms(0.0, known, 15_000.0) < 250.0 * honest_ms and attempts < 50:
        known = failed(known)
        attempts += 1
    assert attempts <= 3


def _plain(preference: Preference, recent: dict[str, float] | None = None) -> Terms:
    return Terms(
        preference=preference,
        own="home",
        deadline_left_ms=1e9,
        lease_ms=15_000.0,
        recent=recent or {},
    )
