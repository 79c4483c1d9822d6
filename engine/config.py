"""The shape of a model, and the named shapes that we train.

A shape is written to `config.json` under the keys of Hugging Face's LLaMA, so that transformers,
llama.cpp's converter and onnxruntime-genai read our checkpoints as they are.
"""

import json
import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import BadConfig, BadModel

VOCAB_SIZE = 8192
CONTEXT = 512

# The quantised kernels work on blocks of 64 columns; a dimension that is no multiple of it
# would need padding in every matrix product.
BLOCK = 64

# Far beyond what anybody trains for a home. Whoever walks over the layers of a shape, or multiplies
# its sizes, need not fear a number that a damaged or hostile file put there.
_MOST = {
    "dim": 1 << 16,
    "n_layers": 1 << 10,
    "n_heads": 1 << 10,
    "n_kv_heads": 1 << 10,
    "ffn_dim": 1 << 18,
    "vocab_size": 1 << 20,
    "context": 1 << 20,
}
_MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ForgeConfig:
    """Shape of a decoder-only transformer (LLaMA, Touvron et al. 2023).

    Raises:
        BadConfig: dimensions that do not fit together.
    """

    dim: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    ffn_dim: int
    vocab_size: int = VOCAB_SIZE
    context: int = CONTEXT
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-5
    tied: bool = True

    def __post_init__(self) -> None:
        sizes = (self.dim, self.n_layers, self.n_heads, self.n_kv_heads, self.ffn_dim)
        if min(*sizes, self.vocab_size, self.context) < 1:
            raise BadConfig(f"a size of {self} is below 1", "give positive sizes")
        for name, most in _MOST.items():
            if getattr(self, name) > most:
                raise BadConfig(
                    f"{name}={getattr(self, name)} is beyond {most:,}", "give a size that is meant"
                )
        if not (0 < self.rope_theta < math.inf and 0 < self.norm_eps < 1):
            raise BadConfig(
                f"rope_theta={self.rope_theta} or norm_eps={self.norm_eps} is no such number",
                "use 10000 and 1e-5",
            )
        for name in ("dim", "ffn_dim", "vocab_size"):
            if getattr(self, name) % BLOCK:
                raise BadConfig(
                    f"{name}={getattr(self, name)} is no multiple of {BLOCK}",
                    f"round it to a multiple of {BLOCK}",
                )
        if self.dim % self.n_heads or self.head_dim % 8:
            raise BadConfig(
                f"dim={self.dim} over n_heads={self.n_heads} gives no head of a multiple of 8",
                "choose n_heads so that dim / n_heads is a multiple of 8",
            )
        if self.n_heads % self.n_kv_heads:
            raise BadConfig(
                f"n_kv_heads={self.n_kv_heads} does not divide n_heads={self.n_heads}",
                "choose n_kv_heads as a divisor of n_heads",
            )

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.dim // self.n_heads

    @property
    def kv_dim(self) -> int:
        """Width of all key (or value) heads together."""
        return self.n_kv_heads * self.head_dim

    def parameters(self) -> int:
        """Exact number of weights; a tied head counts once."""
        attention = 2 * self.dim * self.dim + 2 * self.dim * self.kv_dim
        layer = attention + 3 * self.dim * self.ffn_dim + 2 * self.dim
        embeddings = self.vocab_size * self.dim * (1 if self.tied else 2)
        return embeddings + self.n_layers * layer + self.dim

    def kv_bytes(self, context: int | None = None) -> int:
        """Bytes of the fp32 key-value cache for `context` positions (default: all of them)."""
        return 2 * 4 * self.n_layers * self.kv_dim * (context or self.context)

    def to_json(self) -> dict[str, Any]:
        """`config.json` as Hugging Face's LlamaConfig reads it."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "hidden_size": self.dim,
            "num_hidden_layers": self.n_layers,
            "num_attention_heads": self.n_heads,
            "num_key_value_heads": self.n_kv_heads,
            "head_dim": self.head_dim,
            "intermediate_size": self.ffn_dim,
            "vocab_size": self.vocab_size,
            "max_position_embeddings": self.context,
            "rope_theta": self.rope_theta,
            "rms_norm_eps": self.norm_eps,
            "tie_word_embeddings": self.tied,
            "attention_bias": False,
            "mlp_bias": False,
            "pad_token_id": 0,
            "bos_token_id": None,
            "eos_token_id": 1,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "ForgeConfig":
        """Read `config.json`'s object.

        Raises:
            BadConfig: a key is missing, of the wrong type, or the shape does not fit together.
        """
        try:
            if fields["model_type"] != "llama":
                raise BadConfig(
                    f"model_type is {fields['model_type']!r}", "give a checkpoint of LLaMA's shape"
                )
            return cls(
                dim=_integer(fields, "hidden_size"),
                n_layers=_integer(fields, "num_hidden_layers"),
                n_heads=_integer(fields, "num_attention_heads"),
                n_kv_heads=_integer(fields, "num_key_value_heads"),
                ffn_dim=_integer(fields, "intermediate_size"),
                vocab_size=_integer(fields, "vocab_size"),
                context=_integer(fields, "max_position_embeddings"),
                rope_theta=float(fields["rope_theta"]),
                norm_eps=float(fields["rms_norm_eps"]),
                tied=bool(fields["tie_word_embeddings"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as fault:
            raise BadConfig(
                f"config.json is incomplete: {fault!r}", "copy the model folder again"
            ) from fault


def read_config_json(path: Path) -> dict[str, Any]:
    """The object in `path`.

    Raises:
        BadModel: the file is missing or is no JSON object.
    """
    try:
        fields = json.loads(read_small(path).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise BadModel(f"{path} cannot be read ({fault})", "copy the model folder again") from fault
    if not isinstance(fields, dict):
        raise BadModel(f"{path} holds no JSON object", "copy the model folder again")
    return fields


def read_small(path: Path) -> bytes:
    """The bytes of a file of at most 16 MiB; never waits, as a pipe in its place would.

    Raises:
        OSError: it cannot be read, is no file, or is larger.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        kind = os.fstat(handle)
        if not stat.S_ISREG(kind.st_mode):
            raise OSError(f"{path} is no file")
        if kind.st_size > _MOST_BYTES:
            raise OSError(f"{path} has {kind.st_size:,} bytes, more than {_MOST_BYTES:,}")
        return stream.read(kind.st_size)


