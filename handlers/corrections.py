"""Capability ``correction``: an answer was wrong, this is the right one; keep it to learn from.

A node offers it only where its configuration has switched learning on, and then only to those who
may: the node wraps what was said (:class:`Said`) together with what it knows of the sayer and of the
task (:class:`handlers.corrections_envelope.Envelope`). The right answer must be one that the model
could have given; what is not is refused with the reason. What passes is kept on this node
(:mod:`handlers.corrections_store`).
"""

import time
from pathlib import Path
from typing import Annotated

import msgspec

from engine.errors import EngineError
from engine.model_use import read_use
from handlers.corrections_envelope import CAPABILITY, CORRECTABLE, MOST_CONTENT, NONE, Envelope
from handlers.corrections_home import Wanted, line_of
from handlers.corrections_store import Correction, Right, Store, identity
from handlers.home_scene import Scene
from handlers.intent_classification import Sentence
from handlers.protocol import BadInput, Call, HandlerError, Unavailable, read_content


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a correction says. A bare string is its ``task``.

    ``task`` names what was answered wrongly: a task of this node, as ``sender/id`` or by the
    sender's own id. Where the node may have forgotten it, ``capability`` and ``content`` say it
    again. Then exactly one of: ``intents``, the right commands (``home_control``); ``label``, the
    right label (``intent_classification``); ``wrong``, nothing should have been done.
    """

    task: Annotated[str, msgspec.Meta(max_length=96)] = ""
    capability: Annotated[str, msgspec.Meta(max_length=31)] = ""
    content: msgspec.Raw = NONE
    intents: Annotated[tuple[Wanted, ...], msgspec.Meta(max_length=10)] | None = None
    label: Annotated[str, msgspec.Meta(max_length=80)] | None = None
    wrong: bool = False


class Stored(msgspec.Struct, frozen=True):
    """Result: the correction's id, and how many this node has now."""

    stored: str
    corrections: int


class Corrections:
    """:class:`Envelope` in, :class:`Stored` out."""

    capability = CAPABILITY
    model = ""

    def __init__(self, models: Path) -> None:
        self._models = models

    def load(self) -> None:
        """Nothing to load."""

    def run(self, content: bytes, call: Call) -> bytes:
        """Check a correction and keep it."""
        try:
            about = msgspec.json.decode(content, type=Envelope)
        except (msgspec.DecodeError, RecursionError) as fault:
            raise HandlerError("a correction reaches its handler through a node alone") from fault
        if about.refused:
            raise BadInput(about.refused)
        said = read_said(bytes(about.said))
        capability, asked = _asked(said, about)
        asked = msgspec.json.format(asked, indent=-1)  # a correction is one line of the store
        right = check(capability, asked, said, self._models)
        kept = Correction(
            id=identity(capability, asked),
            at=time.time(),
            capability=capability,
            by=about.by,
            task=about.task,
            content=msgspec.Raw(asked),
            right=right,
        )
        count = Store(Path(about.folder), about.keep_days).add(kept)
        return msgspec.json.encode(Stored(kept.id, count))


def read_said(content: bytes) -> Said:
    """What a correction says. Raises :class:`BadInput` naming the field that is wrong."""
    said = read_content(content, Said, "task")
    answers = (said.intents is not None) + (said.label is not None) + said.wrong
    if answers != 1:
        raise BadInput('a correction says one of "intents", "label" and "wrong": true')
    if not said.task and not bytes(said.content):
        raise BadInput('a correction names a "task", or has "capability" and "content"')
    return said


def check(capability: str, asked: bytes, said: Said, models: Path) -> Right:
    """The right answer, if it is one that the model could have given to ``asked``.

    Raises:
        BadInput: it is not.
        Unavailable: the model that it is about cannot be read.
    """
    if capability not in CORRECTABLE:
        raise BadInput(f"{capability} does not learn from corrections; {_known()} do")
    if len(asked) > MOST_CONTENT:
        raise BadInput(f"the content has {len(asked)} bytes; up to {MOST_CONTENT} are kept")
    if capability == "home_control":
        if said.label is not None:
            raise BadInput('home_control is corrected by "intents" or "wrong", not by a label')
        intents = said.intents or ()
        line_of(read_content(asked, Scene, "text"), intents)
        return Right(intents=intents)
    if said.label is None:
        raise BadInput('intent_classification is corrected by a "label"')
    read_content(asked, Sentence, "text")
    try:
        labels = read_use(models / CORRECTABLE[capability]).labels
    except EngineError as fault:
        raise Unavailable(f"the labels of the router cannot be read: {fault}") from fault
    if said.label not in labels:
        raise BadInput(f"the router has no label {said.label!r}; it has {', '.join(labels)}")
    return Right(label=said.label)


def _asked(said: Said, about: Envelope) -> tuple[str, bytes]:
    """What is corrected: the capability and its content."""
    if about.capability:
        return about.capability, bytes(about.content)
    if not bytes(said.content):
        raise BadInput(
            f"{about.node} does not know what {said.task!r} asked: it was answered elsewhere or too "
            'long ago; an operator may give "capability" and "content" along'
        )
    if not about.operator:
        raise BadInput(
            f"{about.by} may correct its own tasks; only an operator of {about.node} may give "
            "content along (node.operators)"
        )
    if not said.capability:
        raise BadInput(f'"content" needs its "capability": {_known()}')
    return said.capability, bytes(said.content)


def _known() -> str:
    return " and ".join(CORRECTABLE)
