"""One evaluation from its order to its figures, stoppable at any case."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from engine.checkpoint import write_json
from engine.errors import BadConfig, BadData, NotWritten
from engine.model_use import CALIBRATION, read_calibration
from evaluation import arithmetic, coding, home, router
from evaluation.answers import read_answers
from evaluation.cases import Given, Outcome
from evaluation.figures import Tally
from evaluation.home_cases import HomeTask
from evaluation.home_sets import home_tasks
from evaluation.intents import read_intents
from evaluation.models import KINDS, Model, load_model, model_folder, router_folder, task_note
from evaluation.picture import draw
from evaluation.problems import read_problems
from evaluation.programs import read_tasks
from evaluation.texts import TextTally, predicted, read_windows

RESULT, PICTURE = "eval.json", "eval.png"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be evaluated.

    Attributes:
        kind: one of `KINDS`.
        models: the models folder, for names.
        model: a name or folder; None for the model that is called as the kind.
        limit: first so many cases; 0 for all.
        answers: file of answers from elsewhere, instead of a model.
        part: of an intent set: test, validation, training; "" for the usual one.
        threshold: least probability of an answer; None for the model's own.
    """

    kind: str
    data: Path
    models: Path
    model: str | None = None
    limit: int = 0
    answers: Path | None = None
    part: str = ""
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadConfig(f"there is nothing to evaluate as {self.kind!r}", f"use {_kinds()}")
        if self.part and self.kind != "router":
            raise BadConfig(f"--part is for router, not for {self.kind}", "leave it out")
        if self.answers and self.model:
            raise BadConfig("answers are scored without a model", "give --model or --answers")
        if self.answers and self.kind == "text":
            raise BadConfig("perplexity needs the model itself", "give --model")


@dataclass(slots=True)
class Work:
    """Cases ready to be asked, and the outcomes to come."""

    subject: str
    ids: list[str]
    outcomes: Iterator[Outcome]
    threshold: float = 0.0
    as_given: bool = False
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


Progress = Callable[[int, int, int], None]
"""Called after each case: done, in all (0 if not known), right."""


def evaluate(order: Order, progress: Progress) -> dict[str, Any]:
    """Ask every case and count. Ctrl-C ends it early; the result then says so.

    Raises:
        BadConfig, BadData, BadModel, MissingDependency: as told by their text.
    """
    if order.kind == "text":
        return _evaluate_text(order, progress)
    work = _work(order)
    tally = Tally(work.threshold, work.as_given)
    complete = False
    try:
        for outcome in work.outcomes:
            tally.add(outcome)
            progress(len(tally), len(work.ids), tally.correct)
        complete = True
    except KeyboardInterrupt:
        pass
    facts = {"cases": len(tally), "cases_in_all": len(work.ids), **work.facts}
    return _told(order, work.subject, work.notes, facts, tally, complete=complete)


def questions(order: Order) -> Iterator[dict[str, Any]]:
    """The id and the question of each case, for another model to answer."""
    cases = _cases(order)[0]
    for case in cases:
        request = case.request() if isinstance(case, HomeTask) else None
        text = getattr(case, "text", None) or getattr(case, "prompt", "")
        yield {"id": case.case, "question": request or text}


