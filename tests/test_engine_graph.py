"""What is served against what was trained: every mode against torch in fp32."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from engine_models import SHAPE, likeliest_new, random_checkpoint
from hypothesis import given
from hypothesis import strategies as st

from engine.checkpoint import Checkpoint, save_checkpoint
from engine.config import PRESETS, ForgeConfig
from engine.errors import BadConfig, BadModel
from engine.export import main as export_main
from engine.graph import export
from engine.model import ForgeModel
from engine.quantisation.matrices import MODES, Bits, Mode, in_blocks, rounded
from engine.runtime import Forge
from engine.tokenizer import Tokenizer
from engine.training.resume import load_weights

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


@pytest.mark.parametrize("mode", MODES)
def test_sequences_of_one_batch_do_not_see_one_another(served: Served, mode: Mode) -> None:
    session = ort.InferenceSession(served(mode) / f"model.{mode}.onnx")
    lengths = np.array([3, 40, 17], np.int32)
    alone = [run_graph(session, [prompt(n + 1, seed=n)], np.array([n], np.int32)) for n in lengths]
    caches = [run_graph(session, [prompt(n + 1, seed=n)[:-1]], np.array([n - 1])) for n in lengths]
    held = {
        name: np.concatenate([cache[f"new_{name}"] for cache in caches])
        for name in (f"{kind}_{n}" for kind in ("key", "value") for n in range(SHAPE.n_layers))
    }
    last_tokens = [prompt(n + 1, seed=n)[-1:] for n in lengths]
    together = run_graph(session, last_tokens, lengths, held)
    # In mode dynamic all that is computed at once shares one scale.
    most = 1.0 if mode == "dynamic" else 5e-3 if mode == "none" else 0.5
    for number, expected in enumerate(alone):
        for name in ("logits", "hidden"):
            assert np.abs(together[name][number] - expected[name][-1]).max() < most


def run_graph(
    session: ort.InferenceSession,
    tokens: list[list[int]],
    last: np.ndarray,
    held: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Every output of the graph after `tokens` (B, S), from an empty cache if none is `held`."""
    batch = np.array(tokens)
    cache = (len(batch), SHAPE.n_kv_heads, SHAPE.context, SHAPE.head_dim)
    feed: dict[str, np.ndarray] = {
        "tokens": batch,
        "rows": np.arange(batch.size),
        "last": last.astype(np.int32),
        "total": np.array([last.max() + 1], np.int32),
    }
    for each in session.get_inputs()[4:]:
        feed[each.name] = np.zeros(cache, np.float32) if held is None else held[each.name]
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def test_hidden_is_what_the_head_turns_into_logits(
    served: Served, checkpoint: Checkpoint, reference: ForgeModel
) -> None:
    session = ort.InferenceSession(served("none") / "model.none.onnx")
    got = run_graph(session, [prompt(30)], np.array([29]))
    expected = reference.model(torch.tensor([prompt(30)]))[0].detach().numpy()
    np.testing.assert_allclose(got["hidden"], expected, atol=2e-4)
    head = checkpoint.weights["model.embed_tokens.weight"]
    np.testing.assert_allclose(got["hidden"] @ head.T, got["logits"], atol=1e-3)


@pytest.mark.parametrize(("mode", "most"), [("int8", 8_100_000), ("int4", 5_900_000)])
def test_a_shipped_model_is_small(mode: Mode, most: int) -> None:
    checkpoint = random_checkpoint(PRESETS["pi_5"], "")
    assert rounded(checkpoint, mode).nbytes < most


@given(
    seed=st.integers(0, 999),
    bits=st.sampled_from([4, 8]),
    scale=st.floats(1e-6, 1e3),
)
def test_quantised_weights_are_within_half_a_step(seed: int, bits: Bits, scale: float) -> None:
    weight = np.random.default_rng(seed).normal(0, scale, (4, 128)).astype(np.float32)
    weight[0] = 0
    blocks = in_blocks(weight, bits, 32)
    back = blocks.values().reshape(4, 4, 32)
    error = np.abs(back - weight.reshape(4, 4, 32))
    # At 4 bit +8 is no code: the value opposite to the largest may be a whole step off.
    assert (error <= np.abs(blocks.scales[..., None]) * (0.51 if bits == 8 else 1.01)).all()
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
