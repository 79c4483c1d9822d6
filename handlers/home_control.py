"""Capability ``home_control``: a sentence and a home in, Home Assistant intents out.

Plain matching reduces the home to a few lettered lines (:mod:`handlers.home_view`), a small model
writes one line under a grammar that knows nothing but this home and this sentence
(:mod:`handlers.home_actions`), and letters become names again. An answer that the model does not
hold likely enough is an abstention: doing nothing is better than doing the wrong thing.
"""

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from engine.model_use import Calibration
from engine.runtime import Forge
from engine.tokenizer import END
from handlers.forge_model import engine_faults_told, load_forge
from handlers.home_actions import (
    REASONS,
    Intent,
    grammar,
    parse,
    resolve,
    values_of,
    words_of,
)
from handlers.home_doubts import doubt_of, kind_of
from handlers.home_scene import Scene, located
from handlers.home_spelling import Lines
from handlers.home_view import View, view
from handlers.protocol import Call, Cancelled, HandlerError, read_content

MAX_LINE_TOKENS = 80


class Control(msgspec.Struct, frozen=True):
    """Result: what to do, in order; or nothing, and why in ``reason``, and in a word in ``doubt``.

    A doubt is "device", "unclear" or "other" (:data:`handlers.home_actions.REASONS`), or "unsure".
    Each intent's ``probability`` is that of the whole answer. An abstention carries the
    probability of what was held back in ``probability``.
    """

    intents: tuple[Intent, ...]
    abstained: bool
    probability: float
    reason: str = ""
    doubt: str = ""


class HomeControl:
    """:class:`handlers.home_scene.Scene` in, :class:`Control` out."""

    capability = "home_control"
    model = "home"

    def __init__(self, models: Path) -> None:
        self._models = models
        self._loaded: tuple[Forge, Calibration] | None = None

    def load(self) -> None:
        """Load the home model. Raises :class:`handlers.protocol.Unavailable`."""
        self._loaded = load_forge(self._models, self.model)

    def run(self, content: bytes, call: Call) -> bytes:
        """Answer one sentence."""
        if self._loaded is None:
            raise HandlerError("the home model is not loaded: call load() first")
        forge, calibration = self._loaded
        scene = located(read_content(content, Scene, "text"))
        shown = view(scene)
        with engine_faults_told():
            line = answer(forge, scene, shown, call)
        probability = calibration.probability(line.logprob, kind_of(line.text))
        result = control(line.text, probability, calibration.threshold, scene, shown)
        if result.abstained:
            call.abstain(result.doubt, probability)
        return msgspec.json.encode(result)


@dataclass(frozen=True, slots=True)
class Turn:
    """Tokens by which a line might go another way, and their probability."""

    written: tuple[int, ...]
    logprob: float


@dataclass(frozen=True, slots=True)
class Line:
    """What the model wrote; ``logprob`` is that of the line among all that may be written.

    ``turns`` are where it might have gone another way.
    """

    text: str
    logprob: float
    turns: tuple[Turn, ...] = ()


_SURE = math.log(0.98)
_LEAST = math.log(0.02)
_OTHER_WAYS = 3
"""Above which a line is not doubted; below which another is not looked at; and how many are."""


def answer(forge: Forge, scene: Scene, shown: View, call: Call) -> Line:
    """The likeliest line, with the probability of all that was found to come to the same.

    "Turn off the lamp in the hall" may be written by the lamp's letter or as the hall's lights,
    where it is the only one there. Where the model wavers, the other way is written to its end too;
    if it does the same, both ways count.

    Raises as :func:`write_line`.
    """
    lines = Lines(grammar(shown), words_of(shown), forge.tokenizer)
    best = write_line(forge, lines, shown, call)
    if not parse(best.text):
        return best
    best = replace(best, logprob=best.logprob + doubt_of(best.text, scene, shown))
    if best.logprob > _SURE:
        return best
    meant = effect(best.text, scene, shown)
    share = math.exp(best.logprob)
    for turn in sorted(best.turns, key=lambda one: -one.logprob)[:_OTHER_WAYS]:
        other = write_line(forge, lines, shown, call, turn)
        if effect(other.text, scene, shown) == meant:
            share += math.exp(other.logprob)
    return replace(best, logprob=math.log(min(share, 1.0)))


