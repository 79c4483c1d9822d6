"""`detect_hardware`: the parts of a machine, read and put together."""

from pathlib import Path

from engine.fused.build import best
from engine.hardware.choice import (
    recommended_size,
)
from engine.hardware.devices import gpus, storage
from engine.hardware.files import Ask, Files
from engine.hardware.limits import mounts
from engine.hardware.probe import battery, board, cpu, memory, swap, temperature, throttling
from engine.hardware.profile import (
    HardwareProfile,
)


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
