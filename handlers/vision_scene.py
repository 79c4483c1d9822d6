"""What a detector saw, made ready for a caption: things with their number, place, time, positions.

Everything that a caption may say comes from here, and all of it from the request.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Annotated, Literal

import msgspec

from handlers.vision_words import (
    DOING,
    NUMBERS,
    PLACES,
    STATES,
    TIMES,
    WEATHER,
    count_of,
    is_mass,
    is_plural_only,
    kind,
    plural,
    singular,
    with_article,
)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Box = tuple[Share, Share, Share, Share]
Style = Literal["plain", "camera", "brief"]

MOST_NAMED = 12


class Tag(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing seen; ``box`` is x, y of its upper left corner, width and height, as shares."""

    name: Name
    score: Share = 1.0
    box: Box | None = None


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Input; a bare string is its ``tags``, apart by commas.

    Tags below ``least_score`` are left out, and of what is left all but the ``most`` surest. A tag
    may hold a number ("two dogs"), a place ("garden"), a time ("night"), weather ("rain") or a state
    ("open", of the thing named before). ``scene`` says where the picture was taken.
    """

    tags: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
        | Annotated[tuple[Name | Tag, ...], msgspec.Meta(max_length=200)]
    )
    scene: Annotated[str, msgspec.Meta(max_length=60)] = ""
    time: Annotated[str, msgspec.Meta(max_length=40)] = ""
    style: Style = "plain"
    least_score: Share = 0.5
    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_NAMED)] = 8


@dataclass(frozen=True, slots=True)
class Thing:
    """Things of one name. ``count`` is 0 where it is not known; then ``name`` is a plural."""

    name: str
    count: int
    boxes: tuple[Box, ...] = ()
    states: tuple[str, ...] = ()
    score: float = 1.0

    @property
    def many(self) -> bool:
        """Whether its verb is in the plural."""
        return self.count != 1 or is_plural_only(self.name)

    @property
    def number(self) -> str:
        """mass, one or many: what its grammar hangs on."""
        if is_mass(self.name):
            return "mass"
        return "many" if self.many else "one"

    def phrase(self, *, bare: bool = False) -> str:
        """With its states, after its number or article; ``bare``: without an article."""
        states = "".join(f"{state} " for state in self.states)
        if self.number == "mass" or self.count == 0 or (self.many and self.count == 1):
            return states + self.name
        if self.count == 1:
            one = states + self.name
            return one if bare else with_article(one)
        number = NUMBERS[self.count] if self.count < len(NUMBERS) else str(self.count)
        return f"{number} {states}{plural(self.name)}"


@dataclass(frozen=True, slots=True)
class Picture:
    """What may be said, and must be.

    ``relation`` is (number of one thing, word, number of another) or (number, word): left, right,
    above, below; left, right, middle. ``place``, ``time`` and ``weather`` are phrases or "".
    """

    things: tuple[Thing, ...]
    place: str = ""
    time: str = ""
    weather: str = ""
    relation: tuple[int, str] | tuple[int, str, int] | None = None
    states: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def picture(seen: Seen) -> Picture:
    """Sort tags into things, place, time and weather; count things; compare their boxes."""
    sure, left_out = _sure(seen)
    found = _Found(_place(seen.scene), _time(seen.time))
    for tag in sure:
        found.take(" ".join(_cased(tag.name).split()).strip(".,;:!? "), tag)
    things = sorted(found.things.values(), key=lambda one: -one.score)
    left_out += [one.name for one in things[seen.most :]]
    kept = sorted(things[: seen.most], key=lambda one: _ORDER[kind(one.name)])
    place, states = found.place, tuple(found.loose)
    if kept and states:
        kept[0], states = replace(kept[0], states=(*kept[0].states, *states)), ()
    weather = found.weather
    if not kept and place and not seen.scene:
        # The picture of a garden is one of a garden.
        kept, place = [Thing(place.split(" the ", 1)[1], 1)], ""
    elif not kept and is_mass(weather):
        kept, weather = [Thing(weather.rpartition(" ")[2], 1)], ""
    return Picture(
        *(tuple(kept), place, found.time, weather, _relation(kept), states, tuple(left_out))
    )


_ORDER = {"person": 0, "animal": 1, "vehicle": 2, "thing": 3}
_NOTHING = frozenset(("", "nothing", "none", "background", "unknown", "image", "picture"))
_NONE = frozenset(("no", "0", "zero", "without"))
_PREPOSITIONS = frozenset("in on at by near under behind outside inside from above below".split())
_DETERMINERS = frozenset("the a an my our your his her their this".split())
_UPPER = {
    form.lower(): form
    for word in ("TV", "PC", "LED", "USB", "CD", "DVD")
    for form in (word, f"{word}s")
}


@dataclass(slots=True)
class _Found:
    """What the tags have told so far.

    ``last`` is the thing that a state or a number belongs to; with ``at_place`` it is the place.
    """

    place: str
    time: str
    weather: str = ""
    things: dict[str, Thing] = field(default_factory=dict)
    loose: list[str] = field(default_factory=list)
    last: str = ""
    at_place: bool = False

    def take(self, name: str, tag: Tag) -> None:
        """Add one tag."""
        if name in _NOTHING or name.partition(" ")[0] in _NONE:
            return
        if name in STATES:
            self._state(name)
        elif (number := count_of(name)) is not None:
            if self.last:
                self.things[self.last] = replace(self.things[self.last], count=number)
        elif not self.time and name in TIMES:
            self.time = TIMES[name]
        elif not self.weather and name in WEATHER and tag.box is None:
            self.weather = WEATHER[name]
        elif not self.place and name in PLACES and tag.box is None:
            self.place, self.last = _place(name), ""
            self.at_place = True
        else:
            self._thing(name, tag)

    def _state(self, name: str) -> None:
        alive = [noun for noun in self.things if kind(noun) in ("person", "animal")]
        noun = alive[-1] if alive and name in DOING else self.last
        if not noun and self.at_place and name not in DOING:
            preposition, _, place = self.place.partition(" the ")
            self.place = f"{preposition} the {name} {place}"
        elif not noun:
            self.loose.append(name)
        elif name not in self.things[noun].states:
            one = self.things[noun]
            self.things[noun] = replace(one, states=(*one.states, name))

    def _thing(self, name: str, tag: Tag) -> None:
        noun, count = _counted(name)
        held = self.things.get(noun)
        boxes = () if tag.box is None else (tag.box,)
        self.last, self.at_place = noun, False
        if held is None:
            self.things[noun] = Thing(noun, count, boxes, (), tag.score)
        else:
            both = held.count + count if held.count and count else 0
            score = max(held.score, tag.score)
            self.things[noun] = replace(held, count=both, boxes=(*held.boxes, *boxes), score=score)


def _sure(seen: Seen) -> tuple[list[Tag], list[str]]:
    """Tags that are sure enough, and the names of the others."""
    given = seen.tags.split(",") if isinstance(seen.tags, str) else seen.tags
    tags = [tag if isinstance(tag, Tag) else Tag(tag) for tag in given]
    left_out = [tag.name for tag in tags if tag.score < seen.least_score]
    return [tag for tag in tags if tag.score >= seen.least_score], left_out


def _cased(name: str) -> str:
    """In lower case, but for TV and the like."""
    words = name.replace("_", " ").split()
    return " ".join(_UPPER.get(word.lower(), word.lower()) for word in words)


def _counted(name: str) -> tuple[str, int]:
    """The noun in the singular and how many; a plural without a number keeps its form, 0 of it."""
    first, _, rest = name.partition(" ")
    if rest and first in _DETERMINERS:
        return _counted(rest)
    number = count_of(first)
    if rest and number is not None:
        return singular(rest) or rest, number
    if is_mass(name) or is_plural_only(name):
        return name, 1
    # Of an unknown number "dogs" is all that may be said.
    return name, 0 if singular(name) else 1


def _place(scene: str) -> str:
    """A garden as "in the garden"; a phrase with a preposition as it is."""
    words = _cased(scene).split()
    if not words or words[0] in _PREPOSITIONS:
        return " ".join(words)
    if words[0] in _DETERMINERS:
        return f"{_preposition(' '.join(words[1:]))} {' '.join(words)}"
    name = " ".join(words)
    return f"{_preposition(name)} the {name}"


def _preposition(name: str) -> str:
    return PLACES.get(name) or PLACES.get(name.rpartition(" ")[2], "at")


def _time(time: str) -> str:
    name = _cased(time)
    return TIMES.get(name, name if name.partition(" ")[0] in _PREPOSITIONS else "")


def _relation(
    things: Sequence[Thing],
) -> tuple[int, str] | tuple[int, str, int] | None:
    """Where the one thing is, or how the two of the clearest position stand to one another."""
    boxed = [at for at, one in enumerate(things) if one.boxes and len(one.boxes) == one.count]
    if len(things) == 1 and boxed and things[0].count == 1:
        middle = things[0].boxes[0][0] + things[0].boxes[0][2] / 2
        return 0, "left" if middle < 1 / 3 else "right" if middle > 2 / 3 else "middle"
    best: tuple[float, tuple[int, str, int]] | None = None
    for one, other in combinations(boxed, 2):
        for word, gap in _gaps(things[one].boxes, things[other].boxes):
            if gap >= 0 and (best is None or gap > best[0]):
                best = gap, (one, word, other)
    return best[1] if best else None


def _gaps(ours: Sequence[Box], theirs: Sequence[Box]) -> list[tuple[str, float]]:
    """How far all of ours are beyond all of theirs, in each direction; below 0: they are not."""

    def ends(boxes: Sequence[Box], axis: int) -> tuple[float, float]:
        return min(b[axis] for b in boxes), max(b[axis] + b[axis + 2] for b in boxes)

    (left, right), (top, bottom) = ends(ours, 0), ends(ours, 1)
    (left2, right2), (top2, bottom2) = ends(theirs, 0), ends(theirs, 1)
    gaps = [("left", left2 - right), ("right", left - right2)]
    # What is farther off stands higher in a picture: only what overlaps sideways is above.
    if min(right, right2) > max(left, left2):
        gaps += [("above", top2 - bottom), ("below", top - bottom2)]
    return gaps
