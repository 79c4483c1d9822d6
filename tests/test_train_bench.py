"""`forgebus bench training` measures both sides and its figures agree. No word about speed."""

import json
from pathlib import Path

import pytest

from bench.training import main

# The interface of nanoGPT's model.py, on the smallest model that has it.
PEER = """
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass
class GPTConfig:
    block_size: int
    vocab_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float
    bias: bool


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        print("not for stdout")
        assert (config.dropout, config.bias) == (0.0, False)
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.block_size, config.n_embd)

    def configure_optimizers(self, weight_decay, learning_rate, betas, device_type):
        return torch.optim.AdamW(self.parameters(), lr=learning_rate, betas=betas)

    def forward(self, idx, targets=None):
        hidden = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        logits = hidden @ self.wte.weight.T
        return logits, functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
"""

TINY = ["--preset", "pi_zero", "--rows", "2", "--context", "16", "--rounds", "1", "--json"]


def test_both_sides_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.py").write_text(PEER)
    assert main([*TINY, "--nanogpt", str(tmp_path / "model.py")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["parameters"] == 631_104
    assert told["nanogpt_parameters"] == (8192 + 16) * 64
    assert told["ratio"] == pytest.approx(told["tok_s"] / told["nanogpt_tok_s"], rel=0.01)
    # 6 operations a weight of a matrix and token, 12 * layers * dim * context of attention
    ours = 6 * (631_104 - 5 * 64) + 12 * 2 * 64 * 16
    theirs = 6 * (8192 * 64 - 5 * 64) + 12 * 2 * 64 * 16
    assert told["ratio_by_flops"] == pytest.approx(told["ratio"] * ours / theirs, rel=0.01)


def test_without_nanogpt_ours_alone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.training.NANOGPT", tmp_path / "model.py")
    assert main([*TINY, "--precision", "fp32"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tok_s"] > 0
    assert told["ratio"] is None
    assert main(TINY[:-1]) == 0
    assert "not here: --nanogpt PATH" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "x = 1\n"])
def test_what_is_no_nanogpt_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    if content:
        (tmp_path / "model.py").write_text(content)
    assert main([*TINY, "--nanogpt", str(tmp_path / "model.py")]) == 1
    told = capsys.readouterr().err
    assert told.startswith("forgebus bench training: ")
    assert "nanoGPT" in told
