"""A router, or any intent classifier, on sentences: one probability a label, as a node asks it."""

import time
from collections.abc import Iterator, Sequence

from engine.decoding import classify
from engine.errors import BadData, BadModel
from engine.routing import router_ids, tempered
from evaluation.cases import NOTHING, Given, Outcome
from evaluation.intents import OUT_OF_SCOPE, Sentence
from evaluation.models import Model


def check_labels(model: Model, sentences: Sequence[Sentence]) -> list[str]:
    """Labels of the set that the model does not have, sorted; [] where it has all.

    Raises:
        BadModel: it is no classifier, or fewer than half of the set's labels are its own.
    """
    labels = model.use.labels
    if not labels:
        raise BadModel(
            f"{model.folder} is no classifier: its use.json names no labels",
            "give a model of `forgebus train --type router`",
        )
    wanted = {s.label for s in sentences if s.in_scope}
    if any(isinstance(label, int) and label >= len(labels) for label in wanted):
        raise BadModel(
            f"the set has label numbers that {model.folder} has not: it has {len(labels)}",
            "evaluate the model that was trained on these rows",
        )
    missing = sorted(str(one) for one in wanted if isinstance(one, str) and one not in labels)
    if wanted and 2 * len(missing) > len(wanted):
        raise BadModel(
            f"{len(missing)} of the set's {len(wanted)} labels ({', '.join(missing[:4])}, ...) are "
            f"not among those of {model.folder} ({', '.join(labels[:4])}, ...)",
            "train one on this set: `forgebus train --type router --data SET --export int8`, and "
            "give it with --model",
        )
    return missing


def answered(model: Model, sentences: Sequence[Sentence]) -> Iterator[Outcome]:
    """Each sentence asked of the model."""
    labels, forge = model.use.labels, model.forge
    for one in sentences:
        started = time.perf_counter()
        share = classify(forge, router_ids(forge.tokenizer, one.text), range(len(labels)))
        share = tempered(share, model.calibration.temperature)
        best = int(share.argmax())
        seconds = time.perf_counter() - started
        yield _outcome(one, labels[best], float(share[best]), seconds, labels)


def judged(sentences: Sequence[Sentence], given: dict[str, Given]) -> Iterator[Outcome]:
    """Each sentence with a label from elsewhere.

    Raises:
        BadData: an answer is no label.
    """
    for one in sentences:
        found = given[one.case]
        if found.answer is not None and not isinstance(found.answer, str):
            raise BadData(f"the answer for {one.case} is no label", "write the label as a string")
        if isinstance(one.label, int):
            raise BadData(f"{one.case} has a label's number", "write the names of labels")
        yield _outcome(one, found.answer or "", found.probability, found.seconds, ())


def _outcome(
    one: Sentence, label: str, sure: float, seconds: float, labels: Sequence[str]
) -> Outcome:
    wanted = labels[one.label] if isinstance(one.label, int) else one.label
    outside = not one.in_scope
    # A model that was trained with out-of-scope sentences may say so itself.
    declined = not label or label in OUT_OF_SCOPE
    right = declined if outside else label == wanted
    return Outcome(
        case=one.case,
        domain=wanted,
        wanted=wanted,
        given=label or NOTHING,
        right=right,
        acts=not declined,
        silent_right=outside,
        probability=sure,
        seconds=seconds,
        in_scope=one.in_scope,
        question=one.text,
    )
