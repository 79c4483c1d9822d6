"""What holds the processor back at this moment: heat, and the power supply of a Raspberry Pi.

For whoever asks a few times a minute: a millisecond, no program is run, nothing is noted or raised.
"""

from dataclasses import dataclass
from pathlib import Path

from engine.hardware.files import Files
from engine.hardware.probe import board, temperature, throttling

HOT_BOARD, HOT = 80.0, 95.0
"""Degrees from which the processor is, or is about to be, slowed: of a Pi (its firmware's first limit), of
any other machine (most begin between 95 and 105)."""


@dataclass(frozen=True, slots=True)
class Strain:
    """How hot the processor is, and what slows it.

    Attributes:
        temperature: degrees Celsius; None where no sensor tells.
        held: of "hot", "under_voltage", "frequency_capped", "throttled", "temperature_limited".
            A frequency that someone chose is not among them: measured speeds know of that.
    """

    temperature: float | None
    held: tuple[str, ...]


def read_strain(root: Path = Path("/")) -> Strain:
    """Look at the machine whose files lie below `root`; never raises."""
    files = Files(root)
    is_raspberry_pi = (board(files) or "").startswith("Raspberry Pi")
    degrees = temperature(files)
    limit = HOT_BOARD if is_raspberry_pi else HOT
    hot = ("hot",) if degrees is not None and degrees >= limit else ()
    told = throttling(files, None, is_raspberry_pi=is_raspberry_pi)
    by_firmware = told.throttled is not None
    held = tuple(name for name in told.now if by_firmware or name != "frequency_capped")
    return Strain(degrees, hot + held)
