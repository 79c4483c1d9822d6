"""Makers of what is commanded and asked less often: timers by name, texts to play, "which are on?".

The same form as the makers of :mod:`data.home_wishes`. Those of ``HERE`` set ``home.here``, the room
in which the sentence is spoken.
"""

import random
from collections.abc import Sequence

from data.home_mentions import Goal, Made, either, one_of, single
from data.home_nouns import GENERIC
from data.home_wishes import Maker, item
from data.home_wordings import say
from data.home_words import pick
from data.homes import Home, random_word
from data.phrasing import numeral
from handlers.home_actions import COLORS
from handlers.home_kinds import fits_kind
from handlers.home_speech import words
from handlers.home_view import SWITCHED_TOGETHER

_SIMPLE = (
    ("mute", "media_player", "HassMediaPlayerMute"),
    ("unmute", "media_player", "HassMediaPlayerUnmute"),
    ("halt", "cover", "HassStopMoving"),
    ("humidity", "humidifier", "HassHumidifierSetpoint"),
    ("humidity", "humidifier", "HassHumidifierSetpoint"),
    ("mow", "lawn_mower", "HassLawnMowerStartMowing"),
    ("mower_home", "lawn_mower", "HassLawnMowerDock"),
    ("where_is", "person", "HassGetState"),
    ("on", "humidifier", "HassTurnOn"),
    ("off", "humidifier", "HassTurnOff"),
)


