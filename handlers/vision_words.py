"""English nouns as a caption needs them: number, article, what is a place, a time, a state.

Rules serve any noun; the tables hold what no rule tells. A word that no table has is a thing that
can be counted.
"""

import re

NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()
"""Number words by their number."""

PEOPLE = frozenset(
    """person man woman child boy girl baby adult kid toddler teenager pedestrian cyclist
    visitor stranger courier postman farmer driver rider runner worker player""".split()
)
ANIMALS = frozenset(
    """animal dog cat bird horse cow sheep goat pig fox deer rabbit squirrel hedgehog mouse rat bear
    elephant zebra giraffe lion tiger monkey duck goose hen chicken swan owl crow pigeon fish frog
    snake turtle bee butterfly spider donkey wolf badger raccoon kitten puppy lamb calf""".split()
)
VEHICLES = frozenset(
    """car truck bus van bicycle bike motorcycle scooter train tram boat ship airplane plane
    helicopter tractor lorry taxi ambulance vehicle pram trailer""".split()
)

MASS = frozenset(
    """grass snow water rain ice sand mud smoke steam fire fog traffic furniture luggage mail food
    bread rice cheese milk coffee tea juice wine beer sugar flour butter soup hay straw wood gravel
    ivy moss hair paper glassware laundry rubbish garbage litter equipment clothing cutlery
    pasta meat honey salad popcorn broccoli pizza dough dust foam scaffolding machinery
    jewellery crockery pottery fruit wool timber firewood porridge oatmeal cereal yogurt sawdust soil
    earth clay cement concrete plaster paint ink glue soap shampoo toothpaste cotton silk leather
    metal steel plastic cardboard string tape thread seaweed algae bamboo corn barley oats
    jam mustard ketchup vinegar oil petrol spaghetti tofu bacon ham beef poultry seafood lightning
    sunlight sunshine moonlight wind mist hail frost dew lava graffiti bunting confetti tinsel camouflage underwear
    footwear stationery bedding upholstery""".split()
)
"""Nouns without a plural and without "a"."""

PLURAL_ONLY = frozenset(
    """scissors glasses sunglasses trousers jeans shorts stairs goggles pliers binoculars
    headphones pajamas pyjamas tongs leggings tweezers clippers shears leaves clothes""".split()
)
"""Nouns that are plural, whatever their number."""

PLACES: dict[str, str] = {
    **dict.fromkeys(
        """garden kitchen bathroom bedroom living_room room hall hallway garage office field forest
        park street lane yard backyard front_yard courtyard meadow basement attic nursery study
        dining_room parking_lot car_park driveway city harbour barn stable shed conservatory pantry
        laundry_room corridor workshop playground orchard vineyard greenhouse library shop
        classroom warehouse stairwell""".split(),
        "in",
    ),
    **dict.fromkeys(
        """grass beach balcony terrace patio porch lawn road path pavement sidewalk doorstep roof
        street_corner platform deck pier runway hill footpath landing veranda staircase
        dance_floor rooftop""".split(),
        "on",
    ),
    **dict.fromkeys(
        """front_door back_door side_door garden_gate bus_stop crossing station airport market lake
        sea entrance farm petrol_station harbour_wall traffic_light checkout reception
        swimming_pool roadside letterbox""".split(),
        "at",
    ),
}
PLACES = {name.replace("_", " "): word for name, word in PLACES.items()}
"""What a picture may be taken in -> the preposition before "the"."""

TIMES = {
    **{word: f"at {word}" for word in ("night", "dawn", "dusk", "noon", "midnight", "sunset")},
    **{word: f"in the {word}" for word in ("morning", "evening", "afternoon", "dark")},
    **{word: f"in {word}" for word in ("spring", "summer", "autumn", "winter", "daylight")},
    "day": "by day",
    "daytime": "by day",
    "nighttime": "at night",
    "sunrise": "at sunrise",
}
WEATHER = {
    word: f"in the {word}"
    for word in "rain snow fog mist wind sun sunshine moonlight storm".split()
}

