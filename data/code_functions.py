"""Requests for short Python functions, with their answers and tests.

    python -m data.code_functions --out run/code --rows 120000 --seed 1 --sets SETS

Writes `train.jsonl` for `forgebus train --type code`, and validation sets, which hold what training
never sees: `phrasings.jsonl` (programs that training has, said otherwise), `compositions.jsonl` (programs
that training lacks), each with a `..._fit.jsonl` of the same making for fitting temperature and
threshold, and `mbpp.jsonl`, half of a fifth of MBPP's training tasks; the other half is in `mbpp_fit.jsonl`, with those
that have no answer of the model's form, from which nothing is learnt. `SETS` is the folder of public sets.
"""

import argparse
import json
import random
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from data.code_families import composed
from data.code_forms import Function
from data.code_listed import Listed, listed
from data.code_phrasing import expanded
from data.code_public import MBPP, tasks_of
from data.code_rows import Row, apart, row
from handlers.code_view import view

HELD_OUT = 0.06
MBPP_HELD_OUT = 0.2
FAMILIES = ("letters", "lists", "numbers", "tables", "texts", "units", "words")
"""Compositions (letters, numbers, words) and files of functions; `numbers` is both."""
_COMPOSED = 0.55
_SEEDS = Path(__file__).parent / "seeds" / "code.txt"


def main() -> None:
    """Write the files that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=120_000)
    parser.add_argument("--validation", type=int, default=600, help="rows of each validation set")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sets", type=Path, help="folder of public sets; without it none is used")
    parser.add_argument("--mbpp", type=int, default=12, help="how often a task of MBPP comes")
    parser.add_argument("--composed", type=float, default=_COMPOSED, help="share of compositions")
    parser.add_argument("--one-phrasing", action="store_true", help="for comparison: first choices")
    parser.add_argument(
        "--without",
        nargs="*",
        default=(),
        choices=FAMILIES,
        metavar="FAMILY",
        help=f"for comparison: families that are not trained on ({', '.join(FAMILIES)})",
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(arguments.seed)
    blocks = listed()
    kept = list(
        training_rows(
            rng,
            blocks,
            arguments.rows,
            arguments.composed,
            plain=arguments.one_phrasing,
            without=arguments.without,
        )
    )
    rows = [one.for_training() for one in kept]
    public: list[dict[str, Any]] = []
    unfit: list[dict[str, Any]] = []
    if arguments.sets:
        taught, public, unfit = tasks_of(arguments.sets / MBPP, MBPP_HELD_OUT)
        rows += taught * arguments.mbpp
        rows += seeds() * arguments.mbpp
    rng.shuffle(rows)
    _write(arguments.out / "train.jsonl", rows)
    seen = {one.prompt for one in kept}
    for name, seed in (("", 1), ("_fit", 2)):
        for kind in ("phrasings", "compositions"):
            made = validation_rows(
                random.Random(arguments.seed * 100 + seed), blocks, kind, seen, arguments.validation
            )
            _write(arguments.out / f"{kind}{name}.jsonl", (one.for_validation() for one in made))
    if public:
        _write(arguments.out / "mbpp_fit.jsonl", [*public[::2], *unfit])
        _write(arguments.out / "mbpp.jsonl", public[1::2])


def training_rows(
    rng: random.Random,
    blocks: list[Listed],
    count: int,
    share: float,
    *,
    plain: bool = False,
    without: Collection[str] = (),
) -> Iterator[Row]:
    """Rows of what is not kept for validation, less those of the families `without`."""
    made = 0
    while made < count:
        function = (
            composed(rng)
            if rng.random() < share or not blocks
            else rng.choice(blocks).function(rng)
        )
        if function.family in without:
            continue
        phrase = expanded(function.phrase, random.Random(1) if plain else rng)
        if _held_composition(function) or apart(phrase, HELD_OUT):
            continue
        if one := row(function, rng, phrase):
            made += 1
            yield one


def validation_rows(
    rng: random.Random, blocks: list[Listed], kind: str, seen: set[str], count: int
) -> Iterator[Row]:
    """Rows of what training never has: phrasings of known programs, or unknown compositions."""
    made = 0
    while made < count:
        use_composed = kind == "compositions" or rng.random() < _COMPOSED or not blocks
        function = composed(rng) if use_composed else rng.choice(blocks).function(rng)
        phrase = expanded(function.phrase, rng)
        wanted = (
            _held_composition(function)
            if kind == "compositions"
            else not _held_composition(function) and apart(phrase, HELD_OUT)
        )
        if not wanted:
            continue
        one = row(function, rng, phrase)
        if one and one.prompt not in seen:
            made += 1
            yield one


def seeds() -> list[dict[str, Any]]:
    """The questions and answers of `data/seeds/code.txt` in the form of the model."""
    found = []
    for block in _SEEDS.read_text("utf-8").strip().split("\n\n"):
        question, _, answer = block.partition("\nA: ")
        from data.code_public import in_form  # noqa: PLC0415

        text = question.removeprefix("Q: ")
        if written := in_form(answer, view(text)):
            found.append({"prompt": view(text).prompt, "answer": written})
    return found


def _held_composition(function: Function) -> bool:
    return function.family in {"numbers", "words", "letters"} and apart(function.key, HELD_OUT)


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    lines = [json.dumps(one, ensure_ascii=False) for one in rows]
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    print(f"{file}: {len(lines)}")


if __name__ == "__main__":
    main()
