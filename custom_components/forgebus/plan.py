"""What `home_control` answered, as calls of Home Assistant's intents.

An answer names exactly the entities that are meant, so each is called by its id: no second guess at
names. A change by a step ("a bit brighter") has no slot in most of Home Assistant's intents; it becomes
the value that it leads to, from what the entity has now. Nothing here knows Home Assistant.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .contract import finite

Attributes = Callable[[str], Mapping[str, Any] | None]
"""Entity id -> its attributes as they are now; None for an entity that is not there."""

ASKING: Final = frozenset(
    {
        *("HassGetState", "HassClimateGetTemperature", "HassGetWeather", "HassTimerStatus"),
        *("HassGetCurrentTime", "HassGetCurrentDate"),
    }
)
"""Intents that change nothing and want an answer."""

TARGETED: Final = frozenset(
    {
        *("HassTurnOn", "HassTurnOff", "HassToggle", "HassFanSetSpeed", "HassLightSet"),
        *("HassSetPosition", "HassStopMoving", "HassHumidifierSetpoint", "HassGetState"),
        *("HassClimateSetTemperature", "HassClimateGetTemperature", "HassVacuumStart"),
        *("HassVacuumReturnToBase", "HassLawnMowerStartMowing", "HassLawnMowerDock"),
        *("HassMediaPause", "HassMediaUnpause", "HassMediaNext", "HassMediaPrevious"),
        *("HassMediaPlayerMute", "HassMediaPlayerUnmute", "HassMediaSearchAndPlay"),
        *("HassSetVolume", "HassSetVolumeRelative", "HassListAddItem", "HassListCompleteItem"),
    }
)
"""Intents that are called for entities, each by its id, and never without one."""
UNTARGETED: Final = frozenset(
    {
        *("HassShoppingListAddItem", "HassShoppingListCompleteItem", "HassStartTimer"),
        *("HassCancelTimer", "HassCancelAllTimers", "HassPauseTimer", "HassUnpauseTimer"),
        *("HassIncreaseTimer", "HassDecreaseTimer", "HassTimerStatus"),
        *("HassGetCurrentTime", "HassGetCurrentDate", "HassGetWeather"),
    }
)
"""Intents that may mean no entity. No other is called, whatever a node answers: a house may have scripts as
intents of its own, which do what they do whether it is exposed or not."""

_ID = re.compile(r"[a-z0-9_]{1,64}\.[a-z0-9_]{1,200}")
"""An entity's. Errors name it, and a log takes no other text from a node."""
_NAMING = ("name", "area", "floor", "domain")
_BY_STATE = {
    "brightness_step": ("brightness", "brightness", 100 / 255, 1.0, 100.0),
    "percentage_step": ("percentage", "percentage", 1.0, 0.0, 100.0),
    "temperature_step": ("temperature", "temperature", 1.0, -50.0, 250.0),
}
"""Step -> the slot that it becomes; the attribute that it starts from, its scale, the least and most."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of an intent. `entity_id` is "" where it means none, as a timer does."""

    intent: str
    slots: dict[str, Any]
    entity_id: str = ""


class Impossible(ValueError):  # noqa: N818 - named for what happened
    """An answer that cannot be called: malformed, or of an entity that has no such value now."""


def steps(result: Any, attributes: Attributes) -> list[Step]:
    """The calls of an answer, in its order; [] where it abstained.

    Raises Impossible; then nothing of the answer should be called.
    """
    intents = result.get("intents") if isinstance(result, dict) else None
    if not isinstance(intents, list):
        raise Impossible("the answer holds no list of intents")
    return [step for told in intents for step in _of_intent(told, attributes)]


def abstained(result: Any) -> bool:
    """Whether the model held its answer back."""
    return isinstance(result, dict) and result.get("abstained") is True


def _of_intent(told: Any, attributes: Attributes) -> list[Step]:
    match told:
        case {"name": str(name), "slots": dict(slots), "entities": list(entities)}:
            pass
        case _:
            raise Impossible("an intent needs name, slots and entities")
    if not all(isinstance(entity, str) and _ID.fullmatch(entity) for entity in entities):
        raise Impossible(f"{name[:40]!r} names what is no entity's id")
    if name not in UNTARGETED and not (entities and name in TARGETED):
        raise Impossible(
            f"{name[:40]!r} is not called{' for everything' if name in TARGETED else ''}"
        )
    if not entities:
        return [Step(name, {slot: _whole(value) for slot, value in slots.items()})]
    # A timer's name is a value; any other name, area or domain only says which entities are meant.
    values = {slot: value for slot, value in slots.items() if slot not in _NAMING}
    return [
        Step(name, {"name": entity} | _valued(name, values, entity, attributes), entity)
        for entity in entities
    ]


def _valued(
    name: str, values: Mapping[str, Any], entity: str, attributes: Attributes
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for slot, value in values.items():
        if slot not in _BY_STATE:
            found[slot] = _whole(value)
            continue
        become, attribute, scale, least, most = _BY_STATE[slot]
        has = (attributes(entity) or {}).get(attribute)
        if has is None and slot != "temperature_step":
            has = 0.0  # A lamp or fan that is off has none, and a step up turns it on.
        now, by = finite(has), finite(value)
        if now is None or by is None:
            raise Impossible(f"{name}: {entity} has no {attribute} to start from")
        reached = min(max(now * scale + by, least), most)
        found[become] = round(reached, 1) if slot == "temperature_step" else round(reached)
    return found


def _whole(value: Any) -> Any:
    """Numbers come as floats; Home Assistant wants counts and kelvins whole."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
