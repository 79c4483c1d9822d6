"""Kinds of arguments: how they are spoken of, how they are called, and random values of them.

Values make the tests of a generated function: they are run through it, and what comes out is what a
test expects.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Rng = random.Random
_WORDS = (
    "apple river stone cloud window garden silver yellow music level noon radar tree sky moon python lamp "
    "house bread paper green orange kayak mountain sea bird cat dog ant bee civic eye A Tree IT sun Sun io "
    "umbrella idea echo Apple bus zoo hello world code data test key rotor stats up at the and of is"
).split()


@dataclass(frozen=True, slots=True)
class Sort:
    """A kind of argument.

    Attributes:
        nouns: what stands for it in a sentence that names no arguments.
        annotation: in a head.
        make: a random value.
    """

    nouns: tuple[str, ...]
    annotation: str
    make: Callable[[Rng], Any]


def _ints(rng: Rng) -> list[int]:
    most = rng.choice((9, 20, 60))
    return [rng.randint(-most // 3, most) for _ in range(rng.randint(1, 9))]


def _naturals(rng: Rng) -> list[int]:
    return [rng.randint(0, 30) for _ in range(rng.randint(1, 9))]


def _items(rng: Rng) -> list[int]:
    return [rng.randint(0, 5) for _ in range(rng.randint(1, 10))]


def _floats(rng: Rng) -> list[float]:
    return [round(rng.uniform(-20, 60), 2) for _ in range(rng.randint(1, 7))]


def _words(rng: Rng) -> list[str]:
    return [rng.choice(_WORDS) for _ in range(rng.randint(1, 8))]


def _text(rng: Rng) -> str:
    words = [rng.choice(_WORDS) for _ in range(rng.randint(1, 9))]
    for _ in range(rng.randint(0, 2)):
        place = rng.randrange(len(words))
        words[place] = rng.choice(
            (
                words[place].upper(),
                words[place].capitalize(),
                str(rng.randint(0, 120)),
                words[place] + rng.choice(",.!?"),
            )
        )
    return " ".join(words)


def _word(rng: Rng) -> str:
    return rng.choice(
        (rng.choice(_WORDS), rng.choice(_WORDS) + rng.choice(_WORDS), rng.choice(_WORDS).title())
    )


def _rows(rng: Rng) -> list[list[int]]:
    width = rng.randint(1, 4)
    return [[rng.randint(-5, 20) for _ in range(width)] for _ in range(rng.randint(1, 4))]


def _square(rng: Rng) -> list[list[int]]:
    width = rng.randint(1, 4)
    return [[rng.randint(-5, 20) for _ in range(width)] for _ in range(width)]


def _pick(*made: Callable[[Rng], Any]) -> Callable[[Rng], Any]:
    return lambda rng: rng.choice(made)(rng)


_NUMBER = ("a number", "a given number", "the number", "an integer", "a given integer", "the given number", "n", "a number n", "an integer n")  # fmt: skip
_LIST = ("a list", "a given list", "the list", "the given list", "an array", "a list of items", "a list of values", "a list of elements", "list")  # fmt: skip
_INTS = ("a list of numbers", "a list of integers", "a list", "a given list", "the list", "the given list of numbers", "an array", "an array of integers", "a given list of integers", "a list of ints", "list", "a given array", "given list of integers")  # fmt: skip
_TEXT = ("a string", "a text", "the string", "a given string", "the given string", "a piece of text", "text", "the given text", "string")  # fmt: skip
_WORD = ("a word", "a string", "the word", "a given string", "the string", "a given word", "string")
_STRS = ("a list of strings", "a list of words", "a list of names", "the list of words", "a given list of strings", "a list", "the list of strings", "an array of strings", "the given list")  # fmt: skip
_DICT = ("a dictionary", "a dict", "the dictionary", "a given dictionary", "the given dictionary", "a mapping", "dictionary")  # fmt: skip

SORTS: dict[str, Sort] = {
    "int": Sort(_NUMBER, "int", lambda rng: rng.randint(-20, 130)),
    "nat": Sort(_NUMBER, "int", lambda rng: rng.choice((rng.randint(0, 30), rng.randint(0, 400)))),
    "pos": Sort((*_NUMBER, "a positive integer", "a positive number"), "int", lambda rng: rng.randint(1, 60)),
    "small": Sort(_NUMBER, "int", lambda rng: rng.randint(0, 12)),
    "big": Sort(_NUMBER, "int", lambda rng: rng.randint(10, 99999)),
    "year": Sort(("a year", "the year", "a given year", "year"), "int", lambda rng: rng.choice((1900, 2000, 2024, 2023, 2100, rng.randint(1600, 2400)))),
    "count": Sort(("n", "k", "n", "a given number of", "m"), "int", lambda rng: rng.randint(1, 5)),
    "bound": Sort(("n", "a number", "n", "a given number", "a limit", "k"), "int", lambda rng: rng.randint(1, 40)),
    "limit": Sort(("a given number", "a given value", "a number", "k", "n", "a threshold", "a given threshold", "a limit", "x", "another number"), "int", lambda rng: rng.randint(1, 9)),
    "base": Sort(("k", "a given base", "b", "another number"), "int", lambda rng: rng.randint(2, 9)),
    "float": Sort(("a number", "the number", "a given number", "a value", "x", "a float", "a decimal number"), "float", lambda rng: round(rng.uniform(0.5, 50), rng.choice((0, 1, 2)))),
    "ints": Sort(_INTS, "list[int]", _ints),
    "nats": Sort(_INTS, "list[int]", _naturals),
    "items": Sort(_LIST, "list", _pick(_items, _items, _words)),
    "few": Sort(_LIST, "list", lambda rng: [rng.randint(0, 9) for _ in range(rng.randint(1, 3))]),
    "bits": Sort(
        ("a binary string", "a string of zeros and ones", "the binary string"),
        "str",
        lambda rng: format(rng.randint(0, 99), "b"),
    ),
    "reals": Sort(_INTS, "list[float]", _pick(_ints, _floats)),
    "words": Sort(_STRS, "list[str]", _words),
    "text": Sort((*_TEXT, "a sentence", "the sentence", "a given sentence"), "str", _text),
    "str": Sort(_TEXT, "str", _pick(_text, _word)),
    "word": Sort(_WORD, "str", _word),
    "char": Sort(("a character", "a given character", "a letter", "a char", "the character", "a specific character", "another character"), "str", lambda rng: rng.choice("aeotrsnlAT")),
    "part": Sort(("a given string", "a substring", "a given prefix", "another string", "a given text"), "str", lambda rng: rng.choice(("a", "e", "st", "ap", "s", "r", "th"))),
    "table": Sort(_DICT, "dict[str, int]", lambda rng: {rng.choice(_WORDS): rng.randint(-9, 30) for _ in range(rng.randint(1, 6))}),
    "names": Sort(_DICT, "dict[str, str]", lambda rng: {rng.choice(_WORDS): rng.choice(_WORDS) for _ in range(rng.randint(1, 5))}),
    "rows": Sort(("a list of lists", "a nested list", "a matrix", "the list of lists", "a given matrix", "a 2d list", "a given list of lists", "a two-dimensional list"), "list[list[int]]", _rows),
    "square": Sort(("a matrix", "a square matrix", "the matrix", "a given matrix", "a 2d list"), "list[list[int]]", _square),
    "pairs": Sort(("a list of tuples", "a list of pairs", "the list of tuples", "a given list of tuples", "a list of (name, value) pairs"), "list[tuple[str, int]]", lambda rng: [(rng.choice(_WORDS), rng.randint(0, 20)) for _ in range(rng.randint(1, 6))]),
    "records": Sort(("a list of dictionaries", "a list of dicts", "the list of dictionaries", "a list of records", "a given list of dictionaries"), "list[dict]", lambda rng: [{"name": rng.choice(_WORDS), "age": rng.randint(1, 60), "price": rng.randint(1, 90)} for _ in range(rng.randint(1, 5))]),
    "tuple": Sort(("a tuple", "a given tuple", "the tuple", "a tuple of numbers"), "tuple", lambda rng: tuple(_ints(rng))),
    "date": Sort(("a date", "a date string", "the date", "a date in the form yyyy-mm-dd", "a given date"), "str", lambda rng: f"{rng.randint(1950, 2040)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"),
    "bool": Sort(("a boolean", "a flag", "a truth value"), "bool", lambda rng: rng.random() < 0.5),
}  # fmt: skip
