"""The GGUF file, read back by its description: shape, tokenizer, and every weight in its place."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_models import SENTENCES

from engine.checkpoint import Checkpoint, tensor_shapes
from engine.config import ForgeConfig
from engine.errors import BadConfig, BadModel, BadTokenizer
from engine.gguf import KINDS, Kind, write_gguf
from engine.tokenizer import SPECIAL_TOKENS, Tokenizer, train_tokenizer

CONFIG = ForgeConfig(
    dim=64, n_layers=2, n_heads=4, n_kv_heads=2, ffn_dim=192, vocab_size=640, context=128
)
SIZES = {4: "I", 5: "i", 6: "f", 7: "?"}


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
        self.start = -(-self.place // 32) * 32
        self.tensors = {name: self.tensor(*rest) for name, *rest in infos}

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

    def tensor(self, shape: tuple[int, ...], kind: int, offset: int) -> np.ndarray:
        assert offset % 32 == 0
        forms: dict[int, Any] = {0: "<f4", 1: "<f2", 8: [("d", "<f2"), ("q", "i1", 32)]}
        count = int(np.prod(shape)) // (32 if kind == 8 else 1)
        raw = np.frombuffer(self.content, forms[kind], count, self.start + offset)
        if kind == 8:
            raw = raw["d"].astype(np.float32)[:, None] * raw["q"]
        return raw.astype(np.float32).reshape(shape)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    train_tokenizer(SENTENCES * 20, CONFIG.vocab_size).save(file)
    return file


@pytest.fixture(scope="module")
def checkpoint(tokenizer: Path) -> Checkpoint:
    rng = np.random.default_rng(3)
    weights = {
        name: rng.normal(0, 1, shape).astype(np.float32)
        for name, shape in tensor_shapes(CONFIG).items()
    }
    return Checkpoint(CONFIG, weights, Tokenizer.load(tokenizer).fingerprint, {})


def written(checkpoint: Checkpoint, tokenizer: Path, folder: Path, kind: Kind) -> Reader:
    write_gguf(checkpoint, tokenizer, folder / "forge.gguf", kind)
    return Reader(folder / "forge.gguf")


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_is_there(
    checkpoint: Checkpoint, tokenizer: Path, tmp_path: Path, kind: Kind
) -> None:
    got = written(checkpoint, tokenizer, tmp_path, kind).tensors
    assert len(got) == len(checkpoint.weights)
    step = 2e-3 if kind == "f16" else 0.02
    for ours, theirs in (
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("model.norm.weight", "output_norm.weight"),
        ("model.layers.1.self_attn.v_proj.weight", "blk.1.attn_v.weight"),
        ("model.layers.1.self_attn.o_proj.weight", "blk.1.attn_output.weight"),
        ("model.layers.0.mlp.gate_proj.weight", "blk.0.ffn_gate.weight"),
        ("model.layers.0.mlp.up_proj.weight", "blk.0.ffn_up.weight"),
        ("model.layers.1.mlp.down_proj.weight", "blk.1.ffn_down.weight"),
        ("model.layers.0.input_layernorm.weight", "blk.0.attn_norm.weight"),
        ("model.layers.0.post_attention_layernorm.weight", "blk.0.ffn_norm.weight"),
    ):
        np.testing.assert_allclose(got[theirs], checkpoint.weights[ours], atol=step)


def test_what_rotates_together_stands_together(
    checkpoint: Checkpoint, tokenizer: Path, tmp_path: Path
) -> None:
    got = written(checkpoint, tokenizer, tmp_path, "f16").tensors
    width = CONFIG.head_dim
    for name, heads in (("q", CONFIG.n_heads), ("k", CONFIG.n_kv_heads)):
        ours = checkpoint.weights[f"model.layers.1.self_attn.{name}_proj.weight"]
        theirs = got[f"blk.1.attn_{name}.weight"]
        for head in range(heads):
            for i in range(width // 2):
                row = head * width + i
                for half in (0, 1):
                    expected = ours[row + half * width // 2]
                    found = theirs[head * width + 2 * i + half]
                    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_the_shape_and_the_tokenizer_are_told(
    checkpoint: Checkpoint, tokenizer: Path, tmp_path: Path
) -> None:
    fields = written(checkpoint, tokenizer, tmp_path, "q8_0").fields
    assert fields["general.architecture"] == "llama"
    assert fields["llama.attention.head_count_kv"] == CONFIG.n_kv_heads
    assert fields["llama.rope.freq_base"] == CONFIG.rope_theta
    assert fields["llama.attention.layer_norm_rms_epsilon"] == pytest.approx(CONFIG.norm_eps)
    tokens = fields["tokenizer.ggml.tokens"]
    assert tuple(tokens[: len(SPECIAL_TOKENS)]) == SPECIAL_TOKENS
    assert len(set(tokens)) == CONFIG.vocab_size
    kinds = fields["tokenizer.ggml.token_type"]
    assert {kinds[n] for n in range(len(SPECIAL_TOKENS))} == {3}
    assert all(
        (kind == 1) == (not token.startswith("<|") or token == "<|")
        for kind, token in zip(kinds, tokens, strict=True)
    )
    model = json.loads(tokenizer.read_text("utf-8"))["model"]
    assert fields["tokenizer.ggml.merges"] == [" ".join(pair) for pair in model["merges"]]
    assert fields["tokenizer.ggml.eos_token_id"] == 1


def test_what_cannot_be_written_is_named(
    checkpoint: Checkpoint, tokenizer: Path, tmp_path: Path
) -> None:
    file = tmp_path / "forge.gguf"
    with pytest.raises(BadConfig, match="q3_k"):
        write_gguf(checkpoint, tokenizer, file, "q3_k")  # type: ignore[arg-type]
    stranger = Checkpoint(CONFIG, checkpoint.weights, "0" * 64, {})
    with pytest.raises(BadTokenizer, match="not the tokenizer"):
        write_gguf(stranger, tokenizer, file, "f16")
    weights = dict(checkpoint.weights) | {"model.norm.weight": np.full(64, np.nan, np.float32)}
    with pytest.raises(BadModel, match="NaN"):
        write_gguf(Checkpoint(CONFIG, weights, "", {}), tokenizer, file, "f16")
    assert list(tmp_path.iterdir()) == []
