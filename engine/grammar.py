r"""Constrained decoding: only tokens that some text of the grammar goes on with may be chosen.

A grammar is built from a few combinators (`engine.json_grammar` makes them from a JSON schema), made
an automaton over bytes and walked with a trie of the vocabulary's byte strings (as Outlines, Willard &
Louf 2023, does with regular expressions). The sets of allowed tokens are remembered by state, within
bounds: a step costs a dictionary look-up once its state has been seen.

    >>> answer = sequence(literal('{"brightness": '), integer(0, 100), literal("}"))
    >>> answer.accepts('{"brightness": 42}')
    True
    >>> constraint = Constraint(answer, tokenizer)          # once a grammar and tokenizer
    >>> walk = constraint.start()                           # once an answer
    >>> walk.allowed()                                      # ids for the next token, END when done
    >>> walk.allowed(remaining=12)                          # those after which 11 more can finish it
    >>> walk.advance(token)
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from engine.automaton import Grammar
from engine.constraint import Constraint, Walk
from engine.errors import BadGrammar
from engine.vocabulary import Vocabulary

__all__ = [
    "Constraint",
    "Grammar",
    "Vocabulary",
    "Walk",
    "byte_of",
    "choice",
    "either",
    "integer",
    "literal",
    "optional",
    "repeat",
    "sequence",
    "shared",
]


def literal(text: str | bytes) -> Grammar:
    """Exactly `text`."""
    return Grammar("text", _bytes(text))


def choice(texts: Iterable[str | bytes]) -> Grammar:
    """One of `texts`.

    Raises:
        BadGrammar: there is none.
    """
    members = sorted({_bytes(text) for text in texts})
    if not members:
        raise BadGrammar("a choice has nothing to choose from", "give at least one text")
    return _trie(members)


def integer(low: int, high: int) -> Grammar:
    """A decimal number from `low` to `high`, both included, without leading zeros or plus sign.

    Raises:
        BadGrammar: the range is empty.
    """
    if low > high:
        raise BadGrammar(f"no integer from {low} to {high}", "give the smaller number first")
    options = []
    if low < 0:
        negative = _natural(max(1, -high), -low)
        options.append(sequence(literal("-"), negative))
    if high >= 0:
        options.append(_natural(max(0, low), high))
    return either(*options)


def byte_of(allowed: Iterable[int]) -> Grammar:
    """One byte out of `allowed`.

    Raises:
        BadGrammar: there is none, or one is above 255.
    """
    members = frozenset(allowed)
    if not members or min(members) < 0 or max(members) > 255:
        raise BadGrammar("a byte set is empty or has values outside 0 to 255", "give bytes")
    return Grammar("bytes", bytes(sorted(members)))


def sequence(*parts: Grammar) -> Grammar:
    """All of `parts`, one after another; none is the empty text."""
    return Grammar("sequence", parts=parts)


def either(*parts: Grammar) -> Grammar:
    """One of `parts`.

    Raises:
        BadGrammar: there is none.
    """
    if not parts:
        raise BadGrammar("a choice has nothing to choose from", "give at least one text")
    return Grammar("either", parts=parts)


def optional(part: Grammar) -> Grammar:
    """`part` or nothing."""
    return repeat(part, 0, 1)


def repeat(part: Grammar, least: int, most: int | None) -> Grammar:
    """`part` from `least` to `most` times; None is any number of times.

    Raises:
        BadGrammar: the range is empty or negative.
    """
    if least < 0 or (most is not None and most < least):
        raise BadGrammar(f"cannot repeat {least} to {most} times", "give 0 <= least <= most")
    return Grammar("repeat", parts=(part,), least=least, most=most)


def shared(part: Grammar) -> Grammar:
    """`part`, laid out once however often the result stands in a grammar: it keeps that small."""
    return Grammar("shared", parts=(part,))


def _bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text


def _trie(texts: Sequence[bytes]) -> Grammar:
    """`texts`, sorted and different, with their common beginnings shared."""
    first, last = texts[0], texts[-1]  # of a sorted list, these two differ earliest
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    head = literal(first[:shared])
    if len(texts) == 1:
        return head
    tails = [text[shared:] for text in texts]
    branches = [_trie(list(group)) for _, group in groupby(tails, key=lambda tail: tail[:1])]
    return sequence(head, either(*branches))


_DIGITS = b"0123456789"
_ANY_DIGIT = Grammar("bytes", _DIGITS)


def _natural(low: int, high: int) -> Grammar:
    """Decimal numbers from `low` to `high`, not below 0."""
    options = []
    for length in range(len(str(low)), len(str(high)) + 1):
        smallest = 0 if length == 1 else 10 ** (length - 1)
        first, last = max(low, smallest), min(high, 10**length - 1)
        options.append(_same_length(str(first), str(last)))
    return either(*options)


def _same_length(low: str, high: str) -> Grammar:
    """Digit strings from `low` to `high`, all of one length."""
    if not low:
        return sequence()
    rest = len(low) - 1
    if low[0] == high[0]:
        return sequence(literal(low[0]), _same_length(low[1:], high[1:]))
    options = [
        sequence(literal(low[0]), _same_length(low[1:], "9" * rest)),
        sequence(literal(high[0]), _same_length("0" * rest, high[1:])),
    ]
    between = range(ord(low[0]) + 1, ord(high[0]))
    if between:
        options.append(sequence(byte_of(between), repeat(_ANY_DIGIT, rest, rest)))
    return either(*options)
