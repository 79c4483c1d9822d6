"""Training data: texts and prompt-answer rows as token ids, packed into rows without padding waste.

Examples of all lengths are packed into rows of T positions; each position knows its document, so
that packed neighbours do not see one another (Krell et al. 2021). What a row holds depends only on
the seed and the epoch: a resumed run sees exactly what the unbroken one would have seen.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.checkpoint import sha256_of
from engine.errors import BadData, EngineError
from engine.tokenizer import END, Tokenizer, label_token

IGNORE = -100

Ints = npt.NDArray[np.int64]

_OPEN_ROWS = 64


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's rows, all (B, T) int64.

    Attributes:
        tokens: ids; 0 where nothing is left to fill a row.
        targets: the next id, or `IGNORE` where there is nothing to learn.
        documents: number of the document in the row, from 1; 0 is filling.
    """

    tokens: Ints
    targets: Ints
    documents: Ints


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of which the first `prompt` are given and the others are learnt."""

    ids: npt.NDArray[np.uint16]
    prompt: int

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
    """

    examples: tuple[Example, ...]
    sources: dict[str, str]
    left_out: int

    @property
    def tokens(self) -> int:
        """Positions of all examples together."""
        return sum(example.width for example in self.examples)

    def split(self, fraction: float, most: int, seed: int) -> tuple["Corpus", "Corpus"]:
        """Training part and validation part; the latter has at most `most` examples."""
        count = min(most, int(len(self.examples) * fraction))
        if fraction > 0 and len(self.examples) > 1:
            count = max(1, count)
        order = np.random.default_rng([seed, 0]).permutation(len(self.examples))
        held_out = set(order[:count].tolist())
        parts: tuple[list[Example], list[Example]] = ([], [])
        for number, example in enumerate(self.examples):
            parts[number in held_out].append(example)
        train, held = (Corpus(tuple(part), self.sources, self.left_out) for part in parts)
        return train, held


def load_corpus(paths: Sequence[Path], tokenizer: Tokenizer, context: int) -> Corpus:
    """Read training data.

    Args:
        paths: folders of *.txt files, single .txt files, and .jsonl files. A text is cut into
            pieces of `context` tokens and ends with `<|end|>`. A line of a .jsonl file is one of

            - `{"prompt": str, "answer": str}`: the loss is on the answer and its `<|end|>`;
            - `{"prompt": str, "label": int}`: the answer is one label token;
            - `{"prompt_ids": [int], "answer_ids": [int]}`: taken as they are.

            The first two may have `"system": str` and `"task": str`, as `Tokenizer.chat` takes
            them.
        tokenizer: makes ids of text.
        context: positions of a row; longer rows are counted and left out.

    Raises:
        BadData: nothing to read, or a line that is none of the above; names file and line.
    """
    examples: list[Example] = []
    sources: dict[str, str] = {}
    left_out = 0
    for file in _files(paths):
        sources[file.name] = sha256_of(file)
        found = (
            _rows(file, tokenizer) if file.suffix == ".jsonl" else _pieces(file, tokenizer, context)
        )
        for example in found:
            if example.width > context:
                left_out += 1
            else:
                examples.append(example)
    if not examples:
        raise BadData(
            f"{', '.join(map(str, paths))} gave no training example",
            f"give .txt or .jsonl files with rows of at most {context} tokens",
        )
    return Corpus(tuple(examples), sources, left_out)


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
    return Batch(tokens, targets, documents)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted([*path.rglob("*.txt"), *path.rglob("*.jsonl")])
        elif path.is_file():
            yield path
        else:
            raise BadData(f"{path} does not exist", "give a folder or a .txt or .jsonl file")


def _pieces(file: Path, tokenizer: Tokenizer, context: int) -> Iterator[Example]:
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as fault:
        raise BadData(f"{file} is no UTF-8 text ({fault})", "convert it to UTF-8") from fault
    ids = np.array([*tokenizer.encode(text), END], np.uint16)
    for start in range(0, len(ids) - 1, context):
        yield Example(ids[start : start + context + 1], prompt=0)


def _rows(file: Path, tokenizer: Tokenizer) -> Iterator[Example]:
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                yield _example(json.loads(line), tokenizer)
            except (ValueError, KeyError, TypeError, OverflowError, EngineError) as fault:
                raise BadData(
                    f"{file}:{number} is no training row ({fault!r})",
                    'write {"prompt": ..., "answer": ...} on each line',
                ) from fault


def _example(row: dict[str, Any], tokenizer: Tokenizer) -> Example:
    match row:
        case {"prompt_ids": list(prompt), "answer_ids": list(answer)}:
            pass
        case {"prompt": str(text), "label": int(label)}:
            prompt = _asked(row, text, tokenizer)
            answer = [label_token(label)]
        case {"prompt": str(text), "answer": str(reply)}:
            prompt = _asked(row, text, tokenizer)
            answer = [*tokenizer.encode(reply), END]
        case _:
            raise ValueError("neither answer, label nor ids")
    ids = [*prompt, *answer]
    if len(ids) < 2 or not answer or min(ids) < 0 or max(ids) >= tokenizer.vocab_size:
        raise ValueError("too short, without an answer, or with ids outside the vocabulary")
    return Example(np.array(ids, np.uint16), len(prompt))


def _asked(row: dict[str, Any], text: str, tokenizer: Tokenizer) -> list[int]:
    system, task = row.get("system", ""), row.get("task", "")
    if not isinstance(system, str) or not isinstance(task, str):
        raise TypeError("system and task must be texts")
    return tokenizer.chat(text, system=system, task=task)
