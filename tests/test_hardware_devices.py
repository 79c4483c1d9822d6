"""Sensors, cards, disks and batteries of machines that no recorded tree has."""

from pathlib import Path

import pytest
from hardware_trees import plant, program

from engine.hardware import Battery, Gpu, ask_program, detect_hardware

ROOT_ON = "30 1 {number} / / rw - ext4 {source} rw\n"


def cpuinfo(*features: str, key: str = "flags", extra: str = "") -> str:
    blocks = (f"processor\t: {n}\n{key}\t: {each}\n{extra}" for n, each in enumerate(features))
    return "\n".join(blocks)


@pytest.mark.parametrize(
    ("flags", "simd"),
    [
        ("lm sse2", "sse2"),
        ("lm sse2 sse4_2", "sse4.2"),
        ("lm sse2 sse4_2 avx2", "avx2"),
        ("lm sse2 sse4_2 avx2 avx_vnni", "avx_vnni"),
        ("lm sse2 sse4_2 avx2 avx512f avx512bw", "avx512"),
        ("lm sse2 sse4_2 avx2 avx512f", "avx2"),
        ("lm sse2 sse4_2 avx2 avx512f avx512bw avx512_vnni", "avx512_vnni"),
        ("lm sse2 avx2 avx512f avx512bw avx512_vnni amx_tile amx_int8 amx_bf16", "amx"),
        ("lm sse2 avx2 amx_tile amx_bf16", "avx2"),
        ("lm", None),
    ],
)
def test_the_level_of_an_x86(tmp_path: Path, flags: str, simd: str | None) -> None:
    found = detect_hardware(plant(tmp_path, {"proc/cpuinfo": cpuinfo(flags)})).cpu
    assert (found.architecture, found.simd) == ("x86_64", simd)


@pytest.mark.parametrize(
    ("features", "architecture", "simd"),
    [
        ("fp asimd crc32", "aarch64", "neon"),
        ("fp asimd asimdhp asimddp", "aarch64", "asimddp"),
        ("fp asimd asimddp i8mm", "aarch64", "i8mm"),
        ("fp asimd asimddp sve i8mm", "aarch64", "sve"),
        ("half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 lpae", "armv7l", "neon"),
        ("half thumb fastmult vfp edsp java tls", "armv6l", None),
    ],
)
def test_the_level_of_an_arm(
    tmp_path: Path, features: str, architecture: str, simd: str | None
) -> None:
    files = {"proc/cpuinfo": cpuinfo(features, key="Features")}
    found = detect_hardware(plant(tmp_path, files))
    assert (found.cpu.architecture, found.cpu.simd) == (architecture, simd)
    assert any("onnxruntime" in note for note in found.notes) == (architecture != "aarch64")


def test_what_one_kind_of_core_lacks_is_not_there(tmp_path: Path) -> None:
    text = cpuinfo("asimd asimddp", "asimd", key="Features")
    found = detect_hardware(plant(tmp_path, {"proc/cpuinfo": text})).cpu
    assert (found.simd, found.features) == ("neon", ("asimd",))


def test_cores_of_two_kinds_are_both_named(tmp_path: Path) -> None:
    one = "processor: {}\nFeatures: asimd\nCPU implementer: 0x41\nCPU part: {}\n"
    text = one.format(0, "0xd05") + "\n" + one.format(1, "0xd0b")
    found = detect_hardware(plant(tmp_path, {"proc/cpuinfo": text})).cpu
    assert found.name == "Cortex-A55 + Cortex-A76"


def test_a_board_in_a_container_is_known_by_its_cpuinfo(tmp_path: Path) -> None:
    text = cpuinfo("asimd", key="Features") + "\nRevision: d04170\nModel: Raspberry Pi 5 Model B\n"
    found = detect_hardware(plant(tmp_path, {"proc/cpuinfo": text}))
    assert found.pi_model == "Raspberry Pi 5 Model B"


