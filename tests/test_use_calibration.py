"""How sure a model is of an answer of some kind: what `calibration.json` may say, and what it means."""

import json
import math
from pathlib import Path

import pytest

from engine.errors import BadModel
from engine.model_use import Calibration, read_calibration
from handlers.home_doubts import kind_of


def test_kinds_are_as_sure_as_they_were_right() -> None:
    told = Calibration(temperature=2.0, kinds={"several": (-1.0, 0.0)})
    assert told.probability(math.log(0.81)) == pytest.approx(0.9)
    assert told.probability(-1.0, "several") == pytest.approx(0.5)
    assert told.probability(-0.01, "several") > told.probability(-0.1, "several")
    assert 0.99 < told.probability(0.0, "several") <= 1.0


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    fields = {"temperature": 0.9, "threshold": 0.95, "kinds": {"text": [-0.5, -0.1]}}
    (tmp_path / "calibration.json").write_text(json.dumps(fields))
    assert read_calibration(tmp_path) == Calibration(0.9, 0.95, {"text": (-0.5, -0.1)})


@pytest.mark.parametrize(
    "kinds",
    [[], {"a": [-1.0]}, {"a": [0.0, 1.0]}, {"a": [-1.0, "x"]}, {"a": [-1e3, 0.0]}, {"a": 1}],
)
def test_what_cannot_be_is_an_error(tmp_path: Path, kinds: object) -> None:
    fields = {"temperature": 1.0, "threshold": 0.5, "kinds": kinds}
    (tmp_path / "calibration.json").write_text(json.dumps(fields))
    with pytest.raises(BadModel, match="slope below 0"):
        read_calibration(tmp_path)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("none device", ""),
        ("HassTurnOn A", "thing"),
        ("HassTurnOff R light", "group"),
        ("HassTurnOn A; HassTurnOff B", "several"),
        ("HassGetState R light", "question"),
        ("HassShoppingListAddItem - item oat milk", "text"),
        ("HassStartTimer - minutes N", "timer"),
    ],
)
def test_the_kind_of_a_line(line: str, kind: str) -> None:
    assert kind_of(line) == kind
