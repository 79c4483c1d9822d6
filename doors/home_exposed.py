"""A home as Home Assistant tells it: what is exposed to Assist, where it is, and in which state.

Pure: answers of its WebSocket API in, a :class:`Home` out, and of that the scene that `home_control` reads.
Every list is cut to what a request may hold; what does not fit is not commanded by the bus.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from bus_topics.codec import MAX_CONTENT

ASSISTANT = "conversation"
"""What Home Assistant calls Assist where it says to whom an entity is exposed."""

MOST_ENTITIES, MOST_AREAS, MOST_FLOORS = 1000, 200, 50
_MOST_NAMES = 16
_BESIDE = 8 * 1024  # for the sentence, the room of the speaker and the names of the fields
_LONGEST_NAME = 200


_Part = TypeVar("_Part")


class Attributes(msgspec.Struct, frozen=True):
    """Those attributes of a state that are looked at; integrations write what they like."""

    friendly_name: Any = None
    device_class: Any = None
    unit_of_measurement: Any = None
    brightness: Any = None
    percentage: Any = None
    temperature: Any = None
    current_temperature: Any = None


class State(msgspec.Struct, frozen=True):
    """One of `get_states`."""

    entity_id: str
    state: str
    attributes: Attributes = Attributes()


class RegistryEntry(msgspec.Struct, frozen=True):
    """One of `config/entity_registry/list`, or, with aliases, of its `get_entries`."""

    entity_id: str
    area_id: str | None = None
    device_id: str | None = None
    name: str | None = None
    aliases: tuple[str | None, ...] = ()


class Device(msgspec.Struct, frozen=True):
    """One of `config/device_registry/list`."""

    id: str
    area_id: str | None = None


class Area(msgspec.Struct, frozen=True):
    """One of `config/area_registry/list`."""

    area_id: str
    name: str
    floor_id: str | None = None
    aliases: tuple[str | None, ...] = ()


class Floor(msgspec.Struct, frozen=True):
    """One of `config/floor_registry/list`."""

    floor_id: str
    name: str
    aliases: tuple[str | None, ...] = ()


class Exposure(msgspec.Struct, frozen=True):
    """`homeassistant/expose_entity/list`: entity -> assistants to which it is exposed."""

    exposed_entities: dict[str, dict[str, bool]]

    def to_assist(self) -> tuple[str, ...]:
        """The ids of those that Assist may command."""
        told = self.exposed_entities.items()
        return tuple(id_ for id_, shown in told if shown.get(ASSISTANT))[:MOST_ENTITIES]


class Settings(msgspec.Struct, frozen=True):
    """What of `get_config` is used."""

    language: str = "en"
    time_zone: str = "UTC"


class Registries(msgspec.Struct, frozen=True):
    """What changes seldom."""

    exposed: tuple[str, ...]
    entries: tuple[RegistryEntry, ...]
    detailed: dict[str, RegistryEntry | None]
    devices: tuple[Device, ...]
    areas: tuple[Area, ...]
    floors: tuple[Floor, ...]
    settings: Settings


class Exposed(msgspec.Struct, frozen=True):
    """An entity that Assist may command; its area is a name."""

    entity_id: str
    name: str
    aliases: tuple[str, ...]
    area: str
    state: str
    attributes: Attributes

    @property
    def domain(self) -> str:
        """What stands before the dot."""
        return self.entity_id.partition(".")[0]


class Place(msgspec.Struct, frozen=True):
    """A floor, or another name of an area: `home_control` takes both as names of several areas."""

    slot: str
    name: str
    areas: frozenset[str]
    aliases: tuple[str, ...] = ()


class Home(msgspec.Struct, frozen=True):
    """What is there. `everything` are all entities, exposed or not, with the names of their areas."""

    entities: dict[str, Exposed] = {}
    everything: dict[str, str] = {}
    areas: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    devices: dict[str, str] = {}
    settings: Settings = Settings()

    def scene(self, text: str, device: str | None = None) -> dict[str, Any]:
        """The content for `home_control`; `device` is what heard the sentence."""
        here = self.devices.get(device or "", "")
        room = MAX_CONTENT - _BESIDE
        areas, room = _fitting(self.areas, room)
        floors, room = _fitting([_as_floor(place) for place in self.places], room)
        entities, _ = _fitting([_as_entity(one) for one in self.entities.values()], room)
        return {
            "text": text,
            "entities": entities,
            "areas": areas,
            "floors": floors,
            "context": {"area": here},
        }

    def place(self, slots: Mapping[str, Any]) -> Place | None:
        """Where the slots of an intent point to, in the slot that Home Assistant knows it by."""
        if area := slots.get("area"):
            return Place("area", area, frozenset((area,)))
        said = slots.get("floor")
        return next((place for place in self.places if place.name == said), None)

    def matched(
        self, domain: str, place: Place | None, *, only_exposed: bool = False
    ) -> frozenset[str]:
        """The ids that Home Assistant takes for the things of a domain, there or everywhere."""
        return frozenset(
            id_
            for id_, area in self.everything.items()
            if id_.partition(".")[0] == domain
            and (place is None or area in place.areas)
            and (not only_exposed or id_ in self.entities)
        )


def home_of(told: Registries, states: Sequence[State]) -> Home:
    """The home that these answers tell."""
    areas = {area.area_id: area.name for area in told.areas}
    devices = {one.id: areas.get(one.area_id or "", "") for one in told.devices}
    rooms = {
        one.entity_id: areas.get(one.area_id or "", "") or devices.get(one.device_id or "", "")
        for one in told.entries
    }
    exposed = frozenset(told.exposed)
    return Home(
        entities={
            state.entity_id: _exposed(
                state, told.detailed.get(state.entity_id), rooms.get(state.entity_id, "")
            )
            for state in states
            if state.entity_id in exposed
        },
        everything={state.entity_id: rooms.get(state.entity_id, "") for state in states},
        areas=tuple(area.name[:_LONGEST_NAME] for area in told.areas)[:MOST_AREAS],
        places=tuple(_places(told))[:MOST_FLOORS],
        devices=devices,
        settings=told.settings,
    )


def _as_entity(one: Exposed) -> dict[str, Any]:
    return {
        "entity_id": one.entity_id,
        "name": one.name,
        "area": one.area,
        "state": one.state[:_LONGEST_NAME],
        "aliases": one.aliases,
        "device_class": _text(one.attributes.device_class)[:40],
    }


def _as_floor(place: Place) -> dict[str, Any]:
    return {"name": place.name, "areas": sorted(place.areas), "aliases": place.aliases}


def _fitting(parts: Sequence[_Part], room: int) -> tuple[list[_Part], int]:
    """Those of them, from the first on, that have room as JSON; and the bytes that are left."""
    taken: list[_Part] = []
    for part in parts:
        left = room - len(msgspec.json.encode(part)) - 1
        if left < 0:
            break
        taken.append(part)
        room = left
    return taken, room


def _exposed(state: State, entry: RegistryEntry | None, area: str) -> Exposed:
    name = _text(state.attributes.friendly_name) or (entry.name if entry and entry.name else "")
    other = (entry.name, *entry.aliases) if entry else ()
    return Exposed(
        entity_id=state.entity_id,
        name=name[:_LONGEST_NAME],
        aliases=_names(other, without=(name,)),
        area=area[:_LONGEST_NAME],
        state=state.state,
        attributes=state.attributes,
    )


def _places(told: Registries) -> list[Place]:
    floors = [
        Place(
            "floor",
            floor.name[:_LONGEST_NAME],
            frozenset(a.name[:_LONGEST_NAME] for a in told.areas if a.floor_id == floor.floor_id),
            _names(floor.aliases, without=(floor.name,)),
        )
        for floor in told.floors
    ]
    known = {area.name for area in told.areas} | {floor.name for floor in floors}
    others = [
        Place("area", alias, frozenset((area.name[:_LONGEST_NAME],)))
        for area in told.areas
        for alias in _names(area.aliases, without=known)
    ]
    return floors + others


def _names(given: Sequence[str | None], without: Collection[str]) -> tuple[str, ...]:
    """Names that are none of the others; one that stands for the entity's own name is None."""
    named = dict.fromkeys(
        one[:_LONGEST_NAME] for one in given if one and one.strip() and one not in without
    )
    return tuple(named)[:_MOST_NAMES]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
