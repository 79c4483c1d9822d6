"""Which installed model a machine should run and how: `get_optimal_config`, held against what is there.

What is recommended is a shape; what is installed are models. The largest model within the
recommended shape is taken that writes text about anything, in the mode in which it lies there,
unless the processor is slow at that one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.checkpoint import CONFIG
from engine.config import PRESETS, ForgeConfig, read_config_json
from engine.errors import BadConfig, BadModel, MissingDependency
from engine.hardware import HardwareProfile, get_optimal_config
from engine.model_folder import installed, models_folder, served_mode
from engine.model_use import ModelUse, read_use
from engine.runtime import Forge
from engine.tokenizer import Tokenizer

_BLOCKS = {"int8", "int4"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What `choose` chose.

    Attributes:
        folder: the model's.
        lies_in: the mode of the folder.
        mode: in which it is to be served; where that is another, it is made at loading.
        threads: of one run.
        context: positions of prompt and answer together.
        reasons: (name of the setting, why), one for each of model, mode, threads and context.
    """

    folder: Path
    lies_in: str
    mode: str
    threads: int
    context: int
    reasons: tuple[tuple[str, str], ...]

    def load(self, tokenizer: Tokenizer | None = None) -> Forge:
        """The model, loaded so. Where its mode cannot be made here, it is loaded as it lies there.

        Raises:
            As `Forge.load`.
        """
        reasons = self.reasons
        if self.lies_in == self.mode:
            forge = Forge.load(self.folder, tokenizer=tokenizer, threads=self.threads)
        else:
            try:
                forge = Forge.from_pretrained_quantized(
                    self.folder, mode=self.mode, tokenizer=tokenizer, threads=self.threads
                )
            except MissingDependency as fault:
                forge = Forge.load(self.folder, tokenizer=tokenizer, threads=self.threads)
                reasons = (*reasons, ("mode", f"left at {forge.mode}: {fault}"))
        forge.config = replace(forge.config, context=min(self.context, forge.config.context))
        forge.reasons = reasons
        return forge


def choose(models: Path | None, profile: HardwareProfile) -> Choice:
    """The model below `models` (default: those that came with the project) for such a machine.

    Raises:
        BadModel: none is installed that writes text about anything.
    """
    there = [model for model in _readable(models) if model.use.general]
    if not there:
        raise BadModel(
            f"no model in {models or models_folder()} writes text", "install one, or name a model"
        )
    by_size = sorted(there, key=lambda model: model.config.parameters())
    best = get_optimal_config(profile)
    most = PRESETS[best.model_size].parameters()
    fitting = [model for model in by_size if model.config.parameters() <= most]
    model = fitting[-1] if fitting else by_size[0]
    config, mode = model.config, model.mode
    suited = get_optimal_config(replace(profile, recommended_model_size=_nearest(config)))
    why = dict(suited.reasons)
    wanted, why_mode = mode, f"the one it lies there in; {suited.quantization} is advised"
    if mode == suited.quantization:
        why_mode = why["quantization"]
    elif mode in _BLOCKS and suited.quantization == "dynamic":
        wanted, why_mode = "dynamic", why["quantization"]
    return Choice(
        model.folder,
        mode,
        wanted,
        suited.threads,
        min(suited.context, config.context),
        (
            ("model", _why_model(model, best.model_size, len(by_size), dict(best.reasons))),
            ("mode", why_mode),
            ("threads", why["threads"]),
            ("context", why["context"]),
        ),
    )


def of_preset(preset: str, models: Path | None = None) -> Path:
    """The installed model of that shape; one that writes text about anything comes first.

    Raises:
        BadModel: there is none.
    """
    found = list(_readable(models))
    shape = PRESETS[preset]
    same = [(not model.use.general, model.folder) for model in found if model.config == shape]
    if not same:
        there = ", ".join(f"{model.folder.name} ({_shape_name(model.config)})" for model in found)
        raise BadModel(
            f"no model in {models or models_folder()} has the shape {preset!r}",
            f"use one of {there or 'none'}, or train one with `forgebus train --model-size {preset}`",
        )
    return min(same)[1]


@dataclass(frozen=True, slots=True)
class _Installed:
    folder: Path
    config: ForgeConfig
    mode: str
    use: ModelUse


def _readable(models: Path | None) -> Iterator[_Installed]:
    """Those whose config.json and use.json can be read; other damage is named at loading."""
    root = models or models_folder()
    for name in installed(models):
        try:
            fields = read_config_json(root / name / CONFIG)
            config, use = ForgeConfig.from_json(fields), read_use(root / name)
            yield _Installed(root / name, config, served_mode(root / name, fields), use)
        except (BadModel, BadConfig):
            continue


def _why_model(model: _Installed, size: str, of: int, why: dict[str, str]) -> str:
    weights = model.config.parameters()
    fits = weights <= PRESETS[size].parameters()
    relation = "the largest within" if fits else "the smallest; it is larger than"
    return (
        f"{model.folder.name}, {weights / 1e6:.1f} M weights: of {of} installed {relation} "
        f"{size}, which suits this machine ({why['model_size']})"
    )


def _nearest(config: ForgeConfig) -> str:
    """The preset of that shape, else the largest that is no larger, else the smallest."""
    by_size = sorted(PRESETS, key=lambda name: PRESETS[name].parameters())
    same = [name for name in by_size if PRESETS[name] == config]
    below = [name for name in by_size if PRESETS[name].parameters() <= config.parameters()]
    return (same or below or by_size)[0 if same or not below else -1]


def _shape_name(config: ForgeConfig) -> str:
    same = [name for name, shape in PRESETS.items() if shape == config]
    return same[0] if same else f"{config.parameters() / 1e6:.1f} M"
