"""What is declared, pinned and shipped is what the code needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import house_rules
import pytest

from daemon import install_units
from daemon.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PINS = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
# Import name -> name on an index, where they differ.
DISTRIBUTIONS = {
    "paho": "paho-mqtt",
    "yaml": "pyyaml",
    "PIL": "pillow",
    "prometheus_client": "prometheus-client",
}


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=;\[ ]", line, maxsplit=1)[0].lower() for line in requirements}


NODE = _names(PROJECT["dependencies"])
EXTRAS = {name: _names(lines) for name, lines in PROJECT["optional-dependencies"].items()}


def _undeclared(root: Path) -> list[str]:
    """Imports of a library that is not declared for the place that imports it."""
    declared = dict.fromkeys(house_rules.ARROWS, NODE)
    declared["engine"] = declared["evaluation"] = NODE | EXTRAS["train"]
    declared["bench"] = NODE | EXTRAS["train"] | EXTRAS["dev"]
    return [
        str(found)
        for found in house_rules._imports(root)
        if found.top not in house_rules.ARROWS and found.top not in sys.stdlib_module_names
        if DISTRIBUTIONS.get(found.top, found.top) not in declared[found.file.partition("/")[0]]
    ]


def test_every_library_that_is_imported_is_declared() -> None:
    assert _undeclared(ROOT) == []


@pytest.mark.parametrize(
    ("file", "source", "seen"),
    [
        ("daemon/a.py", "import requests", 1),
        ("handlers/a.py", "def f():\n    import safetensors.numpy", 1),
        ("engine/a.py", "def f():\n    import safetensors.torch", 0),
        ("daemon/a.py", "import json, orjson, paho.mqtt.client, bus_topics.codec", 0),
    ],
)
def test_an_undeclared_library_is_seen(file: str, source: str, seen: int, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir()
    path.write_text(source, encoding="utf-8")
    assert len(_undeclared(tmp_path)) == seen


def test_the_packages_are_literal_and_private() -> None:
    packages = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) == set(house_rules.ARROWS)
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]
    assert PROJECT["scripts"] == {"forgebus": "daemon.cli:main"}


def test_a_node_needs_no_training_library() -> None:
    assert not NODE & house_rules.TRAINING_ONLY
    assert "python-daemon" not in NODE.union(*EXTRAS.values())


def test_every_requirement_is_pinned_to_one_version() -> None:
    assert [pin for pin in PINS if not re.match(r"^[a-z0-9.-]+==[0-9a-z.]+(; |$)", pin)] == []
    pinned = _names(PINS)
    assert NODE.union(*EXTRAS.values()) - pinned == set()
    assert _names(PYPROJECT["build-system"]["requires"]) - pinned == set()


def test_torch_is_pinned_by_machine_alike_in_both_files() -> None:
    declared = {line for line in PROJECT["optional-dependencies"]["train"] if "torch" in line}
    assert len(declared) == 2
    assert [pin for pin in PINS if pin.startswith("torch")] == [
        "torch==2.13.0; platform_machine == 'x86_64'",
        "torch==2.10.0; platform_machine == 'aarch64'",
    ]
    assert declared == {
        "torch==2.13.0; platform_machine != 'aarch64'",
        "torch==2.10.0; platform_machine == 'aarch64'",
    }


def test_the_card_tells_the_version_of_the_package() -> None:
    assert PROJECT["version"] == VERSION


def test_ci_is_what_a_developer_calls() -> None:
    ci = ROOT / ".ci" / "run"
    assert os.access(ci, os.X_OK)
    assert re.findall(r"^make .*$", ci.read_text(encoding="utf-8"), re.MULTILINE) == [
        "make check",
        "make test",
    ]


@pytest.mark.parametrize("what", [["debian", "venv"], ["venv", ".venv"]])
def test_bootstrap_says_when_there_is_no_python_for_it(what: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "tools" / "bootstrap.sh", *what],
        env={"PATH": os.environ["PATH"], "PYTHON": "/nowhere/python"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("forgebus needs Python 3.11, 3.12 or 3.13")
    assert list(tmp_path.iterdir()) == []


UNITS = sorted((ROOT / "systemd").glob("*.service"))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd on this machine")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_each_unit_is_sound_and_closed(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", unit],
        capture_output=True,
        text=True,
        check=True,
    )
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert exposure
    assert float(exposure[1]) <= 2.0
    verified = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    # Where forgebus is not installed, that its program is missing is the one thing to say.
    said = [line for line in verified.stderr.splitlines() if "is not executable" not in line]
    assert [line for line in said if unit.name in line] == []


def test_the_units_are_those_that_are_installed() -> None:
    assert [unit.name for unit in UNITS] == sorted(install_units.UNITS)


def test_the_check_of_systemd_says_why_it_skips(tmp_path: Path) -> None:
    for name in ("bash", "dirname", "id"):
        (tmp_path / name).symlink_to(shutil.which(name) or "/nonexistent")
    done = subprocess.run(
        [tmp_path / "bash", ROOT / "tools" / "systemd_check.sh"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"systemd: skipped, for want of .*systemd-nspawn debootstrap", done.stdout)
