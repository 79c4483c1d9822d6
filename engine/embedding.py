"""A text as one vector: the mean of the model's last states over its tokens.

No model of ours was trained for it. The states of a model that predicts the next token carry what
a text is about to some degree, mixed with its wording and its end (Reimers & Gurevych 2019 measured
how far such means stay behind trained sentence vectors).
"""

from collections.abc import Sequence

import numpy as np

from engine.errors import BadPrompt
from engine.runtime import Floats, Forge


def embed(forge: Forge, texts: Sequence[str]) -> Floats:
    """Vectors (N, D) of N `texts`, float32, each of length 1.

    Raises:
        BadPrompt: no texts, or one that is empty, longer than the context, or not well-formed.
        Busy: `forge` is in the middle of another request.
    """
    if isinstance(texts, str) or not texts:
        raise BadPrompt("there is nothing to embed", "give a list of texts")
    encoded = forge.tokenizer.encode_many(texts)
    for number, ids in enumerate(encoded):
        if not ids:
            raise BadPrompt(f"text {number} is empty", "leave it out")
        if len(ids) > forge.config.context:
            raise BadPrompt(
                f"text {number} has {len(ids)} tokens, more than the context of "
                f"{forge.config.context}",
                "embed it in pieces",
            )
    vectors = np.empty((len(encoded), forge.config.dim), np.float32)
    with forge.request():
        for vector, ids in zip(vectors, encoded, strict=True):
            vector[:] = forge.states(ids).mean(0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
    return vectors
