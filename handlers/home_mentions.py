"""Where a sentence names what a home has: devices, rooms, floors, and the numbers between them.

Plain matching, no model. A name that stands in the sentence in full, or all of it but the room,
becomes a letter when it can mean one device alone; a name that fits several, or whose room fits
none of them, stays as the words it is.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from handlers.home_kinds import class_said, fits_kind, kinds_of
from handlers.home_lexicon import COMMON, PLACE_WORDS
from handlers.home_names import ALL_KINDS, FILLERS, Names, Token, mended, tokens_of
from handlers.home_scene import Entity, Place, Scene
from handlers.home_speech import LEVELS, words


class Piece(NamedTuple):
    """A run of the sentence: as it was said, and the one thing that it means, if it does.

    ``kept`` is true where the words may mean more than the name and must stay beside the letter.
    ``means`` are several entities where a name fits them all.
    """

    said: str
    means: Entity | Place | float | tuple[Entity, ...] | None = None
    kept: bool = False
    sure: bool = True


def pieces(sentence: str, scene: Scene) -> list[Piece]:
    """The sentence in pieces, in order. ``scene`` is one that ``located`` gave."""
    home = Names.of(scene)
    tokens = mended(tokens_of(sentence), home)
    found = _found(tokens, home)
    spans = _bound(tokens, sorted(found + _parts_of_places(tokens, found, home), key=_start), scene)
    spans += _partly(tokens, spans, home, scene)
    return _laid_out(tokens, spans)


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    entities: tuple[Entity, ...] = ()
    place: Place | None = None
    sure: bool = True
    kept: bool = False


_LINKS = frozenset("in of on at from inside for im am auf vom von bei an".split())
_ARTICLES = frozenset(
    """the my our your a der die das den dem des mein meine meinen meinem meiner unser unsere
    unseren unserem unserer eine einen einem einer""".split()
)
_EACH = frozenset(
    """all every each both any alle allen jede jedes jeden jedem sämtliche sämtlichen beide
    beiden""".split()
)
_BROAD = frozenset(
    """light switch cover door sensor lock window temperature fan list scene licht schalter tür
    schloss fenster temperatur lüfter liste szene""".split()
)
_NO_THING = frozenset(
    """degree temperature volume song track heat mode motion humidity battery grad media
    temperatur lied titel luftfeuchtigkeit batterie stimmung bewegung""".split()
)
_ALSO_VERBS = frozenset("switch light lock shade cover plug heat vacuum hoover fan blind".split())
_WHICH = frozenset(
    """guest master kid main spare second first third upper lower big small back front left right
    living dining laundry staff tv game music family home top bottom ground""".split()
)
_LONGEST_NAME = 7
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_UNNAMED = ("scene", "script")


def _found(tokens: Sequence[Token], home: Names) -> list[_Span]:
    """Names and places that stand in full, the longest first, none over another."""
    spans = []
    for start in range(len(tokens)):
        for end in range(start + 1, min(start + _LONGEST_NAME, len(tokens)) + 1):
            stems = tuple(token.stem for token in tokens[start:end])
            for names, sure in ((home.full, True), (home.short, False)):
                held = names.get(stems, ())
                named = tuple(e for e in held if _said_so(tokens, start, end, e))
                if named:
                    kept = _is_plain(stems) and not _is_noun(tokens, start, end)
                    spans.append(_Span(start, end, named, sure=sure, kept=kept))
                    break
            if place := home.places.get(stems):
                spans.append(_Span(start, end, place=place))
            if stems == _GARAGE_DOOR and (door := _garage_door(home)):
                spans.append(_Span(start, end, (door,)))
    spans.sort(key=lambda s: (s.start - s.end, s.start, s.place is not None))
    return sorted(_apart(spans), key=lambda s: s.start)


_GARAGE_DOOR = ("garage", "door")


def _garage_door(home: Names) -> Entity | None:
    """The "Garage Opener": a garage door whatever it is called, if there is one."""
    found = {e.entity_id: e for held in home.full.values() for e in held if e.kind() == "cover"}
    doors = [entity for entity in found.values() if fits_kind(entity, "garage")]
    return doors[0] if len(doors) == 1 else None


def _start(span: _Span) -> int:
    return span.start


def _parts_of_places(tokens: Sequence[Token], spans: Sequence[_Span], home: Names) -> list[_Span]:
    """Rooms of which a part is said that no other room has: "the porch" of a "Front Porch"."""
    covered = {at for span in spans for at in range(span.start, span.end)}
    out: list[_Span] = []
    for end in range(len(tokens), 0, -1):
        if tokens[end - 1].stem not in PLACE_WORDS or end - 1 in covered:
            continue
        start = end - 1
        while start and start - 1 not in covered and _qualifies(tokens[start - 1], home):
            start -= 1
        stems = {token.stem for token in tokens[start:end]}
        fitting = {place.name: place for own, place in home.places.items() if stems <= set(own)}
        if len(fitting) == 1 and (end - start > 1 or stems.isdisjoint(("room", "floor", "level"))):
            out.append(_Span(start, end, place=next(iter(fitting.values()))))
            covered.update(range(start, end))
    return out


def _qualifies(token: Token, home: Names) -> bool:
    """Whether a word before a room tells which room: known to be so, or known to no one."""
    stem = token.stem
    plain = stem in COMMON or stem in ALL_KINDS or stem in FILLERS
    return stem in _WHICH or (stem[:1].isalpha() and not plain)


def _apart(spans: Iterable[_Span]) -> list[_Span]:
    taken: set[int] = set()
    kept = []
    for span in spans:
        own = range(span.start, span.end)
        # A room may also be called as a device is: both readings stay, and binding decides.
        if taken.isdisjoint(own):
            taken.update(own)
            kept.append(span)
    return kept


def _is_plain(stems: Sequence[str]) -> bool:
    """Whether a name is made of everyday words, which may mean something else here."""
    return all(stem in COMMON or stem in ALL_KINDS or stem.isdigit() for stem in stems)


def _is_noun(tokens: Sequence[Token], start: int, end: int) -> bool:
    """Whether everyday words are a name here: "the dock light" is no command to dock."""
    article = start > 0 and tokens[start - 1].stem in _ARTICLES
    return article and (end - start > 1 or tokens[start].stem not in ALL_KINDS)


def _said_so(tokens: Sequence[Token], start: int, end: int, entity: Entity) -> bool:
    """Whether words that could mean a kind of thing in general mean this name.

    "The lights" are not the "Light", and "all lamps" are not the "Lamps".
    """
    stems = tuple(token.stem for token in tokens[start:end])
    if any(stem not in ALL_KINDS for stem in stems):
        return True
    before = next((t.stem for t in reversed(tokens[:start]) if t.stem not in _ARTICLES), "")
    if before in _EACH:
        return False
    spoken = tokens[end - 1].said.removesuffix("'s")
    plural = spoken != tokens[end - 1].stem and spoken.endswith("s")
    names = (entity.label(), *entity.aliases)
    ends = [name.lower().split()[-1] for name in names if name.split() and stems[-1] in words(name)]
    return not plural or any(name.endswith("s") for name in ends)


def _bound(tokens: Sequence[Token], spans: list[_Span], scene: Scene) -> list[_Span]:
    """Names with the room beside them taken in; names that stay open are left out."""
    out: list[_Span] = []
    used: set[int] = set()
    places = [span for span in spans if span.place]
    for span in spans:
        if span.place:
            continue
        beside = _beside(tokens, span, places, spans, used)
        if beside:
            inside = tuple(e for e in span.entities if beside.place and beside.place.holds(e))
            if len(inside) == 1:
                used.add(beside.start)
                start, end = min(span.start, beside.start), max(span.end, beside.end)
                out.append(_Span(start, end, inside, sure=True, kept=False))
            elif not inside and len(span.entities) == 1 and not _plain_room(span.entities[0]):
                continue
        else:
            one = _one_of(tokens, span, places, scene.here())
            if one is None and len(places) == 1 and _is_kind(tokens, span):
                continue
            meant = (one,) if one else span.entities
            out.append(_Span(span.start, span.end, meant, sure=span.sure, kept=span.kept))
    out += [place for place in places if place.start not in used]
    return sorted(out, key=lambda s: s.start)


def _is_kind(tokens: Sequence[Token], span: _Span) -> bool:
    """Whether a name is but the word for its kind: "the light" of "light on in the hall"."""
    return all(token.stem in ALL_KINDS for token in tokens[span.start : span.end])


def _plain_room(entity: Entity) -> bool:
    return bool(entity.area)


def _one_of(
    tokens: Sequence[Token], span: _Span, places: Sequence[_Span], here: Place | None
) -> Entity | None:
    """The one entity that a name without a room beside it can mean.

    Of two that are called "Bedroom Light" it is the one in the bedroom, not in the guest bedroom;
    of two that are called "Lamp" it is the one in the room of the speaker.
    """
    if len(span.entities) == 1:
        return span.entities[0]
    said = {token.stem for token in tokens[span.start : span.end]}
    at_home = [e for e in span.entities if e.area and said >= set(words(e.area.replace("_", " ")))]
    if len(at_home) == 1:
        return at_home[0]
    there = places[0].place if len(places) == 1 else None if places else here
    inside = [entity for entity in span.entities if there and there.holds(entity)]
    return inside[0] if len(inside) == 1 else None


def _beside(
    tokens: Sequence[Token],
    span: _Span,
    places: Sequence[_Span],
    spans: Sequence[_Span],
    used: set[int],
) -> _Span | None:
    """The place right before a name, or after it ("in the hall", or with nothing between)."""
    for place in places:
        if place.end == span.start and place.start not in used:
            return place
    at = span.end
    linked = at < len(tokens) and tokens[at].stem in _LINKS
    at += linked
    while at < len(tokens) and tokens[at].stem in _ARTICLES:
        at += 1
    for place in places:
        if place.start == at and place.start not in used:
            owns = any(other.start == place.end and not other.place for other in spans)
            noun = place.end < len(tokens) and tokens[place.end].stem in ALL_KINDS
            return place if linked or not (owns or noun) else None
    return None


def _partly(
    tokens: Sequence[Token], spans: Sequence[_Span], home: Names, scene: Scene
) -> list[_Span]:
    """Runs of words that a single entity's name has among others, or a kind that is there once."""
    covered = {at for span in spans for at in range(span.start, span.end)}
    places = [span for span in spans if span.place]
    out: list[_Span] = []
    start = 0
    while start < len(tokens):
        end = start
        while end < len(tokens) and end not in covered and _names(tokens[end], home):
            end += 1
        if end > start:
            run = _Span(start, end)
            beside = _beside(tokens, run, places, spans, set())
            if beside is None and (whole := _with_its_room(tokens, run, covered, home, scene)):
                out.append(whole)
                start = whole.end
                continue
            one = _partial(tokens, run, beside, scene)
            if one and not any(one in span.entities for span in (*spans, *out)):
                out.append(_Span(start, end, (one,), sure=False, kept=True))
        start = max(end, start + 1)
    return out


