r"""What each part of the way from a text to a number is worth, with the same weights.

    python -m data.math_ablations models/math --data run/math/mawps.jsonl [--limit 200] [--digits]

Prints the share of exact answers: as served; without what the numbers say of an expression; with the likeliest expression alone, whatever it comes to;
with the likeliest token at each place under the grammar; and without the grammar.
``--digits`` is for a model of rows that ``data.math_problems --digits`` wrote.
"""

import argparse
import math
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from engine.decoding import generate
from engine.grammar import Constraint
from engine.runtime import Forge
from evaluation.home import Asking
from evaluation.problems import read_problems
from handlers.calculator import NoNumber, equal
from handlers.math_expression import grammar, value
from handlers.math_search import MOST_TOKENS, Search, asked
from handlers.math_view import Unreadable, View, view


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--digits", action="store_true", help="numbers stay digits in the prompt")
    arguments = parser.parse_args()
    forge = Forge.load(arguments.model, threads=1)
    ways = _ways(forge)
    problems = read_problems(arguments.data, arguments.limit)
    right: Counter[str] = Counter()
    for one in problems:
        try:
            seen = view(one.text, digits=arguments.digits)
        except Unreadable:
            continue
        for name, way in ways.items():
            try:
                right[name] += equal(way(seen), one.answer)
            except (NoNumber, KeyError, IndexError):
                continue
    for name in ways:
        print(f"{right[name] / len(problems):.4f}  {name}")


def _ways(forge: Forge) -> dict[str, Callable[[View], Fraction]]:
    """Name -> what a way makes of a problem; NoNumber, KeyError or IndexError where it makes nothing."""
    search = Search(forge)

    def served(seen: View) -> Fraction:
        return search.answers(seen, Asking())[0].value

    def unweighed(seen: View) -> Fraction:
        shares: dict[Fraction, float] = {}
        for expression, logprob in search.expressions(seen, Asking()):
            with suppress(NoNumber):
                result = value(expression, seen.numbers)
                shares[result] = shares.get(result, 0.0) + math.exp(logprob)
        likely = [(share, result) for result, share in shares.items() if result >= 0]
        return max(likely, default=(0.0, Fraction(-1)))[1]

    def likeliest(seen: View) -> Fraction:
        return value(search.expressions(seen, Asking())[0][0], seen.numbers)

    def greedy(seen: View) -> Fraction:
        held = Constraint(grammar(seen.numbers, seen.constants), forge.tokenizer)
        return _written(seen, held)

    def free(seen: View) -> Fraction:
        return _written(seen, None)

    def _written(seen: View, held: Constraint | None) -> Fraction:
        ids = forge.tokenizer.chat(asked(seen), task="math")
        told = generate(forge, ids, max_tokens=MOST_TOKENS, constraint=held)
        return value(told.text, seen.numbers)

    return {
        "as served": served,
        "without what the numbers say": unweighed,
        "the likeliest expression, whatever it comes to": likeliest,
        "the likeliest token at each place": greedy,
        "without the grammar": free,
    }


if __name__ == "__main__":
    main()
