"""What a handler is, what it is given for one run, and how it fails.

A handler lives in a worker process. The worker builds it (:func:`handlers.catalog.build`), calls
``load`` once, then ``run`` for one task after another, never two at a time. ``run`` blocks; it
reports through the :class:`Call` it was given and must look at ``call.cancelled()`` at least every
few tens of milliseconds of work. A :class:`BatchHandler` has several tasks in hand at once, and is
called by one thread like the others.

Content and result are UTF-8 JSON. Each capability has its own typed, bounded input; a bare JSON
string is accepted everywhere and means the sentence or the prompt.
"""

from collections.abc import Generator
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

import msgspec

MAX_CONTENT_BYTES = 256 * 1024
"""Longest content a handler looks at; the same bound as a message on the bus."""

T = TypeVar("T")


class HandlerError(Exception):
    """A run that failed in a way the requester should be told. ``code`` goes on the wire.

    The text says what was wrong, where, and what to do about it. Any other exception that leaves
    ``run`` is a defect of the handler; the worker reports it as ``code`` "failed".
    """

    code: ClassVar[str] = "failed"


class BadInput(HandlerError):
    """They broke it: the content is not what the capability takes. Trying again will not help."""

    code = "bad_input"


class Unavailable(HandlerError):
    """We broke it: this node cannot run it now (model missing or damaged). Another node may."""

    code = "unavailable"


class Cancelled(HandlerError):
    """``call.cancelled()`` was seen to be true and the run stopped early."""

    code = "cancelled"


class Usage(msgspec.Struct):
    """What a run cost, filled in by the handler. The daemon learns its speeds from it.

    Counts are tokens, times are seconds of wall clock inside the model. Of what several runs share,
    each counts its equal part; ``others_s`` are the seconds of this run, between its first token
    and its last, that went to others. A handler without a model leaves all at zero.
    """

    prefill_tokens: int = 0
    prefill_s: float = 0.0
    decode_tokens: int = 0
    decode_s: float = 0.0
    others_s: float = 0.0


class Call(Protocol):
    """One run as its handler sees it. Implemented by the worker; tests use their own."""

    max_tokens: int
    """Most tokens the run may produce. A smaller limit inside the content wins."""

    usage: Usage
    """Fresh for every run; the handler adds to it."""

    def emit(self, text: str) -> None:
        """Stream a chunk of the answer. The chunks joined are the answer's text."""
        ...

    def cancelled(self) -> bool:
        """Whether nobody wants the answer any more. Cheap: may be asked at every token."""
        ...

    def progress(self, fraction: float) -> None:
        """Tell how much is done, 0 to 1."""
        ...

    def abstain(self, reason: str, probability: float) -> None:
        """Say that what will be returned is no answer: not sure enough, and nothing was done.

        The task may then go on to a node with a better model, and what is returned is kept in case
        none answers. So a run that has had any effect must not abstain. ``reason`` is one word of
        lower-case letters ("unclear"), never from the content: dashboards show it.
        ``probability`` is that of the best guess.
        """
        ...


class Handler(Protocol):
    """One capability. Built with the models folder: ``Factory(models: pathlib.Path)``."""

    capability: str
    """Name on the bus, as in the catalog."""

    model: str
    """Folder below the models folder, or "" where none is used."""

    def load(self) -> None:
        """Load weights. Called once, before the first run. Raises :class:`Unavailable`."""
        ...

    def run(self, content: bytes, call: Call) -> bytes:
        """Answer one task. Raises :class:`HandlerError`; see its subclasses."""
        ...


@runtime_checkable
class BatchHandler(Handler, Protocol):
    """A handler that computes several runs together; ``run`` does one of them alone.

    How many the node gives it at once, its catalog entry says (``together``).
    """

    def has_room(self) -> bool:
        """Whether one more may be started now."""
        ...

    def start(self, content: bytes, call: Call) -> Generator[None, None, bytes]:
        """Begin a run. It yields whenever it needs a ``step``, and returns what ``run`` would.

        What it raises is this run's failure and leaves the others as they are. It is closed when
        it is no longer wanted.
        """
        ...

    def step(self) -> None:
        """Compute what all started runs wait for. What it raises fails all of them."""
        ...


def run_alone(handler: BatchHandler, content: bytes, call: Call) -> bytes:
    """One run from start to end; raises what it raises."""
    course = handler.start(content, call)
    while True:
        try:
            next(course)
        except StopIteration as end:
            result: bytes = end.value
            return result
        handler.step()


def read_content(content: bytes, kind: type[T], text_field: str) -> T:
    """Decode JSON ``content`` as ``kind``; a bare string becomes ``kind(text_field=string)``.

    Raises :class:`BadInput` naming the field that is wrong and what belongs there.
    """
    if len(content) > MAX_CONTENT_BYTES:
        raise BadInput(
            f"content has {len(content)} bytes, at most {MAX_CONTENT_BYTES} are taken: shorten it"
        )
    try:
        if content.lstrip()[:1] == b'"':
            return msgspec.convert({text_field: msgspec.json.decode(content)}, kind)
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(
            f"content is not what this capability takes ({error}); send a JSON string with the "
            f'{text_field}, or a JSON object with a "{text_field}" field'
        ) from error
