"""Commands for random homes, with the right answer: training rows and a validation set.

    python -m data.home_commands --out /tmp/home --rows 200000 --seed 1 [--negatives FILE ...]

writes ``train.jsonl`` (rows of :mod:`engine.data`) and ``validation.jsonl`` (whole scenes with the
expected actions). Validation homes share neither names nor phrasings with training ones.
"""

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from data.home_phrases import GENERIC, NOT_HOME, PHRASES
from data.home_words import AREAS, ITEMS, THINGS, pick
from data.homes import Home, made_up, random_home
from data.phrasing import dressed, expand, noisy, numeral
from handlers.home_actions import COLORS, Action
from handlers.home_scene import Entity, Scene, View, located, view, words

VERSION = 1
"""Raised whenever the same seed gives other rows than before."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One command that a sentence asks for; the target is not yet a letter.

    ``target`` is an entity, an area's name with ``domain``, "all" with ``domain``, or "-".
    """

    intent: str
    target: Entity | str
    domain: str = ""
    slots: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """A scene and what it asks for: goals, or the reason why there is none."""

    scene: Scene
    goals: tuple[Goal, ...]
    reason: str = ""
    topic: str = ""

    def line(self, shown: View) -> str | None:
        """The line the model should write, or None if the view does not show a target."""
        if self.reason:
            return f"none {self.reason}"
        actions = [_action(goal, shown) for goal in self.goals]
        known = [action for action in actions if action is not None]
        return "; ".join(a.line() for a in known) if len(known) == len(actions) else None


