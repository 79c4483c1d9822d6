"""Stories of having, getting, losing, giving and comparing: sums and differences, and what tells them apart."""
# fmt: off

from data.math_trees import Tree
from data.math_world import Asks, Tale, World

GOT = (
    "(bought|found|got|received|picked|collected|won|made|gathered|was given|earned|picked up) <{}> "
    "(more {{O}}|more|{{O}}|other {{O}}|additional {{O}}|new {{O}})"
)
LOST = (
    "(lost|gave away|ate|used|sold|broke|threw away|dropped|donated|gave|used up|traded away|threw out) <{}> "
    "(of them|{{O}}|of the {{O}}|of {{his}} {{O}}|of those {{O}})"
)
HAD = (
    "(had <{0}> {{O}}|owned <{0}> {{O}}|started with <{0}> {{O}}|has <{0}> {{O}}|collected <{0}> {{O}}|bought <{0}> {{O}}"
    "|picked <{0}> {{O}}|found <{0}> {{O}}|already had <{0}> {{O}}|originally had <{0}> {{O}}|made <{0}> {{O}})"
)


def change(w: World) -> Tale:
    """Something is had, then gained and lost."""
    asks: Asks
    w.numbers("abc")
    w.number("z", 2, 15)
    up, down = GOT.format("b"), LOST.format("c")
    first = "{P} " + HAD.format("a")
    asides = [
        "{Q} (had|has|owned) <z> {(O|N)}.".replace("{(O|N)}", "(" + w.slots["O"] + "|" + w.slots["N"] + ")"),
        "{he} also has <z> {N}.",
        "{P} is <z> years old.",
        "[Then] {he} (bought|got|found) <z> {N} too.",
    ]
    roll = w.rng.randrange(4)
    if roll == 0:
        lines = [f"{first}.", f"(then|later|after that|today|yesterday|on {{D2}}) {{he}} {up}."]
        asks = [
            (
                ("how many {O} (does {he} have (now|in all|altogether|in total|)|did {P} have in (all|the end|total)"
                "|does {P} have (now|altogether|in total)|did {P} end up with|are there now)?"),
                ("+", "a", "b"),
            ),
            ("how many {O} did {P} have (at first|in the beginning|to begin with|initially|at the start)?", "a"),
        ]
    elif roll == 1:
        lines = [f"{first}.", f"(then|later|after that|today|yesterday|on {{D2}}) {{he}} {LOST.format('b')}."]
        asks = [
            (
                ("how many {O} (does {he} have (left|now)|did {P} have left|does {P} (still have|have left|have now)"
                "|are left|were left|remain|remained|did {he} have then|are remaining|does {he} still have)?"),
                ("-", "a", "b"),
            ),
        ]
    elif roll == 2:
        order = [f"{{he}} {up}", f"{{he}} {down}"]
        w.rng.shuffle(order)
        join = w.rng.choice((" and [then|later] ", ". (then|later|after that|the next day) ", ", but [then] "))
        lines = [f"{first}.", join.join(order) + "."]
        asks = [
            (
                ("how many {O} (does {he} have (now|left)|did {P} have in the end|does {P} have now|did {P} end up with"
                "|would {P} have|would {he} have [now])?"),
                ("-", ("+", "a", "b"), "c"),
            ),
            ("how many {O} did {P} have before {he} (lost any|gave any away|used any)?", ("+", "a", "b")),
        ]
        if "ate" not in w.slots["P"]:
            w.values["a"] = max(int(w.values["a"]), int(w.values["c"]) + 1)
    else:
        w.numbers("d")
        lines = [f"{first}.", f"{{he}} {down}.", "(then|later|after that) {he} (lost|gave away|sold|used) <d> more."]
        asks = [
            (
                "how many {O} (does {he} have (left|now)|did {P} have left|does {P} still have|are left|remained)?",
                ("-", ("-", "a", "c"), "d"),
            ),
            ("how many {O} (are gone|did {he} lose in (all|total)|did {P} give away or lose altogether)?", ("+", "c", "d")),
        ]
        w.values["a"] = int(w.values["c"]) + int(w.values["d"]) + w.rng.randint(0, w.size)
    return w.tale(lines, asks, asides=asides)


