"""Nodes that promise what they do not keep: what a home makes of it, and how they come back."""

from __future__ import annotations

from typing import Any

from machine_desk import KEY, LATER_BOOT, Desk, awards, beat, bid, result, sent

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import Action
from daemon.task import Phase


def round_of(desk: Desk, id_: str, **changes: Any) -> str:
    """A task for which the liar promises 0 ms and an honest node 2 s; who got it."""
    desk.submit(id_, **changes)
    key = f"app/{id_}"
    for node, eta_ms in (("liar", 0.0), ("pi5", 2000.0)):
        desk.hear(node, bid(task=key, auction=desk.task(key).auction, eta_ms=eta_ms))
    return desk.task(key).contractor


def held(desk: Desk, seconds: float, *attempts: int) -> list[Action]:
    """The liar lives and says that it works."""
    actions: list[Action] = []
    for _ in range(round(seconds / 5)):
        actions += desk.until(5.0) + desk.hear("liar", beat(*attempts))
    return actions


def test_who_keeps_a_task_far_beyond_its_promise_loses_it_to_another() -> None:
    desk = Desk("liar", "pi5")
    assert round_of(desk, "t") == "liar"
    actions = held(desk, 50.0, 1)
    assert awards(actions)[-1] == ("pi5", 2)
    assert ("liar", m.Stop(task=KEY, attempt=1)) in sent(actions, m.Stop)
    assert "liar promised 0 ms; after 50 s others may" in desk.task().decisions[-1].reason
    desk.hear("pi5", result(2))
    assert desk.task().outcome is Outcome.DONE
    assert round_of(desk, "u") == "pi5"


def test_a_slow_answer_is_better_than_none() -> None:
    """The last attempt, and one that nobody else could have, are waited for."""
    for desk in (Desk("liar", "pi5", max_attempts=1), Desk("liar")):
        assert round_of(desk, "t") == "liar"
        assert not sent(held(desk, 55.0, 1), m.Stop)
        assert (desk.task().contractor, desk.task().phase) == ("liar", Phase.RUNNING)
        desk.hear("liar", result())
        assert desk.task().outcome is Outcome.DONE


def test_what_is_allowed_to_begin_is_never_taken_away() -> None:
    desk = Desk("liar", "pi5")
    assert round_of(desk, "t", once=True) == "liar"
    desk.hear("liar", m.Claim(task=KEY, attempt=1, boot="aaaaaaaa"))
    assert not sent(held(desk, 55.0, 1), m.Stop)
    assert desk.task().claimed == 1


def test_who_lets_a_deadline_pass_is_blamed_for_it() -> None:
    desk = Desk("liar", "pi5", max_attempts=1)
    assert round_of(desk, "t", deadline_ms=12_000) == "liar"
    held(desk, 15.0, 1)
    assert desk.task().outcome is Outcome.EXPIRED
    assert desk.home.reputation.of("liar", "echo").failures == 1.0
    assert desk.home.reputation.of("pi5", "echo").failures == 0.0


def test_a_node_that_starts_anew_all_the_time_is_forgiven_once() -> None:
    desk = Desk("liar", "pi5", max_attempts=1)
    assert round_of(desk, "t", deadline_ms=12_000) == "liar"
    held(desk, 15.0, 1)
    for number in range(20):
        desk.online("liar", f"{number:08x}")
        desk.do(desk.home.node_changed("liar", f"{number:08x}", desk.now))
    assert desk.home.reputation.of("liar", "echo").failures == 0.5
    desk.now += 3600.0
    desk.do(desk.home.node_changed("liar", LATER_BOOT, desk.now))
    assert desk.home.reputation.of("liar", "echo").failures == 0.25


def test_good_deeds_and_time_bring_a_node_back() -> None:
    """Outbid for long enough it gets a task again; with that done as promised, the next too."""
    desk = Desk("liar", "pi5")
    assert round_of(desk, "t") == "liar"
    desk.now += 8.0
    desk.hear("liar", result(task="app/t"))
    winners = []
    for number in range(400):
        desk.now += 60.0
        for node in ("liar", "pi5"):
            desk.online(node)
        winners.append(round_of(desk, f"n{number}"))
        desk.now += 0.001 if winners[-1] == "liar" else 2.0
        desk.hear(winners[-1], result(task=f"app/n{number}"))
    assert winners[0] == "pi5"
    assert winners[-20:] == ["liar"] * 20
