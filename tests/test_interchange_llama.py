"""A LLaMA from elsewhere comes in whole, or is refused by the name of what is wrong with it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_models import SHAPE, random_checkpoint
from malicious_files import MALICIOUS, Payload
from safetensors.torch import load_file, save_file

from engine.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from engine.config import read_config_json
from engine.errors import BadConfig, BadModel, BadTokenizer, EngineError, MissingDependency
from engine.graph import export
from engine.interchange import torch_file
from engine.interchange.huggingface import llama_config
from engine.interchange.models import import_model
from engine.runtime import Forge
from engine.tokenizer import Tokenizer

pytest_plugins = ["engine_fixtures"]

# What transformers 5 writes; of what it leaves out its LlamaConfig has the default.
FOREIGN: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "dtype": "bfloat16",
    "head_dim": 16,
    "hidden_act": "silu",
    "hidden_size": 64,
    "intermediate_size": 192,
    "max_position_embeddings": 256,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-05,
    "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
    "tie_word_embeddings": True,
    "transformers_version": "5.23.0",
    "vocab_size": 640,
}


@pytest.fixture
def folder(checkpoint: Checkpoint, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A folder as transformers writes it."""
    made = tmp_path / "llama"
    made.mkdir()
    save_file(tensors(checkpoint), made / "model.safetensors", metadata={"format": "pt"})
    tell(made)
    tokenizer.save(made / "tokenizer.json")
    return made


def tensors(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(weight) for name, weight in checkpoint.weights.items()}


def tell(folder: Path, **change: Any) -> None:
    fields = {name: value for name, value in (FOREIGN | change).items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(fields))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_llama_comes_in_at_any_precision(
    checkpoint: Checkpoint, folder: Path, tmp_path: Path, dtype: torch.dtype
) -> None:
    rounded = {name: each.to(dtype) for name, each in tensors(checkpoint).items()}
    save_file(rounded, folder / "model.safetensors")
    import_model(folder, tmp_path / "ours")
    got = load_checkpoint(tmp_path / "ours")
    assert got.config == SHAPE
    for name, each in rounded.items():
        np.testing.assert_array_equal(got.weights[name], each.float().numpy())
    assert list(got.training["imported"]) == ["model.safetensors"]


