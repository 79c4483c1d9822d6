"""From what `home_control` means to calls of the tools that Home Assistant offers, and from their results to words.

Home Assistant gives a conversation agent an intent as a tool (`HassTurnOn`). A call fits the parameters of its tool,
or is not made. Pure: an answer, a home and a talk in, calls or words out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from doors.home_exposed import Exposed, Home
from doors.home_speech import done, sorry, told
from doors.home_steps import ASKING, CannotError, Control, Meant, Step, steps_of
from doors.openai_form import Chat, Function, Message
from doors.openai_home import LIVE, WHEN, WHERE, bare, results, unwrapped

_GERMAN = frozenset(
    """der die das den dem im ist sind wie welche bitte mach mache schalte schalt stelle licht lichter aus
    ein auf zu und alle""".split()
)
_MOST_SAID = 64
"""Calls that are told of; each may reach every entity."""
_DEEPEST = 4
"""Schemas in one another that are looked at, and branches of one."""


class Called(msgspec.Struct, frozen=True):
    """A call of a tool."""

    name: str
    arguments: dict[str, Any] = {}


class Act(msgspec.Struct, frozen=True):
    """What to answer: calls of tools, or words; neither where a home has nothing to do with it."""

    calls: tuple[Called, ...] = ()
    words: str = ""


def has_home_tools(functions: Sequence[Function]) -> bool:
    """Whether intents of Home Assistant are among the tools."""
    return any(bare(one.name).startswith("Hass") for one in functions)


def refusal(control: Control, text: str) -> str:
    """Why a command of this home is not carried out; "" where it may be something else than a command."""
    doubt = control.doubt if control.abstained else "other"
    return "" if doubt == "other" else sorry(doubt, _language(text))


def act(control: Control, home: Home, chat: Chat, text: str) -> Act:
    """What to call, or to say, for what `home_control` has answered."""
    meant, language = control.intents, _language(text)
    called = {bare(name) for name, _ in results(chat.messages)}
    if not meant:
        return Act()
    try:
        if all(one.name in ASKING for one in meant):
            return _asked(meant, home, chat, called, language)
        if WHERE not in called and _everywhere(meant) and (tool := _tool(WHERE, chat.offered)):
            return Act((Called(tool.name),))
        if LIVE not in called and _by_steps(meant):
            return Act((_call(Step(LIVE, {}), home, chat.offered),))
        steps = steps_of(meant, home, only_exposed=True)
        calls = tuple(_call(step, home, chat.offered) for step in steps)
    except CannotError:
        return Act(words=sorry("state", language))
    return Act(calls)


def after(messages: Sequence[Message], home: Home, text: str) -> str:
    """What to say after tools have done what they were called for; "" where they were only asked."""
    told_by = [(name, result) for name, result in results(messages) if bare(name)[:4] == "Hass"]
    if not told_by:
        return ""
    language = _language(text)
    if any(_failed(result) for _, result in told_by):
        return sorry("failed", language)
    spoken = [words for _, result in told_by if (words := _speech(result))]
    if spoken:
        return " ".join(dict.fromkeys(spoken))
    return done(tuple(islice(_meant(messages, home), _MOST_SAID)), home, language)


def _asked(meant: Sequence[Meant], home: Home, chat: Chat, called: set[str], language: str) -> Act:
    """A question: the tool that knows is asked, and what it told then is said."""
    clock = any(one.name in {"HassGetCurrentTime", "HassGetCurrentDate"} for one in meant)
    wanted = WHEN if clock else LIVE
    if wanted not in called:
        direct = [_tool(one.name, chat.offered) for one in meant]
        if all(direct):
            calls = [_call(Step(one.name, dict(one.slots)), home, chat.offered) for one in meant]
            return Act(tuple(calls))
        return Act((_call(Step(wanted, {}), home, chat.offered),))
    said = told(meant, home, language, _now(chat.messages))
    return Act(words=said or sorry("state", language))


def _call(step: Step, home: Home, offered: Sequence[Function]) -> Called:
    """A step as its tool takes it. Raises CannotError where the tool cannot be told so."""
    tool = _tool(step.name, offered)
    if tool is None:
        raise CannotError(f"{step.name} is not offered")
    given, required = (tool.parameters.get(name) for name in ("properties", "required"))
    fields: Mapping[str, Any] = given if isinstance(given, dict) else {}
    slots: dict[str, Any] = dict(step.slots)
    entity = home.entities.get(str(slots.pop("name", "")))
    if entity is not None:
        slots = _naming(entity, home) | slots
    elif "name" in step.slots:
        slots["name"] = step.slots["name"]
    if "domain" in slots and not _takes(fields.get("domain"), slots["domain"]):
        # An intent for one domain alone does not ask for it.
        del slots["domain"]
    arguments = {name: _fitted(fields.get(name), name, value) for name, value in slots.items()}
    if isinstance(required, list) and any(name not in list(arguments) for name in required):
        raise CannotError(f"{step.name} wants more than was said")
    return Called(tool.name, arguments)


def _naming(entity: Exposed, home: Home) -> dict[str, Any]:
    """An entity by its name; of several with one name also by its area."""
    told: dict[str, Any] = {"name": entity.name, "domain": entity.domain}
    alike = [
        one for one in home.entities.values() if (one.name, one.domain) == tuple(told.values())
    ]
    return told | ({"area": entity.area} if len(alike) > 1 and entity.area else {})


def _takes(schema: Any, value: Any) -> bool:
    try:
        _fitted(schema, "", value)
    except CannotError:
        return False
    return True


def _fitted(schema: Any, name: str, value: Any, depth: int = 0) -> Any:
    """A value in the form that a parameter has. Raises CannotError where it has no such form."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        raise CannotError(f"there is no parameter {name}")
    branches = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(branches, list):
        for branch in branches[:_DEEPEST]:
            try:
                return _fitted(branch, name, value, depth + 1)
            except CannotError:
                continue
        raise CannotError(f"{value!r} is nothing for {name}")
    kinds, choices = schema.get("type"), schema.get("enum")
    match kinds[0] if isinstance(kinds, list) and kinds else kinds:
        case "array":
            return [_fitted(schema.get("items") or {}, name, value, depth + 1)]
        case "integer" if isinstance(value, int | float):
            return round(value)
        case "number" if isinstance(value, int | float):
            return value
        case "string" | None if not isinstance(choices, list) or value in choices:
            return value if kinds is None else str(value)
        case _:
            raise CannotError(f"{value!r} is nothing for {name}")


