"""Stories with more numbers than any of their questions needs: what is asked decides what counts."""
# fmt: off

from data.math_trees import Tree
from data.math_world import Asks, Tale, World


def from_each(w: World) -> Tale:
    """So many taken from each of several; others stay."""
    asks: Asks
    n, _m = w.number("n", 2, 15), w.number("m", 2, 15)
    w.fix("r", n * w.rng.randint(1, 12))
    w.slots |= {"trees": w.rng.choice(("trees", "bushes", "plants", "hives", "shelves", "boxes", "fields"))}
    did, do = w.rng.choice((("picked", "pick"), ("took", "take"), ("collected", "collect"), ("gathered", "gather"), ("removed", "remove")))
    w.slots |= {"did": did, "do": do}
    lines = [
        "{P} (has|had|owns|found) <n> {trees}.|there are <n> {trees} in {P} 's {L}.".join("()"),
        "{he} {did} <m> {O} (from|off|out of) (each|every one) of (them|the {trees}|{his} {trees}).|from each of them {he} {did} <m> {O}.".join("()"),
        "(now|then|after that) (there are|the {trees} have [a total of]|a total of) <r> {O} (still on them|left on them|left|remaining|are left).",
    ]
    asks = [
        ("how many {O} did {P} {do} (in all|altogether|in total|)?", ("*", "n", "m")),
        ("how many {O} were (on the {trees}|there) (at first|before|in the beginning|initially)?", ("+", ("*", "n", "m"), "r")),
        ("how many {O} are (still|left) on the {trees}?", "r"),
    ]
    return w.tale(lines, asks)


def before_and_after(w: World) -> Tale:
    """Two kinds before and after something; how many went, of which, and how many more."""
    asks: Asks
    c, d = w.number("c"), w.number("d")
    w.fix("a", c + w.rng.randint(1, w.size))
    w.fix("b", d + w.rng.randint(1, w.size))
    did, do = w.rng.choice((("ate", "eat"), ("sold", "sell"), ("gave away", "give away"), ("used", "use"), ("lost", "lose"), ("threw away", "throw away")))
    w.slots |= {"did": did, "do": do}
    lines = [
        "{P} (had|started with|has) <a> {X} and <b> {Y} [in {his} {c}|in {his} room|at home].",
        "after {he} {did} some [of them] {he} had <c> {X} and <d> {Y} left.|{he} {did} some of them. (now|then) {he} has <c> {X} and <d> {Y} [left].|(after {M1}|after a week|by the evening) {he} had <d> {Y} and <c> {X} left.".join("()"),
    ]
    x, y = ("-", "a", "c"), ("-", "b", "d")
    asks = [
        ("how many {X} did {P} {do}?", x),
        ("how many {Y} did {P} {do}?", y),
        ("how many {H} did {P} {do} (in all|altogether|in total)?", ("+", x, y)),
        ("how many {X} did {P} have (at first|before)?", "a"),
        ("how many more {X} than {Y} does {he} have (now|left)?", ("-", "c", "d")),
        ("how many more {Y} than {X} does {he} have (now|left)?", ("-", "d", "c")),
        ("how many more {Y} than {X} did {he} have (at first|in the beginning|before)?", ("-", "b", "a")),
        ("how many {H} does {he} have (now|left)?", ("+", "c", "d")),
    ]
    return w.tale(lines, asks)


def packs(w: World) -> Tale:
    """Packs that have a price and a content."""
    asks: Asks
    _n, m, p = w.number("n", 2, 15), w.number("m", 2, 20), w.number("p", 2, 20)
    w.fix("q", m * p)
    kind = w.rng.randrange(2)
    price = "p" if kind else "q"
    lines = [
        "{P} (bought|buys|sold|got) <n> {C} of {O}.",
        f"(each|every) {{c}} (has|holds|contains) <m> {{O}} and costs <{price}> dollars.|there are <m> {{O}} in each {{c}}, and a {{c}} costs <{price}> dollars.|a {{c}} of {{O}} costs <{price}> dollars and has <m> {{O}} in it.".join("()"),
    ]
    asks = [
        ("how many {O} did {P} (buy|get|sell) [in all]?|how many {O} are there in all?".join("()"), ("*", "n", "m")),
        ("how much (did {he} (pay|spend)|do the {C} cost|money is that) [in all|altogether]?", ("*", "n", price)),
        ("how many {C} did {he} (buy|get|sell)?", "n"),
    ]
    if not kind:
        asks.append(("how much does (one|each|a) {o} cost?|what is the price of (one|a single) {o}?".join("()"), ("/", "q", "m")))
    return w.tale(lines, asks)


