"""Every shape in every mode, served as it would be, against torch in fp32; random weights.

Shapes up to pi_5 are whole. Above, width, heads, feed-forward and rotary base are the preset's, and
what only makes the test long is cut: to two layers (one from `base` on), a vocabulary of 512 and a
context of 64. Logits are taken after a prompt of 40 at once and 8 steps, so that prefill and decode
are both held against torch.

Each mode is compared twice: with torch on the weights before rounding, within what rounding costs
random weights (more than trained ones, which have learnt to agree with themselves); and with torch on
the weights that the codes stand for, where only the rounding of activations is left.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from engine_models import likeliest_new
from torch import Tensor

import engine.model
from engine.checkpoint import Checkpoint, tensor_shapes
from engine.config import PRESETS, ForgeConfig
from engine.graph import write_graph
from engine.model import ForgeModel
from engine.onnx_backend import OnnxBackend
from engine.quantisation.matrices import MODES, Mode, Quantised, rounded
from engine.served import tensors

Floats = npt.NDArray[np.float32]

WHOLE = ("pi_zero", "nano", "micro", "pi_4", "tiny", "pi_5")
PROMPT, STEPS = 40, 8


def cut(preset: str) -> ForgeConfig:
    """The shape that is tested."""
    config = PRESETS[preset]
    if preset in WHOLE:
        return config
    return replace(config, n_layers=2 if config.dim < 640 else 1, vocab_size=512, context=64)


# `plus` and `large` differ in depth and context alone: cut, they are one.
SHAPES = tuple({cut(preset): preset for preset in PRESETS}.values())


@dataclass(frozen=True, slots=True)
class Bound:
    """Largest difference of a logit, and mean Kullback-Leibler divergence in nats."""

    logit: float
    divergence: float

    def holds(self, expected: Floats, got: Floats) -> bool:
        """Whether `got` (S, V) is within it of `expected`."""
        largest, mean = distance(expected, got)
        return largest <= self.logit and mean <= self.divergence


FP32: dict[Mode, Bound] = {
    "none": Bound(1e-4, 1e-9),
    "dynamic": Bound(4.0, 0.08),
    "int8": Bound(3.0, 0.03),
    "int4": Bound(12.0, 1.5),
}
CODES: dict[Mode, Bound] = {
    "none": Bound(1e-4, 1e-9),
    "dynamic": Bound(3.0, 0.04),
    "int8": Bound(1.5, 0.015),
    "int4": Bound(1.5, 0.015),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A model with random weights, a text, and what torch says after each of its tokens (S, V)."""

    checkpoint: Checkpoint
    ids: list[int]
    logits: Floats


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("preset", SHAPES)
def test_what_is_served_says_what_torch_says(preset: str, mode: Mode, tmp_path: Path) -> None:
    case = case_of(preset)
    quantised = rounded(case.checkpoint, mode)
    got = served_logits(quantised, case.ids, tmp_path)
    assert FP32[mode].holds(case.logits, got), distance(case.logits, got)
    if mode != "none":
        near = torch_logits(coded(quantised, case), case.ids)
        assert CODES[mode].holds(near, got), distance(near, got)


@pytest.mark.parametrize("preset", WHOLE)
def test_the_likeliest_tokens_are_those_of_torch(preset: str, tmp_path: Path) -> None:
    """256 of them at fp32; each is the likeliest that has not come yet, or they would soon repeat."""
    case = case_of(preset)
    ids, backend = case.ids[:PROMPT], backend_of(rounded(case.checkpoint, "none"), tmp_path)
    logits = backend.run(ids, 0, every=False)[0]
    for position in range(PROMPT, PROMPT + 256):
        ids.append(likeliest_new(logits, ids))
        logits = backend.step(ids[-1], position)
    expected = torch_logits(case.checkpoint, ids)
    for place in range(PROMPT, len(ids)):
        assert ids[place] == likeliest_new(expected[place - 1], ids[:place])


WRONG = ("rotary", "groups", "gate and up", "keys and values", "scale")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_graph_would_be_seen(wrong: str, mode: Mode, tmp_path: Path) -> None:
    """The bounds tell rounding from mistakes: here the reference makes one, in its place."""
    case = case_of("nano")
    quantised = rounded(case.checkpoint, mode)
    got = served_logits(quantised, case.ids, tmp_path)
    with mistaken(wrong):
        expected = torch_logits(swapped(coded(quantised, case), wrong), case.ids)
    assert not CODES[mode].holds(expected, got), distance(expected, got)


