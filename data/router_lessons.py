"""Sentences of our own for the router, without any public set: lessons for a node that learns.

    python -m data.router_lessons --out /tmp/lessons --rows 6000 --validation 500 --seed 4242

writes ``train.jsonl`` (rows of :mod:`engine.training`) and ``validation.jsonl`` (text and label).
"""

import argparse
import json
import random
from pathlib import Path

from data.router_sentences import LABELS, sentences
from engine.routing import prompt_of


def main() -> None:
    """Write the two files: the same number of each label."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--validation", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = [
        {"prompt": prompt_of(text), "label": label, "task": "route"}
        for text, label in _made("train", arguments.rows, arguments.seed)
    ]
    held = [
        {"text": text, "label": label}
        for text, label in _made("validation", arguments.validation, arguments.seed)
    ]
    for name, found in (("train", rows), ("validation", held)):
        with (arguments.out / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
    print(f"{len(rows)} rows, {len(held)} for validation")


def _made(part: str, count: int, seed: int) -> list[tuple[str, str]]:
    rng = random.Random(f"router lessons {part} {seed}")
    each = -(-count // len(LABELS))
    made = [(text, label) for label in LABELS for text in sentences(part, label, each, rng)]
    rng.shuffle(made)
    return made[:count]


if __name__ == "__main__":
    main()
