"""The `pattern` of a JSON schema as a grammar of what a string holds between its quotes.

The part of ECMA-262's regular expressions that is regular and means the same to everyone: characters,
`.`, classes, groups, `|`, `? * + {m,n}`, `^` and `$` at the ends. A pattern that is not anchored is
met anywhere in a string; here the string is the match alone, which is one of those that meet it.
"""

from dataclasses import dataclass

from engine.errors import BadGrammar
from engine.grammar.automaton import Grammar
from engine.grammar.combinators import byte_of, choice, either, repeat, sequence, shared
from engine.grammar.json_text import beyond_ascii, written

_PRINTABLE = frozenset(range(0x20, 0x7F))
_DIGITS = frozenset(b"0123456789")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_SPACE = frozenset(b" \t\n\r\f\v")
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "0": 0}
_MOST_REPEATS = 10_000
_MOST_IN_RANGE = 4096
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class _Set:
    """Characters: `members`, and with `beyond` all beyond ASCII too."""

    members: frozenset[int]
    beyond: bool = False


def pattern_grammar(pattern: str, path: str) -> Grammar:
    """Texts between quotes that match the whole of `pattern`.

    Args:
        pattern: the regular expression.
        path: where it stands, for errors.

    Raises:
        BadGrammar: malformed, or beyond what is supported; it says which part.
    """
    return _Parser(pattern, path).whole()


class _Parser:
    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path
        self._at = 0
        self._depth = 0

    def whole(self) -> Grammar:
        found = self._alternatives()
        if self._at < len(self._text):
            raise self._bad("an unmatched ')'")
        return found

    def _alternatives(self) -> Grammar:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return either(*options)

    def _sequence(self) -> Grammar:
        parts: list[Grammar] = []
        if not self._depth:
            self._take("^")
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            last = self._text[self._at + 1 : self._at + 2] in ("", "|")
            if not self._depth and last and self._take("$"):
                break
            parts.append(self._repeated(self._atom()))
        return sequence(*parts)

    def _atom(self) -> Grammar:
        at = self._next()
        match at:
            case "(":
                return self._group()
            case "[":
                return _grammar(self._class())
            case ".":
                return _grammar(_Set(_PRINTABLE, beyond=True))
            case "\\":
                return _grammar(self._escape())
            case "^" | "$" | "*" | "+" | "?" | "{" | "}" | "]":
                raise self._bad(f"{at!r} here")
            case _:
                return _grammar(_Set(frozenset([ord(at)])))

    def _group(self) -> Grammar:
        if self._take("?") and not self._take(":"):
            raise self._bad("a group that begins with '(?'")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._bad(f"over {_DEEPEST} nested groups")
        found = self._alternatives()
        self._depth -= 1
        if not self._take(")"):
            raise self._bad("a group that is not closed")
        return found

    def _repeated(self, part: Grammar) -> Grammar:
        least, most = self._times()
        if (least, most) == (1, 1):
            return part
        self._take("?")  # how eagerly a match is sought changes no string's matching
        return repeat(part, least, most)

    def _times(self) -> tuple[int, int | None]:
        for sign, times in (("?", (0, 1)), ("*", (0, None)), ("+", (1, None))):
            if self._take(sign):
                return times
        if not self._take("{"):
            return 1, 1
        told, brace, _ = self._text[self._at :].partition("}")
        low, comma, high = told.partition(",")
        counts = [low, *([high] if comma and high else [])]
        if not brace or not all(count.isascii() and count.isdigit() for count in counts):
            raise self._bad("a count that is not {m}, {m,} or {m,n}")
        self._at += len(told) + 1
        if any(len(count) > 5 or int(count) > _MOST_REPEATS for count in counts):
            raise self._bad(f"a count over {_MOST_REPEATS}")
        least = int(low)
        most = int(high) if high else (None if comma else least)
        if most is not None and most < least:
            raise self._bad("a count whose second number is the smaller")
        return least, most

    def _class(self) -> _Set:
        negated = self._take("^")
        members: set[int] = set()
        kinds = False
        while not self._take("]"):
            low, is_kind = self._member()
            kinds |= is_kind
            ahead = self._text[self._at : self._at + 2]
            if len(low) == 1 and ahead[:1] == "-" and ahead != "-]":
                self._at += 1
                high, _ = self._member()
                first, last = min(low), max(high)
                if len(high) > 1 or last < first or last - first > _MOST_IN_RANGE:
                    raise self._bad("a range that is empty, or too wide")
                low = frozenset(range(first, last + 1))
            members |= low
        if not negated:
            members -= set(range(0xD800, 0xE000))
            if not members:
                raise self._bad("an empty class")
            return _Set(frozenset(members))
        if any(member > 0x7F for member in members):
            raise self._bad("a negated class with characters beyond ASCII")
        # What \d, \w and \s mean beyond ASCII differs between engines: left out of their opposites.
        return _Set(_PRINTABLE - members, beyond=not kinds)

    def _member(self) -> tuple[frozenset[int], bool]:
        """One character of a class, or those of an escape; whether it was one of a kind."""
        at = self._next()
        if at == "\\":
            kind = self._text[self._at : self._at + 1] in tuple("dwsDWS")
            return self._escape().members, kind
        return frozenset([ord(at)]), False

    def _escape(self) -> _Set:
        at = self._next()
        match at:
            case "d" | "w" | "s":
                return _Set({"d": _DIGITS, "w": _WORD, "s": _SPACE}[at])
            case "D" | "W" | "S":
                return _Set(_PRINTABLE - {"D": _DIGITS, "W": _WORD, "S": _SPACE}[at])
            case "x" | "u":
                size = 2 if at == "x" else 4
                digits = self._text[self._at : self._at + size]
                if len(digits) < size or any(n not in "0123456789abcdefABCDEF" for n in digits):
                    raise self._bad(f"\\{at} without {size} hexadecimal digits")
                self._at += size
                return self._character(int(digits, 16))
            case _ if at in _CONTROLS:
                return _Set(frozenset([_CONTROLS[at]]))
            case _ if at.isascii() and at.isalnum():
                raise self._bad(f"\\{at}")
            case _:
                return self._character(ord(at))

    def _character(self, point: int) -> _Set:
        if 0xD800 <= point < 0xE000:
            raise self._bad("a surrogate")
        return _Set(frozenset([point]))

    def _take(self, sign: str) -> bool:
        if self._text[self._at : self._at + 1] != sign:
            return False
        self._at += 1
        return True

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise self._bad("an end in the middle")
        self._at += 1
        return self._text[self._at - 1]

    def _bad(self, what: str) -> BadGrammar:
        return BadGrammar(
            f"pattern at {self._path} has {what} near character {self._at}, which is not supported",
            "use characters, classes, groups, '|' and counts, with '^' and '$' at the ends",
        )


def _grammar(of: _Set) -> Grammar:
    """One character of a set as it stands in a JSON string: escaped only where it must be."""
    plain = of.members & _PRINTABLE - set(b'"\\')
    others = of.members - plain
    options = []
    if plain:
        options.append(byte_of(plain))
    if others:
        options.append(choice(written(chr(point))[1:-1] for point in others))
    if of.beyond:
        options.append(_BEYOND)
    return either(*options)


_BEYOND = shared(beyond_ascii(line_ends=False))
