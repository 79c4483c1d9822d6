"""What the promises say of a cell when all is over, from what is left of it: the app's book, the effects, the home's disk."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import msgspec
from faults_requester import APP, Line, Plan, is_once, read_book

from bus_topics.messages import Outcome, RejectCode
from daemon.actions import TASK
from daemon.archive import Archive
from daemon.journal import Journal
from daemon.task import ENDED

SHOWN = 5
LIAR = "mallory"
"""The login that lies. What it says of an attempt that it was really given is not promised to be right."""


class Verdict(msgspec.Struct, frozen=True):
    """How the tasks of a cell ended, how often the app was refused, and every promise that was broken."""

    ends: dict[str, int]
    busy: int
    broken: list[str]


def judge(plan: Plan, home: Path, *, all_done: bool) -> Verdict:
    """Hold what is left against P1 to P4 and P7. `all_done`: the fault of this cell excuses no other end."""
    book = read_book(Path(plan.book))
    ends = _ends(book)
    effects = Counter(Path(plan.mark).read_text().split() if Path(plan.mark).exists() else [])
    broken = [
        *_untold(plan, ends),
        *_told_twice(book),
        *_refused_otherwise(book),
        *_accepted_and_missing(book, home, ends),
        *(fault for id_ in plan.ids for fault in _effects(id_, ends.get(id_), effects[id_])),
        *_done_without(book, effects),
    ]
    if all_done:
        broken += [f"{id_} ended {end}" for id_, end in ends.items() if end != Outcome.DONE]
    busy = sum(line.word == "rejected" for line in book)
    return Verdict(dict(Counter(ends.values())), busy, broken)


def _ends(book: list[Line]) -> dict[str, str]:
    return {line.id: line.outcome for line in reversed(book) if line.word == "final"}


def _untold(plan: Plan, ends: dict[str, str]) -> list[str]:
    """P1: the requester is told how each task ended."""
    untold = [id_ for id_ in plan.ids if id_ not in ends]
    names = ", ".join(untold[:SHOWN])
    return [f"P1: {len(untold)} tasks have no end at the app: {names}"] if untold else []


def _told_twice(book: list[Line]) -> list[str]:
    """P2: one final to a life of the app, and the same in each life."""
    told: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for line in book:
        if line.word == "final":
            told[line.id].append((line.life, line.outcome))
    return [
        f"P2: {id_} was told {finals}"
        for id_, finals in told.items()
        if len({life for life, _ in finals}) < len(finals) or len({end for _, end in finals}) > 1
    ]


def _refused_otherwise(book: list[Line]) -> list[str]:
    """P7: nothing is refused but as busy, and nothing that was accepted."""
    broken = []
    accepted: set[tuple[int, str]] = set()
    for line in book:
        if line.word == "accepted":
            accepted.add((line.life, line.id))
        elif line.word == "rejected":
            if line.outcome != RejectCode.BUSY:
                broken.append(f"P7: {line.id} was rejected {line.outcome}: {line.text}")
            if (line.life, line.id) in accepted:
                broken.append(f"P7: {line.id} was accepted and then rejected: {line.text}")
    return broken


def _accepted_and_missing(book: list[Line], home: Path, ends: dict[str, str]) -> list[str]:
    """P1: what was accepted is on the home's disk, ended, with the end that the app was told."""
    broken = []
    with Journal.peek(home) as journal:
        archive = Archive(journal)
        for id_ in sorted({line.id for line in book if line.word in ("accepted", "final")}):
            known = archive.recall(f"{APP}/{id_}")
            if known is None:
                broken.append(f"P1: {id_} was accepted and is not on the home's disk")
                continue
            task = known[1]
            end = task.outcome.value if task.outcome else None
            if task.phase not in ENDED or end != ends.get(id_):
                broken.append(
                    f"P1: {id_} is {task.phase} {end} on disk, {ends.get(id_)} at the app"
                )
        if journal.count(TASK) > len({line.id for line in book}):
            broken.append("P4: the home's disk has more tasks than were asked for")
    return broken


def _effects(id_: str, end: str | None, effects: int) -> list[str]:
    """P3 for `once` tasks; a pure one is tried until it is done."""
    broken = []
    if is_once(id_):
        if effects > 1:
            broken.append(f"P3: the effect of {id_} began {effects} times")
        if end == Outcome.FAILED and effects:
            broken.append(f"P3: {id_} failed, which says that nothing began, and took effect")
        if end not in (None, Outcome.DONE, Outcome.UNKNOWN, Outcome.FAILED):
            broken.append(f"P1: {id_} ended {end}")
    elif end not in (None, Outcome.DONE):
        broken.append(f"P1: {id_} may be repeated and ended {end}")
    return broken


def _done_without(book: list[Line], effects: Counter[str]) -> list[str]:
    return [
        f"P1: {line.id} is told as done by {line.node} and took no effect"
        for line in book
        if line.outcome == Outcome.DONE and line.node != LIAR and not effects[line.id]
    ]
