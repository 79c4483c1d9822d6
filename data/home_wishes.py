"""Makers of sentences that ask a home for something it can do.

A maker gets a home, the part ("train" or "validation"), the random numbers and foreign sentences; it
gives a sentence and its goals, or None where this home has nothing of that kind.
"""

import random
from collections.abc import Callable, Sequence

from data.home_mentions import (
    SWITCHED,
    Goal,
    Made,
    all_in_room,
    either,
    fits_class,
    one_of,
    single,
)
from data.home_nouns import GENERIC, SINGLE
from data.home_wordings import say
from data.home_words import ITEMS, pick
from data.homes import Home, random_word
from data.phrasing import expand, numeral
from handlers.home_actions import COLORS
from handlers.home_speech import words

Maker = Callable[[Home, str, random.Random, Sequence[str]], Made | None]


def switch(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A device on or off."""
    domain = rng.choice(("light", "light", *SWITCHED))
    found = single(home, (domain,), rng, SWITCHED)
    if found is None:
        return None
    way = rng.choice(("on", "off"))
    goal = Goal(f"HassTurn{way.title()}", found[0])
    return say(way, part, rng, found[0].kind(), x=found[1]), (goal,), ""


def switch_group(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """All of a kind in a room or on a floor on or off."""
    domain = rng.choice(("light", "light", "light", "fan", "switch", "media_player", "climate"))
    group = all_in_room(home, domain, rng)
    if group is None:
        return None
    way = rng.choice(("on", "off"))
    intent = f"HassTurn{way.title()}"
    area = group[0]
    if part == "train" and rng.random() < 0.12 and (short := _short(home, area, domain, way, rng)):
        return short, (Goal(intent, area, domain),), ""
    if domain == "light" and rng.random() < 0.25:
        room = rng.choice((f"the {area.lower()}", area.lower()))
        text = say(f"{way}_light", part, rng, r=room, x=room)
    else:
        text = say(way, part, rng, domain, x=group[1])
    return text, (Goal(intent, area, domain),), ""


def _short(home: Home, area: str, domain: str, way: str, rng: random.Random) -> str:
    """What is said for short ("lights off in the kitchen"), or nothing where it would mean others."""
    noun = rng.choice(GENERIC[domain])
    inside = [entity for entity in home.of(domain) if entity.area == area]
    if not inside or not fits_class(noun, inside) or (len(inside) > 1 and noun in SINGLE):
        return ""
    return expand(f"{noun} {way} (in|in the|at the) {area.lower()}", rng)


def _switch_all(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    domain = rng.choice(("light", "light", "light", "fan", "switch", "media_player"))
    if not home.of(domain):
        return None
    noun = rng.choice([noun for noun in GENERIC[domain] if noun.endswith("s")])
    mention = expand(
        rng.choice(
            (
                *(f"all [of] [the] {noun}", f"every {one_of(noun)}", f"all our {noun}"),
                *(f"all [the] {noun} in the (house|home)", f"the {noun} everywhere"),
                f"all {noun} in the [whole|entire] house",
            )
        ),
        rng,
    )
    way = rng.choice(("on", "off", "off"))
    text = say(way, part, rng, domain, x=mention)
    if part == "train" and way == "off" and rng.random() < 0.2:
        text = expand(rng.choice(_NOT_ONE), rng, u=one_of(noun), o=noun)
    return text, (Goal(f"HassTurn{way.title()}", "all", domain),), ""


_NOT_ONE = (
    "i don't want (a single|one|any) {u} on [anymore|any more]",
    "(no|not a single|not one) {u} should (be|stay) on",
    "every last {u} off",
    "{o} (out|off) everywhere",
    "no {o} [on] anywhere",
)


def lights(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """Brightness and colour."""
    target = either(home, "light", rng)
    if target is None:
        return None
    goal, mention = target
    topic = rng.choices(
        (
            "brightness",
            "color",
            "brightness_full",
            "brightness_half",
            "brightness_low",
            "color_bright",
        ),
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
    text = say(topic, part, rng, x=mention, n=numeral(number, rng), c=color)
    return text, (Goal("HassLightSet", *goal, slots),), ""


def covers(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """Covers and valves open, closed or between."""
    domain = "valve" if rng.random() < 0.2 else "cover"
    target = either(home, domain, rng, among=("cover", "valve", "lock", "binary_sensor"))
    if target is None:
        return None
    goal, mention = target
    topic = rng.choice(("open", "open", "close", "close", "position", "position_half"))
    number = rng.choice((rng.randint(1, 100), rng.randrange(10, 101, 10)))
    text = say(topic, part, rng, domain, x=mention, n=numeral(number, rng))
    match topic:
        case "open":
            return text, (Goal("HassTurnOn", *goal),), ""
        case "close":
            return text, (Goal("HassTurnOff", *goal),), ""
        case _:
            value = "50" if topic == "position_half" else str(number)
            return text, (Goal("HassSetPosition", *goal, (("position", value),)),), ""


def locks(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """Locked or unlocked."""
    target = either(home, "lock", rng)
    if target is None:
        return None
    way = rng.choice(("lock", "unlock"))
    intent = "HassTurnOn" if way == "lock" else "HassTurnOff"
    return say(way, part, rng, x=target[1]), (Goal(intent, *target[0]),), ""


def climate(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A temperature to reach, or asked for."""
    if not home.of("climate"):
        return None
    number = rng.choice((rng.randint(15, 28), rng.randint(15, 28), rng.randint(59, 80)))
    slots = (("temperature", str(number)),)
    said = numeral(number, rng)
    roll = rng.random()
    if roll < 0.45:
        found = single(home, ("climate",), rng)
        if found is None:
            return None
        text = say("temperature", part, rng, x=found[1], n=said)
        return text, (Goal("HassClimateSetTemperature", found[0], "", slots),), ""
    if roll < 0.55:
        text = say("temperature_all", part, rng, n=said)
        return text, (Goal("HassClimateSetTemperature", "all", "climate", slots),), ""
    areas = sorted({entity.area for entity in home.of("climate") if entity.area})
    if not areas:
        return None
    area = rng.choice(areas)
    room = rng.choice((f"the {area.lower()}", area.lower()))
    if roll < 0.7:
        text = say("how_warm", part, rng, r=room)
        return text, (Goal("HassClimateGetTemperature", area, "climate"),), ""
    text = say("temperature_room", part, rng, r=room, n=said)
    return text, (Goal("HassClimateSetTemperature", area, "climate", slots),), ""


_PLAYER = {
    "pause": "HassMediaPause",
    "resume": "HassMediaUnpause",
    "next": "HassMediaNext",
    "previous": "HassMediaPrevious",
    "volume": "HassSetVolume",
}


def media(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """What plays: pause, next, volume."""
    target = either(home, "media_player", rng)
    if target is None:
        return None
    topic = rng.choice((*_PLAYER, "volume"))
    number = rng.choice((rng.randint(0, 100), rng.randrange(10, 101, 10)))
    slots = (("volume_level", str(number)),) if topic == "volume" else ()
    text = say(topic, part, rng, x=target[1], n=numeral(number, rng))
    return text, (Goal(_PLAYER[topic], *target[0], slots),), ""


def vacuum(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A vacuum sent out or home."""
    target = either(home, "vacuum", rng)
    if target is None:
        return None
    topic, intent = rng.choice((("vacuum", "HassVacuumStart"), ("dock", "HassVacuumReturnToBase")))
    return say(topic, part, rng, x=target[1]), (Goal(intent, *target[0]),), ""


def _state(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    kind = rng.choice(("light", "switch", "cover", "lock", "sensor", "binary_sensor", "fan"))
    topics = {
        "cover": "state_open",
        "lock": "state_locked",
        "sensor": "state_value",
        "binary_sensor": "state_value",
    }
    topic = topics.get(kind, "state")
    rivals = {
        "cover": ("cover", "lock", "binary_sensor"),
        "lock": ("cover", "lock", "binary_sensor"),
        "sensor": ("sensor", "climate"),
        "binary_sensor": ("binary_sensor", "cover", "lock", "sensor"),
    }
    if topic == "state" and kind == "light" and rng.random() < 0.3:
        group = all_in_room(home, kind, rng)
        if group is None:
            return None
        return say(topic, part, rng, kind, x=group[1]), (Goal("HassGetState", group[0], kind),), ""
    found = single(home, (kind,), rng, rivals.get(kind, SWITCHED))
    if found is None:
        return None
    return say(topic, part, rng, kind, x=found[1]), (Goal("HassGetState", found[0]),), ""


def scene(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A scene or a script by its name."""
    kind = rng.choice(("scene", "script"))
    if not home.of(kind):
        return None
    entity = rng.choice(home.of(kind))
    mention = entity.label().lower()
    if len({e.entity_id for e in home.entities if e.label().lower() == mention}) > 1:
        return None
    return say(kind, part, rng, x=mention), (Goal("HassTurnOn", entity),), ""


def _list(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    what = item(part, rng)
    if rng.random() < 0.5 or not home.of("todo"):
        goal = Goal("HassShoppingListAddItem", "-", "", (("item", what),))
        return say("shopping", part, rng, i=what), (goal,), ""
    found = single(home, ("todo",), rng)
    if found is None:
        return None
    goal = Goal("HassListAddItem", found[0], "", (("item", what),))
    return say("list", part, rng, i=what, x=found[1]), (goal,), ""


def item(part: str, rng: random.Random) -> str:
    """Something to write down; in training often mere words, so that it is copied and not known."""
    roll = rng.random()
    if part == "validation" or roll < 0.35:
        return rng.choice(pick(ITEMS, part)).lower()
    words = [rng.choice(_NOUNS) for _ in range(rng.choice((1, 1, 2)))]
    if roll < 0.55:
        words = [random_word(rng) for _ in range(rng.choice((1, 1, 2)))]
    head = rng.choice((*("", "", "", "", "two", "fresh", "bag of"), *_DO))
    return " ".join([head, *words]).strip()


_DO = tuple("fix clean call paint wash return visit repair water collect".split())
_NOUNS = tuple(
    """lemons honey yeast sugar pepper ham bacon salmon tuna beans lentils carrots peas spinach
    lettuce garlic ginger basil mustard ketchup vinegar yogurt cream cereal oats muesli jam juice
    tea cocoa cookies crackers chips nuts almonds raisins pizza bagels tortillas soup sausages beef
    shrimp tofu eggs detergent bleach sponges napkins candles matches tape glue paint nails screws
    hammer bulbs envelopes stamps pens paper shampoo soap razor lotion diapers vitamins aspirin
    plasters flowers seeds soil hose mailbox roof gutter bicycle boat fence oven dentist doctor
    plumber bank library tickets passport taxes insurance invoice homework report laundry grandma
    uncle neighbour school haircut car tyres dog rabbit horse aquarium guitar piano cheesecake
    grapes pears peaches plums cherries berries melon pineapple mango avocado cucumber zucchini
    celery mushrooms pumpkin cabbage broccoli radishes leeks corn noodles couscous quinoa
    breadcrumbs syrup vanilla cinnamon oregano thyme curry mayonnaise hummus olives pickles capers
    mozzarella feta margarine pancakes muffins chocolate popcorn lemonade cola beer gin kibble
    litter hay tissues foil clingfilm mop broom bucket gloves socks shoelaces buttons thread
    needles ribbon balloons string rope pliers drill ladder hinges fuses charger cable printer
    toner notebook calendar folder landlord electrician vet optician barber cousin teacher garage
    basement balcony windows curtains carpet sofa wardrobe stroller pushchair crib tent backpack
    suitcase rent deposit contract""".split()
)


def timer(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A timer, or all of them gone."""
    if rng.random() < 0.12:
        return say("timers_off", part, rng), (Goal("HassCancelAllTimers", "-"),), ""
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
    return say("timer", part, rng, d=duration), (Goal("HassStartTimer", "-", "", slots),), ""


_ASKED = {
    "time": "HassGetCurrentTime",
    "date": "HassGetCurrentDate",
    "weather": "HassGetWeather",
}


def _ask(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    topic = rng.choice(tuple(_ASKED))
    return say(topic, part, rng), (Goal(_ASKED[topic], "-"),), ""


WISHES: dict[str, tuple[Maker, float]] = {
    "switch": (switch, 16),
    "switch_group": (switch_group, 12),
    "switch_all": (_switch_all, 4),
    "lights": (lights, 11),
    "covers": (covers, 9),
    "locks": (locks, 4),
    "climate": (climate, 6),
    "media": (media, 6),
    "vacuum": (vacuum, 3),
    "state": (_state, 10),
    "scene": (scene, 4),
    "list": (_list, 9),
    "timer": (timer, 4),
    "ask": (_ask, 4),
}
"""Topic -> maker and how often, by weight."""
