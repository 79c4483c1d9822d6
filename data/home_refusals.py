"""Makers of sentences that a home must not act on: unknown, unclear, unfit, or none of its business.

The same form as the makers of :mod:`data.home_wishes`; the third part of what they give is a reason
of :data:`handlers.home_actions.REASONS`.
"""

import random
from collections.abc import Sequence

from data.home_mentions import Goal, Made, fits_class, rivals, single
from data.home_nouns import GENERIC, NOT_HOME
from data.home_wishes import Maker
from data.home_wordings import say, worded
from data.home_words import AREAS, THINGS, pick
from data.homes import Home, made_up
from data.phrasing import expand, numeral
from handlers.home_actions import COLORS
from handlers.home_alike import other_names
from handlers.home_scene import Entity
from handlers.home_speech import words


def _missing(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A command for a thing or a room that this home lacks."""
    domain = rng.choice(tuple(GENERIC))
    topics = {
        "cover": ("open", "close"),
        "lock": ("lock", "unlock"),
        "vacuum": ("vacuum", "dock"),
        "climate": ("temperature", "on", "off"),
        "light": ("on", "off", "brightness", "color"),
    }
    topic = rng.choice(topics.get(domain, ("on", "off")))
    roll = rng.random()
    here = {word for area in home.areas for word in words(area)}
    everything = {w for e in home.entities for n in (e.label(), *e.aliases) for w in words(n)}
    if roll < 0.45:
        area = rng.choice(pick(AREAS, part))
        if _however_called(area) & (here | everything):
            return None
        noun = rng.choice((rng.choice(GENERIC[domain]), rng.choice(pick(THINGS[domain], part))))
        mention = rng.choice((f"the {area} {noun}", f"the {noun} in the {area}", f"{area} {noun}"))
    elif roll < 0.75:
        free = [a for a in home.areas if not any(e.area == a for e in home.of(domain))]
        if not free or any(not e.area for e in home.of(domain)):
            return None
        area = rng.choice(free)
        if any(set(words(area)) <= set(words(e.label())) for e in home.of(domain)):
            return None
        if domain == "climate" and topic == "temperature":
            return None
        noun = rng.choice(GENERIC[domain])
        if any(words(noun)[-1] in words(e.label()) for e in home.entities if e.area == area):
            return None
        mention = rng.choice((f"the {area} {noun}", f"the {noun} in the {area}"))
    else:
        thing = rng.choice((rng.choice(pick(THINGS[domain], part)), made_up(part, rng)))
        if _however_called(thing) & everything:
            return None
        mention = rng.choice((f"the {thing}", thing))
        if rivals(mention, home, tuple(GENERIC)):
            return None
    color, number = rng.choice(COLORS), numeral(rng.randint(1, 100), rng)
    return say(topic, part, rng, domain, x=mention.lower(), n=number, c=color), (), "device"


def _however_called(name: str) -> set[str]:
    """The words of a name, and of all others that mean the same."""
    own = words(name)
    return {*own, *(word for other in other_names(own) for word in other)}


def _elsewhere(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A thing that this home has, sought in a room that has others of its kind but not this."""
    domain = rng.choice(("light", "light", "light", "switch", "fan", "cover", "media_player"))
    generic = {word for nouns in GENERIC.values() for noun in nouns for word in words(noun)}
    own = [e for e in home.of(domain) if e.area and not set(words(e.label())) <= generic]
    if not own:
        return None
    entity = rng.choice(own)
    name = entity.label().lower()
    for word in entity.area.lower().split():
        name = " ".join(part for part in name.split() if part != word)
    while name.split()[-1:] and name.split()[-1] in ("in", "of", "the"):
        name = name.rpartition(" ")[0]
    named = [e for e in home.entities if set(words(name)) <= set(words(e.label()))]
    held = {e.area for e in named}
    rooms = sorted({e.area for e in home.of(domain) if e.area} - held)
    if not rooms or not set(words(name)) - generic or any(not e.area for e in named):
        return None
    area = rng.choice(rooms).lower()
    if set(words(area)) & set(words(name)):
        return None
    mention = rng.choice((f"the {area} {name}", f"the {name} in the {area}", f"{name} in {area}"))
    topic = rng.choice(("open", "close") if domain == "cover" else ("on", "off"))
    return say(topic, part, rng, domain, x=mention), (), "device"


def _unclear(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A command without a target, or with one that several entities fit equally."""
    if rng.random() < 0.4:
        return say("unclear", part, rng, n=str(rng.randint(1, 100))), (), "unclear"
    domain = rng.choice(("light", "light", "cover", "switch", "fan", "media_player"))
    labels: dict[str, list[Entity]] = {}
    for entity in home.of(domain):
        labels.setdefault(" ".join(words(entity.label())), []).append(entity)
    shared = [found for found in labels.values() if len({e.area for e in found}) > 1]
    if not shared:
        return None
    mention = f"the {rng.choice(rng.choice(shared)).label().lower()}"
    way = rng.choice(("open", "close") if domain == "cover" else ("on", "off"))
    return say(way, part, rng, domain, x=mention), (), "unclear"


def _bare(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A kind of thing without a place: clear only where there is a single one."""
    domain = rng.choice(("light", "light", "fan", "cover", "lock", "media_player", "vacuum"))
    found = home.of(domain)
    noun = rng.choice(GENERIC[domain])
    kin = [e for e in home.entities if set(words(noun)) & set(words(e.label()))]
    if not found or any(e not in found for e in kin):
        return None
    meant = [entity for entity in found if fits_class(noun, [entity])]
    if len(meant) not in (0, len(found)) or (not meant and domain != "media_player"):
        return None
    topics = {"cover": ("open", "close"), "lock": ("lock", "unlock"), "vacuum": ("vacuum", "dock")}
    topic = rng.choice(topics.get(domain, ("on", "off")))
    text = say(topic, part, rng, domain, x=f"{rng.choice(('the', 'the', 'my'))} {noun}")
    if not meant:
        return text, (), "device"
    if len(found) > 1:
        exact = [e for e in kin if words(e.label()) == words(noun)]
        return None if exact else (text, (), "unclear")
    intents = {
        "open": "HassTurnOn",
        "close": "HassTurnOff",
        "lock": "HassTurnOn",
        "unlock": "HassTurnOff",
        "vacuum": "HassVacuumStart",
        "dock": "HassVacuumReturnToBase",
        "on": "HassTurnOn",
        "off": "HassTurnOff",
    }
    return text, (Goal(intents[topic], found[0]),), ""


_MISFITS = {
    "light": ("lock", "unlock", "dock", "volume", "next", "temperature"),
    "fan": ("color", "lock", "unlock", "dock"),
    "lock": ("brightness", "color", "volume", "dock"),
    "climate": ("color", "lock", "next", "dock"),
    "media_player": ("color", "lock", "unlock", "temperature", "dock"),
    "vacuum": ("color", "lock", "brightness", "temperature", "volume"),
}


_TOLD_BY = {
    "volume": ("volume", "loud", "quiet", "sound"),
    "temperature": ("degree", "temperature", "warm", "heat", "cool", "hot"),
}


def _misfit(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """Something that the named thing cannot do."""
    domain = rng.choice(tuple(_MISFITS))
    found = single(home, (domain,), rng, tuple(THINGS))
    if found is None:
        return None
    number, color = str(rng.randint(1, 100)), rng.choice(COLORS)
    topic = rng.choice(_MISFITS[domain])
    if domain in ("light", "media_player") and rng.random() < 0.3:
        topic = "brightness" if domain == "light" else "volume"
        number = str(rng.randint(101, 999))
    text = say(topic, part, rng, x=found[1], n=number, c=color)
    if topic in _TOLD_BY and not any(word in text for word in _TOLD_BY[topic]):
        return None  # "set it to 40" may be said of a lamp, too
    return text, (), "unclear"


def _other(home: Home, part: str, rng: random.Random, others: Sequence[str]) -> Made | None:
    # Few of the others speak of lamps or doors; more of ours do, so that naming one is no command.
    if others and rng.random() < (0.4 if part == "train" else 0.7):
        return " ".join(rng.choice(others).split())[:300], (), "other"
    number = numeral(rng.randint(1, 99), rng)
    said = worded("not_home", rng) if part == "train" else ""
    return expand(said or rng.choice(NOT_HOME[part]), rng, n=number), (), "other"


REFUSALS: dict[str, tuple[Maker, float]] = {
    "missing": (_missing, 15),
    "elsewhere": (_elsewhere, 8),
    "unclear": (_unclear, 6),
    "bare": (_bare, 6),
    "misfit": (_misfit, 5),
    "other": (_other, 7),
}
"""Topic -> maker and how often, by weight."""