def group_pays(w: World) -> Tale:
    """A group that grows or shrinks, each of whom has, pays or gets so much."""
    asks: Asks
    both: Tree
    n, _k, _m = w.number("n", 3, 30), w.number("k", 2, 12), w.number("m", 2, 20)
    who = w.rng.choice(("friends", "students", "players", "people", "children", "workers", "campers"))
    has = w.rng.choice(("has <m> {O}", "had <m> {O}", "brought <m> {O}", "gets <m> {O}", "paid <m> dollars", "made <m> {O}", "carried <m> {O}"))
    w.slots |= {"who": who, "what": "dollars" if "paid" in has else w.slots["O"]}
    each = w.rng.choice(("each [of them]", "every one [of them]", "each (player|person|one)"))
    grow = w.chance(0.6)
    if not grow:
        w.fix("k", w.rng.randint(1, n - 1))
    lines = [
        "(there were <n> {who} in the {L}|<n> {who} (were playing a game|came to the {L}|met at the {L})|a group of <n> {who} went to the {L}).",
        "(then|later|after a while|) <k> (more|more {who}|others) (joined|came|arrived|joined them)." if grow else "(then|later|after a while|) <k> (of them|{who}) (left|went home|quit|gave up).",
        f"{each} {has}.".replace("each [", "each ["),
    ]
    both = ("+", "n", "k") if grow else ("-", "n", "k")
    asks = [
        ("how many {what} (is|are|was) that (in all|altogether|in total)?|how many {what} (are|were) there (altogether|in all) [now]?".join("()"), ("*", both, "m")),
        ("how many {who} (were|are) there (now|in the end|then)?|how many {who} are left?".join("()") if not grow else "how many {who} (were|are) there (now|in the end|then|in all)?", both),
        ("how many {who} were there at first?", "n"),
    ]
    if grow:
        asks.append(("how many {what} did the new (ones|{who}) (have|bring)?", ("*", "k", "m")))
    return w.tale(lines, asks)


def found_and_dropped(w: World) -> Tale:
    """Found some, threw some away, has so many now."""
    asks: Asks
    a, b = w.number("a"), w.number("b")
    w.fix("r", max(a, b) + w.rng.randint(1, w.size))
    got, get = w.rng.choice((("found", "find"), ("bought", "buy"), ("caught", "catch"), ("collected", "collect"), ("made", "make")))
    lost, lose = w.rng.choice((("threw away", "throw away"), ("lost", "lose"), ("sold", "sell"), ("gave away", "give away"), ("broke", "break")))
    w.slots |= {"got": got, "get": get, "lost": lost, "lose": lose}
    both = ["{got} <a> {O} (at the {L}|in the {L}|) ", "{lost} <b> (old ones|of them|{O}|of {his} old {O}) "]
    if w.chance(0.4):
        both.reverse()
    lines = [f"{{P}} {both[0]} (and|while {{he}}|but) {both[1]}.", "(now {he} has <r> {O} [in {his} (collection|{c}|room)]|{he} has <r> {O} in {his} (collection|{c}|room) now|there are <r> {O} in {his} (collection|{c}|room) now)."]
    asks = [
        ("how many {O} did {he} have (before|at first|in {his} (collection|{c}|room) before|to start with|initially)?", ("-", ("+", "r", "b"), "a")),
        ("how many more {O} did {P} {get} than {lose}?|how many more {O} did {P} {get} than those {he} {lost}?".join("()"), ("-", "a", "b")),
        ("how many more {O} did {P} {lose} than {get}?|how many more {O} did {P} {lose} than those {he} {got}?".join("()"), ("-", "b", "a")),
        ("how many {O} does {he} have now?", "r"),
    ]
    return w.tale(lines, asks)


