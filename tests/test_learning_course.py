"""The whole way from corrections to a model of a node's own: learnt, discarded, interrupted, forgotten."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_handlers_protocol import Recorder

from data.router_sentences import sentences
from engine.errors import BadData
from engine.model_use import read_use
from handlers.catalog import build
from handlers.corrections_home import Wanted
from handlers.corrections_store import Correction, Right, Store, identity
from handlers.learned_models import COURSE, learned, overlay, revert
from learning.course import Effort, Interrupted, NothingNew, Place, learn

ROOT = Path(__file__).resolve().parent.parent
HOME = Effort(steps=16, rows=4, context=128, lessons=120, reserved=24, copies=40, rate=6e-4)
ROUTER = Effort(steps=60, rows=4, context=128, lessons=110, reserved=110, copies=16, rate=3e-3)
ENTITIES = [
    {"entity_id": "light.zorvan", "name": "Zorvan", "area": "Bedroom"},
    {"entity_id": "light.hall", "name": "Hall lamp", "area": "Hall"},
    {"entity_id": "fan.breeze", "name": "Breeze", "area": "Bedroom"},
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "learning", ROOT / "models", ROOT / "data")


def correct(place: Place, capability: str, asked: object, right: Right) -> None:
    content = json.dumps(asked).encode()
    one = Correction(
        id=identity(capability, content),
        at=time.time(),
        capability=capability,
        by="cli",
        task="",
        content=msgspec.Raw(content),
        right=right,
    )
    Store(place.learning, 30).add(one)


def asked_of_node(place: Place, capability: str, content: object) -> dict[str, Any]:
    """What a node with this learning folder answers."""
    handler = build(capability, overlay(place.learning, place.shipped))
    handler.load()
    answer: dict[str, Any] = json.loads(handler.run(json.dumps(content).encode(), Recorder()))
    return answer


def commanded(place: Place, text: str) -> list[tuple[str, list[str]]]:
    answer = asked_of_node(place, "home_control", {"text": text, "entities": ENTITIES})
    return [(one["name"], one["entities"]) for one in answer["intents"]]


def stopped_after(calls: int) -> Callable[[], bool]:
    left = iter(range(calls))
    return lambda: next(left, None) is None


@pytest.mark.slow
def test_what_the_home_model_gets_wrong_is_learnt_over_an_interruption(place: Place) -> None:
    """The shipped model, and a made-up verb that it does not know."""
    on = ("HassTurnOn", ["light.zorvan"])
    verbs = ("florb", "quizzle", "gronk", "yabber", "snorfle")
    text = next(t for t in (f"{verb} zorvan" for verb in verbs) if commanded(place, t) != [on])
    right = Right(intents=(Wanted(on[0], tuple(on[1])),))
    correct(place, "home_control", {"text": text, "entities": ENTITIES}, right)
    store = Store(place.learning, 30)
    with pytest.raises(Interrupted):
        learn("home", place, store, HOME, stop=stopped_after(8))
    assert learned(place.learning, place.shipped, "home") is None
    assert commanded(place, text) != [on]
    said: list[str] = []
    result = learn("home", place, store, HOME, say=said.append)
    assert said[0] == "going on where it was interrupted"
    assert result.kept, result
    assert commanded(place, text) == [on]
    assert not list(place.learning.glob(f"{COURSE}*"))
    about = learned(place.learning, place.shipped, "home")
    assert about is not None
    assert about["corrections"] == {"n": 1, "before": 0, "after": 1, "fell": False}
    with pytest.raises(NothingNew, match="kept"):
        learn("home", place, store, HOME)
    assert revert(place.learning, place.shipped, "home")
    assert commanded(place, text) != [on]


def test_poisonous_corrections_are_discarded_and_the_model_stays(place: Place) -> None:
    """Random wrong labels for sentences that the router knows: what is reserved falls."""
    rng = random.Random(3)
    labels = read_use(place.shipped / "router").labels
    for label in labels:
        for text in sentences("train", label, 2, rng):
            wrong = rng.choice([other for other in labels if other != label])
            correct(place, "intent_classification", text, Right(label=wrong))
    before = asked_of_node(place, "intent_classification", "add two and five")
    said: list[str] = []
    result = learn("router", place, Store(place.learning, 30), ROUTER, say=said.append)
    assert not result.kept, result
    assert any(line.startswith("100% of the way: right fell from") for line in said), said
    assert learned(place.learning, place.shipped, "router") is None
    assert asked_of_node(place, "intent_classification", "add two and five") == before
    with pytest.raises(NothingNew, match="discarded"):
        learn("router", place, Store(place.learning, 30), ROUTER)


def test_without_corrections_there_is_nothing_to_learn(place: Place) -> None:
    with pytest.raises(BadData, match="no correction of home_control"):
        learn("home", place, Store(place.learning, 30), HOME)
    assert not place.learning.exists()


def test_learning_is_for_one_at_a_time(place: Place) -> None:
    correct(place, "intent_classification", "two and two", Right(label="math"))
    program = (
        "import fcntl, sys; lock = open(sys.argv[1], 'wb'); fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(place.learning / "learn.lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BadData, match="another learning is under way"):
            learn("router", place, Store(place.learning, 30), ROUTER)
        other.communicate("")


def test_lessons_that_cannot_be_written_are_told(place: Place, tmp_path: Path) -> None:
    correct(place, "intent_classification", "two and two", Right(label="math"))
    nowhere = Place(place.learning, place.shipped, tmp_path / "nowhere" / "data")
    nowhere.generators.mkdir(parents=True)
    (nowhere.generators / "__init__.py").touch()  # goes before an installed package of the name
    with pytest.raises(BadData, match="generator router_lessons"):
        learn("router", nowhere, Store(place.learning, 30), ROUTER)


def test_a_node_without_torch_says_what_learning_needs(place: Place) -> None:
    correct(place, "intent_classification", "two and two", Right(label="math"))
    program = (
        "import sys; sys.path[:0] = ['.', 'tests']; sys.modules['torch'] = None\n"
        "from pathlib import Path; from engine.errors import MissingDependency\n"
        "from test_learning_course import ROOT, ROUTER, Place, Store, learn\n"
        "place = Place(Path(sys.argv[1]), ROOT / 'models', ROOT / 'data')\n"
        "try: learn('router', place, Store(place.learning, 30), ROUTER)\n"
        "except MissingDependency as fault: print(fault)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(place.learning)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "learning needs torch" in done.stdout
    assert "forgebus[train]" in done.stdout
