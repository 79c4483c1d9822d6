"""The generators: seeded, apart in training and validation, and right about their own answers."""

import json
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from data.check_home_wordings import faults
from data.home_abilities import QUERIES, TIMERS
from data.home_commands import expected, sample
from data.home_nouns import GENERIC, NOT_HOME
from data.home_talk import talked
from data.home_wordings import FOLDER, UNSEEN, english, wordings
from data.home_words import AREAS, FLOORS, ITEMS, OWNERS, SYLLABLES, THINGS, pick
from data.homes import random_home
from data.measure_home import effect, wanted
from data.phrasing import expand, noisy, numeral
from data.router_more import MORE
from data.router_phrases import PHRASES as ROUTER
from data.router_phrases import SUBJECTS
from data.router_sentences import LABELS, sentences
from engine.model_use import read_use
from engine.tokenizer import Tokenizer
from handlers.home_actions import INTENTS, REASONS, grammar, parse, resolve
from handlers.home_kinds import KIND_WORDS
from handlers.home_scene import located
from handlers.home_view import ANY, view

ROOT = Path(__file__).parent.parent
TABLES = {
    "areas": AREAS,
    "floors": FLOORS,
    "owners": OWNERS,
    "syllables": SYLLABLES,
    "items": ITEMS,
    "queries": QUERIES,
    "timers": TIMERS,
    **THINGS,
}


@pytest.mark.parametrize("table", TABLES)
def test_words_of_training_and_validation_are_apart(table: str) -> None:
    train, held = (set(pick(TABLES[table], part)) for part in ("train", "validation"))
    assert held
    assert not train & held


def test_phrasings_of_training_and_validation_are_apart() -> None:
    for parts in [NOT_HOME, *ROUTER.values()]:
        assert parts["validation"]
        assert not set(parts["train"]) & set(parts["validation"])
    for label, more in MORE.items():
        assert not set(more) & set(ROUTER[label]["validation"])


def test_every_topic_is_worded_for_training_and_for_validation() -> None:
    assert all(english(topic) for topic in wordings(UNSEEN))


@pytest.mark.parametrize("file", sorted(file.stem for file in FOLDER.glob("*.txt")))
def test_wordings_have_topics_and_slots_and_leave_validation_alone(file: str) -> None:
    assert not faults(file)


def test_talk_around_a_command_leaves_its_words() -> None:
    rng = random.Random(4)
    for _ in range(100):
        left = iter(talked("turn on the lamp", rng).replace(",", "").split())
        assert all(word in left for word in "turn on the lamp".split())


def test_router_subjects_of_training_and_validation_are_apart() -> None:
    for name, train in SUBJECTS["train"].items():
        held = {" ".join(word.split()) for word in SUBJECTS["validation"][name].split(";")}
        assert not held & {" ".join(word.split()) for word in train.split(";")}


def test_the_same_seed_gives_the_same_homes_and_sentences() -> None:
    one, again, other = ([sample("train", random.Random(s)) for _ in "ab"] for s in (1, 1, 2))
    assert one == again != other


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        arguments = ["--out", str(tmp_path / name), "--rows", "20", "--validation", "5"]
        subprocess.run(
            [sys.executable, "-m", "data.home_commands", *arguments, "--seed", "9"],
            check=True,
            cwd=ROOT,
            capture_output=True,
        )
    for file in ("train.jsonl", "validation.jsonl", "validation_names.jsonl"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    row = json.loads((tmp_path / "one/train.jsonl").read_text().splitlines()[0])
    assert set(row) == {"prompt", "answer", "task"}


@pytest.mark.parametrize("part", ["train", "validation"])
def test_nearly_every_answer_can_be_written_about_its_own_scene(part: str) -> None:
    rng = random.Random(part)
    seen, without = set(), 0
    for _ in range(250):
        one = sample(part, rng)
        shown = view(located(one.scene))
        line = one.line(shown)
        seen.add(one.topic)
        if one.reason:
            assert one.reason in REASONS
        if line is None or not grammar(shown).accepts(line):
            without += 1
    assert len(seen) > 20
    assert without < 15


def test_what_the_line_comes_to_is_what_was_wanted_of_the_whole_home() -> None:
    rng = random.Random("goals")
    for _ in range(200):
        one = sample("train", rng)
        scene = located(one.scene)
        shown = view(scene)
        line = one.line(shown)
        if line is None or not grammar(shown).accepts(line):
            continue
        meant = {effect(resolve(action, scene, shown, 1.0)) for action in parse(line)}
        assert meant == set(map(wanted, expected(one)["intents"])), one.scene.text


def test_a_home_that_tells_no_areas_gives_them_by_name() -> None:
    rng = random.Random(5)
    untold = next(home for home in iter(lambda: random_home("train", rng), None) if not home.told)
    scene = untold.scene("x")
    assert not any(entity.area for entity in scene.entities)
    assert [e.area for e in located(scene).entities] == [e.area for e in untold.entities]


def test_every_domain_that_an_intent_takes_has_words() -> None:
    for domains in INTENTS.values():
        assert set(domains) <= {ANY, "person", *KIND_WORDS}
    assert set(GENERIC) <= set(THINGS) <= {"person", *KIND_WORDS}


@pytest.mark.parametrize("label", LABELS)
def test_every_label_has_sentences_in_both_parts(label: str) -> None:
    for part in ("train", "validation"):
        made = sentences(part, label, 5, random.Random(1))
        assert len(made) == 5
        assert all(text.strip() and "{" not in text for text in made)


def test_the_shipped_router_has_the_labels_of_its_rows() -> None:
    use = read_use(ROOT / "models" / "router")
    assert use.labels == LABELS
    assert use.specialists.items() >= {"home_control": "home", "text": "text"}.items()


def test_a_template_with_an_unknown_slot_is_an_error() -> None:
    with pytest.raises(ValueError, match="slot"):
        expand("turn on {y}", random.Random(1), x="the lamp")


def test_templates_expand_choices_and_options() -> None:
    made = {expand("(a|b) [c|(d|e)] {x}", random.Random(n), x="z") for n in range(200)}
    assert made == {f"{one}{two} z" for one in "ab" for two in ("", " c", " d", " e")}


def test_number_words_read_back_as_their_number() -> None:
    from handlers.home_speech import normalise, numbers

    for value in range(100):
        spoken = numeral(value, random.Random(value))
        assert numbers(normalise(f"{spoken} percent")) == [str(value)]


def test_noise_is_a_single_slip() -> None:
    rng = random.Random(3)
    for _ in range(200):
        out = noisy("please turn on the kitchen lights", rng, 1.0)
        assert 4 <= len(out.split()) <= 6


def test_the_shipped_tokenizer_reads_the_home_format_in_few_tokens() -> None:
    tokenizer = Tokenizer.load(ROOT / "models/tokenizer.json")
    assert len(tokenizer.encode("HassTurnOff R light")) == 3
    assert len(tokenizer.encode("HassLightSet A brightness")) == 3


def test_validation_rows_hold_whole_scenes(tmp_path: Path) -> None:
    one = sample("validation", random.Random(2))
    assert msgspec.json.decode(msgspec.json.encode(one.scene), type=type(one.scene)) == one.scene
