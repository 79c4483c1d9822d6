"""Training: from files of rows to a checkpoint, on a CPU or on CUDA, in one process or several.

AdamW (Loshchilov & Hutter 2019), cosine schedule with warm-up, bf16 autocast over fp32 weights.
A run may be stopped before any step and resumed, to the same weights that the unbroken run would
have reached. `engine.train` is its command line.
"""

import math
import platform
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.admission import admit, training_bytes
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.errors import BadConfig, BadData, BadModel
from engine.model import ForgeModel
from engine.tokenizer import Tokenizer
from engine.training.averaging import Average
from engine.training.curve import draw_curve
from engine.training.data import IGNORE, Batch, Corpus, epoch_rows, load_corpus, make_batch
from engine.training.examine import classes, warnings_about
from engine.training.kinds import KINDS
from engine.training.learner import Learner, autocast, descend, optimiser, use_threads
from engine.training.loss import head_report
from engine.training.parallel import Team, team
from engine.training.plan import TrainPlan, learning_rate, with_steps
from engine.training.precision import faster_precision
from engine.training.progress import Clock, Progress, TrainResult
from engine.training.provenance import initial_of, licences, versions
from engine.training.resume import (
    Run,
    has_state,
    load_state,
    load_weights,
    refuse_other_run,
    save_best,
    save_curve,
    save_outcome,
    save_state,
    saved_plan,
)

_VALIDATION_BATCHES = 24
_HISTORY_POINTS = 200


@dataclass(frozen=True, slots=True)
class _Tensors:
    """A process's part of a batch on its device; rows of a single document need no mask.

    Attributes:
        weight: what its mean loss counts for in the mean over all processes.
    """

    tokens: Tensor
    targets: Tensor
    documents: Tensor | None
    weight: float
    soft: tuple[Tensor, Tensor] | None = None


def train(
    plan: TrainPlan,
    *,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    more: dict[str, Any] | None = None,
) -> TrainResult:
    """Train, and leave a checkpoint with the lowest validation loss in `plan.out`.

    Args:
        plan: what to do.
        resume: go on from `plan.out`/state; without one there, start anew.
        report: called twice a second and after each validation, in the process that leads.
        warn: told what is wanting in the data, before the first step.
        stop: asked before each step; True saves the state and ends the run.
        more: what else training.json shall say: `licence` of the data, `command`.

    Raises:
        BadData, BadTokenizer, BadModel, BadConfig: an input does not serve; nothing was written.
        OutOfMemory: weights, gradients and moments have no room.
        NotWritten: the disk did not take a checkpoint; the one before it is whole.
    """
    with team(plan.device) as together:
        session = _Session.begin(plan, together, resume=resume, warn=warn, more=more or {})
        return session.go(report, stop)


