"""What the custom integration makes of answers: calls of intents, structured data, words, troubles."""

from __future__ import annotations

import json
import re
import string
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integration_module import module

from engine.grammar import json_schema
from handlers.home_actions import INTENTS, Intent
from handlers.home_control import Control

contract, pieces, plan = (module(n) for n in ("contract", "pieces", "plan"))
roster, schema, speech, talk, troubles = (
    module(n) for n in ("roster", "schema", "speech", "talk", "troubles")
)


def _answer(*intents: Intent) -> Any:
    told = Control(intents, abstained=not intents, probability=0.99)
    return msgspec.json.decode(msgspec.json.encode(told))


def _steps(name: str, slots: dict[str, Any], *entities: str, **attributes: Any) -> list[Any]:
    found: list[Any] = plan.steps(
        _answer(Intent(name, slots, entities, 0.99)), lambda _: attributes
    )
    return found


def test_entities_are_called_by_their_ids() -> None:
    found = _steps("HassTurnOff", {"area": "Kitchen", "domain": "light"}, "light.a", "light.b")
    assert [(step.intent, step.slots, step.entity_id) for step in found] == [
        ("HassTurnOff", {"name": "light.a"}, "light.a"),
        ("HassTurnOff", {"name": "light.b"}, "light.b"),
    ]


def test_values_stay_and_numbers_are_whole() -> None:
    (step,) = _steps(
        "HassLightSet", {"name": "Lamp", "brightness": 30.0, "color": "red"}, "light.a"
    )
    assert step.slots == {"name": "light.a", "brightness": 30, "color": "red"}
    assert isinstance(step.slots["brightness"], int)
    (step,) = _steps("HassClimateSetTemperature", {"temperature": 20.5}, "climate.a")
    assert step.slots["temperature"] == 20.5
    (step,) = _steps("HassStartTimer", {"minutes": 5.0, "name": "tea"})
    assert (step.slots, step.entity_id) == ({"minutes": 5, "name": "tea"}, "")


@pytest.mark.parametrize(
    ("name", "slot", "by", "attributes", "becomes"),
    [
        ("HassLightSet", "brightness_step", 15.0, {"brightness": 128}, {"brightness": 65}),
        ("HassLightSet", "brightness_step", 15.0, {"brightness": None}, {"brightness": 15}),
        ("HassLightSet", "brightness_step", -15.0, {"brightness": 20}, {"brightness": 1}),
        ("HassLightSet", "brightness_step", 90.0, {"brightness": 200}, {"brightness": 100}),
        ("HassFanSetSpeed", "percentage_step", -20.0, {"percentage": 10}, {"percentage": 0}),
        (
            *("HassClimateSetTemperature", "temperature_step", -1.0),
            *({"temperature": 20.5}, {"temperature": 19.5}),
        ),
        ("HassSetVolumeRelative", "volume_step", -10.0, {}, {"volume_step": -10}),
    ],
)
def test_a_step_becomes_where_it_leads(
    name: str, slot: str, by: float, attributes: dict[str, Any], becomes: dict[str, Any]
) -> None:
    (step,) = _steps(name, {slot: by}, "light.a", **attributes)
    assert step.slots == {"name": "light.a"} | becomes


def test_a_step_from_nowhere_is_impossible() -> None:
    with pytest.raises(plan.Impossible, match="temperature"):
        _steps("HassClimateSetTemperature", {"temperature_step": 1.0}, "climate.a")


@pytest.mark.parametrize(
    "result",
    [
        *(None, [], {}, {"intents": 1}, {"intents": [7]}),
        {"intents": [{"name": "HassTurnOn", "slots": {}, "entities": [7]}]},
        {"intents": [{"name": "HassTurnOn", "slots": [], "entities": []}]},
    ],
)
def test_a_malformed_answer_is_impossible(result: Any) -> None:
    with pytest.raises(plan.Impossible):
        plan.steps(result, lambda _: None)


def test_an_abstention_is_known_and_calls_nothing() -> None:
    assert plan.abstained(_answer())
    assert plan.steps(_answer(), lambda _: None) == []
    assert not plan.abstained(_answer(Intent("HassTurnOn", {}, ("light.a",), 0.99)))


