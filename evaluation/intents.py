"""Sets of sentences with their intents: CLINC150, SNIPS, HWU64, BANKING77, rows of our own.

Everything but CLINC150's parts is read as for training (`engine.training.datasets`), so a form that
a router can be trained on can be evaluated:

- `.json` of parts, each a list of `[text, intent]`: `test` and `oos_test` are evaluated, else `val`
  and `oos_val`; the intent `oos` is out of scope;
- a folder with `seq.in` and `label` (and `seq.out`, which is not looked at), or folders of these;
- `.csv` with `text` and `category` (or `intent`, `label`); `.jsonl` with the same;
- `Q:`/`A:` texts.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from engine.errors import BadData
from engine.routing import prompt_of
from engine.training.datasets import Record, records, sources
from engine.training.kinds import Labelled, contents
from evaluation.cases import Place
from evaluation.parts import choose, part_of, part_of_file

OUT_OF_SCOPE = frozenset(("oos", "ood", "out_of_scope"))


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence and its intent; a label that is a number is that of the model's label token."""

    case: str
    text: str
    label: str | int

    @property
    def in_scope(self) -> bool:
        """Whether it has an intent of the set."""
        return self.label not in OUT_OF_SCOPE


def read_intents(data: Path, part: str = "", limit: int = 0) -> tuple[str, list[Sentence]]:
    """The part that was read, and its sentences; the first `limit` of them, if not 0.

    Raises:
        BadData: no such path or part, or a row that is none; names file and line.
    """
    files = sources((data,))
    if len(files) == 1 and files[0].file.suffix == ".json":
        data = files[0].file
    parts = _clinc_parts(data)
    if parts is not None:
        chosen = choose({name: len(rows) for name, rows in parts.items()}, part, data)
        rows = parts[chosen]
    else:
        by_part = Counter(part_of_file(s.file, data) for s in files if s.file.name != "label")
        chosen = choose(by_part, part, data)
        here = [s for s in files if part_of_file(s.file, data) == chosen]
        found = (one for source in here for record in records(source) for one in _of(record))
        rows = list(islice(found, limit or None))
    if not rows:
        raise BadData(f"{data} holds no sentence", "give rows of a text and its intent")
    return chosen, rows[: limit or None]


def _of(record: Record) -> Iterator[Sentence]:
    for number, content in enumerate(contents("router", record)):
        if not isinstance(content, Labelled):
            raise BadData(f"{record.place} has token ids for a text", "give the text itself")
        case = str(Place(record.file, record.line)) + (f".{number}" if number else "")
        yield Sentence(str(record.fields.get("id", case)), content.prompt, content.label)


def _clinc_parts(data: Path) -> dict[str, list[Sentence]] | None:
    """Parts of a CLINC150 file, out-of-scope ones with their kind; None for any other path."""
    if data.suffix != ".json" or not data.is_file():
        return None
    told = _json(data)
    if not isinstance(told, dict):
        return None
    parts: dict[str, list[Sentence]] = {}
    for name, rows in told.items():
        if not isinstance(rows, list):
            raise BadData(f"{data}: part {name!r} is no list", "write lists of [text, intent]")
        kept = parts.setdefault(part_of((name,)), [])
        for number, row in enumerate(rows, start=1):
            match row:
                case [str(text), str(label)]:
                    kept.append(Sentence(f"{name}:{number}", prompt_of(text), label))
                case _:
                    raise BadData(
                        f"{data}: entry {number} of {name!r} is not [text, intent]",
                        "give CLINC150's data_full.json or one like it",
                    )
    # In a fixed order that takes the same share of both where `limit` cuts: mixed evenly.
    return {name: _mixed(rows) for name, rows in parts.items()}


def _mixed(rows: list[Sentence]) -> list[Sentence]:
    """Out-of-scope rows spread evenly among the others, so that a first part has both."""
    inside = [row for row in rows if row.in_scope]
    outside = [row for row in rows if not row.in_scope]
    if not inside or not outside:
        return rows
    placed = [
        ((n + 0.5) / len(group), row) for group in (inside, outside) for n, row in enumerate(group)
    ]
    return [row for _, row in sorted(placed, key=lambda pair: pair[0])]


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as fault:
        raise BadData(f"{file} is no JSON ({fault})", "write parts of [text, intent]") from fault
