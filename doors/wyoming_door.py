"""The Wyoming server: Home Assistant's Assist asks the bus, and does what it answers.

Wyoming knows no login. Whoever reaches the port may ask, so it listens on this machine alone unless
`allow_remote` says otherwise; the bus holds this door to the budget of its login.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import structlog
from wyoming.asr import Transcript
from wyoming.event import Event, async_write_event
from wyoming.info import (
    Attribution,
    Describe,
    HandleModel,
    HandleProgram,
    Info,
    IntentModel,
    IntentProgram,
)
from wyoming.intent import Recognize
from wyoming.ping import Ping, Pong

from daemon.config import Config, ConfigError
from daemon.listening import address_of, others_reach
from daemon.mesh import Mesh
from daemon.private_files import PrivateFileError, check_secret
from daemon.version import VERSION
from doors.wyoming_announce import announced
from doors.wyoming_answer import Answering, Asked
from doors.wyoming_home_assistant import HomeAssistant
from doors.wyoming_wire import LONGEST_LINE, WireFaultError, read_event

MOST_CONNECTIONS = 32
MOST_OF_A_PEER = 8
IDLE_S = 60.0
"""A connection on which nothing is said for so long is closed; so is one that takes no answer."""
WRITE_S = 10.0
LANGUAGES = ["en", "de"]
"""What the home model was trained on."""

_log = structlog.get_logger("doors")


def check(config: Config) -> None:
    """Raises ConfigError where the token cannot be used: not named with its address, or open to others."""
    wyoming = config.wyoming
    if bool(wyoming.home_assistant_url) != bool(wyoming.token_file):
        raise ConfigError(
            "[wyoming] home_assistant_url and token_file go together; give both or neither"
        )
    if wyoming.token_file is not None:
        try:
            check_secret(wyoming.token_file)
        except PrivateFileError as error:
            raise ConfigError(f"[wyoming] token_file: {error}") from None


@contextlib.asynccontextmanager
async def open_door(config: Config, mesh: Mesh) -> AsyncIterator[None]:
    """Listen while entered. Raises ConfigError where the token or the address cannot be used."""
    host, port = address_of(config.wyoming.listen)
    assistant = _assistant(config)
    server = _Server(Answering(mesh, assistant), information(config.node.id))
    try:
        listening = await asyncio.start_server(server.connected, host, port, limit=LONGEST_LINE)
    except OSError as error:
        raise ConfigError(
            f"[wyoming] listen = {config.wyoming.listen!r}: {error.strerror}; choose another port"
        ) from None
    _log.info("wyoming-listens", at=config.wyoming.listen)
    async with asyncio.TaskGroup() as tasks:
        running: list[asyncio.Task[None]] = []
        if assistant is not None:
            running.append(tasks.create_task(assistant.run()))
        if others_reach(config.wyoming.listen):
            running.append(tasks.create_task(announced(config.node.id, host, port)))
        try:
            yield
        finally:
            listening.close()
            for task in (*running, *server.connections):
                task.cancel()
            await asyncio.gather(*server.connections, return_exceptions=True)


def information(node: str) -> Info:
    """What this server says of itself; Home Assistant makes a conversation entity of it."""
    maker = Attribution(name="Forgebus", url="")
    known: dict[str, Any] = {"attribution": maker, "installed": True, "version": VERSION}
    name = f"Forgebus {node}"
    home = IntentModel(
        name="home_control", description="Commands for a home", languages=LANGUAGES, **known
    )
    other = HandleModel(
        name="math", description="Sums, word problems, stories", languages=["en"], **known
    )
    said = "Sentences, understood by the nodes of a bus"
    return Info(
        intent=[IntentProgram(name=name, description=said, models=[home], **known)],
        handle=[HandleProgram(name=name, description=said, models=[other], **known)],
    )


class _Said(msgspec.Struct, frozen=True):
    """What a sentence's event holds, whichever it is."""

    text: str
    language: str | None = None
    context: dict[str, Any] | None = None


class _Server:
    """All connections; each asks one thing at a time."""

    def __init__(self, answering: Answering, info: Info) -> None:
        self.connections: dict[asyncio.Task[None], str] = {}
        self._answering = answering
        self._info = info.event()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve it, or hang up where there are too many."""
        peer = str((writer.get_extra_info("peername") or ("",))[0])
        there = list(self.connections.values())
        if len(there) >= MOST_CONNECTIONS or there.count(peer) >= MOST_OF_A_PEER:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self.connections[task] = peer
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        del self.connections[task]
        if not task.cancelled() and (defect := task.exception()):
            _log.error("wyoming-defect", exc_info=defect)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. Whoever speaks no Wyoming is hung up on; the next one is served as ever."""
        reading = asyncio.ensure_future(read_event(reader))
        try:
            while True:
                event = await asyncio.wait_for(asyncio.shield(reading), IDLE_S)
                if event is None:
                    return
                # Read on at once: a client that leaves no longer wants its answer.
                reading = asyncio.ensure_future(read_event(reader))
                for reply in await self._replies(event, reading):
                    await asyncio.wait_for(async_write_event(reply, writer), WRITE_S)
        except (WireFaultError, msgspec.ValidationError, OSError) as error:
            _log.debug("wyoming-hung-up", reason=type(error).__name__)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _replies(
        self, event: Event, reading: asyncio.Future[Event | None]
    ) -> Sequence[Event]:
        """What an event is answered; nothing to one that is not known, as the protocol has it."""
        match event.type:
            case kind if Describe.is_type(kind):
                return (self._info,)
            case kind if Ping.is_type(kind):
                return (Pong(text=Ping.from_event(event).text).event(),)
            case kind if Transcript.is_type(kind):
                return await self._answered(event, reading, many=False)
            case kind if Recognize.is_type(kind):
                return await self._answered(event, reading, many=True)
            case _:
                return ()

    async def _answered(
        self, event: Event, reading: asyncio.Future[Event | None], *, many: bool
    ) -> Sequence[Event]:
        """The answer to a sentence, unless the client leaves before: then its task is cancelled."""
        said = msgspec.convert(event.data, _Said)
        device = (said.context or {}).get("device_id")
        asked = Asked(said.text, said.language, device if isinstance(device, str) else None, many)
        began = time.monotonic()
        answering = asyncio.ensure_future(self._answering.answer(asked))
        try:
            await asyncio.wait((answering, reading), return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() and (reading.exception() or reading.result() is None):
                _log.info("wyoming-left", ms=_ms(began))
                return ()
            answer = await answering
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
        _log.info("wyoming-answered", outcome=answer.outcome, ms=_ms(began))
        return answer.events


def _assistant(config: Config) -> HomeAssistant | None:
    """Raises ConfigError as `check` does."""
    check(config)
    wyoming = config.wyoming
    if wyoming.token_file is None:
        _log.warning("no-entities", reason="home_assistant_url is not set: docs/wyoming.md")
        return None
    return HomeAssistant(wyoming.home_assistant_url, wyoming.token_file)


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
