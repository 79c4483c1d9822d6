"""A model in a mode that it does not lie in: quantised once, kept in the cache folder, verified since.

Better from a checkpoint than from a served model: there the weights have not been rounded yet.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from engine.admission import admit
from engine.checkpoint import (
    CONFIG,
    WEIGHTS,
    Checkpoint,
    load_checkpoint,
    refuse_pickles,
    verify_sums,
)
from engine.config import read_config_json
from engine.errors import BadTokenizer
from engine.graph import write_served
from engine.model_cache import kept, source_of
from engine.model_folder import TOKENIZER, ModelFolder, find_model, models_folder
from engine.model_use import CALIBRATION, USE
from engine.quantisation import Mode, QuantizationConfig, quantise_checkpoint
from engine.served import load_served_weights
from engine.tokenizer import Tokenizer

# Whatever decides what comes out of a checkpoint.
_MAKERS = (
    *("graph.py", "pretrained.py", "served.py", "quantisation/gptq.py"),
    *("quantisation/matrices.py", "quantisation/own_texts.py", "quantisation/quantise.py"),
)
# Beside the weights in fp32, the same in the new mode and the graph as it is written.
_QUANTISING = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make.

    Attributes:
        source: folder of a checkpoint or of a served model.
        config: the mode and how.
        calibration: texts to correct the rounding by.
    """

    source: Path
    config: QuantizationConfig
    calibration: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: str | Path, mode: str) -> "Plan":
        """A plan for `path`, a folder or the name of one below the models folder.

        Raises:
            BadModel: there is no such folder.
            BadConfig: there is no such mode.
        """
        # QuantizationConfig refuses what is none.
        return cls(find_model(path), QuantizationConfig(mode=cast("Mode", mode)))


def served_in(plan: Plan) -> ModelFolder:
    """The model of `plan`: the source itself where it is in that mode, else one in the cache.

    Raises:
        BadModel: the source is missing, damaged or no model.
        BadConfig: its config.json describes none.
        BadTokenizer: its tokenizer is not to be found.
        MissingDependency: it must be made, and the `train` extra is not installed.
        OutOfMemory: no room to make it.
        NotWritten: the cache folder takes no file.
    """
    refuse_pickles(plan.source)
    served = "forge" in read_config_json(plan.source / CONFIG)
    weights = WEIGHTS
    if served:
        opened = ModelFolder.open(plan.source)
        if plan.config == QuantizationConfig(mode=cast("Mode", opened.mode)):
            return opened
        if not (plan.source / WEIGHTS).exists():
            weights = opened.graph.name
    listed = verify_sums(plan.source, (weights, CONFIG))
    parts = [listed[weights], listed[CONFIG], repr(plan.config), repr(plan.calibration)]
    return kept([*parts, source_of(*_MAKERS)], lambda folder: _make(plan, folder))


def find_tokenizer(folder: Path, fingerprint: str) -> Tokenizer:
    """The tokenizer that a model was trained with: in its folder, above it, or with the models.

    Raises:
        BadTokenizer: none of those is the one.
    """
    if not fingerprint:
        raise BadTokenizer(
            f"{folder} does not say which tokenizer it was trained with",
            "add tokenizer_sha256 to its config.json",
        )
    for place in (folder, folder.resolve().parent, models_folder()):
        if (place / TOKENIZER).is_file():
            try:
                return Tokenizer.load(place / TOKENIZER, fingerprint=fingerprint)
            except BadTokenizer:
                continue
    raise BadTokenizer(
        f"the tokenizer that {folder} was trained with ({fingerprint[:12]}) is not there",
        f"put its {TOKENIZER} into that folder",
    )


def _make(plan: Plan, folder: Path) -> None:
    checkpoint = _weights(plan.source)
    tokenizer = find_tokenizer(plan.source, checkpoint.tokenizer)
    quantised = quantise_checkpoint(
        checkpoint, plan.config, [tokenizer.encode(text) for text in plan.calibration] or None
    )
    tokenizer.save(folder / TOKENIZER)
    for name in (USE, CALIBRATION):
        if (plan.source / name).is_file():
            (folder / name).write_bytes((plan.source / name).read_bytes())
    write_served(quantised, folder)


def _weights(source: Path) -> Checkpoint:
    if (source / WEIGHTS).exists():
        admit(str(source), _QUANTISING * (source / WEIGHTS).stat().st_size)
        return load_checkpoint(source)
    admit(str(source), _QUANTISING * 4 * ModelFolder.open(source).config.parameters())
    return load_served_weights(source)
