r"""The tokenizer that all models share, from everything that they read.

    python -m data.shared_tokenizer --sets FOLDER --router /tmp/router --home /tmp/home \\
        --out models/tokenizer.json

English for the most part; German templates and dialogues, Python and word problems are in it so
that none of them falls apart into bytes.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

from engine.tokenizer import train_tokenizer

_HOME_ROWS = 30_000
_TEMPLATE = re.compile(r"[<>{}()\[\]|;:\"#-]+|\w+_\w+")


def texts(sets: Path, router: Path, home: Path) -> Iterator[str]:
    """All training texts, in a fixed order."""
    for book in sorted((sets / "books").glob("*.txt")):
        yield from book.read_text("utf-8").splitlines()
    yield from _field(router / "train.jsonl", "prompt")
    for number, row in enumerate(_rows(home / "train.jsonl")):
        if number >= _HOME_ROWS:
            break
        yield f"{row['prompt']}{row['answer']}"
    for row in _rows(sets / "mbpp/train.jsonl"):
        yield from (row["text"], row["code"].replace("\r\n", "\n"))
    for row in _rows(sets / "gsm8k/train.jsonl"):
        yield row["answer"]
    yield from _german(sets)


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("sets", "router", "home", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    tokenizer = train_tokenizer(texts(arguments.sets, arguments.router, arguments.home))
    tokenizer.save(arguments.out)
    print(f"{tokenizer.vocab_size} tokens, sha256 {tokenizer.fingerprint}")


def _german(sets: Path) -> Iterator[str]:
    folders = (
        sets / "home_llm_piles/german",
        sets / "home_assistant_intents/sentences/de",
        sets / "chatterbot_corpus/german",
    )
    for folder in folders:
        for file in sorted(folder.iterdir()):
            for line in file.read_text("utf-8").splitlines():
                yield " ".join(_TEMPLATE.sub(" ", line).split())


def _field(file: Path, name: str) -> Iterator[str]:
    return (row[name] for row in _rows(file))


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


if __name__ == "__main__":
    main()
