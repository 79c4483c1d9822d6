"""What is known of a machine, as values. `None` is "not known"; `HardwareProfile.notes` say why."""

from dataclasses import dataclass
from typing import Literal

StorageKind = Literal[
    "sd", "emmc", "nvme", "ssd", "hdd", "usb", "virtual", "tmpfs", "overlay", "network", "zram"
]


@dataclass(frozen=True, slots=True)
class Memory:
    """RAM in bytes.

    Attributes:
        total: what this process may have: the machine's, or a control group's smaller limit.
        available: what it may still take without swapping, within that limit.
        machine: what the kernel manages. Less than the board carries: firmware keeps a part.
        limited_by: the file whose limit `total` is; "" where it is the machine's.
    """

    total: int | None
    available: int | None
    machine: int | None
    limited_by: str = ""


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor.

    Attributes:
        architecture: as `uname -m` says it: x86_64, aarch64, armv7l ...
        simd: the highest of sse2, sse4.2, avx2, avx_vnni, avx512, avx512_vnni, amx, or of
            neon, asimddp, i8mm, sve.
        features: the kernel's names of what all cores have, of those that matter to a kernel
            of matrix products.
        cores: threads that can run at once: online, allowed to this process, and within the
            whole cores of `quota`; at least 1.
        quota: processor seconds a second that the control groups leave.
        name: of the model, or of the ARM core.
    """

    architecture: str | None
    simd: str | None
    features: tuple[str, ...]
    cores: int
    quota: float | None
    name: str


@dataclass(frozen=True, slots=True)
class Throttling:
    """What holds the processor back now, and what has since the machine started.

    Attributes:
        since_boot: the names of the fields that have been true; None where nothing keeps count.
        source: the file or command that told it.
    """

    under_voltage: bool | None = None
    frequency_capped: bool | None = None
    throttled: bool | None = None
    temperature_limited: bool | None = None
    since_boot: tuple[str, ...] | None = None
    source: str = ""

    @property
    def now(self) -> tuple[str, ...]:
        """The names of the fields that are true."""
        names = ("under_voltage", "frequency_capped", "throttled", "temperature_limited")
        return tuple(name for name in names if getattr(self, name))


@dataclass(frozen=True, slots=True)
class Swap:
    """Swap in bytes; `zram` is the part of `total` that is compressed RAM and wears out no card."""

    total: int
    free: int
    zram: int


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics processor of AMD, Intel or NVIDIA.

    Attributes:
        memory: bytes of its own; None where it has none or does not tell.
        bus: its PCI address, as `0000:07:00.0`; "" where not known.
    """

    vendor: str
    name: str
    memory: int | None
    bus: str = ""


@dataclass(frozen=True, slots=True)
class Storage:
    """What a path lies on; `device` is the kernel's name of it, or the file system's."""

    path: str
    kind: StorageKind | None
    device: str


@dataclass(frozen=True, slots=True)
class Battery:
    """All batteries of the machine (not those of its mice): charge in percent, and its direction."""

    percent: int | None
    discharging: bool | None


@dataclass(frozen=True, slots=True)
class HardwareProfile:
    """What `detect_hardware` found.

    Attributes:
        board: the machine's model, from the device tree or the firmware's tables.
        pi_model: `board` where it is a Raspberry Pi, as "Raspberry Pi 5 Model B Rev 1.0".
        temperature: of the processor, degrees Celsius.
        battery: None on a machine without one.
        recommended_model_size: a name in `engine.config.PRESETS`.
        fused_step: whether the fused int8 step (docs/fused.md) is built for this processor.
        notes: what could not be found out, and why; for a person to read.
    """

    memory: Memory
    cpu: Cpu
    board: str | None
    is_raspberry_pi: bool
    pi_model: str | None
    temperature: float | None
    throttling: Throttling
    swap: Swap | None
    gpus: tuple[Gpu, ...]
    storage: Storage
    battery: Battery | None
    recommended_model_size: str
    notes: tuple[str, ...]
    fused_step: bool = False

    def around(self) -> list[str]:
        """Storage, swap, heat, graphics and power in words, as far as they are known."""
        swap, battery = self.swap, self.battery
        found = [f"{self.storage.path} on {self.storage.kind or 'storage of an unknown kind'}"]
        if swap is not None:
            zram = ", zram" if swap.zram and swap.zram == swap.total else ""
            found.append(f"swap {swap.total / 1e9:.1f} GB{zram}" if swap.total else "no swap")
        if self.temperature is not None:
            found.append(f"{self.temperature:.0f} degrees")
        for gpu in self.gpus:
            memory = "" if gpu.memory is None else f" with {gpu.memory / 1e9:.1f} GB"
            found.append(f"{gpu.name}{memory}, not used for serving")
        if battery is not None:
            charge = "unknown charge" if battery.percent is None else f"{battery.percent} %"
            found.append(f"battery at {charge}{', discharging' if battery.discharging else ''}")
        return found
