"""What a final says of where it comes from: only what was asked for, and what the home knows."""

from __future__ import annotations

from typing import Any

import msgspec
from machine_desk import Desk, abstained, bid, refuse, result, sent, started

from bus_topics import messages as m
from bus_topics.messages import Outcome

TWO = {"pi4": 0.5, "pi5": 0.9}


def final_of(desk: Desk) -> m.Final:
    """The final as it was told last."""
    (_, final), *_ = sent(desk.until(600.0), m.Final)
    return final


def done(**changes: Any) -> m.Final:
    desk = Desk("pi4")
    desk.running(**changes)
    desk.hear("pi4", result(model="home-s"))
    return final_of(desk)


def test_it_is_told_to_who_asks() -> None:
    assert done(provenance=True).provenance == m.Provenance(
        node="pi4", handler="echo", attempt=1, model="home-s", version="1"
    )


def test_who_does_not_ask_gets_a_final_that_every_release_reads() -> None:
    plain = msgspec.json.decode(msgspec.json.encode(done()))
    assert set(plain) == {"id", "outcome", "result", "node", "model", "attempts", "elapsed_ms"}


def test_it_names_the_attempt_that_was_kept_not_the_last() -> None:
    """A node believed dead answers after all, while the next one works."""
    desk = Desk("pi4", "pi5", lease_s=5.0, beat_s=1.0)
    desk.submit(provenance=True)
    for node in ("pi4", "pi5"):
        desk.hear(node, bid(eta_ms=100.0 if node == "pi4" else 200.0))
    desk.hear("pi4", started(1))
    desk.until(6.0)  # its lease is over
    desk.hear("pi5", started(2))
    desk.hear("pi4", result(1))
    final = final_of(desk)
    assert (final.attempts, final.node) == (2, "pi4")
    assert final.provenance is not None
    assert final.provenance.attempt == 1


def test_an_end_without_a_result_comes_from_nowhere() -> None:
    desk = Desk("pi4")
    desk.submit(provenance=True, deadline_ms=50)
    assert final_of(desk).provenance is None


def test_it_survives_a_restart_of_the_home() -> None:
    desk = Desk("pi4")
    desk.running(provenance=True)
    desk.hear("pi4", result(model="home-s"))
    desk.restart()
    final = final_of(desk)
    assert final.provenance is not None
    assert (final.provenance.model, final.provenance.version) == ("home-s", "1")


def test_a_failure_for_good_says_whose_it_is() -> None:
    desk = Desk("pi4")
    desk.running(provenance=True)
    desk.hear("pi4", result(1, Outcome.FAILED, permanent=True, error="bad"))
    final = final_of(desk)
    assert final.outcome is Outcome.FAILED
    assert final.provenance is not None
    assert final.provenance.node == "pi4"


def test_of_abstentions_it_is_the_one_that_was_kept() -> None:
    desk = Desk("pi4", "pi5", qualities=TWO)
    desk.submit(provenance=True)
    for node in ("pi4", "pi5"):
        desk.hear(node, bid(eta_ms=100.0 if node == "pi4" else 900.0, quality=TWO[node]))
    desk.hear("pi4", abstained(1))
    desk.hear("pi5", refuse(2))
    final = final_of(desk)
    assert final.provenance is not None
    assert (final.provenance.node, final.provenance.attempt, final.provenance.version) == (
        *("pi4", 1),
        "1",
    )
