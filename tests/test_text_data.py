"""What the text model is taught: stories that keep to their subjects, talks that say what is so."""

import json
import random
import re
from pathlib import Path

import pytest

from data.chat_facts import FACT_REPLIES, FACT_RULE, FACT_WORDS, FACTS
from data.chat_more import MORE
from data.chat_rows import talk
from data.chat_talk import TURNS
from data.measure_text import Reply, report
from data.phrasing import expand
from data.story_books import read_books
from data.story_plots import OPENINGS, PLOTS
from data.story_rows import Rows, conversation
from data.story_tales import REQUESTS, UNNAMED, tale
from data.story_words import ADULTS, ANIMALS, CHILDREN, NAMES, PLACES, THINGS, words
from data.vision_scenes import nouns
from engine.tokenizer import ASSISTANT, END, TEXT, USER, Tokenizer

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.load(ROOT / "models" / "tokenizer.json")


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_story_names_all_that_its_request_names(part: str) -> None:
    rng = random.Random(part)
    for _ in range(400):
        told = tale(part, rng)
        assert not re.search(r"[{}]", told.story)
        for subject in told.subjects:
            assert subject in told.story
            assert subject in told.request


def test_a_story_keeps_its_names_and_pronouns() -> None:
    rng = random.Random(5)
    names = {he: set(NAMES["train"][he].split()) for he in ("he", "she")}
    for _ in range(400):
        story = tale("train", rng).story
        found = set(re.findall(r"[A-Z][a-z]+", story))
        people = [found & names[he] for he in ("he", "she")]
        assert 1 <= sum(map(len, people)) <= 2
        if not people[1]:
            assert not re.search(r"\b[Ss]he\b", story), story
        if not people[0]:
            assert not re.search(r"\bHe\b|\bhis\b", story.replace("shook his head", "")), story


def test_plots_have_enough_beats_and_every_beat_several_wordings() -> None:
    ways = dict.fromkeys(PLOTS, 1)
    for name, beats in PLOTS.items():
        assert len(beats) >= 6
        for beat in (OPENINGS, *beats):
            assert len(set(beat)) == len(beat) >= 3
            ways[name] *= len(beat)
    assert min(ways.values()) > 10_000


def test_subjects_and_requests_of_validation_are_not_trained_on() -> None:
    people = {kind for table in (CHILDREN, ADULTS) for kinds in table.values() for kind in kinds}
    train = {*words(ANIMALS, "train"), *words(THINGS, "train"), *(n.name for n in nouns("train"))}
    rng = random.Random(2)
    for _ in range(300):
        told = tale("validation", rng)
        for subject in told.subjects:
            assert subject not in train or subject in people, subject
    for table in (ANIMALS, THINGS, PLACES):
        assert not set(table["train"]) & set(table["validation"])
    for he in ("he", "she"):
        assert not set(NAMES["train"][he].split()) & set(NAMES["validation"][he].split())
    for requests in (REQUESTS, UNNAMED, FACTS):
        made = {_plain(expand(one, rng, **_SLOTS)) for one in requests["train"] for _ in range(60)}
        held = {_plain(expand(one, rng, **_SLOTS)) for one in requests["validation"]}
        assert not made & held
    for name, entries in FACT_WORDS["train"].items():
        others = {" ".join(word.split()) for word in FACT_WORDS["validation"][name].split(";")}
        assert not others & {" ".join(word.split()) for word in entries.split(";")}


_SLOTS = dict.fromkeys(("x", "place", "work", "person", "topic"), "it")


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


@pytest.mark.parametrize("kind", TURNS)
def test_every_kind_of_turn_has_phrasings_of_its_own_and_replies_of_its_rule(kind: str) -> None:
    turn, rng = TURNS[kind], random.Random(1)
    assert all(re.search(turn.rule, reply, re.IGNORECASE) for reply in turn.replies)
    train = (*turn.train, *MORE.get(kind, ()))
    made = {_plain(expand(one, rng, n="7")) for one in train for _ in range(80)}
    held = {_plain(expand(one, rng, n="7")) for one in turn.validation}
    assert held
    assert not made & held


def test_rules_tell_replies_of_some_kinds_from_others() -> None:
    assert all(re.search(FACT_RULE, reply) for reply in FACT_REPLIES)
    for one, other in (("who", "joke"), ("greeting", "bye"), ("home", "sums"), ("sad", "joke")):
        assert not any(
            re.search(TURNS[one].rule, text, re.IGNORECASE) for text in TURNS[other].replies
        )


def test_what_was_told_is_remembered_in_the_right_reply() -> None:
    rng = random.Random(8)
    found = [talk("train", rng) for _ in range(500)]
    memory = [one for one in found if one.kind == "memory"]
    assert len(memory) > 20
    for one in memory:
        name = re.search(r"\\b(\w+)\\b", one.rule)
        assert name
        assert name[1] in one.reply
        assert name[1] in one.history[0][0]


def test_a_talk_is_laid_out_as_the_handler_asks(tokenizer: Tokenizer) -> None:
    rng = random.Random(4)
    one = talk("train", rng)
    while len(one.history) != 2:
        one = talk("train", rng)
    row = conversation(tokenizer, one)
    ids = row["prompt_ids"]
    assert ids[0] == TEXT
    assert [ids.count(USER), ids.count(ASSISTANT), ids.count(END)] == [3, 3, 2]
    assert ids[-1] == ASSISTANT
    assert row["answer_ids"][-1] == END
    assert tokenizer.decode(row["answer_ids"][:-1]) == one.reply


def test_rows_are_seeded_and_of_every_kind(tokenizer: Tokenizer) -> None:
    book = "Once there was a mill. " * 30
    public = [talk("train", random.Random(1))]
    one, again = (Rows("train", tokenizer, [book], public, random.Random(6)) for _ in "ab")
    for kind in ("stories", "books", "asked", "begun", "talks", "public"):
        row = one.row(kind)
        assert row == again.row(kind)
        assert row["answer_ids"][-1] == END


def test_a_stretch_of_each_book_is_held_out(tmp_path: Path) -> None:
    said = [f"He said \u201cit\u2019s number {n}\u201d." for n in range(90)]
    (tmp_path / "one.txt").write_text("\n\n".join(["A Heading", *said, "THE END"]), "utf-8")
    (book,) = read_books(tmp_path)
    assert len(book.validation) == 3
    assert not set(book.train) & set(book.validation)
    assert sorted(book.train + book.validation) == sorted(
        f'He said "it\'s number {n}".' for n in range(90)
    )


def test_the_judge_counts_what_is_missing_repeated_and_of_the_wrong_kind() -> None:
    story = {
        "kind": "story",
        "said": "a story about a cat and a kite",
        "subjects": ["cat", "kite"],
        "rule": "",
    }
    greeting = {"kind": "greeting", "said": "hi", "subjects": [], "rule": r"\bhello\b"}
    good = (
        "Once a cat named Tom had a kite and flew it. "
        + "Then they all went home, as one does, for it was late and cold outside by now. " * 2
    )
    bad = "Once a cat ran. Later Zora came to the house, and Zora slept. " * 4
    found = report(
        [
            Reply(story, good, ended=True),
            Reply(story, bad, ended=False),
            Reply(greeting, "Hello!", ended=True),
            Reply(greeting, "Bananas.", ended=True),
        ]
    )
    assert found["subjects_named"] == 0.75
    assert found["stories_with_all_subjects"] == 0.5
    assert found["stories_ended"] == 0.5
    assert found["talks_right"] == 0.5
    assert isinstance(found["repeated_4"], float)
    assert found["repeated_4"] > 0.3
    assert json.dumps(found)
