"""A checkpoint as one GGUF file, for llama.cpp, Ollama and whatever else reads it.

Written from the format's description (github.com/ggml-org/ggml, docs/gguf.md, version 3) with
architecture `llama`: nothing but numpy is needed.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.checkpoint import Checkpoint, check_tensors
from engine.config import ForgeConfig
from engine.errors import BadConfig, BadTokenizer
from engine.tokenizer import END, PAD, Tokenizer

Kind = Literal["f16", "q8_0"]
KINDS: tuple[Kind, ...] = ("f16", "q8_0")

Floats = npt.NDArray[np.float32]

_MAGIC, _VERSION, _ALIGNMENT = b"GGUF", 3, 32
_QUANTISATION_VERSION = 2
# Numbers of ggml's tensor types, and of whole files (llama.h: llama_ftype).
_F32, _F16, _Q8_0 = 0, 1, 8
_FILE_TYPES = {"f16": 1, "q8_0": 7}
_Q8_BLOCK = 32
# Numbers of llama.cpp's token types.
_NORMAL, _CONTROL, _UNUSED = 1, 3, 5
# Digits one by one, then GPT-2's expression: what our tokenizer does, under llama.cpp's name for it.
_PRE_TOKENIZER = "smollm"
_CHAT = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def write_gguf(checkpoint: Checkpoint, tokenizer: Path, file: Path, kind: Kind) -> None:
    """Write `checkpoint` with its tokenizer to `file`, whole or not at all.

    Args:
        checkpoint: what `engine.checkpoint.load_checkpoint` gave.
        tokenizer: the tokenizer.json that it was trained with.
        file: `<name>.gguf`.
        kind: f16, or q8_0 (blocks of 32 with an fp16 scale); norms stay fp32.

    Raises:
        BadConfig: an unknown kind.
        BadModel: tensors that do not fit the config, or that are not finite.
        BadTokenizer: a damaged tokenizer, or not the one of this model.
    """
    if kind not in KINDS:
        raise BadConfig(f"there is no kind {kind!r}", f"use one of {', '.join(KINDS)}")
    check_tensors(checkpoint.config, checkpoint.weights, "the checkpoint")
    fields = _model_fields(checkpoint.config, kind) | _tokenizer_fields(checkpoint, tokenizer)
    tensors = [_tensor(checkpoint.config, *each, kind) for each in checkpoint.weights.items()]
    head = bytearray(_MAGIC + struct.pack("<IQQ", _VERSION, len(tensors), len(fields)))
    for name, value in fields.items():
        head += _string(name) + _typed(value)
    offset = 0
    for tensor in tensors:
        head += tensor.header(offset)
        offset += _padded(len(tensor.content))
    temporary = file.with_name(f".{file.name}")
    with temporary.open("wb") as out:
        out.write(head.ljust(_padded(len(head)), b"\0"))
        for tensor in tensors:
            out.write(tensor.content.ljust(_padded(len(tensor.content)), b"\0"))
    temporary.replace(file)


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    kind: int
    content: bytes

    def header(self, offset: int) -> bytes:
        # ggml counts dimensions from the innermost.
        dims = struct.pack(f"<I{len(self.shape)}Q", len(self.shape), *reversed(self.shape))
        return _string(self.name) + dims + struct.pack("<IQ", self.kind, offset)


_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def _tensor(config: ForgeConfig, name: str, weight: Floats, kind: Kind) -> _Tensor:
    if name in _NAMES:
        translated = _NAMES[name]
    else:
        _, _, layer, part = name.removesuffix(".weight").split(".", 3)
        translated = f"blk.{layer}.{_LAYER_NAMES[part]}.weight"
        if part.endswith(("q_proj", "k_proj")):
            weight = _paired(weight, config.head_dim)
    if weight.ndim == 1:
        return _Tensor(translated, weight.shape, _F32, weight.astype("<f4").tobytes())
    if kind == "f16":
        return _Tensor(translated, weight.shape, _F16, weight.astype("<f2").tobytes())
    return _Tensor(translated, weight.shape, _Q8_0, _q8_0(weight))


def _paired(weight: Floats, width: int) -> Floats:
    """Rows of each head so that the two that rotate together are neighbours, as ggml has them."""
    rows, columns = weight.shape
    halves = weight.reshape(rows // width, 2, width // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def _q8_0(weight: Floats) -> bytes:
    blocks = weight.reshape(-1, _Q8_BLOCK)
    scales = np.abs(blocks).max(-1) / 127
    rates = np.divide(1, scales, out=np.zeros_like(scales), where=scales > 0)
    packed = np.empty(len(blocks), [("scale", "<f2"), ("codes", "i1", _Q8_BLOCK)])
    packed["scale"] = scales
    packed["codes"] = np.rint(blocks * rates[:, None])
    return packed.tobytes()


def _model_fields(config: ForgeConfig, kind: Kind) -> dict[str, Any]:
    return {
        "general.architecture": "llama",
        "general.name": "forge",
        "general.file_type": np.uint32(_FILE_TYPES[kind]),
        "general.quantization_version": np.uint32(_QUANTISATION_VERSION),
        "llama.block_count": np.uint32(config.n_layers),
        "llama.context_length": np.uint32(config.context),
        "llama.embedding_length": np.uint32(config.dim),
        "llama.feed_forward_length": np.uint32(config.ffn_dim),
        "llama.attention.head_count": np.uint32(config.n_heads),
        "llama.attention.head_count_kv": np.uint32(config.n_kv_heads),
        "llama.attention.layer_norm_rms_epsilon": np.float32(config.norm_eps),
        "llama.rope.freq_base": np.float32(config.rope_theta),
        "llama.rope.dimension_count": np.uint32(config.head_dim),
        "llama.vocab_size": np.uint32(config.vocab_size),
    }


def _tokenizer_fields(checkpoint: Checkpoint, file: Path) -> dict[str, Any]:
    loaded = Tokenizer.load(file)
    if loaded.fingerprint != checkpoint.tokenizer:
        raise BadTokenizer(
            f"{file} is not the tokenizer of this model", "give the one that it was trained with"
        )
    described = json.loads(file.read_text("utf-8"))
    vocabulary: Mapping[str, int] = described["model"]["vocab"]
    special = {each["id"]: each["content"] for each in described["added_tokens"]}
    names = {number: name for name, number in vocabulary.items()} | special
    tokens = [names[number] for number in range(loaded.vocab_size)]
    kinds = [_kind(number, names[number], special) for number in range(loaded.vocab_size)]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": _PRE_TOKENIZER,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": np.array(kinds, np.int32),
        "tokenizer.ggml.merges": [" ".join(pair) for pair in described["model"]["merges"]],
        # There is none; llama.cpp would take token 11, a label, if it were not told.
        "tokenizer.ggml.bos_token_id": np.uint32(END),
        "tokenizer.ggml.eos_token_id": np.uint32(END),
        "tokenizer.ggml.padding_token_id": np.uint32(PAD),
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": _CHAT,
    }


def _kind(number: int, name: str, special: Mapping[int, str]) -> int:
    if number not in special:
        return _NORMAL
    return _UNUSED if name.startswith("<|unused_") else _CONTROL


def _typed(value: Any) -> bytes:
    """A value behind the number of its type."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, np.uint32):
        return struct.pack("<II", 4, value)
    if isinstance(value, np.float32):
        return struct.pack("<If", 6, value)
    if isinstance(value, np.ndarray):
        return struct.pack("<IIQ", 9, 5, len(value)) + value.astype("<i4").tobytes()
    return _strings(value)


def _strings(values: Sequence[str]) -> bytes:
    return struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(_string, values))


def _string(text: str) -> bytes:
    content = text.encode("utf-8")
    return struct.pack("<Q", len(content)) + content


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