def effect(line: str, scene: Scene, shown: View) -> frozenset[tuple[str, tuple[str, ...], str]]:
    """What a line does, whatever way its entities are named in it."""
    intents = [resolve(action, scene, shown, 1.0) for action in parse(line)]
    return frozenset(
        (one.name, tuple(sorted(one.entities)), str(sorted(values_of(one).items())))
        for one in intents
    )


def write_line(
    forge: Forge, lines: Lines, shown: View, call: Call, turn: Turn | None = None
) -> Line:
    """The likeliest next token at each place of the line, out of those that the grammar allows.

    With ``turn``, the line that goes on from there. The probability is taken over the allowed tokens
    alone. It tells right answers from wrong ones better than that over the whole vocabulary: a
    number that stands in the sentence is certain, even if the model would rather have miswritten it.

    Raises :class:`Cancelled`, or :class:`HandlerError` if the call's token limit cut the line.
    """
    line = lines.start()
    most = min(call.max_tokens, MAX_LINE_TOKENS)
    written = list(turn.written) if turn else []
    logprob = turn.logprob if turn else 0.0
    turns: list[Turn] = []
    for token in written:
        line.advance(token)
    with forge.request():
        logits = _prefill(forge, shown, written, call)
        started = time.perf_counter()
        while not line.only_end:
            if call.cancelled():
                raise Cancelled("cancelled while the answer was being written")
            allowed = line.allowed()
            among = logits[allowed].astype(np.float64)
            among -= np.log(np.exp(among - among.max()).sum()) + among.max()
            order = among.argsort()[::-1]
            turns += [
                Turn((*written, int(allowed[other])), logprob + float(among[other]))
                for other in order[1:3]
                if among[other] + logprob > _LEAST and allowed[other] != END
            ]
            token = int(allowed[order[0]])
            logprob += float(among[order[0]])
            if token == END:
                break
            if len(written) == most:
                raise HandlerError(
                    f"the answer did not fit into {most} tokens: allow {MAX_LINE_TOKENS}, or ask "
                    "for fewer things in one sentence"
                )
            written.append(token)
            line.advance(token)
            logits = forge.step(token)
    call.usage.decode_tokens += len(written) - (len(turn.written) if turn else 0)
    call.usage.decode_s += time.perf_counter() - started
    return Line(forge.tokenizer.decode(written), logprob, tuple(turns))


def _prefill(forge: Forge, shown: View, written: list[int], call: Call) -> npt.NDArray[np.float32]:
    """Logits after the prompt and what is written already, charged to the call."""
    ids = [*forge.tokenizer.chat(shown.prompt, task="home"), *written]
    started = time.perf_counter()
    logits = forge.prefill(ids)
    call.usage.prefill_s += time.perf_counter() - started
    call.usage.prefill_tokens += len(ids) - forge.reused
    return logits


def control(line: str, probability: float, threshold: float, scene: Scene, shown: View) -> Control:
    """What a line of this probability comes to."""
    actions = parse(line)
    if not actions:
        return _held_back(_reason(line, scene), _doubt(line), probability)
    if probability < threshold:
        why = f"unsafe to guess: {probability:.2f} is below {threshold:.2f}"
        return _held_back(why, _doubt(line), probability)
    intents = tuple(resolve(action, scene, shown, probability) for action in actions)
    return Control(intents, abstained=False, probability=probability)


def _held_back(reason: str, doubt: str, probability: float) -> Control:
    return Control((), abstained=True, probability=probability, reason=reason, doubt=doubt)


def _doubt(line: str) -> str:
    """The reason in a word: the model's own, or that it was not sure of the actions it wrote."""
    return line.removeprefix("none ") if line.startswith("none ") else "unsure"


def _reason(line: str, scene: Scene) -> str:
    reason = line.removeprefix("none ")
    if reason != "other" and not scene.entities:
        return 'the request lists no entities, so nothing can be addressed; send "entities"'
    return REASONS[reason]
