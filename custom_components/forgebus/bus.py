"""The bus, through Home Assistant's own MQTT: who is there, asks and their answers, texts as they come.

Everything is subscribed once, when the entry is set up: Home Assistant takes up to half a second over a
subscription. An ask has an id and is sent again under it until it is answered, so that a broker that
restarts costs time and no answer. A text that is wanted as it is written is submitted to a home instead,
because an ask has one answer.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from homeassistant.components import mqtt
from homeassistant.components.mqtt.models import ReceiveMessage
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util.ulid import ulid_now

from . import contract
from .const import DOMAIN
from .contract import QOS, Answer, Malformed, Options, Piece, Topics
from .pieces import Pieces
from .roster import Roster
from .talk import words_of

_LOGGER = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=10)
"""How often silence is looked for."""
SETTLE_S = 2.0
"""After the start cards are on their way: whoever asks so early waits for the first."""
PATIENCE_S = 8.0
"""Beyond the deadline: a home tells an end, and another hub takes over after 3 s."""
PAUSES_S = (5.0, 10.0, 20.0, 30.0)
"""Between sending the same ask again; the last one for good."""
SUBMIT_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)


class BusError(HomeAssistantError):
    """Nothing was asked, or no answer came; `reason` is the key of its translation."""

    def __init__(self, reason: str, **told: str) -> None:
        super().__init__(
            translation_domain=DOMAIN, translation_key=reason, translation_placeholders=told
        )
        self.reason = reason


@dataclass(slots=True)
class _Stream:
    """A submitted task: its home, and what came of it."""

    home: str
    came: asyncio.Queue[Piece | Answer | BusError] = field(default_factory=asyncio.Queue)
    accepted: bool = False


class Bus:
    """One bus, as one login of Home Assistant sees it."""

    def __init__(self, hass: HomeAssistant, topics: Topics) -> None:
        self.topics = topics
        self.roster = Roster()
        self.connected = False
        self.device_id: str | None = None
        """Home Assistant's device of the bus, below which those of the nodes stand."""
        self.answered = 0
        self.unanswered = 0
        """Asks in a row that no answer came to though a hub was there: the login is likely wrong."""
        self._hass = hass
        self._stop: list[CALLBACK_TYPE] = []
        self._listeners: list[CALLBACK_TYPE] = []
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._streams: dict[str, _Stream] = {}
        self._live: tuple[str, ...] = ()
        self._hub_came = asyncio.Event()
        self._settled = 0.0

    async def start(self) -> None:
        """Subscribe. Raises HomeAssistantError when MQTT is not set up."""
        self._settled = self.now + SETTLE_S
        self.connected = mqtt.is_connected(self._hass)
        self._stop.append(mqtt.async_subscribe_connection_status(self._hass, self._on_connection))
        for topic, listener in (
            (self.topics.answers, self._on_answer),
            (self.topics.inbox, self._on_inbox),
            (self.topics.cards, self._on_card),
            (self.topics.statuses, self._on_status),
            (self.topics.events, self._on_events),
        ):
            self._stop.append(await mqtt.async_subscribe(self._hass, topic, listener, QOS))
        self._stop.append(async_track_time_interval(self._hass, self._look, LOOK_EVERY))

    @callback
    def stop(self) -> None:
        """Let go of everything; whoever waits is told that nothing comes."""
        for stop in self._stop:
            stop()
        self._stop.clear()
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(BusError("stopped"))
        for stream in self._streams.values():
            stream.came.put_nowait(BusError("stopped"))

    @callback
    def listen(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Be called when anything about the bus changes; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def forget(self, node: str) -> None:
        """Strike a node that is gone for good; should it come back, it is a new one."""
        self.roster.forget(node)
        self._tell()

    @property
    def now(self) -> float:
        """The clock of the roster."""
        return monotonic()

    async def check(self, capability: str | None = None) -> None:
        """Raises BusError where an ask could not be answered now: says which part is missing."""
        if not self.connected:
            raise BusError("not_connected")
        if not self.roster.hubs(self.now):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hub_came.wait(), max(0.0, self._settled - self.now))
        if not self.roster.hubs(self.now):
            raise BusError("no_hub", base=self.topics.base)
        if capability is not None and not self.roster.capable(capability, self.now):
            raise BusError("no_capable_node", capability=capability)

    async def ask(self, capability: str, content: Any, options: Options) -> Answer:
        """Have a task done. Raises BusError; how a task ended is in the answer."""
        await self.check(capability)
        return await self._ask(capability, content, options, options.deadline_s + PATIENCE_S)

    async def reach(self, within_s: float) -> None:
        """Raises BusError unless some answer comes: whether the way out and back is free.

        Asks for what nobody can do, for a tenth of a second: any answer at all will do.
        """
        await self.check()
        await self._ask("nothing", "is anybody there", Options(deadline_s=0.1), within_s)

    async def stream(
        self, capability: str, content: Any, options: Options
    ) -> AsyncGenerator[str | Answer]:
        """Have a text written: what may be shown as it comes, and the answer as the last item.

        Whoever no longer wants it closes the generator; the task is cancelled then. Raises BusError.
        """
        await self.check(capability)
        id_ = f"ha-{ulid_now()}"
        home = self._home_for(capability)
        message = _fitted(lambda: contract.submit(id_, capability, content, options))
        stream = self._streams[id_] = _Stream(home)
        pieces, over = Pieces(), False
        try:
            within_s = options.deadline_s + PATIENCE_S
            async with contextlib.aclosing(self._followed(stream, message, within_s)) as followed:
                async for item in followed:
                    if isinstance(item, Piece):
                        if text := pieces.add(item):
                            yield text
                        continue
                    over = True
                    if item.done and (rest := pieces.finish(words_of(item.result))):
                        yield rest
                    yield item
        finally:
            del self._streams[id_]
            if not over:
                self._hass.async_create_task(self._cancel(home, id_))

    async def _ask(
        self, capability: str, content: Any, options: Options, within_s: float
    ) -> Answer:
        id_ = f"ha-{ulid_now()}"
        message = _fitted(lambda: contract.ask(id_, self.topics.answers, content, options))
        waiting: asyncio.Future[Answer] = self._hass.loop.create_future()
        self._asked[id_] = waiting
        until = monotonic() + within_s
        try:
            for pause in _forever(PAUSES_S):
                await self._publish(self.topics.ask(capability), message)
                left = until - monotonic()
                done, _ = await asyncio.wait((waiting,), timeout=max(0.0, min(pause, left)))
                if done:
                    return waiting.result()
                if pause >= left:
                    break
        finally:
            del self._asked[id_]
        raise self._unheard()

    async def _followed(
        self, stream: _Stream, message: str, within_s: float
    ) -> AsyncGenerator[Piece | Answer]:
        """What comes of a submit, which is sent again until its home has taken it."""
        until = monotonic() + within_s
        for pause in _forever(SUBMIT_PAUSES_S):
            await self._publish(self.topics.submit(stream.home, "submit"), message)
            again = monotonic() + pause
            while (left := min(again, until) - monotonic()) > 0:
                try:
                    item = await asyncio.wait_for(stream.came.get(), left)
                except TimeoutError:
                    break
                if isinstance(item, BusError):
                    raise item
                yield item
                if isinstance(item, Answer):
                    return
                again = monotonic() + SUBMIT_PAUSES_S[-1]
            if monotonic() >= until:
                break
        raise self._unheard(taken=stream.accepted)

    def _unheard(self, *, taken: bool = False) -> BusError:
        """Why no answer came; where a hub is there that has not even taken it, that is counted."""
        if not self.connected:
            return BusError("not_connected")
        if self.roster.hubs(self.now) and not taken:
            self.unanswered += 1
            self._tell()
        return BusError("no_answer", login=self.topics.login, base=self.topics.base)

    def _home_for(self, capability: str) -> str:
        """A hub that can do it itself, else any hub: a home asks the others."""
        hubs, able = self.roster.hubs(self.now), self.roster.capable(capability, self.now)
        return next((hub for hub in hubs if hub in able), hubs[0])

    async def _publish(self, topic: str, payload: str) -> None:
        """At QoS 1. What the broker did not take is sent again by who waits for its answer."""
        if not self.connected:
            return
        try:
            await mqtt.async_publish(self._hass, topic, payload, qos=QOS, retain=False)
        except HomeAssistantError as fault:
            _LOGGER.debug("Nothing was published to %s: %s", topic, fault)

    async def _cancel(self, home: str, id_: str) -> None:
        await self._publish(self.topics.submit(home, "cancel"), f'{{"id":"{id_}"}}')

    # --- what comes in ----------------------------------------------------------------------------

    @callback
    def _on_answer(self, message: ReceiveMessage) -> None:
        if (answer := self._read(message)) is None:
            return
        waiting = self._asked.get(answer.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    @callback
    def _on_inbox(self, message: ReceiveMessage) -> None:
        home, kind = message.topic.split("/")[-2:]
        if kind == "progress":
            with contextlib.suppress(Malformed):
                piece = contract.read_piece(message.payload)
                if (stream := self._streams.get(piece.id)) and stream.home == home:
                    stream.accepted = True
                    stream.came.put_nowait(piece)
        elif kind in ("accepted", "rejected", "final"):
            if (answer := self._read(message)) is None:
                return
            stream = self._streams.get(answer.id)
            if stream is not None and stream.home == home:
                stream.accepted = True
                if kind != "accepted":
                    stream.came.put_nowait(answer)
            if kind == "final":
                ack = json.dumps({"ids": [answer.id]})
                topic = self.topics.submit(home, "final_ack")
                self._hass.async_create_task(self._publish(topic, ack))

    def _read(self, message: ReceiveMessage) -> Answer | None:
        try:
            answer = contract.read_answer(message.payload)
        except Malformed as fault:
            _LOGGER.warning("Passed over a message on %s: %s", message.topic, fault)
            return None
        self.answered += 1
        if self.unanswered:
            self.unanswered = 0
            self._tell()
        return answer

    @callback
    def _on_card(self, message: ReceiveMessage) -> None:
        node = contract.node_of(message.topic)
        if message.payload == "":
            return  # Its status says what became of it.
        new = self.roster.on_card(node, str(message.payload), self.now)
        if self.roster.hubs(self.now):
            self._hub_came.set()
        if new:
            self._tell()

    @callback
    def _on_status(self, message: ReceiveMessage) -> None:
        node = contract.node_of(message.topic)
        changed = self.roster.on_status(node, str(message.payload), self.now)
        if self.roster.hubs(self.now):
            self._hub_came.set()
        if changed:
            self._tell()

    @callback
    def _on_events(self, message: ReceiveMessage) -> None:
        if self.roster.on_events(str(message.payload)):
            self._tell()

    @callback
    def _on_connection(self, connected: bool) -> None:  # noqa: FBT001 - Home Assistant calls it
        if connected != self.connected:
            self.connected = connected
            _LOGGER.info("The broker is %s", "back" if connected else "away")
            self._tell()

    @callback
    def _look(self, _: datetime) -> None:
        """Silence changes who is there without a message."""
        live = self.roster.live(self.now)
        if live != self._live:
            self._live = live
            self._tell()

    @callback
    def _tell(self) -> None:
        self._live = self.roster.live(self.now)
        for listener in tuple(self._listeners):
            listener()


def _forever(pauses: tuple[float, ...]) -> Any:
    """The pauses, and then the last one again and again."""
    yield from pauses
    while True:
        yield pauses[-1]


def _fitted(write: Callable[[], str]) -> str:
    try:
        return write()
    except Malformed as fault:
        raise BusError("too_large", fault=str(fault)) from fault