def write(told: dict[str, Any], out: Path) -> list[Path]:
    """Write the figures as JSON and as a picture into a folder.

    Raises:
        MissingDependency: Pillow is not installed; the JSON has been written.
        NotWritten: the folder takes no file.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / RESULT, told)
        title = f"forgebus eval {told['kind']}: {told['subject']} on {told['data']}"
        if not told["complete"]:
            title = f"PARTIAL {title}"
        (out / PICTURE).write_bytes(draw(told, title))
    except OSError as fault:
        raise NotWritten(f"{out} takes no file ({fault.strerror})", "give another --out") from fault
    return [out / RESULT, out / PICTURE]


def _cases(order: Order) -> tuple[Sequence[Any], str]:
    """The cases and the part of the set that they are."""
    if not order.data.exists():
        raise BadData(f"{order.data} does not exist", "give a file or a folder")
    match order.kind:
        case "router":
            part, sentences = read_intents(order.data, order.part, order.limit)
            return sentences, part
        case "home":
            tasks = list(islice(home_tasks(order.data), order.limit or None))
            if not tasks:
                raise BadData(f"{order.data} holds no task", "give a folder of homes with tests")
            return tasks, ""
        case "math":
            return read_problems(order.data, order.limit), ""
        case "code":
            return read_tasks(order.data, order.limit), ""
        case _:
            raise BadConfig("a text has no questions", f"use {_kinds()}")


def _work(order: Order) -> Work:
    chosen_by_labels = order.kind == "router" and order.model is None
    if order.answers is None and not chosen_by_labels:
        # Before the data, which may be large: a wrong name is told at once.
        folder = model_folder(order.kind, order.model, order.models)
    cases, part = _cases(order)
    ids = [case.case for case in cases]
    facts = {"part": part} if part else {}
    if order.answers is not None:
        return _from_answers(order, order.answers, cases, ids, facts)
    if order.kind == "home":
        least = home.threshold(folder) if order.threshold is None else order.threshold
        return Work(folder.name, ids, home.answered(folder, cases), least, facts=facts)
    if order.kind == "math" and (folder / CALIBRATION).exists():
        least = read_calibration(folder).threshold if order.threshold is None else order.threshold
        return Work(folder.name, ids, arithmetic.solved(folder, cases), least, facts=facts)
    if order.kind == "code" and (folder / CALIBRATION).exists():
        least = read_calibration(folder).threshold if order.threshold is None else order.threshold
        return Work(folder.name, ids, coding.written(folder, cases), least, facts=facts)
    if chosen_by_labels:
        labels = {case.label for case in cases if case.in_scope and isinstance(case.label, str)}
        folder = router_folder(labels, order.models)
    model = load_model(folder)
    least = model.calibration.threshold if order.threshold is None else order.threshold
    notes = list(filter(None, [task_note(model.use, order.kind)]))
    outcomes: Iterator[Outcome]
    match order.kind:
        case "router":
            if missing := router.check_labels(model, cases):
                notes.append(
                    f"{len(missing)} labels of the set are not the model's: {', '.join(missing)}"
                )
            if not model.calibrated and order.threshold is None:
                notes.append("the model has no calibration.json: nothing is held back")
            outcomes = router.answered(model, cases)
        case "math":
            outcomes = arithmetic.answered(model, cases)
        case _:
            outcomes = coding.answered(model, cases)
    as_given = order.kind == "router"
    return Work(_named(model), ids, outcomes, least, as_given, notes, facts)


def _from_answers(
    order: Order, answers: Path, cases: Sequence[Any], ids: list[str], facts: dict[str, Any]
) -> Work:
    if len(set(ids)) < len(ids):
        twice = next(case for number, case in enumerate(ids) if case in ids[:number])
        raise BadData(f"two cases of {order.data} have the id {twice!r}", "evaluate them apart")
    given, missing = read_answers(answers, ids)
    judges: dict[str, Callable[[Sequence[Any], dict[str, Given]], Iterator[Outcome]]] = {
        "home": home.judged,
        "router": router.judged,
        "math": arithmetic.judged,
        "code": coding.judged,
    }
    notes = [f"{missing} cases have no answer and count as declined"] if missing else []
    least = order.threshold or 0.0
    as_given = order.kind == "router"
    outcomes = judges[order.kind](cases, given)
    return Work(f"answers of {answers.name}", ids, outcomes, least, as_given, notes, facts)


def _evaluate_text(order: Order, progress: Progress) -> dict[str, Any]:
    if not order.data.exists():
        raise BadData(f"{order.data} does not exist", "give a file or a folder")
    model = load_model(model_folder("text", order.model, order.models))
    tally = TextTally()
    complete = False
    windows = 0
    try:
        for window in read_windows(order.data, model, order.limit):
            tally.add(window, *predicted(model.forge, window))
            windows += 1
            progress(windows, 0, windows)
        complete = True
    except KeyboardInterrupt:
        pass
    if complete and not len(tally):
        raise BadData(f"{order.data} has no token to predict", "give a longer text")
    notes = list(filter(None, [task_note(model.use, "text")]))
    facts = {"cases": windows, "cases_in_all": 0}
    return _told(order, _named(model), notes, facts, tally, complete=complete)


def _told(
    order: Order,
    subject: str,
    notes: list[str],
    facts: dict[str, Any],
    tally: Tally | TextTally,
    *,
    complete: bool,
) -> dict[str, Any]:
    return {
        **tally.figures(),
        "kind": order.kind,
        "subject": subject,
        "data": order.data.name,
        "limit": order.limit,
        "complete": complete,
        "notes": notes,
        **facts,
    }


def _named(model: Model) -> str:
    name = model.folder.name
    if name == "served":
        name = f"{model.folder.resolve().parent.name}/{name}"
    parameters = model.forge.config.parameters() / 1e6
    return f"{name} ({parameters:.1f} M)"


def _kinds() -> str:
    return ", ".join(KINDS)
