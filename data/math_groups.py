"""Stories of equal groups: products, quotients, what is left over, and groups beside single things."""
# fmt: off

from data.math_world import Asks, Tale, World


def equal_groups(w: World) -> Tale:
    """So many groups of so many."""
    asks: Asks
    n, m = w.number("n", 2, 30), w.number("m", 2, 30)
    w.number("z", 2, 40)
    roll = w.rng.randrange(5)
    asides = ["there are also <z> {N} in the {L}.", "{Q} has <z> {O}.", "each {c} costs <z> dollars.", "{P} has <z> friends.", "each {o} weighs <z> grams."]
    if roll == 0:
        lines = ["(there are|{P} has|{P} bought|{P} filled) <n> {C} (of {O}|with {O}).", "(each {c}|every {c}) (has|holds|contains) <m> {O}.|there are <m> {O} in (each|every|one) {c}.".join("()")]
        if w.chance(0.3):
            lines = ["(each {c}|every {c}) (has|holds|contains|can hold) <m> {O}.|there are <m> {O} in (each|every|a) {c}.".join("()"), "(there are|{P} has|{P} bought) <n> {C}."]
        asks = [
            ("how many {O} (are there|does {P} have|did {P} buy|are in the {C}) (altogether|in total|in all|)?", ("*", "n", "m")),
            ("how many {C} (are there|does {P} have)?", "n"),
        ]
    elif roll == 1:
        w.fix("t", n * m)
        lines = ["(there are|{P} has|{P} had|{P} picked|{P} baked) <t> {O}.", "({he} (puts|put|packed|wants to put|placed|arranged) them [equally|evenly] (in|into|on) <n> {C}|the {O} (are|were) (divided|organized|split|arranged|sorted) [equally|evenly] into <n> {C}|they are shared [equally|evenly] among <n> {C})."]
        asks = [
            ("how many {O} (are in each {c}|does each {c} have|go into each {c}|should {he} put in each {c}|are there in one {c}|will be in every {c})?|how big is each {c} [of {O}]?|how many {O} per {c}?".join("()"), ("/", "t", "n")),
            ("how many {O} are there?", "t"),
        ]
    elif roll == 2:
        w.fix("t", n * m)
        lines = ["(there are|{P} has|{P} had|{P} picked|{P} baked) <t> {O}.", "({he} (puts|put|packed|wants to put|placed) <m> [of them|{O}] (in|into|on) each {c}|each {c} (holds|can hold|has room for|contains|fits) <m> {O}|they are organized into {C} of <m>|<m> {O} fit (in|into) (a|one|each) {c}|if <m> {O} go into (a|each) {c})."]
        asks = [
            ("how many {C} (does {he} need|are there|did {he} (use|fill|need|make)|can {he} fill|are needed|will {he} need|of {O} are there)?|what is the number of {C}?|into how many {C} can {he} put them?".join("()"), ("/", "t", "m")),
        ]
    elif roll == 3:
        w.fix("t", n * m)
        lines = ["{P} (shared|divided|split|gave|wants to share|handed out) <t> {O} [equally|evenly] (among|between|to) {his} <n> (friends|children|students|cousins|neighbors).|<n> (friends|children|students|people) (shared|divided|split) <t> {O} (equally|evenly).".join("()")]
        asks = [("how many {O} (does each (friend|one|person|child) get|did each of them get|will each [one] get|did every one of them receive)?", ("/", "t", "n"))]
        asides = ["{Q} has <z> {N}.", "it took <z> minutes."]
    else:
        w.fix("t", n * m)
        each = w.rng.choice(("(student|child|friend|person)",))
        lines = [f"{{P}} (gave|wants to give|gives) each {each} <m> {{O}}.", "{he} (had|has|gave away|needs|used) <t> {O} [in all|altogether]."]
        asks = [("how many (people|students|children|friends) (are there|can get some|got {O}|did {he} give {O} to)?|to how many of them can {he} give {O}?".join("()"), ("/", "t", "m"))]
    if roll < 4 and w.chance(0.5):
        asides.append("")
    return w.tale(lines, asks, asides=[one for one in asides if one])


