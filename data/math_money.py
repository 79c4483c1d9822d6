"""Stories of prices and money."""
# fmt: off

from data.math_world import Asks, Tale, World


def unit_price(w: World) -> Tale:
    """So many at so much each."""
    asks: Asks
    _p, _q = w.number("p", 2, 40), w.number("q", 2, 40)
    _n, _m = w.number("n", 2, 12), w.number("m", 2, 12)
    w.number("z", 2, 30)
    asides = ["{Q} has <z> {N}.", "{P} is <z> years old.", "the {L} has <z> {N}."]
    lines = ["(a|one|each|every) {o} costs <p> dollars.|{P} (bought|sold) {O} for <p> dollars each.|the {O} (are|cost) <p> dollars (each|apiece).".join("()")]
    asks = [
        ("how much (do|will|would) <n> {O} cost?|how much does {P} pay for <n> {O}?|what is the price of <n> {O}?".join("()"), ("*", "p", "n")),
    ]
    if w.chance(0.5):
        lines.append("{P} (bought|buys|sold|wants to buy|needs) <n> {O}.")
        asks = [("how much (did {he} (spend|pay|earn)|does {he} have to pay|money did {he} make|money will {he} need|does it cost)?|what is the total cost?".join("()"), ("*", "p", "n"))]
    return w.tale(lines, asks, asides=asides)


def how_many_for(w: World) -> Tale:
    """How many the money buys."""
    asks: Asks
    p, _q = w.number("p", 2, 40), w.number("q", 2, 40)
    n, _m = w.number("n", 2, 12), w.number("m", 2, 12)
    w.number("z", 2, 30)
    asides = ["{Q} has <z> {N}.", "{P} is <z> years old.", "the {L} has <z> {N}."]
    t = n * p
    w.fix("t", t)
    lines = ["(a|one|each|every) {o} costs <p> dollars.", "{P} has <t> dollars."]
    if w.chance(0.5):
        lines.reverse()
    asks = [("how many {O} can {he} (buy|afford|get) [with (it|{his} money)]?", ("/", "t", "p"))]
    return w.tale(lines, asks, asides=asides)


def two_prices(w: World) -> Tale:
    """Two things and their prices."""
    asks: Asks
    _p, _q = w.number("p", 2, 40), w.number("q", 2, 40)
    _n, _m = w.number("n", 2, 12), w.number("m", 2, 12)
    w.number("z", 2, 30)
    asides = ["{Q} has <z> {N}.", "{P} is <z> years old.", "the {L} has <z> {N}."]
    lines = ["(a|one) {o} costs <p> dollars and (a|one) {n} costs <q> dollars.|{P} (spent|paid) <p> dollars (on|for) (a|one) {o} and <q> dollars (on|for) (a|one) {n}.|{P} bought {O} for <p> dollars and {N} for <q> dollars.".join("()")]
    asks = [
        ("how much (did {he} spend|does {P} pay for both|do they cost|did {P} pay|money did {he} spend) (altogether|in all|in total|)?", ("+", "p", "q")),
        ("how much (more|more money) (does the {o} cost than the {n}|did {he} spend on the {o} than the {n}|is the {o} than the {n})?", ("-", "p", "q")),
        ("how much (more|more money) (does the {n} cost than the {o}|did {he} spend on the {n} than the {o})?|how much cheaper is the {o} than the {n}?".join("()"), ("-", "q", "p")),
    ]
    return w.tale(lines, asks, asides=asides)


def money_left(w: World) -> Tale:
    """What is left after buying."""
    asks: Asks
    p, q = w.number("p", 2, 40), w.number("q", 2, 40)
    _n, _m = w.number("n", 2, 12), w.number("m", 2, 12)
    w.number("z", 2, 30)
    asides = ["{Q} has <z> {N}.", "{P} is <z> years old.", "the {L} has <z> {N}."]
    w.fix("t", p + q + int(w.values["z"]))
    lines = ["{P} (had|has|got|received) <t> dollars [for {his} birthday|to spend].", "{he} (bought|spent money on) a {o} (for|that cost) <p> dollars.|{he} (spent|paid) <p> dollars (on|for) (a {o}|{O}).".join("()")]
    asks = [("how much (money|) (does {he} have (left|now)|did {P} have left|is left)?", ("-", "t", "p")), ("how much (money|) did {he} have (at first|before)?", "t")]
    if w.chance(0.5):
        lines[1] = "{he} (spent|paid) <p> dollars (on|for) (a {o}|{O}) and <q> dollars (on|for) (a {n}|{N})."
        asks = [
            ("how much (money|) (does {he} have (left|now)|did {P} have left|is left)?", ("-", ("-", "t", "p"), "q")),
            ("how much did {he} spend (in all|altogether|)?", ("+", "p", "q")),
            ("how much more did {he} spend on the {o} than on the {n}?|how much more did the {o} cost than the {n}?".join("()"), ("-", "p", "q")),
        ]
    asides = ["{Q} has <k> {N}."]
    w.number("k", 2, 9)
    return w.tale(lines, asks, asides=asides)


