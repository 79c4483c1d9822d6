"""What is written out by hand for speed is what torch's own operations say, gradients included."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engine.config import ForgeConfig
from engine.model import rotary_tables
from engine.training.elementwise import rms_norm, rotary

CONFIG = ForgeConfig(dim=64, n_layers=1, n_heads=4, n_kv_heads=2, ffn_dim=64, vocab_size=320)
EPS = 1e-5


def norm_by_torch(x: Tensor, weight: Tensor) -> Tensor:
    return functional.rms_norm(x, weight.shape, weight, EPS)


def rotation_by_definition(x: Tensor) -> Tensor:
    """Each pair of channels as one complex number, multiplied by e^(i angle)."""
    cos, sin = rotary_tables(CONFIG)
    first, second = x.chunk(2, dim=-1)
    steps = x.shape[-2]
    turned = torch.complex(first, second) * torch.complex(cos[:steps], sin[:steps])
    return torch.cat((turned.real, turned.imag), dim=-1)


def our_rotation(x: Tensor) -> Tensor:
    cos, sin = rotary_tables(CONFIG)
    steps = x.shape[-2]
    return rotary(x, cos[:steps], sin[:steps])


def gradients(made: Callable[..., Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    leaves = [value.clone().requires_grad_() for value in inputs]
    out = made(*leaves)
    seed = torch.Generator().manual_seed(3)
    out.backward(torch.randn(out.shape, generator=seed))  # type: ignore[no-untyped-call]
    return [out.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_norm_and_its_gradients(scale: float) -> None:
    torch.manual_seed(1)
    inputs = [torch.randn(3, 7, 64) * scale, 1 + torch.rand(64)]
    expected = gradients(norm_by_torch, inputs)
    for got, wanted in zip(
        gradients(lambda x, w: rms_norm(x, w, EPS), inputs), expected, strict=True
    ):
        torch.testing.assert_close(got, wanted, rtol=2e-5, atol=1e-5 / scale)


def test_the_rotation_and_its_gradient() -> None:
    torch.manual_seed(2)
    inputs = [torch.randn(2, 3, 5, 16)]
    for got, wanted in zip(
        gradients(our_rotation, inputs), gradients(rotation_by_definition, inputs), strict=True
    ):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)


def test_results_come_in_the_type_of_the_products_that_follow() -> None:
    x, weight = torch.randn(2, 64), torch.ones(64)
    assert rms_norm(x, weight, EPS).dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert rms_norm(x, weight, EPS).dtype == torch.bfloat16
    assert our_rotation(torch.randn(1, 1, 4, 16, dtype=torch.bfloat16)).dtype == torch.bfloat16
