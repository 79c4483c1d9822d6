"""Capability ``vision``: what a detector saw in a picture, as one sentence.

It takes tags, not pixels: nodes of this class run a detector already (a camera's own, or one beside
it), and a name with a box is what every detector gives; an embedding means something only to the
network that made it. What is said is faithful by construction: things, counts, places and positions
come from the request alone (:mod:`handlers.vision_scene`); the model chooses the words around them
(:mod:`handlers.vision_captions`).
"""

import math
from pathlib import Path

import msgspec

from engine.decoding import generate
from engine.grammar import Constraint, Vocabulary
from engine.model_use import Calibration
from engine.runtime import Forge
from handlers.forge_model import engine_faults_told, load_forge
from handlers.protocol import Call, Cancelled, HandlerError, read_content
from handlers.vision_captions import View, grammar, sentence, view
from handlers.vision_scene import Picture, Seen, picture

MAX_LINE_TOKENS = 64


class Named(msgspec.Struct, frozen=True):
    """A thing that the caption names; ``count`` is 0 where "dogs" is all that is known."""

    name: str
    count: int


class Caption(msgspec.Struct, frozen=True):
    """Result: a sentence, what it names, and the tags that were not sure enough.

    ``probability`` is the model's for its words among all that it might have said. Where no tag names a
    thing, or none is sure enough, the caption says that nothing was recognised.
    """

    caption: str
    probability: float
    named: tuple[Named, ...] = ()
    left_out: tuple[str, ...] = ()


class Vision:
    """:class:`handlers.vision_scene.Seen` in, :class:`Caption` out."""

    capability = "vision"
    model = "vision"

    def __init__(self, models: Path) -> None:
        self._models = models
        self._loaded: tuple[Forge, Calibration, Vocabulary] | None = None

    def load(self) -> None:
        """Load the vision model. Raises :class:`handlers.protocol.Unavailable`."""
        forge, calibration = load_forge(self._models, self.model)
        self._loaded = forge, calibration, Vocabulary(forge.tokenizer)

    def run(self, content: bytes, call: Call) -> bytes:
        """Caption one picture."""
        if self._loaded is None:
            raise HandlerError("the vision model is not loaded: call load() first")
        forge, calibration, vocabulary = self._loaded
        seen = read_content(content, Seen, "tags")
        found = picture(seen)
        if call.cancelled():
            raise Cancelled("cancelled before it began")
        if not found.things:
            return msgspec.json.encode(_without_things(found))
        shown = view(found, seen.style)
        line, logprob = write_caption(forge, vocabulary, shown, call)
        return msgspec.json.encode(
            Caption(
                sentence(line, shown),
                math.exp(logprob / calibration.temperature),
                tuple(Named(one.name, one.count) for one in found.things),
                found.left_out,
            )
        )


def write_caption(
    forge: Forge, vocabulary: Vocabulary, shown: View, call: Call
) -> tuple[str, float]:
    """The likeliest line that the grammar allows, and its log-probability.

    Raises :class:`Cancelled`, or :class:`HandlerError` if the call's token limit cut the line.
    """
    most = min(call.max_tokens, MAX_LINE_TOKENS)
    constraint = Constraint(grammar(shown), vocabulary)
    if constraint.shortest > most:
        raise HandlerError(f"the caption does not fit into {most} tokens: allow {MAX_LINE_TOKENS}")
    with engine_faults_told():
        made = generate(
            forge,
            forge.tokenizer.chat(shown.prompt),
            max_tokens=most,
            constraint=constraint,
            cancelled=call.cancelled,
        )
    call.usage.prefill_tokens += made.prompt_tokens - made.reused_tokens
    call.usage.prefill_s += made.prefill_s
    call.usage.decode_tokens += len(made.ids)
    call.usage.decode_s += made.decode_s
    if made.reason == "cancelled":
        raise Cancelled("cancelled while the caption was being written")
    return made.text, made.logprob


def _without_things(found: Picture) -> Caption:
    """A picture of which no thing is known; of a dark one it is said that it is dark."""
    caption = "Nothing was recognised in the picture."
    if found.states:
        caption = f"Nothing was recognised in the picture, which is {' and '.join(found.states)}."
    return Caption(caption, 1.0, (), found.left_out)
