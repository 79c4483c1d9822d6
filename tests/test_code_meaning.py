"""Which programs count as one: by their form, and by what they do on inputs."""

import math
from pathlib import Path

import pytest

from engine.runtime import Forge
from evaluation.home import Asking
from handlers.code_agreement import alike
from handlers.code_alike import canonical
from handlers.code_candidates import Candidates
from handlers.code_search import writings
from handlers.code_view import view
from handlers.sandbox import run_program

MODELS = Path(__file__).parents[1] / "models"


def function(body: str, arguments: str = "n") -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"def f({arguments}):\n{lines}\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("return n % 2 == 0", "return not n % 2"),
        ("return n % 2 == 0", "return 0 == n % 2"),
        ("return n % 2 == 0", "if n % 2 == 0:\n    return True\nelse:\n    return False"),
        ("return n % 2 == 0", "if n % 2 != 0:\n    return False\nreturn True"),
        ("return n % 2 == 0", "return True if n % 2 == 0 else False"),
        ("return n % 2 != 0", "return not n % 2 == 0"),
        ("return n > 3", "return 3 < n"),
        ("return n.isalpha()", "if n.isalpha():\n    return True\nreturn False"),
        ("return n * 2 + 1", "return 1 + 2 * n"),
        ("return sum([v * v for v in n])", "return sum(i * i for i in n)"),
        ("return list(v for v in n)", "return [w for w in n]"),
        ("t = 0\nfor v in n:\n    t += v\nreturn t", "s = 0\nfor x in n:\n    s += x\nreturn s"),
        ("r = sorted(n)\nreturn r", "return sorted(n)"),
        ("if n:\n    return 1\nelse:\n    return 2", "if n:\n    return 1\nreturn 2"),
    ],
)
def test_spellings_of_one_program_have_one_form(one: str, other: str) -> None:
    assert canonical(function(one)) == canonical(function(other, "n").replace("def f", "def g"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("return n % 2 == 0", "return n % 2"),
        ("return n > 3", "return n < 3"),
        ("return n - 1", "return 1 - n"),
        ("return n + 'a'", "return 'a' + n"),
        ("return n + n[0]", "return n[0] + n"),
        ("return not n", "return n == 0"),
        ("if n:\n    return True\nelse:\n    return False", "return n"),
        ("return n or 1", "return 1 or n"),
        ("return True if n.isoformat() else False", "return n.isoformat()"),
        ("return n.pop() == n.pop(0)", "return n.pop(0) == n.pop()"),
        ("return 'a%d' % n == 0", "return not 'a%d' % n"),
        ("return [v for v in n]", "return (v for v in n)"),
        ("return [len(v) for v in n]", "return [len(n) for v in n]"),
    ],
)
def test_what_differs_for_some_argument_has_two(one: str, other: str) -> None:
    assert canonical(function(one)) != canonical(function(other))


@pytest.mark.parametrize(
    ("bodies", "arguments", "known", "told"),
    [
        (("return n % 2 == 0", "return n & 1 == 0", "return n > 3"), "n", "", [0, 0, 2]),
        (("return items[::-1]", "return list(reversed(items))"), "items", "A list[int]", [0, 0]),
        # A text is no list.
        (("return items[::-1]", "return list(reversed(items))"), "items", "", [0, 1]),
        # Only a word near the one that stands in the programs tells them apart.
        (("return all('kiwi' == w for w in words)", "return all('kiwi' in w for w in words)"), "words", "", [0, 1]),
        (("return n > 631", "return n >= 631"), "n", "", [0, 1]),
        # The same list, but one is left as it was.
        (("return sorted(numbers)", "numbers.sort()\nreturn numbers"), "numbers", "", [0, 1]),
        # Nothing is learnt from what never changes, nor of what cannot be compared.
        (("return 5", "return 2 + 3"), "n", "", [0, 1]),
        (("return iter(numbers)", "return iter(numbers)"), "numbers", "", [0, 1]),
        # What does not come to its end is like nothing.
        (("while n:\n    pass\nreturn n", "while n:\n    pass\nreturn n"), "n", "", [0, 1]),
    ],
)  # fmt: skip
def test_functions_are_held_against_each_other_on_inputs(
    bodies: tuple[str, ...], arguments: str, known: str, told: list[int]
) -> None:
    codes = [function(body, arguments) for body in bodies]
    assert alike(codes, ["f"] * len(codes), known) == told


def test_what_a_program_prints_last_is_told_if_it_passes() -> None:
    assert run_program("print('one')\nprint('two')").said == "two"
    assert run_program("print('one')\nraise ValueError").said == ""


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge.load(MODELS / "code")


def test_what_is_written_is_the_likeliest_and_each_once(forge: Forge) -> None:
    shown = view("Write a function to check if a number is even")
    found = writings(forge, forge.tokenizer.chat(shown.prompt, task="code"), Asking())
    greedy = next(Candidates(forge, shown, Asking()).next_round())
    assert found[0].text.endswith(greedy.lines)
    assert found[0].logprob == pytest.approx(greedy.logprob, abs=1e-3)
    assert len({one.text for one in found}) == len(found) > 1
    assert 0.95 < sum(math.exp(one.logprob) for one in found) <= 1


def test_spellings_add_up_their_probability(forge: Forge) -> None:
    shown = view("Write a function to check if a number is even")
    alone = next(Candidates(forge, shown, Asking()).next_round())
    together = Candidates(forge, shown, Asking()).meanings(None)[0]
    assert together.made.code == alone.made.code
    assert math.exp(alone.logprob) < 0.8
    assert math.exp(together.logprob) > 0.9