def test_every_question_of_the_home_model_is_known_as_one() -> None:
    questions = {name for name in INTENTS if "Get" in name or "Status" in name}
    assert questions == plan.ASKING


def test_what_the_model_may_answer_is_called_and_nothing_else() -> None:
    assert {name for name, domains in INTENTS.items() if domains} == plan.TARGETED
    assert {name for name, domains in INTENTS.items() if not domains} == plan.UNTARGETED
    for name, entities in (("OpenTheGate", ("light.a",)), ("OpenTheGate", ()), ("HassTurnOff", ())):
        with pytest.raises(plan.Impossible, match="is not called"):
            _steps(name, {}, *entities)


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("A" * 900, "light.a"),
        ("Line\nbreak", "light.a"),
        ("HassTurnOn", "light." + "a" * 900),
        ("HassTurnOn", "light.a\nbreak"),
        ("HassTurnOn", "what was said"),
    ],
)
def test_what_is_told_of_an_answer_is_short_and_in_one_line(name: str, entity: str) -> None:
    with pytest.raises(plan.Impossible) as told:
        _steps(name, {}, entity)
    assert len(str(told.value)) < 120
    assert "\n" not in str(told.value)
    assert "said" not in str(told.value)


@pytest.mark.parametrize("payload", ['{"a":NaN}', '{"a":-Infinity}', r'{"a":"\ud800"}', '["a"]'])
def test_what_cannot_be_written_again_is_not_read(payload: str) -> None:
    for form in (payload, payload.encode()):
        with pytest.raises(contract.Malformed):
            contract.read_object(form)
    assert contract.read_object(r'{"a":"\ud83d\ude00"}') == {"a": "\U0001f600"}


# What Home Assistant's selectors come to, by its own converter.
@pytest.mark.parametrize(
    "told",
    [
        {"type": "string"},
        {"type": "string", "format": "entity_id", "description": "which"},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "ISO 3166-1 alpha-2"},
        {"type": "string", "enum": ["a", "b"]},
        {"type": "number", "minimum": -20, "maximum": 40.5},
        {"type": "integer", "minimum": 0, "maximum": 10, "nullable": True},
        {"type": "boolean"},
        {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}},
        {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3},
        {"type": "array"},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "properties": {}, "required": []},
        {"anyOf": [{"type": "string", "nullable": True}, {"type": "integer"}]},
        {"allOf": [{"type": "string"}, {"maxLength": 8}]},
        {"nullable": True, "anyOf": [{"type": "boolean"}, {"type": "integer"}]},
        {},
    ],
)
def test_a_structure_is_a_schema_that_nodes_understand(told: dict[str, Any]) -> None:
    whole = {
        "type": "object",
        "properties": {"it": told, "other": {"type": "boolean", "default": True}},
        "required": ["it"],
    }
    found = schema.understood(whole)
    json_schema(found)
    assert found["required"] == ["it"]
    assert found["additionalProperties"] is False


def test_a_structure_that_no_text_can_be_held_to_is_told() -> None:
    with pytest.raises(schema.Unsupported, match="file"):
        schema.understood({"type": "object", "properties": {"it": {"type": "file"}}})


