"""What Home Assistant sends a conversation agent: the system prompt with the home, and its tools."""

from __future__ import annotations

import json
from typing import Any

OVERVIEW = """\
- names: Ceiling Light, Big Lamp
  domain: light
  areas: Kitchen, Galley
- names: Counter Light
  domain: light
  areas: Kitchen
- names: Floor Lamp
  domain: light
  areas: Living Room
- names: Thermostat
  domain: climate
  areas: Living Room
- names: Coffee Machine
  domain: switch
  areas: Kitchen
- names: Front Door
  domain: lock
"""
SYSTEM = f"""\
You are a voice assistant for Home Assistant.
Answer questions about the world truthfully.
When controlling Home Assistant always call the intent tools.
Static Context: An overview of the areas and the devices in this smart home:
{OVERVIEW}
"""
STATES = {
    "Ceiling Light": "  state: 'on'\n  attributes:\n    brightness: '102'",
    "Counter Light": "  state: 'off'",
    "Floor Lamp": "  state: 'off'",
    "Thermostat": "  state: heat\n  attributes:\n    current_temperature: '21.5'",
    "Coffee Machine": "  state: 'on'",
    "Front Door": "  state: locked",
}


def intent(name: str, **more: Any) -> dict[str, Any]:
    """An intent as a tool."""
    several = {"type": "array", "items": {"type": "string"}}
    text = {"type": "string"}
    properties = {"name": text, "area": text, "floor": text, "domain": several, **more}
    parameters = {"type": "object", "properties": properties, "required": []}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def plain_tool(name: str) -> dict[str, Any]:
    """A tool without parameters."""
    return {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "properties": {}}},
    }


BRIGHTNESS = {"type": "integer", "minimum": 0, "maximum": 100}
TOOLS = [
    intent("HassTurnOn"),
    intent("HassTurnOff"),
    intent("HassLightSet", brightness=BRIGHTNESS, color={"type": "string"}),
    plain_tool("GetLiveContext"),
    plain_tool("GetDateTime"),
]


def live_context() -> str:
    """What GetLiveContext answers: the overview with states."""
    lines = []
    for block in OVERVIEW.removeprefix("- ").split("\n- "):
        name = block.partition("\n")[0].removeprefix("names: ").split(", ")[0]
        lines.append(f"- {block.rstrip()}\n{STATES[name]}")
    told = "Live Context: An overview of the areas and the devices in this smart home:\n"
    return json.dumps({"success": True, "result": told + "\n".join(lines) + "\n"})


def done(*names: str) -> str:
    """What an intent answers that was carried out."""
    success = [{"name": name, "type": "entity", "id": "light.x"} for name in names]
    data = {"targets": [], "success": success, "failed": []}
    told = {"speech": {}, "response_type": "action_done", "data": data}
    return json.dumps({"data": told, "error": None})
