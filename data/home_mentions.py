"""How people name things of a home: one entity, all of a kind in a room, or either."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from data.home_nouns import GENERIC, SINGLE
from data.homes import Home
from data.phrasing import expand
from handlers.home_alike import other_names
from handlers.home_kinds import fits_kind
from handlers.home_scene import Entity
from handlers.home_speech import words

SWITCHED = ("light", "fan", "switch", "media_player", "climate", "valve")
"""Domains that are plainly turned on and off."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One command that a sentence asks for; the target is not yet a letter.

    ``target`` is an entity, a place's name with ``domain``, "all" with ``domain``, or "-";
    ``without`` are entities and names of places left out of a place or of all. Numbers of ``slots``
    stand in digits.
    """

    intent: str
    target: Entity | str
    domain: str = ""
    slots: tuple[tuple[str, str], ...] = ()
    without: tuple[Entity | str, ...] = ()


Made = tuple[str, tuple[Goal, ...], str]
"""A sentence, what it asks for, and if nothing the reason."""


def called(entity: Entity, rng: random.Random) -> str:
    """How somebody may call an entity: by name, alias, with its room, or a part of the name."""
    name = rng.choice((entity.label(), entity.label(), *entity.aliases)).lower()
    others = tuple(other_names(words(name))) if rng.random() < 0.1 else ()
    name = " ".join(rng.choice(others)) if others else name
    area = entity.area.lower()
    if area and not set(words(area)) & set(words(name)) and rng.random() < 0.4:
        name = rng.choice((f"{area} {name}", f"{name} in the {area}", f"{name} in {area}"))
    elif len(name.split()) > 2 and rng.random() < 0.25:
        name = " ".join(name.split()[1:] if rng.random() < 0.5 else name.split()[-2:])
    elif len(name.split()) == 2 and rng.random() < 0.08:
        name = name.split()[1]
    article = rng.choice(("the ", "the ", "", "my "))
    return name if "'s" in name.split()[0] else article + name


def rivals(mention: str, home: Home, domains: Sequence[str]) -> list[Entity]:
    """Entities that fit all the words of a mention; a full name beats a part of one."""
    said = {word for word in words(mention) if word not in ("the", "my", "in", "of")}
    fitting, exact = [], []
    for entity in home.of(*domains):
        for name in (entity.label(), *entity.aliases):
            own = set(words(name)) - {"the", "in", "of"}
            if own == said or own | set(words(entity.area)) == said:
                exact.append(entity)
            elif said <= own | set(words(entity.area)) or _is_otherwise(name, said, entity):
                fitting.append(entity)
    return exact or fitting


def _is_otherwise(name: str, said: set[str], entity: Entity) -> bool:
    """Whether words are those of a name, one part of it called otherwise."""
    area = set(words(entity.area))
    return any(said <= area | set(other) for other in other_names(words(name)))


def single(
    home: Home, domains: Sequence[str], rng: random.Random, among: Sequence[str] = ()
) -> tuple[Entity, str] | None:
    """An entity and a mention that means it and nothing else."""
    found = home.of(*domains)
    for _ in range(4):
        if not found:
            return None
        entity = rng.choice(found)
        mention = called(entity, rng)
        fitting = rivals(mention, home, among or domains)
        if len({e.entity_id for e in fitting}) == 1 and fitting[0] == entity:
            return entity, mention
    return None


def all_on_floor(home: Home, domain: str, rng: random.Random) -> tuple[str, str, str] | None:
    """A floor, and a mention of all things of a domain on it: (floor, mention, domain)."""
    held = {entity.area for entity in home.of(domain)}
    floors = [floor for floor in home.floors if held & set(floor.areas)]
    if not floors or domain not in GENERIC or domain == "cover":
        return None
    floor = rng.choice(floors)
    noun = rng.choice(GENERIC[domain])
    name = rng.choice((floor.name, *floor.aliases)).lower()
    if name in ("upstairs", "downstairs"):
        mention = rng.choice((f"the {noun} {name}", f"all {noun} {name}", f"the {name} {noun}"))
    else:
        mention = rng.choice(
            (
                *(f"the {noun} on the {name}", f"all [the] {noun} on the {name}"),
                *(f"the {name} {noun}", f"every {one_of(noun)} on the {name}"),
            )
        )
    return floor.name, expand(mention, rng), domain


def all_in_room(home: Home, domain: str, rng: random.Random) -> tuple[str, str, str] | None:
    """A room, and a mention of all things of a domain in it: (area, mention, domain)."""
    if home.floors and rng.random() < 0.2:
        return all_on_floor(home, domain, rng)
    areas = sorted({entity.area for entity in home.of(domain) if entity.area})
    if not areas or domain not in GENERIC:
        return None
    area = rng.choice(areas)
    inside = [entity for entity in home.of(domain) if entity.area == area]
    noun = rng.choice(GENERIC[domain])
    if not fits_class(noun, inside):
        return None
    if noun in SINGLE and len(inside) > 1:
        return None
    mention = rng.choice(
        (
            *(f"the {area} {noun}", f"{area} {noun}", f"the {noun} in the {area}"),
            *(f"all [the] {noun} in the {area}", f"all {area} {noun}", f"the {noun} in {area}"),
            *(f"every {one_of(noun)} in the {area}", f"{noun} in the {area}"),
        )
    ).lower()
    exact = [e for e in rivals(expand(mention, rng), home, (domain,)) if e.area != area]
    named = [
        e
        for e in inside
        if words(e.label()) == words(noun) or set(words(e.label())) >= set(words(f"{area} {noun}"))
    ]
    if exact or (named and len(inside) > 1 and "all" not in mention and "every" not in mention):
        return None
    return area, expand(mention, rng), domain


def one_of(nouns: str) -> str:
    """The singular of a word of :data:`data.home_nouns.GENERIC`."""
    return nouns.removesuffix("es") if nouns.endswith("ches") else nouns.removesuffix("s")


def fits_class(noun: str, inside: Sequence[Entity]) -> bool:
    """Whether each of some things is one that a noun can mean: no radio is a "tv"."""
    return all(fits_kind(e, stem) for e in inside for stem in words(noun))


def either(
    home: Home, domain: str, rng: random.Random, among: Sequence[str] = ()
) -> tuple[tuple[Entity | str, str], str] | None:
    """A single entity or all of a domain in a room: ((target, domain), mention)."""
    if rng.random() < 0.35:
        group = all_in_room(home, domain, rng)
        return ((group[0], domain), group[1]) if group else None
    found = single(home, (domain,), rng, among)
    return ((found[0], ""), found[1]) if found else None
