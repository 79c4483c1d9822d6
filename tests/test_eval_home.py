"""Homes in YAML: which states a sentence should change, and whether exactly those did."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadData
from evaluation import home
from evaluation.cases import Given
from evaluation.home_cases import HomeTask
from evaluation.home_colors import color_attributes
from evaluation.home_services import EntityState, Unmodelled, apply_intents
from evaluation.home_sets import home_tasks
from evaluation.home_states import Change, differences

ROOT = Path(__file__).resolve().parent.parent

FIXTURES = """
areas:
- name: Kitchen
  id: kitchen
  floor: Ground
- name: Living Room
devices:
- name: Ceiling Lamp
  id: lamp
  area: living_room
entities:
- name: Kitchen Light
  id: light.kitchen_light
  area: kitchen
  state: 'off'
  attributes: {supported_color_modes: [rgb], brightness: 100}
- id: light.ceiling_lamp
  device: lamp
  state: on
- name: Kitchen Blind
  id: cover.kitchen_blind
  area: kitchen
  state: closed
  attributes: {device_class: blind, current_position: 0, supported_features: 7}
- name: Hall Sensor
  id: sensor.hall
  state: 19.5
"""
RECORD = """
category: light
tests:
- sentences: [turn on the kitchen light, please switch the kitchen light on]
  setup:
    light.ceiling_lamp: {state: 'off'}
  expect_changes:
    light.kitchen_light: {state: 'on'}
  ignore_changes:
    light.kitchen_light: [brightness]
- sentences: [turn off the ceiling lamp]
  expect_changes:
    light.ceiling_lamp:
      state: 'off'
      attributes: {brightness: null, color_mode: null}
- sentences: [how warm is it in the hall]
  expect_response: ['19.5', nineteen]
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "assist" / "home1"
    folder.mkdir(parents=True)
    (folder / "_fixtures.yaml").write_text(FIXTURES)
    (folder / "light.yaml").write_text(RECORD)
    (tmp_path / "assist" / "dataset_card.yaml").write_text("name: assist\n")
    return tmp_path / "assist"


def judge(task: HomeTask, *intents: tuple[str, Mapping[str, Any], list[str]]) -> bool:
    told = [{"name": n, "slots": dict(s), "entities": e} for n, s, e in intents]
    (one,) = home.judged([task], {task.case: Given({"intents": told})})
    return one.right


def test_the_layout_gives_a_task_a_sentence(dataset: Path) -> None:
    tasks = list(home_tasks(dataset))
    assert [t.case for t in tasks] == [f"assist/home1/light.yaml:{n}" for n in (1, 2, 3, 4)]
    request = tasks[0].request()
    assert request["areas"] == ["Kitchen", "Living Room"]
    assert request["floors"] == [{"name": "Ground", "areas": ("Kitchen",)}]
    assert request["entities"][1] == {
        "entity_id": "light.ceiling_lamp",
        "name": "Ceiling Lamp",
        "area": "Living Room",
        "device_class": "",
        "state": "off",  # as setup has it; the fixture's bare `on` is no boolean
    }
    assert tasks[2].home is not None
    assert tasks[2].home.states["light.ceiling_lamp"].state == "on"
    assert tasks[0].wanted() == "light.kitchen_light on"


def test_exactly_the_expected_states_may_change(dataset: Path) -> None:
    on, _, off, ask = home_tasks(dataset)
    kitchen, lamp = ["light.kitchen_light"], ["light.ceiling_lamp"]
    assert judge(on, ("HassTurnOn", {}, kitchen))
    assert judge(on, ("HassLightSet", {"brightness": 20}, kitchen))  # brightness is ignored
    assert not judge(on, ("HassTurnOff", {}, kitchen))
    assert not judge(on, ("HassTurnOn", {}, kitchen + lamp))  # one too many
    assert not judge(on, ("HassTurnOn", {}, kitchen), ("HassTurnOn", {}, ["cover.kitchen_blind"]))
    assert not judge(on, ("HassLightSet", {"color": "red"}, kitchen))  # nobody asked for red
    assert not judge(on, ("HassFly", {}, kitchen))
    assert not judge(on, ("HassTurnOn", {}, ["light.of_others"]))
    assert judge(off, ("HassTurnOff", {}, lamp))
    assert judge(off, ("HassTurnOff", {}, lamp), ("HassTurnOff", {}, kitchen))  # it was off
    assert judge(ask, ("HassGetState", {}, ["sensor.hall"]))
    assert not judge(ask, ("HassGetState", {}, lamp))
    assert not judge(ask, ("HassTurnOn", {}, kitchen), ("HassGetState", {}, ["sensor.hall"]))


def test_declining_is_right_where_there_is_nothing_to_do(dataset: Path) -> None:
    (dataset / "home1" / "light.yaml").write_text(
        "category: none\ntests:\n- sentences: [tell me a joke]\n- sentences: [lamp on]\n"
        "  expect_changes: {light.kitchen_light: {state: 'on'}}\n"
    )
    tasks = list(home_tasks(dataset))
    outcomes = list(home.judged(tasks, {t.case: Given(None, 0.4) for t in tasks}))
    assert [o.silent_right for o in outcomes] == [True, False]
    assert [o.acts for o in outcomes] == [False, False]


