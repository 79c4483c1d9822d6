r"""Training rows and held-out sets of the text model.

    python -m data.story_rows --out /tmp/text --rows 60000 --seed 1 --sets SETS

writes ``train.jsonl`` and ``validation.jsonl`` (``forgebus train --type text``), and for measuring
``held/`` with stories, books and talks (``forgebus eval text``), and ``asked.jsonl``: talks whose last
reply is judged by rule (``data.measure_text``). ``--mix`` sets the shares of :data:`PARTS`: stories with
marks for their cast, stories as they are, pieces of books, natural requests with their stories,
beginnings with how they go on, talks, public talks.
"""

import argparse
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from data.chat_public import public_turns
from data.chat_rows import talk
from data.chat_turn import Talk
from data.story_books import read_books
from data.story_tales import tale
from engine.config import CONTEXT
from engine.tokenizer import END, Tokenizer
from handlers.talk_marks import NOTHING
from handlers.text_generation import Request, Turn, asked_ids, told_by

VERSION = 3
"""Raised whenever the same seed gives other rows than before."""

PARTS = ("marked", "stories", "books", "asked", "begun", "talks", "public")
USUAL = (40, 6, 6, 6, 6, 32, 4)
_PIECE = 1400
_MARKED = 0.93
"""Share of talks whose names are marks."""
_HELD_OUT = {"story.txt": 300, "chat.jsonl": 600, "asked.jsonl": 600}


def conversation(tokenizer: Tokenizer, talk: Talk, *, marks: bool = True) -> dict[str, list[int]]:
    """A talk as token ids: the turns so far are read, the last reply is learnt.

    What was told stands as marks, or without ``marks`` in words, as a request with a stop string is read.
    """
    turns = tuple(Turn(said, replied) for said, replied in talk.history)
    request = Request(talk.said, history=turns)
    told = (told_by(request) if marks else None) or NOTHING
    prompt = asked_ids(tokenizer, request, CONTEXT, told=told)
    return {"prompt_ids": prompt, "answer_ids": [*tokenizer.encode(told.marked(talk.reply)), END]}


