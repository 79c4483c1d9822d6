"""Talks of one or several turns, from our own sentences; the last reply is what is learnt.

A name that was told is remembered some turns later, an animal is asked about by its name, and what was
said before never changes what Forge is.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data.chat_facts import FACT_REPLIES, FACT_RULE, FACT_WORDS, FACTS
from data.chat_more import MORE
from data.chat_talk import TURNS
from data.phrasing import expand
from data.story_tales import tale
from data.story_words import ANIMALS, NAMES, words
from handlers.vision_words import with_article

STORY = "story"


@dataclass(frozen=True, slots=True)
class Talk:
    """Turns so far, (said, replied), what is said last, and the right reply to it.

    ``kind`` names the last turn, ``rule`` is what any right reply to it fits; ``subjects`` are words
    that a story must have.
    """

    history: tuple[tuple[str, str], ...]
    said: str
    reply: str
    kind: str
    rule: str
    subjects: tuple[str, ...] = ()


def talk(
    part: str,
    rng: random.Random,
    *,
    stories: bool = False,
    public: Mapping[str, Sequence[str]] | None = None,
) -> Talk:
    """One talk of a part ("train" or "validation"); with ``stories`` it ends in one.

    ``public`` has more of what is said, by kind (:mod:`data.chat_public`).
    """
    before = rng.choices((0, 1, 2, 3), (5, 3, 2, 1))[0]
    history = tuple(_turn(part, rng)[:2] for _ in range(before))
    if stories:
        told = tale(part, rng)
        return Talk(history, told.request, told.story, STORY, "", told.subjects)
    if rng.random() < 0.2:
        return _remembered(part, rng, history[:2])
    said, reply, kind, rule = _turn(part, rng)
    if public and kind in public and rng.random() < 0.4:
        said = _typed(rng.choice(public[kind]), rng)
    return Talk(history, said, reply, kind, rule)


def _turn(part: str, rng: random.Random) -> tuple[str, str, str, str]:
    """One turn: what is said, the reply, its kind and rule."""
    if rng.random() < 0.2:
        slots = {name: rng.choice(_split(table)) for name, table in FACT_WORDS[part].items()}
        said = expand(_of(FACTS[part], rng), rng, **slots)
        return _typed(said, rng), rng.choice(FACT_REPLIES), "fact", FACT_RULE
    kind = rng.choice(sorted(TURNS))
    turn = TURNS[kind]
    more = MORE.get(kind, ()) if part == "train" else ()
    template = _of((*getattr(turn, part), *more), rng)
    while "{n}" in template:
        template = template.replace("{n}", str(rng.randrange(2, 100)), 1)
    return _typed(expand(template, rng), rng), rng.choice(turn.replies), kind, turn.rule


def _remembered(part: str, rng: random.Random, between: tuple[tuple[str, str], ...]) -> Talk:
    """A name that is told, perhaps asked for again after other turns."""
    he = rng.choice(("he", "she"))
    name = rng.choice(NAMES[part][he].split())
    if rng.random() < 0.5:
        told = {
            "train": (
                "my name is {x}",
                "i am {x}",
                "call me {x}",
                "hi, i'm {x}",
                "people call me {x}",
            ),
            "validation": ("the name is {x}", "{x} is what they call me"),
        }
        asked = {
            "train": ("what is my name?", "do you know my name?", "who am i?", "what am i called?"),
            "validation": ("can you remember my name?", "say my name"),
        }
        welcome = _pick(
            rng,
            f"Nice to meet you, {name}!",
            f"Hello, {name}! I am Forge.",
            f"Hello {name}, what can I do for you?",
        )
        again = _pick(rng, f"Your name is {name}.", f"You are {name}.", f"You told me: {name}.")
    else:
        animal = rng.choice(words(ANIMALS, part))
        told = {
            "train": (
                f"i have {with_article(animal)} called {{x}}",
                f"my {animal} is called {{x}}",
                f"this is my {animal} {{x}}",
                f"we have {with_article(animal)} named {{x}}",
            ),
            "validation": (f"at home i keep {with_article(animal)}, {{x}}",),
        }
        asked = {
            "train": (f"what is my {animal} called?", f"what is the name of my {animal}?"),
            "validation": (f"do you remember my {animal}'s name?",),
        }
        welcome = _pick(
            rng,
            f"{name} is a nice name for {with_article(animal)}. What is {name} like?",
            f"Say hello to {name} from me!",
            f"{name} must be a fine {animal}.",
        )
        again = _pick(rng, f"Your {animal} is called {name}.", f"It is called {name}.")
    said = _typed(_of(told[part], rng).replace("{x}", name), rng)
    if rng.random() < 0.4:
        return Talk(between, said, welcome, "name", rf"\b{name}\b")
    question = _typed(_of(asked[part], rng), rng)
    return Talk(((said, welcome), *between), question, again, "memory", rf"\b{name}\b")


def _pick(rng: random.Random, *texts: str) -> str:
    return rng.choice(texts)


def _of(templates: tuple[str, ...], rng: random.Random) -> str:
    return rng.choice(templates)


def _split(table: str) -> list[str]:
    return [" ".join(entry.split()) for entry in table.split(";")]


def _typed(text: str, rng: random.Random) -> str:
    """With a capital and a mark at the end, or one of them, or neither."""
    text = text.strip()
    if rng.random() < 0.7:
        text = text[:1].upper() + text[1:]
        text = text.replace(" i ", " I ").replace(" i'm", " I'm")
        if text.startswith("i "):
            text = f"I{text[1:]}"
    if rng.random() < 0.3:
        text = text.rstrip("?.!")
    elif text[-1] not in "?.!" and rng.random() < 0.6:
        text += "."
    return text