DOING = frozenset(
    """sleeping sitting standing running walking lying moving barking eating waiting smiling playing
    swimming flying hungry tired young""".split()
)
"""States that only who is alive can be in."""

STATES = DOING | frozenset(
    """open closed empty full dark bright wet dry dirty clean broken new old parked locked
    unlocked big small large little lit tall burning red green blue yellow
    black white brown grey gray pink purple wooden blooming steaming
    overturned folded unattended abandoned frozen snowy muddy rusty striped spotted smashed""".split()
)
"""Tags that tell how the thing is that was named before."""

_SAME = frozenset(
    """sheep deer fish moose bison aircraft series swine salmon trout squid shrimp spacecraft
    hovercraft""".split()
)
_IRREGULAR = {
    **dict(
        pair.split("/")
        for pair in """person/people man/men woman/women child/children mouse/mice goose/geese
        foot/feet tooth/teeth ox/oxen louse/lice cactus/cacti fungus/fungi passer-by/passers-by
        die/dice scarf/scarves dwarf/dwarfs axe/axes quiz/quizzes gas/gases bus/buses crisis/crises
        oasis/oases canvas/canvases taxi/taxis cookie/cookies movie/movies pie/pies tie/ties
        zombie/zombies brownie/brownies calf/calves""".split()
    ),
    **{f"{word}f": f"{word}ves" for word in "lea loa shel hal cal wol thie".split()},
    **{f"{word}fe": f"{word}ves" for word in "kni li wi".split()},
    **{f"{word}o": f"{word}oes" for word in "potat tomat ech her torped mosquit volcan".split()},
    **{word: word for word in _SAME},
}
_PLURALS = {many: one for one, many in _IRREGULAR.items() if many != one}
# Singulars that end in s without being in -ss, -us or -is.
_SINGULAR_S = frozenset("gas canvas lens atlas iris christmas mattress compass pampas bias".split())
_ES_OF_S = frozenset(f"{one}es" for one in _SINGULAR_S)
_COMPOUND = re.compile(r"(?P<head>\w[\w-]*)(?P<rest> (?:of|with|in|for) .+)")
_SPOKEN_Y = re.compile(
    r"(?:uni(?!n)|use|usu|uti|uk(?:ul|e)|ur(?:in|an)|eu|ewe|one|once|u-)", re.IGNORECASE
)
_SILENT_H = re.compile(r"(?:hour|honest|hono|heir)", re.IGNORECASE)
_LETTERS = re.compile(r"[AEFHILMNORSX](?:[A-Z0-9-]|$)")


def plural(noun: str) -> str:
    """The plural of a singular noun: of its last word, or of what stands before "of".

    >>> plural("bunch of grapes"), plural("police box"), plural("person")
    ('bunches of grapes', 'police boxes', 'people')
    """
    if compound := _COMPOUND.fullmatch(noun):
        return plural(compound["head"]) + compound["rest"]
    head, space, last = noun.rpartition(" ")
    return f"{head}{space}{_plural_word(last)}"


def singular(noun: str) -> str | None:
    """The singular of a noun in the plural; None if it is no plural, as far as can be told."""
    if compound := _COMPOUND.fullmatch(noun):
        # Glasses of water are no spectacles.
        one = "glass" if compound["head"] == "glasses" else singular(compound["head"])
        return None if one is None else one + compound["rest"]
    head, space, last = noun.rpartition(" ")
    one = _singular_word(last)
    return None if one is None else f"{head}{space}{one}"


def is_mass(noun: str) -> bool:
    """Whether a noun takes neither "a" nor a number."""
    return _headword(noun) in MASS


def is_plural_only(noun: str) -> bool:
    """Whether a noun has no singular."""
    return _headword(noun) in PLURAL_ONLY


