"""Capability ``code``: what a short Python function should do in, the function out.

Plain code reduces the request to a line (:mod:`handlers.code_view`), a small model writes the function's
lines, plain code makes a function of them or refuses them (:mod:`handlers.code_program`). Whatever is
given out parses, defines the function that was asked for, and imports nothing but modules that compute.

With tests, or with examples in the request, several candidates run in the sandbox
(:mod:`handlers.sandbox`), and the first that passes all is the answer, however unlikely the model
holds it. Without, functions that do the same add up their probability (:mod:`handlers.code_candidates`), words
of the request that the model never read or that the function does not account for take from it
(:mod:`handlers.code_doubt`), and what is not likely enough then is an abstention.
"""

import ast
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from engine.errors import EngineError
from engine.model_use import Calibration
from engine.runtime import Forge
from handlers.code_candidates import Candidate, Candidates, probability
from handlers.code_doubt import Words, read_words
from handlers.code_safety import refused_in_test
from handlers.code_view import view
from handlers.forge_model import engine_faults_told, load_forge
from handlers.protocol import (
    BadInput,
    Call,
    Cancelled,
    HandlerError,
    Unavailable,
    read_content,
)
from handlers.sandbox import Ran, run_program

ROUNDS_TESTED = 4
"""Rounds of candidates where there are tests: 1, then 8 each."""

SECONDS_EACH = 2
SECONDS_ALL = 12.0
"""Processor time of one candidate's tests, and the time after which no further one is tried."""


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Input; a bare string is its ``text``: a sentence, or a function's head with a docstring.

    ``tests`` are statements that fail where the function is wrong: ``assert add(1, 2) == 3``. They tell
    the function's name and number of arguments where the text does not.
    """

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=8_000)]
    tests: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)], ...],
        msgspec.Meta(max_length=64),
    ] = ()


class Written(msgspec.Struct, frozen=True):
    """Result: a function, or none and why in ``reason``.

    ``tested`` says whether tests, or examples of the request, were run; ``passed``, whether ``code``
    passed them all. ``probability`` is the model's, of what is given or was held back.
    """

    code: str
    tested: bool
    passed: bool
    probability: float
    abstained: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CodeModel:
    """A model with what it needs to answer; ``words`` is None where it comes without `words.json`."""

    forge: Forge
    calibration: Calibration
    words: Words | None


def load_code(models: Path, name: str) -> CodeModel:
    """Verify and load ``models/<name>/``. Raises :class:`handlers.protocol.Unavailable`."""
    forge, calibration = load_forge(models, name)
    try:
        return CodeModel(forge, calibration, read_words(models / name))
    except EngineError as fault:
        raise Unavailable(f"model {name!r} cannot be used: {fault}") from fault


class Code:
    """:class:`Request` in, :class:`Written` out."""

    capability = "code"
    model = "code"

    def __init__(self, models: Path) -> None:
        self._models = models
        self._loaded: CodeModel | None = None

    def load(self) -> None:
        """Load the code model. Raises :class:`handlers.protocol.Unavailable`."""
        self._loaded = load_code(self._models, self.model)

    def run(self, content: bytes, call: Call) -> bytes:
        """Answer one request."""
        if self._loaded is None:
            raise HandlerError("the code model is not loaded: call load() first")
        request = read_content(content, Request, "text")
        for test in request.tests:
            _check_test(test)
        written = answer(self._loaded, request.text, request.tests, call)
        if written.abstained:
            call.abstain("unsure" if written.probability else "unknown", written.probability)
        return msgspec.json.encode(written)


def answer(loaded: CodeModel, text: str, tests: Sequence[str], call: Call) -> Written:
    """What a node answers. Raises :class:`handlers.protocol.HandlerError`."""
    shown = view(text, tests)
    with engine_faults_told():
        candidates = Candidates(loaded.forge, shown, call)
        tests = [*tests, *(one for one in shown.examples if not refused_in_test(one))]
        if tests:
            return _tested(candidates, tests, loaded.calibration, call)
        return _untested(candidates, loaded.calibration, loaded.words)


def _untested(candidates: Candidates, calibration: Calibration, words: Words | None) -> Written:
    """The likeliest function, if it is likely enough."""
    sure, why = 0.0, f"nothing was written that could be given out: {candidates.refused}"
    for one in candidates.meanings(words)[:1]:
        sure = probability(one.logprob, calibration.temperature)
        if one.made.unused:
            # A value that the request names and the function lacks was not understood.
            why = f"what was written does not use {', '.join(one.made.unused)}"
        elif sure >= calibration.threshold:
            return Written(
                one.made.code, tested=False, passed=False, probability=sure, abstained=False
            )
        else:
            why = f"not sure enough: {sure:.2f} is below {calibration.threshold:.2f}"
            if unread := words.unread(candidates.prompt) if words else []:
                why += f"; nothing like {', '.join(map(repr, unread))} was ever learnt"
    return Written("", tested=False, passed=False, probability=sure, abstained=True, reason=why)


def _tested(
    candidates: Candidates, tests: list[str], calibration: Calibration, call: Call
) -> Written:
    """The first function that passes; else nothing, and what failed of the likeliest."""
    until = time.monotonic() + SECONDS_ALL
    tried = 0
    best: tuple[Candidate, Ran] | None = None
    for number in range(ROUNDS_TESTED):
        for one in candidates.next_round():
            if call.cancelled():
                raise Cancelled("cancelled while the code was being tested")
            if tried and time.monotonic() > until:
                break
            ran = run_program("\n\n".join([one.made.code, *tests]) + "\n", SECONDS_EACH)
            tried += 1
            if ran.verdict == "passed":
                sure = probability(one.logprob, calibration.temperature)
                return Written(
                    one.made.code, tested=True, passed=True, probability=sure, abstained=False
                )
            if best is None or one.logprob > best[0].logprob:
                best = one, ran
        call.progress((number + 1) / ROUNDS_TESTED)
        if time.monotonic() > until:
            break
    if best is None:
        why = f"nothing was written that could be given out: {candidates.refused}"
        return Written("", tested=False, passed=False, probability=0.0, abstained=True, reason=why)
    failed, ran = best
    sure = probability(failed.logprob, calibration.temperature)
    told = f": {ran.why}" if ran.why else ""
    why = f"none of {tried} candidates passed the tests; the likeliest: {ran.verdict}{told}"
    return Written("", tested=True, passed=False, probability=sure, abstained=True, reason=why)


def _check_test(test: str) -> None:
    """A test is somebody's code too, and what it fails with is told to them.

    Raises:
        BadInput: it is no Python, or does what a test of a function has no need of.
    """
    try:
        tree = ast.parse(test)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
        raise BadInput(f"tests: {test[:60]!r} is no Python ({fault}); send assertions") from fault
    if why := refused_in_test(tree):
        raise BadInput(f"tests: {test[:60]!r} is not run here, {why}; send plain assertions")