def unknown_start(w: World) -> Tale:
    """What was there before, or how much came and went."""
    asks: Asks
    w.numbers("br")
    w.number("z", 2, 15)
    some = "{P} (had|has|owned|started with) (some|a (number|collection|lot) of|several) {O}"
    began = "(how many {O} did {P} (have|start with|own) (at first|in the beginning|to begin with|originally|initially|before that|at the start|)?"
    began += "|how many {O} were there (at first|originally|to begin with|in the beginning|initially)?|what was the original number of {O}?)"
    now = "(now {he} has <r> {O} [left]|now there are <r> {O}|{he} now has <r> [{O}]|{he} (has|had) <r> {O} left|{he} ended up with <r> {O})"
    roll = w.rng.randrange(5)
    if roll == 0:
        lines = [f"{some}.", f"{{he}} {GOT.format('b')}.", f"{now.replace('[left]', '').replace(' left', '')}."]
        asks = [(began, ("-", "r", "b")), ("how many {O} does {P} have now?", "r")]
        w.values["r"] = int(w.values["b"]) + w.rng.randint(1, w.size)
    elif roll == 1:
        lines = [f"{some}.", f"{{he}} {LOST.format('b')}.", f"{now}."]
        asks = [(began, ("+", "b", "r")), ("how many {O} does {P} have now?", "r")]
    elif roll == 2:
        w.number("a")
        w.values["r"] = int(w.values["a"]) + w.rng.randint(1, w.size)
        lines = [
            "{P} " + HAD.format("a") + ".",
            "(then {he} (bought|found|got|received|picked|was given) some more|{Q} gave {him} some more|{he} went to the {L} and (bought|found) more).",
            f"{now.replace('[left]', '').replace(' left', '')}.",
        ]
        asks = [
            (
                "how many [more] {O} did {P} (buy|find|get|receive|pick)?|how many {O} did {he} (add|get)?|how many {O} did {Q} give {him}?".join("()"),
                ("-", "r", "a"),
            ),
        ]
    elif roll == 3:
        w.number("a")
        w.values["a"] = int(w.values["r"]) + w.rng.randint(1, w.size)
        lines = [
            "{P} " + HAD.format("a") + ".",
            "({he} (lost|gave away|ate|sold|used|broke|donated|dropped) some [of them]|{he} gave some to {Q}|some of them (broke|were lost|were stolen|died|fell off)).",
            f"{now}.",
        ]
        asks = [
            (
                "(how many {O} did {P} (lose|give away|eat|sell|use|break|donate)?|how many (are|were) (gone|missing|lost|broken)?|how many {O} did {he} give [to {Q}]?)",
                ("-", "a", "r"),
            ),
        ]
    else:
        w.numbers("c")
        lines = [
            f"{some}.",
            "{he} (gave|lent|handed) <b> (of them|{O}) to {Q} and <c> to {R}.",
            f"{now}.",
        ]
        asks = [
            (began, ("+", ("+", "b", "c"), "r")),
            ("how many {O} did {P} give (away|to {his} friends) [in all|altogether]?", ("+", "b", "c")),
            ("how many more {O} did {R} get than {Q}?", ("-", "c", "b")),
            ("how many more {O} did {Q} get than {R}?", ("-", "b", "c")),
        ]
    return w.tale(lines, asks, asides=["{Q} has <z> {N}.", "{P} is <z> years old.", "{he} has <z> friends."])


def transfer(w: World) -> Tale:
    """One gives to another."""
    asks: Asks
    w.numbers("abc")
    w.values["a"] = max(int(w.values["a"]), int(w.values["c"]) + 1)
    lines = [
        "{P} (had|has) <a> {O} and {Q} (had|has) <b> [{O}].|{P} has <a> {O}. {Q} has <b> {O}.".join("()"),
        "({P} (gave|handed|sold|sent|lent) <c> [{O}|of them|of {his} {O}] to {Q}|{P} gave {Q} <c> [of {his}] {O}|{Q} (took|borrowed|bought) <c> {O} from {P}).",
    ]
    asks = [
        ("how many {O} does {P} have (now|left)?|how many {O} are left with {P}?|how many did {P} have left?".join("()"), ("-", "a", "c")),
        ("how many {O} (does {Q} have now|did {Q} end up with|will {Q} have)?", ("+", "b", "c")),
        ("how many {O} do (they|{P} and {Q}) have (altogether|in total|together|in all)?", ("+", "a", "b")),
        ("how many more {O} did {P} have than {Q} (at first|in the beginning|before that)?", ("-", "a", "b")),
        ("how many more {O} did {Q} have than {P} (at first|in the beginning|before that)?", ("-", "b", "a")),
        ("how many more {O} does {Q} have than {P} now?", ("-", ("+", "b", "c"), ("-", "a", "c"))),
    ]
    return w.tale(lines, asks)


