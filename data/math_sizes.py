"""How large numbers are, and how they divide, where problems add, subtract, multiply and divide them.

    python -m data.math_sizes SETS

Prints, for the pairs of whole numbers that the equations of MAWPS's training part combine, the share of pairs
that divide without rest and of pairs whose smaller number is above 12, 20 and 40. The ratios of
:mod:`handlers.math_plausible` are from here.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from data.math_public import read_mawps
from data.math_trees import Tree
from handlers.math_view import view

_SIZES = (12, 20, 40)


def main() -> None:
    """Print a line for each operation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path, help="folder of the public sets")
    arguments = parser.parse_args()
    counts: dict[str, Counter[str]] = {}
    for one in read_mawps(arguments.sets / "mawps/train.csv"):
        if one.held_out or one.tree is None:
            continue
        for operator, large, small in _pairs(one.tree, view(one.text).numbers):
            found = counts.setdefault(operator, Counter())
            found["n"] += 1
            found["divides"] += small > 1 and large % small == 0
            found.update(f"above {size}" for size in _SIZES if small > size)
    for operator, found in counts.items():
        shares = ", ".join(
            f"{name} {found[name] / found['n']:.3f}"
            for name in ("divides", *(f"above {size}" for size in _SIZES))
        )
        print(f"{operator}  n {found['n']}  {shares}")


def _pairs(tree: Tree, numbers: dict[str, Fraction]) -> Iterator[tuple[str, Fraction, Fraction]]:
    """Operator, larger and smaller number of each two numbers of the text that are combined."""
    match tree:
        case (operator, str(left), str(right)):
            pair = sorted((numbers[left], numbers[right]))
            if all(one.denominator == 1 for one in pair):
                yield operator, pair[1], pair[0]
        case (_, left, right):
            yield from _pairs(left, numbers)
            yield from _pairs(right, numbers)


if __name__ == "__main__":
    main()
