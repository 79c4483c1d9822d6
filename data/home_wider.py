"""Makers beyond plain commands: exceptions, everything, steps, wishes, fan speeds, shades of white."""

import random
from collections.abc import Sequence

from data.home_mentions import Goal, Made, either, single
from data.home_nouns import GENERIC
from data.home_wordings import english, say
from data.homes import Home
from data.phrasing import numeral
from handlers.home_scene import Entity
from handlers.home_view import ANY, SWITCHED_TOGETHER

_STEPS = (
    ("light", "light_up", "light_down", "HassLightSet"),
    ("light", "light_up", "light_down", "HassLightSet"),
    ("climate", "warmer", "cooler", "HassClimateSetTemperature"),
    ("media_player", "louder", "quieter", "HassSetVolumeRelative"),
    ("fan", "faster", "slower", "HassFanSetSpeed"),
)


def step(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A bit more or less, or by a number."""
    domain, up, down, intent = rng.choice(_STEPS)
    target = either(home, domain, rng)
    if target is None:
        return None
    way = rng.choice(("up", "down"))
    topic = up if way == "up" else down
    if rng.random() < 0.3 and english(f"{topic}_by"):
        number = rng.randint(1, 5) if domain == "climate" else rng.randint(1, 60)
        text = say(f"{topic}_by", part, rng, x=target[1], n=numeral(number, rng))
        return text, (Goal(intent, *target[0], ((f"{way}_by", str(number)),)),), ""
    text = say(topic, part, rng, x=target[1])
    return text, (Goal(intent, *target[0], (("change", way),)),), ""


_WISHES = {
    "room_dark": ("light", "HassTurnOn", ()),
    "room_bright": ("light", "HassTurnOff", ()),
    "room_cold": ("climate", "HassClimateSetTemperature", (("change", "up"),)),
    "room_hot": ("climate", "HassClimateSetTemperature", (("change", "down"),)),
}


def wish(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A room that is too dark, bright, cold or hot; one that lacks the means is no command."""
    topic = rng.choice(tuple(_WISHES))
    domain, intent, slots = _WISHES[topic]
    if not home.areas or any(not entity.area for entity in home.of(domain)):
        return None
    have = {entity.area for entity in home.of(domain)}
    area = rng.choice(sorted(have) if have and rng.random() < 0.85 else home.areas)
    room = rng.choice((f"the {area.lower()}", area.lower()))
    text = say(topic, part, rng, r=room)
    if area not in have:
        return text, (), "device"
    return text, (Goal(intent, area, domain, slots),), ""


def _everything(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    held = home.of(*SWITCHED_TOGETHER)
    areas = sorted({entity.area for entity in held if entity.area})
    way = rng.choice(("on", "off", "off"))
    intent = f"HassTurn{way.title()}"
    floors = [floor for floor in home.floors if set(areas) & set(floor.areas)]
    if floors and rng.random() < 0.3:
        floor = rng.choice(floors)
        area, said = floor.name, rng.choice((floor.name, *floor.aliases)).lower()
        place = said if said.endswith("stairs") else f"on the {said}"
    elif areas and rng.random() < 0.75:
        area = rng.choice(areas)
        place = rng.choice(("in the {r}", "in {r}")).replace("{r}", area.lower())
    elif held:
        area, place = "all", rng.choice(("", "in the house", "in the whole house", "everywhere"))
    else:
        return None
    return say(f"everything_{way}", part, rng, p=place), (Goal(intent, area, ANY),), ""


def _except(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """All of a kind, in the house or in a room, but for a room or a device or two."""
    domain = rng.choice(("light", "light", "light", "cover", "fan", "switch", "media_player"))
    found = home.of(domain)
    areas = sorted({entity.area for entity in found if entity.area})
    nouns = [
        n
        for n in GENERIC.get(domain, ())
        if n.endswith("s") and (domain != "cover" or n == "covers")
    ]
    if len(areas) < 2 or not nouns:
        return None
    noun = rng.choice(nouns)
    way = rng.choice(("on", "off", "off"))
    topic = {"on": "open", "off": "close"}[way] if domain == "cover" else way
    without: list[Entity | str] = []
    said: list[str] = []
    target = "all"
    mention = rng.choice((f"all the {noun}", f"all {noun}", f"all {noun} in the house"))
    among = found
    if rng.random() < 0.35:
        target = rng.choice(areas)
        among = [entity for entity in found if entity.area == target]
        mention = f"all the {noun} in the {target.lower()}"
    for _n in range(rng.choice((1, 1, 1, 2))):
        if target == "all" and rng.random() < 0.6:
            area = rng.choice(areas)
            if area in without:
                return None
            without.append(area)
            said.append(
                rng.choice(
                    (
                        *(f"the {area.lower()}", f"in the {area.lower()}"),
                        *(f"the {area.lower()} {noun}", f"the ones in the {area.lower()}"),
                    )
                )
            )
            continue
        one = single(home, (domain,), rng, tuple(GENERIC))
        if one is None or one[0] not in among or one[0] in without:
            return None
        without.append(one[0])
        said.append(one[1])
    if not [e for e in among if e not in without and e.area not in without]:
        return None
    text = say(topic, part, rng, domain, x=mention)
    if part == "train" and way == "off" and domain == "light" and target == "all":
        text = rng.choice((text, text, "lights out everywhere", "all lights out", "lights out"))
    text = say("except", part, rng, s=text, e=rng.choice((" and ", " and ")).join(said))
    goal = Goal(f"HassTurn{way.title()}", target, domain, (), tuple(without))
    return text, (goal,), ""


def _fan_speed(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    target = either(home, "fan", rng)
    if target is None:
        return None
    number = rng.choice((rng.randint(1, 100), rng.randrange(10, 101, 10)))
    text = say("fan_speed", part, rng, x=target[1], n=numeral(number, rng))
    return text, (Goal("HassFanSetSpeed", *target[0], (("percentage", str(number)),)),), ""


def _toggle(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    found = single(home, ("light", "switch", "fan"), rng, tuple(GENERIC))
    if found is None:
        return None
    return say("toggle", part, rng, x=found[1]), (Goal("HassToggle", found[0]),), ""


def _white(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    target = either(home, "light", rng)
    if target is None:
        return None
    kelvin = rng.randrange(2000, 6600, 100)
    said, value = rng.choice(
        (
            *(("warm white", "2700"), ("cool white", "6500"), ("cold white", "6500")),
            *((f"{kelvin} kelvin", str(kelvin)), (f"{kelvin} k", str(kelvin))),
        )
    )
    text = say("white", part, rng, x=target[1], w=said)
    return text, (Goal("HassLightSet", *target[0], (("temperature", value),)),), ""


def _water(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    areas = sorted({entity.area for entity in home.of("valve") if entity.area})
    if not areas:
        return None
    area, way = rng.choice(areas), rng.choice(("on", "off"))
    room = rng.choice((f"the {area.lower()}", area.lower()))
    goal = Goal(f"HassTurn{way.title()}", area, "valve")
    return say(f"water_{way}", part, rng, r=room), (goal,), ""


_PLAYING: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "the_media": ("HassMediaPause", ()),
    "the_resume": ("HassMediaUnpause", ()),
    "the_next": ("HassMediaNext", ()),
    "the_previous": ("HassMediaPrevious", ()),
    "the_volume": ("HassSetVolume", (("volume_level", "n"),)),
    "the_louder": ("HassSetVolumeRelative", (("change", "up"),)),
    "the_quieter": ("HassSetVolumeRelative", (("change", "down"),)),
}


def _playing(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """What plays, without saying where: clear in a home with one player alone."""
    topic = rng.choice(tuple(_PLAYING))
    intent, slots = _PLAYING[topic]
    number = str(rng.randint(1, 100))
    slots = tuple((name, number if value == "n" else value) for name, value in slots)
    text = say(topic, part, rng, n=number)
    if len(home.of("media_player")) == 1:
        return text, (Goal(intent, "all", "media_player", slots),), ""
    reason = "unclear" if home.of("media_player") else "device"
    return text, (), reason


WIDER = {
    "water": (_water, 3.0),
    "playing": (_playing, 5.0),
    "step": (step, 11.0),
    "wish": (wish, 8.0),
    "everything": (_everything, 6.0),
    "except": (_except, 9.0),
    "fan_speed": (_fan_speed, 2.0),
    "toggle": (_toggle, 1.5),
    "white": (_white, 2.5),
}
"""Topic -> maker and how often, by weight."""
