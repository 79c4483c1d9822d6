"""What the shipped home model makes of sentences, through the handler that a node runs."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from evaluation.home import Asking
from handlers.home_control import HomeControl

ENTITIES = [
    ("light.kitchen", "Kitchen Ceiling Light", "Kitchen", "off", ""),
    ("light.counter", "Counter Strip", "Kitchen", "off", ""),
    ("light.living", "Floor Lamp", "Living Room", "on", ""),
    ("light.bedroom", "Bedroom Lamp", "Bedroom", "off", ""),
    ("cover.kitchen", "Kitchen Blinds", "Kitchen", "open", "blind"),
    ("cover.garage", "Garage Door", "Garage", "closed", "garage"),
    ("climate.living", "Thermostat", "Living Room", "heat", ""),
    ("media_player.living", "Sound Bar", "Living Room", "playing", ""),
    ("media_player.bedroom", "Bedroom Radio", "Bedroom", "off", ""),
    ("lock.front", "Front Door", "Hall", "locked", ""),
    ("vacuum.rover", "Rover", "Hall", "docked", ""),
    ("fan.bedroom", "Breeze", "Bedroom", "off", ""),
    ("todo.chores", "Chores", "", "2", ""),
    ("scene.movie", "Movie Night", "", "", ""),
    ("humidifier.bedroom", "Mister", "Bedroom", "off", ""),
    ("binary_sensor.window", "Skylight Sensor", "Bedroom", "off", "window"),
    ("sensor.bath", "Bathroom Humidity", "Bathroom", "55", "humidity"),
    ("weather.home", "Outside", "", "sunny", ""),
]
HOME = [
    {"entity_id": i, "name": name, "area": area, "state": state, "device_class": kind}
    for i, name, area, state, kind in ENTITIES
]


@cache
def model() -> HomeControl:
    found = HomeControl(Path("models"))
    found.load()
    return found


def ask(text: str, here: str = "") -> dict[str, Any]:
    request = {"text": text, "entities": HOME, "context": {"area": here}}
    answer: dict[str, Any] = json.loads(model().run(json.dumps(request).encode(), Asking()))
    return answer


def does(text: str, here: str = "") -> list[tuple[str, list[str], dict[str, Any]]]:
    """Name, entities, and slots that are no names, of each intent."""
    return [
        (
            *(i["name"], i["entities"]),
            {k: v for k, v in i["slots"].items() if k not in ("area", "domain", "floor")},
        )
        for i in ask(text, here)["intents"]
    ]


def first(text: str, here: str = "") -> tuple[str, list[str], dict[str, Any]]:
    found = does(text, here)
    assert len(found) == 1, ask(text, here)
    return found[0]


@pytest.mark.parametrize(
    ("text", "name", "entities"),
    [
        ("turn the floor lamp off", "HassTurnOff", ["light.living"]),
        ("Lights off in the kitchen", "HassTurnOff", ["light.kitchen", "light.counter"]),
        ("is the garage door open?", "HassGetState", ["cover.garage"]),
        (
            "what is the temperature in the living room?",
            "HassClimateGetTemperature",
            ["climate.living"],
        ),
        ("how humid is it in the bathroom", "HassGetState", ["sensor.bath"]),
        ("are any windows open in the bedroom?", "HassGetState", ["binary_sensor.window"]),
        ("lock the front door", "HassTurnOn", ["lock.front"]),
        ("unlock the front door please", "HassTurnOff", ["lock.front"]),
        ("open the kitchen blinds", "HassTurnOn", ["cover.kitchen"]),
        ("stop moving the kitchen blinds", "HassStopMoving", ["cover.kitchen"]),
        ("send rover back to its base", "HassVacuumReturnToBase", ["vacuum.rover"]),
        ("start rover", "HassVacuumStart", ["vacuum.rover"]),
        ("pause the music in the living room", "HassMediaPause", ["media_player.living"]),
        ("skip to the next song", "HassMediaNext", ["media_player.living"]),
        ("activate movie night", "HassTurnOn", ["scene.movie"]),
        ("what is the weather like", "HassGetWeather", ["weather.home"]),
    ],
)
def test_one_command(text: str, name: str, entities: list[str]) -> None:
    assert first(text)[:2] == (name, entities)


@pytest.mark.parametrize(
    ("text", "name", "slots"),
    [
        ("dim the floor lamp to 50 %", "HassLightSet", {"name": "Floor Lamp", "brightness": 50}),
        (
            *("set the living room lights to red at 30 %", "HassLightSet"),
            {"brightness": 30, "color": "red"},
        ),
        (
            *("set the thermostat to 21 degrees", "HassClimateSetTemperature"),
            {"name": "Thermostat", "temperature": 21},
        ),
        ("open the kitchen blinds to 40 percent", "HassSetPosition", {"position": 40}),
        ("set the mister to 45 percent humidity", "HassHumidifierSetpoint", {"humidity": 45}),
        ("add oat milk to my chores", "HassListAddItem", {"item": "oat milk"}),
        ("put oat milk on the shopping list", "HassShoppingListAddItem", {"item": "oat milk"}),
        ("check off oat milk on my chores", "HassListCompleteItem", {"item": "oat milk"}),
        ("set a pizza timer for 12 minutes", "HassStartTimer", {"minutes": 12, "name": "pizza"}),
        ("cancel the pizza timer", "HassCancelTimer", {"name": "pizza"}),
        ("add 5 minutes to the pizza timer", "HassIncreaseTimer", {"minutes": 5, "name": "pizza"}),
        ("how long is left on the pizza timer", "HassTimerStatus", {"name": "pizza"}),
        ("play some jazz in the bedroom", "HassMediaSearchAndPlay", {"search_query": "jazz"}),
    ],
)
def test_values_are_those_of_the_sentence(text: str, name: str, slots: dict[str, Any]) -> None:
    found = first(text)
    assert found[0] == name
    assert {k: v for k, v in found[2].items() if k in slots} == slots


@pytest.mark.parametrize(
    ("text", "here", "name", "entities"),
    [
        ("turn on the lights", "Kitchen", "HassTurnOn", ["light.kitchen", "light.counter"]),
        ("lights off in here", "Living Room", "HassTurnOff", ["light.living"]),
        ("make it warmer", "Living Room", "HassClimateSetTemperature", ["climate.living"]),
        ("turn off the floor lamp", "Kitchen", "HassTurnOff", ["light.living"]),
    ],
)
def test_what_is_said_in_a_room(text: str, here: str, name: str, entities: list[str]) -> None:
    assert first(text, here)[:2] == (name, entities)


def test_two_commands_in_one_sentence() -> None:
    found = does("please switch on the bedroom lamp and close the kitchen blinds")
    assert [(name, entities) for name, entities, _ in found] == [
        ("HassTurnOn", ["light.bedroom"]),
        ("HassTurnOff", ["cover.kitchen"]),
    ]


def test_all_but_some() -> None:
    name, entities, _ = first("turn off all the lights except the floor lamp")
    assert name == "HassTurnOff"
    assert set(entities) == {"light.kitchen", "light.counter", "light.bedroom"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("turn on the sauna heater", "does not have"),
        ("tell me a joke about a lamp", "not a command"),
        ("turn it on", "does not say"),
        ("turn on the floor lamp tomorrow", "does not say"),
        ("dim the floor lamp to 300 percent", "does not say"),
    ],
)
def test_what_is_not_done_has_a_reason(text: str, reason: str) -> None:
    answer = ask(text)
    assert answer["abstained"]
    assert reason in answer["reason"]


def test_schalte_das_licht_aus() -> None:
    assert first("schalte die Floor Lamp aus")[:2] == ("HassTurnOff", ["light.living"])
    assert first("stelle die Floor Lamp auf 30 Prozent")[2]["brightness"] == 30
