"""What each model that learns is asked so that it forgets nothing: lessons, and reserved cases.

The generators of training data write both (`data/`); they run as programs of their own. No word list
or phrasing of the reserved cases is in any lesson.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engine.errors import BadData, BadModel
from engine.model_use import read_use
from evaluation import home, router
from evaluation.cases import Outcome
from evaluation.home_rows import row_tasks
from evaluation.intents import Sentence, read_intents
from evaluation.models import load_model
from handlers.corrections_store import Correction
from learning.rows import home_task, sentence

LESSONS, FITTING = 4242, 4343
"""Seeds of the lessons with the reserved cases, and of the cases that fit the threshold."""


class Amount(Protocol):
    """How much is asked of a generator."""

    @property
    def lessons(self) -> int:
        """Rows to train on."""

    @property
    def reserved(self) -> int:
        """Cases of each reserved set."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A model that learns.

    Attributes:
        rows: what its rows are called in `engine.training.kinds`.
        generator: the program that writes them, a module in `data/`.
        answered: each case asked of the model in a folder.
        case: a correction as a case.
        read: the cases of a file.
        check: raises BadModel where the lessons in a folder are not for the model in another.
    """

    rows: str
    generator: str
    answered: Callable[[Path, Sequence[Any]], Iterator[Outcome]]
    case: Callable[[Correction], Any]
    read: Callable[[Path], Iterator[Any]]
    check: Callable[[Path, Path], None]

    def cases(self, folder: Path) -> list[Any]:
        """The reserved cases in a folder."""
        files = sorted(folder.glob("validation*.jsonl"))
        return [case for file in files for case in self.read(file)]


def generate(
    kind: Kind, generators: Path, folder: Path, amount: Amount, stop: Callable[[], bool]
) -> None:
    """Write `lessons` and `fitting` into `folder`; both, or the first alone if interrupted.

    Raises:
        BadData: the generator is not there, or failed.
    """
    wanted = (
        ("fitting", 1, amount.reserved // 2, FITTING),
        ("lessons", amount.lessons, amount.reserved, LESSONS),  # last: once it is there, all is
    )
    paths = [str(generators.parent), *filter(None, (os.environ.get("PYTHONPATH"),))]
    for name, rows, cases, seed in wanted:
        half = folder / f"{name}.new"
        shutil.rmtree(half, ignore_errors=True)
        shutil.rmtree(folder / name, ignore_errors=True)
        sizes = ("--rows", str(rows), "--validation", str(cases), "--seed", str(seed))
        command = [sys.executable, "-m", f"data.{kind.generator}", "--out", str(half), *sizes]
        done = subprocess.run(
            command,
            cwd=generators.parent,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            check=False,
        )
        if stop():
            return
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no word"])[-1]
            raise BadData(
                f"the generator {kind.generator} in {generators} failed ({last})",
                "install forgebus whole, or run it from its sources",
            )
        half.rename(folder / name)


def _router_cases(file: Path) -> Iterator[Sentence]:
    yield from read_intents(file)[1]


def _router_answered(folder: Path, cases: Sequence[Sentence]) -> Iterator[Outcome]:
    yield from router.answered(load_model(folder), cases)


def _any_home(model: Path, lessons: Path) -> None:
    """What the generator writes is for whatever reads `handlers.home_view`."""


def _same_labels(model: Path, lessons: Path) -> None:
    ours = set(read_use(model).labels)
    with (lessons / "train.jsonl").open("rb") as lines:
        theirs = {json.loads(line)["label"] for line in lines}
    if ours != theirs:
        raise BadModel(
            f"the lessons are for a router of {', '.join(sorted(theirs))}; {model} has other labels",
            "train it anew on your own rows with `forgebus train`",
        )


KINDS = {
    "home": Kind(
        rows="home",
        generator="home_commands",
        answered=home.answered,
        case=home_task,
        read=row_tasks,
        check=_any_home,
    ),
    "router": Kind(
        rows="router",
        generator="router_lessons",
        answered=_router_answered,
        case=sentence,
        read=_router_cases,
        check=_same_labels,
    ),
}
"""By the name of the model."""
