"""The graph's constants, read without onnx: the same as with it, and never a crash."""

from __future__ import annotations

from pathlib import Path

import fused_models
import numpy as np
import pytest
from fused_models import SHAPES
from hypothesis import given
from hypothesis import strategies as st

from engine.config import ForgeConfig
from engine.errors import BadModel
from engine.fused.initialisers import read_initialisers
from engine.fused.weights import Matrix, MatrixKind, read_weights

CONFIG = SHAPES["untied"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fused_models.served(CONFIG, tmp_path_factory.mktemp("weights"))


def test_they_are_what_onnx_reads(graph: Path) -> None:
    import onnx
    from onnx.numpy_helper import to_array

    expected = {each.name: to_array(each) for each in onnx.load(graph).graph.initializer}
    got = read_initialisers(graph)
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        assert got[name].dtype == array.dtype
        assert np.array_equal(got[name], array)


def test_every_weight_of_the_model_is_taken(graph: Path) -> None:
    parts = read_weights(graph, CONFIG)
    counts = [p.codes.size if isinstance(p, Matrix) else p.values.size for p in parts]
    rotary = CONFIG.context * CONFIG.head_dim
    assert sum(counts) - rotary == CONFIG.parameters()
    assert len({(p.kind, p.layer, type(p)) for p in parts}) == len(parts)
    assert any(p.kind is MatrixKind.HEAD for p in parts if isinstance(p, Matrix))


@given(data=st.data())
def test_a_damaged_graph_raises_nothing_else(
    graph: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(graph.read_bytes())
    end = data.draw(st.integers(1, len(content)))
    content = content[:end]
    for place in data.draw(st.lists(st.integers(0, end - 1), max_size=8)):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    file = tmp_path_factory.getbasetemp() / "damaged.onnx"
    file.write_bytes(content)
    told = str(file)
    try:
        read_weights(file, CONFIG)
    except BadModel as fault:
        told = str(fault)
    assert str(file) in told


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff" * 20, b":\x05ab"])
def test_what_is_no_graph_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.int8.onnx"
    file.write_bytes(content)
    with pytest.raises(BadModel, match=r"model\.int8\.onnx"):
        read_weights(file, CONFIG)
    with pytest.raises(BadModel, match=r"nothing\.onnx"):
        read_initialisers(tmp_path / "nothing.onnx")


def test_another_mode_and_bad_scales_are_named(graph: Path, tmp_path: Path) -> None:
    import onnx
    from onnx.numpy_helper import from_array, to_array

    model = onnx.load(graph)
    scales = next(each for each in model.graph.initializer if each.name == "s_down_0")
    broken = to_array(scales).copy()
    broken[0, 0] = np.nan
    scales.CopyFrom(from_array(broken, "s_down_0"))
    onnx.save(model, tmp_path / "nan.onnx")
    with pytest.raises(BadModel, match=r"s_down_0 .* NaN"):
        read_weights(tmp_path / "nan.onnx", CONFIG)
    broken[0, 0] = 16
    scales.CopyFrom(from_array(broken, "s_down_0"))
    onnx.save(model, tmp_path / "huge.onnx")
    with pytest.raises(BadModel, match=r"s_down_0 .* beyond"):
        read_weights(tmp_path / "huge.onnx", CONFIG)
    other = ForgeConfig(dim=128, n_layers=2, n_heads=2, n_kv_heads=1, ffn_dim=128, vocab_size=128)
    with pytest.raises(BadModel, match=r"embedding|head|cos"):
        read_weights(graph, other)
