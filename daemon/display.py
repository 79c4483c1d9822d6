"""What a node shows to people: how it stands, retained; and to Home Assistant, what its device is made of.

The state is sent again `STATE_S` after something happened, and with every card. Home Assistant is told of
the device on every link, when it says that it is there, and once a day: the payload expires, so that of a node
that is gone for good nothing stays with the broker. Where it was told is in the journal before it is, and with
discovery switched off, or sent elsewhere, the payload is first taken back there.
"""

import asyncio
import math
import random
from collections.abc import Callable

import orjson
import structlog

from bus_topics import messages as m
from daemon import home_assistant
from daemon.actions import FACT, Forget, Save
from daemon.bus import Bus, Incoming
from daemon.config import Config
from daemon.journal import Journal
from daemon.node_state import Reader, happened
from daemon.post import Post

STATE_S = 2.0
BIRTH_WITHIN_S = 5.0
"""All nodes hear the birth of Home Assistant at once; each waits a random part of this."""
AGAIN_S, EXPIRY_S = 86_400.0, 30 * 86_400
DISCOVERED = "home_assistant"
"""Key of the journal's row that says where Home Assistant was told of us."""
BORN = b"online"
REFUSED = 0x80

_log = structlog.get_logger("home-assistant")


class Display:
    """Of one node. `fault` says what keeps the node from work, or "". For the loop's thread."""

    def __init__(
        self,
        config: Config,
        bus: Bus,
        post: Post,
        journal: Journal,
        reader: Reader,
        fault: Callable[[], str],
    ) -> None:
        self._settings = config.home_assistant
        self._base = config.broker.base
        self._bus = bus
        self._post = post
        self._journal = journal
        self._reader = reader
        self._fault = fault
        self._birth = home_assistant.birth_topic(self._settings.prefix)
        self._topic = home_assistant.config_topic(self._settings.prefix, config.node.id)
        self._told_at, self._rev = "", 0
        self._card: m.Card | None = None
        self._payload, self._due = b"", -math.inf
        self._answering: asyncio.TimerHandle | None = None
        self._thermometer = False
        self._shown: m.State | None = None
        self._round_trip_s: float | None = None

    def restore(self, rev: int, state: bytes) -> None:
        """Where Home Assistant was told of us in the life before."""
        self._told_at, self._rev = state.decode(errors="replace"), rev

    def linked(self) -> None:
        """A new link: whoever is there may never have heard of us."""
        self._payload = b""

    def hears(self, incoming: Incoming) -> bool:
        """Whether it is of Home Assistant's own life; its birth is answered, each node at its own time.

        However often it is born meanwhile, one answer is enough. With discovery off there is none; a session of
        the life before may still bring it.
        """
        if incoming.topic != self._birth:
            return False
        incoming.ack()
        born = incoming.payload == BORN and self._settings.discovery
        if born and self._answering is None:
            wait_s = random.uniform(0.0, BIRTH_WITHIN_S)  # noqa: S311 - spread, not a secret
            self._answering = asyncio.get_running_loop().call_later(wait_s, self._again)
        return True

    def show(self, card: m.Card) -> None:
        """All of it; `card` is ours as it is now."""
        self._card = card
        state = self._read()
        self._thermometer = self._thermometer or state.temperature is not None
        self._round_trip_s = None
        self._bus.ping(self._answered)
        self._send(state)
        wanted = self._topic if self._settings.discovery else ""
        if self._told_at not in {"", wanted}:
            self._take_back(self._told_at)
        elif wanted:
            self._discover(card)

    def look(self) -> None:
        """The state again, if something happened."""
        state = self._read()
        if self._shown is not None and happened(state) != happened(self._shown):
            self._send(state)

    def _read(self) -> m.State:
        now = asyncio.get_running_loop().time()
        return self._reader.read(now, self._fault(), self._journal.fault, self._round_trip_s)

    def _send(self, state: m.State) -> None:
        self._shown = state
        self._post.state(state)

    def _answered(self, seconds: float) -> None:
        self._round_trip_s = seconds

    def _again(self) -> None:
        self._answering = None
        self._payload = b""
        if self._card is not None:
            self.show(self._card)

    def _discover(self, card: m.Card) -> None:
        commander = self._settings.login
        device = home_assistant.device(
            card, self._base, commander=commander, thermometer=self._thermometer
        )
        payload, now = orjson.dumps(device), asyncio.get_running_loop().time()
        if payload == self._payload and now < self._due:
            return
        self._payload, self._due = payload, now + AGAIN_S
        if self._told_at:
            self._publish(payload)
            return
        self._told_at, self._rev = self._topic, self._rev + 1
        row = Save(FACT, DISCOVERED, self._rev, "", self._topic.encode())
        self._journal.commit((row,), lambda: self._publish(payload))

    def _publish(self, payload: bytes) -> None:
        def taken(code: int) -> None:
            if code >= REFUSED:
                remedy = f"let this login write {self._topic} and read {self._birth}"
                _log.warning("not-shown", code=code, remedy=remedy)

        if not self._bus.publish(
            self._topic, payload, qos=1, retain=True, expiry_s=EXPIRY_S, receipt=taken
        ):
            self._payload = b""  # nobody has it: once more with the next card

    def _take_back(self, topic: str) -> None:
        """An empty payload takes the device away, and the broker's copy with it; tried until the broker answers.

        Where it is refused, a node that is to be shown elsewhere is shown there all the same.
        """

        def taken(code: int) -> None:
            if topic == self._told_at and (code < REFUSED or self._settings.discovery):
                self._told_at = ""
                self._journal.commit((Forget(FACT, DISCOVERED),), self._again)

        self._bus.publish(topic, b"", qos=1, retain=True, receipt=taken)
