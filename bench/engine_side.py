"""One side of the engine's benchmark, in a process of its own: it loads, answers once, then on request.

    python -m bench.engine_side forge models/text --threads 1

Every line on its standard input asks for one run, and gets one line of JSON back. Nothing is imported
but what the side itself needs: memory and cold start are those of a process that serves. For llama.cpp it
runs under an interpreter that has llama-cpp-python and numpy, and none of our libraries.
"""

import argparse
import ctypes
import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

PROMPT = 128
NEW = 256
LLAMA_CPP = "llama_cpp"
"""No dependency of ours: it is imported by this name where it is installed."""
CLEAR_DATA = True


@dataclass(frozen=True, slots=True)
class Side:
    """A loaded model: what computes, logits (V,) after a prompt from scratch, and after a token."""

    backend: str
    prefill: Callable[[list[int]], Floats]
    step: Callable[[int], Floats]


def forge(folder: Path, threads: int) -> Side:
    """What a node serves with."""
    from engine.runtime import Forge

    loaded = Forge.load(folder, threads=threads)

    def prefill(ids: list[int]) -> Floats:
        loaded.rewind(0)
        row: Floats = loaded.extend(ids)[-1]
        return row

    return Side(loaded.backend, prefill, loaded.step)


def onnxruntime(folder: Path, threads: int) -> Side:
    """The same with the fused step left out."""
    from engine.fused import build

    build.LEVELS.clear()
    return forge(folder, threads)


def llama_cpp(file: Path, threads: int) -> Side:
    """llama.cpp by its C interface, without the Python that its bindings put around it."""
    library: Any = importlib.import_module(LLAMA_CPP)
    quiet = library.llama_log_callback(lambda *_: None)
    library.llama_log_set(quiet, None)
    library.llama_backend_init()
    loading = library.llama_model_default_params()
    loading.n_gpu_layers = 0
    # Its AMX kernels end the process where a hypervisor shows AMX and does not permit it.
    loading.use_extra_bufts = "amx_tile" not in Path("/proc/cpuinfo").read_text("utf-8")
    model = library.llama_model_load_from_file(str(file).encode(), loading)
    settings = library.llama_context_default_params()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = 2 * NEW
    settings.n_threads = settings.n_threads_batch = threads
    # The quicker one here: with flash attention a step of pi_5 takes two fifths more.
    settings.flash_attn_type = library.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = library.llama_init_from_model(model, settings)
    assert context, f"llama.cpp cannot load {file}"
    vocab = library.llama_vocab_n_tokens(library.llama_model_get_vocab(model))

    def run(ids: list[int]) -> Floats:
        tokens = (ctypes.c_int32 * len(ids))(*ids)
        failed = library.llama_decode(context, library.llama_batch_get_one(tokens, len(ids)))
        assert not failed, "llama_decode failed"
        return np.ctypeslib.as_array(library.llama_get_logits_ith(context, -1), (vocab,))

    def prefill(ids: list[int]) -> Floats:
        library.llama_memory_clear(library.llama_get_memory(context), CLEAR_DATA)
        return run(ids)

    def more(number: int, _lives_as_long: Any = quiet) -> Floats:
        return run([number])

    return Side("llama.cpp", prefill, more)


SIDES = {"forge": forge, "onnxruntime": onnxruntime, "llama.cpp": llama_cpp}


def prompt(vocab: int) -> list[int]:
    """The same one for every side."""
    return [int(n) for n in np.random.default_rng(0).integers(0, vocab, PROMPT)]


def run_once(side: Side, ids: list[int]) -> dict[str, Any]:
    """One prompt and its greedy answer."""
    started = time.perf_counter()
    logits = side.prefill(ids)
    prefill = time.perf_counter() - started
    tokens, steps = [], []
    for _ in range(NEW):
        started = time.perf_counter()
        token = int(logits.argmax())
        logits = side.step(token)
        steps.append(time.perf_counter() - started)
        tokens.append(token)
    return {"prefill_s": prefill, "step_s": steps, "tokens": tokens}


def main() -> None:
    """Serve runs until standard input ends."""
    parser = argparse.ArgumentParser(description="one side of the engine's benchmark")
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--vocab", type=int, required=True)
    given = parser.parse_args()
    side = SIDES[given.side](given.model, given.threads)
    ids = prompt(given.vocab)
    first = int(side.prefill(ids).argmax())
    print(json.dumps({"backend": side.backend, "first": first}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(run_once(side, ids)), flush=True)


if __name__ == "__main__":
    main()
