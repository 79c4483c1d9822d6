"""What a run needs to go on after an interruption: weights, optimiser moments, place in the data.

No random state is kept: after the start nothing draws from torch's generator, and the order of
the data follows from seed and step alone. Everything is safetensors and JSON, nothing pickled.
"""

import json
import math
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from engine.checkpoint import (
    Checkpoint,
    Weights,
    load_checkpoint,
    save_checkpoint,
    write_json,
)
from engine.errors import BadModel
from engine.model import ForgeModel

_MOMENTS = "optimiser.safetensors"
_PLACE = "place.json"


@dataclass(slots=True)
class Run:
    """What changes from step to step.

    Attributes:
        step: optimiser steps done.
        best: lowest validation loss so far.
        validation: (loss, accuracy) last measured.
        history: step and training loss of each report.
    """

    model: ForgeModel
    optimiser: torch.optim.AdamW
    step: int = 0
    best: float = math.inf
    validation: tuple[float, float] | None = None
    history: list[dict[str, float]] = field(default_factory=list)


def has_state(out: Path) -> bool:
    """Whether a run in `out` was saved and can be resumed."""
    return (out / "state" / _PLACE).exists()


def save_state(out: Path, run: Run, fingerprint: str, facts: dict[str, Any]) -> None:
    """Replace `out/state` by where `run` stands; a kill meanwhile leaves the former one."""
    fresh, former, target = out / ".state-new", out / ".state-old", out / "state"
    shutil.rmtree(fresh, ignore_errors=True)
    weights = weights_of(run.model)
    save_checkpoint(fresh, Checkpoint(run.model.config, weights, fingerprint, facts))
    moments = {
        f"{number}.{name}": value.contiguous()
        for number, values in run.optimiser.state_dict()["state"].items()
        for name, value in values.items()
    }
    save_file(moments, fresh / _MOMENTS)
    place = {
        "step": run.step,
        "best": run.best if math.isfinite(run.best) else None,
        "validation": run.validation,
        "history": run.history,
    }
    write_json(fresh / _PLACE, place)
    shutil.rmtree(former, ignore_errors=True)
    if target.exists():
        target.replace(former)
    fresh.replace(target)
    shutil.rmtree(former, ignore_errors=True)


def load_state(out: Path, run: Run, fingerprint: str, facts: dict[str, Any]) -> None:
    """Put `run` where `save_state` left it.

    Raises:
        BadModel: the state is damaged, or of a run with other data or another plan.
    """
    checkpoint = load_checkpoint(out / "state")
    same = ("plan", "data", "initial")
    before = json.dumps([checkpoint.training.get(name) for name in same], sort_keys=True)
    now = json.dumps([facts[name] for name in same], sort_keys=True)
    config = run.model.config
    if checkpoint.config != config or checkpoint.tokenizer != fingerprint or before != now:
        raise BadModel(
            f"{out / 'state'} belongs to a run with other data or settings",
            "give those of the run to be resumed, or another --out",
        )
    load_weights(run.model, checkpoint.weights)
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in load_file(out / "state" / _MOMENTS).items():
        number, _, name = key.partition(".")
        moments.setdefault(int(number), {})[name] = value
    groups = run.optimiser.state_dict()["param_groups"]
    run.optimiser.load_state_dict({"state": moments, "param_groups": groups})
    place = json.loads((out / "state" / _PLACE).read_text("utf-8"))
    run.step = place["step"]
    run.best = math.inf if place["best"] is None else place["best"]
    run.validation = tuple(place["validation"]) if place["validation"] else None
    run.history = place["history"]


def weights_of(model: ForgeModel) -> Weights:
    """The model's weights as float32 arrays by LLaMA name."""
    return {
        name: weight.detach().to("cpu", torch.float32).numpy()
        for name, weight in model.state_dict().items()
    }


def load_weights(model: ForgeModel, weights: Weights) -> None:
    """Copy `weights` into `model`."""
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
