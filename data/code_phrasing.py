"""From a phrase with choices to a sentence, and from a sentence to a request.

A phrase is "the (largest|biggest) number in {A}" (a thing), "whether {A} is even" (a question) or
"reverse {A}" (a doing). `{A}` is the first argument, `[0]` the first value that stands in the phrase.
"""

import random
import re

Rng = random.Random

_CHOICE = re.compile(r"\(([^()]*)\)")
_MAYBE = re.compile(r"(?<=\w)(\w)\?")
_NAMES = (
    *(
        "the ",
        "all ",
        "a ",
        "an ",
        "how ",
        "every ",
        "{A}",
        "{B}",
        "which ",
        "what ",
        "twice ",
        "elements ",
    ),
    *(
        "three times",
        "simple interest",
        "compound interest",
        "modular ",
        "numbers ",
        "keys ",
        "values ",
    ),
    *("pairs ", "each word", "prefix sums"),
)
_THINGS = (
    "find",
    "return",
    "get",
    "compute",
    "calculate",
    "give",
    "find",
    "determine",
    "return",
    "work out",
)
_QUESTIONS = ("check whether", "check if", "tell whether", "determine if", "test whether", "return true if", "return whether", "find out if", "determine whether", "see if", "check whether", "find whether", "verify if", "check that")  # fmt: skip


def expanded(phrase: str, rng: Rng) -> str:
    """One of the texts that the choices give."""
    while found := _CHOICE.search(phrase):
        phrase = phrase[: found.start()] + rng.choice(found[1].split("|")) + phrase[found.end() :]
    phrase = _MAYBE.sub(lambda found: found[1] if rng.random() < 0.5 else "", phrase)
    return re.sub(r"\s+([,:;])", r"\1", " ".join(phrase.split()))


def doing(phrase: str, rng: Rng) -> str:
    """An expanded phrase as what is to be done: "find the ...", "check whether ...", "reverse ..."."""
    if phrase.startswith("whether "):
        return f"{rng.choice(_QUESTIONS)} {phrase[8:]}"
    if phrase.startswith(_NAMES):
        return f"{rng.choice(_THINGS)} {phrase}"
    return phrase


def third_person(said: str) -> str:
    """Said of a function: "find the ..." as "finds the ..."."""
    verb, _, rest = said.partition(" ")
    if verb.endswith(("s", "x", "ch", "sh")) and verb != "is":
        verb += "es"
    elif verb.endswith("y") and verb[-2] not in "aeiou":
        verb = f"{verb[:-1]}ies"
    else:
        verb += "s"
    return f"{verb} {rest}"


_TO = (
    "Write a function to {0}.",
    "Write a python function to {0}.",
    "Write a Python function to {0}",
    "Write a function to {0} in Python",
    "write a function to {0}",
    "Create a function to {0}.",
    "Implement a function to {0}.",
    "I need a function to {0}.",
    "Please write a short function to {0}.",
    "python function to {0}",
    "function to {0}",
    "code to {0}",
    "How do I {0} in Python?",
    "how to {0}",
    "Can you write a python program to {0}?",
    "Give me a function to {0}",
    "Define a function to {0}.",
    "Write code to {0}.",
    "{0}",
    "{0}",
)
_THAT = (
    "Write a function that {1}.",
    "Write a Python function that {1}.",
    "write a python function which {1}",
    "Create a function that {1}.",
    "I want a function that {1}",
    "Make a function that {1}",
    "Implement a function which {1}.",
    "Give me a python function that {1}.",
    "a function that {1}",
    "Could you write a small function that {1}?",
)
_NAMED = (
    "Write a function called {2} that {1}.",
    "Write a function {2} to {0}.",
    "Create a function named {2} which {1}.",
    "Implement {3} that {1}.",
    "Write a function {3} that {1}.",
    "Write a Python function `{3}` to {0}.",
    "Define {3} so that it {1}.",
    "{3}: {0}",
)


def request(said: str, rng: Rng) -> str:
    """A request for what is to be done, in a sentence without names."""
    frame = rng.choice(_TO) if rng.random() < 0.65 else rng.choice(_THAT)
    return _large(frame.format(said, third_person(said)), rng)


def named_request(said: str, name: str, arguments: list[str], rng: Rng) -> tuple[str, bool]:
    """A request that names the function; and whether it names the arguments as well."""
    frame = rng.choice(_NAMED)
    signature = f"{name}({', '.join(arguments)})"
    return frame.format(said, third_person(said), name, signature), "{3}" in frame


def docstring_head(
    said: str, name: str, arguments: list[str], kinds: list[str], examples: list[str], rng: Rng
) -> str:
    """A head with a docstring, as an editor would have it completed; `kinds` ends with the result's."""
    typed = rng.random() < 0.6 and all(kinds[:-1])
    parts = [f"{a}: {k}" if typed else a for a, k in zip(arguments, kinds, strict=False)]
    arrow = f" -> {kinds[-1]}" if typed and kinds[-1] else ""
    text = _large(third_person(said) if rng.random() < 0.2 else said, rng) + rng.choice(
        (".", "", ".")
    )
    text = rng.choice(('"""{}', '"""{}', '""" {}', "'''{}")).format(text)
    close = "'''" if text.startswith("'''") else '"""'
    if rng.random() < 0.25:
        examples = []
    lines = "".join(f"\n    {line}" for line in examples)
    return f"def {name}({', '.join(parts)}){arrow}:\n    {text}{lines}{chr(10) + '    ' if lines else ''}{close}\n"


def _large(text: str, rng: Rng) -> str:
    return text[:1].upper() + text[1:] if rng.random() < 0.8 else text
