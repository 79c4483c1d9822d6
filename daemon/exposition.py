"""Metrics and health over HTTP, in a thread of its own: whoever asks slowly or badly costs the node nothing.

    GET /metrics    200, for Prometheus or whoever reads OpenMetrics; 503 when the node's loop does not turn
    GET /healthz    200 when the node is well, else 503; JSON that says what is wrong

One request a connection, at most `CONNECTIONS` of them, each with a bounded head and `PATIENCE_S` to come and
to be read; metrics are gathered at most once in `FRESH_S`. What the node's loop is asked it has `ANSWER_S` to
answer: a loop that does not turn is seen from here, and cannot be from inside.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from http import HTTPStatus
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import orjson
import structlog

from daemon.config import ObservabilityConfig
from daemon.listening import address_of, meant_for_here
from daemon.metrics import render
from daemon.standing import Observer

CONNECTIONS, HEAD_BYTES, PATIENCE_S, LINGER_S = 16, 8192, 5.0, 0.5
ANSWER_S, LATE_S, FRESH_S = 5.0, 2.0, 1.0
T = TypeVar("T")


class ExpositionError(Exception):
    """Nothing can be served there; the message says why, and what to do."""


class Request(NamedTuple):
    """What was asked, as far as it matters here."""

    method: str
    path: str
    host: str
    accept: str


class Answer(NamedTuple):
    """What is said to it."""

    status: HTTPStatus
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    allow: str = ""


class Gathered(NamedTuple):
    """Metrics as they were at an instant, for those who accept the same."""

    at: float = float("-inf")
    accept: str = ""
    answer: Answer = Answer(HTTPStatus.OK)


class Exposition:
    """Serves while its `with` block runs. To be made in the loop of the node that `observer` reads."""

    def __init__(self, config: ObservabilityConfig, observer: Observer) -> None:
        self._listen = config.listen
        self._address = address_of(config.listen)
        self._any_host = config.allow_remote
        self._observer = observer
        self._node_loop = asyncio.get_running_loop()
        self._loop = asyncio.new_event_loop()
        self._open = 0
        self._ended: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="exposition", daemon=True)
        self._begun: Future[None] = Future()
        self._gathering = asyncio.Lock()
        self._gathered = Gathered()

    def __enter__(self) -> Self:
        """Listen. Raises ExpositionError when the address cannot be had."""
        self._thread.start()
        try:
            self._begun.result()
        except OSError as error:
            raise ExpositionError(
                f"nothing can be served at {self._listen}: {error.strerror}; choose another"
                " [observability] listen, or leave it empty"
            ) from error
        _log.info("observable", at=self._listen)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up on whoever is there."""
        if self._ended is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE_S)

    # --- in the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            except OSError as error:
                if self._begun.done():
                    raise
                self._begun.set_exception(error)
            finally:
                self._begun.cancel()  # does nothing but where it never began: then nobody waits for ever

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(
            self._received, *self._address, limit=HEAD_BYTES, backlog=CONNECTIONS
        )
        self._begun.set_result(None)
        await self._ended.wait()
        server.close()  # the runner cancels the answers that are under way

    async def _received(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, whatever comes over it."""
        writer.transport.set_write_buffer_limits(0)
        if self._open >= CONNECTIONS:
            writer.write(_encoded(Answer(HTTPStatus.SERVICE_UNAVAILABLE), with_body=True))
            writer.close()
            return
        self._open += 1
        try:
            method, answer = await self._answered(reader)
            writer.write(_encoded(answer, with_body=method != "HEAD"))
            async with asyncio.timeout(PATIENCE_S):
                await writer.drain()
            writer.write_eof()
            # Whatever else was sent is read for a moment, or the kernel would cut the answer off.
            async with asyncio.timeout(LINGER_S):
                while await reader.read(HEAD_BYTES):
                    pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # gone, or too slow: nobody to tell
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _answered(self, reader: asyncio.StreamReader) -> tuple[str, Answer]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return "", Answer(HTTPStatus.REQUEST_TIMEOUT)
        except asyncio.LimitOverrunError:
            return "", Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        request = parsed(head)
        if request is None:
            return "", Answer(HTTPStatus.BAD_REQUEST)
        return request.method, await self._answer(request)

    async def _answer(self, request: Request) -> Answer:
        # A page in a browser on this machine may have any name resolve to this address.
        if not self._any_host and not meant_for_here(request.host):
            return Answer(HTTPStatus.MISDIRECTED_REQUEST)
        if request.path not in {"/metrics", "/healthz"}:
            return Answer(HTTPStatus.NOT_FOUND, b"there are /metrics and /healthz\n")
        if request.method not in {"GET", "HEAD"}:
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, allow="GET, HEAD")
        try:
            if request.path == "/healthz":
                return await self._health()
            async with self._gathering:
                return await self._metrics(request.accept)
        except (TimeoutError, RuntimeError):
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"the node's loop does not turn\n")

    async def _metrics(self, accept: str) -> Answer:
        latest, now = self._gathered, time.monotonic()
        if latest.accept != accept or now - latest.at > FRESH_S:
            standing, late_s = await self._ask(
                lambda: self._observer.standing(self._node_loop.time())
            )
            answer = Answer(HTTPStatus.OK, *render(standing, late_s, accept))
            self._gathered = latest = Gathered(now, accept, answer)
        return latest.answer

    async def _health(self) -> Answer:
        faults: dict[str, str] = {}
        try:
            health, late_s = await self._ask(self._observer.health)
        except (TimeoutError, RuntimeError):
            faults["loop"] = f"has not turned for {ANSWER_S:g} s"
        else:
            faults |= health.faults
            if late_s > LATE_S:
                faults["loop"] = f"turned only after {late_s:.1f} s"
        told = {"status": "failing" if faults else "ok", "faults": faults}
        status = HTTPStatus.SERVICE_UNAVAILABLE if faults else HTTPStatus.OK
        return Answer(status, orjson.dumps(told) + b"\n", "application/json")

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> tuple[T, float]:
        """What the node's loop answers, and the seconds until it began to.

        Raises TimeoutError, or RuntimeError when that loop is closed.
        """
        asked = time.perf_counter()

        async def answered() -> tuple[T, float]:
            late_s = time.perf_counter() - asked
            return await call(), late_s

        coroutine = answered()
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._node_loop)
        except RuntimeError:
            coroutine.close()
            raise
        async with asyncio.timeout(ANSWER_S):
            return await asyncio.wrap_future(future)


def parsed(head: bytes) -> Request | None:
    """A request's head, or None when it is none of HTTP/1 (RFC 9112)."""
    try:
        first, *lines = head.decode("ascii").split("\r\n")
        method, target, version = first.split(" ")
        fields = dict(line.split(":", 1) for line in lines if line)
    except ValueError:
        return None
    if not version.startswith("HTTP/1.") or not target.startswith("/"):
        return None
    named = {name.lower(): value.strip() for name, value in fields.items()}
    return Request(method, target.partition("?")[0], named.get("host", ""), named.get("accept", ""))


def _encoded(answer: Answer, *, with_body: bool) -> bytes:
    status = answer.status
    body = answer.body or f"{status.phrase}\n".encode()
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {answer.kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *([f"Allow: {answer.allow}"] if answer.allow else []),
    ]
    return "\r\n".join([*head, "", ""]).encode() + (body if with_body else b"")


_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("exposition")
