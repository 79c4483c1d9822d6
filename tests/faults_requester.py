"""An app as a process of its own, made to be killed: it asks for its tasks until each has ended, and writes a book.

    python -m faults_requester PLAN.json

The book has one line for each word that the app was told, written before the app acts on it. A life that
was killed is followed by another with the same plan: what the book has no end of is submitted again, under
the same id. Exit code 0 when every task has its end.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from bus_topics import messages as m
from daemon.actions import Action, Deliver
from daemon.asking import MeshError, Rejected
from daemon.config import BrokerConfig, load
from daemon.mesh import Mesh

WORK = "selftest_work"
HOME = "home"
APP = "app"
DEADLINE_MS = 600_000
MAX_ATTEMPTS = 20
"""The most that a task may have."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask for: `tasks` of `ms` each, every other one `once`, at most `window` at a time."""

    port: int
    config: str
    """The app's own forgebus.toml on a secured bus, else empty."""
    book: str
    mark: str
    """Where each effect leaves a line with the id of its task."""
    tasks: int
    ms: int
    window: int

    @property
    def ids(self) -> list[str]:
        """Of all tasks."""
        return [f"t{number}" for number in range(self.tasks)]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One word that the app was told, in one of its lives."""

    life: int
    word: str
    id: str
    outcome: str = ""
    text: str = ""
    retry_after_ms: int = 0
    node: str = ""
    """Whose result a final tells."""


def is_once(id_: str) -> bool:
    """Whether the task of this id may take effect only once."""
    return int(id_[1:]) % 2 == 0


def read_book(path: Path) -> list[Line]:
    """Every line that a life wrote in full."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=Line) for line in lines]


class Booked(Mesh):
    """A mesh that writes down what it is told before anyone acts on it."""

    def __init__(self, broker: BrokerConfig, book: Path) -> None:
        super().__init__(broker=broker, login=APP, home=HOME)
        self._book = os.open(book, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _carry_out(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Deliver):
                self._write(action)
        super()._carry_out(actions)

    def _write(self, told: Deliver) -> None:
        life = os.getpid()
        match told.message:
            case m.Accepted():
                line = Line(life, "accepted", told.id)
            case m.Final() as final:
                how, who = final.outcome.value, final.node or ""
                line = Line(life, "final", told.id, how, final.error, node=who)
            case m.Rejected() as no:
                line = Line(life, "rejected", told.id, no.code.value, no.reason, no.retry_after_ms)
            case _:
                return
        os.write(self._book, msgspec.json.encode(line) + b"\n")


async def ask(plan: Plan, ids: Iterable[str]) -> None:
    """Until each of them has ended, or at once where no broker answers."""
    broker = load(Path(plan.config)).broker if plan.config else BrokerConfig(port=plan.port)
    seats = asyncio.Semaphore(plan.window)
    async with AsyncExitStack() as stack:
        try:
            mesh = await stack.enter_async_context(Booked(broker, Path(plan.book)))
        except MeshError:  # no broker answers as yet
            return
        async with asyncio.TaskGroup() as group:
            for id_ in ids:
                group.create_task(_one(mesh, plan, id_, seats))


async def _one(mesh: Mesh, plan: Plan, id_: str, seats: asyncio.Semaphore) -> None:
    content = {"ms": plan.ms, "steps": 2, "mark": plan.mark, "note": id_}
    terms = {"once": is_once(id_), "max_attempts": MAX_ATTEMPTS, "deadline_ms": DEADLINE_MS}
    async with seats:
        while True:
            try:
                await (await mesh.submit(WORK, content, id=id_, **terms)).final()
                return
            except Rejected as error:
                await asyncio.sleep(max(error.rejection.retry_after_ms / 1000, 0.2))


def main() -> int:
    """One life."""
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    while True:
        ended = {line.id for line in read_book(Path(plan.book)) if line.word == "final"}
        left = [id_ for id_ in plan.ids if id_ not in ended]
        if not left:
            return 0
        asyncio.run(ask(plan, left))


if __name__ == "__main__":
    sys.exit(main())
