"""The home that Home Assistant tells a conversation agent, read out of the talk.

Home Assistant writes the exposed entities into the system prompt as YAML, without ids, and has tools that tell
their states and where the speaker is. Pure: messages in, a home out. What is no overview is no home.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson
import yaml

from doors.home_exposed import (
    MOST_AREAS,
    MOST_ENTITIES,
    MOST_FLOORS,
    Attributes,
    Exposed,
    Home,
    Place,
)
from doors.openai_form import Message

LIVE, WHERE, WHEN = "GetLiveContext", "GetCurrentLocation", "GetDateTime"
"""Tools of Home Assistant that tell something."""

_OVERVIEW = re.compile(r"^- names: .*(?:\n[- ] .*)*", re.MULTILINE)
_HERE = re.compile(r"You are in area (.{1,200}?)(?: \(floor .{1,200}?\))?\Z")
_AFTER_HERE, _LONGEST_HERE = " and all generic commands", 450
_HEARD = "here"
_LONGEST = 200
_DEEPEST = 4
_LONGEST_OVERVIEW = 512 * 1024
_Parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Gives texts alone: what a value means is read here, and nothing of the many things that YAML may construct."""


def home_in(messages: Sequence[Message]) -> Home:
    """The home that the system prompt tells, with states where a tool has told them since."""
    entities: dict[str, Exposed] = {}
    aliases: dict[str, str] = {}
    here = ""
    for one in messages:
        if one.role in {"system", "developer"}:
            text = one.text()
            entities |= _entities(text, aliases)
            here = _room(text) or here
    for name, result in results(messages):
        match bare(name), result:
            case "GetLiveContext", str(text):
                live = {_which(e): e for e in _entities(text, {}).values()}
                entities = {id_: _with_state(e, live.get(_which(e))) for id_, e in entities.items()}
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
            found.append((names.get(one.tool_call_id or "", ""), unwrapped(one.text())))
    return found


def bare(name: str) -> str:
    """The name of a tool without the name of its source: `assist__HassTurnOn`."""
    return name.rpartition("__")[2]


def unwrapped(content: str) -> Any:
    """What a tool told, out of the covers that clients and Home Assistant put around it."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content
    while isinstance(value, dict):
        if "data" in value and value.keys() <= {"data", "error"} and not value.get("error"):
            value = value["data"]
        elif (
            "result" in value
            and value.keys() <= {"success", "result"}
            and value.get("success") is not False
        ):
            value = value["result"]
        else:
            break
    return value


def _room(text: str) -> str:
    """The area in which the prompt says the speaker is; looked for where it ends, not at each beginning."""
    before, said, _ = text.partition(_AFTER_HERE)
    found = _HERE.search(before[-_LONGEST_HERE:]) if said else None
    return found[1] if found else ""


def _entities(text: str, aliases: dict[str, str]) -> dict[str, Exposed]:
    """The entities of an overview; what is no overview has none. Other names of areas go into `aliases`."""
    found: dict[str, Exposed] = {}
    for block in _OVERVIEW.findall(text):
        try:
            rows = yaml.load(block, Loader=_Loader) if _is_plain(block) else ()  # noqa: S506 - of texts alone
        except yaml.YAMLError:
            continue
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and len(found) < MOST_ENTITIES:
                entity = _entity(row, len(found))
                if entity is not None:
                    found[entity.entity_id] = entity
                    others = _text(row.get("areas")).split(", ")[1:9]
                    aliases |= dict.fromkeys((one[:_LONGEST] for one in others), entity.area)
    return found


def _is_plain(block: str) -> bool:
    """Whether it is as Home Assistant writes one: not deep, and nothing by reference.

    The loader in C goes into each level with a call, and ends the process where there are too many.
    Raises YAMLError.
    """
    depth = 0
    if len(block) > _LONGEST_OVERVIEW:
        return False
    for event in yaml.parse(block, Loader=_Parser):
        match event:
            case yaml.AliasEvent():
                return False
            case yaml.CollectionStartEvent():
                depth += 1
            case yaml.CollectionEndEvent():
                depth -= 1
            case _:
                pass
        if depth > _DEEPEST:
            return False
    return True


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
        state=_text(row.get("state"))[:_LONGEST],
        attributes=Attributes(
            **{name: _number(given[name]) for name in Attributes.__struct_fields__ if name in given}
        ),
    )


def _text(value: Any) -> str:
    """A text, and nothing else."""
    return value if isinstance(value, str) else ""


def _number(value: Any) -> Any:
    """Attributes are told as text; a number is one again."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return _text(value)


def _which(entity: Exposed) -> tuple[str, str, str]:
    return entity.name, entity.domain, entity.area


def _with_state(entity: Exposed, live: Exposed | None) -> Exposed:
    if live is None:
        return entity
    return msgspec.structs.replace(entity, state=live.state, attributes=live.attributes)
