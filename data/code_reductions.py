"""How the elements of a composition are brought together: how it is said, and the body for it.

Each maker gives a phrase, a body and a name, or None where such elements cannot be brought together so.
"""

import random
from collections.abc import Callable

from data.code_forms import Parts

Rng = random.Random
_Made = tuple[str, str, str] | None
_Maker = Callable[[Parts, Rng], _Made]


def _sum(p: Parts, rng: Rng) -> _Made:
    if p.kind not in ("int", "float") or (p.made != "v" and not p.things):
        return None
    return (
        f"(the (sum|total|sum|sum) of|(add up|sum|sum up|add|total)) {p.whole}",
        f"return sum({p.stream()})",
        "sum",
    )


def _product(p: Parts, rng: Rng) -> _Made:
    if p.kind != "int" or (p.made != "v" and not p.things) or p.source.over.startswith("range"):
        return None
    return (
        f"(the product of|multiply (together |)) {p.whole}",
        f"return math.prod({p.stream()})",
        "product",
    )


def _count(p: Parts, rng: Rng) -> _Made:
    if p.made != "v":
        return None
    said = f"({p.all[len('(the|all|the|all the|)') :]}|{p.chosen} {p.source.place})"
    body = (
        f"return sum(1 {p.source.loop.format(p.source.over)} if {p.test})"
        if p.test
        else f"return len({p.listed()})"
    )
    if not p.test and p.source.over.startswith("range"):
        return None
    return (
        f"(the number of|count (the |all |)|how many|the count of|count how many) {said}".replace(
            "how many  ", "how many "
        ),
        body,
        "count",
    )


def _largest(p: Parts, rng: Rng) -> _Made:
    if p.made != "v" and not p.things:
        return None
    most, word = rng.choice(
        (
            ("max", "(largest|biggest|maximum|highest|greatest)"),
            ("min", "(smallest|minimum|lowest|least)"),
        )
    )
    body = (
        f"return {most}({p.stream()})"
        if not p.test
        else f"return {most}({p.inside()}, default=None)"
    )
    if p.kind == "str":
        if p.made != "v":
            return None
        word = "(longest|longest)" if most == "max" else "(shortest|shortest)"
        body = f"return {most}({p.inside()}, key=len{', default=None' if p.test else ''})"
    said = (
        f"the {word} {p.before} {p.single} {p.behind} {p.source.place}"
        if not p.things
        else f"the {word} of {p.whole}"
    )
    if p.things == "(lengths)":
        said = f"the length of the {'longest' if most == 'max' else 'shortest'} {p.before} {p.single} {p.behind} {p.source.place}"
    return said, body, most


def _list(p: Parts, rng: Rng) -> _Made:
    if p.made == "v" and not p.test:
        return None
    body = f"return [{p.stream()}]"
    if p.verb and rng.random() < 0.7:
        words = p.verb.split(" ")
        inner = f"(each|every) {p.before} {p.single} {p.behind} {p.source.place}"
        verb = p.verb
        for split in ("convert to ", "turn into ", "make "):
            if split in verb:
                verb = ""
        if " by " in p.verb and "(" in p.verb and "[0]" in p.verb and "replace" not in p.verb:
            return None if len(words) < 2 else (f"{_around(p.verb, inner, rng)}", body, "list")
        if not verb:
            return f"{_around(p.verb, inner, rng)}", body, "list"
        return f"{verb} {inner}", body, "list"
    if p.made != "v" and not p.things:
        return None
    return (
        f"(a list of |the list of |list |get |find |return |collect |) {p.whole}".replace(
            ") (the", ") (the"
        ),
        body,
        "list",
    )


def _around(verb: str, inner: str, rng: Rng) -> str:
    """The elements within a doing: "multiply each number by 3", "convert each word to uppercase"."""
    options = verb.strip("()").split("|")
    option = rng.choice(options).replace("strings?", "a string")
    for split in (" by ", " to ", " into ", " with "):
        if split in option and not option.startswith(("add", "append", "prepend")):
            first, _, rest = option.partition(split)
            return f"{first} {inner}{split}{rest}"
    if option.startswith("make "):
        return f"make {inner} {option[5:]}"
    return f"{option} {inner}"


def _keep(p: Parts, rng: Rng) -> _Made:
    if not p.test or p.made != "v":
        return None
    return (
        f"(keep only|extract|filter|select|pick|get|list|keep|filter out only|take|find all) {p.whole}",
        f"return [{p.stream()}]",
        "list",
    )


