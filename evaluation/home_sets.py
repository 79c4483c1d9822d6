"""Homes with sentences and what should come of them.

Read are, by what a path holds:

- the layout of allenporter/home-assistant-datasets: folders with `_fixtures.yaml` (areas, devices,
  entities with state and attributes) and records with `category` and `tests`, each with
  `sentences`, `setup`, `expect_changes`, `ignore_changes`, `expect_response`, `context_device`;
- its `device-actions` layout: files with a `device` and `actions` (`evaluation.home_devices`);
- `.jsonl` of `python -m data.home_commands`, and rows
  `{"text": ..., "entities": [...], "areas": [...], "intents": [{"name", "slots", "entities"}]}`.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from engine.errors import BadData
from evaluation.home_cases import Home, HomeTask
from evaluation.home_devices import device_tasks
from evaluation.home_rows import row_tasks
from evaluation.home_services import EntityState
from evaluation.home_states import Change, expected_states
from evaluation.names import slug
from evaluation.yaml_file import read_yaml

FIXTURES = "_fixtures.yaml"
_NO_RECORDS = frozenset(("dataset_card.yaml", "solution.yaml"))
_RECORD = "write `category` and `tests` with `sentences` and `expect_changes`"
_FIXTURE = "write `areas`, `devices` and `entities` with an `id` each"


def home_tasks(data: Path) -> Iterator[HomeTask]:
    """Every task below a path, in a fixed order.

    Raises:
        BadData: no such path, nothing in it, or a file of another form; names file and line.
        MissingDependency: YAML, and PyYAML is not installed.
    """
    if not data.exists():
        raise BadData(f"{data} does not exist", "give a folder of homes, or a .jsonl file")
    if data.is_file() and data.suffix == ".jsonl":
        yield from row_tasks(data)
        return
    files = [data] if data.is_file() else sorted(data.rglob("*.yaml"))
    files = [f for f in files if f.name[0] not in "._" and f.name not in _NO_RECORDS]
    if not files:
        raise BadData(
            f"{data} holds no home", f"give a folder with {FIXTURES} and records, or a .jsonl file"
        )
    devices: dict[Path, Mapping[str, Any]] = {}
    for file in files:
        told = read_yaml(file)
        match told:
            case None:
                pass  # an empty document
            case {"tests": list() | None}:
                yield from _record(file, file.relative_to(data.parent).as_posix(), told)
            case {"device": dict(), "actions": _}:
                devices[file] = told
            case _:
                raise BadData(f"{file} is no record of a home", _RECORD)
    yield from device_tasks(devices, data)


def _record(file: Path, name: str, told: Mapping[str, Any]) -> Iterator[HomeTask]:
    category = told.get("category", file.stem)
    domain = ", ".join(map(str, category)) if isinstance(category, list) else str(category)
    fixtures = file.with_name(FIXTURES)
    if not fixtures.is_file():
        raise BadData(f"{fixtures} is missing", "records stand beside the home that they are about")
    home = read_home(fixtures)
    count = 0
    for number, test in enumerate(told["tests"] or (), start=1):
        place = f"{file}, test {number}"
        if not isinstance(test, dict) or not _texts(test.get("sentences")):
            raise BadData(f"{place} has no sentences", _RECORD)
        states = expected_states(home.states, _changes(test.get("setup"), home, f"{place}, setup"))
        for state in states.values():
            state.commanded.clear()
        changes = _changes(test.get("expect_changes"), home, f"{place}, expect_changes")
        ignored = test.get("ignore_changes") or {}
        if not isinstance(ignored, dict) or not all(_texts(names) for names in ignored.values()):
            raise BadData(f"{place}: ignore_changes is no list by entity", _RECORD)
        response = test.get("expect_response") or []
        area = _context(test.get("context_device"), home, place)
        for sentence in test["sentences"]:
            count += 1
            yield HomeTask(
                f"{name}:{count}",
                domain,
                sentence,
                Home(home.entities, home.areas, states, home.floors, home.devices),
                changes,
                {entity: frozenset(names) for entity, names in ignored.items()},
                tuple(map(str, response if isinstance(response, list) else [response])),
                area=area,
            )


@cache
def read_home(file: Path) -> Home:
    """A home from `_fixtures.yaml`.

    Raises:
        BadData: it is none; names the file and the entry.
    """
    told = read_yaml(file)
    if not isinstance(told, dict) or not isinstance(told.get("entities"), list):
        raise BadData(f"{file} lists no entities", _FIXTURE)
    areas: dict[str, str] = {}
    floors: dict[str, tuple[str, ...]] = {}
    for area in _entries(file, told, "areas"):
        name = str(area["name"])
        areas[str(area.get("id") or slug(name))] = name
        if area.get("floor"):
            floor = str(area["floor"])
            floors[floor] = (*floors.get(floor, ()), name)
    devices = {
        str(one.get("id") or slug(str(one["name"]))): one for one in _entries(file, told, "devices")
    }
    entities: dict[str, dict[str, Any]] = {}
    states: dict[str, EntityState] = {}
    for number, one in enumerate(told["entities"], start=1):
        place = f"{file}: entity {number}"
        if not isinstance(one, dict) or "." not in str(one.get("id", "")):
            raise BadData(f"{place} has no id", _FIXTURE)
        device: dict[str, Any] = devices.get(str(one.get("device")), {})
        attributes = one.get("attributes") or {}
        if not isinstance(attributes, dict):
            raise BadData(f"{place}: attributes is no mapping", _FIXTURE)
        place_id = one.get("area") or device.get("area") or ""
        entity = str(one["id"])
        entities[entity] = {
            "name": str(one.get("name") or device.get("name") or ""),
            "area": areas.get(str(place_id), str(place_id)),
            "device_class": str(attributes.get("device_class") or ""),
        }
        states[entity] = EntityState(state_text(one.get("state")), dict(attributes))
    where = {
        str(key): areas.get(str(one.get("area")), str(one.get("area") or ""))
        for name, one in devices.items()
        for key in (name, one["name"])
    }
    return Home(entities, tuple(areas.values()), states, floors, where)


def state_text(state: object) -> str:
    """A state as Home Assistant writes it; YAML reads a bare `on` as true."""
    if isinstance(state, bool):
        return "on" if state else "off"
    return "" if state is None else str(state)


def _entries(file: Path, told: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    entries = told.get(name) or []
    if not isinstance(entries, list):
        raise BadData(f"{file}: {name} is no list", _FIXTURE)
    for number, one in enumerate(entries, start=1):
        if not isinstance(one, dict) or not one.get("name"):
            raise BadData(f"{file}: entry {number} of {name} has no name", _FIXTURE)
    return entries


def _changes(told: object, home: Home, place: str) -> dict[str, Change]:
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise BadData(f"{place} is no mapping of entities", _RECORD)
    found = {}
    for entity, change in told.items():
        if entity not in home.states:
            raise BadData(f"{place} names {entity}, which the home does not have", _RECORD)
        match change or {}:
            case {"attributes": dict(attributes), **more}:
                state = more.get("state")
            case {"state": state}:
                attributes = dict[str, Any]()
            case _:
                raise BadData(f"{place}: {entity} has no state or attributes", _RECORD)
        found[entity] = Change(None if state is None else state_text(state), attributes)
    return found


def _context(device: object, home: Home, place: str) -> str:
    """The area of the device that a sentence is spoken to, "" where none is told."""
    if device is None:
        return ""
    if str(device) not in home.devices:
        raise BadData(f"{place}: context_device {device!r} is none of the home's devices", _RECORD)
    return home.devices[str(device)]


def _texts(told: object) -> bool:
    return isinstance(told, list) and bool(told) and all(isinstance(one, str) for one in told)
