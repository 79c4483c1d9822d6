"""The likeliest expressions for a problem, found best first under the grammar of what the text allows.

Expressions of the same value share their probability: `A + B` and `B + A` are one answer. What cannot be
the answer of a problem is passed over: a division by zero, less than nothing, something endless. Where
things are counted, a broken number of them is hardly likely; and what the numbers themselves say is weighed
in (:mod:`handlers.math_plausible`).
"""

import heapq
import math
import time
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from engine.grammar import Constraint, Vocabulary
from engine.runtime import Forge
from engine.tokenizer import END
from handlers.calculator import NoNumber
from handlers.math_expression import grammar, value
from handlers.math_plausible import plausibility
from handlers.math_view import View
from handlers.protocol import Call, Cancelled

MOST_TOKENS = 48
MOST_LOOKS = 40
"""Places of the tree of expressions that are looked at."""

MOST_KEPT = 64
"""Grammars kept, by the letters and constants that they are of."""

_ENOUGH = 0.98
_LARGEST = 10**15
_BROKEN = 0.05
"""What is left of the probability of a broken number of things."""

_WEIGHT = 1.5
"""The model is surer than it is right, so that what the numbers say counts for more (calibration problems)."""


@dataclass(frozen=True, slots=True)
class Found:
    """A possible answer.

    Attributes:
        expression: the likeliest of those that come to ``value``, in letters.
        value: the number.
        probability: of all of them together, among what can be an answer.
    """

    expression: str
    value: Fraction
    probability: float


def asked(seen: View) -> str:
    """What the model is asked: the view of a problem, and a sign behind which the expression belongs."""
    return f"{seen.prompt} ="


class Search:
    """Searches with one model, one at a time."""

    def __init__(self, forge: Forge) -> None:
        self._forge = forge
        self._vocabulary = Vocabulary(forge.tokenizer)
        self._kept: dict[tuple[str, tuple[int, ...]], Constraint] = {}

    def answers(self, seen: View, call: Call) -> list[Found]:
        """Possible answers, the likeliest first; [] where none of the expressions can be one.

        Raises:
            Cancelled: nobody wants the answer any more.
            BadPrompt: the problem does not fit into the model's context.
        """
        return _ranked(self.expressions(seen, call), seen)

    def expressions(self, seen: View, call: Call) -> list[tuple[str, float]]:
        """Whole expressions with their log-probabilities under the grammar, the likeliest first.

        Raises:
            Cancelled: nobody wants the answer any more.
            BadPrompt: the problem does not fit into the model's context.
        """
        ids = self._forge.tokenizer.chat(asked(seen), task="math")
        return self._written(ids, self._constraint(seen), call)

    def _constraint(self, seen: View) -> Constraint:
        key = "".join(seen.numbers), seen.constants
        if key not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = Constraint(grammar(*key), self._vocabulary)
        return self._kept[key]

    def _written(
        self, ids: list[int], constraint: Constraint, call: Call
    ) -> list[tuple[str, float]]:
        forge, usage = self._forge, call.usage
        found: list[tuple[str, float]] = []
        waiting: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
        certain, looks, most = 0.0, 0, min(call.max_tokens, MOST_TOKENS)
        with forge.request():
            while waiting and looks < MOST_LOOKS and certain < _ENOUGH:
                if call.cancelled():
                    raise Cancelled("cancelled while the expression was being sought")
                less, tokens = heapq.heappop(waiting)
                if tokens and tokens[-1] == END:
                    found.append((forge.tokenizer.decode(tokens[:-1]), -less))
                    certain += math.exp(-less)
                    continue
                started = time.perf_counter()
                logits = forge.prefill([*ids, *tokens])
                taken, new = time.perf_counter() - started, len(ids) + len(tokens) - forge.reused
                if looks == 0:
                    usage.prefill_s, usage.prefill_tokens = (
                        usage.prefill_s + taken,
                        usage.prefill_tokens + new,
                    )
                else:
                    usage.decode_s, usage.decode_tokens = (
                        usage.decode_s + taken,
                        usage.decode_tokens + new,
                    )
                looks += 1
                for token, logprob in _next(logits, constraint, tokens, most):
                    heapq.heappush(waiting, (less - logprob, (*tokens, token)))
        return found


def _next(
    logits: np.ndarray, constraint: Constraint, tokens: tuple[int, ...], most: int
) -> list[tuple[int, float]]:
    """The tokens that may follow and are not hopeless, with their log-probabilities."""
    walk = constraint.start()
    for token in tokens:
        walk.advance(token)
    left = most - len(tokens)
    allowed = walk.allowed(left) if left > 0 else np.array([END] if walk.complete else [], np.int64)
    if not len(allowed):
        return []
    among = logits[allowed].astype(np.float64)
    among -= among.max()
    among -= np.log(np.exp(among).sum())
    likely = np.flatnonzero(among > -7.0)
    return [(int(allowed[n]), float(among[n])) for n in likely]


def _ranked(written: list[tuple[str, float]], seen: View) -> list[Found]:
    counted = _counted(seen)
    shares: dict[Fraction, float] = {}
    first: dict[Fraction, tuple[float, str]] = {}
    unseen = 1.0
    for expression, logprob in written:
        share = math.exp(logprob)
        unseen -= share
        try:
            result = value(expression, seen.numbers)
        except NoNumber:
            continue
        if not 0 <= result <= _LARGEST:
            continue
        share *= plausibility(expression, seen.numbers) ** _WEIGHT
        if counted and result.denominator != 1:
            share *= _BROKEN
        shares[result] = shares.get(result, 0.0) + share
        first[result] = max(first.get(result, (0.0, "")), (share, expression))
    total = max(sum(shares.values()) + max(unseen, 0.0), 1e-9)
    found = [Found(first[n][1], n, min(1.0, share / total)) for n, share in shares.items()]
    return sorted(found, key=lambda one: -one.probability)


def _counted(seen: View) -> bool:
    """Whether things are counted: whole numbers are given and "how many" is asked."""
    return seen.prompt.startswith("how many") and all(
        number.denominator == 1 for number in seen.numbers.values()
    )
