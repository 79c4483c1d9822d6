"""A talk's way over the bus: routed, asked, asked elsewhere where a model abstains, told.

auto ── intent_classification ──▶ home_control ──┐
                             ├──▶ math, code … ──┤ abstains
                             └──▶ text_generation ◀┘
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

import msgspec
import orjson

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.errors import TooLarge, WireError
from daemon.asking import Asking, MeshError, Rejected, Unfinished
from daemon.mesh import Mesh
from doors.home_exposed import Home
from doors.home_steps import Control
from doors.openai_errors import ApiError, bad_request, of_bus, too_late
from doors.openai_form import Chat, Message, NamedTool
from doors.openai_home import home_in, scene
from doors.openai_models import Chosen, Offered, chosen, offered_by
from doors.openai_routing import (
    HOME,
    ROUTER,
    TEXT,
    Routing,
    abstains,
    asked,
    content_for,
    says,
    tokens_for,
    ways,
)
from doors.openai_tools import Called, act, after, has_home_tools, refusal

ROUTING_MS = 5000
"""Within this the router must have answered, or is done without."""
REPORT_S = 1.0
"""Within this the home must have told who won and why, or the answer goes without."""
GRACE_S = 5.0
"""What a home may take beyond the deadline to say that it has passed."""

Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ended:
    """One task that was done: its decoded result, and what its home tells of it."""

    capability: str
    result: Any
    asking: Asking
    final: m.Final
    record: m.TaskRecord | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What is answered: words or calls, and where they come from."""

    words: str
    finish: Literal["stop", "length", "tool_calls"]
    ended: Ended | None
    routed: str
    calls: tuple[Called, ...] = ()
    final: bool = False
    """Whether nobody else is to be asked, although the model abstained."""

    def headers(self) -> dict[str, str]:
        """Node, model, task and decision, as far as there are any."""
        told = self.source()
        values = {f"x-forgebus-{name}": value for name, value in told.items() if value}
        return {name: _header(value) for name, value in values.items()}

    def source(self) -> dict[str, str]:
        """The same as values."""
        told = {"decision": self.routed}
        if self.ended is not None:
            final, record = self.ended.final, self.ended.record
            reason = record.decisions[-1].reason if record and record.decisions else ""
            told |= {
                "task": self.ended.asking.task,
                "capability": self.ended.capability,
                "node": final.node or "",
                "model": final.model,
                "decision": "; ".join(one for one in (self.routed, reason) if one),
            }
        return told

    def usage(self) -> dict[str, int] | None:
        """The tokens that were computed; None where the home has not told."""
        record = None if self.ended is None else self.ended.record
        if record is None or record.timing is None:
            return None
        read, written = record.timing.prefill_tokens, record.timing.decode_tokens
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        }


