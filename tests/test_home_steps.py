"""What Home Assistant is asked to do for what was understood, and what is said aloud. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bus_topics.codec import MAX_CONTENT
from doors.home_exposed import (
    MOST_ENTITIES,
    Area,
    Attributes,
    Device,
    Exposure,
    Floor,
    Home,
    Registries,
    RegistryEntry,
    Settings,
    State,
    home_of,
)
from doors.home_speech import done, known, language_of, plain, sorry, told
from doors.home_steps import CannotError, Meant, Step, steps_of

NOON = datetime(2026, 1, 2, 12, 5, tzinfo=UTC)


def state(id_: str, said: str = "on", name: str = "", **attributes: Any) -> State:
    friendly = name or id_.partition(".")[2].replace("_", " ").title()
    return State(id_, said, Attributes(friendly_name=friendly, **attributes))


STATES = (
    state("light.kitchen", brightness=102),
    state("light.lamp", "off"),
    state("light.ceiling"),
    state("light.hall", "off"),
    state("switch.kettle", "off"),
    state("cover.blind", "closed"),
    state("fan.attic", percentage=90),
    state("climate.bath", "heat", temperature=21, current_temperature=20.5),
    state("sensor.bath", "21.5", unit_of_measurement="°C"),
    state("binary_sensor.window", "on", device_class="window"),
    state("weather.home", "partlycloudy", temperature=7),
)
HIDDEN = {"light.hall"}


def registries(**changes: Any) -> Registries:
    areas = {"light.kitchen": "kit", "light.lamp": "liv", "light.hall": "hall"}
    entries = tuple(RegistryEntry(one.entity_id, areas.get(one.entity_id), "tv") for one in STATES)
    told_: dict[str, Any] = {
        "exposed": tuple(s.entity_id for s in STATES if s.entity_id not in HIDDEN),
        "entries": entries,
        "detailed": {"light.lamp": RegistryEntry("light.lamp", aliases=("Reader", None, " "))},
        "devices": (Device("tv", "liv"), Device("loose")),
        "areas": (
            Area("kit", "Kitchen", "ground", aliases=("Cooking Place",)),
            Area("liv", "Living Room", "ground"),
            Area("hall", "Hall"),
        ),
        "floors": (Floor("ground", "Ground Floor", aliases=("downstairs",)),),
        "settings": Settings(language="de", time_zone="Europe/Berlin"),
    }
    return Registries(**(told_ | changes))


HOME = home_of(registries(), STATES)


def steps(name: str, slots: dict[str, Any], *ids: str, only_exposed: bool = False) -> list[Step]:
    return steps_of((Meant(name, slots, ids),), HOME, only_exposed=only_exposed)


def test_only_what_is_exposed_is_told_with_the_area_of_its_own_or_its_device() -> None:
    scene = HOME.scene("hello", device="tv")
    told_ = {one["entity_id"]: one for one in scene["entities"]}
    assert "light.hall" not in told_
    assert told_["light.kitchen"]["area"] == "Kitchen"
    assert told_["light.ceiling"]["area"] == "Living Room"
    assert told_["light.lamp"]["aliases"] == ("Reader",)
    assert scene["areas"] == ["Kitchen", "Living Room", "Hall"]
    assert scene["context"] == {"area": "Living Room"}
    assert {p["name"]: p["areas"] for p in scene["floors"]} == {
        "Ground Floor": ["Kitchen", "Living Room"],
        "Cooking Place": ["Kitchen"],
    }


def test_a_large_home_is_cut_to_what_a_request_may_hold() -> None:
    many = tuple(
        state(f"light.a{n}", name="x" * max(5, 500 - 9 * n)) for n in range(MOST_ENTITIES + 5)
    )
    shown = Exposure({one.entity_id: {"conversation": True} for one in many}).to_assist()
    home = home_of(
        registries(
            exposed=shown,
            areas=tuple(Area(f"a{n}", f"Area {n}" * max(1, 50 - n)) for n in range(300)),
            floors=tuple(Floor(f"f{n}", f"Floor {n}") for n in range(80)),
        ),
        many,
    )
    scene = home.scene("hello")
    assert len(scene["entities"]) == MOST_ENTITIES
    assert len(scene["areas"]) == 200
    assert len(scene["floors"]) == 50
    assert max(len(one["name"]) for one in scene["entities"]) == 200


def test_names_however_long_leave_a_scene_that_fits_the_bus() -> None:
    many = tuple(state(f"light.a{n}", name="\u00e4" * 200) for n in range(MOST_ENTITIES))
    detailed = {
        one.entity_id: RegistryEntry(
            one.entity_id, aliases=tuple("\u00f6" * n for n in range(99, 120))
        )
        for one in many
    }
    areas = tuple(Area(f"a{n}", f"{n}" + "\u00fc" * 197, f"f{n % 50}") for n in range(200))
    floors = tuple(Floor(f"f{n}", f"{n}" + "\u00fc" * 197) for n in range(50))
    exposed = tuple(one.entity_id for one in many)
    told_ = registries(exposed=exposed, detailed=detailed, areas=areas, floors=floors)
    scene = home_of(told_, many).scene("s" * 500)
    size = len(msgspec.json.encode(scene))
    assert MAX_CONTENT - 16 * 1024 < size <= MAX_CONTENT


def test_one_entity_is_named_by_its_id_whatever_its_name() -> None:
    assert steps("HassTurnOn", {"name": "Lamp"}, "light.lamp") == [
        Step("HassTurnOn", {"name": "light.lamp"})
    ]


def test_a_room_is_named_where_that_reaches_the_same_and_no_more() -> None:
    slots = {"area": "Living Room", "domain": "light"}
    assert steps("HassTurnOn", slots, "light.lamp", "light.ceiling") == [
        Step("HassTurnOn", {"area": "Living Room", "domain": "light"})
    ]
    assert steps("HassTurnOff", slots, "light.ceiling") == [
        Step("HassTurnOff", {"name": "light.ceiling"})
    ]


@pytest.mark.parametrize(
    ("only_exposed", "expected"),
    [
        (False, [{"name": f"light.{x}"} for x in ("kitchen", "lamp", "ceiling")]),
        (True, [{"domain": "light"}]),
    ],
)
def test_what_is_not_exposed_is_never_reached_by_a_group(
    *, only_exposed: bool, expected: list[dict[str, Any]]
) -> None:
    ids = ("light.kitchen", "light.lamp", "light.ceiling")
    found = steps("HassTurnOff", {"domain": "light"}, *ids, only_exposed=only_exposed)
    assert [step.slots for step in found] == expected


def test_everything_is_a_step_for_each_domain() -> None:
    ids = ("light.kitchen", "light.lamp", "light.ceiling", "switch.kettle", "fan.attic")
    assert [one.slots for one in steps("HassTurnOff", {}, *ids, only_exposed=True)] == [
        {"domain": "light"},
        {"name": "switch.kettle"},
        {"name": "fan.attic"},
    ]


def test_another_name_of_an_area_is_told_in_the_slot_that_home_assistant_knows_it_by() -> None:
    place = HOME.place({"floor": "Cooking Place"})
    assert place is not None
    assert (place.slot, place.areas) == ("area", frozenset({"Kitchen"}))
    floor = HOME.place({"floor": "Ground Floor"})
    assert floor is not None
    assert floor.slot == "floor"
    assert HOME.place({"floor": "Cellar"}) is None


@pytest.mark.parametrize(
    ("intent", "id_", "slot", "by", "expected"),
    [
        ("HassLightSet", "light.kitchen", "brightness_step", 15.0, {"brightness": 55}),
        ("HassLightSet", "light.kitchen", "brightness_step", -90.0, {"brightness": 1}),
        ("HassLightSet", "light.lamp", "brightness_step", 15.0, {"brightness": 15}),
        ("HassFanSetSpeed", "fan.attic", "percentage_step", 20.0, {"percentage": 100}),
        (
            "HassClimateSetTemperature",
            "climate.bath",
            "temperature_step",
            -1.0,
            {"temperature": 20.0},
        ),
    ],
)
def test_a_step_becomes_the_value_that_home_assistant_takes(
    intent: str, id_: str, slot: str, by: float, expected: dict[str, float]
) -> None:
    assert steps(intent, {"name": "x", slot: by}, id_) == [Step(intent, {"name": id_, **expected})]


def test_whole_numbers_are_told_as_such_and_a_timers_name_is_a_value() -> None:
    assert steps("HassStartTimer", {"minutes": 5.0, "name": "pizza"}) == [
        Step("HassStartTimer", {"minutes": 5, "name": "pizza"})
    ]


@pytest.mark.parametrize(
    "meant",
    [
        Meant("HassTurnOff", {"name": "Hall"}, ("light.hall",)),
        Meant("HassTurnOff", {}, ("lock.front",)),
        Meant("shell_command", {}, ()),
        Meant("HassClimateSetTemperature", {"temperature_step": 1.0}, ("light.lamp",)),
    ],
)
def test_an_answer_beyond_what_is_exposed_or_known_is_not_carried_out(meant: Meant) -> None:
    with pytest.raises(CannotError):
        steps_of((meant,), HOME, only_exposed=True)


def test_a_step_that_is_no_number_is_not_taken() -> None:
    meant = Meant("HassLightSet", {"brightness_step": "more"}, ("light.lamp",))
    with pytest.raises(CannotError, match="brightness_step"):
        steps_of((meant,), HOME, only_exposed=True)


def test_a_slot_never_widens_a_command_that_names_no_entity() -> None:
    assert steps("HassTurnOff", {"domain": "lock"}) == [Step("HassTurnOff", {})]


@pytest.mark.parametrize(
    ("meant", "english", "german"),
    [
        (Meant("HassTurnOn", {}, ("light.lamp",)), "Turned on Lamp.", "Lamp eingeschaltet."),
        (Meant("HassTurnOff", {}, ("cover.blind",)), "Closed Blind.", "Blind geschlossen."),
        (Meant("HassStartTimer", {"minutes": 5.0}), "Done.", "Erledigt."),
        (
            Meant("HassTurnOff", {}, ("light.lamp", "switch.kettle", "fan.attic")),
            "Turned off Lamp, Kettle and Attic.",
            "Lamp, Kettle und Attic ausgeschaltet.",
        ),
    ],
)
def test_what_was_done_is_said_in_both_languages(meant: Meant, english: str, german: str) -> None:
    assert done((meant,), HOME, "en") == english
    assert done((meant,), HOME, "de") == german


@pytest.mark.parametrize(
    ("name", "ids", "english", "german"),
    [
        ("HassGetState", ("sensor.bath",), "Bath is 21.5 °C.", "Bath ist 21,5 °C."),
        ("HassGetState", ("binary_sensor.window",), "Window is open.", "Window ist offen."),
        (
            "HassGetState",
            ("light.kitchen", "light.lamp", "light.ceiling"),
            "On: Kitchen and Ceiling. Off: Lamp.",
            "An: Kitchen und Ceiling. Aus: Lamp.",
        ),
        (
            "HassClimateGetTemperature",
            ("climate.bath",),
            "Bath is 20.5 degrees.",
            "Bath ist 20,5 Grad.",
        ),
        ("HassGetWeather", ("weather.home",), "partly cloudy, 7 °.", "teils bewölkt, 7 °."),
        ("HassGetCurrentTime", (), "It is 12:05.", "Es ist 12:05 Uhr."),
        ("HassGetCurrentDate", (), "Today is 2026-01-02.", "Heute ist der 02.01.2026."),
        ("HassTimerStatus", (), "", ""),
    ],
)
def test_questions_are_answered_from_the_states(
    name: str, ids: tuple[str, ...], english: str, german: str
) -> None:
    meant = (Meant(name, {}, ids),)
    assert told(meant, HOME, "en", NOON) == english
    assert told(meant, HOME, "de", NOON) == german


def test_a_name_with_braces_is_no_template_for_home_assistant() -> None:
    sly = state("light.x", name="{{ states('lock.front') }}{% if 1 %}")
    home = home_of(registries(exposed=("light.x",)), (sly,))
    said = done((Meant("HassTurnOn", {}, ("light.x",)),), home, "en")
    assert not set(said) & set("{}")
    assert plain("a { b }") == "a ( b )"


def test_the_language_told_first_is_spoken() -> None:
    assert language_of(None, "de-DE", "en") == "de"
    assert language_of("en", "de") == "en"
    assert language_of("fr") == "en"
    assert language_of(None) == "en"
    assert sorry("device", "de") != sorry("device", "en")
    assert sorry("a word nobody knows", "en") == sorry("other", "en")


def test_an_empty_home_is_a_scene_too() -> None:
    assert Home().scene("what time is it") == {
        "text": "what time is it",
        "entities": [],
        "areas": [],
        "floors": [],
        "context": {"area": ""},
    }


def test_a_doubt_that_is_no_word_of_ours_is_not_repeated() -> None:
    assert (known("unclear"), known("turn on the light in the bedroom")) == ("unclear", "other")
