"""What the machine tells of itself: load, memory, what it is. Read a few times a minute, never per task."""

import os
import platform
import time
from pathlib import Path

import psutil

from bus_topics.messages import Hardware
from daemon.contractor import Vitals
from daemon.pricing import quiet_now

BOARD = Path("/proc/device-tree/model")


def read_vitals(quiet_hours: str) -> Vitals:
    """Load over the usable cores, free memory, and whether it is quiet time."""
    local = time.localtime()
    return Vitals(
        load=os.getloadavg()[0] / usable_cores(),
        memory_free_mb=psutil.virtual_memory().available / 2**20,
        quiet=quiet_now(quiet_hours, local.tm_hour * 60 + local.tm_min),
    )


def read_hardware() -> Hardware:
    """What this node runs on, for its card."""
    try:
        board = BOARD.read_bytes().decode(errors="replace").strip("\0 \n")[:120]
    except OSError:
        board = ""
    return Hardware(
        arch=platform.machine()[:40],
        board=board,
        cores=usable_cores(),
        memory_mb=psutil.virtual_memory().total // 2**20,
    )


def usable_cores() -> int:
    """Cores that this process may use."""
    return max(1, len(os.sched_getaffinity(0)))
