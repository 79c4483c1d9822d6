"""Every model folder that ships: whole, described, small enough. Whatever folders there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.models import BEGIN, END
from data.check_sets import SETS
from engine.checkpoint import sha256_of, verify_sums
from engine.model_folder import TOKENIZER, ModelFolder
from engine.model_use import read_calibration

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "models"
FOLDERS = sorted(path for path in MODELS.iterdir() if path.is_dir())
FILES = {"config.json", "use.json", "calibration.json", "CARD.md", "SHA256SUMS"}
SECTIONS = ("Data", "Measured", "On one core", "Limits", "Not for")
LICENCES = r"CC BY(?:-SA)? [34]\.0|CC0|MIT|Apache-2\.0|BSD-3-Clause"
OURS = r"our own|(?i:generated|from `data/)"
MOST_BYTES = 60_000_000

each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def card(folder: Path) -> str:
    return (folder / "CARD.md").read_text("utf-8")


def section(folder: Path, name: str) -> str:
    """What stands under a heading of the card."""
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", card(folder), re.MULTILINE | re.DOTALL)
    assert found, f"{folder / 'CARD.md'} has no section '## {name}'"
    return found[1].strip()


def test_all_together_are_small_enough() -> None:
    size = sum(file.stat().st_size for file in MODELS.rglob("*") if file.is_file())
    assert size < MOST_BYTES


def test_nothing_else_lies_there() -> None:
    assert {path.name for path in MODELS.iterdir()} == {TOKENIZER, *(at.name for at in FOLDERS)}


@each
def test_a_folder_is_whole_and_sealed(folder: Path) -> None:
    opened = ModelFolder.open(folder)
    files = {path.name for path in folder.iterdir()}
    assert files >= {*FILES, opened.graph.name}
    assert set(verify_sums(folder, files - {"SHA256SUMS"})) == files - {"SHA256SUMS"}
    assert opened.mode == "int8"
    assert opened.tokenizer == sha256_of(MODELS / TOKENIZER)
    read_calibration(folder)


@each
def test_a_card_says_all_that_it_must(folder: Path) -> None:
    assert card(folder).startswith(f"# {folder.name}\n")
    for name in SECTIONS:
        assert len(section(folder, name)) > 40, name
    shape = re.search(r"^\| Shape \| .*?([\d.]+) M weights", card(folder), re.MULTILINE)
    assert shape, "the table at the top says the shape and how many weights there are"
    weights = ModelFolder.open(folder).config.parameters() / 1e6
    assert float(shape[1]) == pytest.approx(weights, abs=0.06)
    size = re.search(r"^\| Form \| .*?([\d.]+) MB", card(folder), re.MULTILINE)
    assert size, "the table at the top says the size of the graph"
    graph = ModelFolder.open(folder).weights_bytes / 1e6
    assert float(size[1]) == pytest.approx(graph, abs=0.3)


@each
def test_a_card_names_its_data_with_their_licences(folder: Path) -> None:
    data = section(folder, "Data")
    assert re.search(OURS, data) or re.search(LICENCES, data)
    for public in SETS:
        title = public.name.partition("_")[0]
        for found in re.finditer(rf"\b{title}\w*\b", data, re.IGNORECASE):
            if title in ("home", "self", "books"):  # words of every day
                continue
            near = data[found.start() : found.start() + 160]
            assert re.search(LICENCES, near), f"no licence behind {found[0]}"


@each
def test_a_cards_figures_are_of_the_weights_beside_it(folder: Path) -> None:
    block = card(folder).partition(BEGIN)[2].partition(END)[0]
    told = f"run `forgebus bench models --write {folder.name}`"
    assert f"`{sha256_of(ModelFolder.open(folder).graph)[:12]}`" in block, told
    for name in ("RSS after serving", "p50", "p95", "start to first answer"):
        assert name in block, told


@each
def test_the_overview_has_a_row(folder: Path) -> None:
    page = (ROOT / "docs/models.md").read_text("utf-8")
    assert re.search(rf"^\| (?:\[)?{folder.name}\b", page, re.MULTILINE), "docs/models.md"
