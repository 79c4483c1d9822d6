"""Several sequences go through the fused step together, and none sees that it is not alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import fused_models
import numpy as np
import pytest
from fused_models import SHAPES, Floats, prompt

from engine.errors import BadPrompt
from engine.fused.build import COMPILERS
from engine.fused.step import FusedStep

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, COMPILERS)), reason="there is no C++ compiler"
)

CONFIG = SHAPES["grouped"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fused_models.served(CONFIG, tmp_path_factory.mktemp("sequences"))


def alone(step: FusedStep, tokens: list[int], length: int) -> tuple[Floats, Floats]:
    """Logits (S, V) and hidden states (S, D) after each token from `length` on."""
    step.run(tokens[:length], 0, every=False)
    logits, hidden = [], []
    for place in range(length, len(tokens)):
        logits.append(step.step(tokens[place], place).copy())
        hidden.append(step.hidden()[0].copy())
    return np.stack(logits), np.stack(hidden)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 8, 11])
def test_together_they_give_the_bits_of_each_alone(
    library: Path, graph: Path, count: int, threads: int
) -> None:
    step = FusedStep(library, graph, CONFIG, threads)
    rng = np.random.default_rng(count)
    lengths = [int(n) for n in rng.integers(1, 100, count)]
    texts = [prompt(CONFIG, length + 4) for length in lengths]
    expected = [alone(step, *each) for each in zip(texts, lengths, strict=True)]
    step.reserve(count)
    for slot, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        step.run(text[:length], 0, every=False, slot=slot)
    for n in range(4):
        places = [length + n for length in lengths]
        tokens = [text[place] for text, place in zip(texts, places, strict=True)]
        logits = step.step_many(tokens, places)
        assert np.array_equal(logits, np.stack([each[0][n] for each in expected]))
        assert np.array_equal(step.hidden(), np.stack([each[1][n] for each in expected]))


def test_more_than_go_through_a_layer_together(library: Path, graph: Path) -> None:
    step = FusedStep(library, graph, CONFIG, 2)
    step.reserve(70)
    tokens = prompt(CONFIG, 70)
    logits = step.step_many(tokens, [0] * 70).copy()
    hidden = step.hidden().copy()
    assert logits.shape == (70, CONFIG.vocab_size)
    for place in (0, 63, 64, 69):
        assert np.array_equal(step.run([tokens[place]], 0, every=False)[0], logits[place])
        assert np.array_equal(step.hidden()[0], hidden[place])


def test_hidden_states_are_those_of_the_logits(library: Path, graph: Path) -> None:
    step = FusedStep(library, graph, CONFIG, 1)
    tokens = prompt(CONFIG, 90)
    step.run(tokens, 0, every=True)
    every = step.hidden().copy()
    assert every.shape == (90, CONFIG.dim)
    step.run(tokens, 0, every=False)
    assert np.array_equal(step.hidden(), every[-1:])
    step.step(tokens[-1], 89)
    assert np.array_equal(step.hidden(), every[-1:])
    # The norm makes every row's mean square that of gamma's, here about 1.
    assert np.isfinite(every).all()
    assert np.square(every).mean() == pytest.approx(1, rel=0.2)


def test_a_sequence_moves_into_another_place(library: Path, graph: Path) -> None:
    step = FusedStep(library, graph, CONFIG, 1)
    text, other = prompt(CONFIG, 50), prompt(CONFIG, 60)
    expected = alone(step, text, 40)[0]
    step.reserve(3)
    step.run(text[:40], 0, every=False, slot=2)
    step.run(other[:50], 0, every=False, slot=1)
    step.restore(step.save(40, slot=2), 40, slot=0)
    step.run(other, 0, every=False, slot=2)
    assert np.array_equal(step.step_many([text[40], other[50]], [40, 50])[0], expected[0])


def test_more_room_keeps_what_there_is(library: Path, graph: Path) -> None:
    step = FusedStep(library, graph, CONFIG, 1)
    text = prompt(CONFIG, 50)
    expected = alone(step, text, 40)[0]
    step.run(text[:40], 0, every=False)
    step.reserve(5)
    step.reserve(2)
    assert np.array_equal(step.step(text[40], 40), expected[0])
    assert step.step_many([1] * 5, [41] * 5).shape == (5, CONFIG.vocab_size)


def test_what_there_is_no_room_for_is_refused(library: Path, graph: Path) -> None:
    step = FusedStep(library, graph, CONFIG, 1)
    step.reserve(2)
    for tokens, places in (([], []), ([1] * 3, [0] * 3), ([1, 640], [0, 0]), ([1, 1], [0, 150])):
        with pytest.raises(BadPrompt):
            step.step_many(tokens, places)
    with pytest.raises(BadPrompt):
        step.run([1], 0, every=False, slot=2)
    with pytest.raises(BadPrompt):
        step.run([1], 0, every=False, slot=-1)


def test_no_room_is_named_and_harms_nothing(library: Path, graph: Path) -> None:
    program = f"""
import resource
from pathlib import Path
from engine.errors import OutOfMemory
from engine.fused.step import FusedStep
from fused_models import SHAPES
step = FusedStep(Path({str(library)!r}), Path({str(graph)!r}), SHAPES["grouped"], 1)
before = step.step(5, 0).copy()
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (32 << 20), -1))
try:
    step.reserve(10_000)
except OutOfMemory as fault:
    print(fault, len(bytearray(16 << 20)))
step.reserve(2)
print((step.step_many([5, 6], [0, 0])[0] == before).all())
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.stdout.splitlines() == [
        f"no memory for 10000 sequences; serve fewer at once {16 << 20}",
        "True",
    ]
