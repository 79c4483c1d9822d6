r"""JSON documents as a grammar (RFC 8259), written compactly: no white space outside of strings.

A string holds well-formed UTF-8 (Unicode 15, table 3-7: nothing overlong, no surrogates), no raw
control characters, and the escapes of JSON; a `\u` escape of a surrogate comes in pairs alone.
"""

import json

from engine.errors import BadGrammar
from engine.grammar.automaton import Grammar
from engine.grammar.combinators import (
    byte_of,
    choice,
    either,
    literal,
    optional,
    repeat,
    sequence,
    shared,
)


def beyond_ascii(*, line_ends: bool = True) -> Grammar:
    """A character of two to four bytes in UTF-8; U+2028 and U+2029 among them or not."""
    tail = byte_of(range(0x80, 0xC0))
    leads = {*range(0xE1, 0xED), 0xEE, 0xEF}
    options = [
        sequence(byte_of(range(0xC2, 0xE0)), tail),
        sequence(literal(b"\xe0"), byte_of(range(0xA0, 0xC0)), tail),
        sequence(byte_of(leads if line_ends else leads - {0xE2}), tail, tail),
        sequence(literal(b"\xed"), byte_of(range(0x80, 0xA0)), tail),
        sequence(literal(b"\xf0"), byte_of(range(0x90, 0xC0)), tail, tail),
        sequence(byte_of(range(0xF1, 0xF4)), tail, tail, tail),
        sequence(literal(b"\xf4"), byte_of(range(0x80, 0x90)), tail, tail),
    ]
    if not line_ends:
        options += [
            sequence(literal(b"\xe2"), byte_of(range(0x81, 0xC0)), tail),
            sequence(literal(b"\xe2\x80"), byte_of({*range(0x80, 0xC0)} - {0xA8, 0xA9})),
        ]
    return either(*options)


_PLAIN = byte_of(set(range(0x20, 0x7F + 1)) - set(b'"\\'))
_HEX = byte_of(b"0123456789abcdefABCDEF")
_DIGIT = byte_of(b"0123456789")

_SURROGATE = byte_of(b"dD")
_ESCAPE = sequence(
    literal("\\"),
    either(
        byte_of(b'"\\/bfnrt'),
        sequence(literal("u"), byte_of(b"0123456789abcefABCEF"), _HEX, _HEX, _HEX),
        sequence(literal("u"), _SURROGATE, byte_of(b"01234567"), _HEX, _HEX),
        sequence(
            *(literal("u"), _SURROGATE, byte_of(b"89abAB"), _HEX, _HEX),
            *(literal("\\u"), _SURROGATE, byte_of(b"cdefCDEF"), _HEX, _HEX),
        ),
    ),
)

CHARACTER = shared(either(_PLAIN, beyond_ascii(), _ESCAPE))
"""One character of a string, escaped or not."""

STRING = shared(sequence(literal('"'), repeat(CHARACTER, 0, None), literal('"')))

# At most 15 digits and an exponent of two: within what a double holds, and never infinite.
NUMBER = shared(
    sequence(
        optional(literal("-")),
        either(literal("0"), sequence(byte_of(b"123456789"), repeat(_DIGIT, 0, 14))),
        optional(sequence(literal("."), repeat(_DIGIT, 1, 15))),
        optional(sequence(byte_of(b"eE"), optional(byte_of(b"+-")), repeat(_DIGIT, 1, 2))),
    )
)

BOOLEAN = choice(["true", "false"])
NULL = literal("null")
SCALAR = either(STRING, NUMBER, BOOLEAN, NULL)


def json_value(depth: int) -> Grammar:
    """Any document in which arrays and objects nest at most `depth` deep; 0 is a scalar.

    Its graph grows with `depth`, not with the number of ways to nest.

    Raises:
        BadGrammar: `depth` is not 0 to 32.
    """
    if not 0 <= depth <= 32:
        raise BadGrammar(f"a nesting depth of {depth} is out of range", "give 0 to 32")
    value = shared(SCALAR)
    for _ in range(depth):
        value = shared(either(SCALAR, array(value, 0, None), mapping(value)))
    return value


def array(item: Grammar, least: int, most: int | None) -> Grammar:
    """An array of `least` to `most` times `item`."""
    if most == 0:
        return literal("[]")
    more = repeat(
        sequence(literal(","), item), max(0, least - 1), None if most is None else most - 1
    )
    items = sequence(item, more)
    return sequence(literal("["), items if least else optional(items), literal("]"))


def mapping(value: Grammar) -> Grammar:
    """An object with any names; one may come twice, and its last value counts."""
    member = sequence(STRING, literal(":"), value)
    members = sequence(member, repeat(sequence(literal(","), member), 0, None))
    return sequence(literal("{"), optional(members), literal("}"))


def written(value: object) -> str:
    """`value` as the one text that it is given as.

    Raises:
        BadGrammar: it is no JSON: not a number, a lone surrogate, an object of Python's.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as fault:
        raise BadGrammar(f"{str(value)[:60]!a} is no JSON ({fault})", "give JSON values") from fault
    return text
