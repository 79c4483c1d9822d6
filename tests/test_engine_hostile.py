"""Graphs whose checksums are right and that are not ours: refused before onnxruntime sees them."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from engine_damage import seal, weights

from engine.config import PRESETS
from engine.errors import BadModel
from engine.graph_check import OPERATORS, check_graph
from engine.mapped import write_mapped
from engine.model_folder import ModelFolder
from engine.quantisation import Mode
from engine.runtime import Forge
from engine.tokenizer import Tokenizer

pytest_plugins = ["engine_fixtures"]

Served = Callable[[Mode], Path]
Change = Callable[[Any, Any], None]

onnx = pytest.importorskip("onnx")


@pytest.fixture
def model(served: Served, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    tokenizer.save(tmp_path / "tokenizer.json")
    return Path(copytree(served("int4"), tmp_path / "model"))


def external(location: str, **more: str) -> Change:
    """The first constant lies in the file `location`."""

    def change(graph: Any, _: Any) -> None:
        tensor = max(graph.initializer, key=lambda each: len(each.raw_data))
        size = len(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = 1
        for key, value in {"location": location, "length": str(size), **more}.items():
            tensor.external_data.add(key=key, value=value)

    return change


def node(kind: str, domain: str = "", **attributes: Any) -> Change:
    def change(graph: Any, _: Any) -> None:
        made = onnx.helper.make_node(kind, ["tokens"], ["more"], domain=domain, **attributes)
        graph.node.append(made)

    return change


def attribute(name: str, value: int) -> Change:
    def change(graph: Any, _: Any) -> None:
        found = [a for n in graph.node for a in n.attribute if a.name == name]
        found[0].i = value

    return change


def not_a_number(graph: Any, _: Any) -> None:
    """In the scale of one row of the embedding, which no trial run looks up."""
    scale = next(each for each in graph.initializer if each.name == "embedding_scale")
    values = np.frombuffer(scale.raw_data, np.float32).copy()
    values[300] = np.nan
    scale.raw_data = values.tobytes()


def other_shape(graph: Any, _: Any) -> None:
    graph.initializer[0].dims[0] += 1


def a_branch(graph: Any, _: Any) -> None:
    inner = onnx.helper.make_graph([], "inner", [], [])
    node("If", then_branch=inner, else_branch=inner)(graph, _)


def a_branch_in_a_product(graph: Any, _: Any) -> None:
    inner = onnx.helper.make_graph([], "inner", [], [])
    graph.node[0].attribute.append(onnx.helper.make_attribute("body", inner))


def a_function(_: Any, model: Any) -> None:
    made = onnx.helper.make_node("Identity", ["x"], ["y"])
    model.functions.append(
        onnx.helper.make_function("ours", "F", ["x"], ["y"], [made], model.opset_import)
    )


def sparse(graph: Any, _: Any) -> None:
    graph.sparse_initializer.add()


def settings_in_the_graph(_: Any, model: Any) -> None:
    model.metadata_props.add(key="ort_config", value="{}")


HOSTILE: dict[str, tuple[Change, str]] = {
    "weights in /etc/passwd": (external("../../../../../../etc/passwd"), "not listed"),
    "weights at a root": (external("/etc/passwd"), "not listed"),
    "weights beside the folder": (external("../tokenizer.json"), "not listed"),
    "weights in a listed folder's file": (external("./config.json"), "not listed"),
    "weights at an address": (external("*/_ORT_MEM_ADDR_/*", offset="4096"), "not listed"),
    "weights behind the file's end": (external("config.json", offset="9"), "bytes, not"),
    "weights before the file": (external("config.json", offset="-8"), "another length"),
    "weights of another length": (external("config.json", length="8"), "another length"),
    "an operator that calls out": (node("PyOp", "ai.onnx.contrib"), r"ai\.onnx\.contrib\.PyOp"),
    "an operator that makes memory": (node("ConstantOfShape"), "ConstantOfShape"),
    "an operator of another domain": (node("MatMul", "com.microsoft"), r"microsoft\.MatMul"),
    "a loop": (node("Loop"), "Loop"),
    "a branch": (a_branch, "field 6|'If'"),
    "a branch within a product": (a_branch_in_a_product, "field 6"),
    "a function": (a_function, "field 25"),
    "sparse weights": (sparse, "field 15"),
    "settings for onnxruntime": (settings_in_the_graph, "field 14"),
    "pieces without end": (attribute("num_outputs", 2**31), "num_outputs"),
    "one piece": (attribute("num_outputs", 1), "num_outputs"),
    "NaN in a row": (not_a_number, "embedding_scale .* NaN"),
    "a constant of another shape": (other_shape, "bytes, not"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_graph_that_is_not_ours_is_refused(model: Path, kind: str) -> None:
    change, says = HOSTILE[kind]
    file = weights(model)
    parsed = onnx.load(file)
    change(parsed.graph, parsed)
    file.write_bytes(parsed.SerializeToString())
    seal(model)
    with pytest.raises(BadModel, match=says) as caught:
        Forge.load(model)
    assert caught.value.remedy
    for later in (Forge.load_mmap, lambda path: Forge.from_pretrained_quantized(path, "none")):
        with pytest.raises(BadModel, match=says):
            later(model)


@pytest.mark.parametrize("mode", ["none", "dynamic", "int8", "int4"])
def test_every_graph_of_ours_passes(served: Served, mode: Mode) -> None:
    file = weights(served(mode))
    check_graph(file)
    kinds = {(each.domain, each.op_type) for each in onnx.load(file).graph.node}
    assert kinds <= {(domain, kind) for domain, names in OPERATORS.items() for kind in names}


@pytest.mark.parametrize("mode", ["none", "dynamic", "int8", "int4"])
def test_weights_in_a_listed_file_pass_and_are_looked_at(
    served: Served, mode: Mode, tmp_path: Path
) -> None:
    write_mapped(ModelFolder.open(served(mode)), tmp_path)
    opened = ModelFolder.open(tmp_path)
    whole, apart = (onnx.load(each).graph for each in (weights(served(mode)), opened.graph))
    assert whole.node == apart.node
    assert whole.input == apart.input
    for one, other in zip(whole.initializer, apart.initializer, strict=True):
        assert (one.name, one.dims, one.raw_data) == (other.name, other.dims, other.raw_data)
    constants = tmp_path / "weights.raw"
    content = bytearray(constants.read_bytes())
    place = next(
        int(entry.value)
        for each in onnx.load(opened.graph, load_external_data=False).graph.initializer
        if each.data_type == 1
        for entry in each.external_data
        if entry.key == "offset"
    )
    content[place : place + 4] = np.float32(np.nan).tobytes()
    constants.write_bytes(content)
    seal(tmp_path)
    with pytest.raises(BadModel, match="NaN"):
        ModelFolder.open(tmp_path)


def test_a_listed_file_may_not_lead_away(served: Served, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    write_mapped(ModelFolder.open(served("none")), tmp_path / "model")
    away = tmp_path / "away"
    (tmp_path / "model" / "weights.raw").replace(away)
    (tmp_path / "model" / "weights.raw").symlink_to(away)
    with pytest.raises(BadModel, match="symbolic link"):
        ModelFolder.open(tmp_path / "model")


def test_the_shipped_models_pass() -> None:
    models = Path(__file__).parent.parent / "models"
    for name in ("router", "home", "text"):
        opened = ModelFolder.open(models / name)
        assert opened.config in PRESETS.values()
