"""What is asked of a model, and what came of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOTHING = "(nothing)"
"""What stands for an abstention where a label would stand."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case, answered and judged.

    Attributes:
        case: its id in the set, else `file:line`.
        domain: the group it is counted in: a label, a category, a kind of sentence.
        wanted: the right answer in a few words.
        given: the answer in a few words, whatever its probability.
        right: whether the answer is right, taken as it was given.
        acts: whether it is an answer at all; False where the model itself declined.
        silent_right: whether declining is right here (out of scope, nothing to be done).
        probability: how sure the model was, 0 to 1.
        seconds: from the request to the answer; 0 where it came from a file.
        in_scope: False for what the model should decline.
        question: what was asked, for the list of wrong answers.
        sorts: what is counted as confused, where `wanted` and `given` are different every time.
    """

    case: str
    domain: str
    wanted: str
    given: str
    right: bool
    acts: bool = True
    silent_right: bool = False
    probability: float = 1.0
    seconds: float = 0.0
    in_scope: bool = True
    question: str = ""
    sorts: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """An answer from elsewhere, for `--answers`; None where it declined."""

    answer: Any
    probability: float = 1.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file a case stands; `str` of it is `file:line`."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}"
