"""The public API: any model in any mode, kept once made, shared where mapped, several behind one engine."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copy2, copytree
from typing import Any

import numpy as np
import pytest
from engine_damage import flipped, seal, weights
from engine_models import SHAPE, random_checkpoint

from engine.checkpoint import save_checkpoint, write_json
from engine.config import ForgeConfig, read_config_json
from engine.errors import BadTokenizer, MissingDependency, NotWritten
from engine.graph import export
from engine.model_cache import cache_folder
from engine.quantisation import MODES, Mode, QuantizationConfig
from engine.runtime import Forge
from engine.tokenizer import Tokenizer

pytest_plugins = ["engine_fixtures"]

Served = Callable[[Mode], Path]
MODELS = Path(__file__).parent.parent / "models"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models that were made and kept."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "forgebus" / "models"


@pytest.fixture
def trained(served: Served) -> Path:
    return served("int8").parent / "checkpoint"


def kept(cache: Path) -> list[Path]:
    return sorted(each for each in cache.glob("*") if each.is_dir()) if cache.exists() else []


@pytest.mark.parametrize("mode", MODES)
def test_a_checkpoint_is_loaded_in_any_mode(
    trained: Path, served: Served, cache: Path, mode: Mode
) -> None:
    forge = Forge.from_pretrained_quantized(trained, mode)
    assert (forge.mode, forge.source) == (mode, trained)
    expected = Forge.load(served(mode)).prefill([5, 6, 7])
    np.testing.assert_allclose(forge.prefill([5, 6, 7]), expected, atol=1e-5)
    assert len(kept(cache)) == 1


def test_what_was_made_is_kept_verified_and_made_again(trained: Path, cache: Path) -> None:
    Forge.from_pretrained_quantized(trained, "dynamic")
    (folder,) = kept(cache)
    made = weights(folder).stat().st_mtime_ns
    Forge.from_pretrained_quantized(str(trained), mode="dynamic")
    assert weights(folder).stat().st_mtime_ns == made
    for name in ("model.dynamic.onnx", "SHA256SUMS", "config.json"):
        file = folder / name
        sound = file.read_bytes()
        file.write_bytes(flipped(sound, len(sound) // 2))
        Forge.from_pretrained_quantized(trained, "dynamic")
        assert file.read_bytes() == sound
    assert kept(cache) == [folder]
    assert {each.name for each in cache.iterdir()} == {folder.name, ".lock"}, "nothing half made"


def test_what_decides_the_result_decides_where_it_is_kept(
    trained: Path, served: Served, cache: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    forge = Forge.from_pretrained_quantized(trained, "int4")
    forge.quantize(QuantizationConfig("int4", group_size=16))
    other = random_checkpoint(ForgeConfig(64, 1, 2, 2, 64, SHAPE.vocab_size), tokenizer.fingerprint)
    save_checkpoint(tmp_path / "other", other)
    tokenizer.save(tmp_path / "tokenizer.json")
    Forge.from_pretrained_quantized(tmp_path / "other", "int4")
    assert len(kept(cache)) == 3


def test_a_model_that_lies_there_in_the_mode_is_loaded_as_it_is(
    served: Served, cache: Path
) -> None:
    assert Forge.from_pretrained_quantized(served("int4"), "int4").source == served("int4")
    assert kept(cache) == []


def test_a_served_model_is_taken_to_another_mode(served: Served) -> None:
    forge = Forge.from_pretrained_quantized(served("int8"), "none")
    sound = Forge.load(served("none"))
    prompt = forge.tokenizer.chat("turn on the lamp")
    assert forge.mode == "none"
    assert np.corrcoef(forge.prefill(prompt), sound.prefill(prompt))[0, 1] > 0.99


def test_a_shipped_model_is_found_by_its_name(cache: Path) -> None:
    assert Forge.from_pretrained_quantized("router").source == MODELS / "router"
    assert kept(cache) == []


def test_quantize_leaves_the_first_as_it_is(served: Served) -> None:
    first = Forge.load(served("none"))
    before = first.prefill([5, 6, 7]).copy()
    second = first.quantize(QuantizationConfig("int4"))
    assert (first.mode, second.mode) == ("none", "int4")
    assert second.tokenizer is first.tokenizer
    assert not np.allclose(second.prefill([5, 6, 7]), before, atol=1e-6)
    np.testing.assert_allclose(first.prefill([5, 6, 7]), before, atol=1e-5)
    again = second.quantize(QuantizationConfig("none"))
    np.testing.assert_allclose(again.prefill([5, 6, 7]), before, atol=1e-5)


def test_quantize_from_a_checkpoint_goes_back_to_it(trained: Path, served: Served) -> None:
    forge = Forge.from_pretrained_quantized(trained, "int4").quantize(QuantizationConfig("none"))
    expected = Forge.load(served("none")).prefill([5, 6, 7])
    np.testing.assert_allclose(forge.prefill([5, 6, 7]), expected, atol=1e-5)


def test_quantize_is_corrected_by_texts(served: Served, cache: Path) -> None:
    forge = Forge.load(served("none"))
    config = QuantizationConfig("int4", calibration_batches=1)
    texts = ["turn on the lamp in the kitchen"] * 80
    corrected = forge.quantize(config, texts)
    assert len(kept(cache)) == 1
    forge.quantize(config, texts)
    assert len(kept(cache)) == 1
    plain = forge.quantize(QuantizationConfig("int4"))
    assert len(kept(cache)) == 2
    assert not np.allclose(corrected.prefill([5, 6]), plain.prefill([5, 6]))


def test_the_tokenizer_of_a_checkpoint_is_looked_for(trained: Path, tmp_path: Path) -> None:
    alone = Path(copytree(trained, tmp_path / "alone"))
    with pytest.raises(BadTokenizer, match=r"put its tokenizer\.json into that folder"):
        Forge.from_pretrained_quantized(alone)


def test_a_checkpoint_that_names_no_tokenizer_gets_none(trained: Path, tmp_path: Path) -> None:
    folder = Path(copytree(trained, tmp_path / "models" / "foreign"))
    fields = read_config_json(folder / "config.json")
    del fields["tokenizer_sha256"]
    write_json(folder / "config.json", fields)
    seal(folder)
    copy2(trained.parent / "tokenizer.json", folder / "tokenizer.json")
    with pytest.raises(BadTokenizer, match="does not say which"):
        Forge.from_pretrained_quantized(folder)


def test_processes_that_make_the_same_model_make_one(trained: Path, cache: Path) -> None:
    program = f"""
