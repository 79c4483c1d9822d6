"""Short Python tasks with tests: HumanEval, MBPP, rows of our own.

- HumanEval `.jsonl`: task_id, prompt (the head of a function), entry_point, test with `check`;
- MBPP `.jsonl`: text or prompt, test_list, and test_setup_code or test_imports. The name that the tests
  call is put behind the text, which does not tell it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from engine.errors import BadData
from engine.training.datasets import Record, records, sources
from evaluation.cases import Place
from handlers.code_examples import shape_of

_EXPECTED = (
    "give HumanEval's {task_id, prompt, entry_point, test} or MBPP's {task_id, text, test_list}"
)
# Where a completion has gone on to something else.
_ENDS = re.compile(r"\n(?=\S)(?!\)|\]|\}|@|def |class |import |from )")


@dataclass(frozen=True, slots=True)
class Task:
    """A function to be written.

    Attributes:
        head: what the answer continues; "" where it is a program of its own.
        tests: what runs after it.
        entry: the function's name; "" where only the tests know it.
    """

    case: str
    kind: str
    prompt: str
    head: str
    tests: str
    entry: str

    def program(self, answer: str) -> str:
        """The answer with its tests."""
        code = _code(answer)
        if not self.head:
            return f"{code}\n\n{self.tests}\n"
        if re.search(rf"^\s*(async\s+)?def\s+{re.escape(self.entry)}\b", code, re.MULTILINE):
            # It wrote the whole function: imports and helpers above it still come from the head.
            above = re.split(rf"(?m)^def\s+{re.escape(self.entry)}\b", self.head)[0]
            return f"{above}\n{code}\n\n{self.tests}\n"
        return f"{self.head}{_first_function(code)}\n\n{self.tests}\n"


def read_tasks(data: Path, limit: int = 0) -> list[Task]:
    """The tasks of a file or folder; the first `limit` of them, if not 0.

    Raises:
        BadData: no such path, or a row that is no task with tests; names file and line.
    """
    found = (_of(record) for source in sources((data,)) for record in records(source))
    tasks = list(islice(found, limit or None))
    if not tasks:
        raise BadData(f"{data} holds no task", _EXPECTED)
    return tasks


def _of(record: Record) -> Task:
    fields = record.fields
    case = str(fields.get("task_id") or fields.get("id") or Place(record.file, record.line))
    match fields:
        case {"prompt": str(prompt), "test": str(test), "entry_point": str(entry)} if (
            entry.isidentifier()
        ):
            return Task(case, "HumanEval", prompt, prompt, f"{test}\n\ncheck({entry})", entry)
        case {"test_list": [*tests], "text": str(prompt)} | {
            "test_list": [*tests],
            "prompt": str(prompt),
        }:
            imports = fields.get("test_imports") or []
            setup = [*map(str, imports), str(fields.get("test_setup_code") or "")]
            said = _named(prompt, list(map(str, tests)))
            kind = str(fields.get("family") or "MBPP")
            return Task(case, kind, said, "", "\n".join([*setup, *map(str, tests)]), "")
    raise BadData(f"{record.place} is no task with tests", _EXPECTED)


def _named(prompt: str, tests: Sequence[str]) -> str:
    """The task with the name that its tests call, which MBPP's texts do not tell."""
    shape = shape_of(tests, "")
    if shape is None:
        return prompt
    name = re.escape(shape.name)
    if re.search(rf"\b{name}\s*\(|\b(?:called|named|function)\s+`?{name}\b", prompt):
        return prompt
    return f"{prompt.rstrip()} The function is called {shape.name}."


def _code(answer: str) -> str:
    """The code of an answer: what stands in its first fence, else all of it."""
    fenced = re.search(r"```(?:python|py)?\s*\n(.*?)(?:\n```|\Z)", answer, re.DOTALL)
    return (fenced[1] if fenced else answer).replace("\r\n", "\n").rstrip()


def _first_function(code: str) -> str:
    """A completion up to where it leaves the function's body, helpers behind it included."""
    if not code[:1].isspace():
        first, _, rest = code.partition("\n")
        code = f"    {first}\n{rest}"
    return _ENDS.split(code, maxsplit=1)[0]
