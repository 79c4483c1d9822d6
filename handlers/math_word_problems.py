"""Capability ``math``: arithmetic and word problems, answered with the expression they come from.

Plain arithmetic is read by a parser and needs no model (:mod:`handlers.math_arithmetic`). Of a word
problem a small model sees the story with letters for its numbers (:mod:`handlers.math_view`) and writes an
expression over them; :mod:`handlers.calculator` computes it. The model never sees a digit and never
calculates. An expression that it does not hold likely enough is an abstention.
"""

from pathlib import Path
from typing import Annotated

import msgspec

from engine.model_use import Calibration
from handlers.calculator import NoNumber
from handlers.forge_model import engine_faults_told, load_forge
from handlers.math_arithmetic import arithmetic
from handlers.math_expression import shown
from handlers.math_numbers import number_text
from handlers.math_search import Search
from handlers.math_view import Unreadable, view
from handlers.protocol import Call, Cancelled, HandlerError, read_content

MOST_CHARACTERS = 4000


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Input; a bare string is its ``text``."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_CHARACTERS)]


class Solution(msgspec.Struct, frozen=True):
    """Result: the answer and the expression that it is the value of; or none, and why in ``reason``.

    An abstention for want of certainty shows in ``expression`` and ``probability`` what was held back.
    """

    answer: str
    expression: str
    probability: float
    abstained: bool
    reason: str = ""


class WordProblems:
    """:class:`Request` in, :class:`Solution` out."""

    capability = "math"
    model = "math"

    def __init__(self, models: Path) -> None:
        self._models = models
        self._loaded: tuple[Search, Calibration] | None = None

    def load(self) -> None:
        """Load the math model. Raises :class:`handlers.protocol.Unavailable`."""
        forge, calibration = load_forge(self._models, self.model)
        self._loaded = Search(forge), calibration

    def run(self, content: bytes, call: Call) -> bytes:
        """Answer one problem."""
        if self._loaded is None:
            raise HandlerError("the math model is not loaded: call load() first")
        search, calibration = self._loaded
        text = read_content(content, Request, "text").text
        if call.cancelled():
            raise Cancelled("cancelled before the problem was read")
        return msgspec.json.encode(solve(text, search, calibration, call))


def solve(text: str, search: Search, calibration: Calibration, call: Call) -> Solution:
    """The answer to one problem.

    Raises:
        HandlerError: cancelled, or too long for the model.
    """
    try:
        plain = arithmetic(text)
        if plain is not None:
            return Solution(plain.answer, plain.expression, 1.0, abstained=False)
        seen = view(text)
    except NoNumber as fault:
        return _held_back("impossible", str(fault), call)
    except Unreadable as fault:
        return _held_back("unreadable", str(fault), call)
    with engine_faults_told():
        found = search.answers(seen, call)
    if not found:
        why = "no expression over these numbers comes to a sensible answer"
        return _held_back("impossible", why, call)
    best = found[0]
    said = shown(best.expression, seen.numbers)
    probability = best.probability ** (1 / calibration.temperature)
    if probability < calibration.threshold:
        why = f"not sure enough: {probability:.2f} is below {calibration.threshold:.2f}"
        return _held_back("unsure", why, call, said, probability)
    return Solution(number_text(best.value), said, probability, abstained=False)


def solver(folder: Path, calibration: Calibration | None = None) -> tuple[Search, Calibration]:
    """The model of a served folder, to :func:`solve` with; its own calibration, or this one.

    Raises:
        Unavailable: missing or damaged.
    """
    forge, own = load_forge(folder.parent, folder.name)
    return Search(forge), calibration or own


def _held_back(
    word: str, reason: str, call: Call, expression: str = "", probability: float = 0.0
) -> Solution:
    call.abstain(word, probability)
    return Solution("", expression, probability, abstained=True, reason=reason)
