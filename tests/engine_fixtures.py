"""Fixtures: a tiny tokenizer and random models of it, made once for all tests of the engine."""

from collections.abc import Callable
from pathlib import Path

import pytest
from engine_models import SENTENCES, SHAPE, random_checkpoint

from engine.checkpoint import Checkpoint, save_checkpoint
from engine.graph import export
from engine.quantisation import Mode
from engine.runtime import Forge
from engine.tokenizer import Tokenizer, train_tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return train_tokenizer(SENTENCES * 20, SHAPE.vocab_size)


@pytest.fixture(scope="session")
def checkpoint(tokenizer: Tokenizer) -> Checkpoint:
    return random_checkpoint(SHAPE, tokenizer.fingerprint)


@pytest.fixture(scope="session")
def served(
    checkpoint: Checkpoint, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Mode], Path]:
    """Folder of the model in the given mode, as it stands in models/; leave it as it is."""
    root = tmp_path_factory.mktemp("models")
    tokenizer.save(root / "tokenizer.json")
    save_checkpoint(root / "checkpoint", checkpoint)

    def folder(mode: Mode) -> Path:
        target = root / mode
        if not target.exists():
            export(checkpoint, target, mode)
        return target

    return folder


@pytest.fixture
def forge(served: Callable[[Mode], Path]) -> Forge:
    """A freshly loaded fp32 model."""
    return Forge.load(served("none"))
