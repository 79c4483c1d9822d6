"""Whether a model may take another's place: both asked the same, case by case.

Two models that were trained a little differently differ in a few cases either way. So cases are
compared in pairs: of those that changed, more must have been lost than chance explains (the sign
test, McNemar 1947), or more than one in a hundred of all and five, before it is said that something
fell.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.cases import Outcome

CHANCE = 0.05
MOST_LOST, FEW = 0.01, 5


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of one case.

    Attributes:
        right: the answer is right, whatever its probability.
        helped: it was sure enough to be given, and right.
        harmed: it was sure enough to be given, and wrong.
        done: what should come of the case came: the right answer, or rightly none.
    """

    right: bool
    helped: bool
    harmed: bool
    done: bool


def marks(outcomes: Iterable[Outcome], threshold: float) -> list[Mark]:
    """Each outcome as a node with this threshold would have had it."""
    found = []
    for one in outcomes:
        given = one.acts and one.probability >= threshold
        done = (given and one.right) or (one.silent_right and not given)
        found.append(Mark(one.right, given and one.right, given and not one.right, done))
    return found


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of two models over the same `n` cases; `fell` says that the second is worse."""

    n: int
    before: int
    after: int
    fell: bool

    def told(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


def compared(before: Sequence[bool], after: Sequence[bool]) -> Compared:
    """How often something good came of the same cases, before and after."""
    pairs = list(zip(before, after, strict=True))
    lost = sum(old and not new for old, new in pairs)
    gained = sum(new and not old for old, new in pairs)
    surely = lost > gained and _by_chance(lost, lost + gained) < CHANCE
    fell = surely or lost - gained > max(FEW, MOST_LOST * len(pairs))
    return Compared(len(pairs), sum(before), sum(after), fell)


def fallen(before: Sequence[Mark], after: Sequence[Mark]) -> tuple[dict[str, Compared], list[str]]:
    """Right, rightly answered and not wrongly answered; and which of these fell, in words."""
    figures = {
        "right": compared([m.right for m in before], [m.right for m in after]),
        "answered rightly": compared([m.helped for m in before], [m.helped for m in after]),
        "not answered wrongly": compared(
            [not m.harmed for m in before], [not m.harmed for m in after]
        ),
    }
    return figures, [
        f"{name} fell from {one.before} to {one.after} of {one.n}"
        for name, one in figures.items()
        if one.fell
    ]


def threshold_for(outcomes: Sequence[Outcome], answers: int, least: float) -> float:
    """The threshold at which `answers` of the cases are answered, the surest; not below `least`.

    So a model answers as often as the one before it, and is judged by what it then answers.
    """
    surest = sorted((one.probability for one in outcomes if one.acts), reverse=True)
    if answers >= len(surest):
        return least
    kept = surest[answers - 1] if answers else 1.0
    return max(least, round((kept + surest[answers]) / 2, 4))


def _by_chance(lost: int, changed: int) -> float:
    """How likely at least `lost` of `changed` are losses where both are as likely."""
    ways: int = sum(math.comb(changed, k) for k in range(lost, changed + 1))
    return float(ways / 2**changed)
