"""Quantisation: what a config may say, what a calibration corrects, and where large weights lie."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import graph
from engine.checkpoint import Checkpoint, save_checkpoint
from engine.errors import BadConfig, BadModel
from engine.export import main as export_main
from engine.graph import write_served
from engine.model import ForgeModel
from engine.quantisation import gptq
from engine.quantisation.gptq import rounded_columns
from engine.quantisation.matrices import MODES, Blocks, Mode, in_blocks
from engine.quantisation.quantise import GROUP_SIZES, QuantizationConfig, quantise_checkpoint
from engine.runtime import Forge
from engine.served import load_served, load_served_weights, tensors
from engine.tokenizer import Tokenizer
from engine.training.resume import load_weights

pytest_plugins = ["engine_fixtures"]

ROOT = Path(__file__).parent.parent


def texts(count: int, length: int = 80) -> list[list[int]]:
    """Ids with something to learn: few tokens, each often followed by the same."""
    rng = np.random.default_rng(4)
    return [(rng.integers(0, 24, length).cumsum() % 96).tolist() for _ in range(count)]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"mode": "int3"}, "int3"),
        ({"mode": "none", "group_size": 32}, "no groups"),
        ({"mode": "dynamic", "group_size": 64}, "no groups"),
        ({"mode": "int8", "group_size": 48}, "group_size 48"),
        ({"mode": "int4", "group_size": 8}, "group_size 8"),
        ({"mode": "int4", "calibration_batches": -1}, "-1"),
        ({"mode": "int8", "calibration_batches": 4}, "calibrate int4"),
        ({"mode": "none", "calibration_batches": 4}, "calibrate int4"),
    ],
)
def test_a_config_that_says_nothing_sensible_is_refused(
    fields: dict[str, object], word: str
) -> None:
    with pytest.raises(BadConfig, match=word):
        QuantizationConfig(**fields)  # type: ignore[arg-type]


def test_texts_without_batches_of_them_are_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(BadConfig, match="calibration_batches"):
        quantise_checkpoint(checkpoint, QuantizationConfig("int4"), texts(1))
    with pytest.raises(BadConfig, match="two tokens"):
        quantise_checkpoint(checkpoint, QuantizationConfig("int4", None, 1), [[1], []])


def test_weights_that_are_not_finite_are_refused(checkpoint: Checkpoint) -> None:
    weights = {name: weight.copy() for name, weight in checkpoint.weights.items()}
    weights["model.norm.weight"][0] = np.inf
    poisoned = Checkpoint(checkpoint.config, weights, checkpoint.tokenizer, {})
    for batches in (0, 1):
        with pytest.raises(BadModel, match="infinity"):
            quantise_checkpoint(poisoned, QuantizationConfig("int4", None, batches))


@pytest.mark.parametrize("mode", ["int8", "int4"])
@pytest.mark.parametrize("group_size", GROUP_SIZES)
def test_every_group_size_is_served(
    checkpoint: Checkpoint, tokenizer: Tokenizer, tmp_path: Path, mode: str, group_size: int
) -> None:
    quantised = quantise_checkpoint(checkpoint, QuantizationConfig(mode, group_size))
    write_served(quantised, tmp_path)
    inner = quantised.matrices["down_0"]
    assert isinstance(inner, Blocks)
    assert inner.block == group_size
    # What is served is what the codes say, up to the rounding of activations.
    model = ForgeModel(checkpoint.config)
    load_weights(model, load_served_weights(tmp_path).weights)
    ids = texts(1)[0]
    with torch.no_grad():
        expected = model(torch.tensor([ids]))[0].numpy()
    got = Forge.load(tmp_path, tokenizer=tokenizer).extend(ids, every=True)
    assert np.abs(got - expected).max() < 1.0


@given(seed=st.integers(0, 99), block=st.sampled_from(GROUP_SIZES))
@settings(max_examples=15, deadline=None)
def test_correction_moves_the_outputs_less_than_rounding(seed: int, block: int) -> None:
    """The point of it: less error in what the matrix gives, at more error in its weights."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(0, 1, (24, 192)).astype(np.float32)
    # Inputs that go together, as those of a trained model do.
    inputs = rng.normal(0, 1, (800, 24)) @ rng.normal(0, 1, (24, 192))
    inputs += rng.normal(0, 0.3, inputs.shape)
    moments = torch.from_numpy(inputs.T @ inputs)
    plain = in_blocks(weight, 4, block).values() - weight
    corrected = rounded_columns(torch.from_numpy(weight), moments, block).values() - weight
    assert np.square(inputs @ corrected.T).sum() < 0.7 * np.square(inputs @ plain.T).sum()


def test_panels_of_columns_are_for_speed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    weight = torch.from_numpy(rng.normal(0, 1, (16, 256)).astype(np.float32))
    inputs = torch.from_numpy(rng.normal(0, 1, (600, 40)) @ rng.normal(0, 1, (40, 256)))
    found = []
    for panel in (64, 256):
        monkeypatch.setattr(gptq, "_PANEL", panel)
        found.append(rounded_columns(weight, inputs.T @ inputs, 32))
    np.testing.assert_array_equal(found[0].codes, found[1].codes)


def test_inputs_without_a_pattern_leave_plain_rounding() -> None:
    weight = np.random.default_rng(1).normal(0, 1, (8, 128)).astype(np.float32)
    corrected = rounded_columns(torch.from_numpy(weight), torch.eye(128), 32)
    plain = in_blocks(weight, 4, 32)
    np.testing.assert_array_equal(corrected.codes, plain.codes)
    np.testing.assert_array_equal(corrected.scales, plain.scales)


