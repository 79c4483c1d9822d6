"""Measure a vision model: does each caption name everything, nothing else, and in right English?

    python -m data.measure_vision models/vision --validation /tmp/vision/validation.jsonl

Judged from the request and forms written by hand, not by the code that writes captions: every thing's
noun must stand there with its number or article before it (a state may come between), no noun of any
list that the request lacks may, and the verb must agree. ``--seeds FILE`` asks the tags of a `Q:`/`A:`
file too and counts how many of their words come back.
"""

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from data.vision_scenes import nouns
from engine.training.datasets import records, sources
from handlers.protocol import Usage
from handlers.vision import Caption, Vision


class Call:
    """A call that nobody listens to and nobody cancels."""

    def __init__(self) -> None:
        self.max_tokens = 512
        self.usage = Usage()

    def emit(self, text: str) -> None:
        """Nobody listens."""

    def abstain(self, reason: str, probability: float) -> None:
        """A caption never does."""

    def cancelled(self) -> bool:
        """Never."""
        return False

    def progress(self, fraction: float) -> None:
        """Nobody listens."""


@dataclass(slots=True)
class Figures:
    """Counts over captions, with some of each fault."""

    n: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    right: int = 0
    line_as_learnt: int = 0
    seconds: list[float] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def told(self) -> dict[str, object]:
        """As printed."""
        times = sorted(self.seconds)
        share = {f"{name}_right": 1 - self.faults[name] / max(1, self.n) for name in FAULTS}
        return {
            "n": self.n,
            "correct": self.right,
            "accuracy": round(self.right / max(1, self.n), 4),
            **{name: round(value, 4) for name, value in share.items()},
            "as_learnt": round(self.line_as_learnt / max(1, self.n), 4),
            "latency_p50_ms": round(1000 * times[len(times) // 2], 2),
            "latency_p99_ms": round(1000 * times[len(times) * 99 // 100], 2),
        }


FAULTS = ("named", "invented", "count", "agreement")


def faults(caption: str, request: dict[str, Any], expected: Sequence[dict[str, Any]]) -> list[str]:
    """What is wrong with a caption: names of :data:`FAULTS`."""
    found = []
    text = f" {re.sub(r'[.,;:]', ' ', caption.lower())} "
    bare = request["style"] == "brief"
    for one in expected:
        *before, noun = one["phrases"]
        if f" {noun.lower()} " not in text:
            found.append("named")
        elif before and not (bare and one["count"] == 1):
            state = "(?: [a-z]+)*?" if before[0] in ("a", "an") or one["count"] else ""
            marks = "an?" if before[0] in ("a", "an") else before[0]
            if not re.search(rf" {marks}{state} {re.escape(noun.lower())} ", text):
                found.append("count")
    if _invented(text, request, expected):
        found.append("invented")
    if not _agrees(caption, expected):
        found.append("agreement")
    return found


def measure(folder: Path, validation: Path) -> Figures:
    """Caption the whole set with the model of a folder."""
    handler = Vision(folder.parent)
    handler.model = folder.name
    handler.load()
    figures = Figures()
    for row in map(json.loads, validation.read_text("utf-8").splitlines()):
        started = time.perf_counter()
        answer = handler.run(json.dumps(row["request"]).encode(), Call())
        figures.seconds.append(time.perf_counter() - started)
        caption = msgspec.json.decode(answer, type=Caption).caption
        wrong = faults(caption, row["request"], row["expected"])
        figures.n += 1
        figures.right += not wrong
        figures.line_as_learnt += caption == row["caption"]
        figures.faults.update(set(wrong))
        if wrong:
            figures.shown.append(f"{wrong} {caption!r} {json.dumps(row['request'])}")
    return figures


def seeds(folder: Path, file: Path) -> tuple[int, int, list[str]]:
    """Of a `Q:`/`A:` file of tags: words asked, words that come back, the captions."""
    handler = Vision(folder.parent)
    handler.model = folder.name
    handler.load()
    asked = back = 0
    captions = []
    for source in sources((file,)):
        for record in records(source):
            tags = str(record.fields["question"])
            answer = handler.run(json.dumps({"tags": tags}).encode(), Call())
            caption = msgspec.json.decode(answer, type=Caption).caption
            words = re.findall(r"[a-z]+", tags.lower())
            asked += len(words)
            said = set(re.findall(r"[a-z]+", caption.lower()))
            back += sum(word in said or f"{word}s" in said for word in words)
            captions.append(f"{tags}: {caption}")
    return asked, back, captions


def main() -> None:
    """Print the figures as JSON, then some faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--validation", type=Path, required=True)
    parser.add_argument("--seeds", type=Path)
    parser.add_argument("--wrong", type=int, default=0, help="show this many wrong captions")
    arguments = parser.parse_args()
    figures = measure(arguments.model, arguments.validation)
    print(json.dumps(figures.told(), indent=1))
    for line in figures.shown[: arguments.wrong]:
        print(line)
    if arguments.seeds:
        asked, back, captions = seeds(arguments.model, arguments.seeds)
        print(f"seeds: {back} of {asked} words come back")
        print("\n".join(captions))


def _invented(text: str, request: dict[str, Any], expected: Sequence[dict[str, Any]]) -> list[str]:
    """Nouns of all lists that the caption has and the request has not."""
    asked = json.dumps(request).lower()
    given = {form for one in expected for form in _words(" ".join(one["phrases"]))}
    return [
        noun.name
        for part in ("train", "validation")
        for noun in nouns(part)
        for form in (noun.name.lower(), noun.many.lower())
        if form and f" {form} " in text and form not in asked and not set(_words(form)) <= given
    ]


def _agrees(caption: str, expected: Sequence[dict[str, Any]]) -> bool:
    """Whether verb and subject agree, by what stands before the verb, or after "there" and "here"."""
    many = {str(one["phrases"][-1]).lower(): _is_many(one) for one in expected}
    for clause in re.split(r", and (?=there )", caption.rstrip(".").lower()):
        verb = re.search(r"\b(is|are|has|have)\b", clause)
        if not verb or clause.startswith("this is"):
            continue
        plural = verb[1] in ("are", "have")
        before, after = clause[: verb.start()], clause[verb.end() :]
        if before.strip() in ("there", "here"):
            at = {noun: after.find(noun) for noun in many if noun in after}
            first = min(at, key=lambda noun: (at[noun], -len(noun)), default="")
            wanted = many.get(first, False)
        else:
            named = [noun for noun in many if re.search(rf"\b{re.escape(noun)}\b", before)]
            wanted = " and " in before or any(many[noun] for noun in named)
        if plural != wanted:
            return False
    return True


def _is_many(one: dict[str, Any]) -> bool:
    return bool(one["count"] != 1 or one["plural_only"])


def _words(text: str) -> list[str]:
    return re.findall(r"[\w-]+", text.lower())


if __name__ == "__main__":
    main()
