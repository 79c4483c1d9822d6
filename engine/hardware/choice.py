"""Which model a machine should run and how: rules, each with its reason in words.

The rules rest on what is measured in docs/engine.md, on x86 alone. What is said of ARM follows from
onnxruntime's kernels, counted instructions and data sheets (docs/devices.md): an estimate until a
board has run.
"""

from dataclasses import dataclass

from engine.config import PRESETS, ForgeConfig
from engine.hardware.profile import Cpu, HardwareProfile, Memory

_MIB = 1 << 20

# Resident bytes of a worker: the process, and bytes a weight. onnxruntime's also grow with the cache;
# the fused step's peak is while it packs the weights, which takes more than its cache does later.
# They fit what was measured of pi_zero, pi_5 and small with the context full within 5 % (docs/engine.md
# has the processes after 384 positions); of medium, onnxruntime's int8 took a sixth less.
_FUSED = (47_500_000, 2.15)
_NEEDS = {
    "int8": (76_000_000, 2.4),
    "dynamic": (76_000_000, 2.2),
    "int4": (76_000_000, 1.8),
    "none": (76_000_000, 6.7),
}
# A node runs its daemon, a broker and the rest of a home beside the model.
_SHARE_OF_TOTAL = 0.25
_SHARE_OF_AVAILABLE = 0.8

_DIM_ONE_THREAD = 256
# Not measured beyond two cores; a product 512 wide gives four threads little to do already.
_MOST_THREADS = 4
_MOST_BATCH = 8
_LEAST_CONTEXT = 128

_IN_ORDER = {"Cortex-A53", "Cortex-A35", "Cortex-A7", "ARM1176"}


@dataclass(frozen=True, slots=True)
class OptimalConfig:
    """How to run a model on a machine.

    Attributes:
        model_size: a name in `engine.config.PRESETS`.
        quantization: the mode to export it in: int8 or dynamic.
        threads: of one run.
        batch_size: sequences to decode together when tasks queue.
        context: positions of prompt and answer together.
        reasons: (name of the setting, why), one for each of the five.
    """

    model_size: str
    quantization: str
    threads: int
    batch_size: int
    context: int
    reasons: tuple[tuple[str, str], ...]


def get_optimal_config(profile: HardwareProfile) -> OptimalConfig:
    """Settings for a machine; never fails, the smallest model is the answer where little is known."""
    size = profile.recommended_model_size
    shape = PRESETS[size]
    mode, why_mode = _quantization(profile)
    fused = profile.fused_step and mode == "int8"
    threads, why_threads = _threads(profile, shape)
    context, why_context = _context(profile.memory, shape, mode, fused=fused)
    batch, why_batch = _batch(profile, shape, context, mode, fused=fused)
    why_size = recommended_size(profile.cpu, profile.memory, fused=profile.fused_step)[1]
    if profile.gpus:
        why_size += "; graphics processors are not used for serving"
    return OptimalConfig(
        model_size=size,
        quantization=mode,
        threads=threads,
        batch_size=batch,
        context=context,
        reasons=(
            ("model_size", why_size),
            ("quantization", why_mode),
            ("threads", why_threads),
            ("batch_size", why_batch),
            ("context", why_context),
        ),
    )


def recommended_size(cpu: Cpu, memory: Memory, *, fused: bool = False) -> tuple[str, str]:
    """The largest preset that the processor answers with at once and the memory holds, and why."""
    most, why = _speed(cpu)
    by_size = sorted(PRESETS, key=lambda name: PRESETS[name].parameters())
    fast = [name for name in by_size if PRESETS[name].parameters() <= most] or by_size[:1]
    room = _room(memory)
    if room is None:
        return by_size[0], "how much memory there is, is not known: the smallest"
    needs = {name: memory_need(PRESETS[name], fused=fused) for name in by_size}
    held = [name for name in fast if needs[name] <= room]
    if not held:
        return by_size[0], (
            f"the smallest: it needs {needs[by_size[0]] // _MIB} MB, more than the {room // _MIB} MB that "
            "a model should take here"
        )
    if held != fast:
        return held[-1], (
            f"of {room // _MIB} MB that a model should take here, {fast[-1]} needs "
            f"{needs[fast[-1]] // _MIB} MB"
        )
    return held[-1], why


def memory_need(
    shape: ForgeConfig, mode: str = "int8", *, fused: bool = False, context: int | None = None
) -> int:
    """Most resident bytes of a worker process that serves such a model, one sequence.

    Args:
        shape: the model's.
        mode: int8, dynamic, int4 or none.
        fused: whether the fused step serves it, which takes int8 alone; else onnxruntime does.
        context: positions of the cache; default the model's own.
    """
    process, each = _FUSED if fused and mode == "int8" else _NEEDS[mode]
    loaded = process + int(each * shape.parameters())
    if not fused or mode != "int8":
        return loaded + shape.kv_bytes(context)
    # Serving, the packed codes and scales are left, and a cache of fp16.
    serving = process + int(1.2 * shape.parameters()) + shape.kv_bytes(context) // 2
    return max(loaded, serving)


