"""`detect_hardware` and `get_optimal_config`: what this machine is, and how to run a model on it.

Everything is read from the kernel's files below a root, so a recorded tree is read exactly as a
machine is. Two programs are asked where they are installed, with a time limit: `vcgencmd` and
`nvidia-smi`. Nothing here raises on a strange machine; see docs/hardware.md.
"""

from pathlib import Path

from engine.fused.build import best
from engine.hardware_choice import (
    OptimalConfig,
    get_optimal_config,
    memory_need,
    recommended_size,
)
from engine.hardware_devices import gpus, storage
from engine.hardware_files import Ask, Files, ask_program
from engine.hardware_limits import mounts
from engine.hardware_probe import battery, board, cpu, memory, swap, temperature, throttling
from engine.hardware_profile import (
    Battery,
    Cpu,
    Gpu,
    HardwareProfile,
    Memory,
    Storage,
    Swap,
    Throttling,
)
from engine.hardware_share import Share, read_share

__all__ = [
    "Battery",
    "Cpu",
    "Gpu",
    "HardwareProfile",
    "Memory",
    "OptimalConfig",
    "Share",
    "Storage",
    "Swap",
    "Throttling",
    "ask_program",
    "detect_hardware",
    "get_optimal_config",
    "memory_need",
    "read_share",
]


def detect_hardware(
    root: Path = Path("/"), *, path: Path = Path("/"), ask: Ask | None = None
) -> HardwareProfile:
    """Look at the machine whose files lie below `root`; never raises.

    Takes a few milliseconds, and up to two seconds for each program asked: not for an event loop.

    Args:
        root: `/`, or a recorded tree.
        path: whose storage is told; absolute as seen from `root`.
        ask: runs a program; `ask_program` is the one to give. Default: none is run.
    """
    files = Files(root)
    table = mounts(files)
    if not table:
        files.note("/proc/self/mountinfo tells nothing: is /proc mounted?")
    model = board(files)
    is_raspberry_pi = (model or "").startswith("Raspberry Pi")
    processor, ram = cpu(files, table), memory(files, table)
    if processor.architecture in {"armv6l", "armv7l"}:
        files.note("32-bit ARM: onnxruntime has no wheel for it; install a 64-bit system")
    fused = root == Path("/") and best() is not None
    return HardwareProfile(
        memory=ram,
        cpu=processor,
        board=model,
        is_raspberry_pi=is_raspberry_pi,
        pi_model=model if is_raspberry_pi else None,
        temperature=temperature(files),
        throttling=throttling(files, ask, is_raspberry_pi=is_raspberry_pi),
        swap=swap(files, table),
        gpus=gpus(files, ask),
        storage=storage(files, table, files.resolve(path)),
        battery=battery(files),
        recommended_model_size=recommended_size(processor, ram, fused=fused)[0],
        notes=tuple(files.notes),
        fused_step=fused,
    )