def two_groupings(w: World) -> Tale:
    """Two kinds of things in groups of their own; one of them is asked about."""
    asks: Asks
    n, m, p, q = (w.number(name, 2, 25) for name in "nmpq")
    w.fix("s", n * m)
    w.fix("t", p * q)
    roll = w.rng.randrange(4)
    if roll == 0:
        lines = ["there are <s> {X} and <t> {Y} in {P} 's (collection|{L}|house|room).", "(if the|the) {X} are (organized|divided|sorted|put) into <n> {C} and [the] {Y} (are organized|are divided|) into <p> {C}."]
        if w.chance(0.5):
            lines[1] = "(if the|the) {Y} are (organized|divided|sorted|put) into <p> {C} and [the] {X} (are organized|are divided|) into <n> {C}."
        asks = [
            ("how (big|large) is each {c} of {X}?|how many {X} are in each {c}?".join("()"), ("/", "s", "n")),
            ("how (big|large) is each {c} of {Y}?|how many {Y} are in each {c}?".join("()"), ("/", "t", "p")),
            ("how many more {C} of {X} than {C} of {Y} are there?", ("-", "n", "p")),
            ("how many more {C} of {Y} than {C} of {X} are there?", ("-", "p", "n")),
            ("how many {H} are there (in all|altogether)?", ("+", "s", "t")),
            ("how many {C} are there (in all|altogether)?", ("+", "n", "p")),
            ("how many more {Y} than {X} (are there|does {P} have)?", ("-", "t", "s")),
        ]
    elif roll == 1:
        lines = ["{P} (has|bought|packed|sold|filled) <n> {C} of {X} (and|with <m> in each {c} and) <p> {C} of {Y}.", "(each {c} of {X} has|there are) <m> {X} (in each {c}|) and (each {c} of {Y} has|there are) <q> {Y} (in each {c}|)."]
        lines[0] = "{P} (has|bought|packed|sold|filled) <n> {C} of {X} and <p> {C} of {Y}."
        lines[1] = "(each {c} of {X} (has|holds|contains) <m> {X} and each {c} of {Y} (has|holds|contains) <q> {Y}|there are <m> {X} in each {c} of {X} and <q> {Y} in each {c} of {Y})."
        asks = _of_both(w)
    elif roll == 2:
        lines = ["{P} (has|bought|packed|sold|filled) <n> {C} (with|of) <m> {X} (each|in each [of them]) and <p> {C} (with|of) <q> {Y} (each|in each [of them])."]
        asks = _of_both(w)
    else:
        lines = ["{P} (has|bought|owns) <n> {C} of {O} and {Q} (has|bought|owns) <p> {C} [of {O}].", "{P} 's {C} (hold|have|contain) <m> {O} each (and|while) {Q} 's (hold|have|contain) <q> [each]."]
        asks = [
            ("how many {O} does {P} have?", ("*", "n", "m")),
            ("how many {O} does {Q} have?", ("*", "p", "q")),
            ("how many {O} do they have (together|in all|altogether)?", ("+", ("*", "n", "m"), ("*", "p", "q"))),
            ("how many more {O} does {P} have than {Q}?", ("-", ("*", "n", "m"), ("*", "p", "q"))),
            ("how many more {C} does {Q} have than {P}?", ("-", "p", "n")),
        ]
    return w.tale(lines, asks)


def _of_both(w: World) -> list:  # type: ignore[type-arg]
    return [
        ("how many {X} (are there|does {P} have|did {he} have)?", ("*", "n", "m")),
        ("how many {Y} (are there|does {P} have|did {he} have)?", ("*", "p", "q")),
        ("how many {H} (are there|does {P} have) (in all|altogether|in total)?", ("+", ("*", "n", "m"), ("*", "p", "q"))),
        ("how many more {X} than {Y} (are there|does {P} have)?", ("-", ("*", "n", "m"), ("*", "p", "q"))),
        ("how many more {Y} than {X} (are there|does {P} have)?", ("-", ("*", "p", "q"), ("*", "n", "m"))),
        ("how many {C} (are there|does {P} have) (in all|altogether|in total)?", ("+", "n", "p")),
        ("how many more {C} of {X} than {C} of {Y} (are there|does {P} have)?", ("-", "n", "p")),
    ]


