"""The line that the vision model writes, everything it may say, and the sentence that it becomes.

The model never reads or writes the name of a thing. It sees how many groups of things there are, what
grammar each needs, and what else is known::

    camera 2
    A person one
    B animal many
    R T
    A left B
    >

and writes one line of letters, ``There is A and B R T.``, out of those that say every letter once.
It chooses the words around the letters; letters become "a person", "two dogs".
"""

import zlib
from dataclasses import dataclass

from engine.grammar import Grammar, choice
from handlers.vision_scene import Picture, Style
from handlers.vision_words import kind

VARIANTS = 6
"""Ways of saying it a style has; which one is taken hangs on the things."""

LETTERS = "ABCDEFGHIJKL"

# {s}: all things; {c}: place, weather and time, where there are any; {v}: is or are; {h}: has or
# have. Of a relation {x} stands for the one, {r} for the relation with the other.
FRAMES: dict[Style, tuple[str, ...]] = {
    "plain": (
        "There {v} {s}{c}.",
        "The picture shows {s}{c}.",
        "{s} can be seen{c}.",
        "You can see {s}{c}.",
        "This is a picture of {s}{c}.",
        "Here {v} {s}{c}.",
    ),
    "camera": (
        "{s} {v} on camera{c}.",
        "The camera sees {s}{c}.",
        "There {v} {s}{c}.",
        "{s} {h} been seen{c}.",
        "The camera shows {s}{c}.",
        "On camera: {s}{c}.",
    ),
    "brief": ("{s}{c}.", "{s} seen{c}.", "Seen{c}: {s}.", "{s}{c}.", "In view{c}: {s}.", "{s}{c}."),
}
ONE_RELATED: dict[Style, tuple[str, ...]] = {
    "plain": (
        "{x} {v} {r}{c}.",
        "There {v} {x} {r}{c}.",
        "You can see {x} {r}{c}.",
        "The picture shows {x} {r}{c}.",
        "{x} can be seen {r}{c}.",
        "Here {v} {x} {r}{c}.",
    ),
    "camera": (
        "{x} {v} {r}{c}.",
        "The camera sees {x} {r}{c}.",
        "There {v} {x} {r}{c}.",
        "{x} {h} been seen {r}{c}.",
        "The camera shows {x} {r}{c}.",
        "On camera: {x} {r}{c}.",
    ),
    "brief": (
        *("{x} {r}{c}.", "{x} seen {r}{c}.", "Seen{c}: {x} {r}."),
        *("{x} {r}{c}.", "In view{c}: {x} {r}.", "{x} {r}{c}."),
    ),
}
WITH_OTHERS: dict[Style, tuple[str, ...]] = {
    "plain": (
        "{x} {v} {r}{c}, and there {w} also {o}.",
        "There {v} {x} {r}{c}, and also {o}.",
        "You can see {x} {r}{c}, and also {o}.",
        "The picture shows {x} {r}{c}, and also {o}.",
        "{x} can be seen {r}{c}, and also {o}.",
        "Here {v} {x} {r}{c}, and also {o}.",
    ),
    "camera": (
        "{x} {v} {r}{c}, and there {w} also {o}.",
        "The camera sees {x} {r}{c}, and also {o}.",
        "There {v} {x} {r}{c}, and also {o}.",
        "{x} {h} been seen {r}{c}, and also {o}.",
        "The camera shows {x} {r}{c}, and also {o}.",
        "On camera: {x} {r}{c}, and also {o}.",
    ),
    "brief": (
        *("{x} {r}{c}; also {o}.", "{x} seen {r}{c}; also {o}.", "Seen{c}: {x} {r}; also {o}."),
        *("{x} {r}{c}; also {o}.", "In view{c}: {x} {r}; also {o}.", "{x} {r}{c}; also {o}."),
    ),
}
RELATIONS = {
    "left": "to the left of {y}",
    "right": "to the right of {y}",
    "above": "above {y}",
    "below": "below {y}",
}
SIDES = {"left": "on the left", "right": "on the right", "middle": "in the middle"}


