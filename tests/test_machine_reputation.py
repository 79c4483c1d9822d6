"""What a home learned of its contractors: written a little later, read back the same."""

import pytest
from machine_desk import Desk, bid, result

from bus_topics.messages import Preference
from daemon import pricing
from daemon.actions import Save
from daemon.pricing import Calibration
from daemon.reputation import PREFIX, Reputation
from daemon.turn import Rate


def learned() -> Reputation:
    reputation = Reputation()
    reputation.rate("echo", Rate("pi4", 100.0, 250.0), 10.0)
    reputation.rate("echo", Rate("pi5"), 11.0)
    reputation.rate("chat", Rate("pi4", refused=True), 12.0)
    return reputation


def rows(reputation: Reputation) -> list[Save]:
    return [row for row in reputation.lessons() if isinstance(row, Save)]


def test_a_stranger_is_neutral() -> None:
    assert Reputation().of("pi4", "echo") == Calibration()
    assert Reputation().wins("echo") == {}


def test_each_capability_of_each_node_is_its_own() -> None:
    reputation = learned()
    assert reputation.of("pi4", "echo") == pricing.learn(Calibration(), 100.0, 250.0)
    assert reputation.of("pi5", "echo") == pricing.failed(Calibration())
    assert reputation.of("pi4", "chat") == pricing.refused(Calibration())


def test_what_was_learned_is_written_five_seconds_later_in_one_go() -> None:
    reputation = learned()
    assert reputation.due == 15.0
    assert [(row.table, row.key, row.rev) for row in rows(reputation)] == [
        ("fact", "calibration/pi4/chat", 1),
        ("fact", "calibration/pi4/echo", 1),
        ("fact", "calibration/pi5/echo", 1),
    ]
    assert reputation.due == float("inf")
    assert reputation.lessons() == []


def test_the_rows_read_back_are_what_was_learned() -> None:
    before, after = learned(), Reputation()
    for row in rows(before):
        assert row.key.startswith(PREFIX)
        after.restore(row.key, row.rev, row.state)
    for node, capability in (("pi4", "echo"), ("pi5", "echo"), ("pi4", "chat")):
        assert after.of(node, capability) == before.of(node, capability)
    assert after.lessons() == []  # what was read is not news
    after.rate("echo", Rate("pi5"), 20.0)
    assert [(row.key, row.rev) for row in rows(after)] == [("calibration/pi5/echo", 2)]


def test_a_row_that_cannot_be_read_is_a_stranger() -> None:
    reputation = Reputation()
    reputation.restore("calibration/pi4/echo", 7, b"\xff")
    assert reputation.of("pi4", "echo") == Calibration()


def test_a_new_life_is_forgiven_half() -> None:
    reputation = learned()
    reputation.restarted("pi5", 20.0)
    assert reputation.of("pi5", "echo").failures == 0.5
    assert reputation.of("pi4", "chat").failures == 0.25


def test_who_bid_in_vain_is_forgiven_a_little_and_strangers_are_not_enrolled() -> None:
    reputation = learned()
    reputation.outbid("echo", ("pi5", "stranger"), 20.0)
    assert reputation.of("pi5", "echo").failures == pytest.approx(0.99)
    assert ("stranger", "echo") not in reputation._calibrations


def test_rounds_that_are_open_together_know_of_each_others_awards() -> None:
    desk = Desk("pi4", "pi5")
    for number in range(4):
        desk.submit(f"t{number}", preference=Preference.DISTRIBUTED)
    tasks = [f"app/t{number}" for number in range(4)]
    for key in tasks:
        for node, eta_ms in (("pi4", 90.0), ("pi5", 100.0)):
            desk.hear(node, bid(task=key, auction=desk.task(key).auction, eta_ms=eta_ms))
    winners = [desk.task(key).contractor for key in tasks]
    assert sorted(winners) == ["pi4", "pi4", "pi5", "pi5"]


def test_a_home_writes_what_it_learned_and_a_later_life_bids_by_it() -> None:
    desk = Desk("pi4", "pi5")
    desk.submit("a")
    desk.hear("pi4", bid(task="app/a", eta_ms=10.0))
    desk.hear("pi5", bid(task="app/a", eta_ms=20.0))
    desk.now += 5.0
    desk.hear("pi4", result(task="app/a"))  # 500 times as long as it promised
    (row,) = [row for row in desk.until(10.0) if isinstance(row, Save) and row.table == "fact"]
    desk.restart()
    desk.home.reputation.restore(row.key, row.rev, row.state)
    desk.submit("b")
    nonce = desk.task("app/b").auction
    desk.hear("pi4", bid(task="app/b", auction=nonce, eta_ms=10.0))
    desk.hear("pi5", bid(task="app/b", auction=nonce, eta_ms=20.0))
    assert desk.task("app/b").contractor == "pi5"
