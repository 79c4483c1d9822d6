"""`detect_hardware` and `get_optimal_config`: what this machine is, and how to run a model on it.

Everything is read from the kernel's files below a root, so a recorded tree is read exactly as a
machine is. Two programs are asked where they are installed, with a time limit: `vcgencmd` and
`nvidia-smi`. Nothing here raises on a strange machine; see docs/hardware.md.
"""

from engine.hardware.choice import OptimalConfig, get_optimal_config, memory_need
from engine.hardware.detect import detect_hardware
from engine.hardware.files import ask_program
from engine.hardware.profile import (
    Battery,
    Cpu,
    Gpu,
    HardwareProfile,
    Memory,
    Storage,
    Swap,
    Throttling,
)
from engine.hardware.share import Share, read_share
from engine.hardware.strain import Strain, read_strain

__all__ = [
    "Battery",
    "Cpu",
    "Gpu",
    "HardwareProfile",
    "Memory",
    "OptimalConfig",
    "Share",
    "Storage",
    "Strain",
    "Swap",
    "Throttling",
    "ask_program",
    "detect_hardware",
    "get_optimal_config",
    "memory_need",
    "read_share",
    "read_strain",
]
