"""Word problems for validation: stories and phrasings that no training template has.

Each entry is a story, the least and greatest of its numbers by name, and questions with the expressions
that answer them. Several questions of one story tell whether the question was read.
"""

import random

from data.math_trees import Tree
from data.math_world import Tale, World

Entry = tuple[str, str, tuple[tuple[str, Tree], ...]]

_STORIES: tuple[Entry, ...] = (
    (
        "{P} keeps {his} {O} in a cupboard. On a rainy afternoon {he} counted <a> of them there. Over the week {he} parted with <b>.",
        "a 30 90 b 3 28",
        (
            ("How many {O} are in the cupboard after that week?", ("-", "a", "b")),
            ("How many {O} did {he} part with?", "b"),
        ),
    ),
    (
        "In the workshop of {P} stand <a> {X} and <b> {Y}. An order for <c> {X} went out this morning.",
        "a 40 90 b 20 60 c 5 35",
        (
            ("How many {X} stand in the workshop after the order?", ("-", "a", "c")),
            ("How many {X} and {Y} stood there before the order?", ("+", "a", "b")),
            ("How many more {X} than {Y} were there to begin with?", ("-", "a", "b")),
        ),
    ),
    (
        "A librarian sorts {O}. Shelf space is found for <a> on {D1} and for another <b> on {D2}; <c> of all these turn out to be damaged.",
        "a 20 80 b 20 80 c 3 19",
        (
            ("How many {O} found a space in these two days?", ("+", "a", "b")),
            ("How many undamaged {O} did the librarian sort?", ("-", ("+", "a", "b"), "c")),
        ),
    ),
    (
        "{P} can carry <m> {O} at once. {he} walks <n> times from the shed to the car, always with full hands.",
        "m 2 20 n 2 15",
        (("How many {O} end up in the car?", ("*", "m", "n")),),
    ),
    (
        "The school hired <n> buses for an outing. Every bus seats <m> children, and all seats are taken.",
        "n 2 12 m 12 60",
        (
            ("How many children go on the outing?", ("*", "n", "m")),
            ("How many buses were hired?", "n"),
        ),
    ),
    (
        "The coach hands <t> {O} to {his} <n> players so that nobody gets more than anybody else.",
        "n 3 15 t =n*k k 2 20",
        (("How many {O} does a player hold?", ("/", "t", "n")),),
    ),
    (
        "{P} strings {O} on threads, <m> on each thread, until all <t> {O} are used.",
        "m 3 20 t =m*k k 2 20",
        (("How many threads has {he} made?", ("/", "t", "m")),),
    ),
    (
        "Of the <t> guests at a wedding, <a> came by train, <b> by car and everybody else on foot.",
        "a 10 50 b 10 50 t =a+b+k k 5 40",
        (
            ("How many guests came on foot?", ("-", ("-", "t", "a"), "b")),
            ("How many guests did not come on foot?", ("+", "a", "b")),
            ("How many guests more came by train than by car?", ("-", "a", "b")),
        ),
    ),
    (
        "{P}'s jar weighs <a> grams when it is filled with {O}. Without them the jar weighs <b> grams.",
        "b 100 400 a =b+k k 50 600",
        (("What is the weight of the {O}?", ("-", "a", "b")),),
    ),
    (
        "{Q} has been collecting {O} for years and beats {P}, who owns <a>, by <k>.",
        "a 20 90 k 3 40",
        (
            ("What is the size of {Q}'s collection?", ("+", "a", "k")),
            ("How many {O} do both own, taken together?", ("+", "a", ("+", "a", "k"))),
        ),
    ),
    (
        "A ticket for grown-ups is <p> dollars, one for children <q> dollars. The family of {P} is made up of <n> grown-ups and <m> children.",
        "p 8 30 q 2 7 n 2 6 m 2 8",
        (
            ("What does the family pay at the door?", ("+", ("*", "p", "n"), ("*", "q", "m"))),
            ("What do the tickets of the children come to?", ("*", "q", "m")),
            ("How many are they in the family?", ("+", "n", "m")),
        ),
    ),
    (
        "{P} paid with a bill of <t> dollars for {O} worth <a> dollars.",
        "a 5 60 t =a+k k 2 40",
        (("How much change should {he} be handed?", ("-", "t", "a")),),
    ),
    (
        "Before the storm <a> {O} stood in the park. <b> were blown over that night, and in spring the city planted <c> young ones.",
        "a 40 120 b 5 35 c 10 50",
        (
            ("How many {O} survived the storm?", ("-", "a", "b")),
            ("How many {O} stand in the park after planting?", ("+", ("-", "a", "b"), "c")),
            ("How many more {O} were planted than were blown over?", ("-", "c", "b")),
        ),
    ),
    (
        "Nobody knows how many {O} {P} owned, but after {he} had handed <b> to the children next door there were exactly <r> on {his} table.",
        "b 3 50 r 5 90",
        (("How many {O} must {he} have owned?", ("+", "b", "r")),),
    ),
    (
        "{P} woke up to a pile of {O} that had grown from <a> to <r> overnight.",
        "a 10 60 r =a+k k 3 50",
        (("By how many {O} had the pile grown?", ("-", "r", "a")),),
    ),
    (
        "Each of <n> tables in the hall is set with <m> {X} and <p> {Y}.",
        "n 3 20 m 4 12 p 2 10",
        (
            ("How many {X} were needed for the hall?", ("*", "n", "m")),
            ("How many {Y} were needed for the hall?", ("*", "n", "p")),
            ("How many {X} and {Y} does a table carry?", ("+", "m", "p")),
        ),
    ),
    (
        "A lift takes <m> persons at most. It has gone up <n> times, full every time, and then once more with <a> persons.",
        "m 4 15 n 2 12 a 2 9",
        (("How many persons has the lift taken up?", ("+", ("*", "m", "n"), "a")),),
    ),
    (
        "A spool holds <t> meters of wire. {P} needs <a> meters for the fence and cuts what remains into lengths of <m> meters.",
        "m 2 9 a 5 40 t =a+m*k k 3 20",
        (
            ("How many such lengths are there?", ("/", ("-", "t", "a"), "m")),
            ("How many meters remain once the fence is done?", ("-", "t", "a")),
        ),
    ),
    (
        "{P} swam <a> laps, {Q} <b> and {R} <c> in the charity swim.",
        "a 10 60 b 10 60 c 10 60",
        (
            ("How many laps did the three swim?", ("+", ("+", "a", "b"), "c")),
            ("By how many laps did {P} beat {R}?", ("-", "a", "c")),
            ("How many laps did {Q} and {R} add up to?", ("+", "b", "c")),
        ),
    ),
    (
        "{P} is <a> years of age; {Q} was born <k> years earlier.",
        "a 5 50 k 2 30",
        (("What is the age of {Q}?", ("+", "a", "k")),),
    ),
    (
        "A tank holding <t> liters loses <m> liters an hour through a crack.",
        "m 2 12 t =m*k k 3 20",
        (("After how many hours is it empty?", ("/", "t", "m")),),
    ),
    (
        "The printer needs <m> minutes for one poster. {P} has ordered <n> posters.",
        "m 2 12 n 3 30",
        (("How many minutes will the printer be busy?", ("*", "m", "n")),),
    ),
    (
        "For the fair {P} baked <a> trays of {X} with <m> on each and <b> trays of {Y} with <p> on each.",
        "a 2 9 m 6 24 b 2 9 p 6 24",
        (
            ("How many {Y} were baked?", ("*", "b", "p")),
            ("How many trays went into the oven?", ("+", "a", "b")),
            ("How many {X} and {Y} were baked?", ("+", ("*", "a", "m"), ("*", "b", "p"))),
        ),
    ),
    (
        "{P} found <t> {O} by the river, <k> times what {Q} found there.",
        "k 2 9 t =k*u u 3 20",
        (("What did {Q} find?", ("/", "t", "k")),),
    ),
    (
        "A baker fills <n> boxes with <m> {O} each and is left with <a> {O} that make no full box.",
        "n 3 15 m 6 20 a 2 5",
        (
            ("How many {O} had the baker made?", ("+", ("*", "n", "m"), "a")),
            ("How many {O} are in boxes?", ("*", "n", "m")),
        ),
    ),
    (
        "The crew laid <a> tiles in the bathroom and <b> in the hallway, though <t> had been delivered.",
        "a 40 150 b 40 150 t =a+b+k k 10 90",
        (
            ("How many of the delivered tiles were not laid?", ("-", ("-", "t", "a"), "b")),
            ("How many tiles were laid?", ("+", "a", "b")),
        ),
    ),
    (
        "{P} weighs <a> pounds, <k> pounds less than {Q}.",
        "a 60 160 k 5 50",
        (("What does {Q} weigh?", ("+", "a", "k")),),
    ),
    (
        "At dawn <a> swans and <b> geese were on the lake. By noon <c> swans and <d> geese had flown away.",
        "a 30 80 b 30 80 c 4 25 d 4 25",
        (
            ("How many swans were on the lake at noon?", ("-", "a", "c")),
            ("How many geese were on the lake at noon?", ("-", "b", "d")),
            ("How many birds flew away?", ("+", "c", "d")),
            ("How many birds were on the lake at dawn?", ("+", "a", "b")),
        ),
    ),
    (
        "{P} wants to put a fence around a meadow which is <l> yards long and <b> yards wide.",
        "l 20 90 b 5 19",
        (
            ("How many yards of fence does {he} need?", ("*", 2, ("+", "l", "b"))),
            ("What is the area of the meadow in square yards?", ("*", "l", "b")),
        ),
    ),
    (
        "Every {D1} {P} puts <m> dollars aside, and the {o} {he} dreams of is priced at <t> dollars.",
        "m 3 20 t =m*k k 3 20",
        (("In how many weeks can {he} buy it?", ("/", "t", "m")),),
    ),
    (
        "The <n> members of a band are paid <t> dollars for a concert, which they divide fairly.",
        "n 3 9 t =n*k k 20 90",
        (("What is one member's part?", ("/", "t", "n")),),
    ),
    (
        "{P} ran <a> meters on {D1}, <k> meters less than on {D2}.",
        "a 200 900 k 20 190",
        (
            ("How many meters did {he} run on {D2}?", ("+", "a", "k")),
            ("How many meters did {he} run on both days?", ("+", "a", ("+", "a", "k"))),
        ),
    ),
    (
        "{P} had to learn <t> words. {he} knew <a> by {D1} and forgot <b> of those again by {D2}.",
        "b 2 9 a =b+k k 10 40 t =a+u u 5 50",
        (
            ("How many words did {he} still know on {D2}?", ("-", "a", "b")),
            ("How many words were still unknown to {him} on {D1}?", ("-", "t", "a")),
        ),
    ),
    (
        "A shop gives <k> dollars off every {o}, which used to be <p> dollars. {P} takes <n> of them.",
        "k 2 9 p =k+u u 5 30 n 2 9",
        (
            ("What does {P} pay?", ("*", "n", ("-", "p", "k"))),
            ("What is the new price of one {o}?", ("-", "p", "k")),
        ),
    ),
    (
        "Between them, {P} and {Q} sold <t> {O}; {P}'s part of that was <a>.",
        "a 10 60 t =a+k k 5 60",
        (("How many of the {O} were sold by {Q}?", ("-", "t", "a")),),
    ),
    (
        "{P} put <a> {O} into the first jar, <k> more into the second than into the first, and none into the third.",
        "a 10 60 k 3 30",
        (
            ("How many {O} are in the second jar?", ("+", "a", "k")),
            ("How many {O} did {he} use for the jars?", ("+", "a", ("+", "a", "k"))),
        ),
    ),
)


def unseen(rng: random.Random) -> Tale:
    """One of the stories with its questions."""
    story, ranges, asks = rng.choice(_STORIES)
    world = World(rng)
    filled(world, ranges.split(), rng)
    return world.tale([story], list(asks))


def filled(world: World, parts: list[str], rng: random.Random) -> None:
    """Numbers by name: ``a 2 9`` is from 2 to 9, ``t =a*k`` follows from others, told before or after."""
    pending: list[tuple[str, str]] = []
    while parts:
        name = parts.pop(0)
        if parts[0].startswith("="):
            pending.append((name, parts.pop(0)[1:]))
        else:
            world.fix(name, rng.randint(int(parts.pop(0)), int(parts.pop(0))))
    for name, told in pending:
        world.fix(name, sum(_product(world, part) for part in told.split("+")))


def _product(world: World, told: str) -> int:
    result = 1
    for name in told.split("*"):
        result *= int(world.values[name])
    return result
