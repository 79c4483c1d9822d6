r"""Rows for training and measuring the math model: generated problems, MAWPS and GSM8K.

    python -m data.math_problems --out run/math --rows 200000 --seed 5 --sets SETS

Writes ``train.jsonl`` and, never trained on, ``validation.jsonl`` (problems of
:mod:`data.math_unseen`, told in words that no training template has), ``mawps.jsonl`` and
``gsm8k.jsonl`` (a fifth of each set, less a third of that in ``*_calibration.jsonl``). A row has the problem as ``text``, its ``value``, and for training
``prompt`` and ``answer`` as the model reads and writes them.
"""

import argparse
import json
import random
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

from data.math_frames import FRAMES
from data.math_groups import GROUPS
from data.math_measures import MEASURES
from data.math_money import MONEY
from data.math_public import Public, read_gsm8k, read_mawps
from data.math_stories import STORIES
from data.math_trees import Tree, leaves, renamed, value_of, written
from data.math_twists import TWISTS
from data.math_unseen import unseen
from data.math_world import Tale, World
from data.phrasing import numeral
from handlers.math_lexicon import TOLD
from handlers.math_numbers import number_text
from handlers.math_search import asked
from handlers.math_view import THING_LETTERS, Unreadable, view

TELLERS: tuple[tuple[Callable[[World], Tale], ...], ...] = (
    *(STORIES, STORIES, STORIES, STORIES, GROUPS, GROUPS, GROUPS, MONEY, MONEY, MEASURES),
    *(TWISTS, TWISTS, TWISTS),
    *[FRAMES] * 60,
)
"""Tellers of stories, the groups of them as often as they are asked for one."""
REPEATS = 20
"""How often a problem of MAWPS comes, mostly with other numbers or a sentence that changes nothing."""

MOST_NUMBERS = 4
"""Numbers and constants in the expressions of those problems of GSM8K that are trained on."""

_UNKNOWN = 0.1
"""Share of the telling words that are made unknown ones, in six rows of ten."""

_WORD = re.compile(r"[\w'$%-]+")
_NUMBER = re.compile(r"(?<![\d.,])\d+(?![\d,]|\.\d)")
_SLOT = re.compile(r"<(\w)>")
_FIRST = 9_100_001
_COUNTED = re.compile(r"\d (?:more )?([a-z]+s)\b")
_TOGETHER = re.compile(
    r"altogether|total|together|combined|in all|\b(?:they|there)\b", re.IGNORECASE
)


def generated(rng: random.Random, *, digits: bool = False) -> Iterator[dict[str, str]]:
    """Rows of one story: the same sentences with different questions."""
    yield from _rows(rng.choice(rng.choice(TELLERS))(World(rng)), rng, digits=digits)


def validation(rows: int, seed: int) -> list[dict[str, str]]:
    """Rows of problem and answer, told in words that no training template has."""
    rng = random.Random(seed)
    found: list[dict[str, str]] = []
    while len(found) < rows:
        found += _rows(unseen(rng), rng, digits=False)
    return [{"prompt": row["text"], "answer": row["value"]} for row in found[:rows]]


def _rows(tale: Tale, rng: random.Random, *, digits: bool) -> Iterator[dict[str, str]]:
    asks = [ask for ask in tale.asks if _sound(ask[1], tale)]
    rng.shuffle(asks)
    most = rng.choice((1, 2, 2, 3))
    for question, tree in asks[:most]:
        if isinstance(tree, str) and rng.random() < 0.8:
            continue
        text = _told(tale, question, rng)
        row = _row(text, tree, tale, rng, digits=digits)
        if row:
            yield row


def public(
    one: Public, rng: random.Random, *, plain: bool, digits: bool = False
) -> dict[str, str] | None:
    """A row of a public problem; not ``plain``: with other numbers, and perhaps a sentence more."""
    if one.tree is None:
        return None
    text, tree = one.text, one.tree
    if not plain:
        text = _renumbered(text, tree, rng)
        text, tree = _with_aside(text, tree, rng)
    try:
        seen = view(text, digits=digits)
    except Unreadable:
        return None
    return {
        "text": text,
        "prompt": asked(seen),
        "answer": written(tree),
        "value": number_text(value_of(tree, seen.numbers)),
    }


