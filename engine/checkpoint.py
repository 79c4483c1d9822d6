"""A trained model on disk: safetensors with LLaMA's tensor names, config.json, SHA256SUMS.

Weights are numpy float32 here, so that neither saving nor exporting needs torch. Pickled weights
(.bin, .pt) are refused: opening one runs whatever code is in it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.admission import admit
from engine.config import ForgeConfig, read_config_json, read_small
from engine.errors import BadModel, MissingDependency, NotWritten, OutOfMemory
from engine.interchange.foreign import pickled, refuse_foreign

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
TRAINING = "training.json"
SUMS = "SHA256SUMS"

Weights = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model's shape, its weights by LLaMA name, and how it came to be.

    Attributes:
        tokenizer: sha256 fingerprint of the tokenizer that it was trained with.
        training: what `engine.train` wrote about the run; {} for weights from elsewhere.
    """

    config: ForgeConfig
    weights: Weights
    tokenizer: str
    training: Mapping[str, Any]


def tensor_shapes(config: ForgeConfig) -> dict[str, tuple[int, ...]]:
    """Every tensor's LLaMA name and shape (rows are outputs, as torch's Linear has them)."""
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (config.vocab_size, config.dim),
        "model.norm.weight": (config.dim,),
    }
    if not config.tied:
        shapes["lm_head.weight"] = (config.vocab_size, config.dim)
    for n in range(config.n_layers):
        layer = f"model.layers.{n}."
        shapes |= {
            layer + "input_layernorm.weight": (config.dim,),
            layer + "self_attn.q_proj.weight": (config.dim, config.dim),
            layer + "self_attn.k_proj.weight": (config.kv_dim, config.dim),
            layer + "self_attn.v_proj.weight": (config.kv_dim, config.dim),
            layer + "self_attn.o_proj.weight": (config.dim, config.dim),
            layer + "post_attention_layernorm.weight": (config.dim,),
            layer + "mlp.gate_proj.weight": (config.ffn_dim, config.dim),
            layer + "mlp.up_proj.weight": (config.ffn_dim, config.dim),
            layer + "mlp.down_proj.weight": (config.dim, config.ffn_dim),
        }
    return shapes