def test_states_from_elsewhere_are_compared_too(dataset: Path) -> None:
    task = next(home_tasks(dataset))
    for state, right in (("on", True), ("off", False)):
        answer = {"changes": {"light.kitchen_light": {"state": state}}}
        (one,) = home.judged([task], {task.case: Given(answer)})
        assert one.right is right
    with pytest.raises(BadData, match=r"light.yaml:1 has not the form"):
        list(home.judged([task], {task.case: Given("turn on")}))


@pytest.mark.parametrize(
    ("entity", "state", "intent", "slots", "after"),
    [
        ("light.a", "off", "HassTurnOn", {}, "on"),
        ("light.a", "off", "HassLightSet", {"brightness": 50}, "on brightness=128"),
        ("light.a", "off", "HassLightSet", {"brightness": 30}, "on brightness=76"),
        ("light.a", "on", "HassLightSet", {"brightness": 0}, "off"),
        ("light.a", "on", "HassLightSet", {"temperature": 2700}, "on color_temp_kelvin=2700"),
        ("light.a", "off", "HassLightSet", {"brightness_step": 20}, "on brightness=51"),
        ("light.a", "off", "HassLightSet", {"brightness_step": -20}, "off"),
        ("fan.a", "off", "HassFanSetSpeed", {"percentage_step": 20}, "on percentage=20"),
        ("fan.a", "on", "HassTurnOff", {}, "off"),
        ("fan.a", "off", "HassFanSetSpeed", {"percentage": 33}, "on percentage=33"),
        ("cover.a", "closed", "HassOpenCover", {}, "open"),
        ("cover.a", "open", "HassSetPosition", {"position": 0}, "closed current_position=0"),
        ("valve.a", "closed", "HassTurnOn", {}, "open"),
        ("lock.a", "locked", "HassTurnOff", {}, "unlocked"),
        ("climate.a", "off", "HassTurnOn", {}, "heat_cool"),
        ("climate.a", "cool", "HassTurnOn", {}, "cool"),
        ("climate.a", "heat", "HassClimateSetTemperature", {"temperature": 21.5}, "heat temperature=21.5"),
        ("media_player.a", "playing", "HassMediaPause", {}, "paused"),
        ("media_player.a", "paused", "HassSetVolume", {"volume_level": 35}, "paused volume_level=0.35"),
        ("vacuum.a", "docked", "HassVacuumStart", {}, "cleaning"),
        ("vacuum.a", "cleaning", "HassVacuumReturnToBase", {}, "returning"),
        ("todo.a", "2", "HassListAddItem", {"item": "milk"}, "3"),
        ("scene.a", "", "HassTurnOn", {}, ""),
        ("light.a", "on", "HassToggle", {}, "off"),
        ("light.a", "on", "HassGetState", {}, "on"),
    ],
)  # fmt: skip
def test_services(entity: str, state: str, intent: str, slots: dict[str, Any], after: str) -> None:
    before = {entity: EntityState(state)}
    one = apply_intents(before, [(intent, slots, [entity])])[entity]
    commanded = [f"{name}={one.attributes[name]}" for name in sorted(one.commanded)]
    assert " ".join(filter(None, (one.state, *commanded))) == after
    assert before[entity] == EntityState(state)


@pytest.mark.parametrize(
    ("entity", "intent", "slots"),
    [
        ("light.a", "HassSetPosition", {"position": 3}),
        ("light.a", "HassLightSet", {}),
        ("light.a", "HassLightSet", {"brightness": 101}),
        ("light.a", "HassLightSet", {"color": "loud"}),
        ("light.a", "HassLightSet", {"brightness": "much"}),
        ("climate.a", "HassClimateSetTemperature", {"temperature_step": 1}),
        ("sensor.a", "HassTurnOn", {}),
        ("scene.a", "HassTurnOff", {}),
        ("todo.a", "HassListAddItem", {"item": "x"}),
    ],
)
def test_what_has_no_service_is_no_change(entity: str, intent: str, slots: dict[str, Any]) -> None:
    with pytest.raises(Unmodelled):
        apply_intents({entity: EntityState("x")}, [(intent, slots, [entity])])


@pytest.mark.parametrize(
    ("named", "right"),
    [
        ({"rgb_color": [255, 0, 0]}, True),
        ({"rgbw_color": (255, 0, 0, 0)}, True),
        ({"hs_color": [0.0, 100.0]}, True),
        ({"rgb_color": [0, 0, 255]}, False),
        ({"rgb_color": [255, 0, 0], "brightness": 10}, False),
        ({}, False),
    ],
)
def test_a_color_is_one_value_in_any_form(named: dict[str, Any], right: bool) -> None:  # noqa: FBT001
    before = {"light.a": EntityState("on")}
    after = apply_intents(before, [("HassLightSet", {"color": "red"}, ["light.a"])])
    found = differences(before, after, {"light.a": Change("on", named)}, {})
    assert (found == []) is right