def sample(part: str, rng: random.Random, others: Sequence[str] = ()) -> Sample:
    """One random scene of a part ("train" or "validation") with its answer.

    ``others`` are further sentences that are no command for a home.
    """
    home = random_home(part, rng)
    while True:
        topic = rng.choices(tuple(_MAKERS), weights=[weight for _, weight in _MAKERS.values()])[0]
        made = _MAKERS[topic][0](home, part, rng, others)
        if made is not None:
            text, goals, reason = made
            # A list item is copied letter by letter, so it must stand in the sentence as it is.
            text = noisy(text, rng, 0.12) if goals and topic != "list" else text
            text = dressed(text, rng) if topic != "other" or rng.random() < 0.5 else text
            return Sample(home.scene(text), goals, reason, topic)


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--validation", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--negatives", type=Path, nargs="*", default=[], help="files, one sentence a line"
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    others = [s for f in arguments.negatives for s in f.read_text("utf-8").splitlines() if s]
    cut = len(others) * 9 // 10
    rng = random.Random(f"home {VERSION} train {arguments.seed}")
    random.Random(0).shuffle(others)
    missed = 0
    with (arguments.out / "train.jsonl").open("w", encoding="utf-8") as file:
        for _ in range(arguments.rows):
            one = sample("train", rng, others[:cut])
            shown = view(located(one.scene))
            line = one.line(shown)
            if line is None:
                missed += 1
                continue
            row = {"prompt": shown.prompt, "answer": line, "task": "home"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    rng = random.Random(f"home {VERSION} validation {arguments.seed}")
    with (arguments.out / "validation.jsonl").open("wb") as raw:
        for _ in range(arguments.validation):
            raw.write(msgspec.json.encode(_expected(sample("validation", rng, others[cut:]))) + b"\n")
    print(f"{arguments.rows - missed} rows; {missed} left out whose target was not in view")


def _expected(one: Sample) -> dict[str, object]:
    return {
        "scene": one.scene,
        "topic": one.topic,
        "reason": one.reason,
        "line": one.line(view(located(one.scene))),
    }


def _action(goal: Goal, shown: View) -> Action | None:
    if isinstance(goal.target, Entity):
        wanted = goal.target.entity_id
        letters = [x for x, e in shown.entities.items() if e.entity_id == wanted]
    elif goal.target in ("all", "-"):
        letters = [goal.target]
    else:
        letters = [x for x, name in shown.areas.items() if name == goal.target]
    return Action(goal.intent, letters[0], goal.domain, goal.slots) if letters else None


Made = tuple[str, tuple[Goal, ...], str]
Maker = Callable[[Home, str, random.Random, Sequence[str]], Made | None]


def _say(topic: str, part: str, rng: random.Random, **slots: str) -> str:
    return expand(rng.choice(PHRASES[topic][part]), rng, **slots)


def _mention(entity: Entity, rng: random.Random) -> str:
    """How somebody may call an entity: by name, alias, with its room, or a part of the name."""
    name = rng.choice((entity.label(), entity.label(), *entity.aliases)).lower()
    area = entity.area.lower()
    if area and not set(words(area)) & set(words(name)) and rng.random() < 0.4:
        name = rng.choice((f"{area} {name}", f"{name} in the {area}", f"{name} in {area}"))
    elif len(name.split()) > 2 and rng.random() < 0.25:
        name = " ".join(name.split()[1:] if rng.random() < 0.5 else name.split()[-2:])
    article = rng.choice(("the ", "the ", "", "my "))
    return name if "'s" in name.split()[0] else article + name


def _rivals(mention: str, home: Home, domains: Sequence[str]) -> list[Entity]:
    """Entities that fit all the words of a mention; a full name beats a part of one."""
    said = {word for word in words(mention) if word not in ("the", "my", "in", "of")}
    fitting, exact = [], []
    for entity in home.of(*domains):
        for name in (entity.label(), *entity.aliases):
            own = set(words(name)) - {"the", "in", "of"}
            if own == said or own | set(words(entity.area)) == said:
                exact.append(entity)
            elif said <= own | set(words(entity.area)):
                fitting.append(entity)
    return exact or fitting


def _one(
    home: Home, domains: Sequence[str], rng: random.Random, rivals: Sequence[str] = ()
) -> tuple[Entity, str] | None:
    """An entity and a mention that means it and nothing else."""
    found = home.of(*domains)
    for _ in range(4):
        if not found:
            return None
        entity = rng.choice(found)
        mention = _mention(entity, rng)
        fitting = _rivals(mention, home, rivals or domains)
        if len({e.entity_id for e in fitting}) == 1 and fitting[0] == entity:
            return entity, mention
    return None


def _group(home: Home, domain: str, rng: random.Random) -> tuple[str, str, str] | None:
    """A room, and a mention of all things of a domain in it: (area, mention, domain)."""
    areas = sorted({entity.area for entity in home.of(domain) if entity.area})
    if not areas or domain not in GENERIC:
        return None
    area = rng.choice(areas)
    inside = [entity for entity in home.of(domain) if entity.area == area]
    noun = rng.choice(GENERIC[domain])
    if domain == "cover" and not _fits_class(noun, inside):
        return None
    mention = rng.choice(
        (
            *(f"the {area} {noun}", f"{area} {noun}", f"the {noun} in the {area}"),
            *(f"all [the] {noun} in the {area}", f"all {area} {noun}", f"the {noun} in {area}"),
            *(f"every {noun.removesuffix('s')} in the {area}", f"{noun} in the {area}"),
        )
    ).lower()
    exact = [e for e in _rivals(expand(mention, rng), home, (domain,)) if e.area != area]
    named = [e for e in inside if set(words(e.label())) >= set(words(f"{area} {noun}"))]
    if exact or (named and len(inside) > 1 and "all" not in mention and "every" not in mention):
        return None
    return area, expand(mention, rng), domain


def _fits_class(noun: str, inside: Sequence[Entity]) -> bool:
    """Whether each of some covers is one of the things that a noun can mean."""
    stem = words(noun)[0]
    return stem == "cover" or all(stem in words(e.label()) for e in inside)


_SWITCHED = ("light", "fan", "switch", "media_player", "climate", "valve")


def _switch(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    domain = rng.choice(("light", "light", *_SWITCHED))
    found = _one(home, (domain,), rng, _SWITCHED)
    if found is None:
        return None
    way = rng.choice(("on", "off"))
    goal = Goal(f"HassTurn{way.title()}", found[0])
    return _say(way, part, rng, x=found[1]), (goal,), ""


def _switch_group(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    domain = rng.choice(("light", "light", "light", "fan", "switch", "media_player", "climate"))
    group = _group(home, domain, rng)
    if group is None:
        return None
    way = rng.choice(("on", "off"))
    intent = f"HassTurn{way.title()}"
    area = group[0]
    if domain == "light" and rng.random() < 0.25:
        room = rng.choice((f"the {area.lower()}", area.lower()))
        text = _say(f"{way}_light", part, rng, r=room, x=room)
    else:
        text = _say(way, part, rng, x=group[1])
    return text, (Goal(intent, area, domain),), ""


def _switch_all(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    domain = rng.choice(("light", "light", "light", "fan", "switch", "media_player"))
    if not home.of(domain):
        return None
    noun = rng.choice([noun for noun in GENERIC[domain] if noun.endswith("s")])
    mention = expand(
        rng.choice(
            (
                *(f"all [of] [the] {noun}", f"every {noun.removesuffix('s')}", f"all our {noun}"),
                *(f"all [the] {noun} in the (house|home)", f"the {noun} everywhere"),
                f"all {noun} in the [whole|entire] house",
            )
        ),
        rng,
    )
    way = rng.choice(("on", "off", "off"))
    return _say(way, part, rng, x=mention), (Goal(f"HassTurn{way.title()}", "all", domain),), ""


def _lights(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    target = _either(home, "light", rng)
    if target is None:
        return None
    goal, mention = target
    topic = rng.choices(
        ("brightness", "color", "brightness_full", "brightness_half", "brightness_low",
         "color_bright"),
        weights=(6, 5, 2, 1, 1, 1),
    )[0]
    number = rng.choice((rng.randint(1, 100), rng.randrange(10, 101, 10), rng.randrange(5, 100, 5)))
    color = rng.choice(COLORS)
    if any(c in words(mention) for c in COLORS):
        return None
    value = {"brightness_full": "100", "brightness_half": "50", "brightness_low": "1"}
    slots: tuple[tuple[str, str], ...] = (("brightness", value.get(topic, str(number))),)
    if topic == "color":
        slots = (("color", color),)
    elif topic == "color_bright":
        slots = (*slots, ("color", color))
    text = _say(topic, part, rng, x=mention, n=numeral(number, rng), c=color)
    return text, (Goal("HassLightSet", *goal, slots),), ""


def _covers(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    target = _either(home, "cover", rng, rivals=("cover", "lock", "binary_sensor"))
    if target is None:
        return None
    goal, mention = target
    topic = rng.choice(("open", "open", "close", "close", "position", "position_half"))
    number = rng.choice((rng.randint(1, 100), rng.randrange(10, 101, 10)))
    text = _say(topic, part, rng, x=mention, n=numeral(number, rng))
    match topic:
        case "open":
            return text, (Goal("HassTurnOn", *goal),), ""
        case "close":
            return text, (Goal("HassTurnOff", *goal),), ""
        case _:
            value = "50" if topic == "position_half" else str(number)
            return text, (Goal("HassSetPosition", *goal, (("position", value),)),), ""


def _locks(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    target = _either(home, "lock", rng)
    if target is None:
        return None
    way = rng.choice(("lock", "unlock"))
    intent = "HassTurnOn" if way == "lock" else "HassTurnOff"
    return _say(way, part, rng, x=target[1]), (Goal(intent, *target[0]),), ""


def _either(
    home: Home, domain: str, rng: random.Random, rivals: Sequence[str] = ()
) -> tuple[tuple[Entity | str, str], str] | None:
    """A single entity or all of a domain in a room: ((target, domain), mention)."""
    if rng.random() < 0.35:
        group = _group(home, domain, rng)
        return ((group[0], domain), group[1]) if group else None
    found = _one(home, (domain,), rng, rivals)
    return ((found[0], ""), found[1]) if found else None


def _climate(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    if not home.of("climate"):
        return None
    number = rng.choice((rng.randint(15, 28), rng.randint(15, 28), rng.randint(59, 80)))
    slots = (("temperature", str(number)),)
    said = numeral(number, rng)
    roll = rng.random()
    if roll < 0.45:
        found = _one(home, ("climate",), rng)
        if found is None:
            return None
        text = _say("temperature", part, rng, x=found[1], n=said)
        return text, (Goal("HassClimateSetTemperature", found[0], "", slots),), ""
    if roll < 0.55:
        text = _say("temperature_all", part, rng, n=said)
        return text, (Goal("HassClimateSetTemperature", "all", "climate", slots),), ""
    areas = sorted({entity.area for entity in home.of("climate") if entity.area})
    if not areas:
        return None
    area = rng.choice(areas)
    room = rng.choice((f"the {area.lower()}", area.lower()))
    if roll < 0.7:
        text = _say("how_warm", part, rng, r=room)
        return text, (Goal("HassClimateGetTemperature", area, "climate"),), ""
    text = _say("temperature_room", part, rng, r=room, n=said)
    return text, (Goal("HassClimateSetTemperature", area, "climate", slots),), ""


_PLAYER = {
    "pause": "HassMediaPause",
    "resume": "HassMediaUnpause",
    "next": "HassMediaNext",
    "previous": "HassMediaPrevious",
    "volume": "HassSetVolume",
}


def _media(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    target = _either(home, "media_player", rng)
    if target is None:
        return None
    topic = rng.choice((*_PLAYER, "volume"))
    number = rng.choice((rng.randint(0, 100), rng.randrange(10, 101, 10)))
    slots = (("volume_level", str(number)),) if topic == "volume" else ()
    text = _say(topic, part, rng, x=target[1], n=numeral(number, rng))
    return text, (Goal(_PLAYER[topic], *target[0], slots),), ""


def _vacuum(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    target = _either(home, "vacuum", rng)
    if target is None:
        return None
    topic, intent = rng.choice((("vacuum", "HassVacuumStart"), ("dock", "HassVacuumReturnToBase")))
    return _say(topic, part, rng, x=target[1]), (Goal(intent, *target[0]),), ""


def _state(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    kind = rng.choice(("light", "switch", "cover", "lock", "sensor", "binary_sensor", "fan"))
    topics = {"cover": "state_open", "lock": "state_locked", "sensor": "state_value",
              "binary_sensor": "state_value"}
    topic = topics.get(kind, "state")
    rivals = {"cover": ("cover", "lock", "binary_sensor"), "lock": ("cover", "lock",
              "binary_sensor"), "sensor": ("sensor", "climate"),
              "binary_sensor": ("binary_sensor", "cover", "lock", "sensor")}
    if topic == "state" and kind == "light" and rng.random() < 0.3:
        group = _group(home, kind, rng)
        if group is None:
            return None
        return _say(topic, part, rng, x=group[1]), (Goal("HassGetState", group[0], kind),), ""
    found = _one(home, (kind,), rng, rivals.get(kind, _SWITCHED))
    if found is None:
        return None
    return _say(topic, part, rng, x=found[1]), (Goal("HassGetState", found[0]),), ""


def _scene(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    kind = rng.choice(("scene", "script"))
    if not home.of(kind):
        return None
    entity = rng.choice(home.of(kind))
    mention = entity.label().lower()
    if len({e.entity_id for e in home.entities if e.label().lower() == mention}) > 1:
        return None
    return _say(kind, part, rng, x=mention), (Goal("HassTurnOn", entity),), ""


def _list(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    item = rng.choice(pick(ITEMS, part)).lower()
    if rng.random() < 0.5 or not home.of("todo"):
        goal = Goal("HassShoppingListAddItem", "-", "", (("item", item),))
        return _say("shopping", part, rng, i=item), (goal,), ""
    found = _one(home, ("todo",), rng)
    if found is None:
        return None
    goal = Goal("HassListAddItem", found[0], "", (("item", item),))
    return _say("list", part, rng, i=item, x=found[1]), (goal,), ""


def _timer(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    if rng.random() < 0.12:
        return _say("timers_off", part, rng), (Goal("HassCancelAllTimers", "-"),), ""
    first, second = rng.randint(1, 60), rng.randint(1, 59)
    said, other = numeral(first, rng), numeral(second, rng)
    plural = "" if first == 1 else "s"
    kinds: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
        (f"{said} minute{plural}", (("minutes", str(first)),)),
        (f"{said} minute{plural}", (("minutes", str(first)),)),
        (f"{said} hour{plural}", (("hours", str(first)),)),
        (f"{said} second{plural}", (("seconds", str(first)),)),
        (f"{said} hours and {other} minutes", (("hours", str(first)), ("minutes", str(second)))),
        (f"{said} minutes {other} seconds", (("minutes", str(first)), ("seconds", str(second)))),
        ("half an hour", (("minutes", "30"),)),
        ("an hour", (("hours", "1"),)),
        ("a minute", (("minutes", "1"),)),
    )
    duration, slots = rng.choice(kinds)
    return _say("timer", part, rng, d=duration), (Goal("HassStartTimer", "-", "", slots),), ""


_ASKED = {
    "time": "HassGetCurrentTime",
    "date": "HassGetCurrentDate",
    "weather": "HassGetWeather",
}


def _ask(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    topic = rng.choice(tuple(_ASKED))
    return _say(topic, part, rng), (Goal(_ASKED[topic], "-"),), ""


_PAIRED: tuple[Maker, ...] = (_switch, _switch_group, _lights, _covers, _locks, _media, _climate)


def _several(home: Home, part: str, rng: random.Random, others: Sequence[str]) -> Made | None:
    if rng.random() < 0.4:
        return _shared_verb(home, part, rng)
    first = rng.choice(_PAIRED)(home, part, rng, others)
    second = rng.choice(_PAIRED)(home, part, rng, others)
    if first is None or second is None or first[1] == second[1]:
        return None
    joint = rng.choice((" and ", " and ", " and then ", ", then ", " and also ", ", "))
    return first[0] + joint + second[0], first[1] + second[1], ""


def _shared_verb(home: Home, part: str, rng: random.Random) -> Made | None:
    one, other = _one(home, ("light", "fan", "switch"), rng, _SWITCHED), _one(
        home, ("light", "fan", "switch"), rng, _SWITCHED
    )
    if one is None or other is None or one[0] == other[0]:
        return None
    way = rng.choice(("on", "off"))
    intent = f"HassTurn{way.title()}"
    both = f"{one[1]} and {other[1]}"
    return _say(way, part, rng, x=both), (Goal(intent, one[0]), Goal(intent, other[0])), ""


def _missing(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A command for a thing or a room that this home lacks."""
    domain = rng.choice(tuple(GENERIC))
    topics = {"cover": ("open", "close"), "lock": ("lock", "unlock"), "vacuum": ("vacuum", "dock"),
              "climate": ("temperature", "on", "off"), "light": ("on", "off", "brightness", "color")}
    topic = rng.choice(topics.get(domain, ("on", "off")))
    roll = rng.random()
    here = {word for area in home.areas for word in words(area)}
    everything = {w for e in home.entities for n in (e.label(), *e.aliases) for w in words(n)}
    if roll < 0.45:
        area = rng.choice(pick(AREAS, part))
        if set(words(area)) & (here | everything):
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
        if domain in ("climate",) and topic == "temperature":
            return None
        noun = rng.choice(GENERIC[domain])
        if any(words(noun)[-1] in words(e.label()) for e in home.entities if e.area == area):
            return None
        mention = rng.choice((f"the {area} {noun}", f"the {noun} in the {area}"))
    else:
        thing = rng.choice((rng.choice(pick(THINGS[domain], part)), made_up(part, rng)))
        if set(words(thing)) & everything:
            return None
        mention = rng.choice((f"the {thing}", thing))
        if _rivals(mention, home, tuple(GENERIC)):
            return None
    color, number = rng.choice(COLORS), numeral(rng.randint(1, 100), rng)
    return _say(topic, part, rng, x=mention.lower(), n=number, c=color), (), "device"


def _unclear(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A command without a target, or with one that several entities fit equally."""
    if rng.random() < 0.4:
        return _say("unclear", part, rng, n=str(rng.randint(1, 100))), (), "unclear"
    domain = rng.choice(("light", "light", "cover", "switch", "fan", "media_player"))
    labels: dict[str, list[Entity]] = {}
    for entity in home.of(domain):
        labels.setdefault(" ".join(words(entity.label())), []).append(entity)
    shared = [found for found in labels.values() if len({e.area for e in found}) > 1]
    if not shared:
        return None
    mention = f"the {rng.choice(rng.choice(shared)).label().lower()}"
    way = rng.choice(("open", "close") if domain == "cover" else ("on", "off"))
    return _say(way, part, rng, x=mention), (), "unclear"


def _bare(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A kind of thing without a place: clear only where there is a single one."""
    domain = rng.choice(("light", "light", "fan", "cover", "lock", "media_player", "vacuum"))
    found = home.of(domain)
    noun = rng.choice(GENERIC[domain])
    kin = [e for e in home.entities if set(words(noun)) & set(words(e.label()))]
    if not found or any(e not in found for e in kin):
        return None
    if domain == "cover" and not _fits_class(noun, found):
        return None
    topics = {"cover": ("open", "close"), "lock": ("lock", "unlock"), "vacuum": ("vacuum", "dock")}
    topic = rng.choice(topics.get(domain, ("on", "off")))
    text = _say(topic, part, rng, x=f"{rng.choice(('the', 'the', 'my'))} {noun}")
    if len(found) > 1:
        exact = [e for e in kin if words(e.label()) == words(noun)]
        return None if exact else (text, (), "unclear")
    intents = {"open": "HassTurnOn", "close": "HassTurnOff", "lock": "HassTurnOn",
               "unlock": "HassTurnOff", "vacuum": "HassVacuumStart",
               "dock": "HassVacuumReturnToBase", "on": "HassTurnOn", "off": "HassTurnOff"}
    return text, (Goal(intents[topic], found[0]),), ""


_MISFITS = {
    "light": ("open", "close", "lock", "unlock", "vacuum", "volume"),
    "fan": ("color", "open", "lock", "dock"),
    "lock": ("open", "brightness", "color", "volume"),
    "climate": ("color", "lock", "next", "vacuum"),
    "media_player": ("color", "lock", "open", "temperature"),
    "vacuum": ("color", "lock", "brightness", "temperature"),
}


def _misfit(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """Something that the named thing cannot do."""
    domain = rng.choice(tuple(_MISFITS))
    found = _one(home, (domain,), rng, tuple(THINGS))
    if found is None:
        return None
    number, color = str(rng.randint(1, 100)), rng.choice(COLORS)
    topic = rng.choice(_MISFITS[domain])
    return _say(topic, part, rng, x=found[1], n=number, c=color), (), "unclear"


def _other(home: Home, part: str, rng: random.Random, others: Sequence[str]) -> Made | None:
    if others and rng.random() < 0.7:
        return " ".join(rng.choice(others).split())[:300], (), "other"
    number = numeral(rng.randint(1, 99), rng)
    return expand(rng.choice(NOT_HOME[part]), rng, n=number), (), "other"


_MAKERS: dict[str, tuple[Maker, float]] = {
    "switch": (_switch, 16),
    "switch_group": (_switch_group, 12),
    "switch_all": (_switch_all, 4),
    "lights": (_lights, 11),
    "covers": (_covers, 9),
    "locks": (_locks, 4),
    "climate": (_climate, 6),
    "media": (_media, 6),
    "vacuum": (_vacuum, 3),
    "state": (_state, 6),
    "scene": (_scene, 4),
    "list": (_list, 4),
    "timer": (_timer, 4),
    "ask": (_ask, 2),
    "several": (_several, 9),
    "missing": (_missing, 12),
    "unclear": (_unclear, 6),
    "bare": (_bare, 4),
    "misfit": (_misfit, 3),
    "other": (_other, 7),
}

if __name__ == "__main__":
    main()
