"""The custom integration repeats a few things of the contract: each is held against where it comes from."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from integration_module import module

from bus_topics import codec, topics
from bus_topics import messages as m
from daemon.roster import SILENCE_S
from handlers.catalog import CATALOG
from handlers.home_scene import Scene
from handlers.text_generation import Request

contract, roster, scene, talk = (module(n) for n in ("contract", "roster", "scene", "talk"))
TOPICS = contract.Topics(topics.DEFAULT_BASE, "homeassistant")


def _built(name: str, **names: str) -> str:
    return topics.build(topics.DEFAULT_BASE, name, **names)


def test_topics_are_those_of_the_contract() -> None:
    assert TOPICS.ask("math") == _built("ask", sender="homeassistant", capability="math")
    assert TOPICS.answers == _built("answer", to="homeassistant", capability=contract.ANSWERS)
    assert TOPICS.cards == _built("card", sender="+")
    assert TOPICS.statuses == _built("status", sender="+")
    assert TOPICS.events == _built("event", sender="+")
    for kind in ("submit", "cancel", "final_ack"):
        assert TOPICS.submit("attic", kind) == _built(kind, sender="homeassistant", to="attic")
    for kind in ("accepted", "rejected", "progress", "final"):
        come = _built(kind, sender="attic", to="homeassistant")
        assert [
            a for a, b in zip(TOPICS.inbox.split("/"), come.split("/"), strict=True) if a != b
        ] == [
            "+",
            "+",
        ]


def test_constants_are_those_of_the_contract() -> None:
    assert m.VERSION == contract.VERSION
    assert topics.DEFAULT_BASE == contract.DEFAULT_BASE
    assert f"^{contract.LOGIN_PATTERN}$(?!\\n)" == m.NODE_PATTERN
    assert f"^{contract.CAPABILITY_PATTERN}$(?!\\n)" == m.CAPABILITY_PATTERN
    assert set(contract.PREFERENCES) == {each.value for each in m.Preference}
    assert codec.MAX_CONTENT == contract.MOST_BYTES
    assert SILENCE_S == contract.SILENCE_S
    asked = ("ask", "submit", "cancel", "final_ack")
    assert {topics.BY_NAME[name].qos for name in asked} == {contract.QOS}
    assert not any(topics.BY_NAME[name].retain for name in asked)
    named = {contract.HOME_CONTROL, contract.TEXT_GENERATION, contract.MATH, contract.ROUTING}
    assert named <= set(CATALOG)
    msgspec.convert({"prompt": "x", "max_tokens": contract.MOST_TOKENS}, Request)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"prompt": "x", "max_tokens": contract.MOST_TOKENS + 1}, Request)


@pytest.mark.parametrize(
    "options",
    [
        contract.Options(),
        contract.Options(
            deadline_s=2.5, preference="fastest", private=True, node="attic", max_tokens=9
        ),
    ],
)
def test_what_is_asked_is_an_ask(options: Any) -> None:
    written = contract.ask("ha-1", TOPICS.answers, {"prompt": "über"}, options)
    asked = codec.decode_ask(written.encode())
    assert (asked.id, asked.reply_to) == ("ha-1", TOPICS.answers)
    assert msgspec.json.decode(asked.content) == {"prompt": "über"}
    assert asked.deadline_ms == options.deadline_s * 1000
    assert asked.node == options.node
    assert asked.privacy is (m.Privacy.PRIVATE if options.private else m.Privacy.OPEN)
    submitted = contract.submit("ha-1", "math", "1+1", options)
    submit = codec.decode(submitted.encode(), m.Submit)
    assert submit.stream
    assert submit.capability == "math"
    assert submit.preference == options.preference


def test_what_is_too_large_is_not_sent() -> None:
    with pytest.raises(contract.Malformed, match="245760"):
        contract.ask("ha-1", TOPICS.answers, "x" * contract.MOST_BYTES, contract.Options())


def test_answers_are_read() -> None:
    said = m.Answer(
        id="ha-1",
        outcome=m.Outcome.DONE,
        result=msgspec.Raw(b'{"text":"hello"}'),
        node="attic",
        model="text",
        elapsed_ms=12.5,
        provenance=m.Provenance(node="attic", handler="text_generation", attempt=1),
    )
    read = contract.read_answer(codec.encode(said).decode())
    assert read.done
    assert (read.result, read.node, read.elapsed_ms) == ({"text": "hello"}, "attic", 12.5)
    assert read.provenance["handler"] == "text_generation"
    refused = m.Answer(id="ha-2", rejected=m.RejectCode.BUSY, error="later")
    read = contract.read_answer(codec.encode(refused))
    assert (read.done, read.rejected, read.error) == (False, "busy", "later")
    rejected = m.Rejected(id="ha-3", code=m.RejectCode.DENIED, reason="not you")
    read = contract.read_answer(codec.encode(rejected))
    assert (read.rejected, read.error) == ("denied", "not you")
    abstained = m.Final(id="ha-4", outcome=m.Outcome.DONE, error="abstained: unsure, 0.52")
    assert contract.read_answer(codec.encode(abstained)).abstained
    piece = m.Progress(task="homeassistant/ha-5", attempt=2, seq=3, text=" upon")
    assert contract.read_piece(codec.encode(piece)) == contract.Piece("ha-5", 2, 3, " upon")


@pytest.mark.parametrize("payload", ["", "x", "[]", '{"id": 1}', "[" * 5000, b"\xff"])
def test_what_is_no_answer_is_said_to_be_none(payload: str | bytes) -> None:
    with pytest.raises(contract.Malformed):
        contract.read_answer(payload)


def _card(node: str, **more: Any) -> str:
    skills = (m.Skill(capability="home_control"), m.Skill(capability="math"))
    card = m.Card(node=node, boot="0a" * 8, version="0.1.0", hub=True, skills=skills, **more)
    return codec.encode(card).decode()


def test_the_roster_reads_cards_statuses_and_events() -> None:
    seen = roster.Roster()
    assert seen.on_card("attic", _card("attic"), 0.0)
    assert seen.capable("math", 0.0) == ()  # a card may be older than its node's death
    assert seen.on_status("attic", "online", 1.0)
    assert not seen.on_card("attic", _card("attic"), 2.0)
    assert seen.capable("math", 2.0) == seen.hubs(2.0) == ("attic",)
    decision = m.Decision(
        attempt=1,
        winner="attic",
        preference=m.Preference.FASTEST,
        reason="attic is alone",
        bids=(m.Considered(node="attic", eta_ms=5.0),),
    )
    awarded = m.Event(
        task="app/1", kind="awarded", at_ms=1.0, node="attic", attempt=1, decision=decision
    )
    ended = m.Event(task="app/1", kind="done", at_ms=9.0, node="attic", attempt=1)
    assert seen.on_events(codec.encode(m.Events(events=(awarded, ended))).decode())
    assert seen.last == roster.Decision("app/1", "attic", "attic is alone", seen.last.bids)
    assert seen.last.bids[0]["eta_ms"] == 5.0
    assert seen.ended == {"done": 1}
    assert seen.node("attic").won == 1
    assert seen.live(1.0 + SILENCE_S + 1.1) == ()
    assert seen.on_status("attic", "offline", 3.0)
    assert seen.live(3.0) == ()


def test_the_roster_holds_no_strangers_card() -> None:
    seen = roster.Roster()
    assert not seen.on_card("attic", _card("cellar"), 0.0)
    assert not seen.on_card("attic", "no card", 0.0)
    assert not seen.on_events('{"events": [{"kind": "awarded", "node": 7}, 8]}')
    assert not seen.on_events("{")
    for number in range(roster.MOST_NODES + 20):
        seen.on_status(f"n{number}", "online", 0.0)
    assert len(seen.live(0.0)) == roster.MOST_NODES


def test_another_version_is_seen_and_not_asked() -> None:
    seen = roster.Roster()
    seen.on_card("attic", _card("attic", v=2), 0.0)
    seen.on_status("attic", "online", 0.0)
    assert [node.speaks for node in seen.foreign(0.0)] == [2]
    assert seen.capable("math", 0.0) == seen.hubs(0.0) == ()


def _decoded(home: dict[str, Any]) -> Scene:
    return msgspec.json.decode(json.dumps(home, ensure_ascii=False).encode(), type=Scene)


def test_a_home_is_a_scene() -> None:
    home = scene.scene(
        " turn it on ",
        [
            scene.Thing("light.a", "Lamp A", "Kitchen", "off", ("the big one",), ""),
            scene.Thing("binary_sensor.b", "Window", "", "on", (), "window"),
        ],
        ["Kitchen"],
        [scene.Storey("Ground", ("Kitchen",), ("down here",))],
        "Kitchen",
    )
    read = _decoded(home)
    assert read.text == "turn it on"
    assert read.entities[0].aliases == ("the big one",)
    assert read.entities[1].device_class == "window"
    assert read.floors[0].areas == ("Kitchen",)
    assert read.context.area == "Kitchen"


def test_a_home_that_is_too_large_is_cut_to_what_the_bus_carries() -> None:
    things = [
        scene.Thing(f"light.l{n}", "ü" * 300, "a" * 300, "s" * 300, ("x" * 300,) * 30, "d" * 60)
        for n in range(3000)
    ]
    areas = [f"{'b' * 300}{n}" for n in range(900)]
    floors = [scene.Storey("f" * 300, tuple(areas), ("y" * 300,) * 30)] * 3
    home = scene.scene("z" * 900, things, areas, floors, "h" * 300)
    assert 10 < len(_decoded(home).entities) < scene.MOST_ENTITIES
    contract.ask("ha-1", TOPICS.answers, home, contract.Options(preference="quality_first"))
    small = [scene.Thing(f"light.l{n}", "l") for n in range(3000)]
    assert len(_decoded(scene.scene("z", small)).entities) == scene.MOST_ENTITIES


def test_a_talk_is_a_request() -> None:
    spoken = [
        ("system", ""),
        ("user", "hello"),
        ("assistant", "hi"),
        ("assistant", "what can I do?"),
        ("user", "unanswered"),
        ("user", "tell me more"),
    ]
    told = talk.request("text_generation", "tell me more", talk.turns(spoken))
    read = msgspec.convert(told, Request)
    assert [(turn.user, turn.assistant) for turn in read.history] == [("hello", "hi")]
    assert read.prompt == "tell me more"
    assert talk.request("math", "1+1") == "1+1"
    many = [(role, f"{n}") for n in range(99) for role in ("user", "assistant")]
    last = talk.turns(many)
    assert len(last) == talk.MOST_TURNS
    assert last[-1].user == "98"
    msgspec.convert(talk.request("text_generation", "x", last), Request)
