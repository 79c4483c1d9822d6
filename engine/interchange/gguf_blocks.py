"""Weights as ggml keeps them: F32, F16, and blocks of 32 with one fp16 scale at 8 or 4 bit.

Rounding is that of ggml's reference, bit for bit (ggml-quants.c: quantize_row_q8_0_ref and
quantize_row_q4_0_ref): a file from here and one that llama.cpp made hold the same codes.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

Stored = Literal["f32", "f16", "q8_0", "q4_0"]

NUMBERS: dict[Stored, int] = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8}
"""ggml's number of each type (ggml.h: ggml_type)."""

BLOCK = 32
"""Neighbours in a row that share a scale."""

_BYTES_OF_BLOCK: dict[Stored, int] = {"f32": 128, "f16": 64, "q8_0": 34, "q4_0": 18}

_LEAST_SCALE = 1e-38

Floats = npt.NDArray[np.float32]


def stored_size(count: int, stored: Stored) -> int:
    """Bytes of `count` weights, a whole number of blocks."""
    return count * _BYTES_OF_BLOCK[stored] // BLOCK


def pack(weight: Floats, stored: Stored) -> bytes:
    """`weight` as it lies in the file, row after row.

    Raises:
        OverflowError: a weight or a scale is too large for fp16.
    """
    match stored:
        case "f32":
            return weight.astype("<f4").tobytes()
        case "f16":
            return _half(weight).tobytes()
        case "q8_0":
            return _q8_0(weight.reshape(-1, BLOCK))
        case "q4_0":
            return _q4_0(weight.reshape(-1, BLOCK))


def _q8_0(blocks: Floats) -> bytes:
    scales = np.abs(blocks).max(-1) / np.float32(127)
    packed = np.empty(len(blocks), [("scale", "<f2"), ("codes", "i1", BLOCK)])
    packed["scale"] = _half(scales)
    packed["codes"] = _away_from_zero(blocks * _rates(scales)[:, None])
    return packed.tobytes()


def _q4_0(blocks: Floats) -> bytes:
    # The weight of largest magnitude lies on -8, the one code without a counterpart.
    peaks = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[:, None], -1)[:, 0]
    scales = peaks / np.float32(-8)
    codes = np.minimum(blocks * _rates(scales)[:, None] + np.float32(8.5), 15).astype(np.uint8)
    packed = np.empty(len(blocks), [("scale", "<f2"), ("codes", "u1", BLOCK // 2)])
    packed["scale"] = _half(scales)
    packed["codes"] = codes[:, : BLOCK // 2] | codes[:, BLOCK // 2 :] << 4
    return packed.tobytes()


def _rates(scales: Floats) -> Floats:
    # Below this the inverse is infinite, and the scale is 0 in fp16 anyway.
    usable = np.abs(scales) > _LEAST_SCALE
    return np.divide(np.float32(1), scales, out=np.zeros_like(scales), where=usable)


def _away_from_zero(values: Floats) -> Floats:
    """C's roundf: halves go away from zero."""
    whole = np.trunc(values)
    return whole + np.copysign(np.abs(values - whole) >= 0.5, values)


def _half(values: Floats) -> npt.NDArray[np.float16]:
    with np.errstate(over="ignore"):
        halves = values.astype("<f2")
    if not np.isfinite(halves).all():
        raise OverflowError("a number above 65504 has no fp16 form")
    return halves