def _with_its_room(
    tokens: Sequence[Token], run: _Span, covered: set[int], home: Names, scene: Scene
) -> _Span | None:
    """A run with "in the ..." behind it that one entity's name has all words of.

    "The thermostat in the wine cellar" is the "Wine Cellar Thermostat" of a home without that room.
    """
    at = run.end
    while at < len(tokens) and tokens[at].stem in (_LINKS | _ARTICLES) and at not in covered:
        at += 1
    end = at
    while end < len(tokens) and end not in covered and _names(tokens[end], home):
        end += 1
    if at in (run.end, end):
        return None
    stems = {token.stem for token in (*tokens[run.start : run.end], *tokens[at:end])}
    names = ((e, n) for e in scene.entities for n in (e.label(), *e.aliases))
    fitting = {
        e.entity_id: e for e, n in names if stems <= set(words(n)) and e.kind() not in _UNNAMED
    }
    return _Span(run.start, end, tuple(fitting.values())) if len(fitting) == 1 else None


def _names(token: Token, home: Names) -> bool:
    stem = token.stem
    return stem in home.vocabulary or (stem in ALL_KINDS and stem not in _NO_THING)


def _partial(
    tokens: Sequence[Token], run: _Span, beside: _Span | None, scene: Scene
) -> Entity | None:
    stems = [token.stem for token in tokens[run.start : run.end]]
    if sum(len(stem) for stem in stems if not _says_little(stem)) < 3:
        return None
    held = [e for e in scene.entities if not beside or (beside.place and beside.place.holds(e))]
    if all(stem in ALL_KINDS for stem in stems):
        if beside is None:
            return _only_one(tokens, run, stems, held)
        return _only_so_called(tokens, run, stems, held)
    fitting = [
        entity
        for entity in held
        if entity.kind() not in _UNNAMED
        and any(set(stems) <= set(words(name)) for name in (entity.label(), *entity.aliases))
    ]
    if len(fitting) > 1:
        # "How cold is the pond" asks the thermometer in it, not the pump.
        said = [token.stem for token in tokens]
        fitting = [e for e in fitting if e.kind() == "sensor" and _measures(e, said)]
    return fitting[0] if len(fitting) == 1 else None


