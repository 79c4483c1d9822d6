"""The ONNX graph that a node serves, and the folder around it: one graph for prefill and decode.

The nodes are onnxruntime's fused ones: GroupQueryAttention rotates and writes the key-value cache
in place, SkipSimplifiedLayerNormalization adds and normalises, MatMulNBits multiplies by blocks of
8 or 4 bit (accuracy level 4: int8 products; anything else is 2.3 times slower). Needs the `onnx`
package, never torch.

Shapes: B sequences, S new positions of each, R wanted rows, D dim, V vocab, K key-value heads,
C context, E head dim.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from engine.checkpoint import SUMS, Checkpoint, write_json, write_sums
from engine.config import ForgeConfig
from engine.errors import BadConfig, MissingDependency
from engine.quantisation.matrices import MODES, Blocks, Columns, Dense, Mode, Quantised, rounded

Floats = npt.NDArray[np.float32]

_OPSET = 21
_CONTRIB = "com.microsoft"
_ACCURACY_INT8 = 4
# Files of a model folder that belong to a model's use and are taken into its checksums.
_BESIDE = ("CARD.md", "calibration.json", "tokenizer.json", "use.json")
# A protobuf message ends at 2 GiB; the nodes, and constants of the graph's own, take the rest.
_MOST_INLINE = (1 << 31) - (1 << 24)
_LEAST_OUTSIDE = 1024
_ALIGNMENT = 4096  # of a page: what is mapped must begin at one


def graph_file(mode: Mode) -> str:
    """Name of the graph inside a model folder."""
    return f"model.{mode}.onnx"


def export(checkpoint: Checkpoint, folder: str | Path, mode: Mode) -> Path:
    """Write the served form of `checkpoint`, rounded to the nearest codes, into `folder`.

    Args:
        checkpoint: what `engine.checkpoint.load_checkpoint` gave.
        folder: as for `write_served`.
        mode: none (fp32) | dynamic (int8 with a scale an output; the activations of a call share
            one scale, so prefill and decode round differently) |
            int8 (blocks of 64) | int4 (blocks of 32; embedding and head stay at 8 bit).

    Returns:
        The graph's path.

    Raises:
        BadConfig: an unknown mode.
        BadModel: tensors that do not fit the config, or that are not finite.
        MissingDependency: onnx is not installed.
    """
    if mode not in MODES:
        raise BadConfig(f"there is no mode {mode!r}", f"use one of {', '.join(MODES)}")
    return write_served(rounded(checkpoint, mode), folder)


def write_served(quantised: Quantised, folder: str | Path) -> Path:
    """Write `quantised` into `folder`: graph, config.json and SHA256SUMS; the graph's path.

    Weights above 2 GB lie in a file beside the graph (ONNX external data).

    Args:
        quantised: what `engine.quantisation.quantise.quantise_checkpoint` gave.
        folder: made if need be; a former graph of another mode is removed. A card, use,
            calibration or tokenizer there is taken into the checksums.

    Raises:
        MissingDependency: onnx is not installed.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for stale in [target / SUMS, *target.glob("model.*.onnx"), *target.glob("model.*.onnx.data")]:
        stale.unlink(missing_ok=True)
    written = write_graph(quantised, target / graph_file(quantised.mode))
    served = {"mode": quantised.mode, **quantised.made, "tokenizer_sha256": quantised.tokenizer}
    write_json(target / "config.json", quantised.config.to_json() | {"forge": served})
    beside = [name for name in _BESIDE if (target / name).exists()]
    write_sums(target, [*(file.name for file in written), "config.json", *beside])
    return written[0]


def write_graph(quantised: Quantised, file: Path) -> list[Path]:
    """Write the graph; the files that it lies in, the graph first.

    Inputs:  tokens (B, S) int64; rows (R,) int64, the positions wanted, counted over all B * S;
             last (B,) int32, the index of each sequence's last position in the cache; total (1,)
             int32, the largest of `last` + 1; key_n and value_n (B, K, C, E) of each layer.
    Outputs: logits (R, V); hidden (R, D), the normed states that the head turns into them;
             new_key_n and new_value_n, to be bound to the inputs' own memory.

    Raises:
        MissingDependency: onnx is not installed.
    """
    onnx = _onnx()
    if quantised.nbytes <= _MOST_INLINE:
        file.write_bytes(_serialised(_Builder(onnx), quantised))
        return [file]
    outside = file.with_name(f"{file.name}.data")
    with outside.open("wb") as stream:
        file.write_bytes(_serialised(_Builder(onnx, stream), quantised))
    return [file, outside]


