"""What a home has judged and not yet said: verdicts on results, to each contractor several at a time."""

import math

from bus_topics import messages as m
from daemon.actions import Action, Send

VERDICT_AFTER_S = 0.02
VERDICTS_AT_ONCE = 64


class Verdicts:
    """Verdicts of one home. `due` is when they are to be sent; infinity when there are none."""

    def __init__(self) -> None:
        self.due = math.inf
        self._waiting: dict[str, list[m.Settled]] = {}

    def add(self, node: str, settled: m.Settled, now: float) -> list[Action]:
        """One more; what is sent at once because there are enough."""
        waiting = self._waiting.setdefault(node, [])
        waiting.append(settled)
        self.due = min(self.due, now + VERDICT_AFTER_S)
        return self.send() if len(waiting) >= VERDICTS_AT_ONCE else []

    def send(self) -> list[Action]:
        """All that wait."""
        told: list[Action] = [
            Send(to, m.Verdict(settled=tuple(all_))) for to, all_ in self._waiting.items()
        ]
        self._waiting.clear()
        self.due = math.inf
        return told
