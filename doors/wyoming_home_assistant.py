"""Home Assistant's own API: which entities are exposed to Assist, and their states.

One WebSocket stays open (https://developers.home-assistant.io/docs/api/websocket); registries are asked
again when Home Assistant says that one changed, states at every sentence. Commands are carried out by
`/api/intent/handle`, where one answer by Wyoming cannot hold them.
"""

import asyncio
import contextlib
import itertools
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
import structlog

from daemon.private_files import PrivateFileError, read_secret
from doors.home_exposed import (
    Area,
    Device,
    Exposure,
    Floor,
    Home,
    Registries,
    RegistryEntry,
    Settings,
    State,
    home_of,
)

ANSWER_S = 5.0
"""How long Home Assistant may take for one answer."""
CONNECT_S = 10.0
RETRY_S = (1.0, 2.0, 5.0, 15.0)
LINK_S = 2.0
"""How long a sentence waits for a link: most come from Home Assistant itself, so it is there again."""
REFUSED_S = 300.0
"""After a refused token: Home Assistant may ban who tries again and again (`ip_ban_enabled`)."""
STALE_S = 60.0
"""Exposure of an entity without a unique id changes without an event."""
MOST_BYTES = 64 * 1024 * 1024
MANY_INTENTS = (2026, 10)
"""From this version on Home Assistant takes several intents in one answer; seen there, not in 2026.2."""

_CHANGED = tuple(f"{what}_registry_updated" for what in ("entity", "device", "area", "floor"))
_log = structlog.get_logger("doors")
_Told = TypeVar("_Told")


class UnreachableError(Exception):
    """Home Assistant cannot be asked now; the message says why."""


class NotDoneError(Exception):
    """Home Assistant did not carry out a command."""


