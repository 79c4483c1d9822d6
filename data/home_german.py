"""German commands for homes with German names, for training and for validation.

Beside the templates of home-assistant/intents (:mod:`data.home_templates`), from which people differ.
Names and phrasings of both parts are apart, as in the English tables; most phrasings of training
stand in ``data/seeds/home/german.txt``.
"""

import random
from collections.abc import Sequence

from data.home_german_phrases import COLORS, JOINTS, OPPOSITES, PHRASES, STEPS, TOPICS
from data.home_german_words import AREAS, FLOORS, ITEMS, THINGS, articles, inside
from data.home_mentions import Goal, Made
from data.home_wishes import Maker
from data.home_wordings import WIDEST, wordings
from data.homes import Home, random_word
from data.phrasing import expand
from handlers.home_kinds import fits_kind
from handlers.home_names import ALL_KINDS
from handlers.home_scene import Entity, Floor
from handlers.home_speech import alike, words
from handlers.home_view import ANY, SWITCHED_TOGETHER

_NOUNS = {
    "light": (
        *("das licht", "die lichter", "alle lampen", "die beleuchtung", "alle lichter"),
        *("die lampen", "alle leuchten", "sämtliche lampen"),
    ),
    "cover": ("die rollos", "alle rollos", "die rollläden", "alle jalousien", "die vorhänge"),
    "media_player": ("alle lautsprecher", "die lautsprecher"),
    "fan": ("alle ventilatoren", "die ventilatoren"),
}
"""Domain -> how all of it in a place are spoken of."""


