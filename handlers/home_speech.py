"""Words as they are said: numbers in digits, stems, and what sounds or looks alike."""

import re
from difflib import SequenceMatcher
from functools import lru_cache


def words(text: str) -> tuple[str, ...]:
    """Lower-case stems of a text's words: no possessive, no plural s."""
    return tuple(stem_of(word) for word in _WORD.findall(text.lower()))


def plain_words(sentence: str) -> list[str]:
    """A sentence's words as they stand, without the punctuation around them."""
    return [bare for word in sentence.split() if (bare := word.strip(",.;:!?\"'"))]


def normalise(text: str) -> str:
    """One line, lower case, number words as digits, without outer punctuation."""
    flat = " ".join(text.lower().replace("%", " percent ").replace("°", " degrees ").split())
    flat = _ELEVEN.sub("11", _UNIT.sub(" ", flat))
    flat = _BELOW_ZERO.sub("-", _HYPHEN.sub(" ", flat))
    out: list[str] = []
    tens = 0
    tokens = flat.split()
    for token, follower in zip(tokens, (*tokens[1:], ""), strict=False):
        bare = token.strip(",.!?;:\"'")
        if tens and bare in _UNITS and 0 < _UNITS[bare] < 10:
            out[-1] = str(tens + _UNITS[bare])
            tens = 0
            continue
        tens = _TENS.get(bare, 0)
        value = tens or _NUMBER_WORDS.get(bare)
        if value is None or (
            bare == "one" and (follower in _AFTER_PRONOUN or (out and out[-1] in _BEFORE_PRONOUN))
        ):
            out.append(token)
        else:
            out.append(token.replace(bare, str(value)))
    spoken = " ".join(out).strip(" .!?,;:\"'")
    for pattern, meant in _NUMBERS_IMPLIED:
        spoken = pattern.sub(meant, spoken)
    return spoken


_PLAIN_COLORS = {
    "rot": "red",
    "grün": "green",
    "blau": "blue",
    "gelb": "yellow",
    "weiß": "white",
    "weiss": "white",
    "schwarz": "black",
    "braun": "brown",
    "violett": "violet",
    "golden": "gold",
}
COLOR_NAMES = {
    **_PLAIN_COLORS,
    **{said + end: c for said, c in _PLAIN_COLORS.items() for end in ("e", "em", "en", "er", "es")},
    "lila": "purple",
    "purpur": "purple",
    "rosa": "pink",
    "türkis": "turquoise",
}
"""Other names of the colours of :data:`handlers.home_actions.COLORS`."""


def numbers(sentence: str) -> list[str]:
    """Every number that the sentence says, in digits or in words."""
    found = _NUMBER.findall(sentence)
    for word in plain_words(sentence):
        if word in LEVELS:
            found.append(LEVELS[word])
    return list(dict.fromkeys(found))


def asks_for_state(sentence: str) -> bool:
    """Whether a sentence asks how something is, in a form that is never a command."""
    return bool(_STATE_ASKED.search(sentence))


@lru_cache(maxsize=65536)
def alike(one: str, other: str) -> float:
    """1 for the same stem, 0.5 to 0.9 for a likely slip of the keyboard or ear, else 0."""
    if one == other:
        return 1.0
    if min(len(one), len(other)) < 4 or abs(len(one) - len(other)) > 2:
        return 0.0
    if one[0] != other[0] and one[-1] != other[-1]:
        return 0.0
    if len(one) > 4 and sorted(one) == sorted(other):
        return 0.85
    ratio = SequenceMatcher(None, one, other).ratio()
    return ratio * 0.9 if ratio >= 0.76 else 0.0


_STATE_ASKED = re.compile(
    r"(?<!if )(?<!whether )\b(?:is|are) (?:it|they) (?:really |still |now )?"
    r"(?:on|off|open|closed|shut|locked|unlocked|running)\b(?! to)"
    r"|\b(?:would you say|do you think|any idea|do you know|i wonder) "
    r"(?:if |whether |that )?(?!you |we |i |it would)[^,]* (?:is|are) (?:still )?"
    r"(?:on|off|open|closed|shut|locked|unlocked|running)\b"
)
_WORD = re.compile(r"[^\W_]+(?:'s\b)?", re.UNICODE)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=\w)")
_UNIT = re.compile(r"(?<=\d)(?=(?:grad|prozent|percent|degrees?|kelvin|k|c|f|min|h)\b)")
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
_GERMAN_UNITS = "zwei drei vier fünf sechs sieben acht neun".split()
_GERMAN_TEENS = """zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn
    neunzehn""".split()
