"""What a served folder gives back: the tensors of its checkpoint, as its mode has rounded them."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from engine_models import random_checkpoint

from engine.checkpoint import Checkpoint, tensor_shapes
from engine.config import ForgeConfig
from engine.errors import BadModel
from engine.graph import export
from engine.model import ForgeModel
from engine.quantisation import MODES, Mode
from engine.runtime import Forge
from engine.served import load_served_weights
from engine.tokenizer import Tokenizer

pytest_plugins = ["engine_fixtures"]

Served = Callable[[Mode], Path]

MODELS = Path(__file__).parent.parent / "models"

# Largest part of a tensor's largest weight by which rounding may move a weight.
STEP: dict[Mode, float] = {"none": 0, "dynamic": 0.5 / 127, "int8": 0.5 / 127, "int4": 1 / 8}


@pytest.mark.parametrize("mode", MODES)
def test_the_tensors_come_back_within_half_a_step(
    served: Served, checkpoint: Checkpoint, mode: Mode
) -> None:
    got = load_served_weights(served(mode))
    assert got.config == checkpoint.config
    assert got.tokenizer == checkpoint.tokenizer
    assert {name: w.shape for name, w in got.weights.items()} == tensor_shapes(got.config)
    for name, weight in checkpoint.weights.items():
        most = STEP[mode] * np.abs(weight).max() * 1.001
        assert np.abs(got.weights[name] - weight).max() <= (most if weight.ndim == 2 else 0)


@pytest.mark.parametrize("mode", MODES)
def test_an_untied_head_comes_back_too(mode: Mode, tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = ForgeConfig(
        dim=64, n_layers=1, n_heads=2, n_kv_heads=1, ffn_dim=128, vocab_size=640, tied=False
    )
    checkpoint = random_checkpoint(config, tokenizer.fingerprint)
    export(checkpoint, tmp_path, mode)
    head = load_served_weights(tmp_path).weights["lm_head.weight"]
    expected = checkpoint.weights["lm_head.weight"]
    assert np.abs(head - expected).max() <= STEP["int8"] * np.abs(expected).max() * 1.001


@pytest.mark.parametrize("name", ["router", "home", "text"])
def test_a_shipped_model_is_exported_from_what_it_gives_back(name: str, tmp_path: Path) -> None:
    """Rounding what was rounded changes no byte: a folder can be made again from itself."""
    written = export(load_served_weights(MODELS / name), tmp_path, "int8")
    assert written.read_bytes() == (MODELS / name / "model.int8.onnx").read_bytes()


def test_a_shipped_model_in_torch_says_what_is_served() -> None:
    import torch

    from engine.training.resume import load_weights

    checkpoint = load_served_weights(MODELS / "router")
    model = ForgeModel(checkpoint.config)
    load_weights(model, checkpoint.weights)
    forge = Forge.load(MODELS / "router")
    ids = forge.tokenizer.chat("switch the lamp on", task="route")
    with torch.no_grad():
        expected = model(torch.tensor([ids]))[0, -1].numpy()
    assert np.abs(forge.prefill(ids) - expected).max() < 0.2


def test_a_damaged_folder_is_refused(served: Served, tmp_path: Path) -> None:
    copytree(served("int8"), tmp_path / "m")
    file = tmp_path / "m" / "model.int8.onnx"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BadModel, match="damaged"):
        load_served_weights(tmp_path / "m")