def kind(noun: str) -> str:
    """person, animal, vehicle or thing, by the last word."""
    word = _headword(noun)
    for name, words in (("person", PEOPLE), ("animal", ANIMALS), ("vehicle", VEHICLES)):
        if word in words:
            return name
    return "thing"


def with_article(phrase: str) -> str:
    """A phrase after "a" or "an", by how its first word is spoken."""
    spoken_vowel = phrase[:1].lower() in "aeiou" and not _SPOKEN_Y.match(phrase)
    if _LETTERS.match(phrase) or _SILENT_H.match(phrase):
        spoken_vowel = True
    elif re.match(r"U[A-Z]|[uU]\b", phrase):
        spoken_vowel = False
    elif re.match(r"(?:8|11\b|18\b|x-)", phrase, re.IGNORECASE):
        spoken_vowel = True
    return f"{'an' if spoken_vowel else 'a'} {phrase}"


def count_of(word: str) -> int | None:
    """What number a word is: "3", "three"; None if it is none, or "a"."""
    if word.isdigit():
        return int(word)
    return NUMBERS.index(word) if word in NUMBERS else None


def _headword(noun: str) -> str:
    compound = _COMPOUND.fullmatch(noun)
    return (compound["head"] if compound else noun).rpartition(" ")[2].lower()


def _plural_word(word: str) -> str:
    low = word.lower()
    if low in _IRREGULAR:
        return _IRREGULAR[low]
    if low in PLURAL_ONLY or low in MASS:
        return word
    for end in ("man", "woman", "child", "mouse", "goose", "foot", "tooth", "fish", "sheep"):
        if low.endswith(end) and low != end and low not in _MEN_NOT:
            return word[: -len(end)] + _IRREGULAR[end]
    for end in ("shelf", "knife", "leaf", "loaf", "wolf", "wife", "craft"):
        if low.endswith(end):
            return word[: -len(end)] + _IRREGULAR.get(end, end)
    if word.isupper() and len(word) > 1:
        return f"{word}s"
    if re.fullmatch(r"[^aeiou]*[aeiou]z", low):
        return f"{word}zes"
    if re.search(r"(?:s|x|z|ch|sh)$", low):
        return f"{word}es"
    if re.search(r"[^aeiou]y$", low):
        return f"{word[:-1]}ies"
    return f"{word}s"


_MEN_NOT = frozenset(("human", "german", "roman", "talisman", "shaman", "caiman"))


def _singular_word(word: str) -> str | None:
    low = word.lower()
    if low in _PLURALS:
        return _PLURALS[low]
    if low in PLURAL_ONLY or low in MASS or low in _IRREGULAR or low in _SINGULAR_S:
        return None
    if low in _ES_OF_S:
        return word[:-2]
    if low.endswith("men") and len(low) > len("omen"):
        return f"{word[:-3]}man"
    if low.endswith("children"):
        return word[:-3]
    if word[:-1].isupper() and low.endswith("s"):
        return word[:-1]
    if not low.endswith("s") or low.endswith(("ss", "us", "is")) or len(low) < 4:
        return None
    return _without_s(word)


def _without_s(word: str) -> str | None:
    """The singular of a word that ends in s as plurals do; None if no noun has such a plural."""
    low = word.lower()
    for many, single in (("ves", "f"), ("ves", "fe"), ("ies", "y")):
        if low.endswith(many) and _plural_word(word[: -len(many)] + single) == word:
            return word[: -len(many)] + single
    if re.search(r"[^aeof]uses$|zzes$", low):
        return word[: -3 if low.endswith("zzes") else -2]
    for one in (word[:-1], word[:-2]):
        if _plural_word(one) == word and not (one == word[:-1] and _takes_es(one)):
            return one
    return None


def _takes_es(one: str) -> bool:
    """Whether what is left without the s is no word by itself: "boxe", "dishe"."""
    return bool(re.search(r"(?:ch|sh|x|ss|zz)e$", one)) and one != "axe"