def _measures(entity: Entity, said: Sequence[str]) -> bool:
    named = [stem for stem in said if class_said("sensor", stem)]
    return any(fits_kind(entity, stem) for stem in named)


def _says_little(stem: str) -> bool:
    return (stem in COMMON and stem not in ALL_KINDS) or stem.isdigit() or stem in FILLERS


def _only_one(
    tokens: Sequence[Token], run: _Span, stems: Sequence[str], held: Sequence[Entity]
) -> Entity | None:
    """What a mere kind means: the only one of it, or the only one that has the word in its name."""
    before = next((t.stem for t in reversed(tokens[: run.start]) if t.stem not in _ARTICLES), "")
    if before in _EACH or stems[-1] in _NO_THING or _is_elsewhere(tokens, run):
        return None
    if stems[0] in _ALSO_VERBS and tokens[run.start - 1].stem not in _ARTICLES:
        return None
    kinds = frozenset.intersection(*(kinds_of([stem]) for stem in stems))
    of_kind = [e for e in held if e.kind() in kinds and fits_kind(e, stems[-1])]
    if len(of_kind) == 1:
        return of_kind[0]
    if stems[0] in _BROAD or len(stems) > 1:
        return None
    named = [e for e in held if stems[0] in words(e.label()) and e.kind() not in _UNNAMED]
    return named[0] if len(named) == 1 else None


