"""Nothing damaged, foreign or dangerous is loaded, and the error names it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from engine_models import SENTENCES, SHAPE, random_checkpoint

from engine.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
    write_json,
    write_sums,
)
from engine.config import ForgeConfig, read_config_json
from engine.errors import BadConfig, BadModel, BadTokenizer, EngineError
from engine.graph import export
from engine.quantisation import Mode
from engine.runtime import Forge
from engine.tokenizer import Tokenizer, train_tokenizer

pytest_plugins = ["engine_fixtures"]

Served = Callable[[Mode], Path]


@pytest.fixture
def copy(served: Served, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A model folder of the test's own, with the tokenizer beside it."""
    tokenizer.save(tmp_path / "tokenizer.json")
    return Path(copytree(served("int8"), tmp_path / "model"))


def test_a_checkpoint_comes_back_as_it_was(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint)
    again = load_checkpoint(tmp_path)
    assert again.config == checkpoint.config
    assert again.tokenizer == checkpoint.tokenizer
    assert again.weights.keys() == checkpoint.weights.keys()
    for name, weight in checkpoint.weights.items():
        np.testing.assert_array_equal(again.weights[name], weight)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "a bit flipped": lambda c: (
        c[: len(c) // 2] + bytes([c[len(c) // 2] ^ 4]) + c[len(c) // 2 + 1 :]
    ),
    "noise": lambda content: np.random.default_rng(1).bytes(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "SHA256SUMS"])
def test_a_damaged_checkpoint_is_refused(
    checkpoint: Checkpoint, tmp_path: Path, name: str, damage: str
) -> None:
    save_checkpoint(tmp_path, checkpoint)
    file = tmp_path / name
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    with pytest.raises(BadModel, match=r"again|check"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["model.int8.onnx", "config.json", "SHA256SUMS"])
def test_a_damaged_model_is_refused(copy: Path, name: str, damage: str) -> None:
    file = copy / name
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    with pytest.raises(BadModel, match="again"):
        Forge.load(copy)