def save_checkpoint(folder: str | Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint's files into `folder`, the checksums last.

    Raises:
        BadModel: tensors that do not fit the config, or that hold NaN or infinity.
        NotWritten: the disk did not take them.
        MissingDependency: safetensors is not installed.
    """
    save_file = _safetensors("save_file")
    check_tensors(checkpoint.config, checkpoint.weights, "the weights to be saved")
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    (target / SUMS).unlink(missing_ok=True)
    weights = {name: np.ascontiguousarray(w) for name, w in checkpoint.weights.items()}
    temporary = target / f".{WEIGHTS}"
    try:
        save_file(weights, temporary, metadata={"format": "pt"})
    except Exception as fault:  # safetensors raises its own error for a full disk
        temporary.unlink(missing_ok=True)
        raise NotWritten(
            f"{target / WEIGHTS} cannot be written ({fault})", "make room, or choose another place"
        ) from fault
    temporary.replace(target / WEIGHTS)
    fields = checkpoint.config.to_json() | {"tokenizer_sha256": checkpoint.tokenizer}
    write_json(target / CONFIG, fields)
    write_json(target / TRAINING, dict(checkpoint.training))
    write_sums(target, (WEIGHTS, CONFIG, TRAINING))


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Read and verify a checkpoint folder, fp32 or fp16; fp32 comes out.

    Raises:
        BadModel: missing, pickled, damaged (sha256), of other shapes than its config says, or
            with weights that are not finite.
        BadConfig: config.json does not describe a model.
        MissingDependency: safetensors is not installed.
        OutOfMemory: no room for the weights.
    """
    source = Path(folder)
    load_file = _safetensors("load_file")
    refuse_pickles(source)
    fields = read_config_json(source / CONFIG)
    verify_sums(source, (WEIGHTS, CONFIG, *([TRAINING] if (source / TRAINING).exists() else [])))
    config = ForgeConfig.from_json(fields)
    admit(str(source), (source / WEIGHTS).stat().st_size)
    try:
        weights = load_file(source / WEIGHTS)
    except MemoryError as fault:
        raise OutOfMemory(f"no memory for {source}", "choose a smaller model") from fault
    except Exception as fault:  # safetensors raises its own error and bare ones
        raise BadModel(
            f"{source / WEIGHTS} is no safetensors file ({fault})", "copy the checkpoint again"
        ) from fault
    # fp16 keeps a model as well in half the room; everything here computes with fp32.
    weights = {n: w.astype(np.float32) if w.dtype == np.float16 else w for n, w in weights.items()}
    check_tensors(config, weights, str(source / WEIGHTS))
    training_file = source / TRAINING
    training = read_config_json(training_file) if training_file.exists() else {}
    served = fields.get("forge")  # a model folder that has its checkpoint beside the graph
    told = {**served, **fields} if isinstance(served, dict) else fields
    return Checkpoint(config, weights, str(told.get("tokenizer_sha256", "")), training)


def check_tensors(config: ForgeConfig, weights: Weights, where: str) -> None:
    """Raise `BadModel` where `weights` do not fit `config` or are not finite."""
    expected = tensor_shapes(config)
    if missing := sorted(expected.keys() - weights.keys()):
        raise BadModel(f"{where} lacks {missing[0]}", "use a checkpoint of this config")
    if extra := sorted(weights.keys() - expected.keys()):
        raise BadModel(f"{where} has {extra[0]}, which the config has not", "check config.json")
    for name, shape in expected.items():
        tensor = weights[name]
        if tensor.shape != shape or tensor.dtype != np.float32:
            raise BadModel(
                f"{name} in {where} is {tensor.dtype}{list(tensor.shape)}, not float32{list(shape)}",
                "check config.json",
            )
        if not np.isfinite(tensor).all():
            raise BadModel(f"{name} in {where} holds NaN or infinity", "train it again")


def refuse_pickles(path: Path) -> None:
    """Raise `BadModel` where `path` is no folder, or its weights are of a form that may run code.

    What a file is, its first bytes tell: a pickle is found under any name. A folder with nothing but
    pickled weights is refused too. The error has the command that converts them.
    """
    if path.is_file():
        refuse_foreign(path)
    if not path.is_dir():
        raise BadModel(f"{path} is no folder", "give the folder that holds config.json")
    for file in (path / WEIGHTS, *path.glob("model.*.onnx")):
        if file.is_file():
            refuse_foreign(file)
    found = pickled(path)
    if found and not (path / WEIGHTS).exists():
        raise BadModel(
            f"{path} holds only pickled weights ({found[0].name})",
            f"convert them: `forgebus models import --from-torch {found[0]} --out FOLDER`",
        )


def write_sums(folder: Path, names: Iterable[str]) -> None:
    """Write SHA256SUMS over `names` in `folder`, in the form of sha256sum(1)."""
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in names]
    temporary = folder / f".{SUMS}"
    temporary.write_text("".join(lines), "utf-8")
    temporary.replace(folder / SUMS)


def seal(folder: Path) -> list[str]:
    """Write SHA256SUMS over every file of `folder`; their names."""
    names = sorted(file.name for file in folder.iterdir() if file.name != SUMS)
    write_sums(folder, names)
    return names


def verify_sums(folder: Path, required: Iterable[str]) -> dict[str, str]:
    """Hold the files of `folder` against its SHA256SUMS.

    Returns:
        sha256 by name, of every file on the list.

    Raises:
        BadModel: no list, a required file that is not on it, a file missing, changed, or a
            symbolic link that leads out of the folder.
    """
    remedy = f"copy {folder} again from where it came"
    try:
        lines = read_small(folder / SUMS).decode("utf-8").removesuffix("\n").split("\n")
        listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    except (OSError, UnicodeDecodeError) as fault:
        raise BadModel(f"{folder / SUMS} cannot be read ({fault})", remedy) from fault
    for name in required:
        if name not in listed:
            raise BadModel(f"{folder / SUMS} does not list {name}", remedy)
    for name, digest in listed.items():
        file = folder / name
        if file.parent != folder or not file.is_file():
            raise BadModel(f"{file} is missing", remedy)
        if file.resolve().parent != folder.resolve():
            raise BadModel(
                f"{file} is a symbolic link that leads out of its folder",
                "put the file itself there",
            )
        if file.stat().st_size == 0:
            raise BadModel(f"{file} is empty", remedy)
        if sha256_of(file) != digest:
            raise BadModel(f"{file} is damaged: its sha256 is not the one in {SUMS}", remedy)
    return listed


def sha256_of(file: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(file: Path, fields: Mapping[str, Any]) -> None:
    """Write `fields` as readable JSON, whole or not at all."""
    temporary = file.with_name(f".{file.name}")
    temporary.write_text(json.dumps(fields, indent=2, allow_nan=False) + "\n", "utf-8")
    temporary.replace(file)


def _safetensors(name: str) -> Any:
    try:
        from safetensors import numpy as library
    except ImportError as fault:
        raise MissingDependency(
            "safetensors is not installed", "run `pip install forgebus[train]`"
        ) from fault
    return getattr(library, name)
