"""Rounding to 4 bit that corrects itself: GPTQ (Frantar et al. 2022).

"GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers": a matrix is rounded column by column; what a column loses is made up for by those that are not yet
rounded, as the inputs seen in calibration weigh it (H = X^T X). Layers come one after another,
and each sees its inputs through the layers that are already rounded. Needs torch.

Shapes: N outputs, D inputs of a matrix; R rows of T positions of a batch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from engine.checkpoint import Checkpoint
from engine.errors import BadConfig
from engine.model import ForgeModel, Layer
from engine.quantisation.matrices import Blocks, Quantised, in_blocks, packed, rounded, zero_point
from engine.training.data import Corpus, Example, epoch_rows, make_batch
from engine.training.resume import load_weights

ROWS, TOKENS = 8, 256
"""A batch of calibration."""

# Share of the mean of H's diagonal that is added to it, so that it can be inverted (the paper's).
_DAMPING = 0.01
# Columns whose losses are handed on at once; within them one at a time.
_PANEL = 128


def calibrated(
    checkpoint: Checkpoint, texts: Sequence[Sequence[int]], batches: int, block: int
) -> Quantised:
    """`checkpoint` at int4, embedding and head at int8, corrected over `texts`.

    Args:
        checkpoint: fp32 tensors that fit their config.
        texts: token ids, as the model will read them.
        batches: of 8 rows of 256 tokens that are drawn; all there are, if they are fewer.
        block: inputs that share a scale.

    Raises:
        BadConfig: texts without two tokens together.
    """
    plain = rounded(checkpoint, "int4", block)
    model = ForgeModel(checkpoint.config)
    load_weights(model, checkpoint.weights)
    matrices = dict(plain.matrices)
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(
            torch.from_numpy(plain.matrices["embedding"].values())
        )
        states = _states(model, texts, batches)
        for n, layer in enumerate(cast("Iterable[Layer]", model.model.layers)):
            for name, parts in _products(layer):
                blocks = _round(_moments(model, layer, parts[0], states), parts, block)
                matrices[f"{name}_{n}"] = blocks
                _put(blocks, parts)
            for state in states:
                state.x = _through(model, layer, state)
    made = {"group_size": block, "calibration_batches": len(states)}
    return replace(plain, matrices=matrices, made=made)


def rounded_columns(weight: Tensor, moments: Tensor, block: int) -> Blocks:
    """`weight` (N, D) in blocks of 4 bit, each column's loss made up for by those after it.

    Args:
        weight: to be rounded.
        moments: H (D, D), X^T X of its inputs; inputs that were never seen count for nothing.
        block: columns that share a scale, found when the first of them is reached.
    """
    left, rows, columns = weight.double().clone(), *weight.shape
    factor = _inverse_factor(moments)
    codes = np.empty((rows, columns // block, block), np.uint8)
    scales = np.empty((rows, columns // block), np.float32)
    panel = max(_PANEL, block)
    for start in range(0, columns, panel):
        stop = min(start + panel, columns)
        losses = torch.zeros(rows, stop - start, dtype=torch.float64)
        for i in range(start, stop):
            place, inside = divmod(i, block)
            if inside == 0:
                plain = in_blocks(left[:, i : i + block].float().numpy(), 4, block)
                scales[:, place] = plain.scales[:, 0]
                scale = torch.from_numpy(plain.scales[:, 0]).double()
            safe = torch.where(scale == 0, 1, scale)
            code = (left[:, i] / safe).round().clamp(-8, 7)
            loss = (left[:, i] - code * scale) / factor[i, i]
            left[:, i:stop] -= loss[:, None] * factor[i, i:stop]
            codes[:, place, inside] = (code + zero_point(4)).numpy()
            losses[:, i - start] = loss
        left[:, stop:] -= losses @ factor[start:stop, stop:]
    return Blocks(packed(codes, 4), scales, 4)


@dataclass(slots=True)
class _State:
    """A batch on its way through the layers.

    Attributes:
        x: (R, T, D), what the next layer reads.
        mask: (R, 1, T, T), True where seen; None where a row is one text.
        real: (R, T), False where a row is only filled up.
    """

    x: Tensor
    mask: Tensor | None
    real: Tensor


def _states(model: ForgeModel, texts: Sequence[Sequence[int]], batches: int) -> list[_State]:
    width = min(TOKENS, model.config.context)
    pieces = tuple(
        Example(np.array(ids[start : start + width + 1], np.uint16), prompt=0)
        for ids in texts
        for start in range(0, len(ids) - 1, width)
    )
    if not pieces:
        raise BadConfig("the calibration texts have no two tokens", "give longer ones")
    corpus = Corpus(pieces, {}, 0)
    rows = epoch_rows(corpus, width, 0, 0)[: batches * ROWS]
    states = []
    for first in range(0, len(rows), ROWS):
        batch = make_batch(corpus, rows[first : first + ROWS], width)
        documents = torch.from_numpy(batch.documents)
        mask = None
        if int(documents.max()) > 1:
            mask = (documents[:, :, None] == documents[:, None, :]).tril()[:, None]
        x = model.model.embed_tokens(torch.from_numpy(batch.tokens))
        states.append(_State(x, mask, documents > 0))
    return states


def _through(model: ForgeModel, layer: Layer, state: _State) -> Tensor:
    width = state.x.shape[1]
    out: Tensor = layer(state.x, model.model.cos[:width], model.model.sin[:width], state.mask)
    return out


def _products(layer: Layer) -> list[tuple[str, list[nn.Linear]]]:
    """What is multiplied by the same input, in the order of computing, by the graph's names."""
    attention, mlp = layer.self_attn, layer.mlp
    return [
        ("qkv", [attention.q_proj, attention.k_proj, attention.v_proj]),
        ("o", [attention.o_proj]),
        ("gate_up", [mlp.gate_proj, mlp.up_proj]),
        ("down", [mlp.down_proj]),
    ]


def _moments(model: ForgeModel, layer: Layer, part: nn.Linear, states: Sequence[_State]) -> Tensor:
    """X^T X (D, D) over the inputs X of `part`."""
    moments = torch.zeros(part.in_features, part.in_features, dtype=torch.float64)
    seen: list[Tensor] = []
    hook = part.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        for state in states:
            _through(model, layer, state)
            inputs = seen.pop()[state.real]
            moments += (inputs.T @ inputs).double()
    finally:
        hook.remove()
    return moments


def _round(moments: Tensor, parts: Sequence[nn.Linear], block: int) -> Blocks:
    weight = torch.cat([part.weight for part in parts])
    return rounded_columns(weight, moments, block)


def _put(blocks: Blocks, parts: Sequence[nn.Linear]) -> None:
    weight, start = torch.from_numpy(blocks.values()), 0
    for part in parts:
        part.weight.copy_(weight[start : start + part.out_features])
        start += part.out_features


def _inverse_factor(moments: Tensor) -> Tensor:
    """The upper Cholesky factor of H^-1, damped: row i says what column i's loss costs the others."""
    damped = moments.double().clone()
    diagonal = damped.diagonal()
    diagonal[diagonal == 0] = 1
    diagonal += _DAMPING * diagonal.mean()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    factor: Tensor = torch.linalg.cholesky(inverse, upper=True)
    return factor