def two_kinds(w: World) -> Tale:
    """Two kinds of things, of each some are used up."""
    asks: Asks
    a, b = w.number("a"), w.number("b")
    w.fix("c", w.rng.randint(1, max(1, a - 1)))
    w.fix("d", w.rng.randint(1, max(1, b - 1)))
    did, do = w.rng.choice((("ate", "eat"), ("sold", "sell"), ("used", "use"), ("lost", "lose"), ("gave away", "give away"), ("broke", "break")))
    w.slots |= {"did": did, "do": do}
    first = "{P} (had|baked|bought|made|has|picked) <a> {X} and <b> {Y}."
    second = "(then|later|after that|yesterday|) {he} {did} <c> {X} and <d> {Y}."
    if w.chance(0.4):
        second = "{he} {did} <d> {Y} and <c> {X} (yesterday|today|on {D1}|)."
    asks = [
        ("how many {X} (did {P} have left|does {he} have now|are left|remain|did {he} still have)?", ("-", "a", "c")),
        ("how many {Y} (did {P} have left|does {he} have now|are left|remain|does {P} still have)?", ("-", "b", "d")),
        ("how many {H} (did {P} have left|are left|remain) (in all|altogether|in total)?", ("-", ("-", ("+", "a", "b"), "c"), "d")),
        ("how many {H} did {he} {do} (in all|altogether|in total)?", ("+", "c", "d")),
        ("how many more {X} than {Y} did {he} {do}?", ("-", "c", "d")),
        ("how many more {Y} than {X} did {he} {do}?", ("-", "d", "c")),
        ("how many {H} did {he} have (at first|in the beginning|initially|altogether at the start)?", ("+", "a", "b")),
        ("how many more {X} than {Y} did {P} (start with|have at first)?", ("-", "a", "b")),
        ("how many more {Y} than {X} did {P} (start with|have at first)?", ("-", "b", "a")),
        ("how many more {Y} than {X} (are left|does {he} have now)?", ("-", ("-", "b", "d"), ("-", "a", "c"))),
    ]
    if w.chance(0.3):  # of one kind only
        second = "{he} {did} <c> (of the|of {his}|) {X}."
        asks = [asks[0], asks[2], *asks[6:9]]
        asks[1] = (asks[1][0], ("-", ("+", "a", "b"), "c"))
        return w.tale([first, second], asks)
    return w.tale([first, second], asks, asides=["{Q} has <z> {N}."] if w.number("z", 2, 9) and w.chance(0.3) else [])


