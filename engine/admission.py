"""Is there room for this model? Asked before anything of it is loaded; takes about a millisecond.

A machine that runs out of memory in the middle of loading kills some process, and not always the one
that asked for too much. What is asked for here is a lower bound, so nothing is refused that would
fit: the weights as the file has them, and the cache of one full context. Loading takes more for a
moment (see docs/api.md); what fails then is `OutOfMemory` too.
"""

import resource
from dataclasses import dataclass
from pathlib import Path

from engine.config import ForgeConfig
from engine.errors import OutOfMemory
from engine.hardware.files import Files
from engine.hardware.limits import mounts
from engine.hardware.probe import memory, swap

_MIB = 1 << 20

# fp32 weights, their gradients and AdamW's two moments.
_TRAINING_BYTES_A_WEIGHT = 16


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that this process may still take, and what sets the bound.

    Attributes:
        memory: private memory; None where nothing tells.
        memory_of: "this machine", a control group's file, or RLIMIT_DATA.
        addresses: address space, mapped files included (RLIMIT_AS); None without a limit.
    """

    memory: int | None
    memory_of: str
    addresses: int | None


def room(root: Path = Path("/")) -> Room:
    """What is left: free memory and swap, within control groups and this process's limits.

    Args:
        root: `/`, or a recorded tree for the part that the kernel's files tell.
    """
    files = Files(root)
    table = mounts(files)
    ram, swapped = memory(files, table), swap(files, table)
    left, where = ram.available, ram.limited_by or "this machine"
    if left is not None and swapped is not None:
        left += swapped.free
    addresses, data = _used()
    bound = _left(resource.RLIMIT_DATA, data)
    if bound is not None and (left is None or bound < left):
        left, where = bound, "RLIMIT_DATA"
    return Room(left, where, _left(resource.RLIMIT_AS, addresses))


def cache_bytes(config: ForgeConfig, mode: str, slots: int = 1) -> int:
    """Bytes of `slots` full caches; int8 may be served by the fused step, which keeps fp16."""
    return slots * config.kv_bytes() // (2 if mode == "int8" else 1)


def training_bytes(config: ForgeConfig) -> int:
    """Bytes of the state that training keeps, without activations."""
    return _TRAINING_BYTES_A_WEIGHT * config.parameters()


def admit(what: str, private: int, *, mapped: int = 0, root: Path = Path("/")) -> None:
    """Raise `OutOfMemory` where there is no room.

    Args:
        what: for the message: the folder.
        private: bytes of memory of its own.
        mapped: bytes of files that are mapped and shared; they cost address space alone.
        root: as for `room`.
    """
    there = room(root)
    if there.memory is not None and private > there.memory:
        raise _no_room(what, private, there.memory, there.memory_of)
    if there.addresses is not None and private + mapped > there.addresses:
        raise _no_room(what, private + mapped, there.addresses, "RLIMIT_AS")


def _no_room(what: str, need: int, left: int, where: str) -> OutOfMemory:
    return OutOfMemory(
        f"{what} needs {-(-need // _MIB)} MiB or more and {left // _MIB} MiB are free ({where})",
        "free some memory, raise the limit, or choose a smaller model",
    )


def _left(limit: int, used: int) -> int | None:
    soft, _ = resource.getrlimit(limit)
    return None if soft == resource.RLIM_INFINITY else max(0, soft - used)


def _used() -> tuple[int, int]:
    """Bytes of address space and of data that this process has (proc(5), statm)."""
    try:
        told = Path("/proc/self/statm").read_text("ascii").split()
        return int(told[0]) * resource.getpagesize(), int(told[5]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0, 0
