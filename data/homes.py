"""Random homes in several naming styles, from words of one part (training or validation)."""

import random

import msgspec

from data.home_words import AREAS, FLOORS, OWNERS, SYLLABLES, THINGS, pick
from handlers.home_kinds import KIND_WORDS, class_said
from handlers.home_scene import Context, Entity, Floor, Scene, located
from handlers.home_speech import words

_COUNTS = {
    "light": (1, 4),
    "switch": (0, 2),
    "cover": (0, 2),
    "fan": (0, 1),
    "lock": (0, 1),
    "climate": (0, 1),
    "media_player": (0, 1),
    "vacuum": (0, 1),
    "sensor": (0, 1),
    "binary_sensor": (0, 1),
    "valve": (0, 1),
    "humidifier": (0, 1),
}
_SHARE = {
    "light": 0.9,
    "switch": 0.45,
    "cover": 0.5,
    "fan": 0.3,
    "lock": 0.2,
    "climate": 0.4,
    "media_player": 0.35,
    "vacuum": 0.12,
    "sensor": 0.3,
    "binary_sensor": 0.25,
    "valve": 0.12,
    "humidifier": 0.1,
}
_UNPLACED = (
    *(("scene", 0.4), ("script", 0.3), ("todo", 0.4), ("lawn_mower", 0.12), ("person", 0.15)),
    ("weather", 0.2),
)
"""Domains of things without a room, and in how many homes there are some."""

_CLASSES = {
    "sensor": ("temperature", "humidity", "battery", "power", "energy"),
    "binary_sensor": ("door", "window", "motion", "moisture", "smoke"),
}
_STYLES = ("area_thing", "thing", "mixed", "owner", "made_up", "numbered", "of_area")
_KEPT = frozenset(word for names in KIND_WORDS.values() for word in names) | frozenset(
    ("room", "in", "the", "of", "on", "off", "all")
)
_ONSETS = (
    *"bcdfghjklmnpqrstvwxyz",
    *("br", "ch", "cl", "dr", "fl", "gr", "kn", "pl", "qu", "sh", "st", "th", "tr", "sch", ""),
)
_VOWELS = (*"aeiouyäöü", "ai", "ee", "ia", "oo", "ou", "ei")
_CODAS = (*"lmnrstkxdgpz", "", "", "", "", "ng", "ck", "rt", "st", "nd", "ll", "sh")


class Home:
    """Areas and entities; every entity has a name that no other has in its area.

    ``told`` is false for a home that gives no entity's area; then ``entities`` have the areas that
    their names tell. ``here`` is the area in which the next sentence is spoken, or "".
    """

    def __init__(
        self, areas: list[str], entities: list[Entity], floors: list[Floor], *, told: bool
    ) -> None:
        scene = located(Scene("", tuple(entities), tuple(areas)))
        self.floors = floors
        self.areas = areas
        self.entities = list(scene.entities)
        self.told = told
        self.here = ""

    def become(self, other: "Home") -> None:
        """Be another home."""
        self.floors, self.areas = other.floors, other.areas
        self.entities, self.told, self.here = other.entities, other.told, other.here

    def scene(self, text: str) -> Scene:
        """What a requester would send with this sentence."""
        entities = self.entities
        if not self.told:
            entities = [msgspec.structs.replace(entity, area="") for entity in entities]
        here = Context(self.here)
        return Scene(text, tuple(entities), tuple(self.areas), tuple(self.floors), here)

    def domains(self) -> tuple[str, ...]:
        """Every domain that it has something of."""
        return tuple(sorted({entity.kind() for entity in self.entities}))

    def of(self, *domains: str) -> list[Entity]:
        """The entities of some domains."""
        return [entity for entity in self.entities if entity.kind() in domains]


def random_home(part: str, rng: random.Random) -> Home:
    """A home of 2 to 24 areas and 4 to 150 entities."""
    # The model sees no more than what is named, so that training learns nothing from large homes.
    sizes = (2, 2, 3, 3, 4, 4, 5, 6, 8) if part == "train" else (2, 3, 4, 5, 6, 7, 8, 10, 14, 24)
    areas = rng.sample(pick(AREAS, part), rng.choice(sizes))
    style = rng.choice(_STYLES)
    placed = rng.random() > 0.12
    entities: list[Entity] = []
    taken: set[tuple[str, str]] = set()
    for area in areas:
        for domain, (least, most) in _COUNTS.items():
            if rng.random() < _SHARE[domain]:
                for _ in range(rng.randint(max(1, least), max(1, most))):
                    _add(entities, taken, domain, area if placed else "", area, style, part, rng)
    for domain, share in _UNPLACED:
        if rng.random() < share:
            for _ in range(rng.randint(1, 3)):
                _add(entities, taken, domain, "", "", "thing", part, rng)
    rng.shuffle(entities)
    if part == "train" and rng.random() < 0.5:
        areas, entities = _renamed(areas, entities, rng)
    floors = _floors(areas, part, rng) if len(areas) > 2 and rng.random() < 0.4 else []
    return Home(areas, entities[:150], floors, told=placed)


