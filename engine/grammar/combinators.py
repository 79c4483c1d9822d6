"""What a grammar is built from: texts, choices, numbers, repetitions."""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby

from engine.errors import BadGrammar
from engine.grammar.automaton import Grammar


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
    return _signed(low, high, 0)


def decimal(low: Decimal, high: Decimal, places: int) -> Grammar:
    """A number from `low` to `high` with up to `places` digits behind a point, as `integer` else.

    Raises:
        BadGrammar: there is none in the range.
    """
    options = []
    for point in range(places + 1):
        scale = 10**point
        first, last = math.ceil(low * scale), math.floor(high * scale)
        if first <= last:
            options.append(_signed(first, last, point))
    if not options:
        raise BadGrammar(
            f"no number from {low} to {high} with {places} places", "give a wider range"
        )
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


def _signed(low: int, high: int, point: int) -> Grammar:
    """Numbers from `low` to `high` in units of the last of `point` digits behind the point."""
    options = []
    if low < 0:
        options.append(sequence(literal("-"), _natural(max(1, -high), -low, point)))
    if high >= 0:
        options.append(_natural(max(0, low), high, point))
    return either(*options)


def _natural(low: int, high: int, point: int) -> Grammar:
    """As `_signed`, not below 0."""
    shortest = max(len(str(low)), point + 1)
    longest = max(len(str(high)), point + 1)
    if shortest == longest:
        return _same_length(str(low).zfill(shortest), str(high).zfill(shortest), point)
    options = [
        _same_length(str(low).zfill(shortest), "9" * shortest, point),
        _same_length("1" + "0" * (longest - 1), str(high), point),
    ]
    if longest - shortest > 1:
        whole = repeat(_ANY_DIGIT, shortest - point, longest - 2 - point)
        options.append(sequence(byte_of(_DIGITS[1:]), whole, _any_digits(point, point)))
    return either(*options)


def _same_length(low: str, high: str, point: int) -> Grammar:
    """Digit strings from `low` to `high`, of one length, a point before the last `point` digits."""
    if not low:
        return sequence()
    if point == len(low):
        return sequence(literal("."), _same_length(low, high, 0))
    rest = len(low) - 1
    if low == "0" * len(low) and high == "9" * len(high):
        return _any_digits(len(low), point)
    if low[0] == high[0]:
        return sequence(literal(low[0]), _same_length(low[1:], high[1:], point))
    options = [
        sequence(literal(low[0]), _same_length(low[1:], "9" * rest, point)),
        sequence(literal(high[0]), _same_length("0" * rest, high[1:], point)),
    ]
    between = range(ord(low[0]) + 1, ord(high[0]))
    if between:
        options.append(sequence(byte_of(between), _any_digits(rest, point)))
    return either(*options)


def _any_digits(count: int, point: int) -> Grammar:
    """`count` digits, a point before the last `point` of them."""
    if not point:
        return repeat(_ANY_DIGIT, count, count)
    before = repeat(_ANY_DIGIT, count - point, count - point)
    return sequence(before, literal("."), repeat(_ANY_DIGIT, point, point))
