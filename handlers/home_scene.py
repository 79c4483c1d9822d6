"""What a home control request holds: a sentence, the exposed entities, the rooms and floors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from handlers.home_speech import words

Text = Annotated[str, msgspec.Meta(max_length=200)]


class Entity(msgspec.Struct, frozen=True):
    """An exposed entity. ``area`` is a name, not an id. ``domain`` defaults to the id's prefix."""

    entity_id: Annotated[str, msgspec.Meta(max_length=255, pattern=r"^[a-z0-9_]+\.\S+$")]
    name: Text = ""
    area: Text = ""
    domain: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[a-z0-9_]*$")] = ""
    state: Text | float | None = ""
    aliases: Annotated[tuple[Text, ...], msgspec.Meta(max_length=16)] = ()
    device_class: Annotated[str, msgspec.Meta(max_length=40)] = ""

    def kind(self) -> str:
        """Its domain, or the one whose things are spoken of and commanded in the same way."""
        domain = self.own_domain()
        return _LIKE.get(domain, domain)

    def own_domain(self) -> str:
        """The domain: as given, or what stands before the dot of the id."""
        return self.domain or self.entity_id.partition(".")[0]

    def in_groups(self) -> bool:
        """Whether "all switches" and "everything" mean it too: not what is only like a switch."""
        return self.own_domain() == self.kind()

    def label(self) -> str:
        """The name: as given, or what stands after the dot of the id."""
        return self.name or self.entity_id.partition(".")[2].replace("_", " ")


_LIKE = {
    **dict.fromkeys(("input_boolean", "siren", "remote", "group"), "switch"),
    **dict.fromkeys(("button", "input_button", "automation"), "script"),
    **dict.fromkeys(("number", "input_number", "select", "input_select"), "sensor"),
    **dict.fromkeys(("alarm_control_panel", "update", "input_text", "calendar"), "sensor"),
    "water_heater": "climate",
    "device_tracker": "person",
}
"""Domain -> the one that it is like."""


class Floor(msgspec.Struct, frozen=True):
    """A storey or wing: its name and the names of the areas on it."""

    name: Text
    areas: Annotated[tuple[Text, ...], msgspec.Meta(max_length=100)] = ()
    aliases: Annotated[tuple[Text, ...], msgspec.Meta(max_length=16)] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """An area, or a floor of several, as a sentence may name it."""

    name: str
    areas: frozenset[str]
    aliases: tuple[str, ...] = ()
    floor: bool = False

    def holds(self, entity: Entity) -> bool:
        """Whether an entity is in it."""
        return entity.area in self.areas


class Context(msgspec.Struct, frozen=True):
    """Where a sentence was spoken: ``area`` is what "here" means, a name as entities have it."""

    area: Text = ""


class Scene(msgspec.Struct, frozen=True):
    """Input of ``home_control``: what was said, what may be commanded, and where it was said."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    entities: Annotated[tuple[Entity, ...], msgspec.Meta(max_length=1000)] = ()
    areas: Annotated[tuple[Text, ...], msgspec.Meta(max_length=200)] = ()
    floors: Annotated[tuple[Floor, ...], msgspec.Meta(max_length=50)] = ()
    context: Context = Context()

    def here(self) -> Place | None:
        """The area in which it was said, if it was told."""
        area = self.context.area
        return Place(area, frozenset((area,))) if area else None

    def places(self) -> list[Place]:
        """Every area and floor."""
        rooms = [Place(area, frozenset((area,))) for area in self.areas]
        floors = [Place(f.name, frozenset(f.areas), f.aliases, floor=True) for f in self.floors]
        return rooms + floors


def located(scene: Scene) -> Scene:
    """The scene with areas in one spelling, and those inferred that only a name tells.

    An entity without an area that is called "Kitchen Ceiling Light" belongs to the area "Kitchen",
    if there is one; of several that fit, the longest wins.
    """
    known = {_key(area): area for area in scene.areas if area}
    for entity in scene.entities:
        if entity.area:
            known.setdefault(_key(entity.area), entity.area)
    longest = sorted(known, key=lambda stems: (-len(stems), stems))
    placed = []
    for entity in scene.entities:
        if entity.area:
            area = known[_key(entity.area)]
        else:
            named = words(entity.label())
            area = next((known[stems] for stems in longest if _contains(named, stems)), "")
        placed.append(entity if area == entity.area else msgspec.structs.replace(entity, area=area))
    areas = dict.fromkeys((*scene.areas, *(e.area for e in placed), scene.context.area))
    spelt = tuple(dict.fromkeys(known.get(_key(area), area) for area in areas if area))
    floors = tuple(
        msgspec.structs.replace(f, areas=tuple(known.get(_key(area), area) for area in f.areas))
        for f in scene.floors
    )
    here = scene.context.area
    return Scene(scene.text, tuple(placed), spelt, floors, Context(known.get(_key(here), here)))


def _key(area: str) -> tuple[str, ...]:
    return words(area.replace("_", " "))


def _contains(said: Sequence[str], name: Sequence[str]) -> bool:
    size = len(name)
    return any(tuple(said[i : i + size]) == tuple(name) for i in range(len(said) - size + 1))
