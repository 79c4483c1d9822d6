"""A node serves with the fused step where it is built, and with onnxruntime where it is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from engine_models import SHAPE

from engine.decoding import generate
from engine.fused import build as fused_build
from engine.fused.build import COMPILERS
from engine.quantisation import Mode
from engine.runtime import Forge

pytest_plugins = ["engine_fixtures"]
pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, COMPILERS)), reason="there is no C++ compiler"
)

Served = Callable[[Mode], Path]


def load(folder: Path, library: Path | None, monkeypatch: pytest.MonkeyPatch) -> Forge:
    monkeypatch.setattr(fused_build, "best", lambda: library)
    return Forge.load(folder)


@pytest.mark.parametrize(
    ("mode", "backend"), [("int8", "fused"), ("int4", "onnxruntime"), ("none", "onnxruntime")]
)
def test_it_serves_int8(
    served: Served, library: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode, backend: str
) -> None:
    assert load(served(mode), library, monkeypatch).backend == backend
    assert load(served(mode), None, monkeypatch).backend == "onnxruntime"


def test_the_answers_are_alike(
    served: Served, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused = load(served("int8"), library, monkeypatch)
    plain = load(served("int8"), None, monkeypatch)
    ids = [int(n) for n in np.random.default_rng(5).integers(0, SHAPE.vocab_size, 100)]
    got, expected = (forge.extend(ids, every=True) for forge in (fused, plain))
    assert np.abs(got - expected).mean() < 0.02 * expected.std()
    assert (got.argmax(-1) == expected.argmax(-1)).mean() > 0.9
    assert len(generate(fused, "turn on the lamp", max_tokens=20).ids) <= 20


def test_a_kept_prefix_gives_the_same_bits(
    served: Served, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge = load(served("int8"), library, monkeypatch)
    system, ask = [5] * 100, [7, 8, 9]
    expected = forge.prefill(system + ask, keep=100).copy()
    forge.prefill([300] * 120)
    assert np.array_equal(forge.prefill(system + ask, keep=100), expected)
    assert forge.reused == 100


def test_a_library_that_is_none_leaves_it_to_onnxruntime(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "fused.so"
    broken.write_bytes(b"\x7fELF and no more")
    assert load(served("int8"), broken, monkeypatch).backend == "onnxruntime"


def test_onnxruntime_stays_out(served: Served, library: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from engine.fused import build
build.best = lambda: Path({str(library)!r})
from engine.decoding import generate
from engine.runtime import Forge
forge = Forge.load({str(served("int8"))!r})
generate(forge, "turn on", max_tokens=5)
print(forge.backend, [name for name in ("onnxruntime", "torch", "onnx") if name in sys.modules])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.splitlines()[-1] == "fused []"
