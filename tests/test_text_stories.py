"""Stories that were asked for: who is in them, and words for marks whatever the pieces of the stream."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.measure_vision import Call
from handlers.protocol import BadInput
from handlers.story_cast import MARKS, NAMES, Cast, Filling, asks_for_a_story, cast_of
from handlers.text_generation import TextGeneration

MODELS = Path(__file__).parent.parent / "models"
CAST = Cast("owl", "umbrella", "dog", "by the sea", "Ann", "Bo", "she", "he")


@pytest.fixture(scope="module")
def text() -> TextGeneration:
    handler = TextGeneration(MODELS)
    handler.load()
    return handler


def ask(handler: TextGeneration, prompt: str, **more: Any) -> Any:
    content = json.dumps({"prompt": prompt, "max_tokens": 300, **more}).encode()
    return json.loads(handler.run(content, Call()))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("tell me a story about a dog and a kite", {"hero": "dog", "thing": "kite"}),
        ("Please tell us a story about an axolotl!", {"thing": "axolotl"}),
        ("a bedtime story with two frogs, please", {"hero": "frog"}),
        (
            "Could you write a tale of a knight who meets a dragon?",
            {"hero": "knight", "friend": "dragon"},
        ),
        ("story about Zora and a spoon", {"name": "Zora", "thing": "spoon"}),
        (
            "a story about a girl called Ada in the desert",
            {"hero": "girl", "name": "Ada", "place": "in the desert", "he": "she"},
        ),
        ("I want to hear a story about my cat", {"hero": "cat"}),
        ("tell me a story about a spoon and a fork", {"hero": "spoon", "thing": "fork"}),
        (
            "make up a story about a hen, a fox and a bell for my daughter",
            {"hero": "hen", "friend": "fox", "thing": "bell"},
        ),
        (
            "hey, tell me a story about a brave little mouse named tim",
            {"hero": "brave little mouse", "name": "Tim"},
        ),
        (
            "Tell me a story about a lamp in the kitchen please.",
            {"thing": "lamp", "place": "in the kitchen"},
        ),
    ],
)
def test_who_and_what_is_asked_for(said: str, words: dict[str, str]) -> None:
    assert asks_for_a_story(said)
    cast = cast_of(said, 1)
    assert {part: getattr(cast, part) for part in words} == words
    assert len({cast.hero, cast.thing, cast.friend}) == 3
    assert cast.name != cast.other


@pytest.mark.parametrize(
    "said",
    [
        "thanks for the story",
        "that was a lovely story",
        "who wrote the story of Peter Pan?",
        "hello",
        "Once upon a time there was a dog who told stories.",
        "what is a tale?",
        "summarise this story about a dog",
    ],
)
def test_what_is_no_wish_for_a_story(said: str) -> None:
    assert not asks_for_a_story(said)


def test_what_is_left_open_hangs_on_the_seed() -> None:
    casts = [cast_of("tell me a story", seed) for seed in range(40)]
    assert casts[3] == cast_of("tell me a story", 3)
    assert len({cast.hero for cast in casts}) > 5
    for cast in casts:
        assert cast.name in NAMES[cast.he]
        assert cast.other in NAMES[cast.other_he]


@given(
    st.lists(
        st.sampled_from(["A ", "a ", "#1", "#", "2", " ", "an", "a", "#9", "ban ", "A #2", "."])
    ),
    st.data(),
)
def test_pieces_make_the_same_text_as_the_whole(parts: list[str], data: st.DataObject) -> None:
    whole = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    once, pieces = Filling(CAST.words()), Filling(CAST.words())
    shown = [pieces.add(whole[a:b]) for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert "".join(shown) + pieces.finish() == once.add(whole) + once.finish()
    assert not any(mark in "".join(shown) for mark in MARKS.values())


def test_words_take_the_place_of_marks_with_the_right_article() -> None:
    filling = Filling(CAST.words())
    text = 'A #1 called #5 lived #4. "A #2!" she said. #6, a small #3, had a #2 and banana #1s.'
    assert filling.add(text) + filling.finish() == (
        'An owl called Ann lived by the sea. "An umbrella!" she said. '
        "Bo, a small dog, had an umbrella and banana owls."
    )


@pytest.mark.parametrize("subjects", [("dog", "kite"), ("axolotl", "tuba"), ("wombat", "zeppelin")])
def test_a_story_names_what_it_was_asked_for(
    text: TextGeneration, subjects: tuple[str, str]
) -> None:
    found = [
        ask(text, f"tell me a story about a {subjects[0]} and a {subjects[1]}", seed=seed)["text"]
        for seed in range(3)
    ]
    for story in found:
        assert "#" not in story
        assert any(subject in story for subject in subjects), story
    assert len(set(found)) == 3


def test_a_talk_has_turns_before_it(text: TextGeneration) -> None:
    history = [{"user": "my name is Mia", "assistant": "Nice to meet you, Mia!"}]
    alone = ask(text, "what is my name?", temperature=0)
    after = ask(text, "what is my name?", temperature=0, history=history)
    assert alone["text"] != after["text"]
    long = [{"user": "word " * 200, "assistant": "yes " * 200}] * 3
    assert ask(text, "hello", history=long, max_tokens=20)["text"]


def test_a_text_is_continued_as_it_is(text: TextGeneration) -> None:
    prompt = "tell me a story about a dog"
    assert ask(text, prompt, form="text", temperature=0) != ask(text, prompt, temperature=0)


@pytest.mark.parametrize(
    "field",
    [{"form": "poem"}, {"history": [{"user": "x"}]}, {"history": [{"user": "", "assistant": "y"}]}],
)
def test_turns_and_forms_that_are_none_are_bad_input(text: TextGeneration, field: Any) -> None:
    with pytest.raises(BadInput):
        ask(text, "x", **field)
