"""The torch model: shapes and names, causality, packing, and the fused loss."""

from typing import Any

import numpy as np
import pytest
import torch
from engine_models import SHAPE
from torch.nn.functional import cross_entropy

from engine.checkpoint import Checkpoint, tensor_shapes
from engine.config import DEVICES, PRESETS, ForgeConfig
from engine.errors import BadConfig
from engine.model import ForgeModel
from engine.training.loss import head_loss, head_report
from engine.training.resume import load_weights

pytest_plugins = ["engine_fixtures"]


@pytest.fixture
def model(checkpoint: Checkpoint) -> ForgeModel:
    made = ForgeModel(checkpoint.config)
    load_weights(made, checkpoint.weights)
    return made


def tokens(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, SHAPE.vocab_size, shape))


@pytest.mark.parametrize("name", PRESETS)
def test_the_stated_parameters_are_those_of_the_model(name: str) -> None:
    with torch.device("meta"):
        made = ForgeModel(PRESETS[name])
    assert sum(weight.numel() for weight in made.parameters()) == PRESETS[name].parameters()


@pytest.mark.parametrize("tied", [True, False])
def test_the_state_is_a_llama_checkpoint(*, tied: bool) -> None:
    config = ForgeConfig(
        dim=64, n_layers=1, n_heads=2, n_kv_heads=1, ffn_dim=64, vocab_size=576, tied=tied
    )
    state = ForgeModel(config).state_dict()
    assert {name: tuple(weight.shape) for name, weight in state.items()} == tensor_shapes(config)
    assert ("lm_head.weight" in state) == (not tied)


def test_the_sizes_are_the_planned_ones() -> None:
    millions = {name: round(config.parameters() / 1e6, 1) for name, config in PRESETS.items()}
    assert millions == {
        "pi_zero": 0.6,
        "nano": 1.3,
        "micro": 2.1,
        "pi_4": 3.3,
        "tiny": 5.1,
        "pi_5": 7.2,
        "mini": 13.8,
        "compact": 20.7,
        "small": 29.9,
        "base": 54.8,
        "medium": 81.8,
        "plus": 143.7,
        "large": 279.0,
        "xl": 616.6,
        "xxl": 1099.0,
    }
    assert list(DEVICES) == list(PRESETS)
    assert list(millions.values()) == sorted(millions.values())


def test_a_config_survives_its_json() -> None:
    for config in PRESETS.values():
        assert ForgeConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    "change",
    [{"dim": 100}, {"n_heads": 3}, {"n_kv_heads": 3}, {"ffn_dim": 0}, {"vocab_size": 8191}],
)
def test_shapes_that_do_not_fit_are_named(change: dict[str, int]) -> None:
    fields: dict[str, Any] = {
        "dim": 256,
        "n_layers": 2,
        "n_heads": 4,
        "n_kv_heads": 4,
        "ffn_dim": 768,
    }
    with pytest.raises(BadConfig):
        ForgeConfig(**(fields | change))


@torch.no_grad()
def test_a_position_does_not_see_what_follows(model: ForgeModel) -> None:
    ids = tokens(1, 30)
    other = ids.clone()
    other[0, 20:] = tokens(10, seed=1)
    before, after = model(ids)[0], model(other)[0]
    torch.testing.assert_close(before[:20], after[:20])
    assert not torch.allclose(before[20], after[20])


@torch.no_grad()
def test_packed_documents_do_not_see_one_another(model: ForgeModel) -> None:
    first, second = tokens(1, 9), tokens(1, 14, seed=1)
    row = torch.cat([first, second], 1)
    documents = torch.tensor([1] * 9 + [2] * 14)[None]
    packed = model.model(row, documents)
    torch.testing.assert_close(packed[:, :9], model.model(first), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(packed[:, 9:], model.model(second), atol=1e-5, rtol=1e-5)


def test_the_fused_loss_is_cross_entropy_with_its_gradients() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(700, 64, requires_grad=True)
    weight = torch.randn(640, 64, requires_grad=True)
    targets = torch.randint(0, 640, (700,))
    fused = head_loss(hidden, weight, targets)
    got = torch.autograd.grad(fused * 3, (hidden, weight))
    plain = cross_entropy(hidden @ weight.T, targets)
    expected = torch.autograd.grad(plain * 3, (hidden, weight))
    torch.testing.assert_close(fused, plain)
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-4)


def test_the_report_sums_loss_and_hits() -> None:
    torch.manual_seed(0)
    hidden, weight = torch.randn(700, 64), torch.randn(640, 64)
    logits = hidden @ weight.T
    targets = torch.where(torch.arange(700) % 2 == 0, logits.argmax(1), logits.argmin(1))
    total, hits = head_report(hidden, weight, targets)
    assert hits == 350
    assert total == pytest.approx(cross_entropy(logits, targets, reduction="sum").item())
