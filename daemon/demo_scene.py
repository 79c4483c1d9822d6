"""One task of the demo, from the question to the answer, and the picture of it."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bus_topics import messages as m
from bus_topics.messages import Outcome, Preference
from daemon import show
from daemon.asking import Asking, Unfinished
from daemon.demo_stage import DemoError
from daemon.mesh import Mesh
from daemon.plain import plain

DEADLINE_MS = 120_000
SHOWN_CHARACTERS = 300


@dataclass(slots=True)
class Scene:
    """One task as it unfolds: what was asked, what was heard so far, and in the end its record."""

    title: str
    capability: str
    content: Any
    max_tokens: int = 64
    task: str = ""
    home: str = ""
    decision: m.Decision | None = None
    text: str = ""
    pieces: int = 0
    result: Any = None
    record: m.TaskRecord | None = None

    def bidders(self) -> set[str]:
        """Who gave a price in the first round."""
        decisions = self.record.decisions if self.record else ()
        return {bid.node for bid in decisions[0].bids if not bid.excluded} if decisions else set()

    def picture(self) -> RenderableType:
        """What is known of it so far."""
        asked = self.content if isinstance(self.content, str) else _words(self.content)
        parts: list[RenderableType] = [Text(f"> {asked}", style="bold cyan")]
        if self.record is None:
            parts.append(Text(f"offered by {self.home}, its home" if self.home else "asked"))
            if self.decision is not None:
                parts.append(show.bids(self.decision))
            return Group(*parts, show.words(self.text))
        told = show.answer(self.capability, _shortened(self.result))
        return Group(*parts, show.why(self.record), Text(""), told)


async def play(
    scene: Scene,
    mesh: Mesh,
    changed: Callable[[], None],
    first_words: Callable[[Scene], Awaitable[None]] | None = None,
) -> None:
    """Have the task done, telling of every change; `first_words` is awaited at its first piece.

    Raises DemoError when the task does not end as done.
    """
    id_ = secrets.token_hex(4)
    scene.task = f"{mesh.login}/{id_}"
    watching = asyncio.create_task(_watch(scene, mesh, changed))
    try:
        asking = await mesh.submit(
            scene.capability,
            scene.content,
            id=id_,
            stream=True,
            preference=Preference.FASTEST,
            max_tokens=scene.max_tokens,
            deadline_ms=DEADLINE_MS,
        )
        scene.home = asking.home
        await _follow(scene, asking, changed, first_words)
        scene.record = (await mesh.report(scene.task, home=scene.home))[0]
        changed()
    except Unfinished as unfinished:
        raise DemoError(f"{scene.title}: the task ended {unfinished}") from None
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _follow(
    scene: Scene,
    asking: Asking,
    changed: Callable[[], None],
    first_words: Callable[[Scene], Awaitable[None]] | None,
) -> None:
    """Its pieces as they come, then its end."""
    attempt = 0
    async for chunk in asking:
        if not chunk.attempt:  # no piece of a stream, the whole result
            continue
        if chunk.attempt > attempt:
            scene.text, attempt = "", chunk.attempt
        scene.text += chunk.text
        scene.pieces += bool(chunk.text)
        changed()
        if first_words is not None and scene.pieces == 1:
            await first_words(scene)
    final = await asking.final()
    if final.outcome is not Outcome.DONE or final.result is None:
        raise Unfinished(final)
    scene.result = plain(final.result)


async def _watch(scene: Scene, mesh: Mesh, changed: Callable[[], None]) -> None:
    """The decision as it falls. Only for the eye: the record has it too."""
    async for event in mesh.events():
        if event.task == scene.task and event.decision is not None:
            scene.decision = event.decision
            changed()


def _words(content: Any) -> str:
    """What was asked, without the home around it."""
    asked = content.get("text") or content.get("prompt") or content
    entities = content.get("entities")
    return f"{asked}   (a home of {len(entities)} entities)" if entities else str(asked)


def _shortened(result: Any) -> Any:
    """A long text by its beginning."""
    match result:
        case {"text": str(text)} if len(text) > SHOWN_CHARACTERS:
            begin = " ".join(text.split())[:SHOWN_CHARACTERS]
            return {"text": f"{begin} ... ({len(text)} characters)"}
        case _:
            return result
