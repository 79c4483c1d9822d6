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

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Annotated

import msgspec

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

    ``entities`` and ``areas`` are what the letters stand for; ``domains`` is what there is in each
    of these areas, and under "all" in the whole home, whether shown or not.
    """

    sentence: str
    entities: dict[str, Entity]
    areas: dict[str, str]
    domains: dict[str, frozenset[str]]
    numbers: tuple[str, ...]
    prompt: str


# What people call things of a domain. The first is how the prompt and the answer call it.
KIND_WORDS: dict[str, tuple[str, ...]] = {
    "light": ("light", "lamp", "lighting", "bulb", "chandelier", "spotlight", "lantern", "led"),
    "fan": ("fan", "ventilator"),
    "switch": ("switch", "plug", "outlet", "socket"),
    "cover": (
        *("cover", "blind", "curtain", "shutter", "shade", "awning", "garage", "gate"),
        *("window", "drape", "roller", "skylight"),
    ),
    "lock": ("lock", "door", "deadbolt"),
    "media_player": ("speaker", "tv", "television", "music", "radio", "media", "volume", "song"),
    "climate": ("thermostat", "heating", "heater", "ac", "temperature", "radiator", "degree"),
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
    entities = _rank_entities(said, scene, heard)
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
        domains=_domains(scene, letters),
        numbers=tuple(numbers(sentence)),
        prompt="\n".join(lines),
    )


def _domains(scene: Scene, letters: dict[str, str]) -> dict[str, frozenset[str]]:
    found = {
        letter: frozenset(entity.kind() for entity in scene.entities if entity.area == name)
        for letter, name in letters.items()
    }
    return found | {"all": frozenset(entity.kind() for entity in scene.entities)}


def words(text: str) -> tuple[str, ...]:
    """Lower-case stems of a text's words: no possessive, no plural s."""
    return tuple(_stem(word) for word in _WORD.findall(text.lower()))


def plain_words(sentence: str) -> list[str]:
    """A sentence's words as they stand, without the punctuation around them."""
    return [bare for word in sentence.split() if (bare := word.strip(",.;:!?\"'"))]


def normalise(text: str) -> str:
    """One line, lower case, number words as digits, without outer punctuation."""
    flat = " ".join(text.lower().replace("%", " percent ").split())
    flat = _BELOW_ZERO.sub("-", _HYPHEN.sub(" ", flat))
    out: list[str] = []
    tens = 0
    for token in flat.split():
        bare = token.strip(",.!?;:\"'")
        if tens and bare in _UNITS and 0 < _UNITS[bare] < 10:
            out[-1] = str(tens + _UNITS[bare])
            tens = 0
            continue
        tens = _TENS.get(bare, 0)
        value = tens or _UNITS.get(bare)
        if value is None or (bare == "one" and out and out[-1] in _BEFORE_PRONOUN):
            out.append(token)
        else:
            out.append(token.replace(bare, str(value)))
    return " ".join(out).strip(" .!?,;:\"'")


