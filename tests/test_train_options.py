"""Dropout, the mean of the weights, labels with shares: what they do, and that a resumed run repeats it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_models import SHAPE
from torch.nn import functional

from data.mean_weights import mean
from engine.checkpoint import load_checkpoint, write_json, write_sums
from engine.decoding import classify
from engine.errors import BadConfig, BadData, BadModel
from engine.graph import export
from engine.model import ForgeModel
from engine.runtime import Forge
from engine.tokenizer import Tokenizer, label_token
from engine.training.averaging import Average
from engine.training.data import epoch_rows, load_corpus, make_batch
from engine.training.loop import train
from engine.training.loss import head_loss
from engine.training.plan import TrainPlan

pytest_plugins = ["engine_fixtures"]

ROWS: list[dict[str, object]] = [
    {"text": "turn on the lamp", "labels": {"on": 3, "off": 1}},
    {"text": "turn off the lamp", "label": "off"},
    {"text": "play music", "labels": {"play": 1.0}},
]


@pytest.fixture
def plan(tokenizer: Tokenizer, tmp_path: Path) -> TrainPlan:
    tokenizer.save(tmp_path / "tokenizer.json")
    lines = "".join(json.dumps(row) + "\n" for row in ROWS * 16)
    (tmp_path / "rows.jsonl").write_text(lines, "utf-8")
    return TrainPlan(
        config=SHAPE,
        data=(tmp_path / "rows.jsonl",),
        tokenizer=tmp_path / "tokenizer.json",
        out=tmp_path / "out",
        kind="router",
        steps=10,
        rows=2,
        context=32,
        rate=4e-3,
        every=3,
        validation=0.1,
        threads=1,
        precision="fp32",
    )


def weights(folder: Path) -> dict[str, np.ndarray]:
    return dict(load_checkpoint(folder).weights)


def state(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((folder / "state").iterdir())}


@pytest.mark.parametrize("options", [{"dropout": 0.3}, {"average": 0.9}])
def test_a_resumed_run_is_the_unbroken_one(
    plan: TrainPlan, tmp_path: Path, options: dict[str, float]
) -> None:
    plan = replace(plan, **options)  # type: ignore[arg-type]
    train(plan)
    broken = replace(plan, out=tmp_path / "broken")
    told: Iterator[bool] = iter([False] * 5 + [True] * 9)
    assert not train(broken, stop=lambda: next(told)).finished
    torch.manual_seed(99)  # whatever was drawn between the two runs
    assert train(broken, resume=True).finished
    assert state(broken.out) == state(plan.out)
    one, other = weights(plan.out), weights(broken.out)
    assert all((one[name] == other[name]).all() for name in one)


def test_dropout_changes_what_is_learnt_and_not_what_is_validated(
    plan: TrainPlan, tmp_path: Path
) -> None:
    dropped = replace(plan, dropout=0.5, out=tmp_path / "dropped")
    train(replace(plan, steps=3))
    train(replace(dropped, steps=3))
    assert any((weights(plan.out)[n] != w).any() for n, w in weights(dropped.out).items())
    # The model that was kept, without dropout, has the loss that validation reported.
    told = json.loads((dropped.out / "training.json").read_text("utf-8"))
    checkpoint = load_checkpoint(dropped.out)
    model = ForgeModel(SHAPE)
    model.load_state_dict({n: torch.from_numpy(w) for n, w in checkpoint.weights.items()})
    corpus = load_corpus(plan.data, Tokenizer.load(plan.tokenizer), plan.context, "router")
    _, held_out = corpus.split(plan.validation, 48, plan.seed)
    batch = make_batch(held_out, epoch_rows(held_out, plan.context, plan.seed, 0), plan.context)
    hidden = model.model(torch.from_numpy(batch.tokens), torch.from_numpy(batch.documents))
    logits = model.head(hidden).flatten(0, 1)
    loss = functional.cross_entropy(logits, torch.from_numpy(batch.targets).flatten())
    assert float(loss.detach()) == pytest.approx(told["validation"][0], rel=1e-4)


def test_the_average_is_the_mean_of_the_weights_over_steps() -> None:
    model = ForgeModel(SHAPE)
    average = Average(model, 0.75)
    weight = model.model.norm.weight
    with torch.no_grad():
        weight.fill_(3.0)
        average.follow(1)  # a decay of 1 / 11 at first: the start is nearly forgotten
        assert float(average.weights["model.norm.weight"][0]) == pytest.approx(1 / 11 + 3 * 10 / 11)
        average.follow(10**6)
        expected = 0.75 * (1 / 11 + 30 / 11) + 0.25 * 3
        assert float(average.weights["model.norm.weight"][0]) == pytest.approx(expected)
    with average.in_place():
        assert float(model.model.norm.weight[0].detach()) == pytest.approx(expected)
    assert float(model.model.norm.weight[0].detach()) == 3.0


def test_shares_are_cross_entropy_with_probabilities() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(600, 64, requires_grad=True)
    weight = torch.randn(640, 64, requires_grad=True)
    ids = torch.stack([torch.randperm(640)[:3] for _ in range(600)])
    shares = torch.softmax(torch.randn(600, 3), 1)
    fused = head_loss(hidden, weight, ids, shares)
    wanted = torch.zeros(600, 640).scatter_(1, ids, shares)
    plain = functional.cross_entropy(hidden @ weight.T, wanted)
    torch.testing.assert_close(fused, plain)
    got, expected = (torch.autograd.grad(loss, (hidden, weight)) for loss in (fused, plain))
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-4)


def test_rows_with_shares_are_laid_out_beside_those_with_one_label(plan: TrainPlan) -> None:
    corpus = load_corpus(plan.data, Tokenizer.load(plan.tokenizer), plan.context, "router")
    assert corpus.labels == ("off", "on", "play")
    off, on, play = (label_token(n) for n in range(3))
    batch = make_batch(corpus, [[0, 1], [2]], 32)
    assert batch.soft is not None
    ids, shares = batch.soft
    found = [
        {int(t): round(float(s), 3) for t, s in zip(ids[at], shares[at], strict=True) if s}
        for at in zip(*(batch.targets >= 0).nonzero(), strict=True)
    ]
    assert found == [{on: 0.75, off: 0.25}, {off: 1.0}, {play: 1.0}]
    assert shares.sum() == 3


def test_a_model_learns_the_shares(plan: TrainPlan, tmp_path: Path) -> None:
    train(replace(plan, steps=150, every=50, average=0.9, out=tmp_path / "run"))
    export(load_checkpoint(tmp_path / "run"), tmp_path / "served", "int8")
    forge = Forge.load(tmp_path / "served", tokenizer=Tokenizer.load(plan.tokenizer))
    share = classify(forge, forge.tokenizer.chat("turn on the lamp", task="route"), range(3))
    assert share.tolist() == pytest.approx([0.25, 0.75, 0], abs=0.08)


def test_the_mean_of_two_runs_is_a_checkpoint(plan: TrainPlan, tmp_path: Path) -> None:
    one, other = replace(plan, steps=2), replace(plan, steps=4, out=tmp_path / "other")
    train(one)
    train(other)
    mean([one.out, other.out], tmp_path / "mean")
    made = weights(tmp_path / "mean")
    for name, weight in weights(one.out).items():
        np.testing.assert_allclose(made[name], (weight + weights(other.out)[name]) / 2, atol=1e-7)
    write_json(one.out / "use.json", {"labels": ["other"]})
    write_sums(one.out, ("model.safetensors", "config.json", "training.json", "use.json"))
    with pytest.raises(BadModel, match="different shapes or labels"):
        mean([one.out, other.out], tmp_path / "none")


@pytest.mark.parametrize("labels", [{"on": 0}, {"on": "much"}, {"on": -1.0}])
def test_a_share_that_is_none_is_told(plan: TrainPlan, labels: dict[str, object]) -> None:
    plan.data[0].write_text(json.dumps({"text": "x", "labels": labels}) + "\n", "utf-8")
    with pytest.raises(BadData, match=r"rows.jsonl:1: a share of a label is no number above 0"):
        train(plan)


@pytest.mark.parametrize("options", [{"dropout": 1.0}, {"average": -0.1}, {"average": 1.0}])
def test_shares_beyond_their_range_are_refused(plan: TrainPlan, options: dict[str, float]) -> None:
    with pytest.raises(BadConfig, match="give shares from 0 to below 1"):
        replace(plan, **options)  # type: ignore[arg-type]
