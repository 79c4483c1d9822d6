"""Answers from elsewhere, `--answers FILE`: any other model's, scored by the same judge.

One JSON object a line:

    {"id": "test:1", "answer": "translate", "probability": 0.93, "latency_ms": 210}

`id` is the case's, as `--questions` prints them, or the number of the case from 1; without `id` the lines
are in the order of the cases. `answer` is null where the model declined. `probability` and
`latency_ms` may be left out. A case without a line counts as declined.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from engine.errors import BadData
from evaluation.cases import Given

_EXPECTED = 'write {"id": ..., "answer": ...} on each line'
DECLINED = Given(None, 0.0)


def read_answers(file: Path, cases: Sequence[str]) -> tuple[dict[str, Given], int]:
    """The answer to each of `cases` by id, and how many had none.

    Raises:
        BadData: no such file, a line that is no answer, an id that is no case or comes twice.
    """
    if not file.is_file():
        raise BadData(f"{file} does not exist", "give a .jsonl file of answers")
    known = set(cases)
    found: dict[str, Given] = {}
    try:
        with file.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    place = f"{file}:{number}"
                    case, given = _read(line, place, len(found), cases, known)
                    if case in found:
                        raise BadData(f"{place} answers {case!r} a second time", "leave one")
                    found[case] = given
    except UnicodeDecodeError as fault:
        raise BadData(f"{file} is no UTF-8 text", "convert it to UTF-8") from fault
    missing = [case for case in cases if case not in found]
    return found | dict.fromkeys(missing, DECLINED), len(missing)


def _read(
    line: str, place: str, read: int, cases: Sequence[str], known: set[str]
) -> tuple[str, Given]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise BadData(f"{place} is no JSON ({fault})", _EXPECTED) from fault
    if not isinstance(row, dict) or "answer" not in row:
        raise BadData(f"{place} has no answer", _EXPECTED)
    probability, latency = row.get("probability", 1.0), row.get("latency_ms", 0.0)
    if not isinstance(probability, int | float) or not 0 <= probability <= 1:
        raise BadData(f"{place}: probability must be a number from 0 to 1", _EXPECTED)
    if not isinstance(latency, int | float) or latency < 0:
        raise BadData(f"{place}: latency_ms must be a number from 0", _EXPECTED)
    match row.get("id", read + 1):
        case str(case) if case in known:
            pass
        case int(at) if 1 <= at <= len(cases):
            case = cases[at - 1]
        case other:
            raise BadData(
                f"{place}: {other!r} is no case of this set", "see --questions for theirs"
            )
    return case, Given(row["answer"], float(probability), latency / 1000)
