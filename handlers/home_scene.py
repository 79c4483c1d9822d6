"""A sentence and a home, reduced to the few lines that the home model reads.

The model never sees a whole home. Plain string matching marks which entities and areas the
sentence could mean, the best few become lettered lines, and the model answers with letters. So a
name that was never seen in training costs nothing: its letter stands for it.

Prompt (all lower case but for the letters)::

    turn off the lamp in the hall
    R=hall                          area: letter, mark, name
    A+R light floor lamp            entity: letter, mark, area letter or -, domain, name
    B~- light lava lamp
    >

Marks: ``=`` the whole name stands in the sentence, ``+`` every word of it does, ``~`` a part of it
does, ``.`` only its area or its kind does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import msgspec

from handlers.home_speech import alike, normalise, numbers, words

ENTITY_LETTERS = "ABCDEFGHIJKL"
AREA_LETTERS = "RSTUVWXY"

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


class Scene(msgspec.Struct, frozen=True):
    """Input of ``home_control``: what was said, and what may be commanded."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    entities: Annotated[tuple[Entity, ...], msgspec.Meta(max_length=1000)] = ()
    areas: Annotated[tuple[Text, ...], msgspec.Meta(max_length=200)] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What of a scene the model is shown.

    ``entities`` and ``areas`` are what the letters stand for; ``domains`` is what may be meant by
    each of these areas, and under "all" by the whole home: what there is of the kinds that were
    said, or of any kind if none was.
    """

    sentence: str
    entities: dict[str, Entity]
    areas: dict[str, str]
    domains: dict[str, frozenset[str]]
    numbers: tuple[str, ...]
    prompt: str


_OF_LIGHT = ("dark", "bright", "dim", "see", "gloomy", "darken", "brighten", "illuminate")

# What people call things of a domain. The first is how the prompt and the answer call it.
KIND_WORDS: dict[str, tuple[str, ...]] = {
    "light": (
        "light",
        "lamp",
        "lighting",
        "bulb",
        "chandelier",
        "spotlight",
        "lantern",
        "led",
        *_OF_LIGHT,
    ),
    "fan": ("fan", "ventilator"),
    "switch": ("switch", "plug", "outlet", "socket"),
    "cover": (
        *("cover", "blind", "curtain", "shutter", "shade", "awning", "garage", "gate"),
        *("window", "drape", "roller", "skylight"),
    ),
    "lock": ("lock", "door", "deadbolt"),
    "media_player": ("speaker", "tv", "television", "music", "radio", "media", "volume", "song"),
    "climate": (
        "thermostat",
        "heating",
        "heater",
        "ac",
        "temperature",
        "radiator",
        "degree",
        "warm",
        "cold",
        "hot",
        "cool",
        "heat",
    ),
    "vacuum": ("vacuum", "hoover", "robot"),
    "valve": ("valve", "sprinkler"),
    "scene": ("scene", "mode"),
    "script": ("script", "routine"),
    "todo": ("list",),
    "sensor": ("sensor", "temperature", "humidity", "battery"),
    "binary_sensor": ("sensor", "door", "window", "motion", "leak"),
    "lawn_mower": ("mower", "lawn"),
}

COVER_CLASSES = ("blind", "curtain", "shutter", "shade", "awning", "garage", "gate", "window")


def located(scene: Scene) -> Scene:
    """The scene with areas in one spelling, and those inferred that only a name tells.

    An entity without an area that is called "Kitchen Ceiling Light" belongs to the area "Kitchen",
    if there is one; of several that fit, the longest wins.
    """
    known = {words(area.replace("_", " ")): area for area in scene.areas if area}
    for entity in scene.entities:
        if entity.area:
            known.setdefault(words(entity.area.replace("_", " ")), entity.area)
    longest = sorted(known, key=lambda stems: (-len(stems), stems))
    placed = []
    for entity in scene.entities:
        if entity.area:
            area = known[words(entity.area.replace("_", " "))]
        else:
            named = words(entity.label())
            area = next((known[stems] for stems in longest if _contains(named, stems)), "")
        placed.append(entity if area == entity.area else msgspec.structs.replace(entity, area=area))
    areas = dict.fromkeys((*scene.areas, *(entity.area for entity in placed)))
    return Scene(scene.text, tuple(placed), tuple(known.get(words(a), a) for a in areas if a))


def view(scene: Scene) -> View:
    """Pick at most 12 entities and 8 areas that the sentence may mean, best first.

    ``scene`` is one that :func:`located` gave.
    """
    sentence = normalise(scene.text)
    said = words(sentence)
    areas = _rank_areas(said, scene)
    heard = {name for name, mark in areas if mark in "=+"}
    kinds = _kinds(said)
    entities = _rank_entities(said, scene, heard, kinds)
    shown = [name for name, _ in areas]
    shown += [entity.area for entity, _ in entities if entity.area and entity.area not in shown]
    marks = dict(areas)
    letters = dict(zip(AREA_LETTERS, dict.fromkeys(shown), strict=False))
    letter_of = {name: letter for letter, name in letters.items()}
    lines = [sentence]
    lines += [f"{x}{marks.get(name, '.')}{_one_line(name)}" for x, name in letters.items()]
    for letter, (entity, mark) in zip(ENTITY_LETTERS, entities, strict=False):
        place = letter_of.get(entity.area, "-")
        lines.append(f"{letter}{mark}{place} {entity.kind()} {_one_line(entity.label())}")
    lines.append(">")
    return View(
        sentence=sentence,
        entities={
            letter: entity for letter, (entity, _) in zip(ENTITY_LETTERS, entities, strict=False)
        },
        areas=letters,
        domains=_domains(scene, letters, kinds),
        numbers=tuple(numbers(sentence)),
        prompt="\n".join(lines),
    )


def _domains(
    scene: Scene, letters: dict[str, str], kinds: frozenset[str]
) -> dict[str, frozenset[str]]:
    held: dict[str, set[str]] = {letter: set() for letter in (*letters, "all")}
    letter_of = {name: letter for letter, name in letters.items()}
    for entity in scene.entities:
        if not kinds or entity.kind() in kinds:
            held["all"].add(entity.kind())
            if entity.area in letter_of:
                held[letter_of[entity.area]].add(entity.kind())
    return {group: frozenset(found) for group, found in held.items()}


_MOST_UNNAMED = 6
_MOST_NAME_CHARACTERS = 40
_FILLER = frozenset("the a an my our your of in on at to and for please all".split())


def _one_line(name: str) -> str:
    """A name as the prompt has it: no line break of a name can pass for a line of the prompt.

    Cut, so that twelve long names leave room for the sentence; the letter stands for the whole.
    """
    return " ".join(name.lower().split())[:_MOST_NAME_CHARACTERS]


def _heard(word: str, said: Sequence[str]) -> float:
    return max((alike(word, other) for other in said), default=0.0)


def _mark(name: Sequence[str], said: Sequence[str]) -> tuple[str, float]:
    """How much of a name was said: its mark and the heard share, 0 to 1."""
    if not name:
        return ".", 0.0
    shares = [_heard(word, said) for word in name]
    share = sum(shares) / len(name)
    if min(shares) > 0:
        exact = min(shares) == 1.0 and _contains(said, name)
        return ("=" if exact else "+"), share
    return ("~" if share > 0 else "."), share


def _contains(said: Sequence[str], name: Sequence[str]) -> bool:
    return _place(said, name) >= 0


def _place(said: Sequence[str], name: Sequence[str]) -> int:
    """Where a name begins in what was said, or -1."""
    size = len(name)
    return next(
        (i for i in range(len(said) - size + 1) if tuple(said[i : i + size]) == tuple(name)), -1
    )


def _rank_areas(said: Sequence[str], scene: Scene) -> list[tuple[str, str]]:
    """Areas of which at least a part was said, best first, with their marks.

    Those said in full stand in the order in which they were said.
    """
    scored = []
    for name in dict.fromkeys(scene.areas):
        stems = words(name)
        mark, share = _mark(stems, said)
        if share > 0:
            at = _place(said, stems) if mark == "=" else 0
            scored.append((-"~+=".index(mark), at, -share, name, mark))
    return [(name, mark) for *_, name, mark in sorted(scored)[:4]]


class _Candidate(NamedTuple):
    """An entity that may be meant; ``at`` is where its name begins in the sentence."""

    entity: Entity
    mark: str
    score: float
    at: int
    stems: frozenset[str]


def _rank_entities(
    said: Sequence[str], scene: Scene, heard: set[str], kinds: frozenset[str]
) -> list[tuple[Entity, str]]:
    """Entities that the sentence may mean, with their marks.

    First those named in full, in the order in which they were said; then the others, best first.
    An entity whose name was not said is shown for its area or its kind; of those that share both,
    one stands for all.
    """
    rooms = {stem for name in heard for stem in words(name)}
    weight = _rarity(scene.entities)
    found = []
    shown: dict[tuple[str, str], int] = {}
    for entity in scene.entities:
        one = _match(entity, said, weight, rooms)
        in_area = entity.area in heard
        of_kind = entity.kind() in kinds
        if one.mark == ".":
            group = (entity.area, entity.kind())
            shown[group] = shown.get(group, 0) + 1
            if not (in_area or of_kind) or shown[group] > (3 if in_area and of_kind else 1):
                continue
        found.append(one._replace(score=one.score + 0.6 * in_area + 0.3 * of_kind))
    ranked = sorted(_demote(found), key=_rank)
    named = [one for one in ranked if one.mark != "."][: len(ENTITY_LETTERS)]
    others = [one for one in ranked if one.mark == "."][:_MOST_UNNAMED]
    best = sorted(named + others, key=_rank)[: len(ENTITY_LETTERS)]
    return [(one.entity, one.mark) for one in best]


def _rank(one: _Candidate) -> tuple[bool, int, float]:
    full = one.mark == "="
    return not full, one.at if full else 0, -one.score


def _demote(found: list[_Candidate]) -> list[_Candidate]:
    """Mark "lamp" only ``+`` where "left lamp" was said and is there too."""
    full = [one.stems for one in found if one.mark == "="]
    return [
        one._replace(mark="+")
        if one.mark == "=" and any(one.stems < other for other in full)
        else one
        for one in found
    ]


def _match(
    entity: Entity, said: Sequence[str], weight: dict[str, float], rooms: set[str]
) -> _Candidate:
    """How well the best of an entity's names was said, apart from the room in it."""
    best = _Candidate(entity, ".", 0.0, 0, frozenset())
    for name in (entity.label(), *entity.aliases):
        whole = words(name)
        if not whole:
            continue
        stems = tuple(word for word in whole if word not in _FILLER and word not in rooms) or whole
        mark, _ = _mark(stems, said)
        total = sum(weight.get(word, 1.0) for word in stems)
        score = sum(weight.get(word, 1.0) * _heard(word, said) for word in stems) / total
        if _contains(said, whole):
            mark, score, stems = "=", score + 0.2, whole
        if score > best.score:
            at = _place(said, stems) if mark == "=" else 0
            best = _Candidate(entity, mark, score, at, frozenset(stems) - rooms)
    return best


def _kinds(said: Sequence[str]) -> frozenset[str]:
    """Domains of which something was said in general: "lights", "the blinds"."""
    content = [word for word in said if word not in _FILLER]
    return frozenset(
        kind for kind, names in KIND_WORDS.items() if any(_heard(n, content) for n in names)
    )


def _rarity(entities: Sequence[Entity]) -> dict[str, float]:
    """Weight of each name word in this home: what many share tells little."""
    count: dict[str, int] = {}
    for entity in entities:
        for word in set(words(entity.label())):
            count[word] = count.get(word, 0) + 1
    return {word: 1.0 / (0.5 + 0.5 * number) for word, number in count.items()}
