"""Names that mean the same: "the fridge" is the "Refrigerator" of a home that has no other fridge.

What is called so in full always comes first; another word for it only where that leaves no doubt.
"""

from collections.abc import Iterator
from functools import lru_cache

from handlers.home_speech import words

Stems = tuple[str, ...]

_THINGS = (
    "air conditioner/air conditioning/aircon/ac",
    "bedside lamp/bedside light/nightstand lamp/nightstand light/bedside table lamp",
    "lamp/light",
    "coffee machine/coffee maker",
    "cooker/stove",
    "curtain/drape",
    "dishwasher/dish washer",
    "dryer/tumble dryer/drying machine",
    "extractor fan/exhaust fan/extractor hood",
    "floor lamp/standing lamp/floor light/standard lamp",
    "freezer/deep freezer",
    "fridge/refrigerator",
    "front door/entrance door/main door/entry door",
    "garage door/garage gate",
    "heater/radiator",
    "heat blanket/electric blanket/heated blanket",
    "hi-fi/stereo/sound system/music system",
    "hot tub/jacuzzi/whirlpool",
    "humidifier/air humidifier",
    "lawn mower/mower/robot mower/lawnmower",
    "night lamp/night light",
    "outlet/plug/socket/power outlet",
    "pc/computer",
    "projector/beamer",
    "reading lamp/reading light",
    "roller blind/roller shade/blind/shade",
    "sprinkler/irrigation/sprinkler system/irrigation system/watering system",
    "string light/fairy light",
    "telly/television/tv/tv set",
    "tub/bath tub/bathtub",
    "vacuum/vacuum cleaner/hoover/robot vacuum/robot cleaner",
    "washer/washing machine",
    "water boiler/boiler/water heater",
)
_PLACES = (
    "attic/loft",
    "back garden/back yard/backyard/rear garden",
    "basement/cellar",
    "bathroom/washroom/restroom",
    "child room/kid room/children room",
    "conservatory/sunroom/sun room",
    "corridor/hall/hallway",
    "dining area/dining room",
    "drive/driveway",
    "entrance/entry/entryway/foyer",
    "front garden/front yard",
    "garden/yard",
    "guest bedroom/guest room/spare bedroom/spare room",
    "home office/office/study",
    "laundry/laundry room/utility room",
    "living room/lounge/sitting room/livingroom",
    "loo/toilet/wc",
    "main bedroom/master bedroom/primary bedroom",
    "main bathroom/master bathroom",
    "media room/tv room",
    "patio/terrace",
    "porch/veranda",
    "stair/staircase/stairway/stairwell",
)


@lru_cache
def _others() -> dict[str, tuple[tuple[Stems, Stems], ...]]:
    """First stem of a name -> the names that begin so, each with one other name for it."""
    found: dict[str, list[tuple[Stems, Stems]]] = {}
    for group in (*_THINGS, *_PLACES):
        names = [words(name) for name in group.split("/")]
        for name in names:
            found.setdefault(name[0], []).extend((name, other) for other in names if other != name)
    return {first: tuple(pairs) for first, pairs in found.items()}


def other_names(stems: Stems) -> Iterator[Stems]:
    """A name with one part of it called otherwise: "desk light" for "desk lamp"."""
    others = _others()
    for at, stem in enumerate(stems):
        for name, other in others.get(stem, ()):
            if stems[at : at + len(name)] == name:
                yield (*stems[:at], *other, *stems[at + len(name) :])
