"""Training data: rows of any kind as token ids, packed into rows of the model without padding waste.

Examples of all lengths are packed into rows of T positions; each position knows its document, so
that packed neighbours do not see one another (Krell et al. 2021). What a row holds depends only on
the seed and the epoch: a resumed run sees exactly what the unbroken one would have seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.checkpoint import sha256_of
from engine.errors import BadData, EngineError
from engine.tokenizer import END, LABELS, Tokenizer, label_token
from engine.training.datasets import Record, records, sources
from engine.training.kinds import KINDS, Content, Ids, Labelled, Pair, Text, contents

IGNORE = -100

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

_OPEN_ROWS = 64


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's rows, all (B, T) int64.

    Attributes:
        tokens: ids; 0 where nothing is left to fill a row.
        targets: the next id, or `IGNORE` where there is nothing to learn.
        documents: number of the document in the row, from 1; 0 is filling.
        soft: where an example of the batch has several answers: K tokens at each position, and
            their shares, both (B, T, K); else None, and the targets are all there is.
    """

    tokens: Ints
    targets: Ints
    documents: Ints
    soft: tuple[Ints, Floats] | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of which the first `prompt` are given and the others are learnt.

    `shares`: where the last token is one of several answers, all of them with their shares of 1.
    """

    ids: npt.NDArray[np.uint16]
    prompt: int
    shares: tuple[tuple[int, float], ...] = ()

    @property
    def width(self) -> int:
        """Positions it takes in a row: the last token is a target only."""
        return len(self.ids) - 1


@dataclass(frozen=True, slots=True)
class Corpus:
    """All examples of a run, and where they came from.

    Attributes:
        sources: file name -> sha256.
        left_out: rows that were longer than the context.
        labels: names of the classes by the number of their label token; () where rows give numbers.
        held_out: numbers of the examples that stand in a validation part of the data.
    """

    examples: tuple[Example, ...]
    sources: dict[str, str]
    left_out: int
    labels: tuple[str, ...] = ()
    held_out: frozenset[int] = frozenset()

    @property
    def tokens(self) -> int:
        """Positions of all examples together."""
        return sum(example.width for example in self.examples)

    def split(self, fraction: float, most: int, seed: int) -> tuple["Corpus", "Corpus"]:
        """Training part and validation part; the latter has at most `most` examples.

        The validation part is that of the data where it has one, else a random share.
        """
        order = np.random.default_rng([seed, 0]).permutation(len(self.examples)).tolist()
        if self.held_out:
            apart, checked = self.held_out, [n for n in order if n in self.held_out][:most]
        else:
            count = min(most, int(len(self.examples) * fraction))
            if fraction > 0 and len(self.examples) > 1:
                count = max(1, count)
            checked = order[:count]
            apart = frozenset(checked)
        training = [n for n in range(len(self.examples)) if n not in apart]
        return self._part(training), self._part(sorted(checked))

    def _part(self, numbers: list[int]) -> "Corpus":
        chosen = tuple(self.examples[number] for number in numbers)
        return Corpus(chosen, self.sources, self.left_out, self.labels)


def load_corpus(
    paths: Sequence[Path],
    tokenizer: Tokenizer,
    context: int,
    kind: str = "any",
    labels: Sequence[str] = (),
) -> Corpus:
    """Read training data.

    Args:
        paths: files and folders, as `engine.training.datasets` reads them.
        tokenizer: makes ids of text. A text is cut into pieces of `context` tokens and ends with
            `<|end|>`; of a row the answer and its `<|end|>` are learnt, or one label token.
        context: positions of a row; longer rows are counted and left out.
        kind: what a row may be and what it means (`engine.training.kinds.KINDS`).
        labels: names of the classes in the order of their tokens; default: in alphabetical order.

    Raises:
        BadData: nothing to read, or a row that is none of this kind; names file and line.
    """
    examples: list[Example] = []
    held_out: set[int] = set()
    left_out = 0
    files = sources(tuple(paths))
    rows = [
        (record, content)
        for source in files
        for record in records(source)
        for content in contents(kind, record)
    ]
    names = _label_names(rows, labels)
    numbers = {name: number for number, name in enumerate(names)}
    for record, content in rows:
        for example in _checked(record, content, tokenizer, context, numbers):
            if example.width > context:
                left_out += 1
                continue
            if record.held_out:
                held_out.add(len(examples))
            examples.append(example)
    if not examples:
        raise BadData(
            f"{', '.join(map(str, paths))} gave no training example",
            f"give rows of at most {context} tokens: {KINDS[kind].expects}",
        )
    if len(held_out) == len(examples):
        raise BadData(
            "all of the data stands in a validation part",
            "give the training part too, or rename the file or folder",
        )
    hashes = {source.name: sha256_of(source.file) for source in files}
    return Corpus(tuple(examples), hashes, left_out, names, frozenset(held_out))


def epoch_rows(corpus: Corpus, context: int, seed: int, epoch: int) -> list[list[int]]:
    """Numbers of the examples that share each row of this epoch, in the order of training.

    First fit over the rows that are still open: rows come out about 99 % full for examples much
    shorter than `context`.
    """
    order = np.random.default_rng([seed, 1, epoch]).permutation(len(corpus.examples))
    rows: list[list[int]] = []
    open_rows: list[tuple[int, list[int]]] = []
    for number in order.tolist():
        width = corpus.examples[number].width
        for slot, (room, row) in enumerate(open_rows):
            if width <= room:
                row.append(number)
                open_rows[slot] = (room - width, row)
                break
        else:
            row = [number]
            rows.append(row)
            open_rows.append((context - width, row))
            if len(open_rows) > _OPEN_ROWS:
                open_rows.remove(min(open_rows, key=lambda pair: pair[0]))
        open_rows = [pair for pair in open_rows if pair[0] > 1]
    # First fit fills early rows with what came later; mix the rows again.
    shuffle = np.random.default_rng([seed, 2, epoch]).permutation(len(rows))
    return [rows[number] for number in shuffle.tolist()]


def make_batch(corpus: Corpus, rows: Sequence[Sequence[int]], context: int) -> Batch:
    """Lay `rows` of example numbers out as arrays (len(rows), context)."""
    shape = (len(rows), context)
    tokens, documents = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    targets = np.full(shape, IGNORE, np.int64)
    for line, row in enumerate(rows):
        start = 0
        for document, number in enumerate(row, start=1):
            example = corpus.examples[number]
            place = slice(start, start + example.width)
            tokens[line, place] = example.ids[:-1]
            targets[line, place] = example.ids[1:]
            targets[line, start : start + max(example.prompt - 1, 0)] = IGNORE
            documents[line, place] = document
            start += example.width
    chosen = [[corpus.examples[number] for number in row] for row in rows]
    return Batch(tokens, targets, documents, _soft(chosen, targets))


def _soft(rows: Sequence[Sequence[Example]], targets: Ints) -> tuple[Ints, Floats] | None:
    """The answers of `rows` with their shares, laid out as `targets` (B, T) are."""
    most = max((len(example.shares) for row in rows for example in row), default=0)
    if not most:
        return None
    ids = np.zeros((*targets.shape, most), np.int64)
    shares = np.zeros(ids.shape, np.float32)
    learnt = targets != IGNORE
    ids[..., 0], shares[..., 0] = np.where(learnt, targets, 0), learnt
    for line, row in enumerate(rows):
        end = 0
        for example in row:
            end += example.width
            for place, (token, share) in enumerate(example.shares):
                ids[line, end - 1, place], shares[line, end - 1, place] = token, share
    return ids, shares


def _label_names(rows: list[tuple[Record, Content]], given: Sequence[str]) -> tuple[str, ...]:
    named = {
        name: record
        for record, content in rows
        if isinstance(content, Labelled) and isinstance(content.label, str)
        for name in (content.label, *(other for other, _ in content.shares))
    }
    numbered = (r for r, c in rows if isinstance(c, Labelled) and isinstance(c.label, int))
    if named and (other := next(numbered, None)):
        raise BadData(
            f"{other.place} has a label's number, {next(iter(named.values())).place} its name",
            "write all labels in one way",
        )
    names = tuple(given) or tuple(sorted(named))
    if unknown := sorted(named.keys() - set(names)):
        raise BadData(
            f"{named[unknown[0]].place} has the label {unknown[0]!r}, which --labels has not",
            f"add it to --labels {','.join(names)}",
        )
    if len(names) > LABELS or len(set(names)) < len(names):
        raise BadData(f"{len(names)} labels are too many, or not distinct", f"use up to {LABELS}")
    return names


def _checked(
    record: Record,
    content: Content,
    tokenizer: Tokenizer,
    context: int,
    numbers: dict[str, int],
) -> Iterator[Example]:
    try:
        if isinstance(content, Text):
            yield from _pieces(content.text, tokenizer, context)
        else:
            yield _example(content, tokenizer, numbers)
    except (ValueError, TypeError, OverflowError, EngineError) as fault:
        raise BadData(
            f"{record.place} cannot be trained on ({fault})", "correct this row or leave it out"
        ) from fault


def _pieces(text: str, tokenizer: Tokenizer, context: int) -> Iterator[Example]:
    ids = np.array([*tokenizer.encode(text), END], np.uint16)
    for start in range(0, len(ids) - 1, context):
        yield Example(ids[start : start + context + 1], prompt=0)


def _example(
    content: Pair | Labelled | Ids, tokenizer: Tokenizer, numbers: dict[str, int]
) -> Example:
    shares: tuple[tuple[int, float], ...] = ()
    match content:
        case Ids(prompt, answer):
            pass
        case Labelled(text, label, system, task, several):
            shares = tuple((label_token(numbers[name]), share) for name, share in several)
            prompt = tokenizer.chat(text, system=system, task=task)
            answer = [label_token(numbers[label] if isinstance(label, str) else label)]
        case Pair(text, reply, system, task):
            prompt = tokenizer.chat(text, system=system, task=task)
            answer = [*tokenizer.encode(reply), END]
    ids = [*prompt, *answer]
    if len(ids) < 2 or not answer or min(ids) < 0 or max(ids) >= tokenizer.vocab_size:
        raise ValueError("too short, without an answer, or with ids outside the vocabulary")
    return Example(np.array(ids, np.uint16), len(prompt), shares)
