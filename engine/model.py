"""The model in torch: what is trained, and the reference that every served form is held against.

LLaMA (Touvron et al. 2023): RMSNorm (Zhang & Sennrich 2019), rotary positions (Su et al. 2021),
SwiGLU (Shazeer 2020), grouped-query attention (Ainslie et al. 2023), embedding tied to the head
(Press & Wolf 2017). Tensor names are Hugging Face's, so a state dict is a LLaMA checkpoint.

Shapes: B batch, T positions, D dim, H heads, K key-value heads, E head dim, F ffn dim, V vocab.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.config import ForgeConfig
from engine.training.elementwise import rms_norm, rotary


class ForgeModel(nn.Module):
    """Decoder-only transformer; `forward` gives logits of every position."""

    def __init__(self, config: ForgeConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Trunk(config)
        self.lm_head = None if config.tied else nn.Linear(config.dim, config.vocab_size, bias=False)
        self.apply(_initialise)
        for name, weight in self.named_parameters():
            # Two projections a layer add to the residual stream; keep its variance (GPT-2).
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * config.n_layers))

    def drop(self, share: float) -> None:
        """In training, leave out this share of what the embedding and each layer add; 0 for none."""
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = share

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) for the token after each of `tokens` (B, T)."""
        return self.head(self.model(tokens))

    def head(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of `hidden` (..., D)."""
        return F.linear(hidden, self.head_weight)

    @property
    def head_weight(self) -> Tensor:
        """(V, D); the embedding where it is tied."""
        return self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight


class Trunk(nn.Module):
    """Everything but the head."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ForgeConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.dim)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layers))
        self.norm = RmsNorm(config)
        self.dropout = nn.Dropout(0.0)
        cos, sin = rotary_tables(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, tokens: Tensor, documents: Tensor | None = None) -> Tensor:
        """Hidden states (B, T, D).

        Args:
            tokens: (B, T) ids.
            documents: (B, T) number of the document that a token belongs to; several packed into
                one row do not see one another. Default: a row is one document. Positions count
                from the start of the row: rotary attention sees their distances alone.
        """
        steps = tokens.shape[1]
        cos, sin = self.cos[:steps], self.sin[:steps]  # (T, E/2)
        mask = None
        if documents is not None:
            same = documents[:, :, None] == documents[:, None, :]  # (B, T, T)
            mask = same.tril()[:, None]  # (B, 1, T, T)
        x = self.dropout(self.embed_tokens(tokens))  # (B, T, D)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        hidden: Tensor = self.norm(x)
        return hidden


class Layer(nn.Module):
    """Pre-norm attention, then pre-norm SwiGLU, each added to the residual stream."""

    def __init__(self, config: ForgeConfig) -> None:
        super().__init__()
        self.input_layernorm = RmsNorm(config)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RmsNorm(config)
        self.mlp = SwiGlu(config)
        self.dropout = nn.Dropout(0.0)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        """`x` (B, T, D) after this layer."""
        attended = self.self_attn(self.input_layernorm(x), cos, sin, mask)  # (B, T, D)
        x = x + self.dropout(attended)
        out: Tensor = x + self.dropout(self.mlp(self.post_attention_layernorm(x)))  # (B, T, D)
        return out


class Attention(nn.Module):
    """Causal grouped-query attention with rotary positions."""

    def __init__(self, config: ForgeConfig) -> None:
        super().__init__()
        self.config = config
        self.q_proj = nn.Linear(config.dim, config.dim, bias=False)
        self.k_proj = nn.Linear(config.dim, config.kv_dim, bias=False)
        self.v_proj = nn.Linear(config.dim, config.kv_dim, bias=False)
        self.o_proj = nn.Linear(config.dim, config.dim, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        """What the layer adds to `x` (B, T, D); `mask` (B, 1, T, T) is True where seen."""
        batch, steps, dim = x.shape
        c = self.config
        q = self.q_proj(x).view(batch, steps, c.n_heads, c.head_dim).transpose(1, 2)
        k = self.k_proj(x).view(batch, steps, c.n_kv_heads, c.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(batch, steps, c.n_kv_heads, c.head_dim).transpose(1, 2)
        q = rotary(q, cos, sin)  # (B, H, T, E)
        k = rotary(k, cos, sin)  # (B, K, T, E)
        if c.n_kv_heads != c.n_heads:
            k = k.repeat_interleave(c.n_heads // c.n_kv_heads, dim=1)  # (B, H, T, E)
            v = v.repeat_interleave(c.n_heads // c.n_kv_heads, dim=1)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        joined: Tensor = self.o_proj(out.transpose(1, 2).reshape(batch, steps, dim))
        return joined


class SwiGlu(nn.Module):
    """Gated feed-forward: down(silu(gate(x)) * up(x))."""

    def __init__(self, config: ForgeConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.dim, config.ffn_dim, bias=False)
        self.up_proj = nn.Linear(config.dim, config.ffn_dim, bias=False)
        self.down_proj = nn.Linear(config.ffn_dim, config.dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """What the layer adds to `x` (B, T, D)."""
        gated = F.silu(self.gate_proj(x)) * self.up_proj(x)  # (B, T, F)
        out: Tensor = self.down_proj(gated)  # (B, T, D)
        return out


class RmsNorm(nn.Module):
    """Root mean square normalisation with a weight a channel."""

    def __init__(self, config: ForgeConfig) -> None:
        super().__init__()
        self.eps = config.norm_eps
        self.weight = nn.Parameter(torch.ones(config.dim))

    def forward(self, x: Tensor) -> Tensor:
        """`x` (..., D) normed."""
        return rms_norm(x, self.weight, self.eps)


def rotary_tables(config: ForgeConfig) -> tuple[Tensor, Tensor]:
    """Cosine and sine (context, E/2) of every position's angle for every pair of channels."""
    pairs = torch.arange(0, config.head_dim, 2, dtype=torch.float64)
    rates = config.rope_theta ** (-pairs / config.head_dim)  # (E/2,)
    angles = torch.arange(config.context, dtype=torch.float64)[:, None] * rates
    return angles.cos().float(), angles.sin().float()


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