def change_back(w: World) -> Tale:
    """What comes back."""
    asks: Asks
    p, _q = w.number("p", 2, 40), w.number("q", 2, 40)
    n, _m = w.number("n", 2, 12), w.number("m", 2, 12)
    w.number("z", 2, 30)
    asides = ["{Q} has <z> {N}.", "{P} is <z> years old.", "the {L} has <z> {N}."]
    w.fix("t", n * p + int(w.values["z"]))
    lines = ["{P} (had|has|went to the {L} with) <t> dollars.", "{he} (bought|buys) <n> {O} (for|at) <p> dollars each."]
    asks = [
        ("how much (money|change|) (does {he} have (left|now)|did {P} have left|is left|does {he} get back)?", ("-", "t", ("*", "n", "p"))),
        ("how much did {he} (spend|pay)?", ("*", "n", "p")),
    ]
    asides = []
    return w.tale(lines, asks, asides=asides)


def two_kinds_bought(w: World) -> Tale:
    """So many of each of two kinds."""
    asks: Asks
    _p, _q = w.number("p", 2, 40), w.number("q", 2, 40)
    _n, _m = w.number("n", 2, 12), w.number("m", 2, 12)
    w.number("z", 2, 30)
    asides = ["{Q} has <z> {N}.", "{P} is <z> years old.", "the {L} has <z> {N}."]
    lines = ["{P} (bought|sold|wants to buy) <n> {O} and <m> {N}.", "(each|every|an|one) {o} costs <p> dollars and (each|every|one) {n} costs <q> dollars.|the {O} cost <p> dollars each and the {N} <q> dollars each.".join("()")]
    asks = [
        ("how much (did {he} spend|does it cost|money is that|did {he} pay) (in all|altogether|in total|)?", ("+", ("*", "n", "p"), ("*", "m", "q"))),
        ("how much (did|do) the {O} cost?|how much did {he} pay for the {O}?".join("()"), ("*", "n", "p")),
        ("how much (did|do) the {N} cost?|how much did {he} pay for the {N}?".join("()"), ("*", "m", "q")),
        ("how many (things|items) did {he} (buy|sell|want)?", ("+", "n", "m")),
        ("how much more did the {O} cost than the {N}?", ("-", ("*", "n", "p"), ("*", "m", "q"))),
    ]
    return w.tale(lines, asks, asides=asides)


def same_price(w: World) -> Tale:
    """Everything at the same price."""
    asks: Asks
    _p, _q = w.number("p", 2, 40), w.number("q", 2, 40)
    _n, _m = w.number("n", 2, 12), w.number("m", 2, 12)
    w.number("z", 2, 30)
    asides = ["{Q} has <z> {N}.", "{P} is <z> years old.", "the {L} has <z> {N}."]
    lines = ["{P} (bought|sold|buys) <n> {O} and <m> {N}.", "(each (one|item|of them)|everything|every item) (costs|cost|was|is) <p> dollars [each]."]
    asks = [
        ("how much (did {he} (spend|pay|earn)|do they cost) (in all|altogether|in total|)?", ("*", ("+", "n", "m"), "p")),
        ("how much (did|do) the {O} cost?", ("*", "n", "p")),
    ]
    return w.tale(lines, asks, asides=asides)


def discount(w: World) -> Tale:
    """A price made lower."""
    asks: Asks
    p, _q = w.number("p", 2, 40), w.number("q", 2, 40)
    n, _m = w.number("n", 2, 12), w.number("m", 2, 12)
    w.number("z", 2, 30)
    asides = ["{Q} has <z> {N}.", "{P} is <z> years old.", "the {L} has <z> {N}."]
    w.fix("d", w.rng.randint(1, max(1, p - 1)))
    lines = ["(a|one|each) {c} of {O} costs <p> dollars.|the price of a {c} of {O} is <p> dollars.".join("()"), "(there is a discount of <d> dollars on each {c}|you get a discount of <d> dollars on each {c}|on sale each {c} is <d> dollars cheaper)."]
    w.fix("t", n * (p - int(w.values["d"])))
    asks = [
        ("how much does (a|one|each) {c} cost (now|then|with the discount)?|how much do you have to pay for each {c}?".join("()"), ("-", "p", "d")),
        ("how much do <n> {C} cost [with the discount|now]?", ("*", "n", ("-", "p", "d"))),
        ("how many {C} can {P} buy with <t> dollars?", ("/", "t", ("-", "p", "d"))),
    ]
    return w.tale(lines, asks, asides=asides)


