"""What is decided before and after the model: spellings, the room of the speaker, classes, players."""

import json
import random

import msgspec
import pytest

from data.home_commands import sample
from engine.tokenizer import END, Tokenizer
from handlers.home_actions import grammar, parse, resolve, words_of
from handlers.home_control import effect
from handlers.home_doubts import doubt_of
from handlers.home_items import items
from handlers.home_kinds import fits_kind, of_class
from handlers.home_scene import Context, Entity, Scene, located
from handlers.home_speech import asks_for_state
from handlers.home_spelling import Lines, spell
from handlers.home_view import View, view

HOME = (
    Entity("light.hall", "Lamp", "Hall"),
    Entity("light.k1", "Lamp", "Kitchen"),
    Entity("light.k2", "Ceiling Light", "Kitchen"),
    Entity("media_player.tv", "Television", "Hall", state="playing"),
    Entity("media_player.box", "Boombox", "Hall", state="off"),
    Entity("binary_sensor.w", "Pane", "Kitchen", device_class="window"),
    Entity("binary_sensor.m", "Eye", "Kitchen", device_class="motion"),
    Entity("input_boolean.guests", "Guest Mode"),
    Entity("switch.s", "Kettle", "Kitchen"),
    Entity("weather.w", "Outside"),
    Entity("sensor.pond_temperature", "Pond Temperature"),
    Entity("switch.pond_pump", "Pond Pump"),
    Entity("climate.cellar", "Wine Cellar Thermostat", "Storage"),
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.load("models/tokenizer.json")


def see(text: str, here: str = "") -> tuple[Scene, View]:
    scene = located(Scene(text, HOME, context=Context(here)))
    return scene, view(scene)


def read(text: str, here: str = "") -> str:
    return see(text, here)[1].prompt


def acted_on(text: str, line: str, here: str = "") -> set[str]:
    scene, shown = see(text, here)
    assert grammar(shown).accepts(line), shown.prompt
    return {e for action in parse(line) for e in resolve(action, scene, shown, 1.0).entities}


def test_a_word_has_one_spelling(tokenizer: Tokenizer) -> None:
    _, shown = see("put smoked paprika on the shopping list")
    line = Lines(grammar(shown), words_of(shown), tokenizer).start()
    for word in ("HassShoppingListAddItem", " -", " item"):
        for token in spell(tokenizer, word):
            assert token in line.allowed()
            line.advance(token)
    for word in (" smoked", " paprika"):
        for token in spell(tokenizer, word):
            # The grammar has further spellings, letter by letter; none of them is offered.
            assert list(line.allowed()) == [token]
            line.advance(token)
    assert END in line.allowed()


def test_a_word_is_no_beginning_of_another(tokenizer: Tokenizer) -> None:
    _, shown = see("buy limes")
    line = Lines(grammar(shown), [*words_of(shown), "lime"], tokenizer).start()
    for token in tokenizer.encode("HassShoppingListAddItem - item"):
        line.advance(token)
    assert list(line.allowed()) == [spell(tokenizer, " limes")[0]]


def test_spelling_word_by_word_is_spelling_the_line(tokenizer: Tokenizer) -> None:
    rng = random.Random(8)
    written = 0
    while written < 60:
        one = sample("train", rng)
        shown = view(located(one.scene))
        line = one.line(shown)
        if line is None or not grammar(shown).accepts(line):
            continue
        writing = Lines(grammar(shown), words_of(shown), tokenizer).start()
        for token in tokenizer.encode(line):
            assert token in writing.allowed(), (line, shown.prompt)
            writing.advance(token)
        assert END in writing.allowed()
        written += 1


def test_a_number_above_a_hundred_is_shown_as_such() -> None:
    assert "to big N percent" in read("dim the ceiling light to 250%")
    assert "to N percent" in read("dim the ceiling light to 50%")


def test_a_word_for_a_level_that_is_said_twice_has_one_letter() -> None:
    _, shown = see("ceiling light to the maximum, full")
    assert shown.numbers == {"N": 100.0}


@pytest.mark.parametrize(
    ("text", "here", "prompt"),
    [
        ("turn on the lights", "Kitchen", "turn on the lights in room R\nR light\n* light\n>"),
        ("lights off in here", "Hall", "lights off in room R\nR light\n* light\n>"),
        ("lights off in this room", "Hall", "lights off in room R\nR light\n* light\n>"),
        ("turn off all lights", "Kitchen", "turn off all lights\n* light\n>"),
        ("turn off the kettle", "Hall", "turn off the switch A\n>"),
        ("turn on the lights", "", "turn on the lights\n* light\n>"),
        ("start a timer", "Kitchen", "start a timer\n>"),
        (
            "turn on the lights in the hall",
            "Kitchen",
            "turn on the lights in the room R\nR light\n* light\n>",
        ),
    ],
)
def test_what_names_nothing_is_meant_here(text: str, here: str, prompt: str) -> None:
    assert read(text, here) == prompt


def test_of_two_with_one_name_the_one_in_the_room_is_meant() -> None:
    assert "lamp light ?" in read("turn on the lamp")
    _, shown = see("turn on the lamp", "Hall")
    assert shown.entities["A"].entity_id == "light.hall"


def test_an_area_may_be_told_in_another_spelling() -> None:
    scene = located(Scene("lights on", HOME, context=Context("kitchen")))
    assert scene.context.area == "Kitchen"


def test_commands_for_all_that_plays_reach_what_plays() -> None:
    assert acted_on("pause the music in the hall", "HassMediaPause R media_player") == {
        "media_player.tv"
    }
    assert "* one media_player" in read("next song please")
    both = {"media_player.tv", "media_player.box"}
    assert acted_on("turn off the music in the hall", "HassTurnOff R media_player") == both


def test_a_question_about_windows_is_not_one_about_motion() -> None:
    assert acted_on("are the windows open in the kitchen", "HassGetState R binary_sensor") == {
        "binary_sensor.w"
    }
    assert "R binary_sensor" not in read("are the windows open in the hall")


def test_no_radio_is_a_television() -> None:
    tv, radio = (next(e for e in HOME if e.entity_id.endswith(x)) for x in (".tv", ".box"))
    assert fits_kind(tv, "tv")
    assert not fits_kind(radio, "tv")
    assert of_class((tv, radio), ("turn", "off", "tv")) == [tv]
    assert of_class((radio,), ("turn", "off", "tv")) == [radio]


def test_what_is_only_like_a_switch_is_in_no_group() -> None:
    _, shown = see("turn on guest mode")
    assert shown.entities["A"].kind() == "switch"
    assert acted_on("turn off all switches", "HassTurnOff all switch") == {
        "switch.s",
        "switch.pond_pump",
    }


def test_the_weather_is_that_of_the_weather_entity() -> None:
    assert acted_on("what is the weather like", "HassGetWeather -") == {"weather.w"}


def test_how_cold_the_pond_is_asks_its_thermometer() -> None:
    _, shown = see("how cold is the pond")
    assert [e.entity_id for e in shown.entities.values()] == ["sensor.pond_temperature"]


def test_a_thing_in_what_is_no_room_may_have_both_in_its_name() -> None:
    assert read("turn on the thermostat in the wine cellar") == "turn on the climate A\n>"


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("i'd appreciate oat milk on the shopping list", "oat milk"),
        ("cancel the pizza timer", "pizza"),
        ("play yellow submarine in the kitchen", "yellow submarine"),
        ("play yellow submarine on the boombox", "yellow submarine"),
        ("check off dog food from my shopping list", "dog food"),
    ],
)
def test_what_may_be_a_text(text: str, item: str) -> None:
    assert item in items(see(text)[1]).values()


