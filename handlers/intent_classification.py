"""Capability ``intent_classification``: which capability a request needs.

One prefill of a nano model gives a probability for each label. Below the calibrated threshold the
model abstains; then plain keywords may still name an intent, and the answer says that they did.
Where all labels are about as likely, nothing is asked for, and no keyword is looked for.
Only what neither knows is an abstention to the bus, and may go on to a node with a better model.
"""

import re
import time
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from engine.decoding import classify
from engine.errors import EngineError
from engine.model_use import Calibration, read_use
from engine.routing import router_ids, tempered
from engine.runtime import Forge
from handlers.forge_model import engine_faults_told, load_forge
from handlers.protocol import Call, Cancelled, HandlerError, Unavailable, read_content


class Sentence(msgspec.Struct, frozen=True):
    """Input; a bare string is its ``text``."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]


class Guess(msgspec.Struct, frozen=True):
    """One label and the model's calibrated probability of it."""

    intent: str
    probability: float


class Routing(msgspec.Struct, frozen=True):
    """Result.

    ``source`` tells who named ``intent``: the model, or keywords after the model abstained, or
    nobody ("none", then ``intent`` is ""). ``probability`` is always the model's, of its first
    choice; ``ranking`` holds its three best.
    """

    intent: str
    probability: float
    ranking: tuple[Guess, ...]
    abstained: bool
    source: Literal["model", "keywords", "none"]


class IntentClassification:
    """:class:`Sentence` in, :class:`Routing` out."""

    capability = "intent_classification"
    model = "router"

    def __init__(self, models: Path) -> None:
        self._models = models
        self._loaded: tuple[Forge, Calibration, tuple[str, ...]] | None = None

    def load(self) -> None:
        """Load the router. Raises :class:`handlers.protocol.Unavailable`."""
        forge, calibration = load_forge(self._models, self.model)
        self._loaded = forge, calibration, _labels(self._models / self.model)

    def run(self, content: bytes, call: Call) -> bytes:
        """Classify one sentence."""
        if self._loaded is None:
            raise HandlerError("the router is not loaded: call load() first")
        forge, calibration, labels = self._loaded
        sentence = read_content(content, Sentence, "text")
        if call.cancelled():
            raise Cancelled("cancelled before it began")
        with engine_faults_told():
            ids = router_ids(forge.tokenizer, sentence.text)
            started = time.perf_counter()
            share = classify(forge, ids, range(len(labels)))
        call.usage.prefill_s += time.perf_counter() - started
        call.usage.prefill_tokens += len(ids)
        calibrated = tempered(share, calibration.temperature)
        order = calibrated.argsort()[::-1]
        ranking = tuple(Guess(labels[n], float(calibrated[n])) for n in order[:3])
        least = calibration.threshold, _SENSE / len(labels)
        routing = _routing(sentence.text, ranking, *least)
        if routing.source == "none":
            call.abstain("unsure", routing.probability)
        return msgspec.json.encode(routing)


def _labels(folder: Path) -> tuple[str, ...]:
    """What the router's label tokens mean, as its folder says. Raises :class:`Unavailable`."""
    try:
        labels = read_use(folder).labels
    except EngineError as fault:
        raise Unavailable(f"model {folder.name!r} cannot be used: {fault}") from fault
    if not labels:
        raise Unavailable(f"{folder / 'use.json'} names no labels; reinstall the models folder")
    return labels


def _routing(text: str, ranking: tuple[Guess, ...], threshold: float, sense: float) -> Routing:
    """By the model from `threshold` up; else by keywords, if its best has a probability of `sense`."""
    best = ranking[0]
    if best.probability >= threshold:
        return Routing(best.intent, best.probability, ranking, abstained=False, source="model")
    for intent, pattern in _KEYWORDS.items():
        if best.probability >= sense and pattern.search(text):
            return Routing(intent, best.probability, ranking, abstained=True, source="keywords")
    return Routing("", best.probability, ranking, abstained=True, source="none")


# The router was taught to give all labels the same probability where nothing is asked for. One of
# less than three times that is nonsense, in which a keyword stands by chance.
_SENSE = 3.0

_KEYWORDS = {
    intent: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
    for intent, pattern in {
        "code": r"python|javascript|function|script|program|code|sql|compile|bug",
        "math": r"calculate|plus|minus|times|divided by|percent of|square root|\d+\s*[-+*/x]\s*\d+",
        "stt": r"transcribe|transcript|speech to text|voice memo",
        "tts": r"read (?:it|this|that) (?:aloud|out loud)|text to speech|say (?:it|this) aloud",
        "vision": r"in (?:this|the) (?:photo|picture|image)|describe (?:this|the) (?:photo|picture)",
        "image": r"draw|paint|generate an? (?:image|picture)|picture of",
        "file": r"file|folder|\w+\.(?:pdf|docx?|txt|csv|zip|jpe?g|png|xlsx?)",
        "web": r"search|google|look up|online|website|news|forecast",
        "home_control": r"turn (?:on|off)|switch (?:on|off)|lights?|thermostat|blinds|timer|volume",
        "text": r"write|story|poem|essay|summari[sz]e|translate|continue",
        "chat": r"hello|hi|hey|thanks|thank you|how are you|who are you",
    }.items()
}