def _remove(p: Parts, rng: Rng) -> _Made:
    if not p.test or p.made != "v" or p.source.over not in ("A", "A.split()"):
        return None
    place = "from {A}"
    loop = p.source.loop.format(p.source.over)
    return (
        f"(remove|drop|delete|filter out|throw away|discard|exclude) (all |all the |the |) {p.chosen} {place}",
        f"return [v {loop} if {p.other}]",
        "remove",
    )


def _average(p: Parts, rng: Rng) -> _Made:
    if p.kind != "int" or (p.made != "v" and not p.things):
        return None
    if p.listed() == "A":
        return (
            f"the (average|mean|arithmetic mean) of {p.whole}",
            "return sum(A) / len(A)",
            "average",
        )
    body = f"found = {p.listed()}\nreturn sum(found) / len(found) if found else 0"
    return f"the (average|mean|arithmetic mean) of {p.whole}", body, "average"


def _sorted(p: Parts, rng: Rng) -> _Made:
    if p.made != "v" and not p.things:
        return None
    down = rng.random() < 0.4
    if p.kind == "str" and p.made == "v" and rng.random() < 0.5:
        order = (
            "(by length|by their length|by their lengths)"
            if not down
            else "(by length, longest first|by length in descending order|by decreasing length)"
        )
        body = f"return sorted({p.inside()}, key=len{', reverse=True' if down else ''})"
        return (
            f"(sort|order|return|get) {p.whole} {'sorted ' if rng.random() < 0.1 else ''}{order}",
            body,
            f"bylen{down}",
        )
    if down:
        order = (
            "in (descending|decreasing|reverse) order"
            if p.kind == "str"
            else "(in (descending|decreasing) order|from largest to smallest|from highest to lowest)"
        )
    else:
        order = (
            "(in alphabetical order|alphabetically)"
            if p.kind == "str"
            else "(in ascending order|in increasing order|from smallest to largest|)"
        )
    body = f"return sorted({p.inside() if down else p.stream()}{', reverse=True' if down else ''})"
    lead = rng.choice(
        (
            f"(sort|order|arrange) {p.whole} {order}",
            f"{p.whole.replace('(the|all|the|all the|)', 'the').replace('(the|all|)', 'the').replace('(the|)', 'the')}, sorted {order}",
        )
    )
    return lead, body, f"sorted{down}"


def _whether(p: Parts, rng: Rng) -> _Made:
    if not p.test or p.made != "v":
        return None
    loop = p.source.loop.format(p.source.over)
    kind = rng.choice(("any", "all", "none"))
    place = p.source.place
    if kind == "any":
        said = f"whether ((any|at least one|some) {p.single} {place} {p.one}|{{A}} (contains|has) (any|at least one) {p.before} {p.single} {p.behind}|there is (a|any|at least one) {p.before} {p.single} {p.behind} {place})"
        if len(p.source.arguments) > 1 or p.source.over.startswith(("range", "map", "A.")):
            said = f"whether (any|at least one|some) {p.single} {place} {p.one}"
        return said, f"return any({p.test} {loop})", "any"
    if kind == "all":
        return (
            f"whether (all (the |)(of the |){p.plural} {place} {p.many}|(every|each) {p.single} {place} {p.one})",
            f"return all({p.test} {loop})",
            "all",
        )
    return (
        f"whether (none of the {p.plural} {place} {p.many}|no {p.single} {place} {p.one})",
        f"return not any({p.test} {loop})",
        "none",
    )


def _first(p: Parts, rng: Rng) -> _Made:
    if not p.test or p.made != "v":
        return None
    loop = p.source.loop.format(p.source.over)
    said = f"(first) {p.before} {p.single} {p.behind} {p.source.place}"
    match rng.choice(("first", "index", "indices", "last")):
        case "first":
            return f"the {said}", f"return next((v {loop} if {p.test}), None)", "first"
        case "index" if (
            p.source.over == "A"
            and p.source.loop == "for v in {}"
            and p.source.arguments[0][1] != "names"
        ):
            return (
                f"the (index|position) of the {said}",
                f"return next((i for i, v in enumerate(A) if {p.test}), -1)",
                "index",
            )
        case "indices" if (
            p.source.over == "A"
            and p.source.loop == "for v in {}"
            and p.source.arguments[0][1] != "names"
        ):
            return (
                f"(the (indices|indexes|positions) of|find the indices of) (all |the |) {p.chosen} {p.source.place}",
                f"return [i for i, v in enumerate(A) if {p.test}]",
                "indices",
            )
        case "last" if p.listed() or True:
            return (
                f"the last {p.before} {p.single} {p.behind} {p.source.place}",
                f"found = [v {loop} if {p.test}]\nreturn found[-1] if found else None",
                "last",
            )
    return None


