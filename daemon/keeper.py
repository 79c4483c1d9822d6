"""What this node keeps in memory, for its operators: told, loaded, given back."""

from collections.abc import Collection

from bus_topics import messages as m
from bus_topics.messages import RejectCode
from daemon.actions import Action, Send
from daemon.workers import Workers

MOST_WORKERS, MOST_CAPABILITIES, MOST_FAILED, MOST_REASON = 66, 32, 16, 200
"""What a `messages.Loaded` holds at most."""


class Keeper:
    """Answers `models` for one node. `offered` is what it can load."""

    def __init__(
        self, own: str, operators: Collection[str], workers: Workers, offered: Collection[str]
    ) -> None:
        self._own = own
        self._operators = frozenset((own, *operators))
        self._workers = workers
        self._offered = offered

    def receive(self, sender: str, message: m.Message) -> list[Action]:
        """Do what is asked, and say how it stands. Loading goes on after the answer."""
        if not isinstance(message, m.Models):
            return []
        if sender not in self._operators:
            reason = f"{sender} is no operator of {self._own}; they are named in node.operators"
            return [_no(sender, message, RejectCode.DENIED, reason)]
        unknown = sorted({*message.load, *message.evict}.difference(self._offered))
        if unknown:
            reason = f"{self._own} does not offer {', '.join(unknown)}"
            return [_no(sender, message, RejectCode.INVALID, reason[:500])]
        self._workers.evict(message.evict)
        self._workers.preload(message.load)
        return [Send(sender, self._loaded(message.id))]

    def _loaded(self, id_: str) -> m.Loaded:
        return m.Loaded(
            id=id_,
            node=self._own,
            workers=tuple(
                m.Worker(
                    capabilities=tuple(sorted(each.capabilities)[:MOST_CAPABILITIES]),
                    attempts=each.jobs,
                    rss_mb=round(each.rss_mb, 1),
                    pss_mb=round(each.pss_mb, 1),
                )
                for each in self._workers.resident()[:MOST_WORKERS]
            ),
            loading=tuple(sorted(self._workers.loading())),
            failed=tuple(
                m.NotLoaded(capability=name, reason=why[:MOST_REASON])
                for name, why in sorted(self._workers.faults().items())[:MOST_FAILED]
            ),
        )


def _no(sender: str, message: m.Models, code: RejectCode, reason: str) -> Send:
    return Send(sender, m.Rejected(id=message.id, code=code, reason=reason))
