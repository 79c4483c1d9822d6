"""`ForgeEngine`: the models of a folder behind one object, loaded when they are first asked.

>>> engine = ForgeEngine("text")
>>> engine.generate("Once upon a time", max_tokens=32).text
>>> ForgeEngine(use_routing=True).route("turn off the kitchen light")
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from engine import decoding, embedding, routing
from engine.answer import Completion
from engine.auto import Choice, choose, of_preset
from engine.batching import generate_many
from engine.config import PRESETS
from engine.decoding import Stream
from engine.errors import BadConfig, BadModel
from engine.grammar import Constraint
from engine.hardware import detect_hardware
from engine.model_folder import find_model, installed, models_folder
from engine.model_use import Calibration, ModelUse, read_calibration, read_use
from engine.runtime import Floats, Forge
from engine.sampling import Sampling
from engine.tokenizer import Tokenizer

ROUTER = "router"


class Settings(TypedDict, total=False):
    """What `generate`, `stream` and `batch` take besides prompts; see `engine.decoding.stream`."""

    max_tokens: int
    sampling: Sampling
    stop: Sequence[str]
    constraint: Constraint | None
    cancelled: Callable[[], bool]


class ForgeEngine:
    """Models on one tokenizer; a prompt is put to each in the form that its `use.json` names.

    A prompt is text, or token ids ready for the model; ids are never routed. One request at a time
    a model, as with `Forge`.

    Attributes:
        model: folder of the model that answers where no specialist does, or it is not installed.
        reasons: (setting, why) of what "auto" chose; empty otherwise.
    """

    def __init__(
        self,
        model_size: str | Path = "auto",
        use_routing: bool = False,  # noqa: FBT001, FBT002 - the second thing that there is to say
        *,
        models: Path | None = None,
        threads: int = 0,
    ) -> None:
        """Find the model; loads nothing.

        Args:
            model_size: "auto", the installed model that suits this machine; the name of a preset,
                an installed model of that shape; the name of a model, or its folder.
            use_routing: ask the router first, and let the specialist answer that it names.
            models: where models are looked for by name; default: those that came with the project.
            threads: of one run; 0 as `Forge.load`.

        Raises:
            BadModel: no such model, or no router where one is needed.
            BadConfig: no such preset, or a config.json describes no model.
        """
        self._models = models or models_folder()
        self._threads = threads
        self._choice: Choice | None = None
        self._loaded: dict[Path, Forge] = {}
        self._loading = threading.Lock()
        self._uses: dict[Path, ModelUse] = {}
        self._tokenizer: Tokenizer | None = None
        self._calibration = Calibration()
        if model_size == "auto":
            chosen = choose(self._models, detect_hardware(path=self._models.absolute()))
            self._choice = replace(chosen, threads=threads or chosen.threads)
            self.model = chosen.folder
        else:
            self.model = _named(model_size, self._models)
        self.reasons = self._choice.reasons if self._choice else ()
        self._router: Path | None = None
        if use_routing:
            self._router = find_model(ROUTER, self._models)
            self._calibration = read_calibration(self._router)
            if not self._use(self._router).labels:
                raise BadModel(f"{self._router} names no labels in use.json", "copy it again")

    @property
    def tokenizer(self) -> Tokenizer:
        """The one that all models share."""
        return self.forge().tokenizer

    def forge(self, model: str | Path | None = None) -> Forge:
        """The loaded model of that name or folder; default: `model`.

        Raises:
            BadModel, BadConfig, OutOfMemory: as `Forge.load`.
            BadTokenizer: as `Forge.load`, or it is not on the tokenizer of those loaded before.
        """
        folder = self.model if model is None else find_model(model, self._models)
        with self._loading:
            if folder not in self._loaded:
                self._loaded[folder] = self._load(folder)
            forge = self._loaded[folder]
            self._tokenizer = forge.tokenizer
        return forge

    def route(self, prompt: str) -> routing.Route:
        """What the router makes of `prompt`.

        Raises:
            BadModel: the engine was made without routing.
            BadPrompt: empty, or no well-formed text.
        """
        if self._router is None:
            raise BadModel("this engine has no router", "make it with use_routing=True")
        use = self._use(self._router)
        return routing.route(self.forge(self._router), use, self._calibration, prompt)

    def generate(self, prompt: str | Sequence[int], **settings: Unpack[Settings]) -> Completion:
        """The whole answer; settings and errors as `engine.decoding.stream`."""
        forge, ids = self._asked(prompt)
        return decoding.generate(forge, ids, **settings)

    def stream(self, prompt: str | Sequence[int], **settings: Unpack[Settings]) -> Stream:
        """The answer as an iterator of text chunks; as `engine.decoding.stream`."""
        forge, ids = self._asked(prompt)
        return decoding.stream(forge, ids, **settings)

    def score(self, prompt: str | Sequence[int], choices: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log-probability of each of `choices` as the answer; as `engine.decoding.score`."""
        forge, ids = self._asked(prompt)
        return decoding.score(forge, ids, choices)

    def embed(self, texts: Sequence[str]) -> Floats:
        """Vectors (N, D) of `texts` by `model`; see `engine.embedding` for what they are worth."""
        return embedding.embed(self.forge(), texts)

    def batch(
        self, prompts: Sequence[str | Sequence[int]], **settings: Unpack[Settings]
    ) -> list[Completion]:
        """Answers to all of `prompts`, in their order, several decoded at a time.

        With routing, those that go to the same model are decoded together. Errors as
        `engine.batching.generate_many`; nothing is decoded if one prompt is bad.
        """
        asked = [self._asked(prompt) for prompt in prompts]
        answers: dict[int, Completion] = {}
        for forge in {id(forge): forge for forge, _ in asked}.values():
            places = [place for place, (each, _) in enumerate(asked) if each is forge]
            made = generate_many(forge, [asked[place][1] for place in places], **settings)
            answers.update(zip(places, made, strict=True))
        return [answers[place] for place in range(len(asked))]

    def _asked(self, prompt: str | Sequence[int]) -> tuple[Forge, list[int]]:
        """Who answers, and the prompt as that one reads it."""
        folder = self.model
        if self._router is not None and isinstance(prompt, str):
            specialist = self.route(prompt).model
            # A router may know of specialists that are not installed here: the general one answers.
            if specialist in installed(self._models):
                folder = find_model(specialist, self._models)
        forge = self.forge(folder)
        return forge, self._use(folder).ids(forge.tokenizer, prompt)

    def _use(self, folder: Path) -> ModelUse:
        if folder not in self._uses:
            self._uses[folder] = read_use(folder)
        return self._uses[folder]

    def _load(self, folder: Path) -> Forge:
        if self._choice is not None and folder == self._choice.folder:
            return self._choice.load(self._tokenizer)
        return Forge.load(folder, tokenizer=self._tokenizer, threads=self._threads)


def _named(model: str | Path, models: Path) -> Path:
    """The folder that a preset's, a model's or a folder's name means."""
    if model in PRESETS:
        return of_preset(str(model), models)
    if "/" in str(model) or Path(model).exists() or (models / model).exists():
        return find_model(model, models)
    raise BadConfig(
        f"there is no preset and no model {str(model)!r}",
        f"use auto, a preset ({', '.join(PRESETS)}), one of {', '.join(installed(models))}, or a "
        "folder",
    )