class HomeAssistant:
    """The link to one Home Assistant; `run` keeps it up.

    Args:
        url: where its pages are, as http://homeassistant.local:8123.
        token_file: a long-lived access token of an administrator, in a file that nobody else may read.
    """

    def __init__(self, url: str, token_file: Path) -> None:
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[_Answer]] = {}
        self._registries: Registries | None = None
        self._asked_at = 0.0
        self._changes = 0
        self._changes_asked = 0
        self._version: tuple[int, ...] = ()
        self._token = ""
        self._said = ""
        self._wanted = asyncio.Event()
        self._up = asyncio.Event()
        self._refused = False

    @property
    def linked(self) -> bool:
        """Whether it can be asked."""
        return self._socket is not None

    @property
    def takes_many(self) -> bool:
        """Whether it takes several intents in one answer, and only exposed entities in each."""
        return self._version >= MANY_INTENTS

    async def run(self) -> None:
        """Connect, and connect again, until cancelled. What keeps it from that is logged once."""
        fault = 0
        while True:
            try:
                self._refused = False
                await self._connected()
            except _RefusedError as error:
                self._refused = True
                self._tell(str(error))
                await asyncio.sleep(REFUSED_S)
                continue
            except UnreachableError as error:
                self._tell(str(error))
            except (aiohttp.ClientError, OSError, UnicodeError) as error:  # a host that is no name
                self._tell(f"{type(error).__name__}: {error}".rstrip(": "))
            fault = 0 if self._up.is_set() else fault + 1
            self._up.clear()
            self._wanted.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), RETRY_S[min(fault, len(RETRY_S) - 1)])

    async def home(self) -> Home:
        """What is exposed now, with its states. Raises UnreachableError."""
        if self._socket is None and not self._refused:
            self._wanted.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._up.wait(), LINK_S)
        registries = self._registries
        old = time.monotonic() - self._asked_at > STALE_S
        if registries is None or old or self._changes != self._changes_asked:
            registries = await self._ask_registries()
        return home_of(registries, await self._ask("get_states", tuple[State, ...]))

    async def handle(self, intent: str, slots: Mapping[str, Any], language: str) -> None:
        """Have it carry out an intent. Raises NotDoneError or UnreachableError."""
        if self._session is None:
            raise UnreachableError("not connected")
        content: dict[str, Any] = {"name": intent, "data": dict(slots)}
        if self.takes_many:
            content |= {"language": language, "assistant": "conversation"}
        try:
            async with self._session.post(
                f"{self._url}/api/intent/handle",
                json=content,
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=aiohttp.ClientTimeout(total=ANSWER_S),
                allow_redirects=False,
            ) as response:
                body = await _whole(response.content)
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnreachableError(f"it did not answer a command: {type(error).__name__}") from None
        if status != 200 or not _was_done(body):
            raise NotDoneError(f"{intent} was refused with HTTP status {status}")

    # --- private ---------------------------------------------------------------------------------

    async def _connected(self) -> None:
        """One connection, from its login to its end."""
        try:
            self._token = read_secret(self._token_file)
        except PrivateFileError as error:
            raise _RefusedError(str(error)) from None
        if not self._token.isprintable():
            raise _RefusedError(f"{self._token_file} must have one token on one line")
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            async with asyncio.timeout(CONNECT_S):
                socket = await session.ws_connect(
                    f"{self._url}/api/websocket",
                    max_msg_size=MOST_BYTES,
                    heartbeat=30.0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                )
                stack.push_async_callback(socket.close)
                await self._log_in(socket)
            self._session, self._socket = session, socket
            self._up.set()
            stack.callback(self._lost)
            try:
                async with asyncio.TaskGroup() as tasks:
                    begun = tasks.create_task(self._begin())
                    await self._hear(socket)
                    begun.cancel()
            except* UnreachableError as group:
                raise UnreachableError(str(group.exceptions[0])) from None
        raise UnreachableError("it closed the connection")

    async def _log_in(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Raises _RefusedError when the token is not taken."""
        while True:
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise UnreachableError("it closed the connection before the login")
            told = _decode(message.data, _Login)
            match told.type:
                case "auth_required":
                    await socket.send_json({"type": "auth", "access_token": self._token})
                case "auth_ok":
                    self._version = _version(told.ha_version)
                    return
                case "auth_invalid":
                    raise _RefusedError(
                        f"Home Assistant refused the token in {self._token_file}: make a new one in your"
                        " profile there, under Security, and write it into that file"
                    )
                case _:
                    raise UnreachableError(f"no Home Assistant answers at {self._url}")

    async def _begin(self) -> None:
        """Hear of changes from now on, and know the home before the first sentence."""
        for event in _CHANGED:
            await self._ask("subscribe_events", Any, event_type=event)
        exposed = (await self._ask_registries()).exposed
        if self._said != "linked":
            _log.info(
                "home-assistant-linked",
                version=".".join(map(str, self._version)),
                exposed=len(exposed),
            )
        self._said = "linked"

    async def _hear(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Hand answers to who waits for them, until the connection ends."""
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            answer = _decode(message.data, _Answer)
            if answer.type == "event":
                self._changes += 1
                continue
            waiting = self._waiting.pop(answer.id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def _ask_registries(self) -> Registries:
        asked_at, changes = time.monotonic(), self._changes  # what changes meanwhile is asked again
        exposure = await self._ask("homeassistant/expose_entity/list", Exposure)
        exposed = exposure.to_assist()
        detailed: dict[str, RegistryEntry | None] = {}
        if exposed:
            detailed = await self._ask(
                "config/entity_registry/get_entries",
                dict[str, RegistryEntry | None],
                entity_ids=list(exposed),
            )
        ask = self._ask
        registries = Registries(
            exposed=exposed,
            entries=await ask("config/entity_registry/list", tuple[RegistryEntry, ...]),
            detailed=detailed,
            devices=await ask("config/device_registry/list", tuple[Device, ...]),
            areas=await ask("config/area_registry/list", tuple[Area, ...]),
            floors=await ask("config/floor_registry/list", tuple[Floor, ...]),
            settings=await ask("get_config", Settings),
        )
        self._registries = registries
        self._asked_at, self._changes_asked = asked_at, changes
        return registries

    async def _ask(self, command: str, kind: Any, **fields: Any) -> Any:
        """The result of a command. Raises UnreachableError."""
        if self._socket is None:
            raise UnreachableError("not connected")
        number = next(self._numbers)
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self._socket.send_json({"id": number, "type": command, **fields})
            told = await asyncio.wait_for(answer, ANSWER_S)
        except (aiohttp.ClientError, OSError) as error:
            raise UnreachableError(f"{command} was not answered: {type(error).__name__}") from None
        finally:
            self._waiting.pop(number, None)
        if not told.success:
            code = told.error.code if told.error else ""
            raise UnreachableError(f"{command} was refused: {code}{_HINTS.get(code, '')}")
        return _decode(told.result, kind)

    def _lost(self) -> None:
        self._session = self._socket = self._registries = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(UnreachableError("the connection ended"))
                waiting.exception()  # seen: nobody may be waiting any more
        self._waiting.clear()

    def _tell(self, reason: str) -> None:
        if reason != self._said:
            _log.warning("no-home-assistant", reason=reason)
        self._said = reason


class _RefusedError(Exception):
    """Trying again soon cannot help."""


class _Fault(msgspec.Struct, frozen=True):
    code: str = ""


class _Login(msgspec.Struct, frozen=True):
    type: str
    ha_version: str = ""


class _Answer(msgspec.Struct, frozen=True):
    type: str
    id: int = 0
    success: bool = False
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Fault | None = None


class _Results(msgspec.Struct, frozen=True):
    success: tuple[Any, ...] = ()


class _Response(msgspec.Struct, frozen=True):
    response_type: str = ""
    speech: dict[str, Any] = {}
    data: _Results = _Results()


_HINTS = {"unauthorized": "; the token must be an administrator's"}


def _decode(data: Any, kind: type[_Told]) -> _Told:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UnreachableError(f"it spoke in a form that is not known here: {error}") from None


async def _whole(content: aiohttp.StreamReader) -> bytes:
    """A body, however many pieces it comes in; what is beyond the most is left."""
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > MOST_BYTES:
            break
    return bytes(body)


def _was_done(body: bytes) -> bool:
    """Whether a command went well; a failed one is told in words, and by having reached nothing."""
    try:
        told = _decode(body, _Response)
    except UnreachableError:
        return False
    return told.response_type != "error" and bool(told.data.success or not told.speech)


def _version(text: str) -> tuple[int, ...]:
    """(2026, 10) of "2026.10.4"; () of what is none."""
    found = re.match(r"([0-9]{1,4})\.([0-9]{1,4})\b", text)
    return tuple(map(int, found.groups())) if found else ()
