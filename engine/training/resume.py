"""What a run keeps: the best weights, and what it needs to go on after an interruption.

The state is weights (and their mean), optimiser moments and the place in the data. No random state
is kept: what is left out of a step by dropout, and the order of the data, follow from seed and step
alone. Everything is safetensors and JSON, nothing pickled. Both are written beside what they
replace and moved into its place, so that neither a kill nor a full disk damages what was there.
"""

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.checkpoint import (
    CONFIG,
    SUMS,
    TRAINING,
    WEIGHTS,
    Checkpoint,
    Weights,
    load_checkpoint,
    save_checkpoint,
    write_json,
    write_sums,
)
from engine.config import read_config_json
from engine.errors import BadConfig, BadModel, NotWritten
from engine.model import ForgeModel
from engine.model_use import USE
from engine.training.averaging import Average

_MOMENTS = "optimiser.safetensors"
_AVERAGE = "average.safetensors"
_PLACE = "place.json"
_CURVE = "loss.png"


@dataclass(slots=True)
class Run:
    """What changes from step to step.

    Attributes:
        average: mean of the weights, which is validated and kept; None: they themselves are.
        step: optimiser steps done.
        best: lowest validation loss so far.
        since_best: validations since then.
        validation: (loss, accuracy) last measured.
        kept: the same of the weights that are kept.
        history: step and mean training loss since the point before.
        validations: step, loss and accuracy of each validation.
        losses: of the steps since the last point of `history`.
    """

    model: ForgeModel
    optimiser: torch.optim.AdamW
    average: Average | None = None
    step: int = 0
    best: float = math.inf
    since_best: int = 0
    validation: tuple[float, float] | None = None
    kept: tuple[float, float] | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    validations: list[dict[str, float]] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)


def refuse_other_run(out: Path, *, resume: bool) -> None:
    """Raise `BadConfig` where `out` holds what a new run would overwrite."""
    if out.exists() and not out.is_dir():
        raise BadConfig(f"{out} is a file", "give a folder as --out")
    if _state_folder(out) is not None:
        if not resume:
            raise BadConfig(
                f"{out} holds a run already", "add --resume to go on with it, or give another --out"
            )
    elif (out / CONFIG).exists() and not (resume and _begun(out)):
        raise BadConfig(f"{out} holds a model that is no run to go on with", "give another --out")


def has_state(out: Path) -> bool:
    """Whether a run in `out` was saved and can be resumed."""
    return _state_folder(out) is not None


def saved_plan(out: Path) -> dict[str, Any]:
    """The plan of the run in `out`; {} where there is none."""
    folder = _state_folder(out)
    return {} if folder is None else dict(read_config_json(folder / TRAINING).get("plan", {}))


def save_best(out: Path, run: Run, fingerprint: str, facts: dict[str, Any]) -> None:
    """Put the run's weights in `out`, in place of those that were best before.

    Raises:
        NotWritten: the disk would not take them; what was there stays whole.
    """
    fresh = out / ".best-new"
    with _whole_or_not_at_all(fresh):
        weights = weights_of(run.average or run.model)
        save_checkpoint(fresh, Checkpoint(run.model.config, weights, fingerprint, facts))
    (out / SUMS).unlink(missing_ok=True)
    for name in (TRAINING, WEIGHTS, CONFIG, SUMS):  # the first tells that a run began here
        (fresh / name).replace(out / name)
    fresh.rmdir()


def save_outcome(out: Path, outcome: dict[str, Any], use: dict[str, Any]) -> None:
    """Say how the whole run went, in training.json, and how the model is to be asked, in use.json."""
    try:
        write_json(out / TRAINING, read_config_json(out / TRAINING) | outcome)
        write_json(out / USE, use)
        write_sums(out, (WEIGHTS, CONFIG, TRAINING, USE))
    except OSError as fault:
        raise _not_written(out, fault) from fault


def save_curve(out: Path, png: bytes) -> None:
    """Put the picture of the loss beside the weights."""
    temporary = out / f".{_CURVE}"
    try:
        temporary.write_bytes(png)
        temporary.replace(out / _CURVE)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        raise _not_written(out, fault) from fault


