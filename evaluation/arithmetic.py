"""A math model on word problems: it writes an expression, the calculator computes it."""

import math
import time
from collections.abc import Iterator, Sequence

from engine.decoding import generate, score
from engine.errors import BadData, BadPrompt
from handlers.calculator import NoNumber, answer_value, equal
from evaluation.cases import NOTHING, Given, Outcome
from evaluation.models import Model
from evaluation.problems import Problem

_TOKENS = 200


def answered(model: Model, problems: Sequence[Problem]) -> Iterator[Outcome]:
    """Each problem put to the model; how sure it is, is the probability of its whole answer."""
    forge = model.forge
    for one in problems:
        ids = model.use.ids(forge.tokenizer, one.text)
        started = time.perf_counter()
        try:
            written = generate(forge, ids, max_tokens=_TOKENS).text
            seconds = time.perf_counter() - started
            sure = math.exp(float(score(forge, ids, [written])[0]) / model.calibration.temperature)
        except BadPrompt as fault:
            yield _outcome(one, None, 0.0, time.perf_counter() - started, str(fault))
            continue
        yield _outcome(one, written, min(1.0, sure), seconds)


def judged(problems: Sequence[Problem], given: dict[str, Given]) -> Iterator[Outcome]:
    """Each problem with an answer from elsewhere: a number, an expression, or a text that ends in one.

    Raises:
        BadData: an answer is neither text nor number.
    """
    for one in problems:
        found = given[one.case]
        if isinstance(found.answer, bool) or not isinstance(found.answer, str | int | float | None):
            raise BadData(f"the answer for {one.case} is no number", "write a number or a text")
        written = None if found.answer is None else str(found.answer)
        yield _outcome(one, written, found.probability, found.seconds)


def _outcome(
    one: Problem, written: str | None, sure: float, seconds: float, why: str = ""
) -> Outcome:
    right, acts, given = False, written is not None, why or NOTHING
    if written is not None:
        given = written
        try:
            right = equal(answer_value(written), one.answer)
        except NoNumber as fault:
            given, acts = f"{written} ({fault})", False
    return Outcome(
        case=one.case,
        domain=one.kind,
        wanted=f"{float(one.answer):g}",
        given=given,
        right=right,
        acts=acts,
        probability=sure,
        seconds=seconds,
        question=one.text,
        sorts=("the number", "another number" if acts else "no number"),
    )
