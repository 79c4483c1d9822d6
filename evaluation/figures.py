"""Outcomes counted: accuracy, precision at coverage, the abstention curve, confusion, latency.

An answer below the threshold is an abstention. For each outcome that gives two verdicts: of the
answer taken as it is, and of the one that a node would have given out. Of a set of any size only
numbers are kept, 34 bytes a case, and at most `KEPT` names of each kind.
"""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.cases import NOTHING, Outcome

KEPT = 5_000
"""Most pairs of the confusion and most domains that are told apart."""

WRONG_KEPT = 50
"""Most wrong answers that are shown with their question."""

CURVE_POINTS = 21
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
OTHERS = "(others)"


@dataclass(slots=True)
class Domain:
    """Counts of one group."""

    n: int = 0
    correct: int = 0
    answered: int = 0
    right_of_answered: int = 0


@dataclass(slots=True)
class Tally:
    """Counts of all outcomes so far, at one threshold.

    Attributes:
        threshold: least probability of an answer that is given out.
        as_given: `correct` is about answers as they are (intent sets), not as a node gives them
            out, where an abstention from a request that should be answered is wrong.
    """

    threshold: float = 0.0
    as_given: bool = False
    domains: dict[str, Domain] = field(default_factory=dict)
    confused: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[dict[str, Any]] = field(default_factory=list)
    _probability: "array[float]" = field(default_factory=lambda: array("d"))
    _seconds: "array[float]" = field(default_factory=lambda: array("d"))
    _bits: "array[int]" = field(default_factory=lambda: array("B"))

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        answered = outcome.acts and outcome.probability >= self.threshold
        correct = self._correct(outcome, answered=answered)
        self._probability.append(outcome.probability)
        self._seconds.append(outcome.seconds)
        self._bits.append(
            outcome.right
            | outcome.acts << 1
            | outcome.silent_right << 2
            | outcome.in_scope << 3
            | correct << 4
        )
        domain = self.domains.get(outcome.domain)
        if domain is None:
            name = outcome.domain if len(self.domains) < KEPT else OTHERS
            domain = self.domains.setdefault(name, Domain())
        domain.n += 1
        domain.correct += correct
        domain.answered += answered
        domain.right_of_answered += answered and outcome.right
        if not correct:
            self._note(outcome, answered=answered)

    def __len__(self) -> int:
        return len(self._bits)

    @property
    def correct(self) -> int:
        """How many are right, as `as_given` says."""
        return int(self._flag(4).sum())

    def figures(self) -> dict[str, Any]:
        """All counts; shares are 0 to 1 and None where there is nothing to share."""
        right, acts, silent, scope = (self._flag(bit) for bit in range(4))
        sure = _floats(self._probability)
        answered = acts & (sure >= self.threshold)
        told: dict[str, Any] = {
            "n": len(self),
            "correct": self.correct,
            "accuracy": share(self.correct, len(self)),
            "answered": int(answered.sum()),
            "precision": share(int((answered & right).sum()), int(answered.sum())),
            **self._latency(),
            "threshold": self.threshold,
            "accuracy_without_threshold": share(int(right.sum()), len(self)),
            "coverage": share(int(answered.sum()), len(self)),
        }
        if not scope.all():
            told |= self._scopes(right, answered, scope)
        # Declined by the model itself: it stays declined at every threshold.
        told["precision_at_coverage"] = _at_coverage(right, acts, sure)
        told["abstention_curve"] = _curve(right, acts, silent, scope, sure)
        told["domains"] = {
            name: {
                "n": d.n,
                "correct": d.correct,
                "accuracy": share(d.correct, d.n),
                "answered": d.answered,
                "precision": share(d.right_of_answered, d.answered),
            }
            for name, d in sorted(self.domains.items())
        }
        told["confusion"] = [
            {"wanted": wanted, "given": given, "n": n}
            for (wanted, given), n in self.confused.most_common(20)
        ]
        told["wrong"] = self.wrong
        return told

    def _correct(self, outcome: Outcome, *, answered: bool) -> bool:
        if self.as_given and outcome.in_scope:
            return outcome.right
        return outcome.right if answered else outcome.silent_right

    def _note(self, outcome: Outcome, *, answered: bool) -> None:
        wanted, given = outcome.sorts or (outcome.wanted, outcome.given)
        pair = (wanted, given if answered or self.as_given else NOTHING)
        self.confused[pair if pair in self.confused or len(self.confused) < KEPT else _MANY] += 1
        if len(self.wrong) < WRONG_KEPT:
            self.wrong.append(
                {
                    "case": outcome.case,
                    "question": outcome.question[:300],
                    "wanted": outcome.wanted[:300],
                    "given": outcome.given[:300],
                    "probability": round(outcome.probability, 4),
                    "answered": answered,
                }
            )

    def _scopes(
        self,
        right: npt.NDArray[np.bool_],
        answered: npt.NDArray[np.bool_],
        scope: npt.NDArray[np.bool_],
    ) -> dict[str, Any]:
        inside, outside = int(scope.sum()), int((~scope).sum())
        return {
            "in_scope": {
                "n": inside,
                "accuracy": share(int((right & scope).sum()), inside),
                "accuracy_at_threshold": share(int((right & answered & scope).sum()), inside),
            },
            "out_of_scope": {
                "n": outside,
                "recall": share(int((~scope & (right | ~answered)).sum()), outside),
            },
        }

    def _latency(self) -> dict[str, float | None]:
        seconds = _floats(self._seconds)
        if not seconds.any():
            return {"latency_p50_ms": None, "latency_p95_ms": None, "latency_max_ms": None}
        p50, p95, most = (float(n) * 1000 for n in np.percentile(seconds, [50, 95, 100]))
        return {
            "latency_p50_ms": round(p50, 3),
            "latency_p95_ms": round(p95, 3),
            "latency_max_ms": round(most, 3),
        }

    def _flag(self, bit: int) -> npt.NDArray[np.bool_]:
        bits = np.frombuffer(self._bits, np.uint8) if self._bits else np.empty(0, np.uint8)
        flags: npt.NDArray[np.bool_] = (bits >> bit & 1).astype(bool)
        return flags


