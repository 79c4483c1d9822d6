"""Capability ``text_generation``: a prompt, continued.

The text model learnt from books for children: it goes on with a story and follows no instruction.
Chunks are streamed as they come. Several prompts are continued together, a token of each at a time.
Where a JSON schema is given, the continuation is a document of it, whatever the model would rather write.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from engine.answer import Answer
from engine.batching import Batch
from engine.errors import BadGrammar
from engine.grammar import Constraint, Vocabulary, json_schema
from engine.runtime import Forge
from engine.sampling import Sampling
from handlers.forge_model import engine_faults_told, load_forge
from handlers.protocol import BadInput, Call, Cancelled, HandlerError, read_content, run_alone

_LEAST_ROOM = 16


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Input; a bare string is its ``prompt``.

    ``temperature`` 0 takes the likeliest token each time. The same seed, prompt and model give the
    same text. A string of ``stop`` ends the text and is no part of it. Of a prompt that is longer
    than the context, the end counts.

    With a JSON ``schema`` the text is one document of it, complete within ``max_tokens``; ``{}`` is any
    document. docs/engine.md says which keywords are understood; any other one is refused.
    """

    prompt: Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=512)] = 128
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.7
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0
    stop: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=100)], ...],
        msgspec.Meta(max_length=8),
    ] = ()
    schema: dict[str, Any] | None = None


class Continuation(msgspec.Struct, frozen=True):
    """Result: the text without the prompt, and why it ends.

    "end": the model ended it; "stop": a stop string came; "length": ``max_tokens`` were made.
    """

    text: str
    finish: Literal["end", "stop", "length"]


class TextGeneration:
    """:class:`Request` in, :class:`Continuation` out."""

    capability = "text_generation"
    model = "text"

    def __init__(self, models: Path) -> None:
        self._models = models
        self._loaded: tuple[Forge, Batch] | None = None
        self._vocabulary: Vocabulary | None = None
        # The schema that was asked for last: what its states allow is known already.
        self._constraint: tuple[dict[str, Any], Constraint] | None = None

    def load(self) -> None:
        """Load the text model. Raises :class:`handlers.protocol.Unavailable`."""
        forge, _ = load_forge(self._models, self.model)
        self._loaded = (forge, Batch(forge))

    def run(self, content: bytes, call: Call) -> bytes:
        """Continue one prompt. Raises :class:`Cancelled` within a token of it."""
        return run_alone(self, content, call)

    def has_room(self) -> bool:
        """Whether one more prompt may be started, as far as memory goes."""
        return self._loaded is not None and self._loaded[1].has_room()

    def step(self) -> None:
        """Compute the next token of every prompt in hand."""
        if self._loaded is not None:
            with engine_faults_told():
                self._loaded[1].step()

    def start(self, content: bytes, call: Call) -> Generator[None, None, bytes]:
        """Continue one prompt beside others. Raises :class:`Cancelled` within a token of it."""
        if self._loaded is None:
            raise HandlerError("the text model is not loaded: call load() first")
        forge, batch = self._loaded
        request = read_content(content, Request, "prompt")
        most = min(request.max_tokens, call.max_tokens, forge.config.context - _LEAST_ROOM)
        constraint = self._of_schema(forge, request, most)
        with engine_faults_told():
            seat = batch.join(_asked(forge, request, most, call, constraint))
            try:
                made = 0
                while True:
                    if chunk := seat.take():
                        call.emit(chunk)
                    made += 1
                    call.progress(min(1.0, made / most))
                    if seat.answer.reason:
                        break
                    yield
            finally:
                seat.leave()
        completion = seat.completion
        call.usage.prefill_tokens += completion.prompt_tokens - completion.reused_tokens
        call.usage.prefill_s += completion.prefill_s
        call.usage.decode_tokens += len(completion.ids)
        call.usage.decode_s += completion.decode_s
        call.usage.others_s += completion.others_s
        if completion.reason == "cancelled":
            raise Cancelled("cancelled while the text was being written")
        return msgspec.json.encode(Continuation(completion.text, completion.reason))

    def _of_schema(self, forge: Forge, request: Request, most: int) -> Constraint | None:
        """What holds the text to the schema; :class:`BadInput` where it cannot be held to it."""
        if request.schema is None:
            return None
        if request.stop:
            raise BadInput("stop: it would cut a document of the schema; give one of the two")
        try:
            if self._constraint is None or self._constraint[0] != request.schema:
                self._vocabulary = self._vocabulary or Vocabulary(forge.tokenizer)
                made = Constraint(json_schema(request.schema), self._vocabulary)
                self._constraint = (request.schema, made)
            constraint = self._constraint[1]
        except BadGrammar as fault:
            raise BadInput(f"schema: {fault}") from fault
        if constraint.shortest > most:
            raise BadInput(
                f"schema: its shortest document takes {constraint.shortest} tokens, and {most} may be "
                "written; allow more, or ask for less"
            )
        return constraint


def _asked(
    forge: Forge, request: Request, most: int, call: Call, constraint: Constraint | None
) -> Answer:
    sampling = Sampling(
        temperature=request.temperature,
        top_k=50 if request.temperature else 0,
        # Quotes, commas and names of members must repeat.
        repetition_penalty=1.1 if constraint is None else 1.0,
        seed=request.seed,
    )
    return Answer(
        forge,
        forge.tokenizer.encode(request.prompt)[-(forge.config.context - most) :],
        max_tokens=most,
        sampling=sampling,
        stop=request.stop,
        constraint=constraint,
        cancelled=call.cancelled,
    )
