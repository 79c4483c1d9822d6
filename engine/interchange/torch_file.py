"""Weights out of torch's own files, for `forgebus models import --from-torch` and nothing else.

Such a file is a pickle. torch's loader for weights alone runs none of its code; it has had holes,
the last known one closed in 2.10, so an older torch is refused. No serving path comes here.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import BadModel, MissingDependency
from engine.interchange.foreign import recognise, refuse_foreign

OLDEST = (2, 10)
"""torch that reads weights alone without a known hole."""

Floats = npt.NDArray[np.float32]

_READ = {"a pickle", "a torch archive (a pickle)"}
# Where training loops put the weights among other things.
_INSIDE = ("state_dict", "model_state_dict", "model")


def read_torch_file(file: Path) -> dict[str, Floats]:
    """Its tensors by name, as float32.

    Raises:
        BadModel: missing, no pickle of torch's, or one with more in it than weights.
        MissingDependency: torch is not installed or older than 2.10.
    """
    if not file.is_file():
        raise BadModel(f"{file} is no file", "give the .pth, .pt or .bin file")
    if recognise(file) not in _READ:
        refuse_foreign(file)
        raise BadModel(f"{file} is no file of torch's", "import its folder without --from-torch")
    torch = _torch()
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as fault:  # unpickling raises whatever it meets
        raise BadModel(
            f"{file} holds more than weights, or is damaged ({type(fault).__name__})",
            "save `model.state_dict()` alone where it was made, best as safetensors",
        ) from fault
    tensors = _state(loaded)
    if not tensors or not all(isinstance(each, torch.Tensor) for each in tensors.values()):
        raise BadModel(
            f"{file} holds no weights by name", "save `model.state_dict()` where it was made"
        )
    return {str(name): each.detach().float().numpy() for name, each in tensors.items()}


def is_safe(version: str) -> bool:
    """Whether that torch reads weights alone without a known hole."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def _torch() -> Any:
    try:
        import torch
    except ImportError as fault:
        raise MissingDependency(
            "torch is not installed", "run `pip install forgebus[train]`"
        ) from fault
    if not is_safe(torch.__version__):
        raise MissingDependency(
            f"torch {torch.__version__} may run code out of a file of weights",
            "install torch 2.10 or later",
        )
    return torch


def _state(loaded: Any) -> dict[Any, Any]:
    if not isinstance(loaded, dict):
        return {}
    for name in _INSIDE:
        if isinstance(loaded.get(name), dict):
            return dict(loaded[name])
    return dict(loaded)
