"""The code capability: what a request becomes, what is given out, and what never is."""

import ast
import json
import random
from pathlib import Path

import numpy as np
import pytest
from engine_models import random_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from data.code_functions import FAMILIES, HELD_OUT, training_rows
from data.code_listed import listed
from data.code_rows import apart
from engine.checkpoint import write_sums
from engine.config import ForgeConfig
from engine.graph import export
from engine.tokenizer import Tokenizer
from evaluation.home import Asking
from evaluation.programs import read_tasks
from handlers.code import Code
from handlers.code_program import NotTaken, program
from handlers.code_safety import refusal
from handlers.code_view import view
from handlers.protocol import BadInput
from handlers.sandbox import run_program

MODELS = Path(__file__).parents[1] / "models"
UNSEEN = Path(__file__).parents[1] / "data" / "seeds" / "code_unseen.jsonl"


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("Write a Python function to find the sum of a list.", "total of list"),
        ("Could you write a small function that reverses a string?", "reverse string"),
        ("How do I keep the numbers above 5 in Python?", "keep numbers larger than N"),
        ("join words with '-'", "join words with S"),
        ("numbers from 1 to 10, then 10 again", "numbers from 1 to N, then N again"),
        ("Write a function add(a, b) to add a and b.", "add A and B\nA, B"),
        (
            'def f(xs: list[int], t: int) -> bool:\n    """Is any of xs above t? A list."""\n',
            "is any of A larger than B? list\nA list[int], B int: bool",
        ),
        ("def is_even(n):\n", "is even\nA"),
    ],
)
def test_a_request_is_cut_to_what_must_be_understood(text: str, prompt: str) -> None:
    assert view(text).prompt == prompt


def test_examples_and_tests_tell_names_and_kinds() -> None:
    shown = view('def f(n):\n    """Double n.\n\n    >>> f(2)\n    4\n    """\n')
    assert shown.examples == ("assert f(2) == 4",)
    assert shown.prompt == "double A\nA int: int"
    told = view("Write a function to double a number.", ["assert twice(2) == 4"])
    assert (told.name, told.arity) == ("twice", 1)


@pytest.mark.parametrize(
    "said",
    [
        "Check if {0} is even",
        "tell whether {0} is even.",
        "Return True if {0} is even, False otherwise",
        "Is {0} even?",
    ],
)
def test_one_question_in_many_wordings_is_one(said: str) -> None:
    assert view(said.format("a given number")).prompt == "whether number is even"


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_any_text_can_be_read(text: str) -> None:
    shown = view(text)
    assert shown.prompt.count("\n") <= 1


@pytest.mark.parametrize(
    "written",
    [
        "n\nreturn open(A)",
        "n\nimport os\nreturn os.getcwd()",
        "n\nreturn A.__class__",
        "n\nreturn getattr(A, 'x')",
        "n\nreturn eval('1')",
        "n\nreturn statistics.sys",
        "n\nreturn random._os",
        "n\nreturn (lambda m: m.sys)(statistics)",
        "n\nreturn '{0.__class__}'.format(A)",
        "n\nglobal x\nx = A\nreturn x",
        "n\nclass X:\n    pass\nreturn X",
        "n\nreturn operator.attrgetter('x')(A)",
        # Not a function of the request.
        "n\nreturn unknown(A)",
        "n\nreturn A + B",
        "n\nreturn A + N",
        "n\nreturn (A",
        "n\npass",
        "n\nreturn A\n}\nx = 1",
        "a b\nreturn A",
        "1\nreturn A",
        "",
    ],
)
def test_what_a_function_has_no_need_of_is_not_taken(written: str) -> None:
    with pytest.raises(NotTaken):
        program(written, view("def f(n):\n    pass\n"))


def test_a_module_is_no_way_to_another() -> None:
    tree = ast.parse(
        "import statistics\ndef f(a):\n    g = lambda statistics: 0\n    return statistics.sys"
    )
    assert refusal(tree, "f")