def groups_added(w: World) -> Tale:
    """Groups come to single things."""
    asks: Asks
    n, _m = w.number("n", 3, 25), w.number("m", 2, 20)
    w.number("a", 2, 60)
    w.fix("k", w.rng.randint(1, n - 1))
    lines = ["{P} (had|has|already had) <a> {O}.", "{he} (bought|got|found|received) <n> {C} (of|with) <m> {O} [each|in each of them].|{he} (bought|got) <n> (more|new) {C} with <m> {O} in each {c}.".join("()")]
    asks = [
        ("how many {O} does {he} have (now|altogether|in total)?|how many {O} did {P} have (in all|then)?".join("()"), ("+", "a", ("*", "n", "m"))),
        ("how many {O} did {he} (buy|get)?", ("*", "n", "m")),
        ("how many {O} did {P} have (at first|before|in the beginning)?", "a"),
    ]
    return w.tale(lines, asks)


def groups_given_away(w: World) -> Tale:
    """Some of the groups go."""
    asks: Asks
    n, _m = w.number("n", 3, 25), w.number("m", 2, 20)
    w.number("a", 2, 60)
    w.fix("k", w.rng.randint(1, n - 1))
    lines = ["{P} (bought|had|has|got) <n> {C} of {O} (and gave <k> [of them] to {Q}|and sold <k> of them|but lost <k> [of them]).", "(if each {c} has <m> {O}|each {c} (has|had|holds|contains) <m> {O})."]
    asks = [
        ("how many {O} (does {he} still have|did {P} have left|are left)?", ("*", ("-", "n", "k"), "m")),
        ("how many {C} (does {he} still have|are left)?", ("-", "n", "k")),
        ("how many {O} did {P} (buy|have) (at first|in all)?", ("*", "n", "m")),
    ]
    return w.tale(lines, asks)


def rest_grouped(w: World) -> Tale:
    """What is left is put into groups."""
    asks: Asks
    n, m = w.number("n", 3, 25), w.number("m", 2, 20)
    a = w.number("a", 2, 60)
    w.fix("k", w.rng.randint(1, n - 1))
    w.fix("t", n * m + a)
    lines = ["{P} (had|has|picked|baked|bought) <t> {O}.", "{he} (gave away|sold|ate|kept|lost|threw away) <a> [of them|{O}] and put the (rest|others) (equally|evenly|) into {C} (of|with) <m> [in each [{c}]|each|{O} each]."]
    asks = [
        ("how many {C} (did {he} (use|fill|need|make)|are there)?", ("/", ("-", "t", "a"), "m")),
        ("how many {O} did {he} put into {C}?", ("-", "t", "a")),
    ]
    if w.chance(0.4):
        lines[1] = "{he} (gave away|sold|ate|kept|lost|threw away) <a> [of them|{O}] and (shared the rest equally among|divided the others evenly between) <n> (friends|children|{C})."
        asks = [("how many {O} did each (friend|child|one|{c}) get?", ("/", ("-", "t", "a"), "n"))]
    return w.tale(lines, asks)


def both_grouped(w: World) -> Tale:
    """Two kinds are put into groups together."""
    asks: Asks
    n, m = w.number("n", 3, 25), w.number("m", 2, 20)
    w.number("a", 2, 60)
    w.fix("k", w.rng.randint(1, n - 1))
    b = w.number("b", 2, 60)
    w.fix("a", n * m - b if n * m > b + 1 else n * m + 1)
    if int(w.values["a"]) + b != n * m:
        w.fix("b", n * m - 1)
        w.fix("a", 1 + 0 * b)
    lines = ["{P} (had|has|baked|picked) <a> {X} and <b> {Y}.", "{he} (puts|put|wants to put|packed) them (all|) (in|into) {C} (of|with) <m> (each|in each [{c}]|{H} each)."]
    asks = [
        ("how many {C} (did {he} (use|fill|need|make)|can {he} (fill|make)|does {he} need)?", ("/", ("+", "a", "b"), "m")),
        ("how many {H} does {he} have?", ("+", "a", "b")),
    ]
    if w.chance(0.4):
        lines[1] = "{he} (shared|divided|split) (them|all of them) (equally|evenly) among <n> (friends|children|{C})."
        asks[0] = ("how many {H} did each (friend|child|one|{c}) get?", ("/", ("+", "a", "b"), "n"))
    return w.tale(lines, asks)