def _speed(cpu: Cpu) -> tuple[int, str]:
    """The most weights of a model that still answers a sentence at once, and why."""
    has, name = cpu.features, cpu.name or "this processor"
    if "avx2" in has:
        if cpu.cores == 1:
            return 8_000_000, f"{name} has AVX2, but one core for everything"
        if cpu.cores >= 8 and ("avx512_vnni" in has or "avx_vnni" in has):
            return 150_000_000, f"{name} has int8 dot products and {cpu.cores} cores"
        return 32_000_000, f"{name} has AVX2 and {cpu.cores} cores"
    if "asimddp" in has:
        if "i8mm" in has and cpu.cores >= 4:
            return 32_000_000, f"{name} has int8 matrix products (i8mm); an estimate"
        return 8_000_000, f"{name} has int8 dot products (asimddp); an estimate"
    if cpu.simd is None:
        return 0, "what the processor can do is not known: the smallest"
    if cpu.name in _IN_ORDER:
        return 1_000_000, f"{name} works in order and has no int8 dot products; an estimate"
    return 4_000_000, f"{name} has no int8 dot products; an estimate"


def _room(memory: Memory) -> int | None:
    """Bytes that a model should take: a share of all memory, and of what is free now."""
    rooms = []
    if memory.total is not None:
        rooms.append(int(memory.total * _SHARE_OF_TOTAL))
    if memory.available is not None:
        rooms.append(int(memory.available * _SHARE_OF_AVAILABLE))
    return min(rooms, default=None)


def _quantization(profile: HardwareProfile) -> tuple[str, str]:
    cpu = profile.cpu
    if "avx2" in cpu.features:
        return "int8", "AVX2: products of blocks are fast and the closest to fp32"
    if "asimddp" in cpu.features:
        return "int8", "asimddp: products of blocks are fast and the closest to fp32; an estimate"
    if cpu.simd is None:
        return "dynamic", "what the processor can do is not known, and dynamic is fast on any"
    if cpu.simd == "neon" and profile.fused_step:
        return "int8", (
            "the fused step is built here, and its int8 needs no asimddp: 0.6 instructions a weight; "
            "an estimate"
        )
    return "dynamic", (
        f"without {'AVX2' if cpu.simd.startswith('sse') else 'asimddp'} onnxruntime's block products "
        "take a path slower than fp32"
        + (
            ""
            if cpu.simd.startswith("sse")
            else "; with a C++ compiler `make` builds a quicker int8"
        )
    )


def _threads(profile: HardwareProfile, shape: ForgeConfig) -> tuple[int, str]:
    cores = profile.cpu.cores
    if cores == 1:
        return 1, "one core"
    if shape.dim <= _DIM_ONE_THREAD:
        arm = "" if "avx2" in profile.cpu.features else "; measured on x86 alone"
        return 1, (
            f"at {shape.dim} dimensions a second thread gains a fifth and loses more when a core is "
            f"busy{arm}"
        )
    # A cap alone may be someone's choice of a quiet or thrifty machine.
    held = [reason for reason in profile.throttling.now if reason != "frequency_capped"]
    if held:
        return 1, f"the processor is held back now ({', '.join(held).replace('_', ' ')})"
    threads = min(cores, _MOST_THREADS)
    return threads, f"at {shape.dim} dimensions threads pay; {threads} of {cores} cores"


def _context(memory: Memory, shape: ForgeConfig, mode: str, *, fused: bool) -> tuple[int, str]:
    context = shape.context
    free = memory.available
    if free is None:
        return context, "the model's own"
    room = int(free * _SHARE_OF_AVAILABLE)
    while (
        context > _LEAST_CONTEXT and memory_need(shape, mode, fused=fused, context=context) > room
    ):
        context //= 2
    if context == shape.context:
        cache = shape.kv_bytes() / (2 if fused else 1)
        return context, f"the model's own; its cache is {cache / _MIB:.1f} MB"
    return context, f"cut from {shape.context}: {free // _MIB} MB are free"


def _batch(
    profile: HardwareProfile, shape: ForgeConfig, context: int, mode: str, *, fused: bool
) -> tuple[int, str]:
    if profile.cpu.cores == 1:
        return 1, "one core: a second sequence would only wait"
    if {"avx2", "asimddp"}.isdisjoint(profile.cpu.features):
        return 1, "without int8 dot products a step is bound by arithmetic: nothing to share"
    room = _room(profile.memory)
    if room is None:
        return 1, "how much memory there is, is not known"
    need = memory_need(shape, mode, fused=fused, context=context)
    cache = shape.kv_bytes(context) // (2 if fused else 1)
    fits = 1 + max(0, room - need) // cache
    batch = min(_MOST_BATCH, profile.cpu.cores * 2, fits)
    return batch, f"weights are read once for all of them; memory holds {fits}"
