"""What real nodes do not show at will: silence, refusals, other versions, odd answers."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from conftest import BASE, DATA, Bus
from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    async_mock_service,
)

from custom_components.forgebus import async_remove_config_entry_device
from custom_components.forgebus.const import DOMAIN
from custom_components.forgebus.diagnostics import async_get_config_entry_diagnostics

AGENT = "conversation.forgebus"
WRITER = "ai_task.forgebus_data"
UNSURE = {"intents": [], "abstained": True, "probability": 0.4, "reason": "unsafe to guess"}


def _done(result: Any) -> dict[str, Any]:
    return {"outcome": "done", "result": result, "node": "attic", "model": "m", "elapsed_ms": 2.0}


def _intent(named: str, /, *entities: str, **slots: Any) -> dict[str, Any]:
    told = {"name": named, "slots": slots, "entities": list(entities), "probability": 0.99}
    return _done({"intents": [told], "abstained": False, "probability": 0.99})


async def _say(hass: HomeAssistant, text: str, talk_id: str | None = None) -> Any:
    return await conversation.async_converse(hass, text, talk_id, Context(), "en", AGENT)


def _words(result: Any) -> str:
    return str(result.response.speech["plain"]["speech"])


async def _ask(hass: HomeAssistant, **told: Any) -> Any:
    return await hass.services.async_call(DOMAIN, "ask", told, blocking=True, return_response=True)


def _devices(hass: HomeAssistant, entry: MockConfigEntry) -> list[dr.DeviceEntry]:
    return dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)


@pytest.fixture
async def lamp(hass: HomeAssistant, entry: MockConfigEntry) -> list[ServiceCall]:
    """A lamp that is at half, its exposure, and what it is told to do."""
    assert await async_setup_component(hass, "light", {})
    calls = async_mock_service(hass, "light", "turn_on")
    hass.states.async_set(
        "light.desk",
        "on",
        {"brightness": 128, "friendly_name": "Desk", "supported_color_modes": ["brightness"]},
    )
    hass.states.async_set("sensor.hidden", "1", {"friendly_name": "Hidden"})
    await hass.async_block_till_done()
    return calls


async def test_a_step_is_counted_from_where_the_lamp_is(
    hass: HomeAssistant, bus: Bus, lamp: list[ServiceCall]
) -> None:
    bus.answers["home_control"] = _intent(
        "HassLightSet", "light.desk", name="Desk", brightness_step=15.0
    )
    said = await _say(hass, "a bit brighter")
    assert [call.data["brightness_pct"] for call in lamp] == [65]
    assert _words(said) == "Set Desk."
    asked = [told for topic, told in bus.sent if topic.endswith("/home_control")]
    assert [one["entity_id"] for one in asked[0]["content"]["entities"]] == ["light.desk"]
    assert asked[0]["content"]["entities"][0]["name"] == "Desk"


@pytest.mark.parametrize(
    "answer",
    [
        _done(UNSURE),
        _done({"nothing": "of use"}),
        _intent("HassClimateSetTemperature", "light.desk", temperature_step=1.0),
        {"outcome": "failed", "error": "no"},
        {"rejected": "busy", "error": "later"},
        {**_done({"intents": []}), "error": "abstained: unsure, 0.40"},
    ],
)
async def test_what_cannot_be_done_goes_on(
    hass: HomeAssistant, bus: Bus, lamp: list[ServiceCall], answer: dict[str, Any]
) -> None:
    bus.answers["home_control"] = answer
    said = await _say(hass, "colourless green ideas sleep furiously")
    assert said.response.error_code == "no_intent_match"
    assert not lamp


async def test_an_intent_that_fails_is_said(
    hass: HomeAssistant, bus: Bus, lamp: list[ServiceCall]
) -> None:
    bus.answers["home_control"] = _intent("HassTurnOn", "light.gone", name="Gone")
    said = await _say(hass, "turn on what is gone")
    assert said.response.error_code == "failed_to_handle"
    bus.answers["home_control"] = _intent("HassShoppingListAddItem", item="milk")
    assert (await _say(hass, "add milk")).response.error_code == "failed_to_handle"


async def test_the_time_and_the_date_are_said(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    bus.answers["home_control"] = _intent("HassGetCurrentTime")
    assert _words(await _say(hass, "what time is it")).startswith("It is ")
    bus.answers["home_control"] = _intent("HassGetCurrentDate")
    assert str(dt_util.now().year) in _words(await _say(hass, "what day is it"))
    bus.answers["home_control"] = _intent("HassTimerStatus")
    assert _words(await _say(hass, "how long")) == "No timer is running."


async def test_states_are_said_with_their_units(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    names = {"climate.bath": "Bath", "weather.home": "Outside", "sensor.bath": "Bath humidity"}
    told = {
        "climate.bath": ("heat", {"current_temperature": 21.5}),
        "weather.home": ("sunny", {"temperature": 18, "temperature_unit": "°C"}),
        "sensor.bath": ("55", {"unit_of_measurement": "%", "device_class": "humidity"}),
    }
    for domain in ("climate", "weather"):
        assert await async_setup_component(hass, domain, {})
    await hass.async_block_till_done()  # their intents are registered later
    for entity, (state, attributes) in told.items():
        hass.states.async_set(entity, state, attributes | {"friendly_name": names[entity]})
        async_expose_entity(hass, "conversation", entity, should_expose=True)
    asked = {
        "climate.bath": ("HassClimateGetTemperature", "Bath is 21.5 °C."),
        "weather.home": ("HassGetWeather", "Outside is Sunny, 18 °C."),
        "sensor.bath": ("HassGetState", "Bath humidity is 55 %."),
    }
    for entity, (named, words) in asked.items():
        bus.answers["home_control"] = _intent(named, entity)
        said = await _say(hass, "how is it")
        assert said.response.response_type.value == "query_answer"
        assert _words(said) == words


async def test_what_worked_is_said_beside_what_did_not(
    hass: HomeAssistant, bus: Bus, lamp: list[ServiceCall]
) -> None:
    bus.answers["home_control"] = _intent(
        "HassLightSet", "light.desk", "light.gone", brightness=20.0
    )
    said = await _say(hass, "dim them")
    assert _words(said) == "Set Desk. That did not work for light.gone."
    assert [target.id for target in said.response.success_results] == ["light.desk"]


async def test_a_report_keeps_secrets(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    decision = {"reason": "attic is alone", "bids": [{"node": "attic", "eta_ms": 5.0}]}
    awarded = {"task": "somebody/1", "kind": "awarded", "node": "attic", "decision": decision}
    bus.fire(
        f"{BASE}/event/attic", {"events": [awarded, {"kind": "expired", "task": "somebody/1"}]}
    )
    await hass.async_block_till_done()
    told = json.dumps(await async_get_config_entry_diagnostics(hass, entry))
    assert "attic is alone" in told
    assert "somebody" not in told
    assert "homeassistant" not in told
    winner = hass.states.get("sensor.forgebus_last_winner")
    assert (winner.state, winner.attributes["bids"]) == ("attic", {"attic": 5.0})
    assert hass.states.get("sensor.forgebus_tasks_not_done").attributes["expired"] == 1
    assert hass.states.get("sensor.attic_tasks_won").state == "1"


async def test_the_next_agent_may_be_away(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    bus.answers["home_control"] = _done(UNSURE)
    for agent in ("conversation.nobody", AGENT, ""):
        hass.config_entries.async_update_entry(entry, options={"next_agent": agent})
        said = await _say(hass, "hello")
        assert said.response.error_code == "no_intent_match"
        assert _words(said) == "I did not understand that."


async def test_talk_keeps_history(hass: HomeAssistant, bus: Bus, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, options={"talk": True})
    bus.answers |= {
        "home_control": _done(UNSURE),
        "intent_classification": _done({"intent": "chat"}),
        "text_generation": lambda told: ["I ", "hear ", told["content"]["prompt"]],
    }
    first = await _say(hass, "hello there")
    assert _words(first) == "I hear hello there"
    await _say(hass, "and now", first.conversation_id)
    submits = [told for topic, told in bus.sent if topic.endswith("/submit")]
    assert "history" not in submits[0]["content"]
    assert submits[1]["content"]["history"] == [
        {"user": "hello there", "assistant": "I hear hello there"}
    ]
    acks = [told for topic, told in bus.sent if topic.endswith("/final_ack")]
    assert [ack["ids"] for ack in acks] == [[told["id"]] for told in submits]


async def test_what_nobody_understands_is_talked_about(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    hass.config_entries.async_update_entry(entry, options={"talk": True})
    bus.answers |= {
        "home_control": _done(UNSURE),
        "intent_classification": _done({"intent": ""}),
        "text_generation": ["Once."],
    }
    talk = await _say(hass, "colourless green ideas sleep furiously")
    assert _words(talk) == "Once."
    again = await _say(hass, "ideas sleep", talk.conversation_id)
    submits = [told for topic, told in bus.sent if topic.endswith("/submit")]
    history = submits[1]["content"]["history"]
    assert [turn["assistant"] for turn in history] == ["Once."]  # no excuse of the next agent
    assert again.conversation_id == talk.conversation_id


async def test_nobody_talks(hass: HomeAssistant, bus: Bus, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, options={"talk": True, "capability": "vision"})
    bus.answers["home_control"] = _done(UNSURE)
    bus.answers["intent_classification"] = _done({"intent": "text"})
    said = await _say(hass, "colourless green ideas sleep furiously")
    assert said.response.error_code == "no_intent_match"


async def test_the_action_says_why_not(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.answers["math"] = _done({"answer": "56"})
    told = await _ask(
        hass,
        capability="math",
        content="7*8",
        preference="fastest",
        private=True,
        node="attic",
        max_tokens=9,
        config_entry_id=entry.entry_id,
    )
    assert (told["result"], told["abstained"], told["node"]) == ({"answer": "56"}, False, "attic")
    topic, sent = bus.sent[-1]
    assert topic == f"{BASE}/ask/homeassistant/math"
    assert sent["reply_to"] == f"{BASE}/answer/homeassistant/integration"
    assert (sent["privacy"], sent["node"], sent["max_tokens"]) == ("private", "attic", 9)
    bus.answers["math"] = {"rejected": "denied", "error": "not you"}
    with pytest.raises(HomeAssistantError, match="denied"):
        await _ask(hass, capability="math", content="7*8")
    with pytest.raises(HomeAssistantError, match="vision"):
        await _ask(hass, capability="vision", content="x")
    with pytest.raises(HomeAssistantError, match="too large"):
        await _ask(hass, capability="math", content="x" * 300_000)
    with pytest.raises(ServiceValidationError):
        await _ask(hass, content="x", config_entry_id="another")
    monkeypatch.setattr("custom_components.forgebus.bus.PATIENCE_S", -0.9)
    del bus.answers["math"]
    with pytest.raises(HomeAssistantError, match="homeassistant"):
        await _ask(hass, capability="math", content="x", deadline=1)
    await hass.async_block_till_done()
    issues = ir.async_get(hass).issues
    assert (DOMAIN, f"no_answer_{entry.entry_id}") in issues
    bus.answers["math"] = _done({"answer": "56"})
    await _ask(hass, capability="math", content="7*8")
    assert (DOMAIN, f"no_answer_{entry.entry_id}") not in issues
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError):
        await _ask(hass, content="x")


async def test_several_buses_must_be_told_apart(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    other = MockConfigEntry(domain=DOMAIN, data=DATA | {"base": "other"}, unique_id="other")
    other.add_to_hass(hass)
    assert await hass.config_entries.async_setup(other.entry_id)
    with pytest.raises(ServiceValidationError):
        await _ask(hass, content="x")


async def test_unloaded_while_somebody_waits(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    waiting = asyncio.ensure_future(_ask(hass, capability="math", content="x"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert bus.sent
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError, match="unloaded"):
        await waiting


async def test_ai_tasks_say_why_not(hass: HomeAssistant, bus: Bus, entry: MockConfigEntry) -> None:
    async def generate(**more: Any) -> Any:
        told = {"entity_id": WRITER, "task_name": "t", "instructions": "write", **more}
        return await hass.services.async_call(
            "ai_task", "generate_data", told, blocking=True, return_response=True
        )

    structure = {"warm": {"selector": {"boolean": {}}, "required": True}}
    bus.answers["text_generation"] = _done({"text": '{"warm":true}', "finish": "end"})
    assert (await generate(structure=structure))["data"] == {"warm": True}
    schema = bus.sent[-1][1]["content"]["schema"]
    assert schema["properties"] == {"warm": {"type": "boolean"}}
    bus.answers["text_generation"] = _done({"text": '{"cold":1}', "finish": "end"})
    with pytest.raises(HomeAssistantError, match="does not fit"):
        await generate(structure=structure)
    bus.answers["text_generation"] = {"outcome": "failed", "error": "out of tokens"}
    with pytest.raises(HomeAssistantError, match="out of tokens"):
        await generate()


async def test_nodes_of_another_version_are_told(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    bus.live("cellar", v=2)
    bus.live("shed", v=0)
    await hass.async_block_till_done()
    issues = ir.async_get(hass).issues
    newer = issues[DOMAIN, f"integration_too_old_{entry.entry_id}"]
    older = issues[DOMAIN, f"node_too_old_{entry.entry_id}"]
    assert newer.translation_placeholders is not None
    assert newer.translation_placeholders["nodes"] == "cellar"
    assert older.translation_placeholders is not None
    assert older.translation_placeholders["nodes"] == "shed"
    bus.live("cellar")
    bus.live("shed")
    await hass.async_block_till_done()
    assert not [key for key in issues if key[0] == DOMAIN]


async def test_silence_is_noticed(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hass.states.get("sensor.forgebus_nodes_online").state == "1"
    later = entry.runtime_data.now + 70
    monkeypatch.setattr("custom_components.forgebus.bus.monotonic", lambda: later)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=11))
    await hass.async_block_till_done()
    assert hass.states.get("sensor.forgebus_nodes_online").state == "0"
    assert hass.states.get("binary_sensor.attic_online").state == "off"
    monkeypatch.setattr("custom_components.forgebus.bus.monotonic", lambda: later + 31)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=22))
    await hass.async_block_till_done()
    assert (DOMAIN, f"no_hub_{entry.entry_id}") in ir.async_get(hass).issues


async def test_a_dead_nodes_device_may_be_removed(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    devices = {device.name: device for device in _devices(hass, entry)}
    node, whole = devices["attic"], devices["Forgebus"]
    assert node.via_device_id == whole.id
    # Home Assistant asks before it removes a device; how its frontend says so differs by version.
    assert not await async_remove_config_entry_device(hass, entry, node)
    assert not await async_remove_config_entry_device(hass, entry, whole)
    bus.fire(f"{BASE}/node/attic/status", "offline")
    await hass.async_block_till_done()
    assert await async_remove_config_entry_device(hass, entry, node)
    dr.async_get(hass).async_remove_device(node.id)
    await hass.async_block_till_done()
    assert {device.name for device in _devices(hass, entry)} == {"Forgebus"}
    bus.live()
    await hass.async_block_till_done()
    assert {device.name for device in _devices(hass, entry)} == {"Forgebus", "attic"}


async def test_what_is_malformed_is_passed_over(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    for topic, payload in (
        (f"{BASE}/answer/homeassistant/integration", "{"),
        (f"{BASE}/in/homeassistant/attic/progress", "[]"),
        (f"{BASE}/in/homeassistant/attic/final", "7"),
        (f"{BASE}/in/homeassistant/attic/report", "{}"),
        (f"{BASE}/node/attic/card", "no card"),
        (f"{BASE}/node/cellar/card", ""),
        (f"{BASE}/event/attic", json.dumps({"events": ["x"]})),
    ):
        bus.fire(topic, payload)
    await hass.async_block_till_done()
    assert hass.states.get("sensor.forgebus_nodes_online").state == "1"


async def test_without_mqtt_it_is_tried_again(hass: HomeAssistant) -> None:
    one = MockConfigEntry(domain=DOMAIN, data=DATA, unique_id=BASE)
    one.add_to_hass(hass)
    await hass.config_entries.async_setup(one.entry_id)
    assert one.state in (ConfigEntryState.SETUP_RETRY, ConfigEntryState.SETUP_ERROR)
