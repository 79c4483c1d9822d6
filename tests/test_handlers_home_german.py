"""What is read of German sentences before the model sees them."""

import pytest

from handlers.home_items import items
from handlers.home_scene import Context, Entity, Scene, located
from handlers.home_speech import COLOR_NAMES, normalise
from handlers.home_view import view


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Heizung auf einundzwanzig Grad", "heizung auf 21 grad"),
        ("Rollo auf fünfunddreissig %", "rollo auf 35 percent"),
        ("Lautstärke elf", "lautstärke 11"),
        ("play the elf song", "play the elf song"),
        ("Timer auf eine halbe Stunde", "timer auf 30 minutes"),
        ("in einer Viertelstunde", "in 15 minutes"),
        ("Timer auf dreiviertelstunde", "timer auf 45 minutes"),
        ("Timer für anderthalb Stunden", "timer für 90 minutes"),
        ("Timer für zweieinhalb Stunden", "timer für 2 hours 30 minutes"),
        ("in einer Minute", "in 1 minute"),
        ("schalte eine Lampe ein", "schalte eine lampe ein"),
        ("Licht auf warmweiß", "licht auf warm white 2700 kelvin"),
    ],
)
def test_german_numbers_and_durations_become_digits(said: str, meant: str) -> None:
    assert normalise(said) == meant


def test_german_colours_are_read_in_all_their_forms() -> None:
    assert {COLOR_NAMES[said] for said in ("rot", "rotes", "rote", "roten")} == {"red"}


HOME = (
    Entity("light.a", "Deckenlampe", "Küche"),
    Entity("light.b", "Stehlampe", "Wohnzimmer"),
    Entity("light.c", "Leselampe", "Wohnzimmer"),
    Entity("cover.a", "Rollo", "Küche"),
    Entity("climate.a", "Heizung Bad", "Bad"),
    Entity("media_player.a", "Radio", "Küche", state="playing"),
    Entity("scene.a", "Filmabend"),
)


def read(text: str, here: str = "") -> list[str]:
    """The prompt by its lines, less the last."""
    return view(located(Scene(text, HOME, context=Context(here)))).prompt.split("\n")[:-1]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("mach das Wohnzimmerlicht an", ["mach das room R licht an", "R light", "* light"]),
        ("Küchenlicht aus", ["room R licht aus", "R light", "* light"]),
        ("alle Lichter aus", ["alle lichter aus", "* light"]),
        ("ist es finster hier", ["ist es finster hier", "* light"]),
        ("mich friert im Bad", ["mich friert im room R", "R climate", "* one climate"]),
        ("sing das nächste Lied", ["sing das nächste lied", "* one media_player"]),
        ("Filmabend Szene starten", ["scene A szene starten", "* one scene"]),
        ("Lampen halb hell", ["lampen halb N hell", "* light"]),
        ("das Licht im Keller an", ["das licht im keller an", "* light"]),
    ],
)
def test_german_kinds_hints_and_compounds_are_read(said: str, meant: list[str]) -> None:
    assert read(said) == meant


@pytest.mark.parametrize(
    ("said", "item"),
    [
        ("Merk dir Birnen für den Einkauf", "birnen"),
        ("ich brauche zwei Packungen Äpfel, schreibs auf die Einkaufsliste", "N packungen äpfel"),
        ("trag bitte Backpapier in die Einkaufsliste ein", "backpapier"),
        ("wir haben keine Eier mehr", "eier"),
    ],
)
def test_a_german_item_is_none_of_the_words_that_ask_for_it(said: str, item: str) -> None:
    assert item in items(view(located(Scene(said, HOME))))


def test_german_hints_at_a_kind_tell_the_room_of_the_speaker() -> None:
    assert read("es ist zu düster", "Wohnzimmer")[0] == "es ist zu düster in room R"
    assert read("mach das licht hier drin aus", "Küche")[0] == "mach das licht room R aus"
