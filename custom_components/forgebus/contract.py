"""What of the bus's contract is needed here: topics, names, and the messages that are read and written.

Home Assistant installs this folder alone, so it repeats these few things of `bus_topics`; a test of the
project holds the two together. A reader of others' messages is lenient: fields that it does not know are
passed over, because a node may be newer than the integration. Nothing here knows Home Assistant.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

VERSION: Final = 1
"""Version of the messages. A node that speaks another one is told by a repair."""
DEFAULT_BASE: Final = "forgebus/v1"
DEFAULT_LOGIN: Final = "homeassistant"
ANSWERS: Final = "integration"
"""Last level of the topic of our answers: automations under the same login have topics of their own."""
LOGIN_PATTERN: Final = r"[a-z0-9][a-z0-9-]{0,30}"
CAPABILITY_PATTERN: Final = r"[a-z][a-z0-9_]{0,30}"
BASE_PATTERN: Final = r"[^+#/$\x00][^+#\x00]{0,98}[^+#/\x00]"
QOS: Final = 1
MOST_BYTES: Final = 245_760
"""Bytes of a content."""
MOST_TOKENS: Final = 512
"""What the text handler writes at most."""
SILENCE_S: Final = 65.0
"""A node unheard for so long is away: a killed broker tells nobody's end."""
PREFERENCES: Final = ("local_first", "fastest", "quality_first", "distributed")
HOME_CONTROL: Final = "home_control"
TEXT_GENERATION: Final = "text_generation"
MATH: Final = "math"
ROUTING: Final = "intent_classification"


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one bus for one login."""

    base: str
    login: str

    @property
    def answers(self) -> str:
        """Where answers to our asks come; also their `reply_to`."""
        return f"{self.base}/answer/{self.login}/{ANSWERS}"

    @property
    def inbox(self) -> str:
        """What homes of submitted tasks send us: the home is the last but one level."""
        return f"{self.base}/in/{self.login}/+/+"

    @property
    def cards(self) -> str:
        """What each node can do, retained."""
        return f"{self.base}/node/+/card"

    @property
    def statuses(self) -> str:
        """Who is there, retained."""
        return f"{self.base}/node/+/status"

    @property
    def events(self) -> str:
        """Decisions as they fall."""
        return f"{self.base}/event/+"

    def ask(self, capability: str) -> str:
        """Where an app asks."""
        return f"{self.base}/ask/{self.login}/{capability}"

    def submit(self, home: str, kind: str) -> str:
        """Where a requester writes to a home: `submit`, `cancel` or `final_ack`."""
        return f"{self.base}/in/{home}/{self.login}/{kind}"


@dataclass(frozen=True, slots=True)
class Options:
    """How a task is to be done; None leaves it to the home."""

    deadline_s: float = 60.0
    preference: str | None = None
    private: bool = False
    node: str | None = None
    max_tokens: int | None = None

    def fields(self) -> dict[str, Any]:
        """As the messages name them."""
        told: dict[str, Any] = {"deadline_ms": max(1, round(self.deadline_s * 1000))}
        if self.preference is not None:
            told["preference"] = self.preference
        if self.private:
            told["privacy"] = "private"
        if self.node is not None:
            told["node"] = self.node
        if self.max_tokens is not None:
            told["max_tokens"] = self.max_tokens
        return told


@dataclass(frozen=True, slots=True)
class Answer:
    """How a task ended (`outcome`), or why it was not taken (`rejected`)."""

    id: str
    outcome: str | None
    result: Any
    error: str
    rejected: str | None
    node: str | None
    model: str
    elapsed_ms: float
    provenance: dict[str, Any] | None

    @property
    def done(self) -> bool:
        """Whether there is a result, an abstention included."""
        return self.outcome == "done"

    @property
    def abstained(self) -> bool:
        """Whether no model was sure enough; nothing was done then."""
        return self.done and self.error.startswith("abstained: ")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text as it is written; `seq` counts from 0 within an attempt."""

    id: str
    attempt: int
    seq: int
    text: str


class Malformed(ValueError):  # noqa: N818 - named for what happened
    """A payload that is not what its topic promises."""


def ask(id_: str, reply_to: str, content: Any, options: Options) -> str:
    """An ask in the payload form: Home Assistant cannot set a response topic.

    Raises Malformed for a content that is larger than the bus carries.
    """
    return _written({"content": content, "id": id_, "reply_to": reply_to, **options.fields()})


def submit(id_: str, capability: str, content: Any, options: Options) -> str:
    """A submit that asks for pieces. Raises Malformed as `ask`."""
    told = {"id": id_, "capability": capability, "content": content, "stream": True}
    return _written(told | options.fields())


def node_of(topic: str) -> str:
    """The node in a card's, a status's or an event's topic."""
    parts = topic.split("/")
    return parts[-1] if parts[-2] == "event" else parts[-2]


def base_of_card(topic: str) -> str | None:
    """The base of a card's topic; None for any other topic."""
    found = re.fullmatch(rf"(.+)/node/{LOGIN_PATTERN}/card", topic)
    return found[1] if found else None


def read_object(payload: str | bytes | bytearray) -> dict[str, Any]:
    """A payload as the object that it is. Raises Malformed."""
    try:
        told = json.loads(payload, parse_constant=_no_number)
        if b"\\u" in (payload.encode() if isinstance(payload, str) else payload):
            # Half a character cannot be written again, into no state and no message.
            json.dumps(told, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as fault:
        raise Malformed(f"not JSON: {fault}") from fault
    if not isinstance(told, dict):
        raise Malformed("no object")
    return told


def finite(value: Any) -> float | None:
    """A number as a float; None for what is none, or is too large for one."""
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def read_answer(payload: str | bytes | bytearray) -> Answer:
    """An answer to an ask, a final, or a rejected submit. Raises Malformed."""
    told = read_object(payload)
    id_ = told.get("id")
    if not isinstance(id_, str):
        raise Malformed("no id")
    provenance = told.get("provenance")
    return Answer(
        id=id_,
        outcome=_text(told.get("outcome")),
        result=told.get("result"),
        error=_text(told.get("error")) or _text(told.get("reason")) or "",
        rejected=_text(told.get("rejected")) or _text(told.get("code")),
        node=_text(told.get("node")),
        model=_text(told.get("model")) or "",
        elapsed_ms=finite(told.get("elapsed_ms")) or 0.0,
        provenance=provenance if isinstance(provenance, dict) else None,
    )


def read_piece(payload: str | bytes | bytearray) -> Piece:
    """A progress. Raises Malformed."""
    told = read_object(payload)
    task, attempt, seq = told.get("task"), told.get("attempt"), told.get("seq")
    if not (isinstance(task, str) and isinstance(attempt, int) and isinstance(seq, int)):
        raise Malformed("no piece of a task")
    return Piece(task.partition("/")[2], attempt, seq, _text(told.get("text")) or "")


def _written(message: Mapping[str, Any]) -> str:
    written = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    size = len(written.encode())
    if size > MOST_BYTES:
        raise Malformed(f"{size} bytes are more than the {MOST_BYTES} that the bus carries")
    return written


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
