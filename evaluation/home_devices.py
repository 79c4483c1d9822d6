"""The `device-actions` layout of home-assistant-datasets: one device a file, sentences by action.

It has no states and no whole homes. So all devices of a home's files make its entities, and what an
action should change follows from what it is called, by the same table as for a model's answer
(`evaluation.home_services`): "Turn on" of a light that is off should switch it on, and change nothing
else. Values ("Set brightness") are those that the sentence says in digits; a sentence without one,
or with several, has no certain outcome and is left out, as are relative ones ("make it louder"). So
is, where a home has more devices of a domain, a sentence with no word of the name or area of its
own ("pause").
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import BadData
from evaluation.home_cases import Home, HomeTask
from evaluation.home_services import EntityState, Unmodelled, apply_intents
from evaluation.home_states import Change
from evaluation.names import slug

_EXPECTED = "write `device` with name, device_type and area, and `actions` with sentences"

# Device type -> domain, its device class, and the state in which a sentence finds it.
_TYPES: dict[str, tuple[str, str, str]] = {
    "light": ("light", "", "off"),
    "light-dimmable": ("light", "", "off"),
    "light-rgbw": ("light", "", "off"),
    "smart-plug": ("switch", "outlet", "off"),
    "switch": ("switch", "", "off"),
    "exhaust-fan": ("fan", "", "off"),
    "fan-oscilating": ("fan", "", "off"),
    "hvac": ("climate", "", "off"),
    "heat-pump": ("climate", "", "off"),
    "smart-speaker": ("media_player", "speaker", "off"),
    "smart-tv": ("media_player", "tv", "off"),
    "smart-sprinkler": ("valve", "water", "closed"),
    "water-valve": ("valve", "water", "closed"),
    "garage-door": ("cover", "garage", "closed"),
    "gate": ("cover", "gate", "closed"),
    "smart-blinds": ("cover", "blind", "closed"),
    "smart-lock": ("lock", "", "locked"),
    "vacuum": ("vacuum", "", "docked"),
}

# Action -> intent, the slot of its value, and the state that its device is in beforehand.
_ACTIONS: dict[str, tuple[str, str, Mapping[str, str]]] = {
    "Turn on": ("HassTurnOn", "", {}),
    "Turn off": ("HassTurnOff", "", {"valve": "open", "climate": "heat", "media_player": "on"}),
    "Open": ("HassTurnOn", "", {}),
    "Close": ("HassTurnOff", "", {"cover": "open", "valve": "open"}),
    "Lock": ("HassTurnOn", "", {"lock": "unlocked"}),
    "Unlock": ("HassTurnOff", "", {}),
    "Start": ("HassVacuumStart", "", {}),
    "Return to base": ("HassVacuumReturnToBase", "", {"vacuum": "cleaning"}),
    "Pause": ("HassMediaPause", "", {"media_player": "playing"}),
    "Unpause": ("HassMediaUnpause", "", {"media_player": "paused"}),
    "Next track": ("HassMediaNext", "", {"media_player": "playing"}),
    "Previous track": ("HassMediaPrevious", "", {"media_player": "playing"}),
    "Set brightness": ("HassLightSet", "brightness", {}),
    "Set position": ("HassSetPosition", "position", {}),
    "Set temperature": ("HassClimateSetTemperature", "temperature", {"climate": "heat"}),
    "Set volume": ("HassSetVolume", "volume_level", {"media_player": "playing"}),
}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class _Device:
    file: Path
    entity: str
    about: Mapping[str, str]
    state: str
    actions: list[Any]


def device_tasks(files: Mapping[Path, Mapping[str, Any]], data: Path) -> Iterator[HomeTask]:
    """The tasks of files of this layout, given with what they hold; a home is a folder of them.

    Raises:
        BadData: a file that is not as it should be; names it.
    """
    folders: dict[Path, list[Path]] = {}
    for file in files:
        folders.setdefault(file.parent, []).append(file)
    for members in folders.values():
        devices: list[_Device] = []
        for file in members:
            devices.append(_device(file, files[file], {one.entity for one in devices}))
        entities = {one.entity: one.about for one in devices}
        areas = tuple(dict.fromkeys(one.about["area"] for one in devices if one.about["area"]))
        states = {one.entity: EntityState(one.state) for one in devices}
        home = Home(entities, areas, states)
        for one in devices:
            yield from _tasks(one, home, one.file.relative_to(data.parent).as_posix())


def _tasks(device: _Device, home: Home, name: str) -> Iterator[HomeTask]:
    domain = device.entity.partition(".")[0]
    count = 0
    for action in device.actions:
        match action:
            case {"action": str(called), "sentences": [*sentences]}:
                pass
            case _:
                raise BadData(f"{device.file} has an action without sentences", _EXPECTED)
        for sentence in sentences:
            count += 1
            found = _outcome(called, str(sentence), device, home)
            if found is not None and _is_meant(str(sentence), device, home):
                states, changes = found
                there = Home(home.entities, home.areas, states)
                group = f"{domain}: {called.lower()}"
                yield HomeTask(f"{name}:{count}", group, str(sentence), there, changes)


def _outcome(
    action: str, sentence: str, device: _Device, home: Home
) -> tuple[dict[str, EntityState], dict[str, Change]] | None:
    """The home before, and what should change; None where that is not certain."""
    if action not in _ACTIONS:
        return None
    intent, slot, before = _ACTIONS[action]
    domain = device.entity.partition(".")[0]
    states = {name: state.copy() for name, state in home.states.items()}
    # Off before "Turn off", nothing would be left to see.
    other = "on" if intent == "HassTurnOff" and device.state == "off" else device.state
    states[device.entity].state = before.get(domain, other)
    # "Bedroom 3" is no value.
    own = _NUMBER.findall(f"{device.about['name']} {device.about['area']}")
    numbers = [number for number in _NUMBER.findall(sentence) if number not in own]
    if slot and len(numbers) != 1:
        return None
    slots = {slot: float(numbers[0])} if slot else {}
    try:
        after = apply_intents(states, [(intent, slots, [device.entity])])[device.entity]
    except Unmodelled:
        return None
    attributes = {name: after.attributes[name] for name in after.commanded}
    return states, {device.entity: Change(after.state, attributes)}


def _is_meant(sentence: str, device: _Device, home: Home) -> bool:
    """Whether the sentence tells its device from the others of its domain, if only by a word."""
    domain = device.entity.partition(".")[0]
    if sum(entity.startswith(f"{domain}.") for entity in home.entities) == 1:
        return True
    own = slug(f"{device.about['name']} {device.about['area']}").split("_")
    return not {word for word in own if len(word) > 2}.isdisjoint(slug(sentence).split("_"))


def _device(file: Path, told: Mapping[str, Any], taken: set[str]) -> _Device:
    match told:
        case {
            "device": {"name": str(name), "device_type": str(kind), **more},
            "actions": {"actions": [*actions]} | [*actions],
        }:
            pass
        case _:
            raise BadData(f"{file} is no device with its actions", _EXPECTED)
    if kind not in _TYPES:
        raise BadData(f"{file} has a device of type {kind!r}", f"known are {', '.join(_TYPES)}")
    domain, device_class, state = _TYPES[kind]
    area = str(more.get("area") or "")
    entity = f"{domain}.{slug(name)}"
    if entity in taken:
        entity = f"{domain}.{slug(f'{area} {name}')}"
    while entity in taken:
        entity += "_2"
    about = {"name": name, "area": area, "device_class": device_class}
    return _Device(file, entity, about, state, actions)