def estranged(row: dict[str, str], rng: random.Random) -> dict[str, str]:
    """A row in whose prompt some verbs and things are words that the model does not know."""
    if rng.random() < 0.4:
        return row
    words = list(dict.fromkeys(_WORD.findall(row["prompt"])))
    free = [letter for letter in THING_LETTERS if letter not in words]
    rng.shuffle(free)
    swaps = {
        word: free.pop() for word in words if word in TOLD and rng.random() < _UNKNOWN and free
    }
    prompt = _WORD.sub(lambda match: swaps.get(match[0], match[0]), row["prompt"])
    return row | {"prompt": prompt}


def main() -> None:
    """Write the files that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=200_000, help="generated rows")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--sets", type=Path, help="folder of the public sets")
    parser.add_argument("--digits", action="store_true", help="leave numbers as digits (ablation)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(arguments.seed)
    rows: list[dict[str, str]] = []
    while len(rows) < arguments.rows:
        rows += generated(rng, digits=arguments.digits)
    if arguments.sets:
        rows += _from_sets(arguments.sets, arguments.out, rng, digits=arguments.digits)
    rng.shuffle(rows)
    _write(arguments.out / "train.jsonl", [estranged(row, rng) for row in rows])
    _write(arguments.out / "validation.jsonl", validation(1000, arguments.seed + 1))
    _write(arguments.out / "calibration.jsonl", validation(500, arguments.seed + 2))
    print(f"{len(rows)} rows for training")


def _from_sets(sets: Path, out: Path, rng: random.Random, *, digits: bool) -> list[dict[str, str]]:
    """Training rows of the public sets; what is held out of them is written."""
    rows: list[dict[str, str]] = []
    for name, problems in (
        ("mawps", list(read_mawps(sets / "mawps/train.csv"))),
        ("gsm8k", list(read_gsm8k(sets / "gsm8k/train.jsonl"))),
    ):
        apart = [one for one in problems if one.held_out]
        # A third of what is held out may be looked at to choose a threshold.
        _write(out / f"{name}_calibration.jsonl", [_asked(one) for one in apart[::3]])
        rest = [one for at, one in enumerate(apart) if at % 3]
        _write(out / f"{name}.jsonl", [_asked(one) for one in rest])
        learnt = [one for one in problems if not one.held_out]
        if name == "gsm8k":
            learnt = [one for one in learnt if _short(one)]
        times = REPEATS if name == "mawps" else 1
        made = [
            public(one, rng, plain=turn < 3, digits=digits)
            for one in learnt
            for turn in range(times)
        ]
        rows += filter(None, made)
        followed = sum(one.tree is not None for one in learnt)
        print(f"{name}: {len(learnt)} to learn, {followed} with steps; {len(apart)} held out")
    return rows


def _short(one: Public) -> bool:
    return one.tree is not None and len(list(leaves(one.tree))) <= MOST_NUMBERS


def _asked(one: Public) -> dict[str, str]:
    return {"prompt": one.text, "answer": number_text(one.answer)}


def _write(file: Path, rows: list[dict[str, str]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _sound(tree: Tree, tale: Tale) -> bool:
    """Whether the question has a sensible answer: whole, and not below nothing."""
    try:
        found = value_of(tree, _values(tale))
    except ZeroDivisionError:
        return False
    return found > 0 and found.denominator == 1


def _values(tale: Tale) -> dict[str, Fraction]:
    return {name: Fraction(2 if value == "two" else value) for name, value in tale.values.items()}


def _told(tale: Tale, question: str, rng: random.Random) -> str:
    """The story with its question, perhaps in another order, perhaps with more than is needed."""
    lines = list(tale.lines)
    if tale.loose and rng.random() < 0.3:
        rng.shuffle(lines)
    if tale.asides and rng.random() < 0.4:
        at = len(lines) if rng.random() < 0.5 else rng.randrange(len(lines) + 1)
        lines.insert(at, rng.choice(tale.asides))
    if rng.random() < 0.14:
        last = lines.pop().rstrip(".")
        for name in (
            "He ",
            "She ",
            "Each ",
            "There ",
            "The ",
            "A ",
            "They ",
            "Then ",
            "After ",
            "On ",
            "Every ",
            "One ",
        ):
            if last.startswith(name):
                last = last[0].lower() + last[1:]
        if rng.random() < 0.25:
            lines.append(f"If {last}.")
        else:
            question = f"If {last}, {question[0].lower()}{question[1:]}"
    elif rng.random() < 0.06 and len(lines) == 2:
        lines = [f"{lines[0].rstrip('.')} and {lines[1][0].lower()}{lines[1][1:]}"]
    return " ".join([*lines, question])


def _row(
    text: str, tree: Tree, tale: Tale, rng: random.Random, *, digits: bool
) -> dict[str, str] | None:
    """The row of a text with its numbers still as slots; None where it cannot be read."""
    marks = {name: str(_FIRST + at) for at, name in enumerate(tale.values)}
    try:
        letters = {
            said: letter
            for letter, said in view(_SLOT.sub(lambda m: marks[m[1]], text)).shown.items()
        }
        names = {name: letters[mark] for name, mark in marks.items() if mark in letters}
        told = _styled(_SLOT.sub(lambda m: _said(tale.values[m[1]], rng), text), rng)
        seen = view(told, digits=digits)
        answer = renamed(tree, names)
    except (Unreadable, KeyError):
        return None
    if len(seen.numbers) != len(letters):
        return None
    return {
        "text": told,
        "prompt": asked(seen),
        "answer": written(answer),
        "value": number_text(value_of(tree, _values(tale))),
    }


def _said(value: int | str, rng: random.Random) -> str:
    if isinstance(value, str):
        return value
    if value >= 1000 and rng.random() < 0.4:
        return f"{value:,}"
    return numeral(value, rng) if 1 < value < 30 and rng.random() < 0.25 else str(value)


def _styled(text: str, rng: random.Random) -> str:
    if rng.random() < 0.6:
        text = re.sub(r"(\d[\d,.]*) dollars", r"$\1", text)
    if rng.random() < 0.5:
        text = re.sub(r"(\d+) percent", r"\1%", text)
    text = text.replace(" 's", "'s") if rng.random() < 0.7 else text
    return text.lower() if rng.random() < 0.06 else text


def _renumbered(text: str, tree: Tree, rng: random.Random) -> str:
    """A problem with other whole numbers, where its answer is whole and more than nothing as before."""
    seen = view(text)
    told = list(seen.shown.values())
    if len(set(told)) < len(told) or not all(one.isdigit() for one in told) or rng.random() < 0.2:
        return text
    before = value_of(tree, seen.numbers)
    for _ in range(20):
        top = rng.choice((9, 20, 60, 100))
        values = {letter: Fraction(rng.randint(2, top)) for letter in seen.numbers}
        try:
            after = value_of(tree, values)
        except ZeroDivisionError:
            continue
        if after > 0 and (after.denominator == 1 or before.denominator != 1):
            new = dict(zip(told, map(str, values.values()), strict=True))
            return _NUMBER.sub(lambda match, new=new: new.get(match[0], match[0]), text)  # type: ignore[misc]
    return text


def _with_aside(text: str, tree: Tree, rng: random.Random) -> tuple[str, Tree]:
    """A problem with a sentence before its last one, the letters behind it moved on."""
    cut = max(text.rfind(". ", 0, len(text) - 2), text.rfind(" . ", 0, len(text) - 2))
    if cut < 0 or rng.random() < 0.6:
        return text, tree
    world = World(rng)
    world.number("z", 2, 40)
    things = _COUNTED.findall(text)
    if things and not _TOGETHER.search(text) and rng.random() < 0.4:
        # Another's of the same things: nothing but the name tells that they do not count.
        world.slots["N"] = rng.choice(things)
    aside = world.say(
        "{Q} has <z> {N}.|{R} bought <z> {N}.|{Q} also had <z> {N}.|{Q} is <z> years old.|it took <z> minutes.|{R} has <z> friends.".join(
            "()"
        )
    )
    aside = aside.replace("<z>", str(world.values["z"]))
    first = rng.random() < 0.3
    longer = (
        f"{aside} {text}"
        if first
        else f"{text[: cut + 1]}. {aside} {text[cut + 2 :]}".replace(". .", ".").replace("..", ".")
    )
    try:
        before, after = view(text), view(longer)
    except Unreadable:
        return text, tree
    if len(after.numbers) != len(before.numbers) + 1:
        return text, tree
    added = 0 if first else sum(1 for _ in _numbers_of(text[: cut + 1]))
    names = list(after.numbers)
    del names[added]
    if [after.numbers[n] for n in names] != list(before.numbers.values()):
        return text, tree
    return longer, renamed(tree, dict(zip(before.numbers, names, strict=True)))


def _numbers_of(text: str) -> list[str]:
    """The numbers of a piece of text; none is no fault."""
    try:
        return list(view(text).numbers)
    except Unreadable:
        return []


if __name__ == "__main__":
    main()
