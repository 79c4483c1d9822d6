"""The parts of a machine, each read from the kernel's files: processor, board, heat, swap, battery.

Graphics processors and storage are in `hardware_devices`.
"""

import re

from engine.hardware.files import Ask, Files
from engine.hardware.limits import Mount, cpu_quota, memory_bounds, swap_limit
from engine.hardware.profile import Battery, Cpu, Memory, Swap, Throttling

_X86 = {
    "amx": {"amx_tile", "amx_int8"},
    "avx512_vnni": {"avx512f", "avx512bw", "avx512_vnni"},
    "avx512": {"avx512f", "avx512bw"},
    "avx_vnni": {"avx2", "avx_vnni"},
    "avx2": {"avx2"},
    "sse4.2": {"sse4_2"},
    "sse2": {"sse2"},
}
_ARM = {"sve": {"sve"}, "i8mm": {"i8mm"}, "asimddp": {"asimddp"}, "neon": {"asimd"}}
_ARM_32 = {"neon": {"neon"}}
_TOLD = set().union(*_X86.values(), *_ARM.values(), *_ARM_32.values(), {"amx_bf16", "asimdhp"})

# Arm's part numbers (implementer 0x41), of the boards that a home has.
_ARM_CORES = {
    "0xb76": "ARM1176",
    "0xc07": "Cortex-A7",
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd08": "Cortex-A72",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd42": "Cortex-A78AE",
    "0xd49": "Neoverse-N2",
}
_MOST_CPUS = 8192

# The zone or sensor that is the processor's, best first; acpitz is often the case's.
_SENSORS = (
    "x86_pkg_temp",
    "cpu-thermal",
    "cpu_thermal",
    "soc-thermal",
    "coretemp",
    "k10temp",
    "zenpower",
    "acpitz",
)
_COLDEST, _HOTTEST = -40, 150

_FIRMWARE = "/sys/devices/platform/soc/soc:firmware/get_throttled"
# Bits of get_throttled (Raspberry Pi documentation, vcgencmd; raspberrypi/linux,
# drivers/firmware/raspberrypi.c and drivers/hwmon/raspberrypi-hwmon.c); 16 up: what has been.
_BITS = ("under_voltage", "frequency_capped", "throttled", "temperature_limited")
_SINCE_BOOT = 16
_VCGENCMD = re.compile(r"throttled=0x([0-9a-f]{1,8})\s*", re.ASCII | re.IGNORECASE)


def memory(files: Files, table: list[Mount]) -> Memory:
    """RAM: the machine's, and what the control groups leave of it."""
    told = _meminfo(files)
    machine, free = told.get("MemTotal"), told.get("MemAvailable", told.get("MemFree"))
    if machine is None:
        files.note("/proc/meminfo tells no MemTotal: how much memory there is, is not known")
    bounds = memory_bounds(files, table)
    tightest = min(bounds, key=lambda bound: bound.limit, default=None)
    rooms = [free, *(bound.room for bound in bounds), *(bound.limit for bound in bounds)]
    available = min((room for room in rooms if room is not None), default=None)
    if tightest is None or (machine is not None and machine <= tightest.limit):
        return Memory(machine, available, machine)
    return Memory(tightest.limit, available, machine, tightest.where)


def cpu(files: Files, table: list[Mount]) -> Cpu:
    """The processor; cores of different kinds count with what all of them can."""
    blocks = _cpuinfo(files)
    each = [_features(block) for block in blocks]
    features = frozenset.intersection(*each) if each else frozenset()
    architecture = files.line("/proc/sys/kernel/arch") or _architecture(blocks)
    if architecture is None:
        files.note("neither /proc/sys/kernel/arch nor /proc/cpuinfo tells the architecture")
    simd = _simd(architecture, features)
    if simd is None:
        files.note("which vector instructions the processor has is not known")
    quota = cpu_quota(files, table)
    return Cpu(
        architecture=architecture,
        simd=simd,
        features=tuple(sorted(features & _TOLD)),
        cores=_cores(files, len(blocks), quota),
        quota=quota,
        name=_name(blocks),
    )


def online_cores(files: Files) -> int | None:
    """Those of the machine, ours or not."""
    return len(_cpus(files.line("/sys/devices/system/cpu/online"))) or None


def board(files: Files) -> str | None:
    """The machine's model; containers often hide all but the last of these."""
    for path in ("/proc/device-tree/model", "/sys/firmware/devicetree/base/model"):
        if model := files.line(path):
            return model[:120]
    for block in reversed(_cpuinfo(files)):
        if model := block.get("Model"):
            return model[:120]
    maker = files.line("/sys/class/dmi/id/sys_vendor") or ""
    product = files.line("/sys/class/dmi/id/product_name") or ""
    if not maker + product:
        files.note("neither a device tree nor the firmware's tables tell the machine's model")
    return f"{maker} {product}".strip()[:120] or None


