"""Requests and answers of OpenAI's chat API as values: what is read, what is refused, what is written.

Read is what can be done here. What would change the meaning of an answer and cannot be done is refused;
what only bends the choice of words is passed over, and its name told in a header.
"""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from doors.openai_errors import ApiError, bad_request

DEADLINE_MS = 60_000


class Part(msgspec.Struct, frozen=True):
    """A part of a message's content; only text is read."""

    type: str
    text: str = ""


class Call(msgspec.Struct, frozen=True):
    """The function of a tool call; arguments are JSON in a string."""

    name: str
    arguments: str = "{}"


class ToolCall(msgspec.Struct, frozen=True):
    """A tool call of an earlier answer."""

    id: str
    function: Call
    type: Literal["function"] = "function"


class Message(msgspec.Struct, frozen=True):
    """One message of the talk."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | tuple[Part, ...] | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    tool_call_id: str | None = None

    def text(self) -> str:
        """Its text. Raises ApiError for parts that are none."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        other = {part.type for part in self.content} - {"text", "refusal"}
        if other:
            raise bad_request(
                f"content of the type {', '.join(sorted(other))} cannot be read: no model here takes"
                " anything but text",
                "messages",
                "unsupported_content",
            )
        return "\n".join(part.text for part in self.content)


class Function(msgspec.Struct, frozen=True):
    """A function that the client offers."""

    name: str
    parameters: dict[str, Any] = {}


class Tool(msgspec.Struct, frozen=True):
    """A tool that the client offers."""

    function: Function
    type: Literal["function"] = "function"


class NamedFunction(msgspec.Struct, frozen=True):
    """Which function must be called."""

    name: str


class NamedTool(msgspec.Struct, frozen=True):
    """`tool_choice` as an object."""

    function: NamedFunction
    type: Literal["function"] = "function"


class JsonSchema(msgspec.Struct, frozen=True):
    """The schema of `response_format`."""

    schema: dict[str, Any] = {}
    name: str = ""


class ResponseFormat(msgspec.Struct, frozen=True):
    """What form the answer must have."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    """Whether a last chunk tells the tokens."""

    include_usage: bool = False


class Wishes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What only this bus knows, in a field `forgebus` of its own."""

    deadline_ms: Annotated[int, Meta(ge=100, le=600_000)] = DEADLINE_MS
    priority: Annotated[int, Meta(ge=0, le=9)] = 5


class Chat(msgspec.Struct, frozen=True):
    """A request of /v1/chat/completions."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    messages: Annotated[tuple[Message, ...], Meta(min_length=1, max_length=1000)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: Annotated[tuple[Tool, ...], Meta(max_length=256)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    seed: int | None = None
    stop: str | tuple[str, ...] | None = None
    forgebus: Wishes = Wishes()

    @property
    def offered(self) -> tuple[Function, ...]:
        """The functions that may be called."""
        if self.tool_choice == "none":
            return ()
        return tuple(tool.function for tool in self.tools or ())

    @property
    def schema(self) -> dict[str, Any] | None:
        """What the answer must be a document of; None where it is free."""
        match self.response_format:
            case ResponseFormat(type="json_schema", json_schema=JsonSchema(schema=schema)):
                return schema
            case ResponseFormat(type="json_object"):
                return {"type": "object"}
            case _:
                return None

    @property
    def include_usage(self) -> bool:
        """Whether the stream ends with the tokens."""
        return self.stream_options is not None and self.stream_options.include_usage


def chat_of(body: Mapping[str, Any]) -> tuple[Chat, tuple[str, ...]]:
    """The request, and the fields that are passed over. Raises ApiError for what cannot be done."""
    _refuse_what_cannot_be(body)
    chat = converted(body, Chat)
    form = chat.response_format
    if form is not None and form.type == "json_schema" and form.json_schema is None:
        raise bad_request("json_schema is missing", "response_format.json_schema")
    known = {field.name for field in msgspec.structs.fields(Chat)}
    ignored = [name for name, value in body.items() if name not in known and value is not None]
    ignored = [name for name in ignored if name not in _NO_EFFECT or body[name] != _NO_EFFECT[name]]
    if any(one.role in {"system", "developer"} for one in chat.messages):
        ignored.append("system")
    return chat, tuple(sorted(name for name in ignored if name.isascii() and name.isidentifier()))


def converted(body: Mapping[str, Any], kind: type[Any]) -> Any:
    """`body` as a `kind`. Raises ApiError that names the field at fault."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        param = where.strip("`.") or None
        raise bad_request(f"{what}{f' in {param}' if param else ''}", param) from None


def completion(
    id_: str, model: str, message: Mapping[str, Any], finish: str, more: Mapping[str, Any]
) -> dict[str, Any]:
    """A whole answer."""
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {
        "id": id_,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
        **more,
    }


def chunk(
    id_: str,
    created: int,
    model: str,
    delta: Mapping[str, Any],
    finish: str | None = None,
) -> dict[str, Any]:
    """A piece of an answer."""
    return {
        "id": id_,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }


_NO_EFFECT: dict[str, Any] = {
    "n": 1,
    "logprobs": False,
    "modalities": ["text"],
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "top_p": 1,
    "store": False,
    "logit_bias": {},
    "top_logprobs": 0,
    "functions": [],
    "echo": False,
    "suffix": "",
    "best_of": 1,
}
"""Fields with a value at which they say nothing."""

_CANNOT = {
    "n": "one answer is given to each request; ask again for another",
    "logprobs": "no model here tells the probabilities of its tokens",
    "modalities": "no model here answers with anything but text",
    "logit_bias": "the tokens of the models here are their own, and cannot be weighed",
    "audio": "no model here speaks",
    "functions": "functions are offered as tools here",
    "function_call": "functions are offered as tools here",
    "web_search_options": "nothing here searches the web",
    "echo": "an answer is what a model writes, without what it was given",
    "suffix": "no model here writes towards an end that it is given",
    "best_of": "one answer is given to each request; ask again for another",
    "top_logprobs": "no model here tells the probabilities of its tokens",
}


def _refuse_what_cannot_be(body: Mapping[str, Any]) -> None:
    for name, why in _CANNOT.items():
        value = body.get(name)
        if value is not None and value != _NO_EFFECT.get(name):
            raise _unsupported(name, why)


def _unsupported(name: str, why: str) -> ApiError:
    return bad_request(f"{name} cannot be had: {why}", name, "unsupported_parameter")
