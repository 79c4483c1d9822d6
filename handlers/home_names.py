"""The names of a home by the stems of their words, and slips put right towards them.

Slips of the keyboard and the ear are mended towards the words of this home and of the kinds of
things that there are, and never away from an everyday word.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from handlers.home_alike import other_names
from handlers.home_kinds import KIND_WORDS, MENDED_TO
from handlers.home_lexicon import COMMON
from handlers.home_scene import Entity, Place, Scene
from handlers.home_speech import COLOR_NAMES, alike, stem_of, words

Stems = tuple[str, ...]

ALL_KINDS = frozenset(word for names in KIND_WORDS.values() for word in names)
"""Every word for a kind of thing."""

FILLERS = frozenset("the a an my our your of in on at to and for 's der die das den dem".split())
"""Words that a name may have and that tell nothing."""


class Token(NamedTuple):
    """A word or a mark: as it was said, and its stem."""

    said: str
    stem: str


def tokens_of(sentence: str) -> list[Token]:
    """The words and marks of a sentence that ``normalise`` gave."""
    return [Token(word, stem_of(word)) for word in _TOKEN.findall(sentence)]


@dataclass(slots=True)
class Names:
    """The names of a home, by their stems.

    Attributes:
        full: names and aliases of entities.
        short: those less the room in them: "ceiling light" of a "Kitchen Ceiling Light"; and other
            words for them that fit no other name of this home.
        places: names and aliases of areas and floors.
        vocabulary: every word that tells something.
    """

    full: dict[Stems, list[Entity]] = field(default_factory=dict)
    short: dict[Stems, list[Entity]] = field(default_factory=dict)
    places: dict[Stems, Place] = field(default_factory=dict)
    vocabulary: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, scene: Scene) -> "Names":
        """Those of a scene that ``located`` gave."""
        home = cls()
        for place in scene.places():
            for name in (place.name, *place.aliases):
                if stems := words(name.replace("_", " ")):
                    home.places.setdefault(stems, place)
                    home.vocabulary.update(stems)
        for entity in scene.entities:
            area = words(entity.area.replace("_", " "))
            for name in (entity.label(), *entity.aliases):
                if stems := words(name):
                    _add(home.full, stems, entity)
                    home.vocabulary.update(stems)
                    if rest := _without(stems, area):
                        _add(home.short, rest, entity)
        home._take_other_names()
        home.vocabulary -= FILLERS
        if here := scene.here():
            home.places |= {said: home.places.get(words(here.name), here) for said in _HERE}
        return home

    def _take_other_names(self) -> None:
        """Other words for what is named here, where they can mean one thing alone."""
        places: dict[Stems, list[Place]] = {}
        for own, place in self.places.items():
            for other in other_names(own):
                places.setdefault(other, []).append(place)
        entities: dict[Stems, list[Entity]] = {}
        for own, held in (*self.full.items(), *self.short.items()):
            for other in other_names(own) if not ALL_KINDS.issuperset(own) else ():
                entities.setdefault(other, []).extend(held)
        named = self.full.keys() | self.short.keys() | self.places.keys()
        for other, meant in places.items():
            if other not in named and len({place.name for place in meant}) == 1:
                self.places[other] = meant[0]
                self.vocabulary.update(other)
        for other, found in entities.items():
            if other not in named and len({e.entity_id for e in found}) == 1:
                self.short[other] = found[:1]
                self.vocabulary.update(other)


def mended(tokens: list[Token], home: Names) -> list[Token]:
    """Split and misspelt words of this home, put right."""
    known = home.vocabulary | MENDED_TO | _EVERYTHING
    everyday = COMMON | _COLORS | ALL_KINDS
    joined = {"".join(stems): stems for stems in (*home.full, *home.places) if len(stems) > 1}
    out: list[Token] = []
    for token in tokens:
        if token.stem in _SOUNDS and token.stem not in home.vocabulary:
            word = _SOUNDS[token.stem]
            out.append(Token(word + "s" * token.said.endswith("s"), word))
        elif out and out[-1].stem + token.stem in home.vocabulary and len(token.stem) > 2:
            out[-1] = Token(out[-1].said + token.said, out[-1].stem + token.stem)
        elif token.stem in known or token.stem in everyday:
            out.append(token)
        elif token.stem in joined:
            out += [Token(stem, stem) for stem in joined[token.stem]]
        elif compound := _compound(token, home):
            out += compound
        else:
            out.append(_nearest(token, known))
    return out


_EVERYTHING = frozenset(("everything", "everywhere", "except", "percent", "degree"))
_COLORS = frozenset(
    "white black red orange yellow green blue purple brown pink turquoise kelvin".split()
) | frozenset(COLOR_NAMES)
_HERE = tuple(map(words, ("here", "this room", "hier", "hier drin", "diesem raum")))
_SOUNDS = {"lite": "light", "lihgt": "light", "blynd": "blind", "thermostate": "thermostat"}
_ALIKE = 0.68
_TOKEN = re.compile(r"-?\d+(?:\.\d+)?(?![^\W_])|[^\W_]+(?:'[^\W_]+)*|[^\w\s]", re.UNICODE)


def _add(names: dict[Stems, list[Entity]], stems: Stems, entity: Entity) -> None:
    held = names.setdefault(stems, [])
    if entity not in held:
        held.append(entity)


def _without(stems: Stems, area: Stems) -> Stems:
    """A name apart from the room in it; () if there is none, or nothing else."""
    size = len(area)
    for at in range(len(stems) - size + 1 if size else 0):
        if stems[at : at + size] == area:
            rest = [*stems[:at], *stems[at + size :]]
            while rest and rest[-1] in FILLERS:
                rest.pop()
            while rest and rest[0] in FILLERS:
                rest.pop(0)
            return tuple(rest)
    return ()


def _compound(token: Token, home: Names) -> list[Token]:
    """A room and a kind of thing in one word, taken apart: "küchenlicht", "bedroomlights"."""
    for place in home.places:
        if len(place) > 1 or len(place[0]) < 3 or not token.said.startswith(place[0]):
            continue
        for joint in ("", "n", "s"):
            rest = token.said.removeprefix(place[0] + joint)
            if rest != token.said and stem_of(rest) in ALL_KINDS:
                return [Token(place[0], place[0]), Token(rest, stem_of(rest))]
    return []


def _nearest(token: Token, known: Iterable[str]) -> Token:
    if len(token.stem) < 4 or not token.stem[0].isalpha():
        return token
    share, best = max(((alike(word, token.stem), word) for word in known), default=(0.0, ""))
    if share < _ALIKE:
        return token
    plural = "s" if token.said.endswith("s") and best in MENDED_TO else ""
    ours = best in MENDED_TO or best in _EVERYTHING
    longer = abs(len(best) - len(token.stem))
    if (ours and best[0] != token.stem[0]) or longer > 1 + (len(best) > 7 and not ours):
        return token
    return Token(best + plural if ours else token.said, best)
