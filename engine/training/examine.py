"""What is wanting in training data, in words: too few rows, classes out of balance, doubles, leaks.

Nothing here stops a run. Every warning says what is missing and how much of it.
"""

from collections import Counter

from engine.config import PRESETS, ForgeConfig
from engine.tokenizer import LABELS, label_token
from engine.training.data import Corpus, Example

_LEAST_ROWS = 200
_LEAST_OF_CLASS = 20
# A class with less than a quarter of the largest one's examples is drowned by it.
_SHARE_OF_LARGEST = 4
_LEAST_CHECKED = 50
# Data repeated up to four times is worth nearly as much as new data (Muennighoff et al. 2023).
_WORTH = 4
_FIRST, _LAST = label_token(0), label_token(LABELS - 1)


def warnings_about(
    corpus: Corpus, training: Corpus, checked: Corpus, config: ForgeConfig
) -> list[str]:
    """What to tell whoever trains on `corpus`, split into `training` and `checked`."""
    told: list[str] = []
    if corpus.left_out:
        told.append(
            f"{_rows(corpus.left_out)} longer than the context left out: raise --context, or "
            "shorten them"
        )
    told += _about_classes(corpus)
    told += _about_size(training, config)
    if doubles := len(corpus.examples) - len({_key(one) for one in corpus.examples}):
        told.append(f"{_rows(doubles)} of {len(corpus.examples)} repeated word for word: check")
    told += _about_validation(training, checked)
    return told


def classes(corpus: Corpus) -> dict[str, int]:
    """Examples of each class, by its name or number, in the order of their tokens."""
    ends = Counter(int(one.ids[-1]) - _FIRST for one in corpus.examples if _is_labelled(one))
    for number in range(len(corpus.labels)):
        ends.setdefault(number, 0)
    names = {n: corpus.labels[n] if n < len(corpus.labels) else str(n) for n in ends}
    return {names[number]: ends[number] for number in sorted(ends)}


def _about_classes(corpus: Corpus) -> list[str]:
    counts = classes(corpus)
    if not counts:
        return []
    largest = max(counts.values())
    if len(counts) == 1:
        return [f"all examples are of one class, {next(iter(counts))!r}: give others too"]
    least = max(_LEAST_OF_CLASS, -(-largest // _SHARE_OF_LARGEST))
    return [
        f"class {name!r} has {count} examples, the largest has {largest}: give at least {least}"
        for name, count in counts.items()
        if count < least
    ]


def _about_size(training: Corpus, config: ForgeConfig) -> list[str]:
    told = []
    count = len(training.examples)
    if count < _LEAST_ROWS:
        told.append(f"{_rows(count)} to train on: give at least {_LEAST_ROWS}, some thousands")
    positions, weights = training.tokens, config.parameters()
    if positions * _WORTH < weights:
        smaller = [n for n, shape in PRESETS.items() if shape.parameters() <= positions * _WORTH]
        instead = f", or take --model-size {smaller[-1]}" if smaller else ""
        told.append(
            f"{positions:,} positions for {weights:,} weights: the model will learn them by heart; "
            f"give at least {-(-weights // _WORTH):,}{instead}"
        )
    return told


def _about_validation(training: Corpus, checked: Corpus) -> list[str]:
    count = len(checked.examples)
    if not count:
        return ["nothing is held out: the last weights are kept, whether or not they are the best"]
    told = []
    if count < _LEAST_CHECKED:
        told.append(
            f"{_rows(count)} held out for validation: its loss is uncertain; give at least "
            f"{_LEAST_CHECKED}, or a larger --validation"
        )
    known = {_question(one) for one in training.examples}
    if leaks := sum(_question(one) in known for one in checked.examples):
        told.append(
            f"{leaks} of {count} validation rows stand in the training part as well: the validation "
            "loss is too good; remove the doubles"
        )
    return told


def _key(example: Example) -> bytes:
    return example.ids.tobytes()


def _question(example: Example) -> bytes:
    """What is asked; all of an example that asks nothing."""
    return example.ids[: example.prompt].tobytes() if example.prompt else _key(example)


def _is_labelled(example: Example) -> bool:
    return len(example.ids) == example.prompt + 1 and _FIRST <= int(example.ids[-1]) <= _LAST


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
