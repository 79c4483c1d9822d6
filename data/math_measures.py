"""Stories of measures: lengths, ages, speeds, weights, times, parts, means."""
# fmt: off

from data.math_trees import Tree
from data.math_world import Asks, Tale, World


def distances(w: World) -> Tale:
    """How far people went."""
    asks: Asks
    r: Tree
    _a, _b = w.number("a"), w.number("b")
    asides: list[str] = []
    w.number("z", 2, 20)
    unit = w.rng.choice(("meters", "feet", "inches", "miles", "kilometers", "yards", "centimeters"))
    w.slots |= {"u": unit}
    lines = ["{P} (walked|ran|drove|jumped|swam|rode|flew) <a> {u} and {Q} (walked|ran|drove|jumped|swam|rode) <b> {u}.|the {o} jumped <a> {u} and the {n} jumped <b> {u}.".join("()")]
    asks = [("how (much|many {u}) (farther|further|more) did the (first|one) go than the other?", ("-", "a", "b"))]
    lines = ["{P} (walked|ran|drove|jumped|swam|rode|flew) <a> {u} and {Q} (walked|ran|drove|jumped|swam|rode) <b> {u}."]
    asks = [
        ("how (much|many {u}) (farther|further|more) did {P} (go|walk|run|jump|drive) than {Q}?", ("-", "a", "b")),
        ("how (much|many {u}) (farther|further|more) did {Q} (go|walk|run|jump|drive) than {P}?", ("-", "b", "a")),
        ("how (far|many {u}) did they go (together|in all|altogether)?", ("+", "a", "b")),
    ]
    if w.chance(0.4):
        w.number("c")
        w.slots |= {"W": w.rng.choice(("frog", "mouse", "grasshopper", "rabbit", "cat"))}
        lines = ["{P} (jumped|ran|swam|threw) <a> {u}.", "{Q} (went|jumped|ran|swam|threw) <b> {u} (farther|further|more) than {P} and {R} <c> {u} (farther|further|more) than {Q}."]
        if w.chance(0.5):
            lines[1] = "{Q} (went|jumped|ran) <b> {u} (farther|further|more) than {P} (and|while) {R} (went|jumped|ran) <c> {u} (less|fewer) than {Q}."
            r = ("-", ("+", "a", "b"), "c")
        else:
            r = ("+", ("+", "a", "b"), "c")
        asks = [("how far did {Q} (go|jump|run)?", ("+", "a", "b")), ("how far did {R} (go|jump|run)?|how many {u} did {R} go?".join("()"), r)]
    return w.tale(lines, asks, asides=asides)


def lengths(w: World) -> Tale:
    """Lengths, and what is cut off or grows."""
    asks: Asks
    a, b = w.number("a"), w.number("b")
    asides: list[str] = []
    w.number("z", 2, 20)
    thing = w.rng.choice(("a rope|rope|long|longer", "a ribbon|ribbon|long|longer", "a tree|tree|tall|taller", "a board|board|long|longer", "a plant|plant|high|higher", "a pipe|pipe|long|longer"))
    w.slots |= dict(zip(("an", "it", "long", "longer"), thing.split("|"), strict=True)) | {"u": w.rng.choice(("feet", "inches", "meters", "centimeters"))}
    kind = w.rng.randrange(4)
    if kind == 0:
        lines = ["{an} is <a> {u} {long}.", "another {it} is <b> {u} {long}."]
        asks = [("how much {longer} is the first {it} than the second?", ("-", "a", "b")), ("how much {longer} is the (second|other) {it} than the first [one]?", ("-", "b", "a")), ("how {long} are (both|the two) together?", ("+", "a", "b"))]
    elif kind == 1:
        w.fix("a", a + b)
        lines = ["{an} (is|was) <a> {u} {long}.", "{P} (cut|sawed|broke|took) <b> {u} off.|<b> {u} of it (were cut off|broke off|are used).".join("()")]
        asks = [("how {long} is (it|the {it}) now?|how much of it is left?|how many {u} are left?".join("()"), ("-", "a", "b"))]
    elif kind == 2:
        w.fix("c", a + b)
        lines = ["{an} was <a> {u} {long} (last year|before|in {M1}).", "(now|today|in {M2}) it is <c> {u} {long}."]
        asks = [("(how much|how many {u}) did it grow?|how much {longer} is it now?|how many {u} were added?".join("()"), ("-", "c", "a"))]
    else:
        n, m = w.number("n", 2, 12), w.number("m", 2, 20)
        w.fix("a", n * m)
        w.values.pop("b")
        lines = ["{an} (is|was) <a> {u} {long}.", "{P} (cut|cuts|divides) it into <n> (equal|) pieces [of the same length]."]
        asks = [("how long is each piece?", ("/", "a", "n"))]
        if w.chance(0.5):
            lines[1] = "{P} (cut|cuts) it into pieces (of <m> {u}|that are <m> {u} long)."
            asks = [("how many pieces (are there|does {he} get)?", ("/", "a", "m"))]
    return w.tale(lines, asks, asides=asides)


