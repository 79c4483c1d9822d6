"""Capability ``intent_classification``: which capability a request needs.

One prefill of a nano model gives a probability for each label. Below the calibrated threshold the
model abstains; then plain keywords may still name an intent, and the answer says that they did.
"""

import re
import time
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from engine.decoding import classify
from engine.runtime import Forge
from handlers.forge_model import Calibration, engine_faults_told, load_forge
from handlers.protocol import Call, Cancelled, HandlerError, read_content

LABELS = (
    *("chat", "home_control", "code", "math", "vision", "image", "web", "stt", "tts", "file"),
    "text",
)
"""Label n of the router model is ``<|label_n|>``."""

MAX_PROMPT_CHARACTERS = 300
MAX_PROMPT_TOKENS = 200


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
        self._loaded: tuple[Forge, Calibration] | None = None

    def load(self) -> None:
        """Load the router. Raises :class:`handlers.protocol.Unavailable`."""
        self._loaded = load_forge(self._models, self.model)

    def run(self, content: bytes, call: Call) -> bytes:
        """Classify one sentence."""
        if self._loaded is None:
            raise HandlerError("the router is not loaded: call load() first")
        forge, calibration = self._loaded
        sentence = read_content(content, Sentence, "text")
        if call.cancelled():
            raise Cancelled("cancelled before it began")
        with engine_faults_told():
            ids = _ids(forge, sentence.text)
            started = time.perf_counter()
            share = classify(forge, ids, range(len(LABELS)))
        call.usage.prefill_s += time.perf_counter() - started
        call.usage.prefill_tokens += len(ids)
        tempered = share ** (1 / calibration.temperature)
        tempered /= tempered.sum()
        order = tempered.argsort()[::-1]
        ranking = tuple(Guess(LABELS[n], float(tempered[n])) for n in order[:3])
        return msgspec.json.encode(_routing(sentence.text, ranking, calibration.threshold))


def prompt_of(text: str) -> str:
    """The form in which a sentence is put to the router, in training and in serving."""
    return " ".join(text.lower().split())[:MAX_PROMPT_CHARACTERS]


def _ids(forge: Forge, text: str) -> list[int]:
    """The request as the model reads it; the beginning of one that is mostly rare characters."""
    tokens = forge.tokenizer.encode(prompt_of(text))[:MAX_PROMPT_TOKENS]
    return forge.tokenizer.chat(forge.tokenizer.decode(tokens), task="route")


def _routing(text: str, ranking: tuple[Guess, ...], threshold: float) -> Routing:
    best = ranking[0]
    if best.probability >= threshold:
        return Routing(best.intent, best.probability, ranking, abstained=False, source="model")
    for intent, pattern in _KEYWORDS.items():
        if pattern.search(text):
            return Routing(intent, best.probability, ranking, abstained=True, source="keywords")
    return Routing("", best.probability, ranking, abstained=True, source="none")


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
