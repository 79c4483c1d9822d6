"""From a talk to what the bus is asked: which capabilities in which order, with which content.

Pure. Every capability takes a bare text, so one that nobody knew when this was written is asked as well.
"""

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from doors.openai_errors import bad_request
from doors.openai_form import Chat, Message
from doors.openai_models import Offered

TEXT, HOME, ROUTER = "text_generation", "home_control", "intent_classification"
MOST_TOKENS, USUAL_TOKENS = 512, 256
"""Of a text: what `text_generation` writes at most, and what it may where the client says nothing."""
_MOST_TURNS, _MOST_STOPS = 32, 8
_CAPABILITIES = {"vision": ""}
"""Where the label of the router is not the capability: a sentence alone is not enough for vision."""
_CHATTING = (TEXT, "chat")


class Routing(msgspec.Struct, frozen=True):
    """What the router answers."""

    intent: str = ""
    probability: float = 0.0
    source: str = "none"


def asked(chat: Chat) -> str:
    """What the user said last. Raises ApiError where nothing was said, or somebody else had the last word."""
    last = chat.messages[-1]
    if last.role not in {"user", "tool"}:
        raise bad_request(
            f"the last message is of the {last.role}; it must be of the user, or a tool's result",
            "messages",
        )
    said = [_joined(group) for role, group in _groups(chat.messages) if role == "user"]
    if not said or not said[-1].strip():
        raise bad_request("the user has said nothing", "messages")
    return said[-1]


def ways(routing: Routing, offered: Offered, *, home_tools: bool) -> list[str]:
    """The capabilities to be asked one after another, until one does not abstain.

    Where tools for a home are offered, a sentence may be a command whatever the router thinks of it; it
    is asked for its opinion first where it is sure of another one. A text is the last resort.
    """
    first = _CAPABILITIES.get(routing.intent, routing.intent)
    order = [HOME] if home_tools and first != HOME else []
    if first in {"math", "code"}:
        order.insert(0, first)
    elif first:
        order.append(first)
    if not home_tools:
        order = [one for one in order if one != HOME]
    order += _CHATTING
    return [one for one in dict.fromkeys(order) if offered.can(one)]


def content_for(capability: str, chat: Chat) -> Any:
    """What this capability is given; a home is given in `doors.openai_home`. Raises ApiError."""
    return _for_text(chat) if capability == TEXT else asked(chat)


def tokens_for(capability: str, chat: Chat) -> int | None:
    """How many it may write; None where that is its own affair, because half an answer is none."""
    if capability != TEXT:
        return None
    most = chat.max_completion_tokens or chat.max_tokens or USUAL_TOKENS
    return min(most, MOST_TOKENS)


def says(capability: str, result: Any) -> str:
    """The text of a result; what is not known here is shown as JSON."""
    match capability, result:
        case _, {"abstained": True, "reason": str(reason)} if reason:
            return f"No answer: {reason}."
        case "text_generation", {"text": str(text)}:
            return text
        case "math", {"answer": str(answer)}:
            return answer
        case "code", {"code": str(code)}:
            return f"```python\n{code.rstrip()}\n```"
        case "vision", {"caption": str(caption)}:
            return caption
        case _, str(text):
            return text
        case _, None:
            return ""
        case _:
            return orjson.dumps(result).decode()


def abstains(capability: str, result: Any) -> bool:
    """Whether a result is no answer; the router's says so of its model, and answers by keywords."""
    return capability != ROUTER and isinstance(result, dict) and result.get("abstained") is True


def _for_text(chat: Chat) -> dict[str, Any]:
    prompt = asked(chat)
    content: dict[str, Any] = {
        "prompt": prompt,
        "history": _history(chat.messages),
        "max_tokens": tokens_for(TEXT, chat),
        "seed": secrets.randbelow(2**32) if chat.seed is None else chat.seed % 2**32,
    }
    if chat.temperature is not None:
        content["temperature"] = chat.temperature
    stops = (chat.stop,) if isinstance(chat.stop, str) else chat.stop or ()
    if len(stops) > _MOST_STOPS or not all(stops):
        raise bad_request(f"stop takes up to {_MOST_STOPS} texts, none of them empty", "stop")
    if stops:
        content["stop"] = stops
    if chat.schema is not None:
        content["schema"] = chat.schema
    return content


def _history(messages: Sequence[Message]) -> list[dict[str, str]]:
    """What was said before the last word of the user, as turns that have both sides."""
    turns: list[dict[str, str]] = []
    user = ""
    for role, group in _groups(messages):
        text = _joined(group)
        if role == "user":
            user = text
        elif role == "assistant" and user and text.strip():
            turns.append({"user": user, "assistant": text})
            user = ""
    return turns[-_MOST_TURNS:]


def _groups(messages: Sequence[Message]) -> list[tuple[str, list[Message]]]:
    """Messages of one side that follow one another; calls and results of tools part nothing."""
    groups: list[tuple[str, list[Message]]] = []
    for one in messages:
        if one.role in {"system", "developer", "tool"}:
            continue
        if one.role == "assistant" and not one.text().strip():
            continue
        if groups and groups[-1][0] == one.role:
            groups[-1][1].append(one)
        else:
            groups.append((one.role, [one]))
    return groups


def _joined(messages: Sequence[Message]) -> str:
    return "\n".join(one.text() for one in messages)
