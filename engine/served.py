"""A served model folder read back: its matrices as they are kept, or fp32 tensors of them.

What was rounded stays rounded: an int8 folder gives fp32 numbers that lie on its grid. Needs numpy
alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from engine.checkpoint import Checkpoint, check_tensors
from engine.config import ForgeConfig
from engine.errors import BadModel
from engine.fused.initialisers import read_initialisers
from engine.model_folder import ModelFolder
from engine.quantisation.matrices import Bits, Blocks, Columns, Dense, Matrix, Mode, Quantised

Floats = npt.NDArray[np.float32]
Arrays = Mapping[str, npt.NDArray[Any]]


def load_served_weights(folder: str | Path) -> Checkpoint:
    """The tensors of `models/<name>/` under LLaMA's names, fp32, whatever the folder's mode.

    Raises:
        BadModel: missing, damaged, not ours, or weights that are not finite.
        BadConfig: config.json describes no model.
    """
    kept = load_served(folder)
    weights = tensors(kept)
    check_tensors(kept.config, weights, str(folder))
    # Copies: torch takes no array that may not be written, as views of the mapped file are.
    weights = {name: np.array(weight) for name, weight in weights.items()}
    return Checkpoint(kept.config, weights, kept.tokenizer, {})


def load_served(folder: str | Path) -> Quantised:
    """The matrices of `models/<name>/` in their own codes, as views of the mapped file.

    Raises:
        BadModel: missing, damaged, or not ours.
        BadConfig: config.json describes no model.
    """
    opened = ModelFolder.open(folder)
    arrays = read_initialisers(opened.graph)
    mode = cast("Mode", opened.mode)  # open() takes no other
    try:
        matrices = _matrices(arrays, opened.config)
        norms = {name: array for name, array in arrays.items() if name.startswith("gamma_")}
    except (KeyError, ValueError, IndexError, ZeroDivisionError) as fault:
        raise BadModel(
            f"{opened.graph} is not of the shape in its config.json ({fault!r})",
            "export the checkpoint again",
        ) from fault
    return Quantised(opened.config, mode, opened.tokenizer, matrices, norms, {})


def tensors(kept: Quantised) -> dict[str, Floats]:
    """The fp32 tensors under LLaMA's names that the codes of `kept` stand for."""
    dim, kv, ffn = kept.config.dim, kept.config.kv_dim, kept.config.ffn_dim
    matrices, norms = kept.matrices, kept.norms
    found = {
        "model.embed_tokens.weight": matrices["embedding"].values(),
        "model.norm.weight": norms["gamma_f"],
    }
    if not kept.config.tied:
        found["lm_head.weight"] = matrices["head"].values()
    for n in range(kept.config.n_layers):
        layer = f"model.layers.{n}."
        qkv, gate_up = matrices[f"qkv_{n}"].values(), matrices[f"gate_up_{n}"].values()
        found |= {
            layer + "input_layernorm.weight": norms[f"gamma_a{n}"],
            layer + "self_attn.q_proj.weight": qkv[:dim],
            layer + "self_attn.k_proj.weight": qkv[dim : dim + kv],
            layer + "self_attn.v_proj.weight": qkv[dim + kv :],
            layer + "self_attn.o_proj.weight": matrices[f"o_{n}"].values(),
            layer + "post_attention_layernorm.weight": norms[f"gamma_m{n}"],
            layer + "mlp.gate_proj.weight": gate_up[:ffn],
            layer + "mlp.up_proj.weight": gate_up[ffn:],
            layer + "mlp.down_proj.weight": matrices[f"down_{n}"].values(),
        }
    return found


def _matrices(arrays: Arrays, config: ForgeConfig) -> dict[str, Matrix]:
    dim, ffn = config.dim, config.ffn_dim
    shapes = {} if config.tied else {"head": (config.vocab_size, dim)}
    for n in range(config.n_layers):
        shapes[f"qkv_{n}"] = (dim + 2 * config.kv_dim, dim)
        shapes[f"o_{n}"] = (dim, dim)
        shapes[f"gate_up_{n}"] = (2 * ffn, dim)
        shapes[f"down_{n}"] = (dim, ffn)
    found = {name: _product(arrays, name, shape) for name, shape in shapes.items()}
    embedding = arrays["embedding"]
    scales = arrays.get("embedding_scale", np.empty(0, np.float32))
    if embedding.dtype == np.float32:
        found["embedding"] = Dense(embedding)
    else:
        found["embedding"] = _rounded(embedding, scales, (config.vocab_size, dim))
    return found


def _product(arrays: Arrays, name: str, shape: tuple[int, int]) -> Matrix:
    """The matrix (N, D) of a product."""
    codes = arrays[f"w_{name}"]
    if codes.dtype == np.float32:
        return Dense(codes.reshape(shape[::-1]).T)
    scales = arrays[f"w_{name}_scale" if codes.dtype == np.int8 else f"s_{name}"]
    return _rounded(codes, scales, shape)


def _rounded(codes: npt.NDArray[Any], scales: Floats, shape: tuple[int, int]) -> Matrix:
    rows, columns = shape
    if codes.dtype == np.int8:
        return Columns(codes.reshape(columns, rows).T, scales.reshape(rows))
    bits = cast("Bits", 8 * codes.size // (rows * columns))
    return Blocks(codes.reshape(rows, scales.size // rows, -1), scales.reshape(rows, -1), bits)
