"""Who and what is in a story: what the request names, the rest drawn by its seed.

The text model never reads or writes the name of a hero or a thing: it sees and writes marks, ``#1``, of
which code makes words. A thing that no training story was about is no harder than another, and names
cannot change on the way.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from handlers.vision_words import ANIMALS, PEOPLE, PLACES, singular, with_article

MARKS = {"hero": "#1", "thing": "#2", "friend": "#3", "place": "#4", "name": "#5", "other": "#6"}
"""Part -> the mark that stands for it in what the model reads and writes."""

_STORY = re.compile(r"\b(?:story|tale)\b", re.IGNORECASE)
_WANTED = re.compile(
    r"^(?:please |can |could |will |would |do |let |tell |write |read |make |invent |think |give |show |"
    r"i (?:want|need|would|wish|am)|i'd |we |it is time|it's time|surprise |start |a |an |another |one more |story\b|"
    r"bedtime |is there |how about |what about |once more |more |my |our |(?:hi|hello|hey|ok|okay|yes|now|so|then)[ ,])",
    re.IGNORECASE,
)
_NOT_WANTED = re.compile(
    r"\b(?:thank|thanks|was|were|who wrote|liked|loved|sorry|summar\w+|translate)\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:story|tale)\b.*?\b(?:about|of|with|featuring|in which|where|that has|has|starring)\s+(?P<rest>.+)",
    re.IGNORECASE | re.DOTALL,
)
_TAIL = re.compile(
    r"(?:\s*,?\s*\b(?:please|thanks|for (?:me|us|my \w+|the \w+|children|kids)|in it|appears?|meets?|now|tonight)\b)+\s*$",
    re.IGNORECASE,
)
_WHERE = re.compile(
    r"\s+(?P<where>(?:in|on|at|by|near|under|behind|inside|at the edge of) (?:the|a|an|my|our) [\w' -]+)$",
    re.IGNORECASE,
)
_CALLED = re.compile(
    r"\s+(?:called|named|whose name is)\s+(?P<name>[^\W\d_][\w'-]*)$", re.IGNORECASE
)
_DETERMINER = re.compile(
    r"^(?:the|a|an|my|our|your|his|her|some|two|three|four|five|several|little friends?)\s+",
    re.IGNORECASE,
)
_MOST_WORDS = 4
_PEOPLE_PARTS = ("hero", "friend")

NAMES = {
    "he": """Tom Ben Max Sam Leo Finn Noah Oscar Theo Hugo Felix Milo Pip Bruno Otto Emil Jack Toby Omar
        Arun Ken Juan Nils Ivan Patch Rusty""".split(),
    "she": """Mia Anna Lily Emma Nora Ida Ella Rosa Clara Zoe Ruby Hazel Poppy Alma Lotta Amira Noor Asha
        Mei Yuki Ines Freya Tilly Molly Luna Willow""".split(),
}
_HEROES = "dog cat mouse rabbit fox bear hedgehog squirrel duck frog owl hen boy girl robot dragon".split()
_THINGS = "kite ball drum boat lantern key map hat scarf balloon violin basket cake bell book star".split()
_WHERES = (
    *(
        "in the forest",
        "by the river",
        "on the hill",
        "in the garden",
        "by the pond",
        "on the farm",
    ),
    *("in the village", "near the lake", "in the valley", "by the bridge", "in the meadow"),
)
_BEINGS = frozenset(
    """prince princess king queen wizard witch giant fairy troll dragon robot ghost unicorn mermaid
    elf gnome pirate knight sailor baker farmer miller fisherman shepherd gardener painter doctor teacher
    nurse astronaut alien monster brother sister father mother grandmother grandfather uncle aunt friend
    otter beaver walrus ostrich wallaby flamingo octopus dolphin pony llama peacock dormouse
    dragonfly seagull caterpillar crocodile rhino penguin whale seal camel kangaroo koala panda
    hamster sparrow robin parrot lizard moth ant snail worm beetle toad bat mole tortoise snowman foal hare chick
    cub crab lobster shark dinosaur mammoth puppet detective thief clown""".split()
)
_SHE = frozenset(
    "girl princess queen witch woman fairy mermaid mother sister grandmother aunt hen cow mare".split()
)
_HE = frozenset("boy prince king wizard man father brother grandfather uncle rooster bull".split())


@dataclass(frozen=True, slots=True)
class Cast:
    """The words for the marks of a story, and the pronoun of each of its two people."""

    hero: str
    thing: str
    friend: str
    place: str
    name: str
    other: str
    he: str
    other_he: str

    @property
    def prompt(self) -> str:
        """What the model reads."""
        return f"story {MARKS['name']} {self.he} {MARKS['other']} {self.other_he}"

    def words(self) -> dict[str, str]:
        """Mark -> word."""
        return {mark: getattr(self, part) for part, mark in MARKS.items()}


def asks_for_a_story(said: str) -> bool:
    """Whether somebody wants to be told a story, as far as plain patterns tell."""
    text = said.strip()
    return bool(
        len(text) < 300
        and _STORY.search(text)
        and _WANTED.match(text)
        and not _NOT_WANTED.search(text)
    )


def cast_of(said: str, seed: int) -> Cast:
    """The cast of the story that a request asks for; what it leaves open hangs on the seed.

    Of the subjects, who is alive is the hero and the friend; at most three subjects have a part.
    """
    rng = random.Random(seed)  # noqa: S311 - a story's cast is no secret
    beings, things, names, place = _subjects(said)
    if not beings and len(things) > 1:
        beings = [things.pop(0)]
    if len(things) > 1 and len(beings) < 2:
        beings.append(things.pop(1))
    if len(beings) > len(_PEOPLE_PARTS) and not things:
        things.append(beings.pop())
    while len(beings) < 2:
        other = rng.choice(_HEROES)
        beings += [other] if other not in beings else []
    sexes = [_sex(being, rng) for being in beings]
    for number, name in enumerate(names[:2]):
        sexes[number] = next((he for he in NAMES if name in NAMES[he]), sexes[number])
    while len(names) < 2:
        name = rng.choice(NAMES[sexes[len(names)]])
        names += [name] if name not in names else []
    return Cast(
        beings[0],
        things[0] if things else rng.choice(_THINGS),
        beings[1],
        place or rng.choice(_WHERES),
        names[0],
        names[1],
        sexes[0],
        sexes[1],
    )


def alive(noun: str) -> bool:
    """Whether a noun is that of an animal or a person, as far as the tables go."""
    return noun in _BEINGS or noun in ANIMALS or noun in PEOPLE


class Filling:
    """Puts words for marks into a text that comes in pieces; no piece shows half a mark."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words
        self._held = ""
        # The word that was shown last, so that "ban" never ends in an article.
        self._before = ""

    def add(self, piece: str) -> str:
        """What may be shown now that a piece has come."""
        self._held += piece
        # An article waits for its noun, and a mark for its digit.
        cut = _UNSURE.search(self._held)
        ready, self._held = (
            (self._held[: cut.start()], self._held[cut.start() :]) if cut else (self._held, "")
        )
        return self._filled(ready)

    def finish(self) -> str:
        """What was held back, at the end."""
        rest, self._held = self._held, ""
        return self._filled(rest)

    def _filled(self, text: str) -> str:
        begun, text = self._before, self._before + text
        self._before = _WORD_END.findall(text)[0]
        text = _ARTICLE.sub(lambda found: self._with_article(found[1], found[2]), text)
        return _MARK.sub(lambda found: self._words.get(found[0], ""), text)[len(begun) :]

    def _with_article(self, article: str, mark: str) -> str:
        phrase = with_article(self._words.get(mark, ""))
        return phrase[0].upper() + phrase[1:] if article[0] == "A" else phrase


