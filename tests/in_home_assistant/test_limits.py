"""What two entries, an entry that is not there, and what no honest node sends must not break."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from conftest import BASE, DATA, Bus
from homeassistant.components import conversation, mqtt
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import intent
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.forgebus import async_remove_config_entry_device
from custom_components.forgebus.bus import BusError
from custom_components.forgebus.const import DOMAIN
from custom_components.forgebus.contract import Options
from custom_components.forgebus.diagnostics import async_get_config_entry_diagnostics

AGENT = "conversation.forgebus"
OTHER = "conversation.forgebus_other"


def _done(*intents: dict[str, Any]) -> dict[str, Any]:
    result = {"intents": list(intents), "abstained": False, "probability": 0.99}
    return {"outcome": "done", "result": result}


def _intent(named: str, *entities: str, **slots: Any) -> dict[str, Any]:
    return _done({"name": named, "slots": slots, "entities": list(entities)})


async def _say(hass: HomeAssistant, text: str, agent: str = AGENT) -> Any:
    async with asyncio.timeout(20):
        return await conversation.async_converse(hass, text, None, Context(), "en", agent)


async def test_two_that_name_each_other_do_not_go_round(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    other = MockConfigEntry(
        domain=DOMAIN,
        title="Forgebus (other)",
        data=DATA | {"base": "other"},
        unique_id="other",
        options={"next_agent": AGENT},
    )
    other.add_to_hass(hass)
    assert await hass.config_entries.async_setup(other.entry_id)
    bus.fire("other/node/attic/card", {"node": "attic", "hub": True, "skills": []})
    bus.fire("other/node/attic/status", "online")
    hass.config_entries.async_update_entry(entry, options={"next_agent": OTHER})
    await hass.async_block_till_done()
    bus.answers["home_control"] = {"outcome": "done", "result": {"intents": [], "abstained": True}}
    for agent in (AGENT, OTHER):
        bus.sent.clear()
        said = await _say(hass, "colourless green ideas", agent)
        assert said.response.error_code == "no_intent_match"
        assert len(bus.sent) == 1


async def test_no_next_agent_is_kept_as_none(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    told = {"capability": "math", "talk": False}
    await hass.config_entries.options.async_configure(flow["flow_id"], told)
    assert entry.options == told | {"next_agent": ""}
    await hass.async_block_till_done()


async def test_a_talk_ends_with_the_entry(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    stream = entry.runtime_data.stream("text_generation", {"prompt": "x"}, Options())
    task = asyncio.ensure_future(anext(stream))
    for _ in range(5):
        await asyncio.sleep(0)
    assert bus.sent
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(BusError) as told:
        await asyncio.wait_for(task, 5)
    assert told.value.reason == "stopped"


async def test_a_set_up_that_ends_half_way_leaves_nothing(
    hass: HomeAssistant, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe, held = mqtt.async_subscribe, set[str]()

    async def subscribed(hass: HomeAssistant, topic: str, *more: Any) -> Any:
        if topic.endswith("/status"):
            raise HomeAssistantError("MQTT is gone")
        stop = await subscribe(hass, topic, *more)
        held.add(topic)
        return lambda: (held.discard(topic), stop())

    monkeypatch.setattr(mqtt, "async_subscribe", subscribed)
    one = MockConfigEntry(domain=DOMAIN, data=DATA, unique_id=BASE)
    one.add_to_hass(hass)
    await hass.config_entries.async_setup(one.entry_id)
    assert (one.state, held) == (ConfigEntryState.SETUP_RETRY, set())


async def test_an_entry_that_is_not_loaded_can_be_reported_and_cleared(
    hass: HomeAssistant, bus: Bus
) -> None:
    one = MockConfigEntry(domain=DOMAIN, title="Forgebus", data=DATA, unique_id=BASE)
    one.add_to_hass(hass)
    told = await async_get_config_entry_diagnostics(hass, one)
    assert (told["state"], told["entry"]["data"]["base"]) == ("not_loaded", BASE)
    make = dr.async_get(hass).async_get_or_create
    whole = make(config_entry_id=one.entry_id, identifiers={(DOMAIN, one.entry_id)})
    node = make(config_entry_id=one.entry_id, identifiers={(DOMAIN, f"{one.entry_id}_attic")})
    assert await async_remove_config_entry_device(hass, one, node)
    assert not await async_remove_config_entry_device(hass, one, whole)


async def test_intents_of_the_houses_own_are_not_called(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    called = []

    class Own(intent.IntentHandler):
        intent_type = "OpenTheGate"

        async def async_handle(self, intent_obj: intent.Intent) -> intent.IntentResponse:
            called.append(intent_obj.intent_type)
            return intent_obj.create_response()

    intent.async_register(hass, Own())
    hass.states.async_set("light.desk", "on", {"friendly_name": "Desk"})
    for answer in (
        _intent("OpenTheGate"),
        _intent("OpenTheGate", "light.desk"),
        _intent("HassTurnOff", domain="light"),
        _done(),
    ):
        bus.answers["home_control"] = answer
        said = await _say(hass, "colourless green ideas")
        assert said.response.error_code == "no_intent_match"
    assert not called


async def test_what_no_honest_node_sends_is_not_in_the_log(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    for topic, payload in (
        ("answer/homeassistant/integration", f'{{"id":"secret","elapsed_ms":1{"0" * 400}}}'),
        ("in/homeassistant/attic/final", r'{"id":"secret\ud800"}'),
        ("in/homeassistant/attic/final", r'{"id":"\"secret"}'),
        ("event/attic", r'{"events":[{"kind":"awarded","node":"secret\ud800"}]}'),
    ):
        bus.fire(f"{BASE}/{topic}", payload)
    await hass.async_block_till_done()
    told = [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO]
    assert told
    assert "secret" not in " ".join(told)
    assert [told for topic, told in bus.sent if topic.endswith("/final_ack")] == [
        {"ids": ['"secret']}
    ]
    assert hass.states.get("sensor.forgebus_last_winner").state == "unknown"


async def test_a_step_of_no_number_is_no_command(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    hass.states.async_set("light.desk", "on", {"friendly_name": "Desk", "brightness": 9})
    bus.answers["home_control"] = _intent("HassLightSet", "light.desk", brightness_step=10**400)
    said = await _say(hass, "colourless green ideas")
    assert said.response.error_code == "no_intent_match"


async def test_what_failed_without_a_name_is_said_without_one(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    bus.answers["home_control"] = _intent("HassShoppingListAddItem", item="milk")
    said = await _say(hass, "add milk")
    assert said.response.speech["plain"]["speech"] == "That did not work."


async def test_an_old_node_that_is_gone_is_no_trouble(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    bus.live("shed", v=0)
    issue = (DOMAIN, f"node_too_old_{entry.entry_id}")
    assert issue in ir.async_get(hass).issues
    bus.fire(f"{BASE}/node/shed/status", "offline")
    await hass.async_block_till_done()
    assert issue not in ir.async_get(hass).issues
