"""A checkpoint as one GGUF file, for llama.cpp, Ollama and whatever else reads it.

Written from the format's description (github.com/ggml-org/ggml, docs/gguf.md, version 3) with
architecture `llama`: nothing but numpy is needed.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.checkpoint import Checkpoint, check_tensors
from engine.config import ForgeConfig
from engine.errors import BadConfig, BadModel, BadTokenizer
from engine.interchange.gguf_blocks import NUMBERS, Stored, pack, stored_size
from engine.interchange.templates import jinja
from engine.model_use import ModelUse
from engine.tokenizer import END, PAD, Tokenizer
from engine.whole import whole_file

Kind = Literal["f16", "q8_0", "q4_0"]
KINDS: tuple[Kind, ...] = ("f16", "q8_0", "q4_0")

Floats = npt.NDArray[np.float32]

_ANY_USE = ModelUse()
_MAGIC, _VERSION, _ALIGNMENT = b"GGUF", 3, 32
_QUANTISATION_VERSION = 2
# Numbers of whole files (llama.h: llama_ftype).
_FILE_TYPES = {"f16": 1, "q4_0": 2, "q8_0": 7}
# Numbers of llama.cpp's token types.
_NORMAL, _CONTROL, _UNUSED = 1, 3, 5
# How a text is split before it is encoded: digits one by one and then GPT-2's expression, which is
# ours, or that expression alone. Of llama.cpp's names for the first, Ollama knows "refact" alone and
# takes "smollm", say, for LLaMA 3's.
_PRE_TOKENIZERS = {("Digits", "ByteLevel"): "refact", ("ByteLevel",): "gpt-2"}


def write_gguf(
    checkpoint: Checkpoint,
    tokenizer: Path,
    file: Path,
    kind: Kind,
    *,
    name: str = "forge",
    use: ModelUse = _ANY_USE,
    force: bool = False,
) -> None:
    """Write `checkpoint` with its tokenizer to `file`, whole or not at all.

    Args:
        checkpoint: what `engine.checkpoint.load_checkpoint` gave.
        tokenizer: the tokenizer.json that it was trained with.
        file: `<name>.gguf`.
        kind: f16; q8_0 (blocks of 32 with an fp16 scale); q4_0 (the same at 4 bit, embedding and
            head at q8_0). Norms stay fp32.
        name: what the file calls the model.
        use: how it is to be asked, which the file's chat template says.
        force: replace a file that is there.

    Raises:
        BadConfig: an unknown kind.
        BadModel: tensors that do not fit the config, that are not finite, or too large for fp16.
        BadTokenizer: a damaged tokenizer, or not the one of this model.
        NotWritten: the file is there already, or the disk did not take it.
    """
    if kind not in KINDS:
        raise BadConfig(f"there is no kind {kind!r}", f"use one of {', '.join(KINDS)}")
    check_tensors(checkpoint.config, checkpoint.weights, "the checkpoint")
    fields = _model_fields(checkpoint.config, kind, name)
    fields |= _tokenizer_fields(checkpoint, tokenizer, use)
    tensors = [_Tensor.of(each, weight, kind) for each, weight in checkpoint.weights.items()]
    with whole_file(file, force=force) as made, made.open("wb") as out:
        for part in _parts(checkpoint, fields, tensors):
            out.write(part.ljust(_padded(len(part)), b"\0"))


@dataclass(frozen=True, slots=True)
class _Tensor:
    """One tensor of the file: our name, its name there, and how it is stored."""

    ours: str
    name: str
    shape: tuple[int, ...]
    stored: Stored

    @classmethod
    def of(cls, ours: str, weight: Floats, kind: Kind) -> "_Tensor":
        stored: Stored = kind
        if weight.ndim == 1:
            stored = "f32"
        elif kind == "q4_0" and ours in _NAMES:
            # At 4 bit most of the error would come from these two; llama.cpp keeps them higher too.
            stored = "q8_0"
        return cls(ours, _translated(ours), weight.shape, stored)

    @property
    def size(self) -> int:
        return _padded(stored_size(int(np.prod(self.shape)), self.stored))

    def header(self, offset: int) -> bytes:
        # ggml counts dimensions from the innermost.
        dims = struct.pack(f"<I{len(self.shape)}Q", len(self.shape), *reversed(self.shape))
        return _string(self.name) + dims + struct.pack("<IQ", NUMBERS[self.stored], offset)

    def content(self, checkpoint: Checkpoint) -> bytes:
        weight = checkpoint.weights[self.ours]
        if self.ours.endswith(("q_proj.weight", "k_proj.weight")):
            weight = _paired(weight, checkpoint.config.head_dim)
        try:
            return pack(weight, self.stored)
        except OverflowError as fault:
            raise BadModel(f"{self.ours}: {fault}", "train it with weight decay") from fault


def _parts(
    checkpoint: Checkpoint, fields: Mapping[str, Any], tensors: Sequence[_Tensor]
) -> Iterator[bytes]:
    """The head, then each tensor; every part begins at a multiple of 32 bytes."""
    head = bytearray(_MAGIC + struct.pack("<IQQ", _VERSION, len(tensors), len(fields)))
    for name, value in fields.items():
        head += _string(name) + _typed(value)
    offset = 0
    for tensor in tensors:
        head += tensor.header(offset)
        offset += tensor.size
    yield bytes(head)
    for tensor in tensors:
        yield tensor.content(checkpoint)


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


def _translated(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name]
    _, _, layer, part = name.removesuffix(".weight").split(".", 3)
    return f"blk.{layer}.{_LAYER_NAMES[part]}.weight"


def _paired(weight: Floats, width: int) -> Floats:
    """Rows of each head so that the two that rotate together are neighbours, as ggml has them."""
    rows, columns = weight.shape
    halves = weight.reshape(rows // width, 2, width // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def _model_fields(config: ForgeConfig, kind: Kind, name: str) -> dict[str, Any]:
    return {
        "general.architecture": "llama",
        "general.name": name,
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


def _tokenizer_fields(checkpoint: Checkpoint, file: Path, use: ModelUse) -> dict[str, Any]:
    loaded = Tokenizer.load(file)
    if loaded.fingerprint != checkpoint.tokenizer:
        raise BadTokenizer(
            f"{file} is not the tokenizer of this model", "give the one that it was trained with"
        )
    if loaded.vocab_size != checkpoint.config.vocab_size:
        raise BadTokenizer(
            f"{file} has {loaded.vocab_size} tokens, the model {checkpoint.config.vocab_size}",
            "give the tokenizer that it was trained with",
        )
    described = json.loads(file.read_text("utf-8"))
    vocabulary: Mapping[str, int] = described["model"]["vocab"]
    special = {each["id"]: each["content"] for each in described["added_tokens"]}
    names = {number: name for name, number in vocabulary.items()} | special
    tokens = [names[number] for number in range(loaded.vocab_size)]
    kinds = [_kind(number, names[number], special) for number in range(loaded.vocab_size)]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": _pre_tokenizer(described, file),
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": np.array(kinds, np.int32),
        "tokenizer.ggml.merges": [
            pair if isinstance(pair, str) else " ".join(pair)  # older files have "a b"
            for pair in described["model"]["merges"]
        ],
        # There is none; llama.cpp would take token 11, a label, if it were not told.
        "tokenizer.ggml.bos_token_id": np.uint32(END),
        "tokenizer.ggml.eos_token_id": np.uint32(END),
        "tokenizer.ggml.padding_token_id": np.uint32(PAD),
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": jinja(use),
    }


def _pre_tokenizer(described: Mapping[str, Any], file: Path) -> str:
    before = described.get("pre_tokenizer") or {}
    parts = before.get("pretokenizers", [before])
    plain = all(
        part.get("use_regex", True)
        and part.get("individual_digits", True)
        and not part.get("add_prefix_space")
        for part in parts
    )
    name = _PRE_TOKENIZERS.get(tuple(part.get("type") for part in parts))
    if name is None or not plain or described.get("normalizer"):
        raise BadTokenizer(
            f"{file} splits texts in a way that llama.cpp has no name for",
            "use a tokenizer made by engine.tokenizer",
        )
    return name


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
