"""What a handler says to the bus when it is not sure: what may go on to a better node, and what not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bus_topics.abstention import abstaining
from engine.model_use import Calibration
from handlers.home_control import HomeControl
from handlers.intent_classification import IntentClassification
from handlers.protocol import Usage

MODELS = Path(__file__).resolve().parent.parent / "models"


class Recorder:
    def __init__(self) -> None:
        self.max_tokens = 128
        self.usage = Usage()
        self.abstained: tuple[str, float] | None = None

    def emit(self, text: str) -> None: ...

    def cancelled(self) -> bool:
        return False

    def progress(self, fraction: float) -> None: ...

    def abstain(self, reason: str, probability: float) -> None:
        self.abstained = (reason, probability)


@pytest.fixture(scope="module")
def router() -> IntentClassification:
    made = IntentClassification(MODELS)
    made.load()
    return made


@pytest.fixture
def unsure(router: IntentClassification, monkeypatch: pytest.MonkeyPatch) -> IntentClassification:
    """The shipped router, never sure enough."""
    threshold(router, 1.1, monkeypatch)
    return router


def threshold(
    handler: IntentClassification | HomeControl, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handler with its model, and another threshold."""
    assert handler._loaded is not None
    loaded = (
        replace(part, threshold=value) if isinstance(part, Calibration) else part
        for part in handler._loaded
    )
    monkeypatch.setattr(handler, "_loaded", tuple(loaded))


def asked(handler: Any, content: object) -> tuple[Any, Recorder]:
    call = Recorder()
    return json.loads(handler.run(json.dumps(content).encode(), call)), call


def test_what_keywords_know_is_an_answer_and_stays(unsure: IntentClassification) -> None:
    answer, call = asked(unsure, "turn on the lights")
    assert (answer["intent"], answer["source"]) == ("home_control", "keywords")
    assert answer["abstained"] is True
    assert call.abstained is None


def test_what_neither_model_nor_keywords_know_may_go_on(unsure: IntentClassification) -> None:
    answer, call = asked(unsure, "colourless green ideas sleep furiously")
    assert (answer["intent"], answer["source"]) == ("", "none")
    assert call.abstained == ("unsure", answer["probability"])


def test_what_the_model_is_sure_of_is_an_answer(
    router: IntentClassification, monkeypatch: pytest.MonkeyPatch
) -> None:
    threshold(router, 0.0, monkeypatch)
    answer, call = asked(router, "colourless green ideas sleep furiously")
    assert (answer["source"], call.abstained) == ("model", None)


@pytest.fixture(scope="module")
def home() -> HomeControl:
    made = HomeControl(MODELS)
    made.load()
    return made


LAMP = [{"entity_id": "light.kitchen", "name": "Kitchen light", "area": "Kitchen"}]


def test_the_home_model_gives_the_reason_that_it_wrote(home: HomeControl) -> None:
    said = {"text": "colourless green ideas sleep furiously", "entities": LAMP}
    answer, call = asked(home, said)
    assert answer["abstained"] is True
    assert call.abstained is not None
    reason, probability = call.abstained
    assert probability == answer["probability"]
    assert abstaining(reason, probability)


def test_the_home_model_says_when_it_held_actions_back(
    home: HomeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = {"text": "turn on the kitchen light", "entities": LAMP}
    assert asked(home, sure)[1].abstained is None
    threshold(home, 1.1, monkeypatch)
    answer, call = asked(home, sure)
    assert answer["abstained"] is True
    assert call.abstained == ("unsure", answer["probability"])
