"""Home Assistant as a client: its exposed entities in the system prompt, its intents as tools.

Home Assistant gives a conversation agent the home as YAML in the system prompt, and an intent as a tool
(`HassTurnOn`). `home_control` reads the first and answers with the second; what it means is put into calls
that fit the parameters of the tools which were offered. What the tools tell is put into words.
Pure: messages in, a scene, calls or words out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import orjson
import yaml

from doors.openai_form import Chat, Function, Message
from doors.wyoming_home import (
    MOST_AREAS,
    MOST_ENTITIES,
    MOST_FLOORS,
    Attributes,
    Exposed,
    Home,
    Place,
)
from doors.wyoming_speech import done, sorry, told
from doors.wyoming_steps import ASKING, CannotError, Control, Meant, Step, steps_of

_LIVE, _WHERE, _WHEN = "GetLiveContext", "GetCurrentLocation", "GetDateTime"
_OVERVIEW = re.compile(r"^- names: .*(?:\n[- ] .*)*", re.MULTILINE)
_HERE = re.compile(r"You are in area (.{1,200}?)(?: \(floor .{1,200}?\))? and all generic commands")
_HEARD = "here"
_LONGEST = 200
_GERMAN = frozenset(
    """der die das den dem im ist sind wie welche bitte mach mache schalte schalt stelle licht lichter aus
    ein auf zu und alle""".split()
)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    return any(_bare(one.name).startswith("Hass") for one in functions)


def home_in(messages: Sequence[Message]) -> Home:
    """The home that the system prompt tells, with states where a tool has told them since."""
    entities: dict[str, Exposed] = {}
    aliases: dict[str, str] = {}
    here = ""
    for one in messages:
        if one.role in {"system", "developer"}:
            text = one.text()
            entities |= _entities(text, aliases)
            if found := _HERE.search(text):
                here = found[1]
    for name, result in results(messages):
        match _bare(name), result:
            case "GetLiveContext", str(text):
                live = {(e.name, e.domain): e for e in _entities(text, {}).values()}
                entities = {
                    id_: _with_state(e, live.get((e.name, e.domain))) for id_, e in entities.items()
                }
            case "GetCurrentLocation", {"area": str(area)}:
                here = area
            case _:
                pass
    areas = tuple(dict.fromkeys(one.area for one in entities.values() if one.area))
    everything = {id_: one.area for id_, one in entities.items()}
    places = tuple(Place("area", alias, frozenset((area,))) for alias, area in aliases.items())
    return Home(
        entities,
        everything,
        areas[:MOST_AREAS],
        places[:MOST_FLOORS],
        {_HEARD: here} if here else {},
    )


def scene(text: str, home: Home) -> dict[str, Any]:
    """What `home_control` is asked."""
    return home.scene(text, _HEARD)


def results(messages: Sequence[Message]) -> list[tuple[str, Any]]:
    """What tools have told since the user's last word: name of the tool, and what it told."""
    names: dict[str, str] = {}
    found: list[tuple[str, Any]] = []
    for one in messages:
        if one.role == "user":
            found = []
        for call in one.tool_calls or ():
            names[call.id] = call.function.name
        if one.role == "tool":
            found.append((names.get(one.tool_call_id or "", ""), _unwrapped(one.text())))
    return found


def refusal(control: Control, text: str) -> str:
    """Why a command of this home is not carried out; "" where it may be something else than a command."""
    doubt = control.doubt if control.abstained else "other"
    return "" if doubt == "other" else sorry(doubt, _language(text))


def act(control: Control, home: Home, chat: Chat, text: str) -> Act:
    """What to call, or to say, for what `home_control` has answered."""
    meant, language = control.intents, _language(text)
    called = {_bare(name) for name, _ in results(chat.messages)}
    if not meant:
        return Act()
    try:
        if all(one.name in ASKING for one in meant):
            return _asked(meant, home, chat, called, language)
        if _WHERE not in called and _everywhere(meant) and (tool := _tool(_WHERE, chat.offered)):
            return Act((Called(tool.name),))
        if _LIVE not in called and _by_steps(meant):
            return Act((_call(Step(_LIVE, {}), home, chat.offered),))
        steps = steps_of(meant, home, only_exposed=True)
        calls = tuple(_call(step, home, chat.offered) for step in steps)
    except CannotError:
        return Act(words=sorry("state", language))
    return Act(calls)


def after(messages: Sequence[Message], home: Home, text: str) -> str:
    """What to say after tools have done what they were called for; "" where they were only asked."""
    told_by = [(name, result) for name, result in results(messages) if _bare(name)[:4] == "Hass"]
    if not told_by:
        return ""
    language = _language(text)
    if any(_failed(result) for _, result in told_by):
        return sorry("failed", language)
    spoken = [words for _, result in told_by if (words := _speech(result))]
    if spoken:
        return " ".join(dict.fromkeys(spoken))
    return done(tuple(_meant(messages, home)), home, language)


def _asked(meant: Sequence[Meant], home: Home, chat: Chat, called: set[str], language: str) -> Act:
    """A question: the tool that knows is asked, and what it told then is said."""
    clock = any(one.name in {"HassGetCurrentTime", "HassGetCurrentDate"} for one in meant)
    wanted = _WHEN if clock else _LIVE
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
    fields: Mapping[str, Any] = tool.parameters.get("properties") or {}
    slots: dict[str, Any] = dict(step.slots)
    entity = home.entities.get(str(slots.get("name", "")))
    if entity is not None:
        slots = {"name": entity.name, "domain": entity.domain, **_without(slots, "name")}
    if "domain" in slots and not _takes(fields.get("domain"), slots["domain"]):
        # An intent for one domain alone does not ask for it.
        del slots["domain"]
    arguments = {name: _fitted(fields.get(name), name, value) for name, value in slots.items()}
    missing = set(tool.parameters.get("required") or ()) - arguments.keys()
    if missing:
        raise CannotError(f"{step.name} wants {', '.join(sorted(missing))}")
    return Called(tool.name, arguments)


