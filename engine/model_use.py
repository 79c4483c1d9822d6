"""How a model is to be asked, what its labels mean, how sure it must be: beside its weights.

A model learnt its requests in one form. Asked in another it answers badly, and nothing in its
weights says so; `use.json` does:

    {"form": "chat", "task": "route",
     "labels": ["chat", "home_control", ...], "specialists": {"home_control": "home"}}

`calibration.json` was measured on validation data: {"temperature": 1.5, "threshold": 0.909}. A model
whose answers are of several kinds may add how sure each kind is: {"kinds": {"several": [-1.0, -0.2]}}.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.config import read_config_json
from engine.errors import BadModel, BadPrompt
from engine.tokenizer import LABELS, TASKS, Tokenizer

USE = "use.json"
CALIBRATION = "calibration.json"

_MOST = 1e6
_LEAST_SURPRISE = 1e-6
_MOST_KINDS = 32
_MOST_SLOPE = 20
_PLAIN_TASKS = ("vision",)
"""Specialities without a token of their own: their requests say what they are."""
_FIELDS = {"form", "task", "labels", "specialists"}


@dataclass(frozen=True, slots=True)
class ModelUse:
    """`use.json`; its defaults are what holds for a folder without one.

    Attributes:
        form: "chat" puts a request into the form of `Tokenizer.chat`; "text" is continued as it is.
        task: "", one of `engine.tokenizer.TASKS` or "vision": what the model was specialised in.
        labels: of a classifier; label n is the token `<|label_n|>`.
        specialists: of a classifier of requests: label -> name of the model that serves it.
    """

    form: Literal["chat", "text"] = "chat"
    task: str = ""
    labels: tuple[str, ...] = ()
    specialists: Mapping[str, str] = field(default_factory=dict)

    @property
    def general(self) -> bool:
        """Whether it writes text about anything: no classifier, and no specialist."""
        return not self.labels and self.task in ("", "text")

    def ids(self, tokenizer: Tokenizer, prompt: str | Sequence[int]) -> list[int]:
        """`prompt` as the model learnt to read it; token ids are taken as they are.

        Raises:
            BadPrompt: empty, or no well-formed text.
        """
        if not prompt:
            raise BadPrompt("the prompt is empty", "say what is wanted")
        if not isinstance(prompt, str):
            return list(prompt)
        if self.form == "text":
            return tokenizer.encode(prompt)
        task = "" if self.task in _PLAIN_TASKS else self.task
        return tokenizer.chat(prompt, task=task)


@dataclass(frozen=True, slots=True)
class Calibration:
    """`calibration.json`.

    Attributes:
        temperature: divides log-probabilities before they are shown.
        threshold: an answer of a smaller probability is an abstention.
        kinds: kind of answer -> slope and offset of the log-odds that it is right, over the logarithm
            of its surprise (the negative log-probability). Kinds that are not listed have the
            temperature.
    """

    temperature: float = 1.0
    threshold: float = 0.0
    kinds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def probability(self, logprob: float, kind: str = "") -> float:
        """How likely an answer of this log-probability and kind is right."""
        if kind not in self.kinds:
            return math.exp(logprob / self.temperature)
        slope, offset = self.kinds[kind]
        odds = slope * math.log(max(-logprob, _LEAST_SURPRISE)) + offset
        return 1 / (1 + math.exp(-odds))


def read_use(folder: Path) -> ModelUse:
    """`use.json` of a model folder, or the defaults where there is none.

    Raises:
        BadModel: it is damaged or says what cannot be.
    """
    file = folder / USE
    if not file.exists():
        return ModelUse()
    told = read_config_json(file)
    use = _parsed(told)
    if use is None:
        raise BadModel(
            f"{file} says what cannot be", f"give {', '.join(sorted(_FIELDS))} as documented"
        )
    return use


def read_calibration(folder: Path) -> Calibration:
    """`calibration.json` of a model folder.

    Raises:
        BadModel: missing, damaged, or it says what cannot be.
    """
    file = folder / CALIBRATION
    told = read_config_json(file)
    pair = [told.get("temperature"), told.get("threshold")]
    numbers = [float(n) for n in pair if isinstance(n, int | float) and abs(n) < _MOST]
    kinds = _kinds(told.get("kinds", {}))
    known = told.keys() <= {"temperature", "threshold", "kinds"} and kinds is not None
    if len(numbers) < 2 or not known or numbers[0] <= 0 or not 0 <= numbers[1] <= 1:
        raise BadModel(
            f"{file} must hold a temperature above 0, a threshold from 0 to 1, at most kinds with a "
            "slope below 0 and an offset each, and nothing else",
            "copy the model folder again",
        )
    return Calibration(numbers[0], numbers[1], kinds or {})


def _kinds(told: object) -> dict[str, tuple[float, float]] | None:
    if not isinstance(told, dict) or len(told) > _MOST_KINDS:
        return None
    pairs = [pair for pair in told.values() if isinstance(pair, list) and len(pair) == 2]
    numbers = [
        n for pair in pairs for n in pair if isinstance(n, int | float) and abs(n) < _MOST_SLOPE
    ]
    if len(numbers) < 2 * len(told) or any(pair[0] >= 0 for pair in pairs):
        return None
    return {str(kind): (float(slope), float(offset)) for kind, (slope, offset) in told.items()}


def _parsed(told: Mapping[str, Any]) -> ModelUse | None:
    form, task = told.get("form", "chat"), told.get("task", "")
    labels, specialists = told.get("labels", []), told.get("specialists", {})
    if not (isinstance(labels, list) and isinstance(specialists, dict) and told.keys() <= _FIELDS):
        return None
    texts = [*labels, *specialists.values()]
    if not all(isinstance(text, str) and text for text in texts) or len(labels) > LABELS:
        return None
    if form not in ("chat", "text") or (task and task not in (*TASKS, *_PLAIN_TASKS)):
        return None
    if len(set(labels)) < len(labels) or not specialists.keys() <= set(labels):
        return None
    return ModelUse(form, task, tuple(labels), specialists)
