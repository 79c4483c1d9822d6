"""The fused step's library for this processor, built once for all tests."""

from pathlib import Path

import pytest

from engine.fused.build import build, here


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(here()[0], tmp_path_factory.mktemp("library"))
