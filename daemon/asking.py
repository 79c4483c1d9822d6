"""What a program has asked of the bus, as it sees it: a task with its chunks, its one end and its errors; a report."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from bus_topics import messages as m
from bus_topics.messages import Outcome


class MeshError(Exception):
    """The bus cannot do what was asked of it; the message says why and what to do."""


class Rejected(MeshError):  # noqa: N818 - the protocol's word
    """A home did not take the task; `rejection` has its code and when to come back."""

    def __init__(self, rejection: m.Rejected) -> None:
        super().__init__(f"{rejection.code.value}: {rejection.reason}")
        self.rejection = rejection


class Unfinished(MeshError):  # noqa: N818 - named for what went wrong
    """The task ended otherwise than done; `final` says how."""

    def __init__(self, final: m.Final) -> None:
        super().__init__(f"{final.outcome.value}: {final.error}")
        self.final = final


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed answer. With a higher `attempt` than before, the text begins anew."""

    text: str
    attempt: int = 0
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Subtask:
    """One part of a collaboration."""

    capability: str
    content: object
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Collaboration:
    """What became of a list of subtasks; `results` are in their order."""

    total_subtasks: int
    successful_subtasks: int
    results: tuple[m.Final | m.Rejected, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A report that was asked for. A repeated question has two answers, and one of them comes late."""

    home: str
    task: str | None
    answer: asyncio.Future[m.Report]

    def hear(self, sender: str, message: m.Report | m.Rejected) -> None:
        """Take what may be the answer; anything else is left alone."""
        if sender != self.home or self.answer.done():
            return
        match message:
            case m.Rejected() if self.task is not None:
                self.answer.set_exception(Rejected(message))
            case m.Report(tasks=tasks) if self.task is None:
                if not any(record.steps for record in tasks):  # a list comes without their steps
                    self.answer.set_result(message)
            case m.Report(tasks=(record,)) if record.task == self.task:
                self.answer.set_result(message)
            case _:
                pass


class Asking:
    """One task on its way: iterate over its chunks, or await its final."""

    def __init__(
        self, login: str, submit: m.Submit, home: str, cancel: Callable[[str], Awaitable[None]]
    ) -> None:
        self.id = submit.id
        self.home = home
        self.task = f"{login}/{submit.id}"
        self._cancel = cancel
        self._news: asyncio.Queue[m.Accepted | m.Rejected | m.Progress | m.Final] = asyncio.Queue()
        self._over: m.Final | m.Rejected | None = None

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self._chunks()

    def __await__(self) -> Generator[Any, None, m.Final]:
        return self.final().__await__()

    async def final(self) -> m.Final:
        """The end, whatever it is. Raises Rejected when the home did not take the task."""
        async for _ in self._messages():
            pass
        if isinstance(self._over, m.Rejected):
            raise Rejected(self._over)
        if self._over is None:
            raise MeshError(f"task {self.task} was left before it ended")
        return self._over

    async def result(self) -> Any:
        """The decoded result. Raises Unfinished when the task did not end as done."""
        final = await self.final()
        if final.outcome is not Outcome.DONE:
            raise Unfinished(final)
        return None if final.result is None else orjson.loads(bytes(final.result))

    async def cancel(self) -> None:
        """Say that the answer is no longer wanted; its final says whether that came in time."""
        await self._cancel(self.id)

    async def _chunks(self) -> AsyncIterator[Chunk]:
        streamed = False
        async for message in self._messages():
            if isinstance(message, m.Progress):
                streamed = streamed or bool(message.text)
                yield Chunk(message.text, message.attempt, message.fraction)
        result = await self.result()
        if not streamed and result is not None:
            text = result if isinstance(result, str) else orjson.dumps(result).decode()
            yield Chunk(text)

    async def _messages(self) -> AsyncIterator[m.Accepted | m.Rejected | m.Progress | m.Final]:
        while self._over is None:
            message = await self._news.get()
            if isinstance(message, m.Final | m.Rejected):
                self._over = message
            yield message

    def hear(self, message: m.Accepted | m.Rejected | m.Progress | m.Final) -> None:
        """For the mesh: news of this task."""
        self._news.put_nowait(message)