def temperature(files: Files) -> float | None:
    """The processor's, degrees Celsius."""
    found: dict[str, float] = {}
    for path, name, value in _sensors(files):
        sensor = files.line(f"{path}/{name}")
        if sensor not in _SENSORS or sensor in found:
            continue
        thousandths = files.signed(f"{path}/{value}")
        if thousandths is None:
            continue
        if _COLDEST <= thousandths / 1000 <= _HOTTEST:
            found[sensor] = thousandths / 1000
        else:
            files.note(f"{path}/{value} says {thousandths / 1000} degrees, which no processor is")
    if not found:
        files.note("no sensor tells the processor's temperature")
        return None
    return found[min(found, key=_SENSORS.index)]


def throttling(files: Files, ask: Ask | None, *, is_raspberry_pi: bool) -> Throttling:
    """From a Pi's firmware where there is one, else what the kernel's drivers tell."""
    if is_raspberry_pi:
        bits = _asked(files, ask)
        if bits is not None:
            now, since = _named(bits), _named(bits >> _SINCE_BOOT)
            held = tuple(name for name, value in since.items() if value)
            return Throttling(**now, since_boot=held, source="vcgencmd get_throttled")
        # Second, as newer kernels log a warning at the first reading. Their driver resets the
        # upper half every two seconds: it tells of now, not of since the start.
        bits = files.hexadecimal(_FIRMWARE)
        if bits is not None:
            now = _named(bits | bits >> _SINCE_BOOT)
            return Throttling(**now, since_boot=None, source=_FIRMWARE)
        files.note("the Pi's firmware does not tell whether it throttles")
    alarm, capped, counted = _voltage_alarm(files), _capped(files), _counted(files)
    told = {"rpi_volt": alarm, "cpufreq": capped, "thermal_throttle": counted}
    sources = [source for source, value in told.items() if value is not None]
    if not sources:
        files.note("nothing tells whether the processor is held back")
    return Throttling(
        under_voltage=alarm,
        frequency_capped=capped,
        since_boot=counted,
        source=", ".join(sources),
    )


def swap(files: Files, table: list[Mount]) -> Swap | None:
    """All swap together, within a control group's limit of it; None where that is not known."""
    text = files.text("/proc/swaps")
    total = used = zram = 0
    for line in (text or "").splitlines()[1:]:
        match line.split():
            case [name, _, size, taken, *_] if size.isdecimal() and taken.isdecimal():
                total += int(size[:20]) * 1024
                used += int(taken[:20]) * 1024
                zram += int(size[:20]) * 1024 if name.startswith("/dev/zram") else 0
            case _:
                files.note(f"/proc/swaps has the line {line[:40]!r}")
    free = total - used
    if text is None:
        told = _meminfo(files)
        if "SwapTotal" not in told:
            files.note("neither /proc/swaps nor /proc/meminfo tells of swap")
            return None
        total, free = told["SwapTotal"], told.get("SwapFree", 0)
    limit = swap_limit(files, table)
    if limit is not None:
        total, free, zram = min(total, limit), min(free, limit), min(zram, limit)
    return Swap(total, max(0, free), zram)


def battery(files: Files) -> Battery | None:
    """The machine's batteries as one; None where it has none."""
    percents, states = [], set()
    full = now = 0
    for name in files.names("/sys/class/power_supply"):
        path = f"/sys/class/power_supply/{name}"
        if files.line(f"{path}/type") != "Battery" or files.line(f"{path}/scope") == "Device":
            continue
        if files.line(f"{path}/present") == "0":
            continue
        percents.append(files.number(f"{path}/capacity"))
        states.add(files.line(f"{path}/status"))
        for kind in ("energy", "charge"):
            most, left = (files.number(f"{path}/{kind}_{part}") for part in ("full", "now"))
            if most and left is not None:
                full, now = full + most, now + left
                break
    if not percents:
        return None
    known = [percent for percent in percents if percent is not None and percent <= 100]
    percent = known[0] if len(known) == 1 else None
    if len(percents) > 1 and full:
        percent = min(100, round(100 * now / full))
    # Of two batteries one is discharged after the other: any that is says that no mains feeds us.
    discharging = "Discharging" in states
    return Battery(percent, discharging if states - {None, "Unknown"} else None)


def _meminfo(files: Files) -> dict[str, int]:
    """Bytes by name."""
    found = re.findall(
        r"^(\w+):\s+(\d{1,15}) kB$", files.text("/proc/meminfo") or "", re.ASCII | re.MULTILINE
    )
    return {name: int(size) * 1024 for name, size in found}


def _cpuinfo(files: Files) -> list[dict[str, str]]:
    """One block a processor; the last block of an ARM board describes the board."""
    blocks: list[dict[str, str]] = []
    board: dict[str, str] = {}
    for text in re.split(r"\n\s*\n", files.text("/proc/cpuinfo") or ""):
        pairs = (line.partition(":") for line in text.splitlines())
        block = {key.strip(): value.strip() for key, colon, value in pairs if colon}
        if block.get("processor", "").isdecimal():
            blocks.append(block)
        else:
            board |= block
    if blocks:
        blocks[-1] = board | blocks[-1]
    return blocks


def _features(block: dict[str, str]) -> frozenset[str]:
    return frozenset((block.get("flags") or block.get("Features") or "").split())


