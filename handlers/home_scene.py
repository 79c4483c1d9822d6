"""What a home control request holds: a sentence, the exposed entities, the rooms and floors."""

from collections.abc import Iterable, Sequence
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
        """The domain: as given, or what stands before the dot of the id."""
        return self.domain or self.entity_id.partition(".")[0]

    def label(self) -> str:
        """The name: as given, or what stands after the dot of the id."""
        return self.name or self.entity_id.partition(".")[2].replace("_", " ")


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


class Scene(msgspec.Struct, frozen=True):
    """Input of ``home_control``: what was said, and what may be commanded."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    entities: Annotated[tuple[Entity, ...], msgspec.Meta(max_length=1000)] = ()
    areas: Annotated[tuple[Text, ...], msgspec.Meta(max_length=200)] = ()
    floors: Annotated[tuple[Floor, ...], msgspec.Meta(max_length=50)] = ()

    def places(self) -> list[Place]:
        """Every area and floor."""
        rooms = [Place(area, frozenset((area,))) for area in self.areas]
        floors = [Place(f.name, frozenset(f.areas), f.aliases, floor=True) for f in self.floors]
        return rooms + floors


# What people call things of a domain.
_ENGLISH: dict[str, tuple[str, ...]] = {
    "light": ("light", "lamp", "lighting", "bulb", "chandelier", "spotlight", "lantern", "led"),
    "fan": ("fan", "ventilator"),
    "switch": ("switch", "plug", "outlet", "socket"),
    "cover": (
        *("cover", "blind", "curtain", "shutter", "shade", "awning", "garage", "gate"),
        *("window", "drape", "roller", "skylight"),
    ),
    "lock": ("lock", "door", "deadbolt"),
    "media_player": (
        *("speaker", "tv", "television", "music", "radio", "media", "volume", "song", "track"),
    ),
    "climate": (
        *("thermostat", "heating", "heater", "ac", "temperature", "radiator", "degree", "heat"),
    ),
    "vacuum": ("vacuum", "hoover", "robot"),
    "valve": ("valve", "sprinkler", "irrigation"),
    "scene": ("scene", "mode"),
    "script": ("script", "routine"),
    "todo": ("list",),
    "sensor": ("sensor", "temperature", "humidity", "battery"),
    "binary_sensor": ("sensor", "door", "window", "motion", "leak"),
    "lawn_mower": ("mower", "lawn"),
}
_GERMAN: dict[str, tuple[str, ...]] = {
    "light": ("licht", "lichter", "lampe", "lampen", "leuchte", "leuchten", "beleuchtung"),
    "fan": ("ventilator", "ventilatoren", "lüfter"),
    "switch": ("schalter", "steckdose", "steckdosen"),
    "cover": (
        *("rollo", "rolladen", "rollladen", "rollläden", "jalousie", "jalousien", "vorhang"),
        *("vorhänge", "markise", "garagentor", "fenster"),
    ),
    "lock": ("schloss", "tür"),
    "media_player": ("fernseher", "lautsprecher", "musik"),
    "climate": ("heizung", "temperatur", "grad", "klimaanlage"),
    "vacuum": ("staubsauger", "saugroboter"),
    "valve": ("ventil",),
    "todo": ("liste",),
}
KIND_WORDS = {kind: said + _GERMAN.get(kind, ()) for kind, said in _ENGLISH.items()}
"""Domain -> the words for its things, as stems."""

MENDED_TO = frozenset(word for said in _ENGLISH.values() for word in said)
"""Of these words those that a misspelt word may be put right to."""

_CLASSES = {
    "blind": ("blind", "rollo", "jalousie", "shade"),
    "curtain": ("curtain", "drape", "vorhang", "vorhänge"),
    "shutter": ("shutter", "rolladen", "rollladen", "rollläden"),
    "shade": ("shade",),
    "awning": ("awning", "markise"),
    "garage": ("garage", "garagentor"),
    "gate": ("gate",),
    "window": ("window", "skylight", "fenster"),
}
COVER_CLASSES = tuple(_CLASSES)


def kinds_of(said: Iterable[str]) -> frozenset[str]:
    """Domains of which something was said in general: "lights", "the blinds"."""
    heard = set(said)
    return frozenset(kind for kind, names in KIND_WORDS.items() if not heard.isdisjoint(names))


def cover_class(stem: str) -> str:
    """The class of covers that a word means, or ""."""
    return next((name for name, said in _CLASSES.items() if stem in said), "")


def fits_kind(entity: Entity, stem: str) -> bool:
    """Whether an entity of the right domain is also of the class of covers that was said."""
    said = cover_class(stem)
    if not said or entity.kind() != "cover":
        return True
    return entity.device_class == said or said in {cover_class(w) for w in words(entity.label())}


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
    areas = dict.fromkeys((*scene.areas, *(entity.area for entity in placed)))
    spelt = tuple(dict.fromkeys(known.get(_key(area), area) for area in areas if area))
    floors = tuple(
        msgspec.structs.replace(f, areas=tuple(known.get(_key(area), area) for area in f.areas))
        for f in scene.floors
    )
    return Scene(scene.text, tuple(placed), spelt, floors)


def _key(area: str) -> tuple[str, ...]:
    return words(area.replace("_", " "))


def _contains(said: Sequence[str], name: Sequence[str]) -> bool:
    size = len(name)
    return any(tuple(said[i : i + size]) == tuple(name) for i in range(len(said) - size + 1))
