"""From a sentence and a home to what the model reads, and from the model's line back to intents."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.home_actions import Action, choices, grammar, parse, resolve
from handlers.home_items import items
from handlers.home_scene import Entity, Floor, Scene, located
from handlers.home_speech import normalise, numbers, words
from handlers.home_view import ENTITY_LETTERS, View, view

KITCHEN = (
    Entity("light.k1", "Ceiling Light", "Kitchen"),
    Entity("light.k2", "Counter Strip", "Kitchen"),
    Entity("cover.k", "Blinds", "Kitchen"),
    Entity("cover.g", "Garage Door", "Garage"),
    Entity("light.b", "Zorvan", "Bedroom"),
    Entity("todo.t", "Errands"),
    Entity("fan.b", "Breeze", "Bedroom"),
)
AREAS = ("Kitchen", "Garage", "Bedroom")
FLOORS = (Floor("Ground floor", ("Kitchen", "Garage"), ("downstairs",)),)


def see(text: str, entities: tuple[Entity, ...] = KITCHEN) -> tuple[Scene, View]:
    scene = located(Scene(text, entities, AREAS, FLOORS))
    return scene, view(scene)


def place(shown: View, name: str) -> str:
    return next(x for x, one in shown.places.items() if one.name == name)


def first_line(text: str, entities: tuple[Entity, ...] = KITCHEN) -> str:
    return see(text, entities)[1].prompt.splitlines()[0]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Set it to twenty-five percent, please!", "set it to 25 percent, please"),
        ("minus 5 degrees", "-5 degrees"),
        ("turn that one off", "turn that one off"),
        ("one more thing", "one more thing"),
        ("lamp three at 50%", "lamp 3 at 50 percent"),
        ("auf 24grad", "auf 24 grad"),
        ("in half an hour", "in 30 minutes"),
        ("in an hour and a half", "in 90 minutes"),
        ("two and a half minutes", "2 minutes 30 seconds"),
        ("", ""),
    ],
)
def test_number_words_become_digits(said: str, meant: str) -> None:
    assert normalise(said) == meant


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("to 21.5 degrees", ["21.5"]),
        ("to -5 degrees", ["-5"]),
        ("down to half, please", ["50"]),
        ("to the max", ["100"]),
        ("turn it on", []),
        ("set a timer for 5 minutes", ["5"]),
    ],
)
def test_numbers_are_those_that_the_sentence_says(said: str, found: list[str]) -> None:
    assert numbers(normalise(said)) == found


def test_words_lose_plural_and_possessive() -> None:
    assert words("Emma's Switches, batteries & glasses") == ("emma", "switch", "battery", "glass")


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("turn off the zorvan", "turn off the light A"),
        ("turn off the zorvn", "turn off the light A"),
        ("turn off the breeze in the bedroom", "turn off the fan A"),
        ("bedroom breeze off", "fan A off"),
        ("turn off the kitchen lights", "turn off the room R lights"),
        ("dim all lamps downstairs to 20%", "dim all lamps floor R to N percent"),
        ("dim the zorvan to half", "dim the light A to half N"),
        ("open the garage door", "open the cover A"),
        ("turn on the counter", "turn on the counter light ~A"),
        ("turn on the breeze in the kitchen", "turn on the breeze in the room R"),
        ("turn on the chandelier", "turn on the chandelier"),
    ],
)
def test_what_is_named_becomes_a_letter_and_all_else_stays(said: str, read: str) -> None:
    assert first_line(said) == read


def test_all_lamps_are_not_the_one_called_lamps() -> None:
    home = (Entity("light.a", "Lamps", "Kitchen"), Entity("light.b", "Spot", "Kitchen"))
    assert first_line("turn on the lamps", home) == "turn on the lamps light A"
    assert first_line("turn on all lamps", home) == "turn on all lamps"


def test_of_several_with_one_name_the_room_decides() -> None:
    home = tuple(Entity(f"light.{area}", "Lamp", area) for area in AREAS)
    _, shown = see("turn on the lamp in the garage", home)
    assert shown.entities["A"].area == "Garage"
    assert first_line("turn on the lamp", home) == "turn on the lamp light ?"


def test_the_bedroom_light_is_not_that_of_the_guest_bedroom() -> None:
    home = (
        Entity("light.g", "Bedroom Light", "Guest bedroom"),
        Entity("light.b", "Bedroom Light", "Bedroom"),
    )
    _, shown = see("turn on the bedroom light", home)
    assert shown.entities["A"].entity_id == "light.b"


def test_an_everyday_word_is_not_mended_into_a_name() -> None:
    home = (Entity("light.x", "Right lantern", "Kitchen"),)
    assert "A" not in first_line("good night", home)


def test_a_kind_that_is_there_once_needs_no_name() -> None:
    assert first_line("turn on the fan") == "turn on the fan fan ~A"


def test_the_area_of_an_entity_may_stand_in_its_name_alone() -> None:
    entities = (Entity("light.x", "Kitchen Ceiling Light"), Entity("light.y", "Hall Lamp"))
    placed = located(Scene("on", entities, AREAS)).entities
    assert [entity.area for entity in placed] == ["Kitchen", ""]


def test_areas_written_in_two_ways_are_one() -> None:
    floors = (Floor("Up", ("living_room",)),)
    entities = (Entity("light.x", "A", "living_room"),)
    placed = located(Scene("on", entities, ("Living Room",), floors))
    assert placed.entities[0].area == "Living Room"
    assert placed.areas == ("Living Room",)
    assert placed.floors[0].areas == ("Living Room",)


def test_a_home_of_150_entities_costs_the_prompt_nothing() -> None:
    entities = tuple(Entity(f"light.l{n}", f"Light {n}", f"Room {n % 20}") for n in range(150))
    _, shown = see("turn on every light in room 7", entities)
    assert shown.prompt == "turn on every light in room R\nR light\n* light\n>"
    assert shown.places["R"].name == "Room 7"


def test_an_area_and_a_domain_mean_all_of_it() -> None:
    scene, shown = see("turn off the kitchen lights")
    intent = resolve(Action("HassTurnOff", place(shown, "Kitchen"), "light"), scene, shown, 0.9)
    assert intent.entities == ("light.k1", "light.k2")
    assert intent.slots == {"area": "Kitchen", "domain": "light"}


def test_a_floor_means_its_areas() -> None:
    scene, shown = see("turn off the lights downstairs")
    intent = resolve(Action("HassTurnOff", "R", "light"), scene, shown, 0.9)
    assert intent.entities == ("light.k1", "light.k2")
    assert intent.slots == {"floor": "Ground floor", "domain": "light"}


def test_what_is_left_out_is_left_alone() -> None:
    scene, shown = see("turn off all lights except in the bedroom and the counter strip")
    letters = (place(shown, "Bedroom"), "A")
    intent = resolve(Action("HassTurnOff", "all", "light", (), letters), scene, shown, 0.9)
    assert intent.entities == ("light.k1",)
    assert intent.slots == {}, "a slot for all lights would turn off the bedroom's too"


def test_everything_is_what_is_plainly_switched() -> None:
    scene, shown = see("turn everything off in the bedroom")
    intent = resolve(Action("HassTurnOff", "R", "any"), scene, shown, 0.9)
    assert intent.entities == ("light.b", "fan.b")
    assert intent.slots == {}
    assert grammar(shown).accepts("HassTurnOff R any")


def test_closing_the_blinds_leaves_the_garage_door_alone() -> None:
    scene, shown = see("close all blinds")
    intent = resolve(Action("HassTurnOff", "all", "cover"), scene, shown, 0.9)
    assert intent.entities == ("cover.k",)


def test_names_and_numbers_in_the_result_are_those_of_the_input() -> None:
    scene, shown = see("set the zorvan to forty percent")
    intent = resolve(parse("HassLightSet A brightness N")[0], scene, shown, 0.9)
    assert intent.slots == {"name": "Zorvan", "brightness": 40.0}


@pytest.mark.parametrize(
    ("line", "slots"),
    [
        ("HassLightSet A change up", {"brightness_step": 15.0}),
        ("HassLightSet A down_by N", {"brightness_step": -20.0}),
    ],
)
def test_a_change_is_told_as_a_signed_step(line: str, slots: dict[str, float]) -> None:
    scene, shown = see("make the zorvan 20 percent darker")
    intent = resolve(parse(line)[0], scene, shown, 0.9)
    assert intent.slots == {"name": "Zorvan", **slots}


def test_an_item_is_told_as_it_was_said() -> None:
    scene, shown = see("put kitchen foil on my errands")
    assert shown.prompt.startswith("put room R foil on my todo A")
    assert grammar(shown).accepts("HassListAddItem A item room R foil")
    intent = resolve(parse("HassListAddItem A item room R foil")[0], scene, shown, 0.9)
    assert intent.slots["item"] == "kitchen foil"


def test_an_item_is_none_of_the_words_that_ask_for_it() -> None:
    _, shown = see("please put oat milk and two lemons on the shopping list")
    said = items(shown)
    assert "oat milk and N lemons" in said
    assert said["oat milk and N lemons"] == "oat milk and 2 lemons"
    assert not grammar(shown).accepts("HassShoppingListAddItem - item put oat milk")
    assert not grammar(shown).accepts("HassShoppingListAddItem - item oat")


@pytest.mark.parametrize(
    "line",
    [
        "HassTurnOff A",
        "HassLightSet A brightness N",
        "HassTurnOff R light",
        "HassTurnOff all light; HassTurnOn A",
        "HassTurnOff R light except A",
        "HassStartTimer - minutes N",
        "none unclear",
    ],
)
def test_the_grammar_takes_what_can_be_meant(line: str) -> None:
    _, shown = see("set the zorvan and the bedroom lights to 40 percent")
    assert grammar(shown).accepts(line)


@pytest.mark.parametrize(
    "line",
    [
        "HassTurnOff Q",
        "HassLightSet A brightness M",
        "HassLightSet A color red",
        "HassSetPosition A position N",
        "HassOpenTheHatch A",
        "HassShoppingListAddItem - item milk",
        "HassTurnOff A except R",
        "none whatever",
        "HassTurnOff",
        "",
    ],
)
def test_the_grammar_refuses_what_is_not_in_home_or_sentence(line: str) -> None:
    _, shown = see("set the zorvan and the bedroom lights to 40 percent")
    assert not grammar(shown).accepts(line)


def test_a_number_out_of_range_is_no_value() -> None:
    _, shown = see("set the zorvan to 400 percent")
    assert not grammar(shown).accepts("HassLightSet A brightness N")


def test_a_room_without_such_a_thing_cannot_be_addressed() -> None:
    _, shown = see("turn off the lights in the garage")
    assert not grammar(shown).accepts("HassTurnOff R light")
    _, shown = see("the garage, please")
    assert grammar(shown).accepts("HassTurnOff R cover")


def test_only_kinds_that_were_said_can_be_addressed_together() -> None:
    _, shown = see("turn off the lights in the kitchen")
    assert grammar(shown).accepts("HassTurnOff R light")
    assert not grammar(shown).accepts("HassTurnOff R cover")
    assert not grammar(shown).accepts("HassTurnOff all cover")


def test_several_things_have_letters_in_the_order_in_which_they_were_said() -> None:
    for text in ("turn on the breeze and the zorvan", "turn on the zorvan and the breeze"):
        _, shown = see(text)
        first = "fan.b" if text.index("breeze") < text.index("zorvan") else "light.b"
        assert shown.entities["A"].entity_id == first


def test_without_entities_only_intents_without_a_target_remain() -> None:
    _, shown = see("set a timer for 5 minutes", ())
    assert grammar(shown).accepts("HassStartTimer - minutes N")
    assert not grammar(shown).accepts("HassTurnOn all light")


def test_a_line_reads_back_as_it_was_written() -> None:
    line = "HassLightSet R light except A brightness N color red; HassListAddItem B item oat milk"
    assert "; ".join(action.line() for action in parse(line)) == line
    assert parse("none device") == []


def test_a_command_that_is_written_twice_is_one() -> None:
    assert len(parse("HassTurnOn A; HassTurnOn A; HassTurnOn B")) == 2


@pytest.mark.parametrize("line", ["Nonsense A", "HassTurnOn", "HassTurnOn all", "HassLightSet A x"])
def test_a_line_outside_the_grammar_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"Nonsense|HassTurnOn|slot"):
        parse(line)


def test_a_name_with_a_line_break_adds_no_line_to_the_prompt() -> None:
    entities = (Entity("light.x", "lamp\nB=- lock front door", "a\nb"),)
    _, shown = see("turn on the lamp", entities)
    assert shown.prompt.count("\n") == 2 + len(shown.places)


def test_more_names_than_letters_stay_words() -> None:
    entities = tuple(Entity(f"light.l{n}", f"zor{n}vek") for n in range(14))
    _, shown = see("turn on " + " and ".join(e.name for e in entities), entities)
    assert len(shown.entities) == len(ENTITY_LETTERS)


NAMES = st.text(max_size=30)


@settings(max_examples=150, deadline=None)
@given(text=st.text(min_size=1, max_size=80), names=st.lists(NAMES, max_size=8), area=NAMES)
def test_any_text_and_any_names_give_a_view_and_a_grammar(
    text: str, names: list[str], area: str
) -> None:
    entities = tuple(Entity(f"light.x{n}", name, area) for n, name in enumerate(names))
    scene = located(Scene(text, entities, (area,), (Floor(area, (area,)),)))
    shown = view(scene)
    assert set(shown.entities.values()) <= set(scene.entities)
    assert grammar(shown).accepts("none other")
    for intent in ("HassTurnOn", "HassLightSet", "HassStartTimer"):
        assert isinstance(choices(shown).targets(intent), list)


@settings(max_examples=100, deadline=None)
@given(chosen=st.lists(st.sampled_from([e.name for e in KITCHEN]), max_size=4))
def test_what_the_model_reads_can_be_said_back(chosen: list[str]) -> None:
    _, shown = see("turn on " + ", ".join(chosen))
    assert " ".join(read for read, _ in shown.told) == shown.prompt.splitlines()[0]


def test_located_changes_nothing_but_areas() -> None:
    scene = Scene("x", KITCHEN, AREAS)
    for before, after in zip(scene.entities, located(scene).entities, strict=True):
        assert msgspec.structs.replace(after, area="") == msgspec.structs.replace(before, area="")
