"""Whether matrix products in bf16 are faster than in fp32, here."""

import statistics
import time

import torch

_CLEARLY = 1.2
_ROUNDS = 5


def faster_precision(device: str, dim: int) -> str:
    """bf16 or fp32, whichever is faster on `device`.

    CUDA says what it has. So do x86 processors with bf16 instructions (AVX-512 BF16, AMX); elsewhere
    products of the model's width are timed, some milliseconds of them: bf16 must win clearly, as it
    costs precision.
    """
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():  # noqa: SLF001 - no public name says it
        return "bf16"
    return (
        "bf16"
        if _seconds(torch.float32, dim) > _CLEARLY * _seconds(torch.bfloat16, dim)
        else "fp32"
    )


def _seconds(dtype: torch.dtype, dim: int) -> float:
    """A product of 2048 rows with a feed-forward layer, the median of some."""
    x, weight = torch.ones(2048, dim, dtype=dtype), torch.ones(4 * dim, dim, dtype=dtype)
    took = []
    for _ in range(_ROUNDS + 1):
        began = time.perf_counter()
        torch.nn.functional.linear(x, weight)
        took.append(time.perf_counter() - began)
    return statistics.median(took[1:])
