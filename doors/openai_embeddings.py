"""/v1/embeddings: texts as vectors, where a node on the bus offers the capability `embeddings`.

Its content is `{"input": [text, ...]}`, its result `{"embeddings": [[number, ...], ...]}` in the same order.
"""

import base64
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from daemon.mesh import Mesh
from doors.openai_course import Answered, asked_once, offered_now
from doors.openai_errors import ApiError, bad_request
from doors.openai_form import Wishes, converted
from doors.openai_models import chosen

EMBEDDINGS = "embeddings"

Text = Annotated[str, Meta(min_length=1)]


class Wanted(msgspec.Struct, frozen=True):
    """A request of /v1/embeddings."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    input: Text | Annotated[tuple[Text, ...], Meta(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    forgebus: Wishes = Wishes()


class Vectors(msgspec.Struct, frozen=True):
    """What a node answers."""

    embeddings: tuple[tuple[float, ...], ...]


async def embed(body: Mapping[str, Any], mesh: Mesh) -> tuple[dict[str, Any], dict[str, str]]:
    """The answer and its headers. Raises ApiError."""
    wanted: Wanted = converted(body, Wanted)
    if wanted.dimensions is not None:
        raise bad_request(
            "dimensions cannot be had: a node's vectors are as long as its model makes them",
            "dimensions",
            "unsupported_parameter",
        )
    offered = await offered_now(mesh)
    choice = chosen(wanted.model, offered)
    if choice.capability not in {None, EMBEDDINGS}:
        raise bad_request(f"the model {wanted.model} makes no embeddings", "model")
    if not offered.can(EMBEDDINGS):
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            f"no node on the bus offers {EMBEDDINGS}",
            param="model",
            code="model_not_found",
        )
    texts = [wanted.input] if isinstance(wanted.input, str) else list(wanted.input)
    ended = await asked_once(
        mesh,
        EMBEDDINGS,
        {"input": texts},
        deadline_ms=wanted.forgebus.deadline_ms,
        priority=wanted.forgebus.priority,
        **choice.options,
    )
    vectors = _vectors(ended.result, len(texts))
    data = [
        {"object": "embedding", "index": index, "embedding": _told(vector, wanted.encoding_format)}
        for index, vector in enumerate(vectors)
    ]
    answered = Answered("", "stop", ended, "")
    usage = answered.usage() or {"prompt_tokens": 0, "total_tokens": 0}
    counted = {name: usage[name] for name in ("prompt_tokens", "total_tokens")}
    told = {"object": "list", "data": data, "model": wanted.model, "usage": counted}
    return told, answered.headers()


def _vectors(result: Any, count: int) -> tuple[tuple[float, ...], ...]:
    try:
        vectors = msgspec.convert(result, Vectors).embeddings
    except msgspec.ValidationError:
        vectors = ()
    if len(vectors) != count:
        raise ApiError(
            HTTPStatus.BAD_GATEWAY,
            f"the node answered with something else than {count} vectors",
            code="bad_answer",
        )
    return vectors


def _told(vector: tuple[float, ...], form: str) -> Any:
    """As numbers, or as OpenAI's clients like it: little-endian float32 in base64."""
    if form == "float":
        return vector
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