def numeral(value: int, rng: random.Random) -> str:
    """A number in digits, or up to 100 sometimes in German words."""
    if value > 100 or rng.random() < 0.8:
        return str(value)
    small = """null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn
        fünfzehn sechzehn siebzehn achtzehn neunzehn""".split()
    tens = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert".split()
    if value < 20:
        return small[value]
    one = value % 10
    before = {0: "", 1: "einund"}.get(one, f"{small[one]}und")
    return before + tens[value // 10 - 2]


def german_home(part: str, rng: random.Random) -> Home:
    """A home of 2 to 6 areas with German names, some of them with storeys, scenes and lists."""
    areas = rng.sample(AREAS[part], rng.randint(2, 5 if part == "validation" else 6))
    entities: dict[str, Entity] = {}
    for area in areas:
        for domain, names in THINGS.items():
            if domain in ("scene", "todo") or rng.random() > (0.95 if domain == "light" else 0.4):
                continue
            for thing in rng.sample(names[part], min(len(names[part]), rng.choice((1, 1, 2)))):
                name = rng.choice((thing, f"{area} {thing}", f"{thing} {area}"))
                _add(entities, domain, name, area)
    for domain in ("scene", "todo"):
        for name in rng.sample(THINGS[domain][part], rng.randint(0, 3)):
            _add(entities, domain, name, "")
    floors = []
    if len(areas) > 2 and rng.random() < 0.35:
        lower, upper = rng.sample(FLOORS[part], 2)
        floors = [Floor(lower, tuple(areas[::2])), Floor(upper, tuple(areas[1::2]))]
    return Home(areas, list(entities.values()), floors, told=True)


def _add(entities: dict[str, Entity], domain: str, name: str, area: str) -> None:
    found = f"{domain}.{'_'.join(words(name))}_{len(entities)}"
    if name not in {e.name for e in entities.values()}:
        entities[found] = Entity(found, name, area)


def _say(topic: str, part: str, rng: random.Random, kind: str = "", **slots: str) -> str:
    """A sentence on a topic, said of a thing of some kind."""
    templates = PHRASES[part].get(topic, ())
    if part == "train":
        held = wordings("german")
        widest = held.get(topic, ()) + held.get(f"{topic} {kind}", ())
        if widest and (not templates or rng.random() < WIDEST):
            templates = widest
    return expand(rng.choice(templates), rng, **slots)


_Target = tuple[tuple[Entity | str, str], str]
"""An entity and "", or a place and a domain; and how that is spoken of."""


def _called(home: Home, entity: Entity, rng: random.Random) -> str:
    """How an entity may be called: by its name, or by that and its room; its article may be wrong."""
    name, area = entity.label(), entity.area
    own = [word for word in name.split() if word != area]
    others = [e for e in home.entities if e != entity and set(own) <= set(e.label().split())]
    said = name.lower()
    if not others and own and rng.random() < 0.3:
        thing = " ".join(own).lower()
        said = rng.choice((thing, f"{thing} {inside(area)}", f"{area.lower()} {thing}"))
    right, subject, after = articles(" ".join(own) or name)
    article = rng.choice((right, right, right, "", "", subject, after, "die", "das", "den", "mein"))
    return f"{article} {said}".strip()


def _group(home: Home, domain: str, rng: random.Random, *, here: bool = False) -> _Target | None:
    """All of a domain in a room or on a storey."""
    areas = sorted({entity.area for entity in home.of(domain) if entity.area})
    nouns = _NOUNS.get(domain, ())
    if not areas or not nouns:
        return None
    place, area = "", rng.choice(areas)
    held = {area}
    if here:
        home.here, place = area, rng.choice(("", "", "hier", "hier drin", "in diesem raum"))
    elif home.floors and rng.random() < 0.25:
        floor = rng.choice(home.floors)
        area, held = floor.name, set(floor.areas)
    found = [entity for entity in home.of(domain) if entity.area in held]
    noun = rng.choice(nouns)
    stem = words(noun)[-1]
    if not found or not all(fits_kind(e, stem) for e in found):
        return None
    named = any(stem in words(e.label()) for e in home.entities if here or e.area in held)
    if named and (len(found) > 1 or here):
        return None
    if here and not place and noun.startswith(("alle", "sämtliche")):
        return None
    return (area, domain), f"{noun} {place or ('' if here else inside(area))}".strip()


def _target(home: Home, domain: str, rng: random.Random) -> _Target | None:
    """One thing, or all of a kind in a place or in the room of the speaker."""
    roll = rng.random()
    if roll < 0.3 and domain in _NOUNS:
        return _group(home, domain, rng, here=roll < 0.06)
    found = home.of(domain)
    if not found:
        return None
    entity = rng.choice(found)
    return (entity, ""), _called(home, entity, rng)


def _plain(topic: str) -> Maker:
    domains, intent, told = TOPICS[topic]

    def make(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
        domain = rng.choice(domains)
        target = _target(home, domain, rng)
        if target is None or (topic == "state" and not isinstance(target[0][0], Entity)):
            return None
        number = rng.randint(16, 26) if topic == "temperature" else rng.randrange(5, 101, 5)
        color = rng.choice(tuple(COLORS))
        values = {"n": str(number), "c": COLORS[color]}
        slots = tuple((name, values.get(value, value)) for name, value in told)
        said = numeral(number, rng)
        text = _say(topic, part, rng, domain, x=target[1], n=said, c=color)
        return text, (Goal(intent, *target[0], slots),), ""

    return make


_WISHES = {
    "too_dark": ("light", "HassTurnOn", ()),
    "too_bright": ("light", "HassTurnOff", ()),
    "too_cold": ("climate", "HassClimateSetTemperature", (("change", "up"),)),
    "too_hot": ("climate", "HassClimateSetTemperature", (("change", "down"),)),
    "how_warm": ("climate", "HassClimateGetTemperature", ()),
}


def _wish(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A room that is too dark, bright, cold or hot, and how warm it is."""
    topic = rng.choice((*_WISHES, "how_warm", "too_dark", "too_cold"))
    domain, intent, slots = _WISHES[topic]
    have = {entity.area for entity in home.of(domain)}
    area = rng.choice(sorted(have) if have and rng.random() < 0.85 else home.areas)
    place = inside(area)
    if area in have and rng.random() < 0.12:
        home.here, place = area, rng.choice(("hier", "hier", "hier drin"))
    text = _say(topic, part, rng, p=place)
    if area not in have:
        return text, (), "device"
    return text, (Goal(intent, area, domain, slots),), ""


_WHOLE = ("", "", "im haus", "im ganzen haus", "überall", "zuhause", "in der wohnung")
_ALL = (("which_on", "HassGetState"), ("all_off", "HassTurnOff"), ("all_on", "HassTurnOn"))


def _all(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """All lights, or everything, in a room, on a storey or in the whole home."""
    held = home.of("light")
    areas = sorted({entity.area for entity in held})
    topic, intent = rng.choice((*_ALL, ("all_off", "HassTurnOff"), ("everything_off", "")))
    domain = "light"
    if topic == "everything_off":
        intent, domain = "HassTurnOff", ANY
        areas = sorted({entity.area for entity in home.of(*SWITCHED_TOGETHER)})
    if not areas:
        return None
    area, place = "all", rng.choice(_WHOLE)
    roll = rng.random()
    if roll < 0.4:
        area = rng.choice(areas)
        place = inside(area)
    elif roll < 0.6 and home.floors:
        floor = rng.choice(home.floors)
        if not set(areas) & set(floor.areas):
            return None
        area, place = floor.name, inside(floor.name)
    noun = rng.choice(("lichter", "lampen", "leuchten"))
    return _say(topic, part, rng, o=noun, p=place), (Goal(intent, area, domain),), ""


def _scene(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    if not home.of("scene"):
        return None
    entity = rng.choice(home.of("scene"))
    return _say("scene", part, rng, x=entity.label().lower()), (Goal("HassTurnOn", entity),), ""


def _list(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    what = [rng.choice(ITEMS[part])]
    if part == "train" and rng.random() < 0.45:
        what = [random_word(rng) for _ in range(rng.choice((1, 1, 2)))]
    what = [rng.choice(("", "", "", "", "zwei", "frische", "bio", "drei packungen")), *what]
    item = " ".join(what).strip()
    slots = (("item", item),)
    if not home.of("todo") or rng.random() < 0.75:
        text = _say("shopping", part, rng, i=item)
        return text, (Goal("HassShoppingListAddItem", "-", "", slots),), ""
    entity = rng.choice(home.of("todo"))
    text = _say("list", part, rng, i=item, x=entity.label().lower())
    return text, (Goal("HassListAddItem", entity, "", slots),), ""


def _timer(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    first, second = rng.randint(2, 59), rng.randint(2, 59)
    said, other = numeral(first, rng), numeral(second, rng)
    durations: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
        *((f"{said} minuten", (("minutes", str(first)),)),) * 4,
        (f"{said} stunden", (("hours", str(first)),)),
        (f"{said} sekunden", (("seconds", str(first)),)),
        (f"{said} stunden und {other} minuten", (("hours", str(first)), ("minutes", str(second)))),
        (f"{said} minuten {other} sekunden", (("minutes", str(first)), ("seconds", str(second)))),
        (rng.choice(("eine stunde", "einer stunde")), (("hours", "1"),)),
        (rng.choice(("eine minute", "einer minute")), (("minutes", "1"),)),
        (rng.choice(("eine halbe stunde", "einer halben stunde")), (("minutes", "30"),)),
        (rng.choice(("eine viertelstunde", "einer viertelstunde")), (("minutes", "15"),)),
        (rng.choice(("eine dreiviertelstunde", "dreiviertelstunde")), (("minutes", "45"),)),
        (rng.choice(("eineinhalb stunden", "anderthalb stunden")), (("minutes", "90"),)),
    )
    duration, slots = rng.choice(durations)
    return _say("timer", part, rng, d=duration), (Goal("HassStartTimer", "-", "", slots),), ""


_ASKED = {
    "timer_cancel": "HassCancelTimer",
    "timer_left": "HassTimerStatus",
    "time": "HassGetCurrentTime",
    "date": "HassGetCurrentDate",
    "weather": "HassGetWeather",
}


def _asked(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    topic = rng.choice(tuple(_ASKED))
    return _say(topic, part, rng), (Goal(_ASKED[topic], "-"),), ""


def _several(home: Home, part: str, rng: random.Random, others: Sequence[str]) -> Made | None:
    """Two or three commands: apart, with a verb in common, or opposite ones."""
    roll = rng.random()
    if roll < 0.45:
        topic = rng.choice(("on", "off", "on", "off", "open", "close", "lock", "unlock"))
        domains, intent, _slots = TOPICS[topic]
        pair = [_target(home, rng.choice(domains), rng) for _ in range(2)]
        known = [target for target in pair if target]
        if len(known) < 2 or home.here or known[0][0][0] == known[1][0][0]:
            return None
        (one, x), (other, y) = known
        if roll < 0.15 and topic in ("on", "off", "open", "close"):
            kind = "opposite" if topic in ("on", "off") else "opposite_cover"
            templates = OPPOSITES[kind] if part == "train" else PHRASES[part][kind]
            text = expand(rng.choice(templates), rng, x=x, y=y)
            return text, (Goal("HassTurnOn", *one), Goal("HassTurnOff", *other)), ""
        text = _say(topic, part, rng, x=rng.choice((f"{x} und {y}", f"{x} und auch {y}")))
        return text, (Goal(intent, *one), Goal(intent, *other)), ""
    makers = [_plain(rng.choice(tuple(TOPICS))) for _ in range(rng.choice((2, 2, 3)))]
    if rng.random() < 0.2:
        makers[-1] = rng.choice((_scene, _timer, _wish))
    made = [maker(home, part, rng, others) for maker in makers]
    goals = [goal for one in made if one for goal in one[1]]
    if any(one is None or one[2] for one in made) or len(set(goals)) < len(made) or home.here:
        return None
    texts = [one[0] for one in made if one]
    text = texts[0]
    for further in texts[1:]:
        text += rng.choice(JOINTS[part]) + further
    return text, tuple(goals), ""


_COMMANDS = {
    "light": ("on", "off", "brightness", "color", "brighter"),
    "cover": ("open", "close", "half_open"),
    "climate": ("temperature", "on", "off", "warmer"),
    "media_player": ("on", "off", "volume", "pause", "louder"),
    "lock": ("lock", "unlock"),
    "vacuum": ("vacuum", "dock"),
    "fan": ("on", "off"),
    "switch": ("on", "off"),
}


def _missing(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A command for a thing or a room that this home lacks."""
    domain = rng.choice(tuple(_COMMANDS))
    known = {w for e in home.entities for w in (*words(e.label()), *words(e.area))}
    known |= {
        word for name in (*home.areas, *(f.name for f in home.floors)) for word in words(name)
    }
    thing, area = rng.choice(THINGS[domain][part]).lower(), rng.choice(AREAS[part])
    noun = rng.choice((thing, *(n.split()[-1] for n in _NOUNS.get(domain, ()))))
    roll = rng.random()
    if roll < 0.5:
        if any(alike(word, one) for word in known for one in words(area)):
            return None
        mention = rng.choice((f"{noun} {inside(area)}", f"{area.lower()} {noun}"))
    elif roll < 0.75:
        free = [a for a in home.areas if not any(e.area == a for e in home.of(domain))]
        if not free:
            return None
        area = rng.choice(free)
        if words(noun)[-1] in known or thing in known:
            return None
        mention = f"{noun} {inside(area)}"
    else:
        if set(words(thing)) & ALL_KINDS or any(
            alike(w, one) for w in known for one in words(thing)
        ):
            return None
        mention = thing
    topic = rng.choice(_COMMANDS[domain])
    article = rng.choice(articles(mention.split()[0])) if rng.random() < 0.8 else ""
    number, color = numeral(rng.randint(1, 100), rng), rng.choice(tuple(COLORS))
    text = _say(topic, part, rng, domain, x=f"{article} {mention}".strip(), n=number, c=color)
    return text, (), "device"


def _unclear(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    """A command without a target, or for a kind of thing of which there are several."""
    if rng.random() < 0.65:
        return _say("unclear", part, rng, n=numeral(rng.randint(1, 100), rng)), (), "unclear"
    domain, found = "light", home.of("light")
    if any({"licht", "lampe"} & set(words(e.label())) for e in home.entities) or not found:
        return None
    topic = rng.choice(("on", "off"))
    text = _say(topic, part, rng, domain, x=rng.choice(("das licht", "die lampe", "licht")))
    if len(found) > 1:
        return text, (), "unclear"
    return text, (Goal(f"HassTurn{topic.title()}", found[0]),), ""


def _other(home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
    return _say("other", part, rng, n=numeral(rng.randint(2, 99), rng)), (), "other"


def _at_home(make: Maker) -> Maker:
    """The same maker in a German home."""

    def made(home: Home, part: str, rng: random.Random, others: Sequence[str]) -> Made | None:
        home.become(german_home(part, rng))
        return make(home, part, rng, others)

    return made


_OFTEN = {
    **dict.fromkeys(("on", "off"), 1.7),
    **dict.fromkeys(("open", "close", "brightness", "color", "temperature", "state"), 0.8),
    **dict.fromkeys(("position", "volume", "pause", "lock", "unlock"), 0.5),
    **dict.fromkeys(("vacuum", "dock", *STEPS), 0.4),
}
GERMAN: dict[str, tuple[Maker, float]] = {
    **{f"{topic}_de": (_at_home(_plain(topic)), _OFTEN.get(topic, 0.25)) for topic in TOPICS},
    "wish_de": (_at_home(_wish), 1.2),
    "all_de": (_at_home(_all), 1.4),
    "scene_de": (_at_home(_scene), 0.4),
    "list_de": (_at_home(_list), 0.8),
    "timer_de": (_at_home(_timer), 0.6),
    "asked_de": (_at_home(_asked), 0.6),
    "several_de": (_at_home(_several), 1.5),
    "missing_de": (_at_home(_missing), 1.0),
    "unclear_de": (_at_home(_unclear), 0.6),
    "other_de": (_at_home(_other), 0.7),
}
"""Topic -> maker and how often, by weight."""
