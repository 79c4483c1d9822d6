"""Monotonic instants that must outlive a reboot: two clocks read together, and the shift between.

`time.monotonic()` starts anew with the kernel; the wall clock goes on but may be set. Together, with
the kernel's boot id, they tell how much real time a stored monotonic instant has missed.
"""

import time
from pathlib import Path
from typing import NamedTuple

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clocks(NamedTuple):
    """Both clocks of a machine, read together, and the kernel life in which they were read."""

    boot: str
    mono: float
    wall: float


def read_clocks(boot_id: Path = BOOT_ID) -> Clocks:
    """The clocks now. Without a readable `boot_id` only a monotonic clock that jumped back tells."""
    try:
        boot = boot_id.read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return Clocks(boot, time.monotonic(), time.time())


def same_life(then: Clocks, now: Clocks) -> bool:
    """Whether no reboot lies between two readings."""
    return then.boot == now.boot and now.mono >= then.mono


def shift_between(then: Clocks, now: Clocks) -> float:
    """Seconds to add to a monotonic instant written at `then` so that it means the same at `now`.

    0.0 within one kernel life. After a reboot the wall clock says how long the machine was away; a
    wall clock that was set back says nothing and counts as no time.
    """
    if same_life(then, now):
        return 0.0
    return (now.mono - then.mono) - max(0.0, now.wall - then.wall)
