"""What is read of German sentences before the model sees them."""

import pytest

from handlers.home_speech import COLOR_NAMES, normalise


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
