"""What is served against what was trained: every mode against torch in fp32."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_models import SHAPE, random_checkpoint
from hypothesis import given
from hypothesis import strategies as st

from engine.checkpoint import Checkpoint, save_checkpoint
from engine.config import PRESETS, ForgeConfig
from engine.errors import BadConfig, BadModel
from engine.export import main as export_main
from engine.graph import MODES, Mode, build, export, quantise
from engine.model import ForgeModel
from engine.resume import load_weights
from engine.runtime import Forge
from engine.tokenizer import Tokenizer

pytest_plugins = ["engine_fixtures"]

Served = Callable[[Mode], Path]

# Largest difference of a logit, and mean Kullback-Leibler divergence to fp32 in nats.
TOLERANCE: dict[Mode, tuple[float, float]] = {
    "none": (2e-4, 1e-8),
    "dynamic": (2.0, 0.05),
    "int8": (1.0, 0.01),
    "int4": (12.0, 0.5),
}


def prompt(length: int, seed: int = 0) -> list[int]:
    return [int(n) for n in np.random.default_rng(seed).integers(0, SHAPE.vocab_size, length)]


@pytest.fixture(scope="module")
def reference(checkpoint: Checkpoint) -> ForgeModel:
    model = ForgeModel(checkpoint.config)
    load_weights(model, checkpoint.weights)
    return model


def torch_logits(model: ForgeModel, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        logits: np.ndarray = model(torch.tensor([ids]))[0].numpy()
    return logits


def divergence(expected: np.ndarray, got: np.ndarray) -> float:
    p, q = (torch.log_softmax(torch.from_numpy(x).double(), -1) for x in (expected, got))
    return float((p.exp() * (p - q)).sum(-1).mean())


@pytest.mark.parametrize("mode", MODES)
def test_logits_are_those_of_torch(served: Served, reference: ForgeModel, mode: Mode) -> None:
    ids = prompt(100)
    expected = torch_logits(reference, ids)
    got = Forge.load(served(mode)).extend(ids, every=True)
    largest, mean = TOLERANCE[mode]
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < largest
    assert divergence(expected, got) < mean


def likeliest_new(logits: np.ndarray, seen: list[int]) -> int:
    """The likeliest token that has not come yet: random weights soon repeat themselves."""
    left = logits.copy()
    left[seen] = -np.inf
    return int(left.argmax())


def test_greedy_text_is_that_of_torch(served: Served, reference: ForgeModel) -> None:
    forge = Forge.load(served("none"))
    ids = prompt(20)
    logits = forge.prefill(ids)
    for _ in range(128):
        ids.append(likeliest_new(logits, ids))
        logits = forge.step(ids[-1])
    expected = torch_logits(reference, ids)
    for place in range(20, 148):
        assert ids[place] == likeliest_new(expected[place - 1], ids[:place])


@pytest.mark.parametrize("mode", ["none", "int8", "int4"])
def test_steps_and_pieces_are_as_the_whole(served: Served, mode: Mode) -> None:
    forge = Forge.load(served(mode))
    ids = prompt(60)
    whole = forge.extend(ids, every=True)
    forge.rewind(0)
    pieces = [forge.extend(ids[:10], every=True), forge.extend(ids[10:40], every=True)]
    pieces += [forge.step(token)[None].copy() for token in ids[40:]]
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=5e-3 if mode == "none" else 0.5)


def test_an_untied_head_is_served_too(tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = ForgeConfig(
        dim=64, n_layers=1, n_heads=1, n_kv_heads=1, ffn_dim=64, vocab_size=640, tied=False
    )
    checkpoint = random_checkpoint(config, tokenizer.fingerprint)
    model = ForgeModel(config)
    load_weights(model, checkpoint.weights)
    for mode in MODES:
        export(checkpoint, tmp_path, mode)
        got = Forge.load(tmp_path, tokenizer=tokenizer).extend(prompt(12), every=True)
        largest, _ = TOLERANCE[mode]
        assert np.abs(got - torch_logits(model, prompt(12))).max() < largest
    assert [file.name for file in tmp_path.glob("*.onnx")] == ["model.int4.onnx"]


@pytest.mark.parametrize(("mode", "most"), [("int8", 8_100_000), ("int4", 5_900_000)])
def test_a_shipped_model_is_small(mode: Mode, most: int) -> None:
    checkpoint = random_checkpoint(PRESETS["pi_5"], "")
    assert len(build(checkpoint, mode)) < most


@given(
    seed=st.integers(0, 999),
    bits=st.sampled_from([4, 8]),
    scale=st.floats(1e-6, 1e3),
)
def test_quantised_weights_are_within_half_a_step(seed: int, bits: int, scale: float) -> None:
    weight = np.random.default_rng(seed).normal(0, scale, (4, 128)).astype(np.float32)
    weight[0] = 0
    codes, scales = quantise(weight, bits, 32)  # type: ignore[arg-type]
    if bits == 4:
        codes = np.stack([codes & 15, codes >> 4], -1).reshape(4, 4, 32)
    back = (codes.astype(np.float64) - (1 << (bits - 1))) * scales[..., None]
    error = np.abs(back - weight.reshape(4, 4, 32))
    # At 4 bit +8 is no code: the value opposite to the largest may be a whole step off.
    assert (error <= np.abs(scales[..., None]) * (0.51 if bits == 8 else 1.01)).all()
    assert not back[0].any()


def test_the_command_line_exports_what_was_trained(
    checkpoint: Checkpoint, tokenizer: Tokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(tmp_path / "trained", checkpoint)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "CARD.md").write_text("# A card\n")
    assert export_main([str(tmp_path / "trained"), str(tmp_path / "m"), "--mode", "int4"]) == 0
    assert "model.int4.onnx" in capsys.readouterr().out
    assert Forge.load(tmp_path / "m", tokenizer=tokenizer).mode == "int4"
    (tmp_path / "m" / "CARD.md").write_text("# Another\n")
    with pytest.raises(BadModel, match=r"CARD\.md"):
        Forge.load(tmp_path / "m", tokenizer=tokenizer)
    assert export_main([str(tmp_path / "nothing"), str(tmp_path / "m")]) == 1
    assert "nothing" in capsys.readouterr().err


def test_an_unknown_mode_is_named(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="int3"):
        export(checkpoint, tmp_path, "int3")  # type: ignore[arg-type]
