"""Training: from texts and prompt-answer rows to a checkpoint, on a CPU or on CUDA.

AdamW (Loshchilov & Hutter 2019), cosine schedule with warm-up, bf16 autocast over fp32 weights.
A run may be stopped before any step and resumed, to the same weights that the unbroken run would
have reached. `engine.train` is its command line.
"""

import math
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.admission import admit, training_bytes
from engine.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, sha256_of
from engine.config import ForgeConfig
from engine.data import IGNORE, Batch, Corpus, epoch_rows, load_corpus, make_batch
from engine.errors import BadConfig, BadData, BadModel
from engine.loss import head_loss, head_report
from engine.model import ForgeModel
from engine.resume import Run, has_state, load_state, load_weights, save_state, weights_of
from engine.tokenizer import Tokenizer

_VALIDATION_BATCHES = 24
_REPORT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPlan:
    """Everything that decides the outcome of a run; written to training.json.

    Attributes:
        config: shape of the model.
        data: what `engine.data.load_corpus` reads.
        tokenizer: path of tokenizer.json.
        out: folder of the checkpoint; `out/state` holds what a resumed run needs.
        initial: checkpoint folder to start from; None for random weights.
        steps: optimiser steps.
        rows: rows of `context` tokens a step.
        context: positions a row; at most `config.context`.
        rate: peak learning rate; `rate / 10` at the end.
        warmup: steps of linear warm-up.
        weight_decay: on matrices alone.
        clip: largest norm of the gradient.
        validation: share of the examples held out.
        seed: of the weights, the split and the order of the data.
        every: steps between validations (each followed by a checkpoint).
        threads: of torch; 0 leaves its own choice.
        device: cpu or cuda.
        compiled: use torch.compile, which costs half a minute at the start.
    """

    config: ForgeConfig
    data: tuple[Path, ...]
    tokenizer: Path
    out: Path
    initial: Path | None = None
    steps: int = 1000
    rows: int = 16
    context: int = 256
    rate: float = 2e-3
    warmup: int = 50
    weight_decay: float = 0.1
    clip: float = 1.0
    validation: float = 0.02
    seed: int = 1
    every: int = 200
    threads: int = 0
    device: str = "cpu"
    compiled: bool = False

    def __post_init__(self) -> None:
        if min(self.steps, self.rows, self.context, self.every) < 1:
            raise BadConfig("steps, rows, context and every must be positive", "give 1 or more")
        if self.context > self.config.context:
            raise BadConfig(
                f"context {self.context} is above the model's {self.config.context}",
                "give a smaller --context",
            )


