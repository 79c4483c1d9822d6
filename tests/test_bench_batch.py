"""The benchmark of batches runs, and its figures can be true. No word about speed."""

from __future__ import annotations

import json

import pytest

from bench import batch


def test_sequences_together_against_one_after_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert batch.main(["--preset", "nano", "--rounds", "1", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    backends = list(dict.fromkeys(row["backend"] for row in results))
    assert backends in (["onnxruntime"], ["onnxruntime", "fused"])
    for backend in backends:
        rows = [row for row in results if row["backend"] == backend]
        assert [row["together"] for row in rows] == [1, 2, 4, 8]
        one = rows[0]
        assert (one["ratio"], one["drag"], one["answers_ratio"]) == (1, 0, 1)
        for row in rows:
            assert row["preset"] == "nano"
            assert row["same_tokens"]
            assert row["ratio"] == pytest.approx(row["tok_s"] / one["tok_s"], abs=0.01)
            size = row["together"]
            assert row["ratio"] * (1 + row["drag"] * (size - 1)) == pytest.approx(size, rel=0.1)
