"""The home as the capability `home_control` reads it: what was said, what may be commanded, and where.

The form is that of `handlers/home_scene.py`. Nothing here knows Home Assistant.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .contract import MOST_BYTES

MOST_ENTITIES = 1000
MOST_AREAS = 200
MOST_FLOORS = 50
MOST_ALIASES = 16
MOST_TEXT = 200
MOST_SAID = 500
_OVERHEAD = 8_000
"""Bytes kept for what is said, the areas' part of the message and its options."""


@dataclass(frozen=True, slots=True)
class Thing:
    """An entity that Assist may use. `area` is a name."""

    entity_id: str
    name: str
    area: str = ""
    state: str = ""
    aliases: tuple[str, ...] = ()
    device_class: str = ""

    def told(self) -> dict[str, Any]:
        """As the scene has it; what is empty is left out."""
        fields: dict[str, Any] = {
            "name": self.name[:MOST_TEXT],
            "area": self.area[:MOST_TEXT],
            "state": self.state[:MOST_TEXT],
            "aliases": [alias[:MOST_TEXT] for alias in self.aliases[:MOST_ALIASES]],
            "device_class": self.device_class[:40],
        }
        return {"entity_id": self.entity_id} | {key: told for key, told in fields.items() if told}


@dataclass(frozen=True, slots=True)
class Storey:
    """A floor, with the names of its areas."""

    name: str
    areas: tuple[str, ...]
    aliases: tuple[str, ...] = ()


def scene(
    said: str,
    things: Iterable[Thing],
    areas: Iterable[str] = (),
    floors: Iterable[Storey] = (),
    here: str = "",
) -> dict[str, Any]:
    """The content of a `home_control` task.

    A home that is larger than the bus carries loses its last entities: they cannot be commanded, which
    is better than that nothing can.
    """
    home: dict[str, Any] = {"text": said.strip()[:MOST_SAID]}
    rooms = [area[:MOST_TEXT] for area in areas][:MOST_AREAS]
    storeys = [_storey(floor) for floor in list(floors)[:MOST_FLOORS]]
    told, left = [], MOST_BYTES - _OVERHEAD - _size(rooms) - _size(storeys)
    for thing in list(things)[:MOST_ENTITIES]:
        one = thing.told()
        left -= _size(one) + 1
        if left < 0:
            break
        told.append(one)
    home["entities"] = told
    if rooms:
        home["areas"] = rooms
    if storeys:
        home["floors"] = storeys
    if here:
        home["context"] = {"area": here[:MOST_TEXT]}
    return home


def _storey(floor: Storey) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": floor.name[:MOST_TEXT],
        "areas": [area[:MOST_TEXT] for area in floor.areas[:100]],
    }
    if floor.aliases:
        told["aliases"] = [alias[:MOST_TEXT] for alias in floor.aliases[:MOST_ALIASES]]
    return told


def _size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
