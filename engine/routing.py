"""Which specialist answers a request: one prefill of a small classifier.

The labels, and which model serves which, come from `use.json` beside the router's weights; how sure
it must be comes from `calibration.json`, measured on validation data.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.decoding import classify
from engine.errors import BadModel, BadPrompt
from engine.model_use import Calibration, ModelUse
from engine.runtime import Forge
from engine.tokenizer import Tokenizer

MAX_PROMPT_CHARACTERS = 300
MAX_PROMPT_TOKENS = 200


@dataclass(frozen=True, slots=True)
class Route:
    """What the router makes of a request.

    Attributes:
        label: the likeliest.
        probability: of it, calibrated.
        abstained: whether that is below the threshold.
        model: name of the model that serves the label; "" where none does, or on an abstention.
    """

    label: str
    probability: float
    abstained: bool
    model: str


def route(forge: Forge, use: ModelUse, calibration: Calibration, prompt: str) -> Route:
    """Ask the router about one request.

    Raises:
        BadModel: `forge` is no classifier of requests.
        BadPrompt: empty, or no well-formed text.
        Busy: `forge` is in the middle of another request.
    """
    if not use.labels:
        raise BadModel("the router's use.json names no labels", "copy its folder again")
    if not prompt:
        raise BadPrompt("the prompt is empty", "say what is wanted")
    share = tempered(
        classify(forge, router_ids(forge.tokenizer, prompt), range(len(use.labels))),
        calibration.temperature,
    )
    best = int(share.argmax())
    label, probability = use.labels[best], float(share[best])
    abstained = probability < calibration.threshold
    return Route(label, probability, abstained, "" if abstained else use.specialists.get(label, ""))


def prompt_of(text: str) -> str:
    """The form in which a sentence is put to the router, in training and in serving."""
    return " ".join(text.lower().split())[:MAX_PROMPT_CHARACTERS]


def router_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The request as the router reads it; the beginning of one that is mostly rare characters."""
    tokens = tokenizer.encode(prompt_of(text))[:MAX_PROMPT_TOKENS]
    return tokenizer.chat(tokenizer.decode(tokens), task="route")


def tempered(share: npt.NDArray[np.float64], temperature: float) -> npt.NDArray[np.float64]:
    """Probabilities (N,) with their logarithms divided by `temperature`."""
    softened = share ** (1 / temperature)
    calibrated: npt.NDArray[np.float64] = softened / softened.sum()
    return calibrated
