"""The OpenAI-compatible endpoint: any client of that API uses the whole bus.

    POST /v1/chat/completions, /v1/completions, /v1/embeddings   GET /v1/models, /v1/models/<id>, /healthz

Whoever asks is bounded: one connection's head and body in size and time, requests in number, and a page in
a browser on this machine can neither reach it under a name of its own nor send it a form.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from aiohttp import web

from daemon.config import Config, ConfigError
from daemon.listening import address_of, meant_for_here, others_reach
from daemon.mesh import Mesh
from doors.openai_chat import complete, written
from doors.openai_completions import complete_text
from doors.openai_course import offered_now
from doors.openai_embeddings import embed
from doors.openai_errors import ApiError
from doors.openai_keys import Keys
from doors.openai_models import listed

MOST_BYTES = 1024 * 1024
"""Of a body: an overview of a thousand entities, and a long talk."""
MOST_REQUESTS, MOST_CONNECTIONS = 64, 256
BACKLOG = 16
"""Connections that are taken at once, before they are counted."""
IDLE_S = 20.0
"""Within this the head of a request must have come; a connection without one is closed."""
BODY_S = 20.0
LINGER_S = 1.0
"""So long is read on of a body that was answered before its end, that the answer is not lost."""
STOP_S = 3.0

_log = structlog.get_logger("doors")


def check(config: Config) -> None:
    """Raises ConfigError where the keys cannot be used."""
    _keys(config)


@contextlib.asynccontextmanager
async def open_door(config: Config, mesh: Mesh) -> AsyncIterator[None]:
    """Listen while entered. Raises ConfigError where the keys or the address cannot be used."""
    listen = config.openai.listen
    keys = _keys(config)
    app = _app(_Door(mesh, keys, any_host=others_reach(listen)))
    runner = web.AppRunner(
        app,
        handler_cancellation=True,
        keepalive_timeout=IDLE_S,
        auto_decompress=False,
        access_log=None,
        lingering_time=LINGER_S,
        shutdown_timeout=STOP_S,
    )
    await runner.setup()
    try:
        server = await _listening(runner, listen)
        _log.info("openai-open", at=listen, keys=len(keys) if keys else 0)
        try:
            yield
        finally:
            server.close()
    finally:
        await runner.cleanup()


def _keys(config: Config) -> Keys | None:
    return Keys.read(config.openai.api_key_file) if config.openai.api_key_file else None


class _Door:
    """The routes, with what they need."""

    def __init__(self, mesh: Mesh, keys: Keys | None, *, any_host: bool) -> None:
        self._mesh = mesh
        self._keys = keys
        self._any_host = any_host
        self._opened = int(time.time())
        self._open = 0

    async def guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Around every request, until its answer is read."""
        answer = await self._answer(request, handler)
        await written(request, _end(request, answer))
        return answer

    async def _answer(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Who may ask, how many at once, and errors in OpenAI's form."""
        try:
            self._check_host(request)
            if request.path == "/healthz":
                return await handler(request)
            self._check_key_and_room(request)
            self._open += 1
            try:
                return await handler(request)
            finally:
                self._open -= 1
        except ApiError as error:
            _log.info("refused", path=request.path[:80], status=error.status, code=error.code)
            return _json(error.body(), error.status, error.headers())
        except web.HTTPException as refusal:
            return _told(refusal, request)

    def _check_host(self, request: web.Request) -> None:
        # A page in a browser on this machine may have any name resolve to this address.
        if not self._any_host and not meant_for_here(request.headers.get("Host", "")):
            raise ApiError(
                HTTPStatus.MISDIRECTED_REQUEST, "by its Host this is not meant for this machine"
            )

    def _check_key_and_room(self, request: web.Request) -> None:
        if self._keys is not None:
            self._keys.check(request.headers.get("Authorization", ""))
        if self._open >= MOST_REQUESTS:
            raise ApiError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{MOST_REQUESTS} requests are being answered, as many as there may be",
                code="busy",
                retry_s=1.0,
            )

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        return await complete(request, await _body(request), self._mesh)

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/completions."""
        return await complete_text(request, await _body(request), self._mesh)

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/embeddings."""
        told, headers = await embed(await _body(request), self._mesh)
        return _json(told, HTTPStatus.OK, headers)

    async def models(self, _request: web.Request) -> web.StreamResponse:
        """GET /v1/models."""
        return _json({"object": "list", "data": await self._models()})

    async def model(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/models/<id>; an id may have a slash."""
        wanted = request.match_info["id"]
        for one in await self._models():
            if one["id"] == wanted:
                return _json(one)
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            f"there is no model {wanted!r} on the bus now",
            param="model",
            code="model_not_found",
        )

    async def health(self, _request: web.Request) -> web.StreamResponse:
        """GET /healthz: whether the bus can be reached; asked without a key."""
        linked = self._mesh.linked
        status = HTTPStatus.OK if linked else HTTPStatus.SERVICE_UNAVAILABLE
        return _json({"status": "ok" if linked else "no broker"}, status)

    async def _models(self) -> list[dict[str, Any]]:
        return listed(await offered_now(self._mesh), self._opened)


class _Full(asyncio.Protocol):
    """Hangs up: there are as many connections as there may be."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


async def _listening(runner: web.AppRunner, listen: str) -> asyncio.Server:
    host, port = address_of(listen)
    server = runner.server
    assert server is not None  # noqa: S101 - it has been set up

    def connection() -> asyncio.BaseProtocol:
        return server() if len(server.connections) < MOST_CONNECTIONS else _Full()

    try:
        return await asyncio.get_running_loop().create_server(
            connection, host, port, reuse_address=True, backlog=BACKLOG
        )
    except OSError as error:
        raise ConfigError(
            f"[openai] listen = {listen!r}: {error.strerror}; choose another address"
        ) from error


def _app(door: _Door) -> web.Application:
    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        return await door.guard(request, handler)

    async def unnamed(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = "forgebus"  # not which releases of what

    app = web.Application(middlewares=[guard], client_max_size=MOST_BYTES)
    app.on_response_prepare.append(unnamed)
    app.add_routes(
        [
            web.post("/v1/chat/completions", door.chat),
            web.post("/v1/completions", door.completions),
            web.post("/v1/embeddings", door.embeddings),
            web.get("/v1/models", door.models),
            web.get("/v1/models/{id:.+}", door.model),
            web.get("/healthz", door.health),
        ]
    )
    return app


async def _body(request: web.Request) -> Mapping[str, Any]:
    """The JSON object that was sent. Raises ApiError."""
    # A page elsewhere may send a form without being asked whether it may, but no JSON.
    if request.content_type != "application/json" or request.headers.get("Content-Encoding"):
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "send the body as Content-Type: application/json, not compressed",
        )
    try:
        async with asyncio.timeout(BODY_S):
            raw = await request.read()
        body = orjson.loads(raw)
    except TimeoutError:
        raise ApiError(
            HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {BODY_S:g} s"
        ) from None
    except orjson.JSONDecodeError as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise ApiError(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
    return body


async def _end(request: web.Request, answer: web.StreamResponse) -> None:
    await answer.prepare(request)
    await answer.write_eof()


def _told(refusal: web.HTTPException, request: web.Request) -> web.Response:
    """What the HTTP library refuses, in OpenAI's form."""
    status = HTTPStatus(refusal.status)
    headers = {"Allow": refusal.headers["Allow"]} if "Allow" in refusal.headers else {}
    match status:
        case HTTPStatus.NOT_FOUND:
            why = f"there is no {request.path[:200]} here; /v1/chat/completions is"
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            why = f"a body has at most {MOST_BYTES} bytes"
        case _:
            why = status.phrase
    return _json(ApiError(status, why).body(), status, headers)


def _json(
    told: Any, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=orjson.dumps(told),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        | dict(headers or {}),
    )
