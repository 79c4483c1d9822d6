"""What the words of a request say against a program, whatever the model holds of it.

A model that meets a word it never read writes a program of the words that it knows, and is sure of it:
the "nonagonal numbers" become some other numbers. And it can leave out a word that it does know:
"whether the count of divisors is even" becomes whether the number is even. So `words.json` beside
the weights tells with which parts of programs (operators, functions, methods, constants) each
word came in the training rows. A word without an entry was never read; a part that never came
with a word speaks for a program that does not account for it.
"""

import ast
import builtins
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

from engine.config import read_small
from engine.errors import BadModel
from handlers.code_program import SMALL_WORDS
from handlers.code_safety import IMPORTS

WORDS = "words.json"

UNREAD = math.log(0.5)
UNACCOUNTED = math.log(0.6)
"""Added to a log-probability for each word that was never read, and for each that never came with some part
of the program: enough to hold back what the model is sure of. Of eleven such answers to foreign requests that it gave
more than 0.6, one was right."""

_LONGEST = 12
_SPEAKING = SMALL_WORDS | frozenset(
    "i me my mine we us our you your yours he him his she her hers they these those there here what when where "
    "who how why do does did done doing have has had having can could may might must shall should will would "
    "need needs want wants wanted like likes please thanks just also too very so such then thus hence but nor "
    "however still again let lets help show shows know knows see say says thing things way ways "
    "been being was were am out up".split()
)
"""Function words, and words of asking: common in what people say, whatever they ask for."""

_GIVEN = frozenset(dir(builtins)) | IMPORTS


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    parts: tuple[str, ...]
    words: dict[str, str]


@dataclass(frozen=True, slots=True)
class Words:
    """The words that a model has read: each with the parts of programs that it came with."""

    seen: dict[str, frozenset[str]]

    def doubt(self, prompt: str, body: str) -> float:
        """What to add to the log-probability of a program's lines, at most 0."""
        return UNREAD * len(self.unread(prompt)) + UNACCOUNTED * len(self.unaccounted(prompt, body))

    def unread(self, prompt: str) -> list[str]:
        """Words of a view's prompt that no training row had."""
        return [word for word in content(prompt) if word not in self.seen]

    def unaccounted(self, prompt: str, body: str) -> list[str]:
        """Words of it that came with other programs alone, none of which had all parts of this one."""
        used = parts(body)
        return [word for word in content(prompt) if used - self.seen.get(word, used)]

    def dumped(self) -> bytes:
        """As `words.json`: a bit for each part, as a hexadecimal number for each word."""
        names = tuple(sorted(frozenset[str]().union(*self.seen.values())))
        bit = {name: 1 << number for number, name in enumerate(names)}
        words = {word: f"{sum(bit[p] for p in self.seen[word]):x}" for word in sorted(self.seen)}
        return msgspec.json.encode(_Told(names, words)) + b"\n"


def read_words(folder: Path) -> Words | None:
    """`words.json` of a model folder; None where a model comes without.

    Raises:
        BadModel: it is damaged.
    """
    if not (folder / WORDS).exists():
        return None
    try:
        told = msgspec.json.decode(read_small(folder / WORDS), type=_Told)
        masks = {word: int(mask, 16) for word, mask in told.words.items()}
    except (OSError, ValueError, msgspec.DecodeError) as fault:
        raise BadModel(f"{folder / WORDS} cannot be read ({fault})", "copy it again") from fault
    return Words(
        {
            word: frozenset(name for n, name in enumerate(told.parts) if mask >> n & 1)
            for word, mask in masks.items()
        }
    )


def content(prompt: str) -> list[str]:
    """The words of a view's first line that say what is wanted, each once."""
    words = prompt.partition("\n")[0].split(" ")
    return list(
        dict.fromkeys(w for w in words if w.isalpha() and w.islower() and w not in _SPEAKING)
    )


@lru_cache(maxsize=4096)
def parts(body: str) -> frozenset[str]:
    """Operators, names of Python's own, methods, forms and constants of a program's lines.

    >>> sorted(parts("return A % 2 == 0"))
    ['0', '2', 'Eq', 'Mod']
    """
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    tree = ast.parse(f"def f():\n{lines}")
    return frozenset({_part(node) for node in ast.walk(tree)} - {""})


def _part(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name, ctx=ast.Load()):
            return name if name in _GIVEN else ""
        case ast.Attribute(attr=name):
            return f".{name}"
        case ast.Constant(value=value):
            return repr(value)[:_LONGEST]
        case ast.operator() | ast.cmpop() | ast.unaryop() | ast.boolop():
            return type(node).__name__
        case ast.For() | ast.While() | ast.If() | ast.IfExp() | ast.Lambda() | ast.Slice():
            return type(node).__name__
        case ast.Subscript() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return type(node).__name__
    return ""