@pytest.mark.parametrize("name", ["model.int8.onnx", "config.json", "SHA256SUMS"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BadModel, match=name.replace(".", r"\.")):
        Forge.load(copy)


def test_an_empty_file_is_called_so(copy: Path) -> None:
    (copy / "model.int8.onnx").write_bytes(b"")
    with pytest.raises(BadModel, match=r"model\.int8\.onnx is empty"):
        Forge.load(copy)


def test_the_sums_may_not_point_elsewhere(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("x")
    sums = copy / "SHA256SUMS"
    sums.write_text(sums.read_text() + f"{'0' * 64}  ../outside\n")
    with pytest.raises(BadModel, match="outside is missing"):
        Forge.load(copy)


@pytest.mark.parametrize("damage", ["truncated", "noise", "empty"])
def test_a_broken_graph_with_right_sums_is_refused(copy: Path, damage: str) -> None:
    file = copy / "model.int8.onnx"
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    write_sums(copy, [file.name, "config.json"])
    with pytest.raises(BadModel):
        Forge.load(copy)


@pytest.mark.parametrize("change", [{"hidden_size": 128}, {"num_hidden_layers": 3}])
def test_a_config_of_another_model_is_refused(copy: Path, change: dict[str, int]) -> None:
    write_json(copy / "config.json", read_config_json(copy / "config.json") | change)
    write_sums(copy, ["model.int8.onnx", "config.json"])
    with pytest.raises(BadModel):
        Forge.load(copy)


@pytest.mark.parametrize(
    "change",
    [{"hidden_size": "64"}, {"model_type": "gpt2"}, {"vocab_size": None}, {"hidden_size": 65}],
)
def test_a_config_of_nonsense_is_refused(copy: Path, change: dict[str, object]) -> None:
    write_json(copy / "config.json", read_config_json(copy / "config.json") | change)
    write_sums(copy, ["model.int8.onnx", "config.json"])
    with pytest.raises(BadConfig):
        Forge.load(copy)


def poisoned(checkpoint: Checkpoint) -> Checkpoint:
    weights = {name: weight.copy() for name, weight in checkpoint.weights.items()}
    weights["model.norm.weight"][3] = np.nan
    return Checkpoint(checkpoint.config, weights, checkpoint.tokenizer, {})


def test_weights_that_are_not_finite_are_neither_saved_nor_exported(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    with pytest.raises(BadModel, match=r"model\.norm\.weight.*NaN"):
        save_checkpoint(tmp_path / "c", poisoned(checkpoint))
    with pytest.raises(BadModel, match=r"model\.norm\.weight.*NaN"):
        export(poisoned(checkpoint), tmp_path / "m", "int8")


def test_a_graph_that_answers_nan_is_refused(
    checkpoint: Checkpoint, served: Served, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    copytree(served("none"), tmp_path, dirs_exist_ok=True)
    file, name = tmp_path / "model.none.onnx", "model.norm.weight"
    sound, broken = (each.weights[name].tobytes() for each in (checkpoint, poisoned(checkpoint)))
    content = file.read_bytes()
    assert content.count(sound) == 1
    file.write_bytes(content.replace(sound, broken))
    write_sums(tmp_path, [file.name, "config.json"])
    with pytest.raises(BadModel, match="NaN"):
        Forge.load(tmp_path, tokenizer=tokenizer)


def test_another_tokenizer_is_refused(copy: Path, tmp_path: Path) -> None:
    other = train_tokenizer(SENTENCES[:3] * 9, SHAPE.vocab_size)
    with pytest.raises(BadTokenizer, match="trained with"):
        Forge.load(copy, tokenizer=other)
    other.save(copy / "tokenizer.json")
    with pytest.raises(BadTokenizer, match="trained with"):
        Forge.load(copy)


def test_a_missing_tokenizer_is_named(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(BadTokenizer, match=r"tokenizer\.json"):
        Forge.load(copy)


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".pth", ".pkl"])
def test_pickles_are_refused(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"pytorch_model{suffix}"
    file.write_bytes(b"\x80\x04.")
    for path in (tmp_path, file):
        for load in (load_checkpoint, Forge.load):
            with pytest.raises(BadModel, match=r"is a pickle|only pickled"):
                load(path)


@pytest.mark.parametrize("path", ["nowhere", "file", "empty", "/dev/null"])
def test_what_is_no_model_folder_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for load in (load_checkpoint, Forge.load):
        with pytest.raises(BadModel):
            load(tmp_path / path)


def test_a_checkpoint_is_not_served_as_it_is(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint)
    with pytest.raises(BadModel, match="export"):
        Forge.load(tmp_path)


def test_tensors_of_other_shapes_are_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    for change in ({name: np.zeros((64, 192), np.float32)}, {"extra": np.zeros(1, np.float32)}):
        wrong = Checkpoint(checkpoint.config, {**checkpoint.weights, **change}, "", {})
        with pytest.raises(BadModel, match=next(iter(change))):
            save_checkpoint(tmp_path, wrong)
    fewer = {key: value for key, value in checkpoint.weights.items() if key != name}
    with pytest.raises(BadModel, match=f"lacks {name}"):
        save_checkpoint(tmp_path, Checkpoint(checkpoint.config, fewer, "", {}))


def test_every_error_says_what_to_do() -> None:
    fault = BadModel("models/x is empty", "copy it again")
    assert isinstance(fault, EngineError)
    assert str(fault) == "models/x is empty; copy it again"


def test_a_model_that_does_not_fit_into_memory_is_named(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    config = ForgeConfig(
        dim=512, n_layers=4, n_heads=8, n_kv_heads=8, ffn_dim=1408, vocab_size=SHAPE.vocab_size
    )
    export(random_checkpoint(config, tokenizer.fingerprint), tmp_path / "model", "int8")
    tokenizer.save(tmp_path / "tokenizer.json")
    program = f"""
import resource
from engine.errors import OutOfMemory
from engine.runtime import Forge
with open("/proc/self/statm") as pages:
    used = int(pages.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (8 << 20),) * 2)
try:
    Forge.load({str(tmp_path / "model")!r}, threads=1)
except OutOfMemory as fault:
    print(fault)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "choose a smaller model" in ran.stdout
