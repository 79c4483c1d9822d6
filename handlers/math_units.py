"""Units of time, money, length, weight and volume, for sums like "2 hours 30 minutes plus 45 minutes"."""

from dataclasses import dataclass
from fractions import Fraction

from handlers.calculator import NoNumber
from handlers.math_numbers import Token, number_text


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: what it measures, its plural name, and how many of the smallest unit it has."""

    kind: str
    name: str
    size: Fraction


def conversion(found: list[Token]) -> tuple[str, str] | None:
    """The answer and expression of "how many minutes in 3 hours" or "3 hours in minutes"; None if it is none.

    Raises:
        NoNumber: the two units measure different things.
    """
    words = ["#" if one.value is not None else one.text.lower() for one in found]
    numbers = [one.value for one in found if one.value is not None]
    said = [word for word in words if word not in _FILLING]
    match said:
        case [target, "#", source]:
            value = numbers[0]
        case [target, source] if "a" in words or "an" in words or "one" in words:
            value = Fraction(1)
        case ["#", source, target] | ["#", source, "to" | "into" | "as", target]:
            value = numbers[0]
        case _:
            return None
    into, of = UNIT_WORDS.get(target), UNIT_WORDS.get(source)
    if into is None or of is None or not {"in", "to", "into", "as"} & set(words):
        return None
    if into.kind != of.kind:
        raise NoNumber(f"{of.name} cannot be told in {into.name}")
    factor = of.size / into.size
    sign, by = ("*", factor) if factor >= 1 else ("/", 1 / factor)
    return number_text(value * factor), f"{number_text(value)} {sign} {number_text(by)}"


def amount_text(value: Fraction, unit: Unit | None) -> str:
    """A value as an answer: times in hours, minutes and seconds, money with two places."""
    if unit is None or unit.kind == "count":
        return number_text(value)
    if unit.kind == "time" and value.denominator == 1:
        return _spans(value)
    if unit.kind in ("dollars", "euros"):
        amount = value / 100
        shown = str(amount) if amount.denominator == 1 else f"{float(amount):.2f}"
        return f"{shown} {unit.kind}"
    return f"{number_text(value / unit.size)} {unit.name}"


_TABLE = {
    "time": "seconds second sec secs s=1 minutes minute min mins=60 hours hour hr hrs=3600 days day=86400 weeks week=604800",
    "dollars": "cents cent=1 dollars dollar bucks usd=100",
    "euros": "euros euro eur=100",
    "length": "millimeters millimeter mm=10 centimeters centimeter cm centimetres=100 meters meter m metre metres=10000 "
    "kilometers kilometer km kilometres=10000000 inches inch=254 feet foot ft=3048 yards yard=9144 miles mile=16093440",
    "weight": "milligrams milligram mg=1 grams gram g=1000 kilograms kilogram kg kilos kilo=1000000 tons ton tonnes=1000000000",
    "imperial weight": "ounces ounce oz=1 pounds pound lb lbs=16",
    "volume": "milliliters milliliter ml millilitres=1 centiliters cl=10 liters liter l litre litres=1000",
    "imperial volume": "cups cup=1 pints pint=2 quarts quart=4 gallons gallon=16",
    "months": "months month=1 years year=12",
    "count": "dozen dozens=12",
}
UNIT_WORDS: dict[str, Unit] = {}
"""Word -> its unit."""
for _kind, _told in _TABLE.items():
    _names: list[str] = []
    for _part in _told.split():
        _word, _, _size = _part.partition("=")
        _names.append(_word)
        if _size:
            UNIT_WORDS |= {one: Unit(_kind, _names[0], Fraction(_size)) for one in _names}
            _names = []
del _kind, _told, _names, _part, _word, _size

_FILLING = frozenset(
    ("how", "many", "are", "is", "there", "in", "a", "an", "one", "convert", "the")
)


def _spans(seconds: Fraction) -> str:
    left, sign = int(abs(seconds)), "-" if seconds < 0 else ""
    parts = []
    for name in ("hours", "minutes", "seconds"):
        count, left = divmod(left, int(UNIT_WORDS[name].size))
        if count:
            parts.append(f"{count} {name if count != 1 else name[:-1]}")
    return sign + (" ".join(parts) or "0 seconds")
