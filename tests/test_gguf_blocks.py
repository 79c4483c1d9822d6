"""The arithmetic of ggml's blocks: hand-made cases, bounds, and the library's own rounding where it is."""

from __future__ import annotations

import ctypes

import llama_peer
import numpy as np
import pytest
from gguf_reader import FORMS, Q4_0, Q8_0, decoded
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.interchange.gguf_blocks import Stored, pack, stored_size

BLOCKS = arrays(
    np.float32, (3, 32), elements=st.floats(-60000, 60000, width=32, allow_subnormal=True)
)


def test_a_block_of_four_bits_as_it_is_described() -> None:
    block = np.zeros(32, np.float32)
    block[0], block[1], block[16], block[17] = -4.0, 3.5, 1.0, 4.0
    packed = pack(block, "q4_0")
    # The first largest lies on code 0, so the scale is -4 / -8; 4.0 has no code of its own.
    assert np.frombuffer(packed[:2], "<f2")[0] == 0.5
    assert packed[2:4] == bytes([0 | 10 << 4, 15 | 15 << 4])
    assert packed[4:] == bytes([8 | 8 << 4] * 14)


def test_a_block_of_eight_bits_rounds_halves_away_from_zero() -> None:
    block = np.zeros(32, np.float32)
    block[:5] = 127, 2.5, -2.5, 3.5, -0.25
    packed = pack(block, "q8_0")
    assert np.frombuffer(packed[:2], "<f2")[0] == 1.0
    assert list(np.frombuffer(packed[2:7], "i1")) == [127, 3, -3, 4, 0]


@pytest.mark.parametrize("stored", ["f32", "f16", "q8_0", "q4_0"])
def test_the_size_is_told_beforehand(stored: Stored) -> None:
    assert len(pack(np.ones((4, 64), np.float32), stored)) == stored_size(256, stored)


@pytest.mark.parametrize(("stored", "kind", "levels"), [("q8_0", Q8_0, 127), ("q4_0", Q4_0, 8)])
@given(blocks=BLOCKS)
def test_no_weight_is_further_off_than_a_step(
    stored: Stored, kind: int, levels: int, blocks: np.ndarray
) -> None:
    back = decoded(np.frombuffer(pack(blocks, stored), FORMS[kind]), kind)
    peaks = np.abs(blocks).max(-1, keepdims=True)
    # Half a step, a whole one where the opposite end has no code; fp16 of the scale; tiny scales.
    step = peaks / levels * (1.0 if stored == "q4_0" else 0.5)
    assert (np.abs(back - blocks) <= step + peaks * 2**-10 + 2**-24 * levels).all()


@pytest.mark.parametrize(("stored", "function"), [("q8_0", "q8_0"), ("q4_0", "q4_0")])
def test_the_bytes_are_those_of_ggml(stored: Stored, function: str) -> None:
    python = llama_peer.python()
    library = llama_peer.folder(python) / "lib" / "libggml-base.so"
    quantise = ctypes.CDLL(str(library))[f"quantize_row_{function}_ref"]
    rng = np.random.default_rng(5)
    weights = rng.normal(0, 0.05, (4096, 32)).astype(np.float32)
    weights[0] = 0
    weights[1] = np.arange(-16, 16)  # halves and ties
    weights[2:600] = np.round(weights[2:600] * 64) / 64
    weights[600:700] *= 1e-9
    weights = np.ascontiguousarray(weights)
    out = ctypes.create_string_buffer(stored_size(weights.size, stored))
    quantise(weights.ctypes.data_as(ctypes.c_void_p), out, ctypes.c_int64(weights.size))
    assert pack(weights, stored) == out.raw