@dataclass(frozen=True, slots=True)
class Progress:
    """One line of a run.

    Attributes:
        loss: mean training loss (nats a target) since the last line.
        tokens_per_s: positions trained a second since the last line.
        left_s: estimated seconds to the end.
        validation: (loss, share of targets that are the argmax), where just measured.
    """

    step: int
    steps: int
    loss: float
    rate: float
    tokens_per_s: float
    left_s: float
    validation: tuple[float, float] | None = None

    def __str__(self) -> str:
        """The line as shown in a terminal."""
        tail = ""
        if self.validation:
            tail = f"  validation {self.validation[0]:.4f} ({self.validation[1]:.1%} right)"
        return (
            f"step {self.step}/{self.steps}  loss {self.loss:.4f}  rate {self.rate:.2e}  "
            f"{self.tokens_per_s:,.0f} tokens/s  {self.left_s / 60:.1f} min left{tail}"
        )


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a run ended; `validation` is the loss and accuracy of the weights saved in `out`."""

    step: int
    finished: bool
    validation: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class _Tensors:
    """A batch on the device; rows of a single document need no mask."""

    tokens: Tensor
    targets: Tensor
    documents: Tensor | None


def train(
    plan: TrainPlan,
    *,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> TrainResult:
    """Train, and leave a checkpoint with the lowest validation loss in `plan.out`.

    Args:
        plan: what to do.
        resume: go on from `plan.out`/state; without one there, start anew.
        report: called every few seconds and after each validation.
        stop: asked before each step; True saves the state and ends the run.

    Raises:
        BadData, BadTokenizer, BadModel, BadConfig: an input does not serve; nothing was written.
        OutOfMemory: no room for the weights and the optimiser's state.
    """
    if plan.device == "cpu":
        admit(f"training {plan.config.parameters():,} weights", training_bytes(plan.config))
    if plan.threads:
        torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    tokenizer = Tokenizer.load(plan.tokenizer)
    if tokenizer.vocab_size > plan.config.vocab_size:
        raise BadConfig(
            f"the tokenizer's {tokenizer.vocab_size} tokens exceed vocab_size", "use another"
        )
    corpus = load_corpus(plan.data, tokenizer, plan.context)
    training, held_out = corpus.split(plan.validation, _VALIDATION_BATCHES * plan.rows, plan.seed)
    if not training.examples:
        raise BadData("no example is left for training", "give more data or a lower validation")
    facts = _facts(plan, corpus, training)
    run = _start(plan, tokenizer.fingerprint, facts, resume=resume)
    trunk = torch.compile(run.model.model) if plan.compiled else run.model.model
    batches = _batches(training, plan, run.step)
    checks = [
        _on_device(make_batch(held_out, rows, plan.context), plan.device)
        for rows in _groups(epoch_rows(held_out, plan.context, plan.seed, 0), plan.rows)
    ]
    clock = _Clock(plan, report)
    while run.step < plan.steps and not stop():
        loss = _step(run, plan, trunk, _on_device(next(batches), plan.device))
        run.step += 1
        clock.step_done(loss)
        due = run.step % plan.every == 0 or run.step == plan.steps
        if due and checks:
            run.validation = _validate(run.model, trunk, checks, plan.device)
        clock.report(run, validated=due)
        if due:
            _keep(run, plan, tokenizer.fingerprint, facts)
    if run.step % plan.every and run.step < plan.steps:
        save_state(plan.out, run, tokenizer.fingerprint, facts)
    return TrainResult(run.step, run.step >= plan.steps, run.validation)


def learning_rate(plan: TrainPlan, step: int) -> float:
    """Linear warm-up, then half a cosine down to a tenth."""
    if step < plan.warmup:
        return plan.rate * (step + 1) / plan.warmup
    done = (step - plan.warmup) / max(1, plan.steps - plan.warmup)
    return plan.rate * (0.1 + 0.45 * (1 + math.cos(math.pi * min(done, 1.0))))


def _start(plan: TrainPlan, fingerprint: str, facts: dict[str, Any], *, resume: bool) -> Run:
    resumed = resume and has_state(plan.out)
    model = ForgeModel(plan.config)
    if plan.initial is not None and not resumed:
        checkpoint = load_checkpoint(plan.initial)
        if checkpoint.config != plan.config or checkpoint.tokenizer != fingerprint:
            raise BadModel(
                f"{plan.initial} has another shape or tokenizer than this run",
                "give the preset and the tokenizer that it was trained with",
            )
        load_weights(model, checkpoint.weights)
    model.to(plan.device)
    run = Run(model, _optimiser(model, plan))
    if resumed:
        load_state(plan.out, run, fingerprint, facts)
    return run


def _optimiser(model: ForgeModel, plan: TrainPlan) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": plan.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.95), fused=True)


def _step(run: Run, plan: TrainPlan, trunk: Any, batch: _Tensors) -> Tensor:
    for group in run.optimiser.param_groups:
        group["lr"] = learning_rate(plan, run.step)
    with _autocast(plan.device):
        hidden, targets = _learnt(trunk, batch)
        loss = head_loss(hidden, run.model.head_weight, targets)
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), plan.clip)
    run.optimiser.step()
    return loss.detach()


def _learnt(trunk: Any, batch: _Tensors) -> tuple[Tensor, Tensor]:
    """The hidden states (N, D) that have a target, and the targets (N,)."""
    hidden = trunk(batch.tokens, batch.documents).flatten(0, 1)
    targets = batch.targets.flatten()
    rows = torch.nonzero(targets != IGNORE).squeeze(1)
    return hidden[rows], targets[rows]


@torch.no_grad()
def _validate(
    model: ForgeModel, trunk: Any, checks: list[_Tensors], device: str
) -> tuple[float, float]:
    total, hits, count = 0.0, 0, 0
    for batch in checks:
        with _autocast(device):
            hidden, targets = _learnt(trunk, batch)
            loss, right = head_report(hidden, model.head_weight, targets)
        total, hits, count = total + loss, hits + right, count + len(targets)
    return total / count, hits / count


def _autocast(device: str) -> AbstractContextManager[Any]:
    if device == "cpu" and not _has_bf16():
        return nullcontext()
    return torch.autocast(device, torch.bfloat16)


def _has_bf16() -> bool:
    """Whether the CPU multiplies bf16 itself; where it does not, bf16 is emulated and slow."""
    return bool(torch.cpu._is_avx512_bf16_supported())  # noqa: SLF001 - no public name says it


def _batches(corpus: Corpus, plan: TrainPlan, step: int) -> Iterator[Batch]:
    """The batches from `step` on; an epoch's last rows that fill no batch are left out."""
    epoch = 0
    while True:
        rows = epoch_rows(corpus, plan.context, plan.seed, epoch)
        while len(rows) < plan.rows:  # a corpus of less than one batch
            epoch += 1
            rows += epoch_rows(corpus, plan.context, plan.seed, epoch)
        whole = len(rows) // plan.rows
        for number in range(min(step, whole), whole):
            yield make_batch(corpus, rows[number * plan.rows :][: plan.rows], plan.context)
        step = max(0, step - whole)
        epoch += 1