def test_inputs_that_never_come_count_for_nothing() -> None:
    weight = np.random.default_rng(1).normal(0, 1, (8, 64)).astype(np.float32)
    moments = torch.zeros(64, 64, dtype=torch.float64)
    blocks = rounded_columns(torch.from_numpy(weight), moments, 32)
    np.testing.assert_array_equal(blocks.codes, in_blocks(weight, 4, 32).codes)


@pytest.mark.parametrize("own", [False, True])
def test_a_calibrated_model_is_nearer_to_fp32(*, own: bool) -> None:
    """On a text that it was not calibrated on; its own texts serve where none are given."""
    checkpoint = load_served_weights(ROOT / "models" / "text")
    tokenizer = Tokenizer.load(ROOT / "models" / "tokenizer.json")
    read, written = (
        tokenizer.encode((ROOT / "data" / "held_out" / name).read_text("utf-8"))
        for name in ("story.txt", "calibration.txt")
    )
    config = QuantizationConfig("int4", None, 1)
    quantised = {
        "plain": quantise_checkpoint(checkpoint, QuantizationConfig("int4")),
        "calibrated": quantise_checkpoint(checkpoint, config, None if own else [written]),
    }
    reference = torch_model(checkpoint)
    losses = {
        name: divergence(
            reference, torch_model(replace(checkpoint, weights=tensors(each))), read[:1024]
        )
        for name, each in quantised.items()
    }
    assert losses["calibrated"] < 0.8 * losses["plain"]


def torch_model(checkpoint: Checkpoint) -> ForgeModel:
    model = ForgeModel(checkpoint.config)
    load_weights(model, checkpoint.weights)
    return model


def divergence(model: ForgeModel, other: ForgeModel, ids: list[int]) -> float:
    """Mean Kullback-Leibler divergence of `other` from `model` in rows of 256, nats a token."""
    rows = torch.tensor(ids).view(-1, 256)
    with torch.no_grad():
        p, q = (each(rows).log_softmax(-1) for each in (model, other))
    return float((p.exp() * (p - q)).sum(-1).mean())


@pytest.mark.parametrize("mode", MODES)
def test_large_weights_lie_beside_the_graph(
    checkpoint: Checkpoint,
    tokenizer: Tokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: Mode,
) -> None:
    """As they must above 2 GB: the same weights, in a file that the checksums hold too."""
    quantised = quantise_checkpoint(checkpoint, QuantizationConfig(mode))
    write_served(quantised, tmp_path / "within")
    monkeypatch.setattr(graph, "_MOST_INLINE", 1000)
    file = write_served(quantised, tmp_path / "beside")
    data = file.with_name(f"{file.name}.data")
    assert file.stat().st_size < data.stat().st_size / 4
    assert data.name in (tmp_path / "beside" / "SHA256SUMS").read_text()
    ids = texts(1)[0]
    one, other = (
        Forge.load(tmp_path / name, tokenizer=tokenizer).extend(ids, every=True)
        for name in ("within", "beside")
    )
    np.testing.assert_array_equal(one, other)
    back = load_served(tmp_path / "beside")
    for name, matrix in quantised.matrices.items():
        np.testing.assert_array_equal(back.matrices[name].values(), matrix.values())
    data.write_bytes(data.read_bytes()[:-1] + b"x")
    with pytest.raises(BadModel, match="damaged"):
        Forge.load(tmp_path / "beside", tokenizer=tokenizer)
    monkeypatch.undo()
    write_served(quantised, tmp_path / "beside")
    assert not data.exists()


def test_config_json_says_how_a_model_was_made(checkpoint: Checkpoint, tmp_path: Path) -> None:
    quantised = quantise_checkpoint(checkpoint, QuantizationConfig("int4", 16, 1), texts(40))
    write_served(quantised, tmp_path)
    told = (tmp_path / "config.json").read_text()
    assert '"group_size": 16' in told
    assert '"calibration_batches": 1' in told


def test_nothing_rests_on_torchs_old_quantisation() -> None:
    """torch.ao.quantization and the quantised dtypes are on their way out."""
    old = re.compile(r"torch\.(ao|quantization|q[u]?int\d)|from torch import .*(quantiz|\bao\b)")
    assert old.search("import torch.ao.quantization")
    assert old.search("torch.qint8")
    sources = {file: file.read_text("utf-8") for file in (ROOT / "engine").rglob("*.py")}
    assert len(sources) > 40
    assert not [file.name for file, source in sources.items() if old.search(source)]


def test_the_command_line_calibrates_by_texts(
    checkpoint: Checkpoint, tokenizer: Tokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(tmp_path / "trained", checkpoint)
    tokenizer.save(tmp_path / "tokenizer.json")
    (tmp_path / "text.txt").write_text("turn on the lamp in the bedroom\n" * 40)
    asked = [str(tmp_path / "trained"), str(tmp_path / "m"), "--mode", "int4", "--group-size", "16"]
    texts = ["--texts", str(tmp_path / "text.txt")]
    assert export_main([*asked, "--calibrate", "1", *texts]) == 0
    assert '"calibration_batches": 1' in (tmp_path / "m" / "config.json").read_text()
    assert Forge.load(tmp_path / "m").mode == "int4"
    assert export_main([*asked, *texts]) == 1
    assert "calibration_batches" in capsys.readouterr().err
