"""Small random int8 models for the tests of the fused step, and what it is compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.checkpoint import Checkpoint, tensor_shapes
from engine.config import ForgeConfig
from engine.fused.step import FusedStep
from engine.graph import export

Floats = npt.NDArray[np.float32]

# Grouped heads; a head of one tile and of three; an untied head; a context that ends in a tile.
SHAPES = {
    "grouped": ForgeConfig(
        dim=64, n_layers=2, n_heads=4, n_kv_heads=2, ffn_dim=192, vocab_size=640, context=150
    ),
    "wide": ForgeConfig(
        dim=192, n_layers=1, n_heads=4, n_kv_heads=4, ffn_dim=64, vocab_size=128, context=96
    ),
    "untied": ForgeConfig(
        dim=128,
        n_layers=1,
        n_heads=2,
        n_kv_heads=1,
        ffn_dim=128,
        vocab_size=128,
        context=64,
        tied=False,
    ),
}


def served(config: ForgeConfig, folder: Path) -> Path:
    """The int8 graph of random weights, large enough that attention is not flat."""
    rng = np.random.default_rng(config.dim)
    weights = {
        name: (rng.normal(0, 0.15, shape) + (len(shape) == 1)).astype(np.float32)
        for name, shape in tensor_shapes(config).items()
    }
    return export(Checkpoint(config, weights, "", {}), folder, "int8")


def prompt(config: ForgeConfig, length: int) -> list[int]:
    """Tokens of any kind."""
    rng = np.random.default_rng(length)
    return [int(n) for n in rng.integers(0, config.vocab_size, length)]


def in_pieces(step: FusedStep, tokens: list[int], sizes: list[int]) -> Floats:
    """Logits (S, V) after each token, put in by pieces of these sizes and then one by one."""
    logits, place = [], 0
    for size in sizes:
        if piece := tokens[place : place + size]:
            logits.append(step.run(piece, place, every=True))
            place += len(piece)
    logits += [step.step(tokens[n], n)[None].copy() for n in range(place, len(tokens))]
    return np.concatenate(logits)
