"""RMSNorm and rotation with their gradients written out: a few passes over memory, not a dozen.

On a CPU the operations between the matrix products are bound by memory, and torch runs RMSNorm and
a rotation as six to ten of them, each of which autograd runs again backwards. Written out they take
a tenth off a step of pi_5. The arithmetic is fp32; results come in the type of the products that
follow, so that autocast converts them once and not once for each product. Under torch.compile the
plain forms are traced: it fuses better by itself.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """`x` (..., D) over its root mean square, times `weight` (D,) (Zhang & Sennrich 2019)."""
    kind = x.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
    if torch.compiler.is_compiling():
        return F.rms_norm(x, weight.shape, weight, eps).to(dtype)
    normed: Tensor = _RmsNorm.apply(x, weight, eps, dtype)  # type: ignore[no-untyped-call]
    return normed


def rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """`x` (B, H, T, E) turned by `cos` and `sin` (T, E/2) as `turn` does, in its own type."""
    if torch.compiler.is_compiling():
        first, second = x.chunk(2, dim=-1)  # (B, H, T, E/2)
        turned = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
        return turned.to(x.dtype)
    out: Tensor = _Rotary.apply(x, cos, sin)  # type: ignore[no-untyped-call]
    return out


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn channel i of `x` (..., T, E) together with channel i + E/2 (not interleaved)."""
    first, second = x.float().chunk(2, dim=-1)  # (..., T, E/2)
    out = torch.empty(x.shape, dtype=torch.float32, device=x.device)
    low, high = out.chunk(2, dim=-1)
    torch.mul(first, cos, out=low).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=high).addcmul_(first, sin)
    turned: Tensor = out.to(x.dtype)
    return turned


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)  # (..., 1)
        scale = norm.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        unit = x * scale
        ctx.save_for_backward(unit, scale, weight)
        normed: Tensor = (unit * weight).to(dtype)
        return normed

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        unit, scale, weight = ctx.saved_tensors
        # With u = x * s: d/dx = s * (g * w - u * mean(g * w * u)), d/dw = sum of g * u.
        product = (grad * unit).float()
        grad_weight = product.flatten(0, -2).sum(0)
        mean = (product @ weight).unsqueeze(-1) / len(weight)
        slope = torch.mul(grad, weight, out=product).addcmul_(unit, mean, value=-1)
        return slope.mul_(scale), grad_weight, None, None


class _Rotary(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return turn(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return turn(grad, cos, -sin), None, None
