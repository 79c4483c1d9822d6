"""/v1/chat/completions: one answer, whole or as server-sent events.

A stream begins with its first word: what fails before that is an error with a status of its own, what fails
later is an event with an `error` object, after which the stream ends without `[DONE]`.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from daemon.mesh import Mesh
from doors.openai_course import Answered, Course
from doors.openai_errors import ApiError
from doors.openai_form import Chat, chat_of, chunk, completion
from doors.openai_tools import Called

WRITE_S = 20.0
"""Who does not read what is written for so long is hung up on."""
_LONGEST = 500  # of a header that tells what a client has sent: clients read 8 KiB of all together


class Form(NamedTuple):
    """How an answer looks: what its id begins with, and what becomes of an answer to a chat, or a piece of one."""

    prefix: str
    shape: Callable[[Mapping[str, Any]], Mapping[str, Any]]


async def complete(request: web.Request, body: Mapping[str, Any], mesh: Mesh) -> web.StreamResponse:
    """Answer a chat. Raises ApiError."""
    return await answer(request, body, mesh, Form("chatcmpl-", lambda told: told))


async def answer(
    request: web.Request, body: Mapping[str, Any], mesh: Mesh, form: Form
) -> web.StreamResponse:
    """Answer a chat in this form. Raises ApiError."""
    chat, ignored = chat_of(body)
    passed_over = {"x-forgebus-ignored": ", ".join(ignored)[:_LONGEST]} if ignored else {}
    id_ = f"{form.prefix}{secrets.token_hex(12)}"
    if chat.stream:
        return await _Stream(request, chat, mesh, id_, form, passed_over).run()
    answered = await Course(mesh, chat).run()
    calls = [_tool_call(call) for call in answered.calls]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if calls else answered.words,
        "refusal": None,
    }
    if calls:
        message["tool_calls"] = calls
    more = {"usage": answered.usage(), "forgebus": answered.source()}
    told = completion(id_, chat.model, message, answered.finish, more)
    return _json(form.shape(told), answered.headers() | passed_over)


async def written(request: web.Request, writing: Awaitable[None]) -> None:
    """Write; raises ConnectionResetError, and has hung up, where whoever asked does not read."""
    try:
        async with asyncio.timeout(WRITE_S):
            await writing
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("nobody reads the answer") from None


class _Stream:
    """One streamed answer."""

    def __init__(
        self,
        request: web.Request,
        chat: Chat,
        mesh: Mesh,
        id_: str,
        form: Form,
        headers: Mapping[str, str],
    ) -> None:
        self._request = request
        self._chat = chat
        self._course = Course(mesh, chat, self._say)
        self._id = id_
        self._form = form
        self._created = int(time.time())
        self._headers = headers
        self._response: web.StreamResponse | None = None
        self._said = ""

    async def run(self) -> web.StreamResponse:
        """Answer. Raises ApiError while nothing has been said."""
        try:
            answered = await self._course.run()
        except ApiError as error:
            if self._response is None:
                raise
            await self._event(error.body())
        else:
            await self._end(answered)
        assert self._response is not None  # noqa: S101 - either way something was written
        return self._response

    async def _say(self, text: str) -> None:
        if self._response is None:
            await self._begin(self._course.begun)
        self._said += text
        await self._chunk({"content": text})

    async def _end(self, answered: Answered) -> None:
        if self._response is None:
            await self._begin(answered.headers())
        if answered.words.startswith(self._said) and (rest := answered.words[len(self._said) :]):
            await self._chunk({"content": rest})
        for index, call in enumerate(answered.calls):
            await self._chunk({"tool_calls": [{"index": index, **_tool_call(call)}]})
        last = chunk(self._id, self._created, self._chat.model, {}, answered.finish)
        await self._piece(last | {"forgebus": answered.source()})
        if self._chat.include_usage and (usage := answered.usage()):
            told = chunk(self._id, self._created, self._chat.model, {})
            await self._piece(told | {"choices": [], "usage": usage})
        await self._write(b"data: [DONE]\n\n")

    async def _begin(self, headers: Mapping[str, str]) -> None:
        self._response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                **headers,
                **self._headers,
            }
        )
        await self._response.prepare(self._request)
        await self._chunk({"role": "assistant", "content": ""})

    async def _chunk(self, delta: Mapping[str, Any]) -> None:
        await self._piece(chunk(self._id, self._created, self._chat.model, delta))

    async def _piece(self, told: Mapping[str, Any]) -> None:
        await self._event(self._form.shape(told))

    async def _event(self, told: Mapping[str, Any]) -> None:
        await self._write(b"data: " + orjson.dumps(told) + b"\n\n")

    async def _write(self, data: bytes) -> None:
        assert self._response is not None  # noqa: S101 - begun before
        await written(self._request, self._response.write(data))


def _tool_call(call: Called) -> dict[str, Any]:
    function = {"name": call.name, "arguments": orjson.dumps(call.arguments).decode()}
    return {"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}


def _json(told: Any, headers: Mapping[str, str]) -> web.Response:
    return web.Response(body=orjson.dumps(told), content_type="application/json", headers=headers)
