"""The tree keeps its rules, and each rule goes red on a tree that breaks it."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import house_rules
import pytest

ROOT = Path(__file__).resolve().parent.parent
Rule = Callable[[Path], list[str]]
RULES: list[Rule] = [
    house_rules.broken_arrows,
    house_rules.misplaced_libraries,
    house_rules.training_on_the_serving_path,
    house_rules.catches_everything,
    house_rules.runs_text,
    house_rules.long_files,
    house_rules.shadowing_tests,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps(rule: Rule) -> None:
    assert rule(ROOT) == []


@pytest.mark.parametrize(
    ("rule", "file", "source"),
    [
        (house_rules.broken_arrows, "bus_topics/a.py", "import daemon.bus"),
        (house_rules.broken_arrows, "engine/a.py", "from bus_topics import codec"),
        (house_rules.broken_arrows, "handlers/a.py", "def f():\n    import daemon"),
        (house_rules.broken_arrows, "daemon/a.py", "from engine.model import Model"),
        (house_rules.broken_arrows, "daemon/a.py", "def f():\n    import engine"),
        (house_rules.broken_arrows, "daemon/cli.py", "import bench.auction"),
        (house_rules.broken_arrows, "daemon/service.py", "def f():\n    import evaluation.figures"),
        (house_rules.broken_arrows, "handlers/a.py", "from evaluation import figures"),
        (house_rules.broken_arrows, "evaluation/a.py", "def f():\n    import daemon.show"),
        (house_rules.broken_arrows, "daemon/a.py", "import_module('engine.model')"),
        (house_rules.misplaced_libraries, "handlers/a.py", "def f():\n    import torch"),
        (house_rules.misplaced_libraries, "bench/a.py", "import torch.nn"),
        (house_rules.misplaced_libraries, "daemon/service.py", "import aiomqtt"),
        (house_rules.misplaced_libraries, "daemon/a.py", "from paho.mqtt import client"),
        (house_rules.misplaced_libraries, "daemon/bus.py", "import sqlite3"),
        (house_rules.catches_everything, "daemon/a.py", "try: f()\nexcept Exception: pass"),
        (house_rules.catches_everything, "engine/a.py", "try: f()\nexcept: pass"),
        (house_rules.catches_everything, "engine/a.py", "try: f()\nexcept (OSError, Exception): 0"),
        (house_rules.runs_text, "handlers/a.py", "eval(text)"),
        (house_rules.runs_text, "daemon/a.py", "import os\nos.system(text)"),
        (
            house_rules.runs_text,
            "handlers/sandbox.py",
            "import subprocess\nsubprocess.run(a, shell=b)",
        ),
        (house_rules.long_files, "daemon/a.py", "x = 1\n" * 421),
        (house_rules.shadowing_tests, "tests/daemon/test_a.py", ""),
        (house_rules.shadowing_tests, "tests/engine.py", ""),
    ],
)
def test_a_breach_is_seen(rule: Rule, file: str, source: str, tmp_path: Path) -> None:
    _write(tmp_path, {file: source})
    assert len(rule(tmp_path)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("daemon/cli_bench.py", "def f():\n    import bench.auction, engine.training"),
        ("daemon/bus.py", "import aiomqtt\nfrom paho.mqtt import client"),
        ("bench/floor.py", "import sqlite3, paho.mqtt.client, daemon.bus"),
        ("daemon/a.py", "try: f()\nexcept BaseException:\n    g()\n    raise"),
        ("daemon/a.py", "from daemon.engine_room import x\nimport enginex"),
    ],
)
def test_what_is_allowed_passes(file: str, source: str, tmp_path: Path) -> None:
    _write(tmp_path, {file: source})
    assert [breach for rule in RULES for breach in rule(tmp_path)] == []


@pytest.mark.parametrize(
    ("serving", "seen"),
    [
        ("import torch", 1),
        ("from engine.quantize import pack", 1),
        ("from engine import quantize", 1),
        ("def export():\n    import engine.quantize, torch", 0),
    ],
)
def test_torch_is_followed_through_the_engine(serving: str, seen: int, tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "handlers/text.py": "def load():\n    from engine.serving import Session",
            "engine/serving.py": serving,
            "engine/quantize.py": "import engine.pack",
            "engine/pack.py": "import torch",
        },
    )
    assert len(house_rules.training_on_the_serving_path(tmp_path)) == seen


def test_importing_a_node_loads_no_model_library_and_starts_nothing() -> None:
    """Run in a fresh interpreter, because this one has imported what the tests need."""
    names = [
        house_rules._module(path.relative_to(ROOT).as_posix())
        for package in ("bus_topics", "daemon", "handlers")
        for path in sorted(ROOT.glob(f"{package}/**/*.py"))
        if path.stem != "__main__"
    ]
    program = (
        "import importlib, json, sys, threading\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "heavy = {'torch', 'onnx', 'safetensors', 'transformers'} & set(sys.modules)\n"
        "print(json.dumps([sorted(heavy), threading.active_count()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == [[], 1]


def test_nothing_else_that_is_installed_has_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    for name in house_rules.ARROWS:
        assert set(owners.get(name, [])) <= {"forgebus"}, name


def test_a_foreign_owner_of_a_name_would_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(
        tmp_path,
        {
            "python_daemon-3.dist-info/METADATA": "Metadata-Version: 2.1\nName: python-daemon\n",
            "python_daemon-3.dist-info/RECORD": "daemon/__init__.py,,\n",
            "daemon/__init__.py": "",
        },
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert "python-daemon" in importlib.metadata.packages_distributions()["daemon"]


def _write(root: Path, files: dict[str, str]) -> None:
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
