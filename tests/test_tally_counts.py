"""What is counted at a node's edges: each thing once, under its name, in bounded memory."""

from __future__ import annotations

import pytest

from bus_topics import messages as m
from bus_topics.messages import Outcome, RejectCode
from daemon.tally import MOST_NODES, OPEN_ROUNDS, Buckets, Tally
from daemon.turn import Rate
from handlers.protocol import Usage

FEATURES = m.Features(bytes=1, tokens=1, max_tokens=1)


def offer(task: str, auction: str = "0" * 16) -> m.Offer:
    return m.Offer(
        task=task,
        auction=auction,
        capability="math",
        features=FEATURES,
        deadline_ms=1000,
        window_ms=150,
    )


def bid(task: str, auction: str = "0" * 16, declined: str = "") -> m.Bid:
    return m.Bid(task=task, auction=auction, declined=declined)


def test_a_value_falls_under_the_first_bound_that_it_does_not_exceed() -> None:
    buckets = Buckets((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        buckets.add(value)
    assert buckets.counts == [2, 2, 1]
    assert buckets.sum == 14.0


def test_bids_are_timed_from_the_latest_offer_of_their_round() -> None:
    tally = Tally()
    tally.offered(offer("a/1"), 10.0)
    tally.bid(bid("a/1"), 10.25)
    tally.offered(offer("a/1"), 11.0)
    tally.bid(bid("a/1", declined="no"), 11.5)
    tally.bid(bid("a/1", "f" * 16), 12.0)
    tally.bid(bid("a/2"), 12.0)
    assert tally.bid_s.sum == pytest.approx(0.75), "a bid for no round of ours is not timed"
    assert tally.bids == {False: 3, True: 1}


def test_a_promise_is_kept_lost_refused_or_failed() -> None:
    tally = Tally()
    tally.rated(Rate("attic", 100.0, 250.0))
    tally.rated(Rate("attic", 0.0, 0.0))
    tally.rated(Rate("attic", refused=True))
    tally.rated(Rate("attic", lost=True))
    tally.rated(Rate("attic"))
    assert tally.promise_ratio.sum == pytest.approx(2.5 + 1.0), "nothing is shorter than 1 ms"
    assert tally.lost == {"attic": 1}
    assert tally.broken == {"refused": 1, "failed": 1}


def test_messages_tokens_and_ends_have_their_names() -> None:
    tally = Tally()
    tally.sends(m.Rejected(id="1", code=RejectCode.BUSY, reason="full"))
    tally.sends(m.Answer(id="1", rejected=RejectCode.INVALID))
    tally.sends(m.Answer(id="1", outcome=Outcome.DONE))
    tally.told(m.Event(task="a/1", kind="done", at_ms=1500.0))
    tally.told(m.Event(task="a/1", kind="failed", at_ms=1500.0))
    result = m.Result(task="a/1", attempt=1, outcome=Outcome.DONE, model="home")
    tally.ran(result, Usage(prefill_tokens=7, prefill_s=0.5, decode_tokens=3, decode_s=0.25))
    assert tally.sent == {"rejected": 1, "answer": 2}
    assert tally.rejected == {"busy": 1, "invalid": 1}
    assert tally.events == {"done": 1, "failed": 1}
    assert (sum(tally.task_s.counts), tally.task_s.sum) == (1, 1.5), "only what was done is timed"
    assert tally.attempts == {("home", "done"): 1}
    assert tally.tokens == {("home", "prefill"): 7, ("home", "decode"): 3}
    assert tally.model_s == {("home", "prefill"): 0.5, ("home", "decode"): 0.25}


@pytest.mark.parametrize("payload", [b"", b"-1", b"1.5", b"many", b"9" * 40, "\u0663".encode()])
def test_what_the_broker_says_is_a_number_or_nothing(payload: bytes) -> None:
    tally = Tally()
    tally.broker_said("$SYS/broker/publish/messages/dropped", b"17")
    tally.broker_said("$SYS/broker/publish/messages/dropped", payload)
    tally.broker_said("$SYS/broker/uptime", b"5")
    assert tally.broker == {"dropped": 17}


def test_nobody_can_make_it_grow_without_end() -> None:
    tally = Tally()
    for number in range(2 * MOST_NODES):
        tally.rated(Rate(f"node-{number}", lost=True))
    tally.rated(Rate("node-0", lost=True))
    assert len(tally.lost) == MOST_NODES + 1
    assert (tally.lost["node-0"], tally.lost[""]) == (2, MOST_NODES)
    for number in range(2 * OPEN_ROUNDS):
        tally.offered(offer(f"a/{number}"), 0.0)
    assert len(tally._offered) == OPEN_ROUNDS


def test_a_copy_stands_still() -> None:
    tally = Tally()
    before = tally.copy()
    tally.quarantined["not-json"] += 1
    tally.bid_s.add(1.0)
    assert (before.quarantined, sum(before.bid_s.counts)) == ({}, 0)
