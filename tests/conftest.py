"""Plugins that every test may use; a fixture lives in the module that starts its thing."""

import os

# Some tests import onnxruntime themselves; engine/onnx_backend.py says what this is for.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

pytest_plugins = ["broker_fixture", "fused_library", "small_disk", "workers_bench"]
