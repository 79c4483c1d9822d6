"""A math model on word problems: it writes an expression, the calculator computes it.

A model with a calibration answers as it does in a node, through the handler of ``math``; one without, such
as ``forgebus train --type math`` makes of any rows, is asked the problem as it stands.
"""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.decoding import generate, score
from engine.errors import BadData, BadPrompt
from engine.model_use import Calibration
from evaluation.cases import NOTHING, Given, Outcome
from evaluation.home import Asking
from evaluation.models import Model
from evaluation.problems import Problem
from handlers.calculator import NoNumber, answer_value, equal
from handlers.math_word_problems import solve, solver
from handlers.protocol import HandlerError, Unavailable

_TOKENS = 200


def solved(
    folder: Path, problems: Sequence[Problem], temperature: float | None = None
) -> Iterator[Outcome]:
    """Each problem asked of the model in `folder` as a node would, but with nothing held back.

    Probabilities are at `temperature`, by default the model's own.

    Raises:
        BadData: the model cannot be used.
    """
    try:
        search, own = solver(folder)
    except Unavailable as fault:
        raise BadData(str(fault), "give another model") from fault
    calibration = Calibration(temperature or own.temperature, threshold=0.0)
    for one in problems:
        started = time.perf_counter()
        try:
            found = solve(one.text, search, calibration, Asking())
        except HandlerError as fault:
            yield _outcome(one, None, 0.0, time.perf_counter() - started, str(fault))
            continue
        seconds = time.perf_counter() - started
        written = None if found.abstained else f"{found.expression} = {found.answer}"
        right = not found.abstained and _says(found.answer, one)
        yield _told(
            one,
            written or f"{NOTHING} {found.reason}",
            found.probability,
            seconds,
            right=right,
            acts=not found.abstained,
        )


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
    return _told(one, given, sure, seconds, right=right, acts=acts)


def _says(answer: str, one: Problem) -> bool:
    try:
        return equal(answer_value(answer), one.answer)
    except NoNumber:
        return False


def _told(
    one: Problem, given: str, sure: float, seconds: float, *, right: bool, acts: bool
) -> Outcome:
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
