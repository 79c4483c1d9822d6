"""A sentence and a home, reduced to the few words that the home model reads.

The model never sees a whole home, nor a name that a device alone can mean: plain matching
(:mod:`handlers.home_mentions`) puts a letter in its place, and the model answers with letters. So a
name that was never seen in training costs nothing. Numbers are letters too.

Prompt (lower case but for the letters)::

    turn the light A and all lamps in room R to N percent
    R light fan                     what that room holds of the kinds that were said
    * light one fan                 what the whole home holds of them
    >

``~`` before a letter says that only a part of the name was said, ``?`` for a letter that several
devices have the name, ``big`` that a number is greater than 100. Words that name nothing here stand
as they were said: that is how the model tells a device that this home does not have. To a sentence
that names nothing, only kinds of things, the room of the speaker is added where it has such things.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

from handlers.home_kinds import class_said, fits_kind, kinds_of
from handlers.home_mentions import Piece, pieces
from handlers.home_scene import Entity, Place, Scene
from handlers.home_speech import COLOR_NAMES, normalise, stem_of

ENTITY_LETTERS = "ABCDEFGHIJ"
PLACE_LETTERS = "RSTUVWXY"
NUMBER_LETTERS = "NMKPQL"
ANY = "any"
"""The domain that means whatever is plainly switched in a place."""

SWITCHED_TOGETHER = ("light", "switch", "fan", "media_player")
"""What "everything" turns on and off; nothing that heats, locks, or lets water run."""

_EVERYTHING = frozenset("everything anything nothing thing device alles geräte geräten".split())
_ALL = frozenset("all alle allen".split())
_WHOLE = frozenset(
    """all every everything everywhere alle alles überall house home outside upstairs downstairs
    haus wohnung zuhause daheim""".split()
)
_MOST_PERCENT = 100
_IN_USE = ("playing", "paused")
_PLAYBACK = frozenset(
    """pause unpause resume continue skip louder quieter volume next previous song track mute unmute
    playing playback lauter leiser weiter nächste nächsten nächster vorige vorigen pausiere
    stumm""".split()
)
_BEFORE_NOUN = frozenset("the my our your a all every each any both".split())
_HINTS = {
    "light": frozenset(
        """dark bright brightness dim dimmer brighter gloomy darken brighten illuminate see dunkel hell heller
        dunkler dunkeln düster finster finstern duster grell schummrig helligkeit dimm dimme
        dimmen sehe""".split()
    ),
    "climate": frozenset(
        """warm cold hot cool warmer colder cooler hotter freezing chilly boiling kalt warm wärmer
        kälter kühl kühler heiß heize heizen hitze wärme friere frieren friert fröstelt schwitze
        schwitzen eiskalt saukalt""".split()
    ),
    "media_player": frozenset(
        """pause unpause resume continue skip louder quieter playing playback sound movie show film video next
        previous play listen hear mute unmute muted silence lauter leiser spiel pausiere
        laut leise spiele spielen weiterspielen wiedergabe stumm lautlos weiter nächste nächsten
        nächster vorige vorigen überspringe überspring""".split()
    ),
    "valve": frozenset("water watering irrigate sprinkle".split()),
    "vacuum": frozenset(
        "clean cleaned cleaning hoovering vacuumed vacuuming base dock docking floor dirty sauge saugen putzen ladestation".split()
    ),
    "lawn_mower": frozenset("mow mowing grass dock".split()),
    "humidifier": frozenset("humid dry".split()),
    "binary_sensor": frozenset("smoke movement moving".split()),
    "sensor": frozenset(
        "energy humid warm cold hot cool chilly warmer colder thermometer kalt".split()
    ),
    "person": frozenset("anyone anybody who nobody somebody someone everyone everybody".split()),
    "cover": frozenset("open close opened closed".split()),
}


@dataclass(frozen=True, slots=True)
class View:
    """What of a scene the model is shown, and what its letters stand for.

    ``domains`` is what may be meant by each place, and under "all" by the whole home: what there is
    of the kinds that were said; if none was, all there is in a place, and no "all". ``told`` is the sentence piece by
    piece: as the model reads it, and as it was said.
    """

    sentence: str
    entities: dict[str, Entity] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    domains: dict[str, frozenset[str]] = field(default_factory=dict)
    told: tuple[tuple[str, str], ...] = ()
    prompt: str = ""


def view(scene: Scene) -> View:
    """What the model is shown of a scene that :func:`handlers.home_scene.located` gave."""
    sentence = normalise(scene.text)
    shown = View(sentence)
    told: list[tuple[str, str]] = []
    heard: list[str] = []
    for piece in pieces(sentence, scene):
        if piece.means is None or piece.kept:
            heard += _nouns(piece.said, told[-1][0].split()[-1] if told else "")
        told.append((" ".join(_shown(piece, shown)), piece.said))
    told += _spoken_here(scene, shown, heard)
    domains = _domains(scene, shown.places, heard)
    lines = [" ".join(word for word, _ in told)]
    lines += [_line(letter, held, scene, heard) for letter, held in domains.items()]
    prompt = "\n".join([*lines, ">"])
    return View(sentence, shown.entities, shown.places, shown.numbers, domains, tuple(told), prompt)


def _line(letter: str, held: frozenset[str], scene: Scene, heard: list[str]) -> str:
    """What there is in a place, or in the whole home: there too whether it is the only one.

    Of what plays it is the only one that is in use: "next song" means the player that plays.
    """
    if letter != "all":
        return " ".join((letter, *sorted(held)))
    count = Counter(entity.kind() for entity in scene.entities)
    used = sum(e.kind() == "media_player" and e.state in _IN_USE for e in scene.entities)
    if used and not _PLAYBACK.isdisjoint(heard):
        count["media_player"] = used
    return " ".join(("*", *(f"one {kind}" if count[kind] == 1 else kind for kind in sorted(held))))


def _spoken_here(scene: Scene, shown: View, heard: list[str]) -> list[tuple[str, str]]:
    """The room of the speaker, where nothing else tells which things are meant and it has some."""
    here = scene.here()
    kinds = (kinds_of(heard) | _hints(heard)) - {"person", "weather", "todo"}
    if here is None or shown.places or shown.entities or not _WHOLE.isdisjoint(heard):
        return []
    if not any(e.kind() in kinds and here.holds(e) for e in scene.entities):
        return []
    place = next((one for one in scene.places() if one.name == here.name), here)
    return [(f"in room {_letter(place, shown.places, PLACE_LETTERS)}", "")]


def _shown(piece: Piece, shown: View) -> list[str]:
    """The words for a piece; what gets a letter is entered in ``shown``."""
    before = [piece.said] if piece.kept else []
    match piece.means:
        case Entity() as entity if letter := _letter(entity, shown.entities, ENTITY_LETTERS):
            return [*before, entity.kind(), letter if piece.sure else f"~{letter}"]
        case Place() as place if letter := _letter(place, shown.places, PLACE_LETTERS):
            return [*before, "floor" if place.floor else "room", letter]
        case (Entity() as first, *_):
            return [piece.said, first.kind(), "?"]
        case float() as value if letter := _number(value, shown.numbers, again=piece.kept):
            return [*before, *(["big"] if value > _MOST_PERCENT else []), letter]
        case _:
            return [COLOR_NAMES.get(piece.said, piece.said)]


Thing = TypeVar("Thing", Entity, Place)


def _letter(thing: Thing, held: dict[str, Thing], letters: str) -> str:
    """The letter that stands for a thing, new or given before; "" if none is left."""
    for letter, other in held.items():
        if other == thing:
            return letter
    if len(held) == len(letters):
        return ""
    letter = letters[len(held)]
    held[letter] = thing
    return letter


def _number(value: float, held: dict[str, float], *, again: bool) -> str:
    """The letter that stands for a number, a new one for each but for a word like "full"."""
    for letter, other in held.items():
        if again and other == value:
            return letter
    letter = NUMBER_LETTERS[len(held)] if len(held) < len(NUMBER_LETTERS) else ""
    if letter:
        held[letter] = value
    return letter


def _nouns(said: str, before: str) -> list[str]:
    """Stems of a piece, less a "switch" that is a verb: no article, number or room before it."""
    noun = before in _BEFORE_NOUN or before.isupper()
    return [stem_of(word) for word in said.split() if word != "switch" or noun]


def _hints(said: list[str]) -> frozenset[str]:
    """Domains that are meant by other words than those for their things: "too dark", "louder"."""
    hints = {kind for kind, told in _HINTS.items() if not told.isdisjoint(said)}
    if not _EVERYTHING.isdisjoint(said):
        hints |= {ANY, "cover", "lock"}
    return frozenset(hints)


def _domains(scene: Scene, places: dict[str, Place], heard: list[str]) -> dict[str, frozenset[str]]:
    kinds, hints = kinds_of(heard), _hints(heard)
    if not (kinds or hints) and not _ALL.isdisjoint(heard):
        hints = frozenset((ANY, "cover", "lock"))
    groups = (*places, *(["all"] if kinds | hints else []))
    held: dict[str, set[str]] = {letter: set() for letter in groups}
    for entity in scene.entities:
        kind = entity.kind()
        said = [stem for stem in heard if class_said(kind, stem)]
        measures = kind in ("sensor", "binary_sensor")
        if not entity.in_groups() or (
            measures and said and not any(fits_kind(entity, stem) for stem in said)
        ):
            continue
        for letter, found in held.items():
            whole = letter == "all"
            if whole or places[letter].holds(entity):
                if kind in kinds | hints or not (kinds or whole):
                    found.add(kind)
                if ANY in hints and kind in SWITCHED_TOGETHER:
                    found.add(ANY)
    return {group: frozenset(found) for group, found in held.items()}
