"""/v1/completions, the older form: a prompt is a chat of one message, and its answer is a text.

What a field means, what is refused and how an answer comes about stands with the chat; this is its cover.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from daemon.mesh import Mesh
from doors.openai_chat import Form, answer
from doors.openai_errors import bad_request

_OF_CHAT = ("messages", "tools", "tool_choice", "response_format", "max_completion_tokens")


async def complete_text(
    request: web.Request, body: Mapping[str, Any], mesh: Mesh
) -> web.StreamResponse:
    """Answer a prompt. Raises ApiError."""
    return await answer(request, _as_chat(body), mesh, Form("cmpl-", _as_text))


def _as_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    for name in _OF_CHAT:
        if body.get(name) is not None:
            raise bad_request(f"{name} is of /v1/chat/completions", name, "unsupported_parameter")
    prompt = body.get("prompt")
    match prompt:
        case str() | [str()]:
            said = prompt if isinstance(prompt, str) else prompt[0]
        case _:
            raise bad_request("prompt is one text; send one request for each", "prompt")
    rest = {name: value for name, value in body.items() if name not in {"prompt", *_OF_CHAT}}
    return rest | {"messages": [{"role": "user", "content": said}]}


def _as_text(told: Mapping[str, Any]) -> dict[str, Any]:
    """A chat's answer, or a piece of one, as a text."""
    choices = [
        {
            "index": choice["index"],
            "text": (choice.get("message") or choice.get("delta") or {}).get("content") or "",
            "logprobs": None,
            "finish_reason": choice["finish_reason"],
        }
        for choice in told["choices"]
    ]
    return {**told, "object": "text_completion", "choices": choices}
