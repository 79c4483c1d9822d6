r"""Measure a text model on talks and requests held out: are replies of the right kind, stories about what was asked?

    python -m data.measure_text models/text --asked run/text/asked.jsonl \
        [--temperature 0.7 --top-p 0.9 --min-p 0 --penalty 1.0] [--limit 200] [--show 10]

Judged by rule. A story is right if it names every subject of its request; a reply is right if it fits
the rule of its kind (``data/chat_talk.py``), which is written for kinds, not for single sentences.
Also: distinct pairs of words in all stories (distinct-2), words that a story repeats in runs of four,
and stories that come to an end within the tokens.
"""

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from data.measure_vision import Call
from engine.sampling import Sampling
from handlers.text_generation import Continuation, TextGeneration

_MOST = 224


@dataclass(frozen=True, slots=True)
class Reply:
    """What was written in answer to one row."""

    row: dict[str, Any]
    text: str
    ended: bool

    @property
    def is_story(self) -> bool:
        """Whether a story was asked for."""
        return bool(self.row["kind"] == "story")

    @property
    def right(self) -> bool:
        """Whether it is of the right kind, or about all that it should be."""
        if self.is_story:
            return len(self.text.split()) >= 30 and not self.missing
        return bool(re.search(self.row["rule"], self.text, re.IGNORECASE))

    @property
    def missing(self) -> list[str]:
        """Subjects that a story does not name."""
        said = self.text.lower()
        return [one for one in self.row["subjects"] if one.lower() not in said]


def replies(
    folder: Path, rows: Sequence[dict[str, Any]], decoding: Sampling, temperature: float
) -> list[Reply]:
    """What the handler replies to each row, whose number is its seed."""
    handler = TextGeneration(folder.parent, decoding)
    handler.model = folder.name
    handler.load()
    found = []
    for seed, row in enumerate(rows):
        turns = [{"user": said, "assistant": replied} for said, replied in row["history"]]
        content = {"prompt": row["said"], "history": turns, "seed": seed, "max_tokens": _MOST}
        answer = handler.run(json.dumps(content | {"temperature": temperature}).encode(), Call())
        made = msgspec.json.decode(answer, type=Continuation)
        found.append(Reply(row, made.text, made.finish == "end"))
    return found


def report(found: Sequence[Reply]) -> dict[str, object]:
    """Figures over all replies, stories and talks apart."""
    stories = [one for one in found if one.is_story]
    asked = [one for one in stories if one.row["subjects"]]
    subjects = sum(len(one.row["subjects"]) for one in asked)
    missing = sum(len(one.missing) for one in asked)
    talks: dict[str, list[bool]] = defaultdict(list)
    for one in found:
        if not one.is_story:
            talks[one.row["kind"]].append(one.right)
    every = [right for kind in talks.values() for right in kind]
    return {
        "stories": len(stories),
        "stories_right": _share(sum(one.right for one in stories), len(stories)),
        "subjects_named": _share(subjects - missing, subjects),
        "stories_with_all_subjects": _share(sum(not one.missing for one in asked), len(asked)),
        "stories_ended": _share(sum(one.ended for one in stories), len(stories)),
        "distinct_2": _distinct(stories),
        "repeated_4": _repeated(stories),
        "talks": len(every),
        "talks_right": _share(sum(every), len(every)),
        "by_kind": {kind: f"{sum(rights)}/{len(rights)}" for kind, rights in sorted(talks.items())},
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--asked", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--top-k", type=int, default=50)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--min-p", type=float, default=0.0)
    parser.add_argument("--penalty", type=float, default=1.0)
    parser.add_argument("--show", type=int, default=0, help="show so many wrong replies")
    given = parser.parse_args()
    decoding = Sampling(
        top_k=given.top_k,
        top_p=given.top_p,
        min_p=given.min_p,
        repetition_penalty=given.penalty,
    )
    rows = [json.loads(line) for line in given.asked.read_text("utf-8").splitlines()]
    found = replies(given.model, rows[: given.limit or None], decoding, given.temperature)
    print(json.dumps(report(found), indent=1))
    for one in [one for one in found if not one.right][: given.show]:
        print(f"[{one.row['kind']}] {one.row['said']!r} {one.missing}\n    {one.text}")


def _distinct(stories: Sequence[Reply]) -> float:
    pairs = [pair for one in stories for pair in _runs(one.text, 2)]
    return _share(len(set(pairs)), len(pairs))


def _repeated(stories: Sequence[Reply]) -> float:
    """Share of runs of four words that stand in their story a second time."""
    again = total = 0
    for one in stories:
        counts = Counter(_runs(one.text, 4))
        total += counts.total()
        again += counts.total() - len(counts)
    return _share(again, total)


def _runs(text: str, size: int) -> list[tuple[str, ...]]:
    words = re.findall(r"[\w']+", text.lower())
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]


def _share(part: int, whole: int) -> float:
    return round(part / max(1, whole), 4)


if __name__ == "__main__":
    main()
