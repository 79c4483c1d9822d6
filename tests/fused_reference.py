"""The arithmetic of engine/fused/fused.cpp in numpy, rounding by rounding; slow, for small shapes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from engine.config import ForgeConfig
from engine.fused.weights import Matrix, MatrixKind, Vector, VectorKind

Floats = npt.NDArray[np.float32]
F = np.float32
LANES = 16
LIFT = F(4096)
MAGIC = F(12582912.0)


class Reference:
    """One model, one sequence."""

    def __init__(self, config: ForgeConfig, parts: list[Matrix | Vector]) -> None:
        self.config = config
        self.matrices = {
            (p.kind, p.layer): replace(p, scales=halves(p.scales * LIFT) / LIFT)
            for p in parts
            if isinstance(p, Matrix)
        }
        self.vectors = {(p.kind, p.layer): p.values for p in parts if isinstance(p, Vector)}
        shape = (config.n_layers, config.n_kv_heads, config.context, config.head_dim)
        self.keys = np.zeros(shape, np.float16)
        self.values = np.zeros(shape, np.float16)

    def run(self, tokens: list[int], start: int) -> Floats:
        """Logits (S, V) after each of `tokens`."""
        return np.stack([self.step(token, start + n) for n, token in enumerate(tokens)])

    def step(self, token: int, position: int) -> Floats:
        config = self.config
        embedding = self.matrices[MatrixKind.EMBEDDING, 0]
        codes = embedding.codes[token].astype(np.int32) - 128
        x = (codes.astype(F) * embedding.scales[token][:, None]).reshape(-1)
        for n in range(config.n_layers):
            normed = self.normalise(x, self.vectors[VectorKind.NORM_ATTENTION, n])
            qkv = product(self.matrices[MatrixKind.QKV, n], normed)
            x = x + product(self.matrices[MatrixKind.OUT, n], self.attend(n, qkv, position))
            normed = self.normalise(x, self.vectors[VectorKind.NORM_FFN, n])
            gate, up = np.split(product(self.matrices[MatrixKind.GATE_UP, n], normed), 2)
            gated = gate / (F(1) + exponential(-gate)) * up
            x = x + product(self.matrices[MatrixKind.DOWN, n], gated)
        final = self.normalise(x, self.vectors[VectorKind.NORM_FINAL, 0])
        return product(self.matrices.get((MatrixKind.HEAD, 0), embedding), final)

    def normalise(self, x: Floats, gamma: Floats) -> Floats:
        mean = lane_sum(x * x) / F(len(x))
        rate = F(1) / np.sqrt(mean + F(self.config.norm_eps))
        normed: Floats = x * rate * gamma
        return normed

    def attend(self, layer: int, qkv: Floats, position: int) -> Floats:
        config, width = self.config, self.config.head_dim
        q, k, v = np.split(qkv, [config.dim, config.dim + config.kv_dim])
        cos = self.vectors[VectorKind.COS, 0][position]
        sin = self.vectors[VectorKind.SIN, 0][position]
        rows = k.reshape(-1, width)
        for head, row in enumerate(rows):
            self.keys[layer, head, position] = rotate(row, cos, sin, F(1))
            self.values[layer, head, position] = v.reshape(-1, width)[head]
        group = config.n_heads // config.n_kv_heads
        scale = F(1) / np.sqrt(F(width))
        seen = [
            attention(
                rotate(query, cos, sin, scale),
                self.keys[layer, head // group, : position + 1].astype(F),
                self.values[layer, head // group, : position + 1].astype(F),
            )
            for head, query in enumerate(q.reshape(-1, width))
        ]
        return np.concatenate(seen)


def attention(query: Floats, keys: Floats, values: Floats) -> Floats:
    sums = np.zeros((4, len(keys)), F)
    for e, factor in enumerate(query):
        sums[e % 4] += keys[:, e] * factor
    scores = (sums[0] + sums[1]) + (sums[2] + sums[3])
    weights = exponential(scores - scores.max())
    rate = F(1) / lane_sum(weights)
    sides = np.zeros((2, values.shape[1]), F)
    for position, weight in enumerate(weights):
        sides[position % 2] += values[position] * weight
    seen: Floats = (sides[0] + sides[1]) * rate
    return seen


def halves(x: Floats) -> Floats:
    return x.astype(np.float16).astype(F)


def rotate(x: Floats, cos: Floats, sin: Floats, scale: np.float32) -> Floats:
    a, b = np.split(x, 2)
    return np.concatenate([(a * cos - b * sin) * scale, (b * cos + a * sin) * scale])


def product(matrix: Matrix, x: Floats) -> Floats:
    codes, scales = quantise(x)
    total = np.zeros(len(matrix.codes), F)
    for b, sums in enumerate(block_sums(matrix.codes, codes).T):
        total = total + sums.astype(F) * (matrix.scales[:, b] * scales[b])
    return total


def block_sums(codes: npt.NDArray[np.uint8], x: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """(N, K / 64) of codes (N, K / 64, 64) about 128 and activations (K / 64, 64)."""
    centred = codes.astype(np.int32) - 128
    sums: npt.NDArray[np.int32] = (centred * x.astype(np.int32)).sum(-1, dtype=np.int32)
    return sums


def quantise(x: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    blocks = x.reshape(-1, 64)
    peaks = np.abs(blocks).max(-1)
    rates = np.divide(F(127), peaks, out=np.zeros_like(peaks), where=peaks > 0)
    return nearest(blocks * rates[:, None]).astype(np.int8), peaks / F(127)


def nearest(x: Floats) -> npt.NDArray[np.int32]:
    return (x + MAGIC).view(np.int32) - MAGIC.view(np.int32)


def exponential(x: Floats) -> Floats:
    x = np.clip(x, F(-87), F(88))
    n = nearest(x * F(1.44269504))
    whole = n.astype(F)
    r = (x - whole * F(0.693359375)) - whole * F(-2.12194440e-4)
    y = np.full_like(r, F(1.9875691500e-4))
    for c in (1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
        y = y * r + F(c)
    y = (y * r) * r + r + F(1)
    scaled: Floats = y * ((n + np.int32(127)) << np.int32(23)).view(F)
    return scaled


def lane_sum(x: Floats) -> np.float32:
    lanes = np.zeros(LANES, F)
    for first in range(0, len(x), LANES):
        piece = x[first : first + LANES]
        lanes[: len(piece)] += piece
    half = LANES // 2
    while half:
        lanes[:half] += lanes[half : 2 * half]
        half //= 2
    return F(lanes[0])
