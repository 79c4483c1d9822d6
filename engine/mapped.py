"""Weights in files that several processes map, so that they are in memory once for all of them.

int8 with the fused step: its packed weights (`engine.fused.packed`). Otherwise a form of the graph
whose constants lie in a file beside it, which onnxruntime maps; it is made once, without the onnx
package, and kept in the cache folder. How much of that stays shared is onnxruntime's affair: fp32 is
computed with where it lies, quantised matrices are brought into another order in memory of each
process, and only the embedding stays shared (docs/api.md has the figures).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.backends import fused, on_onnxruntime
from engine.checkpoint import CONFIG, verify_sums, write_sums
from engine.errors import BadConfig
from engine.graph_check import EXTERNAL, GRAPH, INITIALISER, LOCATION, RAW
from engine.model_cache import kept, source_of
from engine.model_folder import ModelFolder, find_model
from engine.protobuf import field, message, open_message, parts

if TYPE_CHECKING:
    from engine.runtime import Backend

CONSTANTS = "weights.raw"

# Smaller ones are shapes and the like, which onnxruntime looks into while it loads.
_LEAST_BYTES = 1024
_PAGE = 4096


def mapped_folder(path: str | Path, device: str) -> ModelFolder:
    """The model of `path`, verified.

    Raises:
        BadConfig: `device` is not "cpu".
        BadModel, BadConfig: as `ModelFolder.open`.
    """
    if device != "cpu":
        raise BadConfig(
            f"no model is served on the device {device!r}",
            'use "cpu"; what needs a GPU joins the bus as a bidder of its own',
        )
    return ModelFolder.open(find_model(path))


def mapped(folder: ModelFolder, threads: int) -> "Backend":
    """What serves `folder` here over mapped weights.

    Raises:
        OutOfMemory: no room for the cache.
        BadModel: the graph is not of its config's shape.
        NotWritten: the cache folder takes no file.
    """
    if backend := fused(folder, threads, shared=True):
        return backend
    digests = verify_sums(folder.path, (folder.graph.name, CONFIG))
    sources = [digests[folder.graph.name], digests[CONFIG]]
    parted = kept([*sources, source_of("mapped.py")], lambda made: write_mapped(folder, made))
    return on_onnxruntime(parted.graph, parted, threads, shared=folder.mode == "none")


def write_mapped(folder: ModelFolder, made: Path) -> None:
    """Write into `made` the model of `folder` with its constants in a file of their own."""
    with (
        (made / folder.graph.name).open("wb") as graph,
        (made / CONSTANTS).open("wb") as constants,
    ):
        for number, value, written in parts(open_message(folder.graph)):
            if number == GRAPH:
                graph.write(field(GRAPH, b"".join(_parted(message(value), constants))))
            else:
                graph.write(written)
    (made / CONFIG).write_bytes((folder.path / CONFIG).read_bytes())
    write_sums(made, (folder.graph.name, CONSTANTS, CONFIG))


def _parted(graph: memoryview, constants: BinaryIO) -> Iterator[bytes]:
    for number, value, written in parts(graph):
        if number == INITIALISER:
            yield field(INITIALISER, _reference(message(value), constants))
        else:
            yield bytes(written)


def _reference(tensor: memoryview, constants: BinaryIO) -> bytes:
    """The constant `tensor` with its bytes put at the next page of `constants`."""
    rest, raw = b"", memoryview(b"")
    for number, value, written in parts(tensor):
        if number == RAW:
            raw = message(value)
        else:
            rest += bytes(written)
    if len(raw) < _LEAST_BYTES:
        return bytes(tensor)
    offset = -(-constants.tell() // _PAGE) * _PAGE
    constants.write(b"\0" * (offset - constants.tell()))
    constants.write(raw)
    place = {"location": CONSTANTS, "offset": str(offset), "length": str(len(raw))}
    entries = [field(EXTERNAL, field(1, key) + field(2, text)) for key, text in place.items()]
    return rest + b"".join(entries) + field(LOCATION, 1)