def ages(w: World) -> Tale:
    """Ages, now and in other years."""
    asks: Asks
    q: Tree
    a, _b = w.number("a"), w.number("b")
    asides: list[str] = []
    w.number("z", 2, 20)
    a = w.number("a", 5, 60)
    k, _n = w.number("k", 2, 30), w.number("n", 2, 20)
    sign = w.rng.choice("+-")
    word = "older" if sign == "+" else "younger"
    if sign == "-":
        w.fix("a", a + k)
    lines = ["{P} is <a> years old [now].", f"{{Q}} is <k> years {word} [than {{him}}]."]
    w.values.pop("b", None)
    q = (sign, "a", "k")
    asks = [
        ("how old is {Q} [now]?", q),
        ("how old will {P} be in <n> years?", ("+", "a", "n")),
        ("how old will {Q} be in <n> years?", ("+", q, "n")),
        ("how old was {P} <n> years ago?", ("-", "a", "n")),
        ("how old are they together?|what is the sum of their ages?".join("()"), ("+", "a", q)),
    ]
    return w.tale(lines, asks, asides=asides)


def speeds(w: World) -> Tale:
    """Speed, time and distance."""
    asks: Asks
    _a, _b = w.number("a"), w.number("b")
    asides: list[str] = []
    w.number("z", 2, 20)
    v, n = w.number("v", 2, 80), w.number("n", 2, 12)
    w.fix("t", v * n)
    u = w.rng.choice(("miles", "kilometers"))
    w.slots |= {"u": u, "v": w.rng.choice(("a train", "a car", "a bus", "a boat", "{P}", "a plane")).replace("{P}", w.slots["P"])}
    kind = w.rng.randrange(3)
    if kind == 0:
        lines = ["{v} (travels|goes|drives|moves) [at] <v> {u} (per hour|an hour|every hour)."]
        asks = [("how far does {v} (go|travel|get) in <n> hours?|how many {u} does {v} (go|travel) in <n> hours?".join("()"), ("*", "v", "n")), ("how (long|many hours) does {v} need for <t> {u}?|how long does it take to go <t> {u}?".join("()"), ("/", "t", "v"))]
    elif kind == 1:
        lines = ["{v} (traveled|went|drove|covered) <t> {u} in <n> hours.|it took {v} <n> hours to (go|travel|drive) <t> {u}.".join("()")]
        asks = [("(what (is|was) the speed|how fast did {v} go|how many {u} per hour is that|how many {u} did {v} go each hour)?", ("/", "t", "n"))]
    else:
        lines = ["{v} (traveled|went|drove|flew) <t> {u} at <v> {u} per hour."]
        asks = [("(how long did it take|how long did {v} (travel|drive|fly)|how many hours did it take)?", ("/", "t", "v"))]
    return w.tale(lines, asks, asides=asides)


def areas(w: World) -> Tale:
    """Areas and perimeters."""
    asks: Asks
    _a, _b = w.number("a"), w.number("b")
    asides: list[str] = []
    w.number("z", 2, 20)
    _l, _b = w.number("l", 3, 60), w.number("b", 2, 40)
    w.slots |= {"u": w.rng.choice(("feet", "meters", "inches", "yards", "centimeters"))}
    lines = ["(a|the) (garden|room|rectangle|rectangular field|floor|table|picture) is <l> {u} (long|in length) and <b> {u} (wide|in width).|{P} 's (garden|room) is <l> {u} by <b> {u}.|a rectangle has a length of <l> {u} and a width of <b> {u}.".join("()")]
    asks = [
        ("what is (its|the) area?|how many square {u} is (it|that)?|how large is the area?".join("()"), ("*", "l", "b")),
        ("what is (its|the) perimeter?|how (long is a fence around it|far is it around)?".join("()"), ("*", 2, ("+", "l", "b"))),
        ("how much longer is it than [it is] wide?", ("-", "l", "b")),
    ]
    if w.chance(0.2):
        lines = ["(each side of a square|the side of a square|a square side) is <l> {u} [long]."]
        asks = [("what is (its|the) area?", ("*", "l", "l")), ("what is (its|the) perimeter?", ("*", "l", 4))]
    return w.tale(lines, asks, asides=asides)


