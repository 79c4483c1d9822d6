"""Cross-entropy fused with the head: the logits of a whole batch never exist at once.

At a vocabulary of 8192 the head is most of a small model's work, and it is bound by memory: a
batch of 4096 positions has 134 MB of logits, passed over a dozen times. Taken a few hundred rows
at a time they stay in the processor's cache, and the gradient is made while they are there
(as Liger Kernel does on GPUs, Hsu et al. 2024). Shapes: N rows, D dim, V vocab.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# Measured at a vocabulary of 8192: up to dim 256, 256 rows are as good as any; above, adding up the
# gradient of the head once for each chunk begins to count, and 512 are 5 to 8 % faster.
_ROWS_CPU = 256
_ROWS_CPU_WIDE = 512
_WIDE = 256
_ROWS_CUDA = 4096


def head_loss(
    hidden: Tensor, weight: Tensor, targets: Tensor, shares: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy in nats of `targets` (N,) under `hidden` (N, D) @ `weight` (V, D).T.

    With `shares` (N, K), `targets` (N, K) are K tokens of each row, which together have a share of
    1 or nearly (a teacher's likeliest answers, Hinton et al. 2015). The products are bf16 inside
    autocast and fp32 outside; the softmax is fp32 in both.
    """
    if shares is None:
        targets, shares = targets[:, None], torch.ones_like(targets, dtype=torch.float32)[:, None]
    loss: Tensor = _HeadLoss.apply(hidden, weight, targets, shares)  # type: ignore[no-untyped-call]
    return loss


@torch.no_grad()
def head_report(hidden: Tensor, weight: Tensor, targets: Tensor) -> tuple[float, int]:
    """Summed cross-entropy, and the number of targets that are the argmax."""
    total, hits = 0.0, 0
    for rows in _chunks(hidden):
        logits = F.linear(hidden[rows], weight).float()
        wanted = logits.gather(1, targets[rows, None])
        total += float((logits.logsumexp(1, keepdim=True) - wanted).sum())
        hits += int((wanted >= logits.amax(1, keepdim=True)).sum())
    return total, hits


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, shares: Tensor
    ) -> Tensor:
        kind = hidden.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
        narrow = weight.to(dtype)
        grad_hidden, grad_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for rows in _chunks(hidden):
            part, wanted, share = hidden[rows].to(dtype), targets[rows], shares[rows]  # (n, K)
            logits = F.linear(part, narrow).float()  # (n, V)
            logits.sub_(logits.amax(1, keepdim=True))
            chosen = logits.gather(1, wanted)  # (n, K)
            mass = logits.exp_().sum(1, keepdim=True)
            total += ((mass.log() - chosen) * share).sum()
            # d loss / d logits = softmax - one hot, for each wanted token with its share
            slope = logits.mul_(share.sum(1, keepdim=True) / mass)
            slope.scatter_add_(1, wanted, -share)
            slope = slope.to(dtype)
            grad_hidden[rows] = (slope @ narrow).to(grad_hidden.dtype)
            grad_weight += slope.T @ part
        count = max(1, len(targets))
        ctx.save_for_backward(grad_hidden.div_(count), grad_weight.div_(count))
        return total / count

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_hidden, grad_weight = ctx.saved_tensors
        return grad_hidden * grad, grad_weight * grad, None, None


def _chunks(hidden: Tensor) -> list[slice]:
    size = _ROWS_CPU_WIDE if hidden.shape[1] > _WIDE else _ROWS_CPU
    if hidden.is_cuda:
        size = _ROWS_CUDA
    return [slice(start, start + size) for start in range(0, len(hidden), size)]
