"""What one step of training is made of: the model with its loss, the optimiser, the precision."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from engine.model import ForgeModel
from engine.training.data import IGNORE
from engine.training.loss import head_loss
from engine.training.plan import TrainPlan


class Learner(nn.Module):
    """A model with its loss: one `forward` that DistributedDataParallel can wrap."""

    def __init__(self, model: ForgeModel, *, compiled: bool = False) -> None:
        super().__init__()
        self.model = model
        self.trunk: Any = torch.compile(model.model) if compiled else model.model

    def forward(
        self,
        tokens: Tensor,
        targets: Tensor,
        documents: Tensor | None = None,
        soft: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Mean cross-entropy of `targets` (B, T) after `tokens` (B, T), in nats.

        With `soft`, K tokens and their shares (both (B, T, K)) are learnt where there is a target.
        """
        hidden, wanted = self.learnt(tokens, targets, documents)
        if soft is None:
            return head_loss(hidden, self.model.head_weight, wanted)
        here = targets != IGNORE
        return head_loss(hidden, self.model.head_weight, soft[0][here], soft[1][here])

    def learnt(
        self, tokens: Tensor, targets: Tensor, documents: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The hidden states (N, D) that have a target, and the targets (N,)."""
        hidden = self.trunk(tokens, documents).flatten(0, 1)
        flat = targets.flatten()
        rows = torch.nonzero(flat != IGNORE).squeeze(1)
        return hidden[rows], flat[rows]


def optimiser(model: nn.Module, plan: TrainPlan) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices alone."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": plan.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.95), fused=True)


def descend(loss: Tensor, optimiser: torch.optim.Optimizer, clip: float) -> None:
    """One step of `optimiser` down the gradient of `loss`, whose norm is cut to `clip`."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    torch.nn.utils.clip_grad_norm_(weights, clip)
    optimiser.step()


def autocast(kind: str, precision: str) -> AbstractContextManager[Any]:
    """Matrix products on a device of this kind in `precision`."""
    return torch.autocast(kind, torch.bfloat16) if precision == "bf16" else nullcontext()


def use_threads(count: int) -> None:
    """Let torch compute on `count` threads; 0 leaves its own choice."""
    if count:
        torch.set_num_threads(count)


def batch_of_noise(vocab: int, rows: int, context: int) -> tuple[Tensor, Tensor]:
    """Random tokens and targets (rows, context), to measure a step on."""
    seed = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, vocab, (rows, context), generator=seed)
    return tokens, torch.randint(0, vocab, (rows, context), generator=seed)
