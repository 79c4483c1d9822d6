"""Functions written one by one: blocks of a text file, several phrases and one body each.

    a:int, b:int
    the sum of {A} and {B}
    add (two numbers|{A} and {B})
    > return A + B

The first line gives the arguments with their sorts (`data.code_values`), lines behind `>` are the body,
all others are phrases. `[0:5]` in a phrase is the value 5, and `L0` in the body; `[0:2-9]` is any number
from 2 to 9. Blocks are parted by empty lines; `#` begins a comment.
"""

import random
import re
from dataclasses import dataclass
from pathlib import Path

from data.code_forms import Function

FOLDER = Path(__file__).parent / "seeds" / "functions"
_VALUE = re.compile(r"\[(\d):([^\]]+)\]")


@dataclass(frozen=True, slots=True)
class Listed:
    """A block."""

    arguments: tuple[tuple[str, str], ...]
    phrases: tuple[str, ...]
    body: str
    family: str
    key: str

    def function(self, rng: random.Random) -> Function:
        """With one of its phrases and values."""
        phrase = rng.choice(self.phrases)
        values: dict[int, int | float | str] = {}
        for number, told in _VALUE.findall(phrase):
            values.setdefault(int(number), _value(told, rng))
        phrase = _VALUE.sub(lambda found: f"[{found[1]}]", phrase)
        body = self.body
        return Function(
            self.arguments,
            phrase,
            tuple(values[n] for n in sorted(values)),
            body,
            self.key,
            self.family,
        )


def listed(folder: Path = FOLDER) -> list[Listed]:
    """All blocks of all files of the folder, in the order of their names."""
    found = []
    for file in sorted(folder.glob("*.txt")):
        lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
        for number, block in enumerate("\n".join(lines).split("\n\n")):
            if block.strip():
                found.append(_block(block.strip("\n").splitlines(), file.stem, number))
    return found


def _block(lines: list[str], family: str, number: int) -> Listed:
    pairs = [one.strip().partition(":") for one in lines[0].split(",") if one.strip() != "-"]
    body = "\n".join(line[2:] for line in lines[1:] if line.startswith(">"))
    phrases = tuple(line for line in lines[1:] if not line.startswith(">"))
    if not body or not phrases:
        raise ValueError(f"{family}: block {number} lacks a body or phrases: {lines[0]}")
    arguments = tuple((name, sort) for name, _, sort in pairs)
    return Listed(arguments, phrases, body, family, f"{family}|{body}")


def _value(told: str, rng: random.Random) -> int | float | str:
    if found := re.fullmatch(r"(-?\d+)-(\d+)", told):
        return rng.randint(int(found[1]), int(found[2]))
    if re.fullmatch(r"-?\d+", told):
        return int(told)
    if re.fullmatch(r"-?\d+\.\d+", told):
        return float(told)
    return rng.choice(told.split("/"))
