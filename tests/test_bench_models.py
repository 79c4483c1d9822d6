"""`forgebus bench models`: every kind of model is asked, its figures can be true, cards take them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.model_side import typical_requests
from bench.models import BEGIN, END, Row, measure, write
from bench.sharing import arrangements
from bench.sharing import measure as measure_sharing
from engine.checkpoint import verify_sums
from engine.errors import BadModel, NotWritten
from handlers.catalog import CATALOG

ROOT = Path(__file__).resolve().parent.parent
CARD = "# a model\n\n## Measured\n\nWell.\n\n## Limits\n\n- Some.\n"


def true_figures(row: Row) -> bool:
    """Whether such figures are possible."""
    return (
        0 < row.p50_ms <= row.p95_ms
        and row.p50_ms < row.start_ms
        and 30 < row.rss_mb < 300
        and min(row.prefill_tok_s, row.decode_tok_s) > 100
    )


def test_the_command_prints_one_object() -> None:
    command = [sys.executable, "-m", "daemon.cli", "bench", "models", "--json", "--rounds", "1"]
    done = subprocess.run(
        [*command, "router", "nobody"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert "nobody" in told["faults"][0]
    assert told["faults"][0] in done.stderr
    (row,) = (Row(**each) for each in told["models"])
    assert (row.model, row.capability) == ("router", "intent_classification")
    sums = (ROOT / "models/router/SHA256SUMS").read_text("utf-8")
    assert f"{row.sha256}" in sums
    assert true_figures(row)


@pytest.mark.parametrize("model", ["router", "text"])
def test_what_no_capability_serves_is_asked_of_the_engine(model: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "models" / model, tmp_path / "mine")
    shutil.copy(ROOT / "models/tokenizer.json", tmp_path)
    row = measure(tmp_path / "mine", "", turns=1, starts=1)
    assert row.capability == ""
    assert true_figures(row)


def test_a_capability_without_typical_requests_is_a_fault() -> None:
    with pytest.raises(BadModel, match=r"typical_requests\.json has no request for juggling"):
        measure(ROOT / "models/router", "juggling")


ROW = Row("mine", "", "0123456789ab", 1.6, 290, 51.2, 0.25, 0.5, 40, 80_000, 30_000, "onnxruntime")


def test_a_card_takes_the_figures_once_and_is_sealed(tmp_path: Path) -> None:
    card = tmp_path / "CARD.md"
    card.write_text(CARD)
    write(ROW, tmp_path)
    text = card.read_text()
    assert "| RSS after serving | 51 MB |" in text
    assert text.index("Well.") < text.index(BEGIN) < text.index(END) < text.index("## Limits")
    verify_sums(tmp_path, ["CARD.md"])
    card.write_text(text.replace("51 MB", "49 MB"))
    write(ROW, tmp_path)
    assert card.read_text() == text
    verify_sums(tmp_path, ["CARD.md"])


@pytest.mark.parametrize("text", ["", "# a model\n", f"{BEGIN}\n\n## Limits\n"])
def test_a_card_without_a_place_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "CARD.md").write_text(text)
    with pytest.raises(NotWritten, match="no place"):
        write(ROW, tmp_path)
    assert (tmp_path / "CARD.md").read_text() == text


def test_every_capability_with_a_model_has_typical_requests() -> None:
    kinds = typical_requests()
    served = {entry.capability for entry in CATALOG.values() if entry.model}
    assert served <= kinds.keys()
    assert all(len(requests) >= 4 for requests in kinds.values())


def test_workers_that_share_take_no_more_than_those_that_do_not() -> None:
    every = arrangements()
    assert {"two, router in each", "one, with all models", "one for each model"} <= every.keys()
    (row,) = measure_sharing({"two": every["two, router in each"]})
    assert 40 < row.alone_pss_mb <= row.alone_rss_mb
    assert 40 < row.shared_pss_mb <= row.shared_rss_mb
    assert row.shared_pss_mb < row.alone_pss_mb + 5
