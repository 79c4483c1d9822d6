"""The fused step gives the bits of its written-down arithmetic, on every instruction set here."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

import fused_models
import numpy as np
import pytest
from fused_models import SHAPES, in_pieces, prompt
from fused_reference import Reference, block_sums
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config import ForgeConfig
from engine.errors import BadModel, BadPrompt
from engine.fused.build import COMPILERS, Level, build, here
from engine.fused.step import FusedStep
from engine.fused.weights import read_weights
from engine.onnx_backend import OnnxBackend

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, COMPILERS)), reason="there is no C++ compiler"
)

LEVELS = here()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fused")


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("graphs")
    return {name: fused_models.served(config, root / name) for name, config in SHAPES.items()}


@pytest.fixture(params=LEVELS, ids=lambda level: level.name)
def library(request: pytest.FixtureRequest, cache: Path) -> Path:
    level: Level = request.param
    return build(level, cache)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_bit_is_that_of_the_reference(
    library: Path, graphs: dict[str, Path], name: str, threads: int
) -> None:
    config, graph = SHAPES[name], graphs[name]
    tokens = prompt(config, min(config.context, 90))
    step = FusedStep(library, graph, config, threads)
    got = in_pieces(step, tokens, [70, 3])
    expected = Reference(config, read_weights(graph, config)).run(tokens, 0)
    assert np.array_equal(got, expected)


def test_pieces_are_as_the_whole(library: Path, graphs: dict[str, Path]) -> None:
    config = SHAPES["grouped"]
    tokens = prompt(config, config.context)
    step = FusedStep(library, graphs["grouped"], config, 1)
    whole = in_pieces(step, tokens, [len(tokens)])
    assert np.array_equal(in_pieces(step, tokens, [17, 64, 9]), whole)
    assert np.array_equal(step.run(tokens, 0, every=False), whole[-1:])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 9999), extreme=st.booleans(), blocks=st.integers(1, 5))
def test_block_sums_are_exact(library: Path, seed: int, blocks: int, *, extreme: bool) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (16, blocks, 64)).astype(np.uint8)
    x = rng.integers(-127, 128, (blocks, 64)).astype(np.int8)
    if extreme:  # where a sum of 16 bits would saturate
        codes = np.where(codes < 128, 0, 255).astype(np.uint8)
        x = np.where(x < 0, -127, 127).astype(np.int8)
    sums = np.empty((blocks, 16), np.int32)
    call = ctypes.CDLL(str(library)).forge_block_sums
    call(
        *(ctypes.c_void_p(array.ctypes.data) for array in (codes, x)),
        blocks * 64,
        ctypes.c_void_p(sums.ctypes.data),
    )
    assert np.array_equal(sums.T, block_sums(codes, x))


@pytest.mark.parametrize("name", SHAPES)
def test_logits_are_near_those_of_onnxruntime(
    cache: Path, graphs: dict[str, Path], name: str
) -> None:
    config, graph = SHAPES[name], graphs[name]
    tokens = prompt(config, 60)
    step = FusedStep(build(LEVELS[0], cache), graph, config, 1)
    got = in_pieces(step, tokens, [60])
    expected = OnnxBackend(graph, config, 1).run(tokens, 0, every=True)
    # Rounding alone: both quantise activations by blocks of 64 to 8 bit.
    assert np.abs(got - expected).mean() < 0.02 * expected.std()
    same = (got.argmax(-1) == expected.argmax(-1)).mean()
    assert same > 0.9


@pytest.mark.parametrize(
    ("tokens", "start"), [([], 0), ([-1], 0), ([640], 0), ([1], -1), ([1], 150), ([1] * 11, 140)]
)
def test_what_does_not_fit_is_refused(
    cache: Path, graphs: dict[str, Path], tokens: list[int], start: int
) -> None:
    config = SHAPES["grouped"]
    step = FusedStep(build(LEVELS[0], cache), graphs["grouped"], config, 1)
    with pytest.raises(BadPrompt):
        step.run(tokens, start, every=False)


@pytest.mark.parametrize("length", [1, 16, 40])
def test_a_saved_cache_is_the_cache(cache: Path, graphs: dict[str, Path], length: int) -> None:
    config = SHAPES["grouped"]
    tokens = prompt(config, 60)
    step = FusedStep(build(LEVELS[0], cache), graphs["grouped"], config, 1)
    expected = step.run(tokens, 0, every=True)[length:]
    kept = step.save(length)
    step.run(tokens[::-1], 0, every=False)
    step.restore(kept, length)
    assert np.array_equal(step.run(tokens[length:], length, every=True), expected)


def test_heads_that_are_no_tile_are_refused(cache: Path, graphs: dict[str, Path]) -> None:
    config = ForgeConfig(
        dim=64, n_layers=2, n_heads=8, n_kv_heads=4, ffn_dim=192, vocab_size=640, context=150
    )
    with pytest.raises(BadModel, match="heads of 8"):
        FusedStep(build(LEVELS[0], cache), graphs["grouped"], config, 1)


def test_a_graph_of_another_shape_is_refused(cache: Path, graphs: dict[str, Path]) -> None:
    for name in ("wide", "untied"):
        with pytest.raises(BadModel, match="grouped"):
            FusedStep(build(LEVELS[0], cache), graphs["grouped"], SHAPES[name], 1)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core")
def test_a_thread_that_leaves_a_shared_core_may_come_back(
    cache: Path, graphs: dict[str, Path]
) -> None:
    given = os.sched_getaffinity(0)
    core, before = min(given), set(Path("/proc/self/task").iterdir())
    os.sched_setaffinity(0, {core})
    try:  # both threads are on one core, and the second alone is free to go
        step = FusedStep(build(LEVELS[0], cache), graphs["grouped"], SHAPES["grouped"], 2)
        (helper,) = {int(each.name) for each in set(Path("/proc/self/task").iterdir()) - before}
        os.sched_setaffinity(helper, given)
        for position in range(100):
            step.step(1, position)
        assert os.sched_getaffinity(helper) == given
        assert os.sched_getaffinity(0) == {core}
    finally:
        os.sched_setaffinity(0, given)
