"""The public forms, each read as it is published, and told by file and line where it is not."""

import json
from pathlib import Path

import pytest

from engine.errors import BadData
from evaluation.answers import read_answers
from evaluation.intents import read_intents
from evaluation.problems import read_problems
from evaluation.programs import read_tasks

CLINC = {
    "oos_val": [["sing backwards", "oos"]],
    "val": [["move 100 dollars", "transfer"]],
    "train": [["pay him", "transfer"]],
    "oos_test": [["why is blue", "oos"]],
    "test": [["What is my   Balance", "balance"], ["send 5 euros", "transfer"]],
    "oos_train": [["hm", "oos"]],
}


def wrote(folder: Path, name: str, content: object) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return file


def test_clinc150_gives_its_test_part_with_what_is_out_of_scope(tmp_path: Path) -> None:
    file = wrote(tmp_path, "data_full.json", CLINC)
    part, sentences = read_intents(file)
    assert part == "test"
    assert {(s.text, s.label, s.in_scope) for s in sentences} == {
        ("what is my balance", "balance", True),
        ("send 5 euros", "transfer", True),
        ("why is blue", "oos", False),
    }
    assert sum(s.in_scope for s in read_intents(file, limit=2)[1]) == 1
    assert read_intents(tmp_path) == (part, sentences)  # nor does its folder mix the parts
    assert [s.case for s in read_intents(file, "validation")[1]] == ["val:1", "oos_val:1"]


def test_clinc150_without_a_test_part_gives_validation(tmp_path: Path) -> None:
    kept = {name: rows for name, rows in CLINC.items() if "test" not in name}
    part, sentences = read_intents(wrote(tmp_path, "x.json", kept))
    assert (part, len(sentences)) == ("validation", 2)
    with pytest.raises(BadData, match=r"no part 'test'; it has validation, training"):
        read_intents(tmp_path / "x.json", "test")


def test_snips_and_hwu64_with_and_without_slots(tmp_path: Path) -> None:
    for part, word in (("train", "old"), ("valid", "new"), ("test", "very new")):
        wrote(tmp_path, f"snips/{part}/seq.in", f"play {word} music\nrain today\n")
        wrote(tmp_path, f"snips/{part}/label", "PlayMusic\nGetWeather\n")
        if part == "test":
            wrote(tmp_path, f"snips/{part}/seq.out", "O O B-music\nO O\n")
    part, sentences = read_intents(tmp_path / "snips")
    assert part == "test"
    assert [(s.text, s.label) for s in sentences] == [
        ("play very new music", "PlayMusic"),
        ("rain today", "GetWeather"),
    ]
    assert read_intents(tmp_path / "snips" / "valid")[1][0].text == "play new music"


def test_banking77_and_our_own_rows(tmp_path: Path) -> None:
    banking = wrote(tmp_path, "test.csv", 'text,category\n"My card, where?",card_arrival\n')
    assert read_intents(banking)[1][0].label == "card_arrival"
    rows = wrote(tmp_path, "validation.jsonl", '{"text": "hi", "label": "chat", "id": "r1"}\n')
    part, (row,) = read_intents(rows)
    assert (part, row.case, row.label) == ("validation", "r1", "chat")


def test_svamp_gsm8k_and_mawps(tmp_path: Path) -> None:
    svamp = wrote(
        tmp_path,
        "SVAMP.json",
        [
            {
                "ID": "chal-1",
                "Body": "Ann has 8 apples and ate 3",
                "Question": "How many are left?",
                "Equation": "( 8.0 - 3.0 )",
                "Answer": 5.0,
                "Type": "Subtraction",
            }
        ],
    )
    (one,) = read_problems(svamp)
    assert (one.case, one.kind, float(one.answer)) == ("chal-1", "Subtraction", 5.0)
    assert one.text == "Ann has 8 apples and ate 3. How many are left?"
    gsm = wrote(
        tmp_path,
        "gsm/test.jsonl",
        '{"question": "q", "answer": "He has <<600*2=1200>>1200.\\n#### 1,200"}\n',
    )
    assert [p.answer for p in read_problems(gsm)] == [1200]
    mawps = wrote(
        tmp_path,
        "mawps.csv",
        "Question,Numbers,Equation,Answer,Body\nnumber0 and number1 ?,8.0 2.0,x,6,number0\n",
    )
    assert [(p.text, float(p.answer)) for p in read_problems(mawps)] == [("8 and 2?", 6.0)]