def two_in_each(w: World) -> Tale:
    """Two kinds in each group."""
    asks: Asks
    n, _m = w.number("n", 3, 25), w.number("m", 2, 20)
    w.number("a", 2, 60)
    w.fix("k", w.rng.randint(1, n - 1))
    w.number("b", 2, 15)
    lines = ["(each|every) {c} (has|holds|contains) <m> {X} and <b> {Y}.|there are <m> {X} and <b> {Y} in (each|every) {c}.".join("()"), "(there are|{P} has|{P} bought|if there are) <n> {C}."]
    if w.chance(0.5):
        lines = ["{P} (has|found|bought|filled) <n> {C}.|there are <n> {C} in the {L}.".join("()"), "(each {c} (has|contains|holds)|in each {c} there are|inside each of them were) <m> {X} and <b> {Y}."]
    asks = [
        ("how many {H} (are there|does {P} have) (in all|altogether|in total|)?|how many {X} and {Y} are there?".join("()"), ("*", "n", ("+", "m", "b"))),
        ("how many {X} are there [in all]?", ("*", "n", "m")),
        ("how many {Y} are there [in all]?", ("*", "n", "b")),
        ("how many {H} are in (each|one) {c}?", ("+", "m", "b")),
        ("how many more {X} than {Y} are in (each|one) {c}?", ("-", "m", "b")),
        ("how many more {X} than {Y} are there in all?", ("*", "n", ("-", "m", "b"))),
    ]
    return w.tale(lines, asks)


def two_kinds_of_groups(w: World) -> Tale:
    """Two kinds of groups of the same size."""
    asks: Asks
    n, _m = w.number("n", 3, 25), w.number("m", 2, 20)
    w.number("a", 2, 60)
    w.fix("k", w.rng.randint(1, n - 1))
    w.number("b", 2, 30)
    lines = ["{P} (has|bought|packed|got) <n> {C} of {X} and <b> {C} of {Y}.", "(each|every) {c} (has|holds|contains) <m> {H}.|there are <m> (pieces|{H}) in (each|every) {c}.".join("()")]
    asks = [
        ("how many {H} (are there|does {P} have) (in all|altogether|in total)?", ("*", ("+", "n", "b"), "m")),
        ("how many {C} does {he} have (in all|altogether|)?", ("+", "n", "b")),
        ("how many {X} does {he} have?", ("*", "n", "m")),
        ("how many {Y} does {he} have?", ("*", "b", "m")),
        ("how many more {C} of {X} than {C} of {Y} does {he} have?", ("-", "n", "b")),
    ]
    return w.tale(lines, asks)


def as_many_groups(w: World) -> Tale:
    """From some groups to others."""
    asks: Asks
    n, m = w.number("n", 3, 25), w.number("m", 2, 20)
    w.number("a", 2, 60)
    w.fix("k", w.rng.randint(1, n - 1))
    w.fix("t", n * m)
    lines = ["(there are|{P} has) <t> {O} in <n> {C}.|<n> {C} (hold|contain|have) <t> {O} [in all|altogether].".join("()")]
    w.number("p", 2, 20)
    asks = [
        ("how many {O} are in <p> {C}?|how many {O} (would|do) <p> {C} (hold|have)?".join("()"), ("/", ("*", "t", "p"), "n")),
        ("how many {O} are in (each|one) {c}?", ("/", "t", "n")),
    ]
    return w.tale(lines, asks)


def full_groups(w: World) -> Tale:
    """Full groups, what is left over, groups for all."""
    asks: Asks
    n, m = w.number("n", 3, 25), w.number("m", 2, 20)
    w.number("a", 2, 60)
    w.fix("k", w.rng.randint(1, n - 1))
    w.fix("r", w.rng.randint(1, m - 1) if m > 2 else 1)
    w.fix("t", n * m + int(w.values["r"]))
    w.values.pop("a")
    lines = ["{P} (has|had|baked|picked) <t> {O}.", "(each {c} holds|{he} puts|{he} can put) <m> (of them|{O}) (in each {c}|)."]
    lines[1] = "(each {c} (holds|can hold|has room for) <m> [{O}]|{he} puts <m> [of them] into each {c})."
    asks = [
        ("how many (full {C} are there|{C} can {he} fill|full {C} does {he} have)?|how many {C} will be full?".join("()"), ("//", "t", "m")),
        ("how many {O} (are left over|will be left|remain|will not fit|are left)?|what is the remainder?".join("()"), ("%", "t", "m")),
        ("how many {C} (are needed to hold all of them|does {he} need for all of them|must {he} have to put away everything)?", ("//", ("-", ("+", "t", "m"), 1), "m")),
    ]
    return w.tale(lines, asks)


