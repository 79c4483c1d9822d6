"""The fused step under the sanitisers, and on ARM under qemu: clean, and the same bits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import fused_models
import numpy as np
import pytest
from fused_models import SHAPES, Floats, prompt
from fused_native import DRIVER, Run, Several, answers, write_job

from engine.errors import MissingDependency
from engine.fused.build import (
    COMPILERS,
    FLAGS,
    LEVELS,
    SCALAR,
    SOURCE,
    Level,
    build,
    compile_with,
    here,
)
from engine.fused.step import FusedStep

COMPILER = next((path for name in COMPILERS if (path := shutil.which(name))), "")
ARM_COMPILER = shutil.which("aarch64-linux-gnu-g++") or ""
QEMU = shutil.which("qemu-aarch64") or ""
ARM_ROOT = "/usr/aarch64-linux-gnu"

PIECES = [70, 3, 1, 1]
WHOLE = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC")]

pytestmark = pytest.mark.skipif(not COMPILER, reason="there is no C++ compiler")


@pytest.fixture(scope="module", params=["grouped", "untied"])
def job(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a job for the driver and, in `expected.npy`, what must come of it."""
    folder = tmp_path_factory.mktemp(request.param)
    config = SHAPES[request.param]
    graph = fused_models.served(config, folder)
    sizes = [size for size in PIECES if size < config.context]
    sizes.append(config.context - sum(sizes))
    tokens = prompt(config, sum(sizes))
    starts = [0, *np.cumsum(sizes)[:-1].tolist()]
    calls: list[Run | Several] = [
        Run(tokens[start : start + size], start, 0, every=True)
        for start, size in zip(starts, sizes, strict=True)
    ]
    # Two more sequences, of other lengths, then all three together: the first goes back to its start.
    calls += [Run(tokens[:20], 0, 1, every=False), Run(tokens[3:50], 0, 2, every=False)]
    calls += [Several(tokens[n : n + 3], [5 + n, 20 + n, 47 + n]) for n in range(3)]
    for threads in (1, 2):
        write_job(folder / f"job{threads}", graph, config, threads, calls)
    step = FusedStep(build(here()[0], folder), graph, config, 1)
    np.save(folder / "expected.npy", answers(step, calls))
    return folder


def run(program: list[str], job: Path, threads: int) -> Floats:
    out = job / "logits"
    done = subprocess.run(
        [*program, str(job / f"job{threads}"), str(out)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return np.fromfile(out, np.float32)


@pytest.mark.parametrize("level", [here()[0], SCALAR], ids=lambda level: level.name)
@pytest.mark.parametrize("sanitiser", ["address,undefined", "thread"])
@pytest.mark.slow
def test_the_sanitisers_find_nothing(
    job: Path, tmp_path_factory: pytest.TempPathFactory, level: Level, sanitiser: str
) -> None:
    program = tmp_path_factory.getbasetemp() / f"fused-{level.name}-{sanitiser.partition(',')[0]}"
    flags = [*WHOLE, "-O1", "-g", f"-fsanitize={sanitiser}", "-fno-sanitize-recover=all"]
    if not program.exists():
        try:
            compile_with(COMPILER, [*flags, *level.flags], [SOURCE, DRIVER], program)
        except MissingDependency as fault:
            pytest.skip(f"{COMPILER} has no {sanitiser} sanitiser ({fault})")
    got = run([str(program)], job, 2)
    assert np.array_equal(got, np.load(job / "expected.npy"))


@pytest.mark.skipif(
    not (ARM_COMPILER and QEMU), reason="g++-aarch64-linux-gnu or qemu-user is not here"
)
@pytest.mark.parametrize("level", LEVELS["aarch64"], ids=lambda level: level.name)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.slow
def test_arm_gives_the_same_bits(
    job: Path, tmp_path_factory: pytest.TempPathFactory, level: Level, threads: int
) -> None:
    program = tmp_path_factory.getbasetemp() / f"fused-arm-{level.name}"
    if not program.exists():
        compile_with(ARM_COMPILER, [*WHOLE, *level.flags], [SOURCE, DRIVER], program)
    # A Cortex-A53 has no dot product: the plain path must not need it.
    cpu = "cortex-a53" if level.name == "neon" else "max"
    got = run([QEMU, "-cpu", cpu, "-L", ARM_ROOT, str(program)], job, threads)
    assert np.array_equal(got, np.load(job / "expected.npy"))
