"""What a node says aloud: its machines' words to the bus, counted; and one line in the log for a settled task."""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from bus_topics import messages as m
from daemon.actions import Publish, Reply, Send, Tell, Word
from daemon.post import Post
from daemon.tally import Tally

_OUTCOMES = frozenset(outcome.value for outcome in m.Outcome)

_log = structlog.get_logger("node")


class Voice:
    """Of one node. `answered` gets the task and the broker's reason code of an answer to an app."""

    def __init__(self, post: Post, tally: Tally, answered: Callable[[str, int], None]) -> None:
        self._post = post
        self._tally = tally
        self._answered = answered

    def say(self, action: Send | Publish | Tell | Word | Reply) -> None:
        """To whom it is meant for. For the loop's thread."""
        match action:
            case Send(to, message):
                self._tally.sends(message)
                self._post.send(to, message)
            case Publish(offer):
                self._tally.offered(offer, asyncio.get_running_loop().time())
                self._post.offer(offer)
            case Tell(event):
                self._tell(event)
            case Word(taken):
                self._post.taken(taken)
            case Reply(task=task, message=answer):
                self._tally.sends(answer)
                self._post.reply(action, partial(self._answered, task) if task else None)

    def _tell(self, event: m.Event) -> None:
        """Every decision to whoever watches."""
        self._tally.told(event)
        self._post.event(event)
        if event.kind in _OUTCOMES:
            by, ms = event.node, event.at_ms
            _log.info(
                "settled", task=event.task, outcome=event.kind, by=by, attempts=event.attempt, ms=ms
            )
