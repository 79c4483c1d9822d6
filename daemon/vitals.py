"""What the machine tells of itself: load, memory, heat, what it is. Read a few times a minute, never per task."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from bus_topics.messages import Hardware
from daemon.contractor import Vitals
from daemon.pricing import quiet_now

BOARD = Path("/proc/device-tree/model")
HOT_STRETCH, HELD_STRETCH = 1.25, 2.0
"""How many times as long work takes on a processor that is hot, and on one that is slowed: estimates. A Pi 4
goes from 1.5 to 1.0 GHz or less when it is throttled or short of voltage."""


@dataclass(frozen=True, slots=True)
class Share:
    """What of the machine this node may use: cores, memory, how many want each core; and its heat.

    `temperature` is in degrees Celsius, None where nobody tells; `held` names what slows the processor now.
    """

    cores: int
    memory_mb: int
    memory_free_mb: float
    load: float
    temperature: float | None = None
    held: tuple[str, ...] = ()

    @property
    def felt_load(self) -> float:
        """The load, or what a processor that is held back feels like: it takes so many times as long."""
        if not self.held:
            return self.load
        return max(1.0, self.load) * (HOT_STRETCH if self.held == ("hot",) else HELD_STRETCH)


Look = Callable[[], Share]
"""How a node looks at its machine; `forgebus run` gives one that knows of control groups."""


def whole_machine() -> Share:
    """All of it that this process's affinity leaves: right where no control group limits it."""
    cores = max(1, len(os.sched_getaffinity(0)))
    memory = psutil.virtual_memory()
    return Share(
        cores=cores,
        memory_mb=memory.total // 2**20,
        memory_free_mb=memory.available / 2**20,
        load=os.getloadavg()[0] / cores,
    )


def read_vitals(quiet_hours: str, look: Look = whole_machine) -> Vitals:
    """Load over the usable cores, free memory, heat, and whether it is quiet time."""
    local = time.localtime()
    share = look()
    return Vitals(
        load=share.felt_load,
        memory_free_mb=share.memory_free_mb,
        temperature=share.temperature,
        held=share.held,
        quiet=quiet_now(quiet_hours, local.tm_hour * 60 + local.tm_min),
    )


def read_hardware(look: Look = whole_machine) -> Hardware:
    """What this node runs on, for its card."""
    try:
        board = BOARD.read_bytes().decode(errors="replace").strip("\0 \n")[:120]
    except OSError:
        board = ""
    share = look()
    return Hardware(
        arch=platform.machine()[:40],
        board=board,
        cores=share.cores,
        memory_mb=share.memory_mb,
    )
