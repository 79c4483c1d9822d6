"""Small changes that leave a sentence's intent alone, mostly; a teacher says where they do not."""

import random
from collections.abc import Iterator, Sequence

from data.phrasing import noisy

Row = tuple[str, str]

_BEFORE = """please;can you;could you;hey;hi;ok;so;i want to know;i need to know;tell me;do you know;
    can you tell me;could you tell me;i'd like to know;i was wondering;help me out,;let me know;
    would you please;hey there,;excuse me,;quick question,;i am curious;find out;i need you to;
    would you mind telling me;just wondering,;um,;well,;listen,;alright,;yo;ai,;assistant,"""
_AFTER = """please;thanks;thank you;right now;for me;now;today;if you can;asap;real quick;
    if you don't mind;if possible;would you;ok;already;again;by the way;when you get a chance"""
_LEFT_OUT = frozenset("a an the my your of to is are do does me i in on for it that this".split())


def changed(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Each row with its sentence changed in one or two ways.

    Words left out, turned round, spelt wrongly, said before or after; the halves of two sentences
    of one intent joined; a word of another sentence of that intent put in.
    """
    by_label: dict[str, list[str]] = {}
    for text, label in rows:
        by_label.setdefault(label, []).append(text)
    before, after = (
        [" ".join(said.split()) for said in many.split(";")] for many in (_BEFORE, _AFTER)
    )
    for text, label in rows:
        words = text.split()
        for _ in range(rng.choice((1, 1, 2))):
            words = _changed(words, rng.choice(by_label[label]).split(), rng, before, after)
        yield " ".join(words), label


def crossed(rows: Sequence[Row], count: int, rng: random.Random) -> list[str]:
    """Sentences put together out of several, whatever their intents: only a teacher can label them.

    The beginning of one and the end of another, a sentence with words of others put in, or a few
    pairs of neighbouring words. They show how the teacher weighs words against one another.
    """
    made: dict[str, None] = {}
    texts = [text.split() for text, _ in rows]
    while len(made) < count:
        first, second, third = (rng.choice(texts) for _ in range(3))
        match rng.randrange(3):
            case 0:
                words = first[: rng.randint(1, len(first))] + second[rng.randrange(len(second)) :]
            case 1:
                words = list(first)
                for other in (second, third):
                    words[rng.randrange(len(words))] = rng.choice(other)
            case _:
                starts = [(some, rng.randrange(len(some))) for some in (first, second, third)]
                words = [word for some, at in starts for word in some[at : at + 2]]
        made[" ".join(words)] = None
    return list(made)


def _changed(
    words: list[str],
    sibling: list[str],
    rng: random.Random,
    before: Sequence[str],
    after: Sequence[str],
) -> list[str]:
    match rng.randrange(9):
        case 0 if len(words) > 3:
            place = rng.randrange(len(words))
            return words[:place] + words[place + 1 :]
        case 1 if len(words) > 3:
            kept = [word for word in words if word not in _LEFT_OUT or rng.random() < 0.5]
            return kept or words
        case 2 if len(words) > 2:
            place = rng.randrange(len(words) - 1)
            swapped = [words[place + 1], words[place]]
            return words[:place] + swapped + words[place + 2 :]
        case 3:
            return noisy(" ".join(words), rng, 1.0).split() or words
        case 4:
            return rng.choice(before).split() + words
        case 5:
            return words + rng.choice(after).split()
        case 6 | 7 if len(words) > 3 and len(sibling) > 3:
            cut = round(len(words) * rng.uniform(0.3, 0.7))
            other = round(len(sibling) * rng.uniform(0.3, 0.7))
            return words[:cut] + sibling[other:]
        case _ if sibling:
            place = rng.randrange(len(words))
            return [*words[:place], rng.choice(sibling), *words[place + 1 :]]
    return words
