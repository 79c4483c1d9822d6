"""The files in configs/ say what the code does."""

from __future__ import annotations

import itertools
import sys
import tomllib
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from daemon import config
from daemon.config import NodeConfig

CONFIGS = config.shipped("configs")
FILES = sorted(CONFIGS.glob("*.toml"))


def test_the_reference_names_every_key() -> None:
    tables = tomllib.loads((CONFIGS / "forgebus.toml").read_text(encoding="utf-8"))
    assert {name: list(table) for name, table in tables.items()} == {
        name: list(fields) for name, fields in config._FIELDS.items()
    }


def test_the_reference_says_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.load(CONFIGS / "forgebus.toml", {}) == config.load(None, {})


def test_every_key_of_the_reference_is_explained() -> None:
    """A comment stands above each key, or above the group of keys that it opens."""
    lines = (CONFIGS / "forgebus.toml").read_text(encoding="utf-8").splitlines()
    explained = {"host", "port", "tls_cert", "tls_key"}  # tls_ca's comment speaks for the three
    for before, line in itertools.pairwise(lines):
        key = line.partition(" = ")[0]
        if " = " in line and line[0] != "#" and key not in explained:
            assert before.startswith("#"), key


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_loads(path: Path) -> None:
    got = config.load(path, {})
    named = path.stem if path.stem != "forgebus" else "custom"
    assert got.node.profile == named


def test_each_profile_has_a_file_and_each_file_is_a_profile() -> None:
    profiles = set(get_args(config._FIELDS["node"]["profile"]))
    assert {path.stem for path in FILES} - {"forgebus"} == profiles - {"custom"}


@pytest.mark.parametrize("name", sorted({path.stem for path in FILES} - {"forgebus"}))
def test_a_profile_leaves_out_what_is_the_default_anyway(name: str) -> None:
    path = CONFIGS / f"{name}.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    plain = config.load(None, {"HOME": "/h"}, {})
    said = [
        f"{section}.{key}"
        for section, table in tables.items()
        for key, value in table.items()
        if msgspec.to_builtins(getattr(getattr(plain, section), key)) == value
    ]
    assert said == []


def test_the_smallest_board_only_classifies() -> None:
    assert config.load(CONFIGS / "pi_zero.toml", {}).work.capabilities == ("intent_classification",)


def test_what_pip_installed_is_found_without_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "__file__", str(tmp_path / "lib" / "daemon" / "config.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert config.shipped("models") == tmp_path / "share" / "forgebus" / "models"
    assert isinstance(config.load(None, {"HOME": "/h"}).node, NodeConfig)
