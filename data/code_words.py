"""Which words a code model has read, and with which parts of programs: its `words.json`.

    python -m data.code_words run/code/train.jsonl --out models/code

Made of the training rows of `data.code_functions`; :mod:`handlers.code_doubt` says what it is for.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from engine.checkpoint import seal
from handlers.code_doubt import WORDS, Words, content, parts


def main() -> None:
    """Write the file into a model folder, and seal the folder anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=Path, help="train.jsonl: {prompt, answer} in each line")
    parser.add_argument("--out", type=Path, required=True, help="the model's folder")
    arguments = parser.parse_args()
    with arguments.rows.open(encoding="utf-8") as lines:
        words = words_of((row["prompt"], row["answer"]) for row in map(json.loads, lines))
    (arguments.out / WORDS).write_bytes(words.dumped())
    seal(arguments.out)
    print(f"{arguments.out / WORDS}: {len(words.seen)} words")


def words_of(rows: Iterable[tuple[str, str]]) -> Words:
    """The words of training rows, each with the parts of all answers that it came with."""
    seen: dict[str, set[str]] = defaultdict(set)
    for prompt, answer in rows:
        used = parts(answer.partition("\n")[2])
        for word in content(prompt):
            seen[word] |= used
    return Words({word: frozenset(found) for word, found in seen.items()})


if __name__ == "__main__":
    main()
