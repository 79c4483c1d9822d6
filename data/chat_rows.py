"""Talks of one or several turns, from our own sentences; the last reply is what is learnt.

A name that was told is remembered some turns later, an animal is asked about by its name, and what was
said before never changes what Forge is.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from data.chat_facts import FACT_REPLIES, FACT_RULE, FACT_WORDS, FACTS
from data.chat_memory import remembered
from data.chat_more import more_phrasings
from data.chat_talk import TURNS
from data.chat_turn import Talk
from data.phrasing import expand
from data.story_tales import tale

STORY = "story"
_LOWER = 0.15
"""Share of the talks with names in which they are typed without a capital."""


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
        one = remembered(part, rng, history[:2])
        low = part == "train" and rng.random() < _LOWER
        spoken = one.said.lower() if low else one.said
        typed = tuple(
            (_typed(said.lower() if low else said, rng), replied) for said, replied in one.history
        )
        return replace(one, history=typed, said=_typed(spoken, rng))
    said, reply, kind, rule = _turn(part, rng)
    if public and kind in public and rng.random() < 0.4:
        said = _typed(rng.choice(public[kind]), rng)
    return Talk(history, said, reply, kind, rule)


def _turn(part: str, rng: random.Random) -> tuple[str, str, str, str]:
    """One turn: what is said, the reply, its kind and rule."""
    if rng.random() < 0.2:
        slots = {name: rng.choice(_split(table)) for name, table in FACT_WORDS[part].items()}
        more = more_phrasings()["fact"] if part == "train" else ()
        said = _numbered(_of((*FACTS[part], *more), rng), rng, **slots)
        return _typed(said, rng), rng.choice(FACT_REPLIES), "fact", FACT_RULE
    kind = rng.choice(sorted(TURNS))
    turn = TURNS[kind]
    more = more_phrasings().get(kind, ()) if part == "train" else ()
    template = _of((*getattr(turn, part), *more), rng)
    return _typed(_numbered(template, rng), rng), rng.choice(turn.replies), kind, turn.rule


def _numbered(template: str, rng: random.Random, **slots: str) -> str:
    while "{n}" in template:
        template = template.replace("{n}", str(rng.randrange(2, 100)), 1)
    return expand(template, rng, **slots)


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
