"""Functions about the characters of a string, chosen by what they are."""

import random

from data.code_forms import Function
from data.code_parts import LETTER_FILTERS

Rng = random.Random


def of_letters(rng: Rng) -> Function | None:
    """Characters of a string."""
    chosen = rng.choice(LETTER_FILTERS)
    arguments: list[tuple[str, str]] = [("text", "str")]
    noun, plural, test, other, one, many = (
        chosen.before,
        f"{chosen.before}s",
        chosen.test,
        chosen.opposite,
        chosen.one,
        chosen.many,
    )
    plural = f"{noun.replace(')', 's)').replace('|', 's|')}" if noun.startswith("(") else f"{noun}s"
    values: list[int | float | str] = []
    forms = {
        "count": (f"(the number of|count (the |all |)|how many) {plural} (in|of) {{A}}", f"return sum(1 for v in A if {test})"),
        "keep": (f"(keep only|extract|keep|take) (the |all |) {plural} (of|in|from) {{A}}", f'return "".join(v for v in A if {test})'),
        "remove": (f"(remove|delete|strip|drop|take out|filter out|get rid of|eliminate) (all |the |all the |) {plural} from {{A}}", f'return "".join(v for v in A if {other})'),
        "list": (f"(a list of |list |the list of )(all |the |) {plural} (in|of|from) {{A}}", f"return [v for v in A if {test}]"),
        "any": (f"whether {{A}} (contains|has|includes) (a|any|at least one) {noun}", f"return any({test} for v in A)"),
        "none": (f"whether {{A}} (contains|has) no {plural}", f"return not any({test} for v in A)"),
        "all": (f"whether (all (the |)characters (of|in) {{A}} {many}|every character (of|in) {{A}} {one}|{{A}} (consists|is made) only of {plural})", f"return all({test} for v in A)"),
        "replace": (f"replace (every|each) {noun} (in|of) {{A}} (with|by) [0]", f'return "".join(L0 if {test} else v for v in A)'),
        "indices": (f"(the (indices|positions|indexes) of) (the |all |all the |) {plural} in {{A}}", f"return [i for i, v in enumerate(A) if {test}]"),
        "first": (f"the first {noun} (of|in) {{A}}", f"return next((v for v in A if {test}), None)"),
        "upper": (f"(convert|turn|change) (all |the |) {plural} (of|in) {{A}} (to|into) uppercase", f'return "".join(v.upper() if {test} else v for v in A)'),
        "double": (f"(double|repeat) (every|each) {noun} (of|in) {{A}}", f'return "".join(v * 2 if {test} else v for v in A)'),
        "distinct": (f"(the number of|count (the |)) (different|distinct|unique) {plural} in {{A}}", f"return len({{v for v in A if {test}}})"),
        "share": (f"the (percentage|share in percent) of {plural} in {{A}}", f"return 100 * sum(1 for v in A if {test}) / len(A)"),
        "words": (f"(the number of|count (the |)) {plural} in (each|every) word of {{A}}", f"return [sum(1 for v in word if {test}) for word in A.split()]"),
        "most": (f"the word (in|of) {{A}} with the most {plural}", f"return max(A.split(), key=lambda word: sum(1 for v in word if {test}))"),
    }  # fmt: skip
    if rng.random() < 0.15:
        second = rng.choice([one for one in LETTER_FILTERS if one is not chosen])
        plural2 = (
            f"{second.before.replace(')', 's)').replace('|', 's|')}"
            if second.before.startswith("(")
            else f"{second.before}s"
        )
        body = f"return sum(1 for v in A if {test}), sum(1 for v in A if {second.test})"
        phrase = f"(count|the number of) (the |) {plural} and (the |) {plural2} (in|of) {{A}}"
        return Function(
            (("text", "str"),), phrase, (), body, f"letters|{test}|{second.test}|both", "letters"
        )
    name = rng.choice(tuple(forms))
    phrase, body = forms[name]
    if "[0]" in phrase:
        values.append(rng.choice(("*", "-", "_", "x", "#", ".", "")) or "?")
    return Function(
        tuple(arguments), phrase, tuple(values), body, f"letters|{test}|{name}", "letters"
    )