class Rows:
    """Random rows of a part; books and public talks are those given."""

    def __init__(
        self,
        part: str,
        tokenizer: Tokenizer,
        books: list[str],
        public: list[Talk],
        rng: random.Random,
        turns: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._part = part
        self._tokenizer = tokenizer
        self._books = books
        self._public = public
        self._rng = rng
        self._turns = turns

    def row(self, kind: str) -> dict[str, Any]:
        """One row of a kind in :data:`PARTS`."""
        rng = self._rng
        match kind:
            case "marked":
                told = tale(self._part, rng)
                bare = Talk((), told.prompt, told.marked, "story", "")
                return conversation(self._tokenizer, bare)
            case "stories":
                return self._text(tale(self._part, rng).story)
            case "books":
                return self._text(rng.choice(self._books))
            case "asked":
                return conversation(self._tokenizer, talk(self._part, rng, stories=True))
            case "begun":
                return self._begun()
            case "talks":
                one = talk(self._part, rng, public=self._turns)
                return conversation(self._tokenizer, one, marks=rng.random() < _MARKED)
            case _:
                return conversation(self._tokenizer, rng.choice(self._public))

    def _text(self, text: str) -> dict[str, Any]:
        ids = self._tokenizer.encode(text)
        return {"prompt_ids": ids[:1], "answer_ids": [*ids[1:], END]}

    def _begun(self) -> dict[str, Any]:
        """A beginning as what is said, and its continuation as the reply."""
        rng = self._rng
        story = rng.random() < 0.6
        whole = tale(self._part, rng).story if story else rng.choice(self._books)
        pieces = whole.split(" ")
        cut = rng.randrange(3, max(4, min(40, len(pieces) // 2)))
        begun = Talk((), " ".join(pieces[:cut]), " " + " ".join(pieces[cut:]), "begun", "")
        return conversation(self._tokenizer, begun)


def pieces(paragraphs: tuple[str, ...]) -> list[str]:
    """Paragraphs joined to pieces of about 300 tokens."""
    found: list[str] = []
    held: list[str] = []
    for paragraph in paragraphs:
        held.append(paragraph)
        if sum(map(len, held)) > _PIECE:
            found.append("\n\n".join(held)[: 2 * _PIECE])
            held = []
    return found + (["\n\n".join(held)] if held else [])


def public_talks(sets: Path) -> list[Talk]:
    """The short dialogues of chatterbot-corpus (English) that claim nothing about the world or a self.

    Its talks about what it is, about facts and about opinions would teach what is not so.
    """
    found = []
    for name in ("greetings", "emotion", "conversations", "humor", "food"):
        file = sets / "chatterbot_corpus" / "english" / f"{name}.yml"
        for turns in yaml.safe_load(file.read_text("utf-8"))["conversations"]:
            said = [str(turn).strip() for turn in turns]
            if len(said) < 2 or max(map(len, said)) > 200:
                continue
            history = tuple(zip(said[0:-2:2], said[1:-2:2], strict=False))
            if len(said) % 2 == 0:
                found.append(Talk(history, said[-2], said[-1], "public", ""))
    instructions = (sets / "self_instruct" / "seed_tasks.jsonl").read_text("utf-8").splitlines()
    for task in map(json.loads, instructions):
        one = task["instances"][0]
        if not one["input"] and len(one["output"]) < 600:
            found.append(Talk((), task["instruction"], one["output"], "public", ""))
    return found


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", type=Path, required=True, help="the public sets; docs/models.md")
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokenizer", type=Path, default=Path("models/tokenizer.json"))
    parser.add_argument("--mix", type=int, nargs=len(PARTS), default=USUAL, metavar="SHARE")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.load(arguments.tokenizer)
    books = list(read_books(arguments.sets / "books"))
    public = public_talks(arguments.sets)
    for part, count in (("train", arguments.rows), ("validation", 1500)):
        rng = random.Random(f"text {VERSION} {part} {arguments.seed}")
        held = [book.train if part == "train" else book.validation for book in books]
        texts = [piece for paragraphs in held for piece in pieces(paragraphs)]
        every = [one for n, one in enumerate(public) if (n % 10 == 0) == (part != "train")]
        turns = public_turns(arguments.sets) if part == "train" else None
        rows = Rows(part, tokenizer, texts, every, rng, turns)
        kinds = rng.choices(PARTS, arguments.mix, k=count)
        _write(arguments.out / f"{part}.jsonl", (rows.row(kind) for kind in kinds))
    (arguments.out / "held").mkdir(exist_ok=True)
    _held_out(arguments.out, arguments.seed)
    told = "\n\n".join("\n\n".join(book.validation) for book in books)
    (arguments.out / "held" / "books.txt").write_text(told, "utf-8")


def _held_out(out: Path, seed: int) -> None:
    """Stories, talks and requests of validation, as texts."""
    rng = random.Random(f"text {VERSION} held out {seed}")
    stories = (tale("validation", rng).story for _ in range(_HELD_OUT["story.txt"]))
    (out / "held" / "story.txt").write_text("\n\n".join(stories) + "\n", "utf-8")
    plain = (talk("validation", rng) for _ in range(3 * _HELD_OUT["chat.jsonl"]))
    alone = [{"prompt": one.said, "answer": one.reply} for one in plain if not one.history]
    _write(out / "held" / "chat.jsonl", iter(alone[: _HELD_OUT["chat.jsonl"]]))
    asked = (
        asdict(talk("validation", rng, stories=number % 3 == 0))
        for number in range(_HELD_OUT["asked.jsonl"])
    )
    _write(out / "asked.jsonl", asked)


def _write(file: Path, rows: Iterator[dict[str, Any]]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