def _distinct(p: Parts, rng: Rng) -> _Made:
    if p.made != "v" and not p.things:
        return None
    if p.things:
        if rng.random() < 0.5:
            return f"the set of {p.whole}", f"return set({p.stream()})", "set"
        return (
            f"(the number of|count (the |)|how many) (different|distinct|unique) {p.whole.removeprefix('(the|)')}",
            f"return len(set({p.stream()}))",
            "distinct",
        )
    adjective = "(different|distinct|unique)"
    if rng.random() < 0.5:
        return (
            f"(the number of|count (the |)) {adjective} {p.chosen} {p.source.place}",
            f"return len(set({p.stream()}))",
            "distinct",
        )
    return (
        f"(the set of |)(the |all |) {adjective} {p.chosen} {p.source.place}"
        if rng.random() < 0
        else f"the {adjective} {p.chosen} {p.source.place} (in sorted order|as a sorted list|, sorted)",
        f"return sorted(set({p.stream()}))",
        "uniquesorted",
    )


def _table(p: Parts, rng: Rng) -> _Made:
    if not p.things or p.made == "v" or "for row" in p.source.loop:
        return None
    single = rng.choice(("(a|its) dictionary",))
    thing = {
        "(squares|square values)": "square",
        "cubes": "cube",
        "(lengths)": "length",
        "(doubles|double)": "double",
        "reversals": "reversal",
        "first (letters|characters)": "first letter",
        "last (letters|characters)": "last letter",
        "(digit sums|sums of the digits)": "digit sum",
        "numbers of vowels": "number of vowels",
    }.get(p.things)
    if thing is None:
        return None
    tail = f" if {p.test}" if p.test else ""
    body = f"return {{v: {p.made} {p.source.loop.format(p.source.over)}{tail}}}"
    return (
        f"({single.replace('its', 'a')}|map) (mapping |that maps |from |with ||of ) (each|every) {p.before} {p.single} {p.behind} {p.source.place} to its {thing}".replace(
            "((a|a) dictionary|map)", "(a dictionary|a dict)"
        ).replace("(mapping |that maps |from |with ||of )", "(mapping|that maps|from|with)"),
        body,
        "table",
    )


def _split(p: Parts, rng: Rng) -> _Made:
    if (
        not p.test
        or p.made != "v"
        or p.source.over != "A"
        or p.source.loop != "for v in {}"
        or "{" in p.test
    ):
        return None
    return (
        f"(split|partition|separate|divide) {{A}} into (the |) {p.chosen} and (the (rest|others)|all others|all other {p.plural})",
        f"return [v for v in A if {p.test}], [v for v in A if {p.other}]",
        "split",
    )


def _replace(p: Parts, rng: Rng) -> _Made:
    if (
        not p.test
        or p.made == "v"
        or p.source.over != "A"
        or not p.verb
        or p.kind != "int"
        or "(" in p.verb
        or p.source.loop != "for v in {}"
    ):
        return None
    return (
        f"{p.verb} (each|every) {p.before} {p.single} {p.behind} {p.source.place} and (keep|leave) the (others|rest) (unchanged|as they are)",
        f"return [{p.made} if {p.test} else v for v in A]",
        "replace",
    )


def _joined(p: Parts, rng: Rng) -> _Made:
    if p.made != "v" and not (p.things and p.kind == "str"):
        return None
    made = p.made if p.kind == "str" else f"str({p.made})"
    sign, said = rng.choice(
        (
            ('", "', "(commas|a comma and a space)"),
            ('" "', "(spaces|a space|blanks)"),
            ('"-"', "(hyphens|a hyphen|dashes|a dash)"),
            ('","', "(commas|a comma)"),
            ('""', ""),
        )
    )
    if not said:
        return (
            f"(concatenate|join (together |)) {p.whole} (into (a|one) string|to one string|)",
            f"return {sign}.join({p.stream(made)})",
            "joined0",
        )
    return (
        f"(join|concatenate|combine|put together|return a string of) {p.whole} (with|separated by|using) {said}",
        f"return {sign}.join({p.stream(made)})",
        f"joined{sign}",
    )


NUMBERS_ONLY = (_product, _average)
REDUCTIONS: tuple[_Maker, ...] = (
    _sum, _sum, _sum, _product, _count, _count, _count, _largest, _largest, _list, _list, _list, _list,
    _keep, _keep, _remove, _remove, _average, _sorted, _sorted, _whether, _whether, _whether, _first,
    _first, _distinct, _table, _table, _split, _replace, _joined, _joined,
)  # fmt: skip