@dataclass(frozen=True, slots=True)
class View:
    """What the model reads, and which of the ways of saying it is its turn."""

    prompt: str
    style: Style
    variant: int
    picture: Picture


def view(shown: Picture, style: Style) -> View:
    """What the model reads of a picture that has at least one thing."""
    names = "\n".join(f"{one.count} {one.name}" for one in shown.things)
    variant = zlib.crc32(f"{shown.place}\n{names}".encode()) % VARIANTS
    lines = [f"{style} {variant}"]
    lines += [f"{LETTERS[n]} {kind(x.name)} {x.number}" for n, x in enumerate(shown.things)]
    told = {"R": shown.place, "W": shown.weather, "T": shown.time}
    lines.append(" ".join(letter for letter, phrase in told.items() if phrase) or "-")
    match shown.relation:
        case (int(one), str(word), int(other)):
            lines.append(f"{LETTERS[one]} {word} {LETTERS[other]}")
        case (int(one), str(word)):
            lines.append(f"{LETTERS[one]} {word}")
    return View("\n".join([*lines, ">"]), style, variant, shown)


def lines(shown: View) -> list[str]:
    """Every line that may be written: each has every letter once, relations as they are, right verbs.

    That of the view's own variant, which the model learns, stands at its place.
    """
    parts, things = _parts(shown.picture), shown.picture.things
    related = _related(shown.picture)
    rest = [one for number, one in enumerate(things) if number not in related]
    told = []
    for frame in _frames(shown):
        # After "there" and "here" the verb goes with what comes next.
        ahead = frame.startswith(("There", "Here")) or len(things) == 1
        many = things[related[0]].many if related else things[0].many if ahead else True
        also_many = bool(rest) and rest[0].many
        verbs = {"v": "are" if many else "is", "h": "have" if many else "has"}
        told.append(frame.format(**verbs, w="are" if also_many else "is", **parts))
    return told


def right_line(shown: View) -> str:
    """The line of the view's variant."""
    return lines(shown)[shown.variant]


def grammar(shown: View) -> Grammar:
    """`lines` as a grammar; nothing else can be decoded."""
    return choice(lines(shown))


def sentence(line: str, shown: View) -> str:
    """A line of letters as an English sentence."""
    seen = shown.picture
    phrases = {"R": seen.place, "W": seen.weather, "T": seen.time}
    for number, one in enumerate(seen.things):
        phrases[LETTERS[number]] = one.phrase(bare=shown.style == "brief")
    out = []
    for word in line.split(" "):
        bare = word.rstrip(".,;:")
        out.append(phrases[bare] + word[len(bare) :] if bare in phrases else word)
    text = " ".join(out)
    return text[:1].upper() + text[1:]


def _frames(shown: View) -> tuple[str, ...]:
    related = _related(shown.picture)
    if not related:
        return FRAMES[shown.style]
    others = len(shown.picture.things) > len(related)
    return (WITH_OTHERS if others else ONE_RELATED)[shown.style]


def _related(shown: Picture) -> tuple[int, ...]:
    """Numbers of the things that the relation is about."""
    return tuple(part for part in shown.relation or () if isinstance(part, int))


def _parts(shown: Picture) -> dict[str, str]:
    """The letters of a picture as they stand in a frame."""
    related = _related(shown)
    rest = [LETTERS[n] for n in range(len(shown.things)) if n not in related]
    told = {"R": shown.place, "W": shown.weather, "T": shown.time}
    parts = {
        "s": _joined([LETTERS[n] for n in range(len(shown.things))]),
        "c": "".join(f" {letter}" for letter, phrase in told.items() if phrase),
        "o": _joined(rest),
    }
    match shown.relation:
        case (int(one), str(word), int(other)):
            parts |= {"x": LETTERS[one], "r": RELATIONS[word].format(y=LETTERS[other])}
        case (int(one), str(word)):
            parts |= {"x": LETTERS[one], "r": SIDES[word]}
    return parts


def _joined(letters: list[str]) -> str:
    if len(letters) < 3:
        return " and ".join(letters)
    return f"{', '.join(letters[:-1])} and {letters[-1]}"
