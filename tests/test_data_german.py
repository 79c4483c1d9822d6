"""German homes: parts that are apart, phrasings for every topic, answers that the view allows."""

import random

import pytest

from data.check_home_wordings import faults, pattern, reserved
from data.home_commands import sample
from data.home_german import GERMAN, german_home, numeral
from data.home_german_phrases import COLORS, OPPOSITES, PHRASES, TOPICS
from data.home_german_words import AREAS, FLOORS, ITEMS, THINGS, inside
from data.home_wordings import wordings
from handlers.home_actions import grammar
from handlers.home_scene import located
from handlers.home_speech import COLOR_NAMES, normalise, numbers
from handlers.home_view import view


@pytest.mark.parametrize("table", [AREAS, FLOORS, ITEMS, *THINGS.values()])
def test_german_words_of_training_and_validation_are_apart(
    table: dict[str, tuple[str, ...]],
) -> None:
    assert table["validation"]
    assert not set(table["train"]) & set(table["validation"])


def test_every_german_topic_is_worded_for_both_parts() -> None:
    worded = {heading.partition(" ")[0] for heading in wordings("german")} | set(OPPOSITES)
    assert worded == set(PHRASES["validation"]) >= set(TOPICS)
    assert not faults("german")


def test_no_german_template_of_training_can_write_a_sentence_of_validation() -> None:
    tables = (*PHRASES["train"].values(), *OPPOSITES.values(), *wordings("german").values())
    written = reserved("german")
    assert not [t for found in tables for t in found if pattern(t).search(written)]


@pytest.mark.parametrize("part", ["train", "validation"])
def test_nearly_every_german_row_has_an_answer_that_the_view_allows(part: str) -> None:
    rng = random.Random(part)
    seen, without = set(), 0
    for _ in range(300):
        one = sample(part, rng, makers=GERMAN)
        shown = view(located(one.scene))
        line = one.line(shown)
        seen.add(one.topic)
        without += line is None or not grammar(shown).accepts(line)
    assert len(seen) > 25
    assert without < 20


def test_german_numbers_read_back() -> None:
    for value in range(101):
        spoken = numeral(value, random.Random(value))
        assert numbers(normalise(f"{spoken} prozent")) == [str(value)]


def test_german_colours_are_known() -> None:
    assert {said: COLOR_NAMES.get(said, said) for said in COLORS} == COLORS


def test_a_german_home_names_its_rooms_with_prepositions() -> None:
    home = german_home("validation", random.Random(1))
    assert len(home.areas) > 1
    assert [inside(area) for area in ("Küche", "Bad", "Balkon")] == [
        *("in der küche", "im bad", "auf dem balkon")
    ]
