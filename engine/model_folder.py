"""A served model's folder, found whole or refused, before anything of it is loaded.

`models/<name>/` holds `model.<mode>.onnx`, `config.json`, `SHA256SUMS`, and what belongs to the
model's use: `use.json`, `calibration.json`, `CARD.md`. The tokenizer lies beside the folders.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.checkpoint import CONFIG, SUMS, refuse_pickles, verify_sums
from engine.config import ForgeConfig, read_config_json
from engine.errors import BadModel, BadTokenizer
from engine.graph_check import check_graph
from engine.model_use import CALIBRATION, USE, ModelUse, read_use
from engine.tokenizer import Tokenizer

TOKENIZER = "tokenizer.json"

# Bits of a weight; what int4 keeps of its embedding at 8 is left out: this is a lower bound.
_BITS = {"none": 32, "dynamic": 8, "int8": 8, "int4": 4}


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model folder whose files were found whole.

    Attributes:
        mode: none | dynamic | int8 | int4.
        tokenizer: sha256 fingerprint of the tokenizer that the model was trained with.
        use: how it is to be asked.
    """

    path: Path
    config: ForgeConfig
    mode: str
    tokenizer: str
    use: ModelUse

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.path / f"model.{self.mode}.onnx"

    @property
    def weights_bytes(self) -> int:
        """Bytes of the graph and of the file beside it that large weights lie in."""
        return sum(file.stat().st_size for file in self.path.glob(f"{self.graph.name}*"))

    @classmethod
    def open(cls, path: str | Path) -> "ModelFolder":
        """Read config.json, hold every file against SHA256SUMS and look through the graph.

        Raises:
            BadModel: no folder, no config, a file missing, empty, changed or leading out of the
                folder, pickled weights, a graph with more in it than we write, weights that are
                not finite, or a graph too small for its config.json.
            BadConfig: config.json describes no model.
        """
        folder = Path(path)
        refuse_pickles(folder)
        fields = read_config_json(folder / CONFIG)
        mode = served_mode(folder, fields)
        use = [name for name in (USE, CALIBRATION) if (folder / name).exists()]
        listed = verify_sums(folder, (f"model.{mode}.onnx", CONFIG, *use))
        config = ForgeConfig.from_json(fields)
        fingerprint = str(fields["forge"].get("tokenizer_sha256", ""))
        opened = cls(folder, config, mode, fingerprint, read_use(folder))
        check_graph(opened.graph, frozenset(listed))
        rotary = 4 * config.context * config.head_dim
        least = config.parameters() * _BITS[opened.mode] // 8 + rotary
        weights = sum((folder / name).stat().st_size for name in listed)
        if weights < least:
            raise BadModel(
                f"{folder / CONFIG} describes a model of {least:,} bytes or more, and the folder "
                f"has {weights:,}",
                "export the checkpoint again",
            )
        return opened

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer in the folder, else the one in the folder above, where all share it."""
        beside = self.path / TOKENIZER
        return beside if beside.exists() else self.path.resolve().parent / TOKENIZER

    def load_tokenizer(self) -> Tokenizer:
        """The tokenizer of `tokenizer_file`.

        Raises:
            BadTokenizer: missing, damaged, or not the one that the model was trained with; the
                last is found before the file is looked into.
        """
        return Tokenizer.load(self.tokenizer_file, fingerprint=self.tokenizer)

    def check_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Raise `BadTokenizer` where the model was trained with another one."""
        if tokenizer.fingerprint != self.tokenizer:
            raise BadTokenizer(
                f"{self.path} was trained with tokenizer {self.tokenizer[:12]}, "
                f"this one is {tokenizer.fingerprint[:12]}",
                "give the tokenizer.json that came with the model",
            )
        if tokenizer.vocab_size > self.config.vocab_size:
            raise BadTokenizer(
                f"the tokenizer of {self.path} has {tokenizer.vocab_size} tokens, the model "
                f"{self.config.vocab_size}",
                "give the tokenizer.json that came with the model",
            )


def served_mode(folder: Path, fields: Mapping[str, Any]) -> str:
    """The mode that a config.json names.

    Raises:
        BadModel: none; the folder holds a checkpoint, or nothing of ours.
    """
    served = fields.get("forge")
    mode = served.get("mode") if isinstance(served, dict) else None
    if not isinstance(mode, str) or mode not in _BITS:
        raise BadModel(
            f"{folder / CONFIG} does not say how the model is served",
            "export the checkpoint with `python -m engine.export`",
        )
    return mode


def models_folder() -> Path:
    """Where the models lie: in the checkout, else where pip installed them."""
    checkout = Path(__file__).resolve().parent.parent / "models"
    return checkout if checkout.is_dir() else Path(sys.prefix) / "share" / "forgebus" / "models"


def find_model(name: str | Path, models: Path | None = None) -> Path:
    """The folder of that name below `models` (default: `models_folder()`), else the folder `name`.

    Raises:
        BadModel: neither is there.
    """
    path = Path(name)
    below = (models or models_folder()) / path
    if len(path.parts) == 1 and below.is_dir():
        return below
    if path.is_file() and path.suffix in {".safetensors", ".onnx"}:
        return path.parent
    if path.exists():
        return path
    raise BadModel(
        f"there is no model {str(name)!r}, neither as a folder nor in {below.parent}",
        f"use one of {', '.join(installed(models)) or 'none installed'}, or give a folder",
    )


def installed(models: Path | None = None) -> list[str]:
    """Names of the model folders below `models` (default: `models_folder()`), sorted."""
    folder = models or models_folder()
    return sorted(file.parent.name for file in folder.glob(f"[!.]*/{SUMS}"))
