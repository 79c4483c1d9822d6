"""Plugins that every test may use; fixtures live beside what they start."""

from __future__ import annotations

from pathlib import Path

# A plugin is a flat module of this folder; listed here once it exists.
pytest_plugins = [
    name for name in ("broker_fixture",) if (Path(__file__).parent / f"{name}.py").exists()
]
