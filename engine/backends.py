"""What serves a model here: the fused step where it was built and the model is int8, else onnxruntime.

Only the one that serves is imported.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.admission import admit, cache_bytes
from engine.errors import BadConfig, BadModel, MissingDependency, OutOfMemory
from engine.model_folder import ModelFolder

if TYPE_CHECKING:
    from engine.runtime import Backend

    Open = Callable[[ModelFolder, int], Backend]

# Below this a second thread gains a fifth and loses much more when a core is busy.
_DIM_ONE_THREAD = 256
# A number that nobody means takes all threads that the system has left, others' too.
_MOST_THREADS = 256
# Where there is less than this for onnxruntime, importing it ends in half of it, or in a crash.
_LIBRARY_PRIVATE, _LIBRARY_MAPPED = 7 << 20, 30 << 20
# Times the size of its file: what a tokenizer takes, 29 times for the shipped one.
_PARSED = 24
# So the loader, C++ and the system say that there is no memory for a library.
_NO_MEMORY = ("failed to map segment", "bad_alloc", "Cannot allocate memory", "MemoryError")


def ask_for_room(folder: ModelFolder, *, tokenizer: bool, shared: bool) -> None:
    """Raise `OutOfMemory` where there is no room to serve `folder`, before anything is loaded.

    Args:
        folder: the model.
        tokenizer: its tokenizer has to be loaded too. That library aborts where it finds none.
        shared: the weights are mapped.
    """
    need = cache_bytes(folder.config, folder.mode)
    if tokenizer and folder.tokenizer_file.is_file():
        need += _PARSED * folder.tokenizer_file.stat().st_size
    mapped = 0
    if shared:
        mapped += folder.weights_bytes
    else:
        need += folder.weights_bytes
    if _fused_library(folder) is None and "onnxruntime" not in sys.modules:
        need, mapped = need + _LIBRARY_PRIVATE, mapped + _LIBRARY_MAPPED
    admit(str(folder.path), need, mapped=mapped)


def in_memory(folder: ModelFolder, threads: int) -> "Backend":
    """The quickest that can serve `folder` here, over a copy of the weights of its own.

    What the fused step cannot read is left to onnxruntime, which names the fault if there is one.

    Raises:
        OutOfMemory: there is no room.
        BadModel: the graph is damaged, or not of its config's shape.
    """
    return fused(folder, threads, shared=False) or on_onnxruntime(folder.graph, folder, threads)


def in_memory_shared(folder: ModelFolder, threads: int) -> "Backend":
    """As `in_memory`; the fused step's weights are shared with other processes where they can be."""
    return fused(folder, threads, shared=True) or on_onnxruntime(folder.graph, folder, threads)


def fused(folder: ModelFolder, threads: int, *, shared: bool) -> "Backend | None":
    """The fused step over `folder`; None where it was not built or cannot read the model."""
    library = _fused_library(folder)
    if library is None:
        return None
    from engine.fused.step import FusedStep

    try:
        return FusedStep(library, folder.graph, folder.config, threads, shared=shared)
    except (BadModel, MissingDependency):
        return None


def on_onnxruntime(
    graph: Path, folder: ModelFolder, threads: int, *, shared: bool = False
) -> "Backend":
    """Onnxruntime over `graph`, a form of `folder`'s.

    Args:
        graph: the file.
        folder: whose shape it has.
        threads: of one run.
        shared: read weights that lie in a mapped file where they are, instead of bringing them
            into another order in memory of this process.
    """
    try:
        from engine.onnx_backend import OnnxBackend
    except ImportError as fault:
        if any(words in str(fault) for words in _NO_MEMORY):
            raise MemoryError from fault
        raise MissingDependency(
            f"onnxruntime cannot be loaded ({fault})", "restart the process, or install it again"
        ) from fault
    return OnnxBackend(graph, folder.config, threads, shared=shared)


def threads_for(dim: int, wanted: int = 0) -> int:
    """Those `wanted`; for 0 what helps a model of this width, within what the process was given.

    Raises:
        BadConfig: no number of threads.
    """
    if not 0 <= wanted <= _MOST_THREADS:
        raise BadConfig(f"{wanted} threads", f"give 1 to {_MOST_THREADS}, or 0 for as many as suit")
    if wanted:
        return wanted
    if dim <= _DIM_ONE_THREAD:
        return 1
    cores, given = len(os.sched_getaffinity(0)), os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(given)) if given.isdecimal() and int(given) else cores


@contextmanager
def memory_named(what: str | Path) -> Iterator[None]:
    """A `MemoryError` inside becomes `OutOfMemory`, which names the model."""
    try:
        yield
    except MemoryError as fault:
        raise OutOfMemory(f"no memory for {what}", "choose a smaller model") from fault


def _fused_library(folder: ModelFolder) -> Path | None:
    if folder.mode != "int8":
        return None
    from engine.fused.build import best

    return best()
