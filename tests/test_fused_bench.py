"""The engine's benchmark prints what it says, and says what it lacks."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from bench import engine
from bench.engine_side import LLAMA_CPP
from bench.engine_worker import JOBS, serve
from daemon.config import shipped
from engine.fused.build import best

FIELDS = (
    "tok_s peer_tok_s ratio prefill_ms peer_prefill_ms rss_mb cold_start_s backend same_tokens "
    "worker_rss_mb"
).split()


@pytest.mark.skipif(
    best() is None, reason="both sides would be onnxruntime: run `python -m engine.fused.build`"
)
def test_one_object_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert engine.main(["--preset", "pi_zero", "--rounds", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(FIELDS) <= told.keys()
    assert (told["backend"], told["peer"], told["preset"]) == ("fused", "onnxruntime", "pi_zero")
    assert told["ratio"] == pytest.approx(told["tok_s"] / told["peer_tok_s"], abs=0.01)
    assert min(told["prefill_ms"], told["rss_mb"], told["cold_start_s"]) > 0
    assert 20 < told["worker_rss_mb"] < 80
    # Rounding alone lies between the two: they begin alike.
    assert told["same_tokens"] > 0


def test_a_worker_holds_no_library_that_it_does_not_serve_with() -> None:
    """A node's real worker with the home model, which has the shape of pi_5."""
    served = serve(shipped("models"))
    assert [ended.outcome for ended in served.ended] == ["done"] * JOBS
    assert served.rss_mb < 100
    strange = ("torch", "safetensors", "/onnx/") + (("onnxruntime",) if best() else ())
    assert [file for file in served.files if any(name in file for name in strange)] == []
    assert any("tokenizers" in file for file in served.files)


@pytest.mark.parametrize("given", [["--mode", "int4"], ["--without-fused"]])
def test_a_side_is_not_compared_with_itself(
    capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    assert engine.main(["--preset", "pi_zero", "--rounds", "1", *given]) == 1
    assert "--vs llama.cpp" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec(LLAMA_CPP) is not None, reason="it is installed")
def test_a_peer_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert engine.main(["--preset", "pi_zero", "--mode", "int4", "--vs", "llama.cpp"]) == 1
    assert "--install" in capsys.readouterr().err
