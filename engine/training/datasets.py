"""Files of training data to records: one line, one row of a table, one question with its answer.

What a record means is `engine.training.kinds`' to say. Read are

- `.txt`: one text; or, where its first line begins with `Q:`, questions each with its `A:`;
- `.jsonl`: an object a line; `.csv`: a table whose first line names the columns;
- `.json`: a list of objects, or parts of `[text, intent]` pairs (CLINC150);
- folders with `seq.in` and `label` (SNIPS, HWU64), and folders of all of these.

What stands in a file or folder named valid, validation, val or dev is held out for validation.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import BadData

_SUFFIXES = (".txt", ".jsonl", ".csv", ".json")
_ABOUT = re.compile(r"(licen[cs]e|copying|notice|readme)", re.IGNORECASE)
_HELD_OUT = re.compile(r"(oos_)?(valid|validation|val|dev)$")


@dataclass(frozen=True, slots=True)
class Record:
    """One piece of a file.

    Attributes:
        fields: its named values; {"text": ...} with `whole` for a text file.
        whole: the record is a whole text file, to be cut as the context has it.
        held_out: it stands in a validation part.
    """

    file: Path
    line: int
    fields: dict[str, Any]
    whole: bool = False
    held_out: bool = False

    @property
    def place(self) -> str:
        """`file:line`, as error messages name it."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read; `name` is how it is called from the path that was given."""

    file: Path
    name: str
    held_out: bool


def sources(paths: tuple[Path, ...]) -> list[Source]:
    """The files that `paths` give, in a fixed order; of a folder with `seq.in`, both files.

    Raises:
        BadData: a path does not exist, is of no known kind, or is an empty file.
    """
    found: list[Source] = []
    for path in paths:
        if not path.exists():
            raise BadData(f"{path} does not exist", "give files or folders of training data")
        files = _below(path) if path.is_dir() else [path]
        if not files:
            kinds = ", ".join(_SUFFIXES)
            raise BadData(f"{path} holds no training data", f"give a folder with {kinds} files")
        for file in files:
            inside = file.relative_to(path.parent)
            names = (*inside.parts[:-1], inside.stem)
            held_out = any(_HELD_OUT.fullmatch(name) for name in names)
            found.append(Source(file, inside.as_posix(), held_out))
    for source in found:
        if source.file.stat().st_size == 0:
            raise BadData(f"{source.file} is empty", "fill it or leave it out")
    return found


def records(source: Source) -> Iterator[Record]:
    """What a file holds.

    Raises:
        BadData: no UTF-8, or not of the form that its name says; names file and line.
    """
    match source.file:
        case Path(name="label"):
            return  # read with its seq.in
        case Path(name="seq.in"):
            yield from _sentences(source)
        case Path(suffix=".jsonl"):
            yield from _json_lines(source)
        case Path(suffix=".csv"):
            yield from _table(source)
        case Path(suffix=".json"):
            yield from _json(source)
        case Path(suffix=".txt"):
            yield from _text(source)
        case _:
            raise BadData(
                f"{source.file} is of no known kind", f"give {', '.join(_SUFFIXES)} or a folder"
            )


def _below(folder: Path) -> list[Path]:
    found = []
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if hidden or not file.is_file() or _ABOUT.match(file.name):
            continue
        pair = file.name in {"seq.in", "label"} and (file.parent / "seq.in").is_file()
        if pair or file.suffix in _SUFFIXES:
            found.append(file)
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = file.read_bytes()[: fault.start].count(b"\n") + 1
        raise BadData(f"{file}:{line} is no UTF-8 text", "convert it to UTF-8") from fault


def _json_lines(source: Source) -> Iterator[Record]:
    for number, line in enumerate(_read(source.file).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as fault:
            raise BadData(
                f"{source.file}:{number} is no JSON ({fault})", "write one object on each line"
            ) from fault
        if not isinstance(fields, dict):
            raise BadData(f"{source.file}:{number} is no JSON object", "write one on each line")
        yield Record(source.file, number, fields, held_out=source.held_out)


def _table(source: Source) -> Iterator[Record]:
    reader = csv.DictReader(_read(source.file).splitlines(keepends=True), strict=True)
    try:
        for fields in reader:
            if None in fields or None in fields.values():
                raise BadData(
                    f"{source.file}:{reader.line_num} has not as many values as the first line",
                    "put quotes around a text with commas",
                )
            yield Record(source.file, reader.line_num, dict(fields), held_out=source.held_out)
    except csv.Error as fault:
        raise BadData(
            f"{source.file}:{reader.line_num} is no CSV ({fault})", "quote texts with commas"
        ) from fault


def _json(source: Source) -> Iterator[Record]:
    file = source.file
    try:
        content = json.loads(_read(file))
    except (ValueError, RecursionError) as fault:
        raise BadData(f"{file} is no JSON ({fault})", "write a list of objects") from fault
    parts = content if isinstance(content, dict) else {"": content}
    for part, rows in parts.items():
        held_out = source.held_out or bool(_HELD_OUT.fullmatch(part))
        for number, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
            match row:
                case [str(text), str(label)]:
                    fields: dict[str, Any] = {"text": text, "label": label}
                case dict():
                    fields = row
                case _:
                    raise BadData(
                        f"{file}: entry {number} of {part or 'the list'} is neither an object nor "
                        "[text, intent]",
                        "leave the file out: give the data files themselves and not their folder",
                    )
            yield Record(file, number, fields, held_out=held_out)


def _sentences(source: Source) -> Iterator[Record]:
    labels = source.file.with_name("label")
    if not labels.is_file():
        raise BadData(f"{labels} is missing", "seq.in goes with a file `label`")
    texts, names = (_read(file).splitlines() for file in (source.file, labels))
    if len(texts) != len(names):
        raise BadData(
            f"{source.file} has {len(texts)} lines and {labels} {len(names)}", "copy both again"
        )
    for number, (text, name) in enumerate(zip(texts, names, strict=True), start=1):
        fields = {"text": text, "label": name.strip()}
        yield Record(source.file, number, fields, held_out=source.held_out)


def _text(source: Source) -> Iterator[Record]:
    text = _read(source.file)
    if text.lstrip().startswith("Q:"):
        yield from _questions(source, text)
    else:
        yield Record(source.file, 1, {"text": text}, whole=True, held_out=source.held_out)


def _questions(source: Source, text: str) -> Iterator[Record]:
    began, said = 0, {"Q": [""], "A": [""]}
    turn = ""
    for number, line in enumerate([*text.split("\n"), "Q:"], start=1):
        if line.startswith("Q:"):
            if turn:
                yield _answered(source, began, said)
            began, turn, said = number, "Q", {"Q": [line[2:]], "A": []}
        elif line.startswith("A:") and turn == "Q":
            turn = "A"
            said["A"].append(line[2:])
        elif turn:
            said[turn].append(line)


def _answered(source: Source, line: int, said: dict[str, list[str]]) -> Record:
    question, answer = ("\n".join(said[turn]).strip() for turn in ("Q", "A"))
    if not question or not answer:
        raise BadData(
            f"{source.file}:{line} has a question without an answer",
            "write `A: ...` on a line below each `Q: ...`",
        )
    fields = {"question": question, "answer": answer}
    return Record(source.file, line, fields, held_out=source.held_out)