def _groups(rows: list[list[int]], size: int) -> Iterator[list[list[int]]]:
    for start in range(0, len(rows), size):
        group = rows[start : start + size]
        yield group + [[] for _ in range(size - len(group))]


def _on_device(batch: Batch, device: str) -> _Tensors:
    tokens, targets, documents = (
        torch.from_numpy(array).to(device)
        for array in (batch.tokens, batch.targets, batch.documents)
    )
    return _Tensors(tokens, targets, documents if batch.documents.max() > 1 else None)


class _Clock:
    """Speed and time left, reported every few seconds; validation does not count."""

    def __init__(self, plan: TrainPlan, report: Callable[[Progress], None]) -> None:
        self._plan = plan
        self._report = report
        self._losses: list[Tensor] = []
        self._seconds = 0.0
        self._since = time.monotonic()

    def step_done(self, loss: Tensor) -> None:
        self._losses.append(loss)
        self._seconds += time.monotonic() - self._since
        self._since = time.monotonic()

    def report(self, run: Run, *, validated: bool) -> None:
        if validated or self._seconds > _REPORT_S:
            mean = float(torch.stack(self._losses).mean())
            pace = self._seconds / len(self._losses)
            run.history.append({"step": run.step, "loss": round(mean, 5)})
            rate = learning_rate(self._plan, run.step - 1)
            speed = self._plan.rows * self._plan.context / pace
            left = (self._plan.steps - run.step) * pace
            held = run.validation if validated else None
            self._report(Progress(run.step, self._plan.steps, mean, rate, speed, left, held))
            self._losses.clear()
            self._seconds = 0.0
        self._since = time.monotonic()


def _keep(run: Run, plan: TrainPlan, fingerprint: str, facts: dict[str, Any]) -> None:
    """Save the weights when they are the best so far, and always what a resumed run needs."""
    loss = run.validation[0] if run.validation else -float(run.step)
    if loss < run.best:
        run.best = loss
        outcome = {"step": run.step, "validation": run.validation, "history": run.history}
        weights = weights_of(run.model)
        save_checkpoint(plan.out, Checkpoint(plan.config, weights, fingerprint, facts | outcome))
    save_state(plan.out, run, fingerprint, facts)


def _facts(plan: TrainPlan, corpus: Corpus, training: Corpus) -> dict[str, Any]:
    """What training.json says: enough to repeat the run and to see what it was fed."""
    settings = asdict(plan)
    for name in ("config", "data", "tokenizer", "out", "initial"):
        del settings[name]
    return {
        "plan": settings,
        "initial": sha256_of(plan.initial / "model.safetensors") if plan.initial else None,
        "data": corpus.sources,
        "examples": len(corpus.examples),
        "examples_left_out": corpus.left_out,
        "positions_an_epoch": training.tokens,
        "parameters": plan.config.parameters(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "processor": platform.machine(),
    }