@dataclass(slots=True)
class _Session:
    """A run with all that it needs in this process."""

    plan: TrainPlan
    team: Team
    run: Run
    learner: Learner
    training: Corpus
    checks: list[_Tensors]
    fingerprint: str
    facts: dict[str, Any]

    @classmethod
    def begin(
        cls,
        plan: TrainPlan,
        together: Team,
        *,
        resume: bool,
        warn: Callable[[str], None],
        more: dict[str, Any],
    ) -> "_Session":
        """Read and check everything; nothing is written."""
        refuse_other_run(plan.out, resume=resume)
        if plan.rows < together.size:
            raise BadConfig(
                f"{plan.rows} rows a step for {together.size} processes", "give more --rows"
            )
        if together.kind == "cpu":
            admit("training a model of this size", training_bytes(plan.config))
        initial = load_checkpoint(plan.initial) if plan.initial else None
        use_threads(plan.threads)
        torch.manual_seed(plan.seed)
        tokenizer = Tokenizer.load(plan.tokenizer)
        if tokenizer.vocab_size > plan.config.vocab_size:
            raise BadConfig(
                f"the tokenizer's {tokenizer.vocab_size} tokens exceed vocab_size", "use another"
            )
        corpus = load_corpus(plan.data, tokenizer, plan.context, plan.kind, plan.labels)
        most = _VALIDATION_BATCHES * plan.rows
        training, held_out = corpus.split(plan.validation, most, plan.seed)
        if not training.examples:
            raise BadData("no example is left for training", "give more data or less --validation")
        plan = with_steps(plan, len(epoch_rows(training, plan.context, plan.seed, 0)))
        plan = _with_precision(plan, resume=resume)
        facts = _facts(plan, corpus, training, held_out, more)
        for warning in facts["warnings"] if together.leads else []:
            warn(warning)
        run = _start(plan, together, initial, tokenizer.fingerprint, facts, resume=resume)
        groups = _groups(epoch_rows(held_out, plan.context, plan.seed, 0), plan.rows)
        checks = [
            _on_device(make_batch(held_out, rows, plan.context), Team(device=together.device))
            for rows in together.share(list(groups))
        ]
        learner = Learner(run.model, compiled=plan.compiled)
        return cls(plan, together, run, learner, training, checks, tokenizer.fingerprint, facts)

    def go(self, report: Callable[[Progress], None], stop: Callable[[], bool]) -> TrainResult:
        """The loop."""
        run, plan = self.run, self.plan
        learner = self.team.together(self.learner)
        batches = _batches(self.training, plan, run.step)
        clock = Clock(plan, report if self.team.leads else lambda _: None, run.step)
        point = max(1, plan.steps // _HISTORY_POINTS)
        while run.step < plan.steps and not self._given_up() and not self._asked(stop):
            batch = _on_device(next(batches), self.team)
            run.losses.append(self._step(learner, batch))
            run.step += 1
            due = run.step % plan.every == 0 or run.step == plan.steps
            if run.step % point == 0 or due:
                self._note()
            clock.step_done()
            if due:
                self._validate()
                clock.show(run, validated=True)
                self._keep()
            else:
                clock.show(run, validated=False)
        return self._end()

    def _given_up(self) -> bool:
        return 0 < self.plan.patience <= self.run.since_best

    def _asked(self, stop: Callable[[], bool]) -> bool:
        """Whether any process of the team was asked to stop."""
        return self.team.sum([float(stop())])[0] > 0

    def _step(self, learner: nn.Module, batch: _Tensors) -> Tensor:
        run, plan = self.run, self.plan
        for group in run.optimiser.param_groups:
            group["lr"] = learning_rate(plan, run.step)
        if plan.dropout:
            # What is left out follows from seed and step alone, so that a resumed run repeats it.
            key = np.random.SeedSequence([plan.seed, 3, run.step, self.team.rank])
            torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))
        with autocast(self.team.kind, plan.precision):
            loss = learner(batch.tokens, batch.targets, batch.documents, batch.soft) * batch.weight
        descend(loss, run.optimiser, plan.clip)
        if run.average:
            run.average.follow(run.step + 1)
        return self.team.mean(loss.detach())

    def _note(self) -> None:
        """A point of the loss curve."""
        run = self.run
        losses = [float(loss) for loss in run.losses]
        mean = math.fsum(losses) / len(losses)
        run.losses.clear()
        self._refuse_divergence(mean)
        run.history.append({"step": run.step, "loss": round(mean, 5)})

    def _refuse_divergence(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise BadConfig(
                f"the loss is {loss} at step {self.run.step}",
                f"lower --rate {self.plan.rate:g}; the checkpoint before is whole",
            )

    def _validate(self) -> None:
        """Loss and accuracy of what will be kept: the mean of the weights, where there is one."""
        self.learner.eval()
        with self.run.average.in_place() if self.run.average else nullcontext():
            self._check()
        self.learner.train()

    @torch.no_grad()
    def _check(self) -> None:
        total, hits, count = 0.0, 0, 0
        for batch in self.checks:
            with autocast(self.team.kind, self.plan.precision):
                hidden, targets = self.learner.learnt(batch.tokens, batch.targets, batch.documents)
                loss, right = head_report(hidden, self.run.model.head_weight, targets)
            total, hits, count = total + loss, hits + right, count + len(targets)
        loss, right_share, targets_seen = self.team.sum([total, float(hits), float(count)])
        if targets_seen:
            run = self.run
            run.validation = (loss / targets_seen, right_share / targets_seen)
            self._refuse_divergence(run.validation[0])
            point = {"step": run.step, "loss": run.validation[0], "right": run.validation[1]}
            run.validations.append(point)

    def _keep(self) -> None:
        """Save the weights when they are the best so far, and always what a resumed run needs."""
        run, plan = self.run, self.plan
        loss = run.validation[0] if run.validation else -float(run.step)
        run.since_best = 0 if loss < run.best else run.since_best + 1
        if loss < run.best:
            run.best, run.kept = loss, run.validation
            if self.team.leads:
                outcome = {"step": run.step, "validation": run.validation, "history": run.history}
                save_best(plan.out, run, self.fingerprint, self.facts | outcome)
        if self.team.leads:
            save_state(plan.out, run, self.fingerprint, self.facts)
            save_curve(plan.out, draw_curve(run.history, run.validations))

    def _end(self) -> TrainResult:
        run, plan = self.run, self.plan
        early = run.step < plan.steps and self._given_up()
        finished = early or run.step >= plan.steps
        if self.team.leads and finished:
            outcome: dict[str, Any] = {"steps_done": run.step, "ended_early": early}
            outcome |= {"history": run.history, "validations": run.validations}
            save_outcome(plan.out, outcome, _use(plan, self.training))
        elif self.team.leads and run.step % plan.every:
            save_state(plan.out, run, self.fingerprint, self.facts)
        return TrainResult(run.step, finished, run.kept, early, self.team.leads)


def _start(
    plan: TrainPlan,
    together: Team,
    initial: Checkpoint | None,
    fingerprint: str,
    facts: dict[str, Any],
    *,
    resume: bool,
) -> Run:
    resumed = resume and has_state(plan.out)
    model = ForgeModel(plan.config)
    if initial is not None and not resumed:
        if initial.config != plan.config or initial.tokenizer != fingerprint:
            raise BadModel(
                f"{plan.initial} has another shape or tokenizer than this run",
                "give the size and the tokenizer that it was trained with",
            )
        load_weights(model, initial.weights)
    model.to(together.device)
    model.drop(plan.dropout)
    average = Average(model, plan.average) if plan.average else None
    run = Run(model, optimiser(model, plan), average)
    if resumed:
        load_state(plan.out, run, fingerprint, facts)
    return run


def _use(plan: TrainPlan, training: Corpus) -> dict[str, Any]:
    """How the model is to be asked: in the form that most of its examples had."""
    continued = sum(example.prompt == 0 for example in training.examples)
    form = "text" if 2 * continued > len(training.examples) else "chat"
    return {"form": form, "task": KINDS[plan.kind].task, "labels": list(training.labels)}


def _with_precision(plan: TrainPlan, *, resume: bool) -> TrainPlan:
    """`plan` with bf16 or fp32 decided; a resumed run goes on in that of its beginning."""
    if plan.precision != "auto":
        return plan
    before = saved_plan(plan.out).get("precision") if resume else None
    return replace(plan, precision=before or faster_precision(plan.device, plan.config.dim))


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


def _on_device(batch: Batch, together: Team) -> _Tensors:
    """This process's rows of a batch; all processes make the same batch."""
    mine = slice(together.rank, None, together.size)
    tokens, targets, documents = (
        torch.from_numpy(array[mine]).to(together.device)
        for array in (batch.tokens, batch.targets, batch.documents)
    )
    learnt, all_learnt = (batch.targets[mine] != IGNORE).sum(), (batch.targets != IGNORE).sum()
    weight = float(learnt * together.size / max(1, all_learnt))
    soft = None
    if batch.soft:
        ids, shares = (torch.from_numpy(array[mine]).to(together.device) for array in batch.soft)
        soft = ids, shares
    several = batch.documents.max() > 1
    return _Tensors(tokens, targets, documents if several else None, weight, soft)


def _facts(
    plan: TrainPlan,
    corpus: Corpus,
    training: Corpus,
    held_out: Corpus,
    more: dict[str, Any],
) -> dict[str, Any]:
    """What training.json says: enough to repeat the run and to see what it was fed."""
    settings = asdict(plan)
    for name in ("config", "data", "tokenizer", "out", "initial"):
        del settings[name]
    settings["labels"] = list(plan.labels)
    known = licences(plan.data, more.get("licence", ""))
    warned = warnings_about(corpus, training, held_out, plan.config)
    warned += [
        f"the licence of {name} is unknown: put a LICENSE beside it, or give --licence"
        for name, licence in known.items()
        if not licence
    ]
    return {
        "plan": settings,
        "command": more.get("command", ""),
        "initial": initial_of(plan.initial),
        "data": corpus.sources,
        "licences": known,
        "labels": list(corpus.labels),
        "classes": classes(corpus),
        "examples": len(corpus.examples),
        "examples_held_out": len(held_out.examples),
        "examples_left_out": corpus.left_out,
        "positions_an_epoch": training.tokens,
        "parameters": plan.config.parameters(),
        "warnings": warned,
        "versions": versions(),
        "processor": platform.machine(),
    }
