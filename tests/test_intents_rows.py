"""Rows for the public intent sets and for the router: seeded, apart, and what they say they are."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from data.intent_changes import changed, crossed
from data.intent_phrases import outside, phrased
from data.intent_public import OUTSIDE, SETS, foreign, training
from data.intent_sets import Recipe, held_out, make
from data.intent_teacher import Teacher
from data.phrasebook import SEEDS, read_phrasebook
from data.router_nonsense import nonsense
from data.router_phrases import PHRASES
from data.router_sentences import LABELS

MUSIC = [f"{verb} some {what}" for verb in ("play", "put on") for what in ("jazz", "rock", "songs")]
LIGHT = [
    f"{verb} the {what}" for verb in ("switch on", "dim") for what in ("lamp", "light", "hall")
]
ROWS = [(text, "music") for text in MUSIC] + [(text, "light") for text in LIGHT]


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Public sets of a few sentences each, in their own forms."""
    many = [(f"{text} {number}", label) for text, label in ROWS for number in range(5)]
    clinc = {
        "train": many,
        "val": [["never read", "x"]],
        "oos_train": [["why is the sky blue", "oos"]],
    }
    wrote(tmp_path / "clinc150/data_full_train_val.json", json.dumps(clinc))
    asked = [*many, ("Play   some JAZZ", "music"), ("who was caesar", "qa_factoid")]
    for name, rows in (("hwu64", asked), ("snips", [("this is a 5 star book", "RateBook")])):
        wrote(tmp_path / name / "train/seq.in", "".join(f"{text}\n" for text, _ in rows))
        wrote(tmp_path / name / "train/label", "".join(f"{label}\n" for _, label in rows))
        wrote(tmp_path / name / "valid/seq.in", "never read\n")
        wrote(tmp_path / name / "valid/label", "music\n")
    wrote(tmp_path / "banking77/train.csv", "text,category\nis there an age limit,age_limit\n")
    for subject in "computers food health history literature money movies politics science sports trivia".split():
        wrote(
            tmp_path / f"chatterbot_corpus/english/{subject}.yml",
            f"conversations:\n- - What is {subject}?\n  - It is.\n",
        )
    wrote(tmp_path / "mbpp/train.jsonl", '{"text": "Write a function to add."}\n')
    wrote(tmp_path / "self_instruct/seed_tasks.jsonl", '{"instruction": "Plan a party."}\n')
    return tmp_path


