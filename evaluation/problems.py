"""Word problems with a number as the answer: SVAMP, GSM8K, MAWPS, rows of our own.

- SVAMP `.json`: a list of objects with Body, Question, Answer (and ID, Type);
- GSM8K `.jsonl`: question, and an answer that ends in `#### NUMBER`;
- MAWPS `.csv`, `.jsonl` of `{"prompt", "answer"}`, `Q:`/`A:` texts: as for training.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

from engine.errors import BadData
from engine.training.datasets import Record, records, sources
from engine.training.kinds import Pair, contents
from evaluation.cases import Place
from handlers.calculator import NoNumber, answer_value, evaluate


@dataclass(frozen=True, slots=True)
class Problem:
    """A word problem and the number that answers it."""

    case: str
    kind: str
    text: str
    answer: Fraction


def read_problems(data: Path, limit: int = 0) -> list[Problem]:
    """The problems of a file or folder; the first `limit` of them, if not 0.

    Raises:
        BadData: no such path, or a row that is no problem; names file and line.
    """
    found = (
        one for source in sources((data,)) for record in records(source) for one in _of(record)
    )
    problems = list(islice(found, limit or None))
    if not problems:
        raise BadData(f"{data} holds no problem", "give SVAMP, GSM8K or rows of prompt and answer")
    return problems


def _of(record: Record) -> Iterator[Problem]:
    case = str(record.fields.get("ID") or record.fields.get("id") or _place(record))
    # MAWPS has a Body too, with its numbers apart: that is for the reader of training.
    match record.fields:
        case {
            "Body": str(body),
            "Question": str(question),
            "Answer": int() | float() | str() as wanted,
        } if "Numbers" not in record.fields:
            body = body.strip()
            text = f"{body}{'' if body[-1:] in ('.', '?', '!', ',') else '.'} {question.strip()}"
            kind = str(record.fields.get("Type") or "problems")
            yield Problem(case, kind, text, _number(str(wanted), record))
        case _:
            for content in contents("math", record):
                if not isinstance(content, Pair):
                    raise BadData(f"{record.place} is no word problem", "give a text and a number")
                yield Problem(case, "problems", content.prompt, _number(content.answer, record))


def _number(text: str, record: Record) -> Fraction:
    try:
        return evaluate(text) if "####" not in text else answer_value(text)
    except NoNumber:
        pass
    try:
        return answer_value(text)
    except NoNumber as fault:
        raise BadData(
            f"{record.place} has an answer without a number ({text[:40]!r})",
            "write the number, or an expression, or GSM8K's `#### NUMBER`",
        ) from fault


def _place(record: Record) -> str:
    return str(Place(record.file, record.line))
