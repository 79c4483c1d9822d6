"""The door for apps that only publish: an ask becomes a task of this home, its final an answer.

Every hub hears every ask. The first live hub in rendezvous order takes it and tells the others;
the others hold it, unacknowledged, and the next in order takes over when that word does not come. A hub
that was away hears the asks of the last minute, and then who took them: until then it holds them all. The
answer goes to the MQTT 5 response topic, else to the payload's `reply_to`, else to
`answer/<from>/<capability>`; never outside the asking app's own topics.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from bus_topics import codec, topics
from bus_topics import messages as m
from bus_topics.errors import WireError
from bus_topics.messages import RejectCode
from daemon.actions import Action, Distrust, Word
from daemon.rejection import rejection
from daemon.roster import Roster
from daemon.task import ReplyTo

TAKE_OVER_S = 3.0
"""How long the next hub in order waits for the word of the one before it."""
SETTLE_S = 1.0
"""After a link is up: what came meanwhile arrives with the words of those who took it. All is held so long."""
MAX_HELD = 64
"""A held ask is unacknowledged, and the broker stops at 256 of those for all that we are sent."""

T = TypeVar("T")
"""The message that carried an ask, as the edge knows it; it is acknowledged after the commit."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One ask as it came: who, what for, the payload, and the MQTT 5 way back."""

    sender: str
    capability: str
    payload: bytes
    response_topic: str | None
    correlation: bytes | None

    def digest(self) -> str:
        """The same on every hub that hears the same ask."""
        parts = (
            self.sender.encode(),
            self.capability.encode(),
            (self.response_topic or "").encode(),
            self.correlation or b"",
            self.payload,
        )
        return hashlib.blake2b(b"\0".join(parts), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class _Held(Generic[T]):
    asked: Asked
    digest: str
    due: float
    message: T
    settling: bool = False
    """It came before the link had settled; whose turn it is, is decided then."""
    cut_off: bool = False
    """Its link is gone: the broker delivers it again, and it is still one ask."""


class _RefusedAsk(Exception):  # noqa: N818 - named for what happened
    """An ask that cannot be taken: `code` is for the quarantine, `reject` and the text for the app."""

    def __init__(self, code: str, reject: RejectCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reject = reject


def _malformed(fault: WireError) -> _RefusedAsk:
    reason = f"{fault}; send plain text, or JSON with a content field"
    return _RefusedAsk(fault.code, RejectCode.INVALID, reason)


class Hub(Generic[T]):
    """What one node does about asks."""

    def __init__(
        self,
        own: str,
        base: str,
        roster: Roster,
        submit: Callable[[str, m.Submit, float, ReplyTo], list[Action]],
        new_id: Callable[[], str],
    ) -> None:
        self._own = own
        self._base = base
        self._roster = roster
        self._submit = submit
        self._new_id = new_id
        self._held: list[_Held[T]] = []
        self._settled_at = math.inf

    def ask(self, asked: Asked, now: float, message: T) -> tuple[list[Action], T | None]:
        """Take the ask, or hold it for the hub whose turn it is.

        Returns what to do, and the message to acknowledge after it; None while the ask is held.
        """
        digest = asked.digest()
        earlier = next(
            (held for held in self._held if held.cut_off and held.digest == digest), None
        )
        if earlier is not None:
            self._held.remove(earlier)
        settling = now < self._settled_at
        due = self._settled_at if settling else now + TAKE_OVER_S * self._rank(digest, now)
        if due <= now or len(self._held) >= MAX_HELD:
            return self._take(asked, digest, now), message
        self._held.append(_Held(asked, digest, due, message, settling))
        return [], None

    def linked(self, now: float) -> None:
        """The link is up. Asks that waited at the broker may have been taken by others long ago."""
        self._settled_at = now + SETTLE_S
        self._held = [replace(held, due=self._settled_at) for held in self._held]

    def link_lost(self) -> None:
        """Nothing is taken over without a link, because the word of who took it is not heard."""
        self._settled_at = math.inf
        self._held = [
            replace(held, due=math.inf, settling=True, cut_off=True) for held in self._held
        ]

    def taken(self, digest: str) -> T | None:
        """Another hub took the ask: what we held of it may be acknowledged.

        Of two equal asks, one word is for the one that came first.
        """
        held = next((held for held in self._held if held.digest == digest), None)
        if held is None:
            return None
        self._held.remove(held)
        return held.message

    def tick(self, now: float) -> list[tuple[list[Action], T]]:
        """Take over what nobody took."""
        over = [held for held in self._held if held.due <= now]
        self._held = [held for held in self._held if held.due > now]
        taken: list[tuple[list[Action], T]] = []
        for held in over:
            rank = self._rank(held.digest, now) if held.settling else 0
            if rank:
                due = now + TAKE_OVER_S * rank
                self._held.append(replace(held, due=due, settling=False, cut_off=False))
            else:
                taken.append((self._take(held.asked, held.digest, now), held.message))
        return taken

    def wake(self) -> float:
        """When `tick` is needed next."""
        return min((held.due for held in self._held), default=math.inf)

    def _rank(self, digest: str, now: float) -> int:
        """How many hubs come before us."""
        order = self._roster.hubs(digest, now)
        return order.index(self._own) if self._own in order else len(order)

    def _take(self, asked: Asked, digest: str, now: float) -> list[Action]:
        default = topics.build(self._base, "answer", to=asked.sender, capability=asked.capability)
        id_ = self._new_id()
        topic = asked.response_topic or default
        try:
            ask = codec.decode_ask(asked.payload)
            id_ = ask.id or id_
            topic = asked.response_topic or ask.reply_to or default
            self._check(asked, ask, topic)
        except (WireError, _RefusedAsk) as fault:
            refused = fault if isinstance(fault, _RefusedAsk) else _malformed(fault)
            # Told where the answer would have gone, as far as that could be read and is the app's own.
            reached = topic if self._own_topic(asked.sender, topic) else default
            reply = ReplyTo.to(reached, asked.correlation)
            said = rejection(asked.sender, id_, refused.reject, str(refused)[:500], reply)
            word = Word(m.Taken(task=f"{asked.sender}/{id_}", digest=digest))
            return [Distrust(asked.sender, refused.code, str(refused)[:500]), said, word]
        submit = m.Submit(
            id=id_,
            capability=asked.capability,
            content=ask.content,
            preference=ask.preference,
            privacy=ask.privacy,
            once=ask.once,
            node=ask.node,
            deadline_ms=ask.deadline_ms,
            priority=ask.priority,
            max_tokens=ask.max_tokens,
            handoff=ask.handoff,
        )
        reply = ReplyTo.to(topic, asked.correlation)
        actions = self._submit(asked.sender, submit, now, reply)
        return [*actions, Word(m.Taken(task=f"{asked.sender}/{id_}", digest=digest))]

    def _check(self, asked: Asked, ask: m.Ask, topic: str) -> None:
        """Raises what an app has to be told before its ask can be a task."""
        if not self._own_topic(asked.sender, topic):
            raise _RefusedAsk(
                "reply-topic",
                RejectCode.DENIED,
                f"the reply topic {topic[:120]!r} is not under {self._base}/answer/{asked.sender}/"
                f" or {self._base}/in/{asked.sender}/{self._own}/",
            )
        if ask.once and ask.id is None:
            raise _RefusedAsk(
                "once-without-id",
                RejectCode.INVALID,
                "an ask with once needs an id: delivered twice without one, it would be two tasks",
            )

    def _own_topic(self, sender: str, topic: str) -> bool:
        if any(sign in topic for sign in "+#\0") or len(topic) > 200:
            return False
        allowed = (f"{self._base}/answer/{sender}/", f"{self._base}/in/{sender}/{self._own}/")
        return topic.startswith(allowed) and not topic.endswith("/")
