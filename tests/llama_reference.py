"""LLaMA in numpy, one token at a time, with the roundings that ggml makes before each product.

ggml multiplies F16 weights by activations rounded to fp16, and Q8_0 and Q4_0 weights by activations
in blocks of 32 at 8 bit (ggml-cpu: `vec_dot_type` of each type); all else is fp32. With the same
rounding here, what is left between the two is the order of their sums.

Shapes: D dim, H heads, K key-value heads, E head dim, V vocab, T positions so far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from engine.config import ForgeConfig

Floats = npt.NDArray[np.float32]
Rounding = Callable[[Floats], Floats]


def exact(x: Floats) -> Floats:
    return x


def half(x: Floats) -> Floats:
    rounded: Floats = x.astype(np.float16).astype(np.float32)
    return rounded


def eight_bit(x: Floats) -> Floats:
    """Blocks of 32 at 8 bit with an fp16 scale; the codes come from the scale before it is rounded."""
    blocks = x.reshape(-1, 32)
    peaks = np.abs(blocks).max(-1, keepdims=True)
    rates = np.divide(np.float32(127), peaks, out=np.zeros_like(peaks), where=peaks > 0)
    codes = np.rint(blocks * rates)
    rounded: Floats = (codes * half(peaks / np.float32(127))).reshape(x.shape)
    return rounded


class Reference:
    """One sequence; `step` appends a token and gives its logits (V,)."""

    def __init__(
        self, config: ForgeConfig, weights: Mapping[str, Floats], rounding: Rounding = exact
    ) -> None:
        self.config, self.weights, self.rounding = config, weights, rounding
        self.keys: list[list[Floats]] = [[] for _ in range(config.n_layers)]
        self.values: list[list[Floats]] = [[] for _ in range(config.n_layers)]
        pairs = np.arange(0, config.head_dim, 2) / config.head_dim
        self.rates = config.rope_theta**-pairs

    def step(self, token: int) -> Floats:
        c, w = self.config, self.weights
        x = w["model.embed_tokens.weight"][token].astype(np.float32)  # (D,)
        for n in range(c.n_layers):
            layer = f"model.layers.{n}."
            normed = self.norm(x, layer + "input_layernorm")
            x = x + self.product(self.attention(normed, n), layer + "self_attn.o_proj")
            normed = self.norm(x, layer + "post_attention_layernorm")
            gate = self.product(normed, layer + "mlp.gate_proj")
            up = self.product(normed, layer + "mlp.up_proj")
            x = x + self.product(gate / (1 + np.exp(-gate)) * up, layer + "mlp.down_proj")
        head = "model.embed_tokens" if c.tied else "lm_head"
        return self.product(self.norm(x, "model.norm"), head)

    def attention(self, x: Floats, n: int) -> Floats:
        c = self.config
        part = f"model.layers.{n}.self_attn."
        position = len(self.keys[n])
        q = self.rotate(self.product(x, part + "q_proj").reshape(c.n_heads, -1), position)
        k = self.rotate(self.product(x, part + "k_proj").reshape(c.n_kv_heads, -1), position)
        self.keys[n].append(k)
        self.values[n].append(self.product(x, part + "v_proj").reshape(c.n_kv_heads, -1))
        group = c.n_heads // c.n_kv_heads
        keys = np.stack(self.keys[n], 1).repeat(group, 0)  # (H, T, E)
        values = np.stack(self.values[n], 1).repeat(group, 0)
        scores = np.einsum("he,hte->ht", q, keys) / np.float32(np.sqrt(c.head_dim))
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        seen: Floats = np.einsum("ht,hte->he", shares, values).reshape(-1).astype(np.float32)
        return seen

    def rotate(self, x: Floats, position: int) -> Floats:
        angles = position * self.rates
        cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        first, second = np.split(x, 2, -1)
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], -1)

    def norm(self, x: Floats, name: str) -> Floats:
        scale = 1 / np.sqrt(np.mean(x * x, dtype=np.float64) + self.config.norm_eps)
        return (x * np.float32(scale)).astype(np.float32) * self.weights[name + ".weight"]

    def product(self, x: Floats, name: str) -> Floats:
        row: Floats = self.weights[name + ".weight"] @ self.rounding(x.astype(np.float32))
        return row


def logits_along(model: Reference, prompt: list[int], answer: list[int]) -> Floats:
    """Logits (len(answer), V) before each token of `answer`, given what stands before it."""
    for token in prompt[:-1]:
        model.step(token)
    return np.array([model.step(token) for token in [prompt[-1], *answer[:-1]]])
