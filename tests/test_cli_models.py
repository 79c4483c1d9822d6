"""`forgebus models`: what is here, whether it is whole, and its way out and in."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_call import ROOT, Call, caller
from engine_models import random_checkpoint
from gguf_reader import Reader
from malicious_files import MALICIOUS, Payload

from daemon.cli_models import app
from engine.checkpoint import load_checkpoint, save_checkpoint, sha256_of
from engine.config import PRESETS
from engine.runtime import Forge
from engine.tokenizer import Tokenizer

SHIPPED = {path.parent.name for path in (ROOT / "models").glob("*/config.json")}


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(capfd)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A training's folder in the models' vocabulary, without a tokenizer in it."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    tokenizer = Tokenizer.load(ROOT / "models")
    save_checkpoint(folder, random_checkpoint(PRESETS["pi_zero"], tokenizer.fingerprint))
    before = {path.name: sha256_of(path) for path in folder.iterdir()}
    yield folder
    assert {path.name: sha256_of(path) for path in folder.iterdir()} == before


def test_models_lists_what_is_shipped(call: Call) -> None:
    told = call("models", "--json").json
    assert Path(told["models_dir"]) == ROOT / "models"
    by_name = {model["model"]: model for model in told["models"]}
    assert set(by_name) == SHIPPED >= {"router", "home", "text"}
    assert all(model["verified"] and model["bytes"] > 100_000 for model in told["models"])
    assert by_name["router"]["capabilities"] == ["intent_classification"]
    assert "sha256" in call("models").out


def test_presets_are_printed_with_exact_counts(call: Call) -> None:
    rows = call("models", "presets", "--json").json["presets"]
    assert len(rows) == 15
    assert {row["preset"]: row["parameters"] for row in rows}["pi_5"] == 7_212_288
    assert "7,212,288" in call("models", "presets").out
    assert call("models", "nonsense").code == 2


def test_models_tells_a_changed_file(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "router"
    folder.mkdir()
    sums = ""
    for name in ("config.json", "model.int8.onnx"):
        data = (ROOT / "models/router" / name).read_bytes()
        (folder / name).write_bytes(data)
        sums += f"{hashlib.sha256(data).hexdigest()}  {name}\n"
    (folder / "SHA256SUMS").write_text(sums)
    monkeypatch.setenv("FORGEBUS_WORK__MODELS_DIR", str(tmp_path))
    assert call("models").code == 0
    with (folder / "model.int8.onnx").open("r+b") as graph:
        graph.seek(1000)
        graph.write(b"x" * 8)
    told = call("models", "--json")
    told.fails(1, "damaged: router")
    assert told.json["models"][0]["verified"] is False
    assert "sha256" in told.json["models"][0]["fault"]


def test_models_of_an_empty_folder_is_one_line(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORGEBUS_WORK__MODELS_DIR", str(tmp_path))
    call("models").fails(1, "holds no model", "work.models_dir")


def test_every_subcommand_has_help(call: Call) -> None:
    names = [
        command.name or str(command.callback and command.callback.__name__)
        for command in app.registered_commands
    ]
    listed = {"list", "presets", "verify", "install", "load", "evict", "export", "import"}
    assert set(names) == listed
    for name in names:
        told = call("models", name, "--help")
        assert (told.code, told.err) == (0, "")


def test_list_is_what_models_alone_is(call: Call) -> None:
    assert call("models", "list", "--json").json == call("models", "--json").json


def test_verify_loads_what_it_is_given(call: Call, trained: Path, tmp_path: Path) -> None:
    told = call("models", "verify", "--json")
    assert told.json == {"verified": dict.fromkeys(sorted(SHIPPED), True)}
    assert call("models", "verify", trained).out == f"{trained}: verified\n"
    broken = tmp_path / "mine"
    shutil.copytree(trained, broken)
    (broken / "model.safetensors").write_bytes(b"x" * 99)
    told = call("models", "verify", "text", broken)
    told.fails(1, f"wrong: {broken}")
    assert "text: verified" in told.out
    assert "damaged" in told.out
    call("models", "verify", "nobody").fails(1, "nobody")


def test_a_shipped_model_goes_out_with_a_line_a_file(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "text.gguf"
    told = call("models", "export", "text", "--format", "gguf", "--kind", "q4_0", "--out", out)
    assert (told.code, told.err) == (0, "")
    assert told.out == f"{out}  {out.stat().st_size / 1e6:.1f} MB  sha256 {sha256_of(out)}\n"
    assert Reader(out).fields["general.name"] == "text"


@pytest.mark.parametrize("form", ["safetensors", "onnx", "ollama"])
def test_a_training_goes_out_in_every_form(
    call: Call, trained: Path, tmp_path: Path, form: str
) -> None:
    out = tmp_path / "out"
    told = call("models", "export", trained, "-f", form, "-o", out, "--json").json
    assert {key: told[key] for key in ("model", "format", "out")} == {
        "model": str(trained),
        "format": form,
        "out": str(out),
    }
    assert {file["path"] for file in told["files"]} == {str(path) for path in out.iterdir()}
    for file in told["files"]:
        path = Path(file["path"])
        assert (file["bytes"], file["sha256"]) == (path.stat().st_size, sha256_of(path))


def test_mode_and_tokenizer_are_handed_on(call: Call, trained: Path, tmp_path: Path) -> None:
    tokenizer = tmp_path / "elsewhere.json"
    shutil.copyfile(ROOT / "models" / "tokenizer.json", tokenizer)
    more = ("--mode", "int4", "--tokenizer", tokenizer)
    assert call("models", "export", trained, "-f", "onnx", "-o", tmp_path / "out", *more).code == 0
    assert Forge.load(tmp_path / "out").mode == "int4"
    tokenizer.write_bytes(tokenizer.read_bytes() + b" ")
    told = call("models", "export", trained, "-f", "onnx", "-o", tmp_path / "other", *more)
    told.fails(1, "is not the tokenizer")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("text", "-f", "pth", "-o", "{out}"), 2, "no form 'pth'; use one of safetensors, gguf"),
        (("text", "-f", "gguf", "--kind", "q3_k", "-o", "{out}"), 2, "no kind 'q3_k'"),
        (("text", "-f", "onnx", "--mode", "int2", "-o", "{out}"), 2, "no mode 'int2'"),
        (("text", "-f", "onnx", "--kind", "f16", "-o", "{out}"), 2, "--kind is for gguf"),
        (("text", "-f", "gguf", "--mode", "int8", "-o", "{out}"), 2, "--mode is for onnx"),
        (("router", "-f", "ollama", "-o", "{out}"), 2, "label token"),
        (("text", "-f", "gguf", "--calibrate", "1", "-o", "{out}"), 2, "--calibrate is for onnx"),
        (("text", "-f", "onnx", "--calibrate", "1", "-o", "{out}"), 2, "calibrate int4"),
        (("text", "-f", "gguf"), 2, "--out"),
        (("text", "-o", "{out}"), 2, "--format"),
        (("nobody", "-f", "gguf", "-o", "{out}"), 1, "nobody"),
        (("text", "-f", "gguf", "-o", "{out}/deep/down"), 1, "is no folder; make it"),
    ],
)
def test_what_cannot_be_is_one_line(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    given = [each.format(out=tmp_path / "out") for each in arguments]
    call("models", "export", *given).fails(code, words)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_without_force(call: Call, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.gguf"
    out.write_text("mine")
    common = ("models", "export", trained, "-f", "gguf", "-o", out)
    call(*common).fails(1, "is there already", "--force")
    assert out.read_text() == "mine"
    assert call(*common, "--force").code == 0
    assert Reader(out).fields["general.architecture"] == "llama"


def test_what_went_out_comes_in_again(call: Call, trained: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    assert call("models", "export", trained, "-f", "safetensors", "-o", out).code == 0
    told = call("models", "import", out, "-o", again, "--json").json
    assert told["source"] == str(out)
    weights = load_checkpoint(trained).weights
    for name, weight in load_checkpoint(again).weights.items():
        assert (weight == weights[name]).all()
    call("models", "import", out, "-o", again).fails(1, "--force")
    assert call("models", "import", out, "-o", again, "--force").code == 0


def test_a_pickle_is_refused_with_the_command_and_never_run(
    call: Call, trained: Path, tmp_path: Path
) -> None:
    mark, file = tmp_path / "ran", tmp_path / "weights.pth"
    file.write_bytes(MALICIOUS["torch archive"](Payload(mark)))
    out = tmp_path / "out"
    call("models", "import", file, "-o", out).fails(
        1, "may run code", f"forgebus models import --from-torch {file} --out"
    )
    call("models", "export", file, "-f", "gguf", "-o", out).fails(1, "may run code")
    shutil.copyfile(trained / "config.json", tmp_path / "config.json")
    shutil.copyfile(ROOT / "models" / "tokenizer.json", tmp_path / "tokenizer.json")
    told = call("models", "import", "--from-torch", file, "--out", out)
    told.fails(1, "more than weights")
    assert not mark.exists()
    assert not out.exists()