def days_of_work(w: World) -> Tale:
    """A piece of work told by its size, its days, and its parts."""
    asks: Asks
    n, m, k = w.number("n", 2, 20), w.number("m", 2, 30), w.number("k", 2, 12)
    w.fix("t", n * m)
    thing, part = w.rng.choice((("book", "chapters"), ("book", "pictures"), ("notebook", "drawings"), ("report", "sections"), ("magazine", "articles")))
    w.slots |= {"thing": thing, "part": part}
    read, do = w.rng.choice((("read", "read"), ("finished", "finish"), ("wrote", "write"), ("studied", "study")))
    w.slots |= {"read": read, "do": do}
    kind = w.rng.randrange(4)
    if kind == 0:
        lines = ["{P} {read} a {thing} in <n> days.", "the {thing} has <t> pages and <k> {part}.|there are <t> pages and <k> {part} in it.|it had <k> {part} and <t> pages.".join("()")]
        if w.chance(0.4):
            lines = ["a {thing} has <t> pages and <k> {part}.", "it took {P} <n> days to {do} it."]
        asks = [("how many pages did {he} {do} (per day|a day|each day|every day)?", ("/", "t", "n"))]
    elif kind == 1:
        lines = ["{P} {read} <m> pages (per|each|a|every) day of a {thing} with <k> {part}.", "it took {him} <n> days.|{he} (finished|was done) (in|after) <n> days.".join("()")]
        asks = [("how many pages (are in the {thing}|does the {thing} have|did {he} {do})?", ("*", "m", "n"))]
    elif kind == 2:
        lines = ["a {thing} has <k> {part} and <t> pages.", "{P} {read} <m> pages (per|each|a|every) day."]
        asks = [("how (many days|long) (did it take {him}|did {he} need|was {he} busy) [to {do} (it|the {thing})]?", ("/", "t", "m"))]
    else:
        w.fix("t", k * m)
        lines = ["{P} {read} <n> {thing}s with <k> {part} each.", "(each of the {part}|every one of the {part}) has <m> pages."]
        asks = [
            ("how many {part} did {he} {do}?", ("*", "n", "k")),
            ("how many pages did {he} {do} [in all]?", ("*", ("*", "n", "k"), "m")),
            ("how many pages does one {thing} have?", ("*", "k", "m")),
        ]
    return w.tale(lines, asks)


def three_have(w: World) -> Tale:
    """Several people's things, with only some of them asked for."""
    asks: Asks
    q: Tree
    a, b, c = w.number("a"), w.number("b"), w.number("c")
    kind = w.rng.randrange(3)
    if kind == 0:
        lines = ["{P} (has|had) <a> {X} and <b> {Y}.", "{Q} (has|had) <c> {X} (and|but) <d> {Y}."]
        w.number("d")
        asks = [
            ("how many {X} do (they|{P} and {Q}) have (together|in all|altogether)?", ("+", "a", "c")),
            ("how many {Y} do (they|{P} and {Q}) have (together|in all|altogether)?", ("+", "b", "d")),
            ("how many {H} does {P} have [in all]?", ("+", "a", "b")),
            ("how many {H} does {Q} have [in all]?", ("+", "c", "d")),
            ("how many more {X} does {P} have than {Q}?", ("-", "a", "c")),
            ("how many more {Y} does {Q} have than {P}?", ("-", "d", "b")),
            ("how many more {X} than {Y} does {P} have?", ("-", "a", "b")),
            ("how many more {Y} than {X} does {Q} have?", ("-", "d", "c")),
        ]
    elif kind == 1:
        w.fix("b", min(b, a - 1) or 1)
        w.fix("c", min(c, a - 1) or 1)
        lines = ["{P} has <b> fewer {X} and <c> (fewer|more) {Y} than {Q}.", "{Q} has <a> {X} and <d> {Y}."]
        w.fix("d", c + w.rng.randint(1, w.size))
        sign = "-"
        lines[0] = f"{{P}} has <b> fewer {{X}} (and|but) <c> {w.rng.choice(('fewer', 'more'))} {{Y}} than {{Q}}."
        sign = "+" if " more " in lines[0] else "-"
        asks = [
            ("how many {X} does {P} have?", ("-", "a", "b")),
            ("how many {Y} does {P} have?", (sign, "d", "c")),
            ("how many more {X} than {Y} does {Q} have?", ("-", "a", "d")),
            ("how many {H} does {Q} have?", ("+", "a", "d")),
        ]
    else:
        lines = ["{P}, {Q} and {R} (each|all) (picked|sold|made|caught) {O}.", "{P} got <a>, {Q} got <b> more than {P}, and {R} got <c> more than {Q}."]
        q = ("+", "a", "b")
        asks = [
            ("how many {O} did {Q} get?", q),
            ("how many {O} did {R} get?", ("+", q, "c")),
            ("how many more {O} did {R} get than {P}?", ("+", "b", "c")),
        ]
    return w.tale(lines, asks)


