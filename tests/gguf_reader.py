"""A GGUF file read back by the format's description, every weight decoded to float32."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SIZES = {4: "I", 5: "i", 6: "f", 7: "?"}
F32, F16, Q4_0, Q8_0 = 0, 1, 2, 8
FORMS: dict[int, Any] = {
    F32: "<f4",
    F16: "<f2",
    Q4_0: [("d", "<f2"), ("q", "u1", 16)],
    Q8_0: [("d", "<f2"), ("q", "i1", 32)],
}

TO_LLAMA = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class Reader:
    """A file of the format's version 3."""

    def __init__(self, file: Path) -> None:
        self.content = file.read_bytes()
        self.place = 4
        assert self.content[:4] == b"GGUF"
        version, tensors, fields = self.take("<IQQ")
        assert version == 3
        self.fields: dict[str, Any] = {}
        for _ in range(fields):
            name = self.string()
            assert name not in self.fields
            self.fields[name] = self.value(*self.take("<I"))
        infos = [self.info() for _ in range(tensors)]
        self.kinds = {name: kind for name, _, kind, _ in infos}
        self.start = -(-self.place // 32) * 32
        self.tensors = {name: self.tensor(*rest) for name, *rest in infos}

    def llama(self, heads: int, kv_heads: int) -> dict[str, npt.NDArray[np.float32]]:
        """The tensors under LLaMA's names, with what rotates together half a head apart."""
        tensors = {}
        for name, tensor in self.tensors.items():
            ours, array = TO_LLAMA.get(name, ""), tensor
            if not ours:
                _, layer, part, _ = name.split(".")
                ours = f"model.layers.{layer}.{PARTS[part]}.weight"
                if part in {"attn_q", "attn_k"}:
                    count = heads if part == "attn_q" else kv_heads
                    pairs = tensor.reshape(count, -1, 2, tensor.shape[1])
                    array = np.concatenate([pairs[:, :, 0], pairs[:, :, 1]], 1).reshape(
                        tensor.shape
                    )
            assert ours not in tensors
            tensors[ours] = array
        return tensors

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self.content, self.place)
        self.place += struct.calcsize(form)
        return values

    def string(self) -> str:
        (size,) = self.take("<Q")
        (content,) = self.take(f"{size}s")
        return bytes(content).decode("utf-8")

    def value(self, kind: int) -> Any:
        if kind == 8:
            return self.string()
        if kind == 9:
            of, count = self.take("<IQ")
            return [self.value(of) for _ in range(count)]
        return self.take("<" + SIZES[kind])[0]

    def info(self) -> tuple[Any, ...]:
        name = self.string()
        (count,) = self.take("<I")
        dims = self.take(f"<{count}Q")
        return name, dims[::-1], *self.take("<IQ")

    def tensor(self, shape: tuple[int, ...], kind: int, offset: int) -> npt.NDArray[np.float32]:
        assert offset % 32 == 0
        count = int(np.prod(shape)) // (32 if kind in (Q4_0, Q8_0) else 1)
        raw = np.frombuffer(self.content, FORMS[kind], count, self.start + offset)
        return decoded(raw, kind).reshape(shape)


def decoded(raw: npt.NDArray[Any], kind: int) -> npt.NDArray[np.float32]:
    """Weights of blocks, or of numbers as they are."""
    weights: npt.NDArray[np.float32]
    if kind == Q8_0:
        weights = raw["d"].astype(np.float32)[:, None] * raw["q"]
    elif kind == Q4_0:
        codes = np.concatenate([raw["q"] & 15, raw["q"] >> 4], axis=1).astype(np.float32) - 8
        weights = raw["d"].astype(np.float32)[:, None] * codes
    else:
        weights = raw.astype(np.float32)
    return weights
