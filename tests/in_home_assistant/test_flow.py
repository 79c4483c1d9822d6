"""Every way through the config flow."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import BASE, DATA, Bus
from homeassistant.components import mqtt
from homeassistant.config_entries import SOURCE_MQTT, SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.service_info.mqtt import MqttServiceInfo
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.forgebus import config_flow
from custom_components.forgebus.const import DOMAIN

REACHED = {"outcome": "expired", "error": "nobody can do it"}


def _card(topic: str = f"{BASE}/node/attic/card", payload: str = "{}") -> MqttServiceInfo:
    return MqttServiceInfo(
        topic=topic,
        payload=payload,
        qos=1,
        retain=True,
        subscribed_topic=f"{BASE}/node/+/card",
        timestamp=0.0,
    )


async def _begun(hass: HomeAssistant, source: str, data: Any = None) -> Any:
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": source}, data=data)


async def test_given_by_hand(hass: HomeAssistant, bus: Bus, while_it_waits: Any) -> None:
    bus.answers["nothing"] = REACHED
    flow = await _begun(hass, SOURCE_USER)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "user")
    done = await while_it_waits(
        hass.config_entries.flow.async_configure(flow["flow_id"], DATA), bus.live
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert (done["title"], done["data"], done["result"].unique_id) == ("Forgebus", DATA, BASE)
    twice = await _begun(hass, SOURCE_USER)
    done = await while_it_waits(
        hass.config_entries.flow.async_configure(twice["flow_id"], DATA), bus.live
    )
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")


@pytest.mark.parametrize("base", ["/forgebus", "forgebus/", "a/+/b", "$SYS/x", "#", "x" * 120])
async def test_what_is_no_base(hass: HomeAssistant, bus: Bus, base: str) -> None:
    flow = await _begun(hass, SOURCE_USER)
    told = {"base": base, "login": "Home Assistant"}
    done = await hass.config_entries.flow.async_configure(flow["flow_id"], told)
    assert done["errors"] == {"base": "invalid_base", "login": "invalid_login"}


async def test_without_a_node(
    hass: HomeAssistant, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.forgebus.bus.SETTLE_S", 0.05)
    flow = await _begun(hass, SOURCE_USER)
    done = await hass.config_entries.flow.async_configure(flow["flow_id"], DATA)
    assert done["errors"] == {"base": "no_hub"}


async def test_no_answer_is_told_and_mended(
    hass: HomeAssistant, bus: Bus, while_it_waits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_flow, "REACH_S", 0.3)
    flow = await _begun(hass, SOURCE_USER)
    configure = hass.config_entries.flow.async_configure
    done = await while_it_waits(configure(flow["flow_id"], DATA), bus.live)
    assert done["errors"] == {"base": "no_answer"}
    bus.answers["nothing"] = REACHED
    done = await while_it_waits(configure(flow["flow_id"], DATA), bus.live)
    assert done["type"] is FlowResultType.CREATE_ENTRY


async def test_without_a_connection(hass: HomeAssistant, bus: Bus, mqtt_mock: Any) -> None:
    mqtt_mock.connected = False
    flow = await _begun(hass, SOURCE_USER)
    done = await hass.config_entries.flow.async_configure(flow["flow_id"], DATA)
    assert done["errors"] == {"base": "not_connected"}


async def test_without_a_subscription(
    hass: HomeAssistant, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> None:
        raise HomeAssistantError("MQTT is being unloaded")

    monkeypatch.setattr(mqtt, "async_subscribe", refused)
    flow = await _begun(hass, SOURCE_USER)
    done = await hass.config_entries.flow.async_configure(flow["flow_id"], DATA)
    assert done["errors"] == {"base": "not_connected"}


async def test_without_mqtt(hass: HomeAssistant) -> None:
    done = await _begun(hass, SOURCE_USER)
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "no_mqtt")


async def test_found_by_a_card(hass: HomeAssistant, bus: Bus, while_it_waits: Any) -> None:
    bus.answers["nothing"] = REACHED
    flow = await _begun(hass, SOURCE_MQTT, _card("house/bus/node/attic/card"))
    assert flow["step_id"] == "confirm"
    assert flow["description_placeholders"] == {"base": "house/bus"}
    configure = hass.config_entries.flow.async_configure
    bad = await configure(flow["flow_id"], {"login": "-"})
    assert bad["errors"] == {"login": "invalid_login"}

    def live() -> None:
        bus.fire("house/bus/node/attic/card", {"node": "attic", "hub": True})
        bus.fire("house/bus/node/attic/status", "online")

    done = await while_it_waits(configure(flow["flow_id"], {"login": "ha"}), live)
    assert done["title"] == "Forgebus (house/bus)"
    assert done["data"] == {"base": "house/bus", "login": "ha"}


@pytest.mark.parametrize(
    "found", [_card("elsewhere/attic"), _card(payload=""), _card(payload="online")]
)
async def test_what_is_no_card(hass: HomeAssistant, bus: Bus, found: MqttServiceInfo) -> None:
    done = await _begun(hass, SOURCE_MQTT, found)
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "invalid_discovery_info")


async def test_found_again(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    done = await _begun(hass, SOURCE_MQTT, _card())
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_changed(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry, while_it_waits: Any
) -> None:
    bus.answers["nothing"] = REACHED
    other = MockConfigEntry(domain=DOMAIN, data={"base": "other", "login": "x"}, unique_id="other")
    other.add_to_hass(hass)
    configure = hass.config_entries.flow.async_configure

    def live() -> None:
        bus.live()
        for base in ("other", "new"):
            bus.fire(f"{base}/node/attic/card", {"node": "attic", "hub": True})
            bus.fire(f"{base}/node/attic/status", "online")

    flow = await entry.start_reconfigure_flow(hass)
    bad = await configure(flow["flow_id"], {"base": "#", "login": "x"})
    assert bad["errors"] == {"base": "invalid_base"}
    done = await while_it_waits(configure(flow["flow_id"], {"base": "other", "login": "x"}), live)
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
    flow = await entry.start_reconfigure_flow(hass)
    done = await while_it_waits(configure(flow["flow_id"], {"base": "new", "login": "ha"}), live)
    assert done["reason"] == "reconfigure_successful"
    assert entry.data == {"base": "new", "login": "ha"}
    assert (entry.unique_id, entry.title) == ("new", "Forgebus (new)")


async def test_options(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    offered = flow["data_schema"].schema["capability"].config["options"]
    assert "math" in offered
    told = {"capability": "math", "next_agent": "conversation.home_assistant", "talk": True}
    done = await hass.config_entries.options.async_configure(flow["flow_id"], told)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == told
    await hass.async_block_till_done()
