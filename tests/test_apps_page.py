"""docs/apps.md says what the contract says: its tables, its examples, and every capability that is shipped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bus_topics import codec
from bus_topics import messages as m
from handlers.catalog import CATALOG
from tools import contract_tables

PAGE = contract_tables.PAGE.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_contract() -> None:
    assert contract_tables.written(PAGE) == PAGE, (
        "docs/apps.md is stale; run: python -m tools.contract_tables"
    )


def test_a_stale_table_is_seen_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "apps.md"
    page.write_text(PAGE.replace("`deadline_ms`", "`deadline`", 1))
    monkeypatch.setattr(contract_tables, "PAGE", page)
    assert contract_tables.main(["--check"]) == 1
    assert contract_tables.main([]) == 0
    assert contract_tables.main(["--check"]) == 0
    assert page.read_text() == PAGE


def test_every_table_has_its_place() -> None:
    places = re.findall(r"^<!-- (?!end)([a-z_ ]+) -->$", PAGE, re.MULTILINE)
    assert sorted(places) == sorted(contract_tables.tables())


def test_every_capability_is_told() -> None:
    for_apps = {name for name, entry in CATALOG.items() if not entry.selftest} - {"correction"}
    assert set(contract_tables.CAPABILITIES) == for_apps


def test_the_examples_are_sound() -> None:
    examples = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        codec.decode(example.encode(), m.Answer)
    asks = re.findall(r"-m '(.*?)'", PAGE)
    assert len(asks) > 3
    for ask in asks:
        codec.decode_ask(ask.encode())
