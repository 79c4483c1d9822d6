"""From a checkpoint to the ONNX graph that a node serves: one graph for prefill and decode.

The nodes are onnxruntime's fused ones: GroupQueryAttention rotates and writes the key-value cache
in place, SkipSimplifiedLayerNormalization adds and normalises, MatMulNBits multiplies by blocks of
8 or 4 bit (accuracy level 4: int8 products; anything else is 2.3 times slower). Query, key and
value are one product, gate and up another. Needs the `onnx` package, never torch.

Shapes: B sequences, S new positions of each, R wanted rows, D dim, V vocab, K key-value heads,
C context, E head dim.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.checkpoint import SUMS, Checkpoint, check_tensors, write_json, write_sums
from engine.config import ForgeConfig
from engine.errors import BadConfig, MissingDependency

Mode = Literal["none", "dynamic", "int8", "int4"]
MODES: tuple[Mode, ...] = ("none", "dynamic", "int8", "int4")

Floats = npt.NDArray[np.float32]

_OPSET = 21
_CONTRIB = "com.microsoft"
_ACCURACY_INT8 = 4


def graph_file(mode: Mode) -> str:
    """Name of the graph inside a model folder."""
    return f"model.{mode}.onnx"


def export(checkpoint: Checkpoint, folder: str | Path, mode: Mode) -> Path:
    """Write the served form of `checkpoint` into `folder`: graph, config.json and SHA256SUMS.

    Args:
        checkpoint: what `engine.checkpoint.load_checkpoint` gave.
        folder: made if need be; a former graph of another mode is removed. A CARD.md there is
            taken into the checksums.
        mode: none (fp32) | dynamic (int8 with a scale a column; the activations of a call share
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
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    content = build(checkpoint, mode)
    for stale in [target / SUMS, *target.glob("model.*.onnx")]:
        stale.unlink(missing_ok=True)
    file = target / graph_file(mode)
    file.write_bytes(content)
    served = {"mode": mode, "tokenizer_sha256": checkpoint.tokenizer}
    write_json(target / "config.json", checkpoint.config.to_json() | {"forge": served})
    card = ["CARD.md"] if (target / "CARD.md").exists() else []
    write_sums(target, [file.name, "config.json", *card])
    return file


def build(checkpoint: Checkpoint, mode: Mode) -> bytes:
    """The graph, serialised.

    Inputs:  tokens (B, S) int64; rows (R,) int64, the positions wanted, counted over all B * S;
             last (B,) int32, the index of each sequence's last position in the cache; total (1,)
             int32, the largest of `last` + 1; key_n and value_n (B, K, C, E) of each layer.
    Outputs: logits (R, V); hidden (R, D), the normed states that the head turns into them;
             new_key_n and new_value_n, to be bound to the inputs' own memory.

    Raises:
        BadModel: tensors that do not fit the config, or that are not finite.
    """
    onnx = _onnx()
    config = checkpoint.config
    check_tensors(config, checkpoint.weights, "the checkpoint")
    b = _Builder(onnx)
    _stack(b, checkpoint, mode)
    tensor = onnx.helper.make_tensor_value_info
    kinds = onnx.TensorProto
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
    graph = onnx.helper.make_graph(b.nodes, "forge", inputs, outputs, b.constants)
    opsets = [onnx.helper.make_opsetid("", _OPSET), onnx.helper.make_opsetid(_CONTRIB, 1)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    content: bytes = model.SerializeToString()
    return content


def quantise(weight: Floats, bits: Literal[4, 8], block: int) -> tuple[Any, Floats]:
    """Blocks of `weight` (N, D) as MatMulNBits keeps them.

    Symmetric about the zero point 2 ** (bits - 1). At 4 bit the weight of largest magnitude is
    put on -8, the one code without a counterpart (llama.cpp's Q4_0), which halves the error.

    Returns:
        Codes uint8 (N, D / block, block * bits / 8), two to a byte at 4 bit, and scales
        float32 (N, D / block).
    """
    blocks = weight.reshape(len(weight), -1, block)
    if bits == 8:
        scales = np.abs(blocks).max(-1) / 127
    else:
        peak = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[..., None], -1)[..., 0]
        scales = peak / -8
    safe = np.where(scales == 0, 1, scales)[..., None]
    zero, top = 1 << (bits - 1), (1 << bits) - 1
    codes = np.clip(np.rint(blocks / safe) + zero, 0, top).astype(np.uint8)
    if bits == 4:
        codes = codes[..., 0::2] | (codes[..., 1::2] << 4)
    return codes, scales.astype(np.float32)


@dataclass(slots=True)
class _Builder:
    """Collects nodes and constants; every method returns the name of its result."""

    onnx: Any
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        array = np.ascontiguousarray(value)
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
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


def _stack(b: _Builder, checkpoint: Checkpoint, mode: Mode) -> None:
    config, w = checkpoint.config, checkpoint.weights
    eps = config.norm_eps
    x = _embedding(b, w["model.embed_tokens.weight"], mode, tied=config.tied)  # (B, S, D)
    cos, sin = _rotary(config)
    b.constant("cos", cos)
    b.constant("sin", sin)
    b.constant("flat", np.array([-1, config.dim], np.int64))
    added = ""
    for n in range(config.n_layers):
        layer = f"model.layers.{n}."
        gamma = b.constant(f"gamma_a{n}", w[layer + "input_layernorm.weight"])
        if n == 0:
            normed = b.node(
                "SimplifiedLayerNormalization", [x, gamma], "normed_a0", epsilon=eps, axis=-1
            )
        else:
            x, normed = _add_and_norm(b, x, added, gamma, f"a{n}", eps)
        seen = _attention(b, normed, checkpoint, n, mode)
        if n == config.n_layers - 1:
            # What follows the last attention looks at one position alone: the wanted ones do.
            x, seen = _wanted(b, x), _wanted(b, seen)  # (R, D)
        o_proj = w[layer + "self_attn.o_proj.weight"]
        added = _product(b, seen, o_proj, f"o_{n}", mode)
        gamma = b.constant(f"gamma_m{n}", w[layer + "post_attention_layernorm.weight"])
        x, normed = _add_and_norm(b, x, added, gamma, f"m{n}", eps)
        added = _swiglu(b, normed, checkpoint, n, mode)
    gamma = b.constant("gamma_f", w["model.norm.weight"])
    _, hidden = _add_and_norm(b, x, added, gamma, "f", eps, "hidden")
    _head(b, hidden, checkpoint, mode)


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


def _attention(b: _Builder, x: str, checkpoint: Checkpoint, n: int, mode: Mode) -> str:
    config, w = checkpoint.config, checkpoint.weights
    part = f"model.layers.{n}.self_attn."
    joined = np.concatenate([w[f"{part}{name}_proj.weight"] for name in "qkv"])
    qkv = _product(b, x, joined, f"qkv_{n}", mode)
    b.add(
        "GroupQueryAttention",
        [qkv, "", "", f"key_{n}", f"value_{n}", "last", "total", "cos", "sin"],
        [f"seen_{n}", f"new_key_{n}", f"new_value_{n}"],
        num_heads=config.n_heads,
        kv_num_heads=config.n_kv_heads,
        do_rotary=1,
    )
    return f"seen_{n}"


def _swiglu(b: _Builder, x: str, checkpoint: Checkpoint, n: int, mode: Mode) -> str:
    w = checkpoint.weights
    part = f"model.layers.{n}.mlp."
    joined = np.concatenate([w[f"{part}{name}_proj.weight"] for name in ("gate", "up")])
    both = _product(b, x, joined, f"gate_up_{n}", mode)
    b.add("Split", [both], [f"gate_{n}", f"up_{n}"], axis=-1, num_outputs=2)
    # QuickGelu is x * sigmoid(alpha * x): with alpha 1 it is SiLU, in one node.
    gate = b.node("QuickGelu", [f"gate_{n}"], f"silu_{n}", alpha=1.0)
    gated = b.node("Mul", [gate, f"up_{n}"], f"gated_{n}")
    return _product(b, gated, w[part + "down_proj.weight"], f"down_{n}", mode)


def _product(b: _Builder, x: str, weight: Floats, name: str, mode: Mode) -> str:
    """`x` (B, S, D) @ `weight` (N, D).T."""
    match mode:
        case "none":
            return b.node("MatMul", [x, b.constant(f"w_{name}", weight.T)], name)
        case "dynamic":
            return _dynamic_product(b, x, name, *_columns(b, weight, f"w_{name}"))
        case "int8":
            return _blocks_product(b, x, weight, name, 8, 64)
        case "int4":
            return _blocks_product(b, x, weight, name, 4, 32)


def _blocks_product(
    b: _Builder, x: str, weight: Floats, name: str, bits: Literal[4, 8], block: int
) -> str:
    codes, scales = quantise(weight, bits, block)
    inputs = [x, b.constant(f"w_{name}", codes), b.constant(f"s_{name}", scales)]
    rows, columns = weight.shape
    return b.node(
        "MatMulNBits",
        inputs,
        name,
        N=rows,
        K=columns,
        bits=bits,
        block_size=block,
        accuracy_level=_ACCURACY_INT8,
    )


def _columns(b: _Builder, weight: Floats, name: str) -> tuple[str, str]:
    """int8 (D, N) and a scale (N,) for each column."""
    scales = np.abs(weight).max(1) / 127
    safe = np.where(scales == 0, 1, scales)
    codes = np.rint(weight / safe[:, None]).astype(np.int8)
    return b.constant(name, codes.T), b.constant(f"{name}_scale", scales.astype(np.float32))


def _dynamic_product(b: _Builder, x: str, name: str, codes: str, scales: str) -> str:
    return b.node("DynamicQuantizeMatMul", [x, codes, scales], name)


def _embedding(b: _Builder, weight: Floats, mode: Mode, *, tied: bool) -> str:
    """Rows of the embedding (B, S, D); a tied head uses the same constants again."""
    vocab, dim = weight.shape
    if mode == "none":
        return b.node("Gather", [b.constant("embedding", weight), "tokens"], "x")
    if mode == "dynamic":
        codes, scales = _columns(b, weight, "embedding")
        picked = b.node("Gather", [codes, "tokens"], "picked", axis=1)  # (D, B, S)
        turned = b.node("Transpose", [picked], "turned", perm=[1, 2, 0])
        real = b.node("Cast", [turned], "real", to=b.onnx.TensorProto.FLOAT)
        each = b.node("Gather", [scales, "tokens"], "each")  # (B, S)
        last = b.constant("last_axis", np.array([-1], np.int64))
        return b.node("Mul", [real, b.node("Unsqueeze", [each, last], "each_one")], "x")
    codes_in_blocks, block_scales = quantise(weight, 8, 64)
    blocks = dim // 64
    inputs = [
        b.constant("embedding", codes_in_blocks),  # (V, D/64, 64)
        "tokens",
        b.constant("embedding_scale", block_scales[..., None]),  # (V, D/64, 1)
        b.constant("embedding_zero", np.full((vocab, blocks, 1), 128, np.uint8)),
    ]
    picked = b.node(
        "GatherBlockQuantized",
        inputs,
        "picked",
        gather_axis=0,
        quantize_axis=2,
        block_size=64,
        bits=8,
    )  # (B, S, D/64, 64)
    shape = b.constant("row_shape", np.array([0, 0, dim], np.int64))  # 0: as it is
    if tied:
        b.constant("head_scale", block_scales)
    return b.node("Reshape", [picked, shape], "x")


def _head(b: _Builder, x: str, checkpoint: Checkpoint, mode: Mode) -> None:
    config, w = checkpoint.config, checkpoint.weights
    if not config.tied:
        b.node("Identity", [_head_untied(b, x, w["lm_head.weight"], mode)], "logits")
    elif mode == "none":
        b.node("Gemm", [x, "embedding"], "logits", transB=1)
    elif mode == "dynamic":
        _dynamic_product(b, x, "logits", "embedding", "embedding_scale")
    else:
        b.node(
            "MatMulNBits",
            [x, "embedding", "head_scale"],
            "logits",
            N=config.vocab_size,
            K=config.dim,
            bits=8,
            block_size=64,
            accuracy_level=_ACCURACY_INT8,
        )


def _head_untied(b: _Builder, x: str, weight: Floats, mode: Mode) -> str:
    return _product(b, x, weight, "head", "int8" if mode == "int4" else mode)


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
