"""A checkpoint in the mode in which it is to be served; see docs/quantisation.md."""

from engine.quantisation.matrices import MODES, Mode
from engine.quantisation.quantise import QuantizationConfig, quantise_checkpoint

__all__ = ["MODES", "Mode", "QuantizationConfig", "quantise_checkpoint"]