def test_a_file_of_another_name_comes_in(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").rename(folder / "tuned.safetensors")
    with pytest.raises(BadModel, match=r"neither model\.safetensors nor"):
        import_model(folder, tmp_path / "ours")
    import_model(folder / "tuned.safetensors", tmp_path / "ours")
    assert list(load_checkpoint(tmp_path / "ours").training["imported"]) == ["tuned.safetensors"]
    with pytest.raises(BadModel, match=r"there is no .*nothing"):
        import_model(folder / "nothing", tmp_path / "other")


def test_what_came_in_answers_as_torch_does(
    checkpoint: Checkpoint, folder: Path, tmp_path: Path
) -> None:
    from engine.model import ForgeModel

    import_model(folder, tmp_path / "ours")
    export(load_checkpoint(tmp_path / "ours"), tmp_path / "ours" / "model", "none")
    forge = Forge.load(tmp_path / "ours" / "model", threads=1)
    ids = [300 + n for n in range(32)]
    model = ForgeModel(SHAPE)
    model.load_state_dict(tensors(checkpoint))
    with torch.no_grad():
        expected = model(torch.tensor([ids]))[0].numpy()
    np.testing.assert_allclose(forge.extend(ids, every=True), expected, atol=2e-4)


def test_shards_come_in_by_their_index(
    checkpoint: Checkpoint, folder: Path, tmp_path: Path
) -> None:
    whole = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(whole)
    files = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    index = {name: file for file, held in files.items() for name in held}
    for file, held in files.items():
        save_file({name: whole[name] for name in held}, folder / file)
    said = folder / "model.safetensors.index.json"
    said.write_text(json.dumps({"weight_map": index}))
    import_model(folder, tmp_path / "ours")
    got = load_checkpoint(tmp_path / "ours")
    for name, weight in checkpoint.weights.items():
        np.testing.assert_array_equal(got.weights[name], weight)
    assert list(got.training["imported"]) == ["a.safetensors", "b.safetensors"]
    for wrong, message in (
        ({"x": "../a.safetensors"}, "outside its folder"),
        ({"x": 7}, "outside its folder"),
        ({"x": "c.safetensors"}, r"c\.safetensors is missing"),
        ({}, "names no files"),
    ):
        said.write_text(json.dumps({"weight_map": wrong}))
        with pytest.raises(BadModel, match=message):
            import_model(folder, tmp_path / "other")
    save_file(whole, folder / "b.safetensors")
    said.write_text(json.dumps({"weight_map": index}))
    with pytest.raises(BadModel, match="in another file"):
        import_model(folder, tmp_path / "other")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "mistral"}, "model_type is 'mistral'"),
        ({"hidden_act": "gelu"}, "hidden_act='gelu'.*SiLU alone"),
        ({"attention_bias": True}, "attention_bias=True.*no bias in attention"),
        ({"mlp_bias": True}, "mlp_bias=True.*no bias"),
        ({"sliding_window": 64}, "sliding_window=64.*whole context"),
        ({"partial_rotary_factor": 0.5}, r"partial_rotary_factor=0\.5"),
        ({"quantization_config": {"bits": 4}}, "quantization_config=.*before it was quantised"),
        ({"auto_map": {"AutoModel": "x.Y"}}, "auto_map=.*code of its own, which is never run"),
        ({"rope_scaling": {"type": "linear", "factor": 2}}, r"rotary positions \(linear\)"),
        ({"rope_scaling": {"rope_type": "llama3"}}, r"rotary positions \(llama3\)"),
        ({"rope_parameters": {"rope_type": "yarn"}}, r"rotary positions \(yarn\)"),
        ({"head_dim": 32}, "head_dim=32.* = 16 wide"),
        ({"hidden_size": 72, "head_dim": ...}, "no multiple of 64"),
        ({"num_hidden_layers": ...}, "num_hidden_layers"),
        ({"vocab_size": "many"}, "vocab_size"),
    ],
)
def test_what_the_engine_cannot_do_is_refused_by_name(
    folder: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    tell(folder, **change)
    with pytest.raises(BadConfig, match=message):
        import_model(folder, tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_what_config_leaves_out_has_transformers_default() -> None:
    silent = dict(FOREIGN)
    for name in ("num_key_value_heads", "rms_norm_eps", "rope_parameters", "head_dim"):
        del silent[name]
    del silent["tie_word_embeddings"], silent["max_position_embeddings"], silent["hidden_act"]
    shape = llama_config(silent)
    assert shape == replace(
        SHAPE, n_kv_heads=4, norm_eps=1e-6, rope_theta=10_000.0, tied=False, context=2048
    )
    assert llama_config(silent | {"rope_theta": 5e5}).rope_theta == 5e5
    assert llama_config(FOREIGN | {"rope_parameters": {"rope_theta": 1e6}}).rope_theta == 1e6


Change = Callable[[dict[str, torch.Tensor]], object]
UP = "model.layers.1.mlp.up_proj.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop(UP), f"lacks {UP}"),
        (
            lambda t: t.update({"model.layers.0.self_attn.q_proj.bias": torch.zeros(64)}),
            "q_proj.bias",
        ),
        (lambda t: t.update({UP: t[UP].T.contiguous()}), f"{UP} in .* not float32"),
        (lambda t: t.update({UP: t[UP].double()}), f"{UP} in .* is F64"),
        (lambda t: t.update({UP: t[UP] * torch.nan}), f"{UP} in .* NaN"),
        (lambda t: t.update({"lm_head.weight": torch.zeros(640, 64)}), "is not the embedding"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    folder: Path, tmp_path: Path, change: Change, message: str
) -> None:
    held = load_file(folder / "model.safetensors")
    change(held)
    save_file(held, folder / "model.safetensors")
    with pytest.raises(BadModel, match=message):
        import_model(folder, tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_a_tied_head_may_be_written_twice(folder: Path, tmp_path: Path) -> None:
    held = load_file(folder / "model.safetensors")
    save_file(
        held | {"lm_head.weight": held["model.embed_tokens.weight"].clone()},
        folder / "model.safetensors",
    )
    import_model(folder, tmp_path / "ours")
    assert load_checkpoint(tmp_path / "ours").config == SHAPE


def test_an_untied_model_with_grouped_queries_comes_in(
    tokenizer: Tokenizer, folder: Path, tmp_path: Path
) -> None:
    shape = replace(SHAPE, tied=False, n_kv_heads=1)
    other = random_checkpoint(shape, tokenizer.fingerprint)
    save_file(tensors(other), folder / "model.safetensors")
    tell(folder, tie_word_embeddings=False, num_key_value_heads=1)
    import_model(folder, tmp_path / "ours")
    assert load_checkpoint(tmp_path / "ours").config == shape


def without_pad(told: Any) -> None:
    told["added_tokens"][0]["content"] = "<pad>"
    told["model"]["vocab"]["<pad>"] = told["model"]["vocab"].pop("<|pad|>")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["model"].update(type="Unigram"), "no byte-level BPE"),
        (lambda t: t["model"].update(byte_fallback=True), "no byte-level BPE"),
        (lambda t: t.update(normalizer={"type": "NFC"}), "changes texts"),
        (lambda t: t.update(pre_tokenizer={"type": "Whitespace"}), "into bytes"),
        (lambda t: t["pre_tokenizer"]["pretokenizers"][1].update(add_prefix_space=True), "space"),
        (
            lambda t: t.update(
                post_processor={"type": "TemplateProcessing", "special_tokens": {"x": 1}}
            ),
            "adds tokens to every text",
        ),
        (without_pad, "no <|pad|> at id 0"),
        (
            lambda t: t["added_tokens"].append(
                {**t["added_tokens"][0], "id": 640, "content": "<x>"}
            ),
            "641",
        ),
    ],
)
def test_a_tokenizer_that_cannot_be_served_is_refused(
    folder: Path, tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    told = json.loads((folder / "tokenizer.json").read_text())
    change(told)
    (folder / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(BadTokenizer, match=message.replace("|", r"\|")):
        import_model(folder, tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{", b"{}", b'{"pre_tokenizer": 7}'])
def test_no_tokenizer_is_named(folder: Path, tmp_path: Path, content: bytes | None) -> None:
    (folder / "tokenizer.json").unlink()
    if content is not None:
        (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(BadTokenizer, match=r"tokenizer\.json"):
        import_model(folder, tmp_path / "ours")


def test_ours_comes_back_through_the_same_door(
    checkpoint: Checkpoint, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "run", checkpoint)
    tokenizer.save(tmp_path / "run" / "tokenizer.json")
    import_model(tmp_path / "run", tmp_path / "again")
    got = load_checkpoint(tmp_path / "again")
    assert (got.config, got.tokenizer) == (checkpoint.config, checkpoint.tokenizer)


class TestTorchFiles:
    """`import --from-torch`: weights alone, by a torch that is known to read nothing else."""

    def test_weights_come_in(self, checkpoint: Checkpoint, folder: Path, tmp_path: Path) -> None:
        (folder / "model.safetensors").unlink()
        state = tensors(checkpoint)
        torch.save(state, folder / "pytorch_model.bin")
        torch.save({"state_dict": state, "epoch": 3}, folder / "last.pth")
        with pytest.raises(BadModel, match="import --from-torch"):
            import_model(folder, tmp_path / "ours")
        for number, source in enumerate((folder, folder / "last.pth")):
            import_model(source, tmp_path / f"ours{number}", from_torch=True)
            got = load_checkpoint(tmp_path / f"ours{number}")
            np.testing.assert_array_equal(got.weights[UP], checkpoint.weights[UP])

    def test_code_in_them_is_not_run(self, folder: Path, tmp_path: Path) -> None:
        mark, file = tmp_path / "ran", folder / "weights.pth"
        for form, made in MALICIOUS.items():
            file.write_bytes(made(Payload(mark)))
            with pytest.raises(BadModel, match=r"weights\.pth"):
                import_model(file, tmp_path / "ours", from_torch=True)
            assert not mark.exists(), form
        assert not (tmp_path / "ours").exists()

    @pytest.mark.parametrize(
        "content", [{"w": [1, 2]}, [torch.zeros(1)], {}, torch.zeros(3), {"state_dict": {"w": 1}}]
    )
    def test_what_is_no_state_dict_is_named(self, tmp_path: Path, content: object) -> None:
        torch.save(content, tmp_path / "x.pth")
        with pytest.raises(BadModel, match="no weights by name"):
            torch_file.read_torch_file(tmp_path / "x.pth")

    def test_what_is_no_torch_file_is_named(self, folder: Path) -> None:
        for file, message in (
            (folder / "model.safetensors", "without --from-torch"),
            (folder / "nowhere.pth", "is no file"),
        ):
            with pytest.raises(BadModel, match=message):
                torch_file.read_torch_file(file)

    def test_a_torch_with_known_holes_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "x.pth").write_bytes(pickle.dumps({}))
        monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
        with pytest.raises(MissingDependency, match=r"2\.9\.1\+cpu may run code.*2\.10"):
            torch_file.read_torch_file(tmp_path / "x.pth")

    @pytest.mark.parametrize(
        ("version", "safe"),
        [
            ("2.10.0", True),
            ("2.13.0+cpu", True),
            ("3.0", True),
            ("2.9.1", False),
            ("1.13", False),
            ("", False),
        ],
    )
    def test_versions(self, version: str, safe: bool) -> None:  # noqa: FBT001
        assert torch_file.is_safe(version) is safe


def test_damaged_safetensors_are_named(folder: Path, tmp_path: Path) -> None:
    file = folder / "model.safetensors"
    content = file.read_bytes()
    for damaged in (b"", content[:100], content[: len(content) // 2], b"\xff" * 64):
        file.write_bytes(damaged)
        with pytest.raises(EngineError, match=r"model\.safetensors"):
            import_model(folder, tmp_path / "ours")
    assert read_config_json(folder / "config.json")["model_type"] == "llama"
    assert not (tmp_path / "ours").exists()
