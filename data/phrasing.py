"""Sentence templates: ``turn [the] {thing} (on|off)`` and what speech and typing do to them.

``[x]`` is optional, ``(x|y)`` a choice, ``{name}`` a slot. All randomness comes from the caller's
``random.Random``, so that a seed gives the same sentences on every machine.
"""

import random
import re

_KEYS = {
    "a": "sq",
    "b": "vn",
    "c": "xv",
    "d": "sf",
    "e": "wr",
    "f": "dg",
    "g": "fh",
    "h": "gj",
    "i": "uo",
    "j": "hk",
    "k": "jl",
    "l": "k",
    "m": "n",
    "n": "bm",
    "o": "ip",
    "p": "o",
    "q": "w",
    "r": "et",
    "s": "ad",
    "t": "ry",
    "u": "yi",
    "v": "cb",
    "w": "qe",
    "x": "zc",
    "y": "tu",
    "z": "x",
}
_HOMOPHONES = {
    "lights": ("lites", "light's"),
    "light": ("lite",),
    "for": ("four",),
    "to": ("two", "too"),
    "off": ("of",),
    "hall": ("haul",),
    "blinds": ("blind's",),
    "the": ("da", "teh"),
    "please": ("pls", "plz"),
    "you": ("u",),
}
_COURTESY = {
    "en": (
        ("please", "hey", "can you", "could you", "ok", "i want you to", "would you", "now"),
        ("please", "now", "for me", "thanks", "right now", "would you"),
    ),
    "de": (("bitte", "hey", "ok", "so"), ("bitte", "jetzt", "danke", "mal")),
}
_VERBS = frozenset(
    """turn switch shut set put make get bring change adjust dim brighten lower raise increase
    decrease reduce open close lift pull roll lock unlock secure bolt unbolt start stop run launch
    send dock pause resume continue skip play activate deactivate enable disable add write note tell
    show give read check let have keep leave move take cool heat warm buy fetch order remind cancel
    clear delete begin toggle flip power light illuminate kill cut end do go water vacuum crank
    color colour paint use try call wake count jump push slide stick scribble jot ring""".split()
)
_SUBJECTS = {
    "do": frozenset("i you we they any the my our".split()),
    "have": frozenset("i you we they".split()),
}
"""What makes a question of a verb: "do the lights ...", "have you ...", but not "have the lamp on"."""
_GROUP = re.compile(r"\[([^\[\]()]*)\]|\(([^\[\]()]*)\)")


def expand(template: str, rng: random.Random, **slots: str) -> str:
    """One random sentence of a template, slots filled in, spaces tidied."""
    while match := _GROUP.search(template):
        optional, choice = match.groups()
        options = [*optional.split("|"), ""] if optional is not None else choice.split("|")
        template = template[: match.start()] + rng.choice(options) + template[match.end() :]
    for name, value in slots.items():
        template = template.replace("{" + name + "}", value)
    if "{" in template:
        raise ValueError(f"a slot of {template!r} was not given")
    return re.sub(r"\s+([,.!?])", r"\1", " ".join(template.split()))


def numeral(value: int, rng: random.Random) -> str:
    """A number in digits, or below 100 sometimes in words."""
    if value > 99 or rng.random() < 0.75:
        return str(value)
    ones = (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen"
    ).split()
    tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()
    if value < 20:
        return ones[value]
    joint = rng.choice((" ", "-"))
    return tens[value // 10 - 2] + (joint + ones[value % 10] if value % 10 else "")


def noisy(sentence: str, rng: random.Random, rate: float) -> str:
    """With probability ``rate``: one slip of a key, a misheard word, or a dropped article."""
    if rng.random() >= rate:
        return sentence
    words = sentence.split()
    match rng.randrange(3):
        case 0:
            heard = [i for i, word in enumerate(words) if word in _HOMOPHONES]
            if heard:
                place = rng.choice(heard)
                words[place] = rng.choice(_HOMOPHONES[words[place]])
        case 1:
            words = [word for word in words if word not in ("the", "a", "my")] or words
        case _:
            long = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha()]
            if long:
                place = rng.choice(long)
                words[place] = _slip(words[place], rng)
    return " ".join(words)


def dressed(sentence: str, rng: random.Random, language: str = "en") -> str:
    """As people say or type it: capital and full stop, courtesy, or neither."""
    before, after = _COURTESY[language]
    if language == "en" and not imperative(sentence):
        before = tuple(said for said in before if not said.endswith(("you", "to")))
    roll = rng.random()
    if roll < 0.16:
        sentence = f"{rng.choice(before)} {sentence}"
    elif roll < 0.26:
        sentence = f"{sentence} {rng.choice(after)}"
    if rng.random() < 0.4:
        sentence = sentence[:1].upper() + sentence[1:]
    return sentence + rng.choice(("", "", "", ".", "!", "?" if roll < 0.16 else ""))


def imperative(sentence: str) -> bool:
    """Whether a sentence begins with a verb that commands, so that "can you" may go before it."""
    first, second, *_ = [*sentence.lower().split(), "", ""]
    return first in _VERBS and second not in _SUBJECTS.get(first, ())


def _slip(word: str, rng: random.Random) -> str:
    place = rng.randrange(1, len(word))
    match rng.randrange(4):
        case 0:
            return word[:place] + word[place + 1 :]
        case 1:
            return word[:place] + word[place - 1] + word[place:]
        case 2 if place + 1 < len(word):
            return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        case _:
            key = word[place].lower()
            return word[:place] + rng.choice(_KEYS.get(key, key)) + word[place + 1 :]
