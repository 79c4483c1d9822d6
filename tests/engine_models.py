"""Small random models for the tests of the engine."""

import numpy as np
import numpy.typing as npt

from engine.checkpoint import Checkpoint
from engine.config import ForgeConfig

SHAPE = ForgeConfig(
    dim=64, n_layers=2, n_heads=4, n_kv_heads=2, ffn_dim=192, vocab_size=640, context=256
)

SENTENCES = [
    "turn off the kitchen lights\n",
    "turn on the lamp in the bedroom\n",
    "what is 12 plus 30? it is 42.\n",
    "set the thermostat to 21 degrees\n",
    "Schalte das Licht in der Küche aus\n",
    "play some quiet music in the living room\n",
]


def likeliest_new(logits: npt.NDArray[np.float32], seen: list[int]) -> int:
    """The likeliest token that has not come yet: random weights soon repeat themselves."""
    left = logits.copy()
    left[seen] = -np.inf
    return int(left.argmax())


def random_checkpoint(config: ForgeConfig, fingerprint: str) -> Checkpoint:
    """Random weights, large enough that the likeliest token stands out."""
    import torch

    from engine.model import ForgeModel
    from engine.training.resume import weights_of

    # Operations this small gain nothing from a second thread, and wait for it on a busy machine.
    torch.set_num_threads(1)
    torch.manual_seed(11)
    model = ForgeModel(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight * 4 if weight.dim() == 2 else 1 + torch.rand_like(weight) / 4)
    return Checkpoint(config, weights_of(model), fingerprint, {})
