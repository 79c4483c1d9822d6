"""What a graph may hold before onnxruntime sees it: our operators, finite numbers, no other files.

SHA256SUMS tell damage, not intent: who writes a graph can write its checksums. An ONNX file may
name other files as its weights, carry graphs within graphs and functions of its own. None of ours
does, so all of that is refused here, with the file mapped and nothing loaded (onnx.proto3).
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from engine.errors import BadModel, OutOfMemory
from engine.protobuf import fields, message, number, numbers, open_message, text

OPERATORS: Mapping[str, frozenset[str]] = {
    "": frozenset(
        "Cast Gather Gemm Identity MatMul Mul Reshape SimplifiedLayerNormalization Split Transpose "
        "Unsqueeze".split()
    ),
    "com.microsoft": frozenset(
        "DynamicQuantizeMatMul GatherBlockQuantized GroupQueryAttention MatMulNBits QuickGelu "
        "SkipSimplifiedLayerNormalization".split()
    ),
}
"""By domain, what `engine.graph` writes: each computes from its inputs alone."""

# Field numbers of ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto.
_MODEL_KNOWN = {1, 2, 3, 4, 5, 6, 7, 8}
GRAPH, _GRAPH_KNOWN = 7, {1, 2, 5, 10, 11, 12, 13}
_NODE, INITIALISER = 1, 5
_OPERATOR, _ATTRIBUTE, _DOMAIN = 4, 5, 7
# Numbers alone; not tensors, graphs, or references.
_ATTRIBUTE_KNOWN = {1, 2, 3, 8, 20}
# By name, where we write one value alone; others have onnxruntime abort, or count for ever.
_FIXED = {"accuracy_level": 4, "do_rotary": 1, "num_outputs": 2}
_ATTRIBUTE_NAME, _ATTRIBUTE_NUMBER = 1, 3
_DIMS, _KIND, _NAME, RAW = 1, 2, 8, 9
_TENSOR_KNOWN = {_DIMS, _KIND, _NAME, RAW, 12, 13, 14}
EXTERNAL, LOCATION = 13, 14
_WIDTH = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8}
_FLOAT = 1
_REMEDY = "use a graph that engine.export wrote"


def check_graph(graph: Path, beside: frozenset[str] = frozenset()) -> None:
    """Raise `BadModel` where `graph` is none of ours.

    Args:
        graph: the ONNX file.
        beside: files of its folder, verified, in which it may keep constants.
    """
    try:
        for kind, part in fields(open_message(graph)):
            _known(graph, "the model", kind, _MODEL_KNOWN)
            if kind == GRAPH:
                _check_graph(graph, message(part), beside)
    except (OSError, ValueError, IndexError) as fault:
        raise BadModel(f"{graph} is no ONNX file of ours ({fault})", _REMEDY) from fault
    except MemoryError as fault:
        raise OutOfMemory(f"no room to look into {graph}", "choose a smaller model") from fault


def _check_graph(graph: Path, content: memoryview, beside: frozenset[str]) -> None:
    for kind, part in fields(content):
        _known(graph, "the graph", kind, _GRAPH_KNOWN)
        if kind == _NODE:
            _check_node(graph, message(part))
        elif kind == INITIALISER:
            _check_constant(graph, message(part), beside)


def _check_node(graph: Path, content: memoryview) -> None:
    operator = domain = ""
    for kind, part in fields(content):
        if kind == _OPERATOR:
            operator = text(part)
        elif kind == _DOMAIN:
            domain = text(part)
        elif kind == _ATTRIBUTE:
            _check_attribute(graph, operator or "a node", message(part))
    if operator not in OPERATORS.get(domain, ()):
        name = f"{domain}.{operator}" if domain else operator
        raise BadModel(f"{graph} has the operator {name!r}, which we never write", _REMEDY)


def _check_attribute(graph: Path, operator: str, content: memoryview) -> None:
    name, value = "", 0
    for kind, part in fields(content):
        _known(graph, f"an attribute of {operator}", kind, _ATTRIBUTE_KNOWN)
        if kind == _ATTRIBUTE_NAME:
            name = text(part)
        elif kind == _ATTRIBUTE_NUMBER:
            value = number(part)
    if _FIXED.get(name, value) != value:
        raise BadModel(f"{operator} in {graph} has {name}={value}, which we never write", _REMEDY)


def _check_constant(graph: Path, content: memoryview, beside: frozenset[str]) -> None:
    dims: list[int] = []
    name, kind, raw, elsewhere = "", 0, memoryview(b""), False
    entries: dict[str, str] = {}
    for field, part in fields(content):
        if field == _DIMS:
            dims += numbers(part)
        elif field == _KIND:
            kind = number(part)
        elif field == _NAME:
            name = text(part)
        elif field == RAW:
            raw = message(part)
        elif field == EXTERNAL:
            entries |= dict([_entry(message(part))])
        elif field == LOCATION:
            elsewhere = number(part) != 0
        _known(graph, f"the constant {name!r}", field, _TENSOR_KNOWN)
    size = math.prod(dims) * _WIDTH.get(kind, 0)
    if kind not in _WIDTH:
        raise BadModel(f"{name!r} in {graph} has the type {kind}, which we never write", _REMEDY)
    if elsewhere or entries:
        raw = _from_file(graph, name, entries, size, beside)
    if len(raw) != size:
        raise BadModel(f"{name!r} in {graph} has {len(raw)} bytes, not {size}", _REMEDY)
    if kind == _FLOAT and not np.isfinite(np.frombuffer(raw, "<f4")).all():
        raise BadModel(f"{name} in {graph} holds NaN or infinity", "export a sound checkpoint")


def _entry(content: memoryview) -> tuple[str, str]:
    pair = {field: text(part) for field, part in fields(content)}
    return pair.get(1, ""), pair.get(2, "")


def _from_file(
    graph: Path, name: str, entries: Mapping[str, str], size: int, beside: frozenset[str]
) -> memoryview:
    location = entries.get("location", "")
    if location not in beside:
        raise BadModel(
            f"{name!r} in {graph} lies in {location!r}, a file that is not listed in SHA256SUMS",
            _REMEDY,
        )
    offset = int(entries.get("offset", "0"))
    content = open_message(graph.parent / location)
    if offset < 0 or int(entries.get("length", size)) != size:
        raise BadModel(f"{name!r} in {graph} names another length than its shape has", _REMEDY)
    return content[offset : offset + size]


def _known(graph: Path, where: str, field: int, known: set[int]) -> None:
    if field not in known:
        raise BadModel(f"{where} in {graph} has the field {field}, which we never write", _REMEDY)
