"""What would be read out after a question: of each entity its name, its state and what it measures."""

from collections.abc import Iterable

from evaluation.home_cases import Home, Intended
from evaluation.home_services import EntityState

_ASKING = frozenset(("HassGetState", "HassClimateGetTemperature", "HassGetWeather"))

# Device class -> how "on" and "off" are said of a binary sensor, as Home Assistant shows them.
_SAID = {
    **dict.fromkeys(("door", "garage_door", "opening", "window"), ("open", "closed")),
    **dict.fromkeys(("motion", "occupancy", "smoke", "gas", "vibration"), ("detected", "clear")),
    "moisture": ("wet", "dry"),
    "lock": ("unlocked", "locked"),
    "battery": ("low", "normal"),
    "presence": ("home", "away"),
    "connectivity": ("connected", "disconnected"),
    "plug": ("plugged in", "unplugged"),
    "battery_charging": ("charging", "not charging"),
}
_SHOWN = (
    *("current_temperature", "temperature", "current_humidity", "humidity", "current_position"),
    *("battery_level", "percentage", "media_title", "media_artist", "hvac_action", "preset_mode"),
    *("fan_mode", "fan_speed", "wind_speed", "pressure", "source"),
)


def read_out(home: Home, intents: Iterable[Intended]) -> str:
    """The texts of all entities that questions among the intents name."""
    told = []
    for one in intents:
        if one.name in _ASKING:
            asked = sorted(one.entities & home.states.keys())
            told += [_words(entity, home, home.states[entity]) for entity in asked]
    return "; ".join(told)


def _words(entity: str, home: Home, state: EntityState) -> str:
    shown = [f"{name} {state.attributes[name]}" for name in _SHOWN if name in state.attributes]
    if isinstance(brightness := state.attributes.get("brightness"), int | float):
        shown.append(f"brightness {round(100 * brightness / 255)}%")
    if isinstance(volume := state.attributes.get("volume_level"), int | float):
        shown.append(f"volume {round(100 * volume)}%")
    name = str(home.entities[entity].get("name") or "")
    unit = str(state.attributes.get("unit_of_measurement", ""))
    ways = _SAID.get(str(state.attributes.get("device_class")), ())
    meant = ways[state.state != "on"] if ways and state.state in ("on", "off") else ""
    return " ".join(filter(None, (entity, name, state.state, unit, meant, *shown)))
