"""What a generated word problem is made of: people, things, numbers, and the questions of one story.

A story is told once and asked about in several ways, so that only the question tells which numbers
count. In texts ``<a>`` stands for the number ``a``, ``{P}`` for a word of the story; ``(x|y)`` is a choice
and ``[x]`` may be left out (:mod:`data.phrasing`).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from data.math_trees import Tree
from data.phrasing import expand

HE = (
    "Tom Jack Luis Omar Ravi Pedro Kofi Ivan Hugo Felix Marco Dario Ethan Caleb Simon Noah Liam Oscar "
    "Victor Walter Bruno Emil Jonas Karim Nico Pablo Quinn Samir Tariq Andre Curtis Dennis Frank Gavin "
    "Harold Isaac Jerome Leon Morgan Nate Owen Philip Russell Shawn Trevor Wesley Xavier Yusuf Zane"
).split()
SHE = (
    "Mary Anna Lucy Rosa Mina Priya Elena Fatima Greta Hanna Ines Julia Kara Lena Maya Nora Olga Paula "
    "Rita Sonia Tara Uma Vera Wanda Yara Zoe Alice Bella Clara Diana Edith Fiona Gloria Helen Irene "
    "Joanna Kelly Linda Molly Nadia Ophelia Penny Ruth Sally Teresa Valerie Wendy Amber Carol"
).split()
THINGS = (
    "apple|apples pear|pears marble|marbles sticker|stickers pencil|pencils book|books card|cards "
    "shell|shells balloon|balloons cookie|cookies cupcake|cupcakes stamp|stamps crayon|crayons "
    "button|buttons bead|beads flower|flowers rose|roses tulip|tulips orange|oranges peach|peaches "
    "plum|plums melon|melons carrot|carrots tomato|tomatoes potato|potatoes onion|onions egg|eggs "
    "toy|toys doll|dolls robot|robots kite|kites ball|balls block|blocks puzzle|puzzles shirt|shirts "
    "sock|socks hat|hats scarf|scarves ribbon|ribbons candle|candles muffin|muffins pie|pies "
    "sandwich|sandwiches donut|donuts lollipop|lollipops candy|candies nut|nuts seed|seeds tree|trees "
    "bush|bushes brick|bricks nail|nails screw|screws tile|tiles magazine|magazines letter|letters "
    "photo|photos poster|posters song|songs video|videos fish|fish crab|crabs duck|ducks hen|hens "
    "goat|goats sheep|sheep rabbit|rabbits kitten|kittens puppy|puppies frog|frogs bee|bees "
    "lizard|lizards lamp|lamps key|keys spoon|spoons fork|forks mug|mugs chair|chairs notebook|notebooks "
    "eraser|erasers folder|folders comic|comics coupon|coupons badge|badges medal|medals pin|pins"
).split()
ADJECTIVES = (
    "red blue green yellow white black pink purple brown golden silver wooden plastic glass paper round "
    "striped spotted shiny soft salty sweet sour ripe frozen toasted chocolate vanilla lemon strawberry "
    "tiny giant rare foreign local handmade sparkly plain painted"
).split()
CONTAINERS = (
    "box|boxes bag|bags basket|baskets jar|jars crate|crates packet|packets carton|cartons tray|trays "
    "shelf|shelves bowl|bowls case|cases pack|packs bucket|buckets drawer|drawers pile|piles "
    "row|rows stack|stacks bunch|bunches group|groups album|albums cage|cages vase|vases tin|tins "
    "table|tables page|pages container|containers package|packages set|sets"
).split()
PLACES = (
    "garden park beach market shop school library farm zoo museum barn kitchen attic office yard forest "
    "lake harbor station theater hall fair store bakery orchard field pond aquarium warehouse"
).split()
UMBRELLAS = (
    "things", "items", "pieces", "toys", "supplies", "presents", "animals", "snacks", "plants", "prizes",
)  # fmt: skip


Asks = list[tuple[str, Tree]]
"""Questions, and the trees that answer them."""


@dataclass(slots=True)
class Tale:
    """A story with all that may be asked about it.

    Attributes:
        lines: its sentences, in order.
        asks: questions and the trees that answer them.
        values: name -> number.
        asides: sentences that may be added anywhere before the end; their numbers answer nothing.
        loose: whether the order of the lines may change.
    """

    lines: list[str]
    asks: Asks
    values: dict[str, int | str]
    asides: list[str] = field(default_factory=list)
    loose: bool = False


class World:
    """Random words and numbers of one story."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.values: dict[str, int | str] = {}
        self.size = rng.choice((10, 20, 40, 100, 100, 1000))
        people = rng.sample([*((n, "he") for n in HE), *((n, "she") for n in SHE)], 4)
        self.slots: dict[str, str] = {}
        for letter, (name, he) in zip("PQRT", people, strict=True):
            self._person(letter, name, he)
        if rng.random() < 0.12:
            self._person(
                "P", rng.choice(("the teacher", "the farmer", "a baker", "the chef")), "she"
            )
        if rng.random() < 0.15:
            kin = rng.choice(
                ("brother", "sister", "mother", "father", "friend", "cousin", "uncle", "mom", "dad")
            )
            he = "he" if kin in ("brother", "father", "uncle", "dad") else "she"
            self._person("Q", f"{self.slots['his']} {kin}", he)
        self._things()
        one, many = rng.choice(CONTAINERS).split("|")
        two, others = rng.choice(CONTAINERS).split("|")
        self.slots |= {"c": one, "C": many, "d": two, "D": others}
        self.slots |= dict(zip(("L", "M"), rng.sample(PLACES, 2), strict=True))
        days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
        at = rng.randrange(4)
        for name, day in zip(("D1", "D2", "D3"), days[at : at + 3], strict=True):
            self.slots[name] = day.title()
        month = rng.choice(("January|February|March", "April|May|June", "July|August|September"))
        for name, said in zip(("M1", "M2", "M3"), month.split("|"), strict=True):
            self.slots[name] = said

    def say(self, template: str) -> str:
        """One way of saying a template, first letter large."""
        said = expand(template, self.rng, **self.slots)
        return said[:1].upper() + said[1:]

    def number(self, name: str, low: int = 2, high: int = 0) -> int:
        """Give ``name`` a number; by default of the story's size."""
        found = self.rng.randint(low, max(high or self.size, low + 3))
        self.values[name] = found
        return found

    def numbers(self, names: str) -> None:
        """Give each of these one-letter names a number."""
        for name in names:
            self.number(name)

    def fix(self, name: str, value: int | str) -> None:
        """Give ``name`` this number; a string is how it is written, "two"."""
        self.values[name] = value

    def chance(self, share: float) -> bool:
        """True as often as that."""
        return self.rng.random() < share

    def tale(
        self, lines: list[str], asks: Asks, *, asides: Sequence[str] = (), loose: bool = False
    ) -> Tale:
        """The story of these templates."""
        return Tale(
            [self.say(line) for line in lines],
            [(self.say(question), tree) for question, tree in asks],
            self.values,
            [self.say(line) for line in asides],
            loose=loose,
        )

    def _person(self, letter: str, name: str, he: str) -> None:
        him, his = ("him", "his") if he == "he" else ("her", "her")
        small = letter.lower() if letter != "P" else ""
        self.slots |= {letter: name, f"{small}he": he, f"{small}him": him, f"{small}his": his}

    def _things(self) -> None:
        """O and o are things and one of them, X and Y two kinds of H, U what both are called."""
        rng = self.rng
        first, second, third = (one.split("|") for one in rng.sample(THINGS, 3))
        adjectives = rng.sample(ADJECTIVES, 3)
        if rng.random() < 0.3:
            first = [f"{adjectives[2]} {first[0]}", f"{adjectives[2]} {first[1]}"]
        self.slots |= {"o": first[0], "O": first[1], "n": third[0], "N": third[1]}
        if rng.random() < 0.5:
            one, many = second
            self.slots |= {"X": f"{adjectives[0]} {many}", "Y": f"{adjectives[1]} {many}"}
            self.slots |= {"x": f"{adjectives[0]} {one}", "y": f"{adjectives[1]} {one}", "H": many}
            self.slots["Z"] = f"{adjectives[2]} {many}"
        else:
            kinds = [one.split("|") for one in rng.sample(THINGS, 3)]
            self.slots |= {"X": kinds[0][1], "Y": kinds[1][1], "Z": kinds[2][1]}
            self.slots |= {"x": kinds[0][0], "y": kinds[1][0]}
            both = f"{kinds[0][1]} and {kinds[1][1]}"
            self.slots["H"] = rng.choice((*UMBRELLAS, both))
