"""The home model on sentences to homes, through the handler that a node runs.

The handler is given the model with a threshold of 0, so that it says what it would do however
unsure it is; whether a node would have done it is decided afterwards, from the probability.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.checkpoint import SUMS, write_sums
from engine.errors import BadData
from engine.model_folder import TOKENIZER
from engine.model_use import CALIBRATION, read_calibration
from evaluation.cases import NOTHING, Given, Outcome
from evaluation.home_answers import read_out
from evaluation.home_cases import HomeTask, Intended, intended, intent_words
from evaluation.home_services import Unmodelled, apply_intents
from evaluation.home_states import Change, differences, expected_states
from handlers.home_control import HomeControl
from handlers.protocol import HandlerError, Unavailable, Usage

_TOKENS = 256
_EXPECTED = 'answer with {"intents": [{"name", "slots", "entities"}]}, {"changes": {...}} or null'


class Asking:
    """A handler's call that nobody listens to."""

    def __init__(self) -> None:
        self.max_tokens = _TOKENS
        self.usage = Usage()

    def emit(self, text: str) -> None:
        """Nobody listens."""

    def cancelled(self) -> bool:
        """Never."""
        return False

    def progress(self, fraction: float) -> None:
        """Nobody listens."""

    def abstain(self, reason: str, probability: float) -> None:
        """What is returned says it too."""


def answered(folder: Path, tasks: Sequence[HomeTask]) -> Iterator[Outcome]:
    """Each task asked of the model in `folder`.

    Raises:
        EngineError: the model cannot be used.
    """
    with _unthresholded(folder) as models:
        handler = HomeControl(models)
        handler.model = folder.name
        try:
            handler.load()
        except Unavailable as fault:
            raise BadData(str(fault), "give another model") from fault
        for task in tasks:
            content = json.dumps(task.request()).encode()
            started = time.perf_counter()
            try:
                result: dict[str, Any] = json.loads(handler.run(content, Asking()))
            except HandlerError as fault:
                seconds = time.perf_counter() - started
                yield _failed(task, str(fault), seconds)
                continue
            seconds = time.perf_counter() - started
            yield _outcome(task, None if result["abstained"] else result, result, seconds)


def judged(tasks: Sequence[HomeTask], given: dict[str, Given]) -> Iterator[Outcome]:
    """Each task with an answer from elsewhere.

    Raises:
        BadData: an answer has not the form of one.
    """
    for task in tasks:
        found = given[task.case]
        answer = found.answer
        match answer:
            case None | {"intents": list()} | {"changes": dict()}:
                pass
            case _:
                raise BadData(f"the answer for {task.case} has not the form of one", _EXPECTED)
        told = {"probability": found.probability, "reason": ""}
        yield _outcome(task, answer, told, found.seconds)


def threshold(folder: Path) -> float:
    """The least probability at which a node acts. Raises BadModel: no calibration."""
    return read_calibration(folder).threshold


@contextmanager
def _unthresholded(folder: Path) -> Iterator[Path]:
    """A models folder with a copy of the model that holds nothing back, for as long as it is used."""
    calibration = read_calibration(folder)
    with tempfile.TemporaryDirectory(prefix="forgebus-eval-") as made:
        copy = Path(made) / folder.name
        copy.mkdir()
        served = [file for file in folder.iterdir() if file.is_file() and file.name != SUMS]
        for file in served:
            if not file.name.endswith(".safetensors"):
                shutil.copyfile(file, copy / file.name)
        beside = folder.resolve().parent / TOKENIZER
        if beside.exists():
            shutil.copyfile(beside, Path(made) / TOKENIZER)
        told = json.loads((folder / CALIBRATION).read_text("utf-8"))
        told |= {"temperature": calibration.temperature, "threshold": 0.0}
        (copy / CALIBRATION).write_text(json.dumps(told), "utf-8")
        write_sums(copy, sorted(file.name for file in copy.iterdir()))
        yield Path(made)


def _outcome(
    task: HomeTask, answer: dict[str, Any] | None, told: dict[str, Any], seconds: float
) -> Outcome:
    """Judge an answer; None where there is none, and `told` then says why."""
    reason = str(told.get("reason") or "")
    given, right = NOTHING + (f" {reason}" if reason else ""), task.nothing_to_do
    sort = NOTHING
    if answer is not None:
        given, right = _judge(task, answer)
        sort = "; ".join(sorted({one.name for one, _ in _intents(task, answer)})) or "changes"
    return Outcome(
        case=task.case,
        domain=task.domain,
        wanted=task.wanted(),
        given=given,
        right=right,
        acts=answer is not None,
        silent_right=task.nothing_to_do,
        probability=float(told["probability"]),
        seconds=seconds,
        question=task.text,
        sorts=(task.domain, sort),
    )


def _failed(task: HomeTask, why: str, seconds: float) -> Outcome:
    given = f"(failed) {why}"
    return Outcome(
        task.case, task.domain, task.wanted(), given, right=False, acts=False, probability=0.0,
        seconds=seconds, question=task.text, sorts=(task.domain, "(failed)"),
    )  # fmt: skip


def _judge(task: HomeTask, answer: dict[str, Any]) -> tuple[str, bool]:
    """An answer in a few words, and whether it is right."""
    found = _intents(task, answer)
    words = "; ".join(sorted(intent_words(one) for one, _ in found)) or "nothing"
    if task.intents is not None:
        return words, sorted(map(_key, task.intents)) == sorted(_key(one) for one, _ in found)
    assert task.home is not None  # noqa: S101 - changes are compared only of homes
    before = task.home.states
    try:
        after = apply_intents(before, [(o.name, slots, sorted(o.entities)) for o, slots in found])
        if "changes" in answer:
            after = expected_states(before, _changes(task, answer["changes"]))
            words = f"{len(answer['changes'])} changes"
    except Unmodelled as fault:
        return f"{words} ({fault})", False
    wrong = differences(before, after, task.changes, task.ignored)
    if wrong:
        return f"{words} ({'; '.join(wrong[:3])})", False
    said = str(answer.get("response") or read_out(task.home, [one for one, _ in found])).lower()
    if task.responses and not any(text.lower() in said for text in task.responses):
        return f"{words} (says {said[:80]!r})", False
    return words, True


def _intents(task: HomeTask, answer: dict[str, Any]) -> list[tuple[Intended, dict[str, Any]]]:
    found = []
    for one in answer.get("intents", []):
        match one:
            case {"name": str(name), **more}:
                slots, entities = more.get("slots") or {}, more.get("entities") or []
                if isinstance(slots, dict) and isinstance(entities, list):
                    found.append((intended(name, slots, [str(e) for e in entities]), slots))
                    continue
        raise BadData(f"the answer for {task.case} has an intent without a name", _EXPECTED)
    return found


def _changes(task: HomeTask, told: dict[str, Any]) -> dict[str, Change]:
    assert task.home is not None  # noqa: S101 - see above
    found = {}
    for entity, change in told.items():
        if entity not in task.home.states:
            raise Unmodelled(f"{entity} is not in this home")
        if not isinstance(change, dict):
            raise BadData(f"the answer for {task.case} has no state for {entity}", _EXPECTED)
        state = change.get("state")
        attributes = change.get("attributes") or {}
        found[entity] = Change(None if state is None else str(state), attributes)
    return found


def _key(one: Intended) -> tuple[str, list[str], tuple[tuple[str, str], ...]]:
    return one.name, sorted(one.entities), one.values
