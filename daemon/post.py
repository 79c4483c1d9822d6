"""Messages to topics: the way out of a node. Topic, QoS and expiry come from the one list."""

import asyncio
from collections.abc import Callable

import structlog

from bus_topics import codec, topics
from bus_topics import messages as m
from bus_topics.errors import WireError
from bus_topics.messages import Status
from daemon.actions import Reply
from daemon.bus import Bus

KNOWN_TOPICS = 4096
EVENTS_AFTER_S = 0.05
EVENTS_AT_ONCE = 8

_log = structlog.get_logger("post")


class Post:
    """What one login publishes. A message that does not reach the broker is repeated by its machine."""

    def __init__(self, own: str, base: str, bus: Bus) -> None:
        self._own = own
        self._base = base
        self._bus = bus
        self._topics: dict[tuple[str, str], str] = {}
        self._events: list[m.Event] = []

    def send(
        self, to: str, message: m.Message, receipt: Callable[[int], None] | None = None
    ) -> None:
        """Into an inbox; `receipt` gets the broker's reason code."""
        row = topics.BY_MESSAGE[type(message)]
        self._publish(row, self._topic(row.name, to), message, receipt)

    def offer(self, offer: m.Offer) -> None:
        """To every node with the capability."""
        self._publish(_OFFER, self._topic("offer", offer.capability), offer)

    def event(self, event: m.Event) -> None:
        """To whoever watches; what falls within `EVENTS_AFTER_S` goes together."""
        if not self._events:
            asyncio.get_running_loop().call_later(EVENTS_AFTER_S, self._flush_events)
        self._events.append(event)

    def taken(self, taken: m.Taken) -> None:
        """To the other hubs."""
        self._publish(_TAKEN, self._topic("taken", ""), taken)

    def reply(self, reply: Reply, receipt: Callable[[int], None] | None) -> None:
        """To an app, on the topic it asked for, with the correlation it gave."""
        self._bus.publish(
            reply.topic,
            codec.encode(reply.message),
            qos=_ANSWER.qos,
            expiry_s=_ANSWER.expiry_s,
            correlation=reply.correlation or None,
            receipt=receipt,
        )

    def presence(self, card: m.Card, status: Status) -> None:
        """Card and status, retained; they expire unless they are refreshed."""
        self._publish(_CARD, self._topic("card", ""), card)
        self._bus.publish(
            self._topic("status", ""),
            status.value.encode(),
            qos=_STATUS.qos,
            retain=_STATUS.retain,
            expiry_s=_STATUS.expiry_s,
        )

    def state(self, state: m.State) -> None:
        """How we stand, retained; it expires unless it is refreshed."""
        self._publish(_STATE, self._topic("state", ""), state)

    def _flush_events(self) -> None:
        """As many at a time as fit a message, content-free and small as they are."""
        events, self._events = self._events, []
        for at in range(0, len(events), EVENTS_AT_ONCE):
            message = m.Events(events=tuple(events[at : at + EVENTS_AT_ONCE]))
            self._publish(_EVENT, self._topic("event", ""), message)

    def _publish(
        self,
        row: topics.Topic,
        topic: str,
        message: m.Message,
        receipt: Callable[[int], None] | None = None,
    ) -> None:
        try:
            payload = codec.encode(message)
        except WireError as error:
            _log.error("too-large", topic=topic, error=str(error))
            return
        self._bus.publish(
            topic,
            payload,
            qos=row.qos,
            retain=row.retain,
            expiry_s=row.expiry_s,
            receipt=receipt,
        )

    def _topic(self, name: str, to: str) -> str:
        topic = self._topics.get((name, to))
        if topic is None:
            if len(self._topics) > KNOWN_TOPICS:
                self._topics.clear()
            names = {"capability": to} if name == "offer" else {"to": to}
            topic = topics.build(self._base, name, sender=self._own, **names)
            self._topics[name, to] = topic
        return topic


_OFFER, _EVENT, _TAKEN = (topics.BY_NAME[name] for name in ("offer", "event", "taken"))
_ANSWER, _CARD, _STATUS, _STATE = (
    topics.BY_NAME[name] for name in ("answer", "card", "status", "state")
)