def _architecture(blocks: list[dict[str, str]]) -> str | None:
    """Kernels before 6.1 have no kernel.arch."""
    if not blocks:
        return None
    features = _features(blocks[0])
    if "flags" in blocks[0]:
        return "x86_64" if "lm" in features else "i686"
    if "asimd" in features:
        return "aarch64"
    if "half" in features:
        return "armv7l" if "neon" in features or "vfpv3" in features else "armv6l"
    return "riscv64" if blocks[0].get("isa", "").startswith("rv64") else None


def _simd(architecture: str | None, features: frozenset[str]) -> str | None:
    ladder: dict[str, set[str]]
    match architecture:
        case "x86_64" | "i686" | "i586" | "i386":
            ladder = _X86
        case "aarch64" | "arm64":
            ladder = _ARM
        case str() if architecture.startswith("arm"):
            # The kernel says neon where programs are 32-bit, asimd where they are 64-bit.
            ladder = _ARM_32
        case _:
            return None
    return next((level for level, needs in ladder.items() if needs <= features), None)


def _cores(files: Files, listed: int, quota: float | None) -> int:
    online = _cpus(files.line("/sys/devices/system/cpu/online"))
    status = files.text("/proc/self/status") or ""
    found = re.search(r"^Cpus_allowed_list:\s*(\S+)$", status, re.MULTILINE)
    allowed = _cpus(found[1] if found else None)
    # A mask that nobody set has a bit for every processor that could ever be plugged in.
    counts = [len(allowed & online) if allowed and online else len(allowed or online), listed]
    known = [count for count in counts if count]
    if not known:
        files.note("no file tells how many cores there are: 1 is taken")
    cores = min(known, default=1)
    # Two threads that share one and a half cores stall together each period: whole cores count.
    return max(1, cores if quota is None else min(cores, int(quota)))


def _cpus(told: str | None) -> set[int]:
    """The numbers of a list as "0-3,8"; none where it is no such list."""
    numbers: set[int] = set()
    last = -1
    for part in (told or "").split(","):
        found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part, re.ASCII)
        if not found or int(found[1]) <= last:
            return set()
        first, last = int(found[1]), min(int(found[2] or found[1]), _MOST_CPUS - 1)
        numbers |= set(range(first, last + 1))
    return numbers


def _name(blocks: list[dict[str, str]]) -> str:
    if not blocks:
        return ""
    first = blocks[0]
    if first.get("CPU implementer") == "0x41" and first.get("CPU part") in _ARM_CORES:
        names = {_ARM_CORES.get(block.get("CPU part", ""), "?") for block in blocks}
        return " + ".join(sorted(names))
    return first.get("model name", "")[:80]


def _sensors(files: Files) -> list[tuple[str, str, str]]:
    """(folder, file of its name, file of its value)."""
    zones = [name for name in files.names("/sys/class/thermal") if name.startswith("thermal_zone")]
    chips = files.names("/sys/class/hwmon")
    return [
        *((f"/sys/class/thermal/{zone}", "type", "temp") for zone in zones),
        *((f"/sys/class/hwmon/{chip}", "name", "temp1_input") for chip in chips),
    ]


def _asked(files: Files, ask: Ask | None) -> int | None:
    program = files.program("vcgencmd") if ask else None
    if program is None or ask is None:
        return None
    answer = ask([program, "get_throttled"])
    found = _VCGENCMD.fullmatch(answer or "")
    if not found:
        files.note(f"vcgencmd get_throttled says {(answer or 'nothing')[:60]!r}")
        return None
    return int(found[1], 16)


def _named(bits: int) -> dict[str, bool]:
    return {name: bool(bits >> place & 1) for place, name in enumerate(_BITS)}


def _voltage_alarm(files: Files) -> bool | None:
    """The Pi's voltage sensor in kernels that lack get_throttled."""
    for chip in files.names("/sys/class/hwmon"):
        if files.line(f"/sys/class/hwmon/{chip}/name") == "rpi_volt":
            alarm = files.number(f"/sys/class/hwmon/{chip}/in0_lcrit_alarm")
            return None if alarm is None else bool(alarm)
    return None


def _capped(files: Files) -> bool | None:
    """Whether the kernel, or someone, lets a core run below the frequency that it could."""
    told = []
    for name in files.names("/sys/devices/system/cpu"):
        folder = f"/sys/devices/system/cpu/{name}/cpufreq"
        if re.fullmatch(r"cpu\d+", name):
            now, most = (
                files.number(f"{folder}/{part}_max_freq") for part in ("scaling", "cpuinfo")
            )
            if now and most:
                told.append(now < most)
    return any(told) if told else None


def _counted(files: Files) -> tuple[str, ...] | None:
    """Intel's counts of having been too hot."""
    folder = "/sys/devices/system/cpu/cpu0/thermal_throttle"
    counts = [files.number(f"{folder}/{part}_throttle_count") for part in ("core", "package")]
    if all(count is None for count in counts):
        return None
    return ("throttled",) if any(counts) else ()
