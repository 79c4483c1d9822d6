"""llama.cpp by its C interface: reads questions as JSON lines, writes answers as JSON lines.

    python llama_driver.py model.gguf

Run by an interpreter that has llama-cpp-python, and none of our libraries. A question is either
`{"texts": [...], "special": bool}`, answered by the ids of each text, or `{"ids": [...], "new": N,
"logits": FILE}`: N greedy tokens after the prompt, and the logits (N, V) of each step in a .npy file.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

F32 = 0  # ggml's number of the type


def main(file: str) -> None:
    llama: Any = importlib.import_module("llama_cpp")
    quiet = llama.llama_log_callback(lambda *_: None)
    llama.llama_log_set(quiet, None)
    llama.llama_backend_init()
    loading = llama.llama_model_default_params()
    loading.n_gpu_layers = 0
    # Its AMX kernels end the process where a hypervisor shows AMX and does not permit it.
    loading.use_extra_bufts = "amx_tile" not in Path("/proc/cpuinfo").read_text("utf-8")
    model = llama.llama_model_load_from_file(file.encode(), loading)
    assert model, f"llama.cpp cannot load {file}"
    vocab = llama.llama_model_get_vocab(model)
    size = llama.llama_vocab_n_tokens(vocab)
    settings = llama.llama_context_default_params()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = 256
    settings.n_threads = settings.n_threads_batch = 1
    # The reference keeps its keys and values in fp32 and computes attention as it is written.
    settings.type_k = settings.type_v = F32
    settings.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = llama.llama_init_from_model(model, settings)

    def logits(ids: list[int]) -> np.ndarray:
        tokens = (ctypes.c_int32 * len(ids))(*ids)
        assert llama.llama_decode(context, llama.llama_batch_get_one(tokens, len(ids))) == 0
        row = llama.llama_get_logits_ith(context, -1)
        return np.ctypeslib.as_array(row, (size,)).copy()

    def greedy(ids: list[int], new: int) -> np.ndarray:
        llama.llama_memory_clear(llama.llama_get_memory(context), 1)
        rows = [logits(ids)]
        while len(rows) < new:
            rows.append(logits([int(rows[-1].argmax())]))
        return np.array(rows)

    def encode(text: str, special: int) -> list[int]:
        content = text.encode()
        room = (ctypes.c_int32 * (len(content) + 8))()
        count = llama.llama_tokenize(vocab, content, len(content), room, len(room), 0, special)
        assert count >= 0, text
        return list(room[:count])

    for line in sys.stdin:
        asked = json.loads(line)
        if "texts" in asked:
            answer: Any = [encode(text, int(asked["special"])) for text in asked["texts"]]
        else:
            rows = greedy(asked["ids"], asked["new"])
            np.save(asked["logits"], rows, allow_pickle=False)
            answer = [int(row.argmax()) for row in rows]
        sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
