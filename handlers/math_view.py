"""What the math model sees of a word problem: numbers, names and things as letters.

    Lena had 26 ripe plums and gave away 9. How many plums did Lena have left?

becomes

    how many c did P have left?| P had A b c and gave away B.| B < A

The question stands first, so that the story is read with it in mind; of the numbers only their order
of size is told. Words of :mod:`handlers.math_lexicon` stay as they are.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from handlers.home_speech import stem_of
from handlers.math_lexicon import ALWAYS, CONSTANTS, KEPT
from handlers.math_numbers import Token, tokens

NUMBER_LETTERS = "ABCDEFGHJKLM"
NAME_LETTERS = "PQRSTUVWXYZ"
THING_LETTERS = "bcdefghjklmnopqruvwxyz"
_LEAST_WORDS = 3


class Unreadable(ValueError):
    """The text is no problem that can be put to the model; the text of this error says why."""


@dataclass(frozen=True, slots=True)
class View:
    """A problem as the model reads it.

    Attributes:
        prompt: what it reads.
        numbers: letter -> value.
        shown: letter -> the number as it stands in the text.
        constants: whole numbers that the expression may use besides.
    """

    prompt: str
    numbers: dict[str, Fraction]
    shown: dict[str, str]
    constants: tuple[int, ...]


def view(text: str, *, digits: bool = False) -> View:
    """A problem as the model reads it.

    Args:
        text: the problem.
        digits: leave the numbers as they are; for measuring what the letters are worth.

    Raises:
        Unreadable: no number in it, or too many, or too long a one.
    """
    found = _read(text)
    numbers = [one for one in found if one.value is not None]
    if not numbers:
        raise Unreadable("the text has no number to reckon with")
    if len(numbers) > len(NUMBER_LETTERS):
        raise Unreadable(f"the text has more than {len(NUMBER_LETTERS)} numbers")
    if sum(one.value is None and one.text[0].isalpha() for one in found) < _LEAST_WORDS:
        raise Unreadable("the text has too few words to tell what its numbers mean")
    letters = dict(zip(NUMBER_LETTERS, numbers, strict=False))
    words = _lettered(found, digits=digits)
    asked, told = question(words)
    values = {letter: one.value for letter, one in letters.items() if one.value is not None}
    prompt = _CLOSE.sub(r"\1", f"{' '.join(asked)} | {' '.join(told)} | {_order(values)}")
    said = {one.text.lower() for one in found}
    constants = dict.fromkeys([*ALWAYS, *(n for word in said for n in CONSTANTS.get(word, ()))])
    shown = {letter: one.text for letter, one in letters.items()}
    return View(prompt, values, shown, tuple(sorted(constants)))


def lettered(text: str) -> list[str]:
    """The words of a text in their order, with letters for names, things and numbers.

    Raises:
        Unreadable: a number in it is too long.
    """
    return _lettered(_read(text), digits=False)


def question(words: list[str]) -> tuple[list[str], list[str]]:
    """The last sentence that asks, from its asking word on, and all the rest."""
    ends = [at + 1 for at, word in enumerate(words) if word in _ENDS]
    bounds = list(dict.fromkeys([0, *ends, len(words)]))
    sentences = list(pairwise(bounds))
    asking = [one for one in sentences if words[one[1] - 1] == "?"]
    asking = asking or [one for one in sentences if set(words[slice(*one)]) & set(_ASKING)]
    start, end = (asking or sentences)[-1]
    starts = [at for at in range(start, end - 2) if words[at] in _ASKING]
    start = starts[-1] if starts else start
    return words[start:end], words[:start] + words[end:]


def _read(text: str) -> list[Token]:
    try:
        return tokens(re.sub(r"\s*\bn't\b", "n't", text))
    except ValueError as fault:
        raise Unreadable(str(fault)) from fault


def _lettered(found: list[Token], *, digits: bool) -> list[str]:
    """The words of the prompt's middle part."""
    lower = {stem_of(one.text) for one in found if one.text.islower()}
    people: dict[str, str] = {}
    things: dict[str, str] = {}
    free = iter((*NUMBER_LETTERS, *["N"] * sum(one.value is not None for one in found)))
    out: list[str] = []
    named = False
    for at, one in enumerate(found):
        if one.value is not None:
            letter = next(free)
            out.append(one.text if digits else letter)
            named = False
            continue
        word = one.text.lower()
        if word in KEPT or word == "'s" or not word[0].isalpha():
            if not (word == "." and out and out[-1] in _TITLES):
                out.append(word)
            named = False
            continue
        bare, owns = (word[:-2], ["'s"]) if word.endswith("'s") else (word, [])
        stem = stem_of(bare)
        if one.text[0].isupper() and stem not in lower and not one.text.isupper():
            before = people.get(stem)
            if before is None and named and found[at - 1].text[0].isupper():
                people[stem] = out[-1]
                out += owns
                continue
            letter = before or _next(NAME_LETTERS, people, bare)
            people[stem] = letter
            if not (named and out[-1] == letter):
                out.append(letter)
            out += owns
            named = not owns
            continue
        named = False
        letter = (
            bare if bare in KEPT else things.setdefault(stem, _next(THING_LETTERS, things, bare))
        )
        out += [letter, *owns]
    return out


_TITLES = ("mr", "mrs", "ms", "dr")
_ENDS = (".", "?", "!")
_CLOSE = re.compile(r" ([.,?!|:;)])")
_ASKING = ("how", "what", "which", "find", "calculate", "determine", "who")


def _next(letters: str, taken: dict[str, str], word: str) -> str:
    used = set(taken.values())
    return next((letter for letter in letters if letter not in used), word)


def _order(values: dict[str, Fraction]) -> str:
    """The letters from the smallest to the largest number."""
    ranked = sorted(values, key=lambda letter: (values[letter], letter))
    out = ranked[:1]
    for before, letter in pairwise(ranked):
        out += ["=" if values[before] == values[letter] else "<", letter]
    return " ".join(out)
