"""Each form that a model goes out in is whole, verified, and the model that it was."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_call import ROOT
from gguf_reader import Reader

from engine.checkpoint import (
    SUMS,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
    verify_sums,
    write_json,
)
from engine.errors import BadConfig, BadModel, BadTokenizer, NotWritten
from engine.graph import export
from engine.interchange.gguf import KINDS, Kind
from engine.interchange.models import FORMATS, Format, Source, export_model
from engine.model_folder import ModelFolder
from engine.quantisation import MODES, Mode
from engine.runtime import Forge
from engine.served import load_served_weights
from engine.tokenizer import Tokenizer

pytest_plugins = ["engine_fixtures"]

IDS = [300 + n for n in range(24)]


@pytest.fixture
def run(checkpoint: Checkpoint, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A training's folder, with its tokenizer in it."""
    folder = tmp_path / "run"
    save_checkpoint(folder, checkpoint)
    tokenizer.save(folder / "tokenizer.json")
    write_json(folder / "use.json", {"form": "chat", "task": "home"})
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_safetensors_go_out_with_all_that_belongs_to_them(
    run: Path, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    written = export_model(Source.open(run), tmp_path / "out", "safetensors")
    told = verify_sums(tmp_path / "out", ("model.safetensors", "tokenizer.json", "use.json"))
    assert told.keys() == names(tmp_path / "out") - {SUMS}
    for each in written:
        assert each.path.stat().st_size == each.bytes
        assert told.get(each.path.name, each.sha256) == each.sha256
    again = load_checkpoint(tmp_path / "out")
    for name, weight in checkpoint.weights.items():
        np.testing.assert_array_equal(again.weights[name], weight)
    config = json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())
    assert config["eos_token"] == "<|end|>"
    assert config["chat_template"].startswith("<|home|>{% for")


