"""A sentence's way through the bus: what a Wyoming client is answered.

sentence ──▶ home_control (with the home) ──▶ steps ──▶ Intent, for Home Assistant to carry out
                 │ "not a command for the home"
                 └──▶ intent_classification ──▶ math, text_generation ──▶ Handled
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from wyoming.event import Event
from wyoming.handle import Handled, NotHandled
from wyoming.intent import Entity, Intent, IntentsStart, IntentsStop, NotRecognized

from bus_topics.messages import Final, Outcome
from daemon.asking import MeshError, Rejected, Unfinished
from daemon.mesh import Mesh
from doors.home_exposed import Home
from doors.home_speech import done, known, language_of, plain, sorry, told
from doors.home_steps import CannotError, Control, Meant, Step, is_question, steps_of
from doors.wyoming_home_assistant import HomeAssistant, NotDoneError, UnreachableError

LONGEST_SENTENCE = 500
"""Characters; `home_control` reads no more."""
ANSWER_S = 20.0
"""Within this a node must have answered: somebody stands there and waits."""
HOME_S = 4.0
"""How long Home Assistant may take to tell of itself; then it is answered without."""
_PRIORITY = 8
_MANY_AT_ONCE = 4
_CAPABILITIES = {"math": "math", "text": "text_generation"}
"""What the router says a sentence asks for -> what answers it. Its other labels nobody here answers well."""

_Kind = TypeVar("_Kind")


class Asked(msgspec.Struct, frozen=True):
    """A sentence. `many`: the client takes several intents in one answer. `device` heard it."""

    text: str
    language: str | None = None
    device: str | None = None
    many: bool = False


class Answer(msgspec.Struct, frozen=True):
    """What to send, and what became of it in one word for the log."""

    events: tuple[Event, ...]
    outcome: str


class Answering:
    """Answers sentences by asking the bus; `assistant` tells of the home, where one is configured."""

    def __init__(self, mesh: Mesh, assistant: HomeAssistant | None) -> None:
        self._mesh = mesh
        self._assistant = assistant

    async def answer(self, asked: Asked) -> Answer:
        """The answer; whatever goes wrong is said in words. Cancelling it cancels the task on the bus."""
        home = await self._home()
        language = language_of(asked.language, home.settings.language)
        if not 0 < len(asked.text.strip()) <= LONGEST_SENTENCE:
            return _not_recognized("long" if asked.text.strip() else "other", language)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._understood(asked, home, language)
        except (MeshError, TimeoutError) as error:
            return Answer((NotHandled(sorry("nobody", language)).event(),), _told_short(error))
        except CannotError:
            return Answer((NotHandled(sorry("state", language)).event(),), "cannot")
        except (NotDoneError, UnreachableError):
            return Answer((NotHandled(sorry("failed", language)).event(),), "failed")

    async def _home(self) -> Home:
        """What is exposed; an empty home where nobody tells."""
        if self._assistant is not None:
            with contextlib.suppress(UnreachableError, TimeoutError):
                async with asyncio.timeout(HOME_S):
                    return await self._assistant.home()
        return Home()

    async def _understood(self, asked: Asked, home: Home, language: str) -> Answer:
        scene = home.scene(asked.text, asked.device)
        control = _read(await self._ask("home_control", scene), Control)
        if not control.abstained and control.intents:
            return await self._done(control.intents, home, language, many=asked.many)
        why = known(control.doubt)
        if why == "other":
            label, said = await self._otherwise(asked.text)
            if said:
                return Answer((Handled(said).event(),), "handled")
            why = "device" if label == "home_control" and not home.entities else why
        if why in {"device", "unclear"} and not home.entities:
            why = "unknown-home" if self._assistant is None else "silent-home"
        return _not_recognized(why, language)

    async def _otherwise(self, text: str) -> tuple[str, str]:
        """What the router says of a sentence that is no command, and what is answered to it, if anything."""
        label = ""
        try:
            routing = _read(await self._ask("intent_classification", {"text": text}), _Routing)
            label = routing.intent
            if label not in _CAPABILITIES:
                return label, ""
            reply = _read(await self._ask(_CAPABILITIES[label], text), _Reply)
        except MeshError:
            return label, ""  # not on this bus
        return label, "" if reply.abstained else reply.answer or reply.text.strip()

    async def _done(
        self, meant: Sequence[Meant], home: Home, language: str, *, many: bool
    ) -> Answer:
        """Have Home Assistant do it: by one intent, or several where it takes them, or one by one."""
        takes_many = self._assistant is not None and self._assistant.takes_many
        steps = steps_of(meant, home, only_exposed=takes_many)
        if is_question(meant):
            said = told(meant, home, language, _now(home))
            if len(steps) != 1:
                return Answer((Handled(said).event(),), "told")
        else:
            said = done(meant, home, language)
        if len(steps) == 1:
            return Answer((_intent(steps[0], said),), "intent")
        if many or takes_many:
            events = [_intent(step, "") for step in steps]
            events[0] = _intent(steps[0], said)
            return Answer(
                (IntentsStart().event(), *events, IntentsStop().event()), f"intents {len(steps)}"
            )
        if self._assistant is None:
            return _not_recognized("many", language)
        await self._carried_out(steps, self._assistant, language)
        return Answer((Handled(said).event(),), f"carried out {len(steps)}")

    async def _carried_out(
        self, steps: Sequence[Step], assistant: HomeAssistant, language: str
    ) -> None:
        """In the order in which they were said; several of one kind at once, a few at a time."""
        for part in _parts(steps):
            doing = [assistant.handle(step.name, step.slots, language) for step in part]
            for result in await asyncio.gather(*doing, return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result

    async def _ask(self, capability: str, content: Any) -> Final:
        """The end of a task that was done. Raises MeshError."""
        asking = await self._mesh.submit(
            capability, content, deadline_ms=int(ANSWER_S * 1000), priority=_PRIORITY
        )
        ended = False
        try:
            final = await asking.final()
            ended = True
        finally:
            if not ended:
                await asking.cancel()
        if final.outcome is not Outcome.DONE:
            raise Unfinished(final)
        return final


class _Routing(msgspec.Struct, frozen=True):
    intent: str = ""


class _Reply(msgspec.Struct, frozen=True):
    """What `math` and `text_generation` say."""

    answer: str = ""
    text: str = ""
    abstained: bool = False


def _read(final: Final, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(bytes(final.result or b"null"), type=kind)
    except msgspec.DecodeError as error:
        raise MeshError(f"{final.node} gave no answer of the known form: {error}") from None


def _parts(steps: Sequence[Step]) -> list[list[Step]]:
    parts: list[list[Step]] = []
    for step in steps:
        if parts and parts[-1][0].name == step.name and len(parts[-1]) < _MANY_AT_ONCE:
            parts[-1].append(step)
        else:
            parts.append([step])
    return parts


def _told_short(error: MeshError | TimeoutError) -> str:
    """For the log: why nobody answered, without a word of what was asked."""
    match error:
        case Rejected(rejection=rejection):
            return f"nobody: {rejection.code.value}"
        case Unfinished(final=final):
            return f"nobody: {final.outcome.value}"
        case TimeoutError():
            return "nobody: too late"
        case _:
            return "nobody: no node, or a foreign answer"


def _not_recognized(why: str, language: str) -> Answer:
    return Answer((NotRecognized(sorry(why, language)).event(),), why)


def _intent(step: Step, said: str) -> Event:
    entities = [Entity(name, value) for name, value in step.slots.items()]
    return Intent(step.name, entities, text=plain(said) or None).event()


def _now(home: Home) -> datetime:
    """The time where the home is, or this machine's where its zone is not known here."""
    try:
        return datetime.now(ZoneInfo(home.settings.time_zone))
    except (KeyError, OSError, ValueError):  # a zone that is not known is a KeyError
        return datetime.now().astimezone()