def wrote(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def rows_of(sets: Path, seed: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    return make(sets, "hwu64", Recipe(seed, share=0.1, changes=1, others=200, crossings=5))


def test_the_same_seed_gives_the_same_rows_and_another_others(sets: Path) -> None:
    assert rows_of(sets, 1) == rows_of(sets, 1)
    assert rows_of(sets, 1) != rows_of(sets, 2)


def test_nothing_that_is_held_out_is_learnt(sets: Path) -> None:
    learnt, apart = rows_of(sets, 1)
    assert apart
    assert not {row["text"] for row in apart} & {row["text"] for row in learnt}
    assert "never read" not in {row["text"] for row in (*learnt, *apart)}  # a validation part


def test_rows_are_what_a_router_is_trained_on(sets: Path) -> None:
    learnt, _ = rows_of(sets, 1)
    for row in learnt:
        assert row["text"]
        match row:
            case {"label": str()}:
                pass
            case {"labels": dict(shares)}:
                assert shares
                assert all(0 < share <= 1 for share in shares.values())
            case _:
                pytest.fail(f"{row} has neither a label nor labels")
    assert {"music", "light"} <= {str(row.get("label")) for row in learnt}
    # Of other sets there is the teacher's opinion alone.
    others = [
        row for row in learnt if row["text"] in ("this is a 5 star book", "is there an age limit")
    ]
    assert others
    assert all("labels" in row for row in others)


def test_a_set_is_read_as_a_router_reads_it_and_foreign_sentences_are_named(sets: Path) -> None:
    assert ("play some jazz", "music") in training(sets, "hwu64")
    assert ("why is the sky blue", OUTSIDE) in training(sets, "clinc150")
    assert {"who was caesar", "is there an age limit", "what is trivia?"} <= set(foreign(sets))
    assert "play some jazz" not in foreign(sets)


def test_a_share_is_held_out_with_its_doubles() -> None:
    rows = [*ROWS, *ROWS]
    learnt, apart = held_out(rows, 0.25, 3)
    assert len(apart) == 6
    assert not {text for text, _ in apart} & {text for text, _ in learnt}


def test_the_teacher_knows_what_it_saw_and_doubts_what_it_did_not() -> None:
    teacher = Teacher(ROWS, seed=1, passes=20)
    assert teacher.labels == ("light", "music")
    shares = teacher.shares(["please play jazz", "dim the lamps", "0000"])
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    assert shares[0, 1] > 0.7
    assert shares[1, 0] > 0.7
    assert abs(shares[2, 0] - 0.5) < 0.1
    again = Teacher(ROWS, seed=1, passes=20).shares(["please play jazz"])
    assert (again == shares[:1]).all()


def test_changes_keep_most_of_a_sentence() -> None:
    made = list(changed(ROWS * 20, random.Random(1)))
    assert [label for _, label in made] == [label for _, label in ROWS * 20]
    assert all(text for text, _ in made)
    same = sum(text == old for (text, _), (old, _) in zip(made, ROWS * 20, strict=True))
    assert same < len(made) / 4
    shared = [
        set(t.split()) & set(o.split()) for (t, _), (o, _) in zip(made, ROWS * 20, strict=True)
    ]
    assert np.mean([bool(words) for words in shared]) > 0.9


def test_crossings_are_of_the_words_of_the_rows_and_seeded() -> None:
    made = crossed(ROWS, 60, random.Random(2))
    assert made == crossed(ROWS, 60, random.Random(2))
    assert len(set(made)) == 60
    known = {word for text, _ in ROWS for word in text.split()}
    assert {word for text in made for word in text.split()} <= known
    assert len(set(made) - {text for text, _ in ROWS}) > 40


@pytest.mark.parametrize("name", ["clinc150", "outside", "requests"])
def test_every_phrasing_can_be_said(name: str) -> None:
    book = read_phrasebook(name)
    rng = random.Random(1)
    for templates in book.templates.values():
        for template in templates:
            for _ in range(4):
                said = book.say(template, rng)
                assert said.strip()
                assert not set(said) & set("{}()[]|"), template


def test_the_phrasings_are_of_known_intents_and_many() -> None:
    rows = phrased("clinc150", random.Random(1))
    assert rows == phrased("clinc150", random.Random(1))
    assert len({label for _, label in rows}) == 150
    assert OUTSIDE not in {label for _, label in rows}
    strange = outside(random.Random(1))
    assert len(strange) > 2000
    assert not set(strange) & {text for text, _ in rows}
    assert set(read_phrasebook("requests").templates) <= set(LABELS)
    assert {name for name in SETS if (SEEDS / f"{name}.txt").exists()} == {"clinc150"}


def test_requests_do_not_repeat_what_the_router_is_measured_on() -> None:
    held = {template for parts in PHRASES.values() for template in parts["validation"]}
    for templates in read_phrasebook("requests").templates.values():
        assert not held & set(templates)


def test_nonsense_of_training_and_validation_is_apart() -> None:
    rng = random.Random(1)
    train, held = ({nonsense(part, rng) for _ in range(800)} for part in ("train", "validation"))
    assert all(text.strip() for text in train | held)
    long = {text for text in held if len(text) > 12}
    assert len(long) > 200
    assert not long & train
    assert nonsense("train", random.Random(5)) == nonsense("train", random.Random(5))
