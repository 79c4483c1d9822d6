"""An exponential mean of a run's weights, which validates better than the last ones.

Polyak & Juditsky 1992; with the decay of early steps kept low, so that the random weights of the
start are forgotten at once (as in TensorFlow's ExponentialMovingAverage).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from engine.model import ForgeModel

_EARLY = 10


class Average:
    """The mean of a model's weights over its steps; `weights` by LLaMA name, on its device."""

    def __init__(self, model: ForgeModel, decay: float) -> None:
        """`decay` is the share of the mean that a step leaves, above 0 and below 1."""
        self._model = model
        self._decay = decay
        self.weights: dict[str, Tensor] = {
            name: weight.detach().clone() for name, weight in model.state_dict().items()
        }

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take in the model's weights after optimiser step `step`, counted from 1."""
        decay = min(self._decay, step / (_EARLY + step))
        for name, weight in self._model.state_dict().items():
            self.weights[name].lerp_(weight, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the model computes with the mean; afterwards with its own weights again."""
        own = {name: weight.clone() for name, weight in self._model.state_dict().items()}
        self._model.load_state_dict(self.weights)
        try:
            yield
        finally:
            self._model.load_state_dict(own)
