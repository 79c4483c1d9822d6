"""Graphics processors with their memory, and what kind of storage a path lies on."""

import re
from pathlib import Path

from engine.hardware.files import Ask, Files
from engine.hardware.limits import Mount
from engine.hardware.profile import Gpu, Storage, StorageKind

_NVIDIA = "/proc/driver/nvidia/gpus"
# A server's management chip and a virtual screen are cards too; these vendors compute.
_VENDORS = {"0x1002": "AMD", "0x10de": "NVIDIA", "0x8086": "Intel"}
_SMI = ("--query-gpu=pci.bus_id,memory.total,name", "--format=csv,noheader,nounits")
_PCI = re.compile(r"([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])", re.ASCII | re.IGNORECASE)
_MIB = 1 << 20

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "afs", "fuse.sshfs"}
_STACKED_DEEPEST = 8


def gpus(files: Files, ask: Ask | None) -> tuple[Gpu, ...]:
    """AMD's, Intel's and NVIDIA's; a Pi's VideoCore and a server's screen chip are left out."""
    found = {gpu.bus: gpu for gpu in [*_cards(files), *_driver(files)]}
    told = {gpu.bus: gpu for gpu in _smi(files, ask)}
    if any(gpu.vendor == "NVIDIA" for gpu in found.values()) and not told:
        files.note("the memory of the NVIDIA cards is not known: nvidia-smi did not tell")
    found |= told
    return tuple(found[bus] for bus in sorted(found))


def storage(files: Files, table: list[Mount], path: str) -> Storage:
    """What `path`, absolute and without links, lies on: the last mount of the longest prefix."""
    holds = [mount for mount in table if _holds(mount.point, path)]
    if not holds:
        files.note(f"/proc/self/mountinfo does not tell what {path} lies on")
        return Storage(path, None, "")
    longest = max(len(mount.point) for mount in holds)
    mount = [mount for mount in holds if len(mount.point) == longest][-1]
    kind: StorageKind | None
    match mount.kind:
        case "tmpfs" | "ramfs":
            kind = "tmpfs"
        case "overlay" | "aufs" | "fuse.fuse-overlayfs":
            kind = "overlay"
        case other if other in _NETWORK:
            kind = "network"
        case _:
            device = _device(files, mount)
            kind = _kind(files, device, _STACKED_DEEPEST) if device else None
            if kind is None:
                files.note(f"what kind of storage {mount.source} is, is not known")
            return Storage(path, kind, device or mount.source)
    return Storage(path, kind, mount.kind)


def _cards(files: Files) -> list[Gpu]:
    found = []
    for card in files.names("/sys/class/drm"):
        if not re.fullmatch(r"card\d+", card):
            continue
        device = f"/sys/class/drm/{card}/device"
        vendor = _VENDORS.get(files.line(f"{device}/vendor") or "")
        if vendor is None:
            continue
        bus = re.search(
            r"^PCI_SLOT_NAME=(\S+)$", files.text(f"{device}/uevent") or "", re.MULTILINE
        )
        name = files.line(f"{device}/product_name") or files.line(f"{device}/device") or ""
        memory = files.number(f"{device}/mem_info_vram_total") if vendor == "AMD" else None
        if vendor == "Intel":
            files.note("whether an Intel GPU has memory of its own, the kernel does not tell")
        found.append(Gpu(vendor, f"{vendor} {name}".strip(), memory, _bus(bus[1] if bus else card)))
    return found


def _driver(files: Files) -> list[Gpu]:
    """NVIDIA's own driver tells the name, not the memory."""
    found = []
    for folder in files.names(_NVIDIA):
        told = files.text(f"{_NVIDIA}/{folder}/information") or ""
        model = re.search(r"^Model:\s+(.+?)\s*$", told, re.MULTILINE)
        found.append(Gpu("NVIDIA", model[1][:80] if model else "NVIDIA", None, _bus(folder)))
    return found


def _smi(files: Files, ask: Ask | None) -> list[Gpu]:
    program = files.program("nvidia-smi") if ask else None
    if program is None or ask is None:
        return []
    found = []
    for line in (ask([program, *_SMI]) or "").splitlines():
        bus, _, rest = line.partition(", ")
        memory, _, name = rest.partition(", ")
        if not (_PCI.fullmatch(bus) and name):
            files.note(f"nvidia-smi says {line[:60]!r}")
            continue
        # "[N/A]" where the card shares the machine's memory.
        size = int(memory) * _MIB if re.fullmatch(r"[0-9]{1,12}", memory) else None
        found.append(Gpu("NVIDIA", name.strip()[:80], size, _bus(bus)))
    return found


def _bus(told: str) -> str:
    """One form of a PCI address: nvidia-smi writes the domain with eight digits, sysfs with four."""
    found = _PCI.fullmatch(told)
    if not found:
        return told
    return f"{int(found[1], 16):04x}:{found[2]}:{found[3]}.{found[4]}".lower()


def _holds(point: str, path: str) -> bool:
    return point in {"/", path} or path.startswith(point.rstrip("/") + "/")


def _device(files: Files, mount: Mount) -> str | None:
    """The kernel's name of a mount's block device."""
    told = files.text(f"/sys/dev/block/{mount.device}/uevent") or ""
    if found := re.search(r"^DEVNAME=([\w!-]+)$", told, re.ASCII | re.MULTILINE):
        return found[1]
    # btrfs has numbers of its own, but names its device; a mapped one by the mapping's name.
    source = mount.source.removeprefix("/dev/")
    if source.startswith("mapper/"):
        for name in files.names("/sys/block"):
            if files.line(f"/sys/block/{name}/dm/name") == source.removeprefix("mapper/"):
                return name
    return source if source != mount.source and re.fullmatch(r"[\w-]+", source) else None


def _kind(files: Files, device: str, depth: int) -> StorageKind | None:
    disk = re.sub(r"(?<=\d)p\d+$", "", device)
    disk = re.sub(r"^([shv]d[a-z]+|xvd[a-z]+)\d+$", r"\1", disk)
    folder = f"/sys/block/{disk}"
    below = files.names(f"{folder}/slaves")
    if below and depth:
        # Encrypted or joined devices are what they lie on, where that is of one kind.
        kinds = {_kind(files, part, depth - 1) for part in below}
        return kinds.pop() if len(kinds) == 1 else None
    if disk.startswith("mmcblk"):
        match files.line(f"{folder}/device/type"):
            case "SD":
                return "sd"
            case "MMC":
                return "emmc"
            case _:
                return None
    if disk.startswith("nvme"):
        return "nvme"
    if disk.startswith("zram"):
        return "zram"
    if disk.startswith(("vd", "xvd")):
        # A virtual disk says "rotational" whatever it lies on.
        return "virtual"
    if disk.startswith("sd"):
        rotational = files.number(f"{folder}/queue/rotational")
        if rotational == 0:
            return "ssd"
        # Sticks and many adapters on USB claim to rotate.
        usb = "/usb" in files.resolve(Path(folder))
        return ("usb" if usb else "hdd") if rotational == 1 else None
    return None
