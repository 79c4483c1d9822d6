"""A home whose contractor abstains: shortcuts for the tests of the handing on."""

from typing import Any

from machine_desk import UNSURE, Desk, abstained, awards, bid, claim, sent

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import Action

BETTER = {"gpu": 0.9}


def unsure(better: bool = True, **changes: Any) -> tuple[Desk, list[Action]]:  # noqa: FBT001, FBT002
    """pi4 alone has bid for a task and abstains; gpu, where it is there, is better."""
    desk = Desk("pi4", *BETTER if better else (), qualities=BETTER)
    desk.awarded(**changes)
    return desk, desk.hear("pi4", abstained())


def raced(**changes: Any) -> Desk:
    """A task awarded to pi4, with the equal pi5 and the better gpu in hand."""
    desk = Desk("pi4", "pi5", "gpu", qualities=BETTER)
    desk.submit(**changes)
    for node, quality, eta in (("pi4", 0.5, 100.0), ("pi5", 0.5, 200.0), ("gpu", 0.9, 300.0)):
        desk.hear(node, bid(eta_ms=eta, quality=quality))
    assert desk.task().contractor == "pi4"
    return desk


def handed_on(**changes: Any) -> Desk:
    """pi4 has abstained, and gpu has the task."""
    desk = raced(**changes)
    if changes.get("once"):
        desk.hear("pi4", claim())
    assert awards(desk.hear("pi4", abstained())) == [("gpu", 2)]
    return desk


def final(actions: list[Action]) -> m.Final:
    """The one end among the actions."""
    ((_, message),) = sent(actions, m.Final)
    return message


def kept(actions: list[Action]) -> bool:
    """Whether the task has ended with pi4's abstention as it was."""
    end = final(actions)
    assert (end.outcome, end.error) == (Outcome.DONE, "")
    return (end.node, end.result) == ("pi4", UNSURE)


def verdicts(desk: Desk) -> list[tuple[str, int, bool]]:
    """What becomes of results within the next moment."""
    told = sent(desk.until(0.02), m.Verdict)
    return [(to, one.attempt, one.kept) for to, verdict in told for one in verdict.settled]


def details(desk: Desk, kind: str) -> list[str]:
    """What the story says of each step of a kind."""
    return [step.detail for step in desk.task().steps if step.kind == kind]
