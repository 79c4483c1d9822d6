"""A code model on tasks with tests: right is what passes them.

A model with a calibration answers as it does in a node, through the handler of ``code``; one without,
such as ``forgebus train --type code`` makes of any rows, is asked the task as it stands. Neither is
given the tests; examples in a docstring are part of the task, and the handler runs them.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from engine.decoding import generate, score
from engine.errors import BadData, BadPrompt
from engine.model_use import Calibration
from evaluation.cases import NOTHING, Given, Outcome
from evaluation.home import Asking
from evaluation.models import Model
from evaluation.programs import Task
from handlers.code import answer, load_code
from handlers.protocol import HandlerError, Unavailable
from handlers.sandbox import run_program

_TOKENS = 320


def written(
    folder: Path, tasks: Sequence[Task], temperature: float | None = None
) -> Iterator[Outcome]:
    """Each task asked of the model in `folder` as a node would, but with nothing held back.

    Probabilities are at `temperature`, by default the model's own. What passes the examples of its
    own task, a node gives out however unlikely: its probability is 1.

    Raises:
        BadData: the model cannot be used.
    """
    try:
        loaded = load_code(folder.parent, folder.name)
    except Unavailable as fault:
        raise BadData(str(fault), "give another model") from fault
    own = loaded.calibration
    loaded = replace(loaded, calibration=Calibration(temperature or own.temperature, threshold=0.0))
    for one in tasks:
        started = time.perf_counter()
        try:
            found = answer(loaded, one.prompt, (), Asking())
        except HandlerError as fault:
            yield _outcome(one, None, 0.0, time.perf_counter() - started, str(fault))
            continue
        seconds = time.perf_counter() - started
        sure = 1.0 if found.passed else found.probability
        yield _outcome(one, found.code or None, sure, seconds, found.reason)


def answered(model: Model, tasks: Sequence[Task]) -> Iterator[Outcome]:
    """Each task put to the model; how sure it is, is the mean probability of its tokens."""
    forge = model.forge
    for one in tasks:
        ids = model.use.ids(forge.tokenizer, one.prompt)
        started = time.perf_counter()
        try:
            done = generate(forge, ids, max_tokens=_TOKENS)
            seconds = time.perf_counter() - started
            count = len(forge.tokenizer.encode(done.text)) + 1
            sure = math.exp(float(score(forge, ids, [done.text])[0]) / count)
        except BadPrompt as fault:
            yield _outcome(one, None, 0.0, time.perf_counter() - started, str(fault))
            continue
        yield _outcome(one, done.text, min(1.0, sure), seconds)


def judged(tasks: Sequence[Task], given: dict[str, Given]) -> Iterator[Outcome]:
    """Each task with an answer from elsewhere: the function, or what continues its head.

    Raises:
        BadData: an answer is no text.
    """
    for one in tasks:
        found = given[one.case]
        if not isinstance(found.answer, str | None):
            raise BadData(f"the answer for {one.case} is no text", "write the code as a string")
        yield _outcome(one, found.answer, found.probability, found.seconds)


def _outcome(one: Task, written: str | None, sure: float, seconds: float, why: str = "") -> Outcome:
    verdict = why or NOTHING
    acts = written is not None
    if written is not None:
        ran = run_program(one.program(written))
        # What is no Python is not given out: a node's answer is only what parses.
        verdict, acts = ran.verdict, ran.verdict != "no python"
    return Outcome(
        case=one.case,
        domain=one.kind,
        wanted="passed",
        given=verdict,
        right=verdict == "passed",
        acts=acts,
        probability=sure,
        seconds=seconds,
        question=one.prompt,
    )
