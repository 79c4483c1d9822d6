"""What is found on each recorded machine, what is chosen for it, and what is found on this one."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hardware_trees import MACHINES, TREES

from engine.config import PRESETS
from engine.hardware import (
    Battery,
    Gpu,
    HardwareProfile,
    Swap,
    Throttling,
    ask_program,
    detect_hardware,
    get_optimal_config,
    memory_need,
)
from engine.hardware.choice import recommended_size

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30


def look(machine: str, path: str = "/") -> HardwareProfile:
    return detect_hardware(TREES / machine, path=Path(path), ask=ask_program)


def largest(most: int) -> str:
    fits = {name: shape.parameters() for name, shape in PRESETS.items()}
    return max((name for name in fits if fits[name] <= most), key=lambda name: fits[name])


def test_the_pi_zero_2_w() -> None:
    found = look("pi_zero_2_w")
    assert found.is_raspberry_pi
    assert found.pi_model == found.board == "Raspberry Pi Zero 2 W Rev 1.0"
    assert found.memory.total == found.memory.machine == 426_068 * KB
    assert found.memory.available == 233_696 * KB
    assert (found.cpu.architecture, found.cpu.simd, found.cpu.cores) == ("aarch64", "neon", 4)
    assert found.cpu.name == "Cortex-A53"
    assert found.temperature == 51.54
    assert found.throttling.now == ()
    assert found.throttling.throttled is False
    assert found.swap == Swap(2_097_148 * KB, 2_092_540 * KB, zram=2_097_148 * KB)
    assert found.storage.kind == "sd"
    assert found.battery is None
    assert found.gpus == ()
    assert found.recommended_model_size == "pi_zero"
    assert found.notes == ()
    chosen = get_optimal_config(found)
    assert (chosen.quantization, chosen.threads, chosen.batch_size) == ("dynamic", 1, 1)
    assert chosen.context == 512


def test_the_pi_4_within_its_unit_and_on_a_weak_supply() -> None:
    found = look("pi_4_4gb")
    assert found.pi_model == "Raspberry Pi 4 Model B Rev 1.5"
    assert found.memory.machine == 3_884_376 * KB
    assert found.memory.total == GB
    assert found.memory.limited_by.endswith("forgebus.service/memory.max")
    # 120 MB used, of which the kernel would give 40 MB of file pages back.
    assert found.memory.available == (1024 - 120 + 40) * MB
    assert found.cpu.name == "Cortex-A72"
    # This kernel has no kernel.arch: the architecture comes from the features.
    assert (found.cpu.architecture, found.cpu.simd) == ("aarch64", "neon")
    assert found.throttling == Throttling(
        under_voltage=True,
        frequency_capped=False,
        throttled=True,
        temperature_limited=False,
        since_boot=("under_voltage", "throttled"),
        source="vcgencmd get_throttled",
    )
    assert found.storage.kind == "sd"
    assert look("pi_4_4gb", "/srv/models").storage.kind == "usb"
    assert found.recommended_model_size == "pi_4"
    chosen = get_optimal_config(found)
    assert (chosen.quantization, chosen.threads, chosen.batch_size) == ("dynamic", 1, 1)
    assert "asimddp" in dict(chosen.reasons)["quantization"]


def test_the_pi_4_without_a_program_to_ask() -> None:
    found = detect_hardware(TREES / "pi_4_4gb")
    assert found.throttling.under_voltage is True
    assert found.throttling.throttled is None
    assert found.throttling.source == "rpi_volt, cpufreq"


def test_the_pi_5() -> None:
    found = look("pi_5_8gb")
    assert found.pi_model == "Raspberry Pi 5 Model B Rev 1.0"
    assert (found.cpu.name, found.cpu.simd) == ("Cortex-A76", "asimddp")
    assert found.temperature == 47.95
    assert found.throttling.since_boot == ()
    assert found.storage.kind == "nvme"
    # VideoCore draws; it does not compute for us.
    assert found.gpus == ()
    assert found.recommended_model_size == "pi_5"
    chosen = get_optimal_config(found)
    assert (chosen.quantization, chosen.threads) == ("int8", 1)
    assert chosen.batch_size > 1


def test_the_laptop_on_its_battery() -> None:
    found = look("laptop")
    assert not found.is_raspberry_pi
    assert found.pi_model is None
    assert found.board == "LENOVO 20XW0026GE"
    assert (found.cpu.architecture, found.cpu.simd, found.cpu.cores) == ("x86_64", "avx512_vnni", 8)
    assert found.memory.total == 16_167_772 * KB
    assert found.temperature == 71.0
    assert found.throttling.frequency_capped is True
    assert found.throttling.since_boot == ("throttled",)
    # The mouse is at 5 %, and is not ours.
    assert found.battery == Battery(percent=68, discharging=True)
    assert found.gpus == (Gpu("Intel", "Intel 0x9a49", None, "0000:00:02.0"),)
    # Encrypted: btrfs by the mapping's name, ext4 by its number, swap elsewhere.
    assert (found.storage.kind, found.storage.device) == ("nvme", "dm-2")
    assert look("laptop", "/home/me").storage.kind == "nvme"
    assert found.recommended_model_size == largest(150_000_000)
    chosen = get_optimal_config(found)
    assert (chosen.quantization, chosen.threads) == ("int8", 4)


def test_the_gpu_server_within_its_slice() -> None:
    found = look("gpu_server")
    card = Gpu("NVIDIA", "NVIDIA A100-SXM4-80GB", 80 * GB, "0000:07:00.0")
    # Two cards, each told of in three places; the screen chip is none.
    assert found.gpus == (card, replace(card, bus="0000:0b:00.0"))
    # The unit may have 32 GB, the slice around it 16 GB.
    assert found.memory.total == 16 * GB
    assert found.memory.limited_by == "/sys/fs/cgroup/system.slice/memory.max"
    assert found.memory.available == (16 - 6 + 2) * GB
    # 128 could be plugged in, 10 are, and 8.5 may be used.
    assert (found.cpu.cores, found.cpu.quota) == (8, 8.5)
    assert found.storage.kind == "ssd"
    assert look("gpu_server", "/data/x").storage.kind == "hdd"
    assert look("gpu_server", "/home/me").storage.kind == "network"
    assert look("gpu_server", "/dev/shm/x").storage.kind == "tmpfs"
    chosen = get_optimal_config(found)
    assert chosen.threads == 4
    assert "not used for serving" in dict(chosen.reasons)["model_size"]


def test_the_gpu_server_without_a_program_to_ask() -> None:
    found = detect_hardware(TREES / "gpu_server")
    assert [(gpu.name, gpu.memory) for gpu in found.gpus] == [("NVIDIA A100-SXM4-80GB", None)] * 2
    assert any("nvidia-smi" in note for note in found.notes)


def test_the_container_of_512_mb_and_one_cpu() -> None:
    found = look("container_512mb")
    assert found.memory.total == 512 * MB
    assert found.memory.machine == 16_374_588 * KB
    assert found.memory.available == (512 - 90 + 40) * MB
    assert (found.cpu.cores, found.cpu.quota) == (1, 1.0)
    assert found.swap == Swap(0, 0, 0)
    assert found.storage.kind == "overlay"
    assert look("container_512mb", "/var/lib/forgebus/journal").storage.kind == "virtual"
    assert found.board is None
    assert found.recommended_model_size == "pi_5"
    chosen = get_optimal_config(found)
    assert (chosen.quantization, chosen.threads, chosen.batch_size) == ("int8", 1, 1)


def test_this_machine() -> None:
    found = detect_hardware(path=Path.cwd(), ask=ask_program)
    assert found.memory.machine == psutil.virtual_memory().total
    assert found.memory.total is not None
    assert found.memory.available is not None
    assert 0 < found.memory.available <= found.memory.total <= found.memory.machine
    assert 1 <= found.cpu.cores <= len(os.sched_getaffinity(0))
    assert found.cpu.architecture == os.uname().machine
    assert found.cpu.simd is not None
    chosen = get_optimal_config(found)
    assert chosen.model_size in PRESETS


def test_this_process_kept_to_one_core() -> None:
    program = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from engine.hardware import detect_hardware\n"
        "print(detect_hardware().cpu.cores)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "1\n"


@pytest.mark.parametrize("machine", MACHINES)
def test_every_setting_has_its_reason(machine: str) -> None:
    found = look(machine)
    chosen = get_optimal_config(found)
    settings = ["model_size", "quantization", "threads", "batch_size", "context"]
    assert [name for name, _ in chosen.reasons] == settings
    assert all(reason for _, reason in chosen.reasons)
    assert chosen.model_size == found.recommended_model_size


@pytest.mark.parametrize(
    ("preset", "mode", "measured_mb"),
    [
        *(("pi_zero", "int8", 77.0), ("pi_5", "int8", 101.2), ("small", "int8", 165.2)),
        *(("pi_zero", "none", 79.4), ("pi_5", "none", 132.5), ("small", "none", 292.2)),
        *(("pi_zero", "dynamic", 76.4), ("pi_5", "dynamic", 101.9), ("small", "dynamic", 155.3)),
        *(("pi_zero", "int4", 76.7), ("pi_5", "int4", 98.3), ("small", "int4", 144.3)),
    ],
)
def test_the_need_of_memory_is_what_was_measured(
    preset: str, mode: str, measured_mb: float
) -> None:
    """Processes with onnxruntime and a full context."""
    assert memory_need(PRESETS[preset], mode) / 1e6 == pytest.approx(measured_mb, rel=0.05)


@pytest.mark.parametrize(
    ("preset", "measured_mb"),
    [("pi_zero", 48.2), ("pi_4", 54.9), ("pi_5", 63.0), ("compact", 92.1), ("small", 111.6)],
)
def test_the_fused_step_needs_what_was_measured(preset: str, measured_mb: float) -> None:
    """The most that the process ever had."""
    found = memory_need(PRESETS[preset], fused=True)
    assert found / 1e6 == pytest.approx(measured_mb, rel=0.02)


def test_the_fused_step_serves_int8_alone() -> None:
    shape = PRESETS["pi_5"]
    assert memory_need(shape, "int4", fused=True) == memory_need(shape, "int4")


def test_a_pi_without_dot_products_takes_int8_where_the_fused_step_is_built() -> None:
    for machine in ("pi_zero_2_w", "pi_4_4gb"):
        found = look(machine)
        assert get_optimal_config(found).quantization == "dynamic"
        chosen = get_optimal_config(replace(found, fused_step=True))
        assert chosen.quantization == "int8"
        assert "estimate" in dict(chosen.reasons)["quantization"]


def test_the_pi_zero_2_has_room_for_its_model_either_way() -> None:
    found = look("pi_zero_2_w")
    for fused in (False, True):
        size, why = recommended_size(found.cpu, found.memory, fused=fused)
        assert size == "pi_zero"
        assert "smallest" not in why
    assert memory_need(PRESETS["pi_zero"], fused=True) < 0.25 * 426_068 * KB / 2


def with_memory(total: int, available: int) -> HardwareProfile:
    found = look("laptop")
    return replace(found, memory=replace(found.memory, total=total, available=available))


def test_less_memory_never_means_more() -> None:
    found = look("laptop")
    weights = []
    for size in range(64 * MB, 4 * GB, 64 * MB):
        memory = replace(found.memory, total=size, available=size // 2)
        weights.append(PRESETS[recommended_size(found.cpu, memory)[0]].parameters())
    assert weights == sorted(weights)
    assert weights[0] < weights[-1]


def test_what_is_free_now_bounds_the_model_too() -> None:
    found = with_memory(16 * GB, 120 * MB)
    size, why = recommended_size(found.cpu, found.memory)
    assert memory_need(PRESETS[size]) <= 0.8 * 120 * MB < memory_need(PRESETS["small"])
    assert "96 MB" in why


def test_where_nothing_fits_the_reason_says_so() -> None:
    found = with_memory(128 * MB, 16 * MB)
    size, why = recommended_size(found.cpu, found.memory)
    assert (size, "more than the 12 MB" in why) == ("pi_zero", True)


def test_one_core_takes_a_smaller_model_than_several() -> None:
    found = look("laptop")
    one = replace(found.cpu, cores=1)
    assert recommended_size(one, found.memory)[0] == "pi_5"
    two = replace(found.cpu, cores=2)
    assert recommended_size(two, found.memory)[0] == largest(32_000_000)


def test_the_context_is_cut_where_its_cache_does_not_fit() -> None:
    found = replace(with_memory(GB, 190 * MB), recommended_model_size="small")
    chosen = get_optimal_config(found)
    small, room = PRESETS["small"], 0.8 * 190 * MB
    assert chosen.context == 256
    assert memory_need(small, context=256) <= room < memory_need(small, context=512)


def test_a_large_model_takes_one_thread_while_the_processor_is_held_back() -> None:
    found = replace(look("laptop"), recommended_model_size="small")
    assert get_optimal_config(found).threads == 4
    hot = replace(found, throttling=replace(found.throttling, throttled=True))
    assert get_optimal_config(hot).threads == 1


@pytest.mark.parametrize("preset", ["pi_zero", "pi_4", "pi_5"])
def test_up_to_256_dimensions_one_thread_is_best(preset: str) -> None:
    assert get_optimal_config(replace(look("laptop"), recommended_model_size=preset)).threads == 1


def test_a_processor_without_avx2_gets_the_mode_that_is_fast_on_it() -> None:
    found = look("laptop")
    old = replace(found.cpu, simd="sse4.2", features=("sse2", "sse4_2"))
    chosen = get_optimal_config(replace(found, cpu=old))
    assert chosen.quantization == "dynamic"
    assert "AVX2" in dict(chosen.reasons)["quantization"]


def test_the_import_is_light() -> None:
    program = (
        "import sys, engine.hardware\n"
        "heavy = {'numpy', 'torch', 'onnxruntime', 'onnx', 'psutil', 'tokenizers'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
