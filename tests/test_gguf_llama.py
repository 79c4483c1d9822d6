"""llama.cpp reads our GGUF: the same ids for a text, the same greedy tokens, the logits of the reference.

Skipped where llama-cpp-python is not installed. Where two tokens are nearly as likely, the order of a
sum decides; so a token may differ from ours where we give it less than `NEAR` below our own best.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import llama_peer
import numpy as np
import numpy.typing as npt
import pytest
from cli_call import ROOT
from engine_models import SENTENCES, SHAPE, random_checkpoint
from gguf_reader import Reader
from llama_reference import Reference, eight_bit, half, logits_along

from engine.checkpoint import Checkpoint
from engine.graph import export
from engine.interchange.gguf import KINDS, Kind, write_gguf
from engine.runtime import Forge
from engine.served import load_served_weights
from engine.tokenizer import Tokenizer, train_tokenizer

NEW = 96
# Logits of the trained models spread over some 20; these are differences that rounding makes.
NEAR: dict[Kind, float] = {"f16": 0.02, "q8_0": 0.1, "q4_0": 0.1}
PROMPTS = {"text": "Once upon a time there was", "home": "turn off the light in the kitchen"}
SPOKEN = ["text", "home", "random, untied", "random, one key head"]
CASES: list[tuple[str, Kind]] = [
    ("text", "f16"),
    ("text", "q4_0"),
    ("home", "q8_0"),
    *(("random, untied", kind) for kind in KINDS),
    *(("random, one key head", kind) for kind in KINDS),
]


@cache
def model(name: str) -> tuple[Checkpoint, Tokenizer, list[int]]:
    """A checkpoint, its tokenizer, and a prompt."""
    if name in PROMPTS:
        tokenizer = Tokenizer.load(ROOT / "models")
        ids = tokenizer.encode(PROMPTS[name])
        if name == "home":
            ids = tokenizer.chat(PROMPTS[name], task="home")
        return load_served_weights(ROOT / "models" / name), tokenizer, ids
    tokenizer = train_tokenizer(SENTENCES * 20, SHAPE.vocab_size)
    shape = replace(SHAPE, tied="untied" not in name)
    if "one key head" in name:
        shape = replace(shape, n_kv_heads=1, rope_theta=500_000.0, norm_eps=1e-6)
    checkpoint = random_checkpoint(shape, tokenizer.fingerprint)
    return checkpoint, tokenizer, tokenizer.encode(SENTENCES[0])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf")


@cache
def answered(name: str, kind: Kind, place: Path) -> tuple[list[int], npt.NDArray[np.float32], Path]:
    """llama.cpp's greedy tokens, the logits of each, and the file that it read."""
    checkpoint, tokenizer, ids = model(name)
    folder = place / f"{name} {kind}"
    folder.mkdir()
    tokenizer.save(folder / "tokenizer.json")
    file, logits = folder / "model.gguf", folder / "logits.npy"
    write_gguf(checkpoint, folder / "tokenizer.json", file, kind)
    tokens = ask(file, {"ids": ids, "new": NEW, "logits": str(logits)})
    return tokens, np.load(logits, allow_pickle=False), file


def ask(file: Path, question: dict[str, object]) -> Any:
    driver = ROOT / "tests" / "llama_driver.py"
    ran = subprocess.run(
        [str(llama_peer.python()), str(driver), str(file)],
        input=json.dumps(question) + "\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout)


def agree(ours: npt.NDArray[np.float32], tokens: list[int], near: float) -> None:
    """Each token is the likeliest for us too, or as good as that."""
    given_up = ours.max(-1) - ours[np.arange(len(tokens)), tokens]
    assert given_up.max() <= near, f"token {given_up.argmax()} is {given_up.max()} below our best"
    assert np.count_nonzero(given_up) <= 2


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_tokens_and_logits_are_those_of_the_weights_in_the_file(
    name: str, kind: Kind, place: Path
) -> None:
    checkpoint, _, ids = model(name)
    tokens, logits, file = answered(name, kind, place)
    assert len(tokens) == NEW
    config = checkpoint.config
    weights = Reader(file).llama(config.n_heads, config.n_kv_heads)
    reference = Reference(config, weights, half if kind == "f16" else eight_bit)
    ours = logits_along(reference, ids, tokens)
    agree(ours, tokens, NEAR[kind])
    error = np.sqrt(np.mean((logits - ours) ** 2))
    assert error <= (1e-3 if kind == "f16" else 1e-2) * ours.std()


@pytest.mark.parametrize("name", SPOKEN)
def test_f16_answers_as_our_fp32_graph_does(name: str, place: Path, tmp_path: Path) -> None:
    checkpoint, tokenizer, ids = model(name)
    tokens, _, _ = answered(name, "f16", place)
    export(checkpoint, tmp_path / "model", "none")
    forge = Forge.load(tmp_path / "model", tokenizer=tokenizer, threads=1)
    forge.extend(ids[:-1])
    agree(forge.extend([ids[-1], *tokens[:-1]], every=True), tokens, NEAR["f16"])


def texts() -> list[str]:
    """Each script, space and digit that a tokenizer may trip over, and 500 mixtures."""
    pieces = [
        *"abcXYZ 'st re  \t\n\r.,!?;:-_()[]{}<|>0123456789éüßñ€漢字かな한글😀½²Ⅷ٣\u00a0\u3000",
        *[
            "'s",
            "'ll",
            "<|end|>",
            "<|user|>",
            "  ",
            "\n\n",
            " 12 ",
            "don't",
            "👩\u200d👩\u200d👧",
            "e\u0301",
        ],
    ]
    rng = np.random.default_rng(1)
    mixed = ["".join(rng.choice(pieces, rng.integers(1, 40))) for _ in range(500)]
    return [*SENTENCES, "Ünïcödé", "1234567890", "a\n\n b\n", "\ttab", "مرحبا 123", *mixed]


def test_a_text_has_the_same_ids(place: Path) -> None:
    tokenizer = model("text")[1]
    file = answered("text", "f16", place)[2]
    asked = texts()
    got = ask(file, {"texts": asked, "special": False})
    for text, theirs, ours in zip(asked, got, tokenizer.encode_many(asked), strict=True):
        assert theirs == ours, text


def test_a_tokenizer_that_keeps_numbers_together_has_the_same_ids(tmp_path: Path) -> None:
    checkpoint, tokenizer, _ = model("random, untied")
    tokenizer.save(tmp_path / "tokenizer.json")
    told = json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))
    told["pre_tokenizer"] = told["pre_tokenizer"]["pretokenizers"][1]
    (tmp_path / "tokenizer.json").write_text(json.dumps(told), "utf-8")
    other = Tokenizer.load(tmp_path)
    named = replace(checkpoint, tokenizer=other.fingerprint)
    write_gguf(named, tmp_path / "tokenizer.json", tmp_path / "model.gguf", "f16")
    got = ask(tmp_path / "model.gguf", {"texts": texts(), "special": False})
    assert got == other.encode_many(texts())


def test_special_tokens_are_read_from_a_template(place: Path) -> None:
    tokenizer = model("home")[1]
    file = answered("home", "f16", place)[2]
    form = "<|home|><|system|>light.kitchen<|user|>turn it off<|assistant|>"
    (ids,) = ask(file, {"texts": [form], "special": True})
    assert ids == tokenizer.chat("turn it off", system="light.kitchen", task="home")
