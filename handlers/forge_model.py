"""A Forge model as the handlers use it: loaded, calibrated, its faults told in their words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import BadPrompt, EngineError, OutOfMemory
from engine.model_use import Calibration, read_calibration
from engine.runtime import Forge
from handlers.protocol import BadInput, HandlerError, Unavailable


def load_forge(models: Path, name: str) -> tuple[Forge, Calibration]:
    """Verify and load ``models/<name>/``; its weights are shared with other workers where they can be.

    Raises:
        Unavailable: missing or damaged, not made for this tokenizer, or no room for it.
    """
    try:
        return Forge.load(models / name, shared=True), read_calibration(models / name)
    except EngineError as fault:
        raise Unavailable(f"model {name!r} cannot be used: {fault}") from fault


@contextmanager
def engine_faults_told() -> Iterator[None]:
    """Engine errors inside become handler errors: theirs (the prompt) or ours (all others).

    Another node may have the memory that this one lacks.
    """
    try:
        yield
    except BadPrompt as fault:
        raise BadInput(str(fault)) from fault
    except OutOfMemory as fault:
        raise Unavailable(str(fault)) from fault
    except EngineError as fault:
        raise HandlerError(str(fault)) from fault