def _simple(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    topic, domain, intent = rng.choice(_SIMPLE)
    if domain in GENERIC and domain != "cover":
        target = either(home, domain, rng)
    else:
        found = single(home, (domain,), rng, home.domains())
        target = ((found[0], ""), found[1]) if found else None
    if target is None:
        return None
    number = rng.randrange(30, 75)
    slots = (("humidity", str(number)),) if topic == "humidity" else ()
    text = say(topic, part, rng, domain, x=target[1], n=numeral(number, rng))
    return text, (Goal(intent, *target[0], slots),), ""


QUERIES = {
    "train": """jazz;classical;rock;lullabies;rain sounds;news;bedtime stories;piano;disco;opera;
        christmas;chill beats;ocean waves;country;blues;techno;reggae;workout;sad;
        dance hits;folk;nineties;birdsong;heavy metal;soul;guitar;movie soundtracks;dinner;
        party;sleep;the news;something relaxing;my workout playlist;funk;hip hop;rap;
        gospel;punk;indie;house music;trance;ambient;lo-fi beats;acoustic covers;
        chamber music;string quartets;a symphony;choir music;marching bands;bluegrass;ska;
        grunge;flamenco;tango;polka;samba;afrobeat;celtic harp;accordion;saxophone;
        cello suites;white noise;brown noise;a thunderstorm;crackling fire;wind chimes;
        forest at night;the sea;heartbeat;crickets;cat purring;something upbeat;
        something quiet;something cheerful;something for dancing;something from the eighties;
        anything romantic;happy songs;love songs;sad ballads;party hits;summer hits;
        road trip songs;feel good music;cooking music;cleaning music;gym music;music for yoga;
        background music;focus music;calm evening tunes;sunday morning coffee;rainy day;
        wake up songs;campfire songs;sea shanties;nursery rhymes;children's songs;
        sing along songs;karaoke classics;halloween;easter carols;wedding march;
        birthday songs;the national anthem;my favourites;my liked songs;my running playlist;
        my road trip mix;our wedding playlist;dad's old records;the kids playlist;morning mix;
        deep focus;friday night mix;songs i liked last summer;the last album i bought;
        top forty;this week's charts;golden oldies;sixties;the seventies;eighties synth pop;
        the best of the nineties;early two thousands pop;local radio;talk radio;a jazz station;
        classical radio;the traffic report;sports news;the football match;the weather report;
        morning show;a podcast;a history podcast;a science podcast;the daily podcast;
        true crime;stories about space;a comedy show;an audio drama;audiobook;
        chapter three of my audiobook;a detective novel;poems;french lessons;
        the velvet lanterns;paper moon parade;marlow finch;hollow pines;otto grey trio;
        the copper owls;juniper lane;seven tin soldiers;night train to nowhere;blue window;
        letters from the harbour;dancing with ghosts;honey for the moon;
        a thousand paper boats;winter in the valley;goodbye yellow house;stay a little longer;
        when the river sleeps;nothing but sunshine;lost balloons live;the silver tram unplugged""",
    "validation": """bossa nova;drum and bass;whale sounds;violin concertos;swing;fairy tales;
        gregorian chants;salsa""",
}


def _play(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    query = rng.choice(pick(QUERIES, part))
    if part == "train" and rng.random() < 0.5:
        query = " ".join(random_word(rng) for _ in range(rng.choice((1, 2, 2, 3))))
    slots = (("query", query),)
    players = home.of("media_player")
    roll = rng.random()
    if not players:
        return None
    if roll < 0.4:
        found = single(home, ("media_player",), rng, home.domains())
        if found is None:
            return None
        text = say("play_on", part, rng, x=found[1], q=query)
        return text, (Goal("HassMediaSearchAndPlay", found[0], "", slots),), ""
    areas = sorted({e.area for e in players if e.area})
    if roll < 0.7 and areas:
        area = rng.choice(areas)
        room = rng.choice((f"the {area.lower()}", area.lower()))
        text = say("play_in", part, rng, r=room, q=query)
        return text, (Goal("HassMediaSearchAndPlay", area, "media_player", slots),), ""
    text = say("play", part, rng, q=query)
    if len(players) == 1:
        return text, (Goal("HassMediaSearchAndPlay", "all", "media_player", slots),), ""
    return text, (), "unclear"


def _list_done(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    what = item(part, rng)
    if rng.random() < 0.5 or not home.of("todo"):
        goal = Goal("HassShoppingListCompleteItem", "-", "", (("item", what),))
        return say("shopping_done", part, rng, i=what), (goal,), ""
    found = single(home, ("todo",), rng)
    if found is None:
        return None
    goal = Goal("HassListCompleteItem", found[0], "", (("item", what),))
    return say("list_done", part, rng, i=what, x=found[1]), (goal,), ""


TIMERS = {
    "train": """pizza;pasta;egg;laundry;tea;oven;workout;nap;bread;homework;cake;rice;chicken;
        break;potatoes;washing machine;yoga;meeting;parking;bath;coffee;soup;stew;steak;
        roast;turkey;fish;bacon;cookie;muffin;pie;dough;bean;broccoli;noodle;waffle;
        popcorn;casserole;grill;barbecue;dishwasher;dryer;sprinkler;plank;stretching;
        jogging;game;screen time;tidy up;bedtime;reading;piano practice;phone call;lunch;
        medicine;face mask;toothbrush;bus;paint;glue;soft boiled egg;lower tray;
        baby bottle;puppy walk;quiet time;time out""",
    "validation": "lasagna;dumpling;meditation;sourdough;hair dye;study",
}
_TIMER_TOPICS = {
    "timer_cancel": "HassCancelTimer",
    "timer_pause": "HassPauseTimer",
    "timer_resume": "HassUnpauseTimer",
    "timer_left": "HassTimerStatus",
}


def _timer(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    name = rng.choice(pick(TIMERS, part))
    unit = rng.choice(("minutes", "minutes", "minutes", "hours", "seconds"))
    number = rng.randint(2, 59)
    duration = f"{numeral(number, rng)} {unit}"
    slot = (unit, str(number))
    roll = rng.random()
    if roll < 0.25:
        text = say("timer_called", part, rng, t=name, d=duration)
        return text, (Goal("HassStartTimer", "-", "", (slot, ("called", name))),), ""
    if roll < 0.5:
        topic, intent = rng.choice(
            (("timer_more", "HassIncreaseTimer"), ("timer_less", "HassDecreaseTimer"))
        )
        if rng.random() < 0.5:
            return say(topic, part, rng, d=duration), (Goal(intent, "-", "", (slot,)),), ""
        text = say(f"{topic}_called", part, rng, t=name, d=duration)
        return text, (Goal(intent, "-", "", (slot, ("called", name))),), ""
    topic = rng.choice(tuple(_TIMER_TOPICS))
    told, slots = rng.choice((("", ()), ("_called", (("called", name),)), ("_of", (slot,))))
    if told == "_of":
        duration = duration.removesuffix("s")
    text = say(f"{topic}{told}", part, rng, t=name, d=duration)
    return text, (Goal(_TIMER_TOPICS[topic], "-", "", slots),), ""


_ASKED_OF = {
    "which_on": ("light", "light", "light", "switch", "fan", "media_player"),
    "which_open": ("cover", "binary_sensor"),
    "which_locked": ("lock",),
}


def _which(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """Questions about all of a kind, in a room, on a floor or in the whole home."""
    topic = rng.choice(("which_on", "which_on", "which_open", "which_locked"))
    domain = rng.choice(_ASKED_OF[topic])
    plurals = [noun for noun in GENERIC.get(domain, ()) if noun.endswith("s")]
    noun = rng.choice(("windows", "doors")) if domain == "binary_sensor" else rng.choice(plurals)
    found = [e for e in home.of(domain) if fits_kind(e, words(noun)[0])]
    if domain == "binary_sensor" and any(
        fits_kind(e, words(noun)[0]) for e in home.of("cover", "lock")
    ):
        return None
    area, place = _somewhere(home, {e.area for e in found}, rng)
    if not found:
        return None
    text = say(topic, part, rng, o=noun, u=one_of(noun), p=place)
    return text, (Goal("HassGetState", area, domain),), ""


_MEASURED = (
    ("warm_where", ("climate", "sensor"), "temperature"),
    ("humid_where", ("sensor",), "humidity"),
    ("motion_where", ("binary_sensor",), "motion"),
)


def _measured(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """What a room's sensors say; its temperature is a thermostat's if it has one."""
    topic, domains, kind = rng.choice(_MEASURED)
    held = {d: [e for e in home.of(d) if d == "climate" or fits_kind(e, kind)] for d in domains}
    rooms = {e.area for found in held.values() for e in found if e.area}
    if not rooms:
        return None
    area = rng.choice(sorted(rooms))
    place = rng.choice(("in the {r}", "in the {r}", "in {r}")).replace("{r}", area.lower())
    domain = next(d for d in domains if any(e.area == area for e in held[d]))
    intent = "HassClimateGetTemperature" if domain == "climate" else "HassGetState"
    return say(topic, part, rng, p=place), (Goal(intent, area, domain),), ""


def _whole_home(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """Batteries, who is there, and wishes that name no room: clear with a single thermostat."""
    topic = rng.choice(("battery_which", "anyone_home", "i_am_cold", "i_am_hot"))
    text = say(topic, part, rng)
    if topic == "anyone_home":
        return (text, (Goal("HassGetState", "all", "person"),), "") if home.of("person") else None
    if topic == "battery_which":
        found = [e for e in home.of("sensor") if fits_kind(e, "battery")]
        return (text, (Goal("HassGetState", "all", "sensor"),), "") if found else None
    way = "up" if topic == "i_am_cold" else "down"
    goal = Goal("HassClimateSetTemperature", "all", "climate", (("change", way),))
    count = len(home.of("climate"))
    return (text, (goal,), "") if count == 1 else (text, (), "unclear" if count else "device")


def _lights(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A colour or a white, and how bright."""
    target = either(home, "light", rng)
    color, number = rng.choice(COLORS), rng.randint(1, 100)
    if target is None or any(c in words(target[1]) for c in COLORS):
        return None
    slots = (("brightness", str(number)), ("color", color))
    topic = "color_and"
    said, kelvin = rng.choice(
        (("warm white", "2700"), ("cool white", "6500"), ("3000 kelvin", "3000"))
    )
    if rng.random() < 0.3:
        topic, slots = "white_and", (slots[0], ("temperature", kelvin))
    text = say(topic, part, rng, x=target[1], c=color, w=said, n=str(number))
    return text, (Goal("HassLightSet", *target[0], slots),), ""


_MOWING = (("mow_bare", "HassLawnMowerStartMowing"), ("mown", "HassLawnMowerDock"))


def _vacuum_bare(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    topic, intent = rng.choice(
        (("vacuum_go", "HassVacuumStart"), ("vacuum_back", "HassVacuumReturnToBase"))
    )
    text, count = say(topic, part, rng), len(home.of("vacuum"))
    if count == 1 and not home.of("lawn_mower"):
        return text, (Goal(intent, "all", "vacuum"),), ""
    return (text, (), "unclear") if count else (text, (), "device")


def _mow_bare(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    topic, intent = rng.choice(_MOWING)
    if len(home.of("lawn_mower")) != 1 or (home.of("vacuum") and topic == "mown"):
        return None
    return say(topic, part, rng), (Goal(intent, "all", "lawn_mower"),), ""


def _scene_bare(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    if not home.of("scene"):
        return None
    entity = rng.choice(home.of("scene"))
    name = entity.label().lower()
    if sum(set(words(name)) <= set(words(e.label())) for e in home.entities) > 1:
        return None
    return say("scene_bare", part, rng, x=name), (Goal("HassTurnOn", entity),), ""


def _cannot(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    domains = ("light", "fan", "climate", "switch", "media_player", "vacuum", "cover")
    found = single(home, (rng.choice(domains),), rng, home.domains())
    return (say("cannot", part, rng, x=found[1]), (), "unclear") if found else None


_HERE = (
    ("on", "light", "HassTurnOn", ()),
    ("on", "light", "HassTurnOn", ()),
    ("off", "light", "HassTurnOff", ()),
    ("off", "light", "HassTurnOff", ()),
    ("on", "fan", "HassTurnOn", ()),
    ("off", "fan", "HassTurnOff", ()),
    ("off", "media_player", "HassTurnOff", ()),
    ("open", "cover", "HassTurnOn", ()),
    ("close", "cover", "HassTurnOff", ()),
    ("brightness", "light", "HassLightSet", ("brightness",)),
    ("color", "light", "HassLightSet", ("color",)),
    ("light_up", "light", "HassLightSet", ("change", "up")),
    ("light_down", "light", "HassLightSet", ("change", "down")),
    ("temperature", "climate", "HassClimateSetTemperature", ("temperature",)),
    ("i_am_cold", "climate", "HassClimateSetTemperature", ("change", "up")),
    ("i_am_hot", "climate", "HassClimateSetTemperature", ("change", "down")),
    ("warm_where", "climate", "HassClimateGetTemperature", ()),
    ("the_media", "media_player", "HassMediaPause", ()),
    ("the_resume", "media_player", "HassMediaUnpause", ()),
    ("the_next", "media_player", "HassMediaNext", ()),
    ("the_louder", "media_player", "HassSetVolumeRelative", ("change", "up")),
    ("the_quieter", "media_player", "HassSetVolumeRelative", ("change", "down")),
    ("room_dark", "light", "HassTurnOn", ()),
    ("room_cold", "climate", "HassClimateSetTemperature", ("change", "up")),
)


def _here(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """What is said in a room without naming it, or with "here"."""
    topic, domain, intent, told = rng.choice(_HERE)
    areas = sorted({e.area for e in home.of(domain) if e.area})
    if not areas:
        return None
    area = rng.choice(areas)
    inside = [e for e in home.of(domain) if e.area == area]
    nouns = [n for n in GENERIC[domain] if all(fits_kind(e, words(n)[0]) for e in inside)]
    if not nouns:
        return None
    noun = rng.choice(nouns)
    there = rng.choice(("", "", " here", " in here", " in this room"))
    number, color = rng.randint(18, 26), rng.choice(COLORS)
    values = {"brightness": str(number), "temperature": str(number), "color": color}
    slots = ((told[0], told[1] if len(told) > 1 else values[told[0]]),) if told else ()
    text = say(
        *(topic, part, rng, domain),
        x=f"the {noun}{there}",
        n=str(number),
        c=color,
        p=there.strip(),
        r="here",
    )
    if any(set(words(noun)) == set(words(e.label())) for e in home.entities):
        return None
    home.here = area
    return text, (Goal(intent, area, domain, slots),), ""


def _everything_here(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    areas = sorted({e.area for e in home.of(*SWITCHED_TOGETHER) if e.area})
    if not areas:
        return None
    way = rng.choice(("on", "off", "off"))
    home.here = rng.choice(areas)
    place = rng.choice(("here", "in here", "in this room"))
    text = say(f"everything_{way}", part, rng, p=place)
    return text, (Goal(f"HassTurn{way.title()}", home.here, "any"),), ""


def _somewhere(home: Home, areas: set[str], rng: random.Random) -> tuple[str, str]:
    """A room, a floor or the whole home, and how it is said."""
    rooms = sorted(area for area in areas if area)
    floors = [f for f in home.floors if areas & set(f.areas)]
    roll = rng.random()
    if roll < 0.45 and rooms:
        area = rng.choice(rooms)
        return area, rng.choice((f"in the {area.lower()}", f"in {area.lower()}"))
    if roll < 0.55 and floors:
        floor = rng.choice(floors)
        return floor.name, f"on the {floor.name.lower()}"
    return "all", rng.choice(("", "", "in the house", "at home", "right now"))


ABLE: dict[str, tuple[Maker, float]] = {
    "simple": (_simple, 7.0),
    "search": (_play, 5.0),
    "list_done": (_list_done, 4.0),
    "timers": (_timer, 6.0),
    "which": (_which, 8.0),
    "measured": (_measured, 6.0),
    "whole_home": (_whole_home, 4.0),
    "color_and": (_lights, 4.0),
    "vacuum_bare": (_vacuum_bare, 1.5),
    "mow_bare": (_mow_bare, 1.0),
    "scene_bare": (_scene_bare, 3.0),
    "cannot": (_cannot, 4.0),
    "here": (_here, 9.0),
    "everything_here": (_everything_here, 1.0),
}
"""Topic -> maker and how often, by weight."""