def _floors(areas: list[str], part: str, rng: random.Random) -> list[Floor]:
    """Two or three floors that share the areas out among them."""
    lists = [names.split("/") for names in pick(FLOORS, part)]
    chosen = rng.sample(lists, rng.choice((2, 2, 3)))
    mixed = rng.sample(areas, len(areas))
    taken, free = set(areas), []
    for names in chosen:
        free.append([name for name in names if name not in taken])
        taken.update(names)
    return [
        Floor(names[0], tuple(mixed[at :: len(free)]), tuple(names[1:]))
        for at, names in enumerate(free)
        if names
    ]


def _renamed(
    areas: list[str], entities: list[Entity], rng: random.Random
) -> tuple[list[str], list[Entity]]:
    """The same home with half of the words in its names made of random letters.

    What a name means must not matter, only where it stands; without this the model reads an unknown
    word as a hint at something.
    """
    new: dict[str, str] = {}

    def rename(name: str) -> str:
        for word in name.lower().split():
            if word not in new:
                kept = bool(_KEPT & set(words(word))) or not word.isalpha() or rng.random() < 0.5
                new[word] = word if kept else random_word(rng)
        return " ".join(new[word] for word in name.lower().split())

    renamed = [
        msgspec.structs.replace(
            entity,
            name=rename(entity.name),
            area=rename(entity.area),
            aliases=tuple(rename(alias) for alias in entity.aliases),
        )
        for entity in entities
    ]
    return [rename(area) for area in areas], renamed


def random_word(rng: random.Random) -> str:
    """Four to nine letters that can be spoken and mean nothing."""
    syllables = rng.randint(2, 4)
    spoken = (
        rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(syllables)
    )
    return "".join(spoken)[:9]


def _add(
    entities: list[Entity],
    taken: set[tuple[str, str]],
    domain: str,
    area: str,
    near: str,
    style: str,
    part: str,
    rng: random.Random,
) -> None:
    thing = rng.choice(pick(THINGS[domain], part))
    name = _name(thing, near, style, part, rng)
    key = (area, " ".join(words(name)))
    if key in taken:
        return
    taken.add(key)
    aliases: tuple[str, ...] = ()
    if rng.random() < 0.08:
        aliases = (_name(rng.choice(pick(THINGS[domain], part)), near, "made_up", part, rng),)
    entity_id = f"{domain}.{'_'.join(words(name))}_{len(entities)}"
    name = rng.choice((name, name, name.title(), name.capitalize()))
    entities.append(
        Entity(
            entity_id=entity_id,
            name=name,
            area=area,
            domain=domain,
            state=rng.choice(("on", "off")),
            aliases=aliases,
            device_class=_class(domain, name, rng),
        )
    )


def _class(domain: str, name: str, rng: random.Random) -> str:
    """The class of a sensor, told by its name where that tells one; "" where nothing is known."""
    said = words(name)
    told = [
        one for one in _CLASSES.get(domain, ()) if any(class_said(domain, w) == one for w in said)
    ]
    if told or domain not in _CLASSES:
        return rng.choice((*told, "")) if told else ""
    return "" if rng.random() < 0.5 else rng.choice(_CLASSES[domain])


def _name(thing: str, area: str, style: str, part: str, rng: random.Random) -> str:
    if style == "mixed":
        style = rng.choice(_STYLES[:2] + _STYLES[3:])
    match style:
        case "area_thing" if area:
            return f"{area} {thing}"
        case "of_area" if area and rng.random() < 0.5:
            return f"{thing} {rng.choice(('', 'in the ', 'of the '))}{area}"
        case "owner" if rng.random() < 0.4:
            return f"{rng.choice(pick(OWNERS, part))}'s {thing}"
        case "made_up" if rng.random() < 0.5:
            made = made_up(part, rng)
            return rng.choice((made, f"{made} {thing}", f"{made} {rng.randint(1, 9)}"))
        case "numbered":
            return f"{thing} {rng.randint(1, 6)}"
        case _:
            return thing


def made_up(part: str, rng: random.Random) -> str:
    """A product name that means nothing."""
    return "".join(rng.choice(pick(SYLLABLES, part)) for _ in range(rng.randint(2, 3)))
