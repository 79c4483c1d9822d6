"""The seed templates: enough of each, of their form, by the reader that training uses."""

from collections import Counter
from pathlib import Path

import pytest

from data.router_sentences import LABELS
from engine.training.datasets import records, sources
from engine.training.kinds import Labelled, Pair, contents

SEEDS = Path(__file__).resolve().parent.parent / "data" / "seeds"


def read(kind: str) -> list[object]:
    (source,) = sources((SEEDS / f"{kind}.txt",))
    return [one for record in records(source) for one in contents(kind, record)]


@pytest.mark.parametrize(("kind", "least"), [("router", 100), ("vision", 30), ("code", 15)])
def test_there_are_enough_and_none_twice(kind: str, least: int) -> None:
    found = read(kind)
    assert len(found) >= least
    prompts = [one.prompt for one in found if isinstance(one, Labelled | Pair)]
    assert len(set(prompts)) == len(found)


def test_the_router_has_seeds_for_each_of_its_labels() -> None:
    counts = Counter(one.label for one in read("router") if isinstance(one, Labelled))
    assert set(counts) == set(LABELS)
    assert min(counts.values()) >= 10


def test_what_is_seen_comes_before_what_is_said_of_it() -> None:
    for one in read("vision"):
        assert isinstance(one, Pair)
        assert all(one.prompt.split(", "))
        assert one.answer.endswith(".")


def test_the_code_runs() -> None:
    for one in read("code"):
        assert isinstance(one, Pair)
        names: dict[str, object] = {}
        exec(compile(one.answer, "seed", "exec"), names)
        assert any(callable(made) for name, made in names.items() if name != "__builtins__")
