"""A checkpoint in the mode in which it is to be served.

Plain rounding needs nothing but the weights. At int4 a calibration corrects what rounding does to
the answers (`engine.quantisation.gptq`): it needs torch, and token ids like those that the model will read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from engine.checkpoint import Checkpoint, check_tensors
from engine.errors import BadConfig
from engine.quantisation.matrices import MODES, Mode, Quantised, rounded

GROUP_SIZES = (16, 32, 64)
"""Inputs that may share a scale: kernels take powers of two from 16, dimensions are multiples of 64."""


@dataclass(frozen=True, slots=True)
class QuantizationConfig:
    """How weights are kept.

    Attributes:
        mode: none (fp32) | dynamic (int8 with a scale an output, for CPUs without dot products) |
            int8 | int4 (embedding and head stay at int8).
        group_size: inputs that share a scale; default 64 at int8 (the fused step takes no other),
            32 at int4. None at other modes.
        calibration_batches: at int4, batches of 8 rows of 256 tokens over which the rounding is
            corrected; 0 rounds to the nearest code. 16 are enough for the models here.

    Raises:
        BadConfig: an unknown mode, or what the mode has no use for.
    """

    mode: str = "int8"
    group_size: int | None = None
    calibration_batches: int = 0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise BadConfig(f"there is no mode {self.mode!r}", f"use one of {', '.join(MODES)}")
        sizes = ", ".join(map(str, GROUP_SIZES))
        if self.group_size is not None and self.mode not in ("int8", "int4"):
            raise BadConfig(f"mode {self.mode} has no groups", "leave group_size out")
        if self.group_size not in (None, *GROUP_SIZES):
            raise BadConfig(f"there is no group_size {self.group_size}", f"use one of {sizes}")
        if self.calibration_batches < 0:
            raise BadConfig(f"{self.calibration_batches} calibration batches", "give 0 or more")
        if self.calibration_batches and self.mode != "int4":
            raise BadConfig(
                f"mode {self.mode} rounds too finely for a calibration to show",
                "calibrate int4, or leave calibration_batches out",
            )


def quantise_checkpoint(
    checkpoint: Checkpoint,
    config: QuantizationConfig,
    calibration: Sequence[Sequence[int]] | None = None,
) -> Quantised:
    """`checkpoint` with its weights as `config` says, for `engine.graph.write_served`.

    Args:
        checkpoint: fp32 tensors.
        config: the mode and how.
        calibration: token ids of texts, used where `config.calibration_batches` asks for them; they
            are cut and packed into rows, and of the rows as many as asked for are drawn. Default:
            texts that the model writes itself, which serve nearly as well.

    Raises:
        BadModel: tensors that do not fit the config, or that are not finite.
        BadConfig: calibration texts without `calibration_batches`, or without two tokens together.
        MissingDependency: calibration without the `train` extra.
    """
    if not config.calibration_batches:
        if calibration is not None:
            raise BadConfig(
                "calibration texts, and no batches of them asked for", "set calibration_batches"
            )
        return rounded(checkpoint, cast("Mode", config.mode), config.group_size)
    check_tensors(checkpoint.config, checkpoint.weights, "the checkpoint")
    from engine.quantisation.gptq import calibrated
    from engine.quantisation.own_texts import own_texts

    if calibration is None:
        calibration = own_texts(checkpoint, config.calibration_batches)
    return calibrated(checkpoint, calibration, config.calibration_batches, config.group_size or 32)
