"""The kinds of model that can be trained: what a row of each looks like, and settings that suit it."""

import math
import re
from dataclasses import dataclass
from typing import Any

from engine.errors import BadData
from engine.routing import prompt_of
from engine.training.datasets import Record


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of model.

    Attributes:
        task: token that goes before a request (`engine.tokenizer.TASKS`), "" for none.
        expects: what a row may be, for error messages.
        context: positions of a packed row.
        rows: packed rows a step.
        rate: peak learning rate.
        epochs: how often the data is gone through.
        patience: validations without a new lowest loss after which a run ends; 0 never.
    """

    task: str
    expects: str
    context: int = 256
    rows: int = 16
    rate: float = 2e-3
    epochs: int = 3
    patience: int = 5


_OURS = '{"prompt": ..., "answer": ...} lines, `Q:`/`A:` texts'

KINDS: dict[str, Kind] = {
    "router": Kind(
        "route",
        "{text, label} rows (.jsonl, .csv, CLINC150 .json, seq.in beside label), "
        '{"prompt": ..., "label": ...} lines, {"text": ..., "labels": {name: share}}, or `Q:`/`A:` texts whose answers are labels',
        rate=3e-3,
        patience=4,
    ),
    "home": Kind("home", _OURS, rows=8, rate=1.2e-3),
    "text": Kind("text", f'.txt files, {{"text": ...}} or {_OURS}', rows=8),
    "code": Kind("code", f'{{"text": ..., "code": ...}} (MBPP), .txt files or {_OURS}', rows=8),
    "math": Kind("math", f'{{"question": ..., "answer": ...}} (GSM8K), MAWPS or {_OURS}', rows=8),
    "vision": Kind("", f'{{"tags": [...], "caption": ...}} or {_OURS}'),
    "any": Kind("", f".txt files or {_OURS}", patience=0),
}
"""By the name that `--type` takes. `any` reads our own rows and texts and takes no task for granted."""


@dataclass(frozen=True, slots=True)
class Text:
    """All of it is learnt."""

    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """The answer is learnt."""

    prompt: str
    answer: str
    system: str = ""
    task: str = ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """The label is learnt: its name, or its number.

    Of a row with several, `shares` are all of them with their shares, and `label` is the largest.
    """

    prompt: str
    label: str | int
    system: str = ""
    task: str = ""
    shares: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Ids:
    """Tokens as they are; those of the answer are learnt."""

    prompt: list[int]
    answer: list[int]


Content = Text | Pair | Labelled | Ids


def contents(kind: str, record: Record) -> list[Content]:
    """What is learnt from a record.

    Raises:
        BadData: it is no row of this kind; names file, line, and what was expected.
    """
    found = _ours(kind, record) or _public(kind, record)
    if kind == "router" and not all(isinstance(one, Labelled | Ids) for one in found):
        found = []
    if not found:
        names = "a text" if record.whole else f"a row of {', '.join(map(str, record.fields))}"
        raise BadData(
            f"{record.place} holds {names}, which --type {kind} does not take"
            if kind != "any"
            else f"{record.place} holds {names}, which is no training row",
            f"it takes {KINDS[kind].expects}",
        )
    return found


def _ours(kind: str, record: Record) -> list[Content]:
    fields = record.fields
    system, task = fields.get("system", ""), fields.get("task", KINDS[kind].task)
    if not isinstance(system, str) or not isinstance(task, str):
        raise BadData(f"{record.place}: system and task must be texts", "write them as strings")
    match fields:
        case {"text": str(text), "labels": dict(shares)} if shares and kind == "router":
            found = _shares(shares, record.place)
            return [Labelled(prompt_of(text), found[0][0], system, task, found)]
        case {"prompt_ids": list(prompt), "answer_ids": list(answer)}:
            return [Ids(prompt, answer)]
        case {"prompt": str(prompt), "label": int(label) | str(label)}:
            return [Labelled(prompt, label, system, task)]
        case {"prompt": str(prompt), "answer": str(answer)}:
            return [Pair(prompt, answer, system, task)]
        case {"text": str(text)} if record.whole and kind in {"text", "code", "any"}:
            return [Text(text)]
    return []


def _shares(given: dict[str, Any], place: str) -> tuple[tuple[str, float], ...]:
    """Labels with their shares of 1, the largest first."""
    if not all(isinstance(v, int | float) and 0 < v < math.inf for v in given.values()):
        raise BadData(f"{place}: a share of a label is no number above 0", "correct or drop it")
    total = math.fsum(given.values())
    ordered = sorted(given.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((name, share / total) for name, share in ordered)


def _public(kind: str, record: Record) -> list[Content]:
    """The forms in which the public sets of a kind come."""
    task = KINDS[kind].task
    match kind, record.fields:
        case "router", (
            {"text": str(text), "label": str(label)}
            | {"text": str(text), "category": str(label)}
            | {"text": str(text), "intent": str(label)}
            | {"question": str(text), "answer": str(label)}
        ):
            return [Labelled(prompt_of(text), label, task=task)]
        case "code", {"text": str(text), "code": str(code)} | {
            "prompt": str(text),
            "code": str(code),
        }:
            return [Pair(text, code.replace("\r\n", "\n"), task=task)]
        case "math", {"question": str(text), "answer": str(answer)}:
            # GSM8K notes each calculation a second time, <<48/2=24>>, for a calculator.
            return [Pair(text, re.sub(r"<<.*?>>", "", answer), task=task)]
        case "math", {"Question": str(text), "Numbers": str(numbers), "Answer": str(answer)}:
            return [Pair(_filled(text, numbers), answer.removesuffix(".0"), task=task)]
        case "vision", {"tags": list(tags), "caption": str(caption)} if tags:
            if all(isinstance(tag, str) for tag in tags):
                return [Pair(", ".join(tags), caption, task=task)]
        case "text", {"text": str(text)} if not {"label", "category"} & record.fields.keys():
            return [Text(text)]
        case "text", {"instruction": str(text), "instances": list(instances)}:
            return [
                Pair("\n".join(filter(None, (text, case["input"]))), case["output"], task=task)
                for case in instances
                if isinstance(case, dict) and {"input", "output"} <= case.keys()
            ]
        case _, {"question": str(text), "answer": str(answer)}:
            return [Pair(text, answer, task=task)]
    return []


def _filled(text: str, numbers: str) -> str:
    """A word problem of MAWPS with its numbers in their places."""
    for place, number in enumerate(numbers.split()):
        text = text.replace(f"number{place}", number.removesuffix(".0"))
    return text.replace(" .", ".").replace(" ?", "?")
