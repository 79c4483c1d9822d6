"""Arithmetic that can be read whole: "what is 17 times 23", "15% of 80", "half of 90 plus 7".

A parser of precedences (Pratt 1973) over words and signs. What it does not understand to the last
word is none of its business: a word problem, or no sum at all.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from handlers.calculator import NoNumber
from handlers.home_speech import stem_of
from handlers.math_asking import without_asking
from handlers.math_numbers import PARTS, SCALES, UNITS, Token, number_text, tokens
from handlers.math_terms import (
    ATOM,
    COMMANDS,
    FUNCTIONS,
    LISTS,
    POWER,
    PRODUCT,
    SUM,
    NotUnderstood,
    Term,
    factorial,
    hundredfold,
    is_share,
    number,
    product,
    raised,
    summed,
)
from handlers.math_units import UNIT_WORDS, amount_text, conversion

MOST_TOKENS = 400
_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Plain:
    """What a text of arithmetic comes to."""

    answer: str
    expression: str


def arithmetic(text: str) -> Plain | None:
    """The result of a text that is arithmetic and nothing else; None where it is not.

    Raises:
        NoNumber: it is arithmetic without a result: a division by zero, a number out of all bounds.
    """
    if not re.search(r"\d", text) and not _SPOKEN.search(text.lower()):
        return None
    try:
        found = [one for one in tokens(text, fractions=False) if one.text not in ('"', "'")]
    except ValueError as fault:
        if re.search(r"[^\W\d_]{3}", text):
            return None
        raise NoNumber(str(fault)) from fault
    words = without_asking(found)
    if not words or len(words) > MOST_TOKENS:
        return None
    try:
        asked = conversion(words)
        if asked is not None:
            return Plain(*asked)
        if len(words) == 1 and words[0].value is not None and len(found) > 3:
            return None
        result = _read(words)
    except NotUnderstood:
        return None
    return Plain(amount_text(result.value, result.unit), result.text)


_SPOKEN = re.compile(
    r"\b(?:plus|minus|times|divided|half|twice|square|sum|product|percent|hundred|"
    + "|".join(UNITS)
    + r")\b|\bin (?:a|an|one)\b"
)
_SUMS = {"+": "+", "plus": "+", "-": "-", "minus": "-"}
_PRODUCTS = {
    **dict.fromkeys(("*", "x", "X", "\u00d7", "\u00b7", "times"), "*"),
    **dict.fromkeys(("/", "\u00f7", "over"), "/"),
    **dict.fromkeys(("mod", "modulo"), "%"),
}
_OF_SUMS = frozenset(
    (
        *_SUMS,
        *_PRODUCTS,
        *"multiplied divided and to from by squared cubed percent of in is".split(),
    )
)
"""Words behind a number that name no thing."""

_POSTFIXED = {"squared": 2, "cubed": 3, "²": 2, "³": 3}
_MULTIPLES = {"twice": 2, "double": 2, "thrice": 3, "triple": 3, "quadruple": 4}

_TO_THE_POWER = ("to the power of", "raised to the power of", "raised to", "to the power", "to the")
_WHAT_SHARE = (
    "what percent of",
    "what percentage of",
    "percent of",
    "percentage of",
    "what percentage is",
)


def _read(words: list[Token]) -> Term:
    """The whole text as one expression; if it counts one sort of things all through, of their numbers."""
    try:
        return _Parser(words).whole()
    except NotUnderstood:
        behind = {
            after.text.lower()
            for one, after in pairwise(words)
            if one.value is not None and after.text.isalpha()
        }
        things = {stem_of(word) for word in behind - _OF_SUMS}
        if len(things) != 1:
            raise
        bare = [one for one in words if stem_of(one.text.lower()) not in things]
        return _Parser(bare).whole()


class _Parser:
    """One reading of one text."""

    def __init__(self, found: list[Token]) -> None:
        self._found = found
        self._at = 0
        self._depth = 0

    def whole(self) -> Term:
        """All of the text as one expression."""
        first = self._command() or self._sum()
        if self._take("more than"):
            first = summed(self._sum(), "+", first)
        elif self._take("less than") or self._take("fewer than"):
            first = summed(self._sum(), "-", first)
        if self._at != len(self._found):
            raise NotUnderstood
        if first.percent:
            return Term(first.value, first.text, first.tight)
        lone = first.tight == ATOM and not first.unit and first.text.replace(".", "").isdigit()
        if lone and any(one.value is None and one.text.isalpha() for one in self._found):
            # A number with words around it asks for nothing that could be reckoned.
            raise NotUnderstood
        return first

    # The words of a command: add, subtract, multiply, divide, and shares of a hundred.

    def _command(self) -> Term | None:
        self._take("the")
        start = self._at
        for verb, links, make in COMMANDS:
            if self._take(verb):
                first = self._signed() if "remainder" in verb else self._sum(stop=links)
                if self._take_any(links):
                    made: Term = make(first, self._sum())
                    return made
                self._at = start
        if self._take("how many times does") or self._take("how often does"):
            small = self._sum()
            if self._take("go into") or self._take("fit into"):
                return product(self._sum(), "/", small)
        self._at = start
        return self._share()

    def _share(self) -> Term | None:
        """What percent of 80 is 12; 12 is what percent of 80."""
        start = self._at
        if any(self._take(said) for said in _WHAT_SHARE):
            whole = self._sum()
            if self._take("is"):
                return hundredfold(product(self._sum(), "/", whole))
        self._at = start
        if self._found[start].value is not None:
            part = self._sum()
            if self._take("is") and any(self._take(said) for said in _WHAT_SHARE):
                return hundredfold(product(part, "/", self._sum()))
        self._at = start
        return None

    def _sum(self, stop: tuple[str, ...] = ()) -> Term:
        self._enter()
        left = self._product()
        while (sign := _SUMS.get(self._word())) and not self._ahead(stop):
            self._at += 1
            left = summed(left, sign, self._product())
        self._depth -= 1
        return left

    def _product(self) -> Term:
        left = self._signed()
        while True:
            if self._take("multiplied by") or self._take("multiply by"):
                sign = "*"
            elif self._take("divided by") or self._take("divide by"):
                sign = "/"
            elif self._word() == "percent" and self._may_begin(self._at + 1):
                self._at += 1
                sign = "%"
            elif self._word() in _PRODUCTS:
                sign = _PRODUCTS[self._word()]
                self._at += 1
            elif self._word() == "(" or (self._word() == "of" and is_share(left)):
                self._at += self._word() == "of"
                sign = "*"
            elif self._take("off") and left.percent:
                right = self._signed()
                return summed(right, "-", product(right, "*", left))
            else:
                return left
            left = product(left, sign, self._signed())

    def _signed(self) -> Term:
        if self._word() in ("-", "minus", "negative"):
            self._at += 1
            self._enter()
            of = self._signed()
            self._depth -= 1
            return Term(-of.value, f"-{of.within(POWER)}", PRODUCT, of.unit)
        if self._word() == "+":
            self._at += 1
        return self._power()

    def _power(self) -> Term:
        base = self._postfixed()
        if self._word() == "*" and self._word(1) == "*":
            self._at += 2
        elif self._word() == "^":
            self._at += 1
        elif not any(self._take(said) for said in _TO_THE_POWER):
            return base
        nth = re.match(r"\d{1,4}(?=[snrt])", self._word())
        if nth or self._word() in PARTS:
            power = int(nth[0]) if nth else PARTS[self._word()]
            self._at += 1
            self._take("power")
            return raised(base, number(Fraction(power)))
        self._enter()
        exponent = self._signed()
        self._depth -= 1
        self._take("power")
        return raised(base, exponent)

    def _postfixed(self) -> Term:
        made = self._atom()
        while True:
            word = self._word()
            if word in _POSTFIXED:
                self._at += 1
                made = raised(made, number(Fraction(_POSTFIXED[word])))
            elif word in ("!", "factorial"):
                self._at += 1
                made = factorial(made)
            elif word == "percent" and not self._may_begin(self._at + 1):
                self._at += 1
                made = Term(
                    made.value / 100, f"{made.within(PRODUCT)} / 100", PRODUCT, percent=True
                )
            else:
                return made

    def _atom(self) -> Term:
        while self._take("the") or self._take("a number") or self._take("of"):
            pass
        word = self._word()
        if word in ("(", "[", "{"):
            return self._bracketed({"(": ")", "[": "]", "{": "}"}[word])
        for said, function in FUNCTIONS.items():
            if self._take(said):
                self._take("of")
                self._enter()
                made = function(self._signed())
                self._depth -= 1
                return made
        for said, fold in LISTS.items():
            if self._take(said):
                return fold(self._listed())
        if (share := self._fraction_word()) is not None:
            return share
        return self._quantity()

    def _bracketed(self, closing: str) -> Term:
        self._at += 1
        made = self._sum()
        if self._word() != closing:
            raise NotUnderstood
        self._at += 1
        return made

    def _fraction_word(self) -> Term | None:
        """Half of, a third of, twice, double."""
        at = self._at
        if self._word() in _MULTIPLES:
            self._at += 1
            self._take("of")
            times = _MULTIPLES[self._found[at].text.lower()]
            return product(number(Fraction(times)), "*", self._signed())
        if self._word() in ("a", "an", "one"):
            self._at += 1
        part = PARTS.get(self._word())
        if part is None or self._word().endswith("s"):
            self._at = at
            return None
        self._at += 1
        if not self._take("of") and not self._may_begin(self._at):
            self._at = at
            return None
        return product(self._signed(), "/", number(Fraction(part)))

    def _listed(self) -> list[Term]:
        """A, B and C."""
        items = [self._product()]
        while self._word() in (",", "and"):
            self._at += 1
            if self._word() == "and":
                self._at += 1
            items.append(self._product())
        return items

    def _quantity(self) -> Term:
        """A number, perhaps with its unit: 12, 2 1/2, 3 hours 20 minutes."""
        made = self._plain_number()
        unit = UNIT_WORDS.get(self._word())
        if unit is None:
            return made
        self._at += 1
        if unit.kind == "count":
            return product(made, "*", number(unit.size))
        made = Term(made.value * unit.size, f"{made.text} {unit.name}", made.tight, unit)
        while True:
            at = self._at
            self._take("and")
            follower = self._found[self._at] if self._at < len(self._found) else None
            smaller = UNIT_WORDS.get(self._word(1))
            if (
                follower is None or follower.value is None or smaller is None
                or smaller.kind != unit.kind or smaller.size >= unit.size
            ):  # fmt: skip
                self._at = at
                return made
            self._at += 2
            text = f"{made.text} + {number_text(follower.value)} {smaller.name}"
            made = Term(made.value + follower.value * smaller.size, text, SUM, smaller)
            unit = smaller

    def _plain_number(self) -> Term:
        if self._at >= len(self._found):
            raise NotUnderstood
        one = self._found[self._at]
        value = one.value
        if value is None:
            word = one.text.lower()
            if word in ("a", "an") and self._word(1) in SCALES:
                self._at += 1
                word = self._word()
            known = {"one": 1, "pi": None} | SCALES
            value = Fraction(found) if (found := known.get(word)) else None
            if value is None:
                raise NotUnderstood
        self._at += 1
        rest = self._found[self._at : self._at + 3]
        if (
            len(rest) == 3 and one.value is not None and value.denominator == 1
            and [part.value is not None for part in rest] == [True, False, True]
            and rest[1].text == "/" and rest[2].value
        ):  # fmt: skip
            # 2 1/2: a number and a fraction with nothing between them.
            self._at += 3
            part = (rest[0].value or Fraction(0)) / rest[2].value
            return Term(value + part, f"{value} + {rest[0].text} / {rest[2].text}", SUM)
        return number(value)

    # Where the reading stands.

    def _word(self, ahead: int = 0) -> str:
        at = self._at + ahead
        if at >= len(self._found) or self._found[at].value is not None:
            return ""
        return self._found[at].text.lower()

    def _take(self, said: str) -> bool:
        """Go past these words if they come next."""
        words = said.split()
        if [self._word(n) for n in range(len(words))] != words:
            return False
        self._at += len(words)
        return True

    def _take_any(self, said: tuple[str, ...]) -> bool:
        return any(self._take(one) for one in said)

    def _ahead(self, said: tuple[str, ...]) -> bool:
        return self._word() in said

    def _may_begin(self, at: int) -> bool:
        """Whether a number or a bracket stands there."""
        if at >= len(self._found):
            return False
        return self._found[at].value is not None or self._found[at].text in ("(", "[")

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise NoNumber("the expression is nested too deeply")
