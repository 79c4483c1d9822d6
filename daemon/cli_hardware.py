"""What the doctor says of the machine itself: memory, processor, heat, power, storage, and what suits it."""

from pathlib import Path

from daemon.doctor import Finding, Verdict
from daemon.vitals import Share, whole_machine

# Bytes. A Pi 4 of 1 GB tells 0.95 of them, a machine of 8 GB a little less, too.
_LEAST_FOR_ALL, _DESKTOP_MEMORY, _SERVER_MEMORY = 900_000_000, 7_000_000_000, 15_000_000_000
_CARD = 8_000_000_000
_PI_CORES = {"Cortex-A72": "pi_4", "Cortex-A76": "pi_5"}


def examine_hardware(state_dir: Path, root: Path = Path("/")) -> list[Finding]:
    """Findings on the machine below `root`; takes up to four seconds where its own programs are asked."""
    from engine.hardware import ask_program, detect_hardware, get_optimal_config

    ask = ask_program if root == Path("/") else None
    profile = detect_hardware(root, path=state_dir.absolute(), ask=ask)
    chosen = get_optimal_config(profile)
    cpu, memory = profile.cpu, profile.memory
    limit = f", limited by {memory.limited_by}" if memory.limited_by else ""
    findings = [
        Finding(
            "machine",
            Verdict.OK,
            f"{profile.board or 'board unknown'}; {cpu.name or cpu.architecture}, {cpu.simd or 'no'}"
            f" vector units, {_count(cpu.cores, 'core')}, {_gigabytes(memory.available)} of"
            f" {_gigabytes(memory.total)} free{limit}",
        ),
        Finding(
            "what suits it",
            Verdict.OK,
            f"model size {chosen.model_size}, {chosen.quantization}"
            f"{' by the fused step' if profile.fused_step else ''}, {_count(chosen.threads, 'thread')},"
            f" {_count(chosen.batch_size, 'sequence')} at once, context {chosen.context}:"
            f" {dict(chosen.reasons)['model_size']}",
        ),
        Finding("around it", Verdict.OK, "; ".join(profile.around())),
    ]
    for held in profile.throttling.now:
        remedy = "a stronger power supply" if held == "under_voltage" else "cooling"
        found = f"{held.replace('_', ' ')}, says {profile.throttling.source}"
        findings.append(Finding("throttling", Verdict.WARNING, found, remedy))
    swap = profile.swap
    if profile.storage.kind == "sd" and swap is not None and swap.total > swap.zram:
        found = f"swap on the SD card {profile.storage.device}"
        findings.append(
            Finding("swap", Verdict.WARNING, found, "use zram: swapping wears the card out")
        )
    findings += [Finding("machine", Verdict.NOT_CHECKED, note) for note in profile.notes]
    return findings


def examine_fused() -> list[Finding]:
    """Whether the fused step is built, where this processor could run it; onnxruntime serves without."""
    from engine.fused import build

    levels = build.here()
    if not levels:
        return []
    if built := build.best():
        return [Finding("fused step", Verdict.OK, f"built for {levels[0].name}: {built}")]
    found = f"not built for {levels[0].name}: onnxruntime serves int8, slower and in more memory"
    remedy = "install g++, then run `python -m engine.fused.build` with the Python of this node"
    return [Finding("fused step", Verdict.WARNING, found, remedy)]


def usable_share(root: Path = Path("/")) -> Share:
    """What control groups and affinity leave to this node of the machine below `root`, and its heat."""
    from engine.hardware import read_share, read_strain

    found, strain, machine = read_share(root), read_strain(root), whole_machine()
    return Share(
        cores=found.cores,
        memory_mb=_or(found.memory_total, machine.memory_mb * 2**20) // 2**20,
        memory_free_mb=_or(found.memory_available, machine.memory_free_mb * 2**20) / 2**20,
        load=machine.load if found.load is None else found.load,
        temperature=strain.temperature,
        held=strain.held,
    )


def suited_profile(root: Path = Path("/")) -> tuple[str, str]:
    """Which shipped profile suits the machine below `root`, and why; "pi_zero" where little is known."""
    from engine.hardware import detect_hardware

    machine = detect_hardware(root)
    name = machine.pi_model or machine.board or machine.cpu.name or "an unknown board"
    total = machine.memory.total
    told = f"{name}, {_count(machine.cpu.cores, 'core')}, {_gigabytes(total)} of memory"
    if total is None or total < _LEAST_FOR_ALL:
        return "pi_zero", f"{told}: too little for more than classifying"
    if machine.is_raspberry_pi:
        return _PI_CORES.get(machine.cpu.name, "pi_zero"), told
    cards = [gpu for gpu in machine.gpus if gpu.vendor == "NVIDIA" or (gpu.memory or 0) >= _CARD]
    if total >= _SERVER_MEMORY and cards and (len(cards) > 1 or machine.cpu.cores >= 16):
        return "gpu_server", f"{told}, {cards[0].name}"
    if total >= _DESKTOP_MEMORY and machine.cpu.cores >= 2 and "avx2" in machine.cpu.features:
        return "desktop", told
    return "pi_5" if {"avx2", "asimddp"} & set(machine.cpu.features) else "pi_4", told


def presets() -> list[dict[str, str | int]]:
    """Every named shape, smallest first; RAM is an estimate of a worker that serves it in int8.

    `ram_mb` is with onnxruntime, `ram_fused_mb` with the fused step where it is built.
    """
    from engine.config import DEVICES, PRESETS
    from engine.hardware import memory_need

    return [
        {
            "preset": name,
            "parameters": shape.parameters(),
            "dim": shape.dim,
            "layers": shape.n_layers,
            "heads": shape.n_heads,
            "context": shape.context,
            "ram_mb": round(memory_need(shape) / 1e6),
            "ram_fused_mb": round(memory_need(shape, fused=True) / 1e6),
            "device": DEVICES[name],
        }
        for name, shape in PRESETS.items()
    ]


def _or(size: int | None, otherwise: float) -> int:
    return int(otherwise) if size is None else size


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _gigabytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 1e9:.1f} GB"