@dataclass(slots=True)
class Course:
    """One request's way. `begun` has the headers that are known before the first word."""

    mesh: Mesh
    chat: Chat
    say: Say | None = None
    begun: dict[str, str] = field(default_factory=dict)

    async def run(self) -> Answered:
        """The answer. Raises ApiError. Cancelling it cancels the task on the bus."""
        self._until = asyncio.get_running_loop().time() + self.chat.forgebus.deadline_ms / 1000
        offered = await offered_now(self.mesh)
        choice = chosen(self.chat.model, offered)
        text = asked(self.chat)
        # Written into the talk by the client, and large: worked out beside the loop.
        home, words = await asyncio.to_thread(_told_by_tools, self.chat.messages, text)
        if words:
            return Answered(words, "stop", None, "told what the tools told")
        order, routed, commanded = await self._order(text, choice, offered)
        first: Answered | None = None
        for capability in order:
            content = content_for(capability, self.chat)
            if capability == HOME and home.entities:
                content = scene(text, home)
            ended = await self._ask(capability, content, choice.options, routed)
            answer = self._answered(ended, text, home, routed, commanded=commanded)
            abstained = abstains(capability, ended.result) and not answer.final
            # What has been said cannot be taken back, and is not gone on with by somebody else.
            if not abstained or self._spoken or choice.capability is not None:
                return self._checked(answer)
            first = first or answer
            routed = "; ".join(one for one in (routed, f"{capability} abstained") if one)
        if first is None:
            raise of_bus(MeshError("no node on the bus can chat; `forgebus nodes` lists them"))
        return self._checked(first)

    async def _order(
        self, text: str, choice: Chosen, offered: Offered
    ) -> tuple[list[str], str, bool]:
        """Whom to ask in which order, why, and whether it is a command of a home that nobody else takes."""
        at_home = has_home_tools(self.chat.offered)
        if self.chat.schema is not None:
            return *self._in_form(choice, offered), False
        if choice.capability is not None:
            return [choice.capability], "", False
        routing = await self._routing(text, choice, offered)
        commanded = at_home and routing.intent in {"", HOME}
        return ways(routing, offered, home_tools=at_home), _told(routing), commanded

    def _in_form(self, choice: Chosen, offered: Offered) -> tuple[list[str], str]:
        """Only text can be held to a schema."""
        if choice.capability not in {None, TEXT} or not offered.can(TEXT):
            raise bad_request(
                f"response_format: of what is on the bus only {TEXT} can answer in a form; choose"
                f" the model auto or {TEXT}, on a bus that has it",
                "response_format",
                "unsupported_parameter",
            )
        return [TEXT], "" if choice.capability else "a document of a schema is a text"

    async def _routing(self, text: str, choice: Chosen, offered: Offered) -> Routing:
        """What the router thinks; nothing where it is not there, or not in time."""
        if not offered.can(ROUTER):
            return Routing()
        try:
            options = {**choice.options, "priority": self.chat.forgebus.priority}
            left_ms = min(ROUTING_MS, self._left_ms())
            asking = await self.mesh.submit(ROUTER, text, deadline_ms=left_ms, **options)
            ended = await _ended(ROUTER, asking, left_ms / 1000, Said(None))
            return msgspec.convert(ended.result, Routing)
        except (MeshError, TimeoutError, msgspec.ValidationError):
            return Routing()

    async def _ask(
        self, capability: str, content: Any, options: Mapping[str, Any], routed: str
    ) -> Ended:
        """One task to its end. Raises ApiError."""
        left_ms, said = self._left_ms(), Said(self.say)
        try:
            asking = await self.mesh.submit(
                capability,
                carried(content),
                deadline_ms=left_ms,
                priority=self.chat.forgebus.priority,
                max_tokens=tokens_for(capability, self.chat),
                stream=self.say is not None,
                **options,
            )
            self.begun = {"x-forgebus-task": asking.task, "x-forgebus-capability": capability}
            self.begun |= {"x-forgebus-decision": _header(routed)} if routed else {}
            ended = await _ended(capability, asking, left_ms / 1000 + GRACE_S, said)
            self._spoken = said.anything
        except TimeoutError:
            raise too_late(left_ms / 1000) from None
        except MeshError as error:
            raise of_bus(error) from None
        return await reported(self.mesh, ended)

    def _answered(
        self, ended: Ended, text: str, home: Home, routed: str, *, commanded: bool
    ) -> Answered:
        if ended.capability == HOME and has_home_tools(self.chat.offered):
            try:
                control = msgspec.convert(ended.result, Control)
            except msgspec.ValidationError:
                control = Control(abstained=True)
            does = act(control, home, self.chat, text)
            if does.calls:
                return Answered("", "tool_calls", ended, routed, does.calls)
            said = does.words or (refusal(control, text) if commanded else "")
            if said:
                return Answered(said, "stop", ended, routed, final=True)
        words = says(ended.capability, ended.result)
        cut = isinstance(ended.result, dict) and ended.result.get("finish") == "length"
        return Answered(words, "length" if cut else "stop", ended, routed)

    def _checked(self, answer: Answered) -> Answered:
        """The answer, if it is one that the client can take. Raises ApiError."""
        names = [call.name for call in answer.calls]
        match self.chat.tool_choice:
            case "required" if not names:
                raise bad_request(
                    "tool_choice: nothing that was said is a call of one of these tools, and the"
                    " models here call intents of Home Assistant alone",
                    "tool_choice",
                    "no_tool_call",
                )
            case NamedTool(function=wanted) if set(names) != {wanted.name}:
                raise bad_request(
                    f"tool_choice: what was said comes to no call of {wanted.name}",
                    "tool_choice",
                    "no_tool_call",
                )
            case _:
                pass
        if len(names) > 1 and self.chat.parallel_tool_calls is False:
            raise bad_request(
                f"parallel_tool_calls: what was said takes {len(names)} calls at once",
                "parallel_tool_calls",
                "several_tool_calls",
            )
        return answer

    def _left_ms(self) -> int:
        left = self._until - asyncio.get_running_loop().time()
        if left <= 0:
            raise too_late(self.chat.forgebus.deadline_ms / 1000)
        return max(1, int(left * 1000))

    _until: float = 0.0
    _spoken: bool = False


