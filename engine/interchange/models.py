"""A model out of here and in from elsewhere: safetensors, GGUF, Ollama, ONNX; `forgebus models export`.

What is exported is a shipped model, whose rounded weights are read back out of its graph, or the
checkpoint of a training. Everything is written whole or not at all, with SHA256SUMS, the tokenizer
and what belongs to the model's use beside it; docs/interchange.md tells who reads what.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.admission import admit
from engine.checkpoint import (
    CONFIG,
    SUMS,
    TRAINING,
    WEIGHTS,
    Checkpoint,
    load_checkpoint,
    refuse_pickles,
    save_checkpoint,
    sha256_of,
    verify_sums,
    write_json,
    write_sums,
)
from engine.config import read_config_json
from engine.errors import BadConfig, BadTokenizer
from engine.graph import write_served
from engine.interchange.gguf import Kind, write_gguf
from engine.interchange.huggingface import read_llama
from engine.interchange.templates import modelfile, tokenizer_config
from engine.model_folder import TOKENIZER, ModelFolder, models_folder
from engine.model_use import CALIBRATION, USE, ModelUse, read_use
from engine.quantisation import Mode, QuantizationConfig, quantise_checkpoint
from engine.runtime import Forge
from engine.served import load_served_weights
from engine.whole import whole_folder

Format = Literal["safetensors", "gguf", "ollama", "onnx"]
FORMATS: tuple[Format, ...] = ("safetensors", "gguf", "ollama", "onnx")

CARD = "CARD.md"
MODELFILE = "Modelfile"
TOKENIZER_CONFIG = "tokenizer_config.json"

# What travels with a model in a folder of its own.
_COMPANIONS = (USE, CALIBRATION, CARD)
_OURS = {SUMS, CONFIG, WEIGHTS, TRAINING, TOKENIZER, TOKENIZER_CONFIG, MODELFILE, *_COMPANIONS}
_OURS_BY_FORM = re.compile(r"model\.(none|dynamic|int8|int4)\.onnx(\.data)?|[^/]+\.gguf")


@dataclass(frozen=True, slots=True)
class Written:
    """One file that was written: where, how large, and its sha256."""

    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """A model as it lies on this machine.

    Attributes:
        folder: of a shipped model or a checkpoint.
        checkpoint: its weights; those of a shipped model are what its rounded form stands for.
        tokenizer: the tokenizer.json that it was trained with.
        use: how it is to be asked.
        mode: how a shipped model's weights are kept; "" for a checkpoint.
    """

    folder: Path
    checkpoint: Checkpoint
    tokenizer: Path
    use: ModelUse
    mode: str

    @classmethod
    def open(cls, folder: Path, tokenizer: Path | None = None) -> "Source":
        """Read and verify the model in `folder`.

        Args:
            folder: `models/<name>`, or what a training wrote.
            tokenizer: default: the one in the folder, in the folder above, or of the shipped models.

        Raises:
            BadModel: missing, damaged, pickled, or not ours.
            BadConfig: config.json describes no model.
            BadTokenizer: the tokenizer that it was trained with is not found.
            OutOfMemory: no room for its weights in fp32.
            MissingDependency: a checkpoint, and safetensors is not installed.
        """
        refuse_pickles(folder)
        mode = ""
        if "forge" in read_config_json(folder / CONFIG):
            opened = ModelFolder.open(folder)
            admit(str(folder), 4 * opened.config.parameters())
            mode, checkpoint = opened.mode, load_served_weights(folder)
        else:
            checkpoint = load_checkpoint(folder)
        found = _tokenizer_of(folder, checkpoint, tokenizer)
        return cls(folder, checkpoint, found, read_use(folder), mode)


def export_model(
    source: Source,
    out: Path,
    form: Format,
    *,
    kind: Kind = "q8_0",
    mode: Mode = "int8",
    calibration_batches: int = 0,
    force: bool = False,
) -> list[Written]:
    """Write `source` in another form.

    Args:
        source: the model.
        out: a file for gguf, else a folder; the folder around it exists.
        form: safetensors (transformers), gguf (llama.cpp), ollama (gguf and a Modelfile), or onnx
            (what a node serves).
        kind: of the weights in gguf and ollama.
        mode: of the weights in onnx.
        calibration_batches: at int4, batches of texts of the model's own over which its rounding is
            corrected (`engine.quantisation.quantise`); 0 rounds to the nearest code.
        force: replace what an earlier export wrote there.

    Returns:
        What was written, the largest first.

    Raises:
        NotWritten: something is there already, or the disk did not take it.
        BadConfig: an unknown form, kind or mode, or one that this model cannot have.
        BadModel: weights that the form cannot hold.
        MissingDependency: safetensors, onnx or (for a calibration) torch is not installed; gguf and
            ollama need none of them.
    """
    match form:
        case "gguf":
            _gguf(source, out, kind, force=force)
            return [_written(out)]
        case "ollama" | "safetensors" | "onnx":
            with whole_folder(out, force=force, ours=_is_ours) as made:
                if form == "ollama":
                    _ollama(source, made, kind)
                elif form == "onnx":
                    config = QuantizationConfig(mode, calibration_batches=calibration_batches)
                    _onnx(source, made, config)
                else:
                    _safetensors(source, made)
            return _all_written(out)
        case _:
            raise BadConfig(f"there is no form {form!r}", f"use one of {', '.join(FORMATS)}")


def import_model(
    source: Path,
    out: Path,
    *,
    tokenizer: Path | None = None,
    from_torch: bool = False,
    force: bool = False,
) -> list[Written]:
    """Make a checkpoint folder `out` of a LLaMA from elsewhere; `engine.interchange.huggingface.read_llama`.

    Returns:
        What was written, the largest first.

    Raises:
        NotWritten: something is there already, or the disk did not take it.
        EngineError: as `read_llama`.
    """
    checkpoint, found = read_llama(source, tokenizer=tokenizer, from_torch=from_torch)
    use = read_use(source if source.is_dir() else source.parent)
    with whole_folder(out, force=force, ours=_is_ours) as made:
        _safetensors(Source(found.parent, checkpoint, found, use, ""), made)
    return _all_written(out)


def _safetensors(source: Source, made: Path) -> None:
    save_checkpoint(made, source.checkpoint)
    told = tokenizer_config(source.checkpoint.config, source.use)
    write_json(made / TOKENIZER_CONFIG, told)
    _accompany(source, made)
    _sum_up(made)


def _gguf(source: Source, file: Path, kind: Kind, *, force: bool = False) -> None:
    name = source.folder.resolve().name
    checkpoint, tokenizer, use = source.checkpoint, source.tokenizer, source.use
    write_gguf(checkpoint, tokenizer, file, kind, name=name, use=use, force=force)


def _ollama(source: Source, made: Path, kind: Kind) -> None:
    # A Modelfile has no way to quote a space in FROM.
    file = f"{re.sub(r'[^A-Za-z0-9._-]', '-', source.folder.resolve().name)}.gguf"
    text = modelfile(file, source.checkpoint.config, source.use)
    _gguf(source, made / file, kind)
    (made / MODELFILE).write_text(text, "utf-8")
    if (source.folder / CARD).exists():
        shutil.copyfile(source.folder / CARD, made / CARD)
    _sum_up(made)


def _onnx(source: Source, made: Path, config: QuantizationConfig) -> None:
    """A shipped model in the mode that it has is copied: its codes are not rounded again."""
    if source.mode == config.mode and not config.calibration_batches:
        for name in verify_sums(source.folder, (CONFIG,)):
            shutil.copyfile(source.folder / name, made / name)
    else:
        write_served(quantise_checkpoint(source.checkpoint, config), made)
    _accompany(source, made)
    _sum_up(made)
    Forge.load(made)


def _accompany(source: Source, made: Path) -> None:
    shutil.copyfile(source.tokenizer, made / TOKENIZER)
    for name in _COMPANIONS:
        if (source.folder / name).is_file() and not (made / name).exists():
            shutil.copyfile(source.folder / name, made / name)


def _sum_up(made: Path) -> None:
    write_sums(made, sorted(file.name for file in made.iterdir() if file.name != SUMS))


def _tokenizer_of(folder: Path, checkpoint: Checkpoint, given: Path | None) -> Path:
    beside = [folder / TOKENIZER, folder.resolve().parent / TOKENIZER, models_folder() / TOKENIZER]
    for file in [given] if given is not None else beside:
        if file.is_file() and sha256_of(file) == checkpoint.tokenizer:
            return file
    if given is not None:
        raise BadTokenizer(
            f"{given} is not the tokenizer that {folder} was trained with", "give that one"
        )
    raise BadTokenizer(
        f"the tokenizer that {folder} was trained with ({checkpoint.tokenizer[:12]}) is neither in "
        f"it, beside it, nor in {models_folder()}",
        "give it with --tokenizer",
    )


def _is_ours(path: Path) -> bool:
    known = path.name in _OURS or _OURS_BY_FORM.fullmatch(path.name) is not None
    return known and path.is_file()


def _written(path: Path) -> Written:
    return Written(path, path.stat().st_size, sha256_of(path))


def _all_written(folder: Path) -> list[Written]:
    return sorted(map(_written, folder.iterdir()), key=lambda each: -each.bytes)
