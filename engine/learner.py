"""What one step of training is made of: the model with its loss, the optimiser, the precision."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from engine.data import IGNORE
from engine.loss import head_loss
from engine.model import ForgeModel
from engine.plan import TrainPlan


class Learner(nn.Module):
    """A model with its loss: one `forward` that DistributedDataParallel can wrap."""

    def __init__(self, model: ForgeModel, *, compiled: bool = False) -> None:
        super().__init__()
        self.model = model
        self.trunk: Any = torch.compile(model.model) if compiled else model.model

    def forward(self, tokens: Tensor, targets: Tensor, documents: Tensor | None = None) -> Tensor:
        """Mean cross-entropy of `targets` (B, T) after `tokens` (B, T), in nats."""
        hidden, wanted = self.learnt(tokens, targets, documents)
        return head_loss(hidden, self.model.head_weight, wanted)

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


def autocast(kind: str, precision: str) -> AbstractContextManager[Any]:
    """Matrix products on a device of this kind in `precision`."""
    return torch.autocast(kind, torch.bfloat16) if precision == "bf16" else nullcontext()
