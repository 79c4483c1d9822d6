"""docs/api.md says what is so: its examples run, and its tables name what there is."""

import doctest
from pathlib import Path

import pytest
from engine_damage import BOTH, SERVED

from engine import errors
from engine.errors import EngineError

API = Path(__file__).parent.parent / "docs" / "api.md"


def test_the_examples_give_what_they_show(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(API.parent.parent)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    result = doctest.testfile(str(API), module_relative=False, verbose=False)
    assert result.failed == 0
    assert result.attempted > 25


def test_every_error_of_a_request_or_a_model_is_in_the_table() -> None:
    table = API.read_text("utf-8").partition("## Bad input")[2]
    told = {name for name in vars(errors) if f"`{name}`" in table}
    known = {name for name, each in vars(errors).items() if isinstance(each, type)}
    elsewhere = {"BadData", "BadGrammar", "BadSampling"}
    assert {harm.error.__name__ for harm in (*BOTH.values(), *SERVED.values())} <= told
    assert known - elsewhere - {EngineError.__name__} <= told
