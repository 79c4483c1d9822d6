"""The weights of a served model folder, read back out of its graph.

What was rounded stays rounded: an int8 folder gives fp32 numbers that lie on its grid. Needs numpy
alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.checkpoint import Checkpoint, check_tensors
from engine.config import ForgeConfig
from engine.errors import BadModel
from engine.fused.initialisers import read_initialisers
from engine.model_folder import ModelFolder

Floats = npt.NDArray[np.float32]


def load_served_weights(folder: str | Path) -> Checkpoint:
    """The tensors of `models/<name>/` under LLaMA's names, fp32, whatever the folder's mode.

    Raises:
        BadModel: missing, damaged, not ours, or weights that are not finite.
        BadConfig: config.json describes no model.
    """
    opened = ModelFolder.open(folder)
    arrays = read_initialisers(opened.graph)
    try:
        weights = _tensors(arrays, opened.config)
    except (KeyError, ValueError) as fault:
        raise BadModel(
            f"{opened.graph} is not of the shape in its config.json ({fault})",
            "export the checkpoint again",
        ) from fault
    check_tensors(opened.config, weights, str(opened.graph))
    # Copies: torch takes no array that may not be written, as views of the mapped file are.
    weights = {name: np.array(weight) for name, weight in weights.items()}
    return Checkpoint(opened.config, weights, opened.tokenizer, {})


def _tensors(arrays: Mapping[str, npt.NDArray[Any]], config: ForgeConfig) -> dict[str, Floats]:
    dim, kv, ffn = config.dim, config.kv_dim, config.ffn_dim
    tensors = {
        "model.embed_tokens.weight": _embedding(arrays, config.vocab_size, dim),
        "model.norm.weight": arrays["gamma_f"],
    }
    if not config.tied:
        tensors["lm_head.weight"] = _product(arrays, "head", config.vocab_size, dim)
    for n in range(config.n_layers):
        layer = f"model.layers.{n}."
        qkv = _product(arrays, f"qkv_{n}", dim + 2 * kv, dim)
        gate_up = _product(arrays, f"gate_up_{n}", 2 * ffn, dim)
        tensors |= {
            layer + "input_layernorm.weight": arrays[f"gamma_a{n}"],
            layer + "self_attn.q_proj.weight": qkv[:dim],
            layer + "self_attn.k_proj.weight": qkv[dim : dim + kv],
            layer + "self_attn.v_proj.weight": qkv[dim + kv :],
            layer + "self_attn.o_proj.weight": _product(arrays, f"o_{n}", dim, dim),
            layer + "post_attention_layernorm.weight": arrays[f"gamma_m{n}"],
            layer + "mlp.gate_proj.weight": gate_up[:ffn],
            layer + "mlp.up_proj.weight": gate_up[ffn:],
            layer + "mlp.down_proj.weight": _product(arrays, f"down_{n}", dim, ffn),
        }
    return tensors


def _embedding(arrays: Mapping[str, npt.NDArray[Any]], vocab: int, dim: int) -> Floats:
    codes = arrays["embedding"]
    if codes.dtype == np.float32:
        return codes.reshape(vocab, dim)
    scales = arrays["embedding_scale"]
    if codes.dtype == np.int8:
        return _columns(codes, scales)
    return _blocks(codes, scales.reshape(vocab, -1), dim)


def _product(arrays: Mapping[str, npt.NDArray[Any]], name: str, rows: int, columns: int) -> Floats:
    """The weight (N, D) of a product."""
    codes = arrays[f"w_{name}"]
    if codes.dtype == np.float32:
        weight: Floats = codes.T
    elif codes.dtype == np.int8:
        weight = _columns(codes, arrays[f"w_{name}_scale"])
    else:
        weight = _blocks(codes, arrays[f"s_{name}"], columns)
    return weight.reshape(rows, columns)


def _columns(codes: npt.NDArray[np.int8], scales: Floats) -> Floats:
    weight: Floats = codes.T * scales[:, None]
    return weight


def _blocks(codes: npt.NDArray[np.uint8], scales: Floats, columns: int) -> Floats:
    """(N, D) of codes (N, D / block, block * bits / 8)."""
    bits = 8 * codes[0].size // columns
    if bits == 4:
        codes = np.stack([codes & 15, codes >> 4], -1).reshape(*codes.shape[:2], -1)
    weight: Floats = (codes.astype(np.float32) - (1 << (bits - 1))) * scales[..., None]
    return weight.reshape(len(codes), columns)
