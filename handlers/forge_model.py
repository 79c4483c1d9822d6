"""A Forge model as the handlers use it: loaded, calibrated, its faults told in their words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from engine.errors import BadPrompt, EngineError
from engine.runtime import Forge
from handlers.protocol import BadInput, HandlerError, Unavailable


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``calibration.json`` of a model folder, measured on validation data.

    ``temperature`` divides log-probabilities before they are shown; an answer below ``threshold``
    is an abstention.
    """

    temperature: float = 1.0
    threshold: float = 0.0


def load_forge(models: Path, name: str) -> tuple[Forge, Calibration]:
    """Verify and load ``models/<name>/``.

    Raises:
        Unavailable: missing or damaged, or not made for this tokenizer.
    """
    try:
        forge = Forge.load(models / name)
        calibration = (models / name / "calibration.json").read_bytes()
        return forge, msgspec.json.decode(calibration, type=Calibration)
    except (EngineError, OSError, msgspec.DecodeError) as fault:
        raise Unavailable(f"model {name!r} cannot be used: {fault}") from fault


@contextmanager
def engine_faults_told() -> Iterator[None]:
    """Engine errors inside become handler errors: theirs (the prompt) or ours (all others)."""
    try:
        yield
    except BadPrompt as fault:
        raise BadInput(str(fault)) from fault
    except EngineError as fault:
        raise HandlerError(str(fault)) from fault
