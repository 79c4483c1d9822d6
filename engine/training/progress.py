"""What is told of a training run while it goes on, and at its end."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.training.plan import TrainPlan, learning_rate
from engine.training.resume import Run

_REPORT_S = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """One moment of a run.

    Attributes:
        loss: mean training loss (nats a target) of the last steps.
        tokens_per_s: positions trained a second, of all processes together.
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
        """The line as shown where there is no terminal."""
        tail = ""
        if self.validation:
            tail = f"  validation {self.validation[0]:.4f} ({self.validation[1]:.1%} right)"
        return (
            f"step {self.step}/{self.steps}  loss {self.loss:.4f}  rate {self.rate:.2e}  "
            f"{self.tokens_per_s:,.0f} tokens/s  {self.left_s / 60:.1f} min left{tail}"
        )


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a run ended.

    Attributes:
        finished: all steps were done, or the validation loss had stopped falling.
        early: it was the latter.
        leads: this process is the one that wrote the checkpoints.
        validation: loss and accuracy of the weights that were kept in `out`.
    """

    step: int
    finished: bool
    validation: tuple[float, float] | None
    early: bool = False
    leads: bool = True


class Clock:
    """Speed and time left, reported now and then; validation does not count."""

    def __init__(self, plan: TrainPlan, report: Callable[[Progress], None], step: int) -> None:
        self._plan = plan
        self._report = report
        self._began = step
        self._seconds = 0.0
        self._since = time.monotonic()
        self._shown = -math.inf

    def step_done(self) -> None:
        """A step has ended."""
        now = time.monotonic()
        self._seconds += now - self._since
        self._since = now

    def show(self, run: Run, *, validated: bool) -> None:
        """Report where `run` stands, if it was just validated or it is time again."""
        now = time.monotonic()
        if validated or now - self._shown > _REPORT_S:
            plan = self._plan
            pace = self._seconds / (run.step - self._began)
            loss = float(run.losses[-1]) if run.losses else run.history[-1]["loss"]
            speed, left = plan.rows * plan.context / pace, (plan.steps - run.step) * pace
            held = run.validation if validated else None
            rate = learning_rate(plan, run.step - 1)
            self._report(Progress(run.step, plan.steps, loss, rate, speed, left, held))
            self._shown = now
        self._since = time.monotonic()
