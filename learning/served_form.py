"""A trained checkpoint as a node can serve it: mixed with the one before, int8, calibrated, sealed.

What lies on the way between the weights before and after a fine-tuning keeps most of what was learnt
and loses less of what was known than its end (Wortsman et al. 2022, WiSE-FT).
"""

import shutil
from dataclasses import asdict
from pathlib import Path

from engine.checkpoint import SUMS, Checkpoint, write_json, write_sums
from engine.model_folder import TOKENIZER
from engine.model_use import CALIBRATION, USE, Calibration


def between(before: Checkpoint, after: Checkpoint, share: float) -> Checkpoint:
    """The weights at `share` of the way from `before` (0) to `after` (1)."""
    weights = {
        name: weight + share * (after.weights[name] - weight)
        for name, weight in before.weights.items()
    }
    return Checkpoint(after.config, weights, after.tokenizer, after.training)


def write_model(checkpoint: Checkpoint, shipped: Path, folder: Path) -> None:
    """Write the int8 form into `folder`, with the shipped model's use, calibration and tokenizer."""
    from engine.graph import write_served
    from engine.quantisation.quantise import QuantizationConfig, quantise_checkpoint

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_served(quantise_checkpoint(checkpoint, QuantizationConfig("int8"), None), folder)
    for name in (USE, CALIBRATION):
        shutil.copyfile(shipped / name, folder / name)
    shutil.copyfile(tokenizer_of(shipped), folder / TOKENIZER)
    seal(folder)


def calibrate(folder: Path, calibration: Calibration) -> None:
    """Give a model another calibration."""
    write_json(folder / CALIBRATION, asdict(calibration))
    seal(folder)


def seal(folder: Path) -> None:
    """Write its list of checksums anew."""
    write_sums(folder, sorted(file.name for file in folder.iterdir() if file.name != SUMS))


def tokenizer_of(shipped: Path) -> Path:
    """The tokenizer of a shipped model: in its folder, else beside it."""
    inside = shipped / TOKENIZER
    return inside if inside.exists() else shipped.parent / TOKENIZER
