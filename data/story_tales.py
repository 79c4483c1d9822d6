"""Short stories that hang together, and the requests that they answer."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from data.phrasing import expand
from data.story_plots import OPENINGS, PLOTS
from data.story_words import ADJECTIVES, ADULTS, ANIMALS, CHILDREN, NAMES, PLACES, THINGS, words
from data.vision_scenes import nouns
from handlers.story_cast import MARKS, Cast, Filling
from handlers.vision_words import with_article

REQUESTS: Mapping[str, tuple[str, ...]] = {
    "train": (
        "[please] tell me a [short|little] story about {x} [please]",
        "tell [me|us] a [bedtime|nice|short] story about {x}",
        "(can|could|will) you tell me a [little] story about {x}?",
        "write a [short|little] story about {x}",
        "write me a [children's|short] story about {x} [please]",
        "[please] make up a story about {x}",
        "a [short|bedtime] story about {x} [please]",
        "i (want|would like) [to hear] a story about {x}",
        "do you know a story about {x}?",
        "story about {x}",
        "tell my (son|daughter|children) a story about {x}",
        "invent a [short] tale about {x}",
        "i need a [bedtime|good night] story with {x} in it",
    ),
    "validation": (
        "let me hear a tale of {x}",
        "could there be a story in which {x} appear?",
        "we are in bed now, so it is time for a story about {x}",
        "surprise me with a small story about {x}",
        "please think of a story that has {x} in it",
    ),
}
UNNAMED: Mapping[str, tuple[str, ...]] = {
    "train": (
        "[please] tell me a [short|bedtime|nice|little] story [please]",
        "(can|could) you tell [me|us] a story?",
        "[another|one more] story[, please]",
        "i want to hear a story",
        "write a [short] story",
        "tell me another story",
    ),
    "validation": ("let us hear a tale", "it is time for a bedtime story, isn't it?"),
}


@dataclass(frozen=True, slots=True)
class Tale:
    """A story, a request that it answers, and what of the request it must name.

    ``marked`` is the story with marks for its cast, and ``prompt`` what the model reads for it
    (:mod:`handlers.story_cast`).
    """

    request: str
    story: str
    subjects: tuple[str, ...]
    plot: str
    marked: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody in a story: a name, what they are, and their pronouns."""

    name: str
    kind: str
    adjective: str
    he: str

    def slots(self, prefix: str) -> dict[str, str]:
        """Pronouns and phrases under the names that plots use."""
        him, his = {"he": ("him", "his"), "she": ("her", "her")}[self.he]
        found = {
            f"{prefix}kind": self.kind,
            f"a{prefix}kind": with_article(f"{self.adjective} {self.kind}".strip()),
            f"{prefix}he": self.he,
            f"{prefix}him": him,
            f"{prefix}his": his,
            f"{prefix}himself": f"{him}self",
        }
        return found | {_capital(key): _capital(value) for key, value in found.items()}


def tale(part: str, rng: random.Random) -> Tale:
    """One story of a part ("train" or "validation") with its request."""
    hero, friend = _who(part, rng), _who(part, rng)
    while friend.name == hero.name or friend.kind == hero.kind:
        friend = _who(part, rng)
    thing, place = _thing(part, rng), rng.choice(words(PLACES, part))
    subjects, asked = _asked(hero, friend, thing, place, rng)
    plot = rng.choice(sorted(PLOTS))
    chosen = [rng.choice(beat) for beat in (OPENINGS, *PLOTS[plot])]
    cast = Cast(
        *(hero.kind, thing, friend.kind, place, hero.name, friend.name),
        *(hero.he, friend.he),
    )
    marked = _told(chosen, replace(hero, **_MARKED_HERO), replace(friend, **_MARKED_FRIEND))
    story = Filling(cast.words())
    whole = story.add(marked) + story.finish()
    templates = (REQUESTS if subjects else UNNAMED)[part]
    request = _typed(expand(rng.choice(templates), rng, x=asked), rng)
    return Tale(request, whole, subjects, plot, marked, cast.prompt)


_MARKED_HERO = {"name": MARKS["name"], "kind": MARKS["hero"]}
_MARKED_FRIEND = {"name": MARKS["other"], "kind": MARKS["friend"]}


def _told(chosen: list[str], hero: "Who", friend: "Who") -> str:
    """Sentences with marks for the cast."""
    a_thing = with_article(MARKS["thing"])
    slots = {
        "Name": hero.name,
        "Friend": friend.name,
        "thing": MARKS["thing"],
        "athing": a_thing,
        "Athing": _capital(a_thing),
        "place": MARKS["place"],
        **hero.slots(""),
        **friend.slots("f"),
    }
    return " ".join(sentence.format(**slots) for sentence in chosen)


def _who(part: str, rng: random.Random) -> Who:
    he = rng.choice(("he", "she"))
    name = rng.choice(NAMES[part][he].split())
    group = rng.choices(("animal", "child", "adult"), (6, 3, 1))[0]
    kinds = {
        "animal": words(ANIMALS, part),
        "child": CHILDREN[he],
        "adult": ADULTS[he],
    }[group]
    kind = rng.choice(list(kinds))
    adjective = rng.choice(ADJECTIVES) if " " not in kind and rng.random() < 0.5 else ""
    return Who(name, kind, adjective, he)


def _thing(part: str, rng: random.Random) -> str:
    if rng.random() < 0.5:
        return rng.choice(words(THINGS, part))
    while True:
        noun = rng.choice(nouns(part))
        known = part != "train" and noun.name in (*ANIMALS["train"], *THINGS["train"])
        if noun.one and noun.name.islower() and len(noun.name.split()) < 3 and not known:
            return noun.name


def _asked(
    hero: Who, friend: Who, thing: str, place: str, rng: random.Random
) -> tuple[tuple[str, ...], str]:
    """Words that the story must have, and the phrase that asks for them."""
    a_hero, a_thing, a_friend = map(with_article, (hero.kind, thing, friend.kind))
    called = rng.choice((f"{a_hero} called {hero.name}", f"{a_hero} named {hero.name}"))
    forms: list[tuple[float, tuple[str, ...], str]] = [
        (5, (hero.kind, thing), f"{a_hero} and {a_thing}"),
        (2, (thing, hero.kind), f"{a_thing} and {a_hero}"),
        (2, (hero.kind,), a_hero),
        (2, (thing,), a_thing),
        (3, (hero.kind, friend.kind), f"{a_hero} and {a_friend}"),
        (2, (hero.kind, friend.kind, thing), f"{a_hero}, {a_friend} and {a_thing}"),
        (1, (hero.kind, place), f"{a_hero} {place}"),
        (1, (hero.kind, thing, place), f"{a_hero} and {a_thing} {place}"),
        (2, (hero.name, thing), f"{hero.name} and {a_thing}"),
        (2, (hero.name, hero.kind), called),
        (1, (hero.name, hero.kind, thing), f"{called} and {a_thing}"),
        (1, (hero.name, friend.name), f"{hero.name} and {friend.name}"),
        (2, (), ""),
    ]
    _, subjects, phrase = rng.choices(forms, [weight for weight, _, _ in forms])[0]
    return subjects, phrase


def _typed(text: str, rng: random.Random) -> str:
    """As people type it: mostly with a capital and a mark at the end."""
    if rng.random() < 0.7:
        text = _capital(text)
        text += "" if text[-1] in ".?!" else "."
    return text.replace(" i ", " I ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
