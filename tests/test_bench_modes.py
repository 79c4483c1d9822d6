"""The benchmark of the modes: each one measured, beside fp32, on what is served."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon.cli", "bench", "modes", *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=120, cwd=ROOT
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of the smallest shipped model: its fp32 is what its int8 codes stand for."""
    text = tmp_path_factory.mktemp("text") / "held_out.jsonl"
    rows = [{"prompt": "turn on the lamp", "label": n % 4, "task": "route"} for n in range(8)]
    text.write_text("\n".join(map(json.dumps, rows)))
    model = ROOT / "models" / "router"
    ran = bench("--model", str(model), "--text", str(text), "--calibration", str(text), "--json")
    assert ran.returncode == 0, ran.stderr
    printed: dict[str, Any] = json.loads(ran.stdout)
    return printed


def test_every_mode_is_there_with_figures_that_can_be_true(told: dict[str, Any]) -> None:
    rows = {(row["mode"], row["calibrated"]): row for row in told["modes"]}
    plain = [(mode, "") for mode in ("none", "dynamic", "int8", "int4")]
    assert list(rows) == [*plain, ("int4", "texts")]
    for row in rows.values():
        assert row["perplexity"] > 1
        assert row["rss_mb"] > 20
        assert row["tok_s"] > 0
        assert 0 <= row["agreement"] <= 1
    exact = rows["none", ""]
    assert (exact["over_fp32"], exact["divergence"], exact["agreement"]) == (0, 0, 1)


def test_fewer_bits_are_fewer_bytes(told: dict[str, Any]) -> None:
    sizes = [row["disk_mb"] for row in told["modes"]]
    none, dynamic, int8, int4, calibrated = sizes
    assert none > int8 > dynamic > int4 == calibrated


def test_a_missing_text_is_one_line(tmp_path: Path) -> None:
    ran = bench("--text", str(tmp_path / "nothing.txt"))
    assert ran.returncode == 1
    assert ran.stderr.startswith("forgebus bench modes: ")
    assert ran.stderr.count("\n") == 1