def save_state(out: Path, run: Run, fingerprint: str, facts: dict[str, Any]) -> None:
    """Replace `out/state` by where `run` stands; a kill meanwhile leaves the former one.

    Raises:
        NotWritten: the disk would not take it; the former one stays whole.
    """
    fresh, former, target = out / ".state-new", out / ".state-old", out / "state"
    with _whole_or_not_at_all(fresh):
        weights = weights_of(run.model)
        save_checkpoint(fresh, Checkpoint(run.model.config, weights, fingerprint, facts))
        save_file(_moments(run.optimiser), fresh / _MOMENTS)
        write_json(fresh / _PLACE, _place(run))
        names = [WEIGHTS, CONFIG, TRAINING, _MOMENTS, _PLACE]
        if run.average:
            save_file(run.average.weights, fresh / _AVERAGE)
            names.append(_AVERAGE)
        write_sums(fresh, names)
    if target.exists():
        shutil.rmtree(former, ignore_errors=True)
        target.replace(former)
    fresh.replace(target)
    shutil.rmtree(former, ignore_errors=True)


def load_state(out: Path, run: Run, fingerprint: str, facts: dict[str, Any]) -> None:
    """Put `run` where `save_state` left it.

    Raises:
        BadModel: the state is damaged, or of a run with other data or another plan.
    """
    folder = _state_folder(out) or out / "state"
    checkpoint = load_checkpoint(folder)
    before = {name: checkpoint.training.get(name) for name in ("plan", "data", "initial")}
    now = {name: facts[name] for name in before}
    config = run.model.config
    if checkpoint.config != config or checkpoint.tokenizer != fingerprint or before != now:
        raise BadModel(
            f"{folder} belongs to a run with other data or settings ({_difference(before, now)})",
            "give those of the run to be resumed, or another --out",
        )
    load_weights(run.model, checkpoint.weights)
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in load_file(folder / _MOMENTS).items():
        number, _, name = key.partition(".")
        moments.setdefault(int(number), {})[name] = value
    groups = run.optimiser.state_dict()["param_groups"]
    run.optimiser.load_state_dict({"state": moments, "param_groups": groups})
    if run.average:
        for name, weight in load_file(folder / _AVERAGE).items():
            run.average.weights[name].copy_(weight)
    place = read_config_json(folder / _PLACE)
    run.step, run.since_best = place["step"], place["since_best"]
    run.best = math.inf if place["best"] is None else place["best"]
    run.validation = tuple(place["validation"]) if place["validation"] else None
    run.kept = tuple(place["kept"]) if place["kept"] else None
    run.history, run.validations = place["history"], place["validations"]
    run.losses = [torch.tensor(loss) for loss in place["losses"]]


def weights_of(model: ForgeModel | Average) -> Weights:
    """The model's weights, or their mean, as float32 arrays by LLaMA name."""
    found = model.weights if isinstance(model, Average) else model.state_dict()
    return {
        name: weight.detach().to("cpu", torch.float32).numpy() for name, weight in found.items()
    }


def load_weights(model: ForgeModel, weights: Weights) -> None:
    """Copy `weights` into `model`."""
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})


def _state_folder(out: Path) -> Path | None:
    """The newest whole state; `.state-old` where a kill came between two renames."""
    folders = (out / "state", out / ".state-old")
    return next((folder for folder in folders if (folder / _PLACE).exists()), None)


def _begun(out: Path) -> bool:
    """Whether a run was killed in `out` after its first weights and before its first state."""
    file = out / TRAINING
    return file.exists() and "steps_done" not in read_config_json(file)


def _moments(optimiser: torch.optim.AdamW) -> dict[str, Tensor]:
    return {
        f"{number}.{name}": value.contiguous()
        for number, values in optimiser.state_dict()["state"].items()
        for name, value in values.items()
    }


def _place(run: Run) -> dict[str, Any]:
    return {
        "step": run.step,
        "best": run.best if math.isfinite(run.best) else None,
        "since_best": run.since_best,
        "validation": run.validation,
        "kept": run.kept,
        "history": run.history,
        "validations": run.validations,
        "losses": [float(loss) for loss in run.losses],
    }


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Names of what is not the same."""
    names = [name for name in ("data", "initial") if before[name] != now[name]]
    old, new = before["plan"] or {}, now["plan"]
    pairs = ((name, old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys()))
    plan = [f"{name} {was} then, {will} now" for name, was, will in pairs if was != will]
    return ", ".join(names + plan) or "the shape or the tokenizer"


@contextmanager
def _whole_or_not_at_all(folder: Path) -> Iterator[None]:
    """What is written into `folder` meanwhile is removed where it cannot be finished."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield
    except (OSError, SafetensorError, NotWritten) as fault:
        shutil.rmtree(folder, ignore_errors=True)
        raise _not_written(folder.parent, fault) from fault


def _not_written(out: Path, fault: Exception) -> NotWritten:
    why = fault.what if isinstance(fault, NotWritten) else fault
    return NotWritten(
        f"a checkpoint could not be written to {out} ({why}); the one before is whole",
        "make room there, then go on with --resume",
    )