def weights(w: World) -> Tale:
    """Weights."""
    asks: Asks
    a, b = w.number("a"), w.number("b")
    asides: list[str] = []
    w.number("z", 2, 20)
    w.slots |= {"u": w.rng.choice(("pounds", "kilograms", "grams", "ounces", "tons"))}
    kind = w.rng.randrange(3)
    if kind == 0:
        w.fix("t", a + b)
        lines = ["{P} and {Q} (picked|bought|collected|carried) {O}.", "together their {O} (weighed|weigh) <t> {u}.", "{Q} 's {O} (weighed|weigh) <b> {u}."]
        if w.chance(0.5):
            lines[2] = "{P} 's {O} (weighed|weigh) <a> {u}."
            asks = [("how much did {Q} 's {O} weigh?", ("-", "t", "a")), ("how much do they weigh together?", "t")]
        else:
            asks = [("how much did {P} 's {O} weigh?", ("-", "t", "b")), ("how much do they weigh together?", "t")]
    elif kind == 1:
        _n, _m = w.number("n", 2, 12), w.number("m", 2, 30)
        lines = ["(each|one|every|a) {o} weighs <m> {u}."]
        asks = [("how much do <n> {O} weigh?", ("*", "m", "n"))]
    else:
        w.fix("a", a + b)
        lines = ["(a|the) {c} of {O} weighed <a> {u}.", "after {P} (took some out|ate some|sold some) it weighed <b> {u}."]
        asks = [("(how much|how many {u}) did {P} (take out|eat|sell)?", ("-", "a", "b"))]
    return w.tale(lines, asks, asides=asides)


def times(w: World) -> Tale:
    """Minutes, pages, and other units of the same."""
    asks: Asks
    a, b = w.number("a"), w.number("b")
    asides: list[str] = []
    w.number("z", 2, 20)
    a, b = w.number("a", 1, 95), w.number("b", 1, 60)
    kind = w.rng.randrange(3)
    w.slots |= {"day": w.rng.choice(("day", "week", "month"))}
    if kind == 0:
        lines = ["{P} (studied|worked|played|slept|practiced) for <a> minutes on {D1} and <b> minutes on {D2}.|{he} spent <a> minutes on {O} and <b> minutes on {N}.".join("()")]
        asks = [
            ("how (long|many minutes) (did {he} need|was that|did it take) (in all|altogether|)?", ("+", "a", "b")),
            ("how many (more minutes|minutes more|minutes longer) did {he} (spend|take) the first time than the second?", ("-", "a", "b")),
        ]
    elif kind == 1:
        n = w.number("n", 2, 12)
        big, small, k = w.rng.choice((("hours", "minutes", 60), ("minutes", "seconds", 60), ("weeks", "days", 7), ("years", "months", 12), ("days", "hours", 24), ("feet", "inches", 12), ("dozen {O}", "{O}", 12), ("yards", "feet", 3)))
        w.slots |= {"big": big.replace("{O}", w.slots["O"]), "small": small.replace("{O}", w.slots["O"])}
        lines = ["{P} (needs|has|used|bought|counted) <n> {big}."]
        asks = [("how many {small} (is|are) that?|how many {small} does {he} have?|how many {small} are there in <n> {big}?".join("()"), ("*", "n", k))]
        if w.chance(0.3):
            w.fix("n", n * k)
            lines = ["{P} (needs|has|used|bought|counted) <n> {small}."]
            asks = [("how many {big} (is|are) that?", ("/", "n", k))]
    else:
        t = a + b
        w.fix("t", t)
        lines = ["(the|a) (book|comic|film) has <t> pages.|{P} has to read <t> pages.".join("()"), "{P} (has read|read) <a> (of them|pages) (so far|already|)."]
        asks = [("how many pages (are left|does {he} have left [to read]|does {he} still have to read)?", ("-", "t", "a"))]
        if w.chance(0.5):
            w.fix("c", a)
            lines[1] = "{P} read <a> pages on {D1} and <b> pages on {D2}."
            w.fix("t", t + w.rng.randint(1, 90))
            asks = [
                ("how many pages (are left|does {he} have left [to read]|does {he} still have to read)?", ("-", ("-", "t", "a"), "b")),
                ("how many pages did {he} read (in all|in those two days)?", ("+", "a", "b")),
                ("how many more pages did {he} read on {D1} than on {D2}?", ("-", "a", "b")),
                ("how many more pages did {he} read on {D2} than on {D1}?", ("-", "b", "a")),
            ]
    return w.tale(lines, asks, asides=asides)