async def offered_now(mesh: Mesh) -> Offered:
    """What is on the bus. Raises ApiError where the bus cannot be reached, or nobody is there."""
    if not mesh.linked:
        raise of_bus(MeshError("the MQTT broker does not answer; is it running?"))
    offered = offered_by(await mesh.nodes())
    if not offered.skills:
        raise of_bus(MeshError("no node is on the bus; start one with `forgebus run`"))
    return offered


async def asked_once(mesh: Mesh, capability: str, content: Any, **options: Any) -> Ended:
    """One task that is not streamed. Raises ApiError."""
    seconds = options["deadline_ms"] / 1000
    try:
        asking = await mesh.submit(capability, carried(content), **options)
        ended = await _ended(capability, asking, seconds + GRACE_S, Said(None))
    except TimeoutError:
        raise too_late(seconds) from None
    except MeshError as error:
        raise of_bus(error) from None
    return await reported(mesh, ended)


def carried(content: Any) -> msgspec.Raw:
    """Content as the bus carries it. Raises ApiError where it cannot."""
    data = orjson.dumps(content)
    try:
        codec.check_content(data)
    except TooLarge as error:
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error), code="too_large") from None
    except WireError as error:
        raise bad_request(str(error), code="bad_input") from None
    return msgspec.Raw(data)


async def reported(mesh: Mesh, ended: Ended) -> Ended:
    """With what its home tells of it, if it does so at once."""
    asking = ended.asking
    try:
        async with asyncio.timeout(REPORT_S):
            records = await mesh.report(asking.task, home=asking.home)
    except (MeshError, TimeoutError):
        return ended
    record = records[0] if records else None
    return Ended(ended.capability, ended.result, asking, ended.final, record)


class Said:
    """What has been said of an answer that may begin anew on another node.

    What was said cannot be taken back: the new text is waited for until it has come as far as the old
    one. With the same seed and model it is the same; where it is not, the answer ends as an error.
    """

    def __init__(self, say: Say | None) -> None:
        self._say = say
        self._attempt = 0
        self._said = ""
        self._again = ""

    @property
    def anything(self) -> bool:
        """Whether something has been said."""
        return bool(self._said)

    async def add(self, text: str, attempt: int) -> None:
        """Say a piece. Raises ApiError."""
        if self._say is None or attempt < self._attempt or not text:
            return
        if attempt > self._attempt:
            self._attempt, self._again = attempt, ""
        self._again += text
        if len(self._again) <= len(self._said):
            same = self._said.startswith(self._again)
        else:
            same = self._again.startswith(self._said)
        if not same:
            raise of_bus(MeshError("the node was lost, and another one answers differently"))
        if new := self._again[len(self._said) :]:
            self._said = self._again
            await self._say(new)


async def _ended(capability: str, asking: Asking, seconds: float, said: Said) -> Ended:
    """The end of a task that was done, said piece by piece on the way.

    Raises MeshError, TimeoutError; whoever leaves before the end, for whatever reason, cancels it.
    """
    over = False
    try:
        async with asyncio.timeout(seconds):
            async for piece in asking:
                if piece.attempt:
                    await said.add(piece.text, piece.attempt)
            final = await asking.final()
            over = True
    except (Unfinished, Rejected):
        over = True
        raise
    finally:
        if not over:
            await asking.cancel()
    result = None if final.result is None else msgspec.json.decode(bytes(final.result))
    return Ended(capability, result, asking, final)


def _told_by_tools(messages: Sequence[Message], text: str) -> tuple[Home, str]:
    """The home, and what to say after what tools have done in it, if anything."""
    home = home_in(messages)
    return home, after(messages, home, text)


def _told(routing: Routing) -> str:
    if not routing.intent:
        return "the router is not sure"
    return f"{routing.intent} by the router ({routing.probability:.2f})"


def _header(text: str) -> str:
    """As a header can be told: of ASCII, on one line."""
    return "".join(sign if " " <= sign <= "~" else "?" for sign in text)[:500]
