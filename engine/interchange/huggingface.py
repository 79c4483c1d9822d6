"""A LLaMA in Hugging Face's form, from elsewhere: read as a checkpoint of ours, or refused by name.

config.json, model.safetensors (or its shards), tokenizer.json. What transformers' LlamaConfig can say
and our engine cannot do is refused: another activation, biases, scaled rotary positions, a width of
heads of its own, quantised weights, code that comes with the model. Needs safetensors, never torch;
torch's own files are read for `import --from-torch` alone (`engine.interchange.torch_file`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.admission import admit
from engine.checkpoint import CONFIG, WEIGHTS, Checkpoint, check_tensors, sha256_of
from engine.config import ForgeConfig, read_config_json, read_small
from engine.errors import BadConfig, BadModel, BadTokenizer, MissingDependency
from engine.interchange.foreign import pickled, refuse_foreign
from engine.interchange.torch_file import read_torch_file
from engine.tokenizer import Tokenizer

INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"

Floats = npt.NDArray[np.float32]

# transformers' LlamaConfig, where config.json is silent.
_DEFAULTS = {
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10_000.0,
    "tie_word_embeddings": False,
}
# What must be so, if it is said at all; with what it would be otherwise.
_PLAIN: dict[str, tuple[tuple[object, ...], str]] = {
    "hidden_act": (("silu", "swish"), "Forge computes SiLU alone"),
    "attention_bias": ((False, None), "Forge has no bias in attention"),
    "mlp_bias": ((False, None), "Forge has no bias in the feed-forward part"),
    "sliding_window": ((None,), "Forge attends to the whole context"),
    "partial_rotary_factor": ((1, 1.0, None), "Forge rotates whole heads"),
    "quantization_config": ((None,), "give the model as it was before it was quantised"),
    "auto_map": ((None,), "the model brings code of its own, which is never run"),
}
_FLOATS = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def read_llama(
    source: Path, *, tokenizer: Path | None = None, from_torch: bool = False
) -> tuple[Checkpoint, Path]:
    """The model in a folder, and its tokenizer.json.

    Args:
        source: the folder that transformers' `save_pretrained` wrote, or a file of weights in it.
        tokenizer: default: the tokenizer.json in the folder.
        from_torch: read torch's own files (`engine.interchange.torch_file`) instead of safetensors.

    Raises:
        BadModel: missing, damaged, pickled, or with tensors that do not fit the config.
        BadConfig: a model that is no LLaMA of a shape that the engine takes.
        BadTokenizer: missing, or none that the engine can serve.
        OutOfMemory: no room for its weights in fp32.
        MissingDependency: safetensors (torch) is not installed.
    """
    if not source.exists():
        raise BadModel(f"there is no {source}", "give a folder with config.json and weights")
    if source.is_file() and not from_torch:
        refuse_foreign(source)
    folder = source if source.is_dir() else source.parent
    config = llama_config(read_config_json(folder / CONFIG))
    file = tokenizer or folder / TOKENIZER
    fingerprint = _checked_tokenizer(file, config).fingerprint
    files = _torch_files(source) if from_torch else _safetensors_files(source)
    # All in fp32, and the largest file as it lies on the disk and once more as the library's.
    admit(str(folder), 4 * config.parameters() + 2 * max(each.stat().st_size for each in files))
    weights = _without_tied_head(_merged(files, from_torch=from_torch), config)
    check_tensors(config, weights, str(folder))
    origin = {"imported": {each.name: sha256_of(each) for each in files}}
    return Checkpoint(config, weights, fingerprint, origin), file


def llama_config(told: Mapping[str, Any]) -> ForgeConfig:
    """The shape that transformers' `config.json` describes.

    Raises:
        BadConfig: no LLaMA, incomplete, or with something that the engine cannot do.
    """
    for name, (allowed, why) in _PLAIN.items():
        if name in told and told[name] not in allowed:
            raise BadConfig(f"config.json has {name}={told[name]!r}", why)
    fields = _DEFAULTS | dict(told) | _rotary(told)
    if fields.get("num_key_value_heads") is None:
        fields["num_key_value_heads"] = fields.get("num_attention_heads")
    config = ForgeConfig.from_json(fields)
    if told.get("head_dim") not in (None, config.head_dim):
        raise BadConfig(
            f"config.json has head_dim={told['head_dim']}",
            f"Forge's heads are hidden_size / num_attention_heads = {config.head_dim} wide",
        )
    return config


def _rotary(told: Mapping[str, Any]) -> dict[str, float]:
    """rope_theta, which transformers 5 keeps in rope_parameters."""
    found = told.get("rope_parameters")
    rope = found if isinstance(found, dict) else {}
    scaling = told.get("rope_scaling")
    for said in (rope, scaling if isinstance(scaling, dict) else {}):
        kind = said.get("rope_type", said.get("type", "default"))
        if kind != "default":
            raise BadConfig(
                f"config.json scales its rotary positions ({kind})", "Forge computes them unscaled"
            )
    if "rope_theta" in rope:
        return {"rope_theta": rope["rope_theta"]}
    return {} if told.get("rope_theta") is not None else {"rope_theta": _DEFAULTS["rope_theta"]}


def _merged(files: Sequence[Path], *, from_torch: bool) -> dict[str, Floats]:
    """The tensors of all files; each is in one of them."""
    merged: dict[str, Floats] = {}
    for file in files:
        read = read_torch_file(file) if from_torch else dict(_read(file))
        if twice := sorted(read.keys() & merged.keys()):
            raise BadModel(f"{twice[0]} is in {file} and in another file", "copy the folder again")
        merged |= read
    return merged


def _torch_files(source: Path) -> list[Path]:
    """The file itself, or the shards that transformers wrote into a folder."""
    if not source.is_dir():
        return [source]
    if not (found := sorted(source.glob("pytorch_model*.bin"))):
        raise BadModel(f"{source} has no pytorch_model*.bin", "give the file of weights")
    return found


def _safetensors_files(source: Path) -> list[Path]:
    """The file itself; of a folder one file, or the shards that the index names."""
    if source.is_file():
        return [source]
    if (source / WEIGHTS).exists():
        return [source / WEIGHTS]
    if not (source / INDEX).exists():
        if found := pickled(source):
            refuse_foreign(found[0])
        raise BadModel(
            f"{source} has neither {WEIGHTS} nor {INDEX}",
            "give the folder that transformers' save_pretrained wrote",
        )
    index = read_config_json(source / INDEX).get("weight_map")
    names = set(index.values()) if isinstance(index, dict) else set()
    if not names:
        raise BadModel(f"{source / INDEX} names no files", "copy the folder again")
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise BadModel(
                f"{source / INDEX} names {name!r}, outside its folder", "copy the folder again"
            )
        if not (source / name).is_file():
            raise BadModel(f"{source / name} is missing", "copy the folder again")
    return [source / name for name in sorted(names)]


def _read(file: Path) -> Iterator[tuple[str, Floats]]:
    """The tensors of one safetensors file as float32."""
    refuse_foreign(file)
    try:
        import safetensors
    except ImportError as fault:
        raise MissingDependency(
            "safetensors is not installed", "run `pip install forgebus[train]`"
        ) from fault
    read: Any = safetensors.deserialize  # it ships no types
    try:
        found = read(file.read_bytes())
    except Exception as fault:  # safetensors raises its own error and bare ones
        raise BadModel(f"{file} is no safetensors file ({fault})", "copy it again") from fault
    while found:
        name, tensor = found.pop()
        kind = tensor["dtype"]
        if kind not in _FLOATS:
            raise BadModel(f"{name} in {file} is {kind}", f"save it as one of {', '.join(_FLOATS)}")
        raw = np.frombuffer(tensor["data"], _FLOATS[kind]).reshape(tensor["shape"])
        if kind == "BF16":
            # The upper half of a float32.
            yield name, (raw.astype(np.uint32) << 16).view(np.float32)
        else:
            yield name, raw.astype(np.float32)


def _without_tied_head(weights: dict[str, Floats], config: ForgeConfig) -> dict[str, Floats]:
    """Some write a tied head besides the embedding; it must be the same then."""
    if config.tied and "lm_head.weight" in weights:
        head = weights.pop("lm_head.weight")
        if not np.array_equal(head, weights.get("model.embed_tokens.weight", head)):
            raise BadModel(
                "lm_head.weight is not the embedding, to which config.json ties it",
                "set tie_word_embeddings to false",
            )
    return weights


def _checked_tokenizer(file: Path, config: ForgeConfig) -> Tokenizer:
    """A byte-level BPE with our special tokens, for exactly this vocabulary."""
    try:
        told = json.loads(read_small(file))
    except (OSError, ValueError, RecursionError) as fault:
        raise BadTokenizer(
            f"{file} cannot be read ({fault})",
            "give the tokenizer.json of the model; tokenizer.model and vocab.json are not read",
        ) from fault
    if lack := _lacks(told if isinstance(told, dict) else {}):
        raise BadTokenizer(f"{file}: {lack}", "only byte-level BPE can be served")
    loaded = Tokenizer.load(file)
    if loaded.vocab_size != config.vocab_size:
        raise BadTokenizer(
            f"{file} has {loaded.vocab_size} tokens, the model {config.vocab_size}",
            "give the tokenizer that the model was trained with",
        )
    return loaded


def _lacks(told: Mapping[str, Any]) -> str:
    """What keeps a tokenizer from being a byte-level BPE without additions; "" for nothing."""
    model, post, before = (
        _object(told.get(name)) for name in ("model", "post_processor", "pre_tokenizer")
    )
    if model.get("type") != "BPE" or model.get("byte_fallback"):
        return "its model is no byte-level BPE"
    if told.get("normalizer"):
        return "it changes texts before it encodes them (normalizer)"
    listed = before.get("pretokenizers")
    parts = [_object(part) for part in (listed if isinstance(listed, list) else [before])]
    levels = [part for part in parts if part.get("type") == "ByteLevel"]
    if not levels:
        return "it does not split texts into bytes (pre_tokenizer)"
    if any(part.get("add_prefix_space") for part in levels):
        return "it puts a space before every text (add_prefix_space)"
    # transformers writes a template even where it has nothing to add.
    nothing = post.get("type") == "TemplateProcessing" and not post.get("special_tokens")
    if post and post.get("type") != "ByteLevel" and not nothing:
        return f"it adds tokens to every text (post_processor {post.get('type')})"
    return ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
