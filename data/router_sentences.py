"""Sentences for the router: which capability a request needs.

    python -m data.router_sentences --out /tmp/router --sets FOLDER --rows 90000 --seed 1

writes ``train.jsonl`` (text and label; nonsense has all labels in equal shares),
``validation.jsonl`` (text and label; nonsense is ``oos``) and ``negatives.txt``: sentences for
:mod:`data.home_commands` that are no home command.
"""

import argparse
import json
import random
from pathlib import Path

from data.home_commands import sample
from data.phrasebook import read_phrasebook
from data.phrasing import dressed, expand, noisy
from data.public_sets import NOT_ABOUT_HOME, Pair, read_all
from data.router_more import MORE
from data.router_nonsense import nonsense
from data.router_phrases import PHRASES, SUBJECTS
from engine.routing import prompt_of

LABELS = (
    *("chat", "home_control", "code", "math", "vision", "image", "web", "stt", "tts", "file"),
    "text",
)
"""Label n of a router trained on these rows is ``<|label_n|>``; its ``use.json`` must say so."""

VERSION = 2
"""Raised whenever the same seed gives other rows than before."""

OUTSIDE = "oos"
"""In `validation.jsonl`, the label of what asks for nothing."""

_NONSENSE = 0.06
_REQUESTS = 0.5


def sentences(part: str, label: str, count: int, rng: random.Random) -> list[str]:
    """``count`` sentences of our own that ask for a capability."""
    if label == "home_control":
        return [_home_sentence(part, rng) for _ in range(count)]
    subjects = {
        name: [" ".join(word.split()) for word in table.split(";")]
        for name, table in SUBJECTS[part].items()
    }
    made = []
    book = read_phrasebook("requests")
    requests = book.templates.get(label, []) if part == "train" else []
    for _ in range(count):
        if requests and rng.random() < _REQUESTS:
            said = book.say(rng.choice(requests), rng)
            made.append(dressed(noisy(said, rng, 0.2), rng))
            continue
        slots = {name: rng.choice(values) for name, values in subjects.items()}
        more = MORE.get(label, []) if part == "train" else []
        template = rng.choice(PHRASES[label][part] + 2 * more)
        while "{n}" in template:
            template = template.replace("{n}", str(rng.choice((_small(rng), _large(rng)))), 1)
        made.append(dressed(noisy(expand(template, rng, **slots), rng, 0.2), rng))
    return made


def main() -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=90_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    public = read_all(arguments.sets, "train")
    rows = _balanced(public, "train", arguments.rows, arguments.seed)
    with (arguments.out / "train.jsonl").open("w", encoding="utf-8") as file:
        for text, label in rows:
            row: dict[str, object] = {"text": prompt_of(text), "label": label}
            if label == OUTSIDE:
                row = {"text": prompt_of(text), "labels": dict.fromkeys(LABELS, 1)}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    held = _balanced(read_all(arguments.sets, "validation"), "validation", 6600, arguments.seed)
    with (arguments.out / "validation.jsonl").open("w", encoding="utf-8") as file:
        for text, label in held:
            file.write(json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n")
    negatives = sorted({text for text, label in public if label in NOT_ABOUT_HOME})
    (arguments.out / "negatives.txt").write_text("\n".join(negatives) + "\n", "utf-8")
    print(f"{len(rows)} rows, {len(held)} for validation, {len(negatives)} negatives")


def _balanced(public: list[Pair], part: str, total: int, seed: int) -> list[Pair]:
    """The same number of each label: at most half from public sets, the rest our own."""
    rng = random.Random(f"router {VERSION} {part} {seed}")
    each = total // len(LABELS)
    rows: list[Pair] = []
    for label in LABELS:
        found = sorted({text for text, of in public if of == label})
        share = each * 3 // 4 if label == "chat" else each // 2
        theirs = found if len(found) <= share else rng.sample(found, share)
        rows += [(text[:400], label) for text in theirs]
        rows += [(text, label) for text in sentences(part, label, each - len(theirs), rng)]
    rows += [(nonsense(part, rng), OUTSIDE) for _ in range(int(total * _NONSENSE))]
    rng.shuffle(rows)
    return rows


def _home_sentence(part: str, rng: random.Random) -> str:
    while True:
        one = sample(part, rng)
        if one.topic != "other":
            return one.scene.text


def _small(rng: random.Random) -> int:
    return rng.randint(0, 20)


def _large(rng: random.Random) -> int:
    return rng.randint(10, 999)


if __name__ == "__main__":
    main()
