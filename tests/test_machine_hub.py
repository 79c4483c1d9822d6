"""The door for apps that only publish: who takes an ask, what becomes of it, where the answer goes."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from machine_desk import Desk, bid, offers, replies, result
from msgspec import Raw

from bus_topics import messages as m
from bus_topics.messages import Outcome, RejectCode, Status
from daemon.actions import Action, Distrust, Save, Word
from daemon.hub import MAX_HELD, SETTLE_S, TAKE_OVER_S, Asked, Hub
from daemon.roster import Roster
from daemon.task import Order, from_body

BASE = "forgebus/v1"
ANSWER = f"{BASE}/answer/app/echo"
HUBS = ("hall", "desk", "attic")


def asked(
    payload: bytes = b"turn off the lights",
    response_topic: str | None = None,
    correlation: bytes | None = None,
) -> Asked:
    return Asked("app", "echo", payload, response_topic, correlation)


def roster_of(*hubs: str) -> Roster:
    roster = Roster()
    for hub in hubs:
        card = m.Card(node=hub, boot="aaaaaaaa", version="1", hub=True)
        roster.on_status(hub, Status.ONLINE, 1000.0)
        roster.on_card(hub, card, 1000.0)
    return roster


class Door:
    """A hub before a home."""

    def __init__(self, *hubs: str, own: str = "desk", **settings: Any) -> None:
        self.desk = Desk("pi4", **settings)
        self.roster = roster_of(*hubs)
        self.hub: Hub[str] = Hub(
            own, BASE, self.roster, self.desk.home.submit, lambda: "ask-0000000000000001"
        )
        self.hub.linked(self.desk.now - SETTLE_S)

    def ask(self, ask: Asked, message: str = "first") -> tuple[list[Action], str | None]:
        actions, acked = self.hub.ask(ask, self.desk.now, message)
        return [*actions, *self.desk.do(actions)[len(actions) :]], acked


def order_of(actions: Sequence[Action]) -> Order:
    """The task that an ask became."""
    (save,) = [action for action in actions if isinstance(action, Save) and action.admit]
    return from_body(save.body or b"")


def words(actions: Sequence[Action]) -> list[m.Taken]:
    return [action.taken for action in actions if isinstance(action, Word)]


def distrusts(actions: Sequence[Action]) -> list[tuple[str, str]]:
    return [(a.sender, a.code) for a in actions if isinstance(a, Distrust)]


# --- an ask becomes a task -----------------------------------------------------------------------


def test_plain_text_becomes_a_task_of_the_apps_own_name() -> None:
    actions, acked = Door("desk").ask(asked())
    order = order_of(actions)
    assert acked == "first"
    assert order.key == "app/ask-0000000000000001"
    assert (order.submit.capability, order.submit.content) == (
        "echo",
        Raw(b'"turn off the lights"'),
    )
    assert order.reply is not None
    assert (order.reply.topic, order.reply.correlation) == (ANSWER, "")
    (taken,) = words(actions)
    assert taken == m.Taken(task=order.key, digest=asked().digest())


def test_json_says_how_it_is_to_be_done() -> None:
    payload = (
        b'{"content":[1],"id":"x","once":true,"privacy":"private","node":"pi4","priority":9,'
        b'"deadline_ms":500,"max_tokens":7,"preference":"fastest","handoff":false}'
    )
    submit = order_of(Door("desk").ask(asked(payload))[0]).submit
    assert submit == m.Submit(
        id="x",
        capability="echo",
        content=Raw(b"[1]"),
        once=True,
        privacy=m.Privacy.PRIVATE,
        node="pi4",
        priority=9,
        deadline_ms=500,
        max_tokens=7,
        handoff=False,
        preference=m.Preference.FASTEST,
    )


def test_a_final_comes_back_as_an_answer_with_its_correlation() -> None:
    door = Door("desk")
    actions, _ = door.ask(asked(b'{"content":1,"id":"t"}', f"{ANSWER}/mine", b"\x00\xff"))
    assert offers(actions)
    door.desk.hear("pi4", bid())
    (reply,) = replies(door.desk.hear("pi4", result()))
    assert (reply.topic, reply.correlation, reply.task) == (f"{ANSWER}/mine", b"\x00\xff", "app/t")
    assert (reply.message.id, reply.message.outcome) == ("t", Outcome.DONE)


def test_the_same_ask_delivered_twice_with_an_id_is_one_task() -> None:
    door = Door("desk")
    door.ask(asked(b'{"content":1,"id":"t"}'))
    actions, acked = door.ask(asked(b'{"content":1,"id":"t"}'), "again")
    assert acked == "again"
    assert [action for action in actions if not isinstance(action, Word)] == []
    assert door.desk.home.unfinished() == 1


def test_a_full_home_says_so_to_the_app() -> None:
    door = Door("desk", max_tasks=1)
    door.ask(asked(b'{"content":1,"id":"a"}'))
    (reply,) = replies(door.ask(asked(b'{"content":1,"id":"b"}'))[0])
    assert (reply.topic, reply.message.rejected) == (ANSWER, RejectCode.BUSY)


# --- where the answer goes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "reply_to", "topic"),
    [
        (None, None, ANSWER),
        (None, f"{BASE}/answer/app/mine", f"{BASE}/answer/app/mine"),
        (f"{BASE}/answer/app/a", f"{BASE}/answer/app/b", f"{BASE}/answer/app/a"),
        (f"{BASE}/in/app/desk/echo", None, f"{BASE}/in/app/desk/echo"),
    ],
)
def test_the_response_topic_then_the_payloads_then_the_usual(
    response: str | None, reply_to: str | None, topic: str
) -> None:
    named = f',"reply_to":"{reply_to}"' if reply_to else ""
    order = order_of(Door("desk").ask(asked(f'{{"content":1{named}}}'.encode(), response))[0])
    assert order.reply is not None
    assert order.reply.topic == topic


@pytest.mark.parametrize(
    "topic",
    [
        f"{BASE}/answer/other/echo",
        f"{BASE}/answer/app",
        f"{BASE}/answer/app/",
        f"{BASE}/answer/appendix/echo",
        f"{BASE}/answer/app/+",
        f"{BASE}/answer/app/#",
        f"{BASE}/answer/app/a\x00b",
        f"{BASE}/answer/app/{'x' * 200}",
        f"{BASE}/in/desk/app/submit",
        f"{BASE}/in/app/other/final",
        f"{BASE}/node/desk/status",
        "homeassistant/switch/set",
        "$SYS/broker",
    ],
)
def test_a_reply_topic_elsewhere_is_refused_where_the_app_reads(topic: str) -> None:
    door = Door("desk")
    actions, acked = door.ask(asked(response_topic=topic, correlation=b"c"))
    assert acked == "first"
    assert distrusts(actions) == [("app", "reply-topic")]
    (reply,) = replies(actions)
    assert (reply.topic, reply.correlation) == (ANSWER, b"c")
    assert reply.message.rejected is RejectCode.DENIED
    assert door.desk.home.unfinished() == 0
    assert words(actions)  # the other hubs need not refuse it too


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff\xfe", b'{"content":1', b'{"content":1,"priority":10}', b'{"content":1,"x":2}'],
    ids=["empty", "not UTF-8", "half", "out of range", "unknown field"],
)
def test_a_malformed_ask_is_answered_and_quarantined(payload: bytes) -> None:
    door = Door("desk")
    actions, acked = door.ask(asked(payload, correlation=b"c"))
    assert acked == "first"
    ((sender, _),) = distrusts(actions)
    assert sender == "app"
    (reply,) = replies(actions)
    assert (reply.topic, reply.correlation) == (ANSWER, b"c")
    assert reply.message.rejected is RejectCode.INVALID
    assert "content" in reply.message.error
    assert door.desk.home.unfinished() == 0
    assert words(actions)


@pytest.mark.parametrize(
    ("payload", "response", "topic"),
    [
        (b'{"content":1', f"{BASE}/answer/app/mine", f"{BASE}/answer/app/mine"),
        (b'{"content":1', f"{BASE}/answer/other/x", ANSWER),
        (
            f'{{"content":1,"once":true,"reply_to":"{BASE}/answer/app/b"}}'.encode(),
            None,
            f"{BASE}/answer/app/b",
        ),
    ],
    ids=["malformed", "malformed, and elsewhere", "once without an id"],
)
def test_a_refusal_goes_where_the_answer_would_have_gone(
    payload: bytes, response: str | None, topic: str
) -> None:
    """Who waits at its response topic alone would else wait for nothing."""
    (reply,) = replies(Door("desk").ask(asked(payload, response, b"c"))[0])
    assert (reply.topic, reply.correlation) == (topic, b"c")
    assert reply.message.rejected is RejectCode.INVALID


def test_an_effect_is_asked_for_under_an_id() -> None:
    """Delivered again after a crash, an ask without an id cannot be told from a second one."""
    door = Door("desk")
    actions, _ = door.ask(asked(b'{"content":1,"once":true}'))
    assert distrusts(actions) == [("app", "once-without-id")]
    (reply,) = replies(actions)
    assert reply.message.rejected is RejectCode.INVALID
    assert door.desk.home.unfinished() == 0
    door.ask(asked(b'{"content":1,"once":true,"id":"a"}'))
    assert door.desk.home.unfinished() == 1


# --- several hubs --------------------------------------------------------------------------------


def test_the_digest_is_the_same_on_every_hub_and_differs_by_every_part() -> None:
    assert asked().digest() == asked().digest()
    others = [
        asked(),
        asked(b"turn on the lights"),
        asked(response_topic=ANSWER),
        asked(correlation=b"1"),
        Asked("other", "echo", b"turn off the lights", None, None),
        Asked("app", "chat", b"turn off the lights", None, None),
    ]
    assert len({one.digest() for one in others}) == len(others)


def test_of_several_hubs_one_takes_it_and_the_others_hold_it() -> None:
    took = []
    for number in range(30):
        ask = asked(str(number).encode())
        takers = [own for own in HUBS if Door(*HUBS, own=own).ask(ask)[1] is not None]
        took += takers
        assert takers == [roster_of(*HUBS).hubs(ask.digest(), 1000.0)[0]]
    assert set(took) == set(HUBS)


def held(rank: int) -> tuple[Door, str]:
    """A hub that is `rank`th in order for the ask."""
    own = roster_of(*HUBS).hubs(asked().digest(), 1000.0)[rank]
    return Door(*HUBS, own=own), own


def test_a_held_ask_is_acknowledged_when_another_hub_took_it() -> None:
    door, _ = held(1)
    assert door.ask(asked()) == ([], None)
    assert door.hub.taken("other") is None
    assert door.hub.taken(asked().digest()) == "first"
    assert door.hub.wake() == float("inf")
    assert door.hub.taken(asked().digest()) is None


@pytest.mark.parametrize("rank", [1, 2])
def test_without_a_word_the_next_in_order_takes_over(rank: int) -> None:
    door, _ = held(rank)
    door.ask(asked())
    due = 1000.0 + TAKE_OVER_S * rank
    assert door.hub.wake() == due
    assert door.hub.tick(due - 0.1) == []
    ((actions, message),) = door.hub.tick(due)
    assert message == "first"
    assert order_of(actions).submit.content == Raw(b'"turn off the lights"')
    assert words(actions)
    assert door.hub.tick(due + 10.0) == []


def test_two_equal_asks_are_two_asks() -> None:
    door, _ = held(1)
    door.ask(asked(), "first")
    door.ask(asked(), "second")
    assert door.hub.taken(asked().digest()) == "first"
    ((_, message),) = door.hub.tick(1003.0)
    assert message == "second"


def test_an_ask_that_comes_again_after_a_lost_link_is_one_ask() -> None:
    door, _ = held(1)
    assert door.ask(asked(), "before")[1] is None
    door.hub.link_lost()
    assert door.ask(asked(), "again")[1] is None
    door.hub.linked(1000.0)
    assert door.hub.tick(1000.0 + SETTLE_S) == []
    ((_, message),) = door.hub.tick(1000.0 + SETTLE_S + TAKE_OVER_S)
    assert message == "again"
    assert door.hub.wake() == math.inf


def test_an_ask_cut_off_is_taken_over_even_if_the_broker_has_forgotten_it() -> None:
    door, _ = held(1)
    door.ask(asked(), "before")
    door.hub.link_lost()
    assert door.hub.wake() == math.inf, "nothing is taken over while the words are not heard"
    door.hub.linked(1000.0)
    door.hub.tick(1000.0 + SETTLE_S)
    assert len(door.hub.tick(1000.0 + SETTLE_S + TAKE_OVER_S)) == 1


@pytest.mark.parametrize("rank", [0, 1])
def test_a_hub_that_comes_back_waits_for_the_words_of_those_who_stayed(rank: int) -> None:
    door, _ = held(rank)
    door.hub.link_lost()
    assert door.ask(asked(), "taken by another") == ([], None)
    door.hub.linked(1000.0)
    assert door.ask(asked(b"on again"), "nobody was there") == ([], None)
    assert door.hub.taken(asked().digest()) == "taken by another"
    took = door.hub.tick(1000.0 + SETTLE_S)
    took += door.hub.tick(1000.0 + SETTLE_S + 2 * TAKE_OVER_S)
    assert [message for _, message in took] == ["nobody was there"]


def test_a_hub_that_is_not_live_is_not_waited_for() -> None:
    door, own = held(1)
    first = roster_of(*HUBS).hubs(asked().digest(), 1000.0)[0]
    door.roster.on_status(first, Status.OFFLINE, 1000.0)
    assert own != first
    assert door.ask(asked())[1] == "first"


def test_with_no_hub_known_it_is_taken() -> None:
    assert Door().ask(asked())[1] == "first"


def test_more_than_can_be_held_is_taken() -> None:
    door, _ = held(1)
    for number in range(MAX_HELD):
        assert door.ask(asked(), str(number))[1] is None
    assert door.ask(asked(), "one more")[1] == "one more"
