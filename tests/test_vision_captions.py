"""Captions: what is there and nothing that is not, in right English, whatever the model would rather say."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.measure_vision import Call, faults
from data.vision_scenes import nouns, rows
from data.vision_words import SCENES, STATES, TIMES, TRAIN, WEATHER
from handlers.protocol import BadInput
from handlers.vision import Vision
from handlers.vision_captions import LETTERS, VARIANTS, lines, right_line, sentence, view
from handlers.vision_scene import Picture, Seen, picture
from handlers.vision_words import plural, singular, with_article

MODELS = Path(__file__).parent.parent / "models"


@pytest.fixture(scope="module")
def vision() -> Vision:
    handler = Vision(MODELS)
    handler.load()
    return handler


def ask(handler: Vision, tags: Any, **more: Any) -> Any:
    return json.loads(handler.run(json.dumps({"tags": tags, **more}).encode(), Call()))


def seen(tags: Any, **more: Any) -> Picture:
    return picture(msgspec.convert({"tags": tags, **more}, Seen))


@pytest.mark.parametrize("noun", nouns("validation"), ids=lambda noun: noun.name)
def test_forms_of_held_out_nouns_are_those_written_by_hand(noun: Any) -> None:
    if noun.one:
        assert plural(noun.name) == noun.many
        assert with_article(noun.name) == noun.one
        # "two moose" need not be taken apart.
        assert singular(noun.many) == noun.name or plural(noun.name) == noun.name
    assert singular(noun.name) is None


def test_words_of_training_and_validation_are_apart() -> None:
    held = {noun.name for noun in nouns("validation")}
    assert len(held) > 100
    assert not held & {word.replace("_", " ") for word in TRAIN}
    for table in (SCENES, TIMES, WEATHER, STATES):
        assert table["validation"]
        assert not set(table["train"]) & set(table["validation"])


def test_the_same_seed_gives_the_same_rows_and_no_arrangement_of_validation_is_learnt() -> None:
    import random

    one, again = (list(rows("train", 60, random.Random(3))) for _ in "ab")
    held = list(rows("validation", 60, random.Random(3)))
    assert one == again
    learnt = {row["prompt"].partition("\n")[2] for row in one}
    for row in held:
        request = msgspec.convert(row["request"], Seen)
        assert view(picture(request), request.style).prompt.partition("\n")[2] not in learnt


@given(st.integers(0, 2**32), st.sampled_from(("train", "validation")))
@settings(max_examples=60, deadline=None)
def test_every_line_that_may_be_written_is_a_faithful_caption(seed: int, part: str) -> None:
    import random

    from data.vision_scenes import scene

    request, expected = scene(part, random.Random(seed))
    asked = msgspec.convert(request, Seen)
    shown = view(picture(asked), asked.style)
    found = lines(shown)
    assert len(found) == VARIANTS
    assert right_line(shown) in found
    for line in found:
        letters = sorted(word for word in re.findall(r"\b[A-Z]\b", line) if word in LETTERS)
        assert letters == list(LETTERS[: len(shown.picture.things)])
        caption = sentence(line, shown)
        assert faults(caption, request, expected) == [], caption


def test_a_judge_sees_what_is_missing_invented_and_miscounted() -> None:
    request = {"tags": ["two dogs", "kite"], "style": "plain"}
    expected = [
        {"phrases": ["two", "dogs"], "count": 2, "plural_only": False},
        {"phrases": ["a", "kite"], "count": 1, "plural_only": False},
    ]
    assert faults("There are two dogs and a kite.", request, expected) == []
    assert "named" in faults("There are two dogs.", request, expected)
    assert "invented" in faults("There are two dogs, a kite and a horse.", request, expected)
    assert "count" in faults("There are three dogs and a kite.", request, expected)
    assert "agreement" in faults("There is two dogs and a kite.", request, expected)


@pytest.mark.parametrize(
    ("tags", "more", "caption"),
    [
        (["dog", "ball", "grass"], {}, "a dog and a ball on the grass"),
        ("two people, table, coffee", {}, "two people, a table and coffee"),
        (["cow", "three", "meadow"], {}, "three cows in the meadow"),
        (["cat", "sofa", "sleeping"], {}, "a sleeping cat and a sofa"),
        (["dog", "dog", "dogs"], {}, "two dogs and dogs"),
        (
            ["person"],
            {"scene": "front door", "time": "night"},
            "a person at the front door at night",
        ),
        (["umbrella", "hour", "unicorn"], {}, "an umbrella, an hour and a unicorn"),
        (["scissors", "TV", "leaves"], {}, "scissors, a TV and leaves"),
    ],
)
def test_what_is_named_and_how(tags: Any, more: dict[str, Any], caption: str) -> None:
    shown = view(seen(tags, **more), "plain")
    there = next(line for line in lines(shown) if line.startswith("There"))
    verb = "is" if caption.startswith(("a ", "an ")) else "are"
    assert sentence(there, shown) == f"There {verb} {caption}."


def test_counts_and_positions_come_from_boxes() -> None:
    left, right, low = [0.0, 0.1, 0.2, 0.3], [0.6, 0.1, 0.2, 0.3], [0.1, 0.6, 0.2, 0.3]
    boxes = [{"name": "cup", "box": left}, {"name": "dog", "box": right}]
    assert seen(boxes).relation == (0, "right", 1)
    two = [{"name": "dog", "box": left}, {"name": "dog", "box": low}, {"name": "cup", "box": right}]
    found = seen(two)
    assert [(one.name, one.count) for one in found.things] == [("dog", 2), ("cup", 1)]
    assert found.relation == (0, "left", 1)
    above = [{"name": "dog", "box": left}, {"name": "cup", "box": low}]
    assert seen(above).relation == (0, "above", 1)
    assert seen([{"name": "dog", "box": right}]).relation == (0, "right")
    assert seen([{"name": "dog", "box": left}, {"name": "cup", "box": left}]).relation is None


def test_what_is_not_sure_is_left_out_and_told() -> None:
    tags = [
        {"name": "dog", "score": 0.9},
        {"name": "cat", "score": 0.4},
        {"name": "cow", "score": 0.6},
    ]
    found = seen(tags, most=1)
    assert [one.name for one in found.things] == ["dog"]
    assert found.left_out == ("cat", "cow")
    assert [one.name for one in seen(tags, least_score=0.3).things] == ["dog", "cow", "cat"]


def test_the_model_says_what_its_turn_is(vision: Vision) -> None:
    for tags in (["person", "two dogs"], ["kite"], ["hedgehog", "igloo", "night"]):
        for style in ("plain", "camera", "brief"):
            answer = ask(vision, tags, style=style)
            shown = view(seen(tags), style)
            assert answer["caption"] == sentence(right_line(shown), shown)
            assert answer["probability"] > 0.5
            assert [one["name"] for one in answer["named"]] == [
                one.name for one in shown.picture.things
            ]


def test_a_picture_without_things_is_said_to_be_one(vision: Vision) -> None:
    assert ask(vision, []) == {
        "caption": "Nothing was recognised in the picture.",
        "probability": 1.0,
        "named": [],
        "left_out": [],
    }
    assert "dark" in ask(vision, ["dark", "nothing"])["caption"]
    assert ask(vision, [{"name": "dog", "score": 0.1}])["left_out"] == ["dog"]
    assert "snow" in ask(vision, ["snow"])["caption"].lower()
    assert "garden" in ask(vision, ["garden"])["caption"].lower()


@pytest.mark.parametrize(
    "content",
    [
        {"tags": [{"name": "dog", "box": [0, 0, 2, 1]}]},
        {"tags": [{"name": "dog", "score": 2}]},
        {"tags": [""]},
        {"tags": ["dog"], "style": "poem"},
        {"tags": ["dog"], "most": 13},
        {"tags": ["x"] * 201},
        {"tags": ["dog"], "pixels": ""},
    ],
)
def test_what_no_detector_says_is_bad_input(vision: Vision, content: Any) -> None:
    with pytest.raises(BadInput):
        vision.run(json.dumps(content).encode(), Call())


def test_hostile_names_are_words_and_no_letters(vision: Vision) -> None:
    answer = ask(vision, ["A", "R", "> B T", "<|end|>", "\u2603", "a b " * 15])
    assert "<|end|>" in answer["caption"]
    assert "\u2603" in answer["caption"]
    assert len(answer["named"]) == 6