_GERMAN_TENS = {
    name: 10 * value
    for value, name in enumerate(
        "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split(), start=2
    )
} | {"dreissig": 30}
_GERMAN: dict[str, int | str] = {
    "null": 0,
    "eins": 1,
    "zwo": 2,
    **dict.fromkeys(("hundert", "einhundert"), 100),
    **{name: value for value, name in enumerate(_GERMAN_UNITS, start=2)},
    # An elf in an English sentence is no number.
    **{name: value for value, name in enumerate(_GERMAN_TEENS, start=10) if name != "elf"},
    **_GERMAN_TENS,
    **{
        f"{one}und{name}": ten + value
        for name, ten in _GERMAN_TENS.items()
        for value, one in enumerate(("ein", *_GERMAN_UNITS), start=1)
    },
    **{f"{one}einhalb": f"{value} and a half" for value, one in enumerate(_GERMAN_UNITS, start=2)},
    **dict.fromkeys(("eineinhalb", "anderthalb"), "1 and a half"),
}
_NUMBER_WORDS = _GERMAN | _UNITS
_ELEVEN = re.compile(
    r"(?<=\bauf )elf\b|(?<=\blautstärke )elf\b"
    r"|\belf(?= (?:prozent|percent|grad|minuten|stunden|sekunden|und)\b)"
)
_AFTER_PRONOUN = ("more", "of", "thing", "that", "which")
_BEFORE_PRONOUN = (
    "new",
    "other",
    "this",
    "that",
    "the",
    "which",
    "every",
    "each",
    "last",
    "first",
    "no",
)
LEVELS = {
    **dict.fromkeys(("max", "maximum", "full", "fully", "highest", "brightest"), "100"),
    **dict.fromkeys(("min", "minimum", "lowest", "dimmest"), "1"),
    "half": "50",
    "halfway": "50",
    "quarter": "25",
    **dict.fromkeys(("voll", "volle", "vollen", "voller", "volles", "maximal", "maximale"), "100"),
    **dict.fromkeys(("halb", "halbe", "halben", "halber", "halbes", "hälfte"), "50"),
    **dict.fromkeys(("minimal", "minimale"), "1"),
}
_HOUR, _MINUTE = r"(?:hours?|stunden?)", r"(?:minutes?|minuten?)"
_CAN = r"(?:possible|(?:it|they|you|that|we)(?: \w+)? (?:can|will|could|goes|go)\b)"
_NUMBERS_IMPLIED = (
    (re.compile(rf"\b(?:1|an?|eine) {_HOUR} and (?:a half|30 minutes)\b"), "90 minutes"),
    (re.compile(rf"\b1 and a half {_HOUR}\b"), "90 minutes"),
    (re.compile(rf"\b(?:half an?|half of an|(?:einer? )?halben?) {_HOUR}\b"), "30 minutes"),
    (re.compile(rf"\b(?:a )?quarter(?: of)? an {_HOUR}\b"), "15 minutes"),
    (re.compile(rf"\b(?:3|three) quarters of an {_HOUR}\b"), "45 minutes"),
    (re.compile(r"\b(?:einer? )?dreiviertelstunde\b"), "45 minutes"),
    (re.compile(r"\b(?:einer? )?viertelstunde\b"), "15 minutes"),
    (re.compile(rf"\b(?:half a|(?:einer? )?halben?) {_MINUTE}\b"), "30 seconds"),
    (re.compile(rf"\b(\d+) and a half {_HOUR}\b"), r"\1 hours 30 minutes"),
    (re.compile(rf"\b(\d+) and a half {_MINUTE}\b"), r"\1 minutes 30 seconds"),
    (re.compile(r"\b(?:an?|einer?) (hour|minute|second|stunde|sekunde)\b"), r"1 \1"),
    (re.compile(r"\bwarm ?wei(?:ß|ss)(?:e[nrs]?)?\b"), "warm white"),
    (re.compile(r"\bkalt ?wei(?:ß|ss)(?:e[nrs]?)?\b"), "cold white"),
    (re.compile(rf"\b(all the way up|flat out|as bright as {_CAN})"), r"\1 full"),
    (re.compile(rf"\b(all the way down|as (?:dim|low|dark) as {_CAN})"), r"\1 minimum"),
    (re.compile(r"\bwarm white\b"), "warm white 2700 kelvin"),
    (re.compile(r"\b(cool|cold|daylight) white\b"), r"\1 white 6500 kelvin"),
)
"""What stands for a number without saying it: durations, extremes, the colours of white light."""


@lru_cache(maxsize=4096)
def stem_of(word: str) -> str:
    """A lower-case word without possessive and plural s."""
    bare = word.removesuffix("'s")
    if len(bare) > 4 and bare.endswith("ies"):
        return f"{bare[:-3]}y"
    if len(bare) > 4 and bare.endswith(("ches", "shes", "sses", "xes")):
        return bare[:-2]
    if len(bare) > 3 and bare.endswith("s") and not bare.endswith("ss"):
        return bare[:-1]
    return bare
