"""A talk as the text handler reads it: a prompt, and the turns before it. Nothing here knows Home Assistant."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .contract import MATH, TEXT_GENERATION

MOST_TURNS = 16
"""More would not fit a small model's context; it reads the last ones."""
_MOST_SAID = 4000


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said, and what was replied to it."""

    user: str
    assistant: str


def talker(intent: object, default: str) -> str | None:
    """Which capability talks about what the router named; None for what is no talk."""
    match intent:
        case "text" | "chat":
            return default
        case "math":
            return MATH
        case _:
            return None


def words_of(result: object) -> str:
    """What is said of a result: its text, or its answer; "" where there is none, as in an abstention."""
    told = result if isinstance(result, dict) else {}
    words = told.get("text") or told.get("answer") or ""
    return words if isinstance(words, str) else ""


def turns(spoken: Iterable[tuple[str, Any]]) -> list[Turn]:
    """The whole turns of a conversation, oldest first. What nobody has replied to yet is none."""
    found: list[Turn] = []
    asked = ""
    for role, said in spoken:
        if not isinstance(said, str) or not said.strip():
            continue
        if role == "user":
            asked = said
        elif role == "assistant" and asked:
            found.append(Turn(asked[:_MOST_SAID], said[:_MOST_SAID]))
            asked = ""
    return found[-MOST_TURNS:]


def request(capability: str, said: str, before: Iterable[Turn] = ()) -> Any:
    """The content of a task of this capability: text generation takes a history, others the sentence."""
    if capability != TEXT_GENERATION:
        return said
    told: dict[str, Any] = {"prompt": said}
    if history := [{"user": turn.user, "assistant": turn.assistant} for turn in before]:
        told["history"] = history
    return told
