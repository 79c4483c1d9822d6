"""Capability ``home_control``: a sentence and a home in, Home Assistant intents out.

Plain matching reduces the home to a few lettered lines (:mod:`handlers.home_view`), a small model
writes one line under a grammar that knows nothing but this home and this sentence
(:mod:`handlers.home_actions`), and letters become names again. An answer that the model does not
hold likely enough is an abstention: doing nothing is better than doing the wrong thing.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from engine.grammar import Constraint, Vocabulary
from engine.model_use import Calibration
from engine.runtime import Forge
from engine.tokenizer import END
from handlers.forge_model import engine_faults_told, load_forge
from handlers.home_actions import REASONS, Intent, grammar, parse, resolve
from handlers.home_scene import Scene, located
from handlers.home_view import View, view
from handlers.protocol import Call, Cancelled, HandlerError, read_content

MAX_LINE_TOKENS = 80


class Control(msgspec.Struct, frozen=True):
    """Result: what to do, in order; or nothing, and why in ``reason``.

    Each intent's ``probability`` is that of the whole answer. An abstention carries the
    probability of what was held back in ``probability``.
    """

    intents: tuple[Intent, ...]
    abstained: bool
    probability: float
    reason: str = ""


class HomeControl:
    """:class:`handlers.home_scene.Scene` in, :class:`Control` out."""

    capability = "home_control"
    model = "home"

    def __init__(self, models: Path) -> None:
        self._models = models
        self._loaded: tuple[Forge, Calibration, Vocabulary] | None = None

    def load(self) -> None:
        """Load the home model. Raises :class:`handlers.protocol.Unavailable`."""
        forge, calibration = load_forge(self._models, self.model)
        self._loaded = forge, calibration, Vocabulary(forge.tokenizer)

    def run(self, content: bytes, call: Call) -> bytes:
        """Answer one sentence."""
        if self._loaded is None:
            raise HandlerError("the home model is not loaded: call load() first")
        forge, calibration, vocabulary = self._loaded
        scene = located(read_content(content, Scene, "text"))
        shown = view(scene)
        with engine_faults_told():
            line = write_line(forge, vocabulary, shown, call)
        probability = math.exp(line.logprob / calibration.temperature)
        answer = control(line.text, probability, calibration.threshold, scene, shown)
        if answer.abstained:
            call.abstain(_doubt(line.text), probability)
        return msgspec.json.encode(answer)


@dataclass(frozen=True, slots=True)
class Line:
    """What the model wrote; ``logprob`` is that of the line among all that may be written."""

    text: str
    logprob: float


def write_line(forge: Forge, vocabulary: Vocabulary, shown: View, call: Call) -> Line:
    """The likeliest next token at each place of the line, out of those that the grammar allows.

    The probability is taken over the allowed tokens alone. It tells right answers from wrong ones
    better than that over the whole vocabulary: a number that stands in the sentence is certain, even
    if the model would rather have miswritten it.

    Raises :class:`Cancelled`, or :class:`HandlerError` if the call's token limit cut the line.
    """
    walk = Constraint(grammar(shown), vocabulary).start()
    most = min(call.max_tokens, MAX_LINE_TOKENS)
    written: list[int] = []
    logprob = 0.0
    with forge.request():
        logits = _prefill(forge, shown, call)
        started = time.perf_counter()
        while not walk.only_end:
            if call.cancelled():
                raise Cancelled("cancelled while the answer was being written")
            allowed = walk.allowed()
            among = logits[allowed].astype(np.float64)
            best = int(among.argmax())
            logprob -= float(np.log(np.exp(among - among[best]).sum()))
            token = int(allowed[best])
            if token == END:
                break
            if len(written) == most:
                raise HandlerError(
                    f"the answer did not fit into {most} tokens: allow {MAX_LINE_TOKENS}, or ask "
                    "for fewer things in one sentence"
                )
            written.append(token)
            walk.advance(token)
            logits = forge.step(token)
    call.usage.decode_tokens += len(written)
    call.usage.decode_s += time.perf_counter() - started
    return Line(forge.tokenizer.decode(written), logprob)


def _prefill(forge: Forge, shown: View, call: Call) -> npt.NDArray[np.float32]:
    """Logits after the prompt, charged to the call."""
    ids = forge.tokenizer.chat(shown.prompt, task="home")
    started = time.perf_counter()
    logits = forge.prefill(ids)
    call.usage.prefill_s += time.perf_counter() - started
    call.usage.prefill_tokens += len(ids) - forge.reused
    return logits


def control(line: str, probability: float, threshold: float, scene: Scene, shown: View) -> Control:
    """What a line of this probability comes to."""
    actions = parse(line)
    if not actions:
        return Control((), abstained=True, probability=probability, reason=_reason(line, scene))
    if probability < threshold:
        why = f"not sure enough: {probability:.2f} is below {threshold:.2f}"
        return Control((), abstained=True, probability=probability, reason=why)
    intents = tuple(resolve(action, scene, shown, probability) for action in actions)
    return Control(intents, abstained=False, probability=probability)


def _doubt(line: str) -> str:
    """The reason in a word: the model's own, or that it was not sure of the actions it wrote."""
    return line.removeprefix("none ") if line.startswith("none ") else "unsure"


def _reason(line: str, scene: Scene) -> str:
    reason = line.removeprefix("none ")
    if reason != "other" and not scene.entities:
        return 'the request lists no entities, so nothing can be addressed; send "entities"'
    return REASONS[reason]