def comes_and_goes(w: World) -> Tale:
    """Of each kind some come and some go; what was there before is not always told."""
    asks: Asks
    w.numbers("abcd")
    w.slots |= {"who": w.rng.choice(("people", "passengers", "students", "customers", "children", "birds", "visitors"))}
    w.slots |= {"where": w.rng.choice(("on the bus", "on the train", "in the room", "in the {L}", "in the class", "on the ship")).replace("{L}", w.slots["L"])}
    on, off = w.rng.choice((("got on", "got off"), ("came in", "left"), ("entered", "went out"), ("joined", "left"), ("arrived", "went home")))
    w.slots |= {"on": on, "off": off}
    there = "(there were <a> {who} {where}|<a> {who} were {where})."
    at = "(at the next stop|then|after an hour|in the morning|later|at noon)"
    if w.chance(0.6):
        w.values["a"] = int(w.values["b"]) + w.rng.randint(1, w.size)
        lines = [there, at + " <b> (of them|{who}) {off} and <c> [more|other] {who} {on}."]
        if w.chance(0.4):
            lines = [there, at + " <c> [more|other] {who} {on} and <b> {who} {off}."]
        asks = [
            ("how many {who} are {where} (now|after that)?|how many {who} were {where} then?|how many {who} are there now?".join("()"), ("-", ("+", "a", "c"), "b")),
            ("how many {who} stayed {where} from the start?", ("-", "a", "b")),
            ("how many more {who} {on} than {off}?", ("-", "c", "b")),
            ("how many more {who} {off} than {on}?", ("-", "b", "c")),
            ("how many {who} were {where} (at first|before [that])?", "a"),
        ]
        return w.tale(lines, asks)
    kind = w.rng.randrange(3)
    lines = [
        "(there were some|there were a number of) {who} {where}.",
        at + " <b> [of the] {who} {off} and <c> [more] {who} {on}.",
        "(now|then|after that) there (are|were) <d> {who} {where}.",
    ]
    asks = [("how many {who} were {where} (at first|before|in the beginning|initially|to begin with)?", ("-", ("+", "b", "d"), "c"))]
    if kind == 1:
        lines[1] = at + " <c> [more] {who} {on}."
        asks = [("how many {who} were {where} (at first|before|in the beginning|initially|to begin with)?", ("-", "d", "c"))]
        w.values["d"] = int(w.values["c"]) + w.rng.randint(1, w.size)
    elif kind == 2:
        lines = [there, at + " some {who} {off} and <c> {who} {on}.", lines[2]]
        asks = [("how many {who} {off}?", ("-", ("+", "a", "c"), "d"))]
    else:
        asks += [("how many more {who} {off} than {on}?", ("-", "b", "c")), ("how many more {who} {on} than {off}?", ("-", "c", "b"))]
    return w.tale(lines, asks)


