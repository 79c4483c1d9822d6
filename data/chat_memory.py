"""Names that are told in a talk, of people and of animals, and asked for again."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from data.chat_more import more_phrasings
from data.chat_turn import Talk
from data.phrasing import expand
from data.story_words import ANIMALS, NAMES, words
from handlers.vision_words import with_article

UNSEEN = {
    "name_told": ("the name is {x}", "{x} is what they call me"),
    "name_asked": ("can you remember my name?", "say my name"),
    "pet_told": ("at home i keep {ak}, {x}",),
    "pet_asked": ("do you remember my {k}'s name?",),
}
"""Part of a talk -> its phrasings of validation; those of training are in `data/seeds/talk/memory.txt`."""

_WELCOME = {
    "name": (
        "Nice to meet you, {x}!",
        "Hello, {x}! I am Forge.",
        "Hello {x}, what can I do for you?",
    ),
    "pet": (
        "{x} is a nice name for {ak}. What is {x} like?",
        "Say hello to {x} from me!",
        "{x} must be a fine {k}.",
    ),
}
_AGAIN = {
    "name": ("Your name is {x}.", "You are {x}.", "You told me: {x}."),
    "pet": ("Your {k} is called {x}.", "It is called {x}."),
}
_UNTOLD = {
    "name": (
        "You have not told me your name yet.",
        "I do not know your name. What is it?",
    ),
    "pet": (
        "You have not told me the name of your {k}.",
        "I do not know what your {k} is called. Tell me!",
    ),
}
_UNTOLD_RULE = r"\b(not told me|do not know)\b"


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody with a name: the user ("name") or an animal of theirs ("pet")."""

    kind: str
    name: str
    animal: str

    def say(self, templates: Iterable[str], rng: random.Random) -> str:
        """One of the templates, with its words."""
        slots = {"x": self.name, "k": self.animal, "ak": with_article(self.animal)}
        return expand(rng.choice(tuple(templates)), rng, **slots)


def remembered(part: str, rng: random.Random, between: tuple[tuple[str, str], ...]) -> Talk:
    """A name that is told, perhaps asked for again after other turns.

    In training some also tell two names, or ask for one that they never told.
    """
    who = _somebody(part, rng, rng.choice(("name", "pet")))
    told, asked = (_phrasings(part, f"{who.kind}_{what}") for what in ("told", "asked"))
    said, welcome = who.say(told, rng), who.say(_WELCOME[who.kind], rng)
    rule = rf"\b{who.name}\b"
    roll = rng.random()
    if roll < 0.4:
        return Talk(between, said, welcome, "name", rule)
    question, again = who.say(asked, rng), who.say(_AGAIN[who.kind], rng)
    history = ((said, welcome), *between)
    if part == "train" and roll < 0.55:
        other = _somebody(part, rng, "pet" if who.kind == "name" else "name")
        too = (
            other.say(_phrasings(part, f"{other.kind}_told"), rng),
            other.say(_WELCOME[other.kind], rng),
        )
        history = (*history, too) if roll < 0.48 else (too, *history)
        if roll > 0.53:
            return Talk(
                (too, *between),
                question,
                who.say(_UNTOLD[who.kind], rng),
                "untold",
                _UNTOLD_RULE,
            )
    elif part == "train" and roll < 0.63:
        reply = who.say(_UNTOLD[who.kind], rng)
        return Talk(between, question, reply, "untold", _UNTOLD_RULE)
    return Talk(history, question, again, "memory", rule)


def _somebody(part: str, rng: random.Random, kind: str) -> Named:
    he = rng.choice(("he", "she"))
    return Named(kind, rng.choice(NAMES[part][he].split()), rng.choice(words(ANIMALS, part)))


def _phrasings(part: str, key: str) -> tuple[str, ...]:
    return more_phrasings()[key] if part == "train" else UNSEEN[key]