def test_transformers_gives_the_same_logits(
    run: Path, served: Callable[[Mode], Path], tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    import torch

    export_model(Source.open(run), tmp_path / "out", "safetensors")
    theirs = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    with torch.no_grad():
        expected = theirs(torch.tensor([IDS])).logits[0].numpy()
    forge = Forge.load(served("none"), threads=1)
    np.testing.assert_allclose(forge.extend(IDS, every=True), expected, atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_gguf_goes_out_of_a_checkpoint(
    run: Path, checkpoint: Checkpoint, tmp_path: Path, kind: Kind
) -> None:
    (written,) = export_model(Source.open(run), tmp_path / "m.gguf", "gguf", kind=kind)
    read = Reader(written.path)
    assert read.fields["general.name"] == "run"
    assert read.fields["tokenizer.chat_template"].startswith("<|home|>")
    got = read.llama(checkpoint.config.n_heads, checkpoint.config.n_kv_heads)
    assert got.keys() == checkpoint.weights.keys()
    worst = {"f16": 1e-3, "q8_0": 0.01, "q4_0": 0.15}[kind]
    for name, weight in checkpoint.weights.items():
        assert np.abs(got[name] - weight).max() <= worst * np.abs(weight).max()


def test_ollama_gets_a_modelfile_that_names_file_form_and_end(run: Path, tmp_path: Path) -> None:
    export_model(Source.open(run), tmp_path / "out", "ollama", kind="q4_0")
    verify_sums(tmp_path / "out", ("run.gguf", "Modelfile"))
    instructions = parsed((tmp_path / "out" / "Modelfile").read_text())
    (source,) = instructions["FROM"]
    assert Reader(tmp_path / "out" / source).fields["general.architecture"] == "llama"
    (template,) = instructions["TEMPLATE"]
    assert template.startswith("<|home|>{{ if .System }}<|system|>{{ .System }}{{ end }}")
    assert template.endswith("<|assistant|>")
    assert template.count("{{ if") + template.count("{{ range") == template.count("{{ end }}")
    parameters = dict(each.split(" ", 1) for each in instructions["PARAMETER"])
    assert parameters["stop"] == '"<|end|>"'
    assert (parameters["num_ctx"], parameters["temperature"]) == ("256", "0")


def parsed(modelfile: str) -> dict[str, list[str]]:
    """Instructions by name: `NAME value` a line; three quotes around a template."""
    found: dict[str, list[str]] = {}
    for line in modelfile.splitlines():
        name, value = line.split(" ", 1)
        if name == "TEMPLATE":
            assert value.startswith('"""')
            assert value.endswith('"""')
            assert value.count('"""') == 2
            value = value[3:-3]
        found.setdefault(name, []).append(value)
    return found


def test_what_continues_a_text_is_not_put_into_a_chat(run: Path, tmp_path: Path) -> None:
    write_json(run / "use.json", {"form": "text"})
    export_model(Source.open(run), tmp_path / "out", "ollama")
    instructions = parsed((tmp_path / "out" / "Modelfile").read_text())
    assert instructions["TEMPLATE"] == ["{{ .Prompt }}"]
    template = Reader(tmp_path / "out" / "run.gguf").fields["tokenizer.chat_template"]
    assert template == "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def test_the_template_is_the_form_of_a_chat(
    run: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    jinja2 = pytest.importorskip("jinja2", reason="jinja2 comes with torch")
    export_model(Source.open(run), tmp_path / "m.gguf", "gguf")
    template = jinja2.Template(Reader(tmp_path / "m.gguf").fields["tokenizer.chat_template"])
    messages = [{"role": "system", "content": "the lamp"}, {"role": "user", "content": "turn off"}]
    text = template.render(messages=messages, add_generation_prompt=True)
    pieces = re.split(r"(<\|\w+\|>)", text)
    special = {
        f"<|{name}|>": n for n, name in enumerate("pad end system user assistant home".split())
    }
    ids = [
        n
        for piece in pieces
        for n in ([special[piece]] if piece in special else tokenizer.encode(piece))
    ]
    assert ids == tokenizer.chat("turn off", system="the lamp", task="home")


def test_a_classifier_is_not_for_ollama(run: Path, tmp_path: Path) -> None:
    write_json(run / "use.json", {"form": "chat", "task": "route", "labels": ["a", "b"]})
    with pytest.raises(BadConfig, match="label token, which Ollama does not print"):
        export_model(Source.open(run), tmp_path / "out", "ollama")
    assert not (tmp_path / "out").exists()
    export_model(Source.open(run), tmp_path / "m.gguf", "gguf")


@pytest.mark.parametrize("mode", MODES)
def test_onnx_goes_out_as_a_folder_that_serves(
    run: Path, served: Callable[[Mode], Path], tmp_path: Path, mode: Mode
) -> None:
    export_model(Source.open(run), tmp_path / "out", "onnx", mode=mode)
    expected = Forge.load(served(mode), threads=1).extend(IDS, every=True)
    got = Forge.load(tmp_path / "out", threads=1)
    np.testing.assert_array_equal(got.extend(IDS, every=True), expected)
    assert {"tokenizer.json", "use.json", SUMS} <= names(tmp_path / "out")


def test_a_folder_that_does_not_answer_is_not_kept(
    checkpoint: Checkpoint, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """Weights that are finite, and whose products are not: seen when the folder is loaded."""
    name = "model.layers.1.mlp.down_proj.weight"
    huge = {**checkpoint.weights, name: np.full_like(checkpoint.weights[name], 3e38)}
    run = tmp_path / "run"
    save_checkpoint(run, Checkpoint(checkpoint.config, huge, tokenizer.fingerprint, {}))
    tokenizer.save(run / "tokenizer.json")
    with pytest.raises(BadModel, match="NaN or infinity"):
        export_model(Source.open(run), tmp_path / "out", "onnx", mode="none")
    assert names(tmp_path) == {"run"}


def test_a_calibration_corrects_the_rounding_of_int4(
    run: Path, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    source = Source.open(run)
    export_model(source, tmp_path / "plain", "onnx", mode="int4")
    export_model(source, tmp_path / "corrected", "onnx", mode="int4", calibration_batches=1)
    plain, corrected = (load_served_weights(tmp_path / n).weights for n in ("plain", "corrected"))
    name = "model.layers.0.mlp.up_proj.weight"
    assert np.abs(plain[name] - corrected[name]).max() > 0
    assert np.abs(corrected[name] - checkpoint.weights[name]).max() < np.abs(plain[name]).max()


@pytest.mark.parametrize("name", ["text", "home", "router"])
def test_a_shipped_model_goes_out_as_what_its_codes_stand_for(name: str, tmp_path: Path) -> None:
    folder = ROOT / "models" / name
    weights = load_served_weights(folder)
    source = Source.open(folder)
    export_model(source, tmp_path / "st", "safetensors")
    again = load_checkpoint(tmp_path / "st")
    for each, weight in weights.weights.items():
        np.testing.assert_array_equal(again.weights[each], weight)
    # In its own mode it is a copy; out of the fp32 that it stands for come the same codes again.
    export_model(source, tmp_path / "same", "onnx", mode="int8")
    graph = (folder / "model.int8.onnx").read_bytes()
    assert (tmp_path / "same" / "model.int8.onnx").read_bytes() == graph
    assert ModelFolder.open(tmp_path / "same").tokenizer == weights.tokenizer
    assert "CARD.md" in names(tmp_path / "same") & names(tmp_path / "st")


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_there_is_replaced_by_force_alone(run: Path, tmp_path: Path, form: Format) -> None:
    source, out = Source.open(run), tmp_path / "out"
    export_model(source, out, form)
    before = out.stat().st_ino
    with pytest.raises(NotWritten, match=r"there already.*--force"):
        export_model(source, out, form)
    assert out.stat().st_ino == before
    export_model(source, out, form, force=True)
    assert out.stat().st_ino != before
    assert names(tmp_path) == {"run", "out"}


def test_force_does_not_take_what_no_export_wrote(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(run, out)
    (out / "state").mkdir()
    (out / "state" / "step").write_text("7")
    with pytest.raises(NotWritten, match="holds state, which no export wrote"):
        export_model(Source.open(run), out, "safetensors", force=True)
    assert (out / "state" / "step").exists()


def test_the_tokenizer_must_be_the_models_own(run: Path, tmp_path: Path) -> None:
    (run / "tokenizer.json").rename(tmp_path / "elsewhere.json")
    with pytest.raises(BadTokenizer, match="neither in it"):
        Source.open(run)
    with pytest.raises(BadTokenizer, match="is not the tokenizer"):
        Source.open(run, ROOT / "models" / "tokenizer.json")
    assert Source.open(run, tmp_path / "elsewhere.json").tokenizer == tmp_path / "elsewhere.json"


def test_nothing_damaged_goes_out(run: Path, tmp_path: Path) -> None:
    file = run / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x55")
    with pytest.raises(BadModel, match="damaged"):
        Source.open(run)
    with pytest.raises(BadModel, match="no folder"):
        Source.open(tmp_path / "nowhere")


def test_unknown_forms_and_kinds_are_named(run: Path, tmp_path: Path) -> None:
    source, out = Source.open(run), tmp_path / "out"
    for form, more, message in (
        ("pth", {}, "no form 'pth'; use one of safetensors"),
        ("gguf", {"kind": "q3_k"}, "no kind 'q3_k'"),
        ("ollama", {"kind": "q3_k"}, "no kind 'q3_k'"),
        ("onnx", {"mode": "int2"}, "no mode 'int2'"),
    ):
        with pytest.raises(BadConfig, match=message):
            export_model(source, out, form, **more)  # type: ignore[arg-type]
    assert not out.exists()


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_leaves_nothing_half(run: Path, tmp_path: Path, form: Format) -> None:
    program = f"""
import resource
from pathlib import Path
from engine.errors import NotWritten
from engine.interchange.models import Source, export_model
source = Source.open(Path({str(run)!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    export_model(source, Path({str(tmp_path)!r}) / "out", {form!r})
except NotWritten as fault:
    print(fault)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert re.search(r"/out(/\S+)? cannot be written", ran.stdout), ran.stderr[-1500:]
    assert names(tmp_path) == {"run"}


def test_gguf_goes_out_where_only_a_node_is_installed(
    checkpoint: Checkpoint, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    export(checkpoint, tmp_path / "model", "int8")
    program = f"""
import sys
for name in ("torch", "onnx", "safetensors", "transformers", "gguf"):
    sys.modules[name] = None
from pathlib import Path
from engine.errors import MissingDependency
from engine.interchange.models import Source, export_model
place = Path({str(tmp_path)!r})
source = Source.open(place / "model")
export_model(source, place / "m.gguf", "gguf")
export_model(source, place / "ollama", "ollama", kind="q4_0")
export_model(source, place / "onnx", "onnx", mode="int8")
for form, mode in (("safetensors", "int8"), ("onnx", "int4")):
    try:
        export_model(source, place / "no", form, mode=mode)
    except MissingDependency as fault:
        print(fault)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.splitlines() == [
        "safetensors is not installed; run `pip install forgebus[train]`",
        "onnx is not installed; run `pip install forgebus[train]`",
    ]
    assert names(tmp_path) == {"tokenizer.json", "model", "m.gguf", "ollama", "onnx"}


def test_what_reads_foreign_files_is_not_on_the_serving_path() -> None:
    program = f"""
import sys
from engine.runtime import Forge
from engine.decoding import generate
generate(Forge.load({str(ROOT / "models" / "text")!r}), "Once", max_tokens=2)
print([name for name in sys.modules if name in
    ("torch", "safetensors", "engine.interchange.torch_file", "engine.interchange.huggingface", "engine.interchange.models")])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout == "[]\n"
