"""A text as words, marks and numbers: digits, fractions and number words read exactly."""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

MOST_DIGITS = 40
"""A number of more digits is none of a problem."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a mark, or a number, which has a value; ``text`` as it stands."""

    text: str
    value: Fraction | None = None


def tokens(text: str, *, fractions: bool = True) -> list[Token]:
    """The words, marks and numbers of a text, in its order.

    "$5" comes as "5 dollars", "20%" as "20 percent"; "twenty-five" and "three quarters" are one number
    each, and with ``fractions`` "3/4" and "2 1/2". "one" stays a word: it mostly counts nothing.

    Raises:
        ValueError: a number has more than ``MOST_DIGITS`` digits.
    """
    return _spelt(_scanned(_plain(text), _TOKEN if fractions else _WHOLE))


def number_text(value: Fraction, places: int = 6) -> str:
    """A value in digits: whole, else a decimal number of at most ``places`` places."""
    if value.denominator == 1:
        return str(value.numerator)
    scaled = round(value * 10**places)
    sign, digits = "-" if scaled < 0 else "", str(abs(scaled)).zfill(places + 1)
    shown = f"{sign}{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".")
    return shown if shown not in ("0", "-0") else _tiny(value)


UNITS = {
    name: value
    for value, name in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
}
TENS = {
    name: 10 * value
    for value, name in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
PARTS = {
    name: value
    for value, names in {
        2: "half halves",
        3: "third thirds",
        4: "quarter quarters fourth fourths",
        5: "fifth fifths",
        6: "sixth sixths",
        7: "seventh sevenths",
        8: "eighth eighths",
        9: "ninth ninths",
        10: "tenth tenths",
    }.items()
    for name in names.split()
}
"""Word for a part -> how many of them make a whole."""

_CURRENCY = {"$": "dollars", "€": "euros", "£": "pounds", "¢": "cents"}
_MARKS = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014\u2212", "''\"\"---")
"""Typographic quotes and dashes as those of the keyboard."""
_OWNER = re.compile(r" ' s\b")
_VULGAR = re.compile(r"(\d?)([¼½¾⅐-⅞])")
_TOKEN = re.compile(
    r"""
    (?P<currency>[$€£])?\s?
    (?P<number>
        \d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?
      | \d+\s+\d+/\d+(?![\d/]) | (?<!/)\d+/\d+(?![\d/])
      | \d+(?:\.\d+)? | \.\d+
    )
    (?!(?:st|nd|rd|th)\b)
  | (?P<ordinal>\d+(?:st|nd|rd|th)\b)
  | (?P<word>[^\W\d_]+(?:'[^\W\d_]+)?|'s\b)
  | (?P<mark>[^\s\w]|_)
    """,
    re.VERBOSE,
)
_WHOLE = re.compile(
    "\n".join(line for line in _TOKEN.pattern.splitlines() if "/" not in line), re.VERBOSE
)
"""As ``_TOKEN``, with a mark for the bar of a fraction."""


def _plain(text: str) -> str:
    """ASCII digits and marks for their many forms; control characters become spaces."""
    text = _VULGAR.sub(_vulgar, _OWNER.sub(" 's", text.translate(_MARKS)))
    out = []
    for char in text:
        if char.isdigit() and char not in "0123456789":
            digit = unicodedata.digit(char, -1)
            out.append(str(digit) if digit >= 0 else " ")
        elif unicodedata.category(char)[0] == "C":
            out.append(" ")
        else:
            out.append(char)
    return "".join(out)


def _vulgar(match: re.Match[str]) -> str:
    part = unicodedata.normalize("NFKC", match[2]).replace("\N{FRACTION SLASH}", "/")
    return f"{match[1]} {part} " if match[1] else f" {part} "


def _scanned(text: str, pattern: re.Pattern[str]) -> list[Token]:
    found: list[Token] = []
    for match in pattern.finditer(text):
        number = match["number"]
        if number is None:
            shown = match["ordinal"] or match["word"] or match["mark"]
            found.append(Token("percent" if shown == "%" else _CURRENCY.get(shown, shown)))
            continue
        found.append(Token(number, _value(number)))
        if match["currency"]:
            found.append(Token(_CURRENCY[match["currency"]]))
    return _money_said_twice(found)


def _value(digits: str) -> Fraction:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number has more than {MOST_DIGITS} digits")
    whole, _, part = digits.replace(",", "").rpartition(" ")
    top, _, bottom = part.partition("/")
    if bottom and not int(bottom):
        return Fraction(0)
    value = Fraction(int(top), int(bottom)) if bottom else Fraction(top)
    return value + int(whole or 0)


def _money_said_twice(found: list[Token]) -> list[Token]:
    """Without the "dollars" of "$5 dollars"."""
    return [
        one
        for at, one in enumerate(found)
        if not (at and one.text == found[at - 1].text and one.text in _CURRENCY.values())
    ]


def _spelt(found: list[Token]) -> list[Token]:
    """Number words joined to numbers."""
    out: list[Token] = []
    at = 0
    while at < len(found):
        value, used = _read(found, at)
        if used:
            shown = " ".join(one.text for one in found[at : at + used])
            out.append(Token(shown, value))
            at += used
        else:
            out.append(found[at])
            at += 1
    return out


def _read(found: list[Token], at: int) -> tuple[Fraction | None, int]:
    """The number that begins at a place in words, and how many tokens it takes; 0 for none."""
    first, value, used = found[at], Fraction(0), 0
    if first.value is not None:
        value, used = first.value, 1
        if scale := SCALES.get(_word(found, at + 1)):
            return value * scale, 2
    else:
        whole, used = _words(found, at)
        value = Fraction(whole)
        if used == 1 and whole == 1:
            return None, 0
    if not used:
        return None, 0
    if [_word(found, at + used + n) for n in range(3)] == ["and", "a", "half"]:
        return value + Fraction(1, 2), used + 3
    gap = 1 if _word(found, at + used) == "-" else 0
    part = PARTS.get(_word(found, at + used + gap), 0)
    if part > 2 and first.value is None and 1 < value < part:
        return value / part, used + gap + 1
    return (value, used) if first.value is None or used > 1 else (None, 0)


def _words(found: list[Token], at: int) -> tuple[int, int]:
    """As :func:`_read`, of words alone."""
    total, current, used, last = 0, 0, 0, 0
    while True:
        word = _word(found, at + used)
        skip = 1 if used and word in ("-", "and") else 0
        after = _word(found, at + used + skip)
        if skip and (after not in UNITS and after not in TENS):
            break
        if skip and word == "-" and not (last in TENS.values() and 0 < UNITS.get(after, 0) < 10):
            break
        if skip and word == "and" and last < 100:
            break
        if used == 0 and word in ("a", "an") and _word(found, at + 1) in SCALES:
            current, last, used = 1, 1, 1
            continue
        if after in UNITS and (not last or last >= 100 or (last >= 20 and 0 < UNITS[after] < 10)):
            last = UNITS[after] or 1
            current += UNITS[after]
        elif after in TENS and (not last or last >= 100):
            last = TENS[after]
            current += last
        elif after in SCALES and used:
            last = SCALES[after]
            if last == 100:
                current *= 100
            else:
                total, current = total + current * last, 0
        else:
            break
        used += skip + 1
        if used > 16:
            break
    return total + current, used


def _word(found: list[Token], at: int) -> str:
    return found[at].text.lower() if at < len(found) and found[at].value is None else ""


def _tiny(value: Fraction) -> str:
    return f"{float(value):.6g}"