def test_humaneval_and_mbpp(tmp_path: Path) -> None:
    human = wrote(
        tmp_path,
        "HumanEval.jsonl",
        json.dumps(
            {
                "task_id": "HumanEval/0",
                "prompt": "import math\n\n\ndef root(x):\n    '''root'''\n",
                "entry_point": "root",
                "canonical_solution": "    return math.sqrt(x)\n",
                "test": "def check(candidate):\n    assert candidate(4) == 2\n",
            }
        ),
    )
    (task,) = read_tasks(human)
    whole = task.program("```python\ndef root(x):\n    return math.sqrt(x)\n```")
    assert whole.startswith("import math\n")
    assert whole.rstrip().endswith("check(root)")
    body = task.program("    return math.sqrt(x)\n\n\nprint('more')\n")
    assert "print" not in body
    assert body.startswith(task.prompt)
    mbpp = wrote(
        tmp_path,
        "mbpp.jsonl",
        json.dumps(
            {"text": "Add.", "code": "x", "task_id": 601, "test_list": ["assert add(1, 2) == 3"]}
        ),
    )
    (task,) = read_tasks(mbpp)
    assert (task.case, task.head) == ("601", "")
    assert task.program("def add(a, b):\n    return a + b").rstrip().endswith("== 3")


@pytest.mark.parametrize(
    ("read", "name", "content", "words"),
    [
        (read_intents, "a.json", {"test": [["x"]]}, ["entry 1 of 'test'", "data_full.json"]),
        (read_intents, "a.json", {"test": 3}, ["part 'test' is no list"]),
        (read_intents, "a.json", "{", ["a.json is no JSON"]),
        (read_intents, "a.csv", "text,colour\nx,red\n", ["a.csv:2", "router"]),
        (read_intents, "a.jsonl", '{"text": "a", "label": "b"}\n{"x": 1}\n', ["a.jsonl:2"]),
        (read_intents, "b/seq.in", "one\ntwo\n", ["label is missing"]),
        (read_problems, "a.jsonl", '{"question": "q", "answer": "none"}\n', ["a.jsonl:1", "####"]),
        (read_problems, "a.jsonl", '{"tags": []}\n', ["a.jsonl:1"]),
        (read_tasks, "a.jsonl", '{"prompt": "x"}\n', ["a.jsonl:1", "entry_point", "test_list"]),
        (read_tasks, "a.jsonl", '{"task_id": 1, "prompt": "", "test": "", "entry_point": "a b"}', ["a.jsonl:1"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    read: object, name: str, content: object, words: list[str], tmp_path: Path
) -> None:
    file = wrote(tmp_path, name, content)
    assert callable(read)
    with pytest.raises(BadData) as fault:
        read(file)
    for word in words:
        assert word in str(fault.value)


def test_answers_are_found_by_id_by_number_and_by_order(tmp_path: Path) -> None:
    file = wrote(
        tmp_path,
        "a.jsonl",
        '{"id": "c", "answer": "z", "probability": 0.5, "latency_ms": 20}\n{"id": 1, "answer": "x"}\n',
    )
    given, missing = read_answers(file, ["a", "b", "c"])
    assert missing == 1
    assert (given["a"].answer, given["b"].answer, given["c"].answer) == ("x", None, "z")
    assert (given["c"].probability, given["c"].seconds) == (0.5, 0.02)
    plain = wrote(tmp_path, "b.jsonl", '{"answer": "x"}\n{"answer": null}\n')
    given, missing = read_answers(plain, ["a", "b"])
    assert (given["a"].answer, given["b"].answer, missing) == ("x", None, 0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "a.jsonl:1 is no JSON"),
        ('{"id": "a"}', "a.jsonl:1 has no answer"),
        ('{"id": "zz", "answer": 1}', "'zz' is no case"),
        ('{"id": 3, "answer": 1}', "3 is no case"),
        ('{"id": "a", "answer": 1, "probability": 2}', "from 0 to 1"),
        ('{"id": "a", "answer": 1}\n{"id": "a", "answer": 1}', "a.jsonl:2 answers 'a' a second"),
    ],
)
def test_an_answer_that_is_none_is_named(line: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(BadData) as fault:
        read_answers(wrote(tmp_path, "a.jsonl", line), ["a", "b"])
    assert words in str(fault.value)
