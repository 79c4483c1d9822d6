"""Texts as they come, and answers that are late, lost or no longer wanted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conftest import BASE, Bus
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.forgebus import bus as edge
from custom_components.forgebus.bus import BusError
from custom_components.forgebus.contract import Answer, Options

INBOX = f"{BASE}/in/homeassistant/attic"


async def _all(stream: Any) -> tuple[str, Answer]:
    said = ""
    async for item in stream:
        if isinstance(item, Answer):
            return said, item
        said += item
    raise AssertionError("no answer was the last item")


def _begun(entry: MockConfigEntry, deadline_s: float = 20.0) -> Any:
    bus = entry.runtime_data
    return bus.stream("text_generation", {"prompt": "x"}, Options(deadline_s=deadline_s))


async def _submitted(bus: Bus, times: int = 1) -> str:
    """The id of the task, once it was sent so often."""
    found: list[dict[str, Any]] = []
    for _ in range(500):
        found = [told for topic, told in bus.sent if topic.endswith("/submit")]
        if len(found) >= times:
            break
        await asyncio.sleep(0.01)
    assert {told["id"] for told in found} == {found[0]["id"]}
    return str(found[0]["id"])


async def test_it_is_submitted_again_until_it_is_taken(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "SUBMIT_PAUSES_S", (0.05, 0.05, 30.0))
    task = asyncio.ensure_future(_all(_begun(entry)))
    id_ = await _submitted(bus, 3)
    bus.fire(f"{INBOX}/accepted", {"id": id_})
    bus.fire(f"{BASE}/in/homeassistant/stranger/final", {"id": id_, "outcome": "failed"})
    bus.fire(f"{INBOX}/progress", {"task": f"x/{id_}", "attempt": 1, "seq": 1, "text": " lost"})
    bus.fire(f"{INBOX}/final", {"id": id_, "outcome": "done", "result": {"text": "all of it"}})
    said, answer = await task
    assert (said, answer.outcome) == ("all of it", "done")
    await hass.async_block_till_done()
    acked = [topic for topic, _ in bus.sent if topic.endswith("/final_ack")]
    assert acked == [f"{BASE}/in/{home}/homeassistant/final_ack" for home in ("stranger", "attic")]


async def test_a_refusal_ends_it(hass: HomeAssistant, bus: Bus, entry: MockConfigEntry) -> None:
    task = asyncio.ensure_future(_all(_begun(entry)))
    id_ = await _submitted(bus)
    bus.fire(f"{INBOX}/rejected", {"id": id_, "code": "busy", "reason": "later"})
    said, answer = await task
    assert (said, answer.rejected, answer.error) == ("", "busy", "later")
    await hass.async_block_till_done()
    assert not [topic for topic, _ in bus.sent if topic.endswith("/cancel")]


async def test_silence_ends_it_and_is_counted(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "PATIENCE_S", 0.0)
    with pytest.raises(BusError) as told:
        await _all(_begun(entry, 0.1))
    assert told.value.reason == "no_answer"
    assert entry.runtime_data.unanswered == 1
    await hass.async_block_till_done()
    assert [topic for topic, _ in bus.sent if topic.endswith("/cancel")]


async def test_whoever_leaves_cancels_it(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry
) -> None:
    stream = _begun(entry)
    task = asyncio.ensure_future(anext(stream))
    id_ = await _submitted(bus)
    bus.fire(f"{INBOX}/progress", {"task": f"x/{id_}", "attempt": 1, "seq": 0, "text": "Once"})
    assert await task == "Once"
    await stream.aclose()
    await hass.async_block_till_done()
    assert [told for topic, told in bus.sent if topic.endswith("/attic/homeassistant/cancel")] == [
        {"id": id_}
    ]


async def test_an_ask_is_sent_again_under_its_id(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "PAUSES_S", (0.05,))
    bus.away = True
    task = asyncio.ensure_future(entry.runtime_data.ask("math", "1+1", Options()))
    await asyncio.sleep(0.1)
    assert not bus.sent
    bus.away = False
    bus.answers["math"] = {"outcome": "done", "result": {"answer": "2"}}
    assert (await task).result == {"answer": "2"}


async def test_without_a_connection_that_is_the_reason(
    hass: HomeAssistant, bus: Bus, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "PATIENCE_S", 0.0)
    one = entry.runtime_data
    task = asyncio.ensure_future(one.ask("math", "1+1", Options(deadline_s=0.2)))
    await asyncio.sleep(0.05)
    one._on_connection(connected=False)
    with pytest.raises(HomeAssistantError, match="no connection"):
        await task
    assert hass.states.get("sensor.forgebus_nodes_online").state == "unavailable"
    with pytest.raises(HomeAssistantError, match="no connection"):
        await one.ask("math", "1+1", Options())
    one._on_connection(connected=True)
    assert hass.states.get("sensor.forgebus_nodes_online").state == "1"
    assert one.unanswered == 0
