"""The GGUF file, read back by its description: shape, tokenizer, and every weight in its place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_models import SENTENCES
from gguf_reader import F32, Q4_0, Q8_0, Reader

from engine.checkpoint import Checkpoint, tensor_shapes
from engine.config import ForgeConfig
from engine.errors import BadConfig, BadModel, BadTokenizer, NotWritten
from engine.interchange.gguf import KINDS, Kind, write_gguf
from engine.tokenizer import SPECIAL_TOKENS, Tokenizer, train_tokenizer

CONFIG = ForgeConfig(
    dim=64, n_layers=2, n_heads=4, n_kv_heads=2, ffn_dim=192, vocab_size=640, context=128
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    train_tokenizer(SENTENCES * 20, CONFIG.vocab_size).save(file)
    return file


def made(config: ForgeConfig, tokenizer: Path) -> Checkpoint:
    rng = np.random.default_rng(3)
    weights = {
        name: rng.normal(0, 1, shape).astype(np.float32)
        for name, shape in tensor_shapes(config).items()
    }
    return Checkpoint(config, weights, Tokenizer.load(tokenizer).fingerprint, {})


@pytest.fixture(scope="module")
def checkpoint(tokenizer: Path) -> Checkpoint:
    return made(CONFIG, tokenizer)


def written(checkpoint: Checkpoint, tokenizer: Path, folder: Path, kind: Kind) -> Reader:
    write_gguf(checkpoint, tokenizer, folder / "forge.gguf", kind)
    return Reader(folder / "forge.gguf")


# The largest error of a weight as a share of the largest of its 32 neighbours.
ERRORS: dict[Kind, float] = {"f16": 2**-11, "q8_0": 0.5 / 127 + 2**-11, "q4_0": 1 / 8 + 2**-11}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_is_there(tokenizer: Path, tmp_path: Path, kind: Kind, *, tied: bool) -> None:
    checkpoint = made(replace(CONFIG, tied=tied), tokenizer)
    read = written(checkpoint, tokenizer, tmp_path, kind)
    got = read.llama(CONFIG.n_heads, CONFIG.n_kv_heads)
    assert got.keys() == checkpoint.weights.keys()
    for name, weight in checkpoint.weights.items():
        if weight.ndim == 1:
            np.testing.assert_array_equal(got[name], weight)
            continue
        higher = kind == "q4_0" and name in {"model.embed_tokens.weight", "lm_head.weight"}
        blocks = weight.reshape(-1, 32)
        most = np.abs(blocks).max(-1) * ERRORS["q8_0" if higher else kind]
        assert (np.abs(got[name].reshape(-1, 32) - blocks).max(-1) <= most).all(), name


def test_what_is_at_how_many_bits(checkpoint: Checkpoint, tokenizer: Path, tmp_path: Path) -> None:
    kinds = written(checkpoint, tokenizer, tmp_path, "q4_0").kinds
    assert kinds["token_embd.weight"] == Q8_0
    assert kinds["output_norm.weight"] == kinds["blk.1.attn_norm.weight"] == F32
    rest = {kind for name, kind in kinds.items() if "norm" not in name and "token" not in name}
    assert rest == {Q4_0}


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
    assert fields["tokenizer.ggml.pre"] == "refact"
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


def test_a_file_that_is_there_stays(
    checkpoint: Checkpoint, tokenizer: Path, tmp_path: Path
) -> None:
    file = tmp_path / "forge.gguf"
    file.write_bytes(b"mine")
    with pytest.raises(NotWritten, match="there already"):
        write_gguf(checkpoint, tokenizer, file, "f16")
    assert file.read_bytes() == b"mine"
    write_gguf(checkpoint, tokenizer, file, "f16", force=True)
    assert Reader(file).fields["general.name"] == "forge"
    assert list(tmp_path.iterdir()) == [file]


def test_what_fp16_cannot_hold_is_named(
    checkpoint: Checkpoint, tokenizer: Path, tmp_path: Path
) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    huge = checkpoint.weights[name].copy()
    huge[5, 7] = 1e9
    large = Checkpoint(CONFIG, {**checkpoint.weights, name: huge}, checkpoint.tokenizer, {})
    for kind in KINDS:
        with pytest.raises(BadModel, match=r"model\.layers\.1\.mlp\.up_proj\.weight.*65504"):
            write_gguf(large, tokenizer, tmp_path / "forge.gguf", kind)
    assert list(tmp_path.iterdir()) == []


def test_a_tokenizer_of_another_size_or_another_splitting_is_named(
    tokenizer: Path, tmp_path: Path
) -> None:
    wider = made(replace(CONFIG, vocab_size=704), tokenizer)
    with pytest.raises(BadTokenizer, match="has 640 tokens, the model 704"):
        write_gguf(wider, tokenizer, tmp_path / "forge.gguf", "f16")
    told = json.loads(tokenizer.read_text("utf-8"))
    told["pre_tokenizer"]["pretokenizers"][0]["individual_digits"] = False
    other = tmp_path / "other.json"
    other.write_text(json.dumps(told), "utf-8")
    with pytest.raises(BadTokenizer, match=r"other\.json splits texts"):
        write_gguf(made(CONFIG, other), other, tmp_path / "forge.gguf", "f16")
    told["pre_tokenizer"] = told["pre_tokenizer"]["pretokenizers"][1]
    other.write_text(json.dumps(told), "utf-8")
    assert (
        written(made(CONFIG, other), other, tmp_path, "f16").fields["tokenizer.ggml.pre"] == "gpt-2"
    )