@pytest.mark.parametrize(
    ("text", "line", "slots"),
    [
        ("cancel the pizza timer", "HassCancelTimer - called pizza", {"name": "pizza"}),
        ("cancel the 10 minute timer", "HassCancelTimer - minutes N", {"start_minutes": 10.0}),
        (
            *("add 5 minutes to the tea timer", "HassIncreaseTimer - minutes N called tea"),
            {"minutes": 5.0, "name": "tea"},
        ),
        ("how long is left", "HassTimerStatus -", {}),
        (
            *("play jazz on the boombox", "HassMediaSearchAndPlay A query jazz"),
            {"search_query": "jazz", "name": "Boombox"},
        ),
        (
            *("ceiling light warm white at 40%", "HassLightSet A brightness M temperature N"),
            {"name": "Ceiling Light", "brightness": 40.0, "temperature": 2700.0},
        ),
    ],
)
def test_slots_have_the_names_of_home_assistant(text: str, line: str, slots: object) -> None:
    scene, shown = see(text)
    assert grammar(shown).accepts(line), shown.prompt
    assert resolve(parse(line)[0], scene, shown, 1.0).slots == slots


def test_two_ways_to_say_the_same_have_one_effect() -> None:
    scene, shown = see("turn off the light in the hall")
    ways = ("HassTurnOff A", "HassTurnOff R light")
    assert shown.prompt.startswith("turn off the")
    assert len({effect(way, scene, shown) for way in ways if grammar(shown).accepts(way)}) == 1
    assert effect("HassTurnOff R light", scene, shown) != effect("HassTurnOn R light", scene, shown)
    assert effect("none unclear", scene, shown) == frozenset()


