"""The model under evaluation: found by name or folder, or what to do where there is none."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from engine.errors import BadModel
from engine.model_folder import find_model, installed
from engine.model_use import CALIBRATION, Calibration, ModelUse, read_calibration, read_use
from engine.runtime import Forge
from engine.train import SERVED

KINDS = {
    "home": "`python -m data.home_commands --out run/home` and "
    "`forgebus train --type home --data run/home/train.jsonl --export int8`",
    "router": "`forgebus train --type router --data SET --export int8`",
    "math": "`forgebus train --type math --data gsm8k/train.jsonl --model-size small --export int8`",
    "code": "`forgebus train --type code --data mbpp/train.jsonl --model-size small --export int8`",
    "text": "`forgebus train --type text --data texts/ --export int8`",
}
"""What can be evaluated, and how a model of the kind is made."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model, how it is asked, and its calibration; `calibrated` says if it has one."""

    folder: Path
    forge: Forge
    use: ModelUse
    calibration: Calibration
    calibrated: bool


def model_folder(kind: str, name: str | None, models: Path) -> Path:
    """The served folder of the model `name`, by default that which is called as its kind.

    The folder of a run of `forgebus train` stands for its served form.

    Raises:
        BadModel: there is none; says how one is trained.
    """
    try:
        folder = find_model(name or kind, models)
    except BadModel as fault:
        if name:
            raise
        others = ", ".join(installed(models)) or "none"
        raise BadModel(
            f"no {kind} model is here: {models} has {others}",
            f"train one with {KINDS[kind]} and give its folder with --model, or score answers "
            "from elsewhere with --answers FILE",
        ) from fault
    if (folder / SERVED).is_dir():
        return folder / SERVED
    if (folder / "model.safetensors").exists() and not list(folder.glob("model.*.onnx")):
        raise BadModel(
            f"{folder} is a checkpoint, which is not served as it is",
            f"run `python -m engine.export {folder} FOLDER --mode int8` and give that folder",
        )
    return folder


def router_folder(labels: Collection[str], models: Path) -> Path:
    """The folder of the classifier here that knows most of `labels`.

    Of those that know as many, the one with the fewest labels besides. Where none knows half of
    them it is the model called router, which says what it lacks.

    Raises:
        BadModel: as `model_folder`.
    """
    known: list[tuple[int, int, str]] = []
    for name in installed(models):
        try:
            own = read_use(find_model(name, models)).labels
        except BadModel:
            continue  # a damaged folder is named where it is asked for
        known.append((len(set(own) & set(labels)), -len(own), name))
    found, _, best = max(known, default=(0, 0, ""))
    return model_folder("router", best if labels and 2 * found >= len(labels) else None, models)


def load_model(folder: Path) -> Model:
    """The model of a served folder; without a calibration.json nothing is held back.

    Raises:
        EngineError: as `Forge.load`.
    """
    calibrated = (folder / CALIBRATION).exists()
    calibration = read_calibration(folder) if calibrated else Calibration()
    return Model(folder, Forge.load(folder, threads=1), read_use(folder), calibration, calibrated)


def task_note(use: ModelUse, kind: str) -> str:
    """What to say where a model was trained for something else; "" where it was not."""
    task = {"router": "route"}.get(kind, kind)
    if use.task == task or (kind == "text" and use.general):
        return ""
    return f"the model was trained for {use.task or 'any text'!r}, not for {kind!r}"