from engine.runtime import Forge
print(Forge.from_pretrained_quantized({str(trained)!r}, "int4").mode)
"""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=MODELS.parent
        )
        for _ in range(3)
    ]
    assert [each.communicate(timeout=60)[0] for each in running] == ["int4\n"] * 3
    assert len(kept(cache)) == 1


def test_what_a_killed_one_left_is_cleared_away(trained: Path, cache: Path) -> None:
    Forge.from_pretrained_quantized(trained)
    (folder,) = kept(cache)
    left = folder.with_name(f".{folder.name}.4711")
    folder.rename(left)
    Forge.from_pretrained_quantized(trained)
    assert kept(cache) == [folder]
    assert not left.exists()


def test_a_cache_that_others_may_write_to_is_not_used(trained: Path, cache: Path) -> None:
    Forge.from_pretrained_quantized(trained)
    cache.chmod(0o777)
    with pytest.raises(NotWritten, match="chmod go-w"):
        Forge.from_pretrained_quantized(trained)
    cache.chmod(0o700)
    Forge.from_pretrained_quantized(trained)


def test_a_cache_that_takes_no_file_is_named(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(NotWritten, match="set XDG_CACHE_HOME"):
        Forge.from_pretrained_quantized(trained)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/forgebus/models"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/forgebus/models"),
        ({"CACHE_DIRECTORY": "/c:/d", "HOME": "/h"}, "/c/models"),
        ({"HOME": "/h"}, "/h/.cache/forgebus/models"),
    ],
)
def test_where_models_are_kept(
    environment: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "CACHE_DIRECTORY", "HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NotWritten, match="set XDG_CACHE_HOME"):
        cache_folder()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)


def test_without_the_train_extra_what_was_made_is_served_still(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    Forge.from_pretrained_quantized(served("int8"), "int4")
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert Forge.from_pretrained_quantized(served("int8"), "int4").mode == "int4"
    with pytest.raises(MissingDependency, match=r"forgebus\[train\]"):
        Forge.from_pretrained_quantized(served("int8"), "dynamic")


@pytest.mark.parametrize("mode", MODES)
def test_a_mapped_model_answers_as_a_loaded_one(served: Served, mode: Mode) -> None:
    mapped, loaded = Forge.load_mmap(served(mode)), Forge.load(served(mode))
    assert mapped.backend == loaded.backend
    for ids in ([5, 6, 7], [5, 6, 9, 11]):
        np.testing.assert_allclose(mapped.prefill(ids), loaded.prefill(ids), atol=1e-4)
        np.testing.assert_allclose(mapped.step(3), loaded.step(3), atol=1e-4)


SHARES = """
import json, re, sys
import onnxruntime
from engine.runtime import Forge

