"""Which model a machine should run and how: rules, each with its reason in words.

The rules rest on what is measured in docs/engine.md, on x86 alone. What is said of ARM follows
from onnxruntime's kernels and the boards' data sheets: an estimate until a board has run.
"""

from dataclasses import dataclass

from engine.config import PRESETS, ForgeConfig
from engine.hardware_profile import Cpu, HardwareProfile, Memory

_MIB = 1 << 20

# A worker's resident memory fits 78 MiB + 2.3 bytes a weight within 5 % over the presets that
# were measured (pi_zero 80, nano 82, pi_4 88, pi_5 98, small 145 MB; int8, context 512).
_PROCESS_BYTES = 78 * _MIB
_BYTES_A_WEIGHT = 2.3
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
    mode, why_mode = _quantization(profile.cpu)
    threads, why_threads = _threads(profile, shape)
    context, why_context = _context(profile.memory, shape)
    batch, why_batch = _batch(profile, shape, context)
    why_size = recommended_size(profile.cpu, profile.memory)[1]
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


def recommended_size(cpu: Cpu, memory: Memory) -> tuple[str, str]:
    """The largest preset that the processor answers with at once and the memory holds, and why."""
    most, why = _speed(cpu)
    by_size = sorted(PRESETS, key=lambda name: PRESETS[name].parameters())
    fast = [name for name in by_size if PRESETS[name].parameters() <= most] or by_size[:1]
    room = _room(memory)
    if room is None:
        return by_size[0], "how much memory there is, is not known: the smallest"
    held = [name for name in fast if memory_need(PRESETS[name]) <= room]
    if not held:
        need = memory_need(PRESETS[by_size[0]])
        return by_size[0], (
            f"the smallest: it needs {need // _MIB} MB, more than the {room // _MIB} MB that a model "
            "should take here"
        )
    if held != fast:
        return held[-1], (
            f"of {room // _MIB} MB that a model should take here, {fast[-1]} needs "
            f"{memory_need(PRESETS[fast[-1]]) // _MIB} MB"
        )
    return held[-1], why


def memory_need(shape: ForgeConfig) -> int:
    """Resident bytes of a worker process that serves such a model in int8, one sequence."""
    return _PROCESS_BYTES + int(_BYTES_A_WEIGHT * shape.parameters())


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


def _quantization(cpu: Cpu) -> tuple[str, str]:
    if "avx2" in cpu.features:
        return "int8", "AVX2: products of blocks are fast and the closest to fp32"
    if "asimddp" in cpu.features:
        return "int8", "asimddp: products of blocks are fast and the closest to fp32; an estimate"
    if cpu.simd is None:
        return "dynamic", "what the processor can do is not known, and dynamic is fast on any"
    return "dynamic", (
        f"without {'AVX2' if cpu.simd.startswith('sse') else 'asimddp'} onnxruntime's block products "
        "take a path slower than fp32"
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


def _context(memory: Memory, shape: ForgeConfig) -> tuple[int, str]:
    context = shape.context
    free = memory.available
    if free is None:
        return context, "the model's own"
    # Weights come first; the cache may take half of what they leave.
    left = max(0, free - memory_need(shape)) // 2
    while context > _LEAST_CONTEXT and shape.kv_bytes(context) > left:
        context //= 2
    if context == shape.context:
        return context, f"the model's own; its cache is {shape.kv_bytes() / _MIB:.1f} MB"
    return context, f"cut from {shape.context}: {free // _MIB} MB are free"


def _batch(profile: HardwareProfile, shape: ForgeConfig, context: int) -> tuple[int, str]:
    if profile.cpu.cores == 1:
        return 1, "one core: a second sequence would only wait"
    if {"avx2", "asimddp"}.isdisjoint(profile.cpu.features):
        return 1, "without int8 dot products a step is bound by arithmetic: nothing to share"
    room, need = _room(profile.memory), memory_need(shape)
    if room is None:
        return 1, "how much memory there is, is not known"
    fits = 1 + max(0, room - need) // shape.kv_bytes(context)
    batch = min(_MOST_BATCH, profile.cpu.cores * 2, fits)
    return batch, f"weights are read once for all of them; memory holds {fits}"
