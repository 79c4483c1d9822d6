"""Instructions of a decode step of the fused model on ARM, counted under qemu; how to count again.

    python -m bench.device_counts            # needs g++-aarch64-linux-gnu, qemu-user and gcc

The driver of the tests runs a model of random weights: a prompt of 256 tokens, then 8 single steps, and
again with 16. The difference of the two counts, by 8, is a step: loading and the prompt cancel out. The count
is exact and the same each time; only the attention grows a little with the position.
"""

import importlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from engine.checkpoint import Checkpoint, tensor_shapes
from engine.config import PRESETS
from engine.errors import EngineError, MissingDependency
from engine.fused.build import FLAGS, LEVELS, SOURCE, compile_with
from engine.graph import export

AT = 256
"""Position of the steps that were counted."""

_FEW, _MORE = 8, 16
_TESTS = Path(__file__).resolve().parent.parent / "tests"
_NATIVE = "fused_native"  # a file of the tests: in the sources, and no library
_PLUGIN = Path(__file__).with_name("count_instructions.c")
_ROOT = "/usr/aarch64-linux-gnu"
_CPUS = {"neon": "cortex-a53", "dotprod": "cortex-a76"}

COUNTS: dict[tuple[str, str], int] = {
    ("neon", "pi_zero"): 413_077,
    ("neon", "pi_4"): 2_000_019,
    ("neon", "pi_5"): 4_115_927,
    ("neon", "small"): 14_967_346,
    ("dotprod", "pi_zero"): 268_851,
    ("dotprod", "pi_4"): 1_232_163,
    ("dotprod", "pi_5"): 2_463_645,
    ("dotprod", "small"): 8_130_046,
}
"""(build of the fused step, preset) to instructions a step."""


def count(level: str, preset: str, place: Path) -> int:
    """Instructions of one decode step.

    Args:
        level: neon or dotprod.
        preset: the shape.
        place: an empty folder; what is built stays there.

    Raises:
        MissingDependency: a compiler or the emulator is not here, or fails.
    """
    tools = {name: shutil.which(name) for name in ("aarch64-linux-gnu-g++", "qemu-aarch64", "gcc")}
    missing = sorted(name for name, path in tools.items() if path is None)
    if missing or not _TESTS.is_dir():
        what = ", ".join(missing) or f"{_TESTS} of the sources"
        raise MissingDependency(f"{what} is not here", "install the cross compiler and qemu-user")
    plugin, program = place / "count.so", place / level
    _run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(plugin), str(_PLUGIN)])
    built = next(found for found in LEVELS["aarch64"] if found.name == level)
    flags = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC")]
    driver = _TESTS / "fused_driver.cpp"
    compile_with("aarch64-linux-gnu-g++", [*flags, *built.flags], [SOURCE, driver], program)
    command = ["qemu-aarch64", "-cpu", _CPUS[level], "-L", _ROOT, "-plugin", str(plugin)]
    totals = []
    for steps in (_FEW, _MORE):
        job = _job(preset, steps, place)
        told = _run([*command, str(program), str(job), str(place / "logits")])
        totals.append(int(told.split()[-1]))
    return round((totals[1] - totals[0]) / (_MORE - _FEW))


def _job(preset: str, steps: int, place: Path) -> Path:
    """The model, the prompt and the steps, as the driver of the tests reads them."""
    sys.path.insert(0, str(_TESTS))
    try:
        native = importlib.import_module(_NATIVE)
    finally:
        sys.path.remove(str(_TESTS))
    config, rng = PRESETS[preset], np.random.default_rng(1)
    weights = {
        name: (rng.normal(0, 0.04, shape) + (len(shape) == 1)).astype(np.float32)
        for name, shape in tensor_shapes(config).items()
    }
    graph = export(Checkpoint(config, weights, "", {}), place / preset, "int8")
    tokens = rng.integers(0, config.vocab_size, AT + steps).tolist()
    calls = [native.Run(tokens[:AT], 0, slot=0, every=False)]
    calls += [native.Run([tokens[AT + n]], AT + n, slot=0, every=False) for n in range(steps)]
    native.write_job(place / "job", graph, config, 1, calls)
    return place / "job"


def _run(command: list[str]) -> str:
    """What it writes to standard error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip()[-200:]
        raise MissingDependency(f"{command[0]} failed ({said})", "read what it says")
    return done.stderr


def main() -> int:
    """Count every preset on both builds, and print what `COUNTS` should hold."""
    try:
        for level in _CPUS:
            for preset in ("pi_zero", "pi_4", "pi_5", "small"):
                with tempfile.TemporaryDirectory() as place:
                    print(
                        f'    ("{level}", "{preset}"): {count(level, preset, Path(place)):_},',
                        flush=True,
                    )
    except EngineError as fault:
        print(f"device counts: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