def _is_elsewhere(tokens: Sequence[Token], run: _Span) -> bool:
    """Whether a kind is said of a room that this home has not: "the attic lights"."""
    before = tokens[run.start - 1].stem if run.start else ""
    after = run.end
    while after < len(tokens) and tokens[after].stem in (_LINKS | _ARTICLES):
        after += 1
    there = tokens[after].stem if after > run.end and after < len(tokens) else ""
    return any(
        word in PLACE_WORDS or (word[:1].isalpha() and word not in COMMON | FILLERS | ALL_KINDS)
        for word in (before, there)
    )


def _only_so_called(
    tokens: Sequence[Token], run: _Span, stems: Sequence[str], held: Sequence[Entity]
) -> Entity | None:
    """The TV of a room that has a speaker too, the speakers of one that has "Outdoor Speakers"."""
    plural = tokens[run.end - 1].said.endswith("s") and not stems[-1].endswith("s")
    if len(stems) > 1 or stems[0] in _BROAD or stems[0] in _NO_THING:
        return None
    named = [entity for entity in held if stems[0] in words(entity.label())]
    if plural:
        said = tokens[run.end - 1].said
        named = [entity for entity in named if said in entity.label().lower().split()]
    alike = [entity for entity in held if named and entity.kind() == named[0].kind()]
    return named[0] if len(named) == 1 < len(alike) else None


def _laid_out(tokens: Sequence[Token], spans: Sequence[_Span]) -> list[Piece]:
    starts = {span.start: span for span in spans}
    out: list[Piece] = []
    at = 0
    while at < len(tokens):
        span = starts.get(at)
        if span is None:
            said = tokens[at].said
            value = said if _NUMBER.fullmatch(said) else LEVELS.get(said)
            number = None if value is None else float(value)
            out.append(Piece(said, number, kept=value is not None and value != said))
            at += 1
            continue
        said = " ".join(token.said for token in tokens[span.start : span.end])
        one = span.entities[0] if len(span.entities) == 1 else span.entities
        means = span.place or one
        out.append(Piece(said, means, span.kept, span.sure))
        at = span.end
    return out