def _serialised(b: "_Builder", quantised: Quantised) -> bytes:
    config, helper = quantised.config, b.onnx.helper
    _stack(b, quantised)
    tensor, kinds = helper.make_tensor_value_info, b.onnx.TensorProto
    cache = ["B", config.n_kv_heads, config.context, config.head_dim]
    inputs = [
        tensor("tokens", kinds.INT64, ["B", "S"]),
        tensor("rows", kinds.INT64, ["R"]),
        tensor("last", kinds.INT32, ["B"]),
        tensor("total", kinds.INT32, [1]),
    ]
    outputs = [
        tensor("logits", kinds.FLOAT, ["R", config.vocab_size]),
        tensor("hidden", kinds.FLOAT, ["R", config.dim]),
    ]
    for n in range(config.n_layers):
        for name in (f"key_{n}", f"value_{n}"):
            inputs.append(tensor(name, kinds.FLOAT, cache))
            outputs.append(tensor(f"new_{name}", kinds.FLOAT, cache))
    graph = helper.make_graph(b.nodes, "forge", inputs, outputs, b.constants)
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    content: bytes = model.SerializeToString()
    return content


@dataclass(slots=True)
class _Builder:
    """Collects nodes and constants; every method returns the name of its result.

    Attributes:
        outside: where the bytes of large constants go; None keeps them in the graph.
    """

    onnx: Any
    outside: BinaryIO | None = None
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        array = np.ascontiguousarray(value)
        if self.outside is None or array.nbytes < _LEAST_OUTSIDE:
            self.constants.append(self.onnx.numpy_helper.from_array(array, name))
            return name
        self.outside.write(bytes(-self.outside.tell() % _ALIGNMENT))
        made = self.onnx.TensorProto(name=name, dims=array.shape)
        made.data_type = self.onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        made.data_location = self.onnx.TensorProto.EXTERNAL
        place = {
            "location": Path(self.outside.name).name,
            "offset": str(self.outside.tell()),
            "length": str(array.nbytes),
        }
        for key, text in place.items():
            made.external_data.add(key=key, value=text)
        self.outside.write(array.data)
        self.constants.append(made)
        return name

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.add(kind, inputs, [name], **attributes)
        return name

    def add(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        domain = _CONTRIB if kind in _CONTRIB_NODES else ""
        made = self.onnx.helper.make_node(kind, inputs, outputs, domain=domain, **attributes)
        self.nodes.append(made)


_CONTRIB_NODES = {
    "DynamicQuantizeMatMul",
    "GatherBlockQuantized",
    "GroupQueryAttention",
    "MatMulNBits",
    "QuickGelu",
    "SkipSimplifiedLayerNormalization",
}


def _stack(b: _Builder, q: Quantised) -> None:
    config, eps = q.config, q.config.norm_eps
    x = _embedding(b, q)  # (B, S, D)
    cos, sin = _rotary(config)
    b.constant("cos", cos)
    b.constant("sin", sin)
    b.constant("flat", np.array([-1, config.dim], np.int64))
    added = ""
    for n in range(config.n_layers):
        gamma = b.constant(f"gamma_a{n}", q.norms[f"gamma_a{n}"])
        if n == 0:
            normed = b.node(
                "SimplifiedLayerNormalization", [x, gamma], "normed_a0", epsilon=eps, axis=-1
            )
        else:
            x, normed = _add_and_norm(b, x, added, gamma, f"a{n}", eps)
        seen = _attention(b, normed, q, n)
        if n == config.n_layers - 1:
            # What follows the last attention looks at one position alone: the wanted ones do.
            x, seen = _wanted(b, x), _wanted(b, seen)  # (R, D)
        added = _product(b, seen, q, f"o_{n}")
        gamma = b.constant(f"gamma_m{n}", q.norms[f"gamma_m{n}"])
        x, normed = _add_and_norm(b, x, added, gamma, f"m{n}", eps)
        added = _swiglu(b, normed, q, n)
    gamma = b.constant("gamma_f", q.norms["gamma_f"])
    _, hidden = _add_and_norm(b, x, added, gamma, "f", eps, "hidden")
    _head(b, hidden, q)


def _wanted(b: _Builder, x: str) -> str:
    """The rows (R, D) of `x` (B, S, D)."""
    return b.node("Gather", [b.node("Reshape", [x, "flat"], f"{x}_flat"), "rows"], f"{x}_rows")


def _add_and_norm(
    b: _Builder, x: str, added: str, gamma: str, name: str, eps: float, normed: str = ""
) -> tuple[str, str]:
    """(the sum, its normalised form)."""
    normed = normed or f"normed_{name}"
    b.add(
        "SkipSimplifiedLayerNormalization",
        [x, added, gamma],
        [normed, "", "", f"x_{name}"],
        epsilon=eps,
    )
    return f"x_{name}", normed


def _attention(b: _Builder, x: str, q: Quantised, n: int) -> str:
    qkv = _product(b, x, q, f"qkv_{n}")
    b.add(
        "GroupQueryAttention",
        [qkv, "", "", f"key_{n}", f"value_{n}", "last", "total", "cos", "sin"],
        [f"seen_{n}", f"new_key_{n}", f"new_value_{n}"],
        num_heads=q.config.n_heads,
        kv_num_heads=q.config.n_kv_heads,
        do_rotary=1,
    )
    return f"seen_{n}"


def _swiglu(b: _Builder, x: str, q: Quantised, n: int) -> str:
    both = _product(b, x, q, f"gate_up_{n}")
    b.add("Split", [both], [f"gate_{n}", f"up_{n}"], axis=-1, num_outputs=2)
    # QuickGelu is x * sigmoid(alpha * x): with alpha 1 it is SiLU, in one node.
    gate = b.node("QuickGelu", [f"gate_{n}"], f"silu_{n}", alpha=1.0)
    gated = b.node("Mul", [gate, f"up_{n}"], f"gated_{n}")
    return _product(b, gated, q, f"down_{n}")


def _product(b: _Builder, x: str, q: Quantised, name: str) -> str:
    """`x` (..., D) times the transpose of the matrix `name` (N, D)."""
    match q.matrices[name]:
        case Dense(weight):
            return b.node("MatMul", [x, b.constant(f"w_{name}", weight.T)], name)
        case Columns(codes, scales):
            inputs = [x, b.constant(f"w_{name}", codes.T), b.constant(f"w_{name}_scale", scales)]
            return b.node("DynamicQuantizeMatMul", inputs, name)
        case Blocks() as blocks:
            codes_name = b.constant(f"w_{name}", blocks.codes)
            return _blocks_product(
                b, [x, codes_name, b.constant(f"s_{name}", blocks.scales)], name, blocks
            )


def _blocks_product(b: _Builder, inputs: list[str], name: str, blocks: Blocks) -> str:
    rows, count, _ = blocks.codes.shape
    return b.node(
        "MatMulNBits",
        inputs,
        name,
        N=rows,
        K=count * blocks.block,
        bits=blocks.bits,
        block_size=blocks.block,
        accuracy_level=_ACCURACY_INT8,
    )


def _embedding(b: _Builder, q: Quantised) -> str:
    """Rows of the embedding (B, S, D); a tied head uses the same constants again."""
    match q.matrices["embedding"]:
        case Dense(weight):
            return b.node("Gather", [b.constant("embedding", weight), "tokens"], "x")
        case Columns(codes, scales):
            names = [b.constant("embedding", codes.T), b.constant("embedding_scale", scales)]
            picked = b.node("Gather", [names[0], "tokens"], "picked", axis=1)  # (D, B, S)
            turned = b.node("Transpose", [picked], "turned", perm=[1, 2, 0])
            real = b.node("Cast", [turned], "real", to=b.onnx.TensorProto.FLOAT)
            each = b.node("Gather", [names[1], "tokens"], "each")  # (B, S)
            last = b.constant("last_axis", np.array([-1], np.int64))
            return b.node("Mul", [real, b.node("Unsqueeze", [each, last], "each_one")], "x")
        case Blocks() as blocks:
            return _embedding_in_blocks(b, blocks, q.config)


def _embedding_in_blocks(b: _Builder, blocks: Blocks, config: ForgeConfig) -> str:
    inputs = [
        b.constant("embedding", blocks.codes),  # (V, D / block, block)
        "tokens",
        b.constant("embedding_scale", blocks.scales[..., None]),
        b.constant("embedding_zero", np.full((*blocks.scales.shape, 1), 128, np.uint8)),
    ]
    picked = b.node(
        "GatherBlockQuantized",
        inputs,
        "picked",
        gather_axis=0,
        quantize_axis=2,
        block_size=blocks.block,
        bits=8,
    )  # (B, S, D / block, block)
    shape = b.constant("row_shape", np.array([0, 0, config.dim], np.int64))  # 0: as it is
    if config.tied:
        b.constant("head_scale", blocks.scales)
    return b.node("Reshape", [picked, shape], "x")


def _head(b: _Builder, x: str, q: Quantised) -> None:
    if not q.config.tied:
        b.node("Identity", [_product(b, x, q, "head")], "logits")
        return
    match q.matrices["embedding"]:
        case Dense():
            b.node("Gemm", [x, "embedding"], "logits", transB=1)
        case Columns():
            b.node("DynamicQuantizeMatMul", [x, "embedding", "embedding_scale"], "logits")
        case Blocks() as blocks:
            _blocks_product(b, [x, "embedding", "head_scale"], "logits", blocks)


def _rotary(config: ForgeConfig) -> tuple[Floats, Floats]:
    """Cosine and sine (C, E/2), as `engine.model.rotary_tables` has them."""
    rates = config.rope_theta ** (-np.arange(0, config.head_dim, 2) / config.head_dim)
    angles = np.arange(config.context)[:, None] * rates
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _onnx() -> Any:
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as fault:
        raise MissingDependency(
            "onnx is not installed", "run `pip install forgebus[train]`"
        ) from fault
    return onnx