def combine(w: World) -> Tale:
    """Parts and their whole."""
    asks: Asks
    w.numbers("abc")
    w.number("z", 2, 12)
    verb = w.rng.choice(("found|find", "picked|pick", "collected|collect", "bought|buy", "caught|catch", "made|make", "sold|sell", "read|read", "ate|eat", "saw|see", "grew|grow"))
    w.slots |= dict(zip(("did", "do"), verb.split("|"), strict=True))
    roll = w.rng.randrange(6)
    asides = ["{R} {did} <z> {N}.", "{P} is <z> years old.", "<z> of the {O} were (broken|rotten|old|small|bad).", "it took them <z> hours."]
    if roll == 0:
        lines = ["{P} {did} <a> {O} (and|,|while) {Q} {did} <b> [{O}]."]
        asks = [
            ("how many {O} did (they|{P} and {Q}) {do} (altogether|in total|together|in all|combined)?|what is the total number of {O} that they {did}?".join("()"), ("+", "a", "b")),
            ("how many more {O} did {P} {do} than {Q}?", ("-", "a", "b")),
            ("how many (more {O} did {Q} {do} than {P}|fewer {O} did {P} {do} than {Q}|less {O} did {P} {do} than {Q})?", ("-", "b", "a")),
            ("what is the difference between the (number of|) {O} {P} and {Q} {did}?", ("-", "a", "b")),
        ]
    elif roll == 1:
        lines = ["{P} {did} <a> {O}, {Q} {did} <b> [{O}] and {R} {did} <c> [{O}]."]
        asks = [
            ("how many {O} did they {do} (altogether|in total|together|in all)?|how many {O} were there in (all|total)?".join("()"), ("+", ("+", "a", "b"), "c")),
            ("how many {O} did {P} and {R} {do} (together|in all)?", ("+", "a", "c")),
            ("how many more {O} did {R} {do} than {Q}?", ("-", "c", "b")),
            ("how many more {O} did {P} {do} than {R}?", ("-", "a", "c")),
            ("how many more {O} did {P} and {Q} {do} together than {R}?", ("-", ("+", "a", "b"), "c")),
        ]
    elif roll == 2:
        lines = ["(there (are|were) <a> {X} and <b> {Y} (in the {L}|at the {L}|in a {c}|on the table)|the {L} has <a> {X} and <b> {Y}|a {c} (contains|holds) <a> {X} and <b> {Y})."]
        asks = [
            ("how many {H} (are|were) there (in all|altogether|in total|in the {L}|)?", ("+", "a", "b")),
            ("how many more {X} than {Y} (are|were) there?|how many fewer {Y} than {X} are there?".join("()"), ("-", "a", "b")),
            ("how many more {Y} than {X} (are|were) there?|how many fewer {X} than {Y} are there?|how many more {X} are needed to have as many {X} as {Y}?".join("()"), ("-", "b", "a")),
        ]
    elif roll == 3:
        t = int(w.values["a"]) + w.rng.randint(1, w.size)
        w.fix("t", t)
        lines = ["(there (are|were) <t> {H} (in the {L}|in a {c}|at the {L})|{P} (has|had|{did}) <t> {H}).", "<a> of them (are|were) {X} and the (rest|others) (are|were) {Y}."]
        asks = [("how many (of them|of the {H}|) (are|were) {Y}?|how many {Y} (are there|does {P} have|were there)?".join("()"), ("-", "t", "a"))]
        asides = ["there are <z> {N} too.", "{P} is <z> years old."]
    elif roll == 4:
        lines = ["{P} {did} <a> {O} on {D1} and <b> [{O}] on {D2}.|on {D1} {P} {did} <a> {O}. on {D2} {he} {did} <b>.|{P} {did} <a> {O} in {M1}, <b> in {M2}.".join("()")]
        if "<c>" not in lines[0] and w.chance(0.4):
            lines.append("on {D3} {he} {did} <c> [more] [{O}].")
            asks = [("how many {O} did {he} {do} (altogether|in total|in all|over the three days)?", ("+", ("+", "a", "b"), "c"))]
        else:
            asks = [
                ("how many {O} did {he} {do} (altogether|in total|in all|in these two days)?", ("+", "a", "b")),
                ("how many more {O} did {he} {do} the (first|previous) time than the (second|next) one?", ("-", "a", "b")),
                ("how many more {O} did {P} {do} the second time than the first?", ("-", "b", "a")),
            ]
    else:
        t = int(w.values["a"]) + int(w.values["b"]) + w.rng.randint(1, w.size)
        w.fix("t", t)
        lines = ["{P}, {Q} and {R} {did} <t> {O} (altogether|together|in all|in total).", "{P} {did} <a> [of them|{O}] and {Q} {did} <b>."]
        asks = [
            ("how many [{O}] did {R} {do}?", ("-", ("-", "t", "a"), "b")),
            ("how many {O} did {P} and {Q} {do} together?", ("+", "a", "b")),
            ("how many more did {P} {do} than {Q}?", ("-", "a", "b")),
        ]
        asides = []
    return w.tale(lines, asks, asides=asides)