def private():
    "Bytes of memory that is this process's alone."
    with open("/proc/self/smaps_rollup") as told:
        text = told.read()
    return 1024 * sum(int(re.search(f"{name}: +([0-9]+)", text)[1])
                      for name in ("Private_Dirty", "Private_Clean"))

for line in sys.stdin:
    door, path = line.split()
    before = private()
    forge = getattr(Forge, door)(path, threads=1)
    forge.prefill([5] * 8)
    print(json.dumps(private() - before), flush=True)
"""


@pytest.mark.parametrize("mode", MODES)
def test_a_second_process_takes_less_where_the_model_is_mapped(
    tokenizer: Tokenizer, tmp_path: Path, mode: Mode, cache: Path
) -> None:
    config = ForgeConfig(256, 4, 4, 4, 640, vocab_size=8192, context=64)
    export(random_checkpoint(config, tokenizer.fingerprint), tmp_path / "model", mode)
    tokenizer.save(tmp_path / "tokenizer.json")
    size = weights(tmp_path / "model").stat().st_size

    def process() -> "subprocess.Popen[str]":
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", SHARES], **pipes, cwd=MODELS.parent)

    def ask(running: "subprocess.Popen[str]", door: str) -> int:
        assert running.stdin
        assert running.stdout
        running.stdin.write(f"{door} {tmp_path / 'model'}\n")
        running.stdin.flush()
        return int(json.loads(running.stdout.readline()))

    with process() as first, process() as second, process() as third:
        ask(first, "load_mmap")
        mapped = ask(second, "load_mmap")
        loaded = ask(third, "load")
    # All of fp32, and of int8 where the fused step serves it; else the embedding, half of this one.
    least = 0.9 if mode == "none" else 0.2
    assert loaded - mapped > least * size, f"{loaded:,} loaded, {mapped:,} mapped, of {size:,}"


def test_serving_by_every_door_needs_neither_torch_nor_onnx(served: Served, cache: Path) -> None:
    Forge.from_pretrained_quantized(served("int8"), "dynamic")
    program = f"""
import sys
from engine.forge_engine import ForgeEngine
from engine.runtime import Forge
path = {str(served("int8"))!r}
engine = ForgeEngine(path)
assert engine.generate("turn on", max_tokens=3).ids
assert "".join(engine.stream("turn on", max_tokens=3)) is not None
assert engine.score("turn on", ["yes", "no"]).shape == (2,)
assert engine.embed(["a lamp", "a light"]).shape == (2, {SHAPE.dim})
assert len(engine.batch(["one", "two", "three"], max_tokens=3)) == 3
for mode in ("load_mmap", "load", "from_pretrained_quantized"):
    getattr(Forge, mode)(path).prefill([5, 6])
Forge.load_mmap({str(served("none"))!r}).prefill([5, 6])
assert Forge.from_pretrained_quantized(path, "dynamic").mode == "dynamic"
Forge.auto_configure()
assert ForgeEngine(use_routing=True).route("turn off the lamp").label
print([name for name in ("torch", "onnx", "safetensors") if name in sys.modules])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=MODELS.parent,
    )
    assert ran.stdout.splitlines()[-1:] == ["[]"], ran.stderr


def test_a_checkpoint_beside_the_graph_is_the_better_source(
    served: Served, trained: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    both = Path(copytree(served("int4"), tmp_path / "both"))
    (both / "model.safetensors").write_bytes((trained / "model.safetensors").read_bytes())
    seal(both)
    assert Forge.load(both).mode == "int4"
    expected = Forge.load(served("none")).prefill([5, 6, 7])
    got = Forge.from_pretrained_quantized(both, "none").prefill([5, 6, 7])
    np.testing.assert_allclose(got, expected, atol=1e-5)