@lru_cache(maxsize=1)
def case_of(preset: str) -> Case:
    config = cut(preset)
    rng = np.random.default_rng(5)
    weights = {name: weight_of(name, shape, rng) for name, shape in tensor_shapes(config).items()}
    checkpoint = Checkpoint(config, weights, "", {})
    ids = rng.integers(0, config.vocab_size, PROMPT + STEPS).tolist()
    return Case(checkpoint, ids, torch_logits(checkpoint, ids))


def weight_of(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Random, so that logits spread by 2 and attention looks at some positions more than others."""
    if len(shape) == 1:
        return (1 + rng.normal(0, 0.2, shape)).astype(np.float32)
    spread = 2.0 if "embed" in name else 1.5 if "q_proj" in name or "k_proj" in name else 1.0
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(spread / math.sqrt(shape[1]))


def torch_logits(checkpoint: Checkpoint, ids: list[int]) -> Floats:
    torch.set_num_threads(1)
    with torch.device("meta"):  # weights are put in, so none need be drawn
        model = ForgeModel(checkpoint.config)
    model.load_state_dict({k: torch.tensor(w) for k, w in checkpoint.weights.items()}, assign=True)
    model.model.cos, model.model.sin = engine.model.rotary_tables(checkpoint.config)
    with torch.no_grad():
        logits: Floats = model(torch.tensor([ids]))[0].numpy()
    return logits


def coded(quantised: Quantised, case: Case) -> Checkpoint:
    """What the codes stand for."""
    return replace(case.checkpoint, weights=tensors(quantised))


def backend_of(quantised: Quantised, folder: Path) -> OnnxBackend:
    file = folder / "model.onnx"
    write_graph(quantised, file)
    return OnnxBackend(file, quantised.config, 1)


def served_logits(quantised: Quantised, ids: list[int], folder: Path) -> Floats:
    """Logits (S, V): after each token of the prompt, then after each step."""
    backend = backend_of(quantised, folder)
    prompt = backend.run(ids[:PROMPT], 0, every=True)
    steps = [backend.step(ids[n], n).copy() for n in range(PROMPT, PROMPT + STEPS)]
    return np.concatenate([prompt, steps])


def distance(expected: Floats, got: Floats) -> tuple[float, float]:
    """Largest difference of a logit, and mean divergence of `got` from `expected`."""
    p, q = (torch.from_numpy(x).double().log_softmax(-1) for x in (expected, got))
    mean = float((p.exp() * (p - q)).sum(-1).mean())
    return float(np.abs(got - expected).max()), mean


def swapped(checkpoint: Checkpoint, wrong: str) -> Checkpoint:
    """`checkpoint` with two matrices of each layer in each other's place, if that is what is wrong."""
    pairs = {"gate and up": ("gate_proj", "up_proj"), "keys and values": ("k_proj", "v_proj")}
    if wrong not in pairs:
        return checkpoint
    one, other = pairs[wrong]
    exchange = {one: other, other: one}
    weights = {}
    for name, weight in checkpoint.weights.items():
        part = name.split(".")[-2]
        weights[name.replace(part, exchange.get(part, part))] = weight
    return replace(checkpoint, weights=weights)


@contextmanager
def mistaken(wrong: str) -> Iterator[None]:
    """torch's model with a mistake in its attention."""
    tables, repeat = engine.model.rotary_tables, Tensor.repeat_interleave
    attend: Any = torch.nn.functional.scaled_dot_product_attention
    with pytest.MonkeyPatch.context() as patch:
        match wrong:
            case "rotary":

                def backwards(*of: Any) -> tuple[Tensor, Tensor]:
                    cos, sin = tables(*of)
                    return cos, -sin

                patch.setattr(engine.model, "rotary_tables", backwards)
            case "groups":

                def tiled(x: Tensor, times: int, dim: int) -> Tensor:
                    return torch.cat([x] * times, dim) if x.dim() == 4 else repeat(x, times, dim)

                patch.setattr(Tensor, "repeat_interleave", tiled)
            case "scale":

                def unscaled(*inputs: Any, **more: Any) -> Any:
                    return attend(*inputs, **more, scale=1.0)

                patch.setattr(torch.nn.functional, "scaled_dot_product_attention", unscaled)
        yield
