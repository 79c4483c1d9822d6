"""Every form of training data is read as what it means; what is wrong is named by file and line."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadData
from engine.tokenizer import ASSISTANT, CODE, END, MATH, ROUTE, TEXT, USER, Tokenizer, label_token
from engine.training.data import Corpus, load_corpus
from engine.training.kinds import KINDS
from engine.training.provenance import licences, without_paths

pytest_plugins = ["engine_fixtures"]


class Reader:
    """Writes a file and reads it back as examples."""

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        self.folder, self.tokenizer = folder, tokenizer

    def write(self, name: str, content: Any) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list) and name.endswith(".jsonl"):
            content = "".join(json.dumps(row) + "\n" for row in content)
        file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return file

    def corpus(self, kind: str, *paths: Path, labels: tuple[str, ...] = ()) -> Corpus:
        return load_corpus(paths or (self.folder,), self.tokenizer, 256, kind, labels)

    def pairs(self, kind: str, *paths: Path) -> list[tuple[int, str, str]]:
        """(first token, prompt, answer) of each example."""
        found = []
        for example in self.corpus(kind, *paths).examples:
            ids = example.ids.tolist()
            assert ids[-1] == END
            head, tail = ids[: example.prompt], ids[example.prompt :]
            found.append((ids[0], self.tokenizer.decode(head), self.tokenizer.decode(tail)))
        return found


@pytest.fixture
def reader(tmp_path: Path, tokenizer: Tokenizer) -> Reader:
    return Reader(tmp_path / "data", tokenizer)


def test_mbpp_is_code(reader: Reader) -> None:
    reader.write("train.jsonl", [{"text": "Add.", "code": "a\r\n\tb", "test_list": ["x"]}])
    assert reader.pairs("code") == [(CODE, "Add.", "a\n\tb")]


def test_gsm8k_loses_its_calculator_notes(reader: Reader) -> None:
    row = {"question": "Half of 48?", "answer": "It is 48/2 = <<48/2=24>>24.\n#### 24"}
    reader.write("train.jsonl", [row])
    assert reader.pairs("math") == [(MATH, "Half of 48?", "It is 48/2 = 24.\n#### 24")]


def test_mawps_has_its_numbers_put_in(reader: Reader) -> None:
    text = (
        'Question,Numbers,Equation,Answer\n"number0 and number1 cups , how many ?",8.0 2.5,+,10.5\n'
    )
    reader.write("train.csv", text)
    assert reader.pairs("math") == [(MATH, "8 and 2.5 cups , how many?", "10.5")]


def test_vision_takes_tags_and_a_caption(reader: Reader) -> None:
    reader.write("v.jsonl", [{"tags": ["dog", "grass"], "caption": "A dog on grass."}])
    assert reader.pairs("vision") == [(USER, "dog, grass", "A dog on grass.")]


def test_questions_and_answers_of_several_lines(reader: Reader) -> None:
    reader.write("qa.txt", "\nQ: one?\nA: 1\nQ: two\nlines?\n\nA: 2\nand more\n")
    expected = [("one?", "1"), ("two\nlines?", "2\nand more")]
    assert reader.pairs("text") == [(TEXT, *pair) for pair in expected]
    assert reader.pairs("vision") == [(USER, *pair) for pair in expected]


def test_instructions_are_pairs_of_text(reader: Reader) -> None:
    row = {"instruction": "Sum.", "instances": [{"input": "1 2", "output": "3"}]}
    reader.write("seed.jsonl", [row])
    assert reader.pairs("text") == [(TEXT, "Sum.\n1 2", "3")]


ROUTED = [("Play  JAZZ", "music"), ("two plus two", "math"), ("play more", "music")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", [{"text": text, "label": label} for text, label in ROUTED]),
        ("a.jsonl", [{"text": text, "intent": label} for text, label in ROUTED]),
        ("a.csv", "text,category\n" + "".join(f'"{a}",{b}\n' for a, b in ROUTED)),
        ("a.csv", "text,label\r\n" + "".join(f"{a},{b}\r\n" for a, b in ROUTED)),
        ("a.json", {"train": ROUTED}),
        ("a.txt", "".join(f"Q: {a}\nA: {b}\n" for a, b in ROUTED)),
    ],
)
def test_a_router_learns_labels_by_name(reader: Reader, name: str, content: Any) -> None:
    check_router(reader, reader.write(name, content))


def test_a_router_reads_seq_in_beside_label(reader: Reader) -> None:
    reader.write("train/seq.in", "".join(text + "\n" for text, _ in ROUTED))
    reader.write("train/label", "".join(label + "\n" for _, label in ROUTED))
    reader.write("train/seq.out", "O O\n")
    check_router(reader, reader.folder)


def check_router(reader: Reader, path: Path) -> None:
    corpus = reader.corpus("router", path)
    assert corpus.labels == ("math", "music")
    asked = [reader.tokenizer.encode(text) for text in ("play jazz", "two plus two", "play more")]
    assert [example.ids.tolist() for example in corpus.examples] == [
        [ROUTE, USER, *ids, ASSISTANT, label_token(number)]
        for ids, number in zip(asked, (1, 0, 1), strict=True)
    ]
    given = reader.corpus("router", path, labels=("music", "other", "math"))
    assert [int(example.ids[-1]) for example in given.examples] == [
        label_token(n) for n in (0, 2, 0)
    ]


def test_parts_for_validation_are_held_out(reader: Reader) -> None:
    pairs = [[f"sentence {n}", "ab"[n % 2]] for n in range(20)]
    reader.write("clinc.json", {"train": pairs[:15], "val": pairs[15:18], "oos_val": pairs[18:]})
    training, held_out = reader.corpus("router").split(0.5, 100, 1)
    assert (len(training.examples), len(held_out.examples)) == (15, 5)
    reader.write("clinc.json", {"train": pairs[:4]})
    reader.write("valid/a.jsonl", [{"text": "x", "label": "a"}])
    reader.write("dev.csv", "text,label\ny,b\n")
    training, held_out = reader.corpus("router").split(0.5, 100, 1)
    assert (len(training.examples), len(held_out.examples)) == (4, 2)
    assert len(reader.corpus("router").split(0.5, 1, 1)[0].examples) == 4
    with pytest.raises(BadData, match="all of the data stands in a validation part"):
        reader.corpus("router", reader.folder / "valid", reader.folder / "dev.csv")


def test_a_folder_gives_its_data_and_not_what_is_said_of_it(reader: Reader) -> None:
    for name in ("LICENSE", "LICENSE.txt", "README.txt", "notes.md", ".hidden/a.txt"):
        reader.write(name, "no training data")
    reader.write("deep/b.txt", "some words")
    corpus = reader.corpus("text")
    assert list(corpus.sources) == ["data/deep/b.txt"]


@pytest.mark.parametrize(
    ("kind", "name", "content", "told"),
    [
        (
            "router",
            "a.jsonl",
            '{"prompt": "a", "answer": "b"}',
            r"a\.jsonl:1 .*--type router.*label",
        ),
        ("router", "a.txt", "just a text", r"a\.txt:1 holds a text, which --type router does not"),
        ("home", "a.txt", "just a text", r"a\.txt:1 holds a text, which --type home does not"),
        ("math", "a.jsonl", '\n{"tags": ["a"], "caption": "b"}', r"a\.jsonl:2 .*GSM8K"),
        ("vision", "a.jsonl", '{"tags": [], "caption": "b"}', r"a\.jsonl:1 .*caption"),
        ("vision", "a.jsonl", '{"tags": [3], "caption": "b"}', r"a\.jsonl:1 .*caption"),
        ("code", "a.csv", "text,label\na,b\n", r"a\.csv:2 .*MBPP"),
        ("text", "a.csv", "text,label\na,b\n", r"a\.csv:2 .*--type text"),
        ("router", "a.csv", "text,label\na,b\nc\n", r"a\.csv:3 has not as many values"),
        ("router", "a.csv", "text,label\na,b,c\n", r"a\.csv:2 has not as many values"),
        ("router", "a.csv", 'text,label\n"a" b,c\n', r"a\.csv:\d is no CSV"),
        ("router", "a.csv", "hello there,greeting\nbye,parting\n", r"a\.csv:2 .*router"),
        ("router", "a.json", '["card_lost", "card_found"]', r"a\.json: entry 1 of the list"),
        ("router", "a.json", "{", r"a\.json is no JSON"),
        ("router", "seq.in", "a\nb\n", r"label is missing"),
        ("text", "a.txt", "Q: one\nQ: two\nA: 2\n", r"a\.txt:1 has a question without an answer"),
        ("text", "a.jsonl", "[" * 100_000, r"a\.jsonl:1 is no JSON"),
        ("text", "a.jsonl", '"text"', r"a\.jsonl:1 is no JSON object"),
        ("text", "a.docx", "PK", r"a\.docx is of no known kind"),
        ("any", "a.jsonl", "", r"a\.jsonl is empty"),
        ("any", "a.txt", "", r"a\.txt is empty"),
        ("router", "a.jsonl", '{"text": "a", "label": "x"}\n{"prompt": "b", "label": 1}', "number"),
        ("router", "a.jsonl", '{"prompt": "b", "label": 300}', r"a\.jsonl:1 .*out of range"),
        ("text", "a.jsonl", '{"text": "\\ud800"}', r"a\.jsonl:1 .*surrogate"),
        ("text", "a.jsonl", '{"prompt": "a", "answer": "b", "task": 7}', r"a\.jsonl:1: .*texts"),
    ],
)
def test_what_is_wrong_is_named(
    reader: Reader, kind: str, name: str, content: str, told: str
) -> None:
    file = reader.write(name, content)
    with pytest.raises(BadData, match=told):
        reader.corpus(kind, file)


def test_bytes_that_are_no_text_are_named_by_line(reader: Reader) -> None:
    file = reader.write("a.txt", "")
    file.write_bytes(b"one\ntwo\n\xff\xfe\n")
    with pytest.raises(BadData, match=r"a\.txt:3 is no UTF-8"):
        reader.corpus("text", file)


def test_labels_are_known_distinct_and_few_enough(reader: Reader) -> None:
    file = reader.write("a.jsonl", [{"text": "x", "label": "a"}, {"text": "x", "label": "zz"}])
    with pytest.raises(BadData, match=r"a\.jsonl:2 has the label 'zz', which --labels has not"):
        reader.corpus("router", file, labels=("a", "b"))
    with pytest.raises(BadData, match="not distinct"):
        reader.corpus("router", file, labels=("a", "zz", "a"))
    many = [{"text": "x", "label": f"l{n}"} for n in range(257)]
    with pytest.raises(BadData, match="257 labels are too many"):
        reader.corpus("router", reader.write("many.jsonl", many))


@pytest.mark.parametrize("kind", KINDS)
def test_our_own_rows_serve_every_kind(reader: Reader, kind: str) -> None:
    row: dict[str, Any] = {"prompt": "a", "label": 3} if kind == "router" else {"prompt": "a"}
    row |= {} if kind == "router" else {"answer": "b", "system": "s"}
    example = reader.corpus(kind, reader.write("a.jsonl", [row])).examples[0]
    task = KINDS[kind].task
    asked = reader.tokenizer.chat("a", system=row.get("system", ""), task=task)
    assert example.ids[: example.prompt].tolist() == asked


@pytest.mark.parametrize(
    ("name", "text", "licence"),
    [
        ("LICENSE", "MIT License\n\nCopyright", "MIT"),
        ("LICENSE.md", "Attribution 4.0 International ... CC0 Public Domain", "CC-BY-4.0"),
        ("COPYING", "CC0 1.0 Universal", "CC0-1.0"),
        ("LICENSES.txt", "Apache License 2.0", "Apache-2.0"),
        ("LICENSE", "All rights reserved.", "see LICENSE"),
        ("README.md", "# Data\n\nLicense: CC BY-SA 3.0\n", "CC BY-SA 3.0"),
        ("README.md", "# Data\n", ""),
        ("other.md", "MIT License", ""),
    ],
)
def test_the_licence_beside_the_data_is_found(
    tmp_path: Path, name: str, text: str, licence: str
) -> None:
    (tmp_path / "rows.jsonl").write_text("{}")
    (tmp_path / name).write_text(text)
    assert licences([tmp_path / "rows.jsonl"]) == {"rows.jsonl": licence}
    assert licences([tmp_path]) == {tmp_path.name: licence}
    assert licences([tmp_path], "ODbL") == {tmp_path.name: "ODbL"}


def test_a_remembered_command_tells_no_folder() -> None:
    words = ["--data", "/home/somebody/rows.jsonl", "--out", "runs/router", "--epochs", "3"]
    assert without_paths(words) == "--data rows.jsonl --out router --epochs 3"
