"""What of this machine is ours now: cores, memory, and how much already runs on them.

For whoever asks a few times a minute: a millisecond, no program is run, nothing is noted or raised.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from engine.hardware.files import Files
from engine.hardware.limits import mounts, our_processes
from engine.hardware.probe import cpu, memory, online_cores

_MOST_PROCESSES = 1000


@dataclass(frozen=True, slots=True)
class Share:
    """What control groups, affinity and the machine itself leave to this process.

    Attributes:
        cores: that it may use, as `HardwareProfile.cpu.cores`.
        memory_total: bytes; None is "not known", here and below.
        memory_available: bytes.
        load: how many want each core: above 1 work takes so many times as long.
    """

    cores: int
    memory_total: int | None
    memory_available: int | None
    load: float | None


def read_share(root: Path = Path("/")) -> Share:
    """Look at the machine whose files lie below `root`; never raises."""
    files = Files(root)
    table = mounts(files)
    processor, ram = cpu(files, table), memory(files, table)
    machine = _load_average(files)
    load = None if machine is None else machine / (online_cores(files) or processor.cores)
    if processor.quota is not None and load is not None:
        # The load average counts the neighbours, on cores that are not ours; the quota is ours
        # alone, and so is what wants it.
        load = max(load, _running(files, our_processes(files, table)) / processor.quota)
    return Share(processor.cores, ram.total, ram.available, load)


def _load_average(files: Files) -> float | None:
    """Of the last minute."""
    found = re.match(r"(\d{1,7}\.\d{1,4}) ", files.text("/proc/loadavg") or "", re.ASCII)
    return float(found[1]) if found else None


def _running(files: Files, processes: list[int]) -> int:
    """How many of them run or want to, without the one that asks."""
    # The name before the state may hold anything, brackets too.
    states = [
        (files.text(f"/proc/{process}/stat") or "").rpartition(") ")[2][:1]
        for process in processes[:_MOST_PROCESSES]
    ]
    return max(0, states.count("R") - 1)