@pytest.mark.parametrize(
    ("text", "written", "code"),
    [
        ("double a number", "n\nreturn A * 2", "def double_number(n):\n    return n * 2\n"),
        ("Write a function f(x) that adds 7", "n\nreturn A + N", "def f(x):\n    return x + 7\n"),
        (
            "def f(list):\n    '''The sum of a list'''",
            "numbers\nreturn sum(list(A))",
            "def f(list_):\n    return sum(list(list_))\n",
        ),
        ("root of a number", "x\nreturn math.sqrt(A)", "import math\n\n\ndef root_number(x):\n    return math.sqrt(x)\n"),
    ],
)  # fmt: skip
def test_letters_become_names_and_values(text: str, written: str, code: str) -> None:
    assert program(written, view(text)).code == code


def test_a_value_that_is_not_used_is_told() -> None:
    assert program("n\nreturn A + 1", view("add 7 to a number")).unused == ("7",)


@pytest.fixture(scope="module")
def shipped() -> Code:
    handler = Code(MODELS)
    handler.load()
    return handler


def ask(handler: Code, text: str, tests: list[str] | None = None) -> dict[str, object]:
    content = json.dumps({"text": text, "tests": tests or []}).encode()
    told: dict[str, object] = json.loads(handler.run(content, Asking()))
    return told


@pytest.mark.parametrize(
    ("text", "tests"),
    [
        ("Write a function to return the factorial of n", ["assert {0}(4) == 24"]),
        ("Write a function called keep that keeps the numbers greater than 12 of a list", ["assert keep([3, 13]) == [13]"]),
        ("reverse a string", ["assert {0}('abc') == 'cba'"]),
    ],
)  # fmt: skip
def test_the_shipped_model_writes_simple_functions(
    shipped: Code, text: str, tests: list[str]
) -> None:
    told = ask(shipped, text)
    assert not told["abstained"], told
    code = str(told["code"])
    name = code.partition("def ")[2].partition("(")[0]
    ran = run_program("\n".join([code, *(test.format(name) for test in tests)]))
    assert ran.verdict == "passed", (code, ran)


def test_the_shipped_model_finds_what_passes_the_tests_of_unseen_requests(shipped: Code) -> None:
    tasks = read_tasks(UNSEEN, 12)
    passed = [ask(shipped, one.prompt, [one.tests])["passed"] for one in tasks]
    assert sum(map(bool, passed)) >= 5


def test_where_no_candidate_passes_nothing_is_given_out(shipped: Code) -> None:
    told = ask(shipped, "double a number", ["assert twice(2) == 'no number'"])
    assert (told["code"], told["tested"], told["passed"], told["abstained"]) == (
        "",
        True,
        False,
        True,
    )
    assert "AssertionError" in str(told["reason"])


@pytest.mark.parametrize(
    "test", ["assert (", "open('/etc/passwd')", "import os", "assert f.__class__", "exec('1')"]
)
def test_a_test_is_somebodys_code_too(shipped: Code, test: str) -> None:
    with pytest.raises(BadInput):
        ask(shipped, "double a number", [test])


def test_an_untrained_model_gives_out_nothing_that_does_not_parse(tmp_path: Path) -> None:
    tokenizer = Tokenizer.load(MODELS)
    folder = tmp_path / "code"
    folder.mkdir()
    tokenizer.save(tmp_path / "tokenizer.json")
    shape = ForgeConfig(dim=64, n_layers=1, n_heads=2, n_kv_heads=2, ffn_dim=64)
    export(random_checkpoint(shape, tokenizer.fingerprint), folder, "none")
    (folder / "calibration.json").write_text('{"temperature": 1.0, "threshold": 0.0}')
    write_sums(folder, sorted(file.name for file in folder.iterdir() if file.name != "SHA256SUMS"))
    handler = Code(tmp_path)
    handler.load()
    for text in ("double a number", "reverse a string", "def f(x):\n    '''Add 1.'''\n"):
        told = ask(handler, text)
        compile(str(told["code"]), "answer.py", "exec")
        assert told["abstained"] == (told["code"] == "")


def test_what_is_held_out_is_apart() -> None:
    share = np.mean([apart(f"phrase {n}", HELD_OUT) for n in range(4_000)])
    assert abs(share - HELD_OUT) < 0.02


def test_a_family_can_be_left_out() -> None:
    without = ("words", "lists")
    rows = training_rows(random.Random(3), listed(), 120, 0.5, without=without)
    assert {one.family for one in rows} == set(FAMILIES) - set(without)