def _takes(schema: Any, value: Any) -> bool:
    try:
        _fitted(schema, "", value)
    except CannotError:
        return False
    return True


def _fitted(schema: Any, name: str, value: Any) -> Any:
    """A value in the form that a parameter has. Raises CannotError where it has no such form."""
    if not isinstance(schema, dict):
        raise CannotError(f"there is no parameter {name}")
    for branch in schema.get("anyOf") or schema.get("oneOf") or ():
        if _takes(branch, value):
            return _fitted(branch, name, value)
    kinds = schema.get("type")
    match kinds[0] if isinstance(kinds, list) and kinds else kinds:
        case "array":
            return [_fitted(schema.get("items") or {}, name, value)]
        case "integer" | "number" if isinstance(value, int | float):
            return round(value) if kinds == "integer" else value
        case "string" | None if "anyOf" not in schema and "oneOf" not in schema:
            choices = schema.get("enum")
            if choices is None or value in choices:
                return value if kinds is None else str(value)
        case _:
            pass
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
    return next((one for one in offered if _bare(one.name) == name), None)


def _bare(name: str) -> str:
    """The name of a tool without the name of its source: `assist__HassTurnOn`."""
    return name.rpartition("__")[2]


def _entities(text: str, aliases: dict[str, str]) -> dict[str, Exposed]:
    """The entities of an overview; what is no overview has none. Other names of areas go into `aliases`."""
    found: dict[str, Exposed] = {}
    for block in _OVERVIEW.findall(text):
        if "<<" in block:  # merged keys may grow without bound, and Home Assistant writes none
            continue
        try:
            rows = yaml.load(block, Loader=_Loader)  # noqa: S506 - a safe one, in C where there is one
        except (yaml.YAMLError, RecursionError, ValueError):
            continue
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and len(found) < MOST_ENTITIES:
                entity = _entity(row, len(found))
                if entity is not None:
                    found[entity.entity_id] = entity
                    others = _text(row.get("areas")).split(", ")[1:9]
                    aliases |= dict.fromkeys((one[:_LONGEST] for one in others), entity.area)
    return found


def _entity(row: Mapping[Any, Any], number: int) -> Exposed | None:
    """An entity with an id of our own: Home Assistant tells its names alone."""
    names = [one for one in _text(row.get("names"))[:4000].split(", ") if one]
    domain = _text(row.get("domain"))
    if not names or not re.fullmatch(r"[a-z0-9_]{1,40}", domain):
        return None
    attributes = row.get("attributes")
    given = attributes if isinstance(attributes, dict) else {}
    return Exposed(
        entity_id=f"{domain}.n{number}",
        name=names[0][:_LONGEST],
        aliases=tuple(one[:_LONGEST] for one in names[1:17]),
        area=_text(row.get("areas")).split(", ")[0][:_LONGEST],
        state=_state(row.get("state")),
        attributes=Attributes(
            **{name: _number(given[name]) for name in Attributes.__struct_fields__ if name in given}
        ),
    )


def _state(value: Any) -> str:
    """As Home Assistant has it: YAML reads on and off as true and false where they are not quoted."""
    match value:
        case True:
            return "on"
        case False:
            return "off"
        case str() | int() | float():
            return str(value)[:_LONGEST]
        case _:
            return ""


def _text(value: Any) -> str:
    """A text, and nothing else: what YAML repeats by name may be endless when it is written out."""
    return value if isinstance(value, str) else ""


def _number(value: Any) -> Any:
    """Attributes are told as text; a number is one again."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return _text(value)


def _with_state(entity: Exposed, live: Exposed | None) -> Exposed:
    if live is None:
        return entity
    return msgspec.structs.replace(entity, state=live.state, attributes=live.attributes)


def _unwrapped(content: str) -> Any:
    """What a tool told, out of the covers that clients and Home Assistant put around it."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content
    while isinstance(value, dict):
        if "data" in value and value.keys() <= {"data", "error"} and not value.get("error"):
            value = value["data"]
        elif "result" in value and value.keys() <= {"success", "result"} and _is_well(value):
            value = value["result"]
        else:
            break
    return value


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
            slots = _unwrapped(call.function.arguments)
            if _bare(call.function.name)[:4] == "Hass" and isinstance(slots, dict):
                targets, values = _targets(slots, home), _texts(slots)
                # Of what is not known by name it is only said that it was done.
                known = targets or {"item", "search_query"} & values.keys()
                yield Meant(_bare(call.function.name) if known else "", values, targets)


def _targets(slots: Mapping[str, Any], home: Home) -> tuple[str, ...]:
    name, area = slots.get("name"), slots.get("area")
    domains = slots.get("domain") or ()
    domains = (domains,) if isinstance(domains, str) else domains
    areas = next((place.areas for place in home.places if place.name == area), {area})
    return tuple(
        id_
        for id_, one in home.entities.items()
        if (one.name == name if name else area is None or one.area in areas)
        and (not domains or one.domain in domains)
        and (name or area or domains)
    )


def _texts(slots: Mapping[str, Any]) -> dict[str, str | float]:
    return {name: value for name, value in slots.items() if isinstance(value, str | int | float)}


def _without(slots: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {one: value for one, value in slots.items() if one != name}


def _now(messages: Sequence[Message]) -> datetime:
    """The time that a tool has told. Raises CannotError where none has."""
    for name, result in results(messages):
        match _bare(name), result:
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
