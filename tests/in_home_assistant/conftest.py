"""Home Assistant's own fixtures, and a bus that answers as it is told; run by `make ha` alone.

What needs no telling is tried on a real broker with real nodes, by `tests/ha_checks.py`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from homeassistant.components import mqtt
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message

# Before anything else, or discovery finds no integration of ours and says nothing.
import custom_components.forgebus  # noqa: F401
from custom_components.forgebus.const import DOMAIN

BASE = "forgebus/v1"
DATA = {"base": BASE, "login": "homeassistant"}
SKILLS = ("home_control", "text_generation", "intent_classification", "math")


class Bus:
    """One hub: its card and status, and an answer for each capability; without one it is silent."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self.answers: dict[str, Any] = {}
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.away = False

    async def publish(
        self, hass: HomeAssistant, topic: str, payload: str, *, qos: int, retain: bool
    ) -> None:
        """What the integration publishes; answered where an answer is known."""
        assert (hass, qos, retain) == (self._hass, 1, False)
        if self.away:
            raise HomeAssistantError("no connection")
        told = json.loads(payload)
        self.sent.append((topic, told))
        home, _, kind = topic.split("/")[-3:]
        if "/ask/" in topic and kind in self.answers:
            self.fire(told["reply_to"], {"id": told["id"], **self._answer(kind, told)})
        elif kind == "submit" and told["capability"] in self.answers:
            pieces = self._answer(told["capability"], told)
            inbox = f"{BASE}/in/homeassistant/{home}"
            for seq, text in enumerate(pieces):
                task = f"homeassistant/{told['id']}"
                self.fire(
                    f"{inbox}/progress", {"task": task, "attempt": 1, "seq": seq, "text": text}
                )
            final = {"outcome": "done", "result": {"text": "".join(pieces)}}
            self.fire(f"{inbox}/final", {"id": told["id"], **final})

    def fire(self, topic: str, told: dict[str, Any] | str) -> None:
        """A message of the bus."""
        payload = told if isinstance(told, str) else json.dumps(told)
        async_fire_mqtt_message(self._hass, topic, payload)

    def live(self, node: str = "attic", **more: Any) -> None:
        """A node's card and status."""
        skills = [{"capability": name} for name in SKILLS]
        card = {"node": node, "version": "0.1.0", "hub": True, "skills": skills, **more}
        self.fire(f"{BASE}/node/{node}/card", card)
        self.fire(f"{BASE}/node/{node}/status", "online")

    def _answer(self, kind: str, told: dict[str, Any]) -> Any:
        answer = self.answers[kind]
        return answer(told) if callable(answer) else answer


@pytest.fixture
def expected_lingering_timers() -> bool:
    """The MQTT client of 2026.10, whose connection is a stand-in here, leaves its own timer behind."""
    return True


@pytest.fixture(autouse=True)
async def ours(hass: HomeAssistant, enable_custom_integrations: None) -> None:
    """Let Home Assistant find the integration, and have what each has that was started in earnest."""
    assert await async_setup_component(hass, "homeassistant", {})


@pytest.fixture
def bus(hass: HomeAssistant, mqtt_mock: Any, monkeypatch: pytest.MonkeyPatch) -> Bus:
    one = Bus(hass)
    monkeypatch.setattr(mqtt, "async_publish", one.publish)
    return one


@pytest.fixture
async def entry(hass: HomeAssistant, bus: Bus) -> MockConfigEntry:
    """Set up, with one live hub."""
    one = MockConfigEntry(domain=DOMAIN, title="Forgebus", data=DATA, unique_id=BASE)
    one.add_to_hass(hass)
    assert await hass.config_entries.async_setup(one.entry_id)
    bus.live()
    await hass.async_block_till_done()
    return one


@pytest.fixture
def while_it_waits(hass: HomeAssistant) -> Callable[..., Any]:
    """Do something once a coroutine waits for it."""

    async def run(coroutine: Any, then: Callable[[], None]) -> Any:
        task = asyncio.ensure_future(coroutine)
        for _ in range(20):
            await asyncio.sleep(0.01)
        then()
        return await task

    return run
