"""The table of the devices says which figures were measured, and its estimates follow from counts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench import devices
from bench.device_counts import COUNTS, count
from bench.devices import BOARDS, Board, estimate, step_bytes
from engine.config import PRESETS
from engine.fused.build import best

ARM_TOOLS = ("aarch64-linux-gnu-g++", "qemu-aarch64", "gcc")


@pytest.mark.skipif(best() is None, reason="both sides would be onnxruntime: build the fused step")
def test_each_row_says_whether_it_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert devices.main(["--preset", "pi_zero", "--rounds", "1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    kinds = {(row["device"], row["backend"]): row["kind"] for row in rows}
    assert kinds == {
        **{(board.name, "fused"): "estimate" for board in BOARDS},
        ("this CPU", "fused"): "measured",
        ("this CPU", "onnxruntime"): "measured",
        ("GPU", ""): "not served",
    }
    for row in rows:
        if row["kind"] == "measured":
            assert row["least"] == row["most"] > 0
        if row["kind"] == "not served":
            assert row["least"] is row["most"] is None


def board(**changes: float) -> Board:
    values = {"hertz": 1e9, "instructions_per_cycle": 1.0, "bytes_per_s": 1e9} | changes
    return Board("a board", "a core", "neon", **values, preset="pi_5", claim="some")


def test_an_estimate_lies_between_one_time_after_the_other_and_the_longer_of_both() -> None:
    computing, fetching = COUNTS["neon", "pi_5"] / 1e9, step_bytes(PRESETS["pi_5"]) / 1e9
    found = estimate(board(), "pi_5")
    assert found.least == pytest.approx(1 / (computing + fetching), rel=0.05)
    assert found.most == pytest.approx(1 / fetching, rel=0.05)
    quick = estimate(board(bytes_per_s=1e15), "pi_5")
    assert quick.least == quick.most == pytest.approx(1 / computing, rel=0.05)


@pytest.mark.parametrize("preset", ["pi_zero", "pi_5", "small"])
def test_a_step_reads_every_weight_once_and_the_cache(preset: str) -> None:
    shape = PRESETS[preset]
    weights = shape.parameters()
    assert weights < step_bytes(shape, position=0) < 1.1 * weights
    # Keys and values, two bytes each.
    each = step_bytes(shape, position=11) - step_bytes(shape, position=10)
    assert each == 4 * shape.n_layers * shape.kv_dim


def test_the_claims_of_the_design_are_below_every_estimate() -> None:
    for one in BOARDS:
        least = estimate(one, one.preset).least
        assert least is not None
        assert least > float(one.claim.split()[-1])


@pytest.mark.skipif(
    not all(map(shutil.which, ARM_TOOLS)), reason="g++-aarch64-linux-gnu or qemu-user is not here"
)
@pytest.mark.slow
def test_the_recorded_counts_are_those_of_the_code(tmp_path: Path) -> None:
    """Whoever makes a step quicker counts again: `python -m bench.device_counts`."""
    assert count("neon", "pi_zero", tmp_path) == pytest.approx(COUNTS["neon", "pi_zero"], rel=0.1)
