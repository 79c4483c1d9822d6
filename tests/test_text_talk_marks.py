"""Names and animals told in a talk: marks for the model, words for who reads, whatever the pieces."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.measure_vision import Call
from engine.config import CONTEXT
from engine.tokenizer import Tokenizer
from handlers.story_cast import Filling
from handlers.talk_marks import NOTHING, told_in
from handlers.text_generation import Request, TextGeneration, Turn, asked_ids, told_by

MODELS = Path(__file__).parent.parent / "models"


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("my name is Xiomara", "my name is #5"),
        ("my name is xiomara.", "my name is #5."),
        ("Hi, I'm Zoë!", "Hi, I'm #5!"),
        ("Quillon is what they call me", "#5 is what they call me"),
        ("Call me Mary Ann", "Call me #5"),
        ("I have an axolotl called Bo", "I have a #1 called #5"),
        ("at home we keep an otter, Arlo", "at home we keep a #1, #5"),
        ("our old donkey is ill", "our old #1 is ill"),
        ("what is my otter's name?", "what is my #1's name?"),
        ("An owl is no dog, but my owl is", "A #1 is no dog, but my #1 is"),
        ("who was Ada Lovelace?", "who was #5?"),
    ],
)
def test_names_and_animals_are_read_as_marks(said: str, read: str) -> None:
    told = told_in([said])
    assert told
    assert told.marked(said) == read


@pytest.mark.parametrize(
    "said",
    [
        "I am tired",
        "call me later",
        "my name is not important",
        "Good Night, Forge",
        "TELL ME A JOKE",
        "Tell Me A Joke Please",
        "are you a robot?",
        "I have a headache",
        "What is my name?",
        "I hate Python code on a Sunday",
    ],
)
def test_what_is_no_name_stays_in_words(said: str) -> None:
    told = told_in([said])
    assert told
    assert told.marked(said) == said


def test_a_name_keeps_its_mark_over_the_turns() -> None:
    turns = ["I am Ann", "my dog is called Bo", "is ann my name, and Bo that of my dog?"]
    told = told_in(turns)
    assert told
    assert told.marks == {"dog": "#1", "Ann": "#5", "Bo": "#6"}
    assert told.marked(turns[2]) == "is #5 my name, and #6 that of my #1?"
    assert told.marked("Ann and Annabel") == "#5 and Annabel"


def test_marks_run_out_and_marks_of_the_user_are_left_alone() -> None:
    many = told_in([f"my friend is Name{letter}" for letter in "abcdefghij"])
    assert many
    assert len(many.marks) < 10
    assert len(set(many.marks.values())) == len(many.marks)
    assert told_in(["we came #1 with Ann"]) is None


@given(st.text(st.sampled_from("Aan #15bcM. is"), max_size=40), st.integers(0, 40))
def test_words_come_back_whatever_the_pieces(text: str, cut: int) -> None:
    told = told_in(["my otter is called Mia"])
    assert told
    whole, pieces = Filling(told.words), Filling(told.words)
    once = whole.add(text) + whole.finish()
    assert pieces.add(text[:cut]) + pieces.add(text[cut:]) + pieces.finish() == once
    reply = "An otter? Say hello to Mia, your otter."
    back = Filling(told.words)
    assert back.add(told.marked(reply)) + back.finish() == reply


def test_a_mark_of_nobody_is_not_shown() -> None:
    filling = Filling(NOTHING.words)
    assert filling.add("Nice to meet you, #7!") + filling.finish() == "Nice to meet you, friend!"


def test_the_model_reads_no_name_of_any_turn() -> None:
    tokenizer = Tokenizer.load(MODELS / "tokenizer.json")
    told = (Turn("I am Xiomara", "Hello, Xiomara!"),)
    request = Request("what is my name?", history=told)
    found = told_by(request)
    assert found
    read = tokenizer.decode(asked_ids(tokenizer, request, CONTEXT, told=found))
    assert "Xiomara" not in read
    assert read.count("#5") == 2
    for bound in (Request("I am Ann", stop=("x",)), Request("I am Ann", form="text")):
        assert told_by(bound) is None


def test_a_name_that_no_training_had_is_said_in_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handler = TextGeneration(MODELS)
    handler.load()
    replies = []
    for name in ("Xiomara", "Thorkell", "Quillon"):
        for prompt, history in (
            (f"my name is {name}", []),
            (
                "what is my name?",
                [{"user": f"my name is {name}", "assistant": f"Nice to meet you, {name}!"}],
            ),
        ):
            call = Call()
            shown: list[str] = []
            monkeypatch.setattr(call, "emit", shown.append)
            content: dict[str, Any] = {"prompt": prompt, "history": history, "temperature": 0}
            made = json.loads(handler.run(json.dumps(content).encode(), call))
            assert "".join(shown) == made["text"]
            assert "#" not in made["text"]
            replies.append(name in made["text"])
    assert sum(replies) >= 4
