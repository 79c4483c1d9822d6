"""Words as they are said: numbers in digits, stems, and what sounds or looks alike."""

import re
from difflib import SequenceMatcher
from functools import lru_cache


def words(text: str) -> tuple[str, ...]:
    """Lower-case stems of a text's words: no possessive, no plural s."""
    return tuple(_stem(word) for word in _WORD.findall(text.lower()))


def plain_words(sentence: str) -> list[str]:
    """A sentence's words as they stand, without the punctuation around them."""
    return [bare for word in sentence.split() if (bare := word.strip(",.;:!?\"'"))]


def normalise(text: str) -> str:
    """One line, lower case, number words as digits, without outer punctuation."""
    flat = " ".join(text.lower().replace("%", " percent ").split())
    flat = _BELOW_ZERO.sub("-", _HYPHEN.sub(" ", flat))
    out: list[str] = []
    tens = 0
    for token in flat.split():
        bare = token.strip(",.!?;:\"'")
        if tens and bare in _UNITS and 0 < _UNITS[bare] < 10:
            out[-1] = str(tens + _UNITS[bare])
            tens = 0
            continue
        tens = _TENS.get(bare, 0)
        value = tens or _UNITS.get(bare)
        if value is None or (bare == "one" and out and out[-1] in _BEFORE_PRONOUN):
            out.append(token)
        else:
            out.append(token.replace(bare, str(value)))
    return " ".join(out).strip(" .!?,;:\"'")


def numbers(sentence: str) -> list[str]:
    """Every number that the sentence says, in digits or in words."""
    found = _NUMBER.findall(sentence)
    for word in plain_words(sentence):
        if word in _LEVELS:
            found.append(_LEVELS[word])
    found += [_PART[part] for part in _DURATION.findall(sentence)]
    return list(dict.fromkeys(found))


@lru_cache(maxsize=65536)
def alike(one: str, other: str) -> float:
    """1 for the same stem, 0.5 to 0.9 for a likely slip of the keyboard or ear, else 0."""
    if one == other:
        return 1.0
    if min(len(one), len(other)) < 4 or abs(len(one) - len(other)) > 2:
        return 0.0
    if one[0] != other[0] and one[-1] != other[-1]:
        return 0.0
    ratio = SequenceMatcher(None, one, other).ratio()
    return ratio * 0.9 if ratio >= 0.76 else 0.0


_WORD = re.compile(r"[^\W_]+(?:'s\b)?", re.UNICODE)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=\w)")
_BELOW_ZERO = re.compile(r"(?<!\d )\bminus (?=\d)")
_UNITS = {
    name: value
    for value, name in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {"hundred": 100}
_TENS = {
    name: 10 * value
    for value, name in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_BEFORE_PRONOUN = ("this", "that", "the", "which", "every", "each", "last", "first", "no")
_LEVELS = {
    **dict.fromkeys(("max", "maximum", "full", "fully", "highest", "brightest"), "100"),
    **dict.fromkeys(("min", "minimum", "lowest", "dimmest"), "1"),
    "half": "50",
    "halfway": "50",
    "quarter": "25",
}
_PART = {"half an": "30", "half a": "30", "quarter of an": "15", "an": "1", "a": "1"}
_DURATION = re.compile(r"\b(half an?|quarter of an|an?) (?:hour|minute|second)\b")


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    bare = word.removesuffix("'s")
    if len(bare) > 4 and bare.endswith("ies"):
        return f"{bare[:-3]}y"
    if len(bare) > 4 and bare.endswith(("ches", "shes", "sses", "xes")):
        return bare[:-2]
    if len(bare) > 3 and bare.endswith("s") and not bare.endswith("ss"):
        return bare[:-1]
    return bare