def percents(w: World) -> Tale:
    """So much of a hundred, a price lowered or raised by it."""
    asks: Asks
    part: Tree
    a, p = 100 * w.rng.randint(1, 12), 5 * w.rng.randint(1, 19)
    w.fix("a", a)
    w.fix("p", p)
    lines = ["(there are|{P} has|{P} collected|a {L} has) <a> {O}.", "<p> percent of them (are|were) (old|broken|new|spoiled|sold|for children)."]
    part = ("/", ("*", "a", "p"), 100)
    asks = [("how many [{O}] (are|were) (old|broken|new|spoiled|sold|for children)?|how many is that?".join("()"), part), ("how many (are not|were not|are the rest|remain)?", ("-", "a", part))]
    if w.chance(0.4):
        lines = ["(a|the) {o} (costs|cost|is|was) <a> dollars.", "(it is on sale for <p> percent off|there is a discount of <p> percent|{P} gets a <p> percent discount)."]
        asks = [("how much (does it cost|is it|must {P} pay) (now|with the discount|)?", ("-", "a", part)), ("how much (is the discount|does {he} save|money is saved)?", part)]
    elif w.chance(0.3):
        lines = ["(a|the) {o} (costs|cost|is|was) <a> dollars.", "(there is a|{P} pays a) (tax|tip) of <p> percent."]
        asks = [("how much (does it cost|is it|must {P} pay) (in all|altogether|with it)?", ("+", "a", part)), ("how much is the (tax|tip)?", part)]
    return w.tale(lines, asks)


def parts(w: World) -> Tale:
    """Fractions, means, numbers alone, proportions."""
    asks: Asks
    total: Tree
    roll = w.rng.randrange(4)
    if roll == 0:
        word, k = w.rng.choice((("half", 2), ("a third", 3), ("a quarter", 4), ("one third", 3), ("a fifth", 5), ("one quarter", 4)))
        a = k * w.number("a", 2, 60)
        w.fix("a", a)
        w.slots["part"] = word
        lines = ["{P} (had|has|picked|baked) <a> {O}.", "{he} (gave|sold|ate|lost|used) {part} of them [to {Q}]."]
        asks = [("how many [{O}] (does {he} have (left|now)|are left|did {P} have left)?", ("-", "a", ("/", "a", k))), ("how many [{O}] did {he} (give|sell|eat|lose|use)?|how many is that?".join("()"), ("/", "a", k))]
    elif roll == 1:
        names = "abcde"[: w.rng.randint(3, 5)]
        w.numbers(names)
        w.slots["list"] = ", ".join(f"<{one}>" for one in names[:-1]) + f" and <{names[-1]}>"
        total = names[0]
        for one in names[1:]:
            total = ("+", total, one)
        lines = ["{P} (scored|got|collected|sold|picked|read) {list} [{O}|points] (on|in|over) (the|) (days|games|tests|weeks)."]
        asks = [("what is (the|{his}) average [number|score]?|how many is that on average?".join("()"), ("/", total, len(names))), ("how many is that in (all|total)?", total)]
    elif roll == 2:
        w.numbers("ab")
        w.number("k", 2, 12)
        lines = [w.rng.choice(("a number is <a> more than <b>.", "a number is <a> more than <k> times <b>.", "a number is <b> less than <a>.", "{P} thinks of a number. {he} adds <b> and gets <a>.", "{P} thinks of a number. {he} multiplies it by <k> and gets <a>."))]
        said = lines[0]
        tree = ("+", "a", "b") if "more than <b>" in said else ("+", "a", ("*", "k", "b")) if "times" in said else ("/", "a", "k") if "multiplies" in said else ("-", "a", "b")
        if "multiplies" in said:
            w.fix("a", int(w.values["k"]) * int(w.values["a"]))
        asks = [("what is (the|that|this) number?|what number is (it|that)?".join("()"), tree)]
    else:
        n, r = w.number("n", 2, 12), w.number("r", 2, 12)
        a = n * w.rng.randint(1, 12)
        w.fix("a", a)
        w.fix("b", (a // n) * r)
        w.slots["kin"] = w.rng.choice(("cups of flour", "liters of milk", "dollars", "hours"))
        lines = ["(<n> {O}|to make <n> {O} {P}) (need|needs|take|takes) <a> {kin}."]
        asks = [("how many {kin} (do|would) <r> {O} (need|take)?|how many {kin} are needed for <r> {O}?".join("()"), ("/", ("*", "a", "r"), "n")), ("how many {kin} does (one|each) {o} (need|take)?", ("/", "a", "n"))]
        w.values.pop("b")
    return w.tale(lines, asks)


MEASURES = (distances, lengths, ages, speeds, areas, weights, times, percents, *(parts,) * 3)
"""Tellers of stories; the more often, the more they vary."""
