"""Texts that a model writes itself: calibration where no text like its own is at hand.

Sampled from the model as it is, each from a token of its own, all of a batch together
(Liu et al. 2023, "LLM-QAT: Data-Free Quantization Aware Training").
"""

import tempfile
from pathlib import Path

import numpy as np

from engine.checkpoint import Checkpoint
from engine.graph import write_graph
from engine.onnx_backend import OnnxBackend
from engine.quantisation.gptq import ROWS, TOKENS
from engine.quantisation.matrices import rounded

_SEED = 0


def own_texts(checkpoint: Checkpoint, batches: int) -> list[list[int]]:
    """8 * `batches` rows of 256 tokens, the same for the same weights on the same machine.

    Raises:
        BadModel: tensors that do not fit the config, or that are not finite.
        MissingDependency: onnx is not installed.
        OutOfMemory: no room for the caches of 8 sequences.
    """
    rng = np.random.default_rng(_SEED)
    config = checkpoint.config
    length = min(TOKENS, config.context)
    texts = []
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "model.onnx"
        write_graph(rounded(checkpoint, "none"), file)
        backend = OnnxBackend(file, config, 1)
        backend.reserve(ROWS)
        for _ in range(batches):
            written = np.empty((ROWS, length), np.int64)
            written[:, 0] = rng.integers(0, config.vocab_size, ROWS)
            for position in range(length - 1):
                tokens = written[:, position].tolist()
                logits = backend.step_many(tokens, [position] * ROWS)
                # The largest of logits with Gumbel noise is a draw from their softmax.
                noise = rng.gumbel(size=logits.shape)
                written[:, position + 1] = (logits + noise).argmax(1)
            texts += written.tolist()
    return texts
