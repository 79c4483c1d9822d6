"""What decides the outcome of a training run."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

from engine.config import ForgeConfig
from engine.errors import BadConfig
from engine.training.kinds import KINDS

PRECISIONS = ("auto", "bf16", "fp32")

_MOST_STEPS_BETWEEN = 200
_VALIDATIONS = 20
_MOST_THREADS = 256
_MOST_WARMUP = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPlan:
    """Everything that decides the outcome of a run; written to training.json.

    Attributes:
        config: shape of the model.
        data: what `engine.training.data.load_corpus` reads.
        tokenizer: path of tokenizer.json.
        out: folder of the checkpoint; `out/state` holds what a resumed run needs.
        kind: what the rows mean, a name in `engine.training.kinds.KINDS`.
        labels: names of a router's classes in the order of their tokens; (): alphabetical.
        initial: checkpoint folder to start from; None for random weights.
        epochs: how often the data is gone through.
        steps: optimiser steps; 0: as many as `epochs` need.
        rows: rows of `context` tokens a step.
        context: positions a row; at most `config.context`.
        rate: peak learning rate; `rate / 10` at the end.
        warmup: steps of linear warm-up; -1: a tenth of all, at most 50.
        weight_decay: on matrices alone.
        dropout: share of what the embedding and each layer add that a step leaves out.
        average: share of the mean of the weights that a step leaves (0.999, say), where that mean is
            what is validated and kept; 0: the weights themselves are.
        clip: largest norm of the gradient.
        validation: share of the examples held out, where the data has no validation part.
        patience: validations without a new lowest loss that end the run; 0: never.
        seed: of the weights, the split and the order of the data.
        every: steps between validations (each followed by a checkpoint); 0: a twentieth of all,
            at most 200.
        threads: of torch; 0 leaves its own choice.
        device: cpu or cuda.
        precision: of the matrix products: bf16, fp32, or auto: bf16 where it is faster.
        compiled: use torch.compile, which costs half a minute at the start.
    """

    config: ForgeConfig
    data: tuple[Path, ...]
    tokenizer: Path
    out: Path
    kind: str = "any"
    labels: tuple[str, ...] = ()
    initial: Path | None = None
    epochs: int = 1
    steps: int = 0
    rows: int = 16
    context: int = 256
    rate: float = 2e-3
    warmup: int = -1
    weight_decay: float = 0.1
    clip: float = 1.0
    dropout: float = 0.0
    average: float = 0.0
    validation: float = 0.02
    patience: int = 0
    seed: int = 1
    every: int = 0
    threads: int = 0
    device: str = "cpu"
    precision: str = "auto"
    compiled: bool = False

    def __post_init__(self) -> None:
        if min(self.epochs, self.rows, self.context) < 1 or min(self.steps, self.every) < 0:
            raise BadConfig("epochs, steps, rows, context and every must be positive", "give 1 up")
        if not 0 <= self.validation < 1:
            raise BadConfig(f"validation is {self.validation}", "give a share, such as 0.05")
        if not (0 < self.rate < math.inf and self.clip > 0 and self.seed >= 0):
            raise BadConfig("rate and clip must be above 0, seed not below", "correct them")
        if not 0 <= self.threads <= _MOST_THREADS or self.patience < 0:
            raise BadConfig(
                f"threads {self.threads}, patience {self.patience}",
                f"give threads from 0 to {_MOST_THREADS}, patience from 0 up",
            )
        if not 0 <= self.weight_decay < math.inf:
            raise BadConfig(f"weight decay is {self.weight_decay}", "give 0, or a little more")
        if not (0 <= self.dropout < 1 and 0 <= self.average < 1):
            raise BadConfig(
                f"dropout {self.dropout}, average {self.average}", "give shares from 0 to below 1"
            )
        if self.context > self.config.context:
            raise BadConfig(
                f"context {self.context} is above the model's {self.config.context}",
                "give a smaller --context",
            )
        if self.kind not in KINDS or self.precision not in PRECISIONS:
            raise BadConfig(
                f"there is no type {self.kind!r} or precision {self.precision!r}",
                f"use one of {', '.join((*KINDS, *PRECISIONS))}",
            )


def with_steps(plan: TrainPlan, rows_an_epoch: int) -> TrainPlan:
    """`plan` with its steps, warm-up and validations as numbers."""
    steps = plan.steps or plan.epochs * max(1, rows_an_epoch // plan.rows)
    every = plan.every or min(_MOST_STEPS_BETWEEN, max(1, steps // _VALIDATIONS))
    warmup = min(_MOST_WARMUP, steps // 10) if plan.warmup < 0 else plan.warmup
    return replace(plan, steps=steps, every=every, warmup=warmup)


def learning_rate(plan: TrainPlan, step: int) -> float:
    """Linear warm-up, then half a cosine down to a tenth."""
    if step < plan.warmup:
        return plan.rate * (step + 1) / plan.warmup
    done = (step - plan.warmup) / max(1, plan.steps - plan.warmup)
    return plan.rate * (0.1 + 0.45 * (1 + math.cos(math.pi * min(done, 1.0))))