def _everywhere(meant: Sequence[Meant]) -> bool:
    """Whether more than one thing is meant, and nothing said where."""
    return any(
        len(one.entities) > 1 and not {"area", "floor", "name"} & one.slots.keys() for one in meant
    )


def _by_steps(meant: Sequence[Meant]) -> bool:
    """Whether something is to be changed by so much, which takes to know what it is; volume does not."""
    names = {name for one in meant for name in one.slots}
    return any(name.endswith("_step") for name in names - {"volume_step"})


def _tool(name: str, offered: Sequence[Function]) -> Function | None:
    return next((one for one in offered if bare(one.name) == name), None)


def _is_well(result: Mapping[str, Any]) -> bool:
    return result.get("success") is not False


def _failed(result: Any) -> bool:
    """Whether a tool says that it did not, or not wholly, do it."""
    if not isinstance(result, dict):
        return False
    if result.get("error") or not _is_well(result):
        return True
    if result.get("response_type") == "error":
        return True
    data = result.get("data")
    return isinstance(data, dict) and bool(data.get("failed"))


def _speech(result: Any) -> str:
    """What Home Assistant itself would say."""
    match result:
        case {"speech": {"plain": {"speech": str(words)}}}:
            return words
        case _:
            return ""


def _meant(messages: Sequence[Message], home: Home) -> Iterator[Meant]:
    """What was called since the user's last word, as intents with their entities."""
    start = max((at for at, one in enumerate(messages) if one.role == "user"), default=0)
    for one in messages[start:]:
        for call in one.tool_calls or ():
            slots = unwrapped(call.function.arguments)
            if bare(call.function.name)[:4] == "Hass" and isinstance(slots, dict):
                targets, values = _targets(slots, home), _texts(slots)
                # Of what is not known by name it is only said that it was done.
                known = targets or {"item", "search_query"} & values.keys()
                yield Meant(bare(call.function.name) if known else "", values, targets)


def _targets(slots: Mapping[str, Any], home: Home) -> tuple[str, ...]:
    """The entities that a call reaches; () where that is not told by a name, an area or a domain."""
    name, area, domain = (slots.get(one) for one in ("name", "area", "domain"))
    domains = domain if isinstance(domain, list) else [domain] if domain else []
    areas = next((place.areas for place in home.places if place.name == area), [area])
    if not (name or area or domains):
        return ()
    return tuple(
        id_
        for id_, one in home.entities.items()
        if (not name or one.name == name)
        and (not area or one.area in areas)
        and (not domains or one.domain in domains)
    )


def _texts(slots: Mapping[str, Any]) -> dict[str, str | float]:
    return {name: value for name, value in slots.items() if isinstance(value, str | int | float)}


def _now(messages: Sequence[Message]) -> datetime:
    """The time that a tool has told. Raises CannotError where none has."""
    for name, result in results(messages):
        match bare(name), result:
            case "GetDateTime", {"date": str(date), "time": str(time)}:
                try:
                    return datetime.fromisoformat(f"{date}T{time}")
                except ValueError:
                    break
            case "GetLiveContext", _:
                return datetime.min  # noqa: DTZ901 - states need no clock
            case _:
                pass
    raise CannotError("no tool has told the time")


def _language(text: str) -> str:
    """English or German, by the words that one of them alone has."""
    said = re.findall(r"[a-zäöüß]+", text.lower())
    return "de" if 3 * sum(word in _GERMAN for word in said) > len(said) else "en"
