"""`forgebus learn` and what it says where there is nothing to do; what forgetting takes along."""

from __future__ import annotations

import json
import time
from pathlib import Path

import msgspec
import pytest
from cli_call import Call, caller

from handlers.corrections_store import Correction, Right, Store
from handlers.learned_models import COURSE, FOLDER


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Call:
    """The commands of a machine whose node learns."""
    monkeypatch.setenv("FORGEBUS_NODE__STATE_DIR", str(tmp_path))
    monkeypatch.setenv("FORGEBUS_LEARNING__CORRECTIONS", "true")
    return caller(capfd)


def test_a_node_that_does_not_learn_is_told_what_would_switch_it_on(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("FORGEBUS_LEARNING__CORRECTIONS")
    call("learn", "home").fails(2, "learning is off here", "corrections = true in [learning]")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_learnt_is_told(call: Call) -> None:
    call("learn", "home").fails(1, "no correction of home_control")
    call("learn", "text").fails(2, "'text'")
    call("learn", "home", "--steps", "0").fails(2, "--steps")


def test_revert_without_a_learnt_model_changes_nothing(call: Call) -> None:
    told = call("learn", "home", "--revert")
    assert (told.code, told.out) == (0, "home is the shipped one\n")
    assert call("learn", "home", "--revert", "--json").json == {"model": "home", "reverted": False}


def test_forgetting_takes_unfinished_training_along(call: Call, tmp_path: Path) -> None:
    learning = tmp_path / FOLDER
    one = Correction(
        id="abc",
        at=time.time(),
        capability="intent_classification",
        by="cli",
        task="",
        content=msgspec.Raw(b'"what a secret"'),
        right=Right(label="math"),
    )
    Store(learning, 365).add(one)
    rows = learning / f"{COURSE}router" / "train.jsonl"
    rows.parent.mkdir()
    rows.write_text(json.dumps({"prompt": "what a secret"}))
    (listed,) = call("correct", "--list", "--json").json["corrections"]
    assert (listed["id"], listed["content"]) == ("abc", "what a secret")
    assert call("correct", "--forget", "abc", "--json").json == {"forgotten": 1}
    left = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(b"secret" in file.read_bytes() for file in left)