@given(st.text(max_size=60), st.data())
def test_pieces_come_to_the_whole_text(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    lost = data.draw(st.none() | st.integers(0, len(parts) - 1))
    coming = pieces.Pieces()
    shown = ""
    for seq, part in enumerate(parts):
        if seq != lost:
            shown += coming.add(contract.Piece("t", 1, seq, part))
            shown += coming.add(contract.Piece("t", 1, seq, part))  # and once more
    assert shown + coming.finish(text) == text


def test_another_attempt_is_not_mixed_in() -> None:
    coming = pieces.Pieces()
    shown = coming.add(contract.Piece("t", 1, 0, "Once"))
    shown += coming.add(contract.Piece("t", 2, 0, "There"))
    shown += coming.add(contract.Piece("t", 2, 1, " was"))
    assert shown == "Once"
    assert shown + coming.finish("There was") == "Once\nThere was"
    assert talk.words_of({"answer": "56"}) == "56"
    assert talk.words_of({"answer": "", "abstained": True}) == talk.words_of([]) == ""
    assert talk.talker("text", "x") == "x"
    assert talk.talker("web", "x") is None


def test_both_languages_say_the_same_things() -> None:
    words = speech._WORDS
    assert words["en"].keys() == words["de"].keys()
    for key, said in words["en"].items():
        fields = [
            {f for _, f, _, _ in string.Formatter().parse(w) if f} for w in (said, words["de"][key])
        ]
        assert {re.split(r"\.", f)[0] for f in fields[0]} == {
            re.split(r"\.", f)[0] for f in fields[1]
        }


@pytest.mark.parametrize(
    ("language", "done", "said"),
    [
        ("en", [("HassTurnOn", "light", "A", "B")], "Turned on A and B."),
        ("en-GB", [("HassTurnOff", "cover", "A")], "Closed A."),
        ("de-CH", [("HassTurnOn", "lock", "A")], "A abgeschlossen."),
        ("de", [("HassTurnOff", "light", *"ABCDE")], "5 Geräte ausgeschaltet."),
        ("fr", [("HassLightSet", "light", "A")], "Set A."),
        ("en", [("HassStartTimer", "")], "Done."),
        ("en", [("HassVacuumStart", "vacuum", "A"), ("HassStartTimer", "")], "Done."),
    ],
)
def test_what_was_done_is_said(language: str, done: list[tuple[str, ...]], said: str) -> None:
    told = [speech.Done(name, domain, tuple(names)) for name, domain, *names in done]
    assert speech.of_actions(language, told) == said


def test_states_are_said() -> None:
    assert speech.of_states("en", [("Door", "closed")]) == "Door is closed."
    assert speech.of_states("de", []) == speech.word("de", "nothing")


def _seen(**cards: Any) -> Any:
    seen = roster.Roster()
    for node, more in cards.items():
        card = {"node": node, "hub": True, "skills": [{"capability": "home_control"}]} | more
        seen.on_card(node, json.dumps(card), 0.0)
        seen.on_status(node, "online", 0.0)
    return seen


def _kinds(seen: Any, now: float = 0.0, **more: Any) -> dict[str, Any]:
    facts = {"connected": True, "unanswered": 0, "wanted": ["home_control"]} | more
    topics = contract.Topics("forgebus/v1", "homeassistant")
    found = troubles.troubles(seen, topics, now, **facts)
    return {trouble.kind: trouble.told for trouble in found}


def test_troubles_are_told_by_what_is_missing() -> None:
    assert _kinds(_seen(attic={})) == {}
    assert set(_kinds(_seen(attic={}), connected=False)) == {"no_broker"}
    assert set(_kinds(_seen())) == {"no_hub"}
    assert set(_kinds(_seen(attic={"hub": False}))) == {"no_hub"}
    assert set(_kinds(_seen(attic={}), now=100.0)) == {"no_hub"}
    assert _kinds(_seen(attic={}), wanted=["math"])["no_capable_node"] == {"capabilities": "math"}
    assert _kinds(_seen(attic={}), unanswered=1)["no_answer"]["login"] == "homeassistant"
    newer = _kinds(_seen(attic={}, cellar={"v": 2}))
    assert newer == {"integration_too_old": {"nodes": "cellar", "version": "1"}}
    assert set(_kinds(_seen(attic={}, cellar={"v": 0}))) == {"node_too_old"}
    assert troubles.AT_ONCE.issubset(troubles.KINDS)


def test_a_short_trouble_is_none() -> None:
    watch = troubles.Watch()
    gone = [troubles.Trouble("no_broker")]
    assert watch.lasting(gone, 0.0) == {}
    assert watch.lasting(gone, troubles.GRACE_S - 1) == {}
    assert set(watch.lasting(gone, troubles.GRACE_S)) == {"no_broker"}
    assert watch.lasting([], troubles.GRACE_S + 1) == {}
    assert watch.lasting(gone, troubles.GRACE_S + 2) == {}
    assert set(watch.lasting([troubles.Trouble("no_answer")], 99.0)) == {"no_answer"}