def test_another_board_is_no_raspberry_pi(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/device-tree/model": "Radxa ROCK 5B\0"})
    found = detect_hardware(tmp_path)
    assert (found.board, found.is_raspberry_pi, found.pi_model) == ("Radxa ROCK 5B", False, None)


@pytest.mark.parametrize(
    ("told", "now"),
    [
        ("0\n", ()),
        ("50005\n", ("under_voltage", "throttled")),
        # The driver clears the upper half every two seconds: what it holds is now.
        ("50000\n", ("under_voltage", "throttled")),
        ("0x80008\n", ("temperature_limited",)),
        ("20002\n", ("frequency_capped",)),
    ],
)
def test_the_firmware_of_a_pi_by_its_file(tmp_path: Path, told: str, now: tuple[str, ...]) -> None:
    files = {
        "proc/device-tree/model": "Raspberry Pi 3 Model B Plus Rev 1.3\0",
        "sys/devices/platform/soc/soc:firmware/get_throttled": told,
    }
    found = detect_hardware(plant(tmp_path, files)).throttling
    assert found.now == now
    assert found.since_boot is None


def test_the_firmware_of_a_pi_by_its_program(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0"})
    program(tmp_path, "vcgencmd", "echo throttled=0xe0000")
    found = detect_hardware(tmp_path, ask=ask_program).throttling
    assert found.now == ()
    assert found.since_boot == ("frequency_capped", "throttled", "temperature_limited")


@pytest.mark.parametrize(
    ("told", "celsius"),
    [("51540", 51.54), ("-5000", -5.0), ("0", 0.0), ("200000", None), ("-274000", None)],
)
def test_a_temperature_is_one_that_can_be(tmp_path: Path, told: str, celsius: float | None) -> None:
    zone = "sys/class/thermal/thermal_zone0"
    found = detect_hardware(plant(tmp_path, {f"{zone}/type": "cpu-thermal", f"{zone}/temp": told}))
    assert found.temperature == celsius
    assert any("degrees" in note or "sensor" in note for note in found.notes) == (celsius is None)


def test_the_case_is_asked_only_where_the_processor_does_not_tell(tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone0"
    plant(tmp_path, {f"{zone}/type": "acpitz", f"{zone}/temp": "27800"})
    assert detect_hardware(tmp_path).temperature == 27.8
    chip = "sys/class/hwmon/hwmon3"
    plant(tmp_path, {f"{chip}/name": "k10temp", f"{chip}/temp1_input": "61250"})
    assert detect_hardware(tmp_path).temperature == 61.25


def card(root: Path, number: int, vendor: str, bus: str, **files: str) -> None:
    device = f"sys/class/drm/card{number}/device"
    told = {f"{device}/{name}": text for name, text in files.items()}
    uevent = f"DRIVER=x\nPCI_SLOT_NAME={bus}\n"
    plant(root, {f"{device}/vendor": vendor, f"{device}/uevent": uevent} | told)


def test_an_amd_card_tells_its_memory(tmp_path: Path) -> None:
    card(tmp_path, 0, "0x1002", "0000:03:00.0", device="0x744c", mem_info_vram_total="25753026560")
    assert detect_hardware(tmp_path).gpus == (
        Gpu("AMD", "AMD 0x744c", 25_753_026_560, "0000:03:00.0"),
    )


def test_a_virtual_screen_is_no_gpu(tmp_path: Path) -> None:
    card(tmp_path, 0, "0x1af4", "0000:00:01.0", device="0x1050")
    plant(
        tmp_path, {"sys/class/drm/card0-Virtual-1/status": "connected", "sys/class/drm/version": ""}
    )
    assert detect_hardware(tmp_path).gpus == ()


@pytest.mark.parametrize(
    ("line", "memory"), [("24564", 24564 << 20), ("[N/A]", None), ("[Not Supported]", None)]
)
def test_nvidia_smi_where_the_driver_has_no_files(
    tmp_path: Path, line: str, memory: int | None
) -> None:
    program(tmp_path, "nvidia-smi", f"echo '00000000:01:00.0, {line}, NVIDIA GeForce RTX 4090'")
    found = detect_hardware(tmp_path, ask=ask_program)
    assert found.gpus == (Gpu("NVIDIA", "NVIDIA GeForce RTX 4090", memory, "0000:01:00.0"),)
    assert detect_hardware(tmp_path).gpus == ()


def test_an_nvidia_card_without_its_driver(tmp_path: Path) -> None:
    card(tmp_path, 0, "0x10de", "0000:01:00.0", device="0x2684")
    program(tmp_path, "nvidia-smi", "echo 'NVIDIA-SMI has failed'; exit 9")
    found = detect_hardware(tmp_path, ask=ask_program)
    assert found.gpus == (Gpu("NVIDIA", "NVIDIA 0x2684", None, "0000:01:00.0"),)
    assert any("nvidia-smi" in note for note in found.notes)


@pytest.mark.parametrize(
    ("device", "files", "kind"),
    [
        ("mmcblk0p2", {"mmcblk0/device/type": "SD"}, "sd"),
        ("mmcblk1p1", {"mmcblk1/device/type": "MMC"}, "emmc"),
        ("mmcblk1p1", {}, None),
        ("nvme1n1p12", {}, "nvme"),
        ("sda2", {"sda/queue/rotational": "0"}, "ssd"),
        ("sdab15", {"sdab/queue/rotational": "1"}, "hdd"),
        ("sda2", {}, None),
        ("vda1", {"vda/queue/rotational": "1"}, "virtual"),
        ("xvda", {}, "virtual"),
        ("zram1", {}, "zram"),
        ("dm-3", {"dm-3/slaves/dm-0/dm/name": "a", "dm-0/slaves/sdb1/x": "", "sdb/queue/rotational": "1"}, "hdd"),
        ("md127", {"md127/slaves/nvme0n1p1/x": "", "md127/slaves/nvme1n1p1/x": ""}, "nvme"),
        ("md0", {"md0/slaves/nvme0n1/x": "", "md0/slaves/sda/x": "", "sda/queue/rotational": "1"}, None),
        ("dm-0", {"dm-0/slaves/dm-0/x": ""}, None),
        ("loop3", {}, None),
        ("nbd0", {}, None),
    ],
)  # fmt: skip
def test_the_kind_of_a_disk(
    tmp_path: Path, device: str, files: dict[str, str], kind: str | None
) -> None:
    plant(tmp_path, {f"sys/block/{path}": text for path, text in files.items()})
    plant(tmp_path, {"sys/dev/block/8:2/uevent": f"MAJOR=8\nDEVNAME={device}\n"})
    plant(tmp_path, {"proc/self/mountinfo": ROOT_ON.format(number="8:2", source="/dev/root")})
    found = detect_hardware(tmp_path)
    assert (found.storage.kind, found.storage.device) == (kind, device)
    assert any("storage" in note for note in found.notes) == (kind is None)


def test_the_last_mount_over_the_longest_prefix_holds_a_path(tmp_path: Path) -> None:
    table = (
        "1 0 8:2 / / rw - ext4 /dev/sda2 rw\n"
        "2 1 0:40 / /var/lib rw - tmpfs tmpfs rw\n"
        "3 1 0:41 / /var/lib rw - nfs4 store:/x rw\n"
        "4 1 0:42 / /var/lib/forge rw - tmpfs tmpfs rw\n"
    )
    plant(tmp_path, {"proc/self/mountinfo": table})

    def kind(path: str) -> str | None:
        return detect_hardware(tmp_path, path=Path(path)).storage.kind

    assert kind("/var/lib/forgebus") == "network"
    assert kind("/var/lib/forge/x") == "tmpfs"
    assert kind("/var/lib") == "network"
    (tmp_path / "link").symlink_to("var/lib/forge")
    assert kind("/link/x") == "tmpfs"


def supply(root: Path, name: str, **files: str) -> None:
    plant(root, {f"sys/class/power_supply/{name}/{key}": text for key, text in files.items()})


def test_two_batteries_are_one(tmp_path: Path) -> None:
    for name, status, now in (("BAT0", "Discharging", "30"), ("BAT1", "Not charging", "90")):
        supply(
            tmp_path,
            name,
            type="Battery",
            status=status,
            capacity="1",
            energy_full="100",
            energy_now=now,
        )
    assert detect_hardware(tmp_path).battery == Battery(60, discharging=True)


@pytest.mark.parametrize(
    ("files", "battery"),
    [
        ({"status": "Charging", "capacity": "98"}, Battery(98, discharging=False)),
        ({"status": "Unknown", "capacity": "98"}, Battery(98, discharging=None)),
        ({"capacity": "255"}, Battery(None, discharging=None)),
        ({"present": "0", "capacity": "50"}, None),
    ],
)  # fmt: skip
def test_one_battery(tmp_path: Path, files: dict[str, str], battery: Battery | None) -> None:
    supply(tmp_path, "BAT0", type="Battery", **files)
    assert detect_hardware(tmp_path).battery == battery
