"""Plugins that every test may use; a fixture lives in the module that starts its thing."""

import os
from collections.abc import Iterator

import pytest
import structlog

# Some tests import onnxruntime themselves; engine/onnx_backend.py says what this is for.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

pytest_plugins = [
    "broker_fixture",
    "fused_library",
    "openai_fixture",
    "small_disk",
    "workers_bench",
]


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that a test runs in this process sets its log up, and may silence it."""
    yield
    structlog.reset_defaults()
