"""Functions composed of parts: elements of something, chosen, changed, and brought together.

Sources x filters x changes x reductions are some hundred thousand different programs; each has a key,
by which some are kept for validation alone.
"""

import random

from data.code_forms import NUMBER_SOURCES, WORD_SOURCES, Function, Parts, Source
from data.code_letters import of_letters
from data.code_parts import (
    NUMBER_CHANGES,
    NUMBER_FILTERS,
    WORD_CHANGES,
    WORD_FILTERS,
    Change,
    Filter,
)
from data.code_reductions import NUMBERS_ONLY, REDUCTIONS

Rng = random.Random


def composed(rng: Rng) -> Function:
    """Any composition."""
    makers = (_of_numbers,) * 8 + (_of_words,) * 6 + (of_letters,) * 4
    while True:
        made = rng.choice(makers)(rng)
        if made:
            return made


def _of_numbers(rng: Rng) -> Function | None:
    source = rng.choice(NUMBER_SOURCES)
    filters = NUMBER_FILTERS if source.over != "map(int, str(A))" else NUMBER_FILTERS[:14]
    return _made(rng, source, filters, NUMBER_CHANGES, "int", "numbers")


def _of_words(rng: Rng) -> Function | None:
    return _made(rng, rng.choice(WORD_SOURCES), WORD_FILTERS, WORD_CHANGES, "str", "words")


def _made(
    rng: Rng,
    source: Source,
    filters: tuple[Filter, ...],
    changes: tuple[Change, ...],
    kind: str,
    family: str,
) -> Function | None:
    """A random composition of such elements; None where the parts do not go together."""
    chosen = rng.choice(filters) if rng.random() < 0.72 else None
    change = rng.choice(changes) if rng.random() < (0.45 if chosen else 0.8) else None
    values: list[int | float | str] = []
    arguments = list(source.arguments)
    test, other, before, behind, one, many = "", "", "", "", "", ""
    if chosen:
        names = _values(rng, chosen.values, values, arguments, family)
        before, behind = (_said(part, names) for part in (chosen.before, chosen.behind))
        one, many = (_said(part, names) for part in (chosen.one, chosen.many))
        test, other = (_coded(part, names) for part in (chosen.test, chosen.opposite))
    made, things, verb = "v", "", ""
    if change:
        names = _values(rng, change.values, values, arguments, family)
        made, kind = _coded(change.made, names), change.kind
        things, verb = _said(change.things, names), _said(change.verb, names)
    single, plural = rng.choice(source.nouns)
    parts = Parts(
        source, test, other, made, kind, things, verb, single, plural, before, behind, one, many
    )
    usable = [maker for maker in REDUCTIONS if not (family == "words" and maker in NUMBERS_ONLY)]
    found = rng.choice(usable)(parts, rng)
    if found is None:
        return None
    phrase, body, name = found
    key = f"{family}|{source.over}|{test}|{made}|{name}"
    for n, value in enumerate(values):
        key = key.replace(f"L{n}", f"L{type(value).__name__}")
    return Function(tuple(arguments), phrase, tuple(values), body, key, family)


def _values(
    rng: Rng,
    kinds: tuple[str, ...],
    values: list[int | float | str],
    arguments: list[tuple[str, str]],
    family: str,
) -> list[tuple[str, str]]:
    """How each value is said and coded: a literal of the request, or one more argument."""
    found = []
    for kind in kinds:
        if rng.random() < 0.3 and kind in _AS_ARGUMENT and len(arguments) < 3:
            letter = "ABCDEF"[len(arguments)]
            name, sort = _AS_ARGUMENT[kind]
            if any(name == other for other, _ in arguments):
                name += "2"
            arguments.append((name, sort))
            found.append((f"{{{letter}}}", letter))
            continue
        number = len(values)
        values.append(_value(rng, kind, values))
        found.append((f"[{number}]", f"L{number}"))
    return found


_AS_ARGUMENT = {
    "int": ("limit", "limit"),
    "limit": ("k", "limit"),
    "letters": ("part", "part"),
    "letter": ("old", "char"),
    "letter2": ("new", "char"),
    "size": ("n", "limit"),
}


def _value(rng: Rng, kind: str, before: list[int | float | str]) -> int | float | str:
    match kind:
        case "int":
            return rng.choice((rng.randint(1, 20), rng.randint(-5, 100), 0, 10, 5, 100))
        case "limit":
            return rng.randint(2, 9)
        case "limit2":
            return rng.choice([n for n in range(2, 10) if before[-1:] != [n]])
        case "low":
            return rng.randint(-5, 9)
        case "high":
            return int(before[-1]) + rng.randint(2, 60)
        case "digit":
            return rng.randint(0, 9)
        case "size":
            return rng.randint(1, 9)
        case "letters":
            return rng.choice(
                ("a", "b", "s", "st", "ap", "e", "th", "un", "ing", "A", "x", "re", "-", "_", "1")
            )
        case "letter":
            return rng.choice("aeiostrnl")
        case "letter2":
            return rng.choice([c for c in "xyz*-_ou0" if before[-1:] != [c]])
        case _:
            return rng.choice(("apple", "moon", "yes", "tree", "python", "cat"))


def _said(phrase: str, names: list[tuple[str, str]]) -> str:
    for number, (said, _) in enumerate(names):
        phrase = phrase.replace(f"[{number}]", f"\0{said}\0")
    return phrase.replace("\0", "")


def _coded(code: str, names: list[tuple[str, str]]) -> str:
    for number, (_, letter) in enumerate(names):
        code = code.replace(f"L{number}", f"\0{letter}\0")
    return code.replace("\0", "")