_MANY = (OTHERS, OTHERS)


def _floats(kept: "array[float]") -> npt.NDArray[np.float64]:
    return np.frombuffer(kept, np.float64).copy() if kept else np.empty(0)


def share(part: int, whole: int) -> float | None:
    """`part / whole` to four places; None of nothing."""
    return round(part / whole, 4) if whole else None


def _at_coverage(
    right: npt.NDArray[np.bool_], acts: npt.NDArray[np.bool_], sure: npt.NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Precision of the surest answers, where they are that share of all cases."""
    order = np.argsort(-sure[acts], kind="stable")
    ranked, rank_sure = right[acts][order], sure[acts][order]
    found = []
    for coverage in COVERAGES:
        count = round(coverage * len(sure))
        if 0 < count <= len(ranked):
            found.append(
                {
                    "coverage": coverage,
                    "precision": share(int(ranked[:count].sum()), count),
                    "threshold": round(float(rank_sure[count - 1]), 4),
                }
            )
    return found


def _curve(
    right: npt.NDArray[np.bool_],
    acts: npt.NDArray[np.bool_],
    silent: npt.NDArray[np.bool_],
    scope: npt.NDArray[np.bool_],
    sure: npt.NDArray[np.float64],
) -> list[dict[str, Any]]:
    """What other thresholds would have come to, from 0 to 1."""
    found = []
    for number in range(CURVE_POINTS):
        least = number / (CURVE_POINTS - 1)
        answered = acts & (sure >= least)
        point = {
            "threshold": round(least, 4),
            "coverage": share(int(answered.sum()), len(sure)),
            "precision": share(int((answered & right).sum()), int(answered.sum())),
            "accuracy": share(int(np.where(answered, right, silent).sum()), len(sure)),
        }
        if not scope.all():
            turned_away = int((~scope & (right | ~answered)).sum())
            point["out_of_scope_recall"] = share(turned_away, int((~scope).sum()))
        found.append(point)
    return found
