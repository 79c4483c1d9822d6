"""How a model's matrices are kept in each mode, and plain rounding into it.

Query, key and value are one matrix, gate and up another: what is multiplied by the same input is
multiplied at once. The names are those of the graph: embedding, head, qkv_n, o_n, gate_up_n, down_n.

Shapes: N outputs, D inputs of a matrix.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.checkpoint import Checkpoint, check_tensors
from engine.config import ForgeConfig

Mode = Literal["none", "dynamic", "int8", "int4"]
MODES: tuple[Mode, ...] = ("none", "dynamic", "int8", "int4")

Bits = Literal[4, 8]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Dense:
    """fp32: weight (N, D)."""

    weight: Floats

    @property
    def nbytes(self) -> int:
        """Bytes in a file."""
        return self.weight.nbytes

    def values(self) -> Floats:
        """The weight (N, D)."""
        return self.weight


@dataclass(frozen=True, slots=True)
class Columns:
    """int8 with a scale an output: codes int8 (N, D), scales (N,)."""

    codes: npt.NDArray[np.int8]
    scales: Floats

    @property
    def nbytes(self) -> int:
        """Bytes in a file."""
        return self.codes.nbytes + self.scales.nbytes

    def values(self) -> Floats:
        """The weight (N, D) that the codes stand for."""
        weight: Floats = self.codes * self.scales[:, None]
        return weight


@dataclass(frozen=True, slots=True)
class Blocks:
    """8 or 4 bit with a scale a block of inputs, as MatMulNBits takes them.

    Attributes:
        codes: uint8 (N, D / block, block * bits / 8) about the zero point 2 ** (bits - 1); at 4
            bit two to a byte, the first in the low half.
        scales: float32 (N, D / block).
    """

    codes: npt.NDArray[np.uint8]
    scales: Floats
    bits: Bits

    @property
    def block(self) -> int:
        """Inputs that share a scale."""
        return int(self.codes.shape[2]) * 8 // self.bits

    @property
    def nbytes(self) -> int:
        """Bytes in a file."""
        return self.codes.nbytes + self.scales.nbytes

    def values(self) -> Floats:
        """The weight (N, D) that the codes stand for."""
        codes = self.codes
        if self.bits == 4:
            codes = np.stack([codes & 15, codes >> 4], -1).reshape(*codes.shape[:2], -1)
        weight: Floats = (codes.astype(np.float32) - zero_point(self.bits)) * self.scales[..., None]
        return weight.reshape(len(codes), -1)


Matrix = Dense | Columns | Blocks


@dataclass(frozen=True, slots=True)
class Quantised:
    """A model in the form in which it is served.

    Attributes:
        tokenizer: sha256 fingerprint of the tokenizer that it was trained with.
        matrices: by the graph's names.
        norms: fp32 (D,) by the graph's names: gamma_a0 ... before attention, gamma_m0 ... before
            the feed-forward, gamma_f before the head.
        made: what config.json says of how it came to be, beside the mode.
    """

    config: ForgeConfig
    mode: Mode
    tokenizer: str
    matrices: Mapping[str, Matrix]
    norms: Mapping[str, Floats]
    made: Mapping[str, int]

    @property
    def nbytes(self) -> int:
        """Bytes of all weights in a file."""
        return sum(part.nbytes for part in (*self.matrices.values(), *self.norms.values()))


def joined(checkpoint: Checkpoint) -> Iterator[tuple[str, Floats]]:
    """Name and weight (N, D) of every matrix, in the order of the layers."""
    config, w = checkpoint.config, checkpoint.weights
    yield "embedding", w["model.embed_tokens.weight"]
    for n in range(config.n_layers):
        layer = f"model.layers.{n}."
        parts = [w[f"{layer}self_attn.{name}_proj.weight"] for name in "qkv"]
        yield f"qkv_{n}", np.concatenate(parts)
        yield f"o_{n}", w[layer + "self_attn.o_proj.weight"]
        parts = [w[f"{layer}mlp.{name}_proj.weight"] for name in ("gate", "up")]
        yield f"gate_up_{n}", np.concatenate(parts)
        yield f"down_{n}", w[layer + "mlp.down_proj.weight"]
    if not config.tied:
        yield "head", w["lm_head.weight"]


def norms(checkpoint: Checkpoint) -> dict[str, Floats]:
    """Every norm's weight by the graph's name."""
    w = checkpoint.weights
    found = {"gamma_f": w["model.norm.weight"]}
    for n in range(checkpoint.config.n_layers):
        found[f"gamma_a{n}"] = w[f"model.layers.{n}.input_layernorm.weight"]
        found[f"gamma_m{n}"] = w[f"model.layers.{n}.post_attention_layernorm.weight"]
    return found


def rounded(checkpoint: Checkpoint, mode: Mode, block: int | None = None) -> Quantised:
    """`checkpoint` with each weight at the nearest code of `mode`.

    Args:
        checkpoint: fp32 tensors.
        mode: how to keep them.
        block: inputs that share a scale; default 64 at int8, 32 at int4. None at other modes.

    Raises:
        BadModel: tensors that do not fit the config, or that are not finite.
    """
    check_tensors(checkpoint.config, checkpoint.weights, "the checkpoint")
    matrices = {name: _kept(name, weight, mode, block) for name, weight in joined(checkpoint)}
    made = {} if block is None else {"group_size": block}
    return Quantised(
        checkpoint.config, mode, checkpoint.tokenizer, matrices, norms(checkpoint), made
    )


def in_blocks(weight: Floats, bits: Bits, block: int) -> Blocks:
    """`weight` (N, D) at the nearest codes.

    Symmetric about the zero point. At 4 bit the weight of largest magnitude is put on -8, the one
    code without a counterpart (llama.cpp's Q4_0), which halves the error.
    """
    blocks = weight.reshape(len(weight), -1, block)
    if bits == 8:
        scales = np.abs(blocks).max(-1) / 127
    else:
        peak = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[..., None], -1)[..., 0]
        scales = peak / -8
    safe = np.where(scales == 0, 1, scales)[..., None]
    zero = zero_point(bits)
    codes = np.clip(np.rint(blocks / safe) + zero, 0, 2 * zero - 1).astype(np.uint8)
    return Blocks(packed(codes, bits), scales.astype(np.float32), bits)


def packed(codes: npt.NDArray[np.uint8], bits: Bits) -> npt.NDArray[np.uint8]:
    """Codes (N, D / block, block) as they are stored: at 4 bit two to a byte."""
    if bits == 8:
        return codes
    return codes[..., 0::2] | (codes[..., 1::2] << np.uint8(4))


def zero_point(bits: Bits) -> int:
    """The code of 0."""
    return 1 << (bits - 1)


def _kept(name: str, weight: Floats, mode: Mode, block: int | None) -> Matrix:
    match mode:
        case "none":
            return Dense(weight)
        case "dynamic":
            return _in_columns(weight)
        case "int8":
            return in_blocks(weight, 8, block or 64)
        case "int4":
            # Half of a small model is its embedding, and nothing is more sensitive.
            if name in ("embedding", "head"):
                return in_blocks(weight, 8, 64)
            return in_blocks(weight, 4, block or 32)


def _in_columns(weight: Floats) -> Columns:
    scales = np.abs(weight).max(1) / 127
    safe = np.where(scales == 0, 1, scales)
    codes = np.rint(weight / safe[:, None]).astype(np.int8)
    return Columns(codes, scales.astype(np.float32))