def test_a_request_may_tell_where_it_was_spoken() -> None:
    told = json.dumps({"text": "lights on", "context": {"area": "Hall"}})
    assert msgspec.json.decode(told, type=Scene).context.area == "Hall"


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("what about the lamp, is it on", True),
        ("do you know if the windows are open", True),
        ("would you say the door is locked", True),
        ("turn it off if it is on", False),
        ("do you think you could see that the lamp is on", False),
        ("is it ok to turn on the lamp", False),
    ],
)
def test_a_question_for_a_state_is_known_by_its_form(text: str, asked: bool) -> None:  # noqa: FBT001
    assert asks_for_state(text) == asked


def test_what_was_named_and_is_left_out_is_a_doubt() -> None:
    scene, shown = see("turn on the kettle and turn off the ceiling light")
    whole, half = "HassTurnOn A; HassTurnOff B", "HassTurnOn A"
    assert doubt_of(whole, scene, shown) == 0.0
    assert doubt_of(half, scene, shown) < 0.0


def test_a_thing_of_a_room_that_is_not_here_is_a_doubt() -> None:
    told = {
        text: doubt_of("HassTurnOn A", *see(text))
        for text in (
            "turn on the kettle",
            "turn on the observatory kettle",
            "turn on my old kettle",
        )
    }
    assert [doubt < 0.0 for doubt in told.values()] == [False, True, False]


def test_a_garage_door_is_one_whatever_it_is_called() -> None:
    opener = Entity("cover.g", "Garage Opener", "Garage", device_class="garage")
    shown = view(located(Scene("open the garage door", (*HOME, opener))))
    assert shown.prompt.startswith("open the cover A\n")


def test_a_lamp_that_is_called_lamp_is_no_riddle_where_a_room_is_named() -> None:
    cellar = Entity("light.c", "Bulb", "Cellar")
    shown = view(located(Scene("the lamp on in the cellar", (*HOME, cellar))))
    assert shown.prompt.startswith("the lamp on in the room R\n")
    assert " light ? " in read("is the lamp still on")


@pytest.mark.parametrize(("state", "intent"), [("off", "HassTurnOn"), ("heat", None)])
def test_more_warmth_from_a_heater_that_is_off_turns_it_on(state: str, intent: str | None) -> None:
    scene = located(Scene("heat the den", (Entity("climate.d", "Radiator", "Den", state=state),)))
    (action,) = parse("HassClimateSetTemperature R climate change up")
    found = resolve(action, scene, view(scene), 1.0)
    assert found.name == (intent or action.intent)
    assert ("temperature_step" in found.slots) is (intent is None)
    assert found.entities == ("climate.d",)


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("turn on the refrigerator", "turn on the switch ~A\n"),
        ("turn on the garage fridge", "turn on the switch A\n"),
        ("is it warm in the lounge", "is it warm in the room R\n"),
        ("turn off the desk light", "turn off the light ~A\n"),
        ("turn off the loft light", "turn off the light ~A\n"),
    ],
)
def test_a_thing_may_be_called_by_another_word_for_it(text: str, prompt: str) -> None:
    home = (
        Entity("switch.f", "Fridge", "Garage"),
        Entity("light.d", "Desk Lamp", "Living Room"),
        Entity("light.a", "Attic Light", "Attic"),
    )
    assert view(located(Scene(text, home))).prompt.startswith(prompt)


def test_what_is_called_so_comes_before_what_might_be() -> None:
    home = (Entity("switch.a", "Fridge", "Garage"), Entity("switch.b", "Refrigerator", "Kitchen"))
    shown = view(located(Scene("turn on the refrigerator", home)))
    assert [entity.entity_id for entity in shown.entities.values()] == ["switch.b"]
    two = (Entity("light.a", "Desk Lamp", "Hall"), Entity("light.b", "Desk Lamp", "Den"))
    assert not view(located(Scene("turn on the desk light", two))).entities