def _integer(fields: dict[str, Any], key: str) -> int:
    value = fields[key]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{key} is {value!r}, not an integer")
    return value


PRESETS: dict[str, ForgeConfig] = {
    "pi_zero": ForgeConfig(dim=64, n_layers=2, n_heads=2, n_kv_heads=2, ffn_dim=192),
    "nano": ForgeConfig(dim=128, n_layers=2, n_heads=4, n_kv_heads=2, ffn_dim=256),
    "micro": ForgeConfig(dim=128, n_layers=5, n_heads=4, n_kv_heads=4, ffn_dim=384),
    "pi_4": ForgeConfig(dim=192, n_layers=4, n_heads=4, n_kv_heads=4, ffn_dim=512),
    "tiny": ForgeConfig(dim=256, n_layers=4, n_heads=4, n_kv_heads=4, ffn_dim=640),
    "pi_5": ForgeConfig(dim=256, n_layers=6, n_heads=4, n_kv_heads=4, ffn_dim=768),
    "mini": ForgeConfig(dim=384, n_layers=6, n_heads=6, n_kv_heads=6, ffn_dim=1024),
    "compact": ForgeConfig(dim=448, n_layers=7, n_heads=7, n_kv_heads=7, ffn_dim=1216),
    "small": ForgeConfig(dim=512, n_layers=8, n_heads=8, n_kv_heads=8, ffn_dim=1408),
    "base": ForgeConfig(
        dim=640, n_layers=10, n_heads=10, n_kv_heads=10, ffn_dim=1728, context=1024
    ),
    "medium": ForgeConfig(
        dim=768, n_layers=12, n_heads=12, n_kv_heads=4, ffn_dim=2048, context=1024
    ),
    "plus": ForgeConfig(
        dim=1024, n_layers=12, n_heads=16, n_kv_heads=4, ffn_dim=2816, context=1024
    ),
    "large": ForgeConfig(
        dim=1024, n_layers=24, n_heads=16, n_kv_heads=4, ffn_dim=2816, context=2048
    ),
    "xl": ForgeConfig(dim=1536, n_layers=24, n_heads=24, n_kv_heads=8, ffn_dim=4096, context=2048),
    "xxl": ForgeConfig(dim=2048, n_layers=24, n_heads=32, n_kv_heads=8, ffn_dim=5632, context=2048),
}
"""Named shapes, smallest first. Up to `small` they are for the vocabulary and context of a home."""

DEVICES: dict[str, str] = {
    "pi_zero": "Raspberry Pi Zero 2 W",
    "nano": "any Pi, as a classifier beside another model",
    "micro": "Raspberry Pi 3",
    "pi_4": "Raspberry Pi 4",
    "tiny": "Raspberry Pi 4 or 5",
    "pi_5": "Raspberry Pi 5",
    "mini": "Raspberry Pi 5, small PC",
    "compact": "small PC",
    "small": "desktop CPU",
    "base": "desktop CPU",
    "medium": "desktop CPU with int8 dot products",
    "plus": "desktop CPU with int8 dot products",
    "large": "workstation",
    "xl": "GPU for training, workstation for serving",
    "xxl": "GPU for training, server for serving",
}
"""What each shape is meant for: an intention, measured on none of the boards so far."""