def price_of_it(w: World) -> Tale:
    """What was there before, or what it cost."""
    asks: Asks
    p, _q = w.number("p", 2, 40), w.number("q", 2, 40)
    _n, _m = w.number("n", 2, 12), w.number("m", 2, 12)
    w.number("z", 2, 30)
    asides = ["{Q} has <z> {N}.", "{P} is <z> years old.", "the {L} has <z> {N}."]
    s = w.number("s", 2, 60)
    lines = ["{P} (had some money|had some dollars).", "{he} (spent <p> dollars (on|for) {O}|bought {O} for <p> dollars).", "(now|then|after that) {he} (has|had) <s> dollars [left]."]
    asks = [("how much (money|) did {he} have (at first|before|in the beginning|before shopping|to start with)?", ("+", "p", "s"))]
    if w.chance(0.5):
        w.fix("t", p + s)
        lines = ["{P} (had|has) <t> dollars.", "(after (buying|paying for) (a {o}|{O}) {he} (has|had) <s> dollars left|{he} bought (a {o}|{O}) and has <s> dollars left).".replace("buying|", "buying|")]
        asks = [("how much (did the {o} cost|did {he} spend|money did {he} spend|did {he} pay)?", ("-", "t", "s"))]
    elif w.chance(0.5):
        w.fix("t", p + s)
        w.values.pop("p")
        lines = ["{P} (wants to buy|needs to buy|is saving for) a {o} that costs <t> dollars.", "{he} (has|has saved) <s> dollars [so far]."]
        asks = [("how much more money does {he} need?|how much does {he} still have to save?".join("()"), ("-", "t", "s"))]
    return w.tale(lines, asks, asides=asides)


def earning(w: World) -> Tale:
    """Work for money by the hour or the piece."""
    asks: Asks
    p, n, m = w.number("p", 3, 30), w.number("n", 2, 12), w.number("m", 2, 12)
    roll = w.rng.randrange(5)
    w.number("z", 2, 30)
    if roll == 0:
        lines = ["{P} (earns|makes|gets paid|charges) <p> dollars (an hour|per hour|for each hour|every hour).", "{he} worked <n> hours on {D1} and <m> hours on {D2}."]
        asks = [
            ("how much (money|) did {he} (earn|make) (in all|altogether|in total|in those two days)?", ("*", "p", ("+", "n", "m"))),
            ("how much did {he} (earn|make) on {D1}?", ("*", "p", "n")),
            ("how much did {he} (earn|make) on {D2}?", ("*", "p", "m")),
            ("how many hours did {he} work (in all|)?", ("+", "n", "m")),
            ("how many more hours did {he} work on {D1} than on {D2}?", ("-", "n", "m")),
        ]
    elif roll == 1:
        w.fix("k", w.rng.randint(1, n))
        w.fix("n", n + 1)
        lines = ["{P} (earns|makes|gets|earned) <p> dollars for (each|every) {o} {he} (sells|washes|makes|delivers|paints).", "{he} had <n> {O} (but|and) (did not sell|forgot|left out|skipped|lost) <k> of them."]
        asks = [("how much (money|) did {he} (earn|make|actually make)?", ("*", "p", ("-", "n", "k"))), ("how many {O} did {he} do?", ("-", "n", "k"))]
    elif roll == 2:
        w.fix("t", p * n)
        lines = ["{P} (earned|made|got|was paid) <t> dollars (for <n> hours of work|by working <n> hours|in <n> hours).|{P} worked <n> hours and (earned|made|got) <t> dollars.".join("()")]
        asks = [("how much (did {he} (earn|make|get)|was {he} paid) (per hour|an hour|each hour|for one hour)?", ("/", "t", "n"))]
    elif roll == 3:
        lines = ["{P} (saved|earned|made|had) <p> dollars and (then|later|) (earned|got|received|made) <z> dollars [more] (for {his} birthday|from {Q}|by washing {O}|)."]
        w.fix("c", w.rng.randint(1, p))
        lines.append("{he} spent <c> dollars on {N}.")
        asks = [
            ("how much (money|) does {he} have (now|left)?", ("-", ("+", "p", "z"), "c")),
            ("how much (money|) did {he} have before {he} (spent any|bought the {N})?", ("+", "p", "z")),
        ]
    else:
        w.fix("q", m)
        w.fix("a", n * m)
        w.fix("b", w.rng.randint(1, 3) * m)
        lines = ["{P} (had|saved up|had saved) <a> dollars and (got|received|earned) (another <b>|<b> more) [dollars|dollars for {his} allowance].", "(each|a|every) {o} costs <q> dollars."]
        asks = [("how many {O} (can|could) {he} buy [now|with {his} money]?", ("/", ("+", "a", "b"), "q")), ("how much money does {he} have?", ("+", "a", "b"))]
        if w.chance(0.4):
            w.fix("b", m * w.rng.randint(1, max(1, n - 1)))
            lines[0] = "{P} (had|saved up) <a> dollars (and|but) spent <b> dollars on (a {n}|{N})."
            asks = [("how many {O} (can|could) {he} buy with (the rest|what is left|the money {he} has left)?", ("/", ("-", "a", "b"), "q")), ("how much money does {he} have left?", ("-", "a", "b"))]
    return w.tale(lines, asks)


_SHOPPING = (
    unit_price, how_many_for, two_prices, money_left, change_back, two_kinds_bought, same_price, discount,
    price_of_it,
)
MONEY = (*_SHOPPING, *(earning,) * 3)
"""Tellers of stories."""
