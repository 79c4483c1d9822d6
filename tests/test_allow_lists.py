"""Which login may submit what, and which node may be given what: a home's own lists."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_desk import Desk, awards, bid, offers, refuse, replies, sent

from bus_topics import messages as m
from bus_topics.messages import Outcome, Privacy, RejectCode
from daemon import config
from daemon.actions import Distrust
from daemon.allow import runners, submit_refusal
from daemon.config import ConfigError
from daemon.task import ReplyTo

GOOD = bid(eta_ms=50.0)


def test_without_a_list_everybody_may() -> None:
    assert submit_refusal((), "desk", "camera", "file") == ""
    assert runners((), "desk", "file") is None


def test_a_camera_may_ask_for_vision_and_not_run_file() -> None:
    desk = Desk("pi4", may_submit=("app:vision", "cli:*"))
    ((to, rejected),) = sent(desk.submit(), m.Rejected)
    assert (to, rejected.id, rejected.code) == ("app", "t", RejectCode.DENIED)
    assert rejected.reason == (
        "app may not have echo done by desk: it may ask for vision;"
        ' an operator of desk can add "app:echo" to [auction] may_submit'
    )
    assert desk.home.unfinished() == 0
    assert offers(desk.submit("u", capability="vision"))


def test_who_is_not_listed_may_ask_for_nothing() -> None:
    ((_, rejected),) = sent(Desk(may_submit=("camera:echo",)).submit(), m.Rejected)
    assert "app may ask for nothing" in rejected.reason


def test_an_app_that_only_publishes_is_told_too() -> None:
    desk = Desk(may_submit=("camera:echo",))
    (reply,) = replies(desk.submit(reply=ReplyTo("forgebus/v1/answer/app/echo")))
    assert reply.message.rejected is RejectCode.DENIED
    assert "may_submit" in (reply.message.error or "")


def test_what_was_accepted_before_is_still_answered() -> None:
    desk = Desk("pi4")
    desk.submit()
    desk.settings = msgspec.structs.replace(desk.settings, may_submit=("camera:vision",))
    desk.restart()
    assert sent(desk.submit(), m.Accepted)


def test_a_runner_up_that_may_not_any_more_gets_nothing_after_a_restart() -> None:
    desk = Desk("pi4", "pi5")
    (offer,) = offers(desk.submit())
    first = bid(auction=offer.auction, eta_ms=10.0, hold_ms=60_000)
    assert desk.hear("pi4", first) == []
    later = bid(auction=offer.auction, eta_ms=500.0, hold_ms=60_000)
    assert awards(desk.hear("pi5", later)) == [("pi4", 1)]
    assert desk.task().ranking == ("pi5",)
    desk.settings = msgspec.structs.replace(desk.settings, may_run=("pi4:*",))
    desk.restart()
    assert "pi5" not in [node for node, _ in awards(desk.hear("pi4", refuse()) + desk.until(5.0))]


def test_a_node_that_may_not_run_it_is_not_offered_it_and_its_bid_is_distrusted() -> None:
    desk = Desk("pi4", "pi5", may_run=("pi5:echo", "pi4:math"))
    (offer,) = offers(desk.submit())
    assert offer.only == ("desk", "pi5")
    actions = desk.hear("pi4", bid(auction=offer.auction, eta_ms=1.0))
    assert [one.code for one in actions if isinstance(one, Distrust)] == ["not-allowed"]
    assert awards(desk.hear("pi5", bid(auction=offer.auction))) == [("pi5", 1)]


def test_a_task_for_a_node_that_may_not_run_it_fails_at_once_and_says_why() -> None:
    desk = Desk("pi4", may_run=("pi5:echo",))
    ((_, final),) = sent(desk.submit(node="pi4"), m.Final)
    assert final.outcome is Outcome.FAILED
    assert final.error == "pi4 may not run echo: add 'pi4:echo' to auction.may_run"


def test_the_home_itself_always_may() -> None:
    desk = Desk("desk", "pi4", own=GOOD, may_run=("pi5:math",))
    assert awards(desk.submit()) == [("desk", 1)]


def test_privacy_narrows_the_list_further() -> None:
    desk = Desk("pi4", "pi5", may_run=("pi4:*", "pi5:*"), private_nodes=("pi5", "pi6"))
    (offer,) = offers(desk.submit(privacy=Privacy.PRIVATE))
    assert offer.only == ("desk", "pi5")


@given(
    st.sets(st.tuples(st.sampled_from(("a", "b", "*")), st.sampled_from(("x", "y", "*")))),
    st.sampled_from("ab"),
    st.sampled_from("xy"),
)
def test_both_lists_read_a_rule_alike(rules: set[tuple[str, str]], who: str, what: str) -> None:
    written = [f"{a}:{b}" for a, b in sorted(rules)]
    allowed = not rules or any(a in {who, "*"} and b in {what, "*"} for a, b in rules)
    assert (submit_refusal(written, "desk", who, what) == "") == allowed
    may = runners(written, "desk", what)
    assert (may is None or who in may) == allowed
    assert may is None or "desk" in may


@pytest.mark.parametrize(
    "rule", ["camera", "camera:", ":vision", "Camera:vision", "a:b:c", "a:b\n"]
)
def test_a_rule_that_is_none_is_told(rule: str) -> None:
    with pytest.raises(ConfigError, match="a login and a capability such as camera:vision"):
        config.load(None, {}, {"auction.may_submit": [rule]})


def test_rules_come_from_the_environment_too() -> None:
    env = {"FORGEBUS_AUCTION__MAY_SUBMIT": "camera:vision, cli:*"}
    assert config.load(None, env).auction.may_submit == ("camera:vision", "cli:*")


def test_the_reason_fits_its_field() -> None:
    rules = [f"app:{'c' * 20}{number}" for number in range(60)]
    assert len(submit_refusal(rules, "desk", "app", "echo")) == 500