_MARK = re.compile(r"#\d")
_WORD_END = re.compile(r"\w*$")
_ARTICLE = re.compile(r"\b([Aa]n?) (#\d)")
_UNSURE = re.compile(r"(?:\b[Aa]n?(?: #?)?|\b[Aa]n? #|#)$")


def _subjects(said: str) -> tuple[list[str], list[str], list[str], str]:
    """Who is alive, things, names and the place of a request."""
    beings: list[str] = []
    things: list[str] = []
    names: list[str] = []
    about = _ABOUT.search(said.strip().rstrip(".?! "))
    if not about:
        return beings, things, names, ""
    rest = _TAIL.sub("", about["rest"]).strip(" .?!,")
    place = ""
    if where := _WHERE.search(rest):
        place, rest = where["where"].lower(), rest[: where.start()]
    for part in re.split(
        r"\s*,\s*(?:and\s+)?|\s+(?:and|with|who meets|meets?|that finds|who finds|who has)\s+", rest
    ):
        phrase = part.strip(" .?!,")
        if called := _CALLED.search(phrase):
            names.append(called["name"][0].upper() + called["name"][1:])
            phrase = phrase[: called.start()]
        bare = phrase
        while bare != (bare := _DETERMINER.sub("", bare)):
            pass
        if not bare or len(bare.split()) > _MOST_WORDS:
            continue
        if bare == phrase and re.fullmatch(r"[A-Z][\w'-]+", bare):
            names.append(bare)
            continue
        noun = bare if bare.isupper() else bare.lower()
        noun = singular(noun) or noun
        last = noun.rpartition(" ")[2]
        lives = bool(called) or alive(last)
        if not lives and noun in PLACES and not place:
            place = f"{PLACES[noun]} the {noun}"
        else:
            (beings if lives else things).append(noun)
    return beings, things, names, place


def _sex(being: str, rng: random.Random) -> str:
    last = being.rpartition(" ")[2]
    if last in _SHE or last in _HE:
        return "she" if last in _SHE else "he"
    return rng.choice(("he", "she"))