def left_of_budget(w: World) -> Tale:
    """Money, weight or time spent in two places, and what is left or was there."""
    asks: Asks
    other: Tree
    a, b, r = w.number("a"), w.number("b"), w.number("r")
    w.fix("t", a + b + r)
    kind = w.rng.randrange(4)
    where = "(at the {L}|on {O}|for {O}|in the {L})"
    other = "(at the {M}|on {N}|for {N}|in the {M})"
    if kind == 0:
        lines = ["{P} (had|took|went out with) <t> dollars.", f"{{he}} spent <a> dollars {where} and (came home with|had) <r> dollars [left].".replace("had)", "was left with)")]
        w.fix("t", a + r)
        asks = [("how much did {he} spend?", "a"), ("how much money did {he} have (left|in the end)?", "r")]
        lines = ["{P} (had|took) <t> dollars.", f"{{he}} spent some {where} and <b> dollars {other}.", "(now|then) {he} (has|had) <r> dollars [left]."]
        w.fix("t", a + b + r)
        asks = [("how much (money|) did {he} spend " + where.replace("|for {O}|in the {L}", "") + "?", ("-", ("-", "t", "b"), "r"))]
    elif kind == 1:
        lines = [f"{{P}} spent <a> dollars {where} and <b> dollars {other}.", "(now|then|after that) {he} (has|had) <r> dollars [left]."]
        asks = [
            ("how much (money|) did {he} have (at first|before|in the beginning|before shopping)?", ("+", ("+", "a", "b"), "r")),
            ("how much (money|) did {he} spend [in all]?", ("+", "a", "b")),
        ]
    elif kind == 2:
        lines = ["{P} (had|has) <t> dollars.", f"{{he}} spent <a> dollars {where} and <b> dollars more than that {other}."]
        w.fix("t", 2 * a + b + r)
        asks = [
            ("how much (money|) did {he} spend [in all|altogether]?", ("+", "a", ("+", "a", "b"))),
            ("how much (money|) (does {he} have|is) left?", ("-", "t", ("+", "a", ("+", "a", "b")))),
        ]
    else:
        lines = ["{P} (had|has) <t> dollars and {Q} (had|has) <a> dollars.", "{P} (spent|paid) <b> dollars (on|for) {O}."]
        asks = [
            ("how much money does {P} have (left|now)?", ("-", "t", "b")),
            ("how much more money did {P} have than {Q} at first?", ("-", "t", "a")),
            ("how much money do they have together now?", ("+", ("-", "t", "b"), "a")),
        ]
    return w.tale(lines, asks)


def wanted(w: World) -> Tale:
    """What is missing to a goal."""
    asks: Asks
    a, b = w.number("a"), w.number("b")
    w.fix("t", a + b + w.rng.randint(1, w.size))
    roll = w.rng.randrange(3)
    if roll == 0:
        lines = ["{P} (needs|wants|wants to collect|has to make|is going to need) <t> {O} [for (a party|{his} class|the school)].", "{he} (already has|has|has already made|put in|has collected) <a> [{O}|of them]."]
        asks = [("how many [more] {O} does {he} [still] need [to (make|get|buy|add)]?", ("-", "t", "a")), ("how many {O} does {he} have?", "a")]
        if w.chance(0.5):
            lines.append("{Q} (gave|brought|offered) {him} <b> [more] [{O}].")
            asks = [("how many more {O} does {P} [still] need [now]?", ("-", ("-", "t", "a"), "b")), ("how many {O} does {P} have now?", ("+", "a", "b"))]
    elif roll == 1:
        lines = ["a recipe (needs|calls for|wants) <t> cups of {O} and <b> cups of {N}.", "{P} (already put in|has put in|added|already added) <a> cups [of {O}]."]
        asks = [("how many [more] cups [of {O}] does {he} (need to add|still have to put in)?", ("-", "t", "a")), ("how many cups does the recipe need in all?", ("+", "t", "b")), ("how many more cups of {O} than cups of {N} does the recipe need?", ("-", "t", "b")), ("how many more cups of {O} than cups of {N} does {he} need to add now?", ("-", ("-", "t", "a"), "b"))]
    else:
        lines = ["a {L} (has room for|can hold|can seat|holds) <t> people.", "<a> (people|children|adults) (are there already|have already come|came|are in it)."]
        asks = [("how many more people (can come|can it hold|fit in)?", ("-", "t", "a"))]
        if w.chance(0.5):
            lines.append("<b> more are on their way.")
            asks = [("how many seats will (be left|remain empty)?", ("-", ("-", "t", "a"), "b")), ("how many people will there be?", ("+", "a", "b"))]
    return w.tale(lines, asks)


TWISTS = (
    from_each, before_and_after, before_and_after, packs, group_pays, found_and_dropped, days_of_work, three_have,
    three_have, left_of_budget, wanted,
)
