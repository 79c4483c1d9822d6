"""One load for everything that is compared: a sliding window of outstanding no-op tasks."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """Latencies from submit to the result in hand, in milliseconds, and tasks per second."""

    tasks: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    tasks_per_s: float


async def drive(task: Callable[[], Awaitable[None]], window: int, seconds: float) -> Figures:
    """Keep `window` tasks outstanding for `seconds`; `task` ends when its result is in hand."""
    for _ in range(WARM_UP):
        await task()
    latencies: list[float] = []
    began = time.perf_counter()

    async def one() -> None:
        while time.perf_counter() - began < seconds:
            submitted = time.perf_counter()
            await task()
            latencies.append(time.perf_counter() - submitted)

    await asyncio.gather(*(one() for _ in range(window)))
    wall = time.perf_counter() - began
    latencies.sort()
    return Figures(
        tasks=len(latencies),
        p50_ms=_quantile_ms(latencies, 0.5),
        p95_ms=_quantile_ms(latencies, 0.95),
        p99_ms=_quantile_ms(latencies, 0.99),
        tasks_per_s=round(len(latencies) / wall, 1),
    )


def _quantile_ms(ordered: list[float], share: float) -> float:
    return round(1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