_WORD = re.compile(r"[^\W_]+(?:'s\b)?", re.UNICODE)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=\w)")
_BELOW_ZERO = re.compile(r"(?<!\d )\bminus (?=\d)")
_UNITS = {
    name: value
    for value, name in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {"hundred": 100}
_TENS = {
    name: 10 * value
    for value, name in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_BEFORE_PRONOUN = ("this", "that", "the", "which", "every", "each", "last", "first", "no")
_LEVELS = {
    **dict.fromkeys(("max", "maximum", "full", "fully", "highest", "brightest"), "100"),
    **dict.fromkeys(("min", "minimum", "lowest", "dimmest"), "1"),
    "half": "50",
    "halfway": "50",
    "quarter": "25",
}
_DURATIONS = {"half": "30", "quarter": "15", "an": "1", "a": "1"}
_MOST_UNNAMED = 6
_FILLER = frozenset("the a an my our your of in on at to and for please all".split())


def numbers(sentence: str) -> list[str]:
    """Every number that the sentence says, in digits or in words."""
    found = _NUMBER.findall(sentence)
    timed = re.search(r"\b(hour|minute|second)s?\b", sentence) is not None
    for word in plain_words(sentence):
        if word in _LEVELS:
            found.append(_LEVELS[word])
        if timed and word in _DURATIONS:
            found.append(_DURATIONS[word])
    return list(dict.fromkeys(found))


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    bare = word.removesuffix("'s")
    if len(bare) > 4 and bare.endswith("ies"):
        return f"{bare[:-3]}y"
    if len(bare) > 4 and bare.endswith(("ches", "shes", "sses", "xes")):
        return bare[:-2]
    if len(bare) > 3 and bare.endswith("s") and not bare.endswith("ss"):
        return bare[:-1]
    return bare


@lru_cache(maxsize=65536)
def _alike(one: str, other: str) -> float:
    """1 for the same stem, 0.5 to 0.9 for a likely slip of the keyboard or ear, else 0."""
    if one == other:
        return 1.0
    if min(len(one), len(other)) < 4 or abs(len(one) - len(other)) > 2:
        return 0.0
    if one[0] != other[0] and one[-1] != other[-1]:
        return 0.0
    ratio = SequenceMatcher(None, one, other).ratio()
    return ratio * 0.9 if ratio >= 0.76 else 0.0


def _one_line(name: str) -> str:
    """A name as the prompt has it: no line break of a name can pass for a line of the prompt."""
    return " ".join(name.lower().split())


def _heard(word: str, said: Sequence[str]) -> float:
    return max((_alike(word, other) for other in said), default=0.0)


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
    size = len(name)
    return any(tuple(said[i : i + size]) == tuple(name) for i in range(len(said) - size + 1))


def _rank_areas(said: Sequence[str], scene: Scene) -> list[tuple[str, str]]:
    """Areas of which at least a part was said, best first, with their marks."""
    scored = []
    for name in dict.fromkeys(scene.areas):
        mark, share = _mark(words(name), said)
        if share > 0:
            scored.append((-"~+=".index(mark), -share, name, mark))
    return [(name, mark) for _, _, name, mark in sorted(scored)[:4]]


def _rank_entities(said: Sequence[str], scene: Scene, heard: set[str]) -> list[tuple[Entity, str]]:
    """Entities that the sentence may mean, best first, with their marks.

    An entity whose name was not said is shown for its area or its kind; of those that share both,
    one stands for all.
    """
    rooms = {stem for name in heard for stem in words(name)}
    content = [word for word in said if word not in _FILLER]
    kinds = {kind for kind, names in KIND_WORDS.items() if any(_heard(n, content) for n in names)}
    weight = _rarity(scene.entities)
    scored = []
    shown: dict[tuple[str, str], int] = {}
    for place, entity in enumerate(scene.entities):
        mark, score = _match(entity, said, weight, rooms)
        in_area = entity.area in heard
        of_kind = entity.kind() in kinds
        if mark == ".":
            group = (entity.area, entity.kind())
            shown[group] = shown.get(group, 0) + 1
            if not (in_area or of_kind) or shown[group] > (3 if in_area and of_kind else 1):
                continue
        total = score + 0.6 * in_area + 0.3 * of_kind + (0.5 if mark == "=" else 0.0)
        scored.append((-total, place, entity, mark))
    scored.sort(key=lambda row: row[:2])
    scored = _demote(scored, rooms)
    named = [row for row in scored if row[3] != "."][: len(ENTITY_LETTERS)]
    others = [row for row in scored if row[3] == "."][:_MOST_UNNAMED]
    best = sorted(named + others, key=lambda row: row[:2])
    return [(entity, mark) for _, _, entity, mark in best[: len(ENTITY_LETTERS)]]


def _demote(
    scored: list[tuple[float, int, Entity, str]], rooms: set[str]
) -> list[tuple[float, int, Entity, str]]:
    """Mark "lamp" only ``+`` where "left lamp" was said and is there too."""
    full = [set(words(row[2].label())) - rooms for row in scored if row[3] == "="]
    return [
        (*row[:3], "+")
        if row[3] == "=" and any(set(words(row[2].label())) - rooms < other for other in full)
        else row
        for row in scored
    ]


def _match(
    entity: Entity, said: Sequence[str], weight: dict[str, float], rooms: set[str]
) -> tuple[str, float]:
    """Mark and score of the best of an entity's names, apart from the room in them."""
    best = (".", 0.0)
    for name in (entity.label(), *entity.aliases):
        whole = words(name)
        if not whole:
            continue
        stems = tuple(word for word in whole if word not in _FILLER and word not in rooms)
        mark, _ = _mark(stems or whole, said)
        total = sum(weight.get(word, 1.0) for word in stems or whole)
        score = sum(weight.get(word, 1.0) * _heard(word, said) for word in stems or whole) / total
        if _contains(said, whole):
            mark, score = "=", score + 0.2
        if score > best[1]:
            best = (mark, score)
    return best


def _rarity(entities: Sequence[Entity]) -> dict[str, float]:
    """Weight of each name word in this home: what many share tells little."""
    count: dict[str, int] = {}
    for entity in entities:
        for word in set(words(entity.label())):
            count[word] = count.get(word, 0) + 1
    return {word: 1.0 / (0.5 + 0.5 * number) for word, number in count.items()}