def compare(w: World) -> Tale:
    """So many more or fewer than another has."""
    asks: Asks
    other: Tree
    q: Tree
    a = w.number("a")
    w.number("k", 2, max(4, a - 1))
    roll = w.rng.randrange(6)
    have = "(has|had|owns|picked|sold|collected|found|read|made|baked)"
    h = w.rng.choice(("have", "own", "pick", "sell", "collect", "find", "read", "make"))
    w.slots["h"] = h
    if roll == 0:
        lines = [f"{{P}} {have} <a> {{O}}.", f"{{Q}} {have} <k> (more|more {{O}}) than {{P}}."]
        other = ("+", "a", "k")
    elif roll == 1:
        lines = [f"{{P}} {have} <a> {{O}}.", f"{{Q}} {have} <k> (fewer|less|fewer {{O}}|less {{O}}) than {{P}}."]
        other = ("-", "a", "k")
    elif roll == 2:
        lines = [f"{{P}} {have} <a> {{O}}, which is <k> (more|more {{O}}) than {{Q}} {have}.|{{P}} {have} <a> {{O}}. {{he}} {have} <k> more {{O}} than {{Q}}.".join("()")]
        other = ("-", "a", "k")
    elif roll == 3:
        lines = [f"{{P}} {have} <a> {{O}}, which is <k> (fewer|less) than {{Q}} {have}.|{{P}} {have} <a> {{O}}. {{he}} {have} <k> (fewer|less) {{O}} than {{Q}}.".join("()")]
        other = ("+", "a", "k")
    else:
        w.number("m", 2, max(4, a - 1))
        sign = w.rng.choice("+-")
        word = "more" if sign == "+" else "fewer"
        lines = [f"{{Q}} {have} <k> {word} {{O}} than {{P}} (and|but) <m> more {{O}} than {{R}}.", f"{{P}} {have} <a> {{O}}."]
        q = (sign, "a", "k")
        asks = [
            ("how many {O} (does|did) {Q} {h}?", q),
            ("how many {O} (does|did) {R} {h}?", ("-", q, "m")),
            ("how many {O} do {P} and {Q} {h} (together|in all)?", ("+", "a", q)),
        ]
        if w.chance(0.5):
            lines.reverse()
            lines = [lines[0], lines[1]]
        return w.tale(lines, asks)
    asks = [
        ("how many {O} (does|did) {Q} {h}?", other),
        ("how many {O} do (they|{P} and {Q}) {h} (altogether|together|in all|in total)?", ("+", "a", other)),
        ("how many {O} does {P} {h}?", "a"),
    ]
    if w.chance(0.3):
        lines.append("{R} has <z> {O}.")
        w.number("z")
        asks += [("how many more {O} does {R} {h} than {Q}?", ("-", "z", other)), ("how many more {O} does {R} {h} than {P}?", ("-", "z", "a"))]
    return w.tale(lines, asks, loose=roll < 2)


def multiplied(w: World) -> Tale:
    """So many times as many."""
    asks: Asks
    other: Tree
    a = w.number("a")
    k = w.number("k", 2, 9)
    twice = w.chance(0.35)
    times = w.rng.choice(("twice", "two times", "double")) if twice else "<k> times"
    factor = 2 if twice and times != "two times" else "k"
    if times == "two times":
        w.fix("k", "two")
    have = "(has|had|owns|picked|sold|collected|found|read|made|scored)"
    roll = w.rng.randrange(4)
    more = "as many {O} as" if times != "double" else "the number of {O} of"
    if roll == 0:
        lines = [f"{{P}} {have} <a> {{O}}.", f"{{Q}} {have} {times} {more} {{P}}."]
        other = ("*", "a", factor)
    elif roll == 1 and times != "double":
        w.fix("a", a * (2 if twice else k))
        lines = [f"{{P}} {have} <a> {{O}}.", f"(that is|this is|{{he}} {have}) {times} (as many {{O}} as|as many as) {{Q}} {have}."]
        other = ("/", "a", factor)
    elif roll == 2:
        w.fix("a", a * 2)
        lines = [f"{{P}} {have} <a> {{O}}.", f"{{Q}} {have} half as many [{{O}}] as {{P}}."]
        other = ("/", "a", 2)
    else:
        w.fix("b", a * k)
        lines = [f"{{P}} {have} <b> {{O}} and {{Q}} {have} <a> [{{O}}]."]
        asks = [
            ("how many times as many {O} (does|did) {P} have as {Q}?|how many times more {O} does {P} have than {Q}?".join("()"), ("/", "b", "a")),
            ("how many more {O} does {P} have than {Q}?", ("-", "b", "a")),
            ("how many {O} do they have together?", ("+", "b", "a")),
        ]
        w.values.pop("k")
        return w.tale(lines, asks)
    asks = [
        ("how many {O} (does {Q} have|did {Q} (have|find|pick|sell))?", other),
        ("how many {O} do (they|{P} and {Q}) have (altogether|together|in all|in total)?", ("+", "a", other)),
        ("how many more {O} does {Q} have than {P}?", ("-", other, "a")),
        ("how many more {O} does {P} have than {Q}?", ("-", "a", other)),
        ("how many {O} does {P} have?", "a"),
    ]
    return w.tale(lines, asks, asides=["{R} has <z> {N}."] if w.number("z", 2, 9) and w.chance(0.4) else [])


STORIES = (
    change, change, unknown_start, unknown_start, transfer, two_kinds, two_kinds, comes_and_goes, combine,
    combine, compare, compare, multiplied,
)
"""Tellers of stories; twice are those that vary most."""