def repeated(w: World) -> Tale:
    """So much a day, a week, an hour; and how long it takes."""
    asks: Asks
    n, m = w.number("n", 2, 30), w.number("m", 2, 40)
    w.number("z", 2, 60)
    unit = w.rng.choice(("day", "week", "hour", "minute", "month"))
    does, do = w.rng.choice((("reads", "read"), ("makes", "make"), ("eats", "eat"), ("solves", "solve"), ("bakes", "bake"), ("plants", "plant"), ("sells", "sell"), ("writes", "write"), ("does", "do"), ("paints", "paint")))
    w.slots |= {"unit": unit, "does": does, "do": do, "per": w.rng.choice(("per {unit}", "each {unit}", "every {unit}", "a {unit}", "in a {unit}")).replace("{unit}", unit)}
    roll = w.rng.randrange(4)
    asides = ["{Q} {does} <z> {O} {per}.", "{he} is <z> years old.", "there are <z> {N} in the {L}."]
    if roll == 0:
        lines = ["{P} {does} <m> {O} {per}."]
        asks = [
            ("how many {O} (does|will|can) {he} {do} in <n> {unit}s?|if {he} does that for <n> {unit}s, how many {O} does {he} {do}?".join("()"), ("*", "m", "n")),
        ]
        if w.chance(0.5):
            lines.append("{he} (did this|kept it up|has done so) for <n> {unit}s.")
            asks = [("how many {O} did {he} {do} (in all|altogether|in total|)?", ("*", "m", "n"))]
    elif roll == 1:
        w.fix("t", n * m)
        lines = ["{P} (has|needs|wants) to {do} <t> {O}.", "{he} {does} <m> [{O}|of them] {per}."]
        asks = [("how many {unit}s (does|will) (it take|{he} need|it take {him}) [to {do} (them|all of them)]?|how long will it take {him}?|in how many {unit}s will {he} be done?".join("()"), ("/", "t", "m"))]
        if w.chance(0.4):
            d = w.number("d", 2, 30)
            w.fix("t", n * m + d)
            lines.insert(1, "{he} has already (done|finished) <d> of them.|<d> of them are (finished|done) already.".join("()"))
            asks = [("how many {unit}s will the rest take [{him}]?|how many {unit}s does {he} still need?".join("()"), ("/", ("-", "t", "d"), "m")), ("how many {O} (are left to do|does {he} still have to {do})?", ("-", "t", "d"))]
    elif roll == 2:
        w.fix("t", n * m)
        lines = ["(in <n> {unit}s|over <n> {unit}s) {P} {does} <t> {O}.|{P} {does} <t> {O} in <n> {unit}s.".join("()"), "[{he} {does} the same number {per}.]"]
        lines = [line for line in lines if w.chance(0.6) or line is lines[0]]
        asks = [
            ("how many {O} does {he} {do} {per}?|how many {O} is that {per}?|how many {O} per {unit}?".join("()"), ("/", "t", "n")),
        ]
        lines = [lines[0]]
    else:
        w.number("p", 2, 40)
        lines = ["{P} {does} <m> {O} and <p> {N} {per}."]
        asks = [
            ("how many {O} does {he} {do} in <n> {unit}s?", ("*", "m", "n")),
            ("how many {N} does {he} {do} in <n> {unit}s?", ("*", "p", "n")),
            ("how many more {O} than {N} does {he} {do} {per}?", ("-", "m", "p")),
            ("how many {O} and {N} does {he} {do} in <n> {unit}s (altogether|in all)?", ("*", "n", ("+", "m", "p"))),
        ]
        asides = []
    return w.tale(lines, asks, asides=asides)


_SINGLES = (
    groups_added, groups_given_away, rest_grouped, both_grouped, two_in_each, two_kinds_of_groups,
    as_many_groups, full_groups,
)
GROUPS = (*(equal_groups, two_groupings) * 5, *_SINGLES, *_SINGLES, *(repeated,) * 5)
"""Tellers of stories; the more often, the more they vary."""
