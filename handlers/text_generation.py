"""Capability ``text_generation``: a reply to what was said, or a text, continued.

The text model tells short stories about what it is asked for, chats a little, and goes on with a story
that was begun. A request for a story is cast first (:mod:`handlers.story_cast`): the model writes marks
for its heroes and things, of which words are made on the way out. Names and animals told in a talk are
marks too (:mod:`handlers.talk_marks`). Chunks are streamed as they come. Several prompts are continued
together, a token of each at a time.
Where a JSON schema is given, the continuation is a document of it, whatever the model would rather write.
"""

from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from engine.answer import Answer
from engine.batching import Batch
from engine.errors import BadGrammar
from engine.grammar import Constraint, Vocabulary, json_schema
from engine.runtime import Forge
from engine.sampling import Sampling
from engine.tokenizer import ASSISTANT, END, TASKS, USER, Tokenizer
from handlers.forge_model import engine_faults_told, load_forge
from handlers.protocol import BadInput, Call, Cancelled, HandlerError, read_content, run_alone
from handlers.story_cast import Cast, Filling, asks_for_a_story, cast_of
from handlers.talk_marks import NOTHING, Told, told_in

DECODING = Sampling(top_k=50, repetition_penalty=1.0)
"""How tokens are chosen, measured in docs/text_model.md."""

_LEAST_ROOM = 16


Said = Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was said before, and what was replied to it."""

    user: Said
    assistant: Said


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Input; a bare string is its ``prompt``.

    In the form "chat" the model replies to the prompt as the last turn of a talk; ``history`` are
    the turns before it, of which the last count where not all fit. A beginning is a turn too, and the
    reply to it goes on with it. In the form "text" the prompt itself is continued, whatever it says.

    ``temperature`` 0 takes the likeliest token each time. The same seed, prompt and model give the
    same text. A string of ``stop`` ends the text and is no part of it. Of a prompt that is longer
    than the context, the end counts.

    With a JSON ``schema`` the text is one document of it, complete within ``max_tokens``; ``{}`` is any
    document. docs/engine.md says which keywords are understood; any other one is refused.
    """

    prompt: Said
    form: Literal["chat", "text"] = "chat"
    history: Annotated[tuple[Turn, ...], msgspec.Meta(max_length=32)] = ()
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

    def __init__(self, models: Path, decoding: Sampling = DECODING) -> None:
        """Of ``decoding`` the temperature and the seed are those of each request."""
        self._models = models
        self._decoding = decoding
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
        cast, told = _cast(request), told_by(request)
        shown = _Text(call, cast.words() if cast else told.words if told else None)
        ids = asked_ids(
            forge.tokenizer,
            request,
            forge.config.context - most,
            cast.prompt if cast else "",
            told or NOTHING,
        )
        with engine_faults_told():
            seat = batch.join(
                Answer(
                    forge,
                    ids,
                    max_tokens=most,
                    sampling=self._sampling(request),
                    stop=request.stop,
                    constraint=constraint,
                    cancelled=call.cancelled,
                )
            )
            try:
                made = 0
                while True:
                    shown.add(seat.take())
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
        return msgspec.json.encode(Continuation(shown.finish(), completion.reason))

    def _sampling(self, request: Request) -> Sampling:
        sampling = replace(self._decoding, temperature=request.temperature, seed=request.seed)
        if not request.temperature:
            sampling = replace(sampling, top_k=0)
        # Quotes, commas and names of members must repeat.
        return sampling if request.schema is None else replace(sampling, repetition_penalty=1.0)

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


def told_by(request: Request) -> Told | None:
    """Names and animals of a talk, for which marks are read and written; None where words are bound."""
    if request.form == "text" or request.stop or request.schema is not None:
        return None
    return told_in((*(turn.user for turn in request.history), request.prompt))


def asked_ids(
    tokenizer: Tokenizer, request: Request, most: int, story: str = "", told: Told = NOTHING
) -> list[int]:
    """A request as the text model learnt to read it, in at most ``most`` tokens, of which the last count.

    Turns are laid out as :meth:`Tokenizer.chat` lays out one, each reply ended. ``story`` is what is
    read instead where a story has been cast; what was said before has no part in it. What was ``told``
    stands as marks.
    """
    if story:
        return tokenizer.chat(story, task="text")
    said = tokenizer.encode(told.marked(request.prompt))
    if request.form == "text":
        return said[-most:]
    # The task, the user's and the assistant's token.
    ids = [USER, *said[-(most - 3) :], ASSISTANT]
    for turn in reversed(request.history):
        before = [
            USER,
            *tokenizer.encode(told.marked(turn.user)),
            ASSISTANT,
            *tokenizer.encode(told.marked(turn.assistant)),
            END,
        ]
        if 1 + len(before) + len(ids) > most:
            break
        ids = before + ids
    return [TASKS["text"], *ids]


class _Text:
    """What is shown of an answer, with words for its marks; without ``words``, as it was written."""

    def __init__(self, call: Call, words: Mapping[str, str] | None) -> None:
        self._call = call
        self._filling = Filling(words) if words else None
        self._shown: list[str] = []

    def add(self, chunk: str) -> None:
        """Show what may be shown now that a chunk has come."""
        self._show(self._filling.add(chunk) if self._filling else chunk)

    def finish(self) -> str:
        """Show the rest; all that was shown."""
        if self._filling:
            self._show(self._filling.finish())
        return "".join(self._shown)

    def _show(self, chunk: str) -> None:
        if chunk:
            self._call.emit(chunk)
            self._shown.append(chunk)


def _cast(request: Request) -> Cast | None:
    """The cast of the story that is asked for; None where none is, or where the words are bound."""
    if request.form == "text" or request.stop or request.schema is not None:
        return None
    return cast_of(request.prompt, request.seed) if asks_for_a_story(request.prompt) else None