def test_what_a_light_shows_only_while_it_is_on_is_not_compared_when_it_is_off() -> None:
    before = {"light.a": EntityState("on", {"brightness": 40})}
    after = apply_intents(before, [("HassTurnOff", {}, ["light.a"])])
    for brightness in (None, 40, 255):
        assert not differences(
            before, after, {"light.a": Change("off", {"brightness": brightness})}, {}
        )
    assert differences(before, before, {"light.a": Change("on", {"brightness": 255})}, {})


def test_white_goes_into_the_white_of_a_light_that_has_one() -> None:
    white = color_attributes("White")
    assert white is not None
    assert white["rgbw_color"] == [0, 0, 0, 255]
    assert color_attributes("no such") is None


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("light.yaml", "tests: [", ["light.yaml:2 is no YAML"]),
        ("light.yaml", "hello: 1", ["light.yaml is no record"]),
        ("light.yaml", "category: x\ntests: [{expect_changes: {}}]", ["test 1 has no sentences"]),
        ("light.yaml", "category: x\ntests: [{sentences: [a], setup: {light.x: {state: a}}}]", ["setup names light.x"]),
        ("light.yaml", "category: x\ntests: [{sentences: [a], expect_changes: {light.ceiling_lamp: 3}}]", ["no state or"]),
        ("light.yaml", "category: x\ntests: [{sentences: [a], ignore_changes: {a: b}}]", ["ignore_changes"]),
        ("_fixtures.yaml", "areas: []", ["_fixtures.yaml lists no entities"]),
        ("_fixtures.yaml", "entities: [{name: x}]", ["entity 1 has no id"]),
        ("_fixtures.yaml", "entities: []\nareas: [{id: x}]", ["entry 1 of areas"]),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named(dataset: Path, file: str, content: str, words: list[str]) -> None:
    (dataset / "home1" / file).write_text(content)
    with pytest.raises(BadData) as fault:
        list(home_tasks(dataset))
    for word in words:
        assert word in str(fault.value)


def test_devices_make_a_home_and_their_actions_its_tasks(tmp_path: Path) -> None:
    for name, kind, actions in (
        ("Lamp", "light-dimmable", {"Turn off": ["lamp off"], "Set brightness": ["lamp to 40%", "lamp brighter"]}),
        ("Bedroom 2 Light", "light", {"Turn on": ["bedroom 2 light on", "on"]}),
        ("Speaker", "smart-speaker", {"Pause": ["pause"], "Dance": ["dance"]}),
    ):  # fmt: skip
        told = {
            "home": "h",
            "device": {"name": name, "device_type": kind, "area": "Hall"},
            "actions": {"actions": [{"action": a, "sentences": s} for a, s in actions.items()]},
        }
        (tmp_path / f"{name}.yaml").write_text(json.dumps(told))
    (tmp_path / "empty.yaml").write_text("")
    found = {t.text: (t.domain, t.wanted()) for t in home_tasks(tmp_path)}
    assert found == {
        "lamp off": ("light: turn off", "light.lamp off"),
        "lamp to 40%": ("light: set brightness", "light.lamp on brightness=102"),
        "bedroom 2 light on": ("light: turn on", "light.bedroom_2_light on"),
        "pause": ("media_player: pause", "media_player.speaker paused"),
    }


def test_our_own_rows_are_exact_intents(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    entities = [{"entity_id": "light.a", "name": "Lamp"}]
    intent = {"name": "HassTurnOn", "slots": {"name": "Lamp"}, "entities": ["light.a"]}
    rows = [
        {"text": "lamp on", "entities": entities, "intents": [intent], "topic": "t"},
        {"text": "tell a joke", "entities": entities, "intents": []},
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    on, joke = home_tasks(file)
    assert (on.domain, on.request()) == ("t", {"text": "lamp on", "entities": entities})
    assert judge(on, ("HassTurnOn", {"area": "Hall"}, ["light.a"]))  # where it acts is in entities
    assert not judge(on, ("HassLightSet", {"brightness": 3}, ["light.a"]))
    assert joke.nothing_to_do
    file.write_text('{"text": "x"}\n')
    with pytest.raises(BadData, match=r"rows.jsonl:1"):
        list(home_tasks(file))


def test_the_shipped_model_is_asked_through_the_handler(dataset: Path) -> None:
    folder = ROOT / "models" / "home"
    before = sorted((f.name, f.stat().st_mtime_ns) for f in folder.iterdir())
    tasks = list(home_tasks(dataset))
    outcomes = list(home.answered(folder, tasks))
    assert sum(o.right for o in outcomes[:3]) >= 2  # which ones is the model's affair
    assert all(0 < o.probability <= 1 and o.seconds > 0 for o in outcomes)
    assert sorted((f.name, f.stat().st_mtime_ns) for f in folder.iterdir()) == before
