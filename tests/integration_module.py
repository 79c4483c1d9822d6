"""Modules of the custom integration that know no Home Assistant, without running its package's own module."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).parent.parent / "custom_components/forgebus"
PURE = (
    *("contract", "pieces", "plan", "roster", "scene", "schema", "speech", "talk", "troubles"),
    "const",
)
_STAND_IN = "forgebus_integration"


def module(name: str) -> Any:
    """One of `PURE`."""
    if _STAND_IN not in sys.modules:
        package = ModuleType(_STAND_IN)
        package.__path__ = [str(FOLDER)]
        sys.modules[_STAND_IN] = package
    return importlib.import_module(f"{_STAND_IN}.{name}")
